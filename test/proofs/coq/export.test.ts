/** The texts of an export: the same for the same program, and never anything that a source put there. */
import { describe, expect, it } from 'vitest';
import { exportProgram } from '../../../proofs/coq/export.ts';
import { atom, comment, createNamer } from '../../../proofs/coq/names.ts';
import { sentences } from '../../../proofs/coq/vernacular.ts';
import { programOf } from '../../support/contracts.ts';

const textOf = (source: string): string => {
  const { program, statements } = exportProgram(programOf(source));
  return `${program}\n${statements}`;
};

const refusalsOf = (source: string): string[] =>
  exportProgram(programOf(source)).refusals.map(({ name, why }) => `${name}: ${why}`);

describe('a definition', () => {
  it('checks an index, a sum, a divisor and a range before it goes on', () => {
    const text = textOf(`
/** @requires i < a.length && b > 0 */
export function f(a: Uint8Array, i: u32, b: u32): u8 { const q = Math.trunc((a[i] + i) / b); return q > 255 ? 255 : q; }`);
    expect(text).toContain('cm_need (cm_inside v_a v_i)');
    expect(text).toContain('cm_need (cm_safe v_x)');
    expect(text).toMatch(/cm_need \(negb \(v_b =\? 0\)\)/);
    expect(text).toContain('cm_between 0 255');
  });
  it('has the value of the measure as fuel of a loop, and no invariant in what computes', () => {
    const { program, statements } = exportProgram(
      programOf(`
/** @ensures result === n */
export function f(n: u32): u32 { let i: u32 = 0; while (i < n) { invariant(i <= n); i++; } return i; }`),
    );
    expect(program).toMatch(/cm_loop \(v_n - v_i\)/);
    expect(program).not.toContain('cm_loop_with');
    expect(statements).toMatch(/cm_loop_with \(fun v_i'\d+ =>/);
  });
  it('gives back the arrays that it modifies', () => {
    const text = textOf('/** @modifies a */\nexport function f(a: Uint8Array): void { if (a.length > 0) a[0] = 1; }');
    expect(text).toMatch(/Definition f_f \(v_a : list Z\) : cm_result \(+list Z\)+ :=/);
    expect(text).toContain('cm_set v_a 0 1');
  });
});

describe('is refused by name', () => {
  it('what runs for ever, what calls itself, and what calls one of these', () => {
    expect(refusalsOf('/** @diverges */\nexport function main(): void { while (true) {} }')).toEqual([
      'main: definition: main may run for ever (@diverges)',
    ]);
    const recursive =
      '/** @pure\n * @decreases n */\nexport function f(n: u32): u32 { return n === 0 ? 0 : f(n - 1); }';
    expect(refusalsOf(recursive)).toEqual(['f: definition: it calls itself, directly or through others']);
    expect(refusalsOf(`${recursive}\n/** @verified */\nexport function g(): u32 { return f(2); }`)[1]).toMatch(
      /^g: definition: a call of f, which has no definition/,
    );
  });
  it('what is trusted, in those who call it', () => {
    const text =
      '/** @ensures result > 0 */\ndeclare function clock(): u32;\n/** @verified */\nexport function g(): u32 { return clock(); }';
    expect(refusalsOf(text)).toEqual(['g: definition: a call of clock, which is trusted and has no body']);
  });
  it('and its obligations are exported all the same', () => {
    const { units } = exportProgram(
      programOf(
        '/** @ensures result >= 0 */\ndeclare function clock(): u32;\n/** @requires x < 10 */\ndeclare function consume(x: u8): void;\n/** @diverges */\nexport function main(): void { while (true) { const x: u8 = Math.min(clock(), 9); consume(x); } }',
      ),
    );
    expect(units.map(({ name }) => name)).toEqual(['Goals_main']);
  });
});

describe('names and comments', () => {
  it('of a source cannot hide what Coq has, whatever they are', () => {
    const text = textOf(`
/** @ensures result === Z + list + fun */
export function Qed(Z: u8, list: u8, fun: u8): u32 { const True = Z + list; const $é = True + fun; return $é; }`);
    expect(text).toContain('Definition f_Qed (v_Z : Z) (v_list : Z) (v_fun : Z)');
    expect(text).not.toMatch(/[^\x20-\x7e\n]/);
  });
  it('are told apart where sources have them twice', () => {
    const namer = createNamer('v_');
    expect([namer.of('a', 'x'), namer.of('b', 'x'), namer.of('a', 'x')]).toEqual(['v_x', "v_x'2", 'v_x']);
  });
  it('are one comment that ends where it ends', () => {
    for (const text of ['*) Axiom a : False. (*', '" *)', '(*', '\\" *) "', '*\u200b) é', '(**)*)']) {
      const made = comment(text);
      expect(sentences(`${made} Qed.`)).toHaveLength(1);
      expect(made.slice(2, -2)).not.toMatch(/\*|"/);
    }
  });
  it('are the same in each export', () => {
    const source =
      '/** @pure */\nexport function f(a: u8): u8 { return a; }\n/** @verified */\nexport function g(a: u8): u8 { return f(a); }';
    expect(textOf(source)).toBe(textOf(source));
  });
  it('terms get parentheses where they need some', () => {
    expect([atom('a'), atom('(a)'), atom('(a) + (b)'), atom('a b')]).toEqual(['a', '(a)', '((a) + (b))', '(a b)']);
  });
});

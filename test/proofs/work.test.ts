/** How much work a program makes: with twice the text at most four times the questions' length, and no path is walked twice. */
import { describe, expect, it } from 'vitest';
import { groupFunctions } from '../../proofs/groups.ts';
import { printQuery } from '../../proofs/smt/print.ts';
import { obligationsOf } from '../../proofs/verify.ts';
import { complaints, programOf } from '../support/contracts.ts';

/** Obligations of a text, and bytes of their questions. */
function work(text: string): { readonly obligations: number; readonly bytes: number } {
  const program = programOf(text);
  const ending = new Set(program.functions.map(({ key }) => key));
  const all = groupFunctions(program.functions).flatMap((group) =>
    group.functions.flatMap((subject) => obligationsOf(program, subject, group, ending).obligations),
  );
  return { obligations: all.length, bytes: all.reduce((sum, { query }) => sum + printQuery(query).length, 0) };
}

const counted = (n: number, one: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => one(i)).join('\n');
const within = (body: string): string =>
  `/** @ensures result >= 0 */\nexport function f(x: u32): number {\n  let r = 0;\n${body}\n  return r;\n}`;

const shapes: Readonly<Record<string, [most: number, text: (n: number) => string]>> = {
  'a switch': [
    251,
    (n) => within(`switch (x) {\n${counted(n - 1, (i) => `case ${i}: r = ${i + 1}; break;`)}\ndefault: r = 0;\n}`),
  ],
  'branches one after another': [121, (n) => within(counted(n, (i) => `if (x > ${i}) r = r + ${i};`))],
  'branches in each other': [
    60,
    (n) => within(`${counted(n, (i) => `if (x > ${i}) { r = r + ${i};`)}${'}'.repeat(n)}`),
  ],
  'an else in an else': [
    60,
    (n) => within(`${counted(n, (i) => `if (x < ${i}) { r = ${i}; } else {`)}${'}'.repeat(n)}`),
  ],
  'loops one after another': [
    40,
    (n) =>
      within(counted(n, (i) => `for (let i = 0; i < ${i}; i++) { invariant(r >= 0 && r <= 99); if (r < 99) r++; }`)),
  ],
  'loops in each other': [
    24,
    (n) =>
      within(`${counted(n, (i) => `for (let i${i} = 0; i${i} < 2; i${i}++) { invariant(r === 0);`)}${'}'.repeat(n)}`),
  ],
  'many variables over branches': [
    100,
    (n) => within(`${counted(n, (i) => `let v${i} = x;`)}\n${counted(n, (i) => `if (x > ${i}) v${i} = ${i};`)}`),
  ],
  'sums in sums': [100, (n) => within(`r = ${'('.repeat(n)}1${' + 1)'.repeat(n)};`)],
  'functions that call each other': [
    200,
    (n) =>
      counted(
        n,
        (i) =>
          `/** @ensures result > x */\nexport function f${i}(x: u8): number { return ${i === 0 ? 'x + 1' : `f${i - 1}(x)`}; }`,
      ),
  ],
};

describe('the questions about a program stay in proportion to it', () => {
  it.each(Object.entries(shapes))('%s', (_, [most, text]) => {
    const [half, whole] = [work(text(Math.ceil(most / 2))), work(text(most))];
    expect(whole.obligations).toBeLessThanOrEqual(2 * half.obligations + 4);
    expect(whole.bytes).toBeLessThanOrEqual(4.4 * half.bytes + 2000);
  });

  it('1500 functions', () => {
    const text = counted(
      1500,
      (i) => `/** @ensures result > n */\nexport function f${i}(n: u8): number { return n + 1; }`,
    );
    const { obligations, bytes } = work(text);
    expect([obligations, bytes < 1500 * 300]).toEqual([1500, true]);
  });

  it('a table of 65536 zeros is one sentence', () => {
    const text =
      'const T = new Uint8Array(65536);\n/** @ensures result === 0 */\nexport function f(x: u16): u8 { return T[x]; }';
    expect(work(text).bytes).toBeLessThan(1000);
  });

  it('a chain of 20000 calls is walked without a stack as deep', () => {
    const call = (key: string) => ({ kind: 'call', function: key, arguments: [] });
    const functions = Array.from({ length: 20_000 }, (_, i) => {
      const body = i === 0 ? [] : [{ kind: 'return', value: call(`f${i - 1}`) }];
      return { key: `f${i}`, requires: [], ensures: [], decreases: [], throws: [], body };
    });
    const groups = groupFunctions(functions.reverse() as never);
    expect(groups.slice(0, 3).map(({ functions: [one] }) => one.key)).toEqual(['f0', 'f1', 'f2']);
    expect(groups).toHaveLength(20_000);
    const knot = [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
      ['d', 'c'],
      ['e', 'e'],
    ].map(([key, callee]) => {
      const body = [{ kind: 'return', value: call(callee) }];
      return { key, requires: [], ensures: [], decreases: [], throws: [], body };
    });
    const shown = groupFunctions(knot as never).map((group) => [
      group.functions.map(({ key }) => key).join(''),
      group.recursive,
    ]);
    expect(shown).toEqual([
      ['abc', true],
      ['d', false],
      ['e', true],
    ]);
  });
});

describe('what the compiler takes too long for is refused', () => {
  const choices = (n: number): string => `${counted(n, (i) => `x === ${i} ? ${i} :`)} 0`;
  it('choices in each other, with a contract and without', () => {
    const text = (n: number): string =>
      `/** @ensures result >= 0 */\nexport function f(x: u8): number { return ${choices(n)}; }`;
    expect(complaints(text(64))).toBe('');
    expect(complaints(text(300))).toMatch(/more than 64 choices \?: in each other[\s\S]*switch/);
    expect(complaints(`function g(x: number) { return ${choices(300)}; }\n${text(1)}`)).toMatch(/more than 64 choices/);
  });
});

/** Contracts stay with the C: each clause is in ACSL, or is said to be missing; Frama-C reads all of it. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prelude } from '../../lowering/c/prelude.ts';
import { isLong as long } from '../support/long.ts';
import { lowerFile, lowerText, type Unit } from '../support/lowered.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

const unit = lowerText(
  'acsl.ts',
  `
import { assert, forall, ghost, implies, invariant, old, type u8, type u16, type u32 } from 'casemate';
interface Cursor { at: u32; readonly end: number }
interface Pair { readonly a: u8; readonly b: number }

/** @pure */ function least(a: Readonly<Uint8Array>, n: number): number { return n <= 0 ? 0 : n < a.length ? a[n] : 7; }
/** @pure */ function odd(n: number): boolean { if (n % 2 === 0) return false; return true; }
/** @pure */ function sum(p: Pair): number { return p.a + (p.b & 255); }
/** @pure */ function steps(n: u8): number { let i = 0; while (i < n) { invariant(0 <= i && i <= n); i++; } return i; }

/**
 * @requires a.length <= b.length && least(b, 3) > 0
 * @modifies a
 * @ensures forall(0, a.length, (i) => a[i] === b[i])
 * @ensures implies(odd(result), result >>> 0 === result)
 */
export function copy(a: Uint8Array, b: Readonly<Uint8Array>): number {
  let n = 0;
  for (let i = 0; i < a.length; i++) {
    invariant(i <= a.length && forall(0, i, (k) => a[k] === b[k]));
    a[i] = b[i];
    n = i;
  }
  assert(n <= a.length);
  return n;
}
/** @modifies c.at
 * @ensures c.at === old(c.at) + 1 || c.at === 0 */
export function step(c: Cursor): void { c.at = c.at < c.end && c.at < 100 ? c.at + 1 : 0; }
/** @ensures steps(n) === result
 * @ensures sum(result < 3 ? p : p) >= 0
 * @ensures sum(p) <= 510 */
export function hard(n: u8, p: Pair): number { const g = ghost(n + 1); assert(g > n); return steps(n); }
const enum Level { Low = 1, High = 5 }
interface Row { readonly level: Level; readonly size: number }
/** @pure */ function rank(level: Level): number { return level === Level.High ? level : 0; }
/** @requires rank(level) > 0 && list.length > 2 && list[1].level === level
 * @ensures result === undefined || result.size === 4 */
export function listed(list: readonly Row[], level: Level): Row | undefined { return list[1].size === 4 ? list[1] : undefined; }
/** @diverges */
export function forever(): void { while (true) {} }
/** @decreases n, m */
export function pairs(n: u8, m: u8): u16 { return n === 0 ? m : pairs(n - 1, m); }
`,
);
const { header, source, dropped } = unit.lowered;

/** The comment right before a prototype. */
function contractOf(name: string): string {
  const found = new RegExp(`/\\*@ ((?:(?!\\*/)[^])*)\\*/\\n[^\\n]*\\b${name}\\(`).exec(header);
  return found?.[1] ?? '';
}

describe('ACSL', () => {
  it('says what the types of TypeScript say: memory, what is separate, safe integers', () => {
    const contract = contractOf('copy');
    expect(contract).toContain('requires a.length <= 4294967296 && \\valid(a.data + (0 .. a.length - 1));');
    expect(contract).toContain('\\valid_read(b.data + (0 .. b.length - 1))');
    expect(contract).toContain('requires \\separated(a.data + (0 .. a.length - 1), b.data + (0 .. b.length - 1));');
    expect(contract).toContain('ensures -9007199254740991 <= \\result <= 9007199254740991;');
    expect(contractOf('step')).toContain('requires -9007199254740991 <= (*c).end <= 9007199254740991;');
  });

  it('has each clause, and frames', () => {
    const contract = contractOf('copy');
    expect(contract).toContain('requires (a.length <= b.length) && (0 < logic_least(b.data, b.length, 3));');
    expect(contract).toContain('ensures (\\forall integer i_2; 0 <= i_2 < a.length ==> (a.data[i_2] == b.data[i_2]));');
    expect(contract).toContain('ensures logic_odd(\\result) ==> (((uint32_t)\\result >> (0 & 31)) == \\result);');
    expect(contract).toContain('assigns a.data[0 .. a.length - 1];');
    expect(contractOf('step')).toContain('assigns c->at;');
    expect(contractOf('step')).toContain('(c->at == (\\old(c->at) + 1))');
    expect(contractOf('forever')).toContain('terminates \\false;');
  });

  it('defines pure functions that are expressions, and says that C computes them', () => {
    expect(header).toContain('logic integer logic_least{L}(uint8_t *a_data, integer a_length, integer n) = ');
    expect(header).toContain('predicate logic_odd(integer n) = (((n % 2) == 0) ? \\false : \\true);');
    expect(contractOf('least')).toContain('ensures \\result == logic_least(a.data, a.length, n);');
    expect(contractOf('odd')).toContain('ensures \\result != 0 <==> logic_odd(n);');
    expect(contractOf('hard')).toContain('ensures logic_sum(p) <= 510;');
  });

  it('says of members and of lists what they may be', () => {
    expect(header).toContain(
      'logic integer logic_rank(integer level) = ((1 == level) ? (level == (0) ? (1) : (5)) : 0);',
    );
    const contract = contractOf('listed');
    expect(contract).toContain('requires 0 <= level < 2;');
    expect(contract).toContain(
      'requires (\\forall integer cm_i; 0 <= cm_i < list.length ==> (0 <= list.data[cm_i].level < 2));',
    );
    expect(contract).toContain('(list.data[1].level == level)');
    expect(contract).toContain('ensures (\\result.present != 0) ==> (0 <= \\result.value.level < 2);');
    expect(contract).toContain('ensures (!(\\result.present != 0)) || (\\result.value.size == 4);');
  });

  it('speaks of loops and of places in code', () => {
    expect(source).toContain('loop assigns a.data[0 .. a.length - 1], n, i;');
    expect(source).toMatch(/loop invariant \(i <= a\.length\) && \(\\forall integer k\w*; 0 <= k\w* < i ==> /);
    expect(source).toContain('loop variant a.length - i;');
    expect(source).toContain('/*@ assert n <= a.length; */');
  });

  it('names what has no form, and drops nothing else', () => {
    expect(dropped.map(({ function: key, text }) => `${key.replace(/.*#/, '')}: ${text}`)).toEqual([
      'hard: ghost',
      'hard: assert g > n',
      'hard: ensures steps(n) === result',
      'hard: ensures sum(result < 3 ? p : p) >= 0',
      'pairs: decreases n, m',
    ]);
    expect(header).toContain('/* not in ACSL: decreases n, m (');
  });

  it.runIf(long)(
    'is read by Frama-C, of every example',
    async () => {
      const framaC = requireTool('frama-c');
      const folder = join(projectRoot, 'examples/contracts');
      const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
      const units: Unit[] = [unit, ...files.map((name) => lowerFile(join(folder, name)))];
      for (const one of units) {
        const place = temporaryFolder('acsl');
        writeFileSync(join(place, 'casemate-lowered.h'), prelude());
        writeFileSync(join(place, `${one.name}.h`), one.lowered.header);
        writeFileSync(join(place, `${one.name}.c`), one.lowered.source);
        await runOrThrow(framaC, ['-c11', join(place, `${one.name}.c`)]);
      }
    },
    600_000,
  );
});

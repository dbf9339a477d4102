/**
 * Lowered C means what the TypeScript means: compiled by two compilers, with the sanitizers and for another machine, its
 * functions give what the interpreter gives, which other tests hold against Node.js.
 */
import { describe, expect, it } from 'vitest';
import { drawCalls, lowerText, runLowered, type Unit, writeUnit } from '../support/lowered.ts';
import { allBuilds } from '../support/lowered-builds.ts';

/** Compares draws of each function in each build; how many calls. */
async function agrees(unit: Unit, tries: number, functions = unit.program.functions): Promise<number> {
  const calls = drawCalls(unit.program, tries, functions);
  const folder = writeUnit(unit, calls);
  for (const [, build] of allBuilds()) {
    const lines = await runLowered(folder, unit, build);
    const shown = calls.map(({ function: { name }, args }, i) => ({ name, args, is: lines[i] }));
    expect(shown).toEqual(calls.map(({ function: { name }, args, expected }) => ({ name, args, is: expected })));
  }
  return calls.length;
}

it('each construct of the language', async () => {
  const unit = lowerText(
    'constructs.ts',
    `
import { assert, ghost, invariant, type i8, type i16, type i32, type i64, type u8, type u16, type u32, type u64 } from 'casemate';
const T = new Uint16Array([3, 1, 65535]);
const W = new BigInt64Array([-9223372036854775808n, 9223372036854775807n]);
const LIMIT = 70_000 * 3;
/** @verified */ export function largest(i: u8): u64 { const t = new BigUint64Array([18446744073709551615n, 1n]); return t[i & 1]; }
/** @verified */ export function least(i: u8): i64 { const t = new BigInt64Array([-9223372036854775808n, 1n]); return t[i & 1]; }
interface Point { readonly x: i16; readonly y: i32 }
interface Cursor { at: u32; readonly end: u32; done: boolean }

/** @verified */ export function bits(a: number, b: i32, k: u8): i32 {
  return ((a & b) | (a ^ ~b)) ^ (a << k) ^ (a >> k) ^ ((a >>> k) | 0) ^ Math.imul(a, b);
}
/** @verified */ export function unsigned(a: number, k: i32): u32 { return a >>> k; }
/** @requires b !== 0 && -1000000 <= a && a <= 1000000 && -1000 <= b && b <= 1000 */
export function quotients(a: number, b: number): number {
  return Math.trunc(a / b) * 7 + Math.floor(a / b) * 11 + (a % b) + Math.min(a, b) - Math.max(a, -b) + Math.abs(a);
}
/** @verified */ export function order(a: u32, b: i32): boolean { return (a < b) !== (a <= b) || a === b || !(b > a); }
/** @verified */ export function wraps(a: u64, b: u64, c: i64): u64 {
  return BigInt.asUintN(64, a * b + (a << 7n) - BigInt.asUintN(64, c) + ~b);
}
/** @verified */ export function signs(a: u64, b: i64): i64 { return BigInt.asIntN(64, (a & BigInt.asUintN(64, b)) ^ (b >> 3n)); }
/** @requires b > 0n */ export function divide(a: u64, b: u64): u64 { return (a / b + a % b) ^ (a % b); }
/** @verified */ export function middle(a: u64, b: u64): u64 { return (a + b) >> 1n; }
/** @verified */ export function compareBig(a: u64, b: i64): boolean { return a < b || b <= 0n || a === b * 2n; }
/** @verified */ export function both(a: u32, b: u64): number { return Number(BigInt(a) * 3n & 0xffffn) + Number(b & 255n); }
/** @verified */ export function table(i: u8): u16 { return i < T.length ? T[i] : T[0] + LIMIT - LIMIT; }
/** @verified */ export function wide(i: u8): i64 { return i < 2 ? W[i] : 0n; }
/** @verified */ export function point(x: i16, flip: boolean): Point { return flip ? { x, y: -x } : { y: x, x: 1 }; }
/** @verified */ export function swap(p: readonly [u8, u16]): readonly [u16, u8] { return [p[1], p[0]]; }
/** @verified */ export function widened(p: Point, n: { readonly in: Point; readonly k: u8 }): { readonly in: { readonly y: number; readonly x: i32 }; readonly k: u16 } {
  const q: { readonly in: { readonly y: number; readonly x: i32 }; readonly k: u16 } = n;
  return p.x < q.in.x ? n : { in: p, k: 1 };
}
/** @verified */ export function plus(p: Point): number { const t = T[1] * T[2] * 65535; return p.x * t - p.y; }
/** @verified */ export function maybe(p: Point): i32 | undefined { return p.x < p.y ? p.y : undefined; }
/** @verified */ export function orElse(p: Point): i32 { return maybe(p) ?? p.x; }
/** @verified */ export function local(seed: u8): u32 {
  const window = new Uint8Array(8);
  const start = new Int16Array([-3, 4, 5, 6]);
  let sum: u32 = 0;
  for (let i = 0; i < window.length; i++) {
    invariant(sum <= 1000 * i);
    if (i === 3) continue;
    window[i] = (seed + i * 31) & 255;
    if (window[i] === 7) break;
    sum += window[i] + start[i & 3] + 3;
  }
  return sum;
}
const enum Size { Small = 0, Large = 1, Huge = 2 }
/** @verified */ export function neverSo(s: Size): boolean { return 65535 <= s || s > 2; }
/** @verified */ export function choose(x: u8): u8 {
  switch (x) { case 0: case 1: return 7; case 2: { const y = 4; return y; } default: return x & 15; }
}
/** @modifies c */ export function step(c: Cursor, by: u8): boolean {
  if (c.at + by > c.end) { c.done = true; return false; }
  c.at += by;
  return !c.done;
}
/** @modifies a */ export function copyDown(a: Uint32Array, b: Readonly<Int8Array>): number {
  let n = 0;
  for (const x of b) { if (n >= a.length) break; a[n] = x & 0xffff; n++; }
  return n;
}
/** @verified */ export function own(n: u8): u32 {
  const c: Cursor = { at: 0, end: 200, done: false };
  let i: u8 = 0;
  while (i < 5 && !c.done) { i++; const moved = step(c, n); ghost(() => { assert(moved || c.done); }); }
  return c.at;
}
/** @decreases n
 * @pure */ export function fib(n: u8): number { return n < 2 ? n : n > 12 ? 0 : fib(n - 1) + fib(n - 2); }
/** @modifies v */ export function view(v: DataView, x: u16): u32 {
  if (v.byteLength < 6) return 0;
  v.setUint16(1, x, true);
  return v.getUint32(2) >>> 1;
}
/** @verified */ export function minusMinus(a: number, b: i32): number { return - -a - -(-b); }
/** @verified */ export function choices(a: boolean, b: boolean): number {
  return (a ? 65536 : 1) * (b ? 65536 : a ? 2 : 3) + ((b ? 2147483647 : 0) + (a ? 1 : 2));
}
/** @verified */ export function choiceOfChoice(p: boolean, q: boolean, r: boolean, a: u64, b: u64): u64 { return (p ? q : r) ? a : b; }
/** @requires d !== 0 */ export function rest(a: i64, d: i32): i64 { return a % BigInt(d); }
/** @verified */ export function restOfLeast(i: u8): i64 { return W[i & 1] % BigInt(-1 - (i & 2)); }
/** @verified */ export function signBit(negative: boolean): i64 { return (negative ? -1n : 0n) << 63n; }
/** @modifies a */ export function make(a: Uint8Array, n: u8): Cursor { if (a.length > 0) a[0] = n; return { at: n, end: 9, done: false }; }
/** @verified */ export function made(n: u8): number { const a = new Uint8Array(2); const c = make(a, n); c.at = a[0]; return c.at + c.end; }
/** @modifies a */ export function memset(a: Uint8Array, value: u8): void { for (let i = 0; i < a.length; i++) a[i] = value; }
/** @verified */ export function zeros(a_memory: u8): u8 { const a = new Uint8Array(512); memset(a, a_memory); return a[511]; }
/** @verified */ export function ints(a: u8, b: i16, c: i32, d: u16): number {
  return ((a & 3) << 4 | (d >>> 4)) + (a >> 2) * (b >> 1) - ((25 - a) >> 8 & 6) + (b & d) * 3 + (c >> 3) - (b ^ a) + ~b + (d << 15) + (b << 2);
}
/** @verified */ export function intTests(a: u8, b: i16): boolean { return (a & 12) !== 8 && (a | 1) < (b ^ 3) || (a >> 1) + 1 === 5 || (b & -2) > -a; }
/** @verified */ export function intEdges(a: i32, b: i32): number { return a + b - (a - b) + a * 65536 + -a + (a & b) + (a | 0) + (a ^ -1); }
/** @verified */ export function intShift(a: u16, k: u8): number { return (a << k) + (a >> k) + (a >>> k) + (a << 15) + (a << 16) + (1 << (k & 31)); }
/** @requires b !== 0 */ export function intQuotients(a: i32, b: i8): number { return Math.trunc(a / b) + a % b; }
/** @requires b !== 0 */ export function smallQuotients(a: i16, b: i8): i32 { return Math.trunc(a / b) * 2 + a % b; }
/** @verified */ export function alwaysTrue(a: u8, b: u32, p: boolean): boolean {
  return 0 <= a && a <= 255 && a < 256 && b >= 0 && a === a && a + b <= a + b && (a & 3) !== 4 && (a | 8) !== 4 && ~a !== a && p === p;
}
/** @verified */ export function alwaysFalse(a: i16, b: u64, c: i64): boolean {
  return (3 <= a && a < 2) || a > 32767 || b < 0n || b === -1n || c < -0x8000000000000000n || b !== b || ~b === b || ~c === c || BigInt.asUintN(64, c) < (c & 0n) || b % 7n > 6n || BigInt(a) - (b & 255n) > 0x8000n;
}
/** @modifies c
 * @requires c.at >= 0 && c.at <= 0xffffffff && (a & 1) !== 2 && ~a !== a */
export function itself(c: Cursor, a: u8): u8 { let x: u8 = a; x = x; c.at = c.at; return x; }
type Unit = 'a' | 'b c';
/** @verified */ export function sameUnit(u: Unit, v: Unit): boolean { return u === u && v !== 'a' && 'a' !== u; }
/** @verified */ export function ofValue(n: u8): number { return both2({ at: n, end: 7, done: false }) + both2({ at: 1, end: n, done: true }); }
/** @verified */ function both2(c: Readonly<Cursor>): number { return c.at + c.end; }
/** @verified */ export function hidden(hidden_2: u8, Point: u8, Unit_a: u8, u: Unit): Point { const point_2 = u === 'a' ? Point : Unit_a; return { x: point_2, y: hidden_2 }; }
/** @verified */ export function $odd(int: u8, while_: u8): u8 { return int < while_ ? int : while_; }
`,
  );
  expect(await agrees(unit, 30)).toBeGreaterThan(450);
});

it('objects own arrays in memory of the function that makes them', async () => {
  const unit = lowerText(
    'objects.ts',
    `
import type { u8, u32 } from 'casemate';
/** @invariant this.#used <= 1000 && this.#log.length > 0 */
class Budget {
  readonly size: u32;
  #used: u32;
  readonly #log: Uint8Array;
  readonly #edge: Int16Array;
  /** @requires 0 < size && size < 100 */
  constructor(size: u32, n: u8) {
    this.size = size;
    this.#used = n;
    this.#log = new Uint8Array(size * 2 + 1);
    this.#edge = new Int16Array([3, -4]);
  }
  /** @pure */ left(): u32 { return this.#used; }
  /** @modifies this.#used, this.#log */
  spend(amount: u8): void { this.#put(amount); if (this.#used < 100) this.#used += amount; }
  /** @modifies this.#log */
  #put(amount: u8): void { if (this.#log.length > 4) this.#log[4] = (this.#log[4] + amount) & 255; }
  /** @pure */ get(i: u32): number { return i < this.#log.length ? this.#log[i] : i - 300 < this.#edge.length && i >= 300 ? this.#edge[i - 300] : this.size; }
}
/** @verified */
export function plan(p: u8): number {
  const budget = new Budget(10, p);
  for (let i = 0; i < 3; i++) {
    const other = new Budget(2, i);
    other.spend(p);
    budget.spend(other.get(4) & 255);
  }
  return budget.left() + budget.get(4) * 3 + budget.get(20) * 5 + budget.get(21) * 7 + budget.get(301);
}
`,
  );
  expect(unit.lowered.source).toContain('uint8_t budget_log_memory[21] = { 0 };');
  const functions = unit.program.functions.filter(({ name }) => !name.startsWith('new '));
  expect(await agrees(unit, 30, functions)).toBeGreaterThan(80);
});

describe('what has no form in C yet is refused at its line, by name:', () => {
  it.each([
    [
      'throw',
      "/** @throws {Error} x > 5 */ export function f(x: u8): u8 { if (x > 5) throw new Error('x'); return x; }",
      /f throws, which is not lowered/,
    ],
    [
      'an array whose length a caller decides',
      `/** @invariant this.#b.length > 0 */
class Q {
  readonly #b: Uint8Array;
  /** @requires n > 0 */
  constructor(n: u8) { this.#b = new Uint8Array(n); }
}
/** @requires n > 0 */
export function f(n: u8): void { const q = new Q(n); }`,
      /the length of q\.#b is no constant/,
    ],
    [
      'two fields of one name',
      '/** @verified */ class C { #a: u8; readonly a: u8; constructor() { this.#a = 1; this.a = 2; } }\n/** @verified */ export function f(): void { const c = new C(); }',
      /the fields #a and a would have one name in C/,
    ],
    [
      'a bigint without a bound',
      '/** @verified */ export function f(x: bigint): bigint { return x; }',
      /a bigint without a bound/,
    ],
    [
      'more than 128 bits',
      '/** @verified */ export function f(x: u64): u64 { return (x * x * x) & 255n; }',
      /more than 128 bits/,
    ],
    [
      'a wide division',
      '/** @verified */ export function f(x: u64): u64 { return (x + x) / 3n; }',
      /a division of more than 64 bits/,
    ],
  ])('%s', (_, text, message) => {
    expect(() => lowerText('x.ts', `import type { u8, u64 } from 'casemate';\n${text}`)).toThrow(message);
  });
});

/** True contracts are proved, the whole way from source to solver; false ones are not. */
import { describe, expect, it } from 'vitest';
import { failures, proveText } from '../support/contracts.ts';

/** Functions that keep their contracts. */
const sound: Readonly<Record<string, string>> = {
  'a midpoint that does not overflow': `
    /**
     * @requires lo <= hi
     * @ensures lo <= result && result <= hi
     */
    export function midpoint(lo: u32, hi: u32): u32 { return lo + Math.trunc((hi - lo) / 2); }`,
  'a loop that fills an array': `
    /**
     * @modifies a
     * @ensures forall(0, a.length, i => a[i] === value)
     */
    export function fill(a: Uint8Array, value: u8): void {
      for (let i = 0; i < a.length; i++) {
        invariant(forall(0, i, (j) => a[j] === value));
        a[i] = value;
      }
    }`,
  'a binary search': `
    /**
     * @requires forall(0, a.length, i => forall(0, i, j => a[j] <= a[i]))
     * @ensures result < a.length
     * @ensures result < 0 || a[result] === key
     * @ensures result >= 0 || forall(0, a.length, i => a[i] !== key)
     */
    export function search(a: Readonly<Uint32Array>, key: u32): number {
      let lo = 0;
      let hi = a.length;
      while (lo < hi) {
        invariant(0 <= lo && lo <= hi && hi <= a.length);
        invariant(forall(0, lo, (i) => a[i] < key));
        invariant(forall(hi, a.length, (i) => a[i] > key));
        const mid = lo + ((hi - lo) >>> 1);
        if (a[mid] === key) return mid;
        if (a[mid] < key) lo = mid + 1;
        else hi = mid;
      }
      return -1;
    }`,
  'a byte pair as a number': `
    /**
     * @requires at + 1 < a.length
     * @requires at >= 0
     * @ensures result === a[at] * 256 + a[at + 1]
     */
    export function u16be(a: Readonly<Uint8Array>, at: number): u16 { return (a[at] << 8) | a[at + 1]; }`,
  'an alignment': `
    /**
     * @requires n <= 0xfffff000
     * @ensures result % 4096 === 0
     * @ensures n <= result && result < n + 4096
     */
    export function alignUp(n: u32): u32 { return ((n + 4095) & ~4095) >>> 0; }`,
  'a copy into another array': `
    /**
     * @requires from.length <= to.length
     * @modifies to
     * @ensures forall(0, from.length, i => to[i] === from[i])
     * @ensures forall(from.length, to.length, i => to[i] === old(to[i]))
     */
    export function copy(to: Uint8Array, from: Readonly<Uint8Array>): void {
      for (let i = 0; i < from.length; i++) {
        invariant(forall(0, i, (j) => to[j] === from[j]));
        invariant(forall(i, to.length, (j) => to[j] === old(to[j])));
        to[i] = from[i];
      }
    }
    /**
     * @requires a.length === b.length && b.length === 8
     * @modifies a
     * @ensures a[3] === b[3]
     */
    export function use(a: Uint8Array, b: Uint8Array): void { copy(a, b); }`,
  'a recursion': `
    /**
     * @pure
     * @requires 0 <= n && n <= 1000
     * @ensures result === Math.trunc(n * (n + 1) / 2)
     * @decreases n
     */
    export function sum(n: number): number { return n === 0 ? 0 : n + sum(n - 1); }`,
  'a sum of 64-bit integers': `
    /**
     * @requires a.length < 65536
     * @ensures result >= 0n
     */
    export function total(a: Readonly<BigUint64Array>): bigint {
      let s = 0n;
      for (const x of a) {
        invariant(s >= 0n);
        s += x;
      }
      return s;
    }`,
  'a break and a continue': `
    /**
     * @ensures result === -1 || (0 <= result && result < a.length && a[result] === 7)
     */
    export function find(a: Readonly<Uint8Array>): number {
      let at = -1;
      for (let i = 0; i < a.length; i++) {
        invariant(at === -1);
        if (a[i] < 7) continue;
        if (a[i] === 7) { at = i; break; }
      }
      return at;
    }`,
  'a record': `
    interface Range { readonly low: u32; readonly high: u32 }
    /**
     * @requires a.low <= a.high && b.low <= b.high
     * @ensures result === exists(a.low, a.high, x => b.low <= x && x < b.high)
     */
    export function overlaps(a: Range, b: Range): boolean {
      return a.low < b.high && b.low < a.high && a.low < a.high && b.low < b.high;
    }
    /**
     * @requires n > 0
     * @ensures result.low === 0 && result.high === n
     */
    export function upTo(n: u32): Range { return { low: 0, high: n }; }`,
  'a local array and a table': `
    const DIGITS = new Uint8Array([48, 49, 50, 51, 52, 53, 54, 55, 56, 57]);
    /**
     * @requires n < 10
     * @ensures result === 48 + n
     */
    export function digit(n: u8): u8 {
      const local = new Uint8Array(4);
      local[1] = DIGITS[n];
      return local[0] + local[1];
    }`,
};

/** One false claim each; the obligation that must not hold. */
const unsound: readonly (readonly [what: string, text: string, name: RegExp])[] = [
  [
    'a postcondition',
    '/** @ensures result > n */ export function f(n: u32): number { return n; }',
    /ensures\/result > n: failed, confirmed/,
  ],
  [
    'a range',
    '/** @verified */ export function f(n: u8): u8 { return n + 1; }',
    /range\/n \+ 1 is u8: failed, confirmed/,
  ],
  [
    'a safe sum',
    '/** @verified */ export function f(a: number, b: number): number { return a + b; }',
    /overflow\/a \+ b: failed, confirmed/,
  ],
  ['a safe product', '/** @verified */ export function f(a: u32, b: u32): number { return a * b; }', /overflow/],
  [
    'an index that is read',
    '/** @verified */ export function f(a: Uint8Array, i: u32): u8 { return a[i]; }',
    /bounds\/a\[i\]: failed, confirmed/,
  ],
  [
    'an index that is written',
    '/**\n * @modifies a\n */ export function f(a: Uint8Array): void { a[0] = 1; }',
    /bounds\/a\[0\] = 1: failed, confirmed/,
  ],
  [
    'a divisor',
    '/** @verified */ export function f(a: u32, b: u32): number { return Math.trunc(a / b); }',
    /division by zero/,
  ],
  ['a remainder', '/** @verified */ export function f(a: u32, b: u32): number { return a % b; }', /division by zero/],
  [
    'a frame',
    '/** @requires a.length > 0 */ export function f(a: Uint8Array): void { a[0] = 1; }',
    /modifies\/a: failed, confirmed/,
  ],
  [
    'an invariant at its entry',
    '/** @verified */ export function f(n: u32): void { let i = 0; while (i < n) { invariant(i > 0); i++; } }',
    /invariant entry/,
  ],
  [
    'an invariant that is not kept',
    '/** @verified */ export function f(n: u32): void { let i = 0; while (i < n) { invariant(i === 0); i++; } }',
    /invariant kept/,
  ],
  [
    'a measure',
    '/** @verified */ export function f(n: u32): void { let i = 0; while (i < n) { invariant(i <= n); } }',
    /decreases.*failed/,
  ],
  [
    'a loop that never ends',
    '/** @verified */ export function f(n: u32): void { while (true) { decreases(n); } }',
    /decreases.*failed/,
  ],
  [
    'an assertion',
    '/** @verified */ export function f(n: u32): void { assert(n < 5); }',
    /assert\/n < 5: failed, confirmed/,
  ],
  [
    'a precondition at a call',
    '/** @requires n > 3 */ export function g(n: u32): u32 { return n; }\n/** @verified */ export function f(n: u32): u32 { return g(n); }',
    /requires\/g: n > 3: failed, confirmed/,
  ],
  [
    'a precondition that nothing meets',
    '/** @requires n < n */ export function f(n: u32): u32 { return n; }',
    /satisfiable.*vacuous/,
  ],
  [
    'a branch that nothing comes to',
    '/** @requires n < 5 */ export function f(n: u32): u32 { if (n > 9) return 1; return n; }',
    /reachable\/n > 9: failed, vacuous/,
  ],
  [
    'two mutable arrays that are one',
    '/**\n * @modifies a, b\n * @requires a.length === n && b.length === n\n */ export function g(a: Uint8Array, b: Uint8Array, n: u32): void {}\n/**\n * @modifies x\n */ export function f(x: Uint8Array): void { g(x, x, x.length); }',
    /separated/,
  ],
  [
    'a mutable and a readonly array that are one',
    '/**\n * @modifies a\n */ export function g(a: Uint8Array, b: Readonly<Uint8Array>): void {}\n/**\n * @modifies x\n */ export function f(x: Uint8Array): void { g(x, x); }',
    /separated/,
  ],
  [
    'an array that a callee may write',
    '/**\n * @modifies a\n */ export function g(a: Uint8Array): void {}\n/** @requires x.length > 0 && x[0] === 1\n * @modifies x\n * @ensures x[0] === 1 */ export function f(x: Uint8Array): void { g(x); }',
    /ensures/,
  ],
  [
    'a recursion without an end',
    '/**\n * @ensures result === 1\n * @decreases n\n */ export function f(n: u32): u32 { return f(n); }',
    /decreases/,
  ],
  [
    'a recursion without a measure',
    '/** @ensures result === 1 */ export function f(n: u32): u32 { return n === 0 ? 1 : f(n - 1); }',
    /decreases/,
  ],
  [
    'a quantified postcondition',
    '/** @ensures forall(0, a.length, i => a[i] < 255) */ export function f(a: Uint8Array): void {}',
    /ensures/,
  ],
  ['a mask', '/** @ensures result >= 0 */ export function f(a: u32, b: u32): number { return a & b; }', /ensures/],
  ['a shift', '/** @ensures result >= 0 */ export function f(a: u32): number { return a << 1; }', /ensures/],
  [
    'a remainder of a negative number',
    '/** @ensures result >= 0 */ export function f(a: i32): number { return a % 3; }',
    /ensures/,
  ],
  ['a clause outside an array', '/** @ensures a[0] >= 0 */ export function f(a: Uint8Array): void {}', /defined/],
];

describe('a contract that holds is proved', () => {
  it.each(Object.entries(sound))('%s', async (_, text) => {
    expect(failures(await proveText(text))).toEqual([]);
  });
});

describe('a contract that does not hold is not proved', () => {
  it.each(unsound)('%s', async (_, text, name) => {
    expect(failures(await proveText(text)).filter((line) => name.test(line))).not.toEqual([]);
  });
});

/** assertBits proves what bits do, and nothing that is true only because bits wrap. */
import { describe, expect, it } from 'vitest';
import { printQuery } from '../../proofs/smt/print.ts';
import { readScript } from '../../proofs/smt/script.ts';
import * as t from '../../proofs/smt/terms.ts';
import { failures, proveText } from '../support/contracts.ts';

const sound: Readonly<Record<string, string>> = {
  'two values that xor exchanges': `
    /** @verified */
    export function f(a: u32, b: u32): void {
      const x = a ^ b;
      const y = x ^ b;
      const z = x ^ y;
      assertBits(((a ^ b) ^ b) >>> 0 === a && ((a ^ b) ^ ((a ^ b) ^ b)) >>> 0 === b);
    }`,
  'a power of two, whose lower bits are none of it': `
    /** @ensures !result || x === 1 || x === 2 || x === 4 || x === 8 || x === 16 || x === 32 || x === 64 || x === 128 */
    export function power(x: u8): boolean {
      assertBits(!(x > 0 && (x & (x - 1)) === 0) || x === 1 || x === 2 || x === 4 || x === 8 || x === 16 || x === 32 || x === 64 || x === 128);
      return x > 0 && (x & (x - 1)) === 0;
    }`,
  'a minimum without a branch': `
    /** @ensures result === (a < b ? a : b) */
    export function least(a: i16, b: i16): i32 {
      assertBits((b ^ ((a ^ b) & -(a < b ? 1 : 0))) === (a < b ? a : b));
      return b ^ ((a ^ b) & -(a < b ? 1 : 0));
    }`,
  'bits that are counted, two by two': `
    /** @verified */
    export function f(x: u8): void {
      assertBits(x - ((x >> 1) & 0x55) === (x & 1) + ((x >> 1) & 1) + 4 * (((x >> 2) & 1) + ((x >> 3) & 1)) + 16 * (((x >> 4) & 1) + ((x >> 5) & 1)) + 64 * (((x >> 6) & 1) + ((x >> 7) & 1)));
    }`,
  'shifts by more than 31, products that wrap, and signs': `
    /** @verified */
    export function f(a: i32, b: u32, k: u8): void {
      assertBits((a << 33) === (a << 1) && (b >>> (k & 31)) === (b >>> k) && (a >> 31 === 0) === (a >= 0));
      assertBits(Math.imul(a, 2) === (a << 1) && (~a) + 1 === -a && (0xffffffff & 0xffffffff) === -1);
    }`,
  'what is the same to integers, whatever it is': `
    /** @requires a.length > 3 */
    export function f(a: Readonly<Uint32Array>, n: u8): void {
      assertBits(((a[n & 3] & 255) | (a[n & 3] & ~255)) >>> 0 === a[n & 3]);
    }`,
  'sixty-four bits': `
    /** @verified */
    export function f(a: u64, b: u64): void {
      assertBits(BigInt.asUintN(64, (a & b) + (a | b)) === BigInt.asUintN(64, a + b));
    }`,
};

/** One false claim each; the obligation that must not hold. */
const unsound: readonly (readonly [what: string, text: string, name: RegExp])[] = [
  [
    'what holds only where 32 bits wrap',
    '/** @verified */ export function f(x: u32): void { assertBits(x + 1 <= 0xffffffff); }',
    /assert\/x \+ 1 <= 0xffffffff: failed/,
  ],
  [
    'a difference that would wrap',
    '/** @verified */ export function f(x: u32, y: u32): void { assertBits(x - y >= 0); }',
    /assert.*failed/,
  ],
  [
    'a product that would wrap',
    '/** @verified */ export function f(x: u16, y: u16): void { assertBits(x * y < 65536); }',
    /assert.*failed/,
  ],
  [
    'a sum of 64 bits that would wrap',
    '/** @verified */ export function f(x: u64): void { assertBits(x + 1n <= 18446744073709551615n); }',
    /assert.*failed/,
  ],
  [
    'the sign of a mask',
    '/** @verified */ export function f(x: u32): void { assertBits((x & 0xffffffff) === x); }',
    /assert.*failed/,
  ],
  [
    'the sign of a shift',
    '/** @verified */ export function f(x: i32): void { assertBits(x >> 1 === x >>> 1); }',
    /assert.*failed/,
  ],
  [
    'a number beyond 32 bits',
    '/** @verified */ export function f(x: number): void { assertBits((x | 0) === x); }',
    /assert.*failed/,
  ],
  [
    'what is known on the way, which bits do not know',
    '/** @requires x < 16 */ export function f(x: u8): void { assertBits((x & 15) === x); }',
    /assert.*failed/,
  ],
  [
    'two elements for one',
    '/** @requires a.length > 3 */ export function f(a: Readonly<Uint8Array>, i: u8, j: u8): void { assertBits(a[i & 3] === a[j & 3]); }',
    /assert.*failed/,
  ],
  [
    'an index outside an array',
    '/** @verified */ export function f(a: Readonly<Uint8Array>): void { assertBits((a[3] & 0) === 0); }',
    /defined.*failed/,
  ],
  [
    'a bigint without an end',
    '/** @verified */ export function f(x: bigint): void { assertBits((x & x) === x); }',
    /assert.*failed/,
  ],
];

describe('assertBits', () => {
  it.each(Object.entries(sound))('proves %s', async (_, text) => {
    expect(failures(await proveText(text))).toEqual([]);
  });

  it.each(unsound)('does not prove %s', async (_, text, name) => {
    expect(failures(await proveText(text)).filter((line) => name.test(line))).not.toEqual([]);
  });

  it('asks in bits alone, in a text that passes the grammar', () => {
    const x = t.variable('x', 'BV8');
    const goal = t.bitComparison('bvsle', [t.bits('(_ sign_extend 1)', [x], 9), t.bitConstant(-3n, 9)]);
    const text = printQuery({ name: 'q', assumptions: [], goal });
    expect(text).toContain('(set-logic QF_BV)');
    expect(text).toContain('#b111111101');
    expect(readScript(text)).toHaveProperty('script');
    const mixed = t.all([goal, t.less(t.variable('n'), t.integer(3))]);
    expect(() => printQuery({ name: 'q', assumptions: [], goal: mixed })).toThrow('integers and bits');
  });
});

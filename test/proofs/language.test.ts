/** Values and control beyond numbers and loops: of each construct what is true is proved, and what is false is not. */
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { failures, programOf, proveText } from '../support/contracts.ts';

/** Functions that keep their contracts. */
const sound: Readonly<Record<string, string>> = {
  'errors where they are announced, and only there': `
    /**
     * @pure
     * @throws {RangeError} n > 255
     * @ensures result === n
     */
    export function byte(n: u32): u8 {
      if (n > 255) throw new RangeError('no byte');
      return n;
    }
    /**
     * @modifies a
     * @requires a.length > 0
     * @throws a[0] === 0
     * @throws {TypeError} n === 7
     * @throws {RangeError} n > 255
     * @ensures old(a[0]) !== 0 && n <= 255 && a[0] === n
     */
    export function store(a: Uint8Array, n: u32): void {
      if (a[0] === 0) throw new RangeError();
      a[0] = 0;
      if (n === 7) throw new TypeError('seven');
      a[0] = byte(n);
    }
    /**
     * @modifies a
     * @requires a.length > 0 && a[0] === 1
     * @ensures a[0] === 5 && byte(3) === 3
     */
    export function use(a: Uint8Array): void { store(a, 5); }
    /** @throws n > 1000 */
    export function wide(n: u32): number {
      if (n > 1000) byte(n);
      return n;
    }
    /** @throws true */
    export function never(n: u8): void { for (let i = 0; i < n; i++) if (i === 3) throw new Error('three'); throw new Error('end'); }`,
};

/** One false claim each; the obligation that must not hold. */
const unsound: readonly (readonly [what: string, text: string, name: RegExp])[] = [
  [
    'an error that is not announced',
    "/** @throws n > 5 */ export function f(n: u8): u8 { if (n > 4) throw new Error('4'); return n; }",
    /throws\/throw Error: failed, confirmed/,
  ],
  [
    'an error that is announced and does not come',
    "/** @throws n > 5 */ export function f(n: u8): u8 { if (n > 6) throw new Error('6'); return n; }",
    /throws\/n > 5: failed, confirmed/,
  ],
  [
    'one that does not come out of a function without a value',
    "/** @throws n > 5 */ export function f(n: u8): void { if (n > 6) throw new Error('6'); }",
    /throws\/n > 5: failed, confirmed/,
  ],
  [
    'another error than the one announced',
    "/** @throws {RangeError} n > 5 */ export function f(n: u8): u8 { if (n > 5) throw new TypeError('5'); return n; }",
    /throws\/throw TypeError: failed, confirmed/,
  ],
  [
    'any error where one kind is announced',
    "/** @throws {RangeError} n > 5 */ export function f(n: u8): u8 { if (n > 5) throw new Error('5'); return n; }",
    /throws\/throw Error: failed, confirmed/,
  ],
  [
    'an error of a callee',
    "/** @throws n > 5 */ function g(n: u8): u8 { if (n > 5) throw new Error('5'); return n; }\n/** @requires n < 7 */ export function f(n: u8): u8 { return g(n); }",
    /^f\/throws\/g: n > 5: failed, confirmed/,
  ],
  [
    'another error of a callee',
    "/** @throws n > 5 */ function g(n: u8): u8 { if (n > 5) throw new Error('5'); return n; }\n/** @throws {RangeError} n > 5 */ export function f(n: u8): u8 { return g(n); }",
    /^f\/throws\/g: n > 5: failed, confirmed/,
  ],
  [
    'an error of a callee in a statement',
    "/** @throws n > 5 */ function g(n: u8): void { if (n > 5) throw new Error('5'); }\n/** @throws n > 6 */ export function f(n: u8): void { g(n); }",
    /^f\/throws\/g: n > 5: failed, confirmed/,
  ],
  [
    'an error of a callee that writes',
    "/**\n * @modifies a\n * @throws n > 5\n */ function g(a: Uint8Array, n: u8): void { if (n > 5) throw new Error('5'); }\n/**\n * @modifies a\n */ export function f(a: Uint8Array): void { g(a, 6); }",
    /^f\/throws\/g: n > 5: failed, confirmed/,
  ],
  [
    'what held at the entry, of an array that was written since',
    "/**\n * @modifies a\n * @requires a.length > 0\n * @throws a[0] === 0\n */ export function f(a: Uint8Array): void { a[0] = 0; if (a[0] === 0) throw new Error('0'); }",
    /throws\/throw Error: failed, confirmed/,
  ],
  [
    'an array that a callee tests before it writes it',
    "/**\n * @modifies a\n * @requires a.length > 0\n * @throws a[0] === 0\n */ function g(a: Uint8Array): void { if (a[0] === 0) throw new Error('0'); a[0] = 0; }\n/**\n * @modifies a\n * @requires a.length > 0 && a[0] > 0\n */ export function f(a: Uint8Array): void { g(a); g(a); }",
    /^f\/throws\/g: a\[0\] === 0(#2)?: failed/,
  ],
  [
    'a postcondition of a call behind a test, where it would throw',
    "/**\n * @throws n > 5\n * @ensures n <= 5\n */ function g(n: u8): boolean { if (n > 5) throw new Error('5'); return true; }\n/** @ensures result || n <= 5 */ export function f(n: u8): boolean { return n <= 5 && g(n); }",
    /^f\/ensures/,
  ],
  [
    'a clause that would throw',
    "/**\n * @pure\n * @throws n > 5\n */ function g(n: u8): u8 { if (n > 5) throw new Error('5'); return n; }\n/** @ensures g(n) === n || n > 5 */ export function f(n: u8): void {}",
    /^f\/defined\/g\(n\)/,
  ],
  [
    'a definition where there is an error instead',
    "/**\n * @pure\n * @throws n > 5\n * @ensures result < 6\n */ function g(n: u8): u8 { if (n > 5) throw new Error('5'); return n; }\n/**\n * @pure\n * @throws n > 5\n */ function h(n: u8): u8 { return g(n); }\n/** @ensures result < 6 */ export function f(n: u8): u8 { assert(n > 5 || h(n) < 6); return n; }",
    /^f\/ensures/,
  ],
  [
    'a condition that speaks of what is not there',
    "/** @throws a[0] === 0 */ export function f(a: Uint8Array): void { if (a.length > 0 && a[0] === 0) throw new Error('0'); }",
    /^f\/defined/,
  ],
  [
    'a postcondition that only holds where it throws',
    "/**\n * @throws n > 5\n * @ensures n > 5\n */ export function f(n: u8): void { if (n > 5) throw new Error('5'); }",
    /ensures\/n > 5: failed, confirmed/,
  ],
  [
    'what follows a trusted error that always comes and never does',
    '/**\n * @trusted\n * @throws n > 5\n * @ensures n > 5\n */ export declare function g(n: u8): void;\n/** @requires n < 5\n * @ensures false */ export function f(n: u8): void { g(n); }',
    /reachable\/after g: failed, vacuous/,
  ],
];

describe('a contract that holds is proved', () => {
  it.each(Object.entries(sound))('%s', async (_, text) => {
    expect(failures(await proveText(text))).toEqual([]);
  });
});

describe('a contract that does not hold is not proved', () => {
  it.each(unsound)('%s', async (_, text, name) => {
    const failed = failures(await proveText(text));
    expect(
      failed.filter((line) => name.test(line)),
      failed.join('\n'),
    ).not.toEqual([]);
  });
});

describe('a run', () => {
  it('ends with the error that its contract announces', () => {
    const program = programOf(sound['errors where they are announced, and only there']);
    const [byte] = program.functions;
    expect(run(program, byte, [256n]).outcome).toEqual({ kind: 'threw', error: 'RangeError' });
    expect(run(program, byte, [255n]).outcome).toEqual({ kind: 'returned', value: 255n });
  });
});

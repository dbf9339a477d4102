/** Ghost code helps proofs, proves nothing false, and changes nothing that is run. */
import { describe, expect, it } from 'vitest';
import * as library from '../../analyzers/library/contracts.ts';
import { complaints, failures, proveText } from '../support/contracts.ts';

const lemma = `
/**
 * @requires a <= b && b <= 1000 && c <= 1000
 * @ensures a * c <= b * c
 * @decreases c
 */
export function monotone(a: u32, b: u32, c: u32): void { if (c > 0) monotone(a, b, c - 1); }
`;

const sound: Readonly<Record<string, string>> = {
  'a lemma that is called in a block': `${lemma}
    /** @requires a <= b && b <= 1000 && c <= 1000 */
    export function f(a: u32, b: u32, c: u32): void {
      ghost(() => { monotone(a, b, c); });
      assert(a * c <= b * c);
    }`,
  'a lemma for each of many, in a loop of its own': `${lemma}
    /**
     * @requires n <= 1000 && m <= 1000 && n <= m
     * @ensures forall(0, 10, (i) => n * i <= m * i)
     */
    export function f(n: u32, m: u32): void {
      ghost(() => {
        for (let i = 0; i < 10; i++) {
          invariant(forall(0, i, (j) => n * j <= m * j));
          monotone(n, m, i);
        }
      });
    }`,
  'a value that is kept, and one that goes along with a loop': `
    /**
     * @modifies a
     * @requires a.length < 1000 && a.length > 0
     * @ensures a[0] === old(a[0]) + 0
     */
    export function f(a: Uint8Array): void {
      const first = ghost(a[0]);
      let rounds = ghost(0);
      for (let i = 0; i < a.length; i++) {
        invariant(rounds === i && a[0] === first);
        if (i > 0) a[i] = first0(a);
        rounds = ghost(rounds + 1);
      }
      assert(rounds === a.length);
    }
    /** @requires a.length > 0 */
    export function first0(a: Readonly<Uint8Array>): u8 { return a[0]; }`,
  'a definition that is known in spite of ghost code before it': `
    /** @pure */
    export function twice(n: u8): number {
      ghost(() => { assert(n + n === 2 * n); });
      return n + n;
    }
    /** @ensures result === 10 */
    export function f(): number { return twice(5); }`,
  'a measure': `
    /** @requires n < 1000 */
    export function f(n: u32): void {
      let left = ghost(n + 1);
      let i = 0;
      while (i !== n) {
        invariant(0 <= i && i <= n && left === n + 1 - i);
        decreases(left);
        i++;
        left = ghost(left - 1);
      }
    }`,
};

/** One false claim each; the obligation that must not hold. */
const unsound: readonly (readonly [what: string, text: string, name: RegExp])[] = [
  [
    'an assertion in a block',
    '/** @verified */ export function f(n: u8): void { ghost(() => { assert(n < 9); }); }',
    /assert\/n < 9: failed, confirmed/,
  ],
  [
    'a claim about a ghost value',
    '/** @verified */ export function f(n: u8): void { const m = ghost(n + 1); assert(m === n); }',
    /assert\/m === n: failed, confirmed/,
  ],
  [
    'a claim about one that a loop changes',
    '/** @verified */ export function f(n: u8): void { let m = ghost(0); for (let i = 0; i < n; i++) { m = ghost(1); } assert(m === 0); }',
    /assert\/m === 0: failed, confirmed/,
  ],
  [
    'a ghost value out of its range',
    '/** @verified */ export function f(n: u8): void { const m: u8 = ghost(n + 1); }',
    /range\/n \+ 1 is u8: failed, confirmed/,
  ],
  [
    'a ghost value that reads outside an array',
    '/** @verified */ export function f(a: Uint8Array): void { const m = ghost(a[3]); }',
    /bounds\/a\[3\]: failed, confirmed/,
  ],
  [
    "a lemma's precondition",
    `${lemma}/** @verified */ export function f(a: u32, b: u32): void { ghost(() => { monotone(a, b, 2); }); }`,
    /^f\/requires\/monotone: a <= b/,
  ],
  [
    'a ghost loop without an end',
    '/** @verified */ export function f(n: u8): void { ghost(() => { let i = 0; while (i < 9) { decreases(n); } }); }',
    /decreases.*failed/,
  ],
  [
    'a recursion in a block',
    '/** @ensures n < 5 */ export function f(n: u8): void { ghost(() => { f(n); }); }',
    /^f\/decreases/,
  ],
  [
    'a recursion in a quantifier of a ghost value',
    `/**
 * @pure
 * @decreases n
 * @ensures result === 0
 */
export function f(n: u8): u8 { const all = ghost(forall(0, 3, (i) => f(n) === 0)); return 0; }`,
    /^f\/defined\/forall/,
  ],
  [
    'a branch of a block that nothing comes to',
    '/** @requires n < 5 */ export function f(n: u8): void { ghost(() => { if (n > 9) { assert(false); } }); }',
    /reachable\/n > 9: failed, vacuous/,
  ],
];

const inBody = (statements: string): string =>
  `/**\n * @modifies a\n */ export function f(n: u8, a: Uint8Array): u8 { let m = ghost(0); let x: u8 = 0; ${statements} return x; }`;

const trusted = '/**\n * @trusted\n * @ensures n < 5\n */ export declare function check(n: u8): void;\n';

const refused: readonly (readonly [text: string, message: string])[] = [
  [inBody('x = m;'), 'the ghost variable m is used in code'],
  [inBody('if (m > 0) x = 1;'), 'the ghost variable m is used in code'],
  [inBody('const o: { readonly m: number } = { m };'), 'the ghost variable m is used in code'],
  [inBody('a[m] = 1;'), 'the ghost variable m is used in code'],
  [inBody('for (let i = 0; i < m; i++) {}'), 'the ghost variable m is used in code'],
  [inBody('return g(m);'), 'the ghost variable m is used in code'],
  [inBody('m = 5;'), 'the ghost variable m is assigned in code'],
  [inBody('m++;'), 'is assigned in code'],
  [inBody('x = ghost(5);'), 'a ghost value goes to x, which is no ghost variable'],
  [inBody('a[0] = ghost(5);'), 'a ghost value goes to something else'],
  [inBody('x = ghost(5) + 1;'), 'ghost(...) is part of an expression'],
  [inBody('return ghost(x);'), 'ghost(...) is part of an expression'],
  [inBody('ghost(() => { x = 1; });'), 'ghost code assigns x, which is declared outside of its block'],
  [inBody('ghost(() => { m = 1; });'), 'ghost code assigns m, which is declared outside of its block'],
  [inBody('ghost(() => { m = ghost(1); });'), 'ghost code assigns m'],
  [inBody('ghost(() => { const k = ghost(1); });'), 'ghost(...) inside ghost code'],
  [inBody('ghost(() => { a[0] = 1; });'), 'a store in ghost code'],
  [inBody('ghost(() => { w(a); });'), 'a call of w, which writes to its arguments, in ghost code'],
  [inBody('const k = ghost(w(a));'), 'w is called in a ghost value and is not @pure'],
  [inBody('ghost(() => { const b = new Uint8Array(3); });'), 'an array in ghost code'],
  [inBody('ghost(() => { return; });'), 'a jump out of ghost code'],
  [inBody('ghost(() => { if (n > 3) return; });'), 'a jump out of ghost code'],
  [inBody('for (let i = 0; i < 3; i++) { ghost(() => { break; }); }'), 'Jump target cannot cross function boundary'],
  [inBody('ghost(async () => { });'), 'a ghost value that goes nowhere'],
  [inBody('ghost(n);'), 'a ghost value that goes nowhere'],
  [inBody('const k = ghost(old(n));'), 'old(...) in a ghost value'],
  [inBody('const k = ghost(g(n));'), 'g is called in a ghost value and is not @pure'],
  [inBody('const k = ghost(a);'), 'the ghost variable k has no value'],
  [inBody('const k = ghost(implies(n > 0, 1n / BigInt(n) > 0n));'), 'JavaScript computes this side'],
  [`${trusted}${inBody('ghost(() => { check(n); });')}`, 'ghost code calls check, which is trusted and not pure'],
  [
    `${trusted}/** @ensures n < 5 */ function sure(n: u8): void { check(n); }\n${inBody('ghost(() => { sure(n); });')}`,
    'ghost code calls check, which is trusted and not pure',
  ],
  [inBody('ghost(() => { throw new Error(); });'), 'a throw in ghost code'],
  [
    `/** @throws n > 4 */ export function small(n: u8): void { if (n > 4) throw new Error(); }\n${inBody('ghost(() => { small(n); });')}`,
    'ghost code calls small, which throws',
  ],
  [
    '/** @trusted */ export declare function clock(): u8;\n/** @pure */ export function now(): u8 { return clock(); }',
    'now is @pure and calls clock, which is trusted and not pure',
  ],
];

const helpers =
  '\n/** @verified */ function g(n: u8): u8 { return n; }\n/**\n * @modifies a\n */ function w(a: Uint8Array): u8 { return 1; }';

describe('ghost code', () => {
  it.each(Object.entries(sound))('proves %s', async (_, text) => {
    expect(failures(await proveText(text))).toEqual([]);
  });

  it.each(unsound)('does not prove %s', async (_, text, name) => {
    expect(failures(await proveText(text)).filter((line) => name.test(line))).not.toEqual([]);
  });

  it.each(refused)('is refused: %s', (text, message) => {
    expect(complaints(text + helpers)).toContain(message);
  });

  it('gives values at run time, and runs no block', () => {
    expect(library.ghost(5n)).toBe(5n);
    library.ghost(() => {
      throw new Error('run');
    });
  });
});

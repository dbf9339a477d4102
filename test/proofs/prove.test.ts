/** True contracts are proved, the whole way from source to solver; false ones are not. */
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { groupFunctions } from '../../proofs/groups.ts';
import { obligationsOf, verifyProgram } from '../../proofs/verify.ts';
import { askProver, failures, library, programOf, proveText } from '../support/contracts.ts';

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
  'a switch, an enum and a tuple': `
    enum Kind { Short, Long = 5 }
    /**
     * @requires kind === Kind.Short || kind === Kind.Long
     * @ensures result[0] === (kind === Kind.Long ? 20 : 8)
     * @ensures result[1]
     */
    export function header(kind: Kind): readonly [u8, boolean] {
      switch (kind) {
        case Kind.Long:
          return [20, true];
        case Kind.Short:
          return [8, true];
      }
      return [8, true];
    }`,
  'an event loop': `
    /**
     * @diverges
     * @modifies a
     * @requires a.length > 0
     */
    export function main(a: Uint8Array): void {
      let i = 0;
      while (true) {
        invariant(0 <= i && i < a.length);
        a[i] = 0;
        i = i + 1 < a.length ? i + 1 : 0;
      }
    }`,
  'a lemma, and a declared function that is trusted': `
    /**
     * @trusted
     * @ensures result <= 100
     */
    export declare function percent(): u8;
    /**
     * @requires a <= 1000 && b <= 1000 && c <= 1000 && a <= b
     * @ensures a * c <= b * c
     * @decreases c
     */
    export function monotone(a: u32, b: u32, c: u32): void { if (c > 0) monotone(a, b, c - 1); }
    /** @ensures result <= 200 */
    export function twice(): u8 { const first = percent(); return first + percent(); }`,
  'nested loops': `
    /**
     * @requires rows * columns === a.length
     * @requires rows <= 1000 && columns <= 1000
     * @modifies a
     * @ensures forall(0, a.length, i => a[i] === 1)
     */
    export function ones(a: Uint8Array, rows: u32, columns: u32): void {
      let at = 0;
      for (let r = 0; r < rows; r++) {
        invariant(at === r * columns);
        invariant(forall(0, at, (i) => a[i] === 1));
        for (let c = 0; c < columns; c++) {
          invariant(at === r * columns + c);
          invariant(r * columns + columns <= rows * columns);
          invariant(forall(0, at, (i) => a[i] === 1));
          a[at] = 1;
          at++;
        }
      }
    }`,
  'a pure function in a contract': `
    /** @pure */
    export function larger(a: u32, b: u32): u32 { return a > b ? a : b; }
    /** @ensures result === larger(larger(a, b), c) */
    export function largest(a: u32, b: u32, c: u32): u32 {
      let m: u32 = a;
      if (b > m) m = b;
      if (c > m) m = c;
      return m;
    }`,
  'a view of bytes in either order': `
    /**
     * @requires at >= 0 && at + 8 <= view.byteLength
     * @modifies view
     * @ensures view.getUint16(at, true) === a && view.getUint8(at) === a % 256
     * @ensures view.getInt32(at + 4) === b
     */
    export function write(view: DataView, at: number, a: u16, b: i32): void {
      view.setUint16(at, a, true);
      view.setInt32(at + 4, b);
    }`,
  'a value that may be missing': `
    /**
     * @ensures result === undefined || (0 <= result && result < a.length && a[result] === key)
     * @ensures result !== undefined || forall(0, a.length, i => a[i] !== key)
     */
    export function find(a: Readonly<Uint8Array>, key: u8): number | undefined {
      for (let i = 0; i < a.length; i++) {
        invariant(forall(0, i, (j) => a[j] !== key));
        if (a[i] === key) return i;
      }
      return undefined;
    }
    interface Pair { readonly first: u8; readonly second: u8 | undefined }
    /** @ensures result <= 510 */
    export function total(pair: Pair, more: u8 | undefined): number {
      let extra: u8 | undefined = more;
      if (extra === undefined || pair.second === undefined) extra = pair.first;
      const second = pair.second ?? 0;
      return extra + second;
    }
    /** @ensures result === undefined || result > 0 */
    export function positive(n: u8): u8 | undefined { return n > 0 ? n : undefined; }
    /** @ensures result < a.length || result === 0 */
    export function use(a: Readonly<Uint8Array>): number { const at = find(a, 3); return at !== undefined && at > 0 ? at : 0; }`,
  'quantifiers in each other over a function of both variables': `
    /** @pure */
    function atMost(a: number, b: number): boolean { return a <= b; }
    /**
     * @requires forall(0, 9, i => forall(i, 10, j => atMost(i, j)))
     * @ensures atMost(2, 3)
     */
    export function f(): number { return 1; }`,
  'a clause whose sums leave the safe integers and still say the same': `
    /**
     * @requires at + 4 + size <= a.length
     * @requires at >= 0
     * @ensures result === a[at + size]
     */
    export function f(a: Readonly<Uint8Array>, at: number, size: u8): u8 { return a[at + size]; }`,
  'a recursion in an assertion, of a smaller argument': `
    /**
     * @pure
     * @requires n >= 0
     * @decreases n
     * @ensures result === 0
     */
    export function f(n: number): number {
      if (n > 0) assert(f(n - 1) === 0);
      return 0;
    }`,
  'names that mean something to a solver': `
    /**
     * @requires and <= or && store.length > 3
     * @modifies store
     * @ensures result === and && store[$é] === not
     * @requires $é < store.length && $é >= 0
     */
    export function forall_(and: u32, or: u32, store: Uint8Array, $é: number, not: u8): u32 {
      const select = and;
      const assert_ = true, ite = 1, div = 2, v_and = 3, __proto = 4;
      let mod = ite + div + v_and + __proto;
      while (mod > 0 && assert_) mod--;
      store[$é] = not;
      return select;
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
  [
    'a reachable default',
    '/**\n * @requires n < 2\n */ export function f(n: u8): u8 { switch (n) { case 0: return 1; case 1: return 2; default: return 3; } }',
    /reachable\/else of 1: failed, vacuous/,
  ],
  [
    'a switch without a default',
    '/**\n * @ensures result < 3\n */ export function f(n: u8): u8 { let r: u8 = 3; switch (n) { case 0: r = 1; break; case 1: r = 2; break; } return r; }',
    /ensures/,
  ],
  [
    'a stored value',
    '/**\n * @modifies a\n * @requires a.length > 0\n */ export function f(a: Uint8Array, n: u16): void { a[0] = n; }',
    /range\/n is u8: failed, confirmed/,
  ],
  [
    'an argument',
    '/** @verified */ export function g(n: u8): u8 { return n; }\n/** @verified */ export function f(n: u16): u8 { return g(n); }',
    /range\/n is u8/,
  ],
  [
    'a field',
    'interface R { readonly x: u8 }\n/** @verified */ export function f(n: u16): R { return { x: n }; }',
    /range\/n is u8/,
  ],
  [
    'a place in a tuple',
    '/** @ensures result[0] === 2 */ export function f(): readonly [u8, u8] { return [1, 2]; }',
    /ensures/,
  ],
  [
    'a result that goes to a narrower variable',
    '/** @verified */ export function g(n: u16): u16 { return n; }\n/** @verified */ export function f(n: u16): u8 { const x: u8 = g(n); return x; }',
    /range/,
  ],
  [
    'a compound assignment',
    '/** @verified */ export function f(n: u8): u8 { let x: u8 = n; x += 1; return x; }',
    /range\/x \+= 1 is u8: failed, confirmed/,
  ],
  [
    'a count beyond a byte',
    '/** @verified */ export function f(n: u32): void { let x: u8 = 0; while (x < n) { x++; } }',
    /range/,
  ],
  [
    'a counter that may be rounded',
    '/** @verified */ export function f(n: number): number { return n - 1; }',
    /overflow/,
  ],
  ['a negation of the smallest', '/** @verified */ export function f(n: i32): i32 { return -n; }', /range/],
  ['an absolute value', '/** @verified */ export function f(n: i8): i8 { return Math.abs(n); }', /range/],
  ['a 64-bit sum', '/** @verified */ export function f(a: u64, b: u64): u64 { return a + b; }', /range/],
  [
    'a 64-bit division',
    '/** @verified */ export function f(a: u64, b: u64): u64 { return a / b; }',
    /division by zero/,
  ],
  [
    'a 64-bit shift',
    '/** @verified */ export function f(a: u64, b: u64): u64 { return BigInt.asUintN(64, a << b); }',
    /shift count/,
  ],
  ['a conversion', '/** @verified */ export function f(a: u64): number { return Number(a); }', /overflow\/Number\(a\)/],
  [
    'an element one past the end',
    '/** @verified */ export function f(a: Uint8Array): number { let s = 0; for (let i = 0; i <= a.length; i++) { invariant(s <= 255 * i && s >= 0); s += a[i]; } return s; }',
    /bounds\/a\[i\]: failed, confirmed/,
  ],
  [
    'an invariant that is too weak',
    '/** @ensures result === a.length */ export function f(a: Uint8Array): number { let s = 0; for (const _ of a) s += 1; return s; }',
    /failed, too weak/,
  ],
  [
    'a break that skips',
    '/** @ensures result === n */ export function f(n: u32): number { let i = 0; while (i < n) { invariant(i <= n); if (i === 3) break; i++; } return i; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a continue that skips',
    '/** @verified */ export function f(n: u32): void { let i = 0; while (i < n) { if (i === 3) continue; i++; } }',
    /decreases/,
  ],
  [
    'what a loop forgets',
    '/** @ensures result === 1 */ export function f(n: u32): number { let x = 1; for (let i = 0; i < n; i++) { x = 2; } return x; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'what a loop writes',
    '/**\n * @modifies a\n * @requires a.length > 0 && a[0] === 1\n * @ensures a[0] === 1\n */ export function f(a: Uint8Array): void { for (let i = 0; i < a.length; i++) a[i] = 2; }',
    /ensures/,
  ],
  [
    'an old value',
    '/**\n * @modifies a\n * @requires a.length > 0\n * @ensures a[0] === old(a[0])\n */ export function f(a: Uint8Array): void { a[0] = 7; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'exists',
    '/** @ensures exists(0, a.length, i => a[i] === 0) */ export function f(a: Uint8Array): void {}',
    /ensures/,
  ],
  [
    'implies',
    '/** @ensures implies(n > 3, result > 4) */ export function f(n: u32): u32 { return n; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a lemma that is false',
    '/** @ensures a * b <= a */ export function lemma(a: u32, b: u32): void {}',
    /ensures.*failed, confirmed/,
  ],
  [
    'a use of what a failed lemma says',
    '/** @ensures n < 5 */ export function lemma(n: u32): void {}\n/** @ensures result < 5 */ export function f(n: u32): u32 { lemma(n); return n; }',
    /n < 5: failed, confirmed/,
  ],
  [
    'a pure function that contradicts itself',
    '/**\n * @pure\n * @ensures result === f(n) + 1\n */ export function f(n: u32): number { return n; }',
    /ensures/,
  ],
  [
    'a pure recursion without an end',
    '/**\n * @pure\n * @ensures false\n * @decreases 1\n */ export function f(n: u32): u32 { return f(n); }\n/** @ensures false */ export function g(): u32 { return f(3); }',
    /^g\/ensures\/false/,
  ],
  [
    'a mutual recursion',
    '/** @ensures result === 0 */ export function f(n: u32): u32 { return g(n); }\n/** @ensures result === 0 */ export function g(n: u32): u32 { return f(n); }',
    /decreases/,
  ],
  [
    'a postcondition of a call that says too little',
    '/** @ensures result >= n */ export function g(n: u32): number { return n; }\n/** @ensures result === n */ export function f(n: u32): number { return g(n); }',
    /^f\/ensures/,
  ],
  [
    'a local array',
    '/** @ensures result === 1 */ export function f(): u8 { const a = new Uint8Array(2); return a[1]; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'an index into a local array',
    '/** @verified */ export function f(i: u8): u8 { const a = new Uint8Array(200); return a[i]; }',
    /bounds.*failed, confirmed/,
  ],
  [
    'a table',
    'const T = new Uint8Array([1, 2, 3]);\n/** @ensures result < 3 */ export function f(i: u8): u8 { return T[i % 3]; }',
    /ensures/,
  ],
  [
    'a condition with a call',
    '/** @requires n > 0 */ export function g(n: u32): boolean { return n > 5; }\n/** @verified */ export function f(n: u32): u32 { return n > 3 || g(n) ? 1 : 0; }',
    /requires\/g: n > 0/,
  ],
  [
    'a boolean',
    '/** @ensures result === (a && b) */ export function f(a: boolean, b: boolean): boolean { return a || b; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a measure that is not below its bound',
    '/** @decreases n */ export function f(n: i32): i32 { return n === 0 ? 0 : f(n - 1); }',
    /decreases|range/,
  ],
  [
    'a frame through a call',
    '/**\n * @modifies a\n */ export function g(a: Uint8Array): void {}\n/** @verified */ export function f(a: Uint8Array): void { g(a); }',
    /modifies\/a: failed/,
  ],
  [
    'a wrapping product',
    '/** @ensures result === a * b */ export function f(a: u32, b: u32): number { return Math.imul(a, b); }',
    /ensures/,
  ],
  [
    'a shift of a number beyond 32 bits',
    '/** @ensures result === n */ export function f(n: number): number { return n >>> 0; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a view that ends before',
    '/** @requires view.byteLength > 2 */ export function f(view: DataView): u16 { return view.getUint16(view.byteLength - 1); }',
    /bounds.*failed, confirmed/,
  ],
  [
    'a value that a view would cut',
    '/**\n * @modifies view\n * @requires view.byteLength > 2\n */ export function f(view: DataView, n: u32): void { view.setUint16(0, n); }',
    /range.*failed, confirmed/,
  ],
  [
    'the other byte order',
    '/**\n * @modifies view\n * @requires view.byteLength === 2\n * @ensures view.getUint16(0) === n\n */ export function f(view: DataView, n: u16): void { view.setUint16(0, n, true); }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a missing value that is promised',
    '/** @ensures result !== undefined */ export function f(n: u8): u8 | undefined { return n > 3 ? n : undefined; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'what a value is when there is one',
    '/** @ensures result === undefined || result > 3 */ export function f(n: u8 | undefined): u8 | undefined { return n; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a range when there is a value',
    '/** @verified */ export function f(n: u16 | undefined): u8 | undefined { return n; }',
    /range/,
  ],
  [
    'a value in place of a missing one',
    '/** @ensures result === 0 */ export function f(n: u8 | undefined): u8 { return n ?? 0; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'what follows a trusted contract that contradicts itself',
    '/**\n * @trusted\n * @ensures result > 5 && result < 5\n */ export declare function g(): u8;\n/** @ensures result === 77 */ export function f(): u8 { return g(); }',
    /reachable\/after g: failed, vacuous/,
  ],
  [
    'what follows a pure one',
    '/**\n * @trusted\n * @pure\n * @ensures result > n && result < n\n */ export declare function g(n: u8): u8;\n/** @ensures result === 77 */ export function f(n: u8): u8 { return g(n); }',
    /reachable\/after g: failed, vacuous/,
  ],
  [
    'what follows one without a value',
    '/**\n * @trusted\n * @modifies a\n * @ensures false\n */ export declare function g(a: Uint8Array): void;\n/**\n * @modifies a\n * @ensures 1 > 2\n */ export function f(a: Uint8Array): void { g(a); }',
    /reachable\/after g: failed, vacuous/,
  ],
  [
    'a record from a call with effects, field by field',
    `/**
 * @modifies a
 * @ensures result.x === 1000
 */
function mk(a: Uint8Array): { readonly x: number } { return { x: 1000 }; }
/**
 * @modifies a
 * @ensures result === 2
 */
export function g(a: Uint8Array): number { const p = mk(a); return p.x; }`,
    /^g\/ensures/,
  ],
  [
    'what a call in a clause says of arguments that it cannot have',
    `/**
 * @pure
 * @ensures result === x
 */
function id(x: number): number { return x; }
/**
 * @requires y === 123456789
 * @ensures result === 42
 */
export function g(y: u32): number { assert(id(Number.MAX_SAFE_INTEGER + y) >= 0); return 0; }`,
    /^g\/(defined|ensures)/,
  ],
  [
    'the same in the contract',
    `/**
 * @pure
 * @ensures result === x
 */
function id(x: number): number { return x; }
/**
 * @requires y === 123456789
 * @ensures result === 42 || id(Number.MAX_SAFE_INTEGER + y) === 0
 */
export function g(y: u32): number { return 0; }`,
    /^g\/(defined|ensures)/,
  ],
  [
    'the same in an invariant',
    `/**
 * @pure
 * @ensures result >= x
 */
function up(x: number): number { return x; }
/**
 * @requires y === 123456789
 * @ensures result === 42
 */
export function g(y: u32): number {
  let i = 0;
  while (i < 10) {
    invariant(i >= 0 && i <= 10);
    invariant(up(i * 9007199254740991) >= 0);
    i++;
  }
  return i;
}`,
    /^g\/(defined|ensures)/,
  ],
  [
    'a call behind a test, where the test fails',
    `/**
 * @pure
 * @ensures result === x
 */
function id8(x: u8): u8 { return x; }
/**
 * @requires n === 123456 || n < 256
 * @ensures n < 256 || result === 55
 */
export function h(n: u32): number { return n < 256 ? id8(n) : 0; }`,
    /^h\/ensures/,
  ],
  [
    'the same by a definition',
    `/** @pure */
function double(x: u8): u16 { return x * 2; }
/**
 * @requires n === 123456 || n < 256
 * @ensures n < 256 || result === 55
 */
export function h(n: u32): u32 { let r = 0; if (n < 256) r = double(n); return r; }`,
    /^h\/ensures/,
  ],
  [
    'a recursion in an assertion, which JavaScript computes',
    `/**
 * @pure
 * @requires n >= 0
 * @decreases n
 * @ensures result === 0
 */
export function f(n: number): number { assert(f(n) === f(n)); return 0; }`,
    /^f\/defined\/f\(n\)/,
  ],
  [
    'a clause that rounding changes',
    '/** @ensures result === ((x * x) | 0) */ export function f(x: u32): i32 { return Math.imul(x, x); }',
    /^f\/defined/,
  ],
  [
    'an assertion that rounding changes',
    '/** @requires x === Number.MAX_SAFE_INTEGER */ export function f(x: number): void { assert(x + 2 > x + 1); }',
    /^f\/defined/,
  ],
  [
    'a sum that comes back from where it was rounded',
    '/** @requires x + 2 - 2 === x */ export function f(x: number): number { return x; }',
    /^f\/defined/,
  ],
  [
    'a range that begins or ends where numbers are rounded',
    '/** @ensures forall(0, 2 * n, (i) => i >= 0) */ export function f(n: number): void {}',
    /^f\/defined/,
  ],
  [
    'a shift by a count that is never in range',
    '/** @verified */ export function f(x: bigint, y: u64): bigint { return x << (-1n - y); }',
    /shift count/,
  ],
  [
    'a clause outside an array of what is trusted',
    '/**\n * @trusted\n * @ensures a[0] >= 0\n */ export declare function f(a: Readonly<Uint8Array>): void;',
    /^f\/defined\/a\[0\] >= 0: failed, too weak/,
  ],
  [
    'a precondition of what is trusted that divides by 0',
    '/**\n * @trusted\n * @requires 9 % n === 0\n */ export declare function f(n: u8): void;',
    /^f\/defined\/9 % n === 0: failed/,
  ],
  ['a clause outside an array', '/** @ensures a[0] >= 0 */ export function f(a: Uint8Array): void {}', /defined/],
];

describe('a contract that holds is proved', () => {
  it.each(Object.entries(sound))('%s', async (_, text) => {
    expect(failures(await proveText(text))).toEqual([]);
  });
});

describe('a program with bounds of its own', () => {
  it('says of a chain of calls, each of which doubles, only so much', () => {
    const chain = Array.from(
      { length: 26 },
      (_, i) =>
        `/** @pure */ function f${i}(n: u32): number { return ${i === 0 ? 'n' : `f${i - 1}(Math.trunc(n / 2)) + f${i - 1}(Math.trunc(n / 3))`}; }`,
    ).join('\n');
    const program = programOf(
      `${chain}\n/** @ensures result >= f25(n) */ export function g(n: u32): number { return f25(n); }`,
    );
    const ending = new Set(program.functions.map(({ key }) => key));
    const group = groupFunctions(program.functions).at(-1)!;
    const { obligations } = obligationsOf(program, group.functions[0], group, ending);
    expect(obligations.map(({ query }) => query.assumptions.length).filter((count) => count > 5000)).toEqual([]);
  });

  it('is not run until the memory is full', () => {
    const { functions, ...rest } = programOf(
      '/** @verified */ export function f(): bigint { let x: bigint = 2n; for (let i = 0; i < 60; i++) { x = x * x; } return x; }',
    );
    expect(run({ functions, ...rest }, functions[0], []).outcome).toEqual({ kind: 'gave up' });
  });
});

describe('a contract that does not hold is not proved', () => {
  it.each(unsound)('%s', async (_, text, name) => {
    expect(failures(await proveText(text)).filter((line) => name.test(line))).not.toEqual([]);
  });

  it('though another file is named like a clause of this one', async () => {
    const { program } = analyze(
      [
        {
          name: 'a.ts',
          text: "import { z } from './a.ts#c.ts';\n/** @ensures result === 1 */ export function f(): number { return 2; }",
        },
        { name: 'a.ts#c.ts', text: '/** @ensures result === 2 */ export function z(): number { return 2; }' },
      ],
      library,
    );
    expect(failures(await verifyProgram(program!, { ask: askProver() }))).toEqual([
      'f/ensures/result === 1: failed, confirmed bug',
    ]);
  });
});

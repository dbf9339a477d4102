/** Values and control beyond numbers and loops: of each construct what is true is proved, and what is false is not. */
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { bytes, table } from '../../analyzers/library/contracts.ts';
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
  'enums and strings as closed lists': `
    enum Kind { Short, Long = 5, None = 9 }
    enum Dense { A, B, C }
    type Unit = 'byte' | 'half' | 'word';
    /**
     * @ensures result === (unit === 'byte' ? 1 : unit === 'half' ? 2 : 4)
     * @ensures result < 4 || unit === 'word'
     */
    export function size(unit: Unit): u8 {
      switch (unit) {
        case 'byte':
          return 1;
        case 'half':
          return 2;
        case 'word':
          return 4;
      }
    }
    /** @ensures result === Kind.Short || result === Kind.Long || result === Kind.None */
    export function next(kind: Kind): Kind {
      switch (kind) {
        case Kind.Short:
          return Kind.Long;
        case Kind.Long:
        case Kind.None:
          return kind === 5 ? Kind.None : Kind.Short;
      }
    }
    const TABLE = new Uint8Array([7, 8, 9]);
    /** @ensures result === 7 + d */
    export function look(d: Dense): u8 { return TABLE[d]; }
    /**
     * @requires n === 0 || n === 5 || n === 9
     * @ensures result === n && result % 5 < 5
     */
    export function kindOf(n: u8): Kind { return n; }
    /** @ensures result === 'half' || small && result === 'byte' */
    export function pick(small: boolean): 'byte' | 'half' { return small ? 'byte' : 'half'; }
    const WIDE: Unit = 'word';
    /** @ensures result === (unit === 'word') */
    function isWide(unit: Unit): boolean { return unit === WIDE; }
    /** @ensures result === 2 || a && result === 1 */
    export function use(a: boolean): u8 {
      let unit = pick(a);
      for (let i = 0; i < 3; i++) { invariant(unit !== 'byte' || a); unit = i === 1 ? pick(a) : unit; }
      const same: boolean = isWide(unit);
      assert(!same);
      return size(unit);
    }`,
  'unions of records, by their tags': `
    interface Circle { readonly kind: 'circle'; readonly r: u8; readonly at: readonly [u8, u8] }
    interface Square { readonly kind: 'square'; readonly side: u16; readonly at: readonly [u8, u8] }
    interface Text { readonly kind: 'text'; readonly side: u8; readonly bold: boolean }
    type Shape = Circle | Square | Text;
    type Read = { readonly ok: true; readonly value: u8 } | { readonly ok: false; readonly at: u32 };
    enum Op { Get, Put }
    type Command = { readonly op: Op.Get; readonly key: u8 } | { readonly op: Op.Put; readonly key: u8; readonly value: u16 };
    /**
     * @pure
     * @ensures s.kind !== 'circle' || result === s.r * 2
     * @ensures s.kind === 'circle' || result === s.side
     */
    export function width(s: Shape): u16 {
      if (s.kind === 'circle') return s.r * 2;
      switch (s.kind) {
        case 'square':
          return s.side;
        case 'text':
          return s.bold ? s.side : s.side;
      }
    }
    /** @ensures result.kind === 'circle' ? result.r === n : result.side === n */
    export function make(n: u8, round: boolean): Circle | Text {
      const at = n;
      return round ? { kind: 'circle', r: at, at: [1, 2] } : { kind: 'text', side: at, bold: false };
    }
    /** @ensures result <= 510 && width(make2()) === 8 */
    export function wide(n: u8): u16 {
      const made = make(n, n > 3);
      const shape: Shape = made;
      return width(shape);
    }
    /** @pure */
    function make2(): Shape { return { kind: 'circle', r: 4, at: [0, 0] }; }
    /** @ensures result === c.r */
    export function radius(c: Circle): u8 { return c.r; }
    /** @ensures result <= 255 */
    export function narrow(s: Shape): u8 {
      if (s.kind !== 'circle') return 0;
      return radius(s);
    }
    /**
     * @ensures result.ok === (i < a.length)
     * @ensures result.ok ? result.value === a[i] : result.at === i
     */
    export function read(a: Readonly<Uint8Array>, i: u32): Read {
      return i < a.length ? { ok: true, value: a[i] } : { ok: false, at: i };
    }
    /** @ensures result <= 300 */
    export function either(a: Readonly<Uint8Array>): u16 {
      const got = read(a, 2);
      return got.ok ? got.value : 300;
    }
    /** @ensures result === c.key || c.op === Op.Put && result === c.value */
    export function run(c: Command, more: Command | undefined): u16 {
      switch (c.op) {
        case Op.Get:
          return more === undefined ? c.key : c.key;
        case Op.Put:
          return c.value;
      }
    }`,
  'lists of records, as parameters and as tables': `
    interface Entry { readonly low: u8; readonly high: u8; readonly kind: 'free' | 'used' | 'bad'; readonly at: readonly [u16, boolean] }
    const TABLE: readonly Entry[] = [
      { low: 0, high: 9, kind: 'used', at: [1, true] },
      { low: 10, high: 19, kind: 'free', at: [2, false] },
    ];
    export const FROZEN: readonly Entry[] = table([{ low: 3, high: 4, kind: 'bad', at: [300, true] }]);
    const LEVELS = Object.freeze([Object.freeze({ low: 1, on: true }), Object.freeze({ low: 2, on: false })]);
    const PRIMES: readonly u8[] = [2, 3, 5, 7];
    const MAGIC = bytes('GET \\x89\\r\\n');
    /**
     * @ensures result === -1 || 0 <= result && result < entries.length && entries[result].low <= x && x <= entries[result].high
     * @ensures result >= 0 || forall(0, entries.length, (i) => x < entries[i].low || entries[i].high < x)
     */
    export function find(entries: readonly Entry[], x: u8): number {
      for (let i = 0; i < entries.length; i++) {
        invariant(forall(0, i, (j) => x < entries[j].low || entries[j].high < x));
        const e = entries[i];
        if (e.low <= x && x <= e.high) return i;
      }
      return -1;
    }
    /** @ensures result === (x < 10 ? 1 : x < 20 ? 2 : 0) */
    export function kind(x: u8): u16 {
      if (x < 10) return TABLE[0].kind === 'used' && TABLE[0].at[1] ? TABLE[0].at[0] : 0;
      if (x < 20 && TABLE[1].kind === 'free' && !TABLE[1].at[1]) return TABLE[1].at[0];
      return 0;
    }
    /** @ensures result === 0 */
    export function frozen(): number {
      const last = FROZEN[FROZEN.length - 1];
      assert(last.at[0] === 300 && FROZEN.length === 1 && LEVELS[1].low === 2 && !LEVELS[1].on);
      return find(FROZEN, 3) + (FROZEN[0].kind === 'bad' && LEVELS[0].on ? 0 : 1);
    }
    /** @ensures forall(0, values.length, (i) => values[i] <= result) */
    export function largest(values: readonly u8[]): u8 {
      let most: u8 = 0;
      for (let i = 0; i < values.length; i++) {
        invariant(forall(0, i, (j) => values[j] <= most));
        if (values[i] > most) most = values[i];
      }
      return most;
    }
    /** @ensures result >= 14 */
    export function primes(): number { return largest(PRIMES) + PRIMES[3]; }
    /** @ensures result === (a.length >= 7 && forall(0, 7, (i) => a[i] === MAGIC[i])) */
    export function isMagic(a: Readonly<Uint8Array>): boolean { return starts(a, MAGIC) && MAGIC[4] === 0x89; }
    /** @ensures result === (a.length >= b.length && forall(0, b.length, (i) => a[i] === b[i])) */
    function starts(a: Readonly<Uint8Array>, b: Readonly<Uint8Array>): boolean {
      if (a.length < b.length) return false;
      for (let i = 0; i < b.length; i++) {
        invariant(forall(0, i, (j) => a[j] === b[j]));
        if (a[i] !== b[i]) return false;
      }
      return true;
    }
    /** @ensures result === 4 */
    export function loop(): number {
      let n = 0;
      const local = bytes('abc');
      for (const e of TABLE) { invariant(n === 0); n = e.low === 255 || e.high > 9 && e.kind === 'used' ? n : 0; }
      for (const c of MAGIC) { invariant(n === 0); if (c === 0x89) n = 0; }
      const made = { size: local[2] - 95, name: n };
      return made.size + n;
    }`,
  'generic functions, for each list of types': `
    type Option<T> = { readonly some: true; readonly value: T } | { readonly some: false };
    interface Pair<A, B> { readonly first: A; readonly second: B }
    /**
     * @pure
     * @ensures result === (a > b ? a : b)
     */
    function max<T extends u8 | u16 | i32>(a: T, b: T): T { return a > b ? a : b; }
    /** @ensures result === max(max(a, b), c) && result >= 0 */
    export function three(a: u8, b: u8, c: u8): u8 {
      const m = max(a, b);
      return max<u8>(m, c);
    }
    /** @ensures result <= 2147483647 */
    export function wide(a: i32, b: u16): number { return max(a, a) + max(b, b) - b; }
    /** @verified */
    function first<T>(pair: readonly [T, T]): T { return pair[0]; }
    /** @ensures result <= 255 */
    export function use(a: u8): number { return first([a, a]) + (first<boolean>([true, false]) ? 0 : 0); }
    /** @ensures result === (option.some ? option.value : other) */
    function orElse(option: Option<u8>, other: u8): u8 { return unwrap(option, other); }
    /**
     * @pure
     * @ensures !option.some || true
     */
    function unwrap<T>(option: Option<T>, other: T): T { return option.some ? option.value : other; }
    /** @ensures result.first === b && result.second === a */
    function swap<A extends number, B extends boolean>(a: A, b: B): Pair<B, A> { return { first: b, second: a }; }
    /** @ensures result === n + 1 */
    export function swapped(n: u8): u16 { const p = swap<u8, boolean>(n, true); return p.second + (p.first ? 1 : 0); }
    /** @ensures (x < 5) === (result !== undefined) && (result === undefined || result.some) */
    export function chosen(x: u8): { readonly some: boolean; readonly value: u8 } | undefined {
      const some = x < 200;
      return x < 5 ? { some, value: x } : undefined;
    }
    /** @ensures a === undefined ? result : true */
    export function none(a: u8 | undefined): boolean { return !isThere(a); }
    /** @ensures result === (x !== undefined) */
    function isThere<T>(x: T | undefined): boolean { return x !== undefined; }
    /**
     * @pure
     * @decreases n
     * @ensures result === x
     */
    function again<T extends number>(n: u8, x: T): T { return n === 0 ? x : again(n - 1, x); }
    /** @ensures result === 3 */
    export function often(n: u8): number { return again(n, 3); }`,
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
  [
    'a number that is no member of the enum',
    'enum Kind { A, B = 5 }\n/** @requires n < 6 */ export function f(n: u8): Kind { return n; }',
    /range\/n is Kind: failed, confirmed/,
  ],
  [
    'a switch over an enum that leaves a member out',
    'enum Kind { A, B = 5 }\n/** @ensures result === 1 */ export function f(k: Kind): u8 { let r: u8 = 0; switch (k) { case Kind.A: r = 1; break; } return r; }',
    /ensures\/result === 1: failed, confirmed/,
  ],
  [
    'a default that no member comes to',
    'enum Kind { A, B = 5 }\n/** @verified */ export function f(k: Kind): u8 { switch (k) { case Kind.A: return 1; case Kind.B: return 2; default: return 3; } }',
    /reachable\/else of Kind.B: failed, vacuous/,
  ],
  [
    'a member as the number of another',
    'enum Kind { A = 3, B = 5 }\n/** @ensures result !== 5 */ export function f(k: Kind): number { return k; }',
    /ensures\/result !== 5: failed, confirmed/,
  ],
  [
    'a string that another union has at the same place',
    "type A = 'x' | 'y';\ntype B = 'y' | 'z';\n/** @ensures result === 'z' */ export function f(a: A): B { return a === 'y' ? a : 'y'; }",
    /ensures\/result === 'z': failed, confirmed/,
  ],
  [
    'a string in a loop',
    "type A = 'x' | 'y' | 'z';\n/** @ensures result !== 'z' */ export function f(n: u8): A { let a: A = 'x'; for (let i = 0; i < n; i++) { if (i === 2) a = 'z'; } return a; }",
    /ensures/,
  ],
  [
    'a field of another record of a union',
    "type S = { readonly k: 'a'; readonly x: u8 } | { readonly k: 'b'; readonly y: u8 };\n/** @ensures result === 0 || s.k === 'b' */ export function f(s: S): u8 { return s.k === 'a' ? s.x : s.y; }",
    /ensures.*failed, confirmed/,
  ],
  [
    'the range of a field where a union has two of its name',
    "type S = { readonly k: 'a'; readonly x: u8 } | { readonly k: 'b'; readonly x: u16 };\n/** @ensures result < 256 */ export function f(s: S): number { if (s.k === 'a') return 1; return s.x; }",
    /ensures\/result < 256: failed, confirmed/,
  ],
  [
    'the tag of a record that was made',
    'type S = { readonly ok: true; readonly x: u8 } | { readonly ok: false };\n/** @ensures result.ok */ export function f(n: u8): S { return n > 3 ? { ok: true, x: n } : { ok: false }; }',
    /ensures\/result.ok: failed, confirmed/,
  ],
  [
    'what a field of one record becomes in another union',
    "type A = { readonly k: 'a'; readonly x: u8 };\ntype B = { readonly k: 'b'; readonly x: u16 };\ntype C = { readonly k: 'c'; readonly x: u8 };\n/** @ensures result.x < 256 || result.k === 'c' */ export function f(s: A | B): A | B | C { return s; }",
    /ensures.*failed, confirmed/,
  ],
  [
    'a record that may be missing, chosen where it is made',
    'interface R { readonly a: u8; readonly b: boolean }\n/** @ensures result === undefined || (result.a < 3 && result.b) */ export function f(x: u32): R | undefined { const b = x > 0; return x <= 3 ? { a: x, b } : undefined; }',
    /^f\/ensures.*failed, confirmed/,
  ],
  [
    'a value that the compiler believes to be there',
    'interface P { readonly v: u8 | undefined }\n/** @ensures result > 0 || p.v === undefined || p.v === 0 */ export function f(p: P): u8 { let q: u8 | undefined = p.v; if (q === undefined) q = undefined; return q ?? 1; }\n/** @ensures result < 255 */ export function g(p: P): u8 { return p.v === undefined ? 0 : p.v; }',
    /^g\/ensures.*failed, confirmed/,
  ],
  [
    'an index of a list',
    'interface E { readonly x: u8 }\n/** @verified */ export function f(list: readonly E[], i: u32): u8 { return list[i].x; }',
    /bounds\/list\[i\]: failed, confirmed/,
  ],
  [
    'another field of a record of a list',
    'interface E { readonly x: u8; readonly y: u8 }\n/**\n * @requires list.length > 3\n * @ensures result === list[2].y\n */ export function f(list: readonly E[]): u8 { return list[2].x; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a truth of a list',
    'interface E { readonly on: boolean }\n/**\n * @requires list.length > 3\n * @ensures result\n */ export function f(list: readonly E[]): boolean { return list[2].on; }',
    /ensures.*failed, confirmed/,
  ],
  [
    'a record of a table',
    'const T: readonly { readonly x: u8; readonly on: boolean }[] = [{ x: 1, on: true }, { x: 2, on: false }];\n/** @ensures result < 2 */ export function f(i: u8): u8 { return T[i & 1].x; }\n/** @ensures result */ export function g(i: u8): boolean { return T[i & 1].on; }',
    /^g\/ensures.*failed, confirmed/,
  ],
  [
    'a list of a union, field by field',
    "type S = { readonly k: 'a'; readonly x: u8 } | { readonly k: 'b'; readonly x: u16 };\n/** @requires list.length > 0\n * @ensures result < 256 */ export function f(list: readonly S[]): number { const s = list[0]; return s.k === 'b' ? s.x : 0; }",
    /ensures/,
  ],
  [
    'a byte of a text',
    "const M = bytes('\\xff\\n');\n/** @ensures result < 255 */ export function f(i: u8): u8 { return M[i & 1]; }",
    /ensures.*failed, confirmed/,
  ],
  [
    'a byte of a joined text',
    "const M = bytes('a' + ('b' + 'c') + 'd');\n/** @ensures result !== 0x63 || i !== 2 */ export function f(i: u8): u8 { return M[i & 3]; }",
    /ensures.*failed, confirmed/,
  ],
  [
    'an index of a text',
    "const M = bytes('abc');\n/** @verified */ export function f(i: u8): u8 { return M[i & 3]; }",
    /bounds.*failed, confirmed/,
  ],
  [
    'a sum that only one of its types holds',
    'function sum<T extends u8 | number>(a: T, b: T): number { return a + b; }'.replace(
      'function',
      '/** @verified */ function',
    ) +
      '\n/** @verified */ export function f(a: u8): number { return sum<u8>(a, a); }\n/** @verified */ export function g(a: number): number { return sum<number>(a, a); }',
    /^sum<number>\/overflow\/a \+ b: failed, confirmed/,
  ],
  [
    'a postcondition of one instance',
    '/** @ensures result < 256 */ function same<T extends number>(x: T): number { return x; }\n/** @verified */ export function f(a: u8, b: u16): number { return same<u8>(a) + same<u16>(b); }',
    /^same<u16>\/ensures\/result < 256: failed, confirmed/,
  ],
  [
    'a call with another type than the one named',
    '/** @verified */ function same<T extends number>(x: T): T { return x; }\n/** @verified */ export function f(b: u16): number { return same<u8>(b); }',
    /^f\/range\/b is u8: failed, confirmed/,
  ],
  [
    'a type that a generic function hands on',
    '/** @ensures result < 256 */ function inner<T extends number>(x: T): number { return x; }\n/** @verified */ function outer<T extends number>(x: T): number { return inner(x); }\n/** @verified */ export function f(b: u16): number { return outer(b); }',
    /^inner<u16>\/ensures.*failed, confirmed/,
  ],
  [
    'a generic value that may be missing',
    '/** @ensures result === other */ function or<T extends number>(x: T | undefined, other: T): T { return x ?? other; }\n/** @verified */ export function f(b: u8 | undefined): u8 { return or<u8>(b, 1); }',
    /^or<u8>\/ensures.*failed, confirmed/,
  ],
  [
    'a record without a declared type',
    '/** @ensures result < 255 */ export function f(n: u8): u8 { const p = { low: n, high: 3 }; return p.low; }',
    /ensures.*failed, confirmed/,
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

describe('in Node.js', () => {
  it('a table is frozen with all that is in it', () => {
    const values = table([{ low: 1, at: [2] as readonly number[] }]);
    expect([values, values[0], values[0].at].every(Object.isFrozen)).toBe(true);
  });

  it('a text is its bytes, and has none beyond one', () => {
    expect([...bytes('A\x89\xff')]).toEqual([0x41, 0x89, 0xff]);
    expect(() => bytes('\u0100')).toThrow(RangeError);
  });
});

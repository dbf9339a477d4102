/** What is not in the language is refused at its line, by name; nothing of it is understood by halves. */
import { describe, expect, it } from 'vitest';
import { complaints } from '../support/contracts.ts';

const inBody = (statement: string): string =>
  `/** @verified */\nexport function f(n: u32, a: Uint8Array, b: Readonly<Uint8Array>): void { ${statement} }`;

/** Verified code that takes a member of an enum for a constant. */
const reads = '/** @ensures result === 3 */ export function f(): number { return E.A; }';

/** A table that verified code reads, and something else that happens in its module. */
const listed = (other: string): string =>
  `const T: readonly number[] = [1, 2];\n/** @verified */ export function f(): number { return T[0]; }\n${other}`;
const records = (other: string): string =>
  `const T: readonly { readonly low: u8 }[] = [{ low: 1 }];\n/** @verified */ export function f(): number { return T[0].low; }\n${other}`;
const view = 'v: Readonly<DataView>, i: u8, l: readonly { readonly low: u8 }[], c: { at: u8 }';
/** Claims in a body, which JavaScript computes. */
const claims = (claim: string): string =>
  `/** @pure */ function p(n: u8): u8 { return n; }\n/** @modifies c */ export function f(${view}): void { c.at = 1; ${claim} }`;

const refused: readonly (readonly [text: string, message: string])[] = [
  [
    '/** @diverges */ export function f(n: u8): void { ghost(() => { while (true) {} }); }',
    'nothing says that this loop',
  ],
  ['/** @verified */ export function f(x: u8, undefined: u8): boolean { return x === undefined; }', 'called undefined'],
  [listed("(T['reverse' as any as number] as any)();"), 'more than read here'],
  [listed("const k: number = 'reverse' as any; (T[k] as any)();"), 'more than read here'],
  [listed('delete ((T as any)[0]);'), 'more than read here'],
  [listed('delete (T[0]);'), 'more than read here'],
  [`enum E { A = 3 }\ndelete (E.A as any);\n${reads}`, 'more than read here'],
  [`enum E { A = 3 }\n(E['__defineGetter__' as any as number] as any)('A', () => 7);\n${reads}`, 'more than read here'],
  [claims('assert(implies(i < l.length, l[i].low <= 255));'), 'always, and it might throw'],
  [claims('assert(implies(i < v.byteLength, v.getUint8(i) <= 255));'), 'always, and it might throw'],
  [claims('assert(implies(i !== 0, forall(0, Math.trunc(i / c.at), (k) => k >= 0)));'), 'always, and it might throw'],
  [claims('assert(l.length === 0 || l[old(c.at) % l.length].low <= 255);'), 'with the present value'],
  [claims('assert(p(old(c.at)) === old(c.at));'), 'with the present value'],
  [claims('assert(old(p(c.at)) === old(c.at));'), 'with the present value'],
  ["/** @verified */ export function f(u: { readonly 'x.0': u8; readonly x: u16 }): void {}", 'a name that is not'],
  ['/** @verified */ export function f(u: { readonly __proto__: u8 }): void {}', 'a name that is not supported'],
  [records('namespace N { export const r = T[0]; }\n(N.r as any).low = 5;'), 'more than read here'],
  [
    records('const evil = (n: number) => { switch (n) { case 1: const r = T[0]; case 2: (r as any).low = 5; } };'),
    'more than read here',
  ],
  ['enum E { B = 1.5 }\n/** @verified */ export function f(e: E): boolean { return e >= 2 || e <= 1; }', 'no integers'],
  ['/** @verified */ export function f(x: 0.5 | 1.5): boolean { return x >= 1 || x <= 0; }', 'no safe integer'],
  [
    'declare const N = 5;\n/** @verified */ export function f(): number { return N; }',
    'neither a parameter, a local variable nor a constant',
  ],
  [inBody('n / 2;'), 'this statement has no effect'],
  [inBody('const x = n / 2;'), '/ on numbers gives fractions'],
  [inBody('const x = n == 2;'), '== converts its operands'],
  [inBody('const x = 1.5;'), '1.5 is no safe integer'],
  [inBody('const x = 9007199254740993;'), 'is no safe integer'],
  [inBody('var x = 1;'), 'var is not supported'],
  [inBody('let x: u8;'), 'declared without a value'],
  [inBody('n = 1;'), 'the parameter n is assigned'],
  [inBody('const c = a;'), 'second name for an array'],
  [inBody('const c = a.subarray(1);'), 'second name for an array'],
  [inBody('const c = a.length ? 1 : 2;'), 'a condition of type number'],
  [inBody('a.fill(0);'), 'a method call is not supported'],
  [inBody('const c = a.buffer;'), 'the type ArrayBuffer is not supported'],
  [inBody('b[0] = 1;'), 'only permits reading'],
  [inBody('const x = n as number;'), 'a type assertion is not supported'],
  [inBody('const x: number = (n as any) + 1;'), 'a type assertion is not supported'],
  [inBody("const x: string = 'a';"), 'the type string is not supported'],
  [inBody("let x = 'a';"), 'the type string is not supported'],
  ["/** @verified */ export function f(x: 'a' | 1): void {}", 'is not supported'],
  ['/** @verified */ export function f(x: { readonly y: u8 }[]): void {}', 'Take readonly T[]'],
  ['/** @verified */ export function f(x: readonly Uint8Array[]): void {}', 'holds arrays'],
  ['/** @verified */ export function f(x: readonly u8[]): readonly u8[] { return x; }', 'an array is returned'],
  ['/** @verified */ export function f(x: readonly u8[]): void { const y = x; }', 'second name for an array'],
  ['/** @verified */ export function f(x: readonly u8[]): void { x[0] = 1; }', 'only permits reading'],
  ['/**\n * @modifies x\n */ export function f(x: readonly u8[]): void {}', 'it is Readonly'],
  [
    '/** @verified */ function g(x: readonly u8[]): void {}\n/** @verified */ export function f(x: readonly u16[]): void { g(x); }',
    'a readonly u16[] where readonly u8[] is expected',
  ],
  [
    '/** @verified */ function g(x: readonly number[]): void {}\n/** @verified */ export function f(x: Uint8Array): void { g(x); }',
    'a Uint8Array where readonly number[] is expected',
  ],
  [
    'export const T: readonly u8[] = [1];\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is exported',
  ],
  [
    'const T: readonly u8[] = [1];\n(T as number[])[0] = 2;\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  [
    'const T: readonly u8[] = [1];\nexport const g = () => T;\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  [
    'const T: { x: number }[] = [{ x: 1 }];\n/** @verified */ export function f(): u8 { return T[0].x; }',
    'Take readonly T[]',
  ],
  ...[
    'T[0].x = 2;',
    '(T[0] as any).x = 2;',
    '[T[0].x] = [2];',
    'T[0].x++;',
    'delete (T[0] as any).x;',
    'delete T[0].x;',
    'Object.assign(T[0], { x: 2 });',
    'const e = T[0];',
    'function k() { const e = T[0]; e.x = 5; }',
    'for (const e of T) Object.assign(e, { x: 2 });',
    'for (const e of T) e.x = 2;',
    'let m = T[0].p; m.y = 3;',
    'export const o = { T };',
    'T.push({ x: 1, p: { y: 1 } });',
    'T["push"]({ x: 1, p: { y: 1 } });',
    '/** @verified */ export function h(): { readonly x: u8 } { return T[0]; }',
    '/** @verified */ export function h(): { readonly x: u8 } { const e = T[0]; return e; }',
  ].map(
    (statement) =>
      [
        `interface E { readonly x: u8; readonly p: { readonly y: u8 } }\nconst T: readonly E[] = [{ x: 1, p: { y: 2 } }];\n${statement}\n/** @verified */ export function f(): u8 { return T[0].x; }`,
        'the table T is more than read here',
      ] as const,
  ),
  [
    'const T = Object.freeze([{ x: 1 }]);\nexport const g = () => T;\n/** @verified */ export function f(): u8 { return T[0].x; }',
    'the field x can be written',
  ],
  [
    'interface E { readonly x: u8 }\nexport const T: readonly E[] = Object.freeze([{ x: 1 }]);\n/** @verified */ export function f(): u8 { return T[0].x; }',
    'the table T is exported',
  ],
  [
    'let n = 3;\nconst T: readonly u8[] = table([n]);\n/** @verified */ export function f(): u8 { return T[0]; }',
    'neither a parameter, a local variable nor a constant',
  ],
  [
    '/** @verified */ function n(): u8 { return 1; }\nconst T: readonly u8[] = table([n()]);\n/** @verified */ export function f(): u8 { return T[0]; }',
    'this is no constant',
  ],
  ['const T: readonly u8[] = [256];\n/** @verified */ export function f(): u8 { return T[0]; }', 'this is no u8'],
  [
    "const M = bytes('\u00e9');\n/** @verified */ export function f(): u8 { return M[0]; }",
    'characters that are no bytes',
  ],
  [
    "const M = bytes('\\u0101');\n/** @verified */ export function f(): u8 { return M[0]; }",
    'characters that are no bytes',
  ],
  [
    "const k = 'a';\nconst M = bytes(k);\n/** @verified */ export function f(): u8 { return M[0]; }",
    'bytes of something other than a literal',
  ],
  [
    "const k = 'a';\nconst M = bytes('b' + k);\n/** @verified */ export function f(): u8 { return M[0]; }",
    'bytes of something other than a literal',
  ],
  [inBody("const x = bytes('a')[0];"), 'this is not the name of a typed array'],
  [inBody("let x = bytes('a');"), 'is declared with let'],
  [
    "export const M = bytes('a');\n/** @verified */ export function f(): u8 { return M[0]; }",
    'the table M is exported',
  ],
  [inBody('const e = { x: 1 }; Object.freeze(e);'), 'something other than a new record is frozen'],
  ["enum E { A = 'a', B = 1 }\n/** @verified */ export function f(x: E): void {}", 'is not supported'],
  ["type S = 'a' | 'b';\n/** @verified */ export function f(x: S): S { return 'c'; }", 'is not assignable to type'],
  ["type S = 'a' | 'b';\n/** @verified */ export function f(x: S): boolean { return x < 'b'; }", 'a comparison of S'],
  [
    "type S = 'a' | 'b';\n/** @verified */ export function f(x: S): number { return x.length; }",
    'Only records have fields',
  ],
  [
    'type U = { readonly a: u8 } | { readonly b: u8 };\n/** @verified */ export function f(x: U): void {}',
    'A union is of strings, or of records that a literal tells apart',
  ],
  [
    "type U = { readonly k: 'a' } | { readonly k: 'a' | 'b' };\n/** @verified */ export function f(x: U): void {}",
    'A union is of strings, or of records that a literal tells apart',
  ],
  [
    "type U = { readonly k: 'a'; x: u8 } | { readonly k: 'b' };\n/** @verified */ export function f(x: U): void {}",
    'the field x can be written',
  ],
  [
    'declare enum E { A, B }\ntype U = { readonly k: E.A } | { readonly k: E.B };\n/** @verified */ export function f(x: U): void {}',
    'are not known',
  ],
  [
    "type U = { readonly k: 'a'; readonly x: u8 } | { readonly k: 'b' };\n/** @verified */ export function f(u: U): u8 { return u.x; }",
    "Property 'x' does not exist",
  ],
  [
    "type U = { readonly k: 'a' } | { readonly k: 'b' };\n/** @verified */ export function f(u: U): U { return { k: u.k }; }",
    'the tag k does not say which record',
  ],
  [
    'interface A { readonly k: "a"; readonly x: u8 }\ntype U = A | { readonly k: "b" };\n/** @verified */ function g(): A { return { k: "a", x: 1 }; }\n/** @verified */ export function f(): U { return g(); }',
    'Give it a name first',
  ],
  [
    '/** @verified */ export function f(x: u8 | undefined): x is u8 { return true; }',
    'a type predicate is not supported',
  ],
  [
    '/** @verified */ export function f(x: u8 | undefined): asserts x is u8 { return; }',
    'a type predicate is not supported',
  ],
  [inBody('const x = () => 1;'), 'is not supported'],
  [inBody('const x = new Uint8Array(n);'), 'the length of a local array is no constant'],
  [inBody('let x = new Uint8Array(4);'), 'is declared with let'],
  [inBody('const x = new Float64Array(4);'), 'the type Float64Array is not supported'],
  [inBody('do { } while (n > 0);'), 'do ... while is not supported'],
  [inBody('for (const k in a) { }'), 'for ... in is not supported'],
  [inBody('while (a[0] !== 0) { }'), 'nothing says that this loop ends'],
  [inBody('while (true) { }'), 'nothing says that this loop ends'],
  [inBody(`const x = n${' + 1'.repeat(6000)};`), 'nested more than 500 levels deep'],
  [`${inBody('')}\nexport const x = ${'('.repeat(50_000)}1${')'.repeat(50_000)};`, 'too deeply for the compiler'],
  [
    `${Array.from({ length: 40 }, (_, i) => `const A${i} = ${i === 0 ? '2n << 64n' : `A${i - 1} * A${i - 1}`};`).join('\n')}\n/** @verified */ export function f(): bigint { return A39; }`,
    'neither a parameter, a local variable nor a constant',
  ],
  [
    '/** @diverges */ export function f(n: u8): u8 { while (true) {} }\n/** @verified */ export function g(n: u8): number { return f(n) + 0; }',
    'f is @diverges',
  ],
  [
    '/**\n * @modifies a\n */ function f(a: Uint8Array): { readonly x: number } { return { x: 1000 }; }\n/**\n * @modifies a\n */ export function g(a: Uint8Array): { readonly x: u8 } { return f(a); }',
    'goes to a variable of another type',
  ],
  [inBody('outer: for (let i = 0; i < 3; i++) { break outer; }'), 'LabeledStatement is not supported'],
  [inBody('switch (n) { case 1: a[0] = 1; case 2: break; }'), 'a case runs into the next one'],
  [inBody('switch (n) { case 1: if (n > 0) break; return; }'), 'a break in the middle of a case'],
  [inBody('throw 1;'), 'something other than a new error is thrown'],
  [inBody("throw Error('x');"), 'something other than a new error is thrown'],
  [inBody("throw new Error('x');"), 'f throws and has no @throws'],
  [inBody('throw new Error(n + "");'), 'the message of an error is no constant'],
  [inBody("throw new Error('x', {} as any);"), 'Expected 0-1 arguments'],
  [inBody('class RangeError {} throw new RangeError();'), 'this is no error of the language'],
  [
    'class TypeError { message = "" }\n/** @throws n > 1 */ export function f(n: u8): void { throw new TypeError(); }',
    'this is no error of the language',
  ],
  ['/** @throws {Exotic} n > 1 */ export function f(n: u8): void {}', '@throws {Exotic}: no such error can be thrown'],
  [
    '/**\n * @verified\n * @throws {RangeError} if n is large\n */ export function f(n: u8): void {}',
    'the clause is not an expression',
  ],
  ['/**\n * @verified\n * @throw n > 1\n */ export function f(n: u8): void {}', 'Write @throws.'],
  ['/** @throws result > 1 */ export function f(n: u8): u8 { return n; }', "Cannot find name 'result'"],
  ['/** @throws old(n) > 1 */ export function f(n: u8): u8 { return n; }', 'old(...) in a clause about the entry'],
  ['/** @throws {Error} n > 1 */ export const f = (n: u8): u8 => n;', 'stands where no contract is read'],
  [inBody('try { } catch { }'), 'try is not supported'],
  [inBody('const x = Math.sqrt(n);'), "Property 'sqrt' does not exist"],
  [inBody('const x = Math.trunc(n);'), 'rounding of something other than a quotient'],
  [inBody('const x = n ** 2;'), '** is not supported'],
  [inBody('const x = (n, 2);'), 'Left side of comma operator'],
  [inBody('let x = 0; const y = x++;'), '++ inside an expression'],
  [inBody('let x = 0; const y = (x = 2);'), 'an assignment inside an expression'],
  [inBody('const { length } = a;'), 'a pattern in a declaration'],
  [inBody('const x = a?.length;'), '?. is not supported'],
  [inBody('const x = n!;'), 'the ! assertion is not supported'],
  [inBody('const x = n + 1n;'), 'cannot be applied to types'],
  [inBody('const x = forall(0, n, (i) => i > 0);'), 'forall(...) is for contracts'],
  [inBody('const x = old(n);'), 'old(...) is for contracts'],
  [inBody('a[0] = 1; invariant(n > 0);'), 'does not stand first in a loop'],
  [inBody('assert(implies(n > 0, 1n / BigInt(n) > 0n));'), 'JavaScript computes this side of implies(...) always'],
  [`${inBody('g(n);')}\nfunction g(n: u32): void {}`, 'g has no contract'],
  [inBody('const x = (() => n)();'), 'a call of a computed function'],
  [
    'let state = 0;\n/** @verified */ export function f(): number { return state; }',
    'neither a parameter, a local variable nor a constant',
  ],
  [
    'export const T = new Uint8Array([1]);\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is exported',
  ],
  [
    'const T = new Uint8Array([1]);\nT[0] = 2;\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  [
    'const T = new Uint8Array([1]);\nT["fill"](2);\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  [
    'const T = new Uint8Array([1]);\nexport const o = { T };\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  [
    'const T = new Uint8Array([1]);\nexport { T as U };\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  [
    'const T = new Uint8Array([1]);\n[T[0]] = [3];\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  ['const T = new Uint8Array([300]);\n/** @verified */ export function f(): u8 { return T[0]; }', '300 is no u8'],
  ['/** @verified */ export function f(x: any): void {}', 'the type any says nothing'],
  ['/** @verified */ export function f(x): void {}', "implicitly has an 'any' type"],
  ['/** @verified */ export function f(x: unknown): void {}', 'the type unknown is not supported'],
  ['/** @verified */ export function f(x: number | null): void {}', 'is not supported'],
  [
    '/** @verified */ export function f(x: number | undefined): number { return x + 1; }',
    "'x' is possibly 'undefined'",
  ],
  ['/** @verified */ export function f(x: Uint8Array | undefined): void {}', 'is not supported'],
  ['/** @verified */ export function f(x: number[]): void {}', 'is not supported'],
  ['/** @verified */ export function f(x: { readonly z: { y: number } }): void {}', 'the field y can be written'],
  ['/** @verified */ export function f(x: { readonly y?: number }): void {}', 'the field y is optional'],
  [
    "type B = { readonly [K in keyof u8 as K extends '__u8' ? K : never]: u8[K] };\n/** @verified */ export function f(x: B): boolean { return x <= x; }",
    'the field __u8 is optional',
  ],
  [
    "type B = { readonly [K in keyof u8 as K extends '__u8' ? K : never]: u8[K] };\n/** @verified */ export function f(x: bigint & B): boolean { return x <= x; }",
    'is not supported',
  ],
  ['/** @verified */ export function f(x: { readonly y: Uint8Array }): void {}', 'the field y is a Uint8Array'],
  ['/** @verified */ export function f(x = 1): void {}', 'has no type'],
  ['/** @verified */ export function f(...x: number[]): void {}', 'takes the rest'],
  ['/** @verified */ export function f(n: u8) { return n; }', 'f has no return type'],
  ['/** @verified */ export function f(a: Uint8Array): Uint8Array { return a; }', 'an array is returned'],
  [
    '/** @verified */ export async function f(): Promise<void> {}',
    'async or a generator, or a method with type parameters',
  ],
  ['/** @verified */ export function f<T>(x: T): void {}', 'f is generic and nothing verified calls it'],
  [
    '/** @verified */ function g<T>(x: T): void {}\n/** @verified */ export function f(a: Uint8Array): void { g(a); }',
    'g is called with the type Uint8Array',
  ],
  [
    '/** @verified */ function g<T>(x: T): void {}\n/** @verified */ export function f(a: u8 | undefined): void { g(a); }',
    'g is called with the type',
  ],
  [
    '/** @verified */ function g<T>(): void {}\n/** @verified */ export function f(): void { g(); }',
    'the type unknown is not supported',
  ],
  [
    '/** @verified */ function g<T>(x: T): void {}\n/** @verified */ export function f(): void { g<any>(1); }',
    'the type any says nothing',
  ],
  [
    '/** @verified */ function g<T>(x: T): T { return h(x); }\nfunction h<T>(x: T): T { return x; }\n/** @verified */ export function f(a: u8): u8 { return g(a); }',
    'h has no contract',
  ],
  [
    '/** @decreases n */ function g<T>(n: u8, x: T): void { if (n > 0) g<readonly [T]>(n - 1, [x]); }\n/** @verified */ export function f(a: u8): void { g(a, a); }',
    'g is called with more than 50 lists of types',
  ],
  [
    '/** @decreases n */ function g<T>(n: u8, x: T): void { if (n > 0) g<readonly [T, T, T]>(n - 1, [x, x, x]); }\n/** @verified */ export function f(a: u8): void { g(a, a); }',
    'a record of more than 1000 values',
  ],
  [
    '/** @verified */ function g<T extends { x: u8 }>(v: T): void { v.x = 2; }\n/** @verified */ export function f(a: { readonly x: u8 }): void { g(a); }',
    'a field is assigned',
  ],
  [
    '/** @verified */ function g<T>(x: T): void {}\n(g as any) = 1;\n/** @verified */ export function f(a: u8): void { g(a); }',
    'the function g is assigned',
  ],
  [
    '/** @verified */ function g<T>(x: T): u8 { return 1.5; }\n/** @verified */ export function f(a: u8, b: u16): number { return g(a) + g(b); }',
    '1.5 is no safe integer',
  ],
  ['/** @verified */ export function f(result: u8): void {}', 'called result'],
  ['/** @requires n > 0 */ export const f = (n: u8): u8 => n;', 'stands where no contract is read'],
  ['export class C { /** @requires n > 0 */ f(n: u8): u8 { return n; } }', 'stands where no contract is read'],
  ['/** @require n > 0 */ export function f(n: u8): u8 { return n; }', '@require is no tag of a contract'],
  ['/** @Requires n > 0 */ export function f(n: u8): u8 { return n; }', '@Requires is no tag of a contract'],
  ['/** @requires */ export function f(n: u8): u8 { return n; }', 'the clause is empty'],
  ['/** @requires n > 0; n */ export function f(n: u8): u8 { return n; }', 'the clause is not an expression'],
  [
    '/** @requires true) } function g() { return (true */ export function f(n: u8): u8 { return n; }',
    'the clause is not an expression',
  ],
  ['/** @requires n */ export function f(n: u8): u8 { return n; }', "not assignable to type 'boolean'"],
  ['/** @requires m > 0 */ export function f(n: u8): u8 { return n; }', "Cannot find name 'm'"],
  ['/** @requires old(n) > 0 */ export function f(n: u8): u8 { return n; }', 'old(...) in a clause about the entry'],
  ['/** @requires result > 0 */ export function f(n: u8): u8 { return n; }', "Cannot find name 'result'"],
  [
    '/** @ensures g(n) */ export function f(n: u8): u8 { return n; }\n/** @verified */ function g(n: u8): boolean { return true; }',
    'is not @pure',
  ],
  ['/** @modifies b */ export function f(a: Uint8Array): void {}', 'no parameter has that name'],
  ['/** @modifies a */ export function f(a: Readonly<Uint8Array>): void {}', 'it is Readonly'],
  ['/** @modifies n */ export function f(n: u8): void {}', 'it is neither an array nor an object'],
  [
    '/**\n * @pure\n * @modifies a\n */ export function f(a: Uint8Array): u8 { return 1; }',
    'is @pure and has an effect',
  ],
  ['/** @verified */ export function f(): void {}\n// @ts-expect-error\nf = () => {};', 'the function f is assigned'],
  [
    '/** @verified */ export function f(n: u8): u8;\nexport function f(n: u8): u8 { return n; }',
    'is declared more than once',
  ],
  [
    '/** @diverges */ export function f(): void { while (true) {} }\n/** @verified */ export function g(): void { f(); }',
    'f is @diverges',
  ],
  [
    '/** @verified */ export function f(a: Readonly<Uint8Array>): void { g(a); }\n/**\n * @modifies b\n */ function g(b: Uint8Array): void {}',
    'may not be written, and the parameter b may',
  ],
  ['/**\n * @pure\n * @requires n > 0\n */ export const f = (n: u8): u8 => n;', 'stands where no contract is read'],
  [
    'interface A { readonly x: u8; readonly y: u8 }\ninterface B { readonly y: u8; readonly x: u8 }\n/**\n * @modifies a\n */ export function f(a: Uint8Array): A { return { x: 1, y: 2 }; }\n/**\n * @modifies a\n */ export function g(a: Uint8Array): u8 { const b: B = f(a); return b.x; }',
    'goes to a variable of another type',
  ],
  [
    '/** @verified */ export function f(v: DataView): number { return v.getFloat64(0); }',
    '.getFloat64 is not supported',
  ],
  [
    '/** @verified */ export function f(v: DataView, e: boolean): number { return v.getUint16(0, e); }',
    'the byte order is no constant',
  ],
  ['/** @verified */ export function f(): void {} /* __casemate_clause_0 */', "are the prover's"],
  ['/** @verified */ export function f(): number { return 1; }\n[f] = [() => 2] as any;', 'the function f is assigned'],
  [
    '/** @verified */ export function f(): number { return 1; }\n({ f } = { f: () => 2 } as any);',
    'the function f is assigned',
  ],
  [
    '/** @verified */ export function f(): number { return 1; }\n({ a: f } = { a: () => 2 } as any);',
    'the function f is assigned',
  ],
  ['/** @verified */ export function f(): number { return 1; }\n(f as any) = () => 2;', 'the function f is assigned'],
  [
    '/** @verified */ export function f(): number { return 1; }\nfor (f of [() => 2] as any) { }',
    'the function f is assigned',
  ],
  ['/** @verified */ export function f(): number { return 1; }\n(f as any)++;', 'the function f is assigned'],
  ['/** @verified */ export function f(): number { return 1; }\n[...(f as any)] = [];', 'the function f is assigned'],
  [
    '/** @verified */ export function f(): void {}\nexport const g = (text: string): unknown => (eval as any)(text);',
    'eval can change every name of a module',
  ],
  [
    '/**\n * @pure\n * @requires f(n)\n */ export function f(n: u8): boolean { return true; }',
    'the precondition of f calls f',
  ],
  [
    '/**\n * @pure\n * @throws f(n)\n */ export function f(n: u8): boolean { return true; }',
    'the precondition of f calls f',
  ],
  [
    '/**\n * @pure\n * @requires g(n)\n */ export function f(n: u8): boolean { return true; }\n/**\n * @pure\n * @requires f(n)\n */ export function g(n: u8): boolean { return true; }',
    'the precondition of g calls g',
  ],
  [`enum E { A = 3 }\n(E as any).A = 9;\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nE.A++;\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\n[E.A] = [9];\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\ndelete (E as any).A; delete E.A;\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nconst o: any = E;\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nObject.assign(E, { A: 9 });\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nexport { E };\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nvar E = { A: 9 };\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nE['A'] = 9;\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nconst o: any = { E };\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nE.valueOf().A = 9;\n${reads}`, 'the enum E is more than read here'],
  [`enum E { A = 3 }\nnamespace E { export const B = 1; }\n${reads}`, 'the enum E is declared more than once'],
  [`export enum E { A = 3 }\n${reads}`, 'the enum E is exported'],
  [
    '/** Adds. @ensures result === 5\n * @verified */ export function f(n: u8): number { return n + 1; }',
    '@ensures does not begin its line',
  ],
  [
    '/**\n * - @ensures result === 5\n * @verified\n */ export function f(n: u8): number { return n + 1; }',
    '@ensures does not begin its line',
  ],
  [
    '/**\n *\u00a0@ensures result === 5\n */ export function f(n: u8): number { return n + 1; }',
    '@ensures does not begin its line',
  ],
  [
    'declare enum E { A = 3 }\n/** @verified */ export function f(): number { return E.A; }',
    'the enum of A is only declared',
  ],
  [
    '/** @verified */ export function f(): number { const x: number = 1;\n// @ts-ignore\nx = 2; return x; }',
    'Cannot assign to',
  ],
  [
    '// @ts-nocheck\n/** @verified */ export function f(): number { const x: number = 1; x = 2; return x; }',
    'Cannot assign to',
  ],
  [
    '/** @verified */ export function f(a: Uint8Array): number { let s = 0; for (const x of a) { /* @ts-expect-error */\nx = 2; } return s; }',
    'Cannot assign to',
  ],
  ['/** @verified */ export function f(this: void): void {}', 'this as a parameter is not supported'],
  ['/** @verified */ export function f(x: void): void {}', 'the parameter x has no value'],
  [
    'const T = new Uint8Array([1]);\nconst k: number = "buffer" as any;\nconst b: any = T[k];\n/** @verified */ export function f(): u8 { return T[0]; }',
    'the table T is more than read here',
  ],
  ['/** @verified */ export function f(): void { return 1 }', "not assignable to type 'void'"],
  ['/** @verified */ export function f(): void { ', "'}' expected"],
];

describe('refused', () => {
  it.each(refused)('%s', (text, message) => {
    expect(complaints(text)).toContain(message);
  });

  it('at its place, with the line and carets, and with what to write', () => {
    expect(complaints('/** @verified */\nexport function f(n: u32): number {\n  return n / 2;\n}')).toBe(
      'test.ts:4:10: error: / on numbers gives fractions\n    return n / 2;\n           ^^^^^\n  Write Math.trunc(a / b) or Math.floor(a / b).\n',
    );
  });

  it('in a clause over several lines, at the place in the comment', () => {
    expect(
      complaints('/**\n * @requires n > 0 &&\n *   k > 0\n */\nexport function f(n: u32): number { return n; }'),
    ).toBe("test.ts:4:6: error: Cannot find name 'k'.\n   *   k > 0\n       ^\n");
  });

  it('all of them, and not only the first', () => {
    const many = complaints(inBody('var x = 1; do { } while (true); throw 1;'));
    expect(many.match(/error:/g)).toHaveLength(3);
  });

  it('but not what stands outside a contract', () => {
    expect(
      complaints(
        'let s: any = "x";\nexport class C { x = s / 2; }\nexport const g = (x: string[]) => x.map(eval);\n/** Adds. @throws {Error} if it cannot\n * @throws RangeError */ export function g2(n: any): void {}\n/** @verified */ export function f(): void {}',
      ),
    ).toBe('');
  });

  it('nor an enum that is only read, by its members, its values and its name', () => {
    const uses = 'const names = (e: E): string => E[e];\nconst all: E[] = [E.A];\nconst typed: E.A = E.A;\n';
    expect(complaints(`enum E { A = 3 }\n${uses}${reads}`)).toBe('');
    expect(complaints(`export const enum E { A = 3 }\n${reads}`)).toBe('');
  });

  it('without what a terminal would take for a command', () => {
    expect(complaints(`/** @requires \u001b[31mx */ export function f(n: u8): u8 { return n; }`)).not.toContain(
      '\u001b',
    );
  });
});

/** Classes with invariants: what is proved of an object holds for every object, whoever calls its methods in any order. */
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { complaints, failures, programOf, proveText } from '../support/contracts.ts';

/** A counter that never passes its limit, with parts put in. */
const counter = (members = '', after = ''): string => `
/** @invariant this.#n <= this.limit && this.#log.length === 4 */
export class Counter {
  #n: u32;
  readonly limit: u32;
  readonly #log: Uint8Array;
  /** @ensures this.limit === limit && this.value() === 0 */
  constructor(limit: u32) {
    this.#n = 0;
    this.limit = limit;
    this.#log = new Uint8Array(4);
  }
  /** @pure */
  value(): u32 { return this.#n; }
  /**
   * @modifies this.#n
   * @requires this.value() < this.limit
   * @ensures this.value() === old(this.value()) + 1
   */
  up(): void { this.#n++; }
${members}
}
${after}`;

const sound: Readonly<Record<string, string>> = {
  'a constructor, methods and their users': counter(
    `
  /**
   * @modifies this
   * @ensures this.value() === 0
   */
  clear(): void { this.#n = 0; this.#log[0] = 1; }
  /**
   * @modifies this.#n
   * @ensures this.value() === this.limit
   */
  fill(): void {
    while (this.#n < this.limit) { invariant(this.#n <= this.limit && this.#log.length === 4); this.up(); }
  }
  /** @ensures result <= this.limit */
  least(other: Counter): u32 { return other.#n < this.#n ? other.#n : this.#n; }`,
    `
  /** @ensures result === 2 */
  export function f(): u32 {
    const a = new Counter(5);
    const b = new Counter(5);
    a.up();
    a.up();
    b.up();
    assert(b.value() === 1 && b.limit === 5);
    return a.value();
  }
  /**
   * @modifies c
   * @ensures c.value() <= c.limit
   */
  export function g(c: Counter, n: u8): void {
    for (let i = 0; i < n; i++) { if (c.value() < c.limit) c.up(); }
  }`,
  ),
  'a private method that breaks the invariant, and one that mends it': counter(`
  /**
   * @modifies this.#n
   * @ensures this.#n === 4294967295
   */
  #spoil(): void { this.#n = 4294967295; }
  /** @modifies this.#n */
  twice(): void { this.#spoil(); this.#n = 0; }`),
  'an error that leaves the object as it is to be': counter(`
  /**
   * @throws {RangeError} this.value() + by > this.limit
   * @modifies this.#n
   */
  add(by: u32): void {
    if (this.#n + by > this.limit) throw new RangeError();
    this.#n += by;
  }`),
  'an array that is made as long as it is asked for': `
/** @invariant 0 < this.#a.length && this.#a.length < 65536 */
class Bits {
  readonly #a: Uint32Array;
  /**
   * @requires n > 0
   * @ensures this.size() === n && !this.has(0)
   */
  constructor(n: u16) { this.#a = new Uint32Array(n); }
  /** @pure */
  size(): u32 { return this.#a.length; }
  /**
   * @pure
   * @requires i < this.size()
   */
  has(i: u32): boolean { return this.#a[i] !== 0; }
  /**
   * @requires i < this.size()
   * @modifies this
   * @ensures this.has(i)
   * @ensures i === 0 || this.has(0) === old(this.has(0))
   */
  set(i: u32): void { this.#a[i] = 1; }
}
/** @verified */
export function f(): void { const b = new Bits(9); b.set(8); assert(b.has(8) && !b.has(0)); }`,
  'a constructor that throws leaves no object, so no invariant to keep': `/** @invariant this.#used <= this.size */
class Part {
  readonly size: u32;
  readonly #used: u32;
  /** @throws {RangeError} used > size */
  constructor(size: u32, used: u32) {
    if (used > size) throw new RangeError('too much');
    this.size = size;
    this.#used = used;
  }
}`,
};

/** What a function that throws has written is not said; where it does not throw, that is mended. */
const spoiling = `/**
 * @modifies a
 * @throws {RangeError} n === 123456789
 * @ensures forall(0, a.length, (i) => a[i] <= 10)
 */
function spoil(a: Uint8Array, n: u32): void {
  for (let i = 0; i < a.length; i++) { decreases(a.length - i); a[i] = 200; }
  if (n === 123456789) throw new RangeError('x');
  for (let i = 0; i < a.length; i++) {
    invariant(forall(0, i, (k) => a[k] <= 10));
    decreases(a.length - i);
    a[i] = 1;
  }
}`;

/** One false claim each; the obligation that must not hold. */
const unsound: readonly (readonly [what: string, text: string, name: RegExp])[] = [
  [
    'an invariant that a constructor does not make',
    '/** @invariant this.#n > 0 */\nclass C { #n: u8; constructor(n: u8) { this.#n = n; } }',
    /^new C\/ensures\/this\.#n > 0: failed, confirmed/,
  ],
  [
    'an invariant that a method does not keep',
    counter('  /** @modifies this.#n */ add(by: u8): void { this.#n = by; }'),
    /^Counter\.add\/ensures\/this\.#n <= this\.limit.*: failed/,
  ],
  [
    'an invariant that does not hold where a public method is called',
    counter('  /** @modifies this.#n */ add(): void { this.#n = 4294967295; this.up(); this.#n = 0; }'),
    /^Counter\.add\/requires\/Counter\.up: this\.#n <= this\.limit/,
  ],
  [
    'an invariant that does not hold where a function is given the object',
    counter(
      '  /** @modifies this.#n */ add(): void { this.#n = 4294967295; look(this); this.#n = 0; }',
      '/** @ensures c.value() <= c.limit */ function look(c: Counter): void {}',
    ),
    /^Counter\.add\/requires\/look: this\.#n <= this\.limit/,
  ],
  [
    'an invariant that a private method has broken',
    counter(
      '  /** @modifies this.#n */ #spoil(): void { this.#n = 4294967295; }\n  /** @modifies this.#n */ add(): void { this.#spoil(); }',
    ),
    /^Counter\.add\/ensures\/this\.#n <= this\.limit/,
  ],
  [
    'an invariant where an error leaves the method',
    counter(`
  /**
   * @throws {RangeError} by > 9
   * @modifies this.#n
   */
  add(by: u32): void { this.#n = 4294967295; if (by > 9) throw new RangeError(); this.#n = 0; }`),
    /^Counter\.add\/ensures\/this\.#n <= this\.limit.*: failed/,
  ],
  [
    'an invariant where an error of another function leaves the method',
    counter(
      `
  /**
   * @throws {RangeError} by > 9
   * @modifies this.#n
   */
  add(by: u32): void { this.#n = 4294967295; test(by); this.#n = 0; }`,
      '/** @throws {RangeError} n > 9 */ function test(n: u32): void { if (n > 9) throw new RangeError(); }',
    ),
    /^Counter\.add\/ensures\/this\.#n <= this\.limit.*: failed/,
  ],
  ['a frame of fields', counter('  clear(): void { this.#n = 0; }'), /^Counter\.clear\/modifies\/this\.#n: failed/],
  [
    'a frame of arrays',
    counter('  /** @modifies this.#n */ clear(): void { this.#log[0] = 0; }'),
    /^Counter\.clear\/modifies\/this\.#log: failed/,
  ],
  [
    'a frame of a user',
    counter('', '/** @requires c.value() < c.limit */ export function f(c: Counter): void { c.up(); }'),
    /^f\/modifies\/c\.#n: failed/,
  ],
  [
    'what a method has written',
    counter(
      '',
      '/**\n * @modifies c\n * @requires c.value() < c.limit\n * @ensures c.value() === old(c.value())\n */ export function f(c: Counter): void { c.up(); }',
    ),
    /^f\/ensures/,
  ],
  [
    'what a loop of calls has written',
    counter(
      '',
      '/** @verified */ export function f(): void { const c = new Counter(9); for (let i = 0; i < 3; i++) { invariant(c.value() <= i); if (c.value() < c.limit) c.up(); } assert(c.value() === 0); }',
    ),
    /^f\/assert/,
  ],
  [
    'a precondition of a method',
    counter('', '/**\n * @modifies c\n */ export function f(c: Counter): void { c.up(); }'),
    /^f\/requires\/Counter\.up: this\.value\(\) < this\.limit/,
  ],
  [
    'a precondition of a constructor',
    '/** @verified */\nclass C { readonly n: u8;\n/** @requires n > 3 */ constructor(n: u8) { this.n = n; } }\n/** @verified */ export function f(): void { const c = new C(3); }',
    /^f\/requires\/new C: n > 3: failed/,
  ],
  [
    'one object for two',
    counter(
      '  /**\n   * @modifies this.#n\n   * @ensures other.value() === old(other.value())\n   */ take(other: Counter): void { this.#n = 0; }',
      '/**\n * @modifies c\n */ export function f(c: Counter): void { c.take(c); }',
    ),
    /^f\/separated\/Counter\.take: this, other: failed/,
  ],
  [
    "an object's own array beside the object",
    counter(
      '  /**\n   * @modifies out\n   * @requires out.length === 4\n   */ copy(out: Uint8Array): void { out[0] = this.#log[0]; }\n  /** @modifies this */ self(): void { this.copy(this.#log); }',
    ),
    /^Counter\.self\/separated\/Counter\.copy: out, this\.#log: failed/,
  ],
  [
    'an index into an own array',
    counter('  /** @modifies this */ log(i: u8): void { this.#log[i] = 1; }'),
    /^Counter\.log\/bounds/,
  ],
  [
    'the contents of an array that a constructor makes',
    '/** @invariant this.#a.length === 2 */\nclass C { readonly #a: Uint8Array;\n/** @ensures this.first() === 1 */ constructor() { this.#a = new Uint8Array(2); }\n/** @pure */ first(): u8 { return this.#a[0]; } }',
    /^new C\/ensures\/this\.first\(\) === 1: failed/,
  ],
  [
    'the length of one',
    '/** @invariant this.#a.length === 3 */\nclass C { readonly #a: Uint8Array; constructor(n: u8) { this.#a = new Uint8Array(n); } }',
    /^new C\/ensures.*failed, confirmed/,
  ],
  [
    'a length that is none',
    '/** @verified */\nclass C { readonly #a: Uint8Array; constructor(n: i8) { this.#a = new Uint8Array(n); } }',
    /^new C\/range.*failed, confirmed/,
  ],
  [
    'an invariant that is not defined',
    '/** @invariant this.#a[0] === 0 */\nclass C { readonly #a: Uint8Array; constructor() { this.#a = new Uint8Array(2); } get0(): void {} }',
    /^C\.get0\/defined/,
  ],
  [
    'an invariant that nothing meets',
    '/** @invariant this.n > 3 && this.n < 3 */\nclass C { readonly n: u8; constructor() { this.n = 3; } get0(): void {} }',
    /^(new C\/ensures|C\.get0\/satisfiable)/,
  ],
  [
    'an invariant of an array that a function has written before it throws',
    `${spoiling}
/** @invariant this.#b.length === 4 && this.#b[0] <= 10 */
class C {
  readonly #b: Uint8Array;
  constructor() { this.#b = new Uint8Array(4); }
  /**
   * @modifies this.#b
   * @throws {RangeError} n === 123456789
   */
  go(n: u32): void { spoil(this.#b, n); }
}`,
    /^C\.go\/ensures\/this\.#b\.length === 4 && this\.#b\[0\] <= 10: failed/,
  ],
];

const aClass = (members: string, head = 'class C', comment = '@invariant this.#n > 0'): string =>
  `/** ${comment} */\n${head} { #n: u8; constructor() { this.#n = 1; } ${members} }`;
const open = (members: string): string => `/** @verified */\nexport class C { ${members} }`;
const using = (statements: string): string =>
  counter('', `/**\n * @modifies c\n */ export function f(c: Counter): void { ${statements} }`);

const refused: readonly (readonly [text: string, message: string])[] = [
  [open('m: u8; constructor() { this.m = 1; }'), 'the field m can be written from outside'],
  [
    open('readonly a: Uint8Array; constructor() { this.a = new Uint8Array(1); }'),
    'the field a can be written from outside',
  ],
  [open('#a: Uint8Array; constructor() { this.#a = new Uint8Array(1); }'), 'the array #a is not readonly'],
  [aClass('#m: u8 = 1;'), 'is given a value here'],
  [aClass('#m!: u8;'), 'is given a value here, or may have none'],
  [aClass('static x = 1;'), 'x is static'],
  [aClass('static f(): void {}'), 'f is static'],
  [aClass('get x(): u8 { return 1; }'), 'x is no field and no method'],
  [aClass('set x(v: u8) {}'), 'x is no field and no method'],
  [aClass('[k: string]: unknown;'), 'is no field and no method'],
  [aClass("['x'](): void {}"), 'a method with a computed name'],
  [aClass('async f(): Promise<void> {}'), 'async or a generator'],
  [aClass('f(): void; f(n?: u8): void {}'), 'declared more than once'],
  [aClass('#m: u8;'), 'the field #m is given no value'],
  [`${aClass('@d f(): void {}')}\nfunction d(m: any, c: any): any { return m; }`, 'a decorator is not supported'],
  [`${aClass('@d readonly x: u8;')}\nfunction d(m: any, c: any): any {}`, 'a decorator is not supported'],
  [
    '/** @verified */\nclass C { readonly __proto__: u8; constructor() { this.__proto__ = 1; } }',
    'a member is called __proto__',
  ],
  [aClass('__casemate_cl\\u0061use_v(): void { this.#n = 0; }'), "are the prover's"],
  [aClass('__casemate_cl\\u{00061}use_v(): void { this.#n = 0; }'), "are the prover's"],
  [
    `${aClass('f(): u8 { return 1; }')}\n/** @verified */ export function g(c: C): void { }\nfunction h(c: C): void { c.f = () => 2 as u8; }`,
    'the function f is assigned',
  ],
  [aClass('accessor x: u8;').replace('this.#n = 1;', 'this.#n = 1; this.x = 1;'), 'x is an accessor'],
  [
    aClass(
      '\n/**\n * @modifies this.#a\n * @throws {RangeError} true\n */ #f(): void { this.#a[0] = 1; throw new RangeError(); }',
      'class C { readonly #a: Uint8Array',
    )
      .replace('this.#n = 1;', 'this.#n = 1; this.#a = new Uint8Array(2);')
      .replace('Uint8Array {', 'Uint8Array;'),
    'is private, writes the object and throws',
  ],
  [
    '/** @verified */\nclass C { readonly n: u8; constructor() { this.n = 3; } }\n/** @verified */ export function f(c: C): void {}',
    'which has no private member',
  ],
  [aClass('', 'class C extends Object'), 'the class C has a base'],
  [aClass('', 'class C<T>'), 'the class C has type parameters'],
  [aClass('', 'abstract class C'), 'abstract before a verified class'],
  [`${aClass('')}\nclass D extends C {}`, 'the class C is more than a type'],
  [`${aClass('f(): void {}')}\nC.prototype.f = () => {};`, 'the class C is more than a type'],
  [`${aClass('')}\nexport const D: unknown = C;`, 'the class C is more than a type'],
  [aClass('', 'class C', '@invariant this.#n > 0\n * @requires true'), '@requires in the comment of a class'],
  [aClass('\n/** @invariant true */ f(): void {}'), '@invariant belongs to a class'],
  [aClass('', 'class C', '@invariant this.m > 0'), "Property 'm' does not exist"],
  [aClass('', 'class C', '@invariant this.f()'), "Property 'f' does not exist"],
  [
    aClass('\n/** @pure */ f(): boolean { return true; }', 'class C', '@invariant this.f()'),
    'calls C.f, or what needs',
  ],
  [
    aClass(
      '\n/** @pure */ f(): boolean { return this.#g(); }\n/**\n * @pure\n * @requires this.f()\n */ #g(): boolean { return true; }',
      'class C',
      '@invariant this.#g()',
    ),
    'or what needs',
  ],
  [
    '/** @verified */\nclass C { #n: u8;\n/** @requires this.#n > 0 */ constructor() { this.#n = 1; } }',
    "does not exist on type 'typeof C'",
  ],
  [
    '/** @verified */\nclass C { #n: u8; constructor(b: boolean) { if (b) { this.#n = 1; } else { this.#n = 2; } } }',
    'this is used before all of its fields have a value',
  ],
  [
    '/** @verified */\nclass C { #n: u8; #m: u8; constructor() { this.#n = 1; this.f(); this.#m = 1; } f(): void {} }',
    'this is used before all of its fields have a value',
  ],
  ['/** @verified */\nclass C { #n: u8; #m: u8; constructor() { this.#n = this.#m; this.#m = 1; } }', 'used before'],
  [
    '/** @verified */\nclass C { #n: u8; constructor(b: boolean) { if (b) return; this.#n = 1; } }',
    'return before all fields have a value',
  ],
  ['/** @verified */\nclass C { constructor(readonly n: u8) {} }', 'a parameter that is a field'],
  [
    '/** @verified */\nclass C { readonly #a: Uint8Array; constructor(a: Uint8Array) { this.#a = a; } }',
    'is given no new Uint8Array',
  ],
  [
    '/** @verified */\nclass C { readonly n: u8; constructor() { this.n = 1; } f(): void { this.n = 2; } }',
    'read-only property',
  ],
  ['/** @verified */\nclass C { readonly n: u8; }', 'the class C has no constructor'],
  [aClass('f(): C { return this; }'), 'a C is returned'],
  [aClass('f(): void { const c = this; }'), 'this is not a new object'],
  [aClass('f(): unknown { return this; }'), 'the type unknown is not supported'],
  [
    aClass(
      'f(): void { this.#n = 1; }\n/**\n * @throws true\n * @modifies this\n */ #g(): void { throw new Error(); }',
    ),
    'is private, writes the object and throws',
  ],
  [using('const d = c;'), 'this is not a new object'],
  [using('let d = new Counter(1);'), 'the object d is declared with let'],
  [using('c.#n = 1;'), 'not accessible outside class'],
  [using("const n = c['value']();"), 'a call of a computed function'],
  [using('const v = c.value;'), 'is not supported'],
  [using('c?.up();'), 'an optional call is not supported'],
  [using('ghost(() => { c.up(); });'), 'which writes to its arguments, in ghost code'],
  [using('ghost(() => { const d = new Counter(1); });'), 'an object in ghost code'],
  [using('const x: { readonly c: Counter } = { c };'), 'is not supported'],
  [counter('', '/** @verified */ export function f(): Counter { return new Counter(1); }'), 'a Counter is returned'],
  [counter('', '/** @verified */ export function f(c: Counter | undefined): void {}'), 'is not supported'],
];

describe('classes', () => {
  it.each(Object.entries(sound))('prove %s', async (_, text) => {
    expect(failures(await proveText(text))).toEqual([]);
  });

  it.each(unsound)('do not prove %s', async (_, text, name) => {
    expect(failures(await proveText(text)).filter((line) => name.test(line))).not.toEqual([]);
  });

  it.each(refused)('are refused: %s', (text, message) => {
    expect(complaints(text)).toContain(message);
  });

  it('are left alone without an invariant', () => {
    expect(
      complaints(
        'export class C { static x = 1; get y() { return this; } }\n/** @verified */ export function f(): void {}',
      ),
    ).toBe('');
  });

  it('report errors and clauses at their places, behind and inside a class', () => {
    expect(complaints(counter('', '/** @verified */ export function f(n: u8): u8 { return n / 2; }'))).toContain(
      'test.ts:24:56: error: / on numbers',
    );
    expect(complaints(counter('/** @ensures m */\n  bad(): void {}'))).toContain(
      "test.ts:22:14: error: Cannot find name 'm'",
    );
  });

  it('make objects in a run, arrays and all', () => {
    const program = programOf(
      counter(
        '  /**\n   * @modifies this\n   */ log(): u8 { this.#log[3] = 7; return this.#log[3]; }',
        '/** @verified */ export function f(): u32 { const c = new Counter(3); c.up(); const n = c.log(); return n + c.value(); }',
      ),
    );
    expect(run(program, program.functions.at(-1)!, []).outcome).toEqual({ kind: 'returned', value: 8n });
  });
});

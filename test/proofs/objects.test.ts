/** Objects whose fields are written: what is proved of them holds whoever holds them, and no object gets a second name. */
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { complaints, failures, programOf, proveText } from '../support/contracts.ts';

const cursor = `
interface Cursor { at: u32; readonly end: u32; done: boolean }
/**
 * @requires cursor.at < cursor.end
 * @modifies cursor.at
 * @ensures cursor.at === old(cursor.at) + 1
 */
function step(cursor: Cursor): void { cursor.at++; }
/**
 * @pure
 * @requires cursor.at <= cursor.end
 */
function left(cursor: Readonly<Cursor>): u32 { return cursor.end - cursor.at; }
/**
 * @pure
 * @ensures result.at === 0 && result.end === end && !result.done
 */
function start(end: u32): Cursor { return { at: 0, end, done: false }; }
`;

const sound: Readonly<Record<string, string>> = {
  'what is written, and what is not': `${cursor}
    /**
     * @modifies cursor
     * @requires cursor.at + 2 <= cursor.end
     * @ensures cursor.at === old(cursor.at) + 2 && cursor.done && cursor.end === old(cursor.end)
     */
    export function f(cursor: Cursor): void { step(cursor); step(cursor); cursor.done = true; }`,
  'one field, and what a call leaves alone': `${cursor}
    /**
     * @modifies cursor.at
     * @requires cursor.at < cursor.end
     * @ensures cursor.at <= cursor.end
     * @ensures cursor.done === old(cursor.done) && left(cursor) + 1 === old(left(cursor))
     */
    export function f(cursor: Cursor): void { step(cursor); }`,
  'a loop, which forgets no more than it writes': `${cursor}
    /**
     * @modifies cursor.at
     * @requires cursor.at <= cursor.end
     * @ensures cursor.at === cursor.end
     */
    export function f(cursor: Cursor): void {
      while (cursor.at < cursor.end) { invariant(cursor.at <= cursor.end); step(cursor); }
      assert(cursor.done === old(cursor.done));
    }`,
  'a local object, a new one from a call, and one that is returned': `${cursor}
    /** @ensures result.at === 1 && result.end === 9 */
    export function f(): Cursor {
      const a: Cursor = { at: 5, end: 9, done: true };
      const b = start(9);
      step(b);
      a.at = 7;
      assert(b.at === 1 && a.at === 7 && a.done && !b.done);
      return b;
    }
    /** @ensures result === 10 */
    export function g(): u32 { const c = f(); c.at += f().end; return c.at; }`,
  'two that are not one': `${cursor}
    /**
     * @modifies a
     * @ensures b.at === old(b.at) && a.at === b.at
     */
    export function f(a: Cursor, b: Readonly<Cursor>): void { a.at = b.at; }
    /** @verified */
    export function g(): void { const a = start(3); const b = start(4); f(a, b); f(b, { at: 1, end: 2, done: true }); assert(b.at === 1); }`,
  'a branch': `${cursor}
    /**
     * @modifies c
     * @ensures c.at <= 10 && c.done === old(c.done)
     */
    export function f(c: Cursor): void { if (c.at > 10) { c.at = 10; } }`,
  'records and readonly fields that may be undefined': `
    interface Span { readonly low: u8; readonly high: u8 }
    interface Item { span: Span; readonly name: u8 | undefined }
    /**
     * @modifies item
     * @ensures item.span.low === 1 && (item.name === undefined || result === item.name)
     */
    export function f(item: Item): u8 {
      item.span = { low: 1, high: item.span.high };
      return item.name ?? 0;
    }`,
};

/** One false claim each; the obligation that must not hold. */
const unsound: readonly (readonly [what: string, text: string, name: RegExp])[] = [
  [
    'a field that is not to be written',
    `${cursor}/** @verified */ export function f(c: Cursor): void { c.at = 1; }`,
    /^f\/modifies\/c\.at: failed, confirmed/,
  ],
  [
    'another field than the one that is to be written',
    `${cursor}/**\n * @modifies c.at\n */ export function f(c: Cursor): void { c.done = true; }`,
    /^f\/modifies\/c\.done: failed, confirmed/,
  ],
  [
    'a field that a call writes',
    `${cursor}/**\n * @modifies c.done\n * @requires c.at < c.end\n */ export function f(c: Cursor): void { step(c); }`,
    /^f\/modifies\/c\.at: failed, confirmed/,
  ],
  [
    'two objects that are one, both written',
    `${cursor}/**\n * @modifies a, b\n */ function g(a: Cursor, b: Cursor): void {}\n/**\n * @modifies c\n */ export function f(c: Cursor): void { g(c, c); }`,
    /^f\/separated\/g: a, b: failed/,
  ],
  [
    'two objects that are one, the second only read',
    `${cursor}/**\n * @modifies a.at\n */ function g(a: Cursor, b: Readonly<Cursor>): void {}\n/** @verified */ export function f(): void { const c = start(4); g(c, c); }`,
    /^f\/separated\/g: a, b: failed/,
  ],
  [
    'two objects that are one, the first only read',
    `${cursor}/**\n * @modifies b\n */ function g(a: Readonly<Cursor>, b: Cursor): void {}\n/** @verified */ export function f(): void { const c = start(4); g(c, c); }`,
    /^f\/separated\/g: b, a: failed/,
  ],
  [
    'a field after a write',
    `${cursor}/**\n * @modifies c\n * @ensures c.at === 2\n */ export function f(c: Cursor): void { c.at = 1; }`,
    /^f\/ensures.*failed, confirmed/,
  ],
  [
    'an old field',
    `${cursor}/**\n * @modifies c\n * @ensures c.at === old(c.at)\n */ export function f(c: Cursor): void { c.at = 1; }`,
    /^f\/ensures.*failed, confirmed/,
  ],
  [
    'a field that a call may have written',
    `${cursor}/**\n * @modifies c\n */ function any(c: Cursor): void {}\n/**\n * @modifies c\n * @requires c.at === 1\n * @ensures c.at === 1\n */ export function f(c: Cursor): void { any(c); }`,
    /^f\/ensures/,
  ],
  [
    'a field that a loop writes',
    `${cursor}/**\n * @modifies c\n * @requires c.at === 1\n * @ensures c.at === 1\n */ export function f(c: Cursor): void { for (let i = 0; i < 3; i++) { c.at = 2; } }`,
    /^f\/ensures.*failed, confirmed/,
  ],
  [
    'a field that a loop writes by a call',
    `${cursor}/**\n * @modifies c\n * @requires c.at === 1 && c.end === 9\n * @ensures c.at === 1\n */ export function f(c: Cursor): void { for (let i = 0; i < 3; i++) { invariant(c.at <= 1 + i); step(c); } }`,
    /^f\/ensures/,
  ],
  [
    'a field that one branch writes',
    `${cursor}/**\n * @modifies c\n * @requires c.at === 1\n * @ensures c.at === 1\n */ export function f(c: Cursor, b: boolean): void { if (b) c.at = 2; }`,
    /^f\/ensures.*failed, confirmed/,
  ],
  [
    "a field's range",
    `${cursor}/**\n * @modifies c\n */ export function f(c: Cursor): void { c.at++; }`,
    /^f\/range.*failed, confirmed/,
  ],
  [
    'a precondition about a field',
    `${cursor}/**\n * @modifies c\n */ export function f(c: Cursor): void { step(c); }`,
    /^f\/requires\/step: cursor.at < cursor.end: failed, confirmed/,
  ],
  [
    'what a pure function says after a write',
    `${cursor}/**\n * @modifies c\n * @requires c.at < c.end\n * @ensures left(c) === old(left(c))\n */ export function f(c: Cursor): void { step(c); }`,
    /^f\/ensures/,
  ],
  [
    'a clause about old fields that is not defined',
    `${cursor}/**\n * @modifies c\n * @ensures old(left(c)) >= 0\n */ export function f(c: Cursor): void {}`,
    /^f\/defined.*failed/,
  ],
  [
    'a new object of a call',
    `${cursor}/** @ensures result === 1 */ export function f(): u32 { const c = start(5); return c.at; }`,
    /^f\/ensures.*failed/,
  ],
];

const helpers = `interface C { at: u32 }
interface V { readonly at: u32 }
interface M { at: u16 }
/** @verified */ function takes(v: V): u32 { return v.at; }
/**\n * @modifies c\n */ function writes(c: C): void { c.at = 1; }
/**\n * @modifies c\n */ function narrow(c: M): void { c.at = 1; }
/** @verified */ function reads(c: Readonly<C>): void {}
/** @verified */ function value(): V { return { at: 1 }; }
/** @verified */ function make(): C { return { at: 1 }; }
`;
const inBody = (statements: string): string =>
  `/**\n * @modifies c\n */ export function f(c: C, r: Readonly<C>, v: V): void { ${statements} }\n${helpers}`;

const refused: readonly (readonly [text: string, message: string])[] = [
  [inBody('const d = c;'), 'this is not a new object'],
  [inBody('let d: C = { at: 1 };'), 'the object d is declared with let'],
  [inBody('const d: V = c;'), 'the object c is used as a value'],
  [inBody('const d: Readonly<C> = c;'), 'the object c is used as a value'],
  [inBody('const d: C = v;'), 'this is not a new object'],
  [inBody('const d: C = value();'), 'this is not a new object'],
  [inBody('const d: C = c.at > 0 ? c : { at: 1 };'), 'this is not a new object'],
  [inBody('const d: { readonly c: V } = { c };'), 'the object c is used as a value'],
  [inBody('const d: { readonly c: V } = { c: c };'), 'the object c is used as a value'],
  [inBody('const d: readonly [V] = [c];'), 'the object c is used as a value'],
  [inBody('const n = takes(c);'), 'the object c is passed as a value'],
  [inBody('writes(v);'), 'c is an object, and this is not the name of one'],
  [inBody('writes({ at: 1 });'), 'c is an object, and this is not the name of one'],
  [inBody('writes(r);'), 'r may not be written, and the parameter c may'],
  [inBody('narrow(c);'), 'a C where M is expected'],
  [inBody('r.at = 1;'), 'read-only'],
  [inBody('v.at = 1;'), 'read-only'],
  [inBody("c['at'] = 1;"), 'this is not the name of a typed array'],
  [inBody('c = { at: 1 };'), 'the parameter c is assigned'],
  [inBody('const d: C = { at: 1 }; d = c;'), 'Cannot assign to'],
  [inBody('const b = c === c;'), 'the object c is used as a value'],
  [inBody('const { at } = c;'), 'a pattern in a declaration'],
  [inBody('const d: C = { ...c };'), 'this kind of member is not supported'],
  [inBody('ghost(() => { c.at = 1; });'), 'a store in ghost code'],
  [inBody('ghost(() => { const d: C = { at: 1 }; });'), 'an object in ghost code'],
  [inBody('const g = ghost(make());'), 'the field at can be written'],
  [`/** @verified */ export function f(c: C): C { return c; }\n${helpers}`, 'the parameter c is returned'],
  [`/** @verified */ export function f(c: C): V { return c; }\n${helpers}`, 'the object c is used as a value'],
  [`/** @verified */ export function f(v: V): C { return v; }\n${helpers}`, 'this is not a new object'],
  [`/**\n * @modifies c.to\n */ export function f(c: C): void {}\n${helpers}`, 'no field of that name can be written'],
  [`/**\n * @modifies c\n */ export function f(c: Readonly<C>): void {}\n${helpers}`, 'it is Readonly'],
  [`/**\n * @modifies a.length\n */ export function f(a: Uint8Array): void {}\n${helpers}`, 'an array has no fields'],
  [
    '/** @verified */ export function f(c: { at: u8 | undefined }): void {}',
    'can be written, and is of a type that the compiler narrows',
  ],
  ['/** @verified */ export function f(c: { at: u8; b: Uint8Array }): void {}', 'the field b is a Uint8Array'],
  ['/** @verified */ export function f(c: { at: { x: u8 } }): void {}', 'the field x can be written'],
  ['/** @verified */ export function f(c: { at: u8 } | undefined): void {}', 'the field at can be written'],
];

describe('objects whose fields are written', () => {
  it.each(Object.entries(sound))('prove %s', async (_, text) => {
    expect(failures(await proveText(text))).toEqual([]);
  });

  it.each(unsound)('do not prove %s', async (_, text, name) => {
    expect(failures(await proveText(text)).filter((line) => name.test(line))).not.toEqual([]);
  });

  it.each(refused)('get no second name: %s', (text, message) => {
    expect(complaints(text)).toContain(message);
  });

  it('are changed by a run, for whoever holds them', () => {
    const program = programOf(
      `${cursor}/**\n * @modifies c\n */ export function f(c: Cursor): u32 { c.done = true; step(c); return c.at; }`,
    );
    const c = { kind: 'fields' as const, fields: [4n, 9n, false] };
    expect(run(program, program.functions.at(-1)!, [c]).outcome).toEqual({ kind: 'returned', value: 5n });
    expect(c.fields).toEqual([5n, 9n, true]);
  });
});

/**
 * Random programs about what values may be beside numbers: members of closed lists, unions that a tag tells apart, what
 * may be undefined, lists and tables of records, and generic functions.
 */
import fc from 'fast-check';
import { condition, expression, scalarTypes } from './expressions.ts';

const scalar = fc.constantFrom(...scalarTypes);
const unit = fc.constantFrom("'a'", "'b c'", "'9'");
const kinds = fc.shuffledSubarray(['Kind.None', 'Kind.Some', 'Kind.Other'], { minLength: 3 });
const many = <T>(one: fc.Arbitrary<T>, least: number, most: number): fc.Arbitrary<T[]> =>
  fc.array(one, { minLength: least, maxLength: most });

/** Enums of numbers, unions of strings, and what becomes of a member. */
const enumerations = fc
  .record({
    values: fc.constantFrom([0, 1, 2], [1, 2, 4], [-3, 70_000, 5]),
    p: scalar,
    units: many(unit, 3, 3),
    kinds,
    test: condition(['p', 'n'], 1),
    other: condition(['n', 'p'], 0),
    cases: many(expression(['n', 'p', 'k'], 1), 4, 4),
  })
  .map(
    ({ values, p, units, kinds: [first, second, third], test, other, cases }) => `
const enum Kind { None = ${values[0]}, Some = ${values[1]}, Other = ${values[2]} }
type Unit = 'a' | 'b c' | '9';
type Wide = Unit | 'zz';
/** @verified */
export function numbered(n: Unit, k: Kind): number {
  switch (n) { case 'a': return 1; case 'b c': { return k * 2; } case '9': return k === ${first} ? 7 : 300; }
}
/** @verified */
export function chosen(p: ${p}, n: Kind): Unit {
  if (${test.replace(/\bn\b/g, '(n | 0)')}) return ${units[0]};
  return n === ${first} || n !== ${second} ? ${units[1]} : ${units[2]};
}
/** @verified */
export function parsed(n: number): Kind { return n; }
/** @verified */
export function widened(u: Unit, w: Wide, t: boolean): Wide {
  let x: Wide = u;
  if (w === u) x = t ? w : 'zz';
  return x === 'a' ? w : x;
}
/** @verified */
export function switched(k: Kind, p: ${p}, n: u8): number {
  let x = 0;
  switch (k) { case Kind.None: x = ${cases[0]}; break; case Kind.Other: if (${other}) x = ${cases[1]}; break; default: x = ${cases[2]}; }
  const m: Kind = x === ${values[1]} ? Kind.Some : k;
  return m === ${third} ? x : ${cases[3]};
}`,
  );

/** Unions, of records with fields of one name and different types. */
const unions = fc
  .record({
    tag: fc.constantFrom(['true', 'false', 'true'], ["'on'", "'off'", "'x'"], ['3', '8', '5']),
    a: scalar,
    b: scalar,
    value: expression(['p', 'n'], 1),
    other: expression(['p', 's.size'], 0),
    test: condition(['p', 'n'], 1),
    read: expression(['s.size', 's.value'], 1),
    bare: expression(['s.size', 'n'], 1),
  })
  .map(({ tag, a, b, value, other, test, read, bare }) => {
    const third =
      tag[0] === 'true' ? '' : `\n  | { readonly tag: ${tag[2]}; readonly size: ${b}; readonly nested: Pair }`;
    const more = third === '' ? '' : `if (s.tag === ${tag[2]}) return s.nested.left - s.size;`;
    return `
interface Pair { readonly left: ${a}; readonly right: boolean }
type Shape =
  | { readonly tag: ${tag[0]}; readonly size: ${a}; readonly value: number }
  | { readonly tag: ${tag[1]}; readonly size: ${b}; readonly value: boolean }${third};
/** @verified */
export function make(p: ${a}, n: ${b}, q: Pair): Shape {
  if (${test}) return { tag: ${tag[0]}, size: p, value: ${value} };
  ${third === '' ? '' : `if (n === 7) return { tag: ${tag[2]}, size: n, nested: q };`}
  return { tag: ${tag[1]}, size: n, value: q.right };
}
/** @verified */
export function take(s: Shape, n: u8): number {
  if (s.tag === ${tag[0]}) return ${read};
  ${more}
  return s.value ? ${bare} : n;
}
/** @verified */
export function both(p: ${a}, s: Shape, o: Shape | undefined): Shape {
  const x = o ?? s;
  if (x.tag === ${tag[0]}) return { tag: ${tag[0]}, size: x.size, value: ${other.replaceAll('s.size', 'x.size')} };
  return x;
}`;
  });

/** Lists that a caller has, tables, and functions of several types. */
const lists = fc
  .record({
    low: scalar,
    element: fc.constantFrom('u8', 'i16', 'number', 'u64', 'boolean', 'Mode'),
    rows: many(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.boolean(), fc.constantFrom("'r'", "'w'")), 1, 4),
    test: condition(['p', 'l[i].low', 'i'], 0),
    sum: expression(['l[i].low', 'sum'], 1),
    at: fc.constantFrom('p & 1', 'p', '0'),
    more: expression(['p', 'sum', 'last'], 1),
    frozen: fc.boolean(),
  })
  .map(({ low, element, rows, test, sum, at, more, frozen }) => {
    const made = rows.map(([a, b, c]) => `{ low: ${a}, ok: ${b}, mode: ${c} }`).join(', ');
    return `
type Mode = 'r' | 'w';
interface Row { readonly low: ${low}; readonly ok: boolean; readonly mode: Mode }
const ROWS: readonly Row[] = ${frozen ? `table([${made}])` : `[${made}]`};
const EDGES: readonly number[] = [9007199254740991, -1, 0];
/** @verified */
export function total(p: ${low}, l: readonly Row[], e: readonly ${element}[]): number {
  let sum = 0;
  for (let i = 0; i < l.length; i++) {
    if (${test}) continue;
    sum = l[i].ok && l[i].mode === 'w' ? ${sum} : sum + 1;
  }
  let last = 0;
  for (const x of e) last = last + (x === e[0] ? 1 : 2);
  return ${more};
}
/** @verified */
export function row(p: u8): number {
  const i = ${at};
  if (i < 0 || i >= ROWS.length) return EDGES[p % 3];
  return ROWS[i].ok && ROWS[i].mode === 'r' ? ROWS[i].low : -1;
}
type Option<T> = { readonly some: true; readonly value: T } | { readonly some: false };
/** @verified */
function orElse<T extends number | boolean | Mode>(option: Option<T>, other: T): T { return option.some ? option.value : other; }
/** @verified */
function pick<T>(which: boolean, a: T, b: T): T { return which ? a : b; }
/** @verified */
export function generic(a: Option<u8>, b: Option<${low}>, m: Option<Mode>, t: boolean): number {
  const x = orElse<Mode>(m, 'r') === 'w' ? 1 : 2;
  const q: readonly [u8, boolean] = pick<readonly [u8, boolean]>(t, [3, t], [4, false]);
  return orElse<u8>(a, 9) + orElse<${low}>(b, 1) * x + q[0] + (q[1] ? 1 : 0);
}${
      frozen
        ? `
/** @verified */
export function known(p: ${low}): number { return total(p, ROWS, NONE); }
const NONE: readonly ${element}[] = [];`
        : ''
    }`;
  });

/** One of them. */
export const constructPrograms = fc.oneof(enumerations, unions, lists);

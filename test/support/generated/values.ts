/**
 * Random programs about values and memory: integers of 64 bits, records in records, every kind of typed array, tables,
 * arrays of a function, views, and functions that call each other.
 */
import fc from 'fast-check';
import { condition, expression, scalarTypes } from './expressions.ts';

type Scalar = (typeof scalarTypes)[number];

/** A number, made one of the type's; sometimes it is hoped to be one already. */
const fitting = (type: Scalar, text: string, bold: boolean): string => {
  if (bold) return text;
  switch (type) {
    case 'u8':
      return `(${text}) & 255`;
    case 'u16':
      return `(${text}) & 65535`;
    case 'i8':
      return `((${text}) & 255) - 128`;
    case 'i32':
      return `(${text}) | 0`;
    case 'u32':
      return `(${text}) >>> 0`;
    case 'number':
      return text;
  }
};

const fitted = (type: Scalar, names: readonly string[]): fc.Arbitrary<string> =>
  fc.tuple(expression(names, 1), fc.integer({ min: 0, max: 9 })).map(([text, bold]) => fitting(type, text, bold === 0));

/** An expression of a bigint over names of u64 and i64, and one number n. */
const big = (names: readonly string[], depth: number): fc.Arbitrary<string> => {
  const leaf = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom('0n', '1n', '-1n', '255n', '0xffffffffffffffffn', '-0x8000000000000000n') },
    { weight: 1, arbitrary: fc.constant('BigInt(n)') },
  );
  if (depth === 0) return leaf;
  const inner = big(names, depth - 1);
  const wrapped = inner.chain((text) =>
    fc.constantFrom(`BigInt.asUintN(64, ${text})`, `BigInt.asIntN(64, ${text})`, `BigInt.asUintN(64, ${text})`),
  );
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    { weight: 2, arbitrary: wrapped },
    {
      weight: 3,
      arbitrary: fc
        .tuple(inner, fc.constantFrom('+', '-', '&', '|', '^'), inner)
        .map(([a, o, b]) => `(${a} ${o} ${b})`),
    },
    { weight: 1, arbitrary: fc.tuple(wrapped, leaf).map(([a, b]) => `(${a} * ${b})`) },
    {
      weight: 2,
      // Of no more than 64 bits on both sides.
      arbitrary: fc.constantFrom(
        '(p / 7n)',
        '(p % (q & 255n))',
        '(q / -3n)',
        '(q % 10n)',
        '(q / q)',
        '(p / p)',
        '(q % q)',
      ),
    },
    { weight: 1, arbitrary: fc.tuple(inner, fc.constantFrom('1n', '8n', '63n')).map(([a, k]) => `(${a} >> ${k})`) },
    { weight: 1, arbitrary: fc.tuple(leaf, fc.constantFrom('1n', '7n', '40n')).map(([a, k]) => `(${a} << ${k})`) },
    { weight: 1, arbitrary: inner.map((a) => `~${a}`) },
    { weight: 1, arbitrary: inner.map((a) => `(-(${a}))`) },
    {
      weight: 1,
      arbitrary: fc.tuple(condition(['n'], 0), inner, inner).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
    },
  );
};

const bigCondition = (names: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(big(names, 1), fc.constantFrom('<', '<=', '>', '>=', '===', '!=='), big(names, 1))
    .map(([a, o, b]) => `${a} ${o} ${b}`);

/** u64 and i64, computed on the way in whatever it takes. */
const bigints = fc
  .record({
    n: fc.constantFrom(...scalarTypes),
    first: big(['p', 'q'], 2),
    test: bigCondition(['p', 'q', 's']),
    second: big(['p', 'q', 's'], 2),
    third: big(['p', 'q', 's'], 1),
    signed: big(['p', 'q'], 2),
    compared: bigCondition(['p', 'q']),
    number: big(['p', 'q'], 1),
  })
  .map(
    ({ n, first, test, second, third, signed, compared, number }) => `
/** @verified */
export function wide(p: u64, q: i64, n: ${n}): u64 {
  let s: u64 = BigInt.asUintN(64, ${first});
  if (${test}) s = BigInt.asUintN(64, ${second});
  return BigInt.asUintN(64, ${third});
}
/** @verified */
export function signed(p: u64, q: i64, n: ${n}): i64 { return BigInt.asIntN(64, ${signed}); }
/** @verified */
export function compared(p: u64, q: i64, n: ${n}): boolean { return ${compared}; }
/** @verified */
export function number(p: u64, q: i64, n: ${n}): number { return Number(BigInt.asUintN(64, ${number}) & 0xffffffffn); }`,
  );

/** Records, their fields of any type, and records in them. */
const records = fc
  .record({
    types: fc.tuple(
      fc.constantFrom(...scalarTypes),
      fc.constantFrom(...scalarTypes),
      fc.constantFrom(...scalarTypes),
      fc.constantFrom(...scalarTypes),
    ),
  })
  .chain(({ types: [a, b, k, p] }) =>
    fc
      .record({
        a: fitted(a, ['p', 's.a', 't.in.b']),
        b: fitted(b, ['p', 's.b', 't.k']),
        k: fitted(k, ['p', 's.a', 'm.b']),
        ok: condition(['p', 's.a'], 1),
        test: condition(['p', 's.b', 'm.a'], 0),
        sum: expression(['s.a', 's.b', 'q[0]', 'q[1]'], 2),
        early: condition(['p', 's.b'], 0),
      })
      .map(
        (e) => `
interface Pair { readonly a: ${a}; readonly ok: boolean; readonly b: ${b} }
interface Nest { readonly in: Pair; readonly k: ${k} }
/** @verified */
export function nest(p: ${p}, s: Pair, t: Nest): Nest {
  if (${e.early} || s.ok && t.in.ok) return { in: s, k: t.k };
  const m: Pair = ${e.test.replaceAll('m.a', 's.a')} ? s : { a: ${e.a}, b: ${e.b}, ok: ${e.ok} };
  return { k: ${e.k}, in: ${e.test} ? m : t.in };
}
/** @verified */
export function tuple(s: Pair, q: readonly [${a}, ${b}]): number { return ${e.sum}; }
/** @verified */
export function maybe(p: ${p}, s: Pair): ${a} | undefined { return ${e.ok} ? s.a : undefined; }
/** @verified */
export function either(p: ${p}, s: Pair, o: Pair | undefined): number {
  const found = maybe(p, s) ?? p;
  return o === undefined ? found : o.ok ? o.b : s.b;
}`,
      ),
  );

const arrays = {
  Uint8Array: 'u8',
  Uint16Array: 'u16',
  Int8Array: 'i8',
  Int32Array: 'i32',
  Uint32Array: 'u32',
} as const satisfies Readonly<Record<string, Scalar>>;
const arrayName = fc.constantFrom(...(Object.keys(arrays) as (keyof typeof arrays)[]));

/** Arrays of a caller, of a function, of the module. */
const memory = fc.tuple(arrayName, arrayName, arrayName, fc.constantFrom(...scalarTypes)).chain(([a, b, t, p]) =>
  fc
    .record({
      at: expression(['p', 'x', 'y'], 1),
      put: fitted(arrays[a], ['p', 'x', 'y']),
      keep: fitted(arrays[t], ['p', 'x', 'e']),
      place: expression(['x', 'e'], 0),
      stop: condition(['x', 'e'], 0),
      round: expression(['p', 'x', 'b.length'], 1),
      step: fc.constantFrom('1', '2', '3'),
      result: expression(['x', 'y', 'own[x & 7]', 'TABLE[y & 3]'], 1),
      start: fc.constantFrom('8', '[3, 1, 4, 1, 5, 9, 2, 6]'),
      field: expression(['p', 'x'], 1),
      little: fc.constantFrom('true', 'false'),
      view: fc.constantFrom('getInt16', 'getUint16', 'getUint8', 'getInt8'),
      helped: condition(['p', 'n'], 1),
    })
    .map(
      (e) => `
const TABLE = new Int16Array([-32768, 7, 32767, 0]);
/** @modifies a, v */
export function memory(p: ${p}, a: ${a}, b: Readonly<${b}>, v: DataView): number {
  const own = new ${t}(${e.start});
  let x = 0;
  let y: i32 = 1;
  for (const e of b) {
    if (${e.stop}) break;
    own[(${e.place}) & 7] = ${e.keep};
    x = ${e.round};
  }
  let i = 0;
  while (i < a.length) {
    decreases(a.length - i);
    y = (y * 31 + a[i]) | 0;
    i += ${e.step};
    if (y === 7) continue;
  }
  const at = ${e.at};
  if (at >= 0 && at < a.length) a[at] = ${e.put};
  if (v.byteLength >= 4) { v.setUint16(1, (${e.field}) & 65535, ${e.little}); y = v.${e.view}(2) + TABLE[x & 3]; }
  return ${e.result};
}
/** @verified */
function help(p: ${p}, n: number): number {
  if (${e.helped}) return n;
  return n % 1000;
}
/** @modifies c */
function move(c: { at: number; readonly end: u16 }, by: number): boolean {
  if (c.at + by > c.end) return false;
  c.at += by;
  return true;
}
/** @decreases n */
export function sum(p: ${p}, n: u8): number { return n === 0 ? 0 : help(p, n) + (n > 20 ? 0 : sum(p, n - 1)); }
/** @modifies a */
export function calls(p: ${p}, n: u8, a: ${a}): number {
  const c: { at: number; readonly end: u16 } = { at: n & 31, end: 700 };
  let moves = 0;
  for (let i = 0; i < 40 && c.at < c.end; i++) {
    const moved = move(c, help(p, n));
    if (moved) moves++;
  }
  const v = new ${b}([1, 2]);
  return sum(p, n) + moves + c.at + v[1] + a.length;
}`,
    ),
);

/** One of them. */
export const valuePrograms = fc.oneof(bigints, records, memory);

/**
 * Functions of examples/coq, each with generated arguments and with what it should give, written in TypeScript from what
 * its theorems say and not from its definition. Text is compared (`wireOf`), so one table serves whoever computes.
 */
import { type CoqValue, none, type OCamlFunction, some } from './ocaml-extraction.ts';
import { createRandom, type Random } from './random.ts';

export interface CoqFunction extends OCamlFunction {
  /** For the name of a test. */
  readonly name: string;
  /** Its file in examples/coq, without `.v`. */
  readonly file: string;
  readonly draw: (random: Random) => readonly CoqValue[];
  /** Arguments that are always tried as well. */
  readonly always?: readonly (readonly CoqValue[])[];
  /** Absent where only two who compute are compared. */
  readonly expected?: (...args: never[]) => CoqValue;
}

/** `count` lists of arguments beside those that are always tried. */
export const argumentsOf = (
  { draw, always = [] }: CoqFunction,
  count: number,
  seed: number,
): (readonly CoqValue[])[] => [...always, ...Array.from({ length: count }, (_, i) => draw(createRandom(seed, i)))];

const many = <T>(random: Random, limit: number, one: () => T): T[] => Array.from({ length: random.below(limit) }, one);
/** As often short as long. */
const bits = (random: Random, limit: number): bigint => {
  let n = 0n;
  for (let left = random.below(limit + 1); left > 0; left--) n = 2n * n + BigInt(random.below(2));
  return n;
};
const integer = (random: Random, limit: number): bigint =>
  random.oneIn(2) ? -bits(random, limit) : bits(random, limit);
const natural = (random: Random, limit: number): bigint => BigInt(random.below(limit));

const list = (element: OCamlFunction['gives']) => ({ list: element });
const Zs = list('Z');
const Ns = list('N');

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const ascending = (l: readonly bigint[]): bigint[] => [...l].sort(compare);

const integers = (random: Random): CoqValue[] => [many(random, 40, () => integer(random, random.pick([2, 6, 70])))];
const insertionSort: CoqFunction[] = [
  ...['sort', 'sort_in_loop'].map((name) => ({
    ...{ name, file: 'insertion_sort', ocaml: `Insertion_sort.${name}`, takes: [Zs], gives: Zs },
    ...{ draw: integers, always: [[[]], [[5n, 5n, 5n]], [[3n, 2n, 1n]]], expected: ascending },
  })),
  {
    ...{ name: 'is_sorted', file: 'insertion_sort', ocaml: 'Insertion_sort.is_sorted', takes: [Zs], gives: 'bool' },
    draw: (random) => {
      const [l] = integers(random) as [bigint[]];
      return [random.oneIn(2) ? l : ascending(l)];
    },
    always: [[[]], [[1n]], [[1n, 1n]], [[2n, 1n]]],
    expected: (l: readonly bigint[]) => l.every((x, i) => i === 0 || l[i - 1]! <= x),
  },
];

const scalar = (random: Random): number => {
  const c = random.below(random.pick([0x80, 0x800, 0x10000, 0x110000]));
  return c >= 0xd800 && c < 0xe000 ? c - 0x800 : c;
};
const bytesOf = (text: readonly number[]): number[] => [...Buffer.from(String.fromCodePoint(...text), 'utf8')];
const asN = (l: readonly number[]): bigint[] => l.map(BigInt);
const drawText = (random: Random): number[] => many(random, 12, () => scalar(random));
/** An encoding, often with something wrong in it. */
function drawBytes(random: Random): CoqValue[] {
  const bytes = bytesOf(drawText(random));
  if (random.oneIn(3)) bytes.splice(random.below(bytes.length + 1), random.below(3));
  if (random.oneIn(3)) bytes.splice(random.below(bytes.length + 1), 0, random.below(256));
  if (random.oneIn(3))
    bytes[random.below(bytes.length + 1)] = random.pick([0x80, 0xbf, 0xc0, 0xc1, 0xe0, 0xed, 0xf0, 0xf4]);
  if (random.oneIn(9)) bytes.push(random.below(300));
  return [asN(bytes)];
}
function decoded(bytes: readonly bigint[]): number[] | undefined {
  if (bytes.some((b) => b > 255n)) return undefined;
  try {
    // A byte order mark is a character like others here.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes, Number));
    return Array.from(text, (one) => one.codePointAt(0)!);
  } catch {
    return undefined;
  }
}
const malformed = [
  [0xc0, 0x80],
  [0xe0, 0x9f, 0xbf],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0x80],
  [0xe2, 0x82],
  [256],
];
const wellFormed = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xffff, 0x10000, 0x10ffff];
const utf8: CoqFunction[] = [
  {
    ...{ name: 'decode', file: 'utf8', ocaml: 'Utf8.decode', takes: [Ns], gives: { option: Ns }, draw: drawBytes },
    always: [...malformed, ...wellFormed.map((c) => bytesOf([c]))].map((bytes) => [asN(bytes)]),
    expected: (bytes: readonly bigint[]) => {
      const text = decoded(bytes);
      return text === undefined ? none : some(asN(text));
    },
  },
  {
    ...{ name: 'encode', file: 'utf8', ocaml: 'Utf8.encode', takes: [Ns], gives: Ns },
    draw: (random) => [asN(drawText(random))],
    always: wellFormed.map((c) => [asN([c])]),
    expected: (text: readonly bigint[]) => asN(bytesOf(text.map(Number))),
  },
  {
    ...{ name: 'is_utf8', file: 'utf8', ocaml: 'Utf8.is_utf8', takes: [Ns], gives: 'bool', draw: drawBytes },
    always: malformed.map((bytes) => [asN(bytes)]),
    expected: (bytes: readonly bigint[]) => decoded(bytes) !== undefined,
  },
];

/** As Coq has it: rounded down, and the number itself by zero. */
function modulo(a: bigint, m: bigint): bigint {
  const rest = m === 0n ? a : a % m;
  return rest !== 0n && m !== 0n && rest < 0n !== m < 0n ? rest + m : rest;
}
const power = (b: bigint, e: bigint): bigint => (e < 0n ? 0n : b ** e);
const modexp: CoqFunction[] = [
  {
    ...{ name: 'power_mod', file: 'modexp', ocaml: 'Modexp.power_mod', takes: ['Z', 'Z', 'Z'], gives: 'Z' },
    draw: (random) => [integer(random, 70), integer(random, 9), integer(random, 70)],
    always: [0n, 1n, -1n, 2n, -3n].flatMap((b) =>
      [0n, 1n, 7n, -1n].flatMap((e) => [0n, 1n, 5n, -5n].map((m) => [b, e, m])),
    ),
    expected: (b: bigint, e: bigint, m: bigint) => modulo(power(b, e), m),
  },
  {
    ...{ name: 'power_mod_positive', file: 'modexp', ocaml: 'Modexp.power_mod_positive' },
    ...{ takes: ['Z', 'positive', 'Z'], gives: 'Z' },
    draw: (random) => [integer(random, 70), 1n + bits(random, 9), integer(random, 70)],
    expected: (b: bigint, e: bigint, m: bigint) => modulo(power(b, e), m),
  },
  {
    ...{ name: 'inverse_mod', file: 'modexp', ocaml: 'Modexp.inverse_mod', takes: ['Z', 'Z'], gives: 'Z' },
    draw: (random) => [integer(random, 20), random.pick([3n, 7n, 251n, 509n])],
    expected: (a: bigint, p: bigint) => {
      for (let x = 1n; x < p; x++) if (modulo(a * x, p) === 1n) return x;
      return 0n;
    },
  },
];

const pairsShape = list({ pair: ['Z', 'string'] });
type Pairs = readonly (readonly [bigint, string])[];
const drawString = (random: Random, limit: number): string =>
  String.fromCharCode(...many(random, limit, () => random.below(random.pick([128, 256]))));
const drawPairs = (random: Random): CoqValue =>
  many(random, random.pick([8, 60]), () => [integer(random, random.pick([4, 70])), drawString(random, 3)]);
const redBlack: CoqFunction[] = [
  {
    ...{ name: 'find', file: 'red_black', ocaml: 'fun pairs k -> Red_black.find k (Red_black.of_list pairs)' },
    ...{ takes: [pairsShape, 'Z'], gives: { option: 'string' } },
    draw: (random) => {
      const pairs = drawPairs(random) as Pairs;
      return [pairs, pairs.length > 0 && random.oneIn(2) ? random.pick(pairs)[0] : integer(random, 4)];
    },
    expected: (pairs: Pairs, k: bigint) => {
      const found = new Map(pairs).get(k);
      return found === undefined ? none : some(found);
    },
  },
  {
    ...{ name: 'entries', file: 'red_black', ocaml: 'fun pairs -> Red_black.entries (Red_black.of_list pairs)' },
    ...{ takes: [pairsShape], gives: pairsShape, draw: (random) => [drawPairs(random)] },
    // Each shape that `balance` tells apart is among the orders of four keys.
    always: [
      [1n, 2n, 3n, 4n],
      [4n, 3n, 2n, 1n],
      [2n, 4n, 3n, 1n],
      [3n, 1n, 2n, 4n],
    ].map((keys) => [keys.map((k) => [k, 'a'])]),
    expected: (pairs: Pairs) => [...new Map(pairs)].sort(([a], [b]) => compare(a, b)),
  },
  {
    ...{ name: 'depth', file: 'red_black', ocaml: 'fun pairs -> Red_black.depth (Red_black.of_list pairs)' },
    ...{ takes: [pairsShape], gives: 'nat', draw: (random) => [drawPairs(random)] },
  },
  {
    ...{ name: 'size', file: 'red_black', ocaml: 'fun pairs -> Red_black.size (Red_black.of_list pairs)' },
    ...{ takes: [pairsShape], gives: 'nat', draw: (random) => [drawPairs(random)] },
    expected: (pairs: Pairs) => BigInt(new Map(pairs).size),
  },
];

const nats = list('nat');
const drawNats = (random: Random): bigint[] => many(random, 12, () => natural(random, 20));
const digits = '0123456789';
const codes = (random: Random): CoqValue => {
  // Terms in reverse Polish notation, with constants that `simplify` looks for, and now and then a step too many.
  const code: bigint[] = [];
  let depth = 0;
  for (let left = random.below(40); left > 0 || depth > 1; left--) {
    if (depth > 1 && (left <= 0 || random.oneIn(3))) {
      code.push(BigInt(random.below(2)));
      depth--;
    } else if (depth > 0 && random.oneIn(4)) code.push(2n);
    else {
      code.push(...(random.oneIn(3) ? [4n, integer(random, 3)] : [3n, integer(random, 2)]));
      depth++;
    }
  }
  return random.oneIn(9) ? [...code, integer(random, 3)] : code;
};
/** The value of a term, each variable being its number doubled. */
function polishValue(code: readonly bigint[]): CoqValue {
  const stack: bigint[] = [];
  for (let i = 0; i < code.length; i++) {
    const step = code[i]!;
    if (step === 3n || step === 4n) {
      i++;
      if (i === code.length) return none;
      stack.push(code[i]! * (step - 2n));
    } else {
      const b = stack.pop();
      const a = step === 2n ? 0n : stack.pop();
      if (a === undefined || b === undefined || step < 0n || step > 4n) return none;
      stack.push(step === 0n ? a + b : step === 1n ? a * b : -b);
    }
  }
  return stack.length === 1 ? some(stack[0]!) : none;
}
const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b));
function grown(height: bigint, width: bigint): bigint[] {
  const below = height === 0n ? [] : grown(height - 1n, width);
  return [height + 1n, ...Array.from({ length: height === 0n ? 0 : Number(width) }, () => below).flat()];
}

/** A row of features.v: its name there is also that of the OCaml, unless that is an expression. */
const feature = (
  name: string,
  takes: CoqFunction['takes'],
  gives: CoqFunction['gives'],
  draw: CoqFunction['draw'],
  expected: CoqFunction['expected'],
  ocaml = `Features.${name}`,
): CoqFunction => ({ file: 'features', name, ocaml, takes, gives, draw, ...(expected && { expected }) });

const features: CoqFunction[] = [
  feature(
    'is_even',
    ['nat'],
    'bool',
    (r) => [natural(r, 50)],
    (n: bigint) => n % 2n === 0n,
  ),
  feature(
    'is_odd',
    ['nat'],
    'bool',
    (r) => [natural(r, 50)],
    (n: bigint) => n % 2n === 1n,
  ),
  feature(
    'labels',
    ['nat', 'nat'],
    nats,
    (r) => [natural(r, 5), natural(r, 4)],
    grown,
    'fun h w -> Features.labels (Features.map_rose (fun n -> Datatypes.S n) (Features.grow h w))',
  ),
  feature(
    'squared_length',
    ['Z', 'Z', 'Z', 'Z'],
    { pair: ['Z', 'string'] },
    (r) => Array.from({ length: 4 }, () => integer(r, 40)),
    (a: bigint, b: bigint, c: bigint, d: bigint) => [(a - c) ** 2n + (b - d) ** 2n, '-'],
    `fun a b c d ->
      let point x y = { Features.x = x; Features.y = y } in
      let s = Features.reversed { Features.from = point a b; Features.coq_to = point c d; Features.name = String.EmptyString } in
      Datatypes.Coq_pair (Features.squared_length s, Features.name s)`,
  ),
  feature(
    'total',
    [list({ pair: ['nat', 'string'] })],
    { pair: ['nat', 'string'] },
    (r) => [many(r, 10, () => [natural(r, 9), drawString(r, 4)])],
    (l: readonly (readonly [bigint, string])[]) => [l.reduce((sum, [n]) => sum + n, 0n), l.map(([, s]) => s).join('')],
    'Features.total (Features.pairs Features.sums Features.texts)',
  ),
  feature(
    'position',
    [nats],
    { option: 'nat' },
    (r) => [drawNats(r)],
    (l: readonly bigint[]) => {
      const at = l.findIndex((n) => n % 2n === 0n);
      return at < 0 ? none : some(BigInt(at));
    },
    'Features.position Features.is_even',
  ),
  feature(
    'first_two',
    [nats],
    { option: { pair: ['nat', 'nat'] } },
    (r) => [many(r, 4, () => natural(r, 9))],
    (l: readonly bigint[]) => (l.length < 2 ? none : some([l[0]!, l[1]!])),
  ),
  feature(
    'safe_head',
    [list({ option: 'nat' })],
    { option: { option: 'nat' } },
    (r) => [many(r, 3, () => (r.oneIn(2) ? none : some(natural(r, 9))))],
    (l: readonly CoqValue[]) => (l.length === 0 ? none : some(l[0]!)),
  ),
  feature(
    'count',
    ['ascii', 'string'],
    'nat',
    (r) => [r.pick(['a', 'b', '\0', '\xff']), many(r, 20, () => r.pick(['a', 'b', '\0', '\xff', '"'])).join('')],
    (c: string, s: string) => BigInt(s.split(c).length - 1),
  ),
  feature(
    'reverse',
    ['string'],
    'string',
    (r) => [drawString(r, 20)],
    (s: string) => s.split('').reverse().join(''),
  ),
  feature(
    'number',
    ['string'],
    { option: 'N' },
    (r) => [many(r, 25, () => (r.oneIn(40) ? r.pick(['/', ':', 'a', '-']) : r.pick([...digits]))).join('')],
    (s: string) => (/^[0-9]+$/.test(s) ? some(BigInt(s)) : none),
  ),
  feature(
    'greeting',
    ['string'],
    'string',
    (r) => [drawString(r, 9)],
    (s: string) => `Hello, "world" of ${s}!`,
  ),
  feature(
    'command',
    ['string'],
    'nat',
    (r) => [r.pick(['get', 'put', 'g', 'ge', 'puts', '', 'G', 'pet'])],
    (s: string) => ({ get: 1n, put: 2n, g: 3n })[s] ?? 0n,
  ),
  feature(
    'apply_all',
    [nats, 'nat'],
    'nat',
    (r) => [drawNats(r), natural(r, 9)],
    (l: readonly bigint[], n: bigint) => l.reduce((sum, m) => sum + m, n),
    'fun l -> Features.apply_all (Features.adders l)',
  ),
  feature(
    'iterate',
    ['nat', 'nat'],
    'nat',
    (r) => [natural(r, 9), natural(r, 9)],
    (n: bigint, m: bigint) => n + m + 4n,
    'fun n m -> Features.twice (Features.twice (fun k -> Datatypes.S k)) (Features.iterate n (fun k -> Datatypes.S k) m)',
  ),
  feature(
    'merge',
    [nats, nats],
    nats,
    (r) => [ascending(drawNats(r)), ascending(drawNats(r))],
    (a: readonly bigint[], b: readonly bigint[]) => ascending([...a, ...b]),
  ),
  feature(
    'ackermann',
    ['nat', 'nat'],
    'nat',
    (r) => [natural(r, 4), natural(r, 5)],
    (m: bigint, n: bigint) => [n + 1n, n + 2n, 2n * n + 3n, 2n ** (n + 3n) - 3n][Number(m)]!,
  ),
  feature(
    'sum_of_squares',
    ['nat'],
    'nat',
    (r) => [natural(r, 30)],
    (n: bigint) => (n * (n + 1n) * (2n * n + 1n)) / 6n,
  ),
  feature(
    'simplify',
    [list('Z')],
    { option: 'Z' },
    (r) => [codes(r)],
    polishValue,
    `fun code -> match Features.term_of Datatypes.Coq_nil code with
      | Datatypes.None -> Datatypes.None
      | Datatypes.Some t ->
        let doubled = function BinNums.Zpos p -> BinNums.Zpos (BinNums.Coq_xO p) | BinNums.Zneg p -> BinNums.Zneg (BinNums.Coq_xO p) | z -> z in
        Datatypes.Some (Features.value doubled (Features.simplify t))`,
  ),
  feature(
    'code_of',
    [list('Z')],
    { option: list('Z') },
    (r) => [codes(r)],
    (code: readonly bigint[]) => (polishValue(code) === none ? none : some(code)),
    `fun code -> match Features.term_of Datatypes.Coq_nil code with
      | Datatypes.None -> Datatypes.None
      | Datatypes.Some t -> Datatypes.Some (Features.code_of t)`,
  ),
  feature(
    'zip',
    [nats, nats],
    list({ pair: ['nat', 'nat'] }),
    (r) => [drawNats(r), drawNats(r)],
    (a: readonly bigint[], b: readonly bigint[]) => a.slice(0, b.length).map((x, i) => [x, b[i]!]),
  ),
  feature(
    'alternate',
    [nats],
    nats,
    (r) => [drawNats(r)],
    (l: readonly bigint[]) => l.filter((_, i) => i % 2 === 0),
  ),
  feature(
    'classify_left',
    ['nat', 'bool'],
    'nat',
    (r) => [natural(r, 6), r.oneIn(2)],
    (n: bigint, b: boolean) => (b ? (n > 1n ? n - 2n : 1n) : 10n * n),
    'fun n b -> Features.classify (Datatypes.Coq_pair (n, Datatypes.Coq_inl b))',
  ),
  feature(
    'classify_right',
    ['nat', { option: 'nat' }],
    'nat',
    (r) => [natural(r, 4), r.oneIn(3) ? none : some(natural(r, 4))],
    (n: bigint, m: { readonly value?: bigint }) => {
      if (m.value === undefined) return n === 0n ? 7n : 1n;
      return n > 0n && m.value > 0n ? n + m.value - 2n : 1n;
    },
    'fun n m -> Features.classify (Datatypes.Coq_pair (n, Datatypes.Coq_inr m))',
  ),
  feature(
    'divide',
    ['nat', 'nat'],
    'nat',
    (r) => [natural(r, 60), 1n + natural(r, 9)],
    (n: bigint, d: bigint) => n / d,
  ),
  feature(
    'next_of',
    ['nat', 'nat'],
    { option: 'nat' },
    (r) => [natural(r, 6), natural(r, 8)],
    (n: bigint, i: bigint) => (i < n ? some((i + 1n) % n) : none),
  ),
  feature('gcd', ['nat', 'nat'], 'nat', (r) => [natural(r, 90), natural(r, 90)], gcd),
];

/** Functions of the extracted module `m` for those whose OCaml is an expression, or whose name is another. */
const typescript: Readonly<Record<string, string>> = {
  'red_black.find': '(pairs, k) => m.find(k, m.ofList(pairs))',
  'red_black.entries': '(pairs) => m.entries(m.ofList(pairs))',
  'red_black.depth': '(pairs) => m.depth(m.ofList(pairs))',
  'red_black.size': '(pairs) => m.size(m.ofList(pairs))',
  'features.labels': '(h, w) => m.labels(m.mapRose((n) => n + 1n, m.grow(h, w)))',
  'features.squared_length': `(a, b, c, d) => {
    const from = { x: a, y: b };
    const s = m.reversed({ from, from1: from, to: { x: c, y: d }, name: '' });
    return [m.squaredLength(s), s.name];
  }`,
  'features.total': '(l) => m.total(m.pairs(m.sums, m.texts), l)',
  'features.position': '(l) => m.position(m.isEven, l)',
  'features.reverse': 'm.reverse1',
  'features.number': 'm.number1',
  'features.apply_all': '(l, n) => m.applyAll(m.adders(l), n)',
  'features.iterate': '(n, k) => m.twice()(m.twice()((i) => i + 1n))(m.iterate(n, (i) => i + 1n)(k))',
  'features.simplify': `(code) => {
    const t = m.termOf({ kind: 'nil' }, code);
    return t.kind === 'none' ? t : { kind: 'some', value: m.value((v) => 2n * v, m.simplify(t.value)) };
  }`,
  'features.code_of': `(code) => {
    const t = m.termOf({ kind: 'nil' }, code);
    return t.kind === 'none' ? t : { kind: 'some', value: m.codeOf(t.value) };
  }`,
  'features.classify_left': "(n, b) => m.classify([n, { kind: 'Inl', a: b }])",
  'features.classify_right': "(n, o) => m.classify([n, { kind: 'Inr', a: o }])",
};

/** The function in JavaScript, given what was extracted as `m`. */
export const typescriptOf = ({ file, name }: CoqFunction): string =>
  typescript[`${file}.${name}`] ?? `m.${name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())}`;

export const coqExamples: readonly CoqFunction[] = [...insertionSort, ...utf8, ...modexp, ...redBlack, ...features];

/**
 * Functions that the extracted code calls where TypeScript has no operator for what Coq's library means: they stand at the
 * end of the file, each only where it is needed, so that the file stands for itself.
 *
 * Coq's functions are total: a quotient by zero is zero, the remainder then the number itself, a power of a negative
 * exponent zero, a difference of naturals never below zero. Lists may be long, so none of these recurses.
 */
export interface Helper {
  readonly uses: readonly string[];
  readonly text: string;
}

export const helpers: Readonly<Record<string, Helper>> = {
  List: {
    uses: [],
    text: `export type List<A> =
  | { readonly kind: 'nil' }
  | { readonly kind: 'cons'; readonly head: A; readonly tail: List<A> };

/** A list of the elements of an array. */
export function listOf<A>(elements: readonly A[]): List<A> {
  let list: List<A> = { kind: 'nil' };
  for (let i = elements.length - 1; i >= 0; i--) list = { kind: 'cons', head: elements[i]!, tail: list };
  return list;
}

/** The elements of a list. */
export function elementsOf<A>(list: List<A>): A[] {
  const elements: A[] = [];
  for (let rest = list; rest.kind === 'cons'; rest = rest.tail) elements.push(rest.head);
  return elements;
}
`,
  },
  Option: {
    uses: [],
    text: `export type Option<A> = { readonly kind: 'none' } | { readonly kind: 'some'; readonly value: A };
`,
  },
  characterOf: {
    uses: [],
    text: `/** The character of 8 bits, lowest first. */
function characterOf(bits: readonly boolean[]): string {
  return String.fromCharCode(bits.reduce((code, bit, i) => code + (bit ? 2 ** i : 0), 0));
}
`,
  },
  compare: {
    uses: [],
    text: `function compare(a: bigint, b: bigint): 'equal' | 'less' | 'greater' {
  return a === b ? 'equal' : a < b ? 'less' : 'greater';
}
`,
  },
  larger: { uses: [], text: 'function larger(a: bigint, b: bigint): bigint {\n  return a < b ? b : a;\n}\n' },
  smaller: { uses: [], text: 'function smaller(a: bigint, b: bigint): bigint {\n  return a < b ? a : b;\n}\n' },
  absolute: { uses: [], text: 'function absolute(a: bigint): bigint {\n  return a < 0n ? -a : a;\n}\n' },
  sign: { uses: [], text: 'function sign(a: bigint): bigint {\n  return a < 0n ? -1n : a === 0n ? 0n : 1n;\n}\n' },
  monus: {
    uses: [],
    text: `/** The difference of naturals, which is zero where there is none. */
function monus(a: bigint, b: bigint): bigint {
  return a < b ? 0n : a - b;
}
`,
  },
  quotient: {
    uses: [],
    text: `/** Rounded down; by zero it is zero. */
function quotient(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n;
  const towardsZero = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? towardsZero - 1n : towardsZero;
}
`,
  },
  remainder: {
    uses: ['quotient'],
    text: `/** What the quotient leaves; by zero the number itself. */
function remainder(a: bigint, b: bigint): bigint {
  return a - b * quotient(a, b);
}
`,
  },
  truncated: {
    uses: [],
    text: `/** Rounded towards zero; by zero it is zero. */
function truncated(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : a / b;
}
`,
  },
  rest: {
    uses: [],
    text: `/** What that leaves; by zero the number itself. */
function rest(a: bigint, b: bigint): bigint {
  return b === 0n ? a : a % b;
}
`,
  },
  power: {
    uses: [],
    text: `/** Zero where the exponent is negative. */
function power(base: bigint, exponent: bigint): bigint {
  return exponent < 0n ? 0n : base ** exponent;
}
`,
  },
  hasBit: {
    uses: [],
    text: `/** No number has a bit below its lowest. */
function hasBit(a: bigint, bit: bigint): boolean {
  return bit >= 0n && ((a >> bit) & 1n) === 1n;
}
`,
  },
  concatenate: {
    uses: ['List'],
    text: `function concatenate<A>(first: List<A>, second: List<A>): List<A> {
  let list = second;
  for (const head of elementsOf(first).reverse()) list = { kind: 'cons', head, tail: list };
  return list;
}
`,
  },
  lengthOf: {
    uses: ['List'],
    text: 'function lengthOf<A>(list: List<A>): bigint {\n  return BigInt(elementsOf(list).length);\n}\n',
  },
  reverse: {
    uses: ['List'],
    text: `function reverse<A>(list: List<A>): List<A> {
  let reversed: List<A> = { kind: 'nil' };
  for (let rest = list; rest.kind === 'cons'; rest = rest.tail)
    reversed = { kind: 'cons', head: rest.head, tail: reversed };
  return reversed;
}
`,
  },
  mapList: {
    uses: ['List'],
    text: `function mapList<A, B>(f: (a: A) => B, list: List<A>): List<B> {
  return listOf(elementsOf(list).map((one) => f(one)));
}
`,
  },
  filterList: {
    uses: ['List'],
    text: `function filterList<A>(keeps: (a: A) => boolean, list: List<A>): List<A> {
  return listOf(elementsOf(list).filter((one) => keeps(one)));
}
`,
  },
  foldLeft: {
    uses: ['List'],
    text: `function foldLeft<A, B>(f: (a: A) => (b: B) => A, list: List<B>, start: A): A {
  return elementsOf(list).reduce<A>((sum, one) => f(sum)(one), start);
}
`,
  },
  foldRight: {
    uses: ['List'],
    text: `function foldRight<A, B>(f: (b: B) => (a: A) => A, start: A, list: List<B>): A {
  return elementsOf(list).reduceRight<A>((sum, one) => f(one)(sum), start);
}
`,
  },
};

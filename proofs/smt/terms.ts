/**
 * Terms of SMT-LIB as plain data: integers, truths, and arrays of integers; functions of which nothing is known but
 * what is assumed; quantifiers over integers.
 *
 * Nothing here simplifies. What a solver is asked is then what the caller wrote, term by term, and an auditor who
 * compares the two needs to know no rewriting of ours. Terms are shared by reference, so that a text of a thousand
 * steps is a graph of a thousand nodes (print.ts names the shared ones). Integers and bit-vectors never meet in one
 * query: conversions between them make solvers give up, so there are none.
 *
 * A bound variable belongs to the one quantifier that was made with it. `forAll` and `exists` take a function of the
 * variable and make its name from a count that the caller keeps, so that no variable is ever captured.
 */

/** 'Array' maps every integer to an integer; 'BV8' is eight bits. */
export type Sort = 'Int' | 'Bool' | 'Array' | BitSort;
export type BitSort = `BV${number}`;

/** Operators and the sort each one gives, spelled as SMT-LIB spells them; `ite` has its branches' sort. */
export type Operator =
  | '+'
  | '-'
  | '*'
  | 'div'
  | 'mod'
  | '<'
  | '<='
  | '='
  | 'and'
  | 'or'
  | 'not'
  | '=>'
  | 'ite'
  | 'select'
  | 'store'
  | BitOperator
  | BitComparison;

export type BitComparison = 'bvslt' | 'bvsle' | 'bvult' | 'bvule';

/** Those that give bits. */
export type BitOperator =
  | 'bvadd'
  | 'bvsub'
  | 'bvmul'
  | 'bvsdiv'
  | 'bvsrem'
  | 'bvudiv'
  | 'bvurem'
  | 'bvand'
  | 'bvor'
  | 'bvxor'
  | 'bvnot'
  | 'bvshl'
  | 'bvlshr'
  | 'bvashr'
  | 'concat'
  | `(_ sign_extend ${number})`
  | `(_ zero_extend ${number})`
  | `(_ extract ${number} ${number})`;

export type Term =
  | { readonly kind: 'integer'; readonly sort: 'Int'; readonly value: bigint }
  /** Bits, as the number that they are without a sign. */
  | { readonly kind: 'bits'; readonly sort: BitSort; readonly value: bigint }
  | { readonly kind: 'truth'; readonly sort: 'Bool'; readonly value: boolean }
  | { readonly kind: 'variable'; readonly sort: Sort; readonly name: string }
  | { readonly kind: 'bound'; readonly sort: 'Int'; readonly name: string }
  | { readonly kind: 'apply'; readonly sort: Sort; readonly operator: Operator; readonly operands: readonly Term[] }
  | { readonly kind: 'call'; readonly sort: Sort; readonly name: string; readonly operands: readonly Term[] }
  | Quantified;

export interface Quantified {
  readonly kind: 'quantified';
  readonly sort: 'Bool';
  readonly quantifier: 'forall' | 'exists';
  readonly variables: readonly Bound[];
  readonly body: Term;
  /** Each is a set of terms that together mention every variable: where all are met, the body is instantiated. */
  readonly triggers: readonly (readonly Term[])[];
}

export type Bound = Term & { readonly kind: 'bound' };

/** What a term is made of, triggers last. */
export function operandsOf(term: Term): readonly Term[] {
  switch (term.kind) {
    case 'apply':
    case 'call':
      return term.operands;
    case 'quantified':
      return [term.body, ...term.triggers.flat()];
    default:
      return [];
  }
}

/** An integer constant; a number must be a safe integer. */
export function integer(value: number | bigint): Term {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError(`${value} is no exact integer`);
  return { kind: 'integer', sort: 'Int', value: BigInt(value) };
}

export function truth(value: boolean): Term {
  return { kind: 'truth', sort: 'Bool', value };
}

/**
 * A name is letters, digits, `_` and `.`, and starts with a letter, so that no reader needs to quote it. One with a `.`
 * stands for a value in between, of which no counterexample speaks.
 */
export function variable(name: string, sort: Sort = 'Int'): Term {
  return { kind: 'variable', sort, name: checkedName(name) };
}

function checkedName(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_.]*$/.test(name)) throw new RangeError(`${name} is no name of a variable`);
  return name;
}

function apply(operator: Operator, operandSort: Sort, sort: Sort, operands: readonly Term[]): Term {
  for (const operand of operands) {
    if (operand.sort !== operandSort) throw new TypeError(`${operator} of ${operand.sort}, not ${operandSort}`);
  }
  return { kind: 'apply', sort, operator, operands };
}

export const add = (a: Term, b: Term): Term => apply('+', 'Int', 'Int', [a, b]);
export const subtract = (a: Term, b: Term): Term => apply('-', 'Int', 'Int', [a, b]);
/** a * factor, the factor a constant: terms stay linear. */
export const scale = (a: Term, factor: number): Term => apply('*', 'Int', 'Int', [integer(factor), a]);
export const less = (a: Term, b: Term): Term => apply('<', 'Int', 'Bool', [a, b]);
export const atMost = (a: Term, b: Term): Term => apply('<=', 'Int', 'Bool', [a, b]);
/** Of two terms of one sort. */
export const equal = (a: Term, b: Term): Term => apply('=', a.sort, 'Bool', [a, b]);
export const not = (a: Term): Term => apply('not', 'Bool', 'Bool', [a]);
export const implies = (a: Term, b: Term): Term => apply('=>', 'Bool', 'Bool', [a, b]);

/** True when every one is; true of none. */
export function all(terms: readonly Term[]): Term {
  return terms.length === 0 ? truth(true) : terms.length === 1 ? terms[0] : apply('and', 'Bool', 'Bool', terms);
}

/** True when one is; false of none. */
export function any(terms: readonly Term[]): Term {
  return terms.length === 0 ? truth(false) : terms.length === 1 ? terms[0] : apply('or', 'Bool', 'Bool', terms);
}

/** `whenTrue` where the condition holds, else `whenFalse`; both of one sort. */
export function select(condition: Term, whenTrue: Term, whenFalse: Term): Term {
  if (condition.sort !== 'Bool' || whenTrue.sort !== whenFalse.sort) {
    throw new TypeError('ite takes a truth and two terms of one sort');
  }
  return { kind: 'apply', sort: whenTrue.sort, operator: 'ite', operands: [condition, whenTrue, whenFalse] };
}

/** a * b, which no solver decides in general. */
export const multiply = (a: Term, b: Term): Term => apply('*', 'Int', 'Int', [a, b]);
/** The greatest integer at most a / b where b > 0; for b = 0 nothing is known of it. */
export const floorDivide = (a: Term, b: Term): Term => apply('div', 'Int', 'Int', [a, b]);
/** a - b * floorDivide(a, b), from 0 to b - 1 where b > 0. */
export const floorModulo = (a: Term, b: Term): Term => apply('mod', 'Int', 'Int', [a, b]);

/** What the array holds at `index`. */
export function element(array: Term, index: Term): Term {
  if (array.sort !== 'Array' || index.sort !== 'Int') throw new TypeError('select takes an array and an integer');
  return { kind: 'apply', sort: 'Int', operator: 'select', operands: [array, index] };
}

/** The array that holds `value` at `index` and is `array` elsewhere. */
export function store(array: Term, index: Term, value: Term): Term {
  if (array.sort !== 'Array' || index.sort !== 'Int' || value.sort !== 'Int') {
    throw new TypeError('store takes an array and two integers');
  }
  return { kind: 'apply', sort: 'Array', operator: 'store', operands: [array, index, value] };
}

const isBits = (sort: Sort): sort is BitSort => sort.startsWith('BV');

/** How many bits a term is. */
export function bitsOf({ sort }: Term): number {
  if (!isBits(sort)) throw new TypeError(`${sort} is no sort of bits`);
  return Number(sort.slice(2));
}

/** A number in two's complement. */
export const bitConstant = (value: bigint, width: number): Term => ({
  kind: 'bits',
  sort: `BV${width}`,
  value: BigInt.asUintN(width, value),
});

/** An operator that gives so many bits. */
export function bits(operator: BitOperator, operands: readonly Term[], width: number): Term {
  if (width < 1 || !operands.every((operand) => isBits(operand.sort))) throw new TypeError(`${operator} takes bits`);
  if (operator !== 'concat' && operands.length === 2 && operands.some((operand) => bitsOf(operand) !== width))
    throw new TypeError(`${operator} takes and gives bits of one width`);
  return { kind: 'apply', sort: `BV${width}`, operator, operands };
}

/** A comparison of two of one width. */
export function bitComparison(operator: BitComparison | '=', [a, b]: readonly [Term, Term]): Term {
  if (bitsOf(a) !== bitsOf(b)) throw new TypeError(`${operator} takes bits of one width`);
  return { kind: 'apply', sort: 'Bool', operator, operands: [a, b] };
}

/** An uninterpreted function of the operands; one name stands for one function, of the same sorts each time. */
export function call(name: string, operands: readonly Term[], sort: Sort = 'Int'): Term {
  if (operands.length === 0) throw new TypeError('a function takes an operand');
  return { kind: 'call', sort, name: checkedName(name), operands };
}

/** An integer for a quantifier; the name, of which nothing else in the query may be called, is made of `count`. */
export const bound = (count: number): Bound => ({ kind: 'bound', sort: 'Int', name: `q.${count}` });

/** The body for all, or for some, values of the variables. */
export function quantified(
  quantifier: 'forall' | 'exists',
  variables: readonly Bound[],
  body: Term,
  triggers: readonly (readonly Term[])[] = [],
): Term {
  if (body.sort !== 'Bool' || variables.length === 0) throw new TypeError('a quantifier takes variables and a truth');
  return { kind: 'quantified', sort: 'Bool', quantifier, variables, body, triggers };
}

/**
 * Terms of SMT-LIB as plain data: integers and truths, linear.
 *
 * Nothing here simplifies. What a solver is asked is then what the caller wrote, term by term, and an auditor who
 * compares the two needs to know no rewriting of ours. Terms are shared by reference, so that a text of a thousand
 * steps is a graph of a thousand nodes (print.ts names the shared ones). Integers and bit-vectors never meet in one
 * query: conversions between them make solvers give up, so there are none.
 */

export type Sort = 'Int' | 'Bool';

/** Operators and the sort each one gives, spelled as SMT-LIB spells them; `ite` has its branches' sort. */
export type Operator = '+' | '-' | '*' | '<' | '<=' | '=' | 'and' | 'or' | 'not' | '=>' | 'ite';

export type Term =
  | { readonly kind: 'integer'; readonly sort: 'Int'; readonly value: bigint }
  | { readonly kind: 'truth'; readonly sort: 'Bool'; readonly value: boolean }
  | { readonly kind: 'variable'; readonly sort: Sort; readonly name: string }
  | { readonly kind: 'apply'; readonly sort: Sort; readonly operator: Operator; readonly operands: readonly Term[] };

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
  if (!/^[A-Za-z][A-Za-z0-9_.]*$/.test(name)) throw new RangeError(`${name} is no name of a variable`);
  return { kind: 'variable', sort, name };
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
export const equal = (a: Term, b: Term): Term => apply('=', 'Int', 'Bool', [a, b]);
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

/** `whenTrue` where the condition holds, else `whenFalse`; both integers. */
export function select(condition: Term, whenTrue: Term, whenFalse: Term): Term {
  if (condition.sort !== 'Bool' || whenTrue.sort !== 'Int' || whenFalse.sort !== 'Int') {
    throw new TypeError('ite takes a truth and two integers');
  }
  return { kind: 'apply', sort: 'Int', operator: 'ite', operands: [condition, whenTrue, whenFalse] };
}

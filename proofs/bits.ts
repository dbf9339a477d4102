/**
 * assertBits: a claim about bits, put to a solver as bit-vectors and nothing else.
 *
 * Integers and bit-vectors never meet in one query, so such a claim is proved of all values that its variables' types
 * allow, with nothing of what the path knows; then it is an integer fact like any other. That step is sound because
 * nothing wraps on the way: each value is a two's complement number of as many bits as its exact value may need, one more
 * for a sum, all of both for a product, and only where JavaScript wraps to 32 bits (or asUintN to 64) are bits cut off.
 * So x + 1 <= 0xffffffff, which always holds in 32 bits, is asked in 34 and is false. What has no meaning here (an array's
 * element, a call) is some value of its type, the same wherever it is the same to the integers.
 */
import type { Clause, Expression } from '../analyzers/ir.ts';
import { choose, natural } from '../analyzers/operators/meanings.ts';
import { operatorOf } from '../analyzers/operators.ts';
import { type IntegerName, rangeOf } from '../analyzers/types.ts';
import type { BitAlgebra } from '../base/bits.ts';
import type { Context } from './context.ts';
import { bodyClausePlace, codePlace, evaluate } from './evaluate.ts';
import { demandIn } from './memory.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';
import { type State, scalar } from './state.ts';

/** Wider values are no question about bits. */
const WIDEST = 256;

class TooWide extends Error {}

interface Translation {
  /** The integer or the truth that an expression is to the rest of the proof. */
  readonly known: (expression: Expression) => Term;
  readonly variables: Map<Term, Term>;
}

/** Bits as terms: what operators mean in bits is in their table. */
export const bitTerms: BitAlgebra<Term, Term> = {
  constant: (value, width) => t.bitConstant(value, width),
  widthOf: t.bitsOf,
  operate: (operator, a, b) => t.bits(operator, [a, b], t.bitsOf(a)),
  invert: (a) => t.bits('bvnot', [a], t.bitsOf(a)),
  compare: (operator, a, b) => t.bitComparison(operator, [a, b]),
  select: t.select,
  signExtend: (a, width) => extended('sign_extend', a, width),
  zeroExtend: (a, width) => extended('zero_extend', a, width),
  truncate: (a, width) => (width === t.bitsOf(a) ? a : t.bits(`(_ extract ${width - 1} 0)`, [a], width)),
};

function extended(how: 'sign_extend' | 'zero_extend', a: Term, width: number): Term {
  if (width > WIDEST) throw new TooWide();
  const more = width - t.bitsOf(a);
  return more === 0 ? a : t.bits(`(_ ${how} ${more})`, [a], width);
}

/** How many bits two's complement needs for all of a range; and whether it has no negative values. */
function shapeOf({ low, high }: { readonly low?: bigint; readonly high?: bigint }): {
  width: number;
  isNatural: boolean;
} {
  if (low === undefined || high === undefined) throw new TooWide();
  const isNatural = low >= 0n;
  const largest = high > -low - 1n ? high : -low - 1n;
  return { width: largest.toString(2).length + (isNatural ? 0 : 1), isNatural };
}

function constant(value: bigint): Term {
  const { width } = shapeOf({ low: value < 0n ? value : -1n, high: value });
  return t.bitConstant(value, width);
}

/** Some value of an integer type. */
export function bitVariable(name: string, type: IntegerName): Term {
  const { width, isNatural } = shapeOf(rangeOf(type));
  const variable = t.variable(name, `BV${width}`);
  return isNatural ? natural(bitTerms, variable) : variable;
}

/** Some value of the expression's type. */
function opaque({ known, variables }: Translation, expression: Expression): Term {
  const term = known(expression);
  if (term.kind === 'integer') return constant(term.value);
  const before = variables.get(term);
  if (before !== undefined) return before;
  const name = `b.${variables.size + 1}`;
  const { type } = expression;
  let made: Term;
  if (type.kind === 'integer') made = bitVariable(name, type.name);
  else if (type.kind === 'boolean') made = t.variable(name, 'Bool');
  else throw new TooWide();
  variables.set(term, made);
  return made;
}

function translate(translation: Translation, expression: Expression): Term {
  const inner = (one: Expression): Term => translate(translation, one);
  switch (expression.kind) {
    case 'integer':
      return constant(expression.value);
    case 'boolean':
      return t.truth(expression.value);
    case 'operation':
      return operatorOf(expression.operator).bits(bitTerms, expression.operands.map(inner));
    case 'convert':
      // That the value fits has been demanded, of the integers.
      return expression.type.kind === 'integer' && expression.operand.type.kind === 'integer'
        ? inner(expression.operand)
        : opaque(translation, expression);
    case 'not':
      return t.not(inner(expression.operand));
    case 'logical': {
      const [left, right] = [inner(expression.left), inner(expression.right)];
      if (expression.operator === 'implies') return t.implies(left, right);
      return expression.operator === 'and' ? t.all([left, right]) : t.any([left, right]);
    }
    case 'same':
      return expression.left.type.kind === 'boolean'
        ? t.equal(inner(expression.left), inner(expression.right))
        : opaque(translation, expression);
    case 'conditional': {
      const [whenTrue, whenFalse] = [inner(expression.whenTrue), inner(expression.whenFalse)];
      const condition = inner(expression.condition);
      return whenTrue.sort === 'Bool'
        ? t.select(condition, whenTrue, whenFalse)
        : choose(bitTerms, condition, whenTrue, whenFalse);
    }
    default:
      return opaque(translation, expression);
  }
}

/** The claim in bits; undefined where a value may need too many. */
function inBits(known: Translation['known'], expression: Expression): Term | undefined {
  try {
    return translate({ known, variables: new Map() }, expression);
  } catch (error) {
    if (error instanceof TooWide) return undefined;
    throw error;
  }
}

/** Demands the claim, defined as any clause, of bits; then it is known of integers. */
export function executeAssertBits(context: Context, state: State, clause: Clause): void {
  const { expression, text } = clause;
  const conditions: Term[] = [];
  const place = bodyClausePlace(context, state, conditions, true);
  const fact = scalar(evaluate(context, place, expression));
  demandIn(context, state, 'defined', text, clause.span, context.arithmetic.all(conditions));
  const known = (one: Expression): Term => scalar(evaluate(context, bodyClausePlace(context, state), one));
  const goal = inBits(known, expression) ?? t.truth(false);
  context.demand({ kind: 'assert', text, span: clause.span, question: 'holds', assumptions: [], goal });
  codePlace(context, state).assume(fact);
}

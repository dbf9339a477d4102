/**
 * assertBits: a claim about bits, put to a solver as bit-vectors and nothing else.
 *
 * Integers and bit-vectors never meet in one query, so such a claim is proved of all values that its variables' types
 * allow, with nothing of what the path knows; then it is an integer fact like any other. That step is sound because
 * nothing wraps on the way: each value is a two's complement number of as many bits as its exact value may need, one more
 * for a sum, all of both for a product, and only where JavaScript wraps to 32 bits (or asUintN to 64) are bits cut off.
 * So x + 1 <= 0xffffffff, which always holds in 32 bits, is asked in 34 and is false. What has no meaning here (an array's
 * element, a quotient, a call) is some value of its type, the same wherever it is the same to the integers.
 */
import type { Clause, Expression } from '../analyzers/ir.ts';
import type { OperatorName } from '../analyzers/operators.ts';
import { rangeOf } from '../analyzers/types.ts';
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

const widthOf = t.bitsOf;

/** The same value in more bits. */
function extend(value: Term, width: number): Term {
  const more = width - widthOf(value);
  if (width > WIDEST) throw new TooWide();
  return more <= 0 ? value : t.bits(`(_ sign_extend ${more})`, [value], width);
}

/** A value that is not negative, which gets a sign. */
const unsigned = (value: Term): Term => t.bits('(_ zero_extend 1)', [value], widthOf(value) + 1);

/** The lowest bits, as two's complement has them. */
const lowest = (value: Term, width: number): Term =>
  widthOf(value) <= width ? extend(value, width) : t.bits(`(_ extract ${width - 1} 0)`, [value], width);

/** How many bits two's complement needs for all of a range; and whether it has no negative values. */
function shapeOf({ low, high }: { readonly low?: bigint; readonly high?: bigint }): {
  width: number;
  natural: boolean;
} {
  if (low === undefined || high === undefined) throw new TooWide();
  const natural = low >= 0n;
  const largest = high > -low - 1n ? high : -low - 1n;
  return { width: largest.toString(2).length + (natural ? 0 : 1), natural };
}

function constant(value: bigint): Term {
  const { width } = shapeOf({ low: value < 0n ? value : -1n, high: value });
  return t.bitConstant(value, width);
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
  if (type.kind === 'integer') {
    const { width, natural } = shapeOf(rangeOf(type.name));
    const variable = t.variable(name, `BV${width}`);
    made = natural ? unsigned(variable) : variable;
  } else if (type.kind === 'boolean') made = t.variable(name, 'Bool');
  else throw new TooWide();
  variables.set(term, made);
  return made;
}

/** Both in as many bits as the wider one has. */
function level(a: Term, b: Term): [Term, Term] {
  const width = Math.max(widthOf(a), widthOf(b));
  return [extend(a, width), extend(b, width)];
}

function wider(operator: 'bvadd' | 'bvsub' | 'bvmul', a: Term, b: Term): Term {
  const width = operator === 'bvmul' ? widthOf(a) + widthOf(b) : Math.max(widthOf(a), widthOf(b)) + 1;
  return t.bits(operator, [extend(a, width), extend(b, width)], width);
}

function compare(operator: 'bvslt' | 'bvsle' | '=', a: Term, b: Term): Term {
  return t.bitComparison(operator, level(a, b));
}

const choose = (condition: Term, a: Term, b: Term): Term => t.select(condition, ...level(a, b));

/** Two operands in 32 bits, or in as many as the wider has. */
function bitwise(operator: 'bvand' | 'bvor' | 'bvxor' | 'bvmul', a: Term, b: Term, width?: number): Term {
  const [x, y] = width === undefined ? level(a, b) : [lowest(a, width), lowest(b, width)];
  return t.bits(operator, [x, y], widthOf(x));
}

/** A shift by the five lowest bits of the count. */
function shift(operator: 'bvshl' | 'bvlshr' | 'bvashr', value: Term, count: Term): Term {
  const places = t.bits('(_ zero_extend 27)', [lowest(count, 5)], 32);
  return t.bits(operator, [lowest(value, 32), places], 32);
}

/** The operators that have a meaning in bits. */
const operators: Partial<Record<OperatorName, (...operands: Term[]) => Term>> = {
  add: (a, b) => wider('bvadd', a, b),
  subtract: (a, b) => wider('bvsub', a, b),
  multiply: (a, b) => wider('bvmul', a, b),
  negate: (a) => wider('bvsub', constant(0n), a),
  bitAnd: (a, b) => bitwise('bvand', a, b, 32),
  bitOr: (a, b) => bitwise('bvor', a, b, 32),
  bitXor: (a, b) => bitwise('bvxor', a, b, 32),
  bitNot: (a) => t.bits('bvnot', [lowest(a, 32)], 32),
  shiftLeft: (a, k) => shift('bvshl', a, k),
  shiftRight: (a, k) => shift('bvashr', a, k),
  shiftRightUnsigned: (a, k) => unsigned(shift('bvlshr', a, k)),
  multiply32: (a, b) => bitwise('bvmul', a, b, 32),
  minimum: (a, b) => choose(compare('bvsle', a, b), a, b),
  maximum: (a, b) => choose(compare('bvsle', a, b), b, a),
  absolute: (a) => choose(compare('bvslt', a, constant(0n)), wider('bvsub', constant(0n), a), a),
  less: (a, b) => compare('bvslt', a, b),
  atMost: (a, b) => compare('bvsle', a, b),
  equal: (a, b) => compare('=', a, b),
  bigAdd: (a, b) => wider('bvadd', a, b),
  bigSubtract: (a, b) => wider('bvsub', a, b),
  bigMultiply: (a, b) => wider('bvmul', a, b),
  bigNegate: (a) => wider('bvsub', constant(0n), a),
  bigAnd: (a, b) => bitwise('bvand', a, b),
  bigOr: (a, b) => bitwise('bvor', a, b),
  bigXor: (a, b) => bitwise('bvxor', a, b),
  bigNot: (a) => t.bits('bvnot', [a], widthOf(a)),
  asUint64: (a) => unsigned(lowest(a, 64)),
  asInt64: (a) => lowest(a, 64),
  bigLess: (a, b) => compare('bvslt', a, b),
  bigAtMost: (a, b) => compare('bvsle', a, b),
  bigEqual: (a, b) => compare('=', a, b),
  toBigInt: (a) => a,
  toNumber: (a) => a,
};

function translate(translation: Translation, expression: Expression): Term {
  const inner = (one: Expression): Term => translate(translation, one);
  switch (expression.kind) {
    case 'integer':
      return constant(expression.value);
    case 'boolean':
      return t.truth(expression.value);
    case 'operation': {
      const meaning = operators[expression.operator];
      return meaning === undefined
        ? opaque(translation, expression)
        : meaning(...expression.operands.map((operand) => inner(operand)));
    }
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
        : choose(condition, whenTrue, whenFalse);
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

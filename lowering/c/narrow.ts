/**
 * Which expressions of `number` C may compute in int.
 *
 * int64_t holds every number, so everything may be computed in it; but registers and vectors hold twice as many ints, and
 * C that says `(a & 3) << 4` can be read. C itself has what is of u8, i8, u16, i16 and i32 as int. So bounds of each
 * expression are worked out from the types of what it reads, and an operation is narrow where its operands are ints and
 * whatever it gives, on the way too, is in the range of int. There the bit operators are C's own: an int is its 32 bits.
 * Source: ISO/IEC 9899:2011, 6.3.1.1 and 6.3.1.8; shifts of negative values to the right are arithmetic in gcc and clang.
 */
import type { Expression } from '../../analyzers/ir.ts';
import {
  andBounds,
  type Bounds,
  bitBounds,
  differenceBounds,
  hull,
  invertedBounds,
  negativeBounds,
  productBounds,
  quotientBounds,
  remainderBounds,
  scaledBounds,
  shiftedBounds,
  sumBounds,
} from '../../analyzers/operators/bounds.ts';
import type { CForm } from '../../analyzers/operators/columns.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { type EnumerationType, type IntegerName, rangeOf, type Type } from '../../analyzers/types.ts';

export interface Shape {
  readonly bounds: Bounds;
  /** C has it as an int. */
  readonly isInt: boolean;
  /** Of an operation that is an int: how it is spelled. */
  readonly form?: CForm;
}

const INT: Bounds = { low: -(2n ** 31n), high: 2n ** 31n - 1n };
const isWithin = (inner: Bounds, outer: Bounds): boolean => outer.low <= inner.low && inner.high <= outer.high;

/** Of a type that is no larger than a number. */
function boundsOfType(name: IntegerName): Bounds {
  const { low, high } = rangeOf(name === 'bigint' || name === 'u64' || name === 'i64' ? 'number' : name);
  return { low: low!, high: high! };
}

/** Of numbers that are members; undefined: there are others. */
function boundsOfMembers({ members }: EnumerationType): Bounds | undefined {
  const numbers = members.filter((member) => typeof member === 'bigint');
  return numbers.length === members.length && numbers.length > 0 ? hull(...numbers) : undefined;
}

/** What is in both; the first where nothing is, since then no run comes here. */
function meet(a: Bounds, b: Bounds): Bounds {
  const both = { low: hull(a.low, b.low).high, high: hull(a.high, b.high).low };
  return both.low > both.high ? a : both;
}

/** Of a level at which it gets parentheses wherever it is an operand: C binds & | ^ less tightly than comparisons. */
const infix = (symbol: string): CForm => ({ kind: 'infix', symbol, level: 'comparison' });

/** A count of places that is the same in C: JavaScript takes it modulo 32. */
const isCount = ({ low, high }: Bounds): boolean => low >= 0n && high <= 31n;

/** The bounds of an operation's result, and how it is spelled where it may be narrow. */
function operation(operator: string, a: Bounds, b: Bounds): { readonly bounds?: Bounds; readonly form?: CForm } {
  const own = operatorOf(operator as Parameters<typeof operatorOf>[0]).c as CForm;
  switch (operator) {
    case 'add':
      return { bounds: sumBounds(a, b), form: own };
    case 'subtract':
      return { bounds: differenceBounds(a, b), form: own };
    case 'multiply':
      return { bounds: productBounds(a, b), form: own };
    case 'negate':
      return { bounds: negativeBounds(a), form: own };
    case 'truncatedDivide':
      return { bounds: quotientBounds(a, b), form: own };
    case 'remainder':
      // C leaves the remainder undefined where the quotient is no int.
      return { bounds: remainderBounds(a, b), ...(isWithin(quotientBounds(a, b), INT) && { form: own }) };
    case 'bitAnd':
      return { bounds: isWithin(a, INT) && isWithin(b, INT) ? andBounds(a, b) : INT, form: infix('&') };
    case 'bitOr':
      return { bounds: isWithin(a, INT) && isWithin(b, INT) ? bitBounds(a, b) : INT, form: infix('|') };
    case 'bitXor':
      return { bounds: isWithin(a, INT) && isWithin(b, INT) ? bitBounds(a, b) : INT, form: infix('^') };
    case 'bitNot':
      return { bounds: isWithin(a, INT) ? invertedBounds(a) : INT, form: { kind: 'prefix', symbol: '~' } };
    case 'shiftLeft':
      return isCount(b) && a.low >= 0n && isWithin(scaledBounds(a, b), INT)
        ? { bounds: scaledBounds(a, b), form: infix('<<') }
        : { bounds: INT };
    case 'shiftRight':
      return isWithin(a, INT)
        ? { bounds: shiftedBounds(a), ...(isCount(b) && { form: infix('>>') }) }
        : { bounds: INT };
    case 'shiftRightUnsigned':
      return isWithin(a, INT) && a.low >= 0n
        ? { bounds: shiftedBounds(a), ...(isCount(b) && { form: infix('>>') }) }
        : { bounds: boundsOfType('u32') };
    case 'multiply32':
      return { bounds: INT };
    default:
      return {};
  }
}

/**
 * Shapes of a function's expressions; `placeType` is the type that C has of what lies somewhere, `held` the bounds of
 * variables of which more is known than that.
 */
export function createShapes(
  placeType: (expression: Expression) => Type,
  held: ReadonlyMap<string, Bounds> = new Map(),
): (expression: Expression) => Shape {
  const known = new WeakMap<Expression, Shape>();
  const shapeOf = (expression: Expression): Shape => {
    const before = known.get(expression);
    if (before !== undefined) return before;
    const shape = work(expression);
    known.set(expression, shape);
    return shape;
  };
  const work = (expression: Expression): Shape => {
    const { type } = expression;
    const whole: Shape = { bounds: boundsOfType(type.kind === 'integer' ? type.name : 'number'), isInt: false };
    switch (expression.kind) {
      case 'integer': {
        const bounds = { low: expression.value, high: expression.value };
        // As C reads it: -2147483648 is minus a larger constant.
        return { bounds, isInt: isWithin(bounds, { low: -INT.high, high: INT.high }) };
      }
      case 'convert': {
        const from = expression.operand.type;
        if (from.kind === 'enumeration') return { ...whole, bounds: boundsOfMembers(from) ?? whole.bounds };
        if (from.kind !== 'integer') return whole;
        // That it is in the range of its type is proved.
        const inner = shapeOf(expression.operand);
        return { ...inner, bounds: meet(inner.bounds, whole.bounds) };
      }
      case 'conditional': {
        const [a, b] = [shapeOf(expression.whenTrue), shapeOf(expression.whenFalse)];
        const bounds = hull(a.bounds.low, a.bounds.high, b.bounds.low, b.bounds.high);
        return { bounds, isInt: a.isInt && b.isInt };
      }
      case 'length':
        return whole;
      case 'operation': {
        const { operator, operands } = expression;
        const { domain, gives } = operatorOf(operator);
        if (domain !== 'number' || gives !== 'integer') return whole;
        const shapes = operands.map(shapeOf);
        const [a, b = a] = shapes.map(({ bounds }) => bounds);
        const { bounds, form } = operation(operator, a, b);
        if (bounds === undefined) return whole;
        // What leaves the numbers is proved not to happen.
        const isNarrow = form !== undefined && shapes.every(({ isInt }) => isInt) && isWithin(bounds, INT);
        return { bounds: meet(bounds, whole.bounds), isInt: isNarrow, ...(isNarrow && { form }) };
      }
      default: {
        const own = placeType(expression);
        if (own.kind !== 'integer') return whole;
        const bounds = boundsOfType(own.name);
        const known = expression.kind === 'variable' ? held.get(expression.variable.id) : undefined;
        return { bounds: known ?? bounds, isInt: isWithin(bounds, INT) };
      }
    }
  };
  return shapeOf;
}

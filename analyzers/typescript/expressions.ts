/**
 * Expressions of the subset: from syntax to IR.
 *
 * An expression's own type is the compiler's as far as it carries a brand; arithmetic gives `number` or `bigint`, and
 * the place that a value goes to says what range it must have (coerce). What has no meaning in the table of operators
 * is refused with what to write instead.
 */
import { type ArrayVariable, type Expression, isArrayVariable, type Span } from '../ir.ts';
import { evaluate, isExact, type OperatorName, operatorOf } from '../operators.ts';
import {
  boolean,
  type Domain,
  domainOf,
  inRange,
  integer,
  rangeOf,
  sameType,
  showType,
  type Type,
  within,
} from '../types.ts';
import { lowerCall } from './calls.ts';
import { isAssignment, ts } from './compiler.ts';
import { lowerConstant } from './constants.ts';
import { coerceMember, equalMembers, joined, plain, text } from './enumerations.ts';
import { ownedArrayOf } from './objects.ts';
import { absent, coerceOptional, isOptional, isUndefined, narrowed, presentIn, valueIn } from './optional.ts';
import { lowerObject, lowerPlace, lowerProperty, lowerTuple } from './records.ts';
import { refuse } from './refuse.ts';
import { bare, readable, type Scope, symbolOf } from './scope.ts';
import { lowerType } from './types.ts';
import { coerceUnion, isUnion } from './unions.ts';

const spanOf = (scope: Scope, node: ts.Node): Span => scope.world.spanOf(node);

/** Constants beyond are not computed with: a few squarings would fill the memory. */
const FOLDED = { low: -(2n ** 1024n), high: 2n ** 1024n };

/** An operation; one on constants is computed here. */
export function operation(operator: OperatorName, operands: readonly Expression[], span: Span): Expression {
  const entry = operatorOf(operator);
  const values = operands.flatMap((operand) => (operand.kind === 'integer' ? [operand.value] : []));
  const small = values.every((value) => inRange(value, FOLDED));
  if (small && values.length === operands.length && entry.gives === 'integer' && isExact(operator, values)) {
    return { kind: 'integer', value: evaluate(operator, values) as bigint, type: integer(entry.result), span };
  }
  const type = entry.gives === 'boolean' ? boolean : integer(entry.result);
  return { kind: 'operation', operator, operands, type, span };
}

/** The expression as a value of the type; a narrower integer type has to be shown to hold it. */
export function coerce(expression: Expression, type: Type): Expression {
  const from = expression.type;
  if (type.kind === 'integer' && from.kind === 'integer' && domainOf(type) === domainOf(from)) {
    if (type.name === from.name) return expression;
    if (expression.kind === 'integer' && inRange(expression.value, rangeOf(type.name))) return { ...expression, type };
    if (within(rangeOf(from.name), rangeOf(type.name))) return { ...expression, type } as Expression;
    return { kind: 'convert', operand: expression, type, span: expression.span };
  }
  if (type.kind === 'boolean' && from.kind === 'boolean') return expression;
  if (type.kind === 'enumeration') {
    const member = coerceMember(expression, type);
    if (member !== undefined) return member;
  } else if (from.kind === 'enumeration' && plain(expression).type.kind !== 'enumeration') {
    return coerce(plain(expression), type);
  }
  if (isOptional(type)) return coerceOptional(expression, type, coerce);
  if (isOptional(from))
    refuse(expression.span, `a value of type ${showType(from)} may be undefined`, 'Test it: if (x !== undefined) ...');
  if (type.kind === 'record' && from.kind === 'record') return coerceRecord(expression, type);
  return refuse(expression.span, `a value of type ${showType(from)} stands where ${showType(type)} is expected`);
}

function coerceRecord(expression: Expression, type: Type & { kind: 'record' }): Expression {
  const from = expression.type as Type & { kind: 'record' };
  if (isUnion(from) || isUnion(type)) return coerceUnion(expression, type, coerce);
  const fields = type.fields.map((field): Expression => {
    const at = from.fields.findIndex(({ name }) => name === field.name);
    if (at < 0) refuse(expression.span, `the field ${field.name} is missing`);
    const value: Expression =
      expression.kind === 'record'
        ? expression.fields[at]
        : { kind: 'field', operand: expression, name: field.name, type: from.fields[at].type, span: expression.span };
    return coerce(value, field.type);
  });
  const same =
    type.fields.length === from.fields.length &&
    type.fields.every(({ name }, i) => from.fields[i].name === name) &&
    fields.every((field) => field.kind === 'field');
  return same ? ({ ...expression, type } as Expression) : { kind: 'record', type, fields, span: expression.span };
}

export function lowerCondition(scope: Scope, node: ts.Expression): Expression {
  const lowered = plain(lowerExpression(scope, node));
  if (lowered.type.kind !== 'boolean') {
    refuse(lowered.span, `a condition of type ${showType(lowered.type)}`, 'Compare it: x !== 0, x !== 0n.');
  }
  return lowered;
}

/** An integer of the domain. */
export function lowerInteger(scope: Scope, node: ts.Expression, domain?: Domain): Expression {
  const lowered = plain(lowerExpression(scope, node));
  if (lowered.type.kind !== 'integer' || (domain !== undefined && domainOf(lowered.type) !== domain)) {
    refuse(
      lowered.span,
      `a value of type ${showType(lowered.type)} where ${domain === 'bigint' ? 'a bigint' : 'an integer'} is expected`,
    );
  }
  return lowered;
}

/** The array that a name means. */
export function lowerArray(scope: Scope, node: ts.Expression): ArrayVariable {
  const inner = bare(node);
  const span = spanOf(scope, node);
  const owned = ownedArrayOf(scope, inner);
  if (owned !== undefined) return owned;
  if (ts.isIdentifier(inner)) {
    const symbol = symbolOf(scope.world, inner);
    const variable = symbol && scope.variables.get(symbol);
    if (variable !== undefined && isArrayVariable(variable)) return variable;
    if (symbol !== undefined && variable === undefined) {
      const constant = lowerConstant(scope.world, symbol, span);
      if (constant !== undefined && 'values' in constant) return constant.variable;
    }
  }
  return refuse(
    span,
    'this is not the name of a typed array',
    'Arrays are named: a parameter, a local constant or a table of the module.',
  );
}

const numberOperators: Partial<Record<ts.SyntaxKind, OperatorName>> = {
  [ts.SyntaxKind.PlusToken]: 'add',
  [ts.SyntaxKind.MinusToken]: 'subtract',
  [ts.SyntaxKind.AsteriskToken]: 'multiply',
  [ts.SyntaxKind.PercentToken]: 'remainder',
  [ts.SyntaxKind.AmpersandToken]: 'bitAnd',
  [ts.SyntaxKind.BarToken]: 'bitOr',
  [ts.SyntaxKind.CaretToken]: 'bitXor',
  [ts.SyntaxKind.LessThanLessThanToken]: 'shiftLeft',
  [ts.SyntaxKind.GreaterThanGreaterThanToken]: 'shiftRight',
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken]: 'shiftRightUnsigned',
};

const bigintOperators: Partial<Record<ts.SyntaxKind, OperatorName>> = {
  [ts.SyntaxKind.PlusToken]: 'bigAdd',
  [ts.SyntaxKind.MinusToken]: 'bigSubtract',
  [ts.SyntaxKind.AsteriskToken]: 'bigMultiply',
  [ts.SyntaxKind.SlashToken]: 'bigDivide',
  [ts.SyntaxKind.PercentToken]: 'bigRemainder',
  [ts.SyntaxKind.AmpersandToken]: 'bigAnd',
  [ts.SyntaxKind.BarToken]: 'bigOr',
  [ts.SyntaxKind.CaretToken]: 'bigXor',
  [ts.SyntaxKind.LessThanLessThanToken]: 'bigShiftLeft',
  [ts.SyntaxKind.GreaterThanGreaterThanToken]: 'bigShiftRight',
};

/** Arithmetic by token, of operands of one domain. */
export function arithmetic(token: ts.SyntaxKind, one: Expression, other: Expression, span: Span): Expression {
  const [left, right] = [plain(one), plain(other)];
  const shown = ts.tokenToString(token) ?? '?';
  if (left.type.kind !== 'integer' || right.type.kind !== 'integer') {
    refuse(span, `${shown} of ${showType(left.type)} and ${showType(right.type)}`, 'Arithmetic takes integers.');
  }
  const domain = domainOf(left.type);
  if (domain !== domainOf(right.type)) {
    refuse(span, `${shown} of a number and a bigint`, 'Convert one: BigInt(x), Number(x).');
  }
  const operator = (domain === 'number' ? numberOperators : bigintOperators)[token];
  if (operator !== undefined) return operation(operator, [left, right], span);
  if (token === ts.SyntaxKind.SlashToken) {
    refuse(span, '/ on numbers gives fractions', 'Write Math.trunc(a / b) or Math.floor(a / b).');
  }
  return refuse(span, `the operator ${shown} is not supported`, 'Use + - * % & | ^ ~ << >> >>>, Math.trunc(a / b).');
}

const comparisons: Partial<
  Record<ts.SyntaxKind, { readonly name: 'less' | 'atMost' | 'equal'; readonly swap?: true; readonly negate?: true }>
> = {
  [ts.SyntaxKind.LessThanToken]: { name: 'less' },
  [ts.SyntaxKind.LessThanEqualsToken]: { name: 'atMost' },
  [ts.SyntaxKind.GreaterThanToken]: { name: 'less', swap: true },
  [ts.SyntaxKind.GreaterThanEqualsToken]: { name: 'atMost', swap: true },
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: { name: 'equal' },
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: { name: 'equal', negate: true },
};

export const not = (operand: Expression, span = operand.span): Expression => ({
  kind: 'not',
  operand,
  type: boolean,
  span,
});

function lowerComparison(scope: Scope, node: ts.BinaryExpression): Expression {
  const span = spanOf(scope, node);
  const { name, swap, negate } = comparisons[node.operatorToken.kind]!;
  if (name === 'equal' && (isUndefined(node.left) || isUndefined(node.right))) {
    const operand = lowerExpression(scope, isUndefined(node.right) ? node.left : node.right);
    const present: Expression = isOptional(operand.type)
      ? presentIn(operand)
      : { kind: 'boolean', value: true, type: boolean, span };
    return negate ? present : not(present, span);
  }
  const operands = [lowerExpression(scope, node.left), lowerExpression(scope, node.right)] as const;
  const members = name === 'equal' ? equalMembers(...operands, span) : undefined;
  if (members !== undefined) return negate ? not(members, span) : members;
  const [left, right] = operands.map(plain);
  if (left.type.kind === 'boolean' && right.type.kind === 'boolean' && name === 'equal') {
    const same: Expression = { kind: 'same', left, right, type: boolean, span };
    return negate ? not(same) : same;
  }
  if (left.type.kind !== 'integer' || right.type.kind !== 'integer') {
    refuse(
      span,
      `a comparison of ${showType(left.type)} and ${showType(right.type)}`,
      'Compare integers, or booleans and members of enums for equality; compare records field by field.',
    );
  }
  const domain = domainOf(left.type);
  if (domain !== domainOf(right.type))
    refuse(span, 'a comparison of a number and a bigint', 'Convert one: BigInt(x), Number(x).');
  const operator =
    domain === 'number' ? name : ({ less: 'bigLess', atMost: 'bigAtMost', equal: 'bigEqual' } as const)[name];
  const compared = operation(operator, swap ? [right, left] : [left, right], span);
  return negate ? not(compared) : compared;
}

function lowerBinary(scope: Scope, node: ts.BinaryExpression): Expression {
  const span = spanOf(scope, node);
  const token = node.operatorToken.kind;
  if (comparisons[token] !== undefined) return lowerComparison(scope, node);
  switch (token) {
    case ts.SyntaxKind.AmpersandAmpersandToken:
    case ts.SyntaxKind.BarBarToken: {
      const operator = token === ts.SyntaxKind.BarBarToken ? 'or' : 'and';
      return {
        kind: 'logical',
        operator,
        left: lowerCondition(scope, node.left),
        right: lowerCondition(scope, node.right),
        type: boolean,
        span,
      };
    }
    case ts.SyntaxKind.EqualsEqualsToken:
    case ts.SyntaxKind.ExclamationEqualsToken:
      return refuse(span, `${ts.tokenToString(token)} converts its operands`, `Write ${ts.tokenToString(token)}=.`);
    case ts.SyntaxKind.AsteriskAsteriskToken:
      return refuse(span, '** is not supported', 'Write a product, or a shift for a power of two.');
    case ts.SyntaxKind.CommaToken:
      return refuse(span, 'the comma operator is not supported', 'Write two statements.');
    case ts.SyntaxKind.QuestionQuestionToken: {
      const left = lowerExpression(scope, node.left);
      if (!isOptional(left.type)) return left;
      const value = valueIn(left);
      const other = lowerExpression(scope, node.right);
      const type = lowerType(scope.world, scope.world.checker.getTypeAtLocation(node), span);
      return {
        kind: 'conditional',
        condition: presentIn(left),
        whenTrue: coerce(value, type),
        whenFalse: coerce(other, type),
        type,
        span,
      };
    }
    default:
      if (isAssignment(token))
        refuse(span, 'an assignment inside an expression', 'Write it as a statement of its own.');
      return arithmetic(token, lowerExpression(scope, node.left), lowerExpression(scope, node.right), span);
  }
}

function lowerPrefix(scope: Scope, node: ts.PrefixUnaryExpression): Expression {
  const span = spanOf(scope, node);
  switch (node.operator) {
    case ts.SyntaxKind.ExclamationToken:
      return not(lowerCondition(scope, node.operand), span);
    case ts.SyntaxKind.MinusToken:
    case ts.SyntaxKind.TildeToken: {
      const operand = lowerInteger(scope, node.operand);
      const big = operand.type.kind === 'integer' && domainOf(operand.type) === 'bigint';
      const minus = node.operator === ts.SyntaxKind.MinusToken;
      return operation(minus ? (big ? 'bigNegate' : 'negate') : big ? 'bigNot' : 'bitNot', [operand], span);
    }
    case ts.SyntaxKind.PlusToken:
      return refuse(span, 'the unary + is not supported', 'Leave it out, or write Number(x) for a bigint.');
    default:
      return refuse(
        span,
        `${ts.tokenToString(node.operator)} inside an expression`,
        'Write it as a statement of its own.',
      );
  }
}

function lowerName(scope: Scope, node: ts.Identifier): Expression {
  const span = spanOf(scope, node);
  const symbol = symbolOf(scope.world, node);
  const variable = symbol && scope.variables.get(symbol);
  if (variable !== undefined) {
    if (variable.type.kind === 'array')
      refuse(
        span,
        `the array ${variable.name} is used as a value`,
        'Read an element, its length, or pass it to a function.',
      );
    return narrowed(scope, node, readable(scope, variable, span));
  }
  if (isUndefined(node)) return absent(span);
  const constant = symbol && lowerConstant(scope.world, symbol, span);
  if (constant !== undefined && !('values' in constant)) return { ...constant, span } as Expression;
  return refuse(
    span,
    `${node.text} is neither a parameter, a local variable nor a constant`,
    'Module variables that change are not supported: pass the value as a parameter.',
  );
}

function lowerElement(scope: Scope, node: ts.ElementAccessExpression): Expression {
  const span = spanOf(scope, node);
  if (node.questionDotToken !== undefined) refuse(span, '?. is not supported', 'Index the array.');
  const base = scope.world.checker.getTypeAtLocation(node.expression);
  if (scope.world.checker.isTupleType(base)) return lowerPlace(scope, node, span);
  const array = lowerArray(scope, node.expression);
  const index = lowerInteger(scope, node.argumentExpression, 'number');
  return { kind: 'element', array, index, type: array.type.element, span };
}

/** The type of c ? a : b. */
function commonType(
  scope: Scope,
  node: ts.ConditionalExpression,
  { type: a }: Expression,
  { type: b }: Expression,
): Type {
  const { checker } = scope.world;
  const span = spanOf(scope, node);
  if (isOptional(a) || isOptional(b)) {
    // A literal's own type has fields that may be written; what it is wanted as says what it is.
    const wanted = checker.getContextualType(node);
    const isWanted = wanted?.isUnion() && wanted.types.some(({ flags }) => (flags & ts.TypeFlags.Undefined) !== 0);
    return lowerType(scope.world, isWanted ? wanted : checker.getTypeAtLocation(node), span);
  }
  if (a.kind === 'integer' && b.kind === 'integer' && a.name !== b.name)
    return integer(domainOf(a) === 'number' ? 'number' : 'bigint');
  if (a.kind === 'enumeration' && b.kind === 'enumeration') return joined(a, b);
  if (a.kind === 'enumeration' && b.kind !== 'enumeration') return b.kind === 'integer' ? integer('number') : b;
  if (b.kind === 'enumeration' && a.kind === 'integer') return integer('number');
  if (a.kind !== 'record' || b.kind !== 'record' || sameType(a, b)) return a;
  // Records may be two of a union, of which only the place that they go to knows.
  const wanted = checker.getContextualType(node);
  return wanted === undefined ? a : lowerType(scope.world, wanted, span);
}

function lowerConditional(scope: Scope, node: ts.ConditionalExpression): Expression {
  const span = spanOf(scope, node);
  const condition = lowerCondition(scope, node.condition);
  const whenTrue = lowerExpression(scope, node.whenTrue);
  const whenFalse = lowerExpression(scope, node.whenFalse);
  const type = commonType(scope, node, whenTrue, whenFalse);
  return {
    kind: 'conditional',
    condition,
    whenTrue: coerce(whenTrue, type),
    whenFalse: coerce(whenFalse, type),
    type,
    span,
  };
}

export function lowerExpression(scope: Scope, node: ts.Expression): Expression {
  const span = spanOf(scope, node);
  if (ts.isParenthesizedExpression(node)) return { ...lowerExpression(scope, node.expression), span } as Expression;
  if (ts.isNumericLiteral(node)) {
    const value = Number(node.text);
    if (!Number.isSafeInteger(value))
      refuse(
        span,
        `${node.text} is no safe integer`,
        'Numbers are integers from -(2**53 - 1) to 2**53 - 1; write a bigint (with n) beyond.',
      );
    return { kind: 'integer', value: BigInt(value), type: integer('number'), span };
  }
  if (ts.isBigIntLiteral(node)) {
    return { kind: 'integer', value: BigInt(node.text.replace(/n$/, '')), type: integer('bigint'), span };
  }
  if (node.kind === ts.SyntaxKind.TrueKeyword) return { kind: 'boolean', value: true, type: boolean, span };
  if (node.kind === ts.SyntaxKind.FalseKeyword) return { kind: 'boolean', value: false, type: boolean, span };
  if (ts.isStringLiteralLike(node)) return text(node.text, span);
  if (ts.isIdentifier(node)) return lowerName(scope, node);
  if (ts.isBinaryExpression(node)) return lowerBinary(scope, node);
  if (ts.isPrefixUnaryExpression(node)) return lowerPrefix(scope, node);
  if (ts.isConditionalExpression(node)) return lowerConditional(scope, node);
  if (ts.isElementAccessExpression(node)) return lowerElement(scope, node);
  if (ts.isPropertyAccessExpression(node)) return lowerProperty(scope, node);
  if (ts.isCallExpression(node)) return lowerCall(scope, node);
  if (ts.isObjectLiteralExpression(node)) return lowerObject(scope, node);
  if (ts.isArrayLiteralExpression(node)) return lowerTuple(scope, node);
  if (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node) || ts.isSatisfiesExpression(node)) {
    return refuse(
      span,
      'a type assertion is not supported',
      'Leave it out: integer types accept any number, and its range is proved.',
    );
  }
  if (node.kind === ts.SyntaxKind.ThisKeyword)
    return refuse(span, 'this is used as a value', 'Only its fields and methods are for others to see.');
  if (ts.isNonNullExpression(node)) return refuse(span, 'the ! assertion is not supported', 'Leave it out.');
  if (ts.isNewExpression(node))
    return refuse(span, 'new inside an expression', 'Write const a = new Uint8Array(16); with a constant length.');
  if (ts.isPostfixUnaryExpression(node))
    return refuse(
      span,
      `${ts.tokenToString(node.operator)} inside an expression`,
      'Write it as a statement of its own.',
    );
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node))
    return refuse(span, 'a function as a value is not supported', 'Declare it with function at the top level.');
  return refuse(span, `${ts.SyntaxKind[node.kind]} is not supported`);
}

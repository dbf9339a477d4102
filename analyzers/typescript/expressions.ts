/**
 * Expressions of the subset: from syntax to IR.
 *
 * An expression's own type is the compiler's as far as it carries a brand; arithmetic gives `number` or `bigint`, and
 * the place that a value goes to says what range it must have (coerce). What has no meaning in the table of operators
 * is refused with what to write instead.
 */
import type { Argument, ArrayVariable, Expression, Span } from '../ir.ts';
import { evaluate, isExact, type OperatorName, operatorOf } from '../operators.ts';
import { boolean, type Domain, domainOf, inRange, integer, rangeOf, showType, type Type, within } from '../types.ts';
import { lowerLibraryCall } from './clauses.ts';
import { CONTRACTS_FILE, GLOBALS_FILE, isAssignment, ts } from './compiler.ts';
import { lowerConstant } from './constants.ts';
import { lowerViewRead, viewOf } from './data-view.ts';
import { absent, coerceOptional, isOptional, isUndefined, narrowed, presentIn, valueIn } from './optional.ts';
import { refuse } from './refuse.ts';
import { bare, type Header, isArrayVariable, libraryName, read, type Scope, symbolOf } from './scope.ts';
import { lowerType } from './types.ts';

const spanOf = (scope: Scope, node: ts.Node): Span => scope.world.spanOf(node);

/** An operation; one on constants is computed here. */
export function operation(operator: OperatorName, operands: readonly Expression[], span: Span): Expression {
  const entry = operatorOf(operator);
  const values = operands.flatMap((operand) => (operand.kind === 'integer' ? [operand.value] : []));
  if (values.length === operands.length && entry.gives === 'integer' && isExact(operator, values)) {
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
  if (isOptional(type)) return coerceOptional(expression, type, coerce);
  if (isOptional(from))
    refuse(expression.span, `a value of type ${showType(from)} may be undefined`, 'Test it: if (x !== undefined) ...');
  if (type.kind === 'record' && from.kind === 'record') return coerceRecord(expression, type);
  return refuse(expression.span, `a value of type ${showType(from)} stands where ${showType(type)} is expected`);
}

function coerceRecord(expression: Expression, type: Type & { kind: 'record' }): Expression {
  const from = expression.type as Type & { kind: 'record' };
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
  const lowered = lowerExpression(scope, node);
  if (lowered.type.kind !== 'boolean') {
    refuse(lowered.span, `a condition of type ${showType(lowered.type)}`, 'Compare it: x !== 0, x !== 0n.');
  }
  return lowered;
}

/** An integer of the domain. */
export function lowerInteger(scope: Scope, node: ts.Expression, domain?: Domain): Expression {
  const lowered = lowerExpression(scope, node);
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
export function arithmetic(token: ts.SyntaxKind, left: Expression, right: Expression, span: Span): Expression {
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
  const left = lowerExpression(scope, node.left);
  const right = lowerExpression(scope, node.right);
  if (left.type.kind === 'boolean' && right.type.kind === 'boolean' && name === 'equal') {
    const same: Expression = { kind: 'same', left, right, type: boolean, span };
    return negate ? not(same) : same;
  }
  if (left.type.kind !== 'integer' || right.type.kind !== 'integer') {
    refuse(
      span,
      `a comparison of ${showType(left.type)} and ${showType(right.type)}`,
      'Compare integers, or booleans for equality; compare records field by field.',
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

/** a / b below a rounding function. */
function lowerQuotient(scope: Scope, node: ts.Expression, operator: OperatorName, span: Span): Expression {
  const inner = bare(node);
  if (!ts.isBinaryExpression(inner) || inner.operatorToken.kind !== ts.SyntaxKind.SlashToken) {
    return refuse(
      span,
      'rounding of something other than a quotient',
      'Write Math.trunc(a / b); an integer needs no rounding.',
    );
  }
  return operation(
    operator,
    [lowerInteger(scope, inner.left, 'number'), lowerInteger(scope, inner.right, 'number')],
    span,
  );
}

function wantArguments(node: ts.CallExpression, count: number, span: Span): void {
  if (node.arguments.some(ts.isSpreadElement))
    refuse(span, 'a spread argument is not supported', 'Pass each argument by itself.');
  if (node.arguments.length !== count) refuse(span, `${node.arguments.length} arguments where ${count} are expected`);
}

/** A method of Math or BigInt. */
function lowerMethod(scope: Scope, node: ts.CallExpression, object: string, method: string): Expression {
  const span = spanOf(scope, node);
  const args = node.arguments;
  const full = `${object}.${method}`;
  const take = (operator: OperatorName, domain: Domain): Expression => {
    wantArguments(node, operatorOf(operator).arity, span);
    return operation(
      operator,
      args.map((argument) => lowerInteger(scope, argument, domain)),
      span,
    );
  };
  switch (full) {
    case 'Math.trunc':
    case 'Math.floor':
      wantArguments(node, 1, span);
      return lowerQuotient(scope, args[0], method === 'trunc' ? 'truncatedDivide' : 'flooredDivide', span);
    case 'Math.imul':
      return take('multiply32', 'number');
    case 'Math.min':
      return take('minimum', 'number');
    case 'Math.max':
      return take('maximum', 'number');
    case 'Math.abs':
      return take('absolute', 'number');
    case 'BigInt.asUintN':
    case 'BigInt.asIntN': {
      wantArguments(node, 2, span);
      const bits = lowerInteger(scope, args[0], 'number');
      if (bits.kind !== 'integer' || bits.value !== 64n)
        refuse(bits.span, `${full} of another width than 64`, 'Write 64, or a remainder by a power of two.');
      return operation(method === 'asUintN' ? 'asUint64' : 'asInt64', [lowerInteger(scope, args[1], 'bigint')], span);
    }
    default:
      return refuse(
        span,
        `${full} is not supported`,
        'Supported are Math.trunc, floor, imul, min, max, abs and BigInt.asUintN, asIntN.',
      );
  }
}

/** Arguments of a call of a verified function. */
export function lowerArguments(
  scope: Scope,
  node: ts.CallExpression,
  parameters: readonly { readonly name: string; readonly type: Type }[],
): Argument[] {
  wantArguments(node, parameters.length, spanOf(scope, node));
  return node.arguments.map((argument, i): Argument => {
    const { type } = parameters[i];
    if (type.kind !== 'array') return coerce(lowerExpression(scope, argument), type);
    const array = lowerArray(scope, argument);
    const span = spanOf(scope, argument);
    if (array.type.name !== type.name) refuse(span, `a ${array.type.name} where ${type.name} is expected`);
    if (array.type.readonly && !type.readonly) {
      refuse(
        span,
        `${array.name} may not be written, and the parameter ${parameters[i].name} may`,
        `Declare the parameter as Readonly<${type.name}> if it is only read.`,
      );
    }
    return { kind: 'array', array, type: array.type, span };
  });
}

function lowerCall(scope: Scope, node: ts.CallExpression): Expression {
  const span = spanOf(scope, node);
  const callee = bare(node.expression);
  if (node.questionDotToken !== undefined) refuse(span, 'an optional call is not supported', 'Call the function.');
  if (ts.isPropertyAccessExpression(callee)) {
    const object = libraryName(scope.world, callee.expression, GLOBALS_FILE);
    if (object !== undefined) return lowerMethod(scope, node, object, callee.name.text);
    if (viewOf(scope, callee.expression) !== undefined) return lowerViewRead(scope, node);
    return refuse(span, 'a method call is not supported', 'Call a function with a contract.');
  }
  if (!ts.isIdentifier(callee)) return refuse(span, 'a call of a computed function', 'Call a function by its name.');
  const own = libraryName(scope.world, callee, CONTRACTS_FILE);
  if (own !== undefined) return lowerLibraryCall(scope, node, own);
  const global = libraryName(scope.world, callee, GLOBALS_FILE);
  if (global === 'implies' || global === 'forall' || global === 'exists' || global === 'old') {
    if (scope.place !== 'contract')
      refuse(span, `${global} is not imported`, `Write import { ${global} } from 'casemate';`);
    return lowerLibraryCall(scope, node, global);
  }
  if (global === 'BigInt' || global === 'Number') {
    wantArguments(node, 1, span);
    const operand = lowerInteger(scope, node.arguments[0]);
    const big = operand.type.kind === 'integer' && domainOf(operand.type) === 'bigint';
    if (big === (global === 'BigInt')) return operand;
    return operation(big ? 'toNumber' : 'toBigInt', [operand], span);
  }
  const symbol = symbolOf(scope.world, callee);
  const header = symbol && scope.world.headers.get(symbol);
  if (header === undefined) {
    if (symbol !== undefined && symbol.declarations === undefined) {
      refuse(
        span,
        `${callee.text} comes from a file that was not read`,
        'It must lie in the folder of the command, or below.',
      );
    }
    return refuse(
      span,
      `${callee.text} has no contract`,
      'Give it one in its JSDoc (@requires, @ensures, or @verified for none), or declare it with @trusted.',
    );
  }
  if (scope.place !== 'body' && !header.pure) {
    refuse(span, `${header.name} is called in a contract and is not @pure`, 'Only functions marked @pure may be.');
  }
  if (header.modifies.length > 0) {
    refuse(
      span,
      `${header.name} writes to its arguments, so its call is no part of an expression`,
      'Call it in a statement: f(...); or const x = f(...); or return f(...).',
    );
  }
  if (header.result.kind === 'void')
    refuse(span, `${header.name} gives no value`, 'Call it in a statement of its own.');
  return {
    kind: 'call',
    function: header.key,
    arguments: lowerArguments(scope, node, header.parameters),
    type: header.result,
    span,
  };
}

/** A function that need not end is nobody's callee: what comes after it would be proved of a state that never is. */
export function refuseDiverging(_scope: Scope, header: Header, span: Span): void {
  if (header.diverges)
    refuse(span, `${header.name} is @diverges`, 'It is for the outermost loop: call it from code without a contract.');
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
    return narrowed(scope, node, read(variable, span));
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

function lowerProperty(scope: Scope, node: ts.PropertyAccessExpression): Expression {
  const span = spanOf(scope, node);
  if (node.questionDotToken !== undefined) refuse(span, '?. is not supported', 'Test for undefined with if.');
  const name = node.name.text;
  if (libraryName(scope.world, node.expression, GLOBALS_FILE) === 'Number') {
    if (name === 'MAX_SAFE_INTEGER') return { kind: 'integer', value: 2n ** 53n - 1n, type: integer('number'), span };
    if (name === 'MIN_SAFE_INTEGER') return { kind: 'integer', value: 1n - 2n ** 53n, type: integer('number'), span };
  }
  const declaration = symbolOf(scope.world, node)?.valueDeclaration;
  if (declaration !== undefined && ts.isEnumMember(declaration)) {
    const member = scope.world.checker.getConstantValue(declaration);
    if (typeof member !== 'number' || !Number.isSafeInteger(member))
      refuse(span, `${name} is no integer`, 'Members of an enum are integers.');
    return { kind: 'integer', value: BigInt(member), type: integer('number'), span };
  }
  const inner = bare(node.expression);
  const symbol = ts.isIdentifier(inner) ? symbolOf(scope.world, inner) : undefined;
  const named = symbol && scope.variables.get(symbol);
  const isArray = named !== undefined ? isArrayVariable(named) : symbol !== undefined && isTable(scope, symbol, span);
  if (isArray) {
    if (name === (named?.type.kind === 'array' && named.type.name === 'DataView' ? 'byteLength' : 'length'))
      return { kind: 'length', array: lowerArray(scope, node.expression), type: integer('number'), span };
    refuse(
      span,
      `.${name} of an array is not supported`,
      name === 'subarray' || name === 'buffer'
        ? 'Two names for one memory cannot be told apart: pass the array with an offset.'
        : 'Read elements and length; write a loop for the rest.',
    );
  }
  const operand = lowerExpression(scope, node.expression);
  if (operand.type.kind !== 'record')
    refuse(span, `.${name} of a value of type ${showType(operand.type)}`, 'Only records have fields.');
  const field = operand.type.fields.find((candidate) => candidate.name === name);
  if (field === undefined) return refuse(span, `the record has no field ${name}`);
  return narrowed(scope, node, { kind: 'field', operand, name, type: field.type, span });
}

function isTable(scope: Scope, symbol: ts.Symbol, span: Span): boolean {
  const constant = lowerConstant(scope.world, symbol, span);
  return constant !== undefined && 'values' in constant;
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

/** A place of a tuple, by a constant. */
function lowerPlace(scope: Scope, node: ts.ElementAccessExpression, span: Span): Expression {
  const operand = lowerExpression(scope, node.expression);
  const index = lowerInteger(scope, node.argumentExpression, 'number');
  if (operand.type.kind !== 'record' || index.kind !== 'integer')
    return refuse(span, 'the place in a tuple is no constant', 'Write a number.');
  const field = operand.type.fields.find(({ name }) => name === String(index.value));
  if (field === undefined) return refuse(span, `the tuple has no place ${index.value}`);
  return { kind: 'field', operand, name: field.name, type: field.type, span };
}

function lowerTuple(scope: Scope, node: ts.ArrayLiteralExpression): Expression {
  const span = spanOf(scope, node);
  if (
    node.elements.length === 0 ||
    node.elements.some((element) => ts.isSpreadElement(element) || ts.isOmittedExpression(element))
  ) {
    refuse(span, 'an array literal that is no tuple', 'Write each value, or a typed array: new Uint8Array([1, 2]).');
  }
  const fields = node.elements.map((element) => lowerExpression(scope, element));
  const type: Type = {
    kind: 'record',
    name: 'a tuple',
    fields: fields.map((field, i) => ({ name: String(i), type: field.type })),
  };
  return { kind: 'record', type, fields, span };
}

function lowerConditional(scope: Scope, node: ts.ConditionalExpression): Expression {
  const span = spanOf(scope, node);
  const condition = lowerCondition(scope, node.condition);
  const whenTrue = lowerExpression(scope, node.whenTrue);
  const whenFalse = lowerExpression(scope, node.whenFalse);
  const mayLack = isOptional(whenTrue.type) || isOptional(whenFalse.type);
  const type = mayLack
    ? lowerType(scope.world, scope.world.checker.getTypeAtLocation(node), span)
    : whenTrue.type.kind === 'integer' &&
        whenFalse.type.kind === 'integer' &&
        whenTrue.type.name !== whenFalse.type.name
      ? integer(domainOf(whenTrue.type) === 'number' ? 'number' : 'bigint')
      : whenTrue.type;
  return {
    kind: 'conditional',
    condition,
    whenTrue: coerce(whenTrue, type),
    whenFalse: coerce(whenFalse, type),
    type,
    span,
  };
}

function lowerObject(scope: Scope, node: ts.ObjectLiteralExpression): Expression {
  const span = spanOf(scope, node);
  const fields = node.properties.map((property): { name: string; value: Expression } => {
    if (ts.isPropertyAssignment(property) && ts.isIdentifier(property.name)) {
      return { name: property.name.text, value: lowerExpression(scope, property.initializer) };
    }
    if (ts.isShorthandPropertyAssignment(property) && property.objectAssignmentInitializer === undefined) {
      const symbol = scope.world.checker.getShorthandAssignmentValueSymbol(property);
      const variable = symbol && scope.variables.get(symbol);
      if (variable !== undefined && variable.type.kind !== 'array')
        return { name: property.name.text, value: read(variable, spanOf(scope, property)) };
    }
    return refuse(spanOf(scope, property), 'this kind of member is not supported', 'Write name: value.');
  });
  const names = new Set(fields.map(({ name }) => name));
  if (names.size !== fields.length || names.has('__proto__')) refuse(span, 'a field is given twice, or is __proto__');
  const type: Type = {
    kind: 'record',
    name: 'a record',
    fields: fields.map(({ name, value }) => ({ name, type: value.type })),
  };
  return { kind: 'record', type, fields: fields.map(({ value }) => value), span };
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

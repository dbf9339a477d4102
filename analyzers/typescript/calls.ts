/**
 * Calls: of verified functions, whose headers say what may be passed and what comes back, and of the few functions of
 * the language's library that are operators of the table.
 */
import { type Argument, type Expression, type ObjectVariable, ownedArrays, type Span } from '../ir.ts';
import { type OperatorName, operatorOf } from '../operators.ts';
import { type Domain, domainOf, sameArray, type Type, valueType } from '../types.ts';
import { lowerLibraryCall } from './clauses.ts';
import { CONTRACTS_FILE, GLOBALS_FILE, ts } from './compiler.ts';
import { lowerViewRead, viewOf } from './data-view.ts';
import { coerce, lowerArray, lowerExpression, lowerInteger, operation } from './expressions.ts';
import { headerAt } from './generics.ts';
import { noteGhostCall } from './ghost.ts';
import { lowerObjectArgument, objectOf } from './objects.ts';
import { refuse } from './refuse.ts';
import { bare, type Header, libraryName, type Scope, symbolOf } from './scope.ts';

const spanOf = (scope: Scope, node: ts.Node): Span => scope.world.spanOf(node);

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

function wantArguments(passed: readonly ts.Expression[], count: number, span: Span): void {
  if (passed.some(ts.isSpreadElement))
    refuse(span, 'a spread argument is not supported', 'Pass each argument by itself.');
  if (passed.length !== count) refuse(span, `${passed.length} arguments where ${count} are expected`);
}

/** A method of Math or BigInt. */
function lowerMethod(scope: Scope, node: ts.CallExpression, object: string, method: string): Expression {
  const span = spanOf(scope, node);
  const args = node.arguments;
  const full = `${object}.${method}`;
  const take = (operator: OperatorName, domain: Domain): Expression => {
    wantArguments(node.arguments, operatorOf(operator).arity, span);
    return operation(
      operator,
      args.map((argument) => lowerInteger(scope, argument, domain)),
      span,
    );
  };
  switch (full) {
    case 'Math.trunc':
    case 'Math.floor':
      wantArguments(node.arguments, 1, span);
      return lowerQuotient(scope, args[0], method === 'trunc' ? 'truncatedDivide' : 'flooredDivide', span);
    case 'Object.freeze':
      wantArguments(node.arguments, 1, span);
      // Of something that is there already it would have an effect.
      if (!ts.isObjectLiteralExpression(bare(args[0])) && !ts.isArrayLiteralExpression(bare(args[0])))
        refuse(span, 'something other than a new record is frozen', 'Write Object.freeze({ ... }).');
      return lowerExpression(scope, args[0]);
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
      wantArguments(node.arguments, 2, span);
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
  node: ts.CallExpression | ts.NewExpression,
  { written }: Header,
  receiver?: ObjectVariable,
): Argument[] {
  const passed = node.arguments ?? [];
  wantArguments(passed, written.length, spanOf(scope, node));
  const first = receiver === undefined ? [] : objectArguments(receiver, spanOf(scope, node));
  const rest = passed.flatMap((argument, i): Argument[] => {
    const { type, name } = written[i];
    if (type.kind !== 'object') return [lowerArgument(scope, argument, written[i])];
    const object = lowerObjectArgument(scope, argument, type, name);
    return object.kind === 'object' ? objectArguments(object.object, object.span) : [object];
  });
  return [...first, ...rest];
}

/** An object, and behind it the arrays that it owns. */
export function objectArguments(object: ObjectVariable, span: Span): Argument[] {
  return [
    { kind: 'object', object, type: object.type, span },
    ...ownedArrays(object).map((array): Argument => ({ kind: 'array', array, type: array.type, span })),
  ];
}

/** What a call calls: a function with a contract, or a method of an object. */
export function calleeOf(
  scope: Scope,
  node: ts.CallExpression,
): { readonly header: Header; readonly receiver?: ObjectVariable } | undefined {
  const callee = bare(node.expression);
  const method = ts.isPropertyAccessExpression(callee) ? callee : undefined;
  const receiver = method && objectOf(scope, method.expression);
  if (method !== undefined && receiver === undefined) return undefined;
  if (node.questionDotToken !== undefined || method?.questionDotToken !== undefined)
    refuse(spanOf(scope, node), 'an optional call is not supported', 'Call the function.');
  const name = method?.name ?? callee;
  const symbol = method !== undefined || ts.isIdentifier(callee) ? symbolOf(scope.world, name) : undefined;
  const header = symbol && headerAt(scope, symbol, node);
  return header && { header, ...(receiver && { receiver }) };
}

function lowerArgument(
  scope: Scope,
  argument: ts.Expression,
  { name, type }: { readonly name: string; readonly type: Type },
): Argument {
  if (type.kind !== 'array') {
    const object = objectOf(scope, argument);
    if (object !== undefined)
      refuse(
        spanOf(scope, argument),
        `the object ${object.name} is passed as a value`,
        `Declare the parameter as Readonly<${object.type.name}>.`,
      );
    return coerce(lowerExpression(scope, argument), type);
  }
  const array = lowerArray(scope, argument);
  const span = spanOf(scope, argument);
  if (!sameArray(array.type, type)) refuse(span, `a ${array.type.name} where ${type.name} is expected`);
  if (array.type.readonly && !type.readonly) {
    refuse(
      span,
      `${array.name} may not be written, and the parameter ${name} may`,
      `Declare the parameter as Readonly<${type.name}> if it is only read.`,
    );
  }
  return { kind: 'array', array, type: array.type, span };
}

export function lowerCall(scope: Scope, node: ts.CallExpression): Expression {
  const span = spanOf(scope, node);
  const callee = bare(node.expression);
  if (node.questionDotToken !== undefined) refuse(span, 'an optional call is not supported', 'Call the function.');
  const found = calleeOf(scope, node);
  if (found !== undefined) return lowerVerifiedCall(scope, node, found.header, found.receiver);
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
    wantArguments(node.arguments, 1, span);
    const operand = lowerInteger(scope, node.arguments[0]);
    const big = operand.type.kind === 'integer' && domainOf(operand.type) === 'bigint';
    if (big === (global === 'BigInt')) return operand;
    return operation(big ? 'toNumber' : 'toBigInt', [operand], span);
  }
  const symbol = symbolOf(scope.world, callee);
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

function lowerVerifiedCall(
  scope: Scope,
  node: ts.CallExpression,
  header: Header,
  receiver: ObjectVariable | undefined,
): Expression {
  const span = spanOf(scope, node);
  refuseDiverging(header, span);
  const isCode = scope.place === 'body' || (scope.ghostBlock !== undefined && scope.place === 'ghost');
  if (!isCode && !header.pure) {
    const where = scope.place === 'ghost' ? 'a ghost value' : 'a contract';
    refuse(span, `${header.name} is called in ${where} and is not @pure`, 'Only functions marked @pure may be.');
  }
  noteGhostCall(scope, header, span);
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
    arguments: lowerArguments(scope, node, header, receiver),
    type: valueType(header.result),
    span,
  };
}

/** A function that need not end is nobody's callee: what comes after it would be proved of a state that never is. */
export function refuseDiverging(header: Header, span: Span): void {
  if (header.diverges)
    refuse(span, `${header.name} is @diverges`, 'It is for the outermost loop: call it from code without a contract.');
}

/**
 * Functions with contracts: what their callers see of them (headers come first, so that bodies may call in any order),
 * then their clauses and bodies. A method is a function of its object, a constructor one that fills an object.
 */
import type { Diagnostic } from '../diagnostics.ts';
import {
  type Clause,
  type ErrorName,
  type FunctionIr,
  isObjectVariable,
  ownedArrays,
  type Statement,
  type Variable,
} from '../ir.ts';
import { nothing, valueType } from '../types.ts';
import { classOf, impliedClauses, isPrivate, refuseDecorator, selfOf } from './classes.ts';
import { ts } from './compiler.ts';
import { lowerConstructor } from './construct.ts';
import { lowerCondition, lowerInteger } from './expressions.ts';
import { lowerModifies, newObject } from './modifies.ts';
import { lowerPlaceType } from './objects.ts';
import { collecting, refuse } from './refuse.ts';
import { type ClassInfo, declareVariable, type Header, noHeader, type Scope, type World } from './scope.ts';
import { lowerSecrets } from './secrets.ts';
import type { Contracted } from './shadow.ts';
import { lowerStatements } from './statements.ts';

export type Written = ts.FunctionDeclaration | ts.MethodDeclaration | ts.ConstructorDeclaration;

/** A function whose header is known. */
export interface Pending {
  readonly node: Written;
  readonly contract: Contracted;
  readonly header: Header;
  readonly scope: Scope;
  readonly resultVariable: Variable;
}

/** Names that contracts give a meaning of their own. */
const reserved = new Set([
  'result',
  'old',
  'forall',
  'exists',
  'implies',
  'invariant',
  'decreases',
  'assert',
  'assertBits',
  'ghost',
]);

export function isTrusted(node: Written, contract: Contracted): boolean {
  return node.body === undefined || contract.tags.has('trusted');
}

/** What callers see of a function, its parameters in scope. */
export function lowerHeader(
  world: World,
  file: string,
  node: Written,
  contract: Contracted,
  diagnostics: Diagnostic[],
  info?: ClassInfo,
): Omit<Pending, 'node' | 'contract'> {
  const { nameSpan } = contract;
  const signature = world.checker.getSignatureFromDeclaration(node);
  const constructs = ts.isConstructorDeclaration(node);
  if ((node.type === undefined && !constructs) || signature === undefined)
    return refuse(nameSpan, `${contract.name} has no return type`, 'Write it: function f(x: u8): u32, or void.');
  if (node.type !== undefined && ts.isTypePredicateNode(node.type))
    refuse(
      world.spanOf(node.type),
      'a type predicate is not supported',
      'The compiler would believe it unproved: return boolean.',
    );
  const self = info && selfOf(info, constructs, nameSpan);
  const scope: Scope = {
    world,
    ...(self && { self }),
    variables: new Map(),
    ids: new Map(),
    diagnostics,
    place: 'body',
    oldAllowed: false,
    header: noHeader,
  };
  const written = node.parameters.map((parameter) => {
    const span = world.spanOf(parameter);
    if (!ts.isIdentifier(parameter.name))
      return refuse(span, 'a pattern as a parameter is not supported', 'Name the parameter.');
    if (parameter.type === undefined)
      refuse(span, `the parameter ${parameter.name.text} has no type`, 'Write it down.');
    if (parameter.questionToken ?? parameter.initializer ?? parameter.dotDotDotToken)
      refuse(
        span,
        `the parameter ${parameter.name.text} is optional, has a default, or takes the rest`,
        'Take a value always.',
      );
    if (parameter.name.text === 'this') refuse(span, 'this as a parameter is not supported', 'Leave it out.');
    if (reserved.has(parameter.name.text))
      refuse(
        span,
        `a parameter is called ${parameter.name.text}, which has a meaning in contracts`,
        'Choose another name.',
      );
    const type = lowerPlaceType(
      world,
      world.checker.getTypeAtLocation(parameter.name),
      world.spanOf(parameter.type ?? parameter),
      'parameter',
    );
    if (type.kind === 'void') refuse(span, `the parameter ${parameter.name.text} has no value`, 'Leave it out.');
    const given = classOf(world, type);
    if (given !== undefined && !given.node.members.some(isPrivate))
      refuse(
        span,
        `the parameter ${parameter.name.text} is of the class ${type.kind === 'object' ? type.name : ''}, which has no private member`,
        'Any object of its shape is taken for one: make a field of the class private.',
      );
    for (const decorator of ts.getDecorators(parameter) ?? []) refuseDecorator(world, decorator);
    return declareVariable(
      scope,
      world.checker.getSymbolAtLocation(parameter.name),
      parameter.name.text,
      type,
      world.spanOf(parameter.name),
    );
  });
  const resultSpan = node.type === undefined ? nameSpan : world.spanOf(node.type);
  const result = constructs ? nothing : lowerPlaceType(world, signature.getReturnType(), resultSpan, 'result');
  if (result.kind === 'array')
    refuse(resultSpan, 'an array is returned', 'Take the array as a parameter and fill it in: @modifies out.');
  const parameters = [...(self === undefined ? [] : [self]), ...written].flatMap((variable) =>
    isObjectVariable(variable) ? [variable, ...ownedArrays(variable)] : [variable],
  );
  const frame = lowerModifies(file, contract, parameters);
  const made = constructs && self !== undefined ? newObject(self) : undefined;
  const modifies = [...(made?.modifies ?? []), ...frame.modifies];
  const fields = new Map([...(made?.fields ?? []), ...frame.fields]);
  const pure = contract.tags.has('pure');
  const diverges = contract.tags.has('diverges');
  if (pure && diverges) refuse(nameSpan, `${contract.name} is @pure and @diverges`, 'A pure function ends.');
  if (pure && (modifies.length > 0 || result.kind === 'void'))
    refuse(
      nameSpan,
      `${contract.name} is @pure and has an effect or no value`,
      'A pure function only computes a value.',
    );
  const isOwn = (id: string): boolean => id === 'this' || id.startsWith('this.');
  const isThrowing = contract.clauses.some(({ tag }) => tag === 'throws');
  if (isThrowing && ts.isMethodDeclaration(node) && isPrivate(node) && modifies.some(isOwn))
    refuse(
      nameSpan,
      `${contract.name} is private, writes the object and throws`,
      'Nobody would know whether the invariant holds then: test before, in the public method.',
    );
  const header: Header = {
    key: `${file}#${info === undefined ? '' : `${info.name}.`}${contract.name}`,
    name: info === undefined ? contract.name : constructs ? `new ${info.name}` : `${info.name}.${contract.name}`,
    parameters,
    written,
    result,
    modifies,
    fields,
    pure,
    diverges,
    throws: isThrowing,
    trusted: isTrusted(node, contract),
  };
  const resultVariable: Variable = { id: '@result', name: 'result', type: valueType(result), span: nameSpan };
  return { header, scope: { ...scope, header }, resultVariable };
}

/** The clauses of one tag; they stand in functions of the shadow. */
function lowerClauses(
  pending: Pending,
  holders: ReadonlyMap<string, Written>,
  tag: 'requires' | 'ensures' | 'decreases' | 'throws',
): (Clause & { readonly error?: ErrorName })[] {
  const { contract, scope, header, resultVariable } = pending;
  return contract.clauses.flatMap(({ tag: own, value, holder, error }) => {
    const node = holder === undefined ? undefined : holders.get(holder);
    if (own !== tag || node === undefined) return [];
    return (
      collecting(scope.diagnostics, () => {
        const variables = new Map(scope.variables);
        node.parameters.forEach((parameter, i) => {
          const symbol = scope.world.checker.getSymbolAtLocation(parameter.name);
          if (symbol !== undefined) variables.set(symbol, header.written[i] ?? resultVariable);
        });
        const inner: Scope = { ...scope, variables, place: 'contract', oldAllowed: tag === 'ensures' };
        const statement = node.body?.statements[0];
        if (
          node.body?.statements.length !== 1 ||
          statement === undefined ||
          !ts.isReturnStatement(statement) ||
          statement.expression === undefined
        )
          return [];
        // The parentheses around it are the shadow's.
        const written = ts.isParenthesizedExpression(statement.expression)
          ? statement.expression.expression
          : statement.expression;
        const expression =
          tag === 'decreases' ? lowerInteger(inner, statement.expression) : lowerCondition(inner, statement.expression);
        const text = value.text.replace(/\s+/g, ' ');
        return [{ text, expression, span: scope.world.spanOf(written), ...(error && { error }) }];
      }) ?? []
    );
  });
}

function lowerBody({ node, header, scope, contract }: Pending): readonly Statement[] | undefined {
  const { body } = node;
  if (header.trusted || body === undefined) return undefined;
  const { self } = scope;
  if (!ts.isConstructorDeclaration(node) || self === undefined) return lowerStatements(scope, body.statements);
  return collecting(scope.diagnostics, () => lowerConstructor(scope, self, body.statements, contract.nameSpan)) ?? [];
}

/** Whether other modules can import a function by its name, whatever way it is exported. */
function isExported({ checker }: World, node: Written): boolean {
  if (!ts.isFunctionDeclaration(node) || node.name === undefined || node.typeParameters !== undefined) return false;
  const module = checker.getSymbolAtLocation(node.getSourceFile());
  const own = checker.getSymbolAtLocation(node.name);
  if (module === undefined || own === undefined) return false;
  return checker.getExportsOfModule(module).some((symbol) => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const found = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
    return found.valueDeclaration === node && (symbol.name === node.name?.text || symbol.name === 'default');
  });
}

export function lowerFunction(pending: Pending, holders: ReadonlyMap<string, Written>): FunctionIr {
  const { contract, header, scope, resultVariable } = pending;
  const { trusted: _, throws: __, written: ___, ...rest } = header;
  const implied = impliedClauses(scope, pending.node);
  const secrets = collecting(scope.diagnostics, () =>
    lowerSecrets(contract.nameSpan.file, contract, header.parameters, header.result.kind !== 'void'),
  );
  return {
    ...rest,
    result: valueType(header.result),
    resultVariable,
    requires: [...implied.requires, ...lowerClauses(pending, holders, 'requires')],
    kept: implied.kept,
    ensures: [...implied.ensures, ...lowerClauses(pending, holders, 'ensures')],
    throws: lowerClauses(pending, holders, 'throws').map((clause) => ({ ...clause, error: clause.error ?? 'Error' })),
    decreases: lowerClauses(pending, holders, 'decreases'),
    body: lowerBody(pending),
    ...(secrets && { secrets }),
    ...(isExported(scope.world, pending.node) && { exported: true }),
    span: contract.nameSpan,
  };
}

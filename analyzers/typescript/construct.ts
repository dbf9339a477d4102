/**
 * Making objects of classes: `const ring = new Ring(16)`, and what stands in a constructor.
 *
 * Before its constructor has run an object is nothing: so the constructor gives each field its value by a statement
 * of its own, and until all have one, `this` is only asked for those that have. An array is made by such a statement
 * too, once, which is why its length is one term for as long as the object is there.
 */
import { type ArrayVariable, type ObjectVariable, ownedArrays, type Span, type Statement } from '../ir.ts';
import { integer, type ObjectType } from '../types.ts';
import { lowerArguments, refuseDiverging } from './calls.ts';
import { GLOBALS_FILE, ts } from './compiler.ts';
import { arrayConstant } from './constants.ts';
import { coerce, lowerInteger } from './expressions.ts';
import { refuseInGhost } from './ghost.ts';
import { collecting, refuse } from './refuse.ts';
import { bare, declareVariable, libraryName, type Scope, symbolOf } from './scope.ts';
import { lowerStatements } from './statements.ts';

/** const NAME = new CLASS(...) */
export function lowerNew(
  scope: Scope,
  name: ts.Identifier,
  initializer: ts.Expression,
  type: ObjectType,
  span: Span,
): Statement[] {
  const { world } = scope;
  const node = bare(initializer);
  const symbol = ts.isNewExpression(node) ? symbolOf(world, node.expression) : undefined;
  const info = symbol && world.classes.get(symbol);
  if (!ts.isNewExpression(node) || info === undefined || info.type.class !== type.class)
    return refuse(span, 'this is not a new object, so it would have two names', `Write new ${type.name}(...).`);
  refuseInGhost(scope, span, 'an object');
  const header = info.construct;
  if (header === undefined) return refuse(span, `the constructor of ${type.name} is not verified`);
  refuseDiverging(header, span);
  const passed = lowerArguments(scope, node, header);
  const nameSpan = world.spanOf(name);
  const object = declareVariable(
    scope,
    world.checker.getSymbolAtLocation(name),
    name.text,
    info.type,
    nameSpan,
  ) as ObjectVariable;
  const own = ownedArrays(object).map((array) => ({ kind: 'array', array, type: array.type, span }) as const);
  return [
    { kind: 'create', object, span },
    {
      kind: 'call',
      function: header.key,
      arguments: [{ kind: 'object', object, type: object.type, span }, ...own, ...passed],
      declares: false,
      span,
    },
  ];
}

/** The field that a statement gives a value: this.NAME = value; */
function initialised(node: ts.Statement): { readonly name: string; readonly value: ts.Expression } | undefined {
  if (!ts.isExpressionStatement(node) || !ts.isBinaryExpression(node.expression)) return undefined;
  const { left, right, operatorToken } = node.expression;
  const assigns = operatorToken.kind === ts.SyntaxKind.EqualsToken && ts.isPropertyAccessExpression(left);
  return assigns && left.expression.kind === ts.SyntaxKind.ThisKeyword
    ? { name: left.name.text, value: right }
    : undefined;
}

/** Turns away a use of `this` other than of a field that has a value. */
function refuseEarlyUse(scope: Scope, node: ts.Node, done: ReadonlySet<string>): void {
  const visit = (inner: ts.Node): void => {
    if (ts.isReturnStatement(inner))
      refuse(scope.world.spanOf(inner), 'return before all fields have a value', 'Give them one first.');
    if (inner.kind === ts.SyntaxKind.ThisKeyword) {
      const { parent } = inner;
      const known = ts.isPropertyAccessExpression(parent) && done.has(parent.name.text);
      if (!known)
        refuse(
          scope.world.spanOf(parent),
          'this is used before all of its fields have a value',
          'Begin the constructor with this.field = value for each field.',
        );
    }
    ts.forEachChild(inner, visit);
  };
  visit(node);
}

/** this.NAME = new Uint8Array(length); */
function lowerOwnArray(scope: Scope, array: ArrayVariable, node: ts.Expression, span: Span): Statement {
  const maker = bare(node);
  const [argument] = ts.isNewExpression(maker) ? (maker.arguments ?? []) : [];
  const made = ts.isNewExpression(maker) ? libraryName(scope.world, maker.expression, GLOBALS_FILE) : undefined;
  if (made === array.type.name && argument !== undefined && !ts.isArrayLiteralExpression(bare(argument))) {
    const length = coerce(lowerInteger(scope, argument, 'number'), integer('u32'));
    return { kind: 'allocate', variable: array, length, span };
  }
  const constant = arrayConstant(scope.world, node);
  if (constant?.name !== array.type.name)
    return refuse(span, `${array.name} is given no new ${array.type.name}`, `Write new ${array.type.name}(length).`);
  const length = { kind: 'integer', value: constant.length, type: integer('number'), span } as const;
  return { kind: 'allocate', variable: array, length, span, ...(constant.values && { values: constant.values }) };
}

/** The body of a constructor. */
export function lowerConstructor(
  scope: Scope,
  self: ObjectVariable,
  nodes: readonly ts.Statement[],
  nameSpan: Span,
): Statement[] {
  const owned = new Map((self.type.arrays ?? []).map(({ name }, i) => [name, ownedArrays(self)[i]]));
  const open = new Set([...self.type.record.fields.map(({ name }) => name), ...owned.keys()]);
  const done = new Set<string>();
  const lowered = nodes.flatMap((node): readonly Statement[] => {
    const field = initialised(node);
    const array = field && owned.get(field.name);
    return (
      collecting(scope.diagnostics, () => {
        const early = open.size > 0;
        if (early) refuseEarlyUse(scope, field === undefined ? node : field.value, done);
        if (field !== undefined && open.delete(field.name)) {
          done.add(field.name);
          if (array !== undefined) return [lowerOwnArray(scope, array, field.value, scope.world.spanOf(node))];
        }
        return lowerStatements(scope, [node]);
      }) ?? []
    );
  });
  const [missing] = open;
  if (missing !== undefined)
    refuse(
      nameSpan,
      `the field ${missing} is given no value`,
      `Write this.${missing} = ... in the constructor itself.`,
    );
  return lowered;
}

/**
 * Classes whose comment has @invariant (or @verified): all of their members are verified.
 *
 * An object of such a class is an object with fields (objects.ts) that also owns arrays, made in its constructor and
 * never handed out; a method is a function whose first parameter is the object. The invariant is no rule of its own: it
 * becomes a precondition of each public method and of each function that is given an object, a postcondition where
 * the object is written and of the constructor, and an invariant of loops that write it. So nothing is assumed
 * that is not proved somewhere, and a method that calls another one while the invariant does not hold fails there.
 *
 * What could write an object behind its methods' back is refused: public fields that are not readonly, public arrays,
 * static members, accessors, subclasses, and any use of the class but as a type and behind `new`.
 */
import type { Diagnostic } from '../diagnostics.ts';
import { type Clause, isObjectVariable, type ObjectVariable, ownedArrays, type Span } from '../ir.ts';
import { type ArrayType, integer, type ObjectType, type Type, typedArrays } from '../types.ts';
import { ts } from './compiler.ts';
import { lowerCondition } from './expressions.ts';
import { PREFIX } from './holders.ts';
import { isSteady } from './objects.ts';
import { collecting, refuse } from './refuse.ts';
import { type ClassInfo, type Scope, symbolOf, type World } from './scope.ts';
import type { ContractedClass } from './shadow.ts';
import { lowerType } from './types.ts';

const has = (node: ts.Node, kind: ts.SyntaxKind): boolean =>
  ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((one) => one.kind === kind) === true;

/** Whether only the class itself may name the member. */
export const isPrivate = (member: ts.ClassElement): boolean =>
  (member.name !== undefined && ts.isPrivateIdentifier(member.name)) || has(member, ts.SyntaxKind.PrivateKeyword);

const isHolder = (member: ts.ClassElement): boolean =>
  member.name !== undefined && ts.isIdentifier(member.name) && member.name.text.startsWith(PREFIX);

/** The functions of the shadow that hold the class's clauses. */
export const holdersOf = (node: ts.ClassDeclaration): ts.MethodDeclaration[] =>
  node.members.filter((member) => ts.isMethodDeclaration(member) && isHolder(member)) as ts.MethodDeclaration[];

/** The constructor and the methods that a user wrote. */
export const membersOf = (node: ts.ClassDeclaration): (ts.ConstructorDeclaration | ts.MethodDeclaration)[] =>
  node.members.filter(
    (member) => (ts.isConstructorDeclaration(member) || ts.isMethodDeclaration(member)) && !isHolder(member),
  ) as (ts.ConstructorDeclaration | ts.MethodDeclaration)[];

/** A decorator may put anything in the place of what it stands before. */
export function refuseDecorator(world: World, decorator: ts.Decorator): never {
  return refuse(
    world.spanOf(decorator),
    'a decorator is not supported',
    'It may replace what is verified: leave it out.',
  );
}

/** What a class is as a type, or why it cannot be verified. */
export function collectClass(
  world: World,
  file: string,
  node: ts.ClassDeclaration,
  contract: ContractedClass,
): ClassInfo {
  const { nameSpan, name } = contract;
  const symbol = node.name && symbolOf(world, node.name);
  if (symbol === undefined) return refuse(nameSpan, 'a class without a name has an invariant', 'Give it a name.');
  if (symbol.declarations?.length !== 1) refuse(nameSpan, `the class ${name} is declared more than once`);
  const [heritage] = node.heritageClauses ?? [];
  if (heritage !== undefined)
    refuse(world.spanOf(heritage), `the class ${name} has a base`, 'A verified class stands by itself.');
  if (node.typeParameters !== undefined) refuse(nameSpan, `the class ${name} has type parameters`);
  for (const decorator of ts.getDecorators(node) ?? []) refuseDecorator(world, decorator);
  for (const modifier of node.modifiers ?? []) {
    if (modifier.kind !== ts.SyntaxKind.ExportKeyword && modifier.kind !== ts.SyntaxKind.DefaultKeyword)
      refuse(world.spanOf(modifier), `${modifier.getText()} before a verified class is not supported`);
  }
  if (!node.members.some(ts.isConstructorDeclaration))
    refuse(nameSpan, `the class ${name} has no constructor`, 'Write one that gives each field its value.');
  const fields: { name: string; type: Type }[] = [];
  const arrays: { name: string; type: ArrayType }[] = [];
  const writable: string[] = [];
  for (const member of node.members) {
    for (const decorator of ts.canHaveDecorators(member) ? (ts.getDecorators(member) ?? []) : [])
      refuseDecorator(world, decorator);
    const span = world.spanOf(member.name ?? member);
    const called = member.name?.getText() ?? 'this member';
    if (called === '__proto__')
      refuse(span, 'a member is called __proto__', 'In an object that is its prototype: choose another name.');
    if (has(member, ts.SyntaxKind.AccessorKeyword)) refuse(span, `${called} is an accessor`, 'Declare a field.');
    if (has(member, ts.SyntaxKind.StaticKeyword) && !isHolder(member))
      refuse(span, `${called} is static`, 'Declare it outside of the class.');
    if (ts.isMethodDeclaration(member) || ts.isConstructorDeclaration(member)) continue;
    if (!ts.isPropertyDeclaration(member) || !(ts.isIdentifier(member.name) || ts.isPrivateIdentifier(member.name)))
      return refuse(
        span,
        `${called} is no field and no method`,
        'A verified class has fields, a constructor and methods.',
      );
    if (member.initializer ?? member.questionToken ?? member.exclamationToken)
      refuse(span, `the field ${called} is given a value here, or may have none`, 'Give it one in the constructor.');
    const isReadonly = has(member, ts.SyntaxKind.ReadonlyKeyword);
    const type = lowerType(world, world.checker.getTypeAtLocation(member.name), span);
    if (!isPrivate(member) && (type.kind === 'array' || !isReadonly))
      refuse(
        span,
        `the field ${called} can be written from outside`,
        type.kind === 'array' ? `Write #${called}: an array stays inside.` : `Write #${called}, private or readonly.`,
      );
    if (type.kind === 'array') {
      if (!Object.hasOwn(typedArrays, type.name)) refuse(span, `the field ${called} is a ${type.name}`);
      if (!isReadonly)
        refuse(span, `the array ${called} is not readonly`, 'It is made once: declare the field readonly.');
      arrays.push({ name: called, type: { ...type, element: integer(typedArrays[type.name]) } });
      continue;
    }
    if (!isReadonly && !isSteady(type))
      refuse(
        span,
        `the field ${called} can be written, and is of a type that the compiler narrows`,
        'Declare it readonly, or write integers, booleans and records of those.',
      );
    fields.push({ name: called, type });
    if (!isReadonly) writable.push(called);
  }
  const record = { kind: 'record', name, fields } as const;
  const type: ObjectType = {
    kind: 'object',
    name,
    record,
    writable,
    readonly: false,
    class: `${file}#${name}`,
    arrays,
  };
  return { name, node, type, invariants: contract.invariants };
}

/** The class of an object's type. */
export const classOf = (world: World, type: Type): ClassInfo | undefined =>
  type.kind !== 'object' || type.class === undefined
    ? undefined
    : [...world.classes.values()].find((one) => one.type.class === type.class);

/** What the class's invariants say of an object. */
export function invariantsOf(scope: Scope, object: ObjectVariable): Clause[] {
  const info = classOf(scope.world, object.type);
  if (info === undefined) return [];
  const holders = new Map(holdersOf(info.node).map((one) => [one.name.getText(), one]));
  return info.invariants.flatMap(({ holder, value }): Clause[] => {
    const statement = holder === undefined ? undefined : holders.get(holder)?.body?.statements[0];
    const node = statement !== undefined && ts.isReturnStatement(statement) ? statement.expression : undefined;
    if (node === undefined) return [];
    const inner: Scope = { ...scope, self: object, place: 'contract', oldAllowed: false };
    const lowered = collecting(scope.diagnostics, () => lowerCondition(inner, node));
    const text = value.text.replace(/\s+/g, ' ');
    return lowered === undefined ? [] : [{ text, expression: lowered, span: scope.world.spanOf(node) }];
  });
}

/** The class of a declaration. */
export function infoOf(world: World, node: ts.ClassDeclaration): ClassInfo | undefined {
  const symbol = node.name && symbolOf(world, node.name);
  return symbol && world.classes.get(symbol);
}

/** `this` in a member; a constructor writes readonly fields too. */
export function selfOf({ type }: ClassInfo, constructs: boolean, span: Span): ObjectVariable {
  const writable = constructs ? type.record.fields.map(({ name }) => name) : type.writable;
  return { id: 'this', name: 'this', type: { ...type, writable }, span };
}

/** What a member's symbol is, or why it is none that can be called. */
export function memberSymbol(world: World, member: ts.ConstructorDeclaration | ts.MethodDeclaration): ts.Symbol {
  const node = ts.isConstructorDeclaration(member) ? member : member.name;
  const span = world.spanOf(node);
  const named =
    ts.isConstructorDeclaration(member) || ts.isIdentifier(member.name) || ts.isPrivateIdentifier(member.name);
  if (!named) return refuse(span, 'a method with a computed name', 'Name it.');
  // The compiler's own note of the symbol; a constructor has no name to ask by.
  const { symbol } = member as { readonly symbol?: ts.Symbol };
  if (symbol?.declarations?.length !== 1)
    return refuse(span, 'this member is declared more than once', 'Overloads are not supported: declare one.');
  if (ts.isMethodDeclaration(member) && (member.questionToken ?? member.body === undefined))
    refuse(span, 'a method without a body', 'Write one.');
  const [property] = member.parameters.filter((parameter) => (ts.getModifiers(parameter) ?? []).length > 0);
  if (property !== undefined)
    refuse(
      world.spanOf(property),
      'a parameter that is a field',
      'Declare the field, and give it its value in the body.',
    );
  return symbol;
}

/** What a function promises because of the classes of the objects that it is given. */
export function impliedClauses(
  scope: Scope,
  node: ts.Node,
): { readonly requires: readonly Clause[]; readonly ensures: readonly Clause[]; readonly kept: readonly Clause[] } {
  const constructs = ts.isConstructorDeclaration(node);
  const { header, self } = scope;
  const inside = self !== undefined && ts.isMethodDeclaration(node) && isPrivate(node);
  const objects = header.parameters.filter(
    (one) => isObjectVariable(one) && !(inside && one === self),
  ) as ObjectVariable[];
  const isWritten = (object: ObjectVariable): boolean =>
    [object, ...ownedArrays(object)].some(({ id }) => header.modifies.includes(id));
  const written = objects.filter(isWritten);
  // An object whose constructor throws is nobody's.
  const isNew = (one: ObjectVariable): boolean => constructs && one === self;
  const of = (some: readonly ObjectVariable[]): Clause[] => some.flatMap((one) => invariantsOf(scope, one));
  return {
    requires: of(objects.filter((one) => !isNew(one))),
    ensures: of(written),
    kept: of(written.filter((one) => !isNew(one))),
  };
}

/** Whether a mention of a class leaves it as it is. */
function leavesAlone(node: ts.Identifier): boolean {
  const { parent } = node;
  return (
    ts.isTypeReferenceNode(parent) ||
    (ts.isClassDeclaration(parent) && parent.name === node) ||
    (ts.isNewExpression(parent) && parent.expression === node) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportClause(parent) ||
    ts.isExportSpecifier(parent) ||
    (ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword)
  );
}

/** Reports uses of a verified class that may change it. The walk has no recursion, so it holds any nesting. */
export function refuseClassChanges(world: World, files: readonly ts.SourceFile[], diagnostics: Diagnostic[]): void {
  if (world.classes.size === 0) return;
  for (const file of files) {
    const open: ts.Node[] = [file];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (ts.isIdentifier(node) && !leavesAlone(node)) {
        const symbol = ts.isShorthandPropertyAssignment(node.parent)
          ? world.checker.getShorthandAssignmentValueSymbol(node.parent)
          : symbolOf(world, node);
        if (symbol !== undefined && world.classes.has(symbol))
          diagnostics.push({
            span: world.spanOf(node),
            message: `the class ${symbol.name} is more than a type and what stands behind new`,
            advice: 'It is not extended, passed on or changed: its methods are what was verified.',
          });
      }
      ts.forEachChild(node, (child) => {
        open.push(child);
      });
    }
  }
}

/**
 * Enums are constants to the prover and objects at run time, whose members anyone who holds the object may change:
 * `(E as any).A = 9`. So, as with tables, every mention of an enum that verified code uses must be one that cannot
 * change it: a member that is read, the name of a value (`E[value]`), a type. One that is exported is in everybody's
 * hands, unless it is a `const enum`, whose object no other module's code can name.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { Expression, Span } from '../ir.ts';
import { integer } from '../types.ts';
import { isAmbient, isNumber, ts } from './compiler.ts';
import { text } from './enumerations.ts';
import { isErased, isTarget } from './reassignment.ts';
import { refuse } from './refuse.ts';
import { symbolOf, type World } from './scope.ts';

/** A member of an enum as the integer or the string that it is. */
function lowerMember(world: World, declaration: ts.EnumMember, span: Span): Expression {
  const name = declaration.name.getText();
  if (isAmbient(declaration))
    refuse(span, `the enum of ${name} is only declared`, 'Its values are made somewhere else: define it in this file.');
  const value = world.checker.getConstantValue(declaration);
  if (typeof value !== 'string' && (value === undefined || !Number.isSafeInteger(value)))
    return refuse(span, `${name} is no integer`, 'Members of an enum are integers or strings.');
  const symbol = symbolOf(world, declaration.parent.name);
  if (symbol !== undefined && !world.enums.has(symbol)) {
    world.enums.set(symbol, declaration.parent);
    checkDeclaration(symbol, declaration.parent, span);
  }
  if (typeof value === 'string') return text(value, span);
  return { kind: 'integer', value: BigInt(value), type: integer('number'), span };
}

/** A member by its name: Kind.Short; undefined for what is none. */
export function lowerEnumMember(world: World, node: ts.PropertyAccessExpression): Expression | undefined {
  const declaration = symbolOf(world, node)?.valueDeclaration;
  if (declaration === undefined || !ts.isEnumMember(declaration)) return undefined;
  return lowerMember(world, declaration, world.spanOf(node));
}

function checkDeclaration(symbol: ts.Symbol, node: ts.EnumDeclaration, span: Span): void {
  if (symbol.declarations?.length !== 1)
    refuse(
      span,
      `the enum ${symbol.name} is declared more than once`,
      'Declare it once, and nothing else of its name.',
    );
  const flags = ts.getCombinedModifierFlags(node);
  const has = (flag: ts.ModifierFlags): boolean => (flags & flag) !== 0;
  if (has(ts.ModifierFlags.Export) && !has(ts.ModifierFlags.Const))
    refuse(
      span,
      `the enum ${symbol.name} is exported, so anyone may change its members`,
      'Write export const enum, or do not export it.',
    );
}

/** Whether a mention of an enum leaves it as it is. */
function leavesAlone(world: World, node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isEnumDeclaration(parent) || ts.isTypeNode(parent) || ts.isQualifiedName(parent)) return true;
  if (ts.isImportSpecifier(parent)) return true;
  const access =
    (ts.isPropertyAccessExpression(parent) || ts.isElementAccessExpression(parent)) && parent.expression === node;
  if (!access || isTarget(parent)) return false;
  if (ts.isElementAccessExpression(parent))
    return isNumber(world.checker.getTypeAtLocation(parent.argumentExpression)) && !isCallee(parent);
  const member = symbolOf(world, parent)?.valueDeclaration;
  return member !== undefined && ts.isEnumMember(member);
}

/** Whether the node is called, so that what it was read from is `this` there. */
function isCallee(node: ts.Expression): boolean {
  const { parent } = node;
  if (ts.isCallExpression(parent)) return parent.expression === node;
  if (ts.isTaggedTemplateExpression(parent)) return parent.tag === node;
  return isErased(parent) && isCallee(parent);
}

/** Whether the node gives the name to something else in the same file. */
function declaresOther(node: ts.Identifier): boolean {
  const { parent } = node;
  return (
    (ts.isVariableDeclaration(parent) || ts.isFunctionDeclaration(parent) || ts.isClassDeclaration(parent)) &&
    parent.name === node
  );
}

/** Reports what may change an enum that verified code uses. The walk has no recursion, so it holds any nesting. */
export function refuseEnumChanges(world: World, files: readonly ts.SourceFile[], diagnostics: Diagnostic[]): void {
  if (world.enums.size === 0) return;
  const own = new Map([...world.enums].map(([symbol, node]) => [node.getSourceFile().fileName + symbol.name, symbol]));
  for (const file of files) {
    const open: ts.Node[] = [file];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (ts.isIdentifier(node)) {
        const symbol = ts.isShorthandPropertyAssignment(node.parent)
          ? world.checker.getShorthandAssignmentValueSymbol(node.parent)
          : symbolOf(world, node);
        const changes =
          symbol !== undefined && world.enums.has(symbol)
            ? !leavesAlone(world, node)
            : own.has(file.fileName + node.text) && declaresOther(node);
        if (changes) {
          diagnostics.push({
            span: world.spanOf(node),
            message: `the enum ${node.text} is more than read here`,
            advice: `Only ${node.text}.MEMBER and ${node.text}[value] may be used, as verified code takes its members for constants.`,
          });
        }
      }
      ts.forEachChild(node, (child) => {
        open.push(child);
      });
    }
  }
}

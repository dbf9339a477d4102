/**
 * What names mean while one function is lowered: variables by symbol, functions and tables of the program by symbol,
 * and where nodes lie in the user's own text (contracts are checked in a copy of it, see shadow.ts).
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { Expression, ObjectVariable, Span, Table, Variable } from '../ir.ts';
import { type ObjectType, type Type, valueType } from '../types.ts';
import { type CONTRACTS_FILE, type GLOBALS_FILE, ts } from './compiler.ts';
import type { Generic } from './generics.ts';
import { refuse } from './refuse.ts';
import type { ShadowClause } from './shadow.ts';

/** What callers need to know of a function that has a contract. */
export interface Header {
  readonly key: string;
  readonly name: string;
  /** All of them: for a method the object first, and behind each object the arrays that it owns. */
  readonly parameters: readonly Variable[];
  /** Those that are written down. */
  readonly written: readonly Variable[];
  readonly result: Type;
  readonly modifies: readonly string[];
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly pure: boolean;
  readonly diverges: boolean;
  /** Has @throws. */
  readonly throws: boolean;
  /** Its body, if any, is not looked at. */
  readonly trusted: boolean;
}

/** Of code that lies in no function. */
export const noHeader: Header = {
  key: '',
  name: '',
  parameters: [],
  written: [],
  result: { kind: 'void' },
  modifies: [],
  fields: new Map(),
  pure: false,
  diverges: false,
  throws: false,
  trusted: false,
};

/** A class whose members are verified. */
export interface ClassInfo {
  readonly name: string;
  readonly node: ts.ClassDeclaration;
  /** Of its objects. */
  readonly type: ObjectType;
  readonly invariants: readonly ShadowClause[];
  /** Of its constructor, once that is known. */
  construct?: Header;
}

/** What is known of the whole program. */
export interface World {
  readonly checker: ts.TypeChecker;
  readonly headers: ReadonlyMap<ts.Symbol, Header>;
  /** Generic functions with a contract. */
  readonly generics: ReadonlyMap<ts.Symbol, Generic>;
  /** What type parameters stand for, in the instance that is lowered. */
  readonly types: ReadonlyMap<ts.Type, Type>;
  /** Tables of modules, found when they are first named. */
  readonly tables: Map<ts.Symbol, Table>;
  /** Other constants of modules, each computed once; undefined where it is none that we know. */
  readonly constants: Map<ts.Symbol, Expression | undefined>;
  readonly classes: Map<ts.Symbol, ClassInfo>;
  /** Enums whose members have been taken for constants. */
  readonly enums: Map<ts.Symbol, ts.EnumDeclaration>;
  /** Calls in ghost blocks. */
  readonly ghostCalls: { readonly function: string; readonly span: Span }[];
  readonly spanOf: (node: ts.Node) => Span;
  /** Constants that are being computed, so that a cycle of them is seen. */
  readonly computing: Set<ts.Symbol>;
}

/** 'ghost': code of the proof alone. */
export type Place = 'body' | 'ghost' | 'body clause' | 'contract';

export interface Scope {
  readonly world: World;
  readonly variables: Map<ts.Symbol, Variable>;
  /** How often each name has been given an id in this function. */
  readonly ids: Map<string, number>;
  readonly diagnostics: Diagnostic[];
  readonly place: Place;
  /** In a clause about a state after the entry: `old` means something. */
  readonly oldAllowed: boolean;
  /** What `this` means. */
  readonly self?: ObjectVariable;
  /** The block of ghost code that this is in. */
  readonly ghostBlock?: ts.Node;
  readonly header: Header;
}

/** A new variable of a function, bound to a symbol. */
export function declareVariable(
  scope: Scope,
  symbol: ts.Symbol | undefined,
  name: string,
  type: Type,
  span: Span,
): Variable {
  const count = (scope.ids.get(name) ?? 0) + 1;
  scope.ids.set(name, count);
  const id = count === 1 ? name : `${name}.${count}`;
  const variable: Variable = { id, name, type, span, ...(scope.place === 'ghost' && { ghost: true }) };
  if (symbol !== undefined) scope.variables.set(symbol, variable);
  return variable;
}

/** The symbol that a name means, imports followed. */
export function symbolOf(world: World, node: ts.Node): ts.Symbol | undefined {
  const symbol = world.checker.getSymbolAtLocation(node);
  if (symbol === undefined) return undefined;
  return (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? world.checker.getAliasedSymbol(symbol) : symbol;
}

/** The name that a node has in one of casemate's own files, where it has one. */
export function libraryName(
  world: World,
  node: ts.Node,
  file: typeof CONTRACTS_FILE | typeof GLOBALS_FILE,
): string | undefined {
  const symbol = symbolOf(world, node);
  const declared = symbol?.declarations?.[0]?.getSourceFile().fileName;
  return declared === file ? symbol!.name : undefined;
}

/** The expression of a variable. */
export const read = (variable: Variable, span: Span): Expression => ({
  kind: 'variable',
  variable,
  type: valueType(variable.type),
  span,
});

/** The expression of a variable that a user names; a ghost variable is none of code's. */
export function readable(scope: Scope, variable: Variable, span: Span): Expression {
  if (variable.ghost && scope.place === 'body')
    refuse(span, `the ghost variable ${variable.name} is used in code`, 'Only clauses and ghost code may name it.');
  if (variable.type.kind === 'object')
    refuse(
      span,
      `the object ${variable.name} is used as a value`,
      `It would have a second name. Read its fields, or copy them: { ${variable.type.record.fields.map(({ name }) => `${name}: ${variable.name}.${name}`).join(', ')} }.`,
    );
  return read(variable, span);
}

/** Without parentheses around it. */
export function bare(node: ts.Expression): ts.Expression {
  let inner = node;
  while (ts.isParenthesizedExpression(inner)) inner = inner.expression;
  return inner;
}

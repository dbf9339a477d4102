/**
 * Types in TypeScript: of declarations, by the names that they were declared with, and of what lies within a definition, as
 * they were found.
 */
import type { Type } from './syntax.ts';
import { builtTypes, typeName } from './table.ts';
import { type Known, resolved } from './types.ts';

/** How constructors of a user's type look. */
export interface UserConstructor {
  readonly name: string;
  /** enumeration: a text; record: no kind; union: an object with a kind. */
  readonly form: 'enumeration' | 'record' | 'union';
  readonly fields: readonly string[];
}

export interface UserFunction {
  readonly name: string;
  /** How many parameters it takes at once; 0: it is a value. */
  readonly arity: number;
  /** A value with parameters of types is a function without parameters. */
  readonly isCalled: boolean;
}

export interface Surroundings {
  readonly types: ReadonlyMap<string, string>;
  readonly constructors: ReadonlyMap<string, UserConstructor>;
  readonly functions: ReadonlyMap<string, UserFunction>;
  /** Called with each helper that is needed. */
  readonly need: (helper: string) => void;
}

const builtinTypes = new Map(builtTypes.map((one) => [typeName(one.coq), one]));

const parameterName = (index: number): string => String.fromCharCode(64 + index);

function typeBy(name: string, args: readonly string[], { types, need }: Surroundings): string {
  const built = builtinTypes.get(name);
  if (built !== undefined) {
    if (built.needs !== undefined) need(built.needs);
    return built.type(args);
  }
  const own = types.get(name) ?? name;
  return args.length === 0 ? own : `${own}<${args.join(', ')}>`;
}

const arrow = (from: string, to: string): string => `(it: ${from}) => ${to}`;

/** A declared type, by the names that it was declared with. */
export function declaredText(type: Type, around: Surroundings): string {
  switch (type.kind) {
    case 'arrow':
      return arrow(declaredText(type.from, around), declaredText(type.to, around));
    case 'parameter':
      return parameterName(type.index);
    case 'named':
      return typeBy(
        type.name,
        type.args.map((one) => declaredText(one, around)),
        around,
      );
    default:
      return 'undefined';
  }
}

/** A type that was found. */
export function knownText(type: Known, around: Surroundings): string {
  const now = resolved(type);
  // Nothing decides it, so nothing has it.
  if (now.kind === 'variable') return 'never';
  const parameter = /^'(\d+)$/.exec(now.name);
  if (parameter !== null) return parameterName(Number(parameter[1]));
  const args = now.args.map((one) => knownText(one, around));
  return now.name === '->' ? arrow(args[0]!, args[1]!) : typeBy(now.name, args, around);
}

/** Parameters of types that a declared type has. */
export function parametersIn(type: Type): number {
  switch (type.kind) {
    case 'arrow':
      return Math.max(parametersIn(type.from), parametersIn(type.to));
    case 'parameter':
      return type.index;
    case 'named':
      return Math.max(0, ...type.args.map(parametersIn));
    default:
      return 0;
  }
}

export const genericText = (count: number): string =>
  count === 0 ? '' : `<${Array.from({ length: count }, (_, i) => parameterName(i + 1)).join(', ')}>`;

/** Types of the parameters that come first, and of what is left. */
export function splitType(type: Known, count: number): { readonly from: Known[]; readonly to: Known } {
  const from: Known[] = [];
  let to = resolved(type);
  while (from.length < count && to.kind === 'applied' && to.name === '->') {
    from.push(to.args[0]!);
    to = resolved(to.args[1]!);
  }
  return { from, to };
}

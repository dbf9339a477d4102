/**
 * Generic functions, one for each list of types that they are called with: an instance has a name of its own, max<u8>,
 * and is proved by itself.
 *
 * The compiler says what a type parameter stands for at a call. In an instance's body each parameter means the type that
 * it was given, also where the body calls another generic function. What nothing verified calls has no instance, so
 * nothing of it would be proved, which is said.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { Span } from '../ir.ts';
import { leavesOf, sameType, showType, type Type } from '../types.ts';
import { ts } from './compiler.ts';
import { isOptional } from './optional.ts';
import { refuse } from './refuse.ts';
import type { Header, Scope, World } from './scope.ts';
import { lowerType } from './types.ts';

/** A generic function with a contract. */
export interface Generic {
  readonly name: string;
  readonly span: Span;
  readonly trusted: boolean;
  readonly instances: { readonly types: readonly Type[]; readonly header: Header }[];
  /** The function for these types, by its own name. */
  readonly instantiate: (types: readonly Type[], name: string) => Header;
}

/** Of types that grow from call to call the size may double each time. */
const LARGEST_ARGUMENT = 1000;
/** A function that needs more has itself called with ever larger types. */
const MOST_INSTANCES = 50;

/** What the type parameters of a function, and of those that hold its clauses, stand for. */
export function standsFor(
  { checker }: World,
  written: readonly ({ readonly typeParameters?: ts.NodeArray<ts.TypeParameterDeclaration> | undefined } | undefined)[],
  types: readonly Type[],
): Map<ts.Type, Type> {
  const found = new Map<ts.Type, Type>();
  for (const one of written) {
    one?.typeParameters?.forEach((parameter, i) => {
      found.set(checker.getTypeAtLocation(parameter.name), types[i]);
    });
  }
  return found;
}

/** What a type parameter stands for; undefined for other types. */
export function argumentOf(world: World, type: ts.Type): Type | undefined {
  if ((type.flags & ts.TypeFlags.TypeParameter) !== 0) return world.types.get(type);
  if (!type.isIntersection()) return undefined;
  // T & {}: a T that is not undefined.
  const [own, ...others] = [...type.types].sort((a, b) => Number(isEmpty(world, a)) - Number(isEmpty(world, b)));
  return others.every((other) => isEmpty(world, other)) ? argumentOf(world, own) : undefined;
}

const isEmpty = (world: World, type: ts.Type): boolean =>
  (type.flags & ts.TypeFlags.Object) !== 0 && world.checker.getPropertiesOfType(type).length === 0;

/** The types of a call's type parameters. */
function typesAt(scope: Scope, node: ts.CallExpression, name: string): Type[] {
  const { checker } = scope.world;
  const span = scope.world.spanOf(node);
  const signature = checker.getResolvedSignature(node);
  const given = signature && checker.getTypeArgumentsForResolvedSignature(signature);
  if (given === undefined)
    return refuse(span, `the types that ${name} is called with are not known`, `Write them: ${name}<u8>(...).`);
  return given.map((argument) => {
    const type = lowerType(scope.world, argument, span);
    if (type.kind === 'array' || type.kind === 'void' || isOptional(type))
      refuse(
        span,
        `${name} is called with the type ${showType(type)}`,
        'A type parameter stands for an integer, a truth, a member or a record.',
      );
    if (leavesOf(type).length > LARGEST_ARGUMENT)
      refuse(span, `${name} is called with a record of more than ${LARGEST_ARGUMENT} values`);
    return type;
  });
}

function instanceAt(scope: Scope, generic: Generic, node: ts.CallExpression): Header {
  const { name, instances } = generic;
  const types = typesAt(scope, node, name);
  const known = instances.find((one) => one.types.every((type, i) => sameType(type, types[i])));
  if (known !== undefined) return known.header;
  if (instances.length >= MOST_INSTANCES)
    refuse(
      scope.world.spanOf(node),
      `${name} is called with more than ${MOST_INSTANCES} lists of types`,
      'A generic function that calls itself does so with its own types.',
    );
  const shown = `${name}<${types.map(showType).join(', ')}>`;
  const equal = instances.filter(({ header }) => header.name === shown || header.name.startsWith(`${shown}#`)).length;
  const header = generic.instantiate(types, equal === 0 ? shown : `${shown}#${equal + 1}`);
  instances.push({ types, header });
  return header;
}

/** What a call needs to know of the function that it names; undefined when that has no contract. */
export function headerAt(scope: Scope, symbol: ts.Symbol, node: ts.CallExpression): Header | undefined {
  const generic = scope.world.generics.get(symbol);
  return generic === undefined ? scope.world.headers.get(symbol) : instanceAt(scope, generic, node);
}

/** Reports generic functions of which nothing is proved. */
export function refuseUnused(world: World, diagnostics: Diagnostic[]): void {
  for (const { name, span, trusted, instances } of world.generics.values()) {
    if (trusted || instances.length > 0) continue;
    diagnostics.push({
      span,
      message: `${name} is generic and nothing verified calls it, so nothing of it would be proved`,
      advice: `Call it from a function with a contract, for each type that it is meant for.`,
    });
  }
}

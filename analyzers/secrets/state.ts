/**
 * What the check knows at one point of a function: which values and which memory may depend on a secret, and by which way.
 *
 * Memory is cells: an array is one, and each field of an object. A cell that holds one constant everywhere is told from one
 * that is merely public, since that is what a wipe leaves: the same whatever the secret was, on every way that wipes.
 * States grow while ways meet (constant, public, secret), so loops come to an end.
 */
import type { ObjectVariable } from '../ir.ts';
import { type Path, step } from './paths.ts';

export type Content =
  /** This value everywhere. */
  | { readonly kind: 'constant'; readonly value: bigint }
  | { readonly kind: 'public' }
  /** `cleared`: elements that a constant was stored to since, by index. */
  | { readonly kind: 'secret'; readonly path: Path; readonly cleared?: ReadonlyMap<bigint, bigint> };

export interface State {
  /** Variables, but arrays and objects, that may depend on a secret. */
  readonly values: Map<string, Path>;
  /** Variables of which the value is known. */
  readonly known: Map<string, bigint>;
  /** By `array.id` or fieldCell. What is not made yet is not there. */
  readonly cells: Map<string, Content>;
  /** A secret decided whether the function was left before. */
  left: Path | undefined;
  /** A secret decided whether a round of the loop was left before. */
  jumped: Path | undefined;
}

export const fieldCell = ({ id }: Pick<ObjectVariable, 'id'>, field: string): string => `${id}|${field}`;

export const emptyState = (): State => ({
  values: new Map(),
  known: new Map(),
  cells: new Map(),
  left: undefined,
  jumped: undefined,
});

export const copyState = (state: State): State => ({
  ...state,
  values: new Map(state.values),
  known: new Map(state.known),
  cells: new Map(state.cells),
});

/** Of elements that were cleared on both ways with one constant. */
function clearedOnBoth(
  a: ReadonlyMap<bigint, bigint> | undefined,
  b: ReadonlyMap<bigint, bigint> | undefined,
): ReadonlyMap<bigint, bigint> {
  return new Map([...(a ?? [])].filter(([index, value]) => b?.get(index) === value));
}

const elementsOf = (content: Content): ReadonlyMap<bigint, bigint> | undefined =>
  content.kind === 'secret' ? content.cleared : undefined;

/** What a cell may hold where two ways meet; `decided`: a secret decides which of them was taken. */
function joinContent(a: Content, b: Content, decided: Path | undefined): Content {
  if (a.kind === 'secret' && b.kind === 'secret')
    return { kind: 'secret', path: a.path, cleared: clearedOnBoth(a.cleared, b.cleared) };
  if (a.kind === 'secret' || b.kind === 'secret') {
    const path = a.kind === 'secret' ? a.path : (b as Content & { kind: 'secret' }).path;
    // A constant on the other way is in each element that was cleared with it, too.
    const [secret, other] = a.kind === 'secret' ? [a, b] : [b, a];
    const cleared = [...(elementsOf(secret) ?? [])].filter(
      ([, value]) => other.kind === 'constant' && other.value === value,
    );
    return { kind: 'secret', path, cleared: new Map(cleared) };
  }
  if (a.kind === 'constant' && b.kind === 'constant' && a.value === b.value) return a;
  // Public memory that was written where a secret decides is secret since; so both ways left it as it was.
  if (a.kind === 'public' && b.kind === 'public') return a;
  return decided === undefined
    ? { kind: 'public' }
    : { kind: 'secret', path: step(decided.span, 'whether it is overwritten depends on it', decided) };
}

/** The state where ways meet; ways that end before are undefined. */
export function joinStates(states: readonly (State | undefined)[], decided?: Path): State | undefined {
  const [first, ...rest] = states.filter((state) => state !== undefined);
  if (first === undefined) return undefined;
  const joined = copyState(first);
  for (const state of rest) {
    for (const [id, path] of state.values) if (!joined.values.has(id)) joined.values.set(id, path);
    for (const [id, value] of joined.known) if (state.known.get(id) !== value) joined.known.delete(id);
    for (const [id, content] of state.cells) {
      const own = joined.cells.get(id);
      joined.cells.set(id, own === undefined ? content : joinContent(own, content, decided));
    }
    joined.left ??= state.left;
    joined.jumped ??= state.jumped;
  }
  return joined;
}

const sameContent = (a: Content, b: Content | undefined): boolean =>
  b !== undefined &&
  a.kind === b.kind &&
  (a.kind !== 'constant' || a.value === (b as typeof a).value) &&
  (elementsOf(a)?.size ?? 0) === (elementsOf(b)?.size ?? 0);

/** Whether a state that grew from another says the same. */
export const sameState = (a: State, b: State): boolean =>
  a.values.size === b.values.size &&
  a.known.size === b.known.size &&
  a.cells.size === b.cells.size &&
  (a.left === undefined) === (b.left === undefined) &&
  (a.jumped === undefined) === (b.jumped === undefined) &&
  [...a.cells].every(([id, content]) => sameContent(content, b.cells.get(id)));

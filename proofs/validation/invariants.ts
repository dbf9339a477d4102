/**
 * What may be so of the machine's registers and stack each time that a loop begins a round: candidates.
 *
 * Compilers keep a value of the source in a register as it is, or extended from 32 bits; or step something else along with
 * it, a pointer or a count that falls; or keep what was computed before the loop. So each place is tried as what it held
 * when the loop was come to first, as each value of the source, and as the first plus so many times the way that a value
 * of the source has come. What is not inductive is found out and given up (cuts.ts); where nothing is left, nothing is
 * known of the place.
 */
import type { Term } from '../smt/terms.ts';
import { alike, terms, word } from './algebra.ts';
import type { Entry, SourceValue } from './entry.ts';
import { scalarFrom } from './entry.ts';
import type { SourceState } from './expressions.ts';
import { scalarBytes } from './layout.ts';
import { readBytes } from './memory.ts';

/** A place's value as the source's state says it. */
export type Candidate = (state: SourceState) => Term;

/** A scalar of the source's state. */
export interface Leaf {
  readonly of: (state: SourceState) => Term;
  /** Whether a round changes it. */
  readonly changes: boolean;
}

const FACTORS = [1, -1, 2, -2, 4, -4, 8, -8];

const extendedWord = (a: Term): Term => terms.signExtend(terms.truncate(a, 32), 64);
const zeroExtendedWord = (a: Term): Term => terms.zeroExtend(terms.truncate(a, 32), 64);

/** The scalars of a value, each as a way to find it in another value of the type. */
export function leavesOfValue(value: SourceValue): ((of: SourceValue) => Term)[] {
  if (value.kind !== 'fields') return [(of) => of as Term];
  return value.fields.flatMap((field, i) =>
    leavesOfValue(field).map(
      (inner) =>
        (of: SourceValue): Term =>
          inner((of as typeof value).fields[i]),
    ),
  );
}

/** The scalars of variables and of objects; `changes` says which variables a round may change. */
export function leavesOf(state: SourceState, changes: (id: string) => boolean): Leaf[] {
  const own = [...state.values].flatMap(([id, value]) =>
    leavesOfValue(value).map((at): Leaf => ({ of: (other) => at(other.values.get(id)!), changes: changes(id) })),
  );
  const fields = [...state.objects].flatMap(([, { region, layout }]) =>
    layout.scalars.map(
      ({ offset, type }): Leaf => ({
        of: (other) => scalarFrom(readBytes(other.regions.get(region)!, word(offset), scalarBytes(type)!), type),
        changes: true,
      }),
    ),
  );
  return [...own, ...fields];
}

/** What a place may hold; `first` is what it held when the loop was come to, on each way. */
export function candidatesOf(
  entry: Entry,
  first: readonly Term[],
  leaves: readonly Leaf[],
  firstStates: readonly SourceState[],
): Candidate[] {
  const [one] = first;
  const isOne = first.every((other) => alike(one, other));
  const found: Candidate[] = isOne ? [() => one] : [];
  const asItIs = ({ of }: Leaf): Candidate[] =>
    of(firstStates[0]).sort === 'Bool'
      ? [(state) => terms.select(of(state), word(1), word(0)), (state) => terms.select(of(state), word(0), word(1))]
      : [of, (state) => extendedWord(of(state))];
  // What a round changes first: what it does not is mostly what it was.
  found.push(...leaves.filter(({ changes }) => changes).flatMap(asItIs));
  const changing = leaves.filter(({ changes, of }) => changes && of(firstStates[0]).sort !== 'Bool');
  for (const { of } of changing) {
    const before = of(firstStates[0]);
    const steps = isOne && firstStates.every((state) => alike(of(state), before));
    for (const factor of FACTORS) {
      const way = (state: SourceState, from: Term): Term =>
        terms.operate('bvmul', terms.operate('bvsub', of(state), from), word(factor));
      if (steps) {
        found.push((state) =>
          terms.operate('bvadd', one, factor === 1 ? terms.operate('bvsub', of(state), before) : way(state, before)),
        );
        if (factor * factor === 1) found.push((state) => extendedWord(terms.operate('bvadd', one, way(state, before))));
      }
      if (factor > 0)
        for (const base of entry.bases.values())
          found.push((state) => terms.operate('bvadd', base, factor === 1 ? of(state) : way(state, word(0))));
    }
    found.push((state) => zeroExtendedWord(of(state)));
  }
  found.push(...leaves.filter(({ changes }) => !changes).flatMap(asItIs));
  return found;
}

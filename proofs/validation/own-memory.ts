/**
 * Arrays and objects that a function makes for itself: regions of the source that the machine has on its stack, wherever a
 * compiler put them. The machine's bytes are compared with them where they are handed to a callee (matching.ts).
 */
import type { ArrayVariable, Variable } from '../../analyzers/ir.ts';
import type { Term } from '../smt/terms.ts';
import { word } from './algebra.ts';
import { bytesOf, type SourceValue } from './entry.ts';
import type { SourceState } from './expressions.ts';
import { layoutOf, scalarBytes } from './layout.ts';
import { type Region, writeBytes } from './memory.ts';
import { undecided } from './undecided.ts';

/** Bytes of an array that are told apart. */
const LARGEST = 2048;

/** No parameter's name, and no table's. */
const regionName = ({ id }: Variable): string => `own.${id}`;

/** The state with an array of so many zeros, or of the values. */
export function withArray(
  state: SourceState,
  variable: ArrayVariable,
  length: Term,
  values: readonly bigint[] = [],
): SourceState {
  const elementBytes = scalarBytes(variable.type.element) ?? undecided('a list of its own');
  if (length.kind !== 'bits') return undecided('an array without a constant length');
  const size = Number(length.value) * elementBytes;
  if (size > LARGEST) return undecided(`an array of its own of ${size} bytes`);
  const name = regionName(variable);
  const empty: Region = { name, size: word(size), writes: [], before: 'zeros' };
  const filled = values.reduce(
    (region, value, i) => writeBytes(region, word(i * elementBytes), bytesOf(word(value), variable.type.element)),
    empty,
  );
  return {
    ...state,
    arrays: new Map(state.arrays).set(variable.id, { region: name, length, elementBytes }),
    regions: new Map(state.regions).set(name, filled),
  };
}

const scalarAt = (value: SourceValue, path: readonly number[]): Term =>
  path.reduce((at, i) => (at.kind === 'fields' ? at.fields[i] : undecided('an object of parts')), value) as Term;

/** The state with an object that has these fields. */
export function withObject(state: SourceState, variable: Variable, value: SourceValue): SourceState {
  const { type } = variable;
  const layout = type.kind === 'object' ? layoutOf(type.record) : undefined;
  if (layout === undefined) return undecided('an object that has no form in C');
  const name = regionName(variable);
  const empty: Region = { name, size: word(layout.size), writes: [], before: { named: name } };
  const filled = layout.scalars.reduce(
    (region, one) => writeBytes(region, word(one.offset), bytesOf(scalarAt(value, one.path), one.type)),
    empty,
  );
  return {
    ...state,
    objects: new Map(state.objects).set(variable.id, { region: name, layout }),
    regions: new Map(state.regions).set(name, filled),
  };
}

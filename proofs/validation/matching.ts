/**
 * What must be the same where both sides stop.
 *
 * At a return: the result, every byte of the caller's arrays and objects, the stack pointer and the registers that a
 * callee keeps. At a call: the callee, its arguments, and the memory behind them. That each access of the machine since
 * the last stop was where it may be is asked at every stop.
 *
 * A stop of the machine is held against the stops of the source with as many calls before it, under what both met on
 * their ways until there, and nothing that came later: names of what callees left stand for the same on both sides only
 * because the calls before were shown to be the same.
 */
import type { FunctionIr } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract, isTrue, terms, word } from './algebra.ts';
import { bytesOf, type Entry, RESULT, type SourceValue } from './entry.ts';
import type { SourceState } from './expressions.ts';
import { layoutOf, type Placed, type RecordLayout, scalarBytes } from './layout.ts';
import { restored } from './machine.ts';
import type { MachineCall, Passed } from './machine-calls.ts';
import { further, type MachineState, type Place, readAt } from './machine-memory.ts';
import { type Region, readBytes } from './memory.ts';
import type { SourceArgument, SourceStop } from './source.ts';
import { undecided } from './undecided.ts';
import type { MachineStop } from './walk.ts';

const NEVER = [t.truth(false)];
/** Bytes of an array on the stack that are compared one by one. */
const MOST_COMPARED = 8192;

/** A scalar of a value by the way to it. */
function scalarAt(value: SourceValue, path: readonly number[]): Term {
  const found = path.reduce((at, index) => (at.kind === 'fields' ? at.fields[index] : at), value);
  if (found.kind === 'fields') throw new TypeError('no scalar');
  return found;
}

/** That bytes hold the scalars of a value; those between fields may be anything. */
const sameScalars = (layout: RecordLayout, value: SourceValue, found: (one: Placed, count: number) => Term): Term[] =>
  layout.scalars.map((one) => {
    const wanted = bytesOf(scalarAt(value, one.path), one.type);
    return terms.compare('=', found(one, t.bitsOf(wanted) / 8), wanted);
  });

const fromWords =
  (words: readonly Term[]) =>
  ({ offset }: Placed, count: number): Term =>
    extract(words[offset >> 3], (offset & 7) * 8, count * 8);

/** That the lower bits of a register are a scalar, as the convention has it. */
const samePart = (register: Term, part: Term): Term => terms.compare('=', extract(register, 0, t.bitsOf(part)), part);

function sameResult(
  { convention, bases }: Entry,
  type: Type,
  { registers, regions }: MachineState,
  value: SourceValue | undefined,
): Term[] {
  if (type.kind === 'void') return [];
  if (value === undefined) return NEVER;
  const words = convention.results.map((register) => registers[register]);
  if (value.kind !== 'fields') return [samePart(words[0], convention.resultPart(terms, bytesOf(value, type), type))];
  const result = regions.get(RESULT);
  if (result === undefined) return sameScalars(layoutOf(type)!, value, fromWords(words));
  const address = convention.givesAddress ? [terms.compare('=', words[0], bases.get(RESULT)!)] : [];
  return [
    ...address,
    ...sameScalars(layoutOf(type)!, value, ({ offset }, count) => readBytes(result, word(offset), count)),
  ];
}

/** That a region's bytes are the same, wherever in it one looks. */
export function sameRegion(ours: Region, theirs: Region): Term[] {
  const named = ({ name, before }: Region): string =>
    before === undefined ? name : before === 'zeros' ? '0' : before.named;
  if (ours.writes.length === 0 && theirs.writes.length === 0 && named(ours) === named(theirs)) return [];
  const anywhere = t.variable(`any.${ours.name}`, 'BV64');
  const isInside = terms.compare('bvult', anywhere, ours.size);
  return [t.implies(isInside, terms.compare('=', readBytes(ours, anywhere, 1), readBytes(theirs, anywhere, 1)))];
}

const sameMemory = ({ compared }: Entry, ours: MachineState, theirs: SourceState): Term[] =>
  compared.flatMap((name) => sameRegion(ours.regions.get(name)!, theirs.regions.get(name)!));

/** That what lies at a place of the machine is what a region of the source holds. */
function samePlace(entry: Entry, machine: MachineState, place: Place, source: SourceState, name: string): Term[] {
  const theirs = source.regions.get(name)!;
  if (place.kind === 'region') {
    if (place.region !== name) return NEVER;
    return [terms.compare('=', place.offset, word(0)), ...sameRegion(machine.regions.get(name)!, theirs)];
  }
  const { size } = theirs;
  // A region of the caller is never on this function's own stack.
  if (entry.bases.has(name)) return NEVER;
  if (size.kind !== 'bits' || size.value > MOST_COMPARED) return undecided('a large array on the stack');
  return Array.from({ length: Number(size.value) }, (_, i) =>
    terms.compare('=', readAt(entry, machine, further(place, i), 1, 'a call')[1], readBytes(theirs, word(i), 1)),
  );
}

function sameArgument(
  entry: Entry,
  machine: MachineState,
  passed: Passed,
  source: SourceState,
  given: SourceArgument,
): Term[] {
  switch (passed.kind) {
    case 'scalar':
      if (given.kind !== 'value' || given.value.kind === 'fields') return NEVER;
      return [
        samePart(passed.word, entry.convention.argumentPart(terms, bytesOf(given.value, passed.type), passed.type)),
      ];
    case 'array':
      if (given.kind !== 'array') return NEVER;
      return [
        ...(passed.length === undefined ? [] : [terms.compare('=', passed.length, given.place.length)]),
        ...samePlace(entry, machine, passed.place, source, given.place.region),
      ];
    case 'unused':
      return [];
    case 'object':
      if (given.kind !== 'object') return NEVER;
      if (passed.place.kind === 'region') return samePlace(entry, machine, passed.place, source, given.place.region);
      if (entry.bases.has(given.place.region)) return NEVER;
      return passed.layout.scalars.map((one) => {
        const count = scalarBytes(one.type)!;
        const found = readAt(entry, machine, further(passed.place, one.offset), count, 'a call')[1];
        return terms.compare('=', found, readBytes(source.regions.get(given.place.region)!, word(one.offset), count));
      });
    case 'record':
      if (given.kind !== 'value') return NEVER;
      return sameScalars(passed.layout, given.value, fromWords(passed.words));
    case 'reference': {
      if (given.kind !== 'value') return NEVER;
      const { place } = passed;
      return sameScalars(
        passed.layout,
        given.value,
        ({ offset }, count) => readAt(entry, machine, further(place, offset), count, 'a call')[1],
      );
    }
  }
}

/** That the copies that are passed by reference lie in their memory. */
function insideChecks(entry: Entry, { passed, state }: MachineCall): Term[] {
  return passed.flatMap((one) => {
    if (one.kind !== 'reference' && one.kind !== 'object') return [];
    const before = state.checks.length;
    return readAt(entry, state, one.place, one.layout.size, 'a call')[0].checks.slice(before);
  });
}

/** What must hold of two stops, of one kind or not. */
export function sameStop(
  entry: Entry,
  subject: FunctionIr,
  machine: MachineStop,
  source: SourceStop,
  atCut: (cut: number, machine: MachineState, source: SourceState) => Term[],
): Term[] {
  if (machine.kind === 'return' && source.kind === 'return')
    return [
      ...restored(entry, machine.state),
      ...sameResult(entry, subject.result, machine.state, source.value),
      ...sameMemory(entry, machine.state, source.state),
    ];
  if (machine.kind === 'call' && source.kind === 'call' && machine.callee === source.callee)
    return [
      ...insideChecks(entry, machine),
      ...machine.passed.flatMap((one, i) => sameArgument(entry, machine.state, one, source.state, source.arguments[i])),
    ];
  if (machine.kind === 'cut' && source.kind === 'cut' && machine.cut === source.cut)
    return atCut(machine.cut, machine.state, source.state);
  return NEVER;
}

/** Without what holds of itself. */
export const needed = (goals: readonly Term[]): Term[] => goals.filter((goal) => !isTrue(goal));

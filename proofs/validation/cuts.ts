/**
 * Loops, round by round in step: where a loop begins a round, both sides are cut and compared, and go on from a state of
 * which only what is the same in every round is known.
 *
 * A cut is a loop of the source, behind so many of the conditions that it is entered on (compilers turn loops around, so
 * that they are tested at their end), and the head of a loop of the machine. The state at it has fresh names for what
 * rounds of the source change; the machine's registers and stack are terms over these names and over what was known
 * before the loop (invariants.ts), and memory that is written is fresh and the same on both sides. That is an invariant:
 * it is asked for wherever a way comes to the cut, from outside and from the loop itself (`atCut`), and a run of the code
 * is then, from stop to stop, a run of the source. What is assumed at a cut beside it:
 * - of the source's values, that they are of their types, the loop's invariants as far as they are understood, and the
 *   conditions that were passed: all of that is proved, or was just computed;
 * - what held on one of the ways on which the loop was come to first. It speaks of names that rounds do not change, and
 *   is asked for as a goal on every later way, too.
 * That the source's loops end is proved; so do the machine's, since each of its rounds is one of the source.
 */
import type { FunctionIr, Loop, Statement } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import { allStatements, assignedVariables } from '../../analyzers/walk.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { alike, extract, terms, word } from './algebra.ts';
import { assumptionsOf } from './clauses.ts';
import { type Entry, freshRegisters, knownOf, type ObjectPlace, RESULT, type SourceValue, wordAbove } from './entry.ts';
import { evaluate, inType, type SourceState, scalar } from './expressions.ts';
import { type Candidate, candidatesOf, leavesOf, leavesOfValue } from './invariants.ts';
import { scalarBytes } from './layout.ts';
import type { MachineState } from './machine-memory.ts';
import { joined } from './machine-memory.ts';
import { sameRegion } from './matching.ts';
import { type Region, readBytes, rewritten } from './memory.ts';
import { conjuncts } from './source.ts';
import { undecided } from './undecided.ts';

export interface Cut {
  readonly number: number;
  readonly loop: Loop;
  /** So many of the loop's conditions stand before the cut. */
  readonly conditions: number;
  /** Whether a first round is run before it. */
  readonly peeled: boolean;
  readonly head: number;
}

/** A register, its lower bits where it is told so, or bytes of the stack in a row. */
export type Location =
  | { readonly kind: 'register'; readonly register: number; readonly bits?: number }
  | { readonly kind: 'stack'; readonly offset: number; readonly count: number };

/** What is said of a location: which candidate, if one is left. */
export interface Claim {
  readonly location: Location;
  readonly candidates: readonly Candidate[];
  chosen: number;
}

/** How a loop is come to first. */
export interface Arrivals {
  readonly machine: readonly MachineState[];
  readonly source: readonly SourceState[];
}

/** Where both sides begin a round, and what must be so wherever they come to it. */
export interface CutState {
  readonly source: SourceState;
  readonly machine: MachineState;
  readonly claims: readonly Claim[];
  readonly goals: (machine: MachineState, source: SourceState) => Term[];
}

export const segmentOf = ({ number }: Pick<Cut, 'number'>): string => `l${number}`;

const runs = (statements: readonly Statement[]): readonly Statement[] =>
  allStatements(statements).filter(({ kind }) => kind !== 'ghost' && kind !== 'assert');

const typesOf = ({ parameters, body = [] }: FunctionIr): ReadonlyMap<string, Type> =>
  new Map(
    [...parameters, ...assignedVariables(body).values()].map(({ id, type }) => [
      id,
      type.kind === 'object' ? type.record : type,
    ]),
  );

/** What a location holds; undefined where nothing wrote it. */
export function held({ registers, stack }: MachineState, location: Location): Term | undefined {
  if (location.kind === 'register') return extract(registers[location.register], 0, location.bits ?? 64);
  const parts = Array.from({ length: location.count }, (_, i) => stack.get(location.offset + i));
  return parts.every((part) => part !== undefined) ? joined(parts) : undefined;
}

/** How many of a register's bits carry something, where those above were left open. */
const carriedBits = (register: Term): number =>
  register.kind === 'apply' && register.operator === 'concat' ? t.bitsOf(register.operands[1]) : 64;

/**
 * Registers, and words of the stack that were written on every way, or else halves of them. Of a register that comes to
 * the loop with bits that were left open, the others are told, too.
 */
function locationsOf({ convention }: Entry, machine: readonly MachineState[]): Location[] {
  const has = (offset: number, count: number): boolean =>
    machine.every((state) => held(state, { kind: 'stack', offset, count }) !== undefined);
  const found: Location[] = [];
  for (let register = 0; register < convention.registers; register++) {
    if (register === convention.zero) continue;
    const bits = Math.min(...machine.map(({ registers }) => carriedBits(registers[register])));
    // The whole comes last: what is known of it counts.
    if (bits < 64) found.push({ kind: 'register', register, bits });
    found.push({ kind: 'register', register });
  }
  const words = new Set(
    [...machine[0].stack.keys()].filter((offset) => offset < 0).map((offset) => Math.floor(offset / 8) * 8),
  );
  for (const offset of [...words].sort((a, b) => a - b)) {
    if (has(offset, 8)) found.push({ kind: 'stack', offset, count: 8 });
    else
      for (const half of [offset, offset + 4]) if (has(half, 4)) found.push({ kind: 'stack', offset: half, count: 4 });
  }
  return found;
}

/** Claims about everything that the machine holds when it comes to a loop. */
export function claimsOf(entry: Entry, cut: Cut, { machine, source }: Arrivals): Claim[] {
  const changing = assignedVariables([cut.loop]);
  const leaves = leavesOf(source[0], (id) => changing.has(id)).filter(({ of }) =>
    source.every((state) => isThere(() => of(state))),
  );
  return locationsOf(entry, machine).map((location) => {
    const first = machine.map((state) => terms.zeroExtend(held(state, location)!, 64));
    const all = candidatesOf(entry, first, leaves, source);
    const width = location.kind === 'register' ? (location.bits ?? 64) : location.count * 8;
    const cutTo =
      (candidate: Candidate): Candidate =>
      (state) => {
        const whole = candidate(state);
        return t.bitsOf(whole) > width ? extract(whole, 0, width) : whole;
      };
    return { location, candidates: all.map(cutTo), chosen: 0 };
  });
}

function isThere(read: () => Term): boolean {
  try {
    return read() !== undefined;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** A value of a type with fresh names; what is known of them. */
function freshValue(type: Type, name: string): { readonly value: SourceValue; readonly facts: Term[] } {
  if (type.kind === 'boolean') return { value: t.variable(name, 'Bool'), facts: [] };
  if (type.kind === 'integer' && !['u64', 'i64', 'bigint'].includes(type.name)) {
    const value = t.variable(name, 'BV64');
    return { value, facts: [inType(value, type)] };
  }
  if (type.kind !== 'record') return undecided(`a variable of kind ${type.kind} in a loop`);
  const fields = type.fields.map((field, i) => freshValue(field.type, `${name}.${i}`));
  return {
    value: { kind: 'fields', fields: fields.map(({ value }) => value) },
    facts: fields.flatMap(({ facts }) => facts),
  };
}

const sameValue = (a: SourceValue, b: SourceValue): boolean =>
  a.kind === 'fields' || b.kind === 'fields'
    ? a.kind === 'fields' && b.kind === 'fields' && a.fields.every((field, i) => sameValue(field, b.fields[i]))
    : alike(a, b);

const isUntouched = (region: Region): boolean => region.writes.length === 0 && region.before === undefined;

/** Regions that are not in every round what they were at the entry. */
function changedRegions(entry: Entry, subject: FunctionIr, { loop }: Cut, { machine, source }: Arrivals): Set<string> {
  const writes = runs([...loop.body, ...loop.update]).some(({ kind }) => ['store', 'set', 'call'].includes(kind));
  const mayChange = new Set(
    subject.modifies.flatMap((id) => (entry.arrays.get(id) ?? entry.objects.get(id))?.region ?? []),
  );
  const states = [...machine, ...source];
  return new Set(
    [...entry.regions.keys()].filter(
      (name) =>
        name === RESULT ||
        (writes && mayChange.has(name)) ||
        states.some(({ regions }) => regions.has(name) && !isUntouched(regions.get(name)!)),
    ),
  );
}

/** Facts about the fields of an object whose bytes have fresh names. */
const fieldFacts = ({ layout }: ObjectPlace, region: Region): Term[] =>
  layout.scalars.flatMap((one) => knownOf(readBytes(region, word(one.offset), scalarBytes(one.type)!), one.type));

/** The state at a cut, with the chosen claims. */
export function cutState(
  entry: Entry,
  subject: FunctionIr,
  cut: Cut,
  arrivals: Arrivals,
  claims: readonly Claim[],
): CutState {
  const segment = segmentOf(cut);
  const [first] = arrivals.source;
  const types = typesOf(subject);
  const changing = assignedVariables([cut.loop]);
  const facts: Term[] = [];
  const values = new Map<string, SourceValue>();
  const kept: string[] = [];
  for (const [i, [id, value]] of [...first.values].entries()) {
    if (!arrivals.source.every((state) => state.values.has(id))) continue;
    if (!changing.has(id) && arrivals.source.every((state) => sameValue(value, state.values.get(id)!))) {
      values.set(id, value);
      kept.push(id);
      continue;
    }
    const fresh = freshValue(types.get(id) ?? undecided('a variable without a type'), `${segment}.v${i}`);
    values.set(id, fresh.value);
    facts.push(...fresh.facts);
  }
  if (arrivals.source.some((state) => [...state.regions.keys()].some((name) => !entry.regions.has(name))))
    undecided('a loop beside an array or an object of its own');
  const changed = changedRegions(entry, subject, cut, arrivals);
  const regions = new Map(
    [...entry.regions].map(([name, region]) => [
      name,
      changed.has(name) ? rewritten(region, `${segment}.${name}`) : region,
    ]),
  );
  for (const place of entry.objects.values())
    if (changed.has(place.region)) facts.push(...fieldFacts(place, regions.get(place.region)!));
  const before = [
    t.any(arrivals.source.map(({ conditions, assumptions }) => t.all([...conditions, ...assumptions]))),
    t.any(arrivals.machine.map(({ conditions }) => t.all(conditions))),
  ];
  const { arrays, objects } = first;
  const plain: SourceState = { values, arrays, objects, regions, conditions: [], assumptions: [], history: [] };
  const invariants = cut.loop.invariants.flatMap(({ expression }) => assumptionsOf(plain, expression));
  const passed = conjuncts(cut.loop.condition)
    .slice(0, cut.conditions)
    .map((condition) =>
      scalar(
        evaluate({ now: plain, guards: [], call: () => undecided('a call in the condition of a loop') }, condition),
      ),
    );
  const source: SourceState = { ...plain, assumptions: [...before, ...facts, ...invariants, ...passed] };
  return {
    source,
    machine: machineAt(segment, cut, entry, regions, source, claims),
    claims,
    goals: (machine, state) => [
      ...before,
      ...kept.flatMap((id) => {
        const [own, now] = [values.get(id)!, state.values.get(id)];
        if (now === undefined) return [t.truth(false)];
        return leavesOfValue(own).map((at) => sameTerm(at(now), at(own)));
      }),
      ...entry.compared.flatMap((name) => {
        const [ours, theirs] = [machine.regions.get(name)!, state.regions.get(name)!];
        if (changed.has(name)) return sameRegion(ours, theirs);
        return isUntouched(ours) && isUntouched(theirs) ? [] : [t.truth(false)];
      }),
      ...claims.flatMap((claim) => claimGoal(claim, machine, state)),
    ],
  };
}

const sameTerm = (a: Term, b: Term): Term =>
  alike(a, b) ? t.truth(true) : a.sort === 'Bool' ? t.equal(a, b) : terms.compare('=', a, b);

/** What a claim says of a state. */
export function claimGoal({ location, candidates, chosen }: Claim, machine: MachineState, state: SourceState): Term[] {
  const candidate = candidates[chosen];
  if (candidate === undefined) return [];
  const found = held(machine, location);
  return [found === undefined ? t.truth(false) : terms.compare('=', found, candidate(state))];
}

function machineAt(
  segment: string,
  { head }: Cut,
  entry: Entry,
  regions: ReadonlyMap<string, Region>,
  source: SourceState,
  claims: readonly Claim[],
): MachineState {
  const registers = freshRegisters(entry.convention, `${segment}.`);
  // Of the caller's stack, which is never written.
  const stack = new Map(entry.stack);
  for (const { location, candidates, chosen } of claims) {
    const value = candidates[chosen]?.(source);
    if (value === undefined) continue;
    if (location.kind === 'register') {
      const { register, bits } = location;
      const above = bits === undefined ? undefined : extract(registers[register], bits, 64 - bits);
      registers[register] = wordAbove(above, value);
    } else for (let i = 0; i < location.count; i++) stack.set(location.offset + i, extract(value, 8 * i, 8));
  }
  return {
    ...{ pc: head, registers, stack, regions, conditions: [], checks: [], history: [] },
    unknown: { prefix: segment, count: 0 },
  };
}

/**
 * Verdicts from the state in which a function returned: which bytes may depend on the secret, of those that nobody asked
 * to keep.
 *
 * Residue is said to be there only if all that was read was known; where the code read from nobody knows where, what
 * depends on that is unknown.
 */
import type { AccessContext } from './access.ts';

import { byteAt, type CallPath, taintedBytes, writtenAt } from './memory.ts';
import type { Processor, StatusRegister } from './processor.ts';
import type {
  Answer,
  Argument,
  Parts,
  Question,
  RegisterResidue,
  Residue,
  Stop,
  Variable,
  Verdict,
} from './question.ts';
import { argumentRegions, variableAt } from './regions.ts';
import type { State } from './state.ts';
import { IMAGE, isWord, STACK, THREAD, type Value } from './values.ts';

type PointerArgument = Extract<Argument, { size: number }>;

type Shared = Pick<Answer, 'stops' | 'steps' | 'assumptions' | 'usesHeap'>;

interface Unseen {
  readonly processor: Processor;
  readonly access: AccessContext;
  readonly question: Question;
  readonly end: State;
  /** What the caller put on the stack, by offset. */
  readonly given: ReadonlyMap<number, Value>;
}

interface Judged extends Unseen {
  readonly seen: Seen;
}

interface Byte {
  readonly offset: number;
  readonly at: number | undefined;
  readonly via: CallPath | undefined;
  readonly isVerbatim: boolean;
}

function pathOf(via: CallPath | undefined): number[] {
  const path: number[] = [];
  for (let one = via; one !== undefined; one = one.parent) path.unshift(one.at);
  return path;
}

/** Neighbouring bytes of one kind that one instruction wrote. */
function ranges(bytes: readonly Byte[]): Residue[] {
  const found: { from: number; length: number; at?: number; path?: readonly number[]; isVerbatim: boolean }[] = [];
  for (const { offset, at, via, isVerbatim } of [...bytes].sort((a, b) => a.offset - b.offset)) {
    const last = found.at(-1);
    if (last !== undefined && last.from + last.length === offset && last.at === at && last.isVerbatim === isVerbatim)
      last.length++;
    else {
      const path = via === undefined ? {} : { path: pathOf(via) };
      found.push({ from: offset, length: 1, ...(at !== undefined && { at }), ...path, isVerbatim });
    }
  }
  return found;
}

function verdict<R>({ access }: Judged, residue: readonly R[]): Verdict<R> {
  if (residue.length === 0) return { kind: 'erased' };
  const [at] = access.maybe;
  if (at !== undefined)
    return { kind: 'unknown', at, reason: 'a load from nobody knows where, of which what is left may depend' };
  return { kind: 'residue', residue };
}

/** Bytes of values that are meant to be seen: a result's, an output's. What is the same byte elsewhere tells no more. */
type Seen = ReadonlyMap<Value, ReadonlySet<number>>;

const partIn = (value: Value, index: number): readonly [Value, number] => [
  value.whole ?? value,
  value.wholeByte + index,
];

function seenBytes({ question, processor, end }: Unseen): Seen {
  const seen = new Map<Value, Set<number>>();
  const add = (value: Value, index: number): void => {
    // Zeros that a part was extended with are no bytes of its whole.
    if (((value.taint >> index) & 1) === 0) return;
    const [whole, byte] = partIn(value, index);
    const bytes = seen.get(whole);
    if (bytes === undefined) seen.set(whole, new Set([byte]));
    else bytes.add(byte);
  };
  const result = end.general[processor.result]!;
  // A result of four bytes has the whole register, where that is its sign extension: so some conventions have it.
  const resultBytes = question.result >= 4 && isWord(result) ? 8 : question.result;
  for (let i = 0; i < resultBytes; i++) add(result, i);
  for (const [number, region] of argumentRegions(question)) {
    const argument = question.arguments[number]!;
    if (argument.kind === 'buffer' && argument.receives === 'public')
      taintedBytes(end.memory, region, (offset, { value }, index) => {
        if (0 <= offset && offset < argument.size) add(value, index);
      });
  }
  if (question.variables?.some(({ holds }) => holds === 'public'))
    taintedBytes(end.memory, IMAGE, (offset, { value }, index) => {
      if (variableAt(question, offset)?.holds === 'public') add(value, index);
    });
  return seen;
}

const isSeen = ({ seen }: Judged, value: Value, index: number): boolean => {
  const [whole, byte] = partIn(value, index);
  return seen.get(whole)?.has(byte) === true;
};

function writtenIn(
  judged: Judged,
  region: number,
  counts: (offset: number, value: Value, index: number) => boolean = () => true,
): Residue[] {
  const bytes: Byte[] = [];
  taintedBytes(judged.end.memory, region, (offset, { value, at, via }, index) => {
    if (counts(offset, value, index) && !isSeen(judged, value, index))
      bytes.push({ offset, at, via, isVerbatim: value.copy >= 0 });
  });
  return ranges(bytes);
}

/** What a pointer argument points to that nobody meant: around it, or in it where it is no output. */
function strayResidue(judged: Judged, region: number, { kind, size, ...buffer }: PointerArgument): Residue[] {
  const isMeant = kind === 'secret' || ('receives' in buffer && buffer.receives !== undefined);
  return writtenIn(judged, region, (offset) => !isMeant || offset < 0 || size <= offset);
}

/** Blocks that were freed with something in them, or that are still there. */
function heapResidue(judged: Judged, isFreed: boolean): Residue[] {
  const { end, access } = judged;
  return [...end.heap].flatMap(([region, { status, freedAt, isOwn }]) => {
    // What a caller gave and is still there is judged with the arguments.
    if (isFreed ? status === 'live' : status !== 'live' || !isOwn) return [];
    const allocated = access.allocated.get(region);
    const block = {
      name: access.regions[region]!.name,
      region,
      ...(allocated !== undefined && { allocatedAt: allocated.at, site: allocated.site }),
      ...(freedAt !== undefined && { freedAt }),
    };
    const secret = access.secretBytes(region);
    const untouched = bufferResidue(judged, region, secret);
    const written = writtenIn(judged, region, (offset) => offset < 0 || secret <= offset);
    return [...untouched, ...written].map((one) => ({ ...one, block }));
  });
}

/** Where nobody knows how deep registers were put away that held the secret, what is left below is not known. */
function stackVerdict(judged: Judged, residue: readonly Residue[]): Verdict<Residue> {
  const found = verdict(judged, residue);
  const { spilled } = judged.end;
  if (found.kind !== 'erased' || spilled === undefined) return found;
  const reason = `${spilled.by} may put registers on the stack that hold the secret, and nobody knows how deep`;
  return { kind: 'unknown', at: spilled.at, reason };
}

function bufferResidue({ end, access }: Judged, region: number, size: number, from = 0): Residue[] {
  const bytes: Byte[] = [];
  for (let offset = from; offset < from + size; offset++) {
    const byte = byteAt(end.memory, access.regions[region]!, offset);
    if (byte.taint === 0) continue;
    const written = writtenAt(end.memory, region, offset)?.written;
    bytes.push({ offset, at: written?.at, via: written?.via, isVerbatim: byte.copy >= 0 });
  }
  return ranges(bytes);
}

/** Of tainted bytes, those that nobody was meant to see. */
function hidden(judged: Judged, value: Value): number {
  let left = value.taint;
  for (let i = 0; left >> i !== 0; i++) if (((left >> i) & 1) === 1 && isSeen(judged, value, i)) left &= ~(1 << i);
  return left;
}

function registerResidue(judged: Judged): RegisterResidue[] {
  const { processor, end } = judged;
  const found: RegisterResidue[] = [];
  for (const [i, value] of end.general.entries())
    if (hidden(judged, value) !== 0) found.push({ register: processor.names[i]!, isVerbatim: value.copy >= 0 });
  for (const [i, lanes] of end.vectors.entries()) {
    const tainted = lanes.filter((lane) => hidden(judged, lane) !== 0);
    if (tainted.length === 0) continue;
    found.push({ register: processor.vectors.name(i), isVerbatim: tainted.some(({ copy }) => copy >= 0) });
  }
  for (const status of processor.statuses)
    if (isSecretStatus(judged, status)) found.push({ register: status.name, isVerbatim: false });
  return found;
}

/** Flags say what they were computed from; of what was meant to be seen, they tell no more. */
function isSecretStatus(judged: Judged, status: StatusRegister): boolean {
  const isHidden = (value: Value): boolean => hidden(judged, value) !== 0;
  const { determiners, bits } = status.of(judged.end);
  return !determiners.some((values) => values.every((value) => !isHidden(value))) && bits.some(isHidden);
}

/** What is left in a state: at the return, or where the function ends otherwise. */
export function judge(unseen: Unseen): Parts {
  const judged: Judged = { ...unseen, seen: seenBytes(unseen) };
  const { question } = judged;
  const regions = argumentRegions(question);
  const buffers: Record<number, Verdict<Residue>> = {};
  const elsewhere: Record<string, Verdict<Residue>> = {
    ...Object.fromEntries(
      clearedVariables(question).map(({ name, address, size }) => [
        `variable ${name}`,
        verdict(judged, bufferResidue(judged, IMAGE, size, address)),
      ]),
    ),
    image: verdict(
      judged,
      writtenIn(judged, IMAGE, (address) => variableAt(question, address) === undefined),
    ),
    thread: verdict(judged, writtenIn(judged, THREAD)),
  };
  for (const [number, region] of regions) {
    const argument = question.arguments[number] as PointerArgument;
    if (argument.kind === 'secret' && question.clears)
      buffers[number] = verdict(judged, bufferResidue(judged, region, argument.size));
    elsewhere[number] = verdict(judged, strayResidue(judged, region, argument));
  }
  return {
    stack: stackVerdict(
      judged,
      // A secret that the caller passed on its own stack is the caller's, as long as nothing else is written there.
      writtenIn(judged, STACK, (at, value, index) => judged.given.get(at - index) !== value),
    ),
    registers: verdict(judged, registerResidue(judged)),
    buffers,
    elsewhere,
    freed: verdict(judged, heapResidue(judged, true)),
    kept: verdict(judged, heapResidue(judged, false)),
  };
}

/** Secret variables that must be clear. */
const clearedVariables = ({ clears, variables = [] }: Question): readonly Variable[] =>
  clears ? variables.filter(({ holds }) => holds === 'secret') : [];

/** The answer where code was not followed to its end. */
export function unknownAnswer(question: Question, at: number, reason: string, shared: Shared): Answer {
  const unknown = { kind: 'unknown', at, reason } as const;
  const buffers: Record<number, Verdict<Residue>> = {};
  const elsewhere: Record<string, Verdict<Residue>> = {
    ...Object.fromEntries(clearedVariables(question).map(({ name }) => [`variable ${name}`, unknown])),
    ...{ image: unknown, thread: unknown },
  };
  for (const [number, { kind }] of Object.entries(question.arguments)) {
    if (kind === 'secret' && question.clears) buffers[Number(number)] = unknown;
    if (kind === 'secret' || kind === 'buffer') elsewhere[number] = unknown;
  }
  return { stack: unknown, registers: unknown, buffers, elsewhere, freed: unknown, kept: unknown, ...shared };
}

/** The worse of two verdicts; residue that both have is said once. */
export function worseVerdict<R>(a: Verdict<R>, b: Verdict<R>): Verdict<R> {
  if (a.kind === 'residue' && b.kind === 'residue') {
    const seen = new Set(a.residue.map((one) => JSON.stringify(one)));
    return { kind: 'residue', residue: [...a.residue, ...b.residue.filter((one) => !seen.has(JSON.stringify(one)))] };
  }
  // Residue that one remainder of the stack pointer shows is there, whatever the others do.
  if (a.kind === 'residue' || b.kind === 'erased') return a;
  return b.kind === 'residue' || a.kind === 'erased' ? b : a;
}

function worseOf<R>(
  a: Readonly<Record<string, Verdict<R>>>,
  b: Readonly<Record<string, Verdict<R>>>,
): Record<string, Verdict<R>> {
  return Object.fromEntries(Object.entries(a).map(([name, one]) => [name, worseVerdict(one, b[name] ?? one)]));
}

const worseParts = (a: Parts, b: Parts): Parts => ({
  stack: worseVerdict(a.stack, b.stack),
  registers: worseVerdict(a.registers, b.registers),
  buffers: worseOf(a.buffers, b.buffers),
  elsewhere: worseOf(a.elsewhere, b.elsewhere),
  freed: worseVerdict(a.freed, b.freed),
  kept: worseVerdict(a.kept, b.kept),
});

/** Every verdict of an answer, whatever it is about. */
export const allVerdicts = ({
  stack,
  registers,
  buffers,
  elsewhere,
  freed,
  kept,
}: Parts): readonly (Verdict<Residue> | Verdict<RegisterResidue>)[] => [
  ...[stack, registers, freed, kept],
  ...[...Object.values(buffers), ...Object.values(elsewhere)],
];

function allStops(a: readonly Stop[], b: readonly Stop[]): Stop[] {
  const byPlace = new Map(a.map((stop) => [stop.at, stop]));
  for (const stop of b) {
    const same = byPlace.get(stop.at);
    byPlace.set(stop.at, same === undefined ? stop : { ...stop, ...worseParts(same, stop) });
  }
  return [...byPlace.values()];
}

/** One answer of two, for two ways to enter the function. */
export function worse(a: Answer, b: Answer): Answer {
  const depth = a.depth === undefined || b.depth === undefined ? undefined : Math.max(a.depth, b.depth);
  return {
    ...worseParts(a, b),
    stops: allStops(a.stops, b.stops),
    ...(depth !== undefined && { depth }),
    steps: a.steps + b.steps,
    ...((a.usesHeap || b.usesHeap) && { usesHeap: true }),
    assumptions: [...new Set([...a.assumptions, ...b.assumptions])],
  };
}

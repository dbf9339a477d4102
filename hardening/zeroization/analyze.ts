/**
 * Whether a function of a linked image leaves a secret behind: in its dead stack, in registers that callers do not keep,
 * in the buffer that held it, or elsewhere. This is where to begin.
 *
 * The function's final machine code is followed (follow.ts) from a state in which some bytes are the secret; at its return
 * every byte is asked whether it may depend on it. The stack pointer's remainder at the entry decides where frames that
 * align themselves lie, so if code asks for it, every remainder is tried and the answers are put together.
 */
import { CasemateError, hex, printable } from '../../base/errors.ts';
import { machineText } from '../../linker/identify.ts';
import type { AccessContext } from './access.ts';
import type { Places } from './arithmetic.ts';
import type { Allocated } from './blocks.ts';
import { createCalleeEffects } from './callee-effects.ts';
import { noFacts } from './facts.ts';
import { followFunction } from './follow.ts';
import { allVerdicts, judge, unknownAnswer, worse } from './judge.ts';
import { createMemory, storeAt } from './memory.ts';
import { livesInMovingHeap, MOVES, usesOfMovingHeap } from './moving-heap.ts';
import { neverReturning } from './never-returns.ts';
import type { Processor } from './processor.ts';
import { processorOf } from './processors.ts';
import {
  type Answer,
  type Argument,
  type FollowedImage,
  GivenUp,
  type Parts,
  type Question,
  type Verdict,
} from './question.ts';
import { argumentRegions, extentOf, fixedIn, imageAt, kindsOf, regionsOf, secretBytesOf } from './regions.ts';
import { confirmResidue } from './replay.ts';
import type { State } from './state.ts';
import type { FollowContext } from './step.ts';
import { IMAGE, known, pointer, returnAddress, STACK, THREAD, unknown, type Value } from './values.ts';

export interface Options {
  /** Instructions. */
  readonly mostSteps: number;
  /** Of memory, by rule of thumb. */
  readonly mostBytes: number;
  /** Asked now and then; true: whoever waits does not wait any longer, and what is not known by then is unknown. */
  readonly isOver?: () => boolean;
  /** Instructions of each run that confirms residue, at most; 0: none is run. */
  readonly replaySteps?: number;
}

export const defaults: Options = { mostSteps: 20_000_000, mostBytes: 2 ** 29 };

const REPLAY_STEPS = 100_000;

const ASSUMPTIONS = [
  'pointer arguments, and the thread register, point to different memory, and to none of the image or the stack',
  "the image's data is what the file says when the function begins, and lies where the file says",
  'what is pointed to lies above the first MiB',
  'nothing else uses the stack or the memory meanwhile: no interrupt, no signal, no other thread',
];

interface Entry {
  readonly state: State;
  /** What the caller put on the stack, by offset. */
  readonly given: ReadonlyMap<number, Value>;
}

function enter(processor: Processor, question: Question, entry: number): Entry {
  const given = new Map<number, Value>();
  const memory = createMemory();
  const general = processor.names.map((_, register) => processor.atEntry.get(register) ?? unknown(64));
  general[processor.stackPointer] = pointer(STACK, 0, 0);
  const regions = argumentRegions(question);
  const carried = (number: number, argument: Argument): Value => {
    if (argument.kind === 'value') return known(argument.value, 64);
    if (argument.kind === 'secret value') return unknown(64, 255, undefined, 0);
    return pointer(regions.get(number)!, 0, 0);
  };
  const { argumentRegisters, returnBytes } = processor;
  for (const [key, argument] of Object.entries(question.arguments)) {
    const number = Number(key);
    const register = argumentRegisters[number];
    const value = carried(number, argument);
    // Arguments that no register carries lie above the return address.
    const offset = returnBytes + 8 * (number - argumentRegisters.length);
    if (register === undefined) {
      storeAt(memory, STACK, offset, value, { at: entry, via: undefined });
      given.set(offset, value);
    } else general[register] = value;
  }
  const back = returnAddress(processor.returnBytes === 0);
  if (processor.returnBytes > 0) storeAt(memory, STACK, 0, back, { at: entry, via: undefined }, true);
  else general[processor.link!] = back;
  const { count, lanes } = processor.vectors;
  const frame = { depth: 0, via: undefined, entry, returnTo: back, stackPointer: 0, atEntry: [...general] };
  const state: State = {
    pc: entry,
    frame,
    general,
    vectors: Array.from({ length: count }, () => Array.from({ length: lanes }, () => unknown(64))),
    flags: { kind: 'bits', from: [unknown(1)] },
    raised: unknown(1),
    memory,
    facts: noFacts,
    heap: new Map(),
  };
  return { state, given };
}

interface Attempt {
  readonly answer: Answer;
  /** Whether code asked for the stack pointer's remainder: another one may have another answer. */
  readonly asked: boolean;
  /** Of which arguments' regions code asked for the remainder, divided by what, and nobody knew. */
  readonly wanted: ReadonlyMap<number, number>;
  /** Undefined: none executes the image's machine. */
  readonly processor: Processor | undefined;
}

/** What an attempt takes for given of where memory begins. */
interface Alignment {
  /** Which of the remainders that the stack pointer may have at the entry. */
  readonly which: number;
  /** Remainders of arguments' regions. */
  readonly of: ReadonlyMap<number, { readonly modulus: number; readonly remainder: number }>;
}

const anyAlignment: Alignment = { which: 0, of: new Map() };

function analyzeAt(
  image: FollowedImage,
  question: Question,
  entry: number,
  { which, of: believed }: Alignment,
  options: Options,
): Attempt {
  let asked = false;
  const wanted = new Map<number, number>();
  const allocated = new Map<number, Allocated>();
  const places: Places = {
    remainder: (region, modulus) => {
      const block = allocated.get(region);
      if (block !== undefined) return block.alignment % modulus === 0 ? 0 : undefined;
      if (modulus > 64) return undefined;
      if (region === IMAGE) return 0;
      if (region === STACK) {
        if (modulus > 16) asked = true;
        return processor!.entryRemainders[which]! % modulus;
      }
      const own = believed.get(region);
      if (own !== undefined && modulus <= own.modulus) return own.remainder % modulus;
      wanted.set(region, Math.max(modulus, wanted.get(region) ?? 0));
      return undefined;
    },
    imageAt: (address) => imageAt(image, address),
  };
  const processor = processorOf(image, places, THREAD);
  if (processor === undefined) {
    const reason = `${machineText(image.machine)}: what its instructions do is not known here`;
    const answer = unknownAnswer(question, entry, reason, { stops: [], steps: 0, assumptions: [] });
    return { answer, asked, wanted, processor };
  }
  const assumptions = new Set([...ASSUMPTIONS, ...processor.assumptions]);
  const regions = regionsOf(image, question);
  const access: AccessContext = {
    regions,
    allocated,
    secretBytes: secretBytesOf(question),
    imageAt: places.imageAt,
    extent: extentOf(question, image, processor),
    kindAt: kindsOf(image),
    isFixed: fixedIn(image),
    stack: STACK,
    maybe: new Set(),
    assume: (text) => assumptions.add(text),
    lowest: 0,
    hasDepth: true,
    usesHeap: false,
  };
  const never = neverReturning(image.symbols, processor.flowAt);
  const context: FollowContext = {
    processor,
    access,
    // The function under question is followed, whatever its name is.
    allocators: new Map([...(image.allocators ?? [])].filter(([address]) => address !== entry)),
    effectsOf: createCalleeEffects(processor, never.all),
    neverReturns: never.all,
    believed: never.believed,
    movingHeap: usesOfMovingHeap(image.symbols, image.ambiguous),
    ...options,
    isCode: (address) =>
      image.code.some(({ address: start, bytes }) => start <= address && address < start + bytes.length),
    meetings: new Map(),
    jumps: new Map(),
    stopped: new Map(),
    steps: 0,
  };
  const { state, given } = enter(processor, question, entry);
  const named = new Map([...image.symbols].map(([name, address]) => [address, name]));
  const partsAt = (end: State): Parts => judge({ processor, access, question, end, given });
  const shared = (): Pick<Answer, 'stops' | 'steps' | 'assumptions' | 'usesHeap'> => ({
    stops: [...context.stopped].map(([at, { state: end, callee }]) => ({
      at,
      ...(callee !== undefined && { callee: named.get(callee) ?? hex(callee) }),
      ...partsAt(end),
    })),
    steps: context.steps,
    assumptions: [...assumptions],
    ...(access.usesHeap && { usesHeap: true }),
  });
  try {
    const end = followFunction(context, state);
    if (end === undefined)
      return {
        answer: unknownAnswer(question, entry, 'the function never returns', shared()),
        asked,
        wanted,
        processor,
      };
    const depth = access.hasDepth ? { depth: Math.max(0, -access.lowest) } : {};
    return { answer: { ...partsAt(end), ...depth, ...shared() }, asked, wanted, processor };
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    return { answer: unknownAnswer(question, error.at, error.message, shared()), asked, wanted, processor };
  }
}

/** Ways in which arguments may be aligned that are tried, each by itself. */
const MOST_ALIGNMENTS = 64;

/** All remainders that regions may have, each divided by its own power of two. */
function alignmentsOf(wanted: ReadonlyMap<number, number>): Alignment['of'][] {
  let all: Alignment['of'][] = [new Map()];
  for (const [region, modulus] of wanted) {
    if (all.length * modulus > MOST_ALIGNMENTS) return [];
    const remainders = Array.from({ length: modulus }, (_, remainder) => ({ modulus, remainder }));
    all = all.flatMap((one) => remainders.map((own) => new Map([...one, [region, own]])));
  }
  return all;
}

/** Whether any part of an answer is one of these. */
const has = (parts: Parts, ...kinds: readonly Verdict<unknown>['kind'][]): boolean =>
  allVerdicts(parts).some(({ kind }) => kinds.includes(kind));

/**
 * Where code aligns what arguments point to, and less is known of it while nobody knows how they are aligned: what all ways
 * to align them come to. An attempt that asks for more, or that steps are too many for, leaves the first answer.
 */
function throughAlignments(
  first: Attempt,
  attempt: (alignment: Alignment) => Attempt,
  mostSteps: number,
  which = 0,
): { readonly answer: Answer; readonly asked: boolean } {
  const isOpen = first.wanted.size > 0 && has(first.answer, 'unknown', 'residue');
  const alignments = isOpen ? alignmentsOf(first.wanted) : [];
  let { answer, asked } = first;
  let left = mostSteps - answer.steps;
  for (const [i, of] of alignments.entries()) {
    const one = attempt({ which, of });
    left -= one.answer.steps;
    if (one.wanted.size > 0 || left < 0 || has(one.answer, 'unknown')) return first;
    answer = i === 0 ? one.answer : worse(answer, one.answer);
    asked ||= one.asked;
  }
  return { answer, asked };
}

/** The answer for one function of an image. */
export function analyzeErasure(image: FollowedImage, question: Question, options: Options = defaults): Answer {
  const entry = image.symbols.get(question.function);
  if (entry === undefined) {
    const name = printable(question.function);
    const why =
      image.ambiguous?.has(question.function) === true
        ? `the image has several functions named ${name}: rename all but one`
        : `the image has no function ${name}: name one of its function symbols`;
    throw new CasemateError('usage', why);
  }
  if (livesInMovingHeap(question.function))
    return unknownAnswer(question, entry, MOVES, { stops: [], steps: 0, assumptions: [] });
  const attempt = (alignment: Alignment): Attempt => analyzeAt(image, question, entry, alignment, options);
  const first = attempt(anyAlignment);
  if (first.processor === undefined) return first.answer;
  const { processor } = first;
  const { entryRemainders } = processor;
  const through = throughAlignments(first, attempt, options.mostSteps);
  const { asked } = through;
  let { answer } = through;
  for (let which = 1; asked && which < entryRemainders.length; which++) {
    const other = throughAlignments(attempt({ ...anyAlignment, which }), attempt, options.mostSteps, which);
    answer = worse(answer, other.answer);
  }
  const remainders = asked ? entryRemainders : entryRemainders.slice(0, 1);
  return confirmResidue(image, question, processor, answer, {
    remainders,
    mostSteps: options.replaySteps ?? REPLAY_STEPS,
    isOver: options.isOver ?? (() => false),
  });
}

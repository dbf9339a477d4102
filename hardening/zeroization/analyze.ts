/**
 * Whether a function of a linked image leaves a secret behind: in its dead stack, in registers that callers do not keep,
 * in the buffer that held it, or elsewhere. This is where to begin.
 *
 * The function's final machine code is followed (follow.ts) from a state in which some bytes are the secret; at its return
 * every byte is asked whether it may depend on it. The stack pointer's remainder at the entry decides where frames that
 * align themselves lie, so if code asks for it, every remainder is tried and the answers are put together.
 */
import { CasemateError, printable } from '../../base/errors.ts';
import type { AccessContext } from './access.ts';
import { type FollowContext, followFunction } from './follow.ts';
import { judge, unknownAnswer, worse } from './judge.ts';
import { createMemory, storeAt } from './memory.ts';
import type { Processor } from './processor.ts';
import { type Answer, type Argument, type FollowedImage, GivenUp, type Question } from './question.ts';
import { argumentRegions, extentOf, IMAGE, regionsOf, STACK, segmentAt, THREAD } from './regions.ts';
import type { State } from './state.ts';
import { known, type Places, pointer, unknown, type Value } from './values.ts';
import { createX8664 } from './x86-64.ts';

/** Where the function under question returns to: no code is there. */
const CALLER = 0x7fff_ffff_f000;

/** Functions that do not return, as libraries and compilers name them. */
const NEVER_RETURN = [
  '__stack_chk_fail',
  '__stack_chk_fail_local',
  'abort',
  'exit',
  '_exit',
  '_Exit',
  '__assert_fail',
  '__fortify_fail',
  '__chk_fail',
];

export interface Options {
  readonly mostSteps: number;
}

export const defaults: Options = { mostSteps: 20_000_000 };

function entryState(processor: Processor, question: Question, entry: number): State {
  const memory = createMemory();
  const general = processor.names.map(() => unknown(64));
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
    if (register === undefined) storeAt(memory, STACK, offset, value, entry);
    else general[register] = value;
  }
  const back = known(BigInt(CALLER), 64);
  if (processor.returnBytes > 0) storeAt(memory, STACK, 0, back, entry, true);
  else general[processor.link!] = back;
  const { count, lanes } = processor.vectors;
  const frame = { depth: 0, entry, returnTo: CALLER, stackPointer: 0, atEntry: [...general] };
  return {
    pc: entry,
    frame,
    general,
    vectors: Array.from({ length: count }, () => Array.from({ length: lanes }, () => unknown(64))),
    flags: { kind: 'bits', from: [unknown(1)] },
    memory,
  };
}

function analyzeAt(
  image: FollowedImage,
  question: Question,
  entry: number,
  remainder: number,
  options: Options,
): { answer: Answer; asked: boolean } {
  let asked = false;
  const assumptions = new Set([
    'pointer arguments point to different memory, and to none of the image or the stack',
    "the image's data is what the file says when the function begins",
  ]);
  const regions = regionsOf(image, question);
  const places: Places = {
    remainder: (region, modulus) => {
      if (region !== STACK || modulus > 64) return undefined;
      if (modulus > 16) asked = true;
      return remainder % modulus;
    },
    imageAt: (address) => (address < 2n ** 52n && segmentAt(image, Number(address)) !== undefined ? IMAGE : undefined),
  };
  const processor = createX8664(image, places, THREAD);
  const access: AccessContext = {
    regions,
    imageAt: places.imageAt,
    extent: extentOf(question, image, processor),
    stack: STACK,
    kept: processor.kept,
    maybe: new Set(),
    assume: (text) => assumptions.add(text),
    lowest: 0,
  };
  const neverReturns = new Set(NEVER_RETURN.flatMap((name) => image.symbols.get(name) ?? []));
  const context: FollowContext = {
    processor,
    access,
    neverReturns,
    mostSteps: options.mostSteps,
    meetings: new Map(),
    steps: 0,
  };
  try {
    const end = followFunction(context, entryState(processor, question, entry));
    const depth = Math.max(0, -access.lowest);
    const shared = { steps: context.steps, assumptions: [...assumptions] };
    if (end === undefined)
      return { answer: unknownAnswer(question, entry, 'the function never returns', shared), asked };
    return { answer: judge({ processor, access, question, end, depth, ...shared }), asked };
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    const shared = { steps: context.steps, assumptions: [...assumptions] };
    return { answer: unknownAnswer(question, error.at, error.message, shared), asked };
  }
}

/** The answer for one function of an image, whose code is x86-64. */
export function analyzeErasure(image: FollowedImage, question: Question, options: Options = defaults): Answer {
  const entry = image.symbols.get(question.function);
  if (entry === undefined)
    throw new CasemateError(
      'usage',
      `the image has no function ${printable(question.function)}: name one of its function symbols`,
    );
  const [first, ...others] = [8, 24, 40, 56];
  const { answer, asked } = analyzeAt(image, question, entry, first!, options);
  if (!asked) return answer;
  return others.reduce(
    (all, remainder) => worse(all, analyzeAt(image, question, entry, remainder, options).answer),
    answer,
  );
}

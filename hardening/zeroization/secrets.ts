/**
 * Which functions of an image leave secrets behind, of those that its notes, or a user, say handle some. This is what
 * `casemate secrets` prints and a build decides by; analyze.ts judges one function for one question.
 *
 * A record is judged by its parts: the stack, registers, each secret buffer, the image's data, other memory. The outcome
 * is that of the gravest part that its policy names: residue, then unknown, then erased. Everything that keeps a record from
 * being judged (a function that is not there, a copy that a compiler made, a machine without semantics, a note that cannot
 * be read) is unknown, by name, and never a pass.
 */
import { CasemateError, printable } from '../../base/errors.ts';
import type { SecretAnnotation } from '../../base/secrets.ts';
import type { Subject } from '../subject.ts';
import { analyzeErasure, type Options } from './analyze.ts';
import { annotationsOf, copiesOf, functionOf, isLeftOut, type UnreadNote, variablesOf } from './annotated.ts';
import { OVER } from './follow.ts';
import { type AskedLengths, assumptionsOf, questionOf, sampleLengths, showLengths } from './from-annotation.ts';
import { followedImage } from './from-subject.ts';
import { worseVerdict } from './judge.ts';
import type {
  Answer,
  FollowedImage,
  Parts as LeftParts,
  RegisterResidue,
  Residue,
  Variable,
  Verdict,
} from './question.ts';

export type Outcome = 'erased' | 'residue' | 'unknown';

/** One part of what must be clear. */
export interface PartVerdict {
  /** `stack`, `registers`, `buffer N`, `image`, `argument N`, or what keeps it from being judged. */
  readonly part: string;
  readonly outcome: Outcome;
  /** Bytes of memory, for a residue in it. */
  readonly bytes?: readonly Residue[];
  readonly registers?: readonly RegisterResidue[];
  /** Of an unknown part: the instruction, if it is about one, and why. */
  readonly at?: number;
  readonly reason?: string;
  /** Of a residue that only some lengths were asked about: for which it is there. */
  readonly when?: string;
}

export interface JudgedFunction {
  readonly function: string;
  readonly address?: number;
  readonly origin: SecretAnnotation['origin'] | 'command line';
  readonly outcome: Outcome;
  readonly parts: readonly PartVerdict[];
  /** Bytes of stack that it takes at most, as the code shows. */
  readonly depth?: number;
  /** As its record declares. */
  readonly maxStack?: number;
  /** Ways that do not return, of which something is left or unknown. They are no part of the outcome. */
  readonly stops: readonly StopVerdict[];
  readonly steps: number;
  readonly assumptions: readonly string[];
}

/** Where a way ends that does not return, and what is left then: callers that erase do not run any more. */
export interface StopVerdict {
  /** The instruction. */
  readonly at: number;
  /** The function that it calls; absent: it traps. */
  readonly callee?: string;
  readonly parts: readonly PartVerdict[];
}

export interface SecretsReport {
  readonly functions: readonly JudgedFunction[];
  /** Functions that the link left out, as nothing needs them: there is nothing to judge. */
  readonly absent: readonly string[];
  /** Notes that are no records: unknown, too. */
  readonly problems: readonly UnreadNote[];
}

/** A record, and who says so. */
export interface Asked {
  readonly annotation: SecretAnnotation;
  readonly origin: JudgedFunction['origin'];
}

const graver = { residue: 2, unknown: 1, erased: 0 } as const;

const worstOutcome = (outcomes: readonly Outcome[]): Outcome =>
  outcomes.reduce((worst, one) => (graver[one] > graver[worst] ? one : worst), 'erased');

/** The outcome of a whole report. */
export const reportOutcome = ({ functions, problems }: SecretsReport): Outcome =>
  worstOutcome([...functions.map(({ outcome }) => outcome), ...problems.map(() => 'unknown' as const)]);

const unknownPart = (part: string, reason: string, at?: number): PartVerdict => ({
  part,
  outcome: 'unknown',
  reason,
  ...(at !== undefined && { at }),
});

function memoryPart(part: string, verdict: Verdict<Residue>): PartVerdict {
  if (verdict.kind === 'residue') return { part, outcome: 'residue', bytes: verdict.residue };
  return verdict.kind === 'erased' ? { part, outcome: 'erased' } : unknownPart(part, verdict.reason, verdict.at);
}

function registerPart(verdict: Verdict<RegisterResidue>): PartVerdict {
  const part = 'registers';
  if (verdict.kind === 'residue') return { part, outcome: 'residue', registers: verdict.residue };
  return verdict.kind === 'erased' ? { part, outcome: 'erased' } : unknownPart(part, verdict.reason, verdict.at);
}

/** Memory that was freed, which no caller can erase; and if the policy says so, memory that is still there. */
function heapParts({ freed, kept }: LeftParts, isAsked: boolean, usesHeap: boolean): PartVerdict[] {
  if (isAsked) return [memoryPart('heap', worseVerdict(freed, kept))];
  return usesHeap ? [memoryPart('heap', freed)] : [];
}

/** The parts of an answer that a policy names. Where else the secret may have gone, it always does. */
function partsOf(left: LeftParts, { policy }: SecretAnnotation, usesHeap: boolean): PartVerdict[] {
  const { stack, registers, buffers, elsewhere } = left;
  return [
    ...(policy.buffer ? Object.entries(buffers).map(([n, one]) => memoryPart(`buffer ${n}`, one)) : []),
    ...(policy.stack ? [memoryPart('stack', stack)] : []),
    ...(policy.registers ? [registerPart(registers)] : []),
    ...Object.entries(elsewhere).map(([n, one]) => memoryPart(/^\d+$/.test(n) ? `argument ${n}` : n, one)),
    ...heapParts(left, policy.heap, usesHeap),
  ];
}

/** A part of which all lengths at once are not erased, by what single lengths say. */
function bySamples(
  whole: PartVerdict,
  samples: readonly { lengths: AskedLengths; parts: PartVerdict[] }[],
): PartVerdict {
  if (whole.outcome === 'erased') return whole;
  for (const { lengths, parts } of samples) {
    const found = parts.find(({ part }) => part === whole.part);
    if (found?.outcome === 'residue') return { ...found, when: showLengths(lengths) };
  }
  const reason = whole.outcome === 'residue' ? 'something may be left for some length' : whole.reason!;
  const shown = samples.every(({ parts }) => parts.find(({ part }) => part === whole.part)?.outcome === 'erased');
  const tail = shown
    ? `; erased when ${samples.map(({ lengths }) => showLengths(lengths)).join(', or ')}, which shows nothing of other lengths`
    : '';
  return unknownPart(whole.part, `${reason}${tail}`, whole.at);
}

/** Ways that end without a return and do not leave everything erased. */
function stopsOf({ stops, usesHeap }: Answer, annotation: SecretAnnotation): StopVerdict[] {
  return stops.flatMap(({ at, callee, ...left }) => {
    const parts = partsOf(left, annotation, usesHeap === true).filter(({ outcome }) => outcome !== 'erased');
    return parts.length === 0 ? [] : [{ at, ...(callee !== undefined && { callee }), parts }];
  });
}

type Judged = Pick<JudgedFunction, 'parts' | 'depth' | 'steps' | 'stops'> & { readonly believed: readonly string[] };

/** Asks the analysis all that a record asks. */
function answersTo(
  image: FollowedImage,
  annotation: SecretAnnotation,
  variables: readonly Variable[],
  options: Options,
): Judged {
  const answer = analyzeErasure(image, questionOf(annotation, undefined, variables), options);
  const parts = partsOf(answer, annotation, answer.usesHeap === true);
  const whole = {
    ...(answer.depth !== undefined && { depth: answer.depth }),
    stops: stopsOf(answer, annotation),
    believed: answer.assumptions,
  };
  if (parts.every(({ outcome }) => outcome === 'erased')) return { parts, steps: answer.steps, ...whole };
  let { steps } = answer;
  const samples = sampleLengths(annotation).map((lengths) => {
    const one = analyzeErasure(image, questionOf(annotation, lengths, variables), options);
    steps += one.steps;
    // The same parts, whichever ways a length takes.
    return { lengths, parts: partsOf(one, annotation, answer.usesHeap === true) };
  });
  const judged = samples.length === 0 ? parts : parts.map((part) => bySamples(part, samples));
  return { parts: judged, steps, ...whole };
}

/** A declared stack that the code does not keep to. */
function stackPart({ maxStack }: SecretAnnotation, depth: number | undefined): PartVerdict[] {
  if (maxStack === undefined || depth === undefined || depth <= maxStack) return [];
  return [unknownPart('declared stack', `it takes ${depth} bytes of stack, and ${maxStack} are declared at most`)];
}

/** What a record says of the stack is not assumed where the code shows it. */
const withoutStack = ({ maxStack: _, ...rest }: SecretAnnotation): SecretAnnotation => rest;

type Followable = FollowedImage | { readonly reason: string };

/** The image as code sees it, or why nobody knows what that is. */
function followable(subject: Subject): Followable {
  try {
    return followedImage(subject);
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    return { reason: error.message };
  }
}

export interface JudgeOptions extends Options {
  /** Told of each function before it is judged. */
  readonly onStart?: (name: string, index: number, count: number) => void;
}

function judgeOne(
  subject: Subject,
  image: () => Followable,
  { annotation, origin }: Asked,
  options: Options,
): JudgedFunction {
  const { function: name, maxStack } = annotation;
  const shared = {
    function: name,
    origin,
    ...(maxStack !== undefined && { maxStack }),
  };
  const declared = assumptionsOf(annotation, origin);
  const unknown = (reason: string, address?: number): JudgedFunction => ({
    ...shared,
    ...(address !== undefined && { address }),
    outcome: 'unknown',
    parts: [unknownPart('all', reason)],
    stops: [],
    steps: 0,
    assumptions: declared,
  });
  const found = functionOf(subject, annotation);
  if ('reason' in found) return unknown(found.reason);
  if (options.isOver?.() === true) return unknown(OVER, Number(found.symbol.value));
  const address = Number(found.symbol.value);
  const variables = variablesOf(subject, annotation);
  if ('reason' in variables) return unknown(variables.reason, address);
  const followed = image();
  if ('reason' in followed) return unknown(followed.reason, address);
  const here: FollowedImage = {
    ...followed,
    symbols: new Map([...followed.symbols, [name, address]]),
  };
  const { parts, depth, stops, steps, believed } = answersTo(here, annotation, variables, options);
  const copies = copiesOf(subject, name).map((copy) =>
    unknownPart(
      'copy',
      `the compiler made a copy of it, ${printable(copy)}, of which the record says nothing; keep it from copying`,
    ),
  );
  const all = [...parts, ...stackPart(annotation, depth), ...copies];
  return {
    ...shared,
    address,
    outcome: worstOutcome(all.map(({ outcome }) => outcome)),
    parts: all,
    ...(depth !== undefined && { depth }),
    stops,
    steps,
    assumptions: [
      ...(depth === undefined ? declared : assumptionsOf(withoutStack(annotation), origin)),
      ...believed,
      'its callers hold no copy of its code that a compiler made without a name',
    ],
  };
}

/** Judges records, in their order. */
export function judgeRecords(subject: Subject, asked: readonly Asked[], options: JudgeOptions): JudgedFunction[] {
  let image: Followable | undefined;
  const followed = (): Followable => {
    image ??= followable(subject);
    return image;
  };
  return asked.map((one, i) => {
    options.onStart?.(one.annotation.function, i, asked.length);
    return judgeOne(subject, followed, one, options);
  });
}

/** What an image's own notes ask, and what they say of functions that are not in it. */
export function askedBy(subject: Subject): { readonly asked: Asked[] } & Pick<SecretsReport, 'absent' | 'problems'> {
  const { annotations: all, problems } = annotationsOf(subject);
  // What allocators do is believed: heap.ts.
  const annotations = all.filter(({ allocator }) => allocator === undefined);
  const absent = annotations.filter((annotation) => isLeftOut(subject, annotation));
  return {
    asked: annotations
      .filter((annotation) => !absent.includes(annotation))
      .map((annotation) => ({ annotation, origin: annotation.origin })),
    absent: absent.map(({ function: name }) => name),
    problems,
  };
}

/** Judges all that an image's own notes say. */
export function judgeImage(subject: Subject, options: JudgeOptions): SecretsReport {
  const { asked, absent, problems } = askedBy(subject);
  return { functions: judgeRecords(subject, asked, options), absent, problems };
}

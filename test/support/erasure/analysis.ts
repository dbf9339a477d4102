/**
 * The analysis of erasure asked the oracle's questions, and both answers in the same words, so that tests can hold one
 * against the other.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSubject } from '../../../hardening/subject.ts';
import { analyzeErasure, defaults, type Options } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { Answer, FollowedImage, Question, Verdict } from '../../../hardening/zeroization/question.ts';
import type { Image } from '../small-links.ts';
import { compile, type Target } from '../toolchain.ts';
import type { Tool } from '../tools.ts';
import { type Argument, compilerFlags, linkSubjects, type Residue, type Subject } from './oracle.ts';

/** A program that can be run and followed. */
export interface Linked {
  readonly image: Image;
  readonly followed: FollowedImage;
}

export async function linkedObjects(
  target: Target,
  objects: readonly string[],
  folder: string,
  name: string,
): Promise<Linked> {
  const image = await linkSubjects(target, objects, join(folder, name));
  return { image, followed: followedImage(readSubject(readFileSync(image.path), name)) };
}

/** C, or assembly that begins with a directive; compiled by any compiler that makes code for the target. */
export async function linkedText(
  target: Target,
  text: string,
  compiler: Tool,
  flags: readonly string[],
  folder: string,
  name: string,
  more: readonly string[] = [],
): Promise<Linked> {
  const source = join(folder, `${name}.${text.startsWith('.') ? 's' : 'c'}`);
  writeFileSync(source, text);
  const object = await compile(compiler, source, join(folder, `${name}.o`), [
    ...compilerFlags(target, compiler),
    ...flags,
  ]);
  return linkedObjects(target, [object, ...more], folder, name);
}

/** The secret that most subjects take. */
export const key: Argument = { kind: 'secret', size: 32 };

/** The oracle's words in the analysis's. */
export function questionOf(subject: Subject): Question {
  const argumentOf = (one: Argument): Question['arguments'][number] => {
    if (one.kind === 'public') return { kind: 'buffer', size: one.bytes.length };
    if (one.kind === 'output') return { kind: 'buffer', size: one.size, receives: 'public' };
    return one.kind === 'state' ? { kind: 'buffer', size: one.size, receives: 'secret' } : one;
  };
  return {
    function: subject.function,
    arguments: Object.fromEntries(subject.arguments.map((one, i) => [i, argumentOf(one)])),
    result: subject.result,
    clears: true,
  };
}

/** The answer for a function of a program, whose first argument is the secret unless others are given. */
export const analyzed = (
  { followed }: Linked,
  name: string,
  args: readonly Argument[] = [key],
  result = 4,
  options: Options = defaults,
): Answer => analyzeErasure(followed, questionOf({ function: name, arguments: args, result }), options);

/** What kind of verdict each part has; `buffer` is the first argument. */
export const kinds = (answer: Answer): Record<string, string> => ({
  stack: answer.stack.kind,
  registers: answer.registers.kind,
  buffer: answer.buffers[0]!.kind,
  memory: answer.elsewhere['image']!.kind,
});

export const seenKinds = (seen: Residue): Record<string, string> => {
  const kind = (isClean: boolean): string => (isClean ? 'erased' : 'residue');
  return {
    stack: kind(seen.stack.length === 0),
    registers: kind(seen.registers.length === 0),
    buffer: kind(seen.buffers.get(0)!.length === 0),
    memory: kind(seen.memory.length === 0),
  };
};

/** The residue of a verdict that says there is some. */
export const residue = <R>(verdict: Verdict<R>): readonly R[] => {
  if (verdict.kind !== 'residue') throw new Error(JSON.stringify(verdict));
  return verdict.residue;
};

/** Begins assembly of which each function begins with `begin NAME`. */
export const intelAssembly = `.intel_syntax noprefix
.text
.macro begin name
.globl \\name
.type \\name, @function
\\name:
.endm
`;

/** Whether a depth is the one that runs show, which do not see the lowest bytes of a word where they are the paint's. */
export const isDepthSeen = (depth: number | undefined, seen: number): boolean =>
  depth !== undefined && depth >= seen && depth - seen < 8;

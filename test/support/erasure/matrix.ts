/**
 * Ways to erase memory, as compilers leave them at every level and after their optimisation of whole programs: every
 * verdict of the analysis against what runs show. The buffer, the stack and registers are each a verdict.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSubject } from '../../../hardening/subject.ts';
import { analyzeErasure } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { FollowedImage, Question, Residue, Verdict } from '../../../hardening/zeroization/question.ts';
import { runOrThrow } from '../run.ts';
import type { Image } from '../small-links.ts';
import type { Target } from '../toolchain.ts';
import { requireTool } from '../tools.ts';
import { isDepthSeen } from './analysis.ts';
import { compileSubject, linkSubjects, observe, type SubjectCompiler, wholeProgram } from './oracle.ts';

const sources = ['wipes.c', 'subjects.c'];

export interface Build {
  readonly target: Target;
  readonly compiler: SubjectCompiler;
  /** A level of optimisation, `LTO`, or several flags. */
  readonly level: string;
}

export const levels = ['-O0', '-O1', '-O2', '-O3', '-Os', 'LTO'];

function objectsOf({ target, compiler, level }: Build, folder: string): Promise<string[]> {
  if (level === 'LTO') return wholeProgram(target, compiler, sources, ['-O2'], folder).then((object) => [object]);
  return Promise.all(sources.map((name) => compileSubject(target, compiler, name, level.split(' '))));
}

/** Prologues that functions share are in the compiler's own library. */
async function archivesOf({ target, level }: Build): Promise<string[]> {
  if (!level.includes('-msave-restore')) return [];
  return [(await runOrThrow(requireTool(target.cc), ['-print-libgcc-file-name'])).trim()];
}

export interface Tally {
  verdicts: number;
  /** Erased, and runs show residue. */
  readonly unsound: string[];
  readonly unknown: string[];
  /** Residue that no run shows. */
  readonly unseen: string[];
  /** Stack depths that are not what runs take. */
  readonly depths: string[];
}

export const createTally = (): Tally => ({ verdicts: 0, unsound: [], unknown: [], unseen: [], depths: [] });

const confirmedIn = (verdict: Verdict<Residue>): readonly Residue[] =>
  verdict.kind === 'residue' ? verdict.residue.filter(({ status }) => status === 'confirmed') : [];

interface Linked {
  readonly name: string;
  readonly image: Image;
  readonly followed: FollowedImage;
  /** Names of scrubbers, sorted. */
  readonly scrubbers: readonly string[];
}

/** The program of one build. */
export async function linkBuild(build: Build, folder: string): Promise<Linked> {
  const { target, compiler, level } = build;
  const name = `wipes-${target.name}-${compiler}-${level.replaceAll(' ', '')}`;
  const image = await linkSubjects(target, await objectsOf(build, folder), join(folder, name), await archivesOf(build));
  const followed = followedImage(readSubject(readFileSync(image.path), name));
  const scrubbers = [...followed.symbols.keys()].filter((one) => /^(argument|local)_/.test(one)).sort();
  if (scrubbers.length < 34) throw new Error(`${name}: only ${scrubbers.length} subjects`);
  return { name, image, followed, scrubbers };
}

/** What is asked of a scrubber. */
export const scrubberQuestion = (name: string): Question => ({
  function: name,
  arguments: { 0: { kind: 'secret', size: 32 } },
  result: 4,
  clears: true,
});

/** Holds functions of one build, by their place in the alphabet, against runs. */
export async function judgeBuild(
  build: Build,
  tally: Tally,
  folder: string,
  takes: (index: number) => boolean = () => true,
): Promise<void> {
  const { target } = build;
  const { name, image, followed, scrubbers } = await linkBuild(build, folder);
  for (const subject of scrubbers.filter((_, i) => takes(i))) {
    const seen = await observe(target, image, {
      function: subject,
      arguments: [{ kind: 'secret', size: 32 }],
      result: 4,
    });
    const answer = analyzeErasure(followed, scrubberQuestion(subject));
    const hold = (part: string, verdict: Verdict<unknown>, isClean: boolean): void => {
      tally.verdicts++;
      const what = `${name} ${subject} ${part}`;
      if (verdict.kind === 'unknown') tally.unknown.push(`${what}: ${verdict.reason}`);
      else if (verdict.kind === 'erased' && !isClean) tally.unsound.push(what);
      else if (verdict.kind === 'residue' && isClean) tally.unseen.push(what);
    };
    // What is confirmed is there, by other runs on the machine itself.
    for (const { from, length } of confirmedIn(answer.stack))
      if (!seen.stack.some(({ start, end }) => start < from + length && from < end))
        throw new Error(`${name} ${subject}: confirmed, and not seen in runs: ${length} bytes from ${from}`);
    hold('stack', answer.stack, seen.stack.length === 0);
    hold('registers', answer.registers, seen.registers.length === 0);
    hold('buffer', answer.buffers[0]!, seen.buffers.get(0)!.length === 0);
    // What cannot be followed has no depth.
    const { depth } = answer;
    const isRight = depth === undefined ? answer.stack.kind === 'unknown' : isDepthSeen(depth, seen.depth);
    if (!isRight) tally.depths.push(`${name} ${subject}: ${depth}, and ${seen.depth} in runs`);
  }
}

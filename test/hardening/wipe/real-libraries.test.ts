/**
 * Debian's cryptographic libraries behind veneers: entry points that leave secrets in dead stack and registers leave
 * nothing any more, by runs and by the analysis, and answer what they answered before. Long: 80 entry points.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { reasonOf } from '../../../base/files.ts';
import { readSubject } from '../../../hardening/subject.ts';
import type { WipeWish } from '../../../hardening/wipe/plan.ts';
import { analyzeErasure } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import { questionOf } from '../../support/erasure/analysis.ts';
import { cryptography, cryptographyInputs } from '../../support/erasure/crypto.ts';
import { driverObjects, observe, type Residue, type Subject } from '../../support/erasure/oracle.ts';
import { linkAlone, linkPlanned } from '../../support/erasure/wiped.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { x86 } from '../../support/toolchain.ts';

const SHOWN = 1 << 16;

/** Links with all that can be wiped after; of the others, the names and why not. */
function linkAsMany(inputs: readonly string[], output: string, wishes: readonly WipeWish[]) {
  const refused = new Map<string, string>();
  for (;;) {
    try {
      const asked = wishes.filter(({ function: name }) => !refused.has(name));
      return { ...linkPlanned(inputs, output, asked), refused };
    } catch (error) {
      // Calls that the library's assembler has resolved: nothing in its objects leads them anywhere else.
      const name = /comes to (\w+) without a relocation/.exec(reasonOf(error))?.[1];
      if (name === undefined || refused.has(name)) throw error;
      refused.set(name, reasonOf(error));
    }
  }
}

const isClean = ({ stack, registers }: Residue): boolean => stack.length === 0 && registers.length === 0;

it.runIf(isLong)(
  'entry points of real libraries leave nothing behind veneers, and answer the same',
  async () => {
    const folder = temporaryFolder('wiped-libraries');
    const { objects, archives } = await cryptographyInputs();
    const inputs = [...objects, ...(await driverObjects(x86)), ...archives];
    const bare = linkAlone(inputs, join(folder, 'bare')).image;
    const subjects = cryptography.flatMap(({ subjects: own }) => own);
    const before = new Map<Subject, Residue>();
    for (const subject of subjects) before.set(subject, await observe(x86, bare, subject, { shown: SHOWN }));

    // A caller takes more than what it calls, and what the veneer of that wipes is the caller's too.
    const byDepth = [...subjects].sort((a, b) => before.get(a)!.depth - before.get(b)!.depth);
    const rank = new Map(byDepth.map((subject, i) => [subject, i]));
    const wishes = subjects.map((subject) => ({
      function: subject.function,
      // Where none is proved, because calls go through pointers: what a run took, and a margin.
      maxStack: before.get(subject)!.depth + 512 * (rank.get(subject)! + 1),
      results: subject.result === 0 ? [] : ['rax'],
      ...(subject.result > 0 && { resultBytes: subject.result }),
    }));
    const { image, wiped, refused } = linkAsMany(inputs, join(folder, 'wiped'), wishes);
    const followed = followedImage(readSubject(readFileSync(image.path), 'cryptography'));

    const proved = new Map(wiped.map(({ function: name, isProved }) => [name, isProved]));
    const dirty: string[] = [];
    const changed: string[] = [];
    const told: string[] = [];
    const unknown: string[] = [];
    const behind = subjects.filter(({ function: name }) => !refused.has(name));
    for (const subject of behind) {
      const name = subject.function;
      const seen = await observe(x86, image, subject, { shown: SHOWN });
      if (!isClean(seen)) dirty.push(`${name}: ${JSON.stringify([seen.stack, seen.registers])}`);
      if (seen.answers.join() !== before.get(subject)!.answers.join()) changed.push(name);
      const answer = analyzeErasure(followed, questionOf(subject));
      for (const [part, verdict] of [
        ['stack', answer.stack],
        ['registers', answer.registers],
      ] as const) {
        if (verdict.kind === 'residue') told.push(`${name} ${part}: ${JSON.stringify(verdict.residue)}`);
        if (verdict.kind === 'unknown') unknown.push(`${name} ${part}: ${verdict.reason}`);
      }
    }
    const wasDirty = subjects.filter((subject) => !isClean(before.get(subject)!));
    const depths = [...proved.values()].filter(Boolean).length;
    console.log(
      [
        `${wasDirty.length} of ${subjects.length} left something; ${depths} depths proved, the others declared`,
        ...['refused:', ...refused.values()],
        'unknown:',
        ...unknown,
      ].join('\n'),
    );
    expect(wasDirty.length).toBeGreaterThan(subjects.length / 2);
    expect(depths).toBeGreaterThan(subjects.length / 2);
    expect({ dirty, changed, told }).toEqual({ dirty: [], changed: [], told: [] });
    expect(behind.length).toBeGreaterThanOrEqual(60);
    expect(unknown.length / behind.length).toBeLessThanOrEqual(0.15);
  },
  900_000,
);

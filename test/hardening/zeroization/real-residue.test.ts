/**
 * What Debian's cryptographic libraries leave of their secrets, as the oracle sees it and as the analysis says it. Long: 80
 * entry points.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSubject } from '../../../hardening/subject.ts';
import { analyzeErasure } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { Verdict } from '../../../hardening/zeroization/question.ts';
import { questionOf } from '../../support/erasure/analysis.ts';
import { cryptography, linkCryptography } from '../../support/erasure/crypto.ts';
import { observe, type Residue } from '../../support/erasure/oracle.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { x86 } from '../../support/toolchain.ts';

/** Every verdict of which a run says something, by name, and whether the run saw nothing. */
function held(
  answer: ReturnType<typeof analyzeErasure>,
  seen: Residue,
): (readonly [string, Verdict<unknown>, boolean])[] {
  return [
    ['stack', answer.stack, seen.stack.length === 0],
    ['registers', answer.registers, seen.registers.length === 0],
    ['image', answer.elsewhere['image']!, seen.memory.length === 0],
    ...[...seen.buffers].map(
      ([number, ranges]) =>
        [
          `argument ${number}`,
          answer.buffers[number] ?? answer.elsewhere[String(number)]!,
          ranges.length === 0,
        ] as const,
    ),
  ];
}

describe.skipIf(!isLong)('cryptography as Debian compiled it', () => {
  it('leaves secrets in dead stack and registers nearly everywhere, and is never said to be clean there', async () => {
    const image = await linkCryptography(join(temporaryFolder('crypto'), 'subjects'));
    const followed = followedImage(readSubject(readFileSync(image.path), 'cryptography'));
    const rows: string[] = [];
    const unsound: string[] = [];
    const unseen: string[] = [];
    const unknown = new Map<string, string>();
    let stacks = 0;
    let registers = 0;
    let verdicts = 0;
    for (const subject of cryptography.flatMap(({ subjects }) => subjects)) {
      const seen = await observe(x86, image, subject, { shown: 1 << 16 });
      if (seen.stack.length > 0) stacks++;
      if (seen.registers.length > 0) registers++;
      const bytes = seen.stack.reduce((sum, { start, end }) => sum + end - start, 0);
      rows.push(`${subject.function}: depth ${seen.depth}, ${bytes} bytes of stack, ${seen.registers.join(' ')}`);
      const answer = analyzeErasure(followed, questionOf(subject));
      for (const [part, verdict, isClean] of held(answer, seen)) {
        verdicts++;
        if (verdict.kind === 'unknown') unknown.set(subject.function, verdict.reason);
        else if (verdict.kind === 'erased' && !isClean) unsound.push(`${subject.function} ${part}`);
        else if (verdict.kind === 'residue' && isClean) unseen.push(`${subject.function} ${part}`);
      }
      // Frames that align themselves may go deeper at another remainder of the stack pointer than the one that was run.
      if (answer.depth !== undefined) expect(answer.depth).toBeGreaterThanOrEqual(seen.depth);
    }
    console.log([...rows, 'unknown:', ...unknown, 'residue that no run shows:', ...unseen].join('\n'));
    expect(unsound).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(60);
    expect(unknown.size / rows.length).toBeLessThanOrEqual(0.05);
    expect(unseen.length / verdicts).toBeLessThanOrEqual(0.01);
    expect(stacks).toBeGreaterThan(rows.length / 2);
    expect(registers).toBeGreaterThan(rows.length / 2);
  }, 900_000);
});

/**
 * Erasure on RISC-V: real cryptography held against what it leaves under an emulator.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSubject } from '../../../hardening/subject.ts';
import { analyzeErasure } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { Verdict } from '../../../hardening/zeroization/question.ts';
import { questionOf } from '../../support/erasure/analysis.ts';
import { subjectsOf } from '../../support/erasure/crypto.ts';
import { linkOpenssl, opensslSubjects } from '../../support/erasure/openssl.ts';
import { compilerFlags, linkSubjects, observe, type Subject } from '../../support/erasure/oracle.ts';
import { isLong } from '../../support/long.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import type { Image } from '../../support/small-links.ts';
import { compileCached, riscv } from '../../support/toolchain.ts';
import type { Tool } from '../../support/tools.ts';

const folder = temporaryFolder('erasure-riscv64');

interface Held {
  /** Erased, and runs show residue. */
  readonly unsound: string[];
  readonly unknown: string[];
  /** Residue that no run shows. */
  readonly unseen: string[];
  readonly depths: string[];
}

/** Holds each verdict on each subject against runs. */
async function holdAll(image: Image, subjects: readonly Subject[]): Promise<Held> {
  const followed = followedImage(readSubject(readFileSync(image.path), 'cryptography'));
  const held: Held = { unsound: [], unknown: [], unseen: [], depths: [] };
  for (const subject of subjects) {
    const answer = analyzeErasure(followed, questionOf(subject));
    const seen = await observe(riscv, image, subject, { shown: 1 << 14 });
    const secret = subject.arguments.findIndex(({ kind }) => kind === 'secret');
    const parts: readonly (readonly [string, Verdict<unknown>, boolean])[] = [
      ['stack', answer.stack, seen.stack.length === 0],
      ['registers', answer.registers, seen.registers.length === 0],
      ['buffer', answer.buffers[secret]!, seen.buffers.get(secret)!.length === 0],
      ['image', answer.elsewhere['image']!, seen.memory.length === 0],
    ];
    for (const [part, verdict, isClean] of parts) {
      const what = `${subject.function} ${part}`;
      if (verdict.kind === 'unknown') held.unknown.push(`${what}: ${verdict.reason}`);
      else if (verdict.kind === 'erased' && !isClean) held.unsound.push(what);
      else if (verdict.kind === 'residue' && isClean) held.unseen.push(what);
    }
    // What registers it names are those that runs show, and no fewer.
    if (answer.registers.kind === 'residue') {
      const named = new Set(answer.registers.residue.map(({ register }) => register));
      for (const register of seen.registers)
        if (!named.has(register)) held.unsound.push(`${subject.function} ${register}`);
    }
    if (answer.depth === seen.depth) continue;
    // Code that is another one for what is not aligned may go deeper; which it is, nobody says of an argument.
    const { depth } = await observe(riscv, image, subject, { shown: 1 << 14, skew: 1 });
    if (answer.depth !== Math.max(depth, seen.depth))
      held.depths.push(`${subject.function}: ${answer.depth}, ${seen.depth} or ${depth} in runs`);
  }
  return held;
}

describe('real cryptography', () => {
  // Nothing of its result is taken for public: runs with another result each would show nothing.
  it('of an example leaves what runs show', async () => {
    const source = join(projectRoot, 'examples/echo/siphash.c');
    const object = await compileCached(riscv.cc, source, [...compilerFlags(riscv, riscv.cc), '-O2']);
    const image = await linkSubjects(riscv, [object], join(folder, 'siphash'));
    const held = await holdAll(image, subjectsOf('siphash(s16, p44, v44) 0'));
    expect(held).toEqual({ unsound: [], unknown: [], unseen: [], depths: [] });
  });

  const builds: readonly (readonly [Tool, string])[] = [
    ['riscv64-linux-gnu-gcc', '-O2'],
    ['clang', '-O2'],
    ['riscv64-linux-gnu-gcc', '-Os'],
  ];
  it.runIf(isLong).each(builds)(
    'of OpenSSL by %s %s leaves what runs show, and little is unknown',
    async (compiler, level) => {
      const image = await linkOpenssl(compiler, level, join(folder, `openssl-${compiler}${level}`));
      const { unsound, unknown, unseen, depths } = await holdAll(image, opensslSubjects);
      console.log(`${opensslSubjects.length} entry points; unknown:`, unknown, 'residue that no run shows:', unseen);
      expect(unsound).toEqual([]);
      expect(depths).toEqual([]);
      const verdicts = 4 * opensslSubjects.length;
      expect(unknown.length / verdicts).toBeLessThanOrEqual(0.05);
      expect(unseen.length / verdicts).toBeLessThanOrEqual(0.03);
    },
    900_000,
  );
});

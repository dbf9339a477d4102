/**
 * Erasure on RISC-V: known code, and real cryptography held against what it leaves under an emulator.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSubject } from '../../../hardening/subject.ts';
import { analyzeErasure } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { Verdict } from '../../../hardening/zeroization/question.ts';
import {
  analyzed,
  key,
  kinds,
  type Linked,
  linkedObjects,
  questionOf,
  residue,
} from '../../support/erasure/analysis.ts';
import { subjectsOf } from '../../support/erasure/crypto.ts';
import { linkOpenssl, opensslSubjects } from '../../support/erasure/openssl.ts';
import { compilerFlags, compileSubject, linkSubjects, observe, type Subject } from '../../support/erasure/oracle.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import type { Image } from '../../support/small-links.ts';
import { compileCached, riscv } from '../../support/toolchain.ts';
import type { Tool } from '../../support/tools.ts';

const folder = temporaryFolder('erasure-riscv64');

describe('known code', () => {
  let known: Linked;
  beforeAll(async () => {
    known = await linkedObjects(riscv, [await compileSubject(riscv, riscv.cc, 'known-riscv64.S', [])], folder, 'known');
  });

  it('leaves what the analysis says, where, by which instruction, and whether it is the secret itself', () => {
    const clean = analyzed(known, 'leaves_nothing');
    expect(kinds(clean)).toEqual({ stack: 'erased', registers: 'erased', buffer: 'residue', memory: 'erased' });
    expect(residue(clean.buffers[0]!)).toEqual([{ from: 0, length: 32, isVerbatim: true, status: 'confirmed' }]);
    const stack = analyzed(known, 'leaves_on_stack');
    expect(residue(stack.stack)).toMatchObject([{ from: -16, length: 8, isVerbatim: true }]);
    expect(stack.depth).toBe(16);
    expect(residue(analyzed(known, 'leaves_in_register').registers)).toMatchObject([{ register: 't3' }]);
    expect(residue(analyzed(known, 'leaves_in_vector').registers)).toMatchObject([{ register: 'ft7' }]);
    const kept = known.image.address('kept');
    expect(residue(analyzed(known, 'leaves_in_memory').elsewhere['image']!)).toMatchObject([
      { from: kept + 4, length: 4 },
    ]);
    expect(residue(analyzed(known, 'wipes_argument').buffers[0]!)).toMatchObject([{ from: 16, length: 8 }]);
  });

  it('may leave a copy of what is meant to be seen, and of nothing else', () => {
    expect(kinds(analyzed(known, 'spills_result'))).toMatchObject({ stack: 'erased', registers: 'erased' });
    expect(kinds(analyzed(known, 'spills_result', [key], 0))).toMatchObject({ stack: 'residue', registers: 'residue' });
    expect(analyzed(known, 'spills_output', [key, { kind: 'output', size: 8 }]).stack.kind).toBe('erased');
    const secretly = analyzed(known, 'spills_output', [key, { kind: 'public', bytes: new Uint8Array(8) }]);
    expect(secretly.stack.kind).toBe('residue');
    expect(secretly.elsewhere['1']!.kind).toBe('residue');
  });
});

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
    if (answer.depth !== seen.depth) held.depths.push(`${subject.function}: ${answer.depth}, ${seen.depth} in runs`);
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
  it.runIf(process.env['CASEMATE_LONG'] === '1').each(builds)(
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

/**
 * The oracle itself: it sees what is left and where, and nothing where nothing is. An oracle that is blind would make
 * every analysis look sound.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Argument,
  compileSubject,
  linkSubjects,
  observe,
  type Range,
  type Residue,
} from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import type { Image } from '../../support/small-links.ts';
import { riscv, type Target, x86 } from '../../support/toolchain.ts';

const key: Argument = { kind: 'secret', size: 32 };

const bytesIn = (ranges: readonly Range[]): number => ranges.reduce((sum, { start, end }) => sum + end - start, 0);
const isClean = ({ stack, registers }: Residue): boolean => stack.length === 0 && registers.length === 0;

describe.each([
  [x86, { depth: 16, register: 'r9', vector: 'ymm7', result: 'rax' }],
  [riscv, { depth: 16, register: 't3', vector: 'f7', result: 'a0' }],
] as const)('the oracle of erasure, $name', (target: Target, { depth, register, vector, result }) => {
  let image: Image;
  beforeAll(async () => {
    const objects = [
      await compileSubject(target, target.cc, `known-${target.name}.S`, []),
      await compileSubject(target, target.cc, 'wipes.c', ['-O1', '-fno-builtin', '-fno-tree-loop-distribute-patterns']),
      await compileSubject(target, target.cc, 'subjects.c', ['-O1']),
    ];
    image = await linkSubjects(target, objects, join(temporaryFolder('oracle'), 'subjects'));
  });
  const see = (name: string, args: readonly Argument[] = [key], bytes = 4, lower = 0): Promise<Residue> =>
    observe(target, image, { function: name, arguments: args, result: bytes }, { lower });

  it('sees nothing where nothing is left but the secret itself', async () => {
    const seen = await see('leaves_nothing');
    expect(isClean(seen)).toBe(true);
    expect(seen.memory).toEqual([]);
    expect(seen.buffers.get(0)).toEqual([{ start: 0, end: 32 }]);
    expect(seen.depth).toBe(0);
  });

  it('sees the bytes of dead stack that hold a secret, and how deep the stack went', async () => {
    const { stack, depth: reached, registers } = await see('leaves_on_stack');
    expect(stack).toEqual([{ start: -16, end: -8 }]);
    expect(reached).toBe(depth);
    expect(registers).toEqual([]);
  });

  it('sees one bit of a secret in a register, and one byte in a vector', async () => {
    expect((await see('leaves_in_register')).registers).toEqual([register]);
    expect((await see('leaves_in_vector')).registers).toEqual([vector]);
  });

  it('sees a secret in memory of the program, at its address', async () => {
    const at = image.address('kept');
    expect((await see('leaves_in_memory')).memory).toEqual([{ start: at + 4, end: at + 8 }]);
  });

  it('takes what a public result determines for public, and nothing else', async () => {
    expect(isClean(await see('spills_result'))).toBe(true);
    const secretly = await see('spills_result', [key], 0);
    expect([secretly.stack, secretly.registers]).toEqual([[{ start: -8, end: -7 }], [result]]);
  });

  it('takes a copy of a public output for public, and nothing else', async () => {
    expect((await see('spills_output', [key, { kind: 'output', size: 8 }])).stack).toEqual([]);
    const secretly = await see('spills_output', [key, { kind: 'public', bytes: new Uint8Array(8) }]);
    expect(secretly.stack).toEqual([{ start: -8, end: 0 }]);
    expect(secretly.buffers.get(1)).toEqual([{ start: 0, end: 8 }]);
  });

  it('sees a wipe that leaves out a part', async () => {
    expect((await see('wipes_argument')).buffers.get(0)).toEqual([{ start: 16, end: 24 }]);
  });

  it('sees the same of every run and at every place of the stack', async () => {
    for (const lower of [0, 16, 32, 48]) {
      const seen = await see('leaves_on_stack', [key], 4, lower);
      expect(seen.stack).toEqual([{ start: -16, end: -8 }]);
      expect(await see('leaves_on_stack', [key], 4, lower)).toEqual(seen);
    }
  });

  it('tells a scrubber from the same one with its wipe removed', async () => {
    const [wiped, removed] = [await see('argument_volatile_bytes'), await see('argument_nothing')];
    expect(bytesIn(wiped.buffers.get(0)!)).toBe(0);
    expect(bytesIn(removed.buffers.get(0)!)).toBe(32);
    const [local, left] = [await see('local_volatile_bytes'), await see('local_nothing')];
    expect(bytesIn(left.stack)).toBeGreaterThanOrEqual(bytesIn(local.stack) + 32);
  });

  it('says so when a function writes below what is looked at', async () => {
    const deep = observe(target, image, { function: 'local_burn_stack', arguments: [key], result: 4 }, { shown: 64 });
    await expect(deep).rejects.toThrow('local_burn_stack: uses more stack than the 64 bytes');
  });

  it('says so when a function dies', async () => {
    await expect(see('dies')).rejects.toThrow(/dies: died with status \d+/);
  });
});

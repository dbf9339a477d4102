/** Code of which is known what it leaves, and what the analysis says of it, on each machine. */
import { beforeAll, describe, expect, it } from 'vitest';
import { analyzed, key, kinds, type Linked, linkedObjects, residue } from '../../support/erasure/analysis.ts';
import { compileSubject } from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv, x86 } from '../../support/toolchain.ts';

const folder = temporaryFolder('known');

describe.each([
  [x86, 'known-x86-64.S', 'r9', 'ymm7'],
  [riscv, 'known-riscv64.S', 't3', 'ft7'],
] as const)('known code for $name', (target, file, general, vector) => {
  let known: Linked;
  beforeAll(async () => {
    const object = await compileSubject(target, target.cc, file, []);
    known = await linkedObjects(target, [object], folder, `known-${target.name}`);
  });

  it('leaves what the analysis says, where, by which instruction, and whether it is the secret itself', () => {
    const clean = analyzed(known, 'leaves_nothing');
    expect(kinds(clean)).toEqual({ stack: 'erased', registers: 'erased', buffer: 'residue', memory: 'erased' });
    expect(residue(clean.buffers[0]!)).toEqual([{ from: 0, length: 32, isVerbatim: true, status: 'confirmed' }]);
    const stack = analyzed(known, 'leaves_on_stack');
    expect(residue(stack.stack)).toMatchObject([{ from: -16, length: 8, isVerbatim: true }]);
    expect(stack.depth).toBe(16);
    expect(residue(analyzed(known, 'leaves_in_register').registers)).toMatchObject([{ register: general }]);
    expect(residue(analyzed(known, 'leaves_in_vector').registers)).toMatchObject([{ register: vector }]);
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

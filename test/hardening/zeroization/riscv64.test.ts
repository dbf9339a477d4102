/**
 * Erasure on RISC-V: held against what functions really leave under an emulator, and code of which it would be wrong to
 * say that the secret is gone.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { analyzed, key, kinds, type Linked, linkedObjects, residue } from '../../support/erasure/analysis.ts';
import { compileSubject } from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv } from '../../support/toolchain.ts';

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

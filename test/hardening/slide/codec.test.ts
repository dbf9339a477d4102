/**
 * The side section: nothing is lost in it, and nothing that it could claim is believed.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { applyLayout } from '../../../hardening/slide/apply.ts';
import { decodePlacement, decodeSlideInfo } from '../../../hardening/slide/decode.ts';
import { encodePlacement, encodeSlideInfo } from '../../../hardening/slide/encode.ts';
import { fieldWidths, type SlideInfo } from '../../../hardening/slide/slide-info.ts';
import type { ElfFile } from '../../../linker/elf-file.ts';
import { x86 } from '../../support/programs.ts';
import { createRandom } from '../../support/random.ts';
import { exitProgram, project } from '../../support/small-links.ts';
import { randomLayout } from './random-layout.ts';
import { linkedProgram } from './slid-programs.ts';

async function smallProgram(): Promise<{ file: ElfFile; info: SlideInfo }> {
  const functions = Array.from(
    { length: 30 },
    (_, i) =>
      `.section .text.f${i},"ax",@progbits\n.p2align ${i % 6}\nf${i}: lea data+${i}(%rip), %rax\n call f${(i * 7) % 30}\n ret`,
  );
  const data = `.data\ndata: ${functions.map((_, i) => `.quad f${i}, data\n.long f${i} - .`).join('\n')}\n`;
  const { path } = await project(x86, { 'a.s': `${exitProgram(x86, 'call f3')}\n${functions.join('\n')}\n${data}` });
  return linkedProgram([path('a.o')]);
}

describe('the side section', () => {
  it('holds any information that is consistent, at few bytes for each field', async () => {
    const { file, info } = await smallProgram();
    const choice = fc.array(fc.boolean(), { minLength: 100, maxLength: 100 });
    fc.assert(
      fc.property(choice, (keep) => {
        let n = 0;
        const groups = info.groups.map((group) => {
          const kept = [...group.offsets.keys()].filter(() => keep[n++ % keep.length]);
          const offsets = Uint32Array.from(kept, (i) => group.offsets[i]!);
          const { target } = group;
          return target.kind === 'units'
            ? { ...group, offsets, target: { ...target, units: Uint32Array.from(kept, (i) => target.units[i]!) } }
            : { ...group, offsets };
        });
        const less = { ...info, groups };
        expect(decodeSlideInfo(encodeSlideInfo(less, file), file, 'image')).toEqual(less);
      }),
      { seed: 7, numRuns: 50 },
    );
    const fields = info.groups.reduce((sum, { offsets }) => sum + offsets.length, 0);
    expect(fields).toBeGreaterThan(100);
    const units = 4 * info.units.offset.length;
    expect(encodeSlideInfo(info, file).length).toBeLessThan(4 * fields + units);
  });

  it('is refused for an image whose code is another', async () => {
    const { file, info } = await smallProgram();
    const bytes = encodeSlideInfo(info, file);
    const code = file.sections.findIndex(({ name }) => name === '.text');
    const data = file.sections[code]!.data.slice();
    data[0]! ^= 1;
    const other = { ...file, sections: file.sections.map((each, i) => (i === code ? { ...each, data } : each)) };
    expect(() => decodeSlideInfo(bytes, other, 'image')).toThrow(
      /describes an image of hash [0-9a-f]{32}, but this one/,
    );
  });

  it('stays true when all segments move and others are added', async () => {
    const { file, info } = await smallProgram();
    const bytes = encodeSlideInfo(info, file);
    const stub = { ...file.segments[0]!, address: 0x100000n, loadAddress: 0x100000n, memorySize: 77, fileSize: 77 };
    const segments = [stub, ...file.segments].map((each) => ({ ...each, address: each.address + 0x5000n }));
    const read = decodeSlideInfo(bytes, { ...file, segments }, 'image');
    expect(read.groups).toEqual(info.groups);
    expect(read.segments.map(({ index, address }) => [index, address])).toEqual(
      info.segments.map(({ index, address }) => [index + 1, address + 0x5000]),
    );
  });

  it('never crashes a reader, and what is believed can be applied, however it is changed', async () => {
    const { file, info } = await smallProgram();
    const bytes = encodeSlideInfo(info, file);
    const outcomes = { refused: 0, applied: 0, misfit: 0 };
    for (let i = 0; i < 4000; i++) {
      const random = createRandom(11, i);
      let mutant = bytes.slice();
      for (let n = 1 + random.below(3); n > 0; n--) {
        const at = 24 + random.below(mutant.length - 24);
        if (random.oneIn(12)) mutant = mutant.slice(0, at);
        else mutant[at] = random.oneIn(3) ? random.pick([0, 0x7f, 0x80, 0xff]) : random.below(256);
        if (mutant.length <= 24) break;
      }
      let read: SlideInfo;
      try {
        read = decodeSlideInfo(mutant, file, 'image');
      } catch (error) {
        if (!(error instanceof CasemateError)) throw error;
        outcomes.refused++;
        continue;
      }
      for (const { offsets, segment, encoding } of read.groups) {
        for (const at of offsets)
          expect(at + fieldWidths[encoding]).toBeLessThanOrEqual(read.segments[segment]!.fileSize);
      }
      try {
        applyLayout(file, read, randomLayout(read, random));
        outcomes.applied++;
      } catch (error) {
        if (!(error instanceof CasemateError)) throw error;
        outcomes.misfit++;
      }
    }
    expect(outcomes.refused).toBeGreaterThan(2000);
    expect(outcomes.applied).toBeGreaterThan(10);
  });

  it('places units of a slid image, and refuses to slide that again', async () => {
    const { file, info } = await smallProgram();
    const { unitOffset, textSize } = randomLayout(info, createRandom(3, 0));
    const hash = Uint8Array.from({ length: 16 }, (_, i) => i);
    const bytes = encodePlacement({ textSize, unitOffset, hash });
    expect(decodePlacement(bytes, unitOffset.length, 'image')).toEqual({ textSize, unitOffset, hash });
    expect(() => decodePlacement(bytes, unitOffset.length + 1, 'image')).toThrow(/places \d+ units, but the image has/);
    expect(() => decodeSlideInfo(bytes, file, 'image')).toThrow(/was slid already/);
  });
});

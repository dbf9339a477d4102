/**
 * `checkSlide` accepts what was slid, and nothing that differs from it in one byte that matters.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { applyLayout } from '../../../hardening/slide/apply.ts';
import { withSlideSection } from '../../../hardening/slide/attach.ts';
import { fileBytes, finishedBytes } from '../../../hardening/slide/file-bytes.ts';
import { createSlideArena } from '../../../hardening/slide/kernels/kernels.ts';
import { identityLayout, type SlideInfo } from '../../../hardening/slide/slide-info.ts';
import { readSlideInfo } from '../../../hardening/slide/slide-section.ts';
import { checkSlide } from '../../../hardening/slide/verify.ts';
import { u8 } from '../../../linker/arena.ts';
import { type ElfFile, readElfFile } from '../../../linker/elf-file.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { isLong } from '../../support/long.ts';
import { cRuntime, cxx, x86 } from '../../support/programs.ts';
import { createRandom } from '../../support/random.ts';
import { inTurns } from '../../support/turns.ts';
import { randomLayout } from './random-layout.ts';
import { linkerArguments, linkImage, sameBytes } from './slid-programs.ts';

interface Slidable {
  readonly bytes: Uint8Array;
  readonly file: ElfFile;
  readonly info: SlideInfo;
}

async function linkSlidable(program: typeof cxx): Promise<Slidable> {
  const { driver, objects, libraries } = await program.inputs(x86, 'static');
  const args = await linkerArguments(driver, ['-static', '-no-pie', ...objects, ...libraries]);
  const bytes = withSlideSection(linkImage(args), 'base');
  const file = readElfFile(bytes, 'base');
  return { bytes, file, info: readSlideInfo(file, 'base')! };
}

describe.each([cRuntime, cxx])('a slide of $name', (program) => {
  // The small program shows every place, the large one that places are found there too.
  const stride = isLong || program === cRuntime ? 1 : 5;
  let base: Slidable;
  beforeAll(async () => {
    base = await linkSlidable(program);
  });

  it('is accepted, and says where everything is', () => {
    const { file, info } = base;
    for (const layout of [
      identityLayout(info),
      randomLayout(info, createRandom(1, 1)),
      randomLayout(info, createRandom(1, 2)),
    ]) {
      const slid = readElfFile(writeElfFile(applyLayout(file, info, layout)), 'slid');
      const { segmentAddress, placement } = checkSlide(file, slid, info);
      expect(segmentAddress).toEqual(layout.segmentAddress);
      expect(placement.unitOffset).toEqual(layout.unitOffset);
    }
  });

  it('is the same when made in the memory of its base', () => {
    const { bytes, file, info } = base;
    const layout = randomLayout(info, createRandom(2, 1));
    const expected = writeElfFile(applyLayout(file, info, layout));
    const arena = createSlideArena();
    const memory = u8(arena, bytes.length + 0x400000);
    memory.set(bytes);
    const inMemory = readElfFile(memory.subarray(0, bytes.length), 'base');
    const slid = applyLayout(inMemory, info, layout, 'image', { arena, room: (size) => memory.subarray(0, size) });
    expect(fileBytes(slid).buffer).toBe(memory.buffer);
    expect(sameBytes(finishedBytes(slid), expected)).toBe(true);
  });

  it('is refused with the first difference when a byte of it is another', async () => {
    const { file, info } = base;
    const slid = writeElfFile(applyLayout(file, info, randomLayout(info, createRandom(4, 4))));
    const read = readElfFile(slid, 'slid');
    // Each byte of the contents of sections: of the slide section, padding aside.
    const ranges = read.sections.filter(({ data }) => data.length > 0);
    const random = createRandom(5, 5);
    let refused = 0;
    await inTurns(150 / stride, () => {
      const { offset, data, name } = random.pick(ranges);
      const at = offset + random.below(data.length);
      const changed = slid.slice();
      changed[at]! ^= 1 << random.below(8);
      let message = '';
      try {
        checkSlide(file, readElfFile(changed, 'slid'), info);
      } catch (error) {
        if (!(error instanceof CasemateError)) throw error;
        message = error.message;
      }
      expect({ name, at, message }).not.toEqual({ name, at, message: '' });
      refused++;
    });
    expect(refused).toBe(150 / stride);
  });

  it('is refused when a header, a gap, or what nothing describes is another', async () => {
    const { file, info } = base;
    const slid = writeElfFile(applyLayout(file, info, randomLayout(info, createRandom(6, 6))));
    const read = readElfFile(slid, 'slid');
    const complaint = (bytes: Uint8Array): string => {
      try {
        checkSlide(file, readElfFile(bytes, 'slid'), info);
      } catch (error) {
        if (!(error instanceof CasemateError)) throw error;
        return error.message;
      }
      return '';
    };
    const places: number[] = [];
    // Steps have no divisor in common with the sizes of headers: each field of some header is among them.
    const add = (from: number, size: number, step = 3): void => {
      for (let at = from; at < from + size; at += step) places.push(at);
    };
    add(0, 64, 1);
    add(read.header.programHeadersOffset, 56 * read.segments.length);
    add(read.header.sectionHeadersOffset, 64 * read.sections.length, 13);
    const side = read.sections.findIndex(({ name }) => name === '.casemate.slide');
    add(read.header.sectionHeadersOffset + 64 * side, 64, 1);
    const frames = read.sections.find(({ name }) => name === '.eh_frame_hdr');
    if (frames) add(frames.offset, 12, 1);
    for (const { offset, data } of read.rest) add(offset, Math.min(data.length, 9));
    const text = read.segments.find(({ flags, type }) => type === 1 && (flags & 1) !== 0)!;
    const traps: number[] = [];
    for (let at = text.offset; at < text.offset + text.fileSize; at++) if (slid[at] === 0xcc) traps.push(at);
    await inTurns(Math.ceil(places.length / stride), (i) => {
      const at = places[stride * i]!;
      const changed = slid.slice();
      changed[at]! ^= 1 << (at & 7);
      const message = complaint(changed);
      expect({ at, message }).not.toEqual({ at, message: '' });
    });
    for (let i = 0; i < traps.length; i += Math.ceil(traps.length / 20)) {
      const changed = slid.slice();
      changed[traps[i]!] = 0;
      expect(complaint(changed)).not.toBe('');
    }
    const longer = new Uint8Array(slid.length + 1);
    longer.set(slid);
    longer[slid.length] = 1;
    expect(complaint(longer)).not.toBe('');
  });
});

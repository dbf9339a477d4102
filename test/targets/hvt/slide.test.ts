/**
 * casemate slide on hardened images: what it refuses, that its check finds every change, and what a layout is worth.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createSlideArena } from '../../../hardening/slide/kernels/kernels.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { checkHvtSlide } from '../../../targets/hvt/check-slide.ts';
import { defaultHardening, hardenImage } from '../../../targets/hvt/harden.ts';
import {
  readSlidable,
  type SlideOptions,
  slideEntropy,
  slideImage,
  slideInPieces,
} from '../../../targets/hvt/slide.ts';
import { imageRoom } from '../../../targets/hvt/slide-room.ts';
import { buildTestGuest } from './emulator-guest.ts';
import { buildExample } from './guest.ts';

const MiB = 2 ** 20;
const options = (memory = 64, seed = 'a seed'): SlideOptions => ({
  memory: memory * MiB,
  heapMin: (memory * MiB) / 2,
  seed: Buffer.from(seed),
});

let hardened: Uint8Array;
let stock: Uint8Array;
let foreign: Uint8Array;
beforeAll(async () => {
  const path = await buildExample('echo');
  stock = readFileSync(path);
  hardened = hardenImage(stock, path, defaultHardening).bytes;
  const guest = await buildTestGuest('probe');
  foreign = hardenImage(readFileSync(guest), guest, defaultHardening).bytes;
});

/** A slide; the base's bytes stay. */
function slid(base: Uint8Array, with_: SlideOptions): Uint8Array {
  return slideImage(base, 'x.hvt', with_);
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

const names = { base: 'base.hvt', slid: 'slid.hvt' };

describe('a slide', () => {
  it('is the same for the same seed, in memory of its own or its base’s, and another for another', () => {
    const once = slid(hardened, options());
    const arena = createSlideArena();
    const room = imageRoom(arena, hardened.length);
    room.set(hardened);
    const pieces = slideInPieces(room, 'x.hvt', options(), arena);
    expect(Buffer.concat(Array.from(pieces, (piece) => piece.slice())).equals(once)).toBe(true);
    expect(slid(hardened, options(64, 'another'))).not.toEqual(once);
  });

  it('holds 32 bytes of seed for the guest, which are not the seed, and the base none', () => {
    const seedOf = (bytes: Uint8Array) => readSlidable(bytes, 'x').stub.config.seed;
    expect(seedOf(hardened)).toEqual(new Uint8Array(32));
    const bytes = slid(hardened, options(64, 'this text is my seed'));
    expect(Buffer.from(bytes).includes('this text is my seed')).toBe(false);
    expect(refusal(() => seedOf(bytes))).toContain('was slid already');
  });

  it('needs a hardened image, one that can move, and one that was not slid', () => {
    expect(refusal(() => slid(stock, options()))).toBe(
      'x.hvt: is not hardened; first: casemate harden x.hvt -o HARDENED',
    );
    expect(refusal(() => slid(foreign, options()))).toBe(
      'x.hvt: cannot be slid: it was hardened where it is, since it cannot move; casemate harden says why',
    );
    expect(refusal(() => slid(slid(hardened, options()), options()))).toContain('was slid already');
  });

  it('says how much memory is missing', () => {
    expect(refusal(() => slid(hardened, options(2)))).toMatch(
      /^cannot slide the image: it needs \d+ bytes with the gaps .* but \d+ are free from 0x102000 to 0x[0-9a-f]+; give the guest more memory, or its heap less$/,
    );
  });
});

describe('the check of a slide', () => {
  it('passes slides, and tells where they went', () => {
    for (const memory of [16, 64, 512, 4096]) {
      const found = checkHvtSlide(hardened, slid(hardened, options(memory)), names);
      expect(found.segmentAddress.every((at) => at >= 0x102000 && at < memory * MiB)).toBe(true);
      expect(found.units).toBeGreaterThan(60);
    }
  });

  it('refuses any byte that was changed where something is loaded from', () => {
    const good = slid(hardened, options());
    const { segments } = readElfFile(good, 'x');
    const loads = segments.filter(({ type, fileSize }) => type === 1 && fileSize > 0);
    let seed = 12345;
    const next = (below: number): number => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % below;
    };
    for (let i = 0; i < 60; i++) {
      const { offset, fileSize } = loads[i % loads.length]!;
      const bytes = good.slice();
      let at = offset + next(fileSize);
      // The 32 bytes of seed may be anything.
      if (fileSize === 0x1000 && at - offset >= 64 && at - offset < 96) at -= 32;
      bytes[at] = bytes[at]! ^ (1 << (i % 8));
      expect(
        refusal(() => checkHvtSlide(hardened, bytes, names)),
        `byte ${at}`,
      ).not.toBe('accepted');
    }
  });

  it('accepts another seed for the guest', () => {
    const bytes = slid(hardened, options());
    const magic = Buffer.from(bytes).indexOf('casemate\u0001\0\0\0', 0, 'latin1');
    expect(magic).toBeGreaterThan(0);
    bytes.fill(7, magic + 64, magic + 96);
    checkHvtSlide(hardened, bytes, names);
  });

  it('refuses the slide of another image, the base itself, and what is not hardened', () => {
    const other = hardenImage(stock, 'x', { ...defaultHardening, stack: 1 << 19 }).bytes;
    expect(refusal(() => checkHvtSlide(hardened, slid(other, options()), names))).toMatch(/^slid\.hvt: /);
    expect(refusal(() => checkHvtSlide(hardened, hardened, names))).not.toBe('accepted');
    expect(refusal(() => checkHvtSlide(hardened, stock, names))).toBe(
      'slid.hvt: is not hardened, so no slide of base.hvt',
    );
  });
});

describe('entropy', () => {
  it('of a small image at 512 MiB is 15.9 bits for the base and 20 for one function, or more', () => {
    const { entry, units, pinned } = slideEntropy(readSlidable(hardened, 'x'), options(512), 'x');
    expect(entry.base).toBeGreaterThanOrEqual(15.9);
    expect(entry.minimum.low).toBeGreaterThanOrEqual(20);
    expect(units).toBeGreaterThanOrEqual(75);
    expect(pinned).toBe(0);
  });
});

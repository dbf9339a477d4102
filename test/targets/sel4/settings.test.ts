import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readElfFile } from '../../../linker/elf-file.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { LARGE_PAGE, MOST_HEAP } from '../../../targets/sel4/addresses.ts';
import { readSettings, SETTINGS_SECTION, withSettings } from '../../../targets/sel4/settings.ts';
import { errorOf } from '../../pipeline/support.ts';
import { buildImage, PF } from '../../support/elf-image.ts';

const base = 0x400000;
const magic = 0x31305345344c4553n;

/** 40 bytes: the magic and four words. */
function block(...words: bigint[]): Buffer {
  const bytes = Buffer.alloc(40);
  for (const [i, word] of [magic, ...words].slice(0, 5).entries()) bytes.writeBigUInt64LE(word, 8 * i);
  return bytes;
}

/** An image whose second page is this section. */
function imageWith(data: Buffer, name = SETTINGS_SECTION): Buffer {
  return buildImage({
    machine: 243,
    segments: [
      { flags: PF.X, address: base, bytes: Buffer.alloc(4096) },
      { flags: PF.R, address: base + 0x2000, bytes: data },
    ],
    sections: [{ name, type: 1, flags: 2, address: base + 0x2000, offset: 0x2000, size: data.length }],
  });
}

const fileOf = (data: Buffer, name?: string) => readElfFile(imageWith(data, name), 'root');
const messageOf = (data: Buffer, name?: string): string => {
  const { code, message } = errorOf(() => readSettings(fileOf(data, name), 'root'));
  expect(code).toBe('image');
  return message;
};
const large = BigInt(LARGE_PAGE);

describe('what a build tells start-up code', () => {
  it('is read again as it was written, from the bytes that are loaded', () => {
    const pages = (most: number) => fc.integer({ min: 1, max: most }).map((count) => BigInt(count) * large);
    fc.assert(
      fc.property(
        fc.constantFrom('execute' as const, 'read-execute' as const),
        pages(1 << 25),
        pages(MOST_HEAP / LARGE_PAGE),
        pages(1 << 25),
        (text, heap, size, devices) => {
          const settings = { text, heap, heapSize: Number(size), devices };
          const written = writeElfFile(withSettings(fileOf(block()), settings, 'root'));
          expect(readSettings(readElfFile(written, 'root'), 'root')).toEqual(settings);
          expect(Buffer.from(written.subarray(0x2000, 0x2028))).toEqual(
            block(text === 'execute' ? 0n : 2n, heap, size, devices),
          );
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });

  it.each([
    ['a section of another name', block(), '.rodata', 'has no section .sel4.settings'],
    ['a section that is cut', block().subarray(0, 39), undefined, 'has 39 bytes; must have 40'],
    ['a section with more', Buffer.concat([block(), Buffer.alloc(8)]), undefined, 'has 48 bytes; must have 40'],
    ['a section of another version', Buffer.alloc(40), undefined, 'begins with 0x0; must be 0x31305345344c4553'],
    [
      'rights that are none',
      block(3n, large, large, large),
      undefined,
      'gives code the rights 0x3; must be 0x0 or 0x2',
    ],
    ['no heap', block(0n, large, 0n, large), undefined, 'a heap of 0x0 bytes'],
    [
      'a heap of half a page',
      block(0n, large, large + 4096n, large),
      undefined,
      'must be whole large pages (0x200000)',
    ],
    ['a heap that has no room', block(0n, large, 1n << 30n, large), undefined, '0x3fe00000 at most'],
    ['a heap beyond all numbers', block(0n, large, (1n << 64n) - large, large), undefined, '0x3fe00000 at most'],
    ['a heap off its page', block(0n, 4096n, large, large), undefined, 'heap at 0x1000; must begin on a large page'],
    ['devices off their page', block(0n, large, large, 1n), undefined, 'devices at 0x1; must begin on a large page'],
  ])('is refused as %s', (_, data, name, words) => {
    expect(messageOf(data, name)).toContain(words);
  });

  it('is refused for an image that has no place for it', () => {
    const settings = { text: 'execute', heap: large, heapSize: LARGE_PAGE, devices: large } as const;
    for (const file of [fileOf(block(), '.rodata'), fileOf(Buffer.alloc(40)), fileOf(block().subarray(8))])
      expect(errorOf(() => withSettings(file, settings, 'root')).code).toBe('image');
  });
});

/**
 * The loader's rules, each broken alone in an image that is otherwise right: our reader and the emulator's loader say
 * the same thing, and random damage does not set them apart.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { checkFits, memoryNeeded, readHvtImage } from '../../../targets/hvt/image.ts';
import { everyNth, isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { createRandom } from '../../support/random.ts';
import { inParallel } from '../../support/run.ts';
import { buildTestGuest, emulateFile } from './emulator-guest.ts';

let original: Buffer;
beforeAll(async () => {
  original = readFileSync(await buildTestGuest('calls', []));
});

/** Program headers of the test guest, by its linker script. */
const TEXT = 0;
const RODATA = 1;
const DATA = 2;
const ABI = 3;
const MANIFEST = 4;

const memory = 64n << 20n;

/** Offset of a program header's field. */
function field(index: number, name: 'type' | 'flags' | 'offset' | 'vaddr' | 'filesz' | 'memsz' | 'align'): number {
  const offsets = { type: 0, flags: 4, offset: 8, vaddr: 16, filesz: 32, memsz: 40, align: 48 };
  return Number(original.readBigUInt64LE(32)) + index * 56 + offsets[name];
}

type Edit = (image: Buffer) => void;

const set64 =
  (index: number, name: 'offset' | 'vaddr' | 'filesz' | 'memsz' | 'align', value: bigint): Edit =>
  (image) => {
    image.writeBigUInt64LE(value, field(index, name));
  };
const set32 =
  (index: number, name: 'type' | 'flags', value: number): Edit =>
  (image) => {
    image.writeUInt32LE(value, field(index, name));
  };
/** A 32-bit word of a note: namesz 0, descsz 4, type 8, name 12, descriptor 20. */
const setNote =
  (index: number, offset: number, value: number): Edit =>
  (image) => {
    image.writeUInt32LE(value, Number(image.readBigUInt64LE(field(index, 'offset'))) + offset);
  };
const both =
  (...edits: Edit[]): Edit =>
  (image) => {
    for (const edit of edits) edit(image);
  };

function edited(edit: Edit): Buffer {
  const image = Buffer.from(original);
  edit(image);
  return image;
}

/** Our reader's complaint, or undefined. */
function complaint(image: Uint8Array): string | undefined {
  try {
    checkFits(readHvtImage(image, 'guest.hvt'), memory, 'guest.hvt');
    return undefined;
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    expect(error.code).toBe('image');
    return error.message;
  }
}

/** The emulator's verdict: `refused ...`, `halted ...`, `killed ...`, or undefined for a guest that runs on. */
async function verdict(image: Uint8Array, timeout?: number): Promise<string | undefined> {
  const path = join(temporaryFolder('image'), 'guest.hvt');
  writeFileSync(path, image);
  const end = await emulateFile(path, image.length, timeout);
  expect(end.verdict ?? 'timeout').not.toMatch(/^broken/);
  return end.verdict;
}

const refused: [what: string, edit: Edit, words: RegExp][] = [
  ['no ELF magic', (image) => image.write('\x7fELG', 0, 'latin1'), /not an ELF file/],
  ['32-bit class', (image) => image.writeUInt8(1, 4), /1, 1, 1/],
  ['big-endian data', (image) => image.writeUInt8(2, 5), /2, 2, 1/],
  ['another version', (image) => image.writeUInt32LE(2, 20), /2, 1, 2/],
  ['a shared object', (image) => image.writeUInt16LE(3, 16), /type 3, machine 62/],
  ['another machine', (image) => image.writeUInt16LE(183, 18), /type 2, machine 183/],
  ['e_ehsize', (image) => image.writeUInt16LE(52, 52), /e_ehsize 52, e_phentsize 56/],
  ['e_phentsize', (image) => image.writeUInt16LE(64, 54), /e_ehsize 64, e_phentsize 64/],
  ['no program headers', (image) => image.writeUInt16LE(0, 56), /e_phnum is 0/],
  ['program headers beyond the end', (image) => image.writeBigUInt64LE(1n << 63n, 32), /end after the file/],
  ['more program headers than fit', (image) => image.writeUInt16LE(65535, 56), /65535 program headers .* end after/],
  ['an entry below 1 MiB', (image) => image.writeBigUInt64LE(0xfffffn, 24), /the entry is 0xfffff/],
  [
    'an entry beyond memory',
    (image) => image.writeBigUInt64LE(memory, 24),
    /the entry is 0x4000000|needs 0x4000001 bytes/,
  ],
  ['no ABI note', set32(ABI, 'type', 0), /no Solo5 ABI note/],
  ['an ABI note of another owner', setNote(ABI, 12, 0x6c6f5358), /no Solo5 ABI note/],
  ['a note name of another length', setNote(ABI, 0, 5), /no Solo5 ABI note/],
  ['a note segment too short for any note', set64(ABI, 'filesz', 11n), /program header 3: a note of 11 bytes/],
  ['a note segment too short for a Solo5 note', set64(ABI, 'filesz', 19n), /no Solo5 ABI note/],
  ['a note beyond the file', set64(ABI, 'offset', 1n << 40n), /program header 3: the note at 0x10000000000 ends after/],
  ['a descriptor longer than its segment', set64(ABI, 'filesz', 30n), /a note of 36 bytes in a segment of 30/],
  ['a descriptor without bytes', setNote(ABI, 4, 0), /descriptor .*0/],
  ['a descriptor that is huge', setNote(ABI, 4, 0xffffffff), /descriptor .*4294967295/],
  ['another target', setNote(ABI, 20, 2), /names target 2; must be 1/],
  ['another ABI version', setNote(ABI, 24, 1), /names version 1; must be 2/],
  ['no manifest', setNote(MANIFEST, 8, 1), /no Solo5 device manifest/],
  ['a manifest that is all padding', setNote(MANIFEST, 4, 4), /descriptor .*4/],
  ['another manifest version', setNote(MANIFEST, 24, 2), /manifest.*version 2/],
  ['a manifest without entries', setNote(MANIFEST, 28, 0), /manifest.* 0 entries/],
  ['a manifest with too many entries', setNote(MANIFEST, 28, 65), /manifest.* 65 entries/],
  ['a manifest of another size', setNote(MANIFEST, 28, 2), /manifest.* (116|120) bytes/],
  ['a manifest without the reserved entry', setNote(MANIFEST, 32 + 68, 1), /manifest.*entry 0 has type 0x1/],
  ['a reserved entry with a name', setNote(MANIFEST, 32, 0x41), /manifest.*entry 0/],
  ['a reserved entry that is attached', setNote(MANIFEST, 32 + 96, 1), /manifest: entry 0 is marked as attached/],
  ['a segment below 1 MiB', set64(TEXT, 'vaddr', 0xff000n), /program header 0: address 0xff000/],
  ['segments that descend', set64(RODATA, 'vaddr', 0x100000n), /program header 1: /],
  ['segments that overlap', set64(DATA, 'vaddr', 0x103000n), /program header 2: /],
  ['an alignment that is no power of two', set64(TEXT, 'align', 0x3000n), /alignment 0x3000; must be a power of two/],
  ['no alignment', set64(TEXT, 'align', 0n), /alignment 0x0; must be a power of two/],
  [
    'an alignment of less than a page',
    set64(TEXT, 'align', 0x10n),
    /program header 0: \[0x100000, 0x10[0-9a-f]+\) .*whole pages/,
  ],
  [
    'an alignment that reaches below 1 MiB',
    set64(TEXT, 'align', 0x200000n),
    /rounded down to its alignment 0x200000 is 0x0/,
  ],
  ['a segment beyond memory', set64(DATA, 'memsz', memory), /program header 2: .*memory|needs 0x/],
  ['a segment that wraps around', set64(DATA, 'memsz', (1n << 64n) - 0x1000n), /program header 2: .*memory|needs 0x/],
  ['fewer bytes in memory than in the file', set64(TEXT, 'memsz', 1n), /1 bytes in memory, fewer than its/],
  ['contents beyond the file', set64(TEXT, 'offset', 0x7fffffffffffn), /bytes at offset 0x7fffffffffff/],
  ['writable and executable', set32(TEXT, 'flags', 7), /program header 0: writable and executable/],
];

const accepted: [what: string, edit: Edit][] = [
  ['any OSABI and ABI version', (image) => image.writeUInt16LE(0x0903, 7)],
  ['no section headers', (image) => image.writeBigUInt64LE(0n, 40)],
  ['any physical addresses', (image) => image.writeBigUInt64LE(0xdeadn, field(TEXT, 'vaddr') + 8)],
  ['executable-only text', set32(TEXT, 'flags', 1)],
  [
    'an empty segment at address 0',
    both(set64(RODATA, 'filesz', 0n), set64(RODATA, 'vaddr', 0n), set64(RODATA, 'memsz', 0n)),
  ],
];

/** Rules that the emulator is asked about, too: each takes a boot. */
const asked = new Set(everyNth(refused, 2));

describe('an image is refused, by our reader and by the emulator, for', () => {
  it.each(refused.map((one) => [...one, asked.has(one)] as const))('%s', async (_, edit, words, isAsked) => {
    const image = edited(edit);
    expect(complaint(image)).toMatch(words);
    if (!isAsked) return;
    const said = await verdict(image);
    expect(said).toMatch(/^refused /);
    if (words.source.includes('program header')) expect(said).toMatch(words);
  });

  it.each([0, 1, 63, 64, 200, 343])('a file cut after %i bytes', async (size) => {
    const image = original.subarray(0, size);
    expect(complaint(image)).toMatch(/guest\.hvt: /);
    if (size > 0) expect(await verdict(image)).toMatch(/^refused /);
  });
});

describe('an image is taken with', () => {
  it.each(accepted)('%s', async (_, edit) => {
    const image = edited(edit);
    expect(complaint(image)).toBeUndefined();
    expect(await verdict(image)).toBe('halted 0');
  });
});

describe('our reader', () => {
  it('says what the loader does not see: a .bss outside of memory', async () => {
    const image = edited(both(set64(RODATA, 'filesz', 0n), set64(RODATA, 'memsz', 1n << 40n)));
    expect(complaint(image)).toMatch(/needs 0x1000010[0-9a-f]000 bytes of memory; the guest has 0x4000000/);
    expect(await verdict(image)).not.toMatch(/^refused/);
  });

  it('knows the entry, the segments, the devices and the memory that they need', async () => {
    const devices = [
      { name: 'disk', type: 'block' as const },
      { name: 'net0', type: 'net' as const },
    ];
    const image = readHvtImage(readFileSync(await buildTestGuest('calls', devices)), 'guest.hvt');
    expect(image.entry).toBe(0x100000n);
    expect(image.devices).toEqual(devices);
    const permissions = image.segments.map((s) => [s.readable, s.writable, s.executable]);
    expect(permissions).toEqual([
      [true, false, true],
      [true, false, false],
      [true, true, false],
    ]);
    const last = image.segments[2];
    const end = (last.address + last.memorySize + 0xfffn) & ~0xfffn;
    expect(memoryNeeded(image)).toBe(end);
  });

  it('escapes a file name in its messages', () => {
    expect(() => readHvtImage(new Uint8Array(0), 'a\u001b[31m\n.hvt')).toThrow(/^a\\x1b\[31m\\x0a\.hvt: 0 bytes/);
  });
});

describe('damage', () => {
  /** Bytes that decide about loading: the headers and the notes. */
  function deciding(): number[] {
    const headers = Array.from({ length: 64 + 5 * 56 }, (_, i) => i);
    const at = (index: number) => Number(original.readBigUInt64LE(field(index, 'offset')));
    const notes = Array.from({ length: 36 + 136 }, (_, i) => at(ABI) + i);
    return [...headers, ...notes];
  }

  function damaged(seed: number, places: readonly number[]): Buffer {
    const random = createRandom(20, seed);
    const image = Buffer.from(original);
    for (let i = random.below(3); i >= 0; i--) {
      const place = places[random.below(places.length)];
      image[place] = random.below(2) === 0 ? random.below(256) : image[place] ^ (1 << random.below(8));
    }
    return image;
  }

  it('never makes our reader fail otherwise than with one line', () => {
    const places = deciding();
    for (let seed = 0; seed < 20_000; seed++) {
      const said = complaint(damaged(seed, places));
      if (said !== undefined) expect(said).not.toMatch(/\n/);
    }
  });

  const count = isLong ? 1500 : 20;
  it(`does not set our reader and the emulator apart (${count} images)`, { timeout: 1_200_000 }, async () => {
    const places = deciding();
    const judge = async (seed: number): Promise<void> => {
      const image = damaged(seed, places);
      const ours = complaint(image);
      // An image that the emulator takes may say nothing; one that it should refuse is waited for.
      const isRefused = ours !== undefined && !/needs 0x/.test(ours);
      const theirs = await verdict(image, isRefused ? 30_000 : 3000);
      const refusedThere = theirs?.startsWith('refused') ?? false;
      if (refusedThere) expect(ours, `seed ${seed}: the emulator says ${theirs}`).toBeDefined();
      // What only our reader refuses: a .bss that does not fit.
      if (ours !== undefined && !refusedThere) expect(ours, `seed ${seed}`).toMatch(/needs 0x/);
    };
    // What is waited for costs nothing.
    await inParallel(
      Array.from({ length: count }, (_, i) => () => judge(i + 1)),
      4,
    );
  });
});

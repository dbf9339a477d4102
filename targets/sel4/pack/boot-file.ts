/**
 * What the boot files of all machines are made of: an image as one run of bytes, and an ELF file of pieces that a loader
 * puts at physical addresses.
 *
 * seL4's own loader does this at run time with a program of its own; here the work is done when the file is written, so
 * that all that runs before the kernel is a page of our instructions.
 */
import { alignUp } from '../../../base/arithmetic.ts';
import { fail, hex } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import type { ElfFile } from '../../../linker/elf-file.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { PAGE, pageUp } from '../../regions.ts';

export interface BootParts {
  readonly kernel: { readonly file: ElfFile; readonly bytes: Uint8Array };
  readonly root: { readonly file: ElfFile; readonly bytes: Uint8Array };
  /** How messages call the root image. */
  readonly where: string;
}

/** Room for the device tree; one that is larger is not passed on. */
export const TREE_ROOM = 0x10000;

export const GIGABYTE = 1n << 30n;

/** The least multiple of `step` that is not below the value. */
export const upTo = (value: bigint, step: bigint): bigint => ((value + step - 1n) / step) * step;

/** Bytes at an address; `memory` of them, the rest zeros. */
export interface Piece {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly memory: number;
}

/** The first address of any range, and the first after all. */
export function spanOf(ranges: readonly Pick<Piece, 'address' | 'memory'>[]): { start: bigint; end: bigint } {
  const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : 1);
  const starts = ranges.map(({ address }) => address).sort(ascending);
  const ends = ranges.map(({ address, memory }) => address + BigInt(memory)).sort(ascending);
  return { start: starts[0] ?? 0n, end: ends.at(-1) ?? 0n };
}

/** What an ELF file loads, ascending by `place`. */
function loads(file: ElfFile) {
  return file.segments.filter(({ type, memorySize }) => type === elf.PT_LOAD && memorySize > 0);
}

/** An image larger than this would not fit the memory of any machine that the kernels we know are made for. */
const MOST_IMAGE = 1 << 30;

/** The root image as the kernel wants it: all pages from its first to its last, gaps as zeros. Errors: 'image', 'limit'. */
export function flatImage(file: ElfFile, bytes: Uint8Array, where: string): Piece {
  const segments = loads(file);
  if (segments.length === 0) fail('image', `${where}: has no PT_LOAD; there is nothing to run`);
  const { start, end } = spanOf(segments.map(({ address, memorySize }) => ({ address, memory: memorySize })));
  if (start % BigInt(PAGE) !== 0n) fail('image', `${where}: begins at ${hex(start)}, which is no page's first byte`);
  if (end - start > BigInt(MOST_IMAGE))
    fail('limit', `${where}: spans ${hex(end - start)} bytes of addresses; at most ${hex(MOST_IMAGE)} are packed`);
  const larger = segments.find(({ fileSize, memorySize }) => fileSize > memorySize);
  if (larger !== undefined)
    fail(
      'image',
      `${where}: the segment at ${hex(larger.address)} has ${larger.fileSize} bytes in the file, ${larger.memorySize} in memory; there must be room for them`,
    );
  const flat = new Uint8Array(pageUp(Number(end - start)));
  for (const { address, offset, fileSize } of segments)
    flat.set(bytes.subarray(offset, offset + fileSize), Number(address - start));
  return { address: start, bytes: flat, memory: flat.length };
}

/** A kernel's own pieces, by physical address. */
export function kernelPieces(file: ElfFile, bytes: Uint8Array): Piece[] {
  return loads(file).map(({ loadAddress, offset, fileSize, memorySize }) => ({
    address: loadAddress,
    bytes: bytes.subarray(offset, offset + fileSize),
    memory: memorySize,
  }));
}

/**
 * A kernel's virtual address minus its physical one: it must be the same for all of it, and a multiple of what an entry of
 * a page table maps. Errors: 'kernel'.
 */
export function kernelOffset(file: ElfFile, step: bigint, where: string): bigint {
  const segments = loads(file);
  const [first] = segments;
  if (first === undefined) return fail('kernel', `${where}: the kernel has no PT_LOAD`);
  const offset = first.address - first.loadAddress;
  const other = segments.find(({ address, loadAddress }) => address - loadAddress !== offset) ?? first;
  if (other !== first || offset % step !== 0n || first.loadAddress % BigInt(PAGE) !== 0n)
    fail(
      'kernel',
      `${where}: the kernel's segment at ${hex(other.address)} is loaded at ${hex(other.loadAddress)}; blocks of ` +
        `${hex(step)} bytes must map all of it`,
    );
  const { entry } = file.header;
  if (!segments.some(({ address, memorySize }) => entry >= address && entry < address + BigInt(memorySize)))
    fail('kernel', `${where}: the kernel enters at ${hex(entry)}, which none of its segments holds`);
  return offset;
}

/** Fails with 'kernel' unless all of a kernel lies in a gigabyte, above `lowest` and below `highest`. */
export function checkKernelPlace(kernel: readonly Piece[], lowest: bigint, highest: bigint, where: string): void {
  const { start, end } = spanOf(kernel);
  const what = `${where}: the kernel lies at ${hex(start)} to ${hex(end)} in memory`;
  if (start / GIGABYTE !== (end - 1n) / GIGABYTE)
    fail('kernel', `${what}; all of it must be in one piece of ${hex(GIGABYTE)} bytes, which what starts it maps`);
  if (start < lowest || end > highest)
    fail('kernel', `${what}; what starts it can do so from ${hex(lowest)} to ${hex(highest)}`);
}

/** Fails with 'image' when two pieces would lie over each other. */
function checkApart(pieces: readonly Piece[], where: string): void {
  const sorted = pieces.toSorted((a, b) => (a.address < b.address ? -1 : 1));
  for (const [i, piece] of sorted.entries()) {
    const before = sorted[i - 1];
    const end = before === undefined ? 0n : before.address + BigInt(before.memory);
    if (piece.address < end)
      fail('image', `${where}: one part is at ${hex(piece.address)}, where another ends at ${hex(end)}`);
  }
}

/** An executable of pieces at physical addresses, entered at `entry`; what is in front in the list is in front in the file. */
export function bootElf(machine: number, entry: bigint, pieces: readonly Piece[], where: string): Uint8Array {
  checkApart(pieces, where);
  let offset = alignUp(elf.EHDR_SIZE + pieces.length * elf.PHDR_SIZE, PAGE);
  const placed = pieces.map((piece) => {
    const at = offset;
    offset = alignUp(offset + piece.bytes.length, PAGE);
    return { ...piece, at };
  });
  const ident = new Uint8Array(16);
  // 64 bits, little-endian, version 1.
  ident.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  return writeElfFile({
    header: {
      ident,
      type: elf.ET_EXEC,
      machine,
      version: 1,
      entry,
      programHeadersOffset: elf.EHDR_SIZE,
      sectionHeadersOffset: 0,
      flags: 0,
      programHeaderSize: elf.PHDR_SIZE,
      sectionHeaderSize: 0,
      nameTable: 0,
    },
    segments: placed.map(({ address, bytes, memory, at }) => ({
      type: elf.PT_LOAD,
      flags: elf.PF_R | elf.PF_W | elf.PF_X,
      offset: at,
      address,
      loadAddress: address,
      fileSize: bytes.length,
      memorySize: memory,
      align: PAGE,
    })),
    sections: [],
    rest: placed.map(({ at, bytes }) => ({ offset: at, data: bytes })),
    size: offset,
  });
}

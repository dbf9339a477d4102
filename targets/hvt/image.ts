/**
 * Finished hvt images, read as a tender reads them.
 *
 * Whether an image boots is decided by the tender's loader, which is stricter than the ELF specification in some things
 * and looser in others. Its rules are applied here to a file's bytes, so that a build learns before it ships, and a
 * launch before it starts a machine, what the tender would say. The same rules, in C, are in emulator/loader.c; the
 * tests hold both against each other and against a real tender's answers.
 *
 * One thing is said here that no tender says: a PT_LOAD without file contents (.bss) is skipped by the loader before
 * every check, so nobody would notice that it does not fit; `checkFits` does.
 *
 * Sources: ELF-64 object file format, version 1.5; Solo5 tenders, ABI version 2.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { type Device, decodeManifest, MFT1 } from './manifest.ts';
import { ABI_TARGET_HVT, ABI1, HVT_ABI_VERSION, NOTE_NAME } from './notes.ts';

/** Lowest address that the loader accepts. */
export const GUEST_BASE = 0x100000n;
const page = 0x1000n;
const machineX86 = 62;
const headerSize = 64;
const programHeaderSize = 56;
const noteHeaderSize = 20;
const smallestNote = 12;
const padding = { abi: 0, manifest: 4 };
const largestDescriptor = { abi: 16, manifest: padding.manifest + 8 + 64 * 104 };

/** A PT_LOAD; addresses and sizes in bytes. */
export interface HvtSegment {
  /** Of its program header. */
  readonly index: number;
  readonly address: bigint;
  readonly offset: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
  readonly alignment: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
}

export interface HvtImage {
  readonly entry: bigint;
  /** Every PT_LOAD, in the order of the program headers, those without file contents included. */
  readonly segments: readonly HvtSegment[];
  readonly devices: readonly Device[];
}

interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
  readonly alignment: bigint;
}

function inFile(bytes: Uint8Array, offset: bigint, size: bigint): boolean {
  const length = BigInt(bytes.length);
  return offset <= length && size <= length - offset;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function must(condition: boolean, where: string, text: () => string): void {
  if (!condition) fail('image', `${where}: ${text()}`);
}

function readProgramHeaders(bytes: Uint8Array, where: string): ProgramHeader[] {
  must(bytes.length >= headerSize, where, () => `${bytes.length} bytes; an ELF header has ${headerSize}`);
  const view = viewOf(bytes);
  must(view.getUint32(0) === 0x7f454c46, where, () => 'not an ELF file');
  const ident = [bytes[4], bytes[5], view.getUint32(20, true)];
  must(ident.join() === '2,1,1', where, () => `ELF class, data and version are ${ident.join(', ')}; must be 2, 1, 1`);
  const kind = [view.getUint16(16, true), view.getUint16(18, true)];
  must(
    kind.join() === `2,${machineX86}`,
    where,
    () => `ELF type ${kind[0]}, machine ${kind[1]}; must be 2 (ET_EXEC), 62`,
  );
  const sizes = [view.getUint16(52, true), view.getUint16(54, true)];
  must(
    sizes.join() === `${headerSize},${programHeaderSize}`,
    where,
    () => `e_ehsize ${sizes[0]}, e_phentsize ${sizes[1]}; must be ${headerSize}, ${programHeaderSize}`,
  );
  const count = view.getUint16(56, true);
  must(count > 0, where, () => 'e_phnum is 0; there must be a program header');
  const table = view.getBigUint64(32, true);
  must(
    inFile(bytes, table, BigInt(count * programHeaderSize)),
    where,
    () => `${count} program headers at ${hex(table)} end after the file's ${bytes.length} bytes`,
  );
  return Array.from({ length: count }, (_, i) => {
    const at = Number(table) + i * programHeaderSize;
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: view.getBigUint64(at + 8, true),
      address: view.getBigUint64(at + 16, true),
      fileSize: view.getBigUint64(at + 32, true),
      memorySize: view.getBigUint64(at + 40, true),
      alignment: view.getBigUint64(at + 48, true),
    };
  });
}

/** Whether a PT_NOTE begins with a Solo5 note of `type`: only the first note of each counts. */
function beginsWithNote(bytes: Uint8Array, header: ProgramHeader, type: number, where: string): boolean {
  const ptNote = 4;
  if (header.type !== ptNote) return false;
  must(
    header.fileSize >= smallestNote,
    where,
    () => `a note of ${header.fileSize} bytes; the smallest has ${smallestNote}`,
  );
  if (header.fileSize < noteHeaderSize) return false;
  must(
    inFile(bytes, header.offset, BigInt(noteHeaderSize)),
    where,
    () => `the note at ${hex(header.offset)} ends after the file's ${bytes.length} bytes`,
  );
  const at = Number(header.offset);
  const view = viewOf(bytes);
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + at + 12, 6).toString('latin1');
  return view.getUint32(at, true) === 6 && name === `${NOTE_NAME}\0` && view.getUint32(at + 8, true) === type;
}

/** Descriptor of the first Solo5 note of `type`, padding included; undefined when there is none. */
function findNote(
  bytes: Uint8Array,
  headers: readonly ProgramHeader[],
  type: number,
  kind: 'abi' | 'manifest',
  file: string,
): Uint8Array | undefined {
  for (const [i, header] of headers.entries()) {
    const where = `${file}: program header ${i}`;
    if (!beginsWithNote(bytes, header, type, where)) continue;
    const size = viewOf(bytes).getUint32(Number(header.offset) + 4, true);
    const smallest = padding[kind] + 1;
    const largest = largestDescriptor[kind];
    must(
      size >= smallest && size <= largest,
      where,
      () => `the note's descriptor has ${size} bytes; must be ${smallest} to ${largest}`,
    );
    const end = BigInt(noteHeaderSize + size);
    must(header.fileSize >= end, where, () => `a note of ${end} bytes in a segment of ${header.fileSize}`);
    must(
      inFile(bytes, header.offset, end),
      where,
      () => `the note at ${hex(header.offset)} ends after the file's ${bytes.length} bytes`,
    );
    const start = Number(header.offset) + noteHeaderSize;
    return bytes.subarray(start, start + size);
  }
  return undefined;
}

function checkAbi(bytes: Uint8Array, headers: readonly ProgramHeader[], file: string): void {
  const note = findNote(bytes, headers, ABI1, 'abi', file);
  if (note === undefined) fail('image', `${file}: no Solo5 ABI note (ABI1): not a Solo5 image`);
  const words = new Uint8Array(8);
  words.set(note.subarray(0, 8));
  const [target, version] = [viewOf(words).getUint32(0, true), viewOf(words).getUint32(4, true)];
  must(target === ABI_TARGET_HVT, file, () => `the ABI note names target ${target}; must be ${ABI_TARGET_HVT} (hvt)`);
  must(version === HVT_ABI_VERSION, file, () => `the ABI note names version ${version}; must be ${HVT_ABI_VERSION}`);
}

/** What the loader asks of the manifest's reserved entry beyond its type and empty name. */
function checkReservedEntry(descriptor: Uint8Array, file: string): void {
  const entry = descriptor.subarray(padding.manifest + 8);
  must(entry[67] === 0, file, () => 'device manifest: the name of entry 0 has no end');
  must(entry[96] === 0, file, () => 'device manifest: entry 0 is marked as attached');
}

/** The next multiple of a power of two. */
function alignUp(value: bigint, alignment: bigint): bigint {
  return (value + alignment - 1n) & -alignment;
}

/** Checks one PT_LOAD with file contents; returns the end of its pages. */
function checkSegment(
  segment: HvtSegment,
  before: { address: bigint; end: bigint },
  fileSize: bigint,
  file: string,
): bigint {
  const where = `${file}: program header ${segment.index}`;
  const { address, alignment } = segment;
  must(address >= GUEST_BASE, where, () => `address ${hex(address)}; must be ${hex(GUEST_BASE)} or above`);
  must(
    address >= before.address,
    where,
    () => `address ${hex(address)} after ${hex(before.address)}; PT_LOADs must ascend`,
  );
  const powerOfTwo = alignment > 0n && (alignment & (alignment - 1n)) === 0n;
  must(powerOfTwo, where, () => `alignment ${hex(alignment)}; must be a power of two`);
  const start = address & -alignment;
  must(
    start >= GUEST_BASE,
    where,
    () =>
      `address ${hex(address)} rounded down to its alignment ${hex(alignment)} is ${hex(start)}; must be ${hex(GUEST_BASE)} or above`,
  );
  must(
    start >= before.end,
    where,
    () => `starts at ${hex(start)} (rounded to its alignment); the one before ends at ${hex(before.end)}`,
  );
  must(
    segment.memorySize >= segment.fileSize,
    where,
    () => `${segment.memorySize} bytes in memory, fewer than its ${segment.fileSize} in the file`,
  );
  const end = alignUp(address + segment.memorySize, alignment);
  must(
    start % page === 0n && end % page === 0n,
    where,
    () => `[${hex(start)}, ${hex(end)}) after rounding to alignment ${hex(alignment)}; must be whole pages`,
  );
  must(
    segment.offset <= fileSize && segment.fileSize <= fileSize - segment.offset,
    where,
    () => `${segment.fileSize} bytes at offset ${hex(segment.offset)}; the file has ${fileSize}`,
  );
  must(!(segment.writable && segment.executable), where, () => 'writable and executable');
  return end;
}

function loadSegments(headers: readonly ProgramHeader[]): HvtSegment[] {
  return headers.flatMap((header, index) => {
    if (header.type !== 1) return [];
    const { address, offset, fileSize, memorySize, alignment, flags } = header;
    const permissions = { readable: (flags & 4) !== 0, writable: (flags & 2) !== 0, executable: (flags & 1) !== 0 };
    return [{ index, address, offset, fileSize, memorySize, alignment, ...permissions }];
  });
}

/**
 * Reads an image and applies the loader's rules that do not depend on the guest's memory size (`checkFits` has the
 * others). `file` names it in messages. Throws an 'image' error.
 */
export function readHvtImage(bytes: Uint8Array, file: string): HvtImage {
  const name = printable(file);
  const headers = readProgramHeaders(bytes, name);
  checkAbi(bytes, headers, name);
  const manifest = findNote(bytes, headers, MFT1, 'manifest', name);
  if (manifest === undefined) return fail('image', `${name}: no Solo5 device manifest (MFT1 note)`);
  const devices = decodeManifest(manifest, `${name}: device manifest`);
  checkReservedEntry(manifest, name);

  const entry = viewOf(bytes).getBigUint64(24, true);
  must(entry >= GUEST_BASE, name, () => `the entry is ${hex(entry)}; must be ${hex(GUEST_BASE)} or above`);
  const segments = loadSegments(headers);
  let before = { address: 0n, end: 0n };
  for (const segment of segments) {
    if (segment.fileSize === 0n) continue;
    const end = checkSegment(segment, before, BigInt(bytes.length), name);
    before = { address: segment.address, end };
  }
  return { entry, segments, devices };
}

/** The smallest guest memory, in bytes, that holds every segment and the entry. */
export function memoryNeeded(image: HvtImage): bigint {
  const ends = image.segments
    .filter(({ memorySize }) => memorySize > 0n)
    .map(({ address, memorySize, fileSize, alignment }) =>
      fileSize > 0n ? alignUp(address + memorySize, alignment) : address + memorySize,
    );
  let needed = image.entry + 1n;
  for (const end of ends) {
    if (end > needed) needed = end;
  }
  return needed;
}

/** Fails when the image does not fit into `memory` bytes of guest memory. */
export function checkFits(image: HvtImage, memory: bigint, file: string): void {
  const needed = memoryNeeded(image);
  if (needed > memory)
    fail('image', `${printable(file)}: needs ${hex(needed)} bytes of memory; the guest has ${hex(memory)}`);
}

/**
 * Images for bare RISC-V: what a finished one must be, and what a launch wants to know of it.
 *
 * An image is a static PIE linked at 0 that whoever loads it enters at its lowest address. Its devices are in the same
 * note as an hvt image's. What breaks these rules would not fail at build time but at boot, without a word.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { readNoteSegments } from '../../hardening/notes.ts';
import * as elf from '../../linker/elf.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { type Device, decodeManifest, MFT1 } from '../hvt/manifest.ts';
import { NOTE_NAME } from '../hvt/notes.ts';
import { STUB_SIZE } from './stage0/config.ts';
import { findStub } from './stage0/stub.ts';

export interface RiscvImage {
  readonly file: ElfFile;
  readonly devices: readonly Device[];
  /** Bytes of memory from the image's first to its last, .bss included. */
  readonly memorySize: bigint;
}

const page = 0x1000n;

/**
 * Where QEMU's -kernel puts an image: an ELF file must say. Any address of RAM after the firmware would do; nothing in an
 * image depends on it.
 */
export const LOAD_ADDRESS = 0x80200000n;

const relative = 3; // R_RISCV_RELATIVE
const DT_RELA = 7n;
const DT_RELASZ = 8n;

function isLoad({ type, memorySize }: ElfSegment): boolean {
  return type === elf.PT_LOAD && memorySize > 0;
}

function checkSegments(file: ElfFile, where: string): void {
  let end = 0n;
  for (const [i, segment] of file.segments.entries()) {
    if (segment.type === elf.PT_INTERP) fail('image', `${where}: asks for a program interpreter; link it statically`);
    if (!isLoad(segment)) continue;
    const what = `${where}: program header ${i}`;
    if (segment.address % page !== 0n)
      fail('image', `${what}: begins at ${hex(segment.address)}; must begin on a page of its own`);
    if (segment.address < end)
      fail('image', `${what}: begins at ${hex(segment.address)}; the one before it ends at ${hex(end)}`);
    if ((segment.flags & elf.PF_W) !== 0 && (segment.flags & elf.PF_X) !== 0)
      fail('image', `${what}: is writable and executable; no memory may be both`);
    end = segment.address + BigInt(segment.memorySize);
  }
}

/** Words of PT_DYNAMIC by tag. */
function dynamicOf(file: ElfFile, bytes: Uint8Array): Map<bigint, bigint> {
  const found = new Map<bigint, bigint>();
  const segment = file.segments.find(({ type }) => type === elf.PT_DYNAMIC);
  if (segment === undefined) return found;
  const data = Buffer.from(bytes.subarray(segment.offset, segment.offset + segment.fileSize));
  for (let at = 0; at + 16 <= data.length; at += 16) {
    const tag = data.readBigUInt64LE(at);
    if (tag === 0n) break;
    found.set(tag, data.readBigUInt64LE(at + 8));
  }
  return found;
}

/** Start-up code knows one kind of relocation. */
function checkRelocations(file: ElfFile, bytes: Uint8Array, where: string): void {
  const dynamic = dynamicOf(file, bytes);
  const address = dynamic.get(DT_RELA);
  const size = dynamic.get(DT_RELASZ) ?? 0n;
  if (address === undefined || size === 0n) return;
  const segment = file.segments.find(
    (each) => isLoad(each) && address >= each.address && address - each.address + size <= BigInt(each.fileSize),
  );
  if (segment === undefined) fail('image', `${where}: the relocations at ${hex(address)} lie in no segment`);
  const start = segment!.offset + Number(address - segment!.address);
  const data = Buffer.from(bytes.subarray(start, start + Number(size)));
  for (let at = 0; at + 24 <= data.length; at += 24) {
    const info = data.readBigUInt64LE(at + 8);
    if (info !== BigInt(relative))
      fail('image', `${where}: relocation ${at / 24} is ${hex(info)}; start-up code knows R_RISCV_RELATIVE (3) only`);
  }
}

function devicesOf(file: ElfFile, bytes: Uint8Array, where: string): Device[] {
  for (const { notes } of readNoteSegments(file, bytes)) {
    const note = notes.find(({ name, type }) => name === NOTE_NAME && type === MFT1);
    if (note !== undefined) return decodeManifest(note.descriptor, `${where}: MFT1 note`);
  }
  return [];
}

/** Whether a file is for this target: an ELF file for RISC-V. */
export function isRiscvImage(bytes: Uint8Array): boolean {
  return bytes.length > 20 && Buffer.from(bytes.subarray(0, 4)).toString('latin1') === '\x7fELF' && bytes[18] === 243;
}

/** Reads an image and checks the rules. `name` is how messages call it. Errors: 'image', and those of readElfFile. */
export function readRiscvImage(bytes: Uint8Array, name: string): RiscvImage {
  const where = printable(name);
  const file = readElfFile(bytes, name);
  const { type, machine, entry } = file.header;
  if (machine !== elf.EM_RISCV)
    fail('image', `${where}: made for machine ${machine}; must be ${elf.EM_RISCV} (RISC-V)`);
  if (type !== elf.ET_DYN)
    fail('image', `${where}: file type ${type}; must be ${elf.ET_DYN}, position-independent ("link": {"pie": true})`);
  const stub = findStub(file, bytes, where);
  // The stub's pages are entered first, and are gone when the program runs.
  const loads = file.segments.filter((segment, i) => isLoad(segment) && stub?.indices.includes(i) !== true);
  const first = loads[0];
  const start = stub === undefined ? entry : BigInt(stub.config.entry);
  if (first === undefined) return fail('image', `${where}: has no PT_LOAD; there is nothing to run`);
  if (first.address !== 0n || start !== 0n || (first.flags & elf.PF_X) === 0) {
    fail(
      'image',
      `${where}: enters at ${hex(start)}, and its first segment is at ${hex(first.address)}; both must be 0, and text: ` +
        'whoever loads an image enters it at its lowest address',
    );
  }
  checkSegments(file, where);
  checkRelocations(file, bytes, where);
  const last = loads.at(-1)!;
  return {
    file,
    devices: devicesOf(file, bytes, where),
    memorySize: last.address + BigInt(last.memorySize + (stub === undefined ? 0 : STUB_SIZE)),
  };
}

/** The image with load addresses that QEMU's -kernel can use. */
export function withLoadAddresses(bytes: Uint8Array, name: string): Uint8Array {
  const file = readElfFile(bytes, name);
  const segments = file.segments.map((segment) =>
    segment.memorySize === 0 ? segment : { ...segment, loadAddress: segment.address + LOAD_ADDRESS },
  );
  return writeElfFile({ ...file, segments });
}

/** Bytes for an image and its program: firmware takes the first 2 MiB, the device tree's place is cut off in steps of 2 MiB. */
export const roomIn = (memory: number): number => memory - (6 << 20);

/** Errors: 'image' when an image does not fit `memory` bytes beside firmware, device tree and stack. */
export function checkFitsMemory(image: RiscvImage, memory: bigint, name: string): void {
  const room = BigInt(roomIn(Number(memory)));
  if (image.memorySize > room) {
    fail(
      'image',
      `${printable(name)}: ${image.memorySize} bytes of memory; with "memory" ${memory >> 20n} there are ${room}`,
    );
  }
}

/**
 * `casemate harden` for RISC-V: a position-independent program in, one that protects itself at run time out.
 *
 * Nothing of the program changes: three pages are put in front of it, from which it is entered, and its segments say
 * where it lies when QEMU loads the file. The protections are the stub's (stage0/code.ts). A program that the stub could
 * not start safely is refused here, by name, since nobody could read the reason at start-up.
 */
import { alignUp } from '../../base/arithmetic.ts';
import { fail, hex, printable } from '../../base/errors.ts';
import { readSubject, type Subject } from '../../hardening/subject.ts';
import * as elf from '../../linker/elf.ts';
import { addSections, addSegment, roomForSegments } from '../../linker/elf-edit.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { type ExecuteOnly, type Protection, type Text, textOf } from '../protection.ts';
import { imageTop, PAGE, segmentRegions } from '../regions.ts';
import { protectionsOf } from './protections.ts';
import { readRelocations } from './relocations.ts';
import type { Mode, Requirement, Stage0Config } from './stage0/config.ts';
import { MOST_SPAN, STUB_SIZE } from './stage0/config.ts';
import {
  CODE_SECTION,
  findStub,
  HEADER_SECTION,
  LOAD_BASE,
  PROGRAM_BASE,
  stubPages,
  VENEER_SECTION,
} from './stage0/stub.ts';

export const DEFAULT_STACK = 1 << 18;

export interface HardenOptions {
  readonly require: readonly Requirement[];
  /** Largest stack, bytes, whole pages. */
  readonly stack: number;
  readonly executeOnly: ExecuteOnly;
  /** Only this paging mode; absent: the best that the machine has. */
  readonly mode?: Mode;
}

export const defaultHardening: HardenOptions = { require: [], stack: DEFAULT_STACK, executeOnly: 'auto' };

export interface Hardened {
  readonly bytes: Uint8Array;
  readonly protections: readonly Protection[];
}

function loadsOf(file: ElfFile): ElfSegment[] {
  return file.segments.filter(({ type, memorySize }) => type === elf.PT_LOAD && memorySize > 0);
}

/** Fails with 'image' for a program that cannot be put at any page of any address space. */
function checkProgram(file: ElfFile, where: string): void {
  const { type, machine } = file.header;
  if (machine !== elf.EM_RISCV) fail('image', `${where}: is for machine ${machine}; RISC-V (243) was expected`);
  if (type !== elf.ET_DYN)
    fail('image', `${where}: is of type ${type}, linked for one address; link it position independent (-static -pie)`);
  if (file.segments.some((each) => each.type === elf.PT_INTERP))
    fail('image', `${where}: asks for a program interpreter; link it statically (-static -pie)`);
  const loads = loadsOf(file);
  if (loads.length === 0) fail('image', `${where}: has no segment that is loaded`);
  for (const { address, memorySize, align } of loads) {
    if (align > PAGE)
      fail(
        'image',
        `${where}: the segment at ${hex(address)} is aligned to ${align} bytes; pages are of ${PAGE} (-z max-page-size=4096)`,
      );
    if (Number(address) + memorySize > MOST_SPAN)
      fail('image', `${where}: a segment ends at ${hex(Number(address) + memorySize)}, beyond ${hex(MOST_SPAN)}`);
  }
}

/** What text may do. Errors: 'image' when it cannot be execute-only, which is required. */
function checkedText(subject: Subject, { executeOnly, require }: HardenOptions, where: string): Text {
  const text = textOf(subject, executeOnly);
  if (text.kind !== 'execute' && require.includes('xom'))
    fail('image', `${where}: text cannot be execute-only, which is required: ${text.reason}`);
  return text;
}

/** Where the file's contents end, in memory; whole pieces of 64 bytes, as the stub clears from there. */
function contentsEnd(file: ElfFile): number {
  const ends = loadsOf(file).map(({ address, fileSize }) => Number(address) + fileSize);
  return alignUp(Math.max(0, ...ends), 64);
}

function stubSegment(offset: number, index: number): ElfSegment {
  const address = BigInt(LOAD_BASE + index * PAGE);
  const flags = index === 0 ? elf.PF_R | elf.PF_W : elf.PF_R | elf.PF_X;
  const place = { offset, address, loadAddress: address, fileSize: PAGE, memorySize: PAGE, align: PAGE };
  return { type: elf.PT_LOAD, flags, ...place };
}

/** The stub's pages as sections and segments after the program's; the program is loaded after them. */
function addStub(file: ElfFile, config: Stage0Config): ElfFile {
  const pages = stubPages(config);
  const parts = [
    { name: HEADER_SECTION, flags: elf.SHF_ALLOC | elf.SHF_WRITE },
    { name: CODE_SECTION, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR },
    { name: VENEER_SECTION, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR },
  ].map((part, i) => ({
    ...part,
    type: elf.SHT_PROGBITS,
    align: PAGE,
    address: BigInt(LOAD_BASE + i * PAGE),
    data: pages.subarray(i * PAGE, (i + 1) * PAGE),
  }));
  const moved = {
    ...file,
    segments: file.segments.map((segment) => ({ ...segment, loadAddress: segment.address + BigInt(PROGRAM_BASE) })),
  };
  const added = addSections(moved, parts);
  const last = (to: ElfFile): number => to.segments.findLastIndex(({ type }) => type === elf.PT_LOAD) + 1;
  const result = added.offsets.reduce((to, offset, i) => addSegment(to, stubSegment(offset, i), last(to)), added.file);
  return { ...result, header: { ...result.header, entry: BigInt(LOAD_BASE) } };
}

/**
 * Hardens a program; `name` names it in messages. Errors: 'image' for one that is not a static position-independent
 * RISC-V program, that breaks W^X, or that is hardened already; 'malformed-elf'; 'layout'; 'limit'.
 */
export function hardenRiscv(input: Uint8Array, name: string, options: HardenOptions = defaultHardening): Hardened {
  const where = printable(name);
  const file = readElfFile(input.slice(), name);
  if (findStub(file, input, where) !== undefined) fail('image', `${where}: is hardened already; harden the original`);
  checkProgram(file, where);
  if (roomForSegments(file) < 3)
    fail('image', `${where}: its program headers are loaded and have no room for three more; link them out of the way`);
  const subject = readSubject(input, name);
  const text = checkedText(subject, options, where);
  const config: Stage0Config = {
    require: options.require,
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    entry: Number(file.header.entry),
    span: imageTop(file),
    zeroFrom: contentsEnd(file),
    stack: options.stack,
    regions: segmentRegions(file, name, text.kind),
    ...readRelocations(file, input, where),
  };
  checkEntry(file, config, where);
  return { bytes: writeElfFile(addStub(file, config)), protections: protectionsOf({ subject, text, config }) };
}

function checkEntry(file: ElfFile, { entry, regions }: Stage0Config, where: string): void {
  for (const { flags, address } of loadsOf(file)) {
    if ((flags & elf.PF_W) !== 0 && (flags & elf.PF_X) !== 0)
      fail('image', `${where}: the segment at ${hex(address)} is writable and executable; link them apart`);
  }
  const region = regions.find(({ start, end }) => start <= entry && entry < end);
  if (region?.kind !== 'execute' && region?.kind !== 'read-execute')
    fail('image', `${where}: is entered at ${hex(entry)}, which is no code`);
}

/**
 * The flat bytes of a hardened program from its header on, for U-Boot's booti and whatever loads a Linux-style Image.
 * Errors: 'image' for a file that is not hardened.
 */
export function rawImage(bytes: Uint8Array, name: string): Uint8Array {
  const where = printable(name);
  const file = readElfFile(bytes.slice(), name);
  const stub = findStub(file, bytes, where);
  if (stub === undefined) return fail('image', `${where}: has no start-up stub; harden it first (casemate harden)`);
  const image = new Uint8Array(STUB_SIZE + stub.config.zeroFrom);
  for (const { loadAddress, offset, fileSize } of loadsOf(file)) {
    const at = Number(loadAddress) - LOAD_BASE;
    if (at < 0 || at + fileSize > image.length)
      fail('image', `${where}: loads ${fileSize} bytes at ${hex(loadAddress)}, outside of the hardened image`);
    image.set(bytes.subarray(offset, offset + fileSize), at);
  }
  return image;
}

/**
 * What the finished file says of itself, for evidence: hash, size, program headers, the devices that it asks for, the
 * functions of its symbol table, and how hard its address is to guess.
 *
 * The build writes it down and `casemate verify` makes it again of the bytes, so none of it is taken on trust. Devices are
 * read by the very reader that boots the target: what counts is what a tender would attach, whatever other notes say.
 */
import { hex, printable } from '../base/errors.ts';
import type { Address, EvidenceFunction, EvidenceImage, EvidenceSegment } from '../evidence/evidence.ts';
import { readNoteSegments } from '../hardening/notes.ts';
import * as elf from '../linker/elf.ts';
import { type ElfFile, readElfFile } from '../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../linker/elf-symbols.ts';
import { readHvtImage } from '../targets/hvt/image.ts';
import { type Device, decodeManifest, MFT1 } from '../targets/hvt/manifest.ts';
import { NOTE_NAME } from '../targets/hvt/notes.ts';
import { readRiscvImage } from '../targets/riscv64/image.ts';
import { readSeL4Image } from '../targets/sel4/image.ts';
import { addressBits } from './address-bits.ts';
import { sha256 } from './lock.ts';

/** Text that fits a field of the evidence. */
export const clipped = (text: string): string => printable(text, 4000);

export const addressText = (value: number | bigint): Address => hex(BigInt.asUintN(64, BigInt(value)));

const segmentTypes = new Map<number, EvidenceSegment['type']>([
  [elf.PT_LOAD, 'load'],
  [elf.PT_TLS, 'tls'],
  [elf.PT_NOTE, 'note'],
  [elf.PT_GNU_RELRO, 'relro'],
  [elf.PT_GNU_STACK, 'stack'],
]);

const rightsOf = (flags: number): string =>
  `${flags & elf.PF_R ? 'R' : '-'}${flags & elf.PF_W ? 'W' : '-'}${flags & elf.PF_X ? 'X' : '-'}`;

const machines = new Map<number, EvidenceImage['machine']>([
  [elf.EM_X86_64, 'x86-64'],
  [elf.EM_RISCV, 'riscv64'],
  [elf.EM_AARCH64, 'aarch64'],
]);

/** A program for no tender of ours may carry a manifest all the same; then that is what it asks for. */
function devicesOfNotes(file: ElfFile, bytes: Uint8Array, name: string): Device[] | undefined {
  const notes = readNoteSegments(file, bytes).flatMap((segment) => segment.notes);
  const note = notes.find((one) => one.name === NOTE_NAME && one.type === MFT1);
  return note && decodeManifest(note.descriptor, `${printable(name)}: MFT1 note`);
}

/** Errors: 'image' for a file that its target's reader refuses. */
function devicesOf(
  file: ElfFile,
  bytes: Uint8Array,
  name: string,
  target: EvidenceImage['target'],
): readonly Device[] | undefined {
  switch (target) {
    case 'hvt':
      return readHvtImage(bytes, name).devices;
    case 'riscv64':
      return readRiscvImage(bytes, name).devices;
    case 'sel4':
      return readSeL4Image(bytes, name).devices;
    case 'elf':
      return devicesOfNotes(file, bytes, name);
  }
}

/** Every name that the symbol table has for a function of the image; undefined without a table. */
function functionsOf(file: ElfFile, name: string): EvidenceFunction[] | undefined {
  const [table] = symbolTables(file);
  if (table === undefined) return undefined;
  return readElfSymbols(file, table, name)
    .filter(({ type, section }) => (type === elf.STT_FUNC || type === elf.STT_GNU_IFUNC) && section !== elf.SHN_UNDEF)
    .map((symbol) => ({ name: clipped(symbol.name), size: Math.min(Number(symbol.size), Number.MAX_SAFE_INTEGER) }))
    .sort((a, b) => (a.name === b.name ? a.size - b.size : a.name < b.name ? -1 : 1));
}

/** What the finished file says of itself; `name` is printable. Errors: those of the target's reader. */
export function imageRecord(bytes: Uint8Array, name: string, target: EvidenceImage['target']): EvidenceImage {
  const file = readElfFile(bytes, name);
  const { header, segments } = file;
  const devices = devicesOf(file, bytes, name, target);
  const functions = functionsOf(file, name);
  const bits = addressBits(bytes, name, target);
  return {
    ...{ name, sha256: sha256(bytes), size: bytes.length, machine: machines.get(header.machine)!, target },
    entry: addressText(header.entry),
    ...(bits !== undefined && { addressBits: bits }),
    segments: segments.map(({ type, flags, address: at, memorySize, fileSize, offset }) => ({
      ...{ type: segmentTypes.get(type) ?? 'other', rights: rightsOf(flags), address: addressText(at) },
      ...{ memorySize, fileSize, offset },
    })),
    ...(devices && { devices: devices.map(({ name: device, type }) => ({ name: device, type })) }),
    ...(functions && { functions }),
  };
}

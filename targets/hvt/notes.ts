/**
 * The notes by which a tender knows an image, as a relocatable object.
 *
 * An hvt image carries two notes: ABI1 says which interface it was built for, MFT1 which devices it wants. They are
 * made here, byte by byte, as an object file, so that any linker can put them where its layout wants notes and nobody
 * needs a compiler for them. The tender reads only the first note of each PT_NOTE, so each is a section of its own,
 * which our layout gives a segment of its own. Nothing refers to a note: the object defines a global symbol on each
 * (the names that Solo5's objects use), for `-u` with linkers that collect unreferenced sections.
 *
 * Sources: gABI chapter 4 (object files) and 5 (notes); Solo5's elf_abi.h and mft_abi.h.
 */
import { alignUp } from '../../base/arithmetic.ts';
import { type Device, encodeManifest, MFT1 } from './manifest.ts';

/** Note type: "ABI1" read as a little-endian number. */
export const ABI1 = 0x31494241;
export const NOTE_NAME = 'Solo5';

/** Solo5's numbers of its targets. */
export const ABI_TARGET_HVT = 1;
export const HVT_ABI_VERSION = 2;

/** Section names, which linker scripts for Solo5 images know. */
export const MANIFEST_SECTION = '.note.solo5.manifest';
export const ABI_SECTION = '.note.solo5.abi';

/** Symbols on the notes. */
export const MANIFEST_SYMBOL = '__solo5_mft1_note';
export const ABI_SYMBOL = '__solo5_abi1_note';

const utf8 = new TextEncoder();

/** One note: u32 namesz, descsz, type; the name and the descriptor each padded to 4 bytes. */
export function encodeNote(type: number, descriptor: Uint8Array, name = NOTE_NAME): Uint8Array {
  const nameBytes = utf8.encode(`${name}\0`);
  const descriptorAt = 12 + alignUp(nameBytes.length, 4);
  const bytes = new Uint8Array(descriptorAt + alignUp(descriptor.length, 4));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nameBytes.length, true);
  view.setUint32(4, descriptor.length, true);
  view.setUint32(8, type, true);
  bytes.set(nameBytes, 12);
  bytes.set(descriptor, descriptorAt);
  return bytes;
}

/** The ABI1 note's descriptor: u32 target, u32 version, two reserved words. */
export function encodeAbi(target: number, version: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, target, true);
  view.setUint32(4, version, true);
  return bytes;
}

interface NoteSection {
  readonly section: string;
  readonly symbol?: string;
  readonly bytes: Uint8Array;
  /** Default: true. */
  readonly isLoaded?: boolean;
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly bytes: Uint8Array;
  readonly align: number;
  readonly link?: number;
  readonly info?: number;
  readonly entsize?: number;
}

/** A string table and the offset of each string in it. */
function stringTable(names: readonly string[]): { bytes: Uint8Array; offsets: number[] } {
  const offsets: number[] = [];
  let text = '\0';
  for (const name of names) {
    offsets.push(text.length);
    text += `${name}\0`;
  }
  return { bytes: utf8.encode(text), offsets };
}

/** A symbol table: the null symbol, then one global object per entry. */
function symbolTable(symbols: readonly { name: number; section: number; size: number }[]): Uint8Array {
  const bytes = new Uint8Array(24 * (symbols.length + 1));
  const view = new DataView(bytes.buffer);
  for (const [i, symbol] of symbols.entries()) {
    const at = 24 * (i + 1);
    view.setUint32(at, symbol.name, true);
    view.setUint8(at + 4, 0x11); // STB_GLOBAL, STT_OBJECT
    view.setUint16(at + 6, symbol.section, true);
    view.setUint32(at + 16, symbol.size, true);
  }
  return bytes;
}

/** What an object's header says of its machine: e_machine and e_flags. */
export interface NotesMachine {
  readonly machine: number;
  readonly flags: number;
}

const x86: NotesMachine = { machine: 62, flags: 0 };

/** An ELF64 little-endian ET_REL file: header, contents, section headers (one per section, after a null one). */
function encodeObject(sections: readonly Section[], shstrndx: number, { machine, flags }: NotesMachine): Uint8Array {
  const names = stringTable(sections.map(({ name }) => name));
  const placed: { section: Section; offset: number }[] = [];
  let end = 64;
  for (const section of sections) {
    const offset = alignUp(end, section.align);
    placed.push({ section, offset });
    end = offset + section.bytes.length;
  }
  const headersAt = alignUp(end, 8);
  const bytes = new Uint8Array(headersAt + 64 * (sections.length + 1));
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64-bit, little-endian, version 1
  view.setUint16(16, 1, true); // ET_REL
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setUint32(40, headersAt, true);
  view.setUint32(48, flags, true);
  view.setUint16(52, 64, true); // e_ehsize
  view.setUint16(58, 64, true); // e_shentsize
  view.setUint16(60, sections.length + 1, true);
  view.setUint16(62, shstrndx, true);
  for (const [i, { section, offset }] of placed.entries()) {
    bytes.set(section.bytes, offset);
    const at = headersAt + 64 * (i + 1);
    view.setUint32(at, names.offsets[i], true);
    view.setUint32(at + 4, section.type, true);
    view.setUint32(at + 8, section.flags ?? 0, true);
    view.setUint32(at + 24, offset, true);
    view.setUint32(at + 32, section.bytes.length, true);
    view.setUint32(at + 40, section.link ?? 0, true);
    view.setUint32(at + 44, section.info ?? 0, true);
    view.setUint32(at + 48, section.align, true);
    view.setUint32(at + 56, section.entsize ?? 0, true);
  }
  return bytes;
}

/** A relocatable object with notes, each a section and, if it has a name, a global symbol of its own. */
function notesObject(notes: readonly NoteSection[], machine: NotesMachine): Uint8Array {
  const named = notes.flatMap(({ symbol, bytes }, i) =>
    symbol === undefined ? [] : [{ symbol, section: i + 1, size: bytes.length }],
  );
  const symbolNames = stringTable(named.map(({ symbol }) => symbol));
  const symbols = symbolTable(named.map(({ section, size }, i) => ({ name: symbolNames.offsets[i], section, size })));
  const alloc = 2;
  const strings = notes.length + 3;
  const shared: Section[] = [
    ...notes.map(({ section, bytes, isLoaded = true }) => ({
      name: section,
      type: 7,
      flags: isLoaded ? alloc : 0,
      bytes,
      align: 4,
    })),
    // Without it GNU ld takes the object as one that needs an executable stack.
    { name: '.note.GNU-stack', type: 1, bytes: new Uint8Array(0), align: 1 },
    { name: '.symtab', type: 2, bytes: symbols, align: 8, link: strings, info: 1, entsize: 24 },
    { name: '.strtab', type: 3, bytes: symbolNames.bytes, align: 1 },
  ];
  const names = stringTable([...shared.map(({ name }) => name), '.shstrtab']);
  const sections = [...shared, { name: '.shstrtab', type: 3, bytes: names.bytes, align: 1 }];
  return encodeObject(sections, sections.length, machine);
}

function manifestNote(devices: readonly Device[]): NoteSection {
  return { section: MANIFEST_SECTION, symbol: MANIFEST_SYMBOL, bytes: encodeNote(MFT1, encodeManifest(devices)) };
}

/** A relocatable object for x86-64 with the ABI1 and MFT1 notes of an hvt image that uses `devices`. */
export function hvtNotesObject(devices: readonly Device[]): Uint8Array {
  const abi = encodeNote(ABI1, encodeAbi(ABI_TARGET_HVT, HVT_ABI_VERSION));
  return notesObject([{ section: ABI_SECTION, symbol: ABI_SYMBOL, bytes: abi }, manifestNote(devices)], x86);
}

/** A relocatable object with one section of notes that nothing loads. */
export function unloadedNotesObject(section: string, bytes: Uint8Array, machine: NotesMachine): Uint8Array {
  return notesObject([{ section, bytes, isLoaded: false }], machine);
}

/** A relocatable object with the MFT1 note alone, for targets without a tender. */
export function manifestNoteObject(devices: readonly Device[], machine: NotesMachine): Uint8Array {
  return notesObject([manifestNote(devices)], machine);
}

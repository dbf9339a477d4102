/**
 * Makes the image's bytes from the finished layout: one buffer of the final size, filled section by section.
 *
 * Symbol tables come first, since their sizes decide the buffer's; then inputs are copied and relocated, the linker's
 * tables filled, headers written, and last of all the build id, which is a hash of everything else.
 */
import { alignUp } from '../base/arithmetic.ts';
import { printable } from '../base/errors.ts';
import { createHash } from '../base/node.ts';
import type { AddressState } from './address-state.ts';
import { type Arena, f64, u8 } from './arena.ts';
import type { EhFrames } from './eh-frame.ts';
import { writeEhFrameHeader } from './eh-frame-hdr.ts';
import * as elf from './elf.ts';
import { type EmittedRelocations, writeEmittedRelocations } from './emit-relocs.ts';
import type { LinkedImage, OutputSection, Segment } from './image.ts';
import { createOutputSection } from './output-sections.ts';
import { SymbolKind } from './program.ts';
import type { Relaxation } from './relax.ts';
import { findSymbol } from './resolve.ts';
import type { ScanResult } from './scan.ts';
import { endInFile, hasNoBits, isAlloc, keepOffsetsInFile, keptOutputs } from './segments.ts';
import { type GlobalAddresses, globalAddresses } from './symbol-addresses.ts';
import { buildSymbolTables, type SymbolTables } from './symtab.ts';
import { checkTableRoom } from './table-room.ts';
import { type TableSections, writeTables } from './tables.ts';
import type { Veneers } from './veneers.ts';
import { buildStringTable, writeHeaders } from './write-image.ts';
import {
  type AddressContext,
  fileOffsetOf,
  tlsBlock,
  type WriteContext,
  writeFills,
  writeInputs,
} from './write-sections.ts';

/** Everything that the layout decided. */
export interface LaidOut {
  readonly state: AddressState;
  readonly frames: EhFrames;
  readonly scan: ScanResult;
  readonly tables: TableSections;
  readonly relaxation: Relaxation;
  readonly veneers: Veneers;
  readonly segments: readonly Segment[];
  /** End of the loaded part in the file. */
  readonly end: number;
  /** .eh_frame_hdr; -1: none. */
  readonly header: number;
  readonly buildId: { readonly section: number; readonly size: number };
}

const ELFOSABI_GNU = 3;

/** Fills the image. Also returns the symbols' addresses, for the map. */
export function writeOutput(laidOut: LaidOut): { image: LinkedImage; globals: GlobalAddresses } {
  const { state, segments } = laidOut;
  const { options } = state;
  const kept = keptOutputs(state);
  kept.forEach((output, i) => {
    output.index = i + 1;
  });
  checkTableRoom(state, laidOut.tables, laidOut.scan, laidOut.header);
  linkTables(state);
  const addresses = createAddressContext(laidOut);
  const symbols = options.strip === 'all' ? undefined : buildSymbolTables(addresses, kept, tlsBlock(state).start);
  const loadedSize = placeUnloaded(state, laidOut.end);
  // Emitted relocations depend on the written bytes; without them everything fits one allocation.
  let tail = options.emitRelocs ? undefined : buildTail(state, kept, symbols, [], loadedSize);
  let bytes = u8(state.program.arena, tail?.size ?? loadedSize);
  const context: WriteContext = {
    ...addresses,
    file: bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
  };
  writeFills(context, kept);
  const job = writeInputs(context);
  writeTables(
    context,
    laidOut.tables,
    laidOut.scan,
    (address) => state.architecture.threadOffset(job.tables, address),
    job.tables.tlsStart,
  );
  if (laidOut.header >= 0 && fileOffsetOf(state, laidOut.header) >= 0) writeEhFrameHeader(context, laidOut.header);
  if (!tail) {
    const relocations = symbols ? writeEmittedRelocations(context, kept, symbols) : [];
    tail = buildTail(state, kept, symbols, relocations, loadedSize);
    const whole = u8(state.program.arena, tail.size);
    whole.set(bytes);
    bytes = whole;
  }
  keepOffsetsInFile(segments, bytes.length);
  for (const { section, bytes: content } of tail.chunks) bytes.set(content, section.fileOffset);
  const image: LinkedImage = {
    machine: state.program.machine,
    fileType: options.pie ? elf.ET_DYN : elf.ET_EXEC,
    entry: entryAddress(state, addresses.globals),
    flags: state.architecture.mergeFlags(state.program),
    sections: tail.sections,
    segments,
    bytes,
    program: state.program,
    context,
    tables: laidOut.tables,
  };
  writeHeaders(
    bytes,
    {
      elfMachine: state.architecture.elfMachine,
      fileType: image.fileType,
      osAbi: symbols?.gnu || laidOut.scan.got.iplt.size > 0 ? ELFOSABI_GNU : 0,
      entry: image.entry,
      flags: image.flags,
      segments,
      sections: tail.sections,
      sectionHeadersOffset: tail.headersOffset,
    },
    tail.nameOffsets,
  );
  writeBuildId(laidOut, bytes);
  return { image, globals: addresses.globals };
}

function createAddressContext(laidOut: LaidOut): AddressContext {
  const { state, frames, scan, tables, relaxation, veneers } = laidOut;
  const { program, architecture } = state;
  const iplt = {
    address: tables.iplt >= 0 ? program.sections.address[tables.iplt]! : 0,
    entrySize: architecture.ipltEntrySize,
  };
  const globals = globalAddresses(program, scan.got, iplt);
  return { state, frames, got: scan.got, gotSection: tables.got, globals, iplt, relaxation, veneers };
}

/** Sections of the inputs that are not loaded follow the loaded part. Returns their end. */
function placeUnloaded(state: AddressState, end: number): number {
  // Members of thin archives and inflated sections count as inputs too; all are in the arena.
  const inputSize = state.program.arena.used;
  let size = end;
  for (const output of keptOutputs(state)) {
    if (isAlloc(output)) continue;
    output.fileOffset = alignUp(size, output.align);
    if (!hasNoBits(output)) size = endInFile(state, output, inputSize);
  }
  return size;
}

/** Address of the entry symbol; without one the start of text, with a warning. */
function entryAddress(state: AddressState, globals: GlobalAddresses): number {
  const { options, program } = state;
  const asked = options.entry ?? options.scripts.findLast((script) => script.entry !== undefined)?.entry;
  const name = asked ?? '_start';
  if (/^[0-9]/.test(name)) return Number(name);
  const id = findSymbol(program, name);
  if (id >= 0 && program.symbols.kind[id]! >= SymbolKind.Defined) return globals.address[id]!;
  const text = state.byName.get('.text') ?? state.outputs.find((output) => (output.flags & elf.SHF_EXECINSTR) !== 0);
  const address = text?.address ?? 0;
  program.warnings.push(`cannot find entry symbol ${printable(name)}; the image starts at 0x${address.toString(16)}`);
  return address;
}

/** sh_link and sh_info of the dynamic tables. */
function linkTables(state: AddressState): void {
  const find = (name: string) => {
    const output = state.byName.get(name);
    return output && output.index !== 0 ? output : undefined;
  };
  const connect = (name: string, link: string, info = 0): void => {
    const section = find(name);
    const target = find(link);
    if (section && target) section.link = target;
    if (section) section.info = info;
  };
  connect('.dynsym', '.dynstr', 1);
  connect('.hash', '.dynsym');
  connect('.dynamic', '.dynstr');
  connect('.rela.dyn', '.dynsym');
}

/** IRELATIVE relocations of a static executable: they name no symbols, but readers expect a table to look in. */
function linkIrelative(state: AddressState, symtab: OutputSection): void {
  for (const name of ['.rela.plt', '.rela.iplt']) {
    const section = state.byName.get(name);
    if (!section || section.index === 0 || section.type !== elf.SHT_RELA || section.link) continue;
    section.link = symtab;
    const slots = state.byName.get('.igot.plt') ?? state.byName.get('.got');
    if (!slots || slots.index === 0) continue;
    section.infoSection = slots;
    section.flags |= elf.SHF_INFO_LINK;
  }
}

/** What follows the inputs' sections in the file. */
interface Tail {
  readonly chunks: readonly { readonly section: OutputSection; readonly bytes: Uint8Array }[];
  /** All sections in header order. */
  readonly sections: readonly OutputSection[];
  readonly nameOffsets: ReadonlyMap<string, number>;
  readonly headersOffset: number;
  /** Size of the whole file. */
  readonly size: number;
}

/** Emitted relocations, symbol table, string tables and room for the section headers, from `start` on. */
function buildTail(
  state: AddressState,
  kept: readonly OutputSection[],
  symbols: SymbolTables | undefined,
  relocations: readonly EmittedRelocations[],
  start: number,
): Tail {
  const sections = [...kept];
  const chunks: { section: OutputSection; bytes: Uint8Array }[] = [];
  let size = start;
  const append = (name: string, type: number, align: number, entsize: number, bytes: Uint8Array): OutputSection => {
    const section = createOutputSection(name);
    section.type = type;
    section.align = align;
    section.entsize = entsize;
    section.size = bytes.length;
    section.index = sections.push(section);
    section.fileOffset = alignUp(size, align);
    size = section.fileOffset + bytes.length;
    chunks.push({ section, bytes });
    return section;
  };
  const emitted = relocations.map(({ output, bytes }) => {
    const section = append(`.rela${output.name}`, elf.SHT_RELA, 8, elf.RELA_SIZE, bytes);
    section.infoSection = output;
    section.flags = elf.SHF_INFO_LINK;
    return section;
  });
  if (symbols) {
    const symtab = append('.symtab', elf.SHT_SYMTAB, 8, elf.SYM_SIZE, symbols.symtab);
    symtab.info = symbols.firstGlobal;
    symtab.link = append('.strtab', elf.SHT_STRTAB, 1, 0, symbols.strtab);
    for (const section of emitted) section.link = symtab;
    linkIrelative(state, symtab);
  }
  const names = buildStringTable([...sections.map((section) => section.name), '.shstrtab']);
  append('.shstrtab', elf.SHT_STRTAB, 1, 0, names.bytes);
  const headersOffset = alignUp(size, 8);
  return {
    chunks,
    sections,
    nameOffsets: names.offsets,
    headersOffset,
    size: headersOffset + (sections.length + 1) * elf.SHDR_SIZE,
  };
}

/** The id is a hash of everything else in the file, with the id itself zero. */
function writeBuildId(laidOut: LaidOut, bytes: Uint8Array): void {
  const { state, buildId } = laidOut;
  const style = state.options.buildId;
  if (buildId.section < 0 || style.kind !== 'hash') return;
  const t = state.program.sections;
  const output = state.outputs[t.output[buildId.section]!];
  if (!output || hasNoBits(output)) return;
  const at = output.fileOffset + t.outputOffset[buildId.section]! + 16;
  if (style.algorithm === 'fast') {
    bytes.set(fastHash(state.program.arena, bytes), at);
  } else {
    bytes.set(createHash(style.algorithm).update(bytes).digest(), at);
  }
}

const HASH_PIECE = 1 << 17;

/** 160 bits that tell outputs apart. */
function fastHash(arena: Arena, bytes: Uint8Array): Uint8Array {
  const { kernels } = arena;
  const { byteOffset: lanes } = f64(arena, 4);
  const id = u8(arena, 20);
  const whole = bytes.length - (bytes.length % 32);
  kernels.startHash(lanes);
  for (let at = 0; at < whole; at += HASH_PIECE) {
    kernels.addToHash(lanes, bytes.byteOffset + at, Math.min(HASH_PIECE, whole - at));
  }
  kernels.endHash(lanes, bytes.byteOffset + whole, bytes.length - whole, bytes.length, id.byteOffset);
  return id;
}

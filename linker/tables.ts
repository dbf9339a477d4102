/**
 * The tables the linker makes: GOT, IPLT with its IRELATIVE relocations, and for a PIE the relative relocations and
 * the dynamic section by which start-up code finds them.
 *
 * Sizes are fixed before layout (packed RELR grows or shrinks with it), contents after.
 * Sources: gABI chapter 5 "Dynamic Section", proposal "RELR"; psABIs for RELATIVE and IRELATIVE.
 */
import { fail } from '../base/errors.ts';
import type { AddressState } from './address-state.ts';
import type { Architecture } from './arch/architecture.ts';
import { Special } from './arch/architecture.ts';
import * as elf from './elf.ts';
import { type GotTables, objectOfKey } from './got.ts';
import { Live, objectAt, type Program, placeText, Role, SymbolKind } from './program.ts';
import { SymbolPlace, symbolSection } from './read-object.ts';
import type { LinkOptions } from './request.ts';
import { findSymbol, isDefined } from './resolve.ts';
import type { RelativePlaces, ScanResult } from './scan.ts';
import { hasNoBits } from './segments.ts';
import { type GlobalAddresses, sectionOffsetAddress } from './symbol-addresses.ts';
import { addSynthetic } from './synthetic.ts';
import { fileOffsetOf, type WriteContext } from './write-sections.ts';

/** Global indices of the synthetic sections; -1 when there is none. */
export interface TableSections {
  readonly got: number;
  readonly gotIplt: number;
  readonly iplt: number;
  /** IRELATIVE of a non-PIE executable; in a PIE they are in relaDyn. */
  readonly relaIplt: number;
  readonly relaDyn: number;
  readonly relrDyn: number;
  readonly dynamic: number;
  readonly dynsym: number;
  readonly dynstr: number;
  readonly hash: number;
}

const RO = elf.SHF_ALLOC;
const RW = elf.SHF_ALLOC | elf.SHF_WRITE;

/** Adds the tables that this program needs. */
export function addTables(
  program: Program,
  architecture: Architecture,
  options: LinkOptions,
  scan: ScanResult,
): TableSections {
  const none = -1;
  const bits = elf.SHT_PROGBITS;
  const { got } = scan;
  const needsGot =
    got.slots > architecture.gotHeaderSlots || isDefined(program, findSymbol(program, '_GLOBAL_OFFSET_TABLE_'));
  const count = got.iplt.size;
  const make = (name: string, type: number, flags: number, align: number, size: number, entsize = 0) =>
    addSynthetic(program, { name, type, flags, align, size, entsize });
  const { pie } = options;
  return {
    got: needsGot ? make('.got', bits, RW, 8, Math.max(got.slots, 1) * 8, 8) : none,
    gotIplt: count > 0 ? make('.igot.plt', bits, RW, 8, count * 8, 8) : none,
    iplt:
      count > 0
        ? make(
            '.iplt',
            bits,
            RO | elf.SHF_EXECINSTR,
            16,
            count * architecture.ipltEntrySize,
            architecture.ipltEntrySize,
          )
        : none,
    relaIplt: count > 0 && !pie ? make('.rela.iplt', elf.SHT_RELA, RO, 8, count * elf.RELA_SIZE, elf.RELA_SIZE) : none,
    relaDyn: pie ? make('.rela.dyn', elf.SHT_RELA, RO, 8, 0, elf.RELA_SIZE) : none,
    relrDyn: pie && options.packRelativeRelocs ? make('.relr.dyn', elf.SHT_RELR, RO, 8, 0, 8) : none,
    dynsym: pie ? make('.dynsym', elf.SHT_DYNSYM, RO, 8, elf.SYM_SIZE, elf.SYM_SIZE) : none,
    dynstr: pie ? make('.dynstr', elf.SHT_STRTAB, RO, 1, 1) : none,
    hash: pie ? make('.hash', elf.SHT_HASH, RO, 8, 16, 4) : none,
    dynamic: pie ? make('.dynamic', elf.SHT_DYNAMIC, RW, 8, DYNAMIC_ENTRIES * 16, 16) : none,
  };
}

/** More than the largest set of entries; the rest stays DT_NULL. */
const DYNAMIC_ENTRIES = 24;

/** Addresses of the words that need a RELATIVE relocation, ascending. */
function relativeAddresses(program: Program, places: RelativePlaces, gotWords: readonly number[]): Float64Array {
  const t = program.sections;
  const result = new Float64Array(places.count + gotWords.length);
  let n = 0;
  for (let i = 0; i < places.count; i++) {
    const s = places.section[i]!;
    if (t.live[s] !== Live.Live) continue;
    const made = places.symbol[i]!;
    if (made >= 0 && program.symbols.extra[made] === -1) continue;
    if (t.role[s] === Role.EhFrame) {
      fail(
        'relocation',
        `${placeText(program, s, places.offset[i]!)}: absolute address in .eh_frame of a PIE; recompile with -fPIE`,
      );
    }
    result[n++] = sectionOffsetAddress(program, s, places.offset[i]!);
  }
  for (const word of gotWords) result[n++] = word;
  const used = result.subarray(0, n);
  used.sort();
  return used;
}

/** GOT words that hold addresses (not offsets or absolute numbers). */
function gotAddressWords(program: Program, tables: TableSections, got: GotTables): number[] {
  if (tables.got < 0) return [];
  const base = program.sections.address[tables.got]!;
  const words: number[] = [];
  for (const [key, slot] of got.address) if (isMovable(program, key)) words.push(base + slot * 8);
  return words;
}

function isMovable(program: Program, key: number): boolean {
  if (key < 0) {
    const { object, sym } = objectOfKey(key);
    return sym !== 0 && symbolSection(objectAt(program, object), sym) >= 0;
  }
  const kind = program.symbols.kind[key]!;
  if (kind === SymbolKind.Linker) return program.symbols.extra[key] !== -1;
  return kind === SymbolKind.Defined;
}

/** Sizes .rela.dyn and .relr.dyn for the addresses of this pass; returns whether a size changed. */
export function sizeDynamicRelocations(state: AddressState, tables: TableSections, scan: ScanResult): boolean {
  if (tables.relaDyn < 0) return false;
  const { program, options } = state;
  const t = program.sections;
  const addresses = relativeAddresses(program, scan.relative, gotAddressWords(program, tables, scan.got));
  let rela = scan.got.iplt.size;
  let changed = false;
  if (options.packRelativeRelocs) {
    const packed = encodeRelr(addresses.filter((address) => address % 2 === 0));
    rela += addresses.filter((address) => address % 2 !== 0).length;
    // Shrinking could make sizes swing for ever; a spare word at the end is harmless (an empty bitmap).
    const size = Math.max(packed.length * 8, t.size[tables.relrDyn]!);
    if (size !== t.size[tables.relrDyn]) changed = true;
    t.size[tables.relrDyn] = size;
  } else {
    rela += addresses.length;
  }
  if (t.size[tables.relaDyn] !== rela * elf.RELA_SIZE) changed = true;
  t.size[tables.relaDyn] = rela * elf.RELA_SIZE;
  return changed;
}

/** RELR words for ascending even addresses: an address, then bitmaps of the 63 words that follow. */
export function encodeRelr(addresses: Float64Array): { low: number; high: number }[] {
  const words: { low: number; high: number }[] = [];
  let i = 0;
  while (i < addresses.length) {
    const start = addresses[i]!;
    words.push({ low: start >>> 0, high: elf.highWord(start) });
    i++;
    let base = start + 8;
    for (;;) {
      let low = 1;
      let high = 0;
      let any = false;
      while (i < addresses.length) {
        const delta = addresses[i]! - base;
        if (delta < 0 || delta >= 63 * 8 || delta % 8 !== 0) break;
        const bit = delta / 8 + 1;
        if (bit < 32) low |= 1 << bit;
        else high |= 1 << (bit - 32);
        any = true;
        i++;
      }
      if (!any) break;
      words.push({ low: low >>> 0, high: high >>> 0 });
      base += 63 * 8;
    }
  }
  return words;
}

// --- contents

/** Address of the symbol that a GOT key stands for, and whether it is an ifunc's resolver. */
function keyAddress(
  context: WriteContext,
  globals: GlobalAddresses,
  key: number,
): { address: number; special: number } {
  const { program } = context.state;
  if (key >= 0) return { address: globals.address[key]!, special: globals.special[key]! };
  const { object, sym } = objectOfKey(key);
  const owner = objectAt(program, object);
  const place = symbolSection(owner, sym);
  const value = elf.readSigned64(owner.view, owner.symtab + sym * elf.SYM_SIZE + 8);
  if (place === SymbolPlace.Absolute) return { address: value, special: Special.Absolute };
  if (place < 0) return { address: 0, special: Special.Undefined };
  const slot = context.got.iplt.get(key);
  if (slot !== undefined) return { address: context.iplt.address + slot * context.iplt.entrySize, special: 0 };
  return { address: sectionOffsetAddress(program, place, value), special: 0 };
}

/** Address of an ifunc's resolver itself. */
function resolverAddress(context: WriteContext, key: number): number {
  const { program } = context.state;
  if (key >= 0) {
    const { symbols } = program;
    return sectionOffsetAddress(program, symbols.section[key]!, symbols.value[key]!);
  }
  const { object, sym } = objectOfKey(key);
  const owner = objectAt(program, object);
  const value = elf.readSigned64(owner.view, owner.symtab + sym * elf.SYM_SIZE + 8);
  return sectionOffsetAddress(program, symbolSection(owner, sym), value);
}

/** Fills the GOT, the IPLT and the relocation and dynamic tables. `threadOffset` gives tpoff of an address. */
export function writeTables(
  context: WriteContext,
  tables: TableSections,
  scan: ScanResult,
  threadOffset: (address: number) => number,
  tlsStart: number,
): void {
  const { state, view, globals } = context;
  const t = state.program.sections;
  const { architecture } = state;
  // Tables without bytes in the file are those that nothing needs: see table-room.ts.
  if (hasBytes(state, tables.got)) {
    const at = fileOffsetOf(state, tables.got);
    if (tables.dynamic >= 0) elf.write64(view, at, t.address[tables.dynamic]!);
    for (const [key, slot] of context.got.address)
      elf.write64(view, at + slot * 8, keyAddress(context, globals, key).address);
    for (const [key, slot] of context.got.threadOffset) {
      const { address, special } = keyAddress(context, globals, key);
      elf.write64(view, at + slot * 8, (special & Special.Undefined) !== 0 ? 0 : threadOffset(address));
    }
    for (const [key, slot] of context.got.tlsPair) {
      // Module 1 is the executable; the offset is from the start of its block.
      elf.write64(view, at + slot * 8, 1);
      elf.write64(view, at + slot * 8 + 8, keyAddress(context, globals, key).address - tlsStart - architecture.dtpBias);
    }
  }
  const irelative: { place: number; addend: number }[] = [];
  if (tables.iplt >= 0) {
    const stub = fileOffsetOf(state, tables.iplt);
    for (const [key, slot] of context.got.iplt) {
      const place = t.address[tables.gotIplt]! + slot * 8;
      const address = t.address[tables.iplt]! + slot * architecture.ipltEntrySize;
      architecture.writeIplt(view, stub + slot * architecture.ipltEntrySize, address, place);
      irelative.push({ place, addend: resolverAddress(context, key) });
    }
  }
  if (tables.relaIplt >= 0) {
    const at = fileOffsetOf(state, tables.relaIplt);
    irelative.forEach(({ place, addend }, i) => {
      writeRela(view, at + i * elf.RELA_SIZE, place, architecture.irelativeType, addend);
    });
  }
  if (hasBytes(state, tables.relaDyn) || hasBytes(state, tables.relrDyn))
    writeDynamicRelocations(context, tables, scan, irelative);
  if (hasBytes(state, tables.dynamic)) writeDynamic(context, tables, scan);
}

function hasBytes(state: AddressState, section: number): boolean {
  return section >= 0 && fileOffsetOf(state, section) >= 0;
}

function writeRela(view: DataView, at: number, place: number, type: number, addend: number): void {
  elf.write64(view, at, place);
  view.setUint32(at + 8, type, true);
  view.setUint32(at + 12, 0, true);
  elf.write64(view, at + 16, addend);
}

/** The word stored at an address of the image: the addend of its RELATIVE relocation. */
function storedWord(context: WriteContext, address: number): number {
  const { state, view } = context;
  for (const output of state.outputs) {
    if ((output.flags & elf.SHF_ALLOC) === 0 || address < output.address || address >= output.address + output.size)
      continue;
    if (hasNoBits(output)) continue;
    return elf.readSigned64(view, output.fileOffset + (address - output.address));
  }
  return 0;
}

function writeDynamicRelocations(
  context: WriteContext,
  tables: TableSections,
  scan: ScanResult,
  irelative: readonly { place: number; addend: number }[],
): void {
  const { state, view } = context;
  const { program, architecture, options } = state;
  const addresses = relativeAddresses(program, scan.relative, gotAddressWords(program, tables, scan.got));
  let at = fileOffsetOf(state, tables.relaDyn);
  const inRela = options.packRelativeRelocs ? addresses.filter((address) => address % 2 !== 0) : addresses;
  for (const address of inRela) {
    writeRela(view, at, address, architecture.relativeType, storedWord(context, address));
    at += elf.RELA_SIZE;
  }
  for (const { place, addend } of irelative) {
    writeRela(view, at, place, architecture.irelativeType, addend);
    at += elf.RELA_SIZE;
  }
  if (!options.packRelativeRelocs || !hasBytes(state, tables.relrDyn)) return;
  const words = encodeRelr(addresses.filter((address) => address % 2 === 0));
  let relr = fileOffsetOf(state, tables.relrDyn);
  const end = relr + program.sections.size[tables.relrDyn]!;
  for (const { low, high } of words) {
    view.setUint32(relr, low, true);
    view.setUint32(relr + 4, high, true);
    relr += 8;
  }
  for (; relr < end; relr += 8) view.setUint32(relr, 1, true);
}

function writeDynamic(context: WriteContext, tables: TableSections, scan: ScanResult): void {
  const { state, view } = context;
  const t = state.program.sections;
  let at = fileOffsetOf(state, tables.dynamic);
  const entry = (tag: number, value: number): void => {
    elf.write64(view, at, tag);
    elf.write64(view, at + 8, value);
    at += 16;
  };
  const named = (name: string) => {
    const output = state.byName.get(name);
    return output && output.size > 0 ? output : undefined;
  };
  for (const [name, tag] of [
    ['.init', elf.DT_INIT],
    ['.fini', elf.DT_FINI],
  ] as const) {
    const id = findSymbol(state.program, name.replace('.', '_'));
    if (isDefined(state.program, id)) entry(tag, context.globals.address[id]!);
  }
  for (const [name, start, size] of [
    ['.preinit_array', elf.DT_PREINIT_ARRAY, elf.DT_PREINIT_ARRAYSZ],
    ['.init_array', elf.DT_INIT_ARRAY, elf.DT_INIT_ARRAYSZ],
    ['.fini_array', elf.DT_FINI_ARRAY, elf.DT_FINI_ARRAYSZ],
  ] as const) {
    const output = named(name);
    if (!output) continue;
    entry(start, output.address);
    entry(size, output.size);
  }
  if (hasBytes(state, tables.hash)) entry(elf.DT_HASH, t.address[tables.hash]!);
  if (hasBytes(state, tables.dynstr)) {
    entry(elf.DT_STRTAB, t.address[tables.dynstr]!);
    entry(elf.DT_STRSZ, t.size[tables.dynstr]!);
  }
  if (hasBytes(state, tables.dynsym)) {
    entry(elf.DT_SYMTAB, t.address[tables.dynsym]!);
    entry(elf.DT_SYMENT, elf.SYM_SIZE);
  }
  entry(elf.DT_DEBUG, 0);
  if (t.size[tables.relaDyn]! > 0) {
    entry(elf.DT_RELA, t.address[tables.relaDyn]!);
    entry(elf.DT_RELASZ, t.size[tables.relaDyn]!);
    entry(elf.DT_RELAENT, elf.RELA_SIZE);
    const relative = t.size[tables.relaDyn]! / elf.RELA_SIZE - scan.got.iplt.size;
    if (relative > 0) entry(elf.DT_RELACOUNT, relative);
  }
  if (tables.relrDyn >= 0 && t.size[tables.relrDyn]! > 0) {
    entry(elf.DT_RELR, t.address[tables.relrDyn]!);
    entry(elf.DT_RELRSZ, t.size[tables.relrDyn]!);
    entry(elf.DT_RELRENT, 8);
  }
  entry(elf.DT_FLAGS, elf.DF_BIND_NOW);
  entry(elf.DT_FLAGS_1, elf.DF_1_NOW | elf.DF_1_PIE);
  // .hash: one bucket and one chain entry (for the null symbol), both zero.
  if (!hasBytes(state, tables.hash)) return;
  const hash = fileOffsetOf(state, tables.hash);
  view.setUint32(hash, 1, true);
  view.setUint32(hash + 4, 1, true);
}

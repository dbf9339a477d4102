/**
 * Walks all relocations of live sections once, before layout, to learn what they need: GOT and IPLT slots, relative
 * relocations of a PIE, and which symbols are used but defined nowhere.
 *
 * Undefined symbols are collected, not thrown one by one: a user wants the whole list, each with its first referrers.
 */
import { fail } from '../base/errors.ts';
import { type Architecture, Need, relocationName } from './arch/architecture.ts';
import { adopt, u32 } from './arena.ts';
import * as elf from './elf.ts';
import { createGotTables, type GotTables, localKey, takeIplt, takeSlot } from './got.ts';
import * as layout from './kernels/layout.ts';
import { nameCount, nameShown } from './names.ts';
import {
  type InputObject,
  objectAt,
  type Program,
  placeText,
  Role,
  SymbolFlag,
  SymbolKind,
  sectionContents,
} from './program.ts';
import { objectSymbolName, SymbolPlace, symbolSection } from './read-object.ts';
import type { LinkOptions } from './request.ts';
import { findSymbol, isDefined } from './resolve.ts';

/** Places that need a RELATIVE relocation: sections and input offsets, in section order. */
export interface RelativePlaces {
  count: number;
  section: Uint32Array;
  offset: Float64Array;
  /** A script's symbol, which the layout may turn out to make absolute; -1 for all others. */
  symbol: Int32Array;
}

export interface ScanResult {
  readonly got: GotTables;
  readonly relative: RelativePlaces;
}

const MAX_REFERRERS = 3;
const MAX_UNDEFINED_SHOWN = 100;

interface Scan {
  readonly program: Program;
  readonly architecture: Architecture;
  readonly options: LinkOptions;
  readonly got: GotTables;
  readonly relative: RelativePlaces;
  /** Undefined symbol -> places that use it. */
  readonly undefinedUses: Map<number, string[]>;
}

function addRelative(places: RelativePlaces, section: number, offset: number, symbol: number): void {
  if (places.count === places.section.length) {
    const section2 = new Uint32Array(places.count * 2);
    section2.set(places.section);
    places.section = section2;
    const offset2 = new Float64Array(places.count * 2);
    offset2.set(places.offset);
    places.offset = offset2;
    const symbol2 = new Int32Array(places.count * 2);
    symbol2.set(places.symbol);
    places.symbol = symbol2;
  }
  places.symbol[places.count] = symbol;
  places.section[places.count] = section;
  places.offset[places.count++] = offset;
}

/** Scans every live section. Errors: 'relocation', 'undefined-symbol'. */
export function scanRelocations(program: Program, architecture: Architecture, options: LinkOptions): ScanResult {
  const scan: Scan = {
    program,
    architecture,
    options,
    got: createGotTables(),
    relative: { count: 0, section: new Uint32Array(256), offset: new Float64Array(256), symbol: new Int32Array(256) },
    undefinedUses: new Map(),
  };
  scan.got.slots = architecture.gotHeaderSlots;
  const t = program.sections;
  const { kernels } = program.arena;
  const needs = adopt(program.arena, architecture.needs);
  const rewrites = options.relax && architecture.machine === 'x86-64' ? 1 : 0;
  for (let s = 0; ; s++) {
    s = kernels.nextScanned(program.block, s, t.count);
    if (s === t.count) break;
    const count = t.relocCount[s]!;
    for (let r = 0; ; ) {
      r = kernels.scanSection(program.block, s, r, needs, options.pie ? 1 : 0, rewrites);
      if (r >= count) break;
      r = scanRelocation(scan, s, r, objectAt(program, t.object[s]!));
    }
  }
  const slots = u32(program.arena, nameCount(program.symbols.names));
  for (const [key, slot] of scan.got.address) if (key >= 0) slots[key] = slot + 1;
  program.words[layout.GOT_SLOTS] = slots.byteOffset;
  reportUndefined(scan);
  return { got: scan.got, relative: scan.relative };
}

/** Looks at relocation `r` of a section; returns the next that is to be looked at. */
function scanRelocation(scan: Scan, section: number, r: number, object: InputObject): number {
  const { program, architecture, options } = scan;
  const t = program.sections;
  const symbols = program.symbols;
  const { needs } = architecture;
  const { view, firstGlobal, symbolCount } = object;
  const { pie } = options;
  const { globalRefs } = program;
  const refBase = object.firstGlobalRef - firstGlobal;
  const kinds = symbols.kind;
  const types = symbols.type;
  const at = t.relocs[section]! + r * elf.RELA_SIZE;
  const isEh = t.role[section] === Role.EhFrame;
  const size = t.size[section]!;
  const type = view.getUint32(at + 8, true);
  const need = needs[type] ?? Need.Unknown;
  const sym = view.getUint32(at + 12, true);
  if (sym >= symbolCount && (sym !== 0 || need === Need.Unknown)) badSymbol(scan, section, at, type, sym, object);
  if (need === Need.Unknown) unknownType(scan, section, at, type, object);
  if (sym === 0 && need === Need.Nothing) return r + 1;
  let ifunc = false;
  let undefinedWeak = false;
  let absolute = false;
  let made = false;
  let key: number;
  if (sym >= firstGlobal && sym > 0) {
    const id = globalRefs[refBase + sym]!;
    const kind = kinds[id]!;
    key = id;
    if (kind < SymbolKind.Defined) {
      if (need === Need.Nothing && sym !== 0 && architecture.relocationNames[type] === undefined) return r + 1;
      if (symbols.binding[id] !== elf.STB_WEAK) {
        if (!isEh || kind !== SymbolKind.None) noteUndefined(scan, id, section, at, object);
      }
      undefinedWeak = true;
    } else {
      ifunc = types[id] === elf.STT_GNU_IFUNC;
      absolute = kind === SymbolKind.Absolute;
      // Whether such a symbol moves with the image is known only when the layout has computed it.
      made = kind === SymbolKind.Linker;
    }
  } else {
    if (need === Need.Nothing) return r + 1;
    key = localKey(object.index, sym);
    if (object.hasLocalIfunc) {
      ifunc = (view.getUint8(object.symtab + sym * elf.SYM_SIZE + 4) & 15) === elf.STT_GNU_IFUNC;
    }
    if (pie || need >= Need.Got) absolute = sym === 0 || symbolSection(object, sym) === SymbolPlace.Absolute;
  }
  if (need === Need.Nothing) return r + 1;
  if (ifunc) {
    takeIplt(scan.got, key);
    if (key >= 0) symbols.flags[key]! |= SymbolFlag.Iplt;
  }
  switch (need) {
    case Need.Relative:
    case Need.GotBase:
    case Need.TpOffset:
      break;
    case Need.Address:
      if (pie && !undefinedWeak && !absolute) {
        const offset = elf.readUnsigned64(view, at);
        if (offset + 8 > size) badOffset(scan, section, type, offset);
        if ((t.flags[section]! & elf.SHF_WRITE) === 0 && !isEh) textRelocation(scan, section, at, type, object);
        addRelative(scan.relative, section, offset, made ? key : -1);
      }
      break;
    case Need.NarrowAddress:
      if (pie && !undefinedWeak && !absolute) narrowInPie(scan, section, at, type, object);
      break;
    case Need.Got:
      takeSlot(scan.got, scan.got.address, key, 1);
      break;
    case Need.GotRelaxable: {
      const contents = sectionContents(program, section);
      // Whether a symbol of the script is absolute shows only with the layout: it keeps a slot to be safe.
      const ofScript = key >= 0 && kinds[key] === SymbolKind.Linker;
      const plain = options.relax && !undefinedWeak && !absolute && !ofScript;
      const offset = elf.readUnsigned64(view, at);
      const addend = elf.readSigned64(view, at + 16);
      if (!plain || !architecture.rewritesGot(contents, 0, contents.length, offset, type, addend)) {
        takeSlot(scan.got, scan.got.address, key, 1);
      }
      break;
    }
    case Need.GotTp: {
      const contents = sectionContents(program, section);
      const offset = elf.readUnsigned64(view, at);
      if (!architecture.rewritesGotTp(contents, 0, contents.length, offset, type)) {
        takeSlot(scan.got, scan.got.threadOffset, key, 1);
      }
      break;
    }
    case Need.TlsGd:
      if (architecture.consumesCall) return r + 2;
      takeSlot(scan.got, scan.got.tlsPair, key, 2);
      break;
    case Need.TlsLd:
      return r + 2;
  }
  return r + 1;
}

function where(scan: Scan, section: number, at: number, object: InputObject): string {
  return placeText(scan.program, section, elf.readUnsigned64(object.view, at));
}

function unknownType(scan: Scan, section: number, at: number, type: number, object: InputObject): never {
  const name = relocationName(scan.architecture, type);
  return fail(
    'relocation',
    `${where(scan, section, at, object)}: unknown relocation ${name} for ${scan.architecture.machine}; ` +
      'it is for a dynamic linker, for a code model that is not linked, or newer than this linker',
  );
}

function badSymbol(scan: Scan, section: number, at: number, type: number, sym: number, object: InputObject): never {
  return fail(
    'malformed-elf',
    `${where(scan, section, at, object)}: relocation ${relocationName(scan.architecture, type)} names symbol ${sym}, ` +
      `but ${object.name} has ${object.symbolCount}`,
  );
}

function badOffset(scan: Scan, section: number, type: number, offset: number): never {
  return fail(
    'relocation',
    `${placeText(scan.program, section, offset)}: relocation ${relocationName(scan.architecture, type)} lies outside ` +
      `the section of ${scan.program.sections.size[section]} bytes`,
  );
}

function targetText(scan: Scan, object: InputObject, at: number): string {
  return objectSymbolName(scan.program, object, object.view.getUint32(at + 12, true)) || 'a local symbol';
}

function textRelocation(scan: Scan, section: number, at: number, type: number, object: InputObject): never {
  return fail(
    'relocation',
    `${where(scan, section, at, object)}: relocation ${relocationName(scan.architecture, type)} against ` +
      `${targetText(scan, object, at)} would need a write to a read-only section at start-up; recompile with -fPIE`,
  );
}

function narrowInPie(scan: Scan, section: number, at: number, type: number, object: InputObject): never {
  return fail(
    'relocation',
    `${where(scan, section, at, object)}: relocation ${relocationName(scan.architecture, type)} against ` +
      `${targetText(scan, object, at)} cannot be used in a position-independent executable; recompile with -fPIE`,
  );
}

function noteUndefined(scan: Scan, id: number, section: number, at: number, object: InputObject): void {
  const uses = scan.undefinedUses.get(id) ?? [];
  if (uses.length === 0) scan.undefinedUses.set(id, uses);
  if (uses.length <= MAX_REFERRERS) uses.push(where(scan, section, at, object));
}

function reportUndefined(scan: Scan): void {
  const { undefinedUses, options, program } = scan;
  const names = program.symbols.names;
  const required = options.requiredSymbols.filter((name) => !isDefined(program, findSymbol(program, name)));
  const lines = [...undefinedUses].map(([id, uses]) => {
    const shown = uses.slice(0, MAX_REFERRERS).join(', ');
    const more = uses.length > MAX_REFERRERS ? ', ...' : '';
    return `${nameShown(names, id)} (referenced by ${shown}${more})`;
  });
  for (const name of required) lines.push(`${name} (asked for by --require-defined)`);
  if (lines.length === 0) return;
  if (options.undefinedPolicy !== 'error' && required.length === 0) {
    if (options.undefinedPolicy === 'warn') {
      for (const line of lines) program.warnings.push(`undefined symbol: ${line}`);
    }
    return;
  }
  const list = lines.slice(0, MAX_UNDEFINED_SHOWN).join('; ');
  const rest = lines.length > MAX_UNDEFINED_SHOWN ? `; and ${lines.length - MAX_UNDEFINED_SHOWN} more` : '';
  const noun = lines.length === 1 ? 'undefined symbol' : `${lines.length} undefined symbols`;
  fail(
    'undefined-symbol',
    `${noun}: ${list}${rest}; add the object or library that defines ${lines.length === 1 ? 'it' : 'them'}`,
  );
}

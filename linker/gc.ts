/**
 * Drops sections that nothing needs (--gc-sections).
 *
 * From the roots (entry, -u, KEEP, start-up arrays, notes, SHF_GNU_RETAIN) every section reached by a relocation is
 * kept. Exception records follow the functions they describe: .eh_frame is no root for functions, only for the
 * tables and personality routines it names. Debug sections stay and are not followed.
 * Sources: GNU ld manual on --gc-sections; gABI on SHF_LINK_ORDER, SHT_GROUP.
 */
import { splitEhFrame } from './eh-frame.ts';
import * as elf from './elf.ts';
import { nameCount, nameText } from './names.ts';
import {
  type InputObject,
  Live,
  objectAt,
  type Program,
  Role,
  SymbolFlag,
  SymbolKind,
  sectionName,
} from './program.ts';
import { symbolSection } from './read-object.ts';

/** Sections that start-up code runs through without any relocation naming them. */
const KEPT_NAMES = /^\.(init|fini|ctors|dtors|jcr|init_array|fini_array|preinit_array)(\.|$)/;

const C_IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Marks dead sections in the table; returns them in order. `isKept` says whether the script's KEEP covers a section;
 * `extraRoots` are symbols that scripts and --defsym refer to.
 */
export function collectGarbage(
  program: Program,
  isKept: (section: number) => boolean,
  extraRoots: readonly number[],
): number[] {
  const t = program.sections;
  const reached = new Uint8Array(t.count);
  const queue: number[] = [];
  const groupOf = new Map<number, readonly number[]>();
  for (const group of program.groups) for (const member of group) groupOf.set(member, group);
  const ordered = linkOrderDependents(program);

  const reach = (section: number): void => {
    if (section < 0 || reached[section] || t.live[section] !== Live.Live) return;
    reached[section] = 1;
    queue.push(section);
    const group = groupOf.get(section);
    if (group) for (const member of group) reach(member);
    for (const dependent of ordered.get(section) ?? []) reach(dependent);
  };
  const reachSymbol = (id: number): void => {
    if (program.symbols.kind[id] === SymbolKind.Defined) reach(program.symbols.section[id]!);
  };

  const { symbols } = program;
  for (let id = 0; id < nameCount(symbols.names); id++)
    if ((symbols.flags[id]! & SymbolFlag.Root) !== 0) reachSymbol(id);
  for (const id of extraRoots) reachSymbol(id);
  const byIdentifier = sectionsByIdentifier(program);
  for (let s = 0; s < t.count; s++) {
    if (t.live[s] !== Live.Live || t.role[s] === Role.Ignored) continue;
    if ((t.flags[s]! & elf.SHF_ALLOC) === 0) {
      // Debug and comments: kept unless they belong to a group whose code goes.
      if (!groupOf.has(s) && (t.flags[s]! & elf.SHF_LINK_ORDER) === 0) reached[s] = 1;
    } else if (isRoot(program, s, groupOf.has(s)) || isKept(s)) {
      reach(s);
    }
  }
  const exceptionTables = new Map<number, number[]>();
  for (let s = 0; s < t.count; s++) {
    if (t.role[s] === Role.EhFrame && t.live[s] === Live.Live) {
      reached[s] = 1;
      followExceptionRecords(program, s, groupOf, exceptionTables, reach);
    }
  }
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    // Also when a script KEEPs it or start-up code names its ends: what it describes is followed only as above.
    if (t.role[next] === Role.EhFrame) continue;
    for (const table of exceptionTables.get(next) ?? []) reach(table);
    followRelocations(program, next, (target, id) => {
      reach(target);
      if (id >= 0 && target < 0) reachBoundary(program, id, byIdentifier, reach);
    });
  }
  const dead: number[] = [];
  for (let s = 0; s < t.count; s++) {
    if (t.live[s] === Live.Live && !reached[s] && t.role[s] !== Role.Ignored) {
      t.live[s] = Live.Dead;
      dead.push(s);
    }
  }
  return dead;
}

function isRoot(program: Program, s: number, grouped: boolean): boolean {
  const t = program.sections;
  const type = t.type[s]!;
  if ((t.flags[s]! & elf.SHF_GNU_RETAIN) !== 0) return true;
  if (t.role[s] === Role.Synthetic) return t.type[s] !== elf.SHT_NOBITS;
  if (type === elf.SHT_INIT_ARRAY || type === elf.SHT_FINI_ARRAY || type === elf.SHT_PREINIT_ARRAY) return true;
  if (type === elf.SHT_NOTE) return !grouped;
  return KEPT_NAMES.test(sectionName(program, s));
}

function linkOrderDependents(program: Program): Map<number, number[]> {
  const t = program.sections;
  const result = new Map<number, number[]>();
  for (let s = 0; s < t.count; s++) {
    if ((t.flags[s]! & elf.SHF_LINK_ORDER) === 0 || t.link[s] === 0) continue;
    const object = objectAt(program, t.object[s]!);
    if (t.link[s]! >= object.sectionCount) continue;
    const parent = object.firstSection + t.link[s]!;
    const list = result.get(parent);
    if (list) list.push(s);
    else result.set(parent, [s]);
  }
  return result;
}

/** Sections whose names are C identifiers: reached through __start_NAME and __stop_NAME. */
function sectionsByIdentifier(program: Program): Map<string, number[]> {
  const t = program.sections;
  const result = new Map<string, number[]>();
  for (let s = 0; s < t.count; s++) {
    if (t.live[s] !== Live.Live || (t.flags[s]! & elf.SHF_ALLOC) === 0) continue;
    const id = t.name[s]!;
    const first = program.arena.bytes[program.sectionNames.offset[id]!];
    if (first === 0x2e) continue;
    const name = sectionName(program, s);
    if (!C_IDENTIFIER.test(name)) continue;
    const list = result.get(name);
    if (list) list.push(s);
    else result.set(name, [s]);
  }
  return result;
}

function reachBoundary(
  program: Program,
  id: number,
  byIdentifier: Map<string, number[]>,
  reach: (section: number) => void,
): void {
  if (byIdentifier.size === 0) return;
  const name = nameText(program.symbols.names, id);
  const match = /^__(?:start|stop)_(.+)$/.exec(name);
  if (match) for (const s of byIdentifier.get(match[1]!) ?? []) reach(s);
}

/** Calls `visit` with the section (-1: none) and global symbol (-1: local) of each relocation of a section. */
function followRelocations(program: Program, s: number, visit: (target: number, id: number) => void): void {
  const t = program.sections;
  const object = objectAt(program, t.object[s]!);
  const base = t.relocs[s]!;
  const end = base + t.relocCount[s]! * elf.RELA_SIZE;
  for (let at = base; at < end; at += elf.RELA_SIZE) {
    const sym = object.view.getUint32(at + 12, true);
    if (sym === 0 || sym >= object.symbolCount) continue;
    if (sym < object.firstGlobal) {
      visit(symbolSection(object, sym), -1);
    } else {
      const id = program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!;
      visit(program.symbols.kind[id] === SymbolKind.Defined ? program.symbols.section[id]! : -1, id);
    }
  }
}

/**
 * What exception records name besides the functions they describe. Personality routines (in CIEs) are reached at
 * once; a language-specific table is noted in `tables` by its function's section, with which it lives: the table's own
 * references (landing pads in a cold part, say) would otherwise keep the function. A table in a group lives with that.
 */
function followExceptionRecords(
  program: Program,
  s: number,
  groupOf: ReadonlyMap<number, readonly number[]>,
  tables: Map<number, number[]>,
  reach: (section: number) => void,
): void {
  const pieces = splitEhFrame(program, s);
  const object = objectAt(program, program.sections.object[s]!);
  const base = program.sections.relocs[s]!;
  for (let i = 0; i < pieces.count; i++) {
    const isCie = pieces.cie[i]! < 0;
    let described = -1;
    for (let r = pieces.firstReloc[i]!; r < pieces.firstReloc[i + 1]!; r++) {
      const at = base + r * elf.RELA_SIZE;
      const target = relocationTarget(program, object, object.view.getUint32(at + 12, true));
      if (isCie) {
        reach(target);
        continue;
      }
      // pc_begin is the field at offset 8 of an FDE, pc_range (RISC-V: a pair of relocations) follows it.
      const field = object.view.getUint32(at, true) - pieces.inputOffset[i]!;
      if (field === 8) described = target;
      if (field < 16 || target < 0 || described < 0 || groupOf.has(target)) continue;
      if ((program.sections.flags[target]! & elf.SHF_EXECINSTR) !== 0) continue;
      const list = tables.get(described);
      if (list) list.push(target);
      else tables.set(described, [target]);
    }
  }
}

/** The section a symbol is defined in, or -1. */
function relocationTarget(program: Program, object: InputObject, sym: number): number {
  if (sym === 0 || sym >= object.symbolCount) return -1;
  if (sym < object.firstGlobal) return symbolSection(object, sym);
  const id = program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!;
  return program.symbols.kind[id] === SymbolKind.Defined ? program.symbols.section[id]! : -1;
}

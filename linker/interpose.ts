/**
 * Puts one function in front of another, for every reference in the program: calls, jumps and taken addresses, from other
 * objects and from inside of its own.
 *
 * `--wrap` renames references of objects that do not define a function; what its own object calls stays as it was. That is
 * not enough for a veneer that must be passed (one that erases what the function leaves behind), so here the name itself
 * changes hands: the veneer is what the function's name means from then on, for objects, scripts and options alike, and
 * the function gets another name that the veneer alone uses. References by other names are led to the veneer as well:
 * aliases, and an assembler's "section + offset" for static functions, whose object gets one more global symbol for it.
 *
 * Two kinds of calls have no relocation and are out of the linker's sight: those that an assembler has resolved inside of
 * one section, and bodies that a compiler has inlined. Whoever interposes reads the linked code for the first.
 */
import { fail, printable } from '../base/errors.ts';
import { u8, u32 } from './arena.ts';
import * as elf from './elf.ts';
import * as arm from './kernels/aarch64-numbers.ts';
import * as layout from './kernels/layout.ts';
import * as riscv from './kernels/riscv64-numbers.ts';
import { nameCount } from './names.ts';
import {
  allObjects,
  type InputObject,
  Live,
  objectAt,
  type Program,
  placeText,
  Role,
  reserveGlobalRefs,
  SymbolKind,
} from './program.ts';
import { objectSymbolName, symbolSection } from './read-object.ts';
import { findSymbol } from './resolve.ts';
import { symbolNamed } from './resolver.ts';

/** Symbols by name. */
export interface Interposition {
  readonly function: string;
  /** Defined by an object of the link, once; it refers to `original`, which nobody may define. */
  readonly veneer: string;
  readonly original: string;
}

/** Where a function is defined: as symbol `symbol` of its object. */
interface Home {
  readonly object: InputObject;
  readonly symbol: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

function homeAt(object: InputObject, symbol: number): Home {
  const at = object.symtab + symbol * elf.SYM_SIZE;
  return {
    object,
    symbol,
    section: symbolSection(object, symbol),
    value: elf.readUnsigned64(object.view, at + 8),
    size: elf.readUnsigned64(object.view, at + 16),
  };
}

const typeOf = (object: InputObject, symbol: number): number =>
  object.view.getUint8(object.symtab + symbol * elf.SYM_SIZE + 4) & 15;

const isLive = ({ sections }: Program, section: number): boolean =>
  section >= 0 && sections.live[section] === Live.Live;

/** Static functions of this name. */
function localHomes(program: Program, name: string): Home[] {
  return allObjects(program).flatMap((object) => {
    const found: Home[] = [];
    for (let i = 1; i < object.firstGlobal; i++) {
      if (typeOf(object, i) !== elf.STT_FUNC || objectSymbolName(program, object, i) !== name) continue;
      if (isLive(program, symbolSection(object, i))) found.push(homeAt(object, i));
    }
    return found;
  });
}

/** The global function of this name, as its object defines it. */
function globalHome(program: Program, id: number, name: string): Home {
  const { symbols, globalRefs } = program;
  const shown = printable(name);
  if (symbols.kind[id] !== SymbolKind.Defined)
    fail('undefined-symbol', `${shown}: is no function of an object, so nothing can be put in front of it`);
  const object = objectAt(program, symbols.object[id]!);
  if (symbols.type[id] === elf.STT_GNU_IFUNC)
    fail('unsupported-input', `${object.name}: ${shown} is chosen at run time (an ifunc): name its implementations`);
  for (let i = object.firstGlobal; i < object.symbolCount; i++) {
    if (globalRefs[object.firstGlobalRef + i - object.firstGlobal] !== id) continue;
    const home = homeAt(object, i);
    if (home.section === symbols.section[id] && home.value === symbols.value[id]) return home;
  }
  return fail('undefined-symbol', `${object.name}: ${shown}: its definition is not this object's`);
}

/** The one function that a name means. */
function findHome(program: Program, name: string): Home {
  const id = findSymbol(program, name);
  const kind = id < 0 ? SymbolKind.None : program.symbols.kind[id]!;
  const locals = localHomes(program, name);
  if (locals.length + (kind === SymbolKind.None ? 0 : 1) > 1) {
    const places = locals.map(({ section, value }) => placeText(program, section, value));
    if (kind !== SymbolKind.None) places.push('a global symbol');
    fail('duplicate-symbol', `${printable(name)}: names several functions: ${places.join(', ')}; rename all but one`);
  }
  const [local] = locals;
  if (local !== undefined) return local;
  if (kind === SymbolKind.None)
    fail('undefined-symbol', `${printable(name)}: the link has no function of this name, global or static`);
  return globalHome(program, id, name);
}

/** A copy of an object's symbol table with one more global symbol, a reference to `id`; returns its index there. */
function addReference(program: Program, home: Home, id: number): number {
  const { arena, words } = program;
  const { object } = home;
  const count = object.symbolCount;
  const globals = count - object.firstGlobal;
  const table = u8(arena, (count + 1) * elf.SYM_SIZE, 8);
  table.set(object.bytes.subarray(object.symtab, object.symtab + count * elf.SYM_SIZE));
  const at = count * elf.SYM_SIZE;
  const view = new DataView(table.buffer, table.byteOffset);
  view.setUint32(at, view.getUint32(home.symbol * elf.SYM_SIZE, true), true);
  view.setUint8(at + 4, (elf.STB_GLOBAL << 4) | elf.STT_FUNC);
  // The name is the veneer's now.
  view.setUint32(home.symbol * elf.SYM_SIZE, 0, true);
  reserveGlobalRefs(program, globals + 1);
  const first = words[layout.GLOBAL_REF_COUNT]!;
  program.globalRefs.copyWithin(first, object.firstGlobalRef, object.firstGlobalRef + globals);
  program.globalRefs[first + globals] = id;
  words[layout.GLOBAL_REF_COUNT] = first + globals + 1;
  words[layout.MOST_SYMBOLS] = Math.max(words[layout.MOST_SYMBOLS]!, count + 1);
  const row = object.index * layout.OBJECT_WORDS;
  if (object.extendedIndex >= 0) {
    const extended = u32(arena, count + 1);
    for (let i = 0; i < count; i++) extended[i] = object.view.getUint32(object.extendedIndex + 4 * i, true);
    program.objectRows[row + layout.OBJECT_EXTENDED] = extended.byteOffset;
  }
  program.objectRows[row + layout.OBJECT_SYMTAB] = table.byteOffset;
  program.objectRows[row + layout.OBJECT_SYMBOL_COUNT] = count + 1;
  program.objectRows[row + layout.OBJECT_FIRST_GLOBAL_REF] = first;
  program.objects[object.index] = undefined;
  return count;
}

/** Relocation types whose field holds the symbol's address or leads to it; the others measure or only mark code. */
const addressTypes: Record<Program['machine'], ReadonlySet<number>> = {
  // 64, PC32, GOT32, PLT32, GOTPCREL, 32, 32S, PC64, GOTOFF64, GOT64, GOTPCREL64, PLTOFF64, GOTPCRELX, REX_GOTPCRELX
  'x86-64': new Set([1, 2, 3, 4, 9, 10, 11, 24, 25, 27, 28, 31, 41, 42]),
  riscv64: new Set([
    ...[riscv.R32, riscv.R64, riscv.BRANCH, riscv.JAL, riscv.CALL, riscv.CALL_PLT, riscv.GOT_HI20, riscv.PCREL_HI20],
    ...[riscv.HI20, riscv.LO12_I, riscv.LO12_S, riscv.RVC_BRANCH, riscv.RVC_JUMP, riscv.R32_PCREL, riscv.PLT32],
    riscv.GOT32_PCREL,
  ]),
  aarch64: new Set([
    ...[arm.ABS64, arm.ABS32, arm.PREL64, arm.PREL32, arm.PLT32, arm.GOTPCREL32, arm.GOTREL64, arm.GOTREL32],
    ...[arm.ADR_PREL_LO21, arm.ADR_PREL_PG_HI21, arm.ADR_PREL_PG_HI21_NC, arm.ADD_ABS_LO12_NC, arm.JUMP26, arm.CALL26],
    ...[arm.CONDBR19, arm.TSTBR14, arm.ADR_GOT_PAGE, arm.LD64_GOT_LO12_NC, arm.LD64_GOTPAGE_LO15, arm.GOT_LD_PREL19],
    ...[arm.MOVW_UABS_G0, arm.MOVW_UABS_G0_NC, arm.MOVW_UABS_G1, arm.MOVW_UABS_G1_NC, arm.MOVW_UABS_G2],
    ...[arm.MOVW_UABS_G2_NC, arm.MOVW_UABS_G3],
  ]),
};

/** Types of branches that stay within a function, as compilers use them: calls have another. */
const branchTypes: Record<Program['machine'], ReadonlySet<number>> = {
  'x86-64': new Set(),
  riscv64: new Set([riscv.BRANCH, riscv.JAL, riscv.RVC_BRANCH, riscv.RVC_JUMP]),
  aarch64: new Set([arm.CONDBR19, arm.TSTBR14]),
};

/** Of x86-64: distances from a field of 4 bytes at the end of its instruction. */
const fromNextInstruction = new Set([2, 4, 9, 41, 42]);

/** Leads references by symbols of the function's own object, other than its own symbol, to that. */
function leadLocals(program: Program, home: Home, reference: number): void {
  const { sections: t, machine } = program;
  const object = objectAt(program, home.object.index);
  const { view } = object;
  const types = addressTypes[machine];
  for (let s = object.firstSection + 1; s < object.firstSection + object.sectionCount; s++) {
    if (!isLive(program, s) || (t.flags[s]! & elf.SHF_ALLOC) === 0 || t.role[s] === Role.EhFrame) continue;
    const isCode = (t.flags[s]! & elf.SHF_EXECINSTR) !== 0;
    for (let r = 0; r < t.relocCount[s]!; r++) {
      const at = t.relocs[s]! + r * elf.RELA_SIZE;
      const type = view.getUint32(at + 8, true);
      const symbol = view.getUint32(at + 12, true);
      if (symbol === 0 || symbol >= object.firstGlobal || !types.has(type)) continue;
      if (symbolSection(object, symbol) !== home.section) continue;
      const from = elf.readUnsigned64(view, object.symtab + symbol * elf.SYM_SIZE + 8);
      const addend = elf.readSigned64(view, at + 16);
      const bias = machine === 'x86-64' && isCode && fromNextInstruction.has(type) ? 4 : 0;
      if (from + addend + bias !== home.value) continue;
      const place = elf.readUnsigned64(view, at);
      // A loop back to a function's first instruction.
      if (branchTypes[machine].has(type) && s === home.section && place - home.value < home.size && place >= home.value)
        continue;
      view.setUint32(at + 12, reference, true);
      elf.write64(view, at + 16, -bias);
    }
  }
}

/** What a symbol is defined as. */
interface Definition {
  readonly section: number;
  readonly value: number;
  readonly size: number;
  readonly object: number;
}

function define(program: Program, id: number, { section, value, size, object }: Definition): void {
  const { symbols: t } = program;
  t.kind[id] = SymbolKind.Defined;
  t.type[id] = elf.STT_FUNC;
  t.section[id] = section;
  t.value[id] = value;
  t.size[id] = size;
  t.object[id] = object;
}

/** The veneer's definition; its own name means nothing from now on. */
function takeVeneer(program: Program, { function: name, veneer, original }: Interposition): Definition {
  const { symbols: t } = program;
  const shown = printable(name);
  const id = findSymbol(program, veneer);
  if (id < 0 || t.kind[id] !== SymbolKind.Defined)
    fail('undefined-symbol', `${shown}: its veneer ${printable(veneer)} is defined by no object`);
  const other = findSymbol(program, original);
  if (other < 0 || t.kind[other] >= SymbolKind.Lazy)
    fail(
      'duplicate-symbol',
      `${shown}: ${printable(original)} is the name that the function gets behind its veneer, and an input has it too`,
    );
  const found = { section: t.section[id]!, value: t.value[id]!, size: t.size[id]!, object: t.object[id]! };
  t.kind[id] = SymbolKind.None;
  t.section[id] = -1;
  return found;
}

function interpose(program: Program, one: Interposition): void {
  const home = findHome(program, one.function);
  const { sections, symbols } = program;
  if ((sections.flags[home.section]! & elf.SHF_EXECINSTR) === 0)
    fail('unsupported-input', `${home.object.name}: ${printable(one.function)} is no code`);
  const veneer = takeVeneer(program, one);
  const original = findSymbol(program, one.original);
  const id = symbolNamed(program, one.function);
  const isLocal = home.symbol < home.object.firstGlobal;
  if (isLocal) {
    symbols.binding[id] = elf.STB_GLOBAL;
    symbols.visibility[id] = elf.STV_HIDDEN;
  }
  const reference = isLocal ? addReference(program, home, id) : home.symbol;
  // Whatever else is called so.
  const { section, value } = home;
  for (let alias = 0; alias < nameCount(symbols.names); alias++)
    if (
      symbols.kind[alias] === SymbolKind.Defined &&
      symbols.section[alias] === section &&
      symbols.value[alias] === value
    )
      define(program, alias, veneer);
  define(program, id, veneer);
  define(program, original, { section, value, size: home.size, object: home.object.index });
  symbols.binding[original] = elf.STB_GLOBAL;
  symbols.visibility[original] = elf.STV_HIDDEN;
  leadLocals(program, home, reference);
}

/**
 * Puts veneers in front of functions, once all inputs are resolved. Errors: 'undefined-symbol' for a function or veneer
 * that is not there, 'duplicate-symbol' for a name that means several functions, 'unsupported-input' for what is none.
 */
export function interposeFunctions(program: Program, list: readonly Interposition[]): void {
  for (const one of list) interpose(program, one);
}

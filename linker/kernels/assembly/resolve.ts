/**
 * Symbol resolution where nothing is unusual: references, first definitions, weak ones that give way. Whatever may end
 * in a message or needs a decision (duplicates, commons, renamed references) is left to merge-globals.ts, symbol by symbol.
 */
import * as layout from '../layout';
import { objectRow } from './addresses';
import * as elf from './elf';
import { internName } from './names';
import { getF64, getU8, getU32, setF64, setU8, setU32, setWord, word } from './words';

function want(program: usize, id: u32): void {
  const count = <u32>word(program, layout.WANTED_COUNT);
  setU32(word(program, layout.WANTED), count, id);
  setWord(program, layout.WANTED_COUNT, count + 1);
}

/** Notes that symbol table entry `symbol` of an object refers to global symbol `id`. There is room for a wanted one. */
export function addReference(program: usize, id: u32, object: u32, symbol: usize): void {
  const kinds = word(program, layout.SYMBOL_KIND);
  const bindings = word(program, layout.SYMBOL_BINDING);
  const flags = word(program, layout.SYMBOL_FLAGS);
  const objects = word(program, layout.SYMBOL_OBJECT);
  const info = <u32>load<u8>(symbol + 4);
  const weak = info >> 4 == elf.STB_WEAK;
  const bits = getU32(flags, id);
  const kind = <u32>getU8(kinds, id);
  mergeVisibility(program, id, symbol);
  setU32(flags, id, bits | (weak ? elf.FLAG_REFERENCED : elf.FLAG_REFERENCED | elf.FLAG_STRONG_REFERENCE));
  if (kind == elf.KIND_NONE) {
    setU8(kinds, id, elf.KIND_UNDEFINED);
    setU8(bindings, id, info >> 4);
    setU8(word(program, layout.SYMBOL_TYPE), id, info & 15);
    setU32(objects, id, object);
  } else if (kind == elf.KIND_UNDEFINED) {
    if (<i32>getU32(objects, id) < 0) setU32(objects, id, object);
    if (!weak) setU8(bindings, id, elf.STB_GLOBAL);
  } else if (kind == elf.KIND_LAZY) {
    if (!weak) want(program, id);
    else if ((bits & elf.FLAG_STRONG_REFERENCE) == 0) setU8(bindings, id, elf.STB_WEAK);
  }
}

/**
 * Merges the symbols of an object from `from` on into the symbol table. Returns the number of its symbols, or the index
 * of the first that is left to the caller. There must be room for as many wanted symbols.
 */
export function mergeGlobals(program: usize, object: u32, from: u32): u32 {
  const row = objectRow(program, object);
  const symtab = word(row, layout.OBJECT_SYMTAB);
  const count = <u32>word(row, layout.OBJECT_SYMBOL_COUNT);
  const firstGlobal = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  const extended = word(row, layout.OBJECT_EXTENDED);
  const firstSection = <u32>word(row, layout.OBJECT_FIRST_SECTION);
  const kinds = word(program, layout.SYMBOL_KIND);
  const bindings = word(program, layout.SYMBOL_BINDING);
  const types = word(program, layout.SYMBOL_TYPE);
  const flags = word(program, layout.SYMBOL_FLAGS);
  const sections = word(program, layout.SYMBOL_SECTION);
  const values = word(program, layout.SYMBOL_VALUE);
  const sizes = word(program, layout.SYMBOL_SIZE);
  const objects = word(program, layout.SYMBOL_OBJECT);
  const lives = word(program, layout.SECTION_LIVE);
  const ids = word(program, layout.GLOBAL_REFS) + ((<usize>(<u32>word(row, layout.OBJECT_FIRST_GLOBAL_REF))) << 2);
  for (let i = from; i < count; i++) {
    const at = symtab + i * elf.SYM_SIZE;
    const info = <u32>load<u8>(at + 4);
    const binding = info >> 4;
    const type = info & 15;
    const id = getU32(ids, i - firstGlobal);
    const kind = <u32>getU8(kinds, id);
    let index = <u32>load<u16>(at + 6);
    let section: u32 = 0;
    const absolute = index == elf.SHN_ABS;
    if (!absolute) {
      if (index == elf.SHN_XINDEX && extended != 0) index = getU32(extended, i);
      else if (index >= elf.SHN_LORESERVE) return i;
      section = firstSection + index;
      if (index != 0 && getU8(lives, section) != elf.LIVE_LIVE) index = 0;
    }
    if (index == 0) {
      if ((getU32(flags, id) & elf.FLAG_RENAMED) != 0) return i;
      addReference(program, id, object, at);
      continue;
    }
    // What the script assigns stays as it is.
    if (kind == elf.KIND_LINKER) {
      mergeVisibility(program, id, at);
      continue;
    }
    if (type == elf.STT_COMMON || kind == elf.KIND_COMMON) return i;
    if (kind == elf.KIND_DEFINED || kind == elf.KIND_ABSOLUTE) {
      if (binding == elf.STB_WEAK) {
        mergeVisibility(program, id, at);
        continue;
      }
      if (<u32>getU8(bindings, id) != elf.STB_WEAK) return i;
    }
    const value = load<i64>(at + 8);
    if (value < 0 && !absolute) return i;
    mergeVisibility(program, id, at);
    setU8(kinds, id, absolute ? elf.KIND_ABSOLUTE : elf.KIND_DEFINED);
    setU8(bindings, id, binding);
    setU8(types, id, type);
    setU32(sections, id, absolute ? 0xffffffff : section);
    setF64(values, id, <f64>value);
    setF64(sizes, id, <f64>load<u64>(at + 16));
    setU32(objects, id, object);
  }
  return count;
}

/** Name that group `s` of an object is known by (symbol index), or -1 when that is left to the caller. */
function groupSignature(program: usize, row: usize, symbol: u32): i32 {
  const firstGlobal = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  if (symbol >= firstGlobal) {
    return getU32(
      word(program, layout.GLOBAL_REFS),
      <u32>word(row, layout.OBJECT_FIRST_GLOBAL_REF) + symbol - firstGlobal,
    );
  }
  const at = word(row, layout.OBJECT_SYMTAB) + symbol * elf.SYM_SIZE;
  if ((<u32>load<u8>(at + 4) & 15) == elf.STT_SECTION) return -1;
  const strtab = word(row, layout.OBJECT_STRTAB);
  const strtabEnd = word(row, layout.OBJECT_STRTAB_END);
  const offset = load<u32>(at);
  if (offset >= <u32>(strtabEnd - strtab)) return -1;
  return internName(word(program, layout.SYMBOL_NAMES), strtab + offset, strtabEnd);
}

/**
 * Drops the COMDAT groups of an object whose signature was seen before. Returns false, with nothing done, when one of
 * its groups is wrong or no COMDAT: all are then left to the caller.
 */
export function dropDuplicateGroups(program: usize, object: u32): bool {
  const row = objectRow(program, object);
  const first = <u32>word(row, layout.OBJECT_FIRST_SECTION);
  const sectionCount = <u32>word(row, layout.OBJECT_SECTION_COUNT);
  const symbolCount = <u32>word(row, layout.OBJECT_SYMBOL_COUNT);
  const types = word(program, layout.SECTION_TYPE);
  const sizes = word(program, layout.SECTION_SIZE);
  const infos = word(program, layout.SECTION_INFO);
  const offsets = word(program, layout.SECTION_OFFSET);
  const lives = word(program, layout.SECTION_LIVE);
  const flags = word(program, layout.SYMBOL_FLAGS);
  const end = first + sectionCount;
  for (let s = first + 1; s < end; s++) {
    if (getU32(types, s) != elf.SHT_GROUP) continue;
    const size = <u32>getF64(sizes, s);
    const symbol = getU32(infos, s);
    const at = <usize>getU32(offsets, s);
    if (size < 4 || size % 4 != 0 || symbol == 0 || symbol >= symbolCount) return false;
    if ((load<u32>(at) & elf.GRP_COMDAT) == 0 || groupSignature(program, row, symbol) < 0) return false;
    for (let i: u32 = 4; i < size; i += 4) {
      const member = load<u32>(at + i);
      if (member == 0 || member >= sectionCount) return false;
    }
  }
  for (let s = first + 1; s < end; s++) {
    if (getU32(types, s) != elf.SHT_GROUP) continue;
    const size = <u32>getF64(sizes, s);
    const at = <usize>getU32(offsets, s);
    const signature = groupSignature(program, row, getU32(infos, s));
    const bits = getU32(flags, signature);
    if ((bits & elf.FLAG_COMDAT) == 0) {
      setU32(flags, signature, bits | elf.FLAG_COMDAT);
    } else {
      for (let i: u32 = 4; i < size; i += 4) setU8(lives, first + load<u32>(at + i), elf.LIVE_DUPLICATE);
    }
  }
  return true;
}

/** The more constraining of two visibilities (gABI: internal, hidden, protected, default). */
export function mergeVisibility(program: usize, id: u32, symbol: usize): void {
  const added = <u32>load<u8>(symbol + 5) & 3;
  if (added == 0) return;
  const visibilities = word(program, layout.SYMBOL_VISIBILITY);
  const known = <u32>getU8(visibilities, id);
  setU8(visibilities, id, known == 0 ? added : min(known, added));
}

/**
 * Offers the symbols of an archive's index: `count` names from `name` on (they end before `end`), the i-th of which is
 * lazy symbol `lazy + i`. The index was checked; the caller has made room for the names and for as many wanted symbols.
 * Returns `count`, or the entry whose name collides with too many others.
 */
export function offerLazy(program: usize, name: usize, end: usize, count: u32, lazy: u32): u32 {
  const names = word(program, layout.SYMBOL_NAMES);
  const lengths = word(names, layout.NAMES_LENGTH);
  for (let i: u32 = 0; i < count; i++) {
    const id = internName(names, name, end);
    if (id < 0) return i;
    name += getU32(lengths, id) + 1;
    offerSymbol(program, id, lazy + i);
  }
  return count;
}

/** Offers lazy symbol `lazy`, of that name. */
export function offerSymbol(program: usize, id: u32, lazy: u32): void {
  const kinds = word(program, layout.SYMBOL_KIND);
  const kind = <u32>getU8(kinds, id);
  if (kind != elf.KIND_NONE && kind != elf.KIND_UNDEFINED) return;
  const wanted = kind == elf.KIND_UNDEFINED && <u32>getU8(word(program, layout.SYMBOL_BINDING), id) != elf.STB_WEAK;
  setU8(kinds, id, elf.KIND_LAZY);
  setU32(word(program, layout.SYMBOL_EXTRA), id, lazy);
  if (wanted) want(program, id);
}

/**
 * The output's symbol table: locals object by object, then globals, and their names.
 */
import * as layout from '../layout';
import { objectRow } from './addresses';
import { copyShort, nulAfter } from './bytes';
import { sectionOffsetAddress } from './edits';
import * as elf from './elf';
import { getF64, getU8, getU32, setU32, setWord, word } from './words';

/** Appends a name of `length` bytes; returns its offset, or -1 when there is no room. */
function addName(table: usize, start: usize, length: u32): i32 {
  if (length == 0) return 0;
  const names = word(table, layout.TABLE_NAMES);
  const at = <u32>word(table, layout.TABLE_NAMES_SIZE);
  if (<u64>at + length + 1 > <u64>word(table, layout.TABLE_NAMES_LIMIT)) return -1;
  // The NUL is there: all that was not written is zero.
  copyShort(names + at, start, length);
  setWord(table, layout.TABLE_NAMES_SIZE, at + length + 1);
  return at;
}

function addSymbol(table: usize, name: u32, info: u32, other: u32, section: u32, value: f64, size: f64): u32 {
  const count = <u32>word(table, layout.TABLE_COUNT);
  const at = word(table, layout.TABLE_SYMBOLS) + count * elf.SYM_SIZE;
  if ((info & 15) == elf.STT_GNU_IFUNC || info >> 4 == elf.STB_GNU_UNIQUE) setWord(table, layout.TABLE_GNU, 1);
  store<u32>(at, name);
  store<u8>(at + 4, <u8>info);
  store<u8>(at + 5, <u8>other);
  store<u16>(at + 6, <u16>section);
  store<i64>(at + 8, <i64>value);
  store<u64>(at + 16, <u64>size);
  setWord(table, layout.TABLE_COUNT, count + 1);
  return count;
}

/** st_size after relaxation removed bytes from the symbol's code. */
function sizeAfter(program: usize, section: u32, value: f64, size: f64): f64 {
  if (size == 0 || getU32(word(program, layout.SECTION_EDIT), section) == 0) return size;
  if (<u32>getU8(word(program, layout.SECTION_ROLE), section) != elf.ROLE_REGULAR) return size;
  return sectionOffsetAddress(program, section, value + size) - sectionOffsetAddress(program, section, value);
}

/** Section header index that holds input section `s`; 0 when it is not in the output. */
function headerIndex(program: usize, table: usize, s: u32): u32 {
  const output = getU32(word(program, layout.SECTION_OUTPUT), s);
  return <i32>output < 0 ? 0 : getU32(word(table, layout.TABLE_HEADER_INDEX), output);
}

/**
 * Appends an object's locals that are in the output. `indices`: where each one's index goes (u32 by symbol), or 0.
 * Returns 0 when there is no room for the names.
 */
export function addLocals(program: usize, table: usize, object: u32, tlsStart: f64, indices: usize): u32 {
  const row = objectRow(program, object);
  const symtab = word(row, layout.OBJECT_SYMTAB);
  const count = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  const firstSection = <u32>word(row, layout.OBJECT_FIRST_SECTION);
  const extended = word(row, layout.OBJECT_EXTENDED);
  const strtab = word(row, layout.OBJECT_STRTAB);
  const strtabEnd = word(row, layout.OBJECT_STRTAB_END);
  const lives = word(program, layout.SECTION_LIVE);
  const roles = word(program, layout.SECTION_ROLE);
  const dropTemporary = word(table, layout.TABLE_DROP_TEMPORARY) != 0;
  let file: usize = 0;
  for (let i: u32 = 1; i < count; i++) {
    const at = symtab + i * elf.SYM_SIZE;
    const info = <u32>load<u8>(at + 4);
    const type = info & 15;
    if (type == elf.STT_SECTION) continue;
    // Added first, an offset near 2^32 would come out before the table.
    const name = strtab + min(<usize>load<u32>(at), strtabEnd - strtab);
    if (type == elf.STT_FILE) {
      file = name;
      continue;
    }
    // Names that assemblers make for themselves start with .L.
    const temporary = name + 2 <= strtabEnd && load<u16>(name) == 0x4c2e;
    if (temporary && dropTemporary) continue;
    let index = <u32>load<u16>(at + 6);
    const value = <f64>load<i64>(at + 8);
    let size = <f64>load<u64>(at + 16);
    let address = value;
    if (index != elf.SHN_ABS) {
      if (index == elf.SHN_XINDEX && extended != 0) index = getU32(extended, i);
      else if (index == 0 || index >= elf.SHN_LORESERVE) continue;
      const s = firstSection + index;
      if (getU8(lives, s) != elf.LIVE_LIVE) continue;
      if (temporary && <u32>getU8(roles, s) == elf.ROLE_MERGE) continue;
      index = headerIndex(program, table, s);
      if (index == 0) continue;
      address = sectionOffsetAddress(program, s, value);
      size = sizeAfter(program, s, value, size);
    }
    if (file != 0) {
      const fileName = addName(table, file, <u32>(nulAfter(file, strtabEnd) - file));
      if (fileName < 0) return 0;
      addSymbol(table, fileName, elf.STT_FILE, 0, elf.SHN_ABS, 0, 0);
      file = 0;
    }
    if (type == elf.STT_TLS) address -= tlsStart;
    const offset = addName(table, name, <u32>(nulAfter(name, strtabEnd) - name));
    if (offset < 0) return 0;
    const out = addSymbol(table, offset, info, load<u8>(at + 5), index, address, size);
    if (indices != 0) setU32(indices, i, out);
  }
  return 1;
}

/**
 * Appends the globals, those that become local (hidden and defined) or the others. `indices`: where each one's index
 * goes (u32 by symbol), or 0. Returns 0 when there is no room for the names.
 */
export function addGlobals(program: usize, table: usize, hidden: u32, tlsStart: f64, indices: usize): u32 {
  const names = word(program, layout.SYMBOL_NAMES);
  const count = <u32>word(names, layout.NAMES_COUNT);
  const nameStarts = word(names, layout.NAMES_OFFSET);
  const nameLengths = word(names, layout.NAMES_LENGTH);
  const kinds = word(program, layout.SYMBOL_KIND);
  const bindings = word(program, layout.SYMBOL_BINDING);
  const types = word(program, layout.SYMBOL_TYPE);
  const visibilities = word(program, layout.SYMBOL_VISIBILITY);
  const flags = word(program, layout.SYMBOL_FLAGS);
  const sections = word(program, layout.SYMBOL_SECTION);
  const values = word(program, layout.SYMBOL_VALUE);
  const sizes = word(program, layout.SYMBOL_SIZE);
  const lives = word(program, layout.SECTION_LIVE);
  const addresses = word(table, layout.TABLE_GLOBAL_ADDRESS);
  const homes = word(table, layout.TABLE_HOMES);
  for (let id: u32 = 0; id < count; id++) {
    const kind = <u32>getU8(kinds, id);
    if (kind == elf.KIND_NONE) continue;
    const visibility = <u32>getU8(visibilities, id);
    const defined = kind >= elf.KIND_DEFINED;
    const local = defined && (visibility == elf.STV_HIDDEN || visibility == elf.STV_INTERNAL);
    if (local != (hidden != 0)) continue;
    // Also weak references that left an archive member alone.
    if (!defined && (getU32(flags, id) & elf.FLAG_REFERENCED) == 0) continue;
    const type = <u32>getU8(types, id);
    let value: f64 = defined ? getF64(addresses, id) : 0;
    let size: f64 = defined ? getF64(sizes, id) : 0;
    let section: u32 = defined ? elf.SHN_ABS : 0;
    if (kind == elf.KIND_DEFINED) {
      const s = getU32(sections, id);
      if (getU8(lives, s) != elf.LIVE_LIVE) continue;
      section = headerIndex(program, table, s);
      if (section == 0) continue;
      const offset = getF64(values, id);
      size = sizeAfter(program, s, offset, size);
      if (type == elf.STT_GNU_IFUNC) value = sectionOffsetAddress(program, s, offset);
    } else if (kind == elf.KIND_LINKER) {
      section = getU32(homes, id);
    }
    if (defined && type == elf.STT_TLS) value -= tlsStart;
    let binding = <u32>getU8(bindings, id);
    if (local) binding = elf.STB_LOCAL;
    else if (!defined && binding != elf.STB_WEAK) binding = elf.STB_GLOBAL;
    const name = addName(table, getU32(nameStarts, id), getU32(nameLengths, id));
    if (name < 0) return 0;
    const out = addSymbol(table, name, (binding << 4) | type, visibility, section, value, size);
    if (indices != 0) setU32(indices, id, out);
  }
  return 1;
}

/** Copies the indices of globals (u32 by symbol) to those of an object's symbols. */
export function indexGlobals(program: usize, object: u32, globals: usize, indices: usize): void {
  const row = objectRow(program, object);
  const firstGlobal = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  const count = <u32>word(row, layout.OBJECT_SYMBOL_COUNT);
  const refs = word(program, layout.GLOBAL_REFS) + ((<usize>(<u32>word(row, layout.OBJECT_FIRST_GLOBAL_REF))) << 2);
  for (let i = firstGlobal; i < count; i++) {
    const out = getU32(globals, getU32(refs, i - firstGlobal));
    if (out != 0) setU32(indices, i, out);
  }
}

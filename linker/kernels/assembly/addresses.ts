/**
 * Final addresses of symbols. Ifuncs, whose address is their IPLT entry's, are put right by symbol-addresses.ts.
 */
import * as layout from '../layout';
import { mergedOffset, sectionOffsetAddress } from './edits';
import * as elf from './elf';
import { getF64, getU8, getU32, setF64, setU8, word } from './words';

/** Address of an object's row. */
export function objectRow(program: usize, object: u32): usize {
  return word(program, layout.OBJECTS) + <usize>(object * layout.OBJECT_WORDS * 4);
}

/** Fills `address` (f64) and `special` (u8) of all global symbols. */
export function globalAddresses(program: usize, address: usize, special: usize): void {
  const count = <u32>word(word(program, layout.SYMBOL_NAMES), layout.NAMES_COUNT);
  const kinds = word(program, layout.SYMBOL_KIND);
  const sections = word(program, layout.SYMBOL_SECTION);
  const values = word(program, layout.SYMBOL_VALUE);
  const extras = word(program, layout.SYMBOL_EXTRA);
  const lives = word(program, layout.SECTION_LIVE);
  for (let id: u32 = 0; id < count; id++) {
    const kind = <u32>getU8(kinds, id);
    if (kind == elf.KIND_DEFINED) {
      const s = getU32(sections, id);
      if (getU8(lives, s) != elf.LIVE_LIVE) setU8(special, id, elf.SPECIAL_DEAD);
      else setF64(address, id, sectionOffsetAddress(program, s, getF64(values, id)));
    } else if (kind == elf.KIND_ABSOLUTE) {
      setF64(address, id, getF64(values, id));
      setU8(special, id, elf.SPECIAL_ABSOLUTE);
    } else if (kind == elf.KIND_LINKER) {
      setF64(address, id, getF64(values, id));
      if (<i32>getU32(extras, id) == -1) setU8(special, id, elf.SPECIAL_ABSOLUTE);
    } else {
      setU8(special, id, elf.SPECIAL_UNDEFINED);
    }
  }
}

/**
 * Fills `address` (f64) and `special` (u8) of one object's symbols, index 0 included; `globalAddress` and
 * `globalSpecial` hold those of the global ones.
 */
export function objectAddresses(
  program: usize,
  object: u32,
  globalAddress: usize,
  globalSpecial: usize,
  address: usize,
  special: usize,
): void {
  const row = objectRow(program, object);
  const symtab = word(row, layout.OBJECT_SYMTAB);
  const count = <u32>word(row, layout.OBJECT_SYMBOL_COUNT);
  const firstGlobal = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  const firstSection = <u32>word(row, layout.OBJECT_FIRST_SECTION);
  const extended = word(row, layout.OBJECT_EXTENDED);
  const lives = word(program, layout.SECTION_LIVE);
  const roles = word(program, layout.SECTION_ROLE);
  const edits = word(program, layout.SECTION_EDIT);
  const sectionAddresses = word(program, layout.SECTION_ADDRESS);
  setF64(address, 0, 0);
  setU8(special, 0, 0);
  for (let i: u32 = 1; i < firstGlobal; i++) {
    const at = symtab + i * elf.SYM_SIZE;
    let index = <u32>load<u16>(at + 6);
    if (index == 0 || index >= elf.SHN_LORESERVE) {
      if (index == elf.SHN_XINDEX && extended != 0) {
        index = getU32(extended, i);
      } else {
        const absolute = index == elf.SHN_ABS;
        setF64(address, i, absolute ? <f64>load<i64>(at + 8) : 0);
        setU8(special, i, absolute ? elf.SPECIAL_ABSOLUTE : elf.SPECIAL_UNDEFINED);
        continue;
      }
    }
    const s = firstSection + index;
    if (getU8(lives, s) != elf.LIVE_LIVE) {
      setF64(address, i, 0);
      setU8(special, i, elf.SPECIAL_DEAD);
      continue;
    }
    const value = <f64>load<u64>(at + 8);
    if (getU32(edits, s) == 0) {
      setF64(address, i, getF64(sectionAddresses, s) + value);
      setU8(special, i, 0);
      continue;
    }
    setF64(address, i, sectionOffsetAddress(program, s, value));
    const isSection = (<u32>load<u8>(at + 4) & 15) == elf.STT_SECTION;
    const edited: u32 = <u32>getU8(roles, s) == elf.ROLE_MERGE ? elf.SPECIAL_MERGE : elf.SPECIAL_EDITED;
    setU8(special, i, isSection ? edited : 0);
  }
  const refs = word(program, layout.GLOBAL_REFS) + ((<usize>(<u32>word(row, layout.OBJECT_FIRST_GLOBAL_REF))) << 2);
  for (let i = firstGlobal; i < count; i++) {
    const id = getU32(refs, i - firstGlobal);
    setF64(address, i, getF64(globalAddress, id));
    setU8(special, i, getU8(globalSpecial, id));
  }
}

/** Address of (symbol + addend) where the addend decides which piece is meant; NaN when it is outside. */
export function pieceAddress(program: usize, symbol: usize, section: u32, addend: i64): f64 {
  const offset = <f64>(<i64>(<u64>load<u32>(symbol + 8)) + addend);
  const edit = <usize>getU32(word(program, layout.SECTION_EDIT), section);
  if (edit == 0 || <u32>getU8(word(program, layout.SECTION_ROLE), section) != elf.ROLE_MERGE) {
    return sectionOffsetAddress(program, section, offset);
  }
  const at = mergedOffset(edit, offset);
  if (at < 0) return NaN;
  return getF64(word(program, layout.SECTION_ADDRESS), <u32>word(edit, layout.MERGE_LEADER)) + at;
}

/** Section of a local symbol of an object whose first section is `first`; -1 when it is in none. */
export function localSection(symbol: usize, index: u32, first: u32, extended: usize): i32 {
  const section = <u32>load<u16>(symbol + 6);
  if (section == elf.SHN_XINDEX && extended != 0) return first + getU32(extended, index);
  return section == 0 || section >= elf.SHN_LORESERVE ? -1 : first + section;
}

/** Sets the addresses of sections [0, count) from their output section's (f64 by output) and their offset in it. */
export function setSectionAddresses(program: usize, count: u32, outputAddresses: usize): void {
  const outputs = word(program, layout.SECTION_OUTPUT);
  const offsets = word(program, layout.SECTION_OUTPUT_OFFSET);
  const addresses = word(program, layout.SECTION_ADDRESS);
  for (let s: u32 = 0; s < count; s++) {
    const output = getU32(outputs, s);
    if (<i32>output >= 0) setF64(addresses, s, getF64(outputAddresses, output) + getF64(offsets, s));
  }
}

/**
 * x86-64 relocations, as far as they are common: addresses, distances, and loads from the GOT that become address
 * computations. The rest (GOT slots, thread-locals, whatever does not fit) is left to arch/x86-64.ts, which also says
 * what is wrong. Sources: x86-64 psABI 1.0, sections 4.4 and 4.4.2.
 */
import {
  MERGE_LEADER,
  OBJECT_EXTENDED,
  OBJECT_FIRST_SECTION,
  OBJECT_SYMBOL_COUNT,
  OBJECT_SYMTAB,
  SECTION_ADDRESS,
  SECTION_EDIT,
  SECTION_ROLE,
} from '../layout';
import { objectRow } from './addresses';
import { mergedOffset, sectionOffsetAddress } from './edits';
import * as elf from './elf';
import { getF64, getU8, getU32, word } from './words';

const R_64: u32 = 1;
const R_PC32: u32 = 2;
const R_PLT32: u32 = 4;
const R_32: u32 = 10;
const R_32S: u32 = 11;
const R_GOTPCRELX: u32 = 41;
const R_REX_GOTPCRELX: u32 = 42;

/** Whether a load from the GOT at `at` (its field, `offset` bytes into a section of `size`) can be rewritten. */
export function rewritesGot(at: usize, offset: u32, size: u32, type: u32, addend: i64): bool {
  if (addend != -4 || offset < 2 || offset + 4 > size) return false;
  const opcode = <u32>load<u8>(at - 2);
  const modrm = <u32>load<u8>(at - 1);
  // mov foo@GOTPCREL(%rip), %reg
  if (opcode == 0x8b) return (modrm & 0xc7) == 0x05;
  if (type == R_REX_GOTPCRELX) return false;
  // call/jmp *foo@GOTPCREL(%rip)
  return opcode == 0xff && (modrm == 0x15 || modrm == 0x25);
}

/** The same for a load of an offset from the thread pointer. */
export function rewritesGotTp(at: usize, offset: u32, size: u32): bool {
  if (offset < 3 || offset + 4 > size) return false;
  const rex = <u32>load<u8>(at - 3);
  const opcode = <u32>load<u8>(at - 2);
  return (rex == 0x48 || rex == 0x4c) && (opcode == 0x8b || opcode == 0x03) && ((<u32>load<u8>(at - 1)) & 0xc7) == 5;
}

/** Address of (symbol + addend) where the addend decides which piece is meant; NaN when it is outside. */
export function pieceAddress(program: usize, symbol: usize, section: u32, addend: i64): f64 {
  const offset = <f64>(<i64>(<u64>load<u32>(symbol + 8)) + addend);
  const edit = <usize>getU32(word(program, SECTION_EDIT), section);
  if (edit == 0 || <u32>getU8(word(program, SECTION_ROLE), section) != elf.ROLE_MERGE) {
    return sectionOffsetAddress(program, section, offset);
  }
  const at = mergedOffset(edit, offset);
  if (at < 0) return NaN;
  return getF64(word(program, SECTION_ADDRESS), <u32>word(edit, MERGE_LEADER)) + at;
}

/** Section of a local symbol of an object whose first section is `first`; -1 when it is in none. */
// @ts-expect-error: decorator
@inline
export function localSection(symbol: usize, index: u32, first: u32, extended: usize): i32 {
  const section = <u32>load<u16>(symbol + 6);
  if (section == elf.SHN_XINDEX && extended != 0) return first + getU32(extended, index);
  return section == 0 || section >= elf.SHN_LORESERVE ? -1 : first + section;
}

/**
 * Applies relocations [from, count) of a section of `size` bytes, which are at `out` and will be at `address`. Returns
 * `count`, or the first that is left to the caller. `places`: where each relocation now stands (-1: gone), or 0;
 * `addresses`, `special`: of the object's symbols; `alloc`: 0 for sections that are not loaded.
 */
export function applyX8664(
  program: usize,
  relocs: usize,
  from: u32,
  count: u32,
  out: usize,
  size: u32,
  address: f64,
  places: usize,
  addresses: usize,
  special: usize,
  object: u32,
  alloc: u32,
  relax: u32,
): u32 {
  const row = objectRow(program, object);
  const symbolCount = <u32>word(row, OBJECT_SYMBOL_COUNT);
  const symtab = word(row, OBJECT_SYMTAB);
  const firstSection = <u32>word(row, OBJECT_FIRST_SECTION);
  const extended = word(row, OBJECT_EXTENDED);
  for (let r = from; r < count; r++) {
    const at = relocs + r * elf.RELA_SIZE;
    const type = load<u32>(at + 8);
    const sym = load<u32>(at + 12);
    let offset = load<u32>(at);
    if (places != 0) {
      const place = <i32>getU32(places, r);
      if (place < 0) continue;
      offset = place;
    }
    if (load<u32>(at + 4) != 0 || sym >= symbolCount) return r;
    const flags = <u32>getU8(special, sym);
    const addend = load<i64>(at + 16);
    let target: f64;
    if (flags == 0) {
      target = getF64(addresses, sym) + <f64>addend;
    } else if ((flags & ~(elf.SPECIAL_MERGE | elf.SPECIAL_EDITED)) == 0) {
      const symbol = symtab + sym * elf.SYM_SIZE;
      const section = localSection(symbol, sym, firstSection, extended);
      if (section < 0) return r;
      target = pieceAddress(program, symbol, section, addend);
      if (target != target) return r;
    } else if ((flags & elf.SPECIAL_DEAD) != 0 && alloc == 0 && (type == R_64 || type == R_32)) {
      target = 0; // Debug information of code that is gone.
    } else {
      return r;
    }
    const place = out + offset;
    const width: u32 = type == R_64 ? 8 : 4;
    if (<u64>offset + width > <u64>size) return r;
    switch (type) {
      case R_PC32:
      case R_PLT32: {
        const value = target - (address + <f64>offset);
        if (value < -2147483648 || value > 2147483647) return r;
        store<i32>(place, <i32>value);
        break;
      }
      case R_64:
        if (target > 9007199254740991 || target < -9007199254740991) return r;
        store<i64>(place, <i64>target);
        break;
      case R_32:
        if (target < 0 || target > 4294967295) return r;
        store<u32>(place, <u32>target);
        break;
      case R_32S:
        if (target < -2147483648 || target > 2147483647) return r;
        store<i32>(place, <i32>target);
        break;
      case R_GOTPCRELX:
      case R_REX_GOTPCRELX: {
        if (relax == 0 || !rewritesGot(place, offset, size, type, addend)) return r;
        const value = target - (address + <f64>offset);
        if (value < -2147483648 || value > 2147483646) return r;
        rewriteGotLoad(place, <i32>value);
        break;
      }
      default:
        return r;
    }
  }
  return count;
}

/** Rewrites a load from the GOT: `distance` is from the field to the symbol, less the field's own 4 bytes. */
function rewriteGotLoad(place: usize, distance: i32): void {
  if (load<u8>(place - 2) == 0x8b) {
    store<u8>(place - 2, 0x8d); // lea foo(%rip), %reg
    store<i32>(place, distance);
  } else if (load<u8>(place - 1) == 0x15) {
    store<u8>(place - 2, 0x67); // addr32 call foo
    store<u8>(place - 1, 0xe8);
    store<i32>(place, distance);
  } else {
    store<u8>(place - 2, 0xe9); // jmp foo; nop
    store<i32>(place - 1, distance + 1);
    store<u8>(place + 3, 0x90);
  }
}

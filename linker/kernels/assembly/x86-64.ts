/**
 * x86-64 relocations, as far as they are common: addresses, distances, and loads from the GOT that become address
 * computations; slots that are known, and thread-locals of initial-exec and local-exec code. The rest, and whatever
 * does not fit, is left to arch/x86-64.ts, which also says what is wrong. Sources: x86-64 psABI 1.0, sections 4.4 and 4.4.2.
 */
import * as layout from '../layout';
import { localSection, pieceAddress } from './addresses';
import * as elf from './elf';
import { getF64, getU8, getU32, word } from './words';

const R_64: u32 = 1;
const R_PC32: u32 = 2;
const R_PLT32: u32 = 4;
const R_GOTPCREL: u32 = 9;
const R_32: u32 = 10;
const R_32S: u32 = 11;
const R_GOTTPOFF: u32 = 22;
const R_TPOFF32: u32 = 23;
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
  return (rex == 0x48 || rex == 0x4c) && (opcode == 0x8b || opcode == 0x03) && (<u32>load<u8>(at - 1) & 0xc7) == 5;
}

/** Slot in the GOT of a global symbol of an object, -1 when it has none (or is no global). */
export function slotOf(program: usize, row: usize, sym: u32): i32 {
  const firstGlobal = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  if (sym < firstGlobal) return -1;
  const ref = <u32>word(row, layout.OBJECT_FIRST_GLOBAL_REF) + sym - firstGlobal;
  return <i32>getU32(word(program, layout.GOT_SLOTS), getU32(word(program, layout.GLOBAL_REFS), ref)) - 1;
}

/** Whether a value fits a signed field of 32 bits. */
function fits32(value: f64): bool {
  return value >= -2147483648 && value <= 2147483647;
}

/**
 * Applies relocations [from, count) of section `s` of the object with row `row`; its bytes are at `out`. Returns
 * `count`, or the first that is left to the caller. `places`: where each relocation now stands (-1: gone), or 0.
 * `block` is the writing phase's.
 */
export function applyX8664(
  program: usize,
  block: usize,
  row: usize,
  s: u32,
  from: u32,
  out: usize,
  places: usize,
): u32 {
  const relocs = <usize>getU32(word(program, layout.SECTION_RELOCS), s);
  const count = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
  const size = <u32>getF64(word(program, layout.SECTION_SIZE), s);
  const address = getF64(word(program, layout.SECTION_ADDRESS), s);
  const alloc = (getU32(word(program, layout.SECTION_FLAGS), s) & elf.SHF_ALLOC) != 0;
  const addresses = word(block, layout.WRITE_ADDRESS);
  const special = word(block, layout.WRITE_SPECIAL);
  const relax = word(block, layout.WRITE_RELAX) != 0;
  const symbolCount = <u32>word(row, layout.OBJECT_SYMBOL_COUNT);
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
    let target = getF64(addresses, sym) + <f64>addend;
    if ((flags & (elf.SPECIAL_MERGE | elf.SPECIAL_EDITED)) != 0) {
      const symbol = word(row, layout.OBJECT_SYMTAB) + sym * elf.SYM_SIZE;
      const section = localSection(
        symbol,
        sym,
        <u32>word(row, layout.OBJECT_FIRST_SECTION),
        word(row, layout.OBJECT_EXTENDED),
      );
      if (section < 0) return r;
      target = pieceAddress(program, symbol, section, addend);
      if (Number.isNaN(target)) return r;
    } else if ((flags & elf.SPECIAL_DEAD) != 0) {
      // Debug information of code that is gone.
      if (alloc || (type != R_64 && type != R_32)) return r;
      target = 0;
    }
    const place = out + offset;
    if (<u64>offset + (type == R_64 ? 8 : 4) > <u64>size) return r;
    const distance = target - (address + <f64>offset);
    switch (type) {
      case R_PC32:
      case R_PLT32:
        if (fits32(distance)) store<i32>(place, <i32>distance);
        // A weak symbol that nothing defines is at 0: reached or not, a guarded call must link.
        else if ((flags & elf.SPECIAL_UNDEFINED) != 0) store<i32>(place, 0);
        else return r;
        break;
      case R_64:
        if (target > 9007199254740991 || target < -9007199254740991) return r;
        store<i64>(place, <i64>target);
        break;
      case R_32:
        if (target < 0 || target > 4294967295) return r;
        store<u32>(place, <u32>target);
        break;
      case R_32S:
        if (!fits32(target)) return r;
        store<i32>(place, <i32>target);
        break;
      case R_GOTPCREL:
      case R_GOTPCRELX:
      case R_REX_GOTPCRELX: {
        const plain = relax && (flags & (elf.SPECIAL_UNDEFINED | elf.SPECIAL_ABSOLUTE)) == 0;
        if (type != R_GOTPCREL && plain && rewritesGot(place, offset, size, type, addend)) {
          if (!fits32(distance + 1)) return r;
          rewriteGotLoad(place, <i32>distance);
          break;
        }
        const slot = slotOf(program, row, sym);
        if (slot < 0) return r;
        const value = getF64(block, layout.WRITE_GOT) + <f64>slot * 8 + <f64>addend - (address + <f64>offset);
        if (!fits32(value)) return r;
        store<i32>(place, <i32>value);
        break;
      }
      case R_GOTTPOFF: {
        if (flags != 0 || !rewritesGotTp(place, offset, size)) return r;
        // The constant counts from the thread pointer, not from the end of the instruction.
        const value = target + 4 - getF64(block, layout.WRITE_THREAD_POINTER);
        if (!fits32(value)) return r;
        rewriteInitialExec(place, <i32>value);
        break;
      }
      case R_TPOFF32: {
        const value = target - getF64(block, layout.WRITE_THREAD_POINTER);
        if (flags != 0 || !fits32(value)) return r;
        store<i32>(place, <i32>value);
        break;
      }
      default:
        return r;
    }
  }
  return count;
}

/** `mov`/`add x@gottpoff(%rip), %reg` becomes `mov`/`lea`/`add` of the constant. */
function rewriteInitialExec(place: usize, value: i32): void {
  const extended = load<u8>(place - 3) == 0x4c;
  const register = (<u32>load<u8>(place - 1) >> 3) & 7;
  if (load<u8>(place - 2) == 0x8b) {
    store<u8>(place - 3, extended ? 0x49 : 0x48); // mov $tpoff, %reg
    store<u8>(place - 2, 0xc7);
    store<u8>(place - 1, <u8>(0xc0 | register));
  } else if (register == 4) {
    store<u8>(place - 3, extended ? 0x49 : 0x48); // add $tpoff, %rsp/%r12
    store<u8>(place - 2, 0x81);
    store<u8>(place - 1, <u8>(0xc0 | register));
  } else {
    store<u8>(place - 3, extended ? 0x4d : 0x48); // lea tpoff(%reg), %reg
    store<u8>(place - 2, 0x8d);
    store<u8>(place - 1, <u8>(0x80 | (register << 3) | register));
  }
  store<i32>(place, value);
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

/**
 * AArch64 relocations. All arithmetic is here; the caller (arch/aarch64.ts) finds the slots of the GOT that a kernel does
 * not know, the veneers of branches that do not reach, and says what is wrong.
 *
 * An executable knows where its thread-locals are, so every TLS sequence becomes the constant from the thread pointer:
 * general dynamic, local dynamic, descriptors and initial exec alike. The first two call __tls_get_addr: that call, and
 * its relocation, go away.
 * Sources: AAELF64 2023Q3, section 5.7; "ELF for the Arm 64-bit Architecture", "TLS descriptors"; Arm ARM for encodings.
 */
import * as R from '../aarch64-numbers';
import * as layout from '../layout';
import {
  checkEither,
  checkUnsigned,
  MOVK,
  MOVZ,
  NOP,
  notInSequence,
  setAdr,
  setDistance,
  setImmediate12,
  setLoad15,
  setLoadStore,
  setMove,
  setSignedMoveWide,
} from './aarch64-fields';
import {
  applyMoveAddress,
  applyMoveDistance,
  applyOffset,
  highHalf,
  lowLoadStore,
  signedGroup,
} from './aarch64-pieces';
import { localSection, objectRow, pieceAddress } from './addresses';
import * as elf from './elf';
import { because, checkBits, overflow, reportTo, stopped } from './reasons';
import { getF64, getU8, getU32, word } from './words';
import { slotOf } from './x86-64';

// What the current section and link are: see applyAarch64.
let program: usize = 0;
let row: usize = 0;
let relocs: usize = 0;
let count: u32 = 0;
let out: usize = 0;
let size: u64 = 0;
let address: i64 = 0;
let places: usize = 0;
let alloc: bool = false;
let pie: bool = false;
let threadPointer: i64 = 0;
let tlsStart: i64 = 0;
let gotAddress: i64 = 0;
/** Address of the slot or veneer that the first relocation needs; NaN when it is not known. */
let found: f64 = NaN;
/** Relocations after the current one that its rewrite has taken care of. */
let consumed: u32 = 0;

/**
 * Applies the relocations from `from` on of section `s`, whose bytes are at `to`. Returns their number, or the first
 * that was not applied: RESULT then says why. `newPlaces`: where each relocation stands in a section whose records moved
 * (-1: gone), else 0. `symbolAddresses` and `symbolSpecial` are the object's. `firstFound`: address of the slot or veneer
 * that relocation `from` asked for, else NaN.
 */
export function applyAarch64(
  inProgram: usize,
  s: u32,
  from: u32,
  firstFound: f64,
  to: usize,
  newPlaces: usize,
  symbolAddresses: usize,
  symbolSpecial: usize,
): u32 {
  program = inProgram;
  reportTo(program);
  const block = word(program, layout.WRITING);
  pie = word(block, layout.WRITE_PIE) != 0;
  threadPointer = <i64>getF64(block, layout.WRITE_THREAD_POINTER);
  tlsStart = <i64>getF64(block, layout.WRITE_TLS_START);
  gotAddress = <i64>getF64(block, layout.WRITE_GOT);
  relocs = getU32(word(program, layout.SECTION_RELOCS), s);
  count = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
  address = <i64>getF64(word(program, layout.SECTION_ADDRESS), s);
  size = <u64>getF64(word(program, layout.SECTION_SIZE), s);
  alloc = (getU32(word(program, layout.SECTION_FLAGS), s) & elf.SHF_ALLOC) != 0;
  out = to;
  places = newPlaces;
  row = objectRow(program, getU32(word(program, layout.SECTION_OBJECT), s));
  found = firstFound;
  return applyFrom(from, symbolAddresses, symbolSpecial);
}

function applyFrom(from: u32, addresses: usize, special: usize): u32 {
  const symbolCount = <u32>word(row, layout.OBJECT_SYMBOL_COUNT);
  for (let r = from; r < count; r++) {
    const at = relocs + r * elf.RELA_SIZE;
    const type = load<u32>(at + 8);
    let offset = load<u32>(at);
    if (places != 0) {
      offset = getU32(places, r);
      if (<i32>offset < 0) continue;
    }
    if (<u64>offset + widthOf(type) > size || load<u32>(at + 4) != 0) return stopped(r, layout.APPLY_OUTSIDE);
    const sym = load<u32>(at + 12);
    if (sym >= symbolCount && sym != 0) return stopped(r, layout.APPLY_SYMBOL);
    const flags = <u32>getU8(special, sym);
    const addend = load<i64>(at + 16);
    let target = <i64>getF64(addresses, sym) + addend;
    if ((flags & (elf.SPECIAL_DEAD | elf.SPECIAL_MERGE | elf.SPECIAL_EDITED)) != 0) {
      if ((flags & elf.SPECIAL_DEAD) != 0) {
        if (alloc && type != R.NONE && type != R.NONE_OLD) return stopped(r, layout.APPLY_DEAD);
        // Debug information about code that is gone.
        if (type == R.ABS64) store<u64>(out + offset, 0);
        else if (type == R.ABS32) store<u32>(out + offset, 0);
        continue;
      }
      const piece = pieceOf(sym, addend);
      if (Number.isNaN(piece)) return stopped(r, layout.APPLY_PIECE);
      target = <i64>piece;
    }
    consumed = 0;
    const why = applyField(r, type, sym, flags, offset, target, addend);
    if (why != 0) return stopped(r, why);
    r += consumed;
    found = NaN;
  }
  return count;
}

/** Bytes that a type's field takes. */
function widthOf(type: u32): u32 {
  switch (type) {
    case R.NONE:
    case R.NONE_OLD:
      return 0;
    case R.ABS16:
    case R.PREL16:
      return 2;
    case R.ABS64:
    case R.PREL64:
    case R.GOTREL64:
    case R.TLS_DTPREL64:
      return 8;
    default:
      return 4;
  }
}

/** Address of a symbol and addend of which the addend decides which piece is meant; NaN when it is outside. */
function pieceOf(sym: u32, addend: i64): f64 {
  const symbol = word(row, layout.OBJECT_SYMTAB) + sym * elf.SYM_SIZE;
  const first = <u32>word(row, layout.OBJECT_FIRST_SECTION);
  const home = localSection(symbol, sym, first, word(row, layout.OBJECT_EXTENDED));
  return home < 0 ? NaN : pieceAddress(program, symbol, home, addend);
}

function page(value: i64): i64 {
  return value & ~(<i64>0xfff);
}

/** Whether a type's number lies in [first, last]. */
function isWithin(type: u32, first: i32, last: i32): bool {
  return type >= <u32>first && type <= <u32>last;
}

/** Applies one relocation; returns 0 or why it was not applied. */
function applyField(r: u32, type: u32, sym: u32, flags: u32, offset: u32, target: i64, addend: i64): u32 {
  const place = out + offset;
  const here = address + <i64>offset;
  if (isWithin(type, R.TLSGD_ADR_PAGE21, R.TLSLD_LDST128_DTPREL_LO12_NC)) {
    const isUndefined = (flags & elf.SPECIAL_UNDEFINED) != 0;
    const fromStart = isUndefined ? addend : target - tlsStart;
    return applyThreadLocal(r, type, place, offset, isUndefined ? addend : target - threadPointer, fromStart);
  }
  let why: u32 = 0;
  switch (type) {
    case R.NONE:
    case R.NONE_OLD:
      return 0;
    case R.ABS64:
      store<i64>(place, target);
      return 0;
    case R.ABS32:
      why = checkEither(target, 32);
      if (why == 0) store<u32>(place, <u32>target);
      return why;
    case R.ABS16:
      why = checkEither(target, 16);
      if (why == 0) store<u16>(place, <u16>target);
      return why;
    case R.PREL64:
      store<i64>(place, target - here);
      return 0;
    case R.PREL32:
      // A weak symbol that nothing defines is at 0: reached or not, what asks for it must link.
      if ((flags & elf.SPECIAL_UNDEFINED) != 0 && checkEither(target - here, 32) != 0) {
        store<u32>(place, 0);
        return 0;
      }
      why = checkEither(target - here, 32);
      if (why == 0) store<u32>(place, <u32>(target - here));
      return why;
    case R.PLT32:
      why = checkBits(target - here, 32);
      if (why == 0) store<u32>(place, <u32>(target - here));
      return why;
    case R.PREL16:
      why = checkEither(target - here, 16);
      if (why == 0) store<u16>(place, <u16>(target - here));
      return why;
    case R.ADD_ABS_LO12_NC:
    case R.LDST8_ABS_LO12_NC:
      setImmediate12(place, <u32>target);
      return 0;
    case R.LDST16_ABS_LO12_NC:
      return setLoadStore(place, target, 1);
    case R.LDST32_ABS_LO12_NC:
      return setLoadStore(place, target, 2);
    case R.LDST64_ABS_LO12_NC:
      return setLoadStore(place, target, 3);
    case R.LDST128_ABS_LO12_NC:
      return setLoadStore(place, target, 4);
    case R.GOTREL64:
      store<i64>(place, target - gotAddress);
      return 0;
    case R.GOTREL32:
      why = checkBits(target - gotAddress, 32);
      if (why == 0) store<u32>(place, <u32>(target - gotAddress));
      return why;
    case R.TLS_DTPREL64:
      store<i64>(place, target - tlsStart);
      return 0;
  }
  if (isWithin(type, R.MOVW_UABS_G0, R.MOVW_SABS_G2)) return applyMoveAddress(type, place, target);
  if (isWithin(type, R.MOVW_PREL_G0, R.MOVW_PREL_G3)) return applyMoveDistance(type, place, target - here);
  if (isWithin(type, R.MOVW_GOTOFF_G0, R.GOTPCREL32)) return applySlot(type, sym, place, here, addend);
  return applyDistance(type, flags, place, here, target);
}

// --- distances

function applyDistance(type: u32, flags: u32, place: usize, here: i64, target: i64): u32 {
  const distance = target - here;
  const isUndefined = (flags & elf.SPECIAL_UNDEFINED) != 0;
  // What does not move with the image has no distance from what does.
  if (pie && alloc && (flags & elf.SPECIAL_ABSOLUTE) != 0) return layout.APPLY_FIXED;
  let why: u32 = 0;
  switch (type) {
    case R.ADR_PREL_PG_HI21:
      if (isUndefined) return setNull(place, page(target));
      why = checkBits(page(target) - page(here), 33);
      if (why == 0) setAdr(place, (page(target) - page(here)) >> 12);
      return why;
    case R.ADR_PREL_PG_HI21_NC:
      if (isUndefined) return setNull(place, page(target));
      setAdr(place, (page(target) - page(here)) >> 12);
      return 0;
    case R.ADR_PREL_LO21:
      if (isUndefined) return setNull(place, target);
      why = checkBits(distance, 21);
      if (why == 0) setAdr(place, distance);
      return why;
    case R.LD_PREL_LO19:
      return setDistance(place, distance, 19, 5);
    // A branch to a weak symbol that nothing defines is guarded by a test and must only link.
    case R.CONDBR19:
      return setDistance(place, isUndefined ? 4 : distance, 19, 5);
    case R.TSTBR14:
      return setDistance(place, isUndefined ? 4 : distance, 14, 5);
    case R.CALL26:
    case R.JUMP26:
      if (isUndefined) {
        store<u32>(place, NOP);
        return 0;
      }
      return applyCall(place, here, distance);
    default:
      return layout.APPLY_UNKNOWN;
  }
}

/** The address of a weak symbol that nothing defines: a number that does not move with the image. */
function setNull(place: usize, value: i64): u32 {
  const why = checkUnsigned(value, 16);
  if (why == 0) setMove(place, MOVZ, load<u32>(place) & 31, <u32>value);
  return why;
}

function applyCall(place: usize, here: i64, distance: i64): u32 {
  const why = setDistance(place, distance, 26, 0);
  if (why != layout.APPLY_OVERFLOW) return why;
  if (Number.isNaN(found)) return layout.APPLY_NEEDS_SLOT;
  return setDistance(place, <i64>found - here, 26, 0);
}

// --- slots of the GOT

function applySlot(type: u32, sym: u32, place: usize, here: i64, addend: i64): u32 {
  // A slot holds S + A; those of one symbol are shared, so A has to be 0.
  if (addend != 0) return because(layout.APPLY_SLOT_ADDEND, addend);
  let at = found;
  if (Number.isNaN(at)) {
    const slot = slotOf(program, row, sym);
    if (slot < 0) return layout.APPLY_NEEDS_SLOT;
    at = <f64>gotAddress + <f64>slot * 8;
  }
  return writeSlot(type, place, here, <i64>at);
}

function writeSlot(type: u32, place: usize, here: i64, slot: i64): u32 {
  let why: u32 = 0;
  switch (type) {
    case R.ADR_GOT_PAGE:
      why = checkBits(page(slot) - page(here), 33);
      if (why == 0) setAdr(place, (page(slot) - page(here)) >> 12);
      return why;
    case R.LD64_GOT_LO12_NC:
      return setLoadStore(place, slot, 3);
    case R.LD64_GOTPAGE_LO15:
      return setLoad15(place, slot - page(gotAddress));
    case R.LD64_GOTOFF_LO15:
      return setLoad15(place, slot - gotAddress);
    case R.GOT_LD_PREL19:
    case R.TLSIE_LD_GOTTPREL_PREL19:
      return setDistance(place, slot - here, 19, 5);
    case R.GOTPCREL32:
      why = checkBits(slot - here, 32);
      if (why == 0) store<u32>(place, <u32>(slot - here));
      return why;
    case R.TLSIE_MOVW_GOTTPREL_G1:
      return signedGroup(place, slot - gotAddress, 1);
    case R.TLSIE_MOVW_GOTTPREL_G0_NC:
      setSignedMoveWide(place, slot - gotAddress, 0);
      return 0;
    case R.MOVW_GOTOFF_G3:
      setSignedMoveWide(place, slot - gotAddress, 3);
      return 0;
    default: {
      if (type > <u32>R.MOVW_GOTOFF_G3) return layout.APPLY_UNKNOWN;
      const group = (type - R.MOVW_GOTOFF_G0) >> 1;
      if (((type - R.MOVW_GOTOFF_G0) & 1) == 0) return signedGroup(place, slot - gotAddress, group);
      setSignedMoveWide(place, slot - gotAddress, group);
      return 0;
    }
  }
}

// --- thread-locals: `value` is the distance from the thread pointer, `start` from the start of the block

function applyThreadLocal(r: u32, type: u32, place: usize, offset: u32, value: i64, start: i64): u32 {
  switch (type) {
    case R.TLSGD_ADR_PAGE21:
    case R.TLSDESC_ADR_PAGE21:
      // adrp x0 -> movz x0, #high, lsl 16
      if ((load<u32>(place) & 0x9f00001f) != 0x90000000) return notInSequence(place);
      return highHalf(place, 0, value);
    case R.TLSGD_ADD_LO12_NC:
      return applyGeneralDynamic(r, place, offset, value);
    case R.TLSLD_ADR_PAGE21:
      // adrp x0 -> mrs x0, tpidr_el0
      if ((load<u32>(place) & 0x9f00001f) != 0x90000000) return notInSequence(place);
      store<u32>(place, 0xd53bd040);
      return 0;
    case R.TLSLD_ADD_LO12_NC:
      return applyLocalDynamic(r, place, offset);
    case R.TLSDESC_LD64_LO12:
      // ldr xN, [x0, #low] -> movk x0, #low
      if ((load<u32>(place) & 0xffc003e0) != 0xf9400000) return notInSequence(place);
      setMove(place, MOVK, 0, <u32>value);
      return checkUnsigned(value, 32);
    case R.TLSDESC_ADD_LO12:
      if ((load<u32>(place) & 0xffc003ff) != 0x91000000) return notInSequence(place);
      store<u32>(place, NOP);
      return 0;
    case R.TLSDESC_CALL:
      if ((load<u32>(place) & 0xfffffc1f) != 0xd63f0000) return notInSequence(place);
      store<u32>(place, NOP);
      return 0;
    case R.TLSIE_ADR_GOTTPREL_PAGE21:
      if ((load<u32>(place) & 0x9f000000) != 0x90000000) return notInSequence(place);
      return highHalf(place, load<u32>(place) & 31, value);
    case R.TLSIE_LD64_GOTTPREL_LO12_NC:
      return applyInitialExec(place, value);
    case R.TLSIE_MOVW_GOTTPREL_G1:
    case R.TLSIE_MOVW_GOTTPREL_G0_NC:
    case R.TLSIE_LD_GOTTPREL_PREL19:
      if (load<i64>(relocs + r * elf.RELA_SIZE + 16) != 0) return because(layout.APPLY_SLOT_ADDEND, value);
      if (Number.isNaN(found)) return layout.APPLY_NEEDS_SLOT;
      return writeSlot(type, place, address + <i64>offset, <i64>found);
    case R.TLSLE_LDST128_TPREL_LO12:
    case R.TLSLE_LDST128_TPREL_LO12_NC:
      return lowLoadStore(place, value, 4, type == R.TLSLE_LDST128_TPREL_LO12);
    case R.TLSLD_LDST128_DTPREL_LO12:
    case R.TLSLD_LDST128_DTPREL_LO12_NC:
      return lowLoadStore(place, start, 4, type == R.TLSLD_LDST128_DTPREL_LO12);
  }
  if (isWithin(type, R.TLSLE_MOVW_TPREL_G2, R.TLSLE_LDST64_TPREL_LO12_NC))
    return applyOffset(type - R.TLSLE_MOVW_TPREL_G2, place, value);
  if (isWithin(type, R.TLSLD_MOVW_DTPREL_G2, R.TLSLD_LDST64_DTPREL_LO12_NC))
    return applyOffset(type - R.TLSLD_MOVW_DTPREL_G2, place, start);
  return layout.APPLY_UNKNOWN;
}

/** `ldr xT, [xN, #low]` after `movz xN, #high, lsl 16`: movk when both are one register. */
function applyInitialExec(place: usize, value: i64): u32 {
  const instruction = load<u32>(place);
  if ((instruction & 0xffc00000) != 0xf9400000) return notInSequence(place);
  const register = instruction & 31;
  if (((instruction >> 5) & 31) == register) {
    setMove(place, MOVK, register, <u32>value);
    return checkUnsigned(value, 32);
  }
  // Nothing of the other register is kept, so all has to fit this one instruction.
  const why = checkUnsigned(value, 16);
  if (why == 0) setMove(place, MOVZ, register, <u32>value);
  return why;
}

/** Whether `add x0, x0, #low; bl __tls_get_addr; nop` is at `place`, and the call's relocation is next. */
function isCallSequence(r: u32, place: usize, offset: u32): bool {
  const next = relocs + (r + 1) * elf.RELA_SIZE;
  return (
    <u64>offset + 12 <= size &&
    (load<u32>(place) & 0xffc003ff) == 0x91000000 &&
    (load<u32>(place + 4) & 0xfc000000) == 0x94000000 &&
    load<u32>(place + 8) == NOP &&
    r + 1 < count &&
    load<u64>(next) == <u64>offset + 4 &&
    load<u32>(next + 8) == R.CALL26
  );
}

function applyGeneralDynamic(r: u32, place: usize, offset: u32, value: i64): u32 {
  if (!isCallSequence(r, place, offset)) return notInSequence(place);
  setMove(place, MOVK, 0, <u32>value);
  store<u32>(place + 4, 0xd53bd041); // mrs x1, tpidr_el0
  store<u32>(place + 8, 0x8b000020); // add x0, x1, x0
  consumed = 1;
  return checkUnsigned(value, 32);
}

/** What local-dynamic code adds its variables' offsets to: the start of the block. */
function applyLocalDynamic(r: u32, place: usize, offset: u32): u32 {
  if (!isCallSequence(r, place, offset)) return notInSequence(place);
  const start = tlsStart - threadPointer;
  // Alignments are powers of two: beyond 12 bits the low ones are zero.
  const isWide = start > 0xfff;
  if (start >= 0x1000000) return overflow(start, 0, 0xfff000);
  store<u32>(place, (isWide ? 0x91400000 : 0x91000000) | ((<u32>(isWide ? start >> 12 : start)) << 10));
  store<u32>(place + 4, NOP);
  consumed = 1;
  return 0;
}

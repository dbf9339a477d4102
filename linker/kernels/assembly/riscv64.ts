/**
 * RISC-V relocations. All arithmetic is here; the caller (arch/riscv64.ts) finds the slots of the GOT and says what is
 * wrong. Addresses are 64-bit integers that wrap, as the machine's do.
 *
 * Debug information consists of differences of labels, ADD and SUB pairs by the million: these come first and inline.
 * Sources: RISC-V ELF psABI 1.0, chapter 8 "Relocations"; RISC-V unprivileged ISA for the encodings.
 */
import * as layout from '../layout';
import * as R from '../riscv64-numbers';
import { localSection, objectRow, pieceAddress } from './addresses';
import * as elf from './elf';
import { about, because, checkBits, checkJump, overflow, reportTo, stopped, stoppedAt } from './reasons';
import {
  setBase,
  setBType,
  setCbType,
  setCiLui,
  setCjType,
  setIType,
  setJType,
  setSType,
  setUleb128,
  setUType,
  subtractUleb128,
  widthOf,
} from './riscv64-fields';
import { getF64, getU8, getU32, word } from './words';

/** Relocations at a label among which its high half is looked for: it has a RELAX beside it, no more. */
const MOST_AT_LABEL: u32 = 64;

const GP: i32 = 3;
const TP: i32 = 4;

// What the current section and link are: see applyRiscv64.
let program: usize = 0;
let section: u32 = 0;
let relocs: usize = 0;
let count: u32 = 0;
let out: usize = 0;
let end: usize = 0;
let address: i64 = 0;
let places: usize = 0;
let addresses: usize = 0;
let special: usize = 0;
let symtab: usize = 0;
let symbolCount: u32 = 0;
let firstSection: u32 = 0;
let extended: usize = 0;
let pie: bool = false;
let tlsStart: i64 = 0;
let globalPointer: i64 = 0;
/** Address of the slot that the first relocation needs; NaN when it is not known. */
let slot: f64 = NaN;
/** Input offset of the last high half that was applied (-1: none), and its distance. */
let lastLabel: i64 = -1;
let lastHigh: i64 = 0;
/** What findHigh found. */
let high: i64 = 0;
let isAbsolute: bool = false;

/**
 * Applies the relocations from `from` on of section `s`, whose bytes are at `to`. Returns their number, or the first
 * that was not applied: RESULT then says why, RESULT + 1 which relocation it is about. `newPlaces`: where each
 * relocation stands in a section whose records moved (-1: gone), else 0. `symbolAddresses` and `symbolSpecial` are the
 * object's. `firstSlot`: address of the slot that relocation `from` asked for, else NaN.
 */
export function applyRiscv64(
  inProgram: usize,
  s: u32,
  from: u32,
  firstSlot: f64,
  to: usize,
  newPlaces: usize,
  symbolAddresses: usize,
  symbolSpecial: usize,
): u32 {
  program = inProgram;
  reportTo(program);
  const block = word(program, layout.WRITING);
  pie = word(block, layout.WRITE_PIE) != 0;
  tlsStart = <i64>getF64(block, layout.WRITE_TLS_START);
  globalPointer = <i64>getF64(block, layout.WRITE_GLOBAL_POINTER);
  section = s;
  relocs = getU32(word(program, layout.SECTION_RELOCS), s);
  count = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
  address = <i64>getF64(word(program, layout.SECTION_ADDRESS), s);
  const size = <u64>getF64(word(program, layout.SECTION_SIZE), s);
  out = to;
  end = to + <usize>size;
  places = newPlaces;
  let types: usize = 0;
  if (
    getU32(word(program, layout.SECTION_EDIT), s) != 0 &&
    <u32>getU8(word(program, layout.SECTION_ROLE), s) == elf.ROLE_REGULAR
  ) {
    const relaxation = word(program, layout.RELAXATION);
    places = word(relaxation, layout.RELAX_PLACES);
    types = word(relaxation, layout.RELAX_TYPES);
  }
  addresses = symbolAddresses;
  special = symbolSpecial;
  const object = objectRow(program, getU32(word(program, layout.SECTION_OBJECT), s));
  symtab = word(object, layout.OBJECT_SYMTAB);
  symbolCount = <u32>word(object, layout.OBJECT_SYMBOL_COUNT);
  firstSection = <u32>word(object, layout.OBJECT_FIRST_SECTION);
  extended = word(object, layout.OBJECT_EXTENDED);
  slot = firstSlot;
  lastLabel = -1;
  return applyFrom(from, size, types);
}

function applyFrom(from: u32, size: u64, types: usize): u32 {
  const alloc = (getU32(word(program, layout.SECTION_FLAGS), section) & elf.SHF_ALLOC) != 0;
  for (let r = from; r < count; r++) {
    const at = relocs + r * elf.RELA_SIZE;
    let type = load<u32>(at + 8);
    let offset = load<u32>(at);
    if (places != 0) {
      offset = getU32(places, r);
      if (<i32>offset < 0) continue;
      if (types != 0) type = getU8(types, r);
    }
    if (type > 255 || <u64>offset + widthOf(type) > size || load<u32>(at + 4) != 0)
      return stopped(r, layout.APPLY_OUTSIDE);
    const sym = load<u32>(at + 12);
    if (sym >= symbolCount && sym != 0) return stopped(r, layout.APPLY_SYMBOL);
    const flags = <u32>getU8(special, sym);
    const addend = load<i64>(at + 16);
    const place = out + offset;
    let target = <i64>getF64(addresses, sym) + addend;
    if ((flags & (elf.SPECIAL_DEAD | elf.SPECIAL_MERGE | elf.SPECIAL_EDITED)) != 0) {
      if ((flags & elf.SPECIAL_DEAD) != 0) {
        if (alloc && type != R.NONE && type != R.RELAX) return stopped(r, layout.APPLY_DEAD);
        // Debug information about code that is gone; differences of two dropped labels stay what they are.
        if (type == R.R64) store<u64>(place, 0);
        else if (type == R.R32) store<u32>(place, 0);
        continue;
      }
      const piece = pieceOf(sym, addend);
      if (Number.isNaN(piece)) return stopped(r, layout.APPLY_PIECE);
      target = <i64>piece;
    }
    switch (type) {
      case R.ADD32:
        store<u32>(place, load<u32>(place) + <u32>target);
        break;
      case R.SUB32:
        store<u32>(place, load<u32>(place) - <u32>target);
        break;
      case R.ADD16:
        store<u16>(place, load<u16>(place) + <u16>target);
        break;
      case R.SUB16:
        store<u16>(place, load<u16>(place) - <u16>target);
        break;
      case R.SET6:
        store<u8>(place, (load<u8>(place) & 0xc0) | (<u8>target & 0x3f));
        break;
      case R.SUB6:
        store<u8>(place, (load<u8>(place) & 0xc0) | ((load<u8>(place) - <u8>target) & 0x3f));
        break;
      case R.ADD8:
        store<u8>(place, load<u8>(place) + <u8>target);
        break;
      case R.SUB8:
        store<u8>(place, load<u8>(place) - <u8>target);
        break;
      case R.SET8:
        store<u8>(place, <u8>target);
        break;
      case R.SET16:
        store<u16>(place, <u16>target);
        break;
      case R.SET32:
        store<u32>(place, <u32>target);
        break;
      case R.ADD64:
        store<i64>(place, load<i64>(place) + target);
        break;
      case R.SUB64:
        store<i64>(place, load<i64>(place) - target);
        break;
      case R.R64:
        store<i64>(place, target);
        break;
      case R.NONE:
      case R.RELAX:
      case R.ALIGN:
      case R.TPREL_ADD:
        break;
      default: {
        const why = applyField(r, type, sym, flags, offset, target, addend);
        if (why != 0) return isAboutHigh(why) ? stoppedAt(r, why) : stopped(r, why);
      }
    }
    slot = NaN;
  }
  return count;
}

/** Whether findHigh has noted which relocation the reason is about: a low half may stop for its high half. */
function isAboutHigh(why: u32): bool {
  return why == layout.APPLY_NEEDS_SLOT || why == layout.APPLY_SYMBOL || why == layout.APPLY_PIECE;
}

/** Address of a symbol and addend of which the addend decides which piece is meant; NaN when it is outside. */
function pieceOf(sym: u32, addend: i64): f64 {
  const symbol = symtab + sym * elf.SYM_SIZE;
  const home = localSection(symbol, sym, firstSection, extended);
  return home < 0 ? NaN : pieceAddress(program, symbol, home, addend);
}

/** Applies a relocation whose value must fit a field; returns 0 or why it was not applied. */
function applyField(r: u32, type: u32, sym: u32, flags: u32, offset: u32, target: i64, addend: i64): u32 {
  const place = out + offset;
  const isUndefined = (flags & elf.SPECIAL_UNDEFINED) != 0;
  // A call of an undefined weak symbol is guarded by a test and must only link.
  const distance = isUndefined && type != R.R32_PCREL ? 0 : target - address - <i64>offset;
  let why: u32 = 0;
  switch (type) {
    case R.R32:
      if (target < -0x80000000 || target > 0xffffffff) return overflow(target, -0x80000000, 0xffffffff);
      store<u32>(place, <u32>target);
      return 0;
    case R.R32_PCREL:
    case R.PLT32:
      why = checkBits(distance, 32);
      if (why == 0) store<u32>(place, <u32>distance);
      return why;
    case R.BRANCH:
      why = checkJump(distance, 13);
      if (why == 0) setBType(place, <i32>distance);
      return why;
    case R.JAL:
      why = checkJump(distance, 21);
      if (why == 0) setJType(place, <i32>distance);
      return why;
    case R.RVC_BRANCH:
      why = checkJump(distance, 9);
      if (why == 0) setCbType(place, <i32>distance);
      return why;
    case R.RVC_JUMP:
      why = checkJump(distance, 12);
      if (why == 0) setCjType(place, <i32>distance);
      return why;
    case R.CALL:
    case R.CALL_PLT:
      why = checkBits(distance + 0x800, 32);
      if (why != 0) return why;
      setUType(place, <i32>distance);
      setIType(place + 4, <i32>distance);
      return 0;
    case R.PCREL_HI20:
    case R.GOT_HI20:
    case R.TLS_GOT_HI20:
    case R.TLS_GD_HI20:
      return applyHigh(r, offset);
    case R.PCREL_LO12_I:
      why = findPair(sym);
      if (why == 0) setIType(place, <i32>high);
      return why;
    case R.PCREL_LO12_S:
      why = findPair(sym);
      if (why == 0) setSType(place, <i32>high);
      return why;
    case R.GOT32_PCREL: {
      why = slotDistance(r, addend, offset);
      if (why == 0) why = checkBits(high, 32);
      if (why == 0) store<u32>(place, <u32>high);
      return why;
    }
    case R.HI20:
      why = checkBits(target + 0x800, 32);
      if (why == 0) setUType(place, <i32>target);
      return why;
    case R.RVC_LUI:
      why = checkBits(target + 0x800, 18);
      if (why == 0) setCiLui(place, <i32>target);
      return why;
    case R.LO12_I:
      setIType(place, <i32>target);
      return 0;
    case R.LO12_S:
      setSType(place, <i32>target);
      return 0;
    case R.GP_LO12_I:
    case R.GP_LO12_S: {
      const fromZero = target >= -0x800 && target < 0x800;
      return applyBased(place, fromZero ? target : target - globalPointer, fromZero ? 0 : GP, type == R.GP_LO12_I);
    }
    case R.SET_ULEB128:
      return setUleb128(place, end, target);
    case R.SUB_ULEB128:
      return subtractUleb128(place, end, target);
    case R.TLS_DTPREL64:
      store<i64>(place, target - tlsStart - R.DTP_BIAS);
      return 0;
    default:
      return applyThreadOffset(type, place, isUndefined ? addend : target - tlsStart);
  }
}

/** Offsets from the thread pointer, which points at the start of the block (variant I). */
function applyThreadOffset(type: u32, place: usize, offset: i64): u32 {
  switch (type) {
    case R.TPREL_HI20: {
      const why = checkBits(offset + 0x800, 32);
      if (why == 0) setUType(place, <i32>offset);
      return why;
    }
    case R.TPREL_LO12_I:
      setIType(place, <i32>offset);
      return 0;
    case R.TPREL_LO12_S:
      setSType(place, <i32>offset);
      return 0;
    case R.TP_LO12_I:
    case R.TP_LO12_S:
      return applyBased(place, offset, TP, type == R.TP_LO12_I);
    default:
      return layout.APPLY_UNKNOWN;
  }
}

/** A low half that relaxation made count from another register. */
function applyBased(place: usize, value: i64, register: i32, isLoad: bool): u32 {
  const why = checkBits(value, 12);
  if (why != 0) return why;
  setBase(place, register);
  if (isLoad) setIType(place, <i32>value);
  else setSType(place, <i32>value);
  return 0;
}

// --- pairs

function applyHigh(r: u32, offset: u32): u32 {
  let why = findHigh(r, offset);
  if (why == 0) why = checkBits(high + 0x800, 32);
  if (why != 0) return why;
  const place = out + offset;
  if (isAbsolute) store<u8>(place, (load<u8>(place) & 0x80) | 0x37); // auipc -> lui
  setUType(place, <i32>high);
  // The first of several at one place is the one that a low half means.
  const label = <i64>load<u32>(relocs + r * elf.RELA_SIZE);
  if (label != lastLabel) {
    lastLabel = label;
    lastHigh = high;
  }
  return 0;
}

/** Finds the distance that the high half of relocation `r` stands for; absolute when it is turned into `lui`. */
function findHigh(r: u32, offset: u32): u32 {
  const at = relocs + r * elf.RELA_SIZE;
  const sym = load<u32>(at + 12);
  const addend = load<i64>(at + 16);
  isAbsolute = false;
  about(r);
  if (sym >= symbolCount && sym != 0) return layout.APPLY_SYMBOL;
  if (load<u32>(at + 8) != R.PCREL_HI20) return slotDistance(r, addend, offset);
  const flags = <u32>getU8(special, sym);
  let target = <i64>getF64(addresses, sym) + addend;
  if ((flags & (elf.SPECIAL_MERGE | elf.SPECIAL_EDITED)) != 0) {
    const piece = pieceOf(sym, addend);
    if (Number.isNaN(piece)) return layout.APPLY_PIECE;
    target = <i64>piece;
  }
  high = target - address - <i64>(<i32>offset);
  if ((flags & (elf.SPECIAL_UNDEFINED | elf.SPECIAL_ABSOLUTE)) == 0 || pie) return 0;
  // An undefined weak symbol or a small absolute one may be out of reach of auipc, but not of lui.
  const isFar = high < -0x80000800 || high >= 0x7ffff800;
  if (!isFar || target < -0x80000800 || target >= 0x7ffff800) return 0;
  high = target;
  isAbsolute = true;
  return 0;
}

/** Finds the distance to the slot that relocation `r` asks for. */
function slotDistance(r: u32, addend: i64, offset: u32): u32 {
  about(r);
  if (Number.isNaN(slot)) return layout.APPLY_NEEDS_SLOT;
  high = <i64>slot + addend - address - <i64>(<i32>offset);
  return 0;
}

/** Index of the first relocation at input offset `offset` or after it; relocations are in order of offset. */
function firstAt(offset: u32): u32 {
  let low: u32 = 0;
  let last = count;
  while (low < last) {
    const middle = (low + last) >> 1;
    if (load<u32>(relocs + middle * elf.RELA_SIZE) < offset) low = middle + 1;
    else last = middle;
  }
  return low;
}

function isHigh(type: u32): bool {
  return type == R.PCREL_HI20 || type == R.GOT_HI20 || type == R.TLS_GOT_HI20 || type == R.TLS_GD_HI20;
}

/** Finds the value of a PCREL_LO12's high half, by the label that its symbol is. */
function findPair(sym: u32): u32 {
  if (sym >= symbolCount) return layout.APPLY_LABEL;
  const symbol = symtab + sym * elf.SYM_SIZE;
  const index = <u32>load<u16>(symbol + 6);
  if (index < elf.SHN_LORESERVE && firstSection + index != section) return layout.APPLY_LABEL;
  const label = load<u32>(symbol + 8);
  // Nearly always it is the one before.
  if (<i64>label == lastLabel) {
    high = lastHigh;
    return 0;
  }
  const first = firstAt(label);
  const last = min(count, first + MOST_AT_LABEL);
  for (let i = first; i < last; i++) {
    const at = relocs + i * elf.RELA_SIZE;
    if (load<u32>(at) != label) break;
    if (isHigh(load<u32>(at + 8))) return findHigh(i, places != 0 ? getU32(places, i) : label);
  }
  return because(layout.APPLY_NO_HIGH, label);
}

/**
 * A pass of RISC-V relaxation over all sections at once: how much of what may shrink (relax-candidates.ts) does at the
 * current addresses. Why and when: ../../relax.ts, which also says what is wrong where a pass stops.
 */
import * as layout from '../layout';
import * as R from '../riscv64-numbers';
import { objectRow } from './addresses';
import { destination, keptBytes } from './copy-relaxed';
import { sectionOffsetAddress } from './edits';
import * as elf from './elf';
import { endOf } from './relax-candidates';
import { getF64, getU8, getU32, setF64, setU8, setU32, setWord, word } from './words';

// The program and its block of relaxation.
let program: usize = 0;
let block: usize = 0;

function start(inProgram: usize): void {
  program = inProgram;
  block = word(program, layout.RELAXATION);
}

// What a pass knows besides: whether decisions may only be taken back, the value of the global pointer (NaN: there is
// none) and the start of the thread-local block.
let settling: bool = false;
let globalPointer: f64 = 0;
let tlsStart: f64 = 0;

/**
 * Decides once for all sections; returns RELAX_CHANGED when any size or type changed, RELAX_SAME, or what is wrong.
 * Sizes are set last: decisions of one pass all see the same addresses.
 */
export function relaxPass(inProgram: usize, isSettling: u32, gp: f64, tls: f64): u32 {
  start(inProgram);
  settling = isSettling != 0;
  globalPointer = gp;
  tlsStart = tls;
  const rows = <u32>word(block, layout.RELAX_ROWS);
  let result: u32 = layout.RELAX_SAME;
  for (let row: u32 = 0; row < rows; row++) {
    const found = decideRow(row);
    if (found > <u32>layout.RELAX_CHANGED) return found;
    result |= found;
  }
  if (result == layout.RELAX_CHANGED) for (let row: u32 = 0; row < rows; row++) applyRow(row);
  return result;
}

function wrong(what: u32, row: u32, c: u32): u32 {
  setWord(program, layout.RESULT, row);
  setWord(program, layout.RESULT + 1, c);
  return what;
}

/** Decides for the candidates of one section. */
function decideRow(row: u32): u32 {
  const s = getU32(word(block, layout.RELAX_SECTION), row);
  const address = getF64(word(program, layout.SECTION_ADDRESS), s);
  const size = <u64>getF64(word(program, layout.SECTION_INPUT_SIZE), s);
  const contents = <usize>getU32(word(program, layout.SECTION_OFFSET), s);
  const object = objectRow(program, getU32(word(program, layout.SECTION_OBJECT), s));
  const compressed = (<u32>word(object, layout.OBJECT_FLAGS) & elf.EF_RISCV_RVC) != 0;
  const offsets = word(block, layout.RELAX_OFFSET);
  const kinds = word(block, layout.RELAX_KIND);
  const removes = word(block, layout.RELAX_REMOVE);
  const types = word(block, layout.RELAX_TYPE);
  const first = getU32(word(block, layout.RELAX_FIRST), row);
  const last = getU32(word(block, layout.RELAX_FIRST), row + 1);
  let result: u32 = layout.RELAX_SAME;
  let removed: u32 = 0;
  for (let c = first; c < last; c++) {
    const offset = getU32(offsets, c);
    const kind = <u32>getU8(kinds, c);
    const here = address + <f64>offset - <f64>removed;
    const before = getU32(removes, c);
    const known = <u32>getU8(types, c);
    let count: u32;
    let type: u32 = R.KEEP;
    if (kind == R.ALIGN) {
      const at = relocationOf(s, c);
      const padding = load<i64>(at + 16);
      if (padding <= 0 || load<u64>(at) > size || <u64>padding > size - offset)
        return wrong(layout.RELAX_NO_PADDING, row, c);
      if (c > first && endOf(relocationOf(s, c - 1)) > <u64>offset) return wrong(layout.RELAX_OVERLAP, row, c);
      const needed = neededPadding(<i64>here, padding);
      if (needed > padding) return wrong(layout.RELAX_SHORT_PADDING, row, c);
      count = <u32>(padding - needed);
    } else {
      const decided = decide(kind, targetAddress(c), here, offset, size, contents, compressed);
      count = decided >> 8;
      type = decided & 255;
      if (settling && (count > before || (type != R.KEEP && known == R.KEEP))) {
        count = before;
        type = known;
      }
    }
    if (count != before || type != known) {
      result = layout.RELAX_CHANGED;
      setU32(removes, c, count);
      setU8(types, c, type);
    }
    removed += count;
  }
  return result;
}

/** Address of the relocation that candidate `c` of section `s` is. */
function relocationOf(s: u32, c: u32): usize {
  return (
    <usize>getU32(word(program, layout.SECTION_RELOCS), s) + getU32(word(block, layout.RELAX_RELOC), c) * elf.RELA_SIZE
  );
}

/** Bytes that an ALIGN at `address` needs of its padding, which is the alignment less the shortest instruction. */
function neededPadding(address: i64, padding: i64): i64 {
  let alignment: i64 = 4;
  while (alignment < padding + 2) alignment *= 2;
  return ((address + alignment - 1) & -alignment) - address;
}

/** S + A of candidate `c` now; NaN when there is none. */
function targetAddress(c: u32): f64 {
  const place = <i32>getU32(word(block, layout.RELAX_PLACE), c);
  const value = getF64(word(block, layout.RELAX_VALUE), c);
  const addend = getF64(word(block, layout.RELAX_ADDEND), c);
  if (place == layout.TARGET_ABSOLUTE) return value + addend;
  if (place == layout.TARGET_NONE) return NaN;
  if (place < 0) return getF64(word(program, layout.SYMBOL_VALUE), layout.TARGET_LINKER - place) + addend;
  const hint = getU32(word(block, layout.RELAX_HINT), c);
  if (hint == layout.HINT_NONE) return sectionOffsetAddress(program, place, value) + addend;
  const unmoved = getF64(word(program, layout.SECTION_ADDRESS), place) + value + addend;
  if (hint == 0) return unmoved;
  const before = getU32(word(block, layout.RELAX_BEFORE), hint - 1);
  const here = <f64>(getU32(word(block, layout.RELAX_REMOVED), hint - 1) - before);
  const inside = value - <f64>getU32(word(block, layout.RELAX_AT), hint - 1);
  return unmoved - <f64>before - max(0, min(inside, here));
}

function packed(count: u32, kind: u32): u32 {
  return (count << 8) | kind;
}

function fits12(value: f64): bool {
  return value >= -2048 && value < 2048;
}

/** Bytes removed and the type that takes the place of a relocation at `here`, `offset` bytes into its section. */
function decide(type: u32, target: f64, here: f64, offset: u32, size: u64, contents: usize, compressed: bool): u32 {
  if (Number.isNaN(target)) return R.KEEP;
  switch (type) {
    case R.CALL:
    case R.CALL_PLT: {
      const distance = target - here;
      if (distance < -0x100000 || distance >= 0x100000 || <u64>offset + 8 > size) return R.KEEP;
      // A jalr that keeps no return address may become c.j.
      const jumps = compressed && fits12(distance) && destination(contents + offset + 4) == 0;
      return jumps ? packed(6, R.RVC_JUMP) : packed(4, R.JAL);
    }
    case R.HI20:
      if (<u64>offset + 4 > size) return R.KEEP;
      if (reachesFromRegister(target)) return packed(4, R.NONE);
      return compressed && fitsShortLui(target, destination(contents + offset)) ? packed(2, R.RVC_LUI) : R.KEEP;
    case R.LO12_I:
      return reachesFromRegister(target) ? R.GP_LO12_I : R.KEEP;
    case R.LO12_S:
      return reachesFromRegister(target) ? R.GP_LO12_S : R.KEEP;
    default: {
      if (!fits12(target - tlsStart)) return R.KEEP;
      if (type == R.TPREL_LO12_I) return R.TP_LO12_I;
      if (type == R.TPREL_LO12_S) return R.TP_LO12_S;
      return <u64>offset + 4 > size ? R.KEEP : packed(4, R.NONE);
    }
  }
}

/** Whether `target` can be reached from x0 or gp. */
function reachesFromRegister(target: f64): bool {
  return fits12(target) || fits12(target - globalPointer);
}

/** Whether c.lui can load the high half of `target`: it has 6 bits, not zero, and cannot name x0 and sp. */
function fitsShortLui(target: f64, register: u32): bool {
  if (register == 0 || register == 2 || target < -0x20000 || target >= 0x1f800) return false;
  return (<i32>target + 0x800) >> 12 != 0;
}

/** Rebuilds a section's table of removals and its size. */
function applyRow(row: u32): void {
  const s = getU32(word(block, layout.RELAX_SECTION), row);
  const last = getU32(word(block, layout.RELAX_FIRST), row + 1);
  let total: u32 = 0;
  for (let c = getU32(word(block, layout.RELAX_FIRST), row); c < last; c++) {
    const count = getU32(word(block, layout.RELAX_REMOVE), c);
    let at = getU32(word(block, layout.RELAX_OFFSET), c);
    if (count > 0) at += keptBytes(relocationOf(s, c), count, getU8(word(block, layout.RELAX_TYPE), c));
    setU32(word(block, layout.RELAX_AT), c, at);
    setU32(word(block, layout.RELAX_BEFORE), c, total);
    total += count;
    setU32(word(block, layout.RELAX_REMOVED), c, total);
  }
  setF64(word(program, layout.SECTION_SIZE), s, getF64(word(program, layout.SECTION_INPUT_SIZE), s) - <f64>total);
}

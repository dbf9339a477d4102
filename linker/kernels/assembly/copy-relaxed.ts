/**
 * Copies relaxed RISC-V code: without the bytes that went, with the shorter instructions in place. A pass (relax.ts)
 * has made sure that what is removed lies in its section and does not overlap.
 */
import * as layout from '../layout';
import * as R from '../riscv64-numbers';
import * as elf from './elf';
import { getF64, getU8, getU32, setU8, setU32, word } from './words';

/** Register in bits 7 to 11 of the instruction at `at`: what it writes. */
export function destination(at: usize): u32 {
  return (<u32>load<u16>(at) >> 7) & 31;
}

/** Bytes that stay of a candidate's own instructions or padding, before the removed ones. */
export function keptBytes(at: usize, removed: u32, kind: u32): u32 {
  switch (kind) {
    case R.JAL:
      return 4;
    case R.RVC_JUMP:
    case R.RVC_LUI:
      return 2;
    case R.NONE:
      return 0;
    default:
      return load<u32>(at + 16) - removed;
  }
}

/**
 * Copies relaxed section `s` without the removed bytes to `to`, with its shorter instructions in place, and notes where
 * each of its relocations now stands and of which type it is (RELAX_PLACES, RELAX_TYPES).
 */
export function copyRelaxed(program: usize, s: u32, to: usize): void {
  const block = word(program, layout.RELAXATION);
  const row = <u32>word(getU32(word(program, layout.SECTION_EDIT), s), layout.SHRINK_ROW);
  const relocs = <usize>getU32(word(program, layout.SECTION_RELOCS), s);
  const count = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
  const contents = <usize>getU32(word(program, layout.SECTION_OFFSET), s);
  const candidates = word(block, layout.RELAX_RELOC);
  const places = word(block, layout.RELAX_PLACES);
  const types = word(block, layout.RELAX_TYPES);
  const last = getU32(word(block, layout.RELAX_FIRST), row + 1);
  let c = getU32(word(block, layout.RELAX_FIRST), row);
  let from: u32 = 0;
  let removed: u32 = 0;
  for (let r: u32 = 0; r < count; r++) {
    const at = relocs + r * elf.RELA_SIZE;
    const offset = load<u32>(at);
    const type = load<u32>(at + 8);
    setU8(types, r, type > 255 ? 254 : type);
    setU32(places, r, type == R.RELAX || type == R.ALIGN ? -1 : offset - removed);
    if (c == last || getU32(candidates, c) != r) continue;
    const kind = <u32>getU8(word(block, layout.RELAX_TYPE), c);
    const less = getU32(word(block, layout.RELAX_REMOVE), c);
    c++;
    if (kind != R.KEEP) setU8(types, r, kind);
    if (kind == R.NONE) setU32(places, r, -1);
    if (less == 0 && type != R.ALIGN) continue;
    memory.copy(to + from - removed, contents + from, offset - from);
    const kept = keptBytes(at, less, kind);
    writeKept(to + offset - removed, contents + offset, kind, kept);
    from = offset + kept + less;
    removed += less;
  }
  memory.copy(to + from - removed, contents + from, <u32>getF64(word(program, layout.SECTION_INPUT_SIZE), s) - from);
}

/** The bytes that replace a sequence: a jump, a c.lui, or the no-ops of an alignment. */
function writeKept(out: usize, from: usize, kind: u32, kept: u32): void {
  if (kind == R.JAL) {
    store<u32>(out, 0x6f | (destination(from + 4) << 7));
  } else if (kind == R.RVC_JUMP) {
    store<u16>(out, 0xa001);
  } else if (kind == R.RVC_LUI) {
    store<u16>(out, 0x6001 | (destination(from) << 7));
  } else if (kind == R.KEEP) {
    const end = out + kept;
    if (kept % 4 == 2) {
      store<u16>(out, 0x0001); // c.nop
      out += 2;
    }
    for (; out + 4 <= end; out += 4) store<u32>(out, 0x00000013); // nop
  }
}

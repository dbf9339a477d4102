/**
 * Fills the output: copies input sections to their place and applies their relocations, object by object.
 *
 * The kernel stops where it needs the caller: for the addresses of an object with ifuncs of its own, and for relocations
 * that are not everyday ones. Where it stands is kept in the writing phase's block, so that the
 * caller does its part and calls again.
 */
import * as layout from '../layout';
import { applyAarch64 } from './aarch64';
import { objectAddresses, objectRow } from './addresses';
import { copyRelaxed } from './copy-relaxed';
import { copyFrames } from './eh-frame';
import * as elf from './elf';
import { applyRiscv64 } from './riscv64';
import { getF64, getU8, getU32, setWord, word } from './words';
import { applyX8664 } from './x86-64';

/** Goes on from where the block says; returns WRITE_DONE or what the caller has to do. */
export function writeInputs(program: usize, block: usize): u32 {
  const objects = <u32>word(block, layout.WRITE_OBJECT_COUNT);
  for (let object = <u32>word(block, layout.WRITE_OBJECT); object < objects; object++) {
    const row = objectRow(program, object);
    const first = <u32>word(row, layout.OBJECT_FIRST_SECTION);
    const end = first + <u32>word(row, layout.OBJECT_SECTION_COUNT);
    setWord(block, layout.WRITE_OBJECT, object);
    for (let s = max(first, <u32>word(block, layout.WRITE_SECTION)); s < end; s++) {
      const to = placeOf(program, s);
      if (to == -1) continue;
      const reloc = <u32>word(block, layout.WRITE_RELOC);
      setWord(block, layout.WRITE_SECTION, s);
      const places = hasRecords(program, s) ? word(block, layout.WRITE_PLACES) : 0;
      if (reloc == 0) {
        const out = word(block, layout.WRITE_FILE) + <usize>to;
        if (places != 0) {
          copyFrames(program, s, out, places);
        } else if (isRelaxed(program, s)) {
          copyRelaxed(program, s, out);
        } else if (getU32(word(program, layout.SECTION_TYPE), s) != elf.SHT_NOBITS) {
          // Of merged sections the pool. Zeros among bytes are zero already.
          const size = <u32>getF64(word(program, layout.SECTION_INPUT_SIZE), s);
          memory.copy(out, getU32(word(program, layout.SECTION_OFFSET), s), size);
        }
      }
      if (getU32(word(program, layout.SECTION_RELOC_COUNT), s) == 0) continue;
      const needs = applySection(program, block, object, row, s, to, reloc, places);
      if (needs != layout.WRITE_DONE) return needs;
      setWord(block, layout.WRITE_RELOC, 0);
    }
    setWord(block, layout.WRITE_SECTION, 0);
  }
  return layout.WRITE_DONE;
}

/** Whether a section consists of exception records that have been split. */
function hasRecords(program: usize, s: u32): bool {
  if (<u32>getU8(word(program, layout.SECTION_ROLE), s) != elf.ROLE_EH_FRAME) return false;
  return getU32(word(program, layout.SECTION_EDIT), s) != 0;
}

/** Whether a section is code that may have shrunk. */
function isRelaxed(program: usize, s: u32): bool {
  return (
    <u32>getU8(word(program, layout.SECTION_ROLE), s) == elf.ROLE_REGULAR &&
    getU32(word(program, layout.SECTION_EDIT), s) != 0
  );
}

/** Where section `s` starts in the file; -1 when nothing of it is there. */
function placeOf(program: usize, s: u32): i64 {
  if (getU8(word(program, layout.SECTION_LIVE), s) != elf.LIVE_LIVE) return -1;
  if (getU8(word(program, layout.SECTION_ROLE), s) == elf.ROLE_IGNORED) return -1;
  if (getF64(word(program, layout.SECTION_SIZE), s) == 0) return -1;
  const output = getU32(word(program, layout.SECTION_OUTPUT), s);
  if (<i32>output < 0) return -1;
  const start = getU32(word(program, layout.OUTPUT_OFFSETS), output);
  if (start == 0xffffffff) return -1;
  return <i64>start + <i64>getF64(word(program, layout.SECTION_OUTPUT_OFFSET), s);
}

/** Applies the relocations of section `s` from `reloc` on. */
function applySection(
  program: usize,
  block: usize,
  object: u32,
  row: usize,
  s: u32,
  to: i64,
  reloc: u32,
  places: usize,
): u32 {
  const addresses = word(block, layout.WRITE_ADDRESS);
  const special = word(block, layout.WRITE_SPECIAL);
  if (<u32>word(block, layout.WRITE_PREPARED) != object) {
    if (word(row, layout.OBJECT_HAS_LOCAL_IFUNC) != 0) return layout.WRITE_NEEDS_ADDRESSES;
    const globals = word(block, layout.WRITE_GLOBAL_ADDRESS);
    objectAddresses(program, object, globals, word(block, layout.WRITE_GLOBAL_SPECIAL), addresses, special);
    setWord(block, layout.WRITE_PREPARED, object);
  }
  const count = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
  const out = word(block, layout.WRITE_FILE) + <usize>to;
  let stopped: u32;
  const machine = <u32>word(block, layout.WRITE_MACHINE);
  if (machine == elf.EM_RISCV) {
    stopped = applyRiscv64(program, s, reloc, NaN, out, places, addresses, special);
  } else if (machine == elf.EM_AARCH64) {
    stopped = applyAarch64(program, s, reloc, NaN, out, places, addresses, special);
  } else {
    stopped = applyX8664(program, block, row, s, reloc, out, places);
  }
  if (stopped == count) return layout.WRITE_DONE;
  setWord(block, layout.WRITE_RELOC, stopped);
  return layout.WRITE_NEEDS_RELOCATION;
}

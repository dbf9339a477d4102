/**
 * Fills the output: copies input sections to their place and applies their relocations, object by object.
 *
 * The kernel stops where it needs the caller: for a section that is not a plain copy (exception records, relaxed code)
 * and for relocations that are not everyday ones. Where it stands is kept in the writing phase's block, so that the
 * caller does its part and calls again.
 */
import {
  OBJECT_FIRST_SECTION,
  OBJECT_HAS_LOCAL_IFUNC,
  OBJECT_SECTION_COUNT,
  OUTPUT_OFFSETS,
  SECTION_EDIT,
  SECTION_INPUT_SIZE,
  SECTION_LIVE,
  SECTION_OFFSET,
  SECTION_OUTPUT,
  SECTION_OUTPUT_OFFSET,
  SECTION_RELOC_COUNT,
  SECTION_ROLE,
  SECTION_SIZE,
  SECTION_TYPE,
  WRITE_ADDRESS,
  WRITE_DONE,
  WRITE_FILE,
  WRITE_GLOBAL_ADDRESS,
  WRITE_GLOBAL_SPECIAL,
  WRITE_MACHINE,
  WRITE_NEEDS_ADDRESSES,
  WRITE_NEEDS_RELOCATION,
  WRITE_OBJECT,
  WRITE_OBJECT_COUNT,
  WRITE_PLACES,
  WRITE_PREPARED,
  WRITE_RELOC,
  WRITE_SECTION,
  WRITE_SPECIAL,
} from '../layout';
import { objectAddresses, objectRow } from './addresses';
import { copyRelaxed } from './copy-relaxed';
import { copyFrames } from './eh-frame';
import * as elf from './elf';
import { applyRiscv64 } from './riscv64';
import { getF64, getU8, getU32, setWord, word } from './words';
import { applyX8664 } from './x86-64';

/** Goes on from where the block says; returns WRITE_DONE or what the caller has to do. */
export function writeInputs(program: usize, block: usize): u32 {
  const objects = <u32>word(block, WRITE_OBJECT_COUNT);
  for (let object = <u32>word(block, WRITE_OBJECT); object < objects; object++) {
    const row = objectRow(program, object);
    const first = <u32>word(row, OBJECT_FIRST_SECTION);
    const end = first + <u32>word(row, OBJECT_SECTION_COUNT);
    setWord(block, WRITE_OBJECT, object);
    for (let s = max(first, <u32>word(block, WRITE_SECTION)); s < end; s++) {
      const to = placeOf(program, s);
      if (to == -1) continue;
      const reloc = <u32>word(block, WRITE_RELOC);
      setWord(block, WRITE_SECTION, s);
      const places = hasRecords(program, s) ? word(block, WRITE_PLACES) : 0;
      if (reloc == 0) {
        const out = word(block, WRITE_FILE) + <usize>to;
        if (places != 0) {
          copyFrames(program, s, out, places);
        } else if (isRelaxed(program, s)) {
          copyRelaxed(program, s, out);
        } else if (getU32(word(program, SECTION_TYPE), s) != elf.SHT_NOBITS) {
          // Of merged sections the pool. Zeros among bytes are zero already.
          const size = <u32>getF64(word(program, SECTION_INPUT_SIZE), s);
          memory.copy(out, getU32(word(program, SECTION_OFFSET), s), size);
        }
      }
      if (getU32(word(program, SECTION_RELOC_COUNT), s) == 0) continue;
      const needs = applySection(program, block, object, row, s, to, reloc, places);
      if (needs != WRITE_DONE) return needs;
      setWord(block, WRITE_RELOC, 0);
    }
    setWord(block, WRITE_SECTION, 0);
  }
  return WRITE_DONE;
}

/** Whether a section consists of exception records that have been split. */
function hasRecords(program: usize, s: u32): bool {
  if (<u32>getU8(word(program, SECTION_ROLE), s) != elf.ROLE_EH_FRAME) return false;
  return getU32(word(program, SECTION_EDIT), s) != 0;
}

/** Whether a section is code that may have shrunk. */
function isRelaxed(program: usize, s: u32): bool {
  return <u32>getU8(word(program, SECTION_ROLE), s) == elf.ROLE_REGULAR && getU32(word(program, SECTION_EDIT), s) != 0;
}

/** Where section `s` starts in the file; -1 when nothing of it is there. */
function placeOf(program: usize, s: u32): i64 {
  if (getU8(word(program, SECTION_LIVE), s) != elf.LIVE_LIVE) return -1;
  if (getU8(word(program, SECTION_ROLE), s) == elf.ROLE_IGNORED) return -1;
  if (getF64(word(program, SECTION_SIZE), s) == 0) return -1;
  const output = getU32(word(program, SECTION_OUTPUT), s);
  if (<i32>output < 0) return -1;
  const start = getU32(word(program, OUTPUT_OFFSETS), output);
  if (start == 0xffffffff) return -1;
  return <i64>start + <i64>getF64(word(program, SECTION_OUTPUT_OFFSET), s);
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
  const addresses = word(block, WRITE_ADDRESS);
  const special = word(block, WRITE_SPECIAL);
  if (<u32>word(block, WRITE_PREPARED) != object) {
    if (word(row, OBJECT_HAS_LOCAL_IFUNC) != 0) return WRITE_NEEDS_ADDRESSES;
    const globals = word(block, WRITE_GLOBAL_ADDRESS);
    objectAddresses(program, object, globals, word(block, WRITE_GLOBAL_SPECIAL), addresses, special);
    setWord(block, WRITE_PREPARED, object);
  }
  const count = getU32(word(program, SECTION_RELOC_COUNT), s);
  const out = word(block, WRITE_FILE) + <usize>to;
  let stopped: u32;
  if (<u32>word(block, WRITE_MACHINE) == elf.EM_RISCV) {
    stopped = applyRiscv64(program, s, reloc, NaN, out, places, addresses, special);
  } else {
    stopped = applyX8664(program, block, row, s, reloc, out, places);
  }
  if (stopped == count) return WRITE_DONE;
  setWord(block, WRITE_RELOC, stopped);
  return WRITE_NEEDS_RELOCATION;
}

/**
 * Edits .eh_frame and describes it for .eh_frame_hdr.
 *
 * Exception tables are a list of records: common ones (CIE) and one for each function (FDE). A record whose function
 * was dropped (a duplicate COMDAT, a section collected as garbage) must go too, or it would describe address 0; equal
 * CIEs are kept once; a zero terminator may stand only at the very end. Each input section keeps its place and is
 * merely compacted, so addresses and relocations of what remains follow its records.
 * Sources: Linux Standard Base 5.0, "Exception Frames"; DWARF 5 section 6.4.1.
 *
 * A link has thousands of these sections, mostly of two records. Kernels (kernels/assembly/eh-frame.ts and
 * compact-frames.ts) therefore take all of them at once, and what they find is columns of the arena.
 */
import { type Arena, allocate, i32, u32 } from './arena.ts';
import { badRecords, badSymbol } from './eh-frame-errors.ts';
import * as layout from './kernels/layout.ts';
import { type Program, Role } from './program.ts';

/** Records of one input section, in order; offsets are within the section, before and after compaction. */
export interface EhPieces {
  readonly section: number;
  readonly count: number;
  readonly inputOffset: Uint32Array;
  readonly size: Uint32Array;
  /** Offset after compaction; DROPPED when it is not in the output. */
  readonly outputOffset: Uint32Array;
  /** For an FDE: index of its CIE in this section; -1 for a CIE. */
  readonly cie: Int32Array;
  /** First relocation of the record, as index into the section's relocations. */
  readonly firstReloc: Uint32Array;
  /** For a duplicate CIE: section and record of the one kept. */
  readonly sameSection: Int32Array;
  readonly samePiece: Int32Array;
}

export const DROPPED = 0xffffffff;

/** The exception records of a link. */
export interface EhFrames {
  /** The input sections, in order. */
  readonly sections: Uint32Array;
  /** How many FDEs are in the output. */
  readonly fdes: number;
  /** Where relocations of the section being written stand (-1: dropped); long enough for any section. */
  readonly places: Int32Array;
}

interface Counts {
  /** Of all sections: records, and relocations of the one with most. */
  readonly records: number;
  readonly mostRelocs: number;
}

/** Splits those of the sections that are not split yet into records. Errors: 'malformed-elf', 'unsupported-input'. */
function describeFrames(program: Program, sections: Uint32Array): Counts {
  const { arena, block } = program;
  const { kernels, view } = arena;
  const count = sections.length;
  const list = sections.byteOffset;
  const rows = allocate(arena, count * layout.FRAME_WORDS * 4);
  let done = kernels.countFrames(block, list, count, rows);
  if (done < count) badRecords(program, sections.subarray(0, done + 1));
  const results = block + layout.RESULT * 4;
  const added = view.getFloat64(results, true);
  const counts = { records: view.getFloat64(results + 8, true), mostRelocs: view.getFloat64(results + 16, true) };
  const columns = allocate(arena, added * 28 + count * 4);
  done = kernels.splitFrames(block, list, count, rows, columns);
  if (done < count) badRecords(program, sections.subarray(0, done + 1));
  return counts;
}

/** Records of an .eh_frame section, which keep their places until compaction. */
export function splitEhFrame(program: Program, section: number): EhPieces {
  if (program.sections.edit[section] === 0) {
    const list = u32(program.arena, 1);
    list[0] = section;
    describeFrames(program, list);
  }
  return recordsOf(program, section)!;
}

/** Records of section `s`; undefined when it is not an .eh_frame section that is split. */
export function recordsOf(program: Program, s: number): EhPieces | undefined {
  const row = program.sections.edit[s]!;
  if (row === 0 || program.sections.role[s] !== Role.EhFrame) return undefined;
  const { buffer } = program.arena.bytes;
  const words = new Uint32Array(buffer, row, layout.FRAME_WORDS);
  const count = words[layout.FRAME_COUNT]!;
  const unsigned = (word: number, length = count) => new Uint32Array(buffer, words[word]!, length);
  const signed = (word: number) => new Int32Array(buffer, words[word]!, count);
  return {
    section: s,
    count,
    inputOffset: unsigned(layout.FRAME_INPUT_OFFSET),
    size: unsigned(layout.FRAME_SIZE),
    outputOffset: unsigned(layout.FRAME_OUTPUT_OFFSET),
    cie: signed(layout.FRAME_CIE),
    firstReloc: unsigned(layout.FRAME_FIRST_RELOC, count + 1),
    sameSection: signed(layout.FRAME_SAME_SECTION),
    samePiece: signed(layout.FRAME_SAME_RECORD),
  };
}

/**
 * Compacts the .eh_frame input sections, given in their output order: decides what is kept and sets the sections' sizes
 * in the section table. Sections that end up empty stay, with size 0.
 */
export function compactEhFrames(program: Program, sections: Uint32Array): EhFrames {
  const { arena, block } = program;
  const { kernels, view } = arena;
  const count = sections.length;
  if (count === 0) return { sections, fdes: 0, places: i32(arena, 0) };
  const { records, mostRelocs } = describeFrames(program, sections);
  const places = i32(arena, mostRelocs);
  const scratch = borrow(arena, kernels.compactScratch(records));
  const done = kernels.compactFrames(block, sections.byteOffset, count, scratch, records);
  if (done < count) badSymbol(program, recordsOf(program, sections[done]!)!);
  return { sections, fdes: view.getFloat64(block + layout.RESULT * 4, true), places };
}

/** Address of zero bytes that the next allocation may take again: whoever uses them leaves them zero. */
export function borrow(arena: Arena, size: number): number {
  const { used } = arena;
  const at = allocate(arena, size);
  arena.used = used;
  return at;
}

/** Index of the record that holds input offset `at`, or -1. */
export function pieceAt(pieces: EhPieces, at: number): number {
  let low = 0;
  let high = pieces.count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const from = pieces.inputOffset[middle]!;
    if (at < from) high = middle - 1;
    else if (at >= from + pieces.size[middle]!) low = middle + 1;
    else return middle;
  }
  return -1;
}

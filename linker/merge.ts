/**
 * Merges equal strings and constants (SHF_MERGE).
 *
 * Compilers put string literals and floating-point constants in sections that allow equal pieces to be stored once.
 * Pieces of all input sections that end in one output section and agree in kind (entry size, alignment, strings or not)
 * go into one hash table; the first input section of the kind, the leader, then carries all distinct pieces, the others
 * become empty. A reference to (section, offset) finds its piece through an index and keeps its offset within the piece.
 * Source: gABI on SHF_MERGE and SHF_STRINGS.
 *
 * Here room is made; kernels (kernels/assembly/merge.ts) do the rest. Pieces are counted first, so that all columns
 * have their size from the start: the arena cannot grow what is not at its end.
 */
import { fail } from '../base/errors.ts';
import { type Arena, allocate, u32 } from './arena.ts';
import * as layout from './kernels/layout.ts';
import { type Program, placeText, Role } from './program.ts';

/** Merges those of the given input sections (`count` at address `list`, all of one output section) that may be. */
export function mergeSections(program: Program, list: number, count: number): void {
  const { arena, block } = program;
  const mark = arena.used;
  const picked = u32(arena, count);
  const merged = arena.kernels.pickRole(block, list, count, Role.Merge, picked.byteOffset);
  if (merged === 0) {
    arena.used = mark;
    return;
  }
  arena.used = picked.byteOffset + merged * 4;
  const sorted = u32(arena, merged).byteOffset;
  const bounds = u32(arena, merged + 1);
  const scratch = u32(arena, merged * 2).byteOffset;
  const slots = powerOfTwo(merged * 2);
  const table = u32(arena, slots).byteOffset;
  const kinds = arena.kernels.groupByKind(
    block,
    picked.byteOffset,
    merged,
    sorted,
    bounds.byteOffset,
    scratch,
    table,
    slots - 1,
  );
  for (let k = 0; k < kinds; k++) mergeKind(program, sorted + bounds[k]! * 4, bounds[k + 1]! - bounds[k]!);
}

function powerOfTwo(least: number): number {
  return 2 ** Math.max(4, Math.ceil(Math.log2(least)));
}

/** What is left of the arena. */
function roomLeft(arena: Arena): number {
  return arena.bytes.length - layout.READ_AHEAD - arena.used;
}

/** Bytes that a store of a whole word may touch beyond a piece. */
const SLACK = 8;

/** Merges `count` sections of one kind: the first becomes the leader. Errors: 'malformed-elf', 'limit'. */
function mergeKind(program: Program, list: number, count: number): void {
  const { arena, block, sections: t } = program;
  const { kernels, view } = arena;
  const wrong = kernels.countPieces(block, list, count);
  if (wrong < count) {
    fail(
      'malformed-elf',
      `${placeText(program, view.getUint32(list + wrong * 4, true))}: its last string is not terminated`,
    );
  }
  const results = block + layout.RESULT * 4;
  const pieces = view.getFloat64(results, true);
  const bytes = view.getFloat64(results + 8, true);
  const entries = view.getFloat64(results + 16, true);
  const leader = view.getUint32(list, true);
  const descriptors = allocate(arena, count * layout.MERGE_WORDS * 4);
  const starts = allocate(arena, pieces * 4);
  const outputs = allocate(arena, pieces * 4);
  const index = allocate(arena, entries * 4);
  // Pages that are not written cost nothing: the table of distinct pieces has room for all, and grows into it. Most
  // pieces are of large tables of strings, in which a quarter is distinct.
  const slots = Math.min(1 << 24, powerOfTwo(pieces / 2));
  const mostSlots = Math.max(slots, pieces * 4);
  const scratch = pieces * 8 + mostSlots * 8;
  const most = bytes + pieces * (t.align[leader]! - 1) + SLACK;
  const room = Math.min(most, Math.max(0, roomLeft(arena) - scratch - 64));
  const data = allocate(arena, room, 16);
  const hashes = allocate(arena, pieces * 4);
  const places = allocate(arena, pieces * 4);
  const table = allocate(arena, mostSlots * 8);
  const fits = kernels.mergePieces(
    block,
    list,
    count,
    descriptors,
    starts,
    outputs,
    index,
    data,
    data + room,
    hashes,
    places,
    table,
    slots - 1,
  );
  if (fits === 0) {
    fail('limit', `${placeText(program, leader)}: its pieces, merged, do not fit the linker's memory`);
  }
  // Nothing was written above the pieces, or it is zero again.
  arena.used = data + t.size[leader]!;
}

/** The section that holds what was in merged section `s`. */
export function mergeLeader(program: Program, s: number): number {
  return program.arena.view.getUint32(program.sections.edit[s]! + layout.MERGE_LEADER * 4, true);
}

/** Size of merged section `s` in its file. */
export function mergeSize(program: Program, s: number): number {
  return program.arena.view.getUint32(program.sections.edit[s]! + layout.MERGE_SIZE * 4, true);
}

/** Offset within the leader's contents of offset `at` of merged section `s`; -1 when `at` lies outside it. */
export function mergedOffset(program: Program, s: number, at: number): number {
  return program.arena.kernels.mergedOffset(program.sections.edit[s]!, at);
}

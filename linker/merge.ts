/**
 * Merges equal strings and constants (SHF_MERGE).
 *
 * Compilers put string literals and floating-point constants in sections that allow equal pieces to be stored once.
 * Pieces of all input sections that end in one output section and agree in kind (entry size, strings or not) go into
 * one hash table; the first input section of the kind then carries all distinct pieces, the others become empty.
 * A reference to (section, offset) finds its piece by binary search and keeps its offset within the piece.
 * Source: gABI on SHF_MERGE and SHF_STRINGS.
 */
import { fail } from '../base/errors.ts';
import { alignUp, SHF_STRINGS } from './elf.ts';
import { type Program, placeText, sectionContents } from './program.ts';

/** Pieces of one input section: entries [first, last) of columns that all sections of its group share. */
export interface MergePieces {
  readonly leader: number;
  /** Offset in the input section, ascending; the first is 0. */
  readonly starts: Uint32Array;
  /** Offset in the leader's merged contents. */
  readonly outputs: Uint32Array;
  readonly first: number;
  readonly last: number;
  /** By (offset >> INDEX_SHIFT), from `indexBase` on: the last piece that starts at or before it. */
  readonly index: Uint32Array;
  readonly indexBase: number;
  /** Size of the input section, for bounds. */
  readonly size: number;
}

/** Log2 of the offsets that share an entry of `index`: lookups then walk a piece or two. */
const INDEX_SHIFT = 5;

export interface MergeResult {
  /** By input section. */
  readonly pieces: Map<number, MergePieces>;
}

/** Distinct pieces of one kind: their bytes one after another, and a hash table from contents to place. */
interface Pool {
  readonly leader: number;
  readonly strings: boolean;
  readonly entsize: number;
  readonly align: number;
  data: Uint8Array;
  /** The same bytes, for reading words. */
  stored: DataView;
  size: number;
  /** By piece: offset in `data`, length, hash. */
  output: Uint32Array;
  length: Uint32Array;
  hash: Uint32Array;
  count: number;
  /** Open addressing, -1 = free. */
  slots: Int32Array;
}

/** `bytes`: size of all inputs of the pool, so that it seldom grows. */
function createPool(leader: number, strings: boolean, entsize: number, align: number, bytes: number): Pool {
  const data = new Uint8Array(16);
  const n = 16;
  const pool: Pool = {
    leader,
    strings,
    entsize,
    align,
    data,
    stored: new DataView(data.buffer),
    size: 0,
    output: new Uint32Array(n),
    length: new Uint32Array(n),
    hash: new Uint32Array(n),
    count: 0,
    slots: new Int32Array(n * 2).fill(-1),
  };
  // Grown at once rather than made large: see createProgram.
  growData(pool, Math.max(4096, bytes >> 2));
  while (pool.output.length < bytes / 64 && pool.output.length < 1 << 20) growPieces(pool);
  return pool;
}

function widened(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(column.length * 2);
  next.set(column);
  return next;
}

function growPieces(pool: Pool): void {
  pool.length = widened(pool.length);
  pool.hash = widened(pool.hash);
  pool.output = widened(pool.output);
  pool.slots = new Int32Array(pool.slots.length * 2).fill(-1);
  const mask = pool.slots.length - 1;
  for (let i = 0; i < pool.count; i++) {
    let at = pool.hash[i]! & mask;
    while (pool.slots[at]! >= 0) at = (at + 1) & mask;
    pool.slots[at] = i;
  }
}

function growData(pool: Pool, needed: number): void {
  const data = new Uint8Array(Math.max(needed, pool.data.length * 2));
  data.set(pool.data.subarray(0, pool.size));
  pool.data = data;
  pool.stored = new DataView(data.buffer);
}

/** Stores a new piece in slot `slot`; returns its number. */
function storePiece(pool: Pool, bytes: Uint8Array, from: number, count: number, hash: number, slot: number): number {
  const to = alignUp(pool.size, pool.align);
  if (to + count > pool.data.length) growData(pool, to + count);
  const { data } = pool;
  for (let k = 0; k < count; k++) data[to + k] = bytes[from + k]!;
  const piece = pool.count++;
  pool.output[piece] = to;
  pool.length[piece] = count;
  pool.hash[piece] = hash;
  pool.slots[slot] = piece;
  pool.size = to + count;
  if (pool.count === pool.output.length) growPieces(pool);
  return piece;
}

/** Spreads a hash's bits: the multiplier leaves the low ones weak, and the table is indexed by them. */
function spread(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
}

/** Columns of a group's pieces while they grow. */
interface Columns {
  starts: Uint32Array;
  outputs: Uint32Array;
  count: number;
}

/**
 * Splits a section in pieces and adds them. Debug information holds hundreds of thousands of strings: finding the end
 * of a piece, hashing it and looking it up are one loop with the pool's columns as locals.
 */
function addPieces(pool: Pool, columns: Columns, bytes: Uint8Array): void {
  const { entsize, strings } = pool;
  const byteStrings = strings && entsize === 1;
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let { data, stored, output, length, hash: hashes, slots } = pool;
  let { starts, outputs, count: n } = columns;
  let mask = slots.length - 1;
  const size = bytes.length;
  for (let at = 0; at < size; ) {
    let hash = 0;
    let end = at;
    if (byteStrings) {
      // Four characters at a time while none of them is NUL (the classic test for a zero byte in a word).
      for (const last = size - 4; end <= last; end += 4) {
        const word = words.getInt32(end, true);
        if (((word - 0x01010101) & ~word & 0x80808080) !== 0) break;
        hash = Math.imul(hash ^ word, 0x9e3779b1);
        hash ^= hash >>> 15;
      }
      for (let b = bytes[end]!; b !== 0; b = bytes[++end]!) hash = (Math.imul(hash, 31) + b) | 0;
      end++;
    } else {
      end = strings ? wideStringEnd(bytes, at, entsize) : at + entsize;
      for (let k = at; k < end; k++) hash = (Math.imul(hash, 31) + bytes[k]!) | 0;
    }
    const count = end - at;
    hash = spread(hash);
    let slot = hash & mask;
    let piece = -1;
    for (let i = slots[slot]!; i >= 0; i = slots[slot]!) {
      if (hashes[i] === hash && length[i] === count) {
        let a = output[i]!;
        let k = at;
        while (k < end - 3 && stored.getInt32(a, true) === words.getInt32(k, true)) {
          a += 4;
          k += 4;
        }
        while (k < end && data[a] === bytes[k]) {
          a++;
          k++;
        }
        if (k === end) {
          piece = i;
          break;
        }
      }
      slot = (slot + 1) & mask;
    }
    if (piece < 0) {
      piece = storePiece(pool, bytes, at, count, hash, slot);
      ({ data, stored, output, length, hash: hashes, slots } = pool);
      mask = slots.length - 1;
    }
    if (n === starts.length) {
      starts = widened(starts);
      outputs = widened(outputs);
    }
    starts[n] = at;
    outputs[n++] = output[piece]!;
    at = end;
  }
  columns.starts = starts;
  columns.outputs = outputs;
  columns.count = n;
}

/** End of the string of `entsize`-byte characters at `at`, its NUL included. The section is known to end in one. */
function wideStringEnd(bytes: Uint8Array, at: number, entsize: number): number {
  for (let end = at; ; end += entsize) {
    let zeros = 0;
    while (zeros < entsize && bytes[end + zeros] === 0) zeros++;
    if (zeros === entsize) return end + entsize;
  }
}

function endsInNul(bytes: Uint8Array, entsize: number): boolean {
  for (let i = 1; i <= entsize; i++) if (bytes[bytes.length - i] !== 0) return false;
  return true;
}

/**
 * Merges the given input sections, which end in one output section, in order. Updates their sizes and gives the
 * leaders their contents. Errors: 'malformed-elf' for strings that do not end.
 */
export function mergeSections(program: Program, sections: readonly number[], result: MergeResult): void {
  const t = program.sections;
  const groups = new Map<string, number[]>();
  for (const s of sections) {
    const key = `${t.flags[s]! & SHF_STRINGS}:${t.entsize[s]}:${t.align[s]}`;
    const group = groups.get(key);
    if (group) group.push(s);
    else groups.set(key, [s]);
  }
  for (const group of groups.values()) mergeGroup(program, group, result);
}

/** Sections of one kind: the first becomes the leader. */
function mergeGroup(program: Program, group: readonly number[], result: MergeResult): void {
  const t = program.sections;
  const leader = group[0]!;
  const strings = (t.flags[leader]! & SHF_STRINGS) !== 0;
  const entsize = t.entsize[leader]!;
  const total = group.reduce((sum, s) => sum + t.inputSize[s]!, 0);
  const pool = createPool(leader, strings, entsize, t.align[leader]!, total);
  const guess = Math.max(16, total >> 4);
  const columns: Columns = { starts: new Uint32Array(guess), outputs: new Uint32Array(guess), count: 0 };
  const bounds = new Uint32Array(group.length + 1);
  group.forEach((s, i) => {
    const bytes = sectionContents(program, s);
    if (strings && !endsInNul(bytes, entsize)) {
      fail('malformed-elf', `${placeText(program, s)}: its last string is not terminated`);
    }
    addPieces(pool, columns, bytes);
    bounds[i + 1] = columns.count;
    t.size[s] = 0;
  });
  const { starts, outputs } = columns;
  const index = new Uint32Array((total >> INDEX_SHIFT) + group.length);
  let indexBase = 0;
  group.forEach((s, i) => {
    const first = bounds[i]!;
    const last = bounds[i + 1]!;
    const size = t.inputSize[s]!;
    result.pieces.set(s, { leader, starts, outputs, first, last, index, indexBase, size });
    indexBase = fillIndex(index, indexBase, starts, first, last, size);
  });
  program.contents.set(leader, pool.data.subarray(0, pool.size));
  t.size[leader] = pool.size;
  t.inputSize[leader] = pool.size;
}

/** Fills the index of one section's pieces from `base` on; returns where the next one's starts. */
function fillIndex(
  index: Uint32Array,
  base: number,
  starts: Uint32Array,
  first: number,
  last: number,
  size: number,
): number {
  let piece = first;
  const end = base + (size >> INDEX_SHIFT) + 1;
  for (let i = base; i < end; i++) {
    while (piece + 1 < last && starts[piece + 1]! <= (i - base) << INDEX_SHIFT) piece++;
    index[i] = piece;
  }
  return end;
}

/** Offset within the leader's contents of offset `at` of a merged section; -1 when `at` lies outside it. */
export function mergedOffset(pieces: MergePieces, at: number): number {
  if (at < 0 || at > pieces.size) return -1;
  const { starts, last } = pieces;
  let piece = pieces.index[pieces.indexBase + (at >> INDEX_SHIFT)]!;
  while (piece + 1 < last && starts[piece + 1]! <= at) piece++;
  return pieces.outputs[piece]! + (at - starts[piece]!);
}

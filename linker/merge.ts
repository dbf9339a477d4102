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
import { SHF_STRINGS } from './elf.ts';
import { type Program, placeText, sectionContents } from './program.ts';

/** Pieces of one input section: starts in the input (ascending) and offsets in the leader's merged contents. */
export interface MergePieces {
  readonly leader: number;
  readonly starts: Uint32Array;
  readonly outputs: Uint32Array;
  /** Size of the input section, for bounds. */
  readonly size: number;
}

export interface MergeResult {
  /** By input section. */
  readonly pieces: Map<number, MergePieces>;
}

interface Pool {
  leader: number;
  strings: boolean;
  entsize: number;
  align: number;
  /** Distinct pieces: where their bytes are and where they go. */
  buffers: Uint8Array[];
  buffer: Uint32Array;
  start: Uint32Array;
  length: Uint32Array;
  hash: Uint32Array;
  output: Uint32Array;
  count: number;
  slots: Int32Array;
  size: number;
}

function createPool(leader: number, strings: boolean, entsize: number, align: number): Pool {
  const n = 256;
  return {
    leader,
    strings,
    entsize,
    align,
    buffers: [],
    buffer: new Uint32Array(n),
    start: new Uint32Array(n),
    length: new Uint32Array(n),
    hash: new Uint32Array(n),
    output: new Uint32Array(n),
    count: 0,
    slots: new Int32Array(n * 2).fill(-1),
    size: 0,
  };
}

function growPool(pool: Pool): void {
  const wider = (a: Uint32Array) => {
    const b = new Uint32Array(a.length * 2);
    b.set(a);
    return b;
  };
  pool.buffer = wider(pool.buffer);
  pool.start = wider(pool.start);
  pool.length = wider(pool.length);
  pool.hash = wider(pool.hash);
  pool.output = wider(pool.output);
  pool.slots = new Int32Array(pool.slots.length * 2).fill(-1);
  const mask = pool.slots.length - 1;
  for (let i = 0; i < pool.count; i++) {
    let at = pool.hash[i]! & mask;
    while (pool.slots[at]! >= 0) at = (at + 1) & mask;
    pool.slots[at] = i;
  }
}

/** Output offset of the piece [start, start+length) of `bytes`, stored now when it is new. */
function addPiece(pool: Pool, buffer: number, bytes: Uint8Array, start: number, length: number, hash: number): number {
  const mask = pool.slots.length - 1;
  let at = hash & mask;
  for (;;) {
    const i = pool.slots[at]!;
    if (i < 0) break;
    if (pool.hash[i] === hash && pool.length[i] === length) {
      const other = pool.buffers[pool.buffer[i]!]!;
      const base = pool.start[i]!;
      let k = 0;
      while (k < length && other[base + k] === bytes[start + k]) k++;
      if (k === length) return pool.output[i]!;
    }
    at = (at + 1) & mask;
  }
  const rest = pool.size % pool.align;
  const output = rest === 0 ? pool.size : pool.size + pool.align - rest;
  const i = pool.count++;
  pool.buffer[i] = buffer;
  pool.start[i] = start;
  pool.length[i] = length;
  pool.hash[i] = hash;
  pool.output[i] = output;
  pool.slots[at] = i;
  pool.size = output + length;
  if (pool.count === pool.start.length) growPool(pool);
  return output;
}

/** Splits NUL-terminated strings of one-byte characters and adds them. */
function addByteStrings(pool: Pool, bytes: Uint8Array): { starts: Uint32Array; outputs: Uint32Array } {
  const buffer = pool.buffers.push(bytes) - 1;
  let starts = new Uint32Array(Math.max(16, bytes.length >> 4));
  let outputs = new Uint32Array(starts.length);
  let n = 0;
  const size = bytes.length;
  for (let at = 0; at < size; ) {
    let hash = 0x811c9dc5 | 0;
    let end = at;
    for (; end < size; end++) {
      const b = bytes[end]!;
      if (b === 0) break;
      hash = Math.imul(hash ^ b, 0x01000193);
    }
    hash = (hash ^ (hash >>> 15)) >>> 0;
    if (n === starts.length) {
      const s = new Uint32Array(n * 2);
      s.set(starts);
      starts = s;
      const o = new Uint32Array(n * 2);
      o.set(outputs);
      outputs = o;
    }
    starts[n] = at;
    outputs[n] = addPiece(pool, buffer, bytes, at, end + 1 - at, hash);
    n++;
    at = end + 1;
  }
  return { starts: starts.slice(0, n), outputs: outputs.slice(0, n) };
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Wide strings (entsize 2, 4, ...) and fixed-size constants. */
function addEntries(pool: Pool, bytes: Uint8Array): { starts: Uint32Array; outputs: Uint32Array } {
  const buffer = pool.buffers.push(bytes) - 1;
  const { entsize, strings } = pool;
  const starts: number[] = [];
  const outputs: number[] = [];
  const isNul = (at: number) => {
    for (let i = 0; i < entsize; i++) if (bytes[at + i] !== 0) return false;
    return true;
  };
  for (let at = 0; at < bytes.length; ) {
    let end = at + entsize;
    if (strings) {
      while (!isNul(end - entsize)) end += entsize;
    }
    starts.push(at);
    outputs.push(addPiece(pool, buffer, bytes, at, end - at, hashOf(bytes, at, end)));
    at = end;
  }
  return { starts: Uint32Array.from(starts), outputs: Uint32Array.from(outputs) };
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
  const pools = new Map<string, Pool>();
  for (const s of sections) {
    const strings = (t.flags[s]! & SHF_STRINGS) !== 0;
    const entsize = t.entsize[s]!;
    const align = t.align[s]!;
    const key = `${strings}:${entsize}:${align}`;
    let pool = pools.get(key);
    if (!pool) {
      pool = createPool(s, strings, entsize, strings ? Math.max(align, 1) : Math.max(align, 1));
      pools.set(key, pool);
    }
    const bytes = sectionContents(program, s);
    if (strings && !endsInNul(bytes, entsize)) {
      fail('malformed-elf', `${placeText(program, s)}: its last string is not terminated`);
    }
    const { starts, outputs } = strings && entsize === 1 ? addByteStrings(pool, bytes) : addEntries(pool, bytes);
    result.pieces.set(s, { leader: pool.leader, starts, outputs, size: bytes.length });
    t.size[s] = 0;
  }
  for (const pool of pools.values()) {
    const merged = new Uint8Array(pool.size);
    for (let i = 0; i < pool.count; i++) {
      const from = pool.start[i]!;
      merged.set(pool.buffers[pool.buffer[i]!]!.subarray(from, from + pool.length[i]!), pool.output[i]!);
    }
    program.contents.set(pool.leader, merged);
    t.size[pool.leader] = pool.size;
  }
}

/** Offset within the leader's contents of offset `at` of a merged section; -1 when `at` lies outside it. */
export function mergedOffset(pieces: MergePieces, at: number): number {
  if (at < 0 || at > pieces.size) return -1;
  const { starts } = pieces;
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return pieces.outputs[low]! + (at - starts[low]!);
}

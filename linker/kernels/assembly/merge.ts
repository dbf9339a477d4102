/**
 * Merging of equal strings and constants: which sections go together, how many pieces they have, and the merging
 * itself; merge.ts makes the room. Debug information holds hundreds of thousands of strings: finding the end of one,
 * hashing it and looking it up happen in one pass, eight bytes at a time.
 */
import * as layout from '../layout';
import { copyShort, equal, hashSpan, lowBytes, MOST_STEPS, mix, SEED, zeroBytes, zeroMarks } from './bytes';
import * as elf from './elf';
import { getF64, getU8, getU32, setF64, setU32, setWord, word } from './words';

/** Copies those of the `count` sections in `list` that have `role` to `to`; returns how many they are. */
export function pickRole(program: usize, list: usize, count: u32, role: u32, to: usize): u32 {
  const roles = word(program, layout.SECTION_ROLE);
  let n: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    if (<u32>getU8(roles, s) == role) setU32(to, n++, s);
  }
  return n;
}

/** Whether one of sections [0, count) has `role` and is live. */
export function hasLive(program: usize, count: u32, role: u32): u32 {
  const roles = word(program, layout.SECTION_ROLE);
  const lives = word(program, layout.SECTION_LIVE);
  for (let s: u32 = 0; s < count; s++) {
    if (<u32>getU8(roles, s) == role && <u32>getU8(lives, s) == elf.LIVE_LIVE) return 1;
  }
  return 0;
}

function isSameKind(program: usize, a: u32, b: u32): bool {
  const flags = word(program, layout.SECTION_FLAGS);
  const aligns = word(program, layout.SECTION_ALIGN);
  const entsizes = word(program, layout.SECTION_ENTSIZE);
  return (
    ((getU32(flags, a) ^ getU32(flags, b)) & elf.SHF_STRINGS) == 0 &&
    getU32(aligns, a) == getU32(aligns, b) &&
    getF64(entsizes, a) == getF64(entsizes, b)
  );
}

function hashKind(program: usize, s: u32): u32 {
  const strings = getU32(word(program, layout.SECTION_FLAGS), s) & elf.SHF_STRINGS;
  const shape = ((<u64>getU32(word(program, layout.SECTION_ALIGN), s)) << 32) | strings;
  return <u32>mix(mix(SEED, shape), <u64>getF64(word(program, layout.SECTION_ENTSIZE), s));
}

/**
 * Sorts the sections in `list` by kind (entry size, alignment, strings or not), kinds in order of appearance, to
 * `sorted`. Returns the number of kinds; kind k is [bounds[k], bounds[k + 1]). `scratch` has room for 2 * count words
 * and is zero where `slots`, of `mask + 1` words, starts.
 */
export function groupByKind(
  program: usize,
  list: usize,
  count: u32,
  sorted: usize,
  bounds: usize,
  scratch: usize,
  slots: usize,
  mask: u32,
): u32 {
  const kindOf = scratch;
  const firstOf = scratch + ((<usize>count) << 2);
  let kinds: u32 = 0;
  memory.fill(slots, 0, (<usize>mask + 1) << 2);
  memory.fill(bounds, 0, (<usize>count + 1) << 2);
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    let at = hashKind(program, s) & mask;
    let kind = getU32(slots, at);
    while (kind != 0 && !isSameKind(program, getU32(firstOf, kind - 1), s)) {
      at = (at + 1) & mask;
      kind = getU32(slots, at);
    }
    if (kind == 0) {
      setU32(firstOf, kinds++, s);
      kind = kinds;
      setU32(slots, at, kind);
    }
    setU32(kindOf, i, kind - 1);
    setU32(bounds, kind, getU32(bounds, kind) + 1);
  }
  for (let k: u32 = 1; k <= kinds; k++) setU32(bounds, k, getU32(bounds, k) + getU32(bounds, k - 1));
  // `firstOf` now says where the next section of a kind goes.
  for (let k: u32 = 0; k < kinds; k++) setU32(firstOf, k, getU32(bounds, k));
  for (let i: u32 = 0; i < count; i++) {
    const kind = getU32(kindOf, i);
    const to = getU32(firstOf, kind);
    setU32(firstOf, kind, to + 1);
    setU32(sorted, to, getU32(list, i));
  }
  return kinds;
}

/** End of the string of `entsize`-byte characters at `at`, its NUL included. The section is known to end in one. */
function wideStringEnd(at: usize, entsize: u32): usize {
  let zeros: u32 = 0;
  while (zeros < entsize) {
    zeros = 0;
    while (zeros < entsize && load<u8>(at + zeros) == 0) zeros++;
    at += entsize;
  }
  return at;
}

function endsInNul(end: usize, entsize: u32): bool {
  for (let i: u32 = 1; i <= entsize; i++) if (load<u8>(end - i) != 0) return false;
  return true;
}

function countByteStrings(start: usize, size: u32): u32 {
  let count: u64 = 0;
  const last = start + (size & ~7);
  for (let at = start; at < last; at += 8) count += zeroBytes(load<u64>(at));
  const rest = size & 7;
  if (rest > 0) count += zeroBytes(load<u64>(last) | ~lowBytes(-1, rest));
  return <u32>count;
}

function countWideStrings(start: usize, size: u32, entsize: u32): u32 {
  let count: u32 = 0;
  for (let at = start; at < start + size; at = wideStringEnd(at, entsize)) count++;
  return count;
}

/**
 * Counts the pieces of `count` sections of one kind. Returns `count`, or the index of the first whose last string does
 * not end. Results (f64): the number of pieces, of bytes, and of entries of the index.
 */
export function countPieces(program: usize, list: usize, count: u32): u32 {
  const leader = getU32(list, 0);
  const strings = (getU32(word(program, layout.SECTION_FLAGS), leader) & elf.SHF_STRINGS) != 0;
  const entsize = <u32>getF64(word(program, layout.SECTION_ENTSIZE), leader);
  let pieces: u64 = 0;
  let bytes: u64 = 0;
  let entries: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    const start = <usize>getU32(word(program, layout.SECTION_OFFSET), s);
    const size = <u32>getF64(word(program, layout.SECTION_INPUT_SIZE), s);
    if (strings && !endsInNul(start + size, entsize)) return i;
    if (!strings) pieces += size / entsize;
    else if (entsize == 1) pieces += countByteStrings(start, size);
    else pieces += countWideStrings(start, size, entsize);
    bytes += size;
    entries += (size >> layout.MERGE_SHIFT) + 1;
  }
  setF64(program + layout.RESULT * 4, 0, <f64>pieces);
  setF64(program + layout.RESULT * 4, 1, <f64>bytes);
  setF64(program + layout.RESULT * 4, 2, <f64>entries);
  return count;
}

/** A slot of the table of distinct pieces: a piece's hash, and above it its place + 1; 0 when free. */
function slotAt(slots: usize, at: u32): usize {
  return slots + ((<usize>at) << 3);
}

function slotOf(hash: u32, place: u32): u64 {
  return ((<u64>place + 1) << 32) | hash;
}

/** Makes the table of distinct pieces twice as large; returns its mask. */
function growSlots(slots: usize, mask: u32, hashes: usize, places: usize, count: u32): u32 {
  memory.fill(slots, 0, (<usize>mask + 1) << 3);
  const next = mask * 2 + 1;
  for (let piece: u32 = 0; piece < count; piece++) {
    const hash = getU32(hashes, piece);
    let at = hash & next;
    while (load<u64>(slotAt(slots, at)) != 0) at = (at + 1) & next;
    store<u64>(slotAt(slots, at), slotOf(hash, getU32(places, piece)));
  }
  return next;
}

/** Fills the index of one section's pieces [first, last); returns its end. */
function fillIndex(index: usize, starts: usize, first: u32, last: u32, size: u32): usize {
  const entries = (size >> layout.MERGE_SHIFT) + 1;
  let piece = first;
  for (let i: u32 = 0; i < entries; i++) {
    while (piece + 1 < last && getU32(starts, piece + 1) <= i << layout.MERGE_SHIFT) piece++;
    setU32(index, i, piece);
  }
  return index + ((<usize>entries) << 2);
}

/**
 * Merges `count` sections of one kind, which countPieces has seen; the first becomes the leader and gets all distinct
 * pieces, from `data` on (before `dataEnd`). Returns 1, or 0 when they do not fit.
 *
 * `descriptors`, `starts`, `outputs` and `index` have the room that countPieces tells. The rest is scratch, zero before
 * and after: `hashes` and `places` (u32 by distinct piece) and `slots`, an open-addressing table that starts with
 * `mask + 1` slots of 8 bytes and has room to grow.
 */
export function mergePieces(
  program: usize,
  list: usize,
  count: u32,
  descriptors: usize,
  starts: usize,
  outputs: usize,
  index: usize,
  data: usize,
  dataEnd: usize,
  hashes: usize,
  places: usize,
  slots: usize,
  mask: u32,
): u32 {
  const leader = getU32(list, 0);
  const strings = (getU32(word(program, layout.SECTION_FLAGS), leader) & elf.SHF_STRINGS) != 0;
  const entsize = <u32>getF64(word(program, layout.SECTION_ENTSIZE), leader);
  const align = <u64>getU32(word(program, layout.SECTION_ALIGN), leader);
  const room = <u64>(dataEnd - data);
  let n: u32 = 0;
  let distinct: u32 = 0;
  let stored: u64 = 0;
  let full = false;
  for (let i: u32 = 0; i < count && !full; i++) {
    const s = getU32(list, i);
    const start = <usize>getU32(word(program, layout.SECTION_OFFSET), s);
    const size = <u32>getF64(word(program, layout.SECTION_INPUT_SIZE), s);
    const end = start + size;
    const first = n;
    let at = start;
    while (at < end) {
      let length = entsize;
      let hash: u32;
      if (strings && entsize == 1) {
        let mixed = SEED;
        let to = at;
        let bytes = load<u64>(to);
        let zeros = zeroMarks(bytes);
        while (zeros == 0) {
          mixed = mix(mixed, bytes);
          to += 8;
          bytes = load<u64>(to);
          zeros = zeroMarks(bytes);
        }
        const rest = <u32>(ctz(zeros) >> 3);
        hash = <u32>mix(mixed, lowBytes(bytes, rest));
        length = <u32>(to - at) + rest + 1;
      } else {
        if (strings) length = <u32>(wideStringEnd(at, entsize) - at);
        hash = hashSpan(at, length);
      }
      let entry = hash & mask;
      let slot = load<u64>(slotAt(slots, entry));
      // What is stored ends where it does: a string in its only NUL, a constant after entsize bytes.
      let step: u32 = 0;
      let found: bool = false;
      for (; slot != 0 && step < MOST_STEPS; step++) {
        found = <u32>slot == hash && equal(data + <usize>(slot >> 32) - 1, at, length);
        if (found) break;
        entry = (entry + 1) & mask;
        slot = load<u64>(slotAt(slots, entry));
      }
      let place = <u32>(slot >> 32) - 1;
      if (!found) {
        const to = (stored + align - 1) & ~(align - 1);
        if (to + length + 8 > room) {
          full = true;
          break;
        }
        copyShort(data + <usize>to, at, length);
        stored = to + length;
        place = <u32>to;
        // Of pieces that were made to collide, some are stored more than once.
        if (slot == 0) {
          setU32(hashes, distinct, hash);
          setU32(places, distinct, place);
          distinct++;
          store<u64>(slotAt(slots, entry), slotOf(hash, place));
          if (distinct > mask >> 1) mask = growSlots(slots, mask, hashes, places, distinct);
        }
      }
      setU32(starts, n, <u32>(at - start));
      setU32(outputs, n, place);
      n++;
      at += length;
    }
    const descriptor = descriptors + <usize>(i * layout.MERGE_WORDS * 4);
    setWord(descriptor, layout.MERGE_LEADER, leader);
    setWord(descriptor, layout.MERGE_STARTS, <u32>starts);
    setWord(descriptor, layout.MERGE_OUTPUTS, <u32>outputs);
    setWord(descriptor, layout.MERGE_FIRST, first);
    setWord(descriptor, layout.MERGE_LAST, n);
    setWord(descriptor, layout.MERGE_INDEX, <u32>index);
    setWord(descriptor, layout.MERGE_SIZE, size);
    index = fillIndex(index, starts, first, n, size);
    setU32(word(program, layout.SECTION_EDIT), s, <u32>descriptor);
    setF64(word(program, layout.SECTION_SIZE), s, 0);
  }
  memory.fill(hashes, 0, (<usize>distinct) << 2);
  memory.fill(places, 0, (<usize>distinct) << 2);
  memory.fill(slots, 0, (<usize>mask + 1) << 3);
  if (full) return 0;
  setU32(word(program, layout.SECTION_OFFSET), leader, <u32>data);
  setF64(word(program, layout.SECTION_SIZE), leader, <f64>stored);
  setF64(word(program, layout.SECTION_INPUT_SIZE), leader, <f64>stored);
  return 1;
}

/**
 * Interning of byte strings: an open-addressing table from the bytes of a name to a small integer, in order of first
 * appearance. Names stay where they lie in the input files. Eight bytes are hashed and compared at a time.
 */
import * as layout from '../layout';
import { equal, hashSpan, lowBytes, MOST_STEPS, mix, SEED, zeroMarks } from './bytes';
import { getU32, setU32, setWord, word } from './words';

/** The slot that holds the name, or the free one where it would go; 0 when too many names collide. */
function slotOf(names: usize, start: usize, length: u32, hash: u32): usize {
  const slots = word(names, layout.NAMES_SLOTS);
  const mask = <u32>word(names, layout.NAMES_MASK);
  const hashes = word(names, layout.NAMES_HASH);
  const lengths = word(names, layout.NAMES_LENGTH);
  const offsets = word(names, layout.NAMES_OFFSET);
  let at = hash & mask;
  for (let step: u32 = 0; step < MOST_STEPS; step++) {
    const slot = slots + ((<usize>at) << 2);
    const id = load<i32>(slot);
    if (id < 0) return slot;
    if (getU32(hashes, id) == hash && getU32(lengths, id) == length && equal(getU32(offsets, id), start, length)) {
      return slot;
    }
    at = (at + 1) & mask;
  }
  return 0;
}

/** -1 when too many names collide. */
function intern(names: usize, start: usize, length: u32, hash: u32): i32 {
  const slot = slotOf(names, start, length, hash);
  if (slot == 0) return -1;
  const known = load<i32>(slot);
  if (known >= 0) return known;
  const id = <u32>word(names, layout.NAMES_COUNT);
  setU32(word(names, layout.NAMES_OFFSET), id, <u32>start);
  setU32(word(names, layout.NAMES_LENGTH), id, length);
  setU32(word(names, layout.NAMES_HASH), id, hash);
  store<i32>(slot, id);
  setWord(names, layout.NAMES_COUNT, id + 1);
  return id;
}

/** Whether the table has room for `extra` more names. */
export function hasRoom(names: usize, extra: u32): bool {
  const capacity = (<u32>word(names, layout.NAMES_MASK) + 1) >> 1;
  return extra <= capacity - <u32>word(names, layout.NAMES_COUNT);
}

/** The caller has made room for one more name. */
export function internName(names: usize, start: usize, limit: usize): i32 {
  let hash = SEED;
  let at = start;
  for (; at < limit; at += 8) {
    const bytes = load<u64>(at);
    const zeros = zeroMarks(bytes);
    if (zeros == 0) {
      hash = mix(hash, bytes);
      continue;
    }
    const count = <u32>(ctz(zeros) >> 3);
    at += count;
    if (at >= limit) return -1;
    return intern(names, start, <u32>(at - start), <u32>mix(hash, lowBytes(bytes, count)));
  }
  return -1;
}

export function internSpan(names: usize, start: usize, length: u32): i32 {
  return intern(names, start, length, hashSpan(start, length));
}

export function findSpan(names: usize, start: usize, length: u32): i32 {
  const slot = slotOf(names, start, length, hashSpan(start, length));
  return slot == 0 ? -1 : load<i32>(slot);
}

export function rehash(names: usize): void {
  const slots = word(names, layout.NAMES_SLOTS);
  const mask = <u32>word(names, layout.NAMES_MASK);
  const hashes = word(names, layout.NAMES_HASH);
  const count = <u32>word(names, layout.NAMES_COUNT);
  memory.fill(slots, 0xff, (<usize>mask + 1) << 2);
  for (let id: u32 = 0; id < count; id++) {
    let at = getU32(hashes, id) & mask;
    while (<i32>getU32(slots, at) >= 0) at = (at + 1) & mask;
    setU32(slots, at, id);
  }
}

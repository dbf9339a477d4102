/**
 * Hashing, comparing and copying byte strings, eight bytes at a time. All of it may read past the end of what it is
 * given, for which the arena has room (READ_AHEAD).
 */

const LOW: u64 = 0x0101010101010101;
const HIGH: u64 = 0x8080808080808080;
export const SEED: u64 = 0x243f6a8885a308d3;
/**
 * Most slots of a hash table that are looked at for one entry. Half-empty tables never come near; whoever has made
 * thousands of entries collide would else have us compare each with all others.
 */
export const MOST_STEPS: u32 = 1024;

const FACTOR: u64 = 0x9e3779b97f4a7c15;

export function mix(hash: u64, bytes: u64): u64 {
  const product = (hash ^ bytes) * FACTOR;
  return product ^ (product >> 32);
}

/** The low `count` (under 8) bytes of a word. */
export function lowBytes(bytes: u64, count: u32): u64 {
  return bytes & (((<u64>1) << ((<u64>count) << 3)) - 1);
}

/** Bits that mark zero bytes of a word, 0 when there is none: the lowest that is set marks the first; higher ones may lie. */
export function zeroMarks(bytes: u64): u64 {
  return (bytes - LOW) & ~bytes & HIGH;
}

/** Address of the first NUL in [start, limit), or `limit`. */
export function nulAfter(start: usize, limit: usize): usize {
  for (let at = start; at < limit; at += 8) {
    const marks = zeroMarks(load<u64>(at));
    if (marks != 0) return min(at + <usize>(ctz(marks) >> 3), limit);
  }
  return limit;
}

/** Number of zero bytes in a word. */
export function zeroBytes(bytes: u64): u64 {
  const rest = ~HIGH;
  return popcnt(~(((bytes & rest) + rest) | bytes | rest));
}

export function hashSpan(start: usize, length: u32): u32 {
  let hash = SEED;
  const last = start + (length & ~7);
  for (let at = start; at < last; at += 8) hash = mix(hash, load<u64>(at));
  return <u32>mix(hash, lowBytes(load<u64>(last), length & 7));
}

export function equal(a: usize, b: usize, length: u32): bool {
  const last = a + (length & ~7);
  for (; a < last; a += 8, b += 8) if (load<u64>(a) != load<u64>(b)) return false;
  return lowBytes(load<u64>(a), length & 7) == lowBytes(load<u64>(b), length & 7);
}

/** Copies a short string to where all is zero; the zeros after it are written again. */
export function copyShort(to: usize, from: usize, length: u32): void {
  const last = from + (length & ~7);
  for (; from < last; from += 8, to += 8) store<u64>(to, load<u64>(from));
  store<u64>(to, lowBytes(load<u64>(from), length & 7));
}

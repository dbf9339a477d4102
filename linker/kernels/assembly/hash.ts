/**
 * A fast hash of 160 bits for build ids that nobody forges: XXH64's four lanes over the bytes, finished three times.
 * Source: xxHash specification, XXH64.
 */
const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P3: u64 = 0x165667b19e3779f9;
const P4: u64 = 0x85ebca77c2b2ae63;
const P5: u64 = 0x27d4eb2f165667c5;

function round(lane: u64, input: u64): u64 {
  return rotl(lane + input * P2, 31) * P1;
}

function mergeLane(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * P1 + P4;
}

function finish(hash: u64): u64 {
  hash = (hash ^ (hash >> 33)) * P2;
  hash = (hash ^ (hash >> 29)) * P3;
  return hash ^ (hash >> 32);
}

/** Writes the hash of `length` bytes at `start` to the 20 bytes at `out`. */
export function hash160(start: usize, length: u32, out: usize): void {
  let a = P1 + P2;
  let b = P2;
  let c: u64 = 0;
  let d: u64 = 0 - P1;
  let at = start;
  const end = start + length;
  for (const last = start + (length & ~31); at < last; at += 32) {
    a = round(a, load<u64>(at));
    b = round(b, load<u64>(at + 8));
    c = round(c, load<u64>(at + 16));
    d = round(d, load<u64>(at + 24));
  }
  let tail = P5 + <u64>length;
  for (; at + 8 <= end; at += 8) tail = rotl(tail ^ round(0, load<u64>(at)), 27) * P1 + P4;
  for (; at < end; at++) tail = rotl(tail ^ (<u64>load<u8>(at) * P5), 11) * P1;
  const whole = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18) + tail;
  const first = mergeLane(mergeLane(mergeLane(mergeLane(whole, a), b), c), d);
  const second = mergeLane(mergeLane(mergeLane(mergeLane(first, d), c), b), a);
  const third = mergeLane(mergeLane(mergeLane(mergeLane(second, b), d), a), c);
  store<u64>(out, finish(first));
  store<u64>(out + 8, finish(second));
  store<u32>(out + 16, <u32>finish(third));
}

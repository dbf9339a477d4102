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

/** Starts a hash in the four words of 64 bits at `lanes`. */
export function startHash(lanes: usize): void {
  store<u64>(lanes, P1 + P2);
  store<u64>(lanes, P2, 8);
  store<u64>(lanes, 0, 16);
  store<u64>(lanes, 0 - P1, 24);
}

/**
 * Goes on with the hash over `length` bytes at `start`, a multiple of 32. Called for pieces of the whole: an engine
 * swaps in faster code between calls, not in the middle of one.
 */
export function addToHash(lanes: usize, start: usize, length: u32): void {
  let a = load<u64>(lanes);
  let b = load<u64>(lanes, 8);
  let c = load<u64>(lanes, 16);
  let d = load<u64>(lanes, 24);
  for (let at = start, end = start + length; at < end; at += 32) {
    // `round` written out: this loop sees every byte of the output.
    a = rotl(a + load<u64>(at) * P2, 31) * P1;
    b = rotl(b + load<u64>(at, 8) * P2, 31) * P1;
    c = rotl(c + load<u64>(at, 16) * P2, 31) * P1;
    d = rotl(d + load<u64>(at, 24) * P2, 31) * P1;
  }
  store<u64>(lanes, a);
  store<u64>(lanes, b, 8);
  store<u64>(lanes, c, 16);
  store<u64>(lanes, d, 24);
}

/** Writes 20 bytes to `out`: the hash of all before and of the last `length` (under 32) bytes at `start`. */
export function endHash(lanes: usize, start: usize, length: u32, total: f64, out: usize): void {
  const a = load<u64>(lanes);
  const b = load<u64>(lanes, 8);
  const c = load<u64>(lanes, 16);
  const d = load<u64>(lanes, 24);
  let tail = P5 + <u64>total;
  const end = start + length;
  let at = start;
  for (; at + 8 <= end; at += 8) tail = rotl(tail ^ round(0, load<u64>(at)), 27) * P1 + P4;
  for (; at < end; at++) tail = rotl(tail ^ (<u64>load<u8>(at) * P5), 11) * P1;
  const whole = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18) + tail;
  const first = mergeLane(mergeLane(mergeLane(mergeLane(whole, a), b), c), d);
  const second = mergeLane(mergeLane(mergeLane(mergeLane(first, d), c), b), a);
  const third = mergeLane(mergeLane(mergeLane(mergeLane(second, b), d), a), c);
  store<u64>(out, finish(first));
  store<u64>(out, finish(second), 8);
  store<u32>(out, <u32>finish(third), 16);
}

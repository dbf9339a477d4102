/**
 * Raw Ed25519 and X25519 private keys: 32 bytes that nothing marks, found by the public key that lies next to them.
 *
 * A program that embeds a key pair has both halves near each other (libsodium's and many formats' secret key is the seed
 * followed by the public key). That 32 bytes are a private key is then a fact that can be computed: derive the public
 * key and look for it in the neighbourhood. Deriving costs some 40 microseconds, so only bytes that look random and have
 * others near them are tried: 32 random bytes have fewer than 25 distinct values once in 7,000 times, fewer than 4 or
 * more than 28 with their top bit set once in 20,000; text, code and tables of small numbers nearly always. Short random
 * runs come first, since a long one is a table or compressed data; and no more than `budget` are tried. What was not
 * tried is counted, and the caller must not call that a pass.
 *
 * Sources: RFC 8032 5.1.5, RFC 7748 6.1; RFC 8037 (the JSON form of both keys, for node:crypto).
 */
import { createPrivateKey } from '../../base/node.ts';

export interface RawKey {
  /** Of the private key, in the bytes that were searched. */
  readonly offset: number;
  readonly publicOffset: number;
  readonly kind: 'Ed25519' | 'X25519';
}

export interface RawKeys {
  readonly found: readonly RawKey[];
  /** Candidates that were tried, and those left out because the budget was used up. */
  readonly tried: number;
  readonly untried: number;
}

const KEY = 32;
/** How far from the private key its public key is looked for, on either side. */
const WINDOW = 128;
const LEAST_DISTINCT = 25;
const LEAST_HIGH = 4;

/** The public key of 32 bytes taken as a private one. */
export function publicKeyOf(kind: 'Ed25519' | 'X25519', secret: Uint8Array): Buffer {
  const d = Buffer.from(secret).toString('base64url');
  // `x` must be there but is computed again; DER would take ten times as long.
  const key = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: kind, d, x: d } });
  return Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');
}

/** For each offset, whether the 32 bytes from there look random; a window that slides. */
function randomLooking(bytes: Uint8Array): Uint8Array {
  const looks = new Uint8Array(bytes.length);
  const counts = new Uint8Array(256);
  let distinct = 0;
  let high = 0;
  for (let i = 0; i < bytes.length; i++) {
    const enters = bytes[i]!;
    if (counts[enters]++ === 0) distinct++;
    high += enters >> 7;
    if (i >= KEY) {
      const leaves = bytes[i - KEY]!;
      if (--counts[leaves] === 0) distinct--;
      high -= leaves >> 7;
    }
    if (i >= KEY - 1 && distinct >= LEAST_DISTINCT && high >= LEAST_HIGH && high <= KEY - LEAST_HIGH) {
      looks[i - KEY + 1] = 1;
    }
  }
  return looks;
}

/** How many of looks[0..i) are set, for each i: whether any is in a range is then one subtraction. */
function runningSum(looks: Uint8Array): Uint32Array {
  const sums = new Uint32Array(looks.length + 1);
  for (let i = 0; i < looks.length; i++) sums[i + 1] = sums[i]! + looks[i]!;
  return sums;
}

interface Candidate {
  readonly at: number;
  /** The length of the random-looking run that it lies in. */
  readonly run: number;
}

/** Where a key may begin, the most likely places first. `align` is that of the first byte's address. */
function candidates(bytes: Uint8Array, skew: number): Candidate[] {
  const looks = randomLooking(bytes);
  const sums = runningSum(looks);
  const anyIn = (from: number, to: number): boolean =>
    sums[Math.max(0, Math.min(looks.length, to))]! > sums[Math.max(0, Math.min(looks.length, from))]!;
  // Room for a public key: other bytes that look random, on either side.
  const hasNeighbour = (i: number): boolean =>
    anyIn(i + KEY, i + KEY + WINDOW + 1) || anyIn(i - KEY - WINDOW, i - KEY + 1);
  const found: Candidate[] = [];
  for (let at = 0; at < looks.length; ) {
    if (looks[at] === 0) {
      at++;
      continue;
    }
    let end = at;
    while (end < looks.length && looks[end] === 1) end++;
    // A run begins where the 32 bytes first look random, a little before the key itself; unaligned places only in short runs.
    const run = end - at;
    for (let i = at; i < end; i++) {
      if (((i + skew) % 8 === 0 || run <= 4 * WINDOW) && hasNeighbour(i)) found.push({ at: i, run });
    }
    at = end;
  }
  const rank = ({ at, run }: Candidate): number =>
    (run <= 4 * WINDOW ? 0 : 4) + ((at + skew) % 16 === 0 ? 0 : (at + skew) % 8 === 0 ? 1 : 2);
  return found.sort((a, b) => rank(a) - rank(b) || a.at - b.at);
}

function offsetNear(bytes: Uint8Array, at: number, key: Buffer): number {
  const from = Math.max(0, at - WINDOW - KEY);
  const near = Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.min(bytes.length, at + 2 * KEY + WINDOW) - from);
  const found = near.indexOf(key);
  return found < 0 ? -1 : from + found;
}

/** Searches `bytes`, whose first lies at an address of `skew` modulo 16. */
export function findRawKeys(bytes: Uint8Array, skew: number, budget: number): RawKeys {
  const all = candidates(bytes, skew);
  const found: RawKey[] = [];
  let tried = 0;
  for (const { at } of all) {
    if (tried + 2 > budget) break;
    const secret = bytes.subarray(at, at + KEY);
    for (const kind of ['Ed25519', 'X25519'] as const) {
      tried++;
      const publicOffset = offsetNear(bytes, at, publicKeyOf(kind, secret));
      if (publicOffset >= 0) found.push({ offset: at, publicOffset, kind });
    }
  }
  return { found, tried, untried: Math.max(0, all.length - Math.ceil(tried / 2)) };
}

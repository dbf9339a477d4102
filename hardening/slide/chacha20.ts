/**
 * The keystream of ChaCha20 as 32-bit words: nonce 0, block counter from 0.
 *
 * Written out here rather than taken from the system's OpenSSL, which may be built or configured without it: a seed
 * must give its layout on every machine. Source: RFC 8439, section 2.3.
 */

/** "expand 32-byte k" */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];

function quarterRound(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 7);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Writes the block of `state` to `block`. */
function chachaBlock(state: Uint32Array, block: Uint32Array): void {
  block.set(state);
  for (let round = 0; round < 10; round++) {
    quarterRound(block, 0, 4, 8, 12);
    quarterRound(block, 1, 5, 9, 13);
    quarterRound(block, 2, 6, 10, 14);
    quarterRound(block, 3, 7, 11, 15);
    quarterRound(block, 0, 5, 10, 15);
    quarterRound(block, 1, 6, 11, 12);
    quarterRound(block, 2, 7, 8, 13);
    quarterRound(block, 3, 4, 9, 14);
  }
  for (let i = 0; i < 16; i++) block[i] += state[i];
}

/** Gives the next word of the keystream under a key of 32 bytes, at each call; at most 2^32 blocks. */
export function chacha20(key: Uint8Array): () => number {
  if (key.length !== 32) throw new RangeError(`a key has 32 bytes, not ${key.length}`);
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const words = Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true));
  const state = Uint32Array.from([...CONSTANTS, ...words, 0, 0, 0, 0]);
  const block = new Uint32Array(16);
  let used = 16;
  return () => {
    if (used === 16) {
      chachaBlock(state, block);
      state[12]++;
      used = 0;
    }
    return block[used++];
  };
}

/**
 * ChaCha20 (RFC 8439), and a key that is gone when its work is done.
 *
 * The cipher's state holds the key word by word, so it is as secret as the key; so is a block of keystream, which shows
 * what it was laid over. What a sector is after a transformation is meant to be seen. Every function here that is given a
 * secret leaves none behind: the build shows that of the machine code, and clears what compilers leave in the stack and in
 * registers.
 *
 * A block of keystream is 64 bytes, its number the state's word 12; words 13 to 15 are the nonce, which must not come
 * twice with a key: `purpose`, `generation` and 0.
 */
import type { u8, u32 } from 'casemate';

const FOR_SECTORS = 0;
const FOR_CHECK = 1;

/** Four words of the state. */
interface Quarter {
  readonly a: u32;
  readonly b: u32;
  readonly c: u32;
  readonly d: u32;
}

/**
 * RFC 8439, 2.1.
 * @pure
 */
export function quarterRound(a: u32, b: u32, c: u32, d: u32): Quarter {
  const a1 = (a + b) >>> 0;
  const d0 = d ^ a1;
  const d1 = ((d0 << 16) | (d0 >>> 16)) >>> 0;
  const c1 = (c + d1) >>> 0;
  const b0 = b ^ c1;
  const b1 = ((b0 << 12) | (b0 >>> 20)) >>> 0;
  const a2 = (a1 + b1) >>> 0;
  const d2 = d1 ^ a2;
  const d3 = ((d2 << 8) | (d2 >>> 24)) >>> 0;
  const c2 = (c1 + d3) >>> 0;
  const b2 = b1 ^ c2;
  const b3 = ((b2 << 7) | (b2 >>> 25)) >>> 0;
  return { a: a2, b: b3, c: c2, d: d3 };
}

/**
 * The word of four bytes, the lowest first.
 * @pure
 */
function wordOf(a: u8, b: u8, c: u8, d: u8): u32 {
  return a + b * 0x100 + c * 0x10000 + d * 0x1000000;
}

/**
 * Makes the state of a key, the first 32 bytes of a sector; number and nonce are 0.
 * @requires state.length === 16
 * @requires sector.length === 512
 * @secret state, sector
 * @modifies state
 */
export function takeKey(state: Uint32Array, sector: Readonly<Uint8Array>): void {
  // "expand 32-byte k"
  state[0] = 0x61707865;
  state[1] = 0x3320646e;
  state[2] = 0x79622d32;
  state[3] = 0x6b206574;
  for (let i = 0; i < 8; i++) {
    state[4 + i] = wordOf(sector[4 * i], sector[4 * i + 1], sector[4 * i + 2], sector[4 * i + 3]);
  }
  for (let i = 12; i < 16; i++) state[i] = 0;
}

/**
 * Clears the sector that a key was read in.
 * @requires sector.length === 512
 * @secret sector
 * @modifies sector
 * @zeroized
 */
export function eraseKey(sector: Uint8Array): void {
  for (let i = 0; i < sector.length; i++) sector[i] = 0;
}

/**
 * Clears a state: nothing can be transformed any more.
 * @requires state.length === 16
 * @secret state
 * @modifies state
 * @zeroized
 */
export function eraseState(state: Uint32Array): void {
  for (let i = 0; i < state.length; i++) state[i] = 0;
}

/**
 * The block of keystream that the state says: RFC 8439, 2.3.
 * @requires block.length === 16
 * @requires state.length === 16
 * @secret block, state
 * @modifies block
 */
export function keystream(block: Uint32Array, state: Readonly<Uint32Array>): void {
  for (let i = 0; i < 16; i++) block[i] = state[i];
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) {
      const column = quarterRound(block[i], block[i + 4], block[i + 8], block[i + 12]);
      block[i] = column.a;
      block[i + 4] = column.b;
      block[i + 8] = column.c;
      block[i + 12] = column.d;
    }
    for (let i = 0; i < 4; i++) {
      const b = 4 + ((i + 1) & 3);
      const c = 8 + ((i + 2) & 3);
      const d = 12 + ((i + 3) & 3);
      const diagonal = quarterRound(block[i], block[b], block[c], block[d]);
      block[i] = diagonal.a;
      block[b] = diagonal.b;
      block[c] = diagonal.c;
      block[d] = diagonal.d;
    }
  }
  for (let i = 0; i < 16; i++) block[i] = (block[i] + state[i]) >>> 0;
}

/**
 * Encrypts a sector, or decrypts it, which is the same: `number` is its place, and `generation` what tells this sealing of
 * the volume from all others.
 * @requires sector.length === 512
 * @requires state.length === 16
 * @requires number < 0x20000000
 * @secret state
 * @declassifies sector
 * @modifies sector, state
 */
export function transform(sector: Uint8Array, state: Uint32Array, number: u32, generation: u32): void {
  const block = new Uint32Array(16);
  state[13] = FOR_SECTORS;
  state[14] = generation;
  state[15] = 0;
  for (let i = 0; i < 8; i++) {
    state[12] = 8 * number + i;
    keystream(block, state);
    for (let j = 0; j < 16; j++) {
      const at = 64 * i + 4 * j;
      const word = block[j];
      sector[at] = (sector[at] ^ word) & 255;
      sector[at + 1] = (sector[at + 1] ^ (word >>> 8)) & 255;
      sector[at + 2] = (sector[at + 2] ^ (word >>> 16)) & 255;
      sector[at + 3] = (sector[at + 3] ^ (word >>> 24)) & 255;
    }
  }
  for (let i = 0; i < block.length; i++) block[i] = 0;
}

/**
 * What tells the key from others and does not show it: bytes of a keystream that nothing else is encrypted with.
 * @requires check.length === 16
 * @requires state.length === 16
 * @secret state
 * @declassifies check
 * @modifies check, state
 */
export function tellKey(check: Uint8Array, state: Uint32Array): void {
  const block = new Uint32Array(16);
  state[12] = 0;
  state[13] = FOR_CHECK;
  state[14] = 0;
  state[15] = 0;
  keystream(block, state);
  for (let j = 0; j < 4; j++) {
    const word = block[j];
    check[4 * j] = word & 255;
    check[4 * j + 1] = (word >>> 8) & 255;
    check[4 * j + 2] = (word >>> 16) & 255;
    check[4 * j + 3] = word >>> 24;
  }
  for (let i = 0; i < block.length; i++) block[i] = 0;
}

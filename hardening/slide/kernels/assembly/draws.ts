/**
 * A seed's draws: the keystream of ChaCha20 as 32-bit words, uniform integers from it, and a shuffle.
 *
 * A stream is a block of STREAM_WORDS words: ChaCha20's state (RFC 8439, section 2.3; word 12 counts blocks), the words of
 * its present block, and how many of those have been taken.
 */
import { getU32, setU32, setWord, word } from '../../../../linker/kernels/assembly/words';
import * as numbers from '../numbers';

function quarterRound(block: usize, a: u32, b: u32, c: u32, d: u32): void {
  let wa = getU32(block, a);
  let wb = getU32(block, b);
  let wc = getU32(block, c);
  let wd = getU32(block, d);
  wa += wb;
  wd = rotl(wd ^ wa, 16);
  wc += wd;
  wb = rotl(wb ^ wc, 12);
  wa += wb;
  wd = rotl(wd ^ wa, 8);
  wc += wd;
  wb = rotl(wb ^ wc, 7);
  setU32(block, a, wa);
  setU32(block, b, wb);
  setU32(block, c, wc);
  setU32(block, d, wd);
}

/** Makes the next block of `stream`. */
function nextBlock(stream: usize): void {
  const block = stream + (numbers.STREAM_BLOCK << 2);
  memory.copy(block, stream, 64);
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
  for (let i: u32 = 0; i < 16; i++) setU32(block, i, getU32(block, i) + getU32(stream, i));
  setU32(stream, 12, getU32(stream, 12) + 1);
}

function nextWord(stream: usize): u32 {
  let used = <u32>word(stream, numbers.STREAM_USED);
  if (used == 16) {
    nextBlock(stream);
    used = 0;
  }
  setWord(stream, numbers.STREAM_USED, used + 1);
  return getU32(stream + (numbers.STREAM_BLOCK << 2), used);
}

/**
 * A uniform integer below `bound`, which is from 1 to 2^32: words beyond the last whole multiple of it are thrown away.
 */
export function drawUniform(stream: usize, bound: f64): f64 {
  const all: u64 = 0x100000000;
  const fair = all - (all % <u64>bound);
  let value = <u64>nextWord(stream);
  while (value >= fair) value = nextWord(stream);
  return <f64>(value % <u64>bound);
}

/** 0 to `count` - 1 into `order`, in uniformly random order: Fisher-Yates, from the last place down. */
export function drawOrder(stream: usize, order: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) setU32(order, i, i);
  for (let last = count; last > 1; last--) {
    const other = <u32>drawUniform(stream, last);
    const kept = getU32(order, last - 1);
    setU32(order, last - 1, getU32(order, other));
    setU32(order, other, kept);
  }
}

/**
 * Writes the list of where units went (form: ../../codec.ts), and moves bytes about.
 */
import { getU32 } from '../../../../linker/kernels/assembly/words';

/**
 * Signed differences between `count` successive words, the first from 0, as LEB128 at `to`, which has room for five bytes
 * each. Returns the address behind them.
 */
export function writeDifferences(words: usize, count: u32, to: usize): usize {
  let before: i64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const value = <i64>getU32(words, i);
    const difference = value - before;
    before = value;
    let rest = <u64>((difference << 1) ^ (difference >> 63));
    while (rest > 0x7f) {
      store<u8>(to++, <u8>(rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    store<u8>(to++, <u8>rest);
  }
  return to;
}

/** Clears `size` bytes. */
export function clearBytes(at: usize, size: u32): void {
  memory.fill(at, 0, size);
}

/** Copies `size` bytes, wherever the two places overlap. The engine's own copies within shared memory are slow. */
export function copyBytes(to: usize, from: usize, size: u32): void {
  memory.copy(to, from, size);
}

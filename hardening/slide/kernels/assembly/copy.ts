/**
 * Copies units of code from where they were to where they go: thousands of pieces of a few hundred bytes each.
 */
import { getU32 } from '../../../../linker/kernels/assembly/words';

/**
 * Copies the units from `first` to `count` - 1. `code`, of `codeSize` bytes, and `text`, of `textSize` bytes, are the text
 * segment before and after, in different memory. Returns `count`, or the index of a unit that does not lie in both.
 */
export function copyUnits(
  code: usize,
  codeSize: u32,
  text: usize,
  textSize: u32,
  first: u32,
  count: u32,
  offset: usize,
  size: usize,
  to: usize,
): u32 {
  for (let i = first; i < count; i++) {
    const from = getU32(offset, i);
    const bytes = getU32(size, i);
    const target = getU32(to, i);
    if (<u64>from + bytes > codeSize || <u64>target + bytes > textSize) return i;
    memory.copy(text + target, code + from, bytes);
  }
  return count;
}

/** Sizes rounded up, as allocators and page tables need them. */
import type { u32 } from 'casemate';

/**
 * The least multiple of `unit` that is not below `size`.
 * @requires 0 < unit && unit <= 0x40000000 && size <= 0x40000000
 * @ensures size <= result && result % unit === 0
 * @ensures forall(size, result, (other) => other % unit !== 0)
 */
export function alignUp(size: u32, unit: u32): u32 {
  const over = size % unit;
  return over === 0 ? size : size + (unit - over);
}

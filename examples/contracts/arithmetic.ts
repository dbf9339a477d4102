/** casemate's own arithmetic: alignment, overlap of ranges, and whether a value fits a relocation's field. */
import type { u32 } from 'casemate';

/**
 * The least multiple of the alignment that is not below the value.
 * @requires 0 <= value && value <= 0xffffffffffff
 * @requires alignment > 0
 * @ensures result % alignment === 0
 * @ensures value <= result && result < value + alignment
 */
export function alignUp(value: number, alignment: u32): number {
  return Math.trunc((value + alignment - 1) / alignment) * alignment;
}

/**
 * @requires 0 <= value && value <= 0xffffffffffff
 * @ensures result % 4096 === 0
 * @ensures result <= value && value < result + 4096
 */
export function pageOf(value: number): number {
  return value - (value % 4096);
}

/**
 * Whether two ranges, their ends excluded, have an address in common.
 * @requires 0 <= a && a <= aEnd && 0 <= b && b <= bEnd
 * @ensures result === exists(a, aEnd, (x) => b <= x && x < bEnd)
 */
export function overlap(a: number, aEnd: number, b: number, bEnd: number): boolean {
  return a < aEnd && b < bEnd && a < bEnd && b < aEnd;
}

/**
 * Whether a value fits a signed field of 32 bits.
 * @ensures result === (-0x80000000 <= value && value <= 0x7fffffff)
 */
export function fitsSigned32(value: number): boolean {
  return (value | 0) === value;
}

/**
 * Whether a value fits a field of 32 bits without a sign.
 * @ensures result === (0 <= value && value <= 0xffffffff)
 */
export function fitsUnsigned32(value: number): boolean {
  return value >>> 0 === value;
}

/**
 * The two parts of a RISC-V address: the upper 20 bits, rounded so that the lower 12 with their sign complete it.
 * @requires 0 <= value && value <= 0x7ffff7ff
 * @ensures result % 4096 === 0
 * @ensures -2048 <= value - result && value - result <= 2047
 */
export function upperPart(value: u32): u32 {
  return (value + 2048) & ~4095;
}

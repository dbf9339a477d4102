/**
 * The arithmetic on addresses and sizes that all phases share. It is written in the language that `casemate prove`
 * verifies (docs/contracts.md), and the tests prove it: an address that is rounded wrongly, or a field that is taken for
 * wide enough, would be a wrong program without a word.
 */

/**
 * The least multiple of the alignment that is not below the value. An alignment of 0 is none, as ELF has it.
 * @pure
 * @requires -0x10000000000000 <= value && value <= 0x10000000000000
 * @requires 0 <= alignment && alignment < 0x10000000000000
 * @ensures value <= result
 * @ensures alignment <= 1 ? result === value : result < value + alignment && result % alignment === 0
 */
export function alignUp(value: number, alignment: number): number {
  if (alignment <= 1) return value;
  return Math.floor((value + alignment - 1) / alignment) * alignment;
}

/**
 * Whether a field of that many bits with a sign can hold the value: whether its low bits, their sign extended, are the
 * value, as they are for a byte, for the immediates and branches of RISC-V, and for a word.
 * @pure
 * @requires 1 <= bits && bits <= 32
 * @ensures implies(bits === 8, result === ((value << 24) >> 24 === value))
 * @ensures implies(bits === 12, result === ((value << 20) >> 20 === value))
 * @ensures implies(bits === 13, result === ((value << 19) >> 19 === value))
 * @ensures implies(bits === 21, result === ((value << 11) >> 11 === value))
 * @ensures implies(bits === 32, result === ((value | 0) === value))
 */
export function fitsSigned(value: number, bits: number): boolean {
  return -((1 << (bits - 1)) >>> 0) <= value && value < (1 << (bits - 1)) >>> 0;
}

/**
 * What the upper 20 bits of a RISC-V address make, rounded so that 12 bits with a sign complete it.
 * @pure
 * @requires -0x80000000 <= value && value < 0x7ffff800
 * @ensures -0x80000000 <= result && result <= 0x7fffffff
 * @ensures result % 4096 === 0
 * @ensures -2048 <= value - result && value - result < 2048
 */
export function upperPart(value: number): number {
  return (value + 0x800) & ~0xfff;
}

/**
 * Whether two ranges, their ends excluded, have an address in common.
 * @pure
 * @ensures result === exists(a, aEnd, (x) => b <= x && x < bEnd)
 */
export function overlap(a: number, aEnd: number, b: number, bEnd: number): boolean {
  return Math.max(a, b) < Math.min(aEnd, bEnd);
}

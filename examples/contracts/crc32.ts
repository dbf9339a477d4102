/** CRC-32 as Ethernet has it, a bit at a time: 32-bit arithmetic that is meant to stay in 32 bits. */
import { invariant, type u8, type u32 } from 'casemate';

/**
 * One byte more.
 * @pure
 */
export function step(crc: u32, byte: u8): u32 {
  let rest: u32 = (crc ^ byte) >>> 0;
  for (let bit = 0; bit < 8; bit++) {
    rest = (rest & 1) === 0 ? rest >>> 1 : ((rest >>> 1) ^ 0xedb88320) >>> 0;
  }
  return rest;
}

/**
 * The checksum of `bytes` from `start` up to, and without, `end`.
 * @requires start <= end && end <= bytes.length
 */
export function crc32(bytes: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  let crc: u32 = 0xffffffff;
  for (let i = start; i < end; i++) {
    invariant(i <= end);
    crc = step(crc, bytes[i]);
  }
  return ~crc >>> 0;
}

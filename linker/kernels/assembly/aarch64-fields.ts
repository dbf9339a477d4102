/**
 * The fields that AArch64 relocations write: immediates of instructions at `at`, of which the other bits stay.
 * Source: Arm Architecture Reference Manual for A-profile, C4.1 "A64 instruction set encoding".
 */
import * as layout from '../layout';
import { because, checkBits, overflow, tooCoarse } from './reasons';

export const NOP: u32 = 0xd503201f;
export const MOVZ: u32 = 0xd2800000;
export const MOVZ_LSL_16: u32 = 0xd2a00000;
export const MOVK: u32 = 0xf2800000;

function replace(at: usize, kept: u32, fields: u32): void {
  store<u32>(at, (load<u32>(at) & kept) | fields);
}

/** 0 when an unsigned field of so many bits can hold `value`, else the reason. */
export function checkUnsigned(value: i64, bits: u32): u32 {
  const limit: i64 = (<i64>1) << bits;
  return value >= 0 && value < limit ? 0 : overflow(value, 0, limit - 1);
}

/** 0 when a field of so many bits can hold `value`, read as signed or as unsigned, else the reason. */
export function checkEither(value: i64, bits: u32): u32 {
  const low: i64 = -((<i64>1) << (bits - 1));
  const limit: i64 = (<i64>1) << bits;
  return value >= low && value < limit ? 0 : overflow(value, low, limit - 1);
}

/** MOVZ or MOVK: 16 bits of `value` from bit 16 * `group` on. */
export function setMoveWide(at: usize, value: i64, group: u32): void {
  replace(at, 0xffe0001f, (<u32>(value >> (16 * group)) & 0xffff) << 5);
}

/** MOVZ or MOVN, whichever makes `value`; a MOVK stays one. */
export function setSignedMoveWide(at: usize, value: i64, group: u32): void {
  const isKeep = (load<u32>(at) & 0x60000000) == 0x60000000;
  if (!isKeep) replace(at, ~(<u32>0x60000000), value < 0 ? 0 : 0x40000000);
  setMoveWide(at, !isKeep && value < 0 ? ~value : value, group);
}

/** ADR's distance in bytes, or ADRP's in pages. */
export function setAdr(at: usize, distance: i64): void {
  replace(at, 0x9f00001f, ((<u32>distance & 3) << 29) | ((<u32>(distance >> 2) & 0x7ffff) << 5));
}

/** ADD's or a load's or store's unsigned immediate. */
export function setImmediate12(at: usize, value: u32): void {
  replace(at, 0xffc003ff, (value & 0xfff) << 10);
}

/** The same of a load or store of 2^`shift` bytes, which counts in that size; only the low 12 bits of `value` count. */
export function setLoadStore(at: usize, value: i64, shift: u32): u32 {
  if ((value & (((<i64>1) << shift) - 1)) != 0) return tooCoarse(value, (<i64>1) << shift);
  setImmediate12(at, (<u32>value & 0xfff) >> shift);
  return 0;
}

/** A load from 2^15 bytes above a page, which counts in 8. */
export function setLoad15(at: usize, value: i64): u32 {
  const why = checkUnsigned(value, 15);
  if (why != 0) return why;
  if ((value & 7) != 0) return tooCoarse(value, 8);
  replace(at, 0xffc003ff, (<u32>(value >> 3)) << 10);
  return 0;
}

/** A branch's or literal load's distance, of `bits` bits and counted in 4, from bit `from` of the instruction on. */
export function setDistance(at: usize, distance: i64, bits: u32, from: u32): u32 {
  const why = checkBits(distance, bits + 2);
  if (why != 0) return why;
  if ((distance & 3) != 0) return tooCoarse(distance, 4);
  const mask: u32 = (((<u32>1) << bits) - 1) << from;
  replace(at, ~mask, ((<u32>(distance >> 2)) << from) & mask);
  return 0;
}

/** Rewrites an instruction of the form `kept` register, as another that makes the 16 bits `value`. */
export function setMove(at: usize, opcode: u32, register: u32, value: u32): void {
  store<u32>(at, opcode | ((value & 0xffff) << 5) | register);
}

/** The instruction at `at` is not the one of its sequence. */
export function notInSequence(at: usize): u32 {
  return because(layout.APPLY_SEQUENCE, <i64>load<u32>(at));
}

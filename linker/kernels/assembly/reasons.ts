/**
 * Why a relocation was not applied: notes it where the machine's file in arch/ reads it (APPLY_... in layout.ts).
 */
import * as layout from '../layout';
import { setF64, setWord } from './words';

let program: usize = 0;

/** The program in whose block reasons are noted. */
export function reportTo(block: usize): void {
  program = block;
}

/** Notes the relocation that the reason is about. */
export function about(r: u32): void {
  setWord(program, layout.RESULT + 1, r);
}

/** Stops at relocation `r` for a reason that is its own. */
export function stopped(r: u32, why: u32): u32 {
  about(r);
  return stoppedAt(r, why);
}

/** Stops at relocation `r`; which one it is about has been noted. */
export function stoppedAt(r: u32, why: u32): u32 {
  setWord(program, layout.RESULT, why);
  return r;
}

/** Notes a number that the reason is about. */
export function because(why: u32, value: i64): u32 {
  setF64(program + (layout.RESULT + 2) * 4, 0, <f64>value);
  return why;
}

export function overflow(value: i64, low: i64, high: i64): u32 {
  setF64(program + (layout.RESULT + 4) * 4, 0, <f64>low);
  setF64(program + (layout.RESULT + 6) * 4, 0, <f64>high);
  return because(layout.APPLY_OVERFLOW, value);
}

/** 0 when a signed field of so many bits can hold `value`, else the reason. */
export function checkBits(value: i64, bits: u32): u32 {
  const limit: i64 = (<i64>1) << (bits - 1);
  return value >= -limit && value < limit ? 0 : overflow(value, -limit, limit - 1);
}

/** The same for the distance of a jump. */
export function checkJump(distance: i64, bits: u32): u32 {
  return (distance & 1) != 0 ? because(layout.APPLY_ODD, distance) : checkBits(distance, bits);
}

/** `value` has to be a multiple of `unit`. */
export function tooCoarse(value: i64, unit: i64): u32 {
  setF64(program + (layout.RESULT + 4) * 4, 0, <f64>unit);
  return because(layout.APPLY_COARSE, value);
}

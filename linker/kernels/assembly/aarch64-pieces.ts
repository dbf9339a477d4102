/**
 * Numbers that AArch64 instructions hold in pieces: addresses and distances in groups of 16 bits, and offsets from the
 * thread pointer. Each function writes its piece at `place` and returns 0, or why the number does not fit.
 * Source: AAELF64 2023Q3, sections 5.7.5 to 5.7.7 and 5.7.11.
 */
import * as R from '../aarch64-numbers';
import {
  checkUnsigned,
  MOVZ_LSL_16,
  setImmediate12,
  setLoadStore,
  setMove,
  setMoveWide,
  setSignedMoveWide,
} from './aarch64-fields';
import { checkBits } from './reasons';

export function applyMoveAddress(type: u32, place: usize, value: i64): u32 {
  let why: u32 = 0;
  switch (type) {
    case R.MOVW_UABS_G0:
      why = checkUnsigned(value, 16);
      if (why == 0) setMoveWide(place, value, 0);
      return why;
    case R.MOVW_UABS_G0_NC:
      setMoveWide(place, value, 0);
      return 0;
    case R.MOVW_UABS_G1:
      why = checkUnsigned(value, 32);
      if (why == 0) setMoveWide(place, value, 1);
      return why;
    case R.MOVW_UABS_G1_NC:
      setMoveWide(place, value, 1);
      return 0;
    case R.MOVW_UABS_G2:
      why = checkUnsigned(value, 48);
      if (why == 0) setMoveWide(place, value, 2);
      return why;
    case R.MOVW_UABS_G2_NC:
      setMoveWide(place, value, 2);
      return 0;
    case R.MOVW_UABS_G3:
      setMoveWide(place, value, 3);
      return 0;
    default:
      return signedGroup(place, value, type - R.MOVW_SABS_G0);
  }
}

/** MOVZ or MOVN of a group from which on all bits of `value` are its sign. */
export function signedGroup(place: usize, value: i64, group: u32): u32 {
  const why = checkBits(value, 17 + 16 * group);
  if (why == 0) setSignedMoveWide(place, value, group);
  return why;
}

export function applyMoveDistance(type: u32, place: usize, value: i64): u32 {
  const group = (type - R.MOVW_PREL_G0) >> 1;
  const checks = ((type - R.MOVW_PREL_G0) & 1) == 0 && type != R.MOVW_PREL_G3;
  if (checks) return signedGroup(place, value, group);
  setSignedMoveWide(place, value, group);
  return 0;
}

/** movz xN, #high, lsl 16: with the low half that follows it makes 32 bits. */
export function highHalf(place: usize, register: u32, value: i64): u32 {
  const why = checkUnsigned(value, 32);
  if (why == 0) setMove(place, MOVZ_LSL_16, register, <u32>(value >> 16));
  return why;
}

/** The offsets of local exec and local dynamic, whose types have one order: `kind` counts from MOVW_..._G2. */
export function applyOffset(kind: u32, place: usize, value: i64): u32 {
  let why: u32 = 0;
  switch (kind) {
    case 0:
      return signedGroup(place, value, 2);
    case 1:
      return signedGroup(place, value, 1);
    case 2:
      setSignedMoveWide(place, value, 1);
      return 0;
    case 3:
      return signedGroup(place, value, 0);
    case 4:
      setSignedMoveWide(place, value, 0);
      return 0;
    case 5:
      why = checkUnsigned(value, 24);
      if (why == 0) setImmediate12(place, <u32>(value >> 12));
      return why;
    case 6:
    case 7:
      why = kind == 6 ? checkUnsigned(value, 12) : 0;
      if (why == 0) setImmediate12(place, <u32>value);
      return why;
    default:
      return lowLoadStore(place, value, (kind - 8) >> 1, (kind & 1) == 0);
  }
}

export function lowLoadStore(place: usize, value: i64, shift: u32, checks: bool): u32 {
  const why = checks ? checkUnsigned(value, 12) : 0;
  return why != 0 ? why : setLoadStore(place, value, shift);
}

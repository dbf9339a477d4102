/**
 * The fields that RISC-V relocations write: immediates of instructions, scattered over the bits of their format at
 * `at`, of which the rest stays; and ULEB128 numbers.
 * Source: RISC-V unprivileged ISA, "Immediate Encoding Variants"; the C extension's formats; the psABI for widths.
 */
import * as layout from '../layout';
import { because } from './reasons';

/** Bytes that a type's field takes; beyond the table 4. */
const WIDTHS = memory.data<u8>([
  0, 4, 8, 4, 4, 4, 4, 4, 4, 8, 4, 4, 4, 4, 4, 4, 4, 4, 8, 8, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0, 1, 2, 4, 8, 1, 2,
  4, 8, 4, 4, 0, 2, 2, 2, 4, 4, 4, 4, 0, 1, 1, 1, 2, 4, 4, 4, 4, 1, 1, 4, 4,
]);

export function widthOf(type: u32): u32 {
  return type < 64 ? load<u8>(WIDTHS + type) : 4;
}

function replace32(at: usize, kept: i32, fields: i32): void {
  store<i32>(at, (load<i32>(at) & kept) | fields);
}

function replace16(at: usize, kept: i32, fields: i32): void {
  store<u16>(at, (<i32>load<u16>(at) & kept) | fields);
}

export function setUType(at: usize, v: i32): void {
  // The low half is signed, so the high half is rounded.
  replace32(at, 0xfff, (v + 0x800) & ~0xfff);
}

export function setIType(at: usize, v: i32): void {
  replace32(at, 0xfffff, v << 20);
}

export function setSType(at: usize, v: i32): void {
  replace32(at, 0x1fff07f, ((v & 0xfe0) << 20) | ((v & 0x1f) << 7));
}

export function setBType(at: usize, v: i32): void {
  replace32(at, 0x1fff07f, ((v & 0x1000) << 19) | ((v & 0x7e0) << 20) | ((v & 0x1e) << 7) | ((v & 0x800) >> 4));
}

export function setJType(at: usize, v: i32): void {
  replace32(at, 0xfff, ((v & 0x100000) << 11) | ((v & 0x7fe) << 20) | ((v & 0x800) << 9) | (v & 0xff000));
}

export function setCbType(at: usize, v: i32): void {
  const fields = ((v & 0x100) << 4) | ((v & 0x18) << 7) | ((v & 0xc0) >> 1) | ((v & 0x6) << 2) | ((v & 0x20) >> 3);
  replace16(at, 0xe383, fields);
}

export function setCjType(at: usize, v: i32): void {
  const high = ((v & 0x800) << 1) | ((v & 0x10) << 7) | ((v & 0x300) << 1) | ((v & 0x400) >> 2);
  const low = ((v & 0x40) << 1) | ((v & 0x80) >> 1) | ((v & 0xe) << 2) | ((v & 0x20) >> 3);
  replace16(at, 0xe003, high | low);
}

export function setCiLui(at: usize, v: i32): void {
  const high = (v + 0x800) >> 12;
  replace16(at, 0xef83, ((high & 0x20) << 7) | ((high & 0x1f) << 2));
}

/** The register that an address is counted from. */
export function setBase(at: usize, register: i32): void {
  replace32(at, ~(0x1f << 15), register << 15);
}

/** Rewrites a ULEB128, before `end`, keeping its length; returns 0 or what is wrong, and then leaves it as it is. */
export function setUleb128(place: usize, end: usize, value: i64): u32 {
  let last = place;
  while ((load<u8>(last) & 0x80) != 0) if (++last >= end) return layout.APPLY_ULEB_PAST;
  const bits = <i64>(last + 1 - place) * 7;
  if (value >> min(bits, 63) != 0) return because(layout.APPLY_ULEB_SHORT, value);
  let rest = value;
  for (let at = place; at < last; at++) {
    store<u8>(at, <u8>(rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  store<u8>(last, <u8>(rest & 0x7f));
  return 0;
}

/** Subtracts from a ULEB128 of at most 8 bytes. */
export function subtractUleb128(place: usize, end: usize, subtracted: i64): u32 {
  let value: i64 = 0;
  for (let at = place; ; at++) {
    const shift = <i64>(at - place) * 7;
    if (at >= end || shift > 49) return layout.APPLY_ULEB_LONG;
    const byte = <i64>load<u8>(at);
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
  }
  return setUleb128(place, end, value - subtracted);
}

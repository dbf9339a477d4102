/**
 * Immediates of RISC-V instructions: writes a value into the scattered bits of its format, leaving the rest.
 * Source: RISC-V unprivileged ISA, "Immediate Encoding Variants"; the C extension's formats.
 */

export function setUType(out: DataView, place: number, value: number): void {
  // The low half is signed, so the high half is rounded.
  const high = (value + 0x800) & ~0xfff;
  out.setUint32(place, ((out.getUint32(place, true) & 0xfff) | high) >>> 0, true);
}

export function setIType(out: DataView, place: number, value: number): void {
  out.setUint32(place, ((out.getUint32(place, true) & 0xfffff) | ((value & 0xfff) << 20)) >>> 0, true);
}

export function setSType(out: DataView, place: number, value: number): void {
  const fields = ((value & 0xfe0) << 20) | ((value & 0x1f) << 7);
  out.setUint32(place, ((out.getUint32(place, true) & 0x1fff07f) | fields) >>> 0, true);
}

export function setBType(out: DataView, place: number, v: number): void {
  const fields = ((v & 0x1000) << 19) | ((v & 0x7e0) << 20) | ((v & 0x1e) << 7) | ((v & 0x800) >> 4);
  out.setUint32(place, ((out.getUint32(place, true) & 0x1fff07f) | fields) >>> 0, true);
}

export function setJType(out: DataView, place: number, v: number): void {
  const fields = ((v & 0x100000) << 11) | ((v & 0x7fe) << 20) | ((v & 0x800) << 9) | (v & 0xff000);
  out.setUint32(place, ((out.getUint32(place, true) & 0xfff) | fields) >>> 0, true);
}

export function setCbType(out: DataView, place: number, v: number): void {
  const fields = ((v & 0x100) << 4) | ((v & 0x18) << 7) | ((v & 0xc0) >> 1) | ((v & 0x6) << 2) | ((v & 0x20) >> 3);
  out.setUint16(place, (out.getUint16(place, true) & 0xe383) | fields, true);
}

export function setCjType(out: DataView, place: number, v: number): void {
  const fields =
    ((v & 0x800) << 1) |
    ((v & 0x10) << 7) |
    ((v & 0x300) << 1) |
    ((v & 0x400) >> 2) |
    ((v & 0x40) << 1) |
    ((v & 0x80) >> 1) |
    ((v & 0xe) << 2) |
    ((v & 0x20) >> 3);
  out.setUint16(place, (out.getUint16(place, true) & 0xe003) | fields, true);
}

export function setCiLui(out: DataView, place: number, value: number): void {
  const high = (value + 0x800) >> 12;
  out.setUint16(place, (out.getUint16(place, true) & 0xef83) | ((high & 0x20) << 7) | ((high & 0x1f) << 2), true);
}

export function setBase(out: DataView, place: number, register: number): void {
  out.setUint32(place, ((out.getUint32(place, true) & ~(0x1f << 15)) | (register << 15)) >>> 0, true);
}

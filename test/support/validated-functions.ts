/** Functions of every kind that translation validation knows, and code of theirs that was changed to behave otherwise. */
import { operationAt } from '../../machine/semantics/riscv64.ts';
import { createOperationReader } from '../../machine/semantics/x86-64-code.ts';
import type { MachineName } from '../../proofs/validation/convention.ts';
import { findWitness } from '../../proofs/validation/replay.ts';
import type { Subject } from '../../proofs/validation/subject.ts';
import type { CodeOfFunction } from './validation.ts';

export const functionsText = `
/** @ensures result === (byte >= 65 && byte <= 90 ? byte + 32 : byte) */
export function lower(byte: u8): u8 { return byte >= 65 && byte <= 90 ? byte + 32 : byte; }
/** @requires lo <= hi */
export function midpoint(lo: u32, hi: u32): u32 { return lo + Math.trunc((hi - lo) / 2); }
/** @requires 0 <= at && at + 2 <= bytes.length */
export function read16(bytes: Readonly<Uint8Array>, at: number): u16 { return (bytes[at] << 8) | bytes[at + 1]; }
/**
 * @requires 0 <= at && at + 4 <= out.length
 * @modifies out
 */
export function put32(out: Uint8Array, at: number, value: u32): void {
  put16(out, at, value >>> 16);
  put16(out, at + 2, value & 0xffff);
}
/**
 * @requires 0 <= at && at + 2 <= out.length
 * @modifies out
 */
function put16(out: Uint8Array, at: number, value: u16): void { out[at] = value >>> 8; out[at + 1] = value & 255; }
interface Header { readonly valid: boolean; readonly kind: u8; readonly length: u16; readonly total: u32; readonly end: number }
/** @ensures !result.valid || result.length + 4 <= bytes.length */
export function readHeader(bytes: Readonly<Uint8Array>): Header {
  if (bytes.length < 4) return { valid: false, kind: 0, length: 0, total: 0, end: 0 };
  const length = read16(bytes, 2);
  if (length > bytes.length - 4) return { valid: false, kind: 0, length: 0, total: 1, end: -1 };
  return { valid: true, kind: bytes[0], length, total: length + 4, end: bytes.length };
}
interface Cursor { at: u32; readonly end: u32 }
/**
 * @requires cursor.at < 4294967295
 * @modifies cursor.at
 */
export function advance(cursor: Cursor): boolean {
  if (cursor.at >= cursor.end) return false;
  cursor.at++;
  return true;
}
/** @modifies cursor.at */
export function rewind(cursor: Cursor): boolean {
  if (cursor.at === 0) return false;
  cursor.at = 0;
  return true;
}
/** @modifies cursor.at */
export function advanceTwice(cursor: Cursor): u8 {
  if (cursor.at > 100) return 0;
  const first = advance(cursor);
  if (!first) return 1;
  const second = advance(cursor);
  return second ? 2 : 3;
}
/**
 * @requires at + 8 <= out.length && count <= 8
 * @modifies out
 */
export function fill(out: Uint8Array, at: u32, count: u32, value: u8): void {
  for (let i = 0; i < count; i++) out[at + i] = value;
}
/** @ensures result <= a.length */
export function find(a: Readonly<Uint8Array>, value: u8): number {
  let i = 0;
  while (i < a.length && a[i] !== value) {
    invariant(0 <= i && i <= a.length);
    i++;
  }
  return i;
}
/** @requires a.length <= 100 */
export function isMore(a: Readonly<Uint8Array>, b: Readonly<Uint8Array>, by: u32): boolean {
  const left = total(a);
  const right = total(b);
  return left > right + by;
}
/** @ensures result >= 0 */
export function total(a: Readonly<Uint8Array>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) { invariant(0 <= sum && sum <= 255 * i); sum += a[i]; }
  return sum;
}
`;

/** Bytes of the instruction at an offset; undefined where it has no meaning. */
const lengthsOf: Readonly<Record<MachineName, (bytes: Uint8Array, offset: number) => number | undefined>> = {
  riscv64: (bytes, offset) => operationAt(bytes, offset)?.length,
  'x86-64': (bytes, offset) => {
    const operation = createOperationReader([{ address: 0, bytes }])(offset);
    return 'refused' in operation || operation.opaque !== undefined ? undefined : operation.length;
  },
};

/** The code with one bit flipped, wherever that is another instruction. */
function mutants(subject: CodeOfFunction): Subject[] {
  const { code, start, size } = subject;
  const lengthAt = lengthsOf[code.machine];
  const found: Subject[] = [];
  for (let offset = start - code.address; offset < start - code.address + size; ) {
    const length = lengthAt(code.bytes, offset) ?? 1;
    for (let bit = 0; bit < length * 8; bit++) {
      const bytes = new Uint8Array(code.bytes);
      bytes[offset + (bit >> 3)] ^= 1 << (bit & 7);
      if (lengthAt(bytes, offset) === length) found.push({ ...subject, code: { ...code, bytes } });
    }
    offset += length;
  }
  return found;
}

/** Some of those of which a run shows that they behave otherwise. */
export function harmful(subjects: readonly CodeOfFunction[], perFunction: number): Subject[] {
  return subjects.flatMap((subject) => {
    const all = mutants(subject);
    // Spread over the function.
    const spread = all.map((_, i) => all[(i * 37) % all.length]);
    const found: Subject[] = [];
    for (const one of spread) {
      if (found.length === perFunction) break;
      if (findWitness(one, 60, 3) !== undefined) found.push(one);
    }
    return found;
  });
}

/**
 * Numbers of variable length (unsigned LEB128), as the side section stores them; most deltas take one byte.
 *
 * Reading takes nothing on trust: a number ends within five bytes and its section, or it is an error.
 */
import { fail } from '../../base/errors.ts';

export interface Writer {
  bytes: Uint8Array;
  at: number;
}

export function createWriter(): Writer {
  return { bytes: new Uint8Array(1024), at: 0 };
}

export function written(writer: Writer): Uint8Array {
  return writer.bytes.slice(0, writer.at);
}

function reserve(writer: Writer, count: number): void {
  if (writer.at + count <= writer.bytes.length) return;
  const bytes = new Uint8Array(Math.max(writer.bytes.length * 2, writer.at + count));
  bytes.set(writer.bytes);
  writer.bytes = bytes;
}

export function putBytes(writer: Writer, bytes: Uint8Array): void {
  reserve(writer, bytes.length);
  writer.bytes.set(bytes, writer.at);
  writer.at += bytes.length;
}

/** `value`: an integer from 0 to 2^32 - 1. */
export function putNumber(writer: Writer, value: number): void {
  reserve(writer, 5);
  let rest = value >>> 0;
  while (rest > 0x7f) {
    writer.bytes[writer.at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  writer.bytes[writer.at++] = rest;
}

/** A signed number: 0, -1, 1, -2, ... become 0, 1, 2, 3, ... */
export function putSigned(writer: Writer, value: number): void {
  putNumber(writer, value < 0 ? -value * 2 - 1 : value * 2);
}

export interface Reader {
  readonly bytes: Uint8Array;
  at: number;
  /** Names the section in messages. */
  readonly what: string;
}

/** Errors: 'malformed-elf'. */
export function takeNumber(reader: Reader): number {
  const { bytes } = reader;
  const first = reader.at < bytes.length ? bytes[reader.at]! : 0x80;
  if (first < 0x80) {
    reader.at++;
    return first;
  }
  let value = 0;
  for (let scale = 1, i = 0; i < 5; i++, scale *= 128) {
    if (reader.at >= bytes.length) fail('malformed-elf', `${reader.what}: ends in the middle of a number`);
    const byte = bytes[reader.at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value > 0xffffffff || (byte === 0 && i > 0)) break;
      return value;
    }
  }
  return fail('malformed-elf', `${reader.what}: a number at offset ${reader.at} is not stored in its shortest form`);
}

export function takeSigned(reader: Reader): number {
  const value = takeNumber(reader);
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}

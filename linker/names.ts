/**
 * Interned byte strings.
 *
 * Large links hold hundreds of thousands of symbol names. Making a JavaScript string of each costs more than all the
 * rest of symbol resolution, so names stay where they lie in the input files and are compared as bytes: an
 * open-addressing table maps the bytes to a small integer, in order of first appearance. A string is made only for
 * the names that a message, a map or a script shows or asks for.
 */
import { fail, printable } from '../base/errors.ts';

export interface NameTable {
  count: number;
  /** Files that hold the bytes; `buffer[id]` indexes this list. */
  readonly buffers: Uint8Array[];
  buffer: Uint32Array;
  offset: Uint32Array;
  length: Uint32Array;
  hash: Uint32Array;
  /** Open addressing, power-of-two size, -1 = free. */
  slots: Int32Array;
}

export function createNameTable(capacity = 1024): NameTable {
  const table: NameTable = {
    count: 0,
    buffers: [],
    buffer: new Uint32Array(8),
    offset: new Uint32Array(8),
    length: new Uint32Array(8),
    hash: new Uint32Array(8),
    slots: new Int32Array(16).fill(-1),
  };
  // Grown at once rather than made large: see createProgram.
  while (table.buffer.length < capacity) growNames(table);
  return table;
}

/** Registers a file whose bytes later calls of `internName` point into. */
export function addNameBuffer(table: NameTable, bytes: Uint8Array): number {
  const last = table.buffers.length - 1;
  if (last >= 0 && table.buffers[last] === bytes) return last;
  return table.buffers.push(bytes) - 1;
}

function grown(array: Uint32Array): Uint32Array {
  const next = new Uint32Array(array.length * 2);
  next.set(array);
  return next;
}

function growNames(table: NameTable): void {
  table.buffer = grown(table.buffer);
  table.offset = grown(table.offset);
  table.length = grown(table.length);
  table.hash = grown(table.hash);
  const slots = new Int32Array(table.slots.length * 2).fill(-1);
  const mask = slots.length - 1;
  for (let id = 0; id < table.count; id++) {
    let at = table.hash[id]! & mask;
    while (slots[at]! >= 0) at = (at + 1) & mask;
    slots[at] = id;
  }
  table.slots = slots;
}

/**
 * The id of the NUL-terminated name at `start` of buffer `bufferIndex`; -1 when no NUL lies before `limit`.
 */
export function internName(table: NameTable, bufferIndex: number, start: number, limit: number): number {
  const bytes = table.buffers[bufferIndex]!;
  let hash = 0x811c9dc5 | 0;
  let end = start;
  for (;;) {
    if (end >= limit) return -1;
    const b = bytes[end]!;
    if (b === 0) break;
    hash = Math.imul(hash ^ b, 0x01000193);
    end++;
  }
  hash = (hash ^ (hash >>> 15)) >>> 0;
  return internSpan(table, bufferIndex, start, end - start, hash);
}

function internSpan(table: NameTable, bufferIndex: number, start: number, length: number, hash: number): number {
  const bytes = table.buffers[bufferIndex]!;
  const slots = table.slots;
  const mask = slots.length - 1;
  let at = hash & mask;
  for (;;) {
    const id = slots[at]!;
    if (id < 0) break;
    if (table.hash[id] === hash && table.length[id] === length) {
      const other = table.buffers[table.buffer[id]!]!;
      const base = table.offset[id]!;
      let i = 0;
      while (i < length && other[base + i] === bytes[start + i]) i++;
      if (i === length) return id;
    }
    at = (at + 1) & mask;
  }
  const id = table.count++;
  table.buffer[id] = bufferIndex;
  table.offset[id] = start;
  table.length[id] = length;
  table.hash[id] = hash;
  slots[at] = id;
  if (table.count === table.buffer.length) growNames(table);
  return id;
}

function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 | 0;
  for (const b of bytes) hash = Math.imul(hash ^ b, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** The id of a name given as text (UTF-8), interned when new. */
export function internText(table: NameTable, text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  return internSpan(table, addNameBuffer(table, bytes), 0, bytes.length, hashBytes(bytes));
}

/** The id of a name given as text, or -1 when no input mentions it. */
export function findText(table: NameTable, text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  const hash = hashBytes(bytes);
  const mask = table.slots.length - 1;
  let at = hash & mask;
  for (;;) {
    const id = table.slots[at]!;
    if (id < 0) return -1;
    if (table.hash[id] === hash && table.length[id] === bytes.length) {
      const base = table.offset[id]!;
      const other = table.buffers[table.buffer[id]!]!;
      if (bytes.every((b, i) => other[base + i] === b)) return id;
    }
    at = (at + 1) & mask;
  }
}

/** A name as text; bytes that are not UTF-8 show as U+FFFD. */
export function nameText(table: NameTable, id: number): string {
  const bytes = table.buffers[table.buffer[id]!]!;
  const start = table.offset[id]!;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, table.length[id]!).toString('utf8');
}

/** A name as messages show it. */
export function nameShown(table: NameTable, id: number): string {
  return printable(nameText(table, id));
}

/** A NUL-terminated string at `offset` within [offset, limit), as text; `what` names it in the error. */
export function textAt(bytes: Uint8Array, offset: number, limit: number, what: string): string {
  const end = offset < limit ? bytes.indexOf(0, offset) : -1;
  if (end < 0 || end >= limit) fail('malformed-elf', `${what}: name at offset ${offset} is not terminated`);
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, end - offset).toString('utf8');
}

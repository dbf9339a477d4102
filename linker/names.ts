/**
 * Interned byte strings.
 *
 * Large links hold hundreds of thousands of symbol names. Making a JavaScript string of each costs more than all the
 * rest of symbol resolution, so names stay where they lie in the input files and are compared as bytes: an
 * open-addressing table maps the bytes to a small integer, in order of first appearance (kernels/assembly/names.ts).
 * A string is made only for the names that a message, a map or a script shows or asks for.
 */
import { fail, printable } from '../base/errors.ts';
import { type Arena, allocate, i32, u32 } from './arena.ts';
import * as layout from './kernels/layout.ts';

export interface NameTable {
  readonly arena: Arena;
  /** Address of its block (see kernels/layout.ts), and the block's words. */
  readonly block: number;
  readonly words: Uint32Array;
  /** By name: address of its bytes, and how many they are. */
  offset: Uint32Array;
  length: Uint32Array;
  hash: Uint32Array;
  /** Open addressing, power-of-two size, -1 = free. */
  slots: Int32Array;
}

/** How many names there are. */
export function nameCount(table: NameTable): number {
  return table.words[layout.NAMES_COUNT]!;
}

/** How many there can be before the table grows. */
export function nameCapacity(table: NameTable): number {
  return table.offset.length;
}

/** `capacity` is rounded up to a power of two. */
export function createNameTable(arena: Arena, capacity = 1024): NameTable {
  const words = u32(arena, layout.NAMES_WORDS);
  const none = u32(arena, 0);
  const table: NameTable = {
    arena,
    block: words.byteOffset,
    words,
    offset: none,
    length: none,
    hash: none,
    slots: i32(arena, 0),
  };
  growNames(table, capacity);
  return table;
}

function grown(arena: Arena, array: Uint32Array, length: number): Uint32Array {
  const next = u32(arena, length);
  next.set(array);
  return next;
}

function growNames(table: NameTable, needed: number): void {
  const { arena, words } = table;
  let capacity = Math.max(16, nameCapacity(table));
  while (capacity < needed) capacity *= 2;
  table.offset = grown(arena, table.offset, capacity);
  table.length = grown(arena, table.length, capacity);
  table.hash = grown(arena, table.hash, capacity);
  table.slots = i32(arena, capacity * 2);
  words[layout.NAMES_OFFSET] = table.offset.byteOffset;
  words[layout.NAMES_LENGTH] = table.length.byteOffset;
  words[layout.NAMES_HASH] = table.hash.byteOffset;
  words[layout.NAMES_SLOTS] = table.slots.byteOffset;
  words[layout.NAMES_MASK] = table.slots.length - 1;
  arena.kernels.rehash(table.block);
}

/** Makes room for `extra` more names: kernels intern, but they cannot grow the table. */
export function reserveNames(table: NameTable, extra: number): void {
  const needed = nameCount(table) + extra;
  if (needed > nameCapacity(table)) growNames(table, needed);
}

/**
 * The id of the NUL-terminated name at address `start`, interned when new; -1 when no NUL lies before `limit`, or when
 * too many names collide (see `noNameText`).
 */
export function internName(table: NameTable, start: number, limit: number): number {
  reserveNames(table, 1);
  return table.arena.kernels.internName(table.block, start, limit);
}

/** Why the name at address `start` cannot be interned. */
export function noNameText(table: NameTable, start: number, limit: number): string {
  const { bytes } = table.arena;
  const end = start < limit ? bytes.indexOf(0, start) : -1;
  return end < 0 || end >= limit ? 'its name is not terminated' : COLLIDES;
}

export const COLLIDES = 'its name is one of a thousand made to collide in the table of names';

/** Puts text (UTF-8) into the arena. */
function putText(arena: Arena, text: string): { at: number; length: number } {
  const bytes = Buffer.from(text, 'utf8');
  const at = allocate(arena, bytes.length, 1);
  arena.bytes.set(bytes, at);
  return { at, length: bytes.length };
}

/** The id of a name given as text (UTF-8), interned when new. */
export function internText(table: NameTable, text: string): number {
  reserveNames(table, 1);
  const { at, length } = putText(table.arena, text);
  const id = table.arena.kernels.internSpan(table.block, at, length);
  return id < 0 ? fail('limit', `${printable(text, 60)}: ${COLLIDES}`) : id;
}

/** The id of a name given as text, or -1 when no input mentions it. */
export function findText(table: NameTable, text: string): number {
  const { arena } = table;
  const { used } = arena;
  const { at, length } = putText(arena, text);
  const id = arena.kernels.findSpan(table.block, at, length);
  // Only looked at: the room is free again, and as it was found.
  arena.bytes.fill(0, at, at + length);
  arena.used = used;
  return id;
}

/** A name as text; bytes that are not UTF-8 show as U+FFFD. */
export function nameText(table: NameTable, id: number): string {
  return spanText(table.arena.bytes, table.offset[id]!, table.length[id]!);
}

function spanText(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8');
}

/** A name as messages show it. */
export function nameShown(table: NameTable, id: number): string {
  return printable(nameText(table, id));
}

/** A NUL-terminated string at `offset` within [offset, limit), as text; `what` names it in the error. */
export function textAt(bytes: Uint8Array, offset: number, limit: number, what: string): string {
  const end = offset < limit ? bytes.indexOf(0, offset) : -1;
  if (end < 0 || end >= limit) fail('malformed-elf', `${what}: a name is not terminated`);
  return spanText(bytes, offset, end - offset);
}

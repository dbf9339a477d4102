/**
 * Where the stub puts page tables, stack and heap: at random places at the top of memory.
 *
 * From the top: a scratch page, a random gap, the tables, boot_info's copy, the veneer, a page of guard and a random
 * gap, the stack, guard pages, the heap down to the image's end. What lies between heap and stack, and above the stack
 * but for the veneer and the copy, is absent for the program.
 *
 * Both gaps are smaller than memory / 256, so that their choices grow with memory (512 pages each at 512 MiB) and what
 * they cost does not matter. The arithmetic is written twice: as instructions, which run in the guest before there is
 * anything else, and as a function over an abstract arithmetic, which is proved for every memory and every draw. A
 * test runs the instructions on a processor against the function.
 */
import type { Arithmetic } from '../../../hardening/slide/arithmetic.ts';
import type { Item } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import { FIELD, PAGE } from './config.ts';
import { BLOCK } from './entropy.ts';
import { UPPER_TABLES } from './page-tables.ts';

/** Pages kept absent below the stack: more than any frame of code without stack probes is likely to jump over. */
export const GUARD_PAGES = 16;
/** Least memory, bytes, above the image; and least heap. */
export const LEAST_FREE = 0x40000;
export const LEAST_HEAP = 0x10000;
/** Each of the two random gaps has fewer pages than memory has MiB. */
export const GAP_SHIFT = 20;
/** The veneer, the copy of boot_info, and one page of guard below them. */
const FIXED_PAGES = 3;

/** The words of the random block, by consumer: offsets in the scratch space. */
export const words = { canary: BLOCK, tables: BLOCK + 8, stack: BLOCK + 12, stackPointer: BLOCK + 16 };

/** rcx = a random number of bytes, whole pages, from the 32-bit word at `offset`; rdx = the number of choices. */
function randomGap(offset: number): Item[] {
  return [
    x86.load('rcx', x86.memory('rsp', offset), 32),
    x86.imul('rcx', 'rdx'),
    x86.shift('shr', 'rcx', 32),
    x86.shift('shl', 'rcx', 12),
  ];
}

/**
 * r12 = the tables, r8 = the stack's end, rbp = its start, rbx = the heap's end; the tables are cleared. For
 * too little memory: `refuse memory`.
 */
export function place(): Item[] {
  return [
    // rsi = bytes of tables: never more than memory has places for.
    x86.mov('rsi', 'r13'),
    x86.shift('shr', 'rsi', 21),
    x86.aluImmediate('add', 'rsi', 2),
    x86.load('rax', x86.memory('r14', FIELD.tables), 32),
    x86.alu('cmp', 'rsi', 'rax'),
    x86.cmovcc('a', 'rsi', 'rax'),
    x86.aluImmediate('add', 'rsi', UPPER_TABLES),
    x86.shift('shl', 'rsi', 12),
    x86.mov('rdx', 'r13'),
    x86.shift('shr', 'rdx', GAP_SHIFT),
    ...randomGap(words.tables),
    x86.lea('r12', x86.memory('r13', -PAGE)),
    x86.alu('sub', 'r12', 'rcx'),
    x86.alu('sub', 'r12', 'rsi'),
    ...randomGap(words.stack),
    x86.lea('r8', x86.memory('r12', -FIXED_PAGES * PAGE)),
    x86.alu('sub', 'r8', 'rcx'),
    // The stack: a quarter of what is free, at most what is asked.
    x86.mov('rax', 'r13'),
    x86.aluLoad('sub', 'rax', x86.memory('r14', FIELD.top)),
    x86.shift('shr', 'rax', 2),
    x86.aluImmediate('and', 'rax', -PAGE),
    x86.load('rdx', x86.memory('r14', FIELD.stack)),
    x86.alu('cmp', 'rax', 'rdx'),
    x86.cmovcc('a', 'rax', 'rdx'),
    x86.mov('rbp', 'r8'),
    x86.alu('sub', 'rbp', 'rax'),
    x86.lea('rbx', x86.memory('rbp', -GUARD_PAGES * PAGE)),
    x86.load('rax', x86.memory('r14', FIELD.top)),
    x86.aluImmediate('add', 'rax', LEAST_HEAP),
    x86.alu('cmp', 'rbx', 'rax'),
    x86.jcc('l', 'refuse memory'),
    x86.mov('rdi', 'r12'),
    x86.mov('rcx', 'rsi'),
    x86.shift('shr', 'rcx', 3),
    x86.movImmediate('rax', 0),
    x86.plain('rep stosq'),
  ];
}

/** What placement depends on, bytes: `memory` and `top` whole pages, `top` the image's end. */
export interface Room<N> {
  readonly memory: N;
  readonly top: N;
  /** Largest stack, whole pages. */
  readonly stack: N;
  /** Tables of the lowest level that the regions can need. */
  readonly tables: N;
}

/** Where everything is; addresses. `fits` is false when the stub would halt for want of memory. */
export interface Placement<N, B> {
  readonly tables: N;
  readonly tablesEnd: N;
  readonly bootInfo: N;
  readonly veneer: N;
  readonly stackStart: N;
  readonly stackEnd: N;
  readonly heapEnd: N;
  readonly fits: B;
}

/** Pages that a gap may have, at most one fewer: draws are below it. */
export function gapChoices<N, B>(a: Arithmetic<N, B>, memory: N): N {
  return a.divide(memory, 2 ** GAP_SHIFT);
}

/** The same as `place`, for gaps of `draws` pages. */
export function placement<N, B>(
  a: Arithmetic<N, B>,
  room: Room<N>,
  draws: { readonly tables: N; readonly stack: N },
): Placement<N, B> {
  const free = a.subtract(room.memory, room.top);
  const mostTables = a.add(a.divide(room.memory, 1 << 21), a.constant(2));
  const tablePages = a.add(a.min(room.tables, mostTables), a.constant(UPPER_TABLES));
  const tablesEnd = a.subtract(room.memory, a.scale(a.add(draws.tables, a.constant(1)), PAGE));
  const tables = a.subtract(tablesEnd, a.scale(tablePages, PAGE));
  const stackEnd = a.subtract(tables, a.scale(a.add(draws.stack, a.constant(FIXED_PAGES)), PAGE));
  const quarter = a.alignDown(a.divide(free, 4), PAGE);
  const stackStart = a.subtract(stackEnd, a.min(quarter, room.stack));
  const heapEnd = a.subtract(stackStart, a.constant(GUARD_PAGES * PAGE));
  return {
    tables,
    tablesEnd,
    bootInfo: a.subtract(tables, a.constant(PAGE)),
    veneer: a.subtract(tables, a.constant(2 * PAGE)),
    stackStart,
    stackEnd,
    heapEnd,
    fits: a.all([a.atMost(a.constant(LEAST_FREE), free), a.atMost(a.add(room.top, a.constant(LEAST_HEAP)), heapEnd)]),
  };
}

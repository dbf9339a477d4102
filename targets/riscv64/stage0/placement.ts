/**
 * Where the stub puts everything: in physical memory, and at random addresses of the program's address space.
 *
 * Physical memory, from the image's end: a copy of the device tree, the boot block, stack, trap stack, a random gap, the
 * heap, a random gap, page tables, a random gap, the end of what is free. The gaps above the heap keep devices that the
 * program drives from being told where the tables are; that before the heap, of up to 2 MiB, gives its address back the
 * bits that its large pages take.
 *
 * Virtual addresses are drawn from windows that have nothing in common, in eighths of the address space (units):
 *
 *   unit 0        nothing: null pointers
 *   1 and 2       the image's base, and its pages from there
 *   3             veneer in its second quarter, devices in its second half
 *   4, 5, 6, 7    stack; trap stack; boot block and device tree; heap
 *
 * Around everything but the image a page or more of its window stays absent. The arithmetic is written twice: as
 * instructions, and as functions over an abstract arithmetic, which are proved for every memory and every draw; tests run
 * the instructions against the functions.
 */
import type { Arithmetic } from '../../../hardening/slide/arithmetic.ts';
import type { Item } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { PAGE } from '../../regions.ts';
import { FIELD, TRAP_STACK } from './config.ts';
import { LARGE_PAGE, unitShift } from './page-tables.ts';
import { get, loadField, minimum, pageDown, put, words } from './scratch.ts';

/** Least memory, bytes, after the boot block; and least heap. */
export const LEAST_FREE = 0x40000;
export const LEAST_HEAP = 0x10000;
/** Device windows and the guards between them: less than this. */
export const DEVICE_SPACE = 2 ** 32;
/** The gap before the heap has fewer pages than free memory has pieces of 2^17 bytes, and than this. */
const heapGap = { shift: 17, most: 512 };
/** Each gap around the tables has fewer pages than free memory has MiB. */
const TABLE_GAP_SHIFT = 20;
/** Tables that mapping the heap can take: 16, and two for each GiB. */
const heapTables = { fixed: 16, shift: 30, each: 2 };

/** to = a random number of bytes, whole pages, of fewer pages than `choices`. */
function randomGap(to: rv.Register, word: number, choices: rv.Register): Item[] {
  return [loadField(to, word), rv.alu('mulhu', to, to, choices), rv.shift('slli', to, to, 12)];
}

/**
 * Physical memory: s10 = the boot block, s8 = the tables' end, s9 = what they must stay above, gp = pages of the device
 * tree's copy in bytes. For too little memory: `refuse memory`. Changes t0 to t6.
 */
export function placePhysical(): Item[] {
  return [
    get('t0', 'limit'),
    get('t1', 'memoryEnd'),
    ...minimum('t0', 't1', 'limit known'),
    ...pageDown('t0'),
    put('limit', 't0'),
    get('gp', 'fdtSize'),
    ...rv.li('t1', PAGE - 1),
    rv.alu('add', 'gp', 'gp', 't1'),
    ...pageDown('gp'),
    get('s10', 'imageEnd'),
    rv.alu('add', 's10', 's10', 'gp'),
    ...rv.li('t1', LEAST_FREE),
    rv.alu('add', 't1', 't1', 's10'),
    rv.branch('bltu', 't0', 't1', 'refuse memory'),
    rv.alu('sub', 't1', 't0', 's10'),
    put('free', 't1'),
    // The stack: a quarter of what is free, at most what is asked.
    rv.shift('srli', 't2', 't1', 2),
    ...pageDown('t2'),
    loadField('t3', FIELD.stack),
    ...minimum('t2', 't3', 'stack known'),
    put('stackSize', 't2'),
    ...rv.li('t3', PAGE),
    rv.alu('add', 't3', 't3', 's10'),
    put('stack', 't3'),
    rv.alu('add', 't3', 't3', 't2'),
    put('trapStack', 't3'),
    ...rv.li('t2', TRAP_STACK),
    rv.alu('add', 't3', 't3', 't2'),
    rv.shift('srli', 't4', 't1', heapGap.shift),
    ...rv.li('t5', heapGap.most),
    ...minimum('t4', 't5', 'heap gap known'),
    ...randomGap('t5', words.heapGap, 't4'),
    rv.alu('add', 't3', 't3', 't5'),
    put('heap', 't3'),
    ...rv.li('t5', LEAST_HEAP),
    rv.alu('add', 's9', 't3', 't5'),
    rv.shift('srli', 't4', 't1', TABLE_GAP_SHIFT),
    ...randomGap('t5', words.gapAbove, 't4'),
    rv.alu('sub', 's8', 't0', 't5'),
    ...randomGap('t5', words.gapBelow, 't4'),
    put('below', 't5'),
  ];
}

/** s9 = the heap's end, below the tables that there are and those that it needs; heapSize. Changes t0 to t3. */
export function sizeHeap(): Item[] {
  return [
    get('t0', 'free'),
    rv.shift('srli', 't0', 't0', heapTables.shift),
    rv.shift('slli', 't0', 't0', Math.log2(heapTables.each)),
    rv.aluImmediate('addi', 't0', 't0', heapTables.fixed),
    rv.shift('slli', 't0', 't0', 12),
    rv.alu('sub', 't1', 's8', 't0'),
    get('t0', 'below'),
    rv.alu('sub', 't1', 't1', 't0'),
    rv.branch('blt', 't1', 's9', 'refuse memory'),
    rv.mv('s9', 't1'),
    get('t0', 'heap'),
    rv.alu('sub', 't1', 't1', 't0'),
    get('t2', 'unit'),
    rv.shift('srli', 't2', 't2', 1),
    ...minimum('t1', 't2', 'heap known'),
    put('heapSize', 't1'),
  ];
}

/** A piece's address in a window: `size` bytes of one that begins at `from` units, has `length` units. */
interface Window {
  /** In quarters of units; negative: from the end of the address space. */
  readonly from: number;
  readonly length: number;
}

/** By piece; in quarters of units. */
export const WINDOWS_OF = {
  veneer: { from: 13, length: 1 },
  devices: { from: 14, length: 2 },
  stack: { from: -16, length: 4 },
  trapStack: { from: -12, length: 4 },
  info: { from: -8, length: 4 },
  heap: { from: -4, length: 4 },
} as const satisfies Record<string, Window>;

/** Bytes of the boot block, a guard page, and the device tree after it. */
export const TREE_OFFSET = 2 * PAGE;

/** t1 = a random address in a window for t0 bytes, in steps of 2^shift; t4 = a quarter of a unit. Changes t1 to t3. */
function drawIn({ from, length }: Window, word: number, shift: number): Item[] {
  return [
    ...rv.li('t1', length),
    rv.alu('mul', 't1', 't1', 't4'),
    rv.alu('sub', 't1', 't1', 't0'),
    rv.shift('srli', 't1', 't1', shift),
    rv.aluImmediate('addi', 't1', 't1', -2),
    loadField('t2', word),
    rv.alu('mulhu', 't1', 't1', 't2'),
    rv.aluImmediate('addi', 't1', 't1', 1),
    rv.shift('slli', 't1', 't1', shift),
    ...rv.li('t2', from),
    rv.alu('mul', 't2', 't2', 't4'),
    rv.alu('add', 't1', 't1', 't2'),
  ];
}

function quarter(): Item[] {
  return [get('t4', 'unit'), rv.shift('srli', 't4', 't4', 2)];
}

/** s6 = the image's base; addresses of everything but the heap. Changes t0 to t4. */
export function placeVirtual(): Item[] {
  return [
    ...unitShift('t0'),
    ...rv.li('t1', 1),
    rv.alu('sll', 't1', 't1', 't0'),
    put('unit', 't1'),
    rv.shift('slli', 't2', 't1', 1),
    rv.aluImmediate('addi', 't2', 't2', -1),
    loadField('t3', words.image),
    rv.alu('and', 't2', 't2', 't3'),
    ...pageDown('t2'),
    rv.alu('add', 's6', 't2', 't1'),
    ...quarter(),
    ...rv.li('t0', PAGE),
    ...drawIn(WINDOWS_OF.veneer, words.veneer, 12),
    put('veneerAddress', 't1'),
    ...rv.li('t0', DEVICE_SPACE),
    ...drawIn(WINDOWS_OF.devices, words.devices, 12),
    put('deviceAddress', 't1'),
    get('t0', 'stackSize'),
    ...drawIn(WINDOWS_OF.stack, words.stack, 12),
    put('stackAddress', 't1'),
    ...rv.li('t0', TRAP_STACK),
    ...drawIn(WINDOWS_OF.trapStack, words.trapStack, 12),
    put('trapAddress', 't1'),
    ...rv.li('t0', TREE_OFFSET),
    rv.alu('add', 't0', 't0', 'gp'),
    ...drawIn(WINDOWS_OF.info, words.info, 12),
    put('infoAddress', 't1'),
  ];
}

/** The heap's address: what large pages need it to have in common with the physical one, it has. Changes t0 to t4. */
export function placeHeap(): Item[] {
  return [
    ...quarter(),
    get('t0', 'heapSize'),
    ...drawIn(WINDOWS_OF.heap, words.heap, 21),
    get('t0', 'heap'),
    rv.shift('slli', 't0', 't0', 64 - 21),
    rv.shift('srli', 't0', 't0', 64 - 21),
    rv.alu('add', 't1', 't1', 't0'),
    put('heapAddress', 't1'),
  ];
}

/** What placement depends on, bytes, whole pages: ends of the image and of free memory, the tree's copy, most stack. */
export interface Room<N> {
  readonly imageEnd: N;
  readonly limit: N;
  readonly tree: N;
  readonly stack: N;
}

export interface Physical<N, B> {
  readonly bootBlock: N;
  readonly stack: N;
  readonly trapStack: N;
  readonly trapStackEnd: N;
  readonly heap: N;
  /** Tables are taken downwards from here, and stay above `tablesFloor` until the heap has its end. */
  readonly tablesEnd: N;
  readonly tablesFloor: N;
  readonly fits: B;
}

/** Pages that a gap may have, at most one fewer: draws are below it. */
export function gapChoices<N, B>(a: Arithmetic<N, B>, { imageEnd, limit, tree }: Room<N>): { heap: N; tables: N } {
  const free = a.subtract(limit, a.add(imageEnd, tree));
  return {
    heap: a.min(a.divide(free, 2 ** heapGap.shift), a.constant(heapGap.most)),
    tables: a.divide(free, 2 ** TABLE_GAP_SHIFT),
  };
}

/** The same as `placePhysical`, for gaps of `draws` pages. */
export function physicalPlacement<N, B>(
  a: Arithmetic<N, B>,
  { imageEnd, limit, tree, stack }: Room<N>,
  draws: { readonly heap: N; readonly above: N },
): Physical<N, B> {
  const bootBlock = a.add(imageEnd, tree);
  const free = a.subtract(limit, bootBlock);
  const stackStart = a.add(bootBlock, a.constant(PAGE));
  const trapStack = a.add(stackStart, a.min(a.alignDown(a.divide(free, 4), PAGE), stack));
  const trapStackEnd = a.add(trapStack, a.constant(TRAP_STACK));
  const heap = a.add(trapStackEnd, a.scale(draws.heap, PAGE));
  return {
    bootBlock,
    stack: stackStart,
    trapStack,
    trapStackEnd,
    heap,
    tablesEnd: a.subtract(limit, a.scale(draws.above, PAGE)),
    tablesFloor: a.add(heap, a.constant(LEAST_HEAP)),
    fits: a.atMost(a.constant(LEAST_FREE), free),
  };
}

/** The same as `sizeHeap`: the heap's end when tables reach down to `tables`, and its bytes. */
export function heapPlacement<N, B>(
  a: Arithmetic<N, B>,
  physical: Physical<N, B>,
  { free, tables, below, unit }: { readonly free: N; readonly tables: N; readonly below: N; readonly unit: N },
): { readonly end: N; readonly size: N; readonly fits: B } {
  const count = a.add(a.scale(a.divide(free, 2 ** heapTables.shift), heapTables.each), a.constant(heapTables.fixed));
  const end = a.subtract(a.subtract(tables, a.scale(count, PAGE)), a.scale(below, PAGE));
  return {
    end,
    size: a.min(a.subtract(end, physical.heap), a.divide(unit, 2)),
    fits: a.atMost(physical.tablesFloor, end),
  };
}

/** How many addresses a window offers `size` bytes, in steps of 2^shift; draws are below it. */
export function windowChoices<N, B>(a: Arithmetic<N, B>, window: Window, unit: N, size: N, shift = 12): N {
  const length = a.scale(a.divide(unit, 4), window.length);
  return a.subtract(a.divide(a.subtract(length, size), 2 ** shift), a.constant(2));
}

/** The same as `drawIn`. Addresses of the upper half are negative. */
export function windowAddress<N, B>(a: Arithmetic<N, B>, window: Window, unit: N, draw: N, shift = 12): N {
  const start = a.scale(a.divide(unit, 4), window.from);
  return a.add(start, a.scale(a.add(draw, a.constant(1)), 2 ** shift));
}

/** The image's base for a draw of pages below `imageChoices`. */
export function imageAddress<N, B>(a: Arithmetic<N, B>, unit: N, draw: N): N {
  return a.add(unit, a.scale(draw, PAGE));
}

/** How many bases the image has. */
export function imageChoices<N, B>(a: Arithmetic<N, B>, unit: N): N {
  return a.divide(unit, PAGE / 2);
}

/** The heap's address for a draw: as far into a large page as its physical address. */
export function heapAddress<N, B>(a: Arithmetic<N, B>, unit: N, physical: N, draw: N): N {
  const offset = a.subtract(physical, a.alignDown(physical, LARGE_PAGE));
  return a.add(windowAddress(a, WINDOWS_OF.heap, unit, draw, 21), offset);
}

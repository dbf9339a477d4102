/**
 * Slots of a root task's CNode: how many the kernel fills before an image runs, and how many its start-up code takes then.
 *
 * The kernel makes a capability for every page of the image, for every page table, for what it tells and for every piece
 * of memory; when there are more than slots it stops. Start-up code makes objects of its own (stage0/, first-stage/), each
 * in a slot of its own, and ends the boot when there is none left: so both are counted when an image is built. Devices are
 * the machine's, which no build knows; for them there is an allowance.
 *
 * Source: seL4, src/kernel/boot.c (provide_cap, create_frames_of_region), arch_get_n_paging of each architecture.
 */
import { initialCaps } from './abi.ts';
import { LARGE_PAGE } from './addresses.ts';
import type { Kernel } from './kernel.ts';
import { countOf } from './kernel-config.ts';
import type { Aslr } from './platform.ts';

const page = 4096n;
const pageBits = 12;

/** An image's span of pages, and what follows it: IPC buffer, BootInfo, and extra BootInfo rounded to a power of two. */
export interface Span {
  readonly start: bigint;
  readonly end: bigint;
  readonly extraPages: bigint;
  /** The end of all of them. */
  readonly top: bigint;
}

/** What start-up code makes, beside what the kernel has made. */
export interface StartUp {
  readonly heapSize: number;
  readonly aslr: Aslr;
}

export interface Slots {
  readonly total: bigint;
  /** In words. */
  readonly parts: string;
}

/** Bits of address that a table of each level below the root covers, the highest first. */
function tableBits(kernel: Kernel): number[] {
  if (kernel.machine !== 'riscv64') return [39, 30, 21];
  const levels = countOf(kernel.config, 'PT_LEVELS', kernel.configFile, [2, 4]);
  return Array.from({ length: levels - 1 }, (_, i) => pageBits + 9 * (levels - 1 - i));
}

/** Slots that the kernel fills before an image runs. */
export function kernelSlots(kernel: Kernel, { start, end, extraPages, top }: Span): Slots {
  const pages = (end - start) / page;
  let tables = 0n;
  for (const width of tableBits(kernel)) {
    const size = 1n << BigInt(width);
    tables += (top + size - 1n) / size - start / size;
  }
  const { config, configFile } = kernel;
  const untyped = BigInt(countOf(config, 'MAX_NUM_BOOTINFO_UNTYPED_CAPS', configFile, [1, 1 << 16]));
  const nodes = kernel.isMcs ? BigInt(countOf(config, 'MAX_NUM_NODES', configFile, [1, 1024])) : 0n;
  const others = BigInt(initialCaps) + untyped + nodes;
  const total = pages + tables + extraPages + others;
  const parts = `${pages} pages, ${tables} page tables, ${extraPages} pages of extra BootInfo, ${others} others`;
  return { total, parts };
}

/** Tables that fit the untyped which start-up code makes all of them of: stage0/objects.c, TABLES_BITS. */
export const mostTables: Readonly<Record<Aslr, bigint>> = { build: 64n, boot: 128n };
/** Pages of devices' registers that it maps at most: stage0/devices.c, MOST_FRAMES. */
export const MOST_REGISTER_PAGES = 64n;
/** Allowed for the pieces of device memory between them: known machines have some thirty. */
const GAPS = 96n;
/** Interrupts, ports and the notification: a machine has 32 transports at most, and a clock. */
const KEPT = 34n;
/** The space of the sealed program; of a second stage also its address space, IPC buffer, thread, endpoint and time. */
const OBJECTS: Readonly<Record<Aslr, bigint>> = { build: 1n, boot: 6n };

/**
 * Slots that tables for `size` bytes at any address take at most. On x86-64 every level has a type of its own, and start-up
 * code tries the lower ones first: each try makes an object.
 */
function tablesFor(kernel: Kernel, size: bigint, step: bigint): bigint {
  let tables = 0n;
  for (const [i, width] of tableBits(kernel).toReversed().entries()) {
    const covered = 1n << BigInt(width);
    if (covered <= step) continue;
    const touched = (size / step + covered / step - 2n) / (covered / step) + 1n;
    tables += touched * (kernel.machine === 'x86-64' ? BigInt(i + 1) : 1n);
  }
  return tables;
}

/** What the tables of all that start-up code maps take at most; the image's own the kernel has made. */
function tableSlots(kernel: Kernel, { start, end, extraPages }: Span, { heapSize, aslr }: StartUp): bigint {
  const small = (size: bigint): bigint => tablesFor(kernel, size, page);
  const devices = kernel.machine === 'x86-64' ? 0n : small(2n * MOST_REGISTER_PAGES * page);
  const heap = tablesFor(kernel, BigInt(heapSize), BigInt(LARGE_PAGE));
  if (aslr === 'build') return heap + devices;
  // A window with the copies, and the second stage's own: image, stack, devices, and the pages for its IPC buffer and tree.
  const image = end - start;
  return heap + 2n * devices + 3n * small(image) + small((2n + extraPages) * page);
}

/** Slots that start-up code takes at most, and among them those for page tables, for which it has so much room. */
export function startUpSlots(
  kernel: Kernel,
  span: Span,
  startUp: StartUp,
): Slots & { readonly tables: bigint; readonly mostTables: bigint } {
  const pages = (span.end - span.start) / page;
  const isBoot = startUp.aslr === 'boot';
  const heap = BigInt(startUp.heapSize / LARGE_PAGE);
  const tables = tableSlots(kernel, span, startUp);
  const devices = kernel.machine === 'x86-64' ? 2n : MOST_REGISTER_PAGES + GAPS + KEPT;
  // A second stage has a page for each of the image, and a name of its own for each page of devices and of what is told.
  const second = isBoot ? pages + span.extraPages + (kernel.machine === 'x86-64' ? 0n : MOST_REGISTER_PAGES) : 0n;
  const total = heap + tables + devices + second + OBJECTS[startUp.aslr];
  const parts =
    `${heap} large pages of heap, ${tables} page tables, ${devices} for devices` +
    (isBoot ? `, ${second} for a second stage` : '');
  return { total, parts, tables, mostTables: mostTables[startUp.aslr] };
}

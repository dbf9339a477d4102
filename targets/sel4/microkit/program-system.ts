/**
 * The Microkit system of one of our own programs: what it needs mapped, and the words that say where.
 *
 * The image says where its heap and its devices' registers go (they were drawn with its own address); the system maps a
 * region at each, the heap without code, registers uncached. Which registers, and the device tree that describes them,
 * are the user's to give: a protection domain gets what it is given and can ask for nothing more.
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../../linker/elf-symbols.ts';
import type { Kernel } from '../kernel.ts';
import { readSettings, type SeL4Settings } from '../settings.ts';
import type { GuestSystem, PrefillFile } from './guest.ts';
import { PAGE_SIZES } from './machine.ts';
import type { Mapping, MemoryRegion, PhysicalSymbol, PortRange } from './system.ts';

export interface Window {
  readonly physicalAddress: bigint;
  /** Bytes, whole pages. */
  readonly size: number;
}

export interface ProgramRequest {
  readonly image: Uint8Array;
  /** What the domain and its regions are called. */
  readonly name: string;
  /** Path of the image, as the tool will find it. */
  readonly path: string;
  readonly kernel: Kernel;
  readonly priority: number;
  readonly deviceTree?: Uint8Array;
  readonly windows: readonly Window[];
}

/** The program has its own stack; Microkit gives every domain one, which cannot be smaller. */
const LEAST_STACK = 0x1000;
export const MOST_WINDOWS = 8;
const largePage = PAGE_SIZES[1]!;
const page = PAGE_SIZES[0]!;

/** Where the tree is mapped, from the devices' address on: after all windows. */
const TREE_OFFSET = 0x10000000n;
const CLOCK_OFFSET = 0x18000000n;

/** A program that casemate built as a protection domain has this word. */
const MARK = 'casemate_heap_physical';

/** Whether an image is a protection domain's that casemate built. Errors: those of readElfFile and readElfSymbols. */
export function isProgram(bytes: Uint8Array, name: string): boolean {
  const file = readElfFile(bytes, name);
  const [table] = symbolTables(file);
  return table !== undefined && readElfSymbols(file, table, name).some((symbol) => symbol.name === MARK);
}

interface Part {
  readonly region: MemoryRegion;
  readonly mapping: Mapping;
  readonly physical?: PhysicalSymbol;
  readonly file?: PrefillFile;
}

function heapPart(prefix: string, { heap, heapSize }: SeL4Settings, kernel: Kernel): Part {
  const region = `${prefix}_heap`;
  return {
    region: { name: region, size: heapSize, pageSize: largePage },
    mapping: { region, address: heap, rights: 'rw' },
    // Devices are told of the heap by its physical address; on x86-64 none is, and the tool would not say.
    ...(kernel.machine === 'x86-64' ? {} : { physical: { symbol: 'casemate_heap_physical', region } }),
  };
}

function windowPart(prefix: string, i: number, { physicalAddress, size }: Window, address: bigint): Part {
  const region = `${prefix}_window${i}`;
  const symbol = `casemate_window_${i}`;
  return {
    region: { name: region, size, pageSize: page, physicalAddress },
    mapping: { region, address, rights: 'rw', cached: false, addressSymbol: symbol, sizeSymbol: `${symbol}_size` },
    physical: { symbol: `${symbol}_physical`, region },
  };
}

function treePart(prefix: string, tree: Uint8Array, address: bigint): Part {
  const region = `${prefix}_tree`;
  const file = { name: `${prefix}.dtb`, bytes: tree };
  const size = Math.ceil(tree.length / page) * page;
  return {
    region: { name: region, size, pageSize: page, prefill: { path: file.name, size: tree.length } },
    mapping: { region, address, rights: 'r', addressSymbol: 'casemate_tree', sizeSymbol: 'casemate_tree_size' },
    file,
  };
}

/** x86-64 has no tree: the counter's rate comes from the kernel, console and clock from ports. */
function clockPart(prefix: string, address: bigint): Part {
  const region = `${prefix}_clock`;
  return {
    region: { name: region, size: page, pageSize: page, bootInfo: 'x86_tsc_freq' },
    mapping: { region, address, rights: 'r', addressSymbol: 'casemate_clock' },
  };
}

const x86Ports: readonly PortRange[] = [
  { id: 0, port: 0x3f8, size: 8, addressSymbol: 'casemate_console_ports' },
  { id: 1, port: 0x70, size: 2, addressSymbol: 'casemate_clock_ports' },
];

function checkRequest({ name, kernel, deviceTree, windows }: ProgramRequest): void {
  const where = printable(name);
  if (kernel.machine === 'x86-64' && deviceTree !== undefined)
    fail('usage', `${where}: --device-tree: x86-64 programs read none; leave it out`);
  if (kernel.machine !== 'x86-64' && deviceTree === undefined)
    fail(
      'usage',
      `${where}: --device-tree is missing: ${kernel.machine} programs find the clock's rate and their devices in one (the board's .dtb)`,
    );
  if (windows.length > MOST_WINDOWS)
    fail('usage', `${where}: ${windows.length} times --registers; a program has ${MOST_WINDOWS} windows`);
  const wrong = windows.find(({ size }) => size <= 0 || size % page !== 0 || size > largePage);
  if (wrong !== undefined)
    fail(
      'usage',
      `${where}: --registers: ${hex(wrong.size)} bytes at ${hex(wrong.physicalAddress)}; must be whole pages, at most ${hex(largePage)}`,
    );
}

/** The system of a program, and the files of its regions. Errors: 'usage', 'image', those of readElfFile. */
export function programSystem(request: ProgramRequest): GuestSystem {
  checkRequest(request);
  const { image, name, kernel, deviceTree, windows } = request;
  const settings = readSettings(readElfFile(image, name), printable(name));
  const { devices } = settings;
  const at = (i: number): bigint => devices + BigInt(i) * BigInt(2 * largePage);
  const parts: Part[] = [
    heapPart(name, settings, kernel),
    ...windows.map((window, i) => windowPart(name, i, window, at(i))),
    ...(deviceTree === undefined ? [] : [treePart(name, deviceTree, devices + TREE_OFFSET)]),
    ...(kernel.machine === 'x86-64' ? [clockPart(name, devices + CLOCK_OFFSET)] : []),
  ];
  const needsPorts = kernel.machine === 'x86-64';
  return {
    system: {
      comment: [`${name}: a unikernel as a protection domain. Made by casemate.`],
      regions: parts.map(({ region }) => region),
      domains: [
        {
          name,
          priority: request.priority,
          stackSize: LEAST_STACK,
          floatingPoint: kernel.hasFpu,
          image: request.path,
          mappings: parts.map(({ mapping }) => mapping),
          physicalSymbols: parts.flatMap(({ physical }) => (physical === undefined ? [] : [physical])),
          ...(needsPorts ? { ports: x86Ports } : {}),
        },
      ],
      channels: [],
    },
    files: parts.flatMap(({ file }) => (file === undefined ? [] : [file])),
  };
}

/**
 * The boot file for AArch64: an emulator enters its stub with the MMU off, and that starts the kernel as seL4's own loader
 * would.
 *
 *     kernel | room for the device tree | root image | the kernel's bytes | stub       by physical address, ascending
 *
 * QEMU puts the device tree at the start of memory, where the kernel belongs, and does so only when nothing of the file
 * is loaded there. So the file has the kernel's bytes elsewhere: the stub saves the tree, shrunk to what is used of it
 * (the kernel hands it to the root task page by page), and copies the kernel to its place. Then it switches to tables
 * that were written with the file, which map the stub where it is and the kernel where it was linked, and jumps.
 *
 * A kernel that was linked in the upper half of addresses runs at EL1; one in the lower half is a hypervisor's, at EL2.
 * Source: seL4, src/arch/arm/kernel/boot.c (init_kernel's parameters); Arm ARM (DDI 0487), D8.3 (descriptors), D19.2
 * (MAIR, SCTLR, TCR); QEMU, docs/system/arm/virt.rst; Devicetree specification 0.4, 5.2.
 */
import { fail, hex } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import * as a64 from '../../../machine/assemble/aarch64.ts';
import { assemble, data, type Item, label } from '../../../machine/assemble/listing.ts';
import { PAGE } from '../../regions.ts';
import {
  type BootParts,
  bootElf,
  flatImage,
  GIGABYTE,
  kernelOffset,
  kernelPieces,
  type Piece,
  spanOf,
  TREE_ROOM,
  upTo,
} from './boot-file.ts';

const blockSize = 1n << 21n;
const page = BigInt(PAGE);

// --- translation tables, 4 KiB granule, 48 bits of address

/** Attributes 0 to 5: devices of three kinds, memory without caches, with them, and with write-through ones. */
const memoryAttributes = 0x0000_aaff_440c_0400n;
/** Valid block; attribute 4; inner shareable; accessed. Readable, writable and executable for the kernel alone. */
const block = 1n | (4n << 2n) | (3n << 8n) | (1n << 10n);
const table = 3n;

const entries = 512;

/** Tables in the order in which they lie in memory, from `base` on. */
interface Tables {
  readonly base: bigint;
  readonly pages: BigUint64Array[];
}

function addTable(tables: Tables): number {
  return tables.pages.push(new BigUint64Array(entries)) - 1;
}

const addressOf = ({ base }: Tables, index: number): bigint => base + BigInt(index) * page;

/** The table that an entry of another leads to, made when it is empty. */
function below(tables: Tables, index: number, entry: number): number {
  const found = tables.pages[index]![entry]!;
  if (found !== 0n) return Number((found - table - tables.base) / page);
  const made = addTable(tables);
  tables.pages[index]![entry] = addressOf(tables, made) | table;
  return made;
}

const entryOf = (address: bigint, shift: bigint): number => Number((address >> shift) & 511n);

function mapGigabyte(tables: Tables, root: number, address: bigint): void {
  const middle = below(tables, root, entryOf(address, 39n));
  tables.pages[middle]![entryOf(address, 30n)] = ((address / GIGABYTE) * GIGABYTE) | block;
}

function mapBlock(tables: Tables, root: number, address: bigint, to: bigint): void {
  const middle = below(tables, below(tables, root, entryOf(address, 39n)), entryOf(address, 30n));
  tables.pages[middle]![entryOf(address, 21n)] = to | block;
}

function tableBytes({ pages }: Tables): Uint8Array {
  const bytes = new Uint8Array(pages.length * PAGE);
  const view = new DataView(bytes.buffer);
  for (const [i, one] of pages.entries())
    for (const [j, entry] of one.entries()) view.setBigUint64(i * PAGE + 8 * j, entry, true);
  return bytes;
}

// --- where everything lies

/** A kernel's piece, and where its bytes are until the stub has moved them. */
interface Moved extends Piece {
  readonly from: bigint;
}

interface Plan {
  readonly memory: bigint;
  readonly tree: bigint;
  readonly image: bigint;
  readonly imageEnd: bigint;
  readonly kernel: readonly Moved[];
  readonly stub: bigint;
}

/** Where the parts of a boot file go. */
function planBoot(kernel: readonly Piece[], imageSize: number): Plan {
  const { start, end } = spanOf(kernel);
  const tree = upTo(end, page);
  // Nothing below: there the emulator's tree lies, which may be a mebibyte.
  const image = upTo(tree + BigInt(TREE_ROOM), blockSize);
  const imageEnd = image + BigInt(imageSize);
  let next = upTo(imageEnd, page);
  const moved = kernel.map((piece) => {
    const from = next;
    next = upTo(next + BigInt(piece.bytes.length), page);
    return { ...piece, from };
  });
  return { memory: start, tree, image, imageEnd, kernel: moved, stub: next };
}

/** More than any kernel has: the stub has a page for what moves its pieces, and their blocks are mapped one by one. */
const MOST_PIECES = 16;
const MOST_KERNEL = 1n << 30n;
/** Physical addresses that a stub can be at. */
const MOST_ADDRESS = 1n << 44n;

function checkKernel(pieces: readonly Piece[], where: string): void {
  const { start, end } = spanOf(pieces);
  if (pieces.length > MOST_PIECES)
    fail('limit', `${where}: the kernel has ${pieces.length} PT_LOADs; at most ${MOST_PIECES} are packed`);
  if (end - start > MOST_KERNEL || end > MOST_ADDRESS)
    fail(
      'limit',
      `${where}: the kernel is at [${hex(start)}, ${hex(end)}); at most ${hex(MOST_KERNEL)} bytes below ` +
        `${hex(MOST_ADDRESS)} are packed`,
    );
}

// --- the stub

interface StubFacts extends Plan {
  readonly isHypervisor: boolean;
  /** Virtual addresses. */
  readonly kernelEntry: bigint;
  readonly rootEntry: bigint;
  /** Physical minus virtual address of the root image. */
  readonly imageOffset: bigint;
}

/** Words from x5 to x6, until that is x7. */
function copyWords(name: string): Item[] {
  return [
    label(name),
    a64.accessAndStep('ldr', 'x8', 'x5', 8),
    a64.accessAndStep('str', 'x8', 'x6', 8),
    a64.cmp('x6', 'x7'),
    a64.branch('lo', name),
  ];
}

/** The tree's own words are big-endian. */
function treeWord(to: a64.Register, offset: number): Item[] {
  return [a64.access('ldrw', to, 'x1', offset), a64.reverseWord(to, to)];
}

/** x20, x21 = address and size of the tree's copy, or zeros. */
function saveTree({ memory, tree }: StubFacts): Item[] {
  return [
    ...a64.li('x20', 0),
    ...a64.li('x21', 0),
    ...a64.li('x1', memory),
    ...treeWord('x2', 0),
    ...a64.li('x3', 0xd00dfeed),
    a64.cmp('x2', 'x3'),
    a64.branch('ne', 'no tree'),
    // What is used ends with the structure or with the strings; then comes room for more.
    ...treeWord('x2', 8),
    ...treeWord('x3', 36),
    a64.alu('add', 'x2', 'x2', 'x3'),
    ...treeWord('x3', 12),
    ...treeWord('x4', 32),
    a64.alu('add', 'x3', 'x3', 'x4'),
    a64.cmp('x2', 'x3'),
    a64.branch('hs', 'used'),
    a64.mov('x2', 'x3'),
    label('used'),
    ...treeWord('x3', 4),
    a64.cmp('x2', 'x3'),
    a64.branch('hi', 'no tree'),
    a64.addImmediate('x2', 'x2', 7),
    ...a64.li('x3', -8),
    a64.alu('and', 'x2', 'x2', 'x3'),
    ...a64.li('x3', TREE_ROOM),
    a64.cmp('x2', 'x3'),
    a64.branch('hi', 'no tree'),
    ...a64.li('x20', tree),
    a64.mov('x21', 'x2'),
    a64.mov('x5', 'x1'),
    a64.mov('x6', 'x20'),
    a64.alu('add', 'x7', 'x20', 'x21'),
    ...copyWords('tree'),
    a64.reverseWord('x8', 'x21'),
    a64.access('strw', 'x8', 'x20', 4),
    label('no tree'),
  ];
}

/** Copies the kernel to where it belongs, and zeros what its file has no bytes for. */
function placeKernel({ kernel }: StubFacts): Item[] {
  return kernel.flatMap(({ from, address, bytes, memory }, i) => {
    const copied = address + upTo(BigInt(bytes.length), 8n);
    const end = address + upTo(BigInt(memory), 8n);
    return [
      ...a64.li('x5', from),
      ...a64.li('x6', address),
      ...(bytes.length === 0 ? [] : [...a64.li('x7', copied), ...copyWords(`kernel ${i}`)]),
      ...(end <= copied
        ? []
        : [
            ...a64.li('x7', end),
            label(`zeros ${i}`),
            a64.accessAndStep('str', 'xzr', 'x6', 8),
            a64.cmp('x6', 'x7'),
            a64.branch('lo', `zeros ${i}`),
          ]),
    ];
  });
}

/** 48 bits of address in each half, tables in cached memory that all share; of the upper half only at EL1. */
const halfOfAddresses = 16n | (1n << 8n) | (1n << 10n) | (3n << 12n);
const translation = halfOfAddresses | (halfOfAddresses << 16n) | (2n << 30n) | (1n << 36n);
const hypervisorTranslation = halfOfAddresses | (1n << 23n) | (1n << 31n);
/** MMU, data cache, instruction cache. */
const mmuAndCaches = 0x1005;

function turnMmuOn({ isHypervisor }: StubFacts): Item[] {
  const registers = isHypervisor
    ? ({ mair: 'mair_el2', tcr: 'tcr_el2', ttbr: 'ttbr0_el2', sctlr: 'sctlr_el2' } as const)
    : ({ mair: 'mair_el1', tcr: 'tcr_el1', ttbr: 'ttbr0_el1', sctlr: 'sctlr_el1' } as const);
  return [
    ...a64.li('x10', memoryAttributes),
    a64.msr(registers.mair, 'x10'),
    ...a64.li('x10', isHypervisor ? hypervisorTranslation : translation),
    // As much physical address as the processor has.
    a64.mrs('x11', 'id_aa64mmfr0_el1'),
    a64.insertBits('x10', 'x11', isHypervisor ? 16 : 32, 3),
    a64.msr(registers.tcr, 'x10'),
    a64.adr('x10', 'lower'),
    a64.msr(registers.ttbr, 'x10'),
    ...(isHypervisor ? [] : [a64.adr('x10', 'upper'), a64.msr('ttbr1_el1', 'x10')]),
    a64.plain('isb'),
    a64.plain(isHypervisor ? 'tlbi alle2' : 'tlbi vmalle1'),
    a64.plain('ic iallu'),
    a64.plain('dsb sy'),
    a64.plain('isb'),
    a64.mrs('x10', registers.sctlr),
    ...a64.li('x11', mmuAndCaches),
    a64.alu('orr', 'x10', 'x10', 'x11'),
    a64.msr(registers.sctlr, 'x10'),
    a64.plain('isb'),
  ];
}

/** Instructions of the stub, before its tables: they fill a page at most. */
function stubCode(facts: StubFacts): Item[] {
  return [
    ...saveTree(facts),
    ...placeKernel(facts),
    a64.plain('dsb sy'),
    ...turnMmuOn(facts),
    ...a64.li('x0', facts.image),
    ...a64.li('x1', facts.imageEnd),
    ...a64.li('x2', facts.imageOffset),
    ...a64.li('x3', facts.rootEntry),
    a64.mov('x4', 'x20'),
    a64.mov('x5', 'x21'),
    ...a64.li('x10', facts.kernelEntry),
    a64.br('x10'),
  ];
}

/** The stub, and behind it its tables: the roots for the lower and the upper half of addresses first. */
function stubBytes(facts: StubFacts, kernelOffsetOf: bigint, kernelEnd: bigint): Uint8Array {
  const tables: Tables = { base: facts.stub + page, pages: [] };
  const [lower, upper] = [addTable(tables), addTable(tables)];
  for (let at = (facts.stub / GIGABYTE) * GIGABYTE; at < facts.stub + page; at += GIGABYTE)
    mapGigabyte(tables, lower, at);
  for (let at = (facts.memory / blockSize) * blockSize; at < kernelEnd; at += blockSize)
    mapBlock(tables, facts.isHypervisor ? lower : upper, BigInt.asUintN(64, at + kernelOffsetOf), at);
  const items: Item[] = [
    ...stubCode(facts),
    data([], PAGE),
    label('lower'),
    data(new Uint8Array(PAGE), PAGE),
    label('upper'),
    data(new Uint8Array(PAGE), PAGE),
  ];
  const { bytes } = assemble(items, Number(facts.stub));
  if (bytes.length !== 3 * PAGE) throw new Error(`the stub has ${bytes.length - 2 * PAGE} bytes of instructions`);
  const whole = new Uint8Array(PAGE + tables.pages.length * PAGE);
  whole.set(bytes.subarray(0, PAGE));
  whole.set(tableBytes(tables), PAGE);
  return whole;
}

/** Refuses a kernel that tables of 48 bits cannot map where it was linked, beside the stub. Errors: 'kernel'. */
function checkReach({ stub, memory, kernelEntry, isHypervisor }: StubFacts, offset: bigint, where: string): void {
  const [own, here] = [memory + offset, stub / GIGABYTE];
  const collides = isHypervisor && own / GIGABYTE >= here && own / GIGABYTE <= (stub + page) / GIGABYTE;
  if (kernelEntry >> 48n !== (isHypervisor ? 0n : 0xffffn) || collides)
    fail(
      'kernel',
      `${where}: the kernel enters at ${hex(kernelEntry)}, which no table of 48 bits maps beside what starts it`,
    );
}

/** A kernel and a root image as one ELF file for AArch64. Errors: 'kernel', 'image', 'limit'. */
export function packAarch64({ kernel, root, where }: BootParts): Uint8Array {
  const offset = kernelOffset(kernel.file, blockSize, where);
  const pieces = kernelPieces(kernel.file, kernel.bytes);
  checkKernel(pieces, where);
  const flat = flatImage(root.file, root.bytes, where);
  const plan = planBoot(pieces, flat.memory);
  const { entry } = kernel.file.header;
  const facts: StubFacts = {
    ...plan,
    isHypervisor: BigInt.asIntN(64, entry) >= 0n,
    kernelEntry: entry,
    rootEntry: root.file.header.entry,
    imageOffset: BigInt.asUintN(64, plan.image - flat.address),
  };
  checkReach(facts, offset, where);
  const bytes = stubBytes(facts, offset, spanOf(pieces).end);
  const staged = plan.kernel
    .filter((piece) => piece.bytes.length > 0)
    .map((piece) => ({ address: piece.from, bytes: piece.bytes, memory: piece.bytes.length }));
  const stub: Piece = { address: plan.stub, bytes, memory: bytes.length };
  return bootElf(elf.EM_AARCH64, plan.stub, [{ ...flat, address: plan.image }, ...staged, stub], where);
}

/**
 * The boot file for RISC-V: firmware enters its first page in S-mode, and that page starts the kernel as seL4's own
 * loader would.
 *
 *     stub | kernel | room for the device tree | root image         by physical address, ascending
 *
 * QEMU enters an ELF file at its lowest address. The stub copies the device tree that firmware gave (the kernel wants what
 * it keeps in ascending order, and firmware puts the tree at the end of memory), makes one page table that maps itself and
 * the kernel, and jumps to the kernel's virtual entry with what it must know in registers.
 *
 * Source: seL4, src/arch/riscv/kernel/boot.c (init_kernel's parameters); The RISC-V Instruction Set Manual, volume II,
 * sections 4.1.11 and 4.4 (Sv39); RISC-V SBI, "Function Listing" (a0 and a1 at entry); Devicetree specification, 5.2.
 */
import { fail, hex } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import { assemble, data, type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { PAGE } from '../../regions.ts';
import {
  type BootParts,
  bootElf,
  checkKernelPlace,
  flatImage,
  GIGABYTE,
  kernelOffset,
  kernelPieces,
  type Piece,
  spanOf,
  TREE_ROOM,
  upTo,
} from './boot-file.ts';

/** Below the kernel and above the firmware, which takes the first 512 KiB of memory. */
const STUB_BELOW_KERNEL = 0x100000n;
/** Valid, readable, writable, executable, accessed, dirty. */
const everything = 0xcfn;
const sv39 = 8;

/** Where everything lies, in physical addresses. */
export interface BootPlan {
  readonly stub: bigint;
  readonly tree: bigint;
  readonly image: bigint;
  readonly imageEnd: bigint;
}

interface StubFacts extends BootPlan {
  /** Virtual addresses. */
  readonly kernelEntry: bigint;
  readonly rootEntry: bigint;
  /** Physical minus virtual address of the root image. */
  readonly imageOffset: bigint;
  /** Physical address of the GIGABYTE that holds the kernel, and the table's entry that maps it. */
  readonly kernelGigabyte: bigint;
  readonly kernelIndex: number;
}

const leaf = (address: bigint): bigint => ((address >> 12n) << 10n) | everything;

/** s0 = hart, s1 = device tree; a4, a5 = the copy's address and size, or zeros. */
function copyTree({ tree }: StubFacts): Item[] {
  const byte = (to: rv.Register, at: number, shift: number): Item[] => [
    rv.load('lbu', to, 's1', at),
    ...(shift === 0 ? [] : [rv.shift('slli', to, to, shift)]),
  ];
  return [
    ...rv.li('a4', 0),
    ...rv.li('a5', 0),
    rv.branch('beq', 's1', 'zero', 'no tree'),
    // The tree says its size in big-endian order.
    ...byte('t0', 4, 24),
    ...byte('t1', 5, 16),
    ...byte('t2', 6, 8),
    ...byte('t3', 7, 0),
    rv.alu('or', 't0', 't0', 't1'),
    rv.alu('or', 't2', 't2', 't3'),
    rv.alu('or', 't0', 't0', 't2'),
    ...rv.li('t1', TREE_ROOM),
    rv.branch('bltu', 't1', 't0', 'no tree'),
    ...rv.li('a4', tree),
    rv.mv('a5', 't0'),
    rv.mv('t2', 'a4'),
    rv.alu('add', 't3', 't2', 'a5'),
    label('copy'),
    rv.branch('bgeu', 't2', 't3', 'no tree'),
    rv.load('ld', 't4', 's1'),
    rv.store('sd', 't4', 't2'),
    rv.aluImmediate('addi', 's1', 's1', 8),
    rv.aluImmediate('addi', 't2', 't2', 8),
    rv.j('copy'),
    label('no tree'),
  ];
}

/** Makes the table's two entries and switches to it; changes t0 to t2. */
function mapKernel(facts: StubFacts): Item[] {
  const here = facts.stub / GIGABYTE;
  const entry = (index: number, value: bigint): Item[] => [
    ...rv.li('t1', value),
    ...rv.li('t2', index * 8),
    rv.alu('add', 't2', 't2', 't0'),
    rv.store('sd', 't1', 't2'),
  ];
  return [
    rv.la('t0', 'table'),
    ...entry(Number(here), leaf(here * GIGABYTE)),
    ...entry(facts.kernelIndex, leaf(facts.kernelGigabyte)),
    rv.shift('srli', 't0', 't0', 12),
    ...rv.li('t1', sv39),
    rv.shift('slli', 't1', 't1', 60),
    rv.alu('or', 't0', 't0', 't1'),
    rv.plain('sfence.vma'),
    rv.csrw('satp', 't0'),
    rv.plain('sfence.vma'),
    rv.plain('fence.i'),
  ];
}

/** The stub's pages: its instructions, and its page table. */
function stubBytes(facts: StubFacts): Uint8Array {
  const items: Item[] = [
    rv.mv('s0', 'a0'),
    rv.mv('s1', 'a1'),
    ...copyTree(facts),
    ...mapKernel(facts),
    ...rv.li('a0', facts.image),
    ...rv.li('a1', facts.imageEnd),
    ...rv.li('a2', facts.imageOffset),
    ...rv.li('a3', facts.rootEntry),
    rv.mv('a6', 's0'),
    ...rv.li('a7', 0),
    ...rv.li('t0', facts.kernelEntry),
    rv.jalr('zero', 't0'),
    data([], PAGE),
    label('table'),
    data(new Uint8Array(PAGE), PAGE),
  ];
  return assemble(items, Number(facts.stub)).bytes;
}

/** Sv39 maps the stub where it is: in the lower half of its addresses. */
const SV39_HALF = 1n << 38n;

/** Refuses a kernel that two entries of a page table, the stub's and its own, cannot map. Errors: 'kernel'. */
function checkReach(kernel: readonly Piece[], entry: bigint, where: string): void {
  checkKernelPlace(kernel, STUB_BELOW_KERNEL, SV39_HALF, where);
  const { start } = spanOf(kernel);
  const [own, stub] = [(entry >> 30n) & 511n, (start - STUB_BELOW_KERNEL) / GIGABYTE];
  if (BigInt.asUintN(64, BigInt.asIntN(39, entry)) !== entry || (own === stub && entry / GIGABYTE !== start / GIGABYTE))
    fail('kernel', `${where}: the kernel enters at ${hex(entry)}, which Sv39 cannot map beside what starts it`);
}

/** Where the parts of a boot file go. */
export function planBoot(kernel: readonly Piece[], imageSize: number): BootPlan {
  const { start, end } = spanOf(kernel);
  const tree = upTo(end, BigInt(PAGE));
  const image = tree + BigInt(TREE_ROOM);
  return { stub: start - STUB_BELOW_KERNEL, tree, image, imageEnd: image + BigInt(imageSize) };
}

/** A kernel and a root image as one ELF file for RISC-V. Errors: 'kernel', 'image', 'limit'. */
export function packRiscv({ kernel, root, where }: BootParts): Uint8Array {
  const offset = kernelOffset(kernel.file, GIGABYTE, where);
  const pieces = kernelPieces(kernel.file, kernel.bytes);
  checkReach(pieces, kernel.file.header.entry, where);
  const flat = flatImage(root.file, root.bytes, where);
  const plan = planBoot(pieces, flat.memory);
  const { entry } = kernel.file.header;
  const kernelGigabyte = ((entry - offset) / GIGABYTE) * GIGABYTE;
  const bytes = stubBytes({
    ...plan,
    kernelEntry: entry,
    rootEntry: root.file.header.entry,
    imageOffset: BigInt.asUintN(64, plan.image - flat.address),
    kernelGigabyte,
    kernelIndex: Number((entry >> 30n) & 511n),
  });
  const stub: Piece = { address: plan.stub, bytes, memory: bytes.length };
  return bootElf(elf.EM_RISCV, plan.stub, [stub, ...pieces, { ...flat, address: plan.image }], where);
}

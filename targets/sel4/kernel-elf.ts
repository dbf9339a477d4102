/**
 * What a kernel.elf says of itself: for which machine it is, and that it is whole.
 *
 * The kernel is the user's own and is never changed or kept by us; it is read to find out whether it belongs to the
 * configuration and the labels that came with it. An x86-64 kernel may lie in an ELF32 container for i386: boot loaders
 * that speak multiboot want one, and the code is the same. Everything is bounded before it is read, since a file that
 * was cut short would else boot into nothing.
 * Sources: gABI chapters 4 and 5; multiboot 1, section 3.1.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { EM_AARCH64, EM_RISCV, EM_X86_64, ET_EXEC, PT_LOAD, SHT_SYMTAB } from '../../linker/elf.ts';
import { type ElfFile, readElfFile, stringAt, viewOf } from '../../linker/elf-file.ts';

export type SeL4Machine = 'x86-64' | 'riscv64' | 'aarch64';

export const EM_386 = 3;

/** e_machine of a machine's images. */
export const machineNumbers: Readonly<Record<SeL4Machine, number>> = {
  'x86-64': EM_X86_64,
  riscv64: EM_RISCV,
  aarch64: EM_AARCH64,
};

/** What a machine is called, by the e_machine of its kernel. An i386 container holds an x86-64 kernel, or an ia32 one. */
const machines: Readonly<Record<number, SeL4Machine>> = {
  [EM_X86_64]: 'x86-64',
  [EM_386]: 'x86-64',
  [EM_RISCV]: 'riscv64',
  [EM_AARCH64]: 'aarch64',
};

/** A part of a kernel that is loaded: `fileSize` bytes from `offset` on, then zeros up to `memorySize`. */
export interface KernelSegment {
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly loadAddress: bigint;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface KernelElf {
  readonly machine: SeL4Machine;
  /** 32 for an x86-64 kernel in an i386 container. */
  readonly container: 32 | 64;
  readonly entry: bigint;
  /** The PT_LOADs, in their order. */
  readonly segments: readonly KernelSegment[];
  /** Names of its symbols; none of a kernel that was stripped, or that lies in a container. */
  readonly symbols: ReadonlySet<string>;
}

/** More symbols than any kernel has; they are only looked at to find out what the kernel was built with. */
const mostSymbols = 1 << 20;

function symbolsOf(file: ElfFile, name: string): Set<string> {
  const symbols = new Set<string>();
  const table = file.sections.find(({ type }) => type === SHT_SYMTAB);
  if (table === undefined) return symbols;
  const strings = file.sections[table.link]?.data;
  if (strings === undefined)
    fail('kernel', `${name}: its symbol table names section ${table.link}, of ${file.sections.length} sections`);
  const count = Math.floor(table.data.length / 24);
  if (count > mostSymbols) fail('limit', `${name}: ${count} symbols; a kernel has at most ${mostSymbols}`);
  const view = viewOf(table.data);
  // Names may share a long tail in a hostile file: what is read of them in all stays within the table's size.
  let budget = 16 * strings.length + 65_536;
  for (let i = 1; i < count && budget > 0; i++) {
    const symbol = stringAt(strings, view.getUint32(24 * i, true));
    if (symbol === undefined) fail('kernel', `${name}: symbol ${i}: its name is not in the string table`);
    budget -= symbol.length;
    symbols.add(symbol);
  }
  return symbols;
}

/** The program headers of an ELF32 file, which the reader of ELF64 files leaves to us. */
function readContainer(bytes: Uint8Array, name: string): { machine: number; entry: bigint; segments: KernelSegment[] } {
  const view = viewOf(bytes);
  if (bytes.length < 52) fail('kernel', `${name}: ${bytes.length} bytes are too few for an ELF32 header (52)`);
  const [type, machine, offset] = [view.getUint16(16, true), view.getUint16(18, true), view.getUint32(28, true)];
  const [size, count] = [view.getUint16(42, true), view.getUint16(44, true)];
  if (type !== ET_EXEC) fail('kernel', `${name}: e_type is ${type}, not ET_EXEC (${ET_EXEC}); give the kernel.elf`);
  if (count > 0 && size !== 32) fail('kernel', `${name}: e_phentsize is ${size}, expected 32`);
  if (offset + 32 * count > bytes.length)
    fail('kernel', `${name}: its ${count} program headers end at ${offset + 32 * count}, of ${bytes.length} bytes`);
  const segments: KernelSegment[] = [];
  for (let i = 0; i < count; i++) {
    const at = offset + 32 * i;
    if (view.getUint32(at, true) !== PT_LOAD) continue;
    segments.push({
      flags: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 4, true),
      address: BigInt(view.getUint32(at + 8, true)),
      loadAddress: BigInt(view.getUint32(at + 12, true)),
      fileSize: view.getUint32(at + 16, true),
      memorySize: view.getUint32(at + 20, true),
    });
  }
  return { machine, entry: BigInt(view.getUint32(24, true)), segments };
}

function checkSegments(segments: readonly KernelSegment[], size: number, name: string): void {
  if (segments.length === 0)
    fail('kernel', `${name}: has no PT_LOAD; a kernel is a linked program, not an object or a raw image`);
  segments.forEach(({ offset, fileSize, memorySize }, i) => {
    if (offset + fileSize > size)
      fail('kernel', `${name}: PT_LOAD ${i} ends at ${offset + fileSize}, of ${size} bytes; the file was cut short`);
    if (fileSize > memorySize)
      fail('kernel', `${name}: PT_LOAD ${i}: p_filesz ${hex(fileSize)} is more than p_memsz ${hex(memorySize)}`);
  });
}

/** Reads a kernel.elf. `file` names it in messages. Errors: 'kernel', 'malformed-elf', 'limit'. */
export function readKernelElf(bytes: Uint8Array, file: string): KernelElf {
  const name = printable(file);
  if (bytes.length < 20 || viewOf(bytes).getUint32(0) !== 0x7f454c46)
    fail('kernel', `${name}: not an ELF file (${bytes.length} bytes); give the kernel.elf of a seL4 build`);
  const [elfClass, data] = [bytes[4], bytes[5]];
  if (data !== 1 || (elfClass !== 1 && elfClass !== 2))
    fail('kernel', `${name}: ELF class ${elfClass}, data ${data}; a kernel is 2 (or 1, for i386) and 1, little-endian`);
  const number = viewOf(bytes).getUint16(18, true);
  const machine = machines[number];
  if (machine === undefined)
    fail('kernel', `${name}: e_machine is ${number}; must be x86-64 (62 or 3), RISC-V (243) or AArch64 (183)`);
  if (elfClass === 1) {
    if (number !== EM_386)
      fail('kernel', `${name}: a 32-bit kernel of e_machine ${number}; only 64-bit kernels can run our images`);
    const { entry, segments } = readContainer(bytes, name);
    checkSegments(segments, bytes.length, name);
    return { machine, container: 32, entry, segments, symbols: new Set() };
  }
  if (number === EM_386) fail('kernel', `${name}: e_machine is i386 (3), but the ELF class is 64`);
  const elf = readElfFile(bytes, file);
  if (elf.header.type !== ET_EXEC)
    fail('kernel', `${name}: e_type is ${elf.header.type}, not ET_EXEC (${ET_EXEC}); give the kernel.elf`);
  const segments = elf.segments.filter(({ type }) => type === PT_LOAD);
  checkSegments(segments, bytes.length, name);
  return { machine, container: 64, entry: elf.header.entry, segments, symbols: symbolsOf(elf, name) };
}

/**
 * The boot files for x86-64: the kernel in an ELF32 container, and the root image beside it as a module.
 *
 * A kernel for x86-64 begins in 32-bit code, as Multiboot starts it, but is linked as ELF64; QEMU's Multiboot loader and
 * some boot loaders take ELF32 alone. The container holds the same bytes at the same physical addresses, which is all
 * that is used before the kernel has its own page tables. The root image stays an ELF file: the kernel loads it.
 *
 * Sources: Multiboot 0.6.96, sections 3.1 and 3.2; System V gABI, chapters 4 and 5 (Elf32_Ehdr, Elf32_Phdr).
 */
import { alignUp } from '../../../base/arithmetic.ts';
import { fail, hex } from '../../../base/errors.ts';
import { type BootParts, kernelPieces, type Piece } from './boot-file.ts';

const HEADER_SIZE = 52;
const SEGMENT_SIZE = 32;
const EM_386 = 3;
const PAGE = 4096;
/** A Multiboot header lies within so many bytes from the file's start. */
const MULTIBOOT_WITHIN = 8192;
const MULTIBOOT_MAGIC = 0x1badb002;

function checkAddress(value: bigint, what: string, where: string): number {
  if (value > 0xffffffffn) fail('kernel', `${where}: the kernel's ${what} is ${hex(value)}, beyond 32 bits`);
  return Number(value);
}

function writeSegment(view: DataView, at: number, { address, bytes, memory }: Piece, offset: number): void {
  const words = [1, offset, Number(address), Number(address), bytes.length, memory, 7, PAGE];
  for (const [i, word] of words.entries()) view.setUint32(at + 4 * i, word, true);
}

/** Whether a file's beginning holds a Multiboot header. Source: Multiboot, section 3.1.1. */
function hasMultiboot(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at + 12 <= Math.min(file.length, MULTIBOOT_WITHIN); at += 4) {
    if (view.getUint32(at, true) !== MULTIBOOT_MAGIC) continue;
    if ((MULTIBOOT_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true)) >>> 0 === 0) return true;
  }
  return false;
}

/** Fails with 'kernel' when a file that must begin with a Multiboot header has none. */
function checkMultiboot(file: Uint8Array, where: string): void {
  if (!hasMultiboot(file))
    fail('kernel', `${where}: the kernel has no Multiboot header in the first ${MULTIBOOT_WITHIN} bytes of its file`);
}

/** A kernel that lies in an ELF32 container already, as it is. Errors: 'kernel'. */
export function containedKernel(bytes: Uint8Array, where: string): Uint8Array {
  checkMultiboot(bytes, where);
  return bytes;
}

/** A kernel as an ELF32 file with the same pieces. Errors: 'kernel'. */
export function kernel32({ kernel, where }: Pick<BootParts, 'kernel' | 'where'>): Uint8Array {
  const pieces = kernelPieces(kernel.file, kernel.bytes);
  if (pieces.length === 0) fail('kernel', `${where}: the kernel has no PT_LOAD`);
  // The Multiboot header is at the start of the first piece: it must stay near the file's.
  let end = alignUp(HEADER_SIZE + pieces.length * SEGMENT_SIZE, PAGE);
  const placed = pieces.map((piece) => {
    checkAddress(piece.address + BigInt(piece.memory), `segment at ${hex(piece.address)} ends at a place that`, where);
    const offset = end;
    end = alignUp(end + piece.bytes.length, PAGE);
    return { piece, offset };
  });
  const out = new Uint8Array(end);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, EM_386, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, checkAddress(kernel.file.header.entry, 'entry', where), true);
  view.setUint32(28, HEADER_SIZE, true);
  view.setUint16(40, HEADER_SIZE, true);
  view.setUint16(42, SEGMENT_SIZE, true);
  view.setUint16(44, placed.length, true);
  for (const [i, { piece, offset }] of placed.entries()) {
    writeSegment(view, HEADER_SIZE + i * SEGMENT_SIZE, piece, offset);
    out.set(piece.bytes, offset);
  }
  checkMultiboot(out, where);
  return out;
}

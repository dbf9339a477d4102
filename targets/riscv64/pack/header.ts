/**
 * The header that a raw image begins with: Linux's for RISC-V, which U-Boot's `booti` and QEMU know.
 *
 * A boot loader reads from it how far into memory the image wants to be put and how much memory it takes from there,
 * .bss included; the rest of its 64 bytes is what the first instruction jumps over.
 * Source: Linux, Documentation/arch/riscv/boot-image-header.rst.
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import { viewOf } from '../../../linker/elf-file.ts';

export const HEADER_SIZE = 64;
/** "RISCV\0\0\0" and "RSC\x05", little-endian. */
const MAGIC = 0x0000005643534952n;
const MAGIC2 = 0x05435352;

export interface RawHeader {
  /** Distance of the image from the start of memory, or of a 2 MiB page of it. */
  readonly textOffset: number;
  /** Bytes of memory from where the image is loaded; at least its size. */
  readonly imageSize: number;
}

/** Reads the header of a raw image. Errors: 'image' when it has none. `name` names the file in messages. */
export function readRawHeader(raw: Uint8Array, name: string): RawHeader {
  const where = printable(name);
  if (raw.length < HEADER_SIZE)
    fail('image', `${where}: ${raw.length} bytes are too few for a raw image's header (64)`);
  const view = viewOf(raw);
  const [magic, magic2] = [view.getBigUint64(48, true), view.getUint32(56, true)];
  if (magic !== MAGIC || magic2 !== MAGIC2) {
    fail('image', `${where}: no raw RISC-V image: its magics are ${hex(magic)} and ${hex(magic2)}`);
  }
  const [textOffset, imageSize] = [Number(view.getBigUint64(8, true)), Number(view.getBigUint64(16, true))];
  if (imageSize < raw.length || imageSize > 2 ** 32) {
    fail('image', `${where}: its header claims ${imageSize} bytes of memory, but the file has ${raw.length}`);
  }
  return { textOffset, imageSize };
}

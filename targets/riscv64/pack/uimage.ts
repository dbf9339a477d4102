/**
 * uImage: U-Boot's legacy container, a header of 64 bytes with two checksums before a raw image. `bootm` copies the image
 * to the address in it and jumps there.
 * Source: U-Boot, include/image.h (struct legacy_img_hdr).
 */
import { fail } from '../../../base/errors.ts';
import { bigEndian } from './big-endian.ts';
import { crc32 } from './crc32.ts';

const MAGIC = 0x27051956;
const OS_LINUX = 5;
const ARCHITECTURE_RISCV = 26;
const TYPE_KERNEL = 2;
const COMPRESSION_NONE = 0;
const HEADER_SIZE = 64;
/** With the NUL that ends it, though U-Boot does not ask for one. */
const NAME_SIZE = 32;

/** `load`: physical address, below 4 GiB, where the image goes. The header's time is 0, so that equal images are equal. */
export function uImage(raw: Uint8Array, load: number, name: string): Uint8Array {
  if (load > 0xffffffff) fail('usage', `a uImage holds addresses of 32 bits, not ${load}; a FIT image has room`);
  const header = Buffer.alloc(HEADER_SIZE);
  header.set(bigEndian(MAGIC, 0, 0, raw.length, load, load, crc32(raw)));
  header.set([OS_LINUX, ARCHITECTURE_RISCV, TYPE_KERNEL, COMPRESSION_NONE], 28);
  header.set(Buffer.from(name).subarray(0, NAME_SIZE - 1), 32);
  // Of the header with nothing in this word.
  header.writeUInt32BE(crc32(header), 4);
  return Buffer.concat([header, raw]);
}

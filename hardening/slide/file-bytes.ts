/**
 * The bytes of an ElfFile in one piece: without copying when they still lie as they were read.
 *
 * Contents in one piece are what segments are taken from, which sections need not cover. Only the contents count here:
 * headers in the result may be older than those of the ElfFile.
 */
import type { ElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';

export function fileBytes(file: ElfFile): Uint8Array {
  const { ident } = file.header;
  const start = ident.byteOffset;
  const inPlace = (data: Uint8Array, offset: number): boolean =>
    data.length === 0 || (data.buffer === ident.buffer && data.byteOffset - offset === start);
  const whole =
    ident.buffer.byteLength >= start + file.size &&
    file.sections.every(({ data, offset }) => inPlace(data, offset)) &&
    file.rest.every(({ data, offset }) => inPlace(data, offset));
  return whole ? new Uint8Array(ident.buffer, start, file.size) : writeElfFile(file);
}

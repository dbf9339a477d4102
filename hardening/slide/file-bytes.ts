/**
 * The bytes of an ElfFile in one piece: without copying when they still lie as they were read.
 *
 * Fresh memory is what a launch pays most for, so an image is moved within few copies of itself.
 */
import type { ElfFile } from '../../linker/elf-file.ts';
import { writeElfFile, writeElfHeaders } from '../../linker/write-elf-file.ts';

/** The memory that all contents of `file` lie in, each at its offset; undefined when they do not. */
function inPlace({ header, sections, rest, size }: ElfFile): Uint8Array | undefined {
  const { buffer, byteOffset: start } = header.ident;
  const lies = (data: Uint8Array, offset: number): boolean =>
    data.length === 0 || (data.buffer === buffer && data.byteOffset - offset === start);
  const whole =
    buffer.byteLength >= start + size &&
    sections.every(({ data, offset }) => lies(data, offset)) &&
    rest.every(({ data, offset }) => lies(data, offset));
  return whole ? new Uint8Array(buffer, start, size) : undefined;
}

/** Contents count here, not headers: those in the result may be older than those of the ElfFile. Not to be written to. */
export function fileBytes(file: ElfFile): Uint8Array {
  return inPlace(file) ?? writeElfFile(file);
}

/** The file as `writeElfFile` would write it, in the memory that it lies in already where it can be. */
export function finishedBytes(file: ElfFile): Uint8Array {
  const bytes = inPlace(file);
  if (!bytes) return writeElfFile(file);
  writeElfHeaders(file, bytes);
  return bytes;
}

/**
 * Writes exception records: a kernel copies those that are kept and repairs their pointers to CIEs.
 */
import type { WriteContext } from './write-sections.ts';

/** Writes section `s` at offset `to` of the file; returns where each of its relocations now stands (-1: dropped). */
export function copyEhFrame(context: WriteContext, s: number, to: number): Int32Array {
  const { program } = context.state;
  const { places } = context.edits.frames;
  program.arena.kernels.copyFrames(program.block, s, context.file.byteOffset + to, places.byteOffset);
  return places;
}

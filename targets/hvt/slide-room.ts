/**
 * Memory for an image that is to be slid: its text may grow, and what lies behind it then moves back.
 *
 * In a file of its own, so that a launch can begin to read the image before all else is loaded.
 */
import type { SlideArena } from '../../hardening/slide/kernels/kernels.ts';
import { u8 } from '../../linker/arena.ts';

/** Bytes that are kept for a file of `size` bytes. */
export function imageCapacity(size: number): number {
  return size + (size >> 4) + 2 ** 16;
}

/** Memory of an arena for an image of `size` bytes, with room behind it. Errors: 'limit'. */
export function imageRoom(arena: SlideArena, size: number): Uint8Array {
  return u8(arena, imageCapacity(size), 16).subarray(0, size);
}

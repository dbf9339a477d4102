/**
 * The arena: one WebAssembly memory that holds a link's inputs, tables and output.
 *
 * A link runs for a fifth of a second, which is too short for a JavaScript engine to compile hot loops well: measured,
 * the same link took a quarter of the time once everything was compiled. The loops over every section, symbol and
 * relocation are therefore kernels, compiled ahead of time (see kernels/); what they work on must lie in their memory.
 * Everything else stays TypeScript and sees the same bytes through typed arrays.
 *
 * The memory is as large as it can be from the start, because growing it would detach all typed arrays. That costs
 * address space alone: pages come into being when they are first written. It is a shared memory, though no thread shares
 * it: of any other the engine thinks that collecting garbage could give it back, and sets out to do so at once.
 * Nothing is ever given back; a link ends.
 */
import { fail } from '../base/errors.ts';
import { type Kernels, startKernels } from './kernels/kernels.ts';
import { ARENA_START, READ_AHEAD } from './kernels/layout.ts';

export interface Arena {
  /** All of the memory: a pointer is an index. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly kernels: Kernels;
  /** Everything below is taken; what lies above is zero. */
  used: number;
}

/** Of 64 KiB each. */
const MOST_PAGES = 65536;
const FEWEST_PAGES = 1024;

/** Largest memory that the system grants. Errors: 'limit'. */
function createMemory(): WebAssembly.Memory {
  for (let pages = MOST_PAGES; pages >= FEWEST_PAGES; pages /= 2) {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  // Node.js reserves 10 GiB of addresses around any such memory, so that loads need no bounds checks.
  return fail('limit', 'no room for the linker: it needs 12 GiB of addresses, though little memory; raise ulimit -v');
}

export function createArena(): Arena {
  const memory = createMemory();
  return {
    bytes: new Uint8Array(memory.buffer),
    view: new DataView(memory.buffer),
    kernels: startKernels(memory),
    used: ARENA_START,
  };
}

/** Takes `size` bytes, all zero, at a multiple of `align` (a power of two); returns their address. Errors: 'limit'. */
export function allocate(arena: Arena, size: number, align = 8): number {
  const at = Math.ceil(arena.used / align) * align;
  const limit = arena.bytes.length - READ_AHEAD;
  if (size > limit - at) {
    const all = Math.floor(arena.bytes.length / 1048576);
    fail('limit', `${size} bytes more than the ${at} in use do not fit the linker's memory of ${all} MiB`);
  }
  arena.used = at + size;
  return at;
}

export function u8(arena: Arena, length: number, align = 1): Uint8Array {
  return new Uint8Array(arena.bytes.buffer, allocate(arena, length, align), length);
}

export function u32(arena: Arena, length: number): Uint32Array {
  return new Uint32Array(arena.bytes.buffer, allocate(arena, length * 4), length);
}

export function i32(arena: Arena, length: number): Int32Array {
  return new Int32Array(arena.bytes.buffer, allocate(arena, length * 4), length);
}

export function f64(arena: Arena, length: number): Float64Array {
  return new Float64Array(arena.bytes.buffer, allocate(arena, length * 8), length);
}

/** Address of `bytes` in the arena: where they are, or where they have been copied to. */
export function adopt(arena: Arena, bytes: Uint8Array): number {
  if (bytes.buffer === arena.bytes.buffer) return bytes.byteOffset;
  const at = allocate(arena, bytes.length, 16);
  arena.bytes.set(bytes, at);
  return at;
}

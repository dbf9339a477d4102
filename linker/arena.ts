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
 * A link gives nothing back, for it ends. A slide does, once: memory that has been written to before is the cheaper.
 */
import { fail } from '../base/errors.ts';
import { type Kernels, startKernels } from './kernels/kernels.ts';
import { ARENA_START, READ_AHEAD } from './kernels/layout.ts';

/** `K`: the kernels that work on it. */
export interface ArenaOf<K> {
  /** All of the memory: a pointer is an index. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly kernels: K;
  /** Everything below is taken, but for `spare`; what lies above is zero. */
  used: number;
  /** Where memory that was given back begins and ends; it is zero. */
  readonly spare: { at: number; end: number };
}

export type Arena = ArenaOf<Kernels>;

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
  return fail('limit', 'no room to work in: 12 GiB of addresses are needed, though little memory; raise ulimit -v');
}

/** An arena for kernels that `start` binds to its memory. */
export function createArenaFor<K>(start: (memory: WebAssembly.Memory) => K): ArenaOf<K> {
  const memory = createMemory();
  return {
    bytes: new Uint8Array(memory.buffer),
    view: new DataView(memory.buffer),
    kernels: start(memory),
    used: ARENA_START,
    spare: { at: 0, end: 0 },
  };
}

export function createArena(): Arena {
  return createArenaFor(startKernels);
}

/** Takes `size` bytes, all zero, at a multiple of `align` (a power of two); returns their address. Errors: 'limit'. */
export function allocate(arena: ArenaOf<unknown>, size: number, align = 8): number {
  const { spare } = arena;
  const again = Math.ceil(spare.at / align) * align;
  if (spare.at < spare.end && size <= spare.end - again) {
    spare.at = again + size;
    return again;
  }
  const at = Math.ceil(arena.used / align) * align;
  const limit = arena.bytes.length - READ_AHEAD;
  if (size > limit - at) {
    const all = Math.floor(arena.bytes.length / 1048576);
    fail('limit', `${size} bytes more than the ${at} in use do not fit the memory of ${all} MiB`);
  }
  arena.used = at + size;
  return at;
}

/**
 * Gives `size` bytes back, which the caller has cleared: they are taken again first, unless more are left of others. Not
 * for a link, whose phases set `used` back to where they began.
 */
export function giveBack({ spare }: ArenaOf<unknown>, at: number, size: number): void {
  if (size <= spare.end - spare.at) return;
  spare.at = at;
  spare.end = at + size;
}

export function u8(arena: ArenaOf<unknown>, length: number, align = 1): Uint8Array {
  return new Uint8Array(arena.bytes.buffer, allocate(arena, length, align), length);
}

export function u32(arena: ArenaOf<unknown>, length: number): Uint32Array {
  return new Uint32Array(arena.bytes.buffer, allocate(arena, length * 4), length);
}

export function i32(arena: ArenaOf<unknown>, length: number): Int32Array {
  return new Int32Array(arena.bytes.buffer, allocate(arena, length * 4), length);
}

export function f64(arena: ArenaOf<unknown>, length: number): Float64Array {
  return new Float64Array(arena.bytes.buffer, allocate(arena, length * 8), length);
}

/** Address of `bytes` in the arena: where they are, or where they have been copied to. */
export function adopt(arena: ArenaOf<unknown>, bytes: Uint8Array): number {
  if (bytes.buffer === arena.bytes.buffer) return bytes.byteOffset;
  const at = allocate(arena, bytes.length, 16);
  arena.bytes.set(bytes, at);
  return at;
}

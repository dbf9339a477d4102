/**
 * The boot block: what the stub tells the program about where it put everything.
 *
 * One page, readable only, its address in a2 when the program starts. The program has no identity map, so this is how it
 * finds its stack and heap, the registers of its devices, and the physical address behind a buffer that a device is to
 * read or write. The C side of the same layout is targets/platform/machine/boot.h.
 */
import { hex } from '../../../base/errors.ts';

/** "CMBOOT01". */
export const BOOT_MAGIC = 0x3130544f4f424d43n;

/** Offsets of 64-bit little-endian words. */
export const BOOT = {
  magic: 0,
  hart: 8,
  fdt: 16,
  fdtSize: 24,
  stack: 32,
  stackEnd: 40,
  trapStack: 48,
  trapStackEnd: 56,
  heap: 64,
  heapSize: 72,
  seed: 80,
  hasEntropy: 112,
  mode: 120,
  canary: 128,
  count: 136,
  ranges: 144,
} as const;

/** What a range is. */
export const RANGE_KINDS = ['image', 'stack', 'trap-stack', 'heap', 'fdt', 'device'] as const;
export type RangeKind = (typeof RANGE_KINDS)[number];

/** Words of a range: virtual, physical, bytes, kind. */
export const RANGE_SIZE = 32;
export const MOST_RANGES = 48;

/** Contiguous pages: at `virtual` for the program, at `physical` for devices. */
export interface Range {
  readonly virtual: bigint;
  readonly physical: bigint;
  readonly bytes: bigint;
  readonly kind: RangeKind;
}

export interface BootBlock {
  readonly words: Readonly<Record<Exclude<keyof typeof BOOT, 'seed' | 'ranges'>, bigint>>;
  readonly seed: Uint8Array;
  readonly ranges: readonly Range[];
}

/** Reads a boot block out of its page. Throws for one that no stub of ours wrote: for tests and tools. */
export function decodeBootBlock(page: Uint8Array): BootBlock {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const word = (at: number): bigint => view.getBigUint64(at, true);
  if (word(BOOT.magic) !== BOOT_MAGIC) throw new Error(`not a boot block: begins with ${hex(word(BOOT.magic))}`);
  const { seed, ranges, ...plain } = BOOT;
  const words = Object.fromEntries(Object.entries(plain).map(([name, at]) => [name, word(at)])) as BootBlock['words'];
  if (words.count > MOST_RANGES) throw new Error(`a boot block of ${words.count} ranges; the most is ${MOST_RANGES}`);
  return {
    words,
    seed: page.slice(seed, seed + 32),
    ranges: Array.from({ length: Number(words.count) }, (_, i) => {
      const at = ranges + i * RANGE_SIZE;
      const kind = RANGE_KINDS[Number(word(at + 24))];
      if (kind === undefined) throw new Error(`range ${i} of a boot block has the unknown kind ${word(at + 24)}`);
      return { virtual: word(at), physical: word(at + 8), bytes: word(at + 16), kind };
    }),
  };
}

/**
 * What memory a kernel was built for, as its build wrote it down.
 *
 * Kernels for RISC-V and AArch64 know their machine's memory from a device tree at build time, and leave the ranges in
 * platform_gen.json: a machine with less stops them, and an image whose heap is larger than any piece of it stops
 * itself. An x86-64 kernel asks its boot loader, and has no such file.
 * Source: seL4's tools/hardware/outputs/json.py ("memory": a list of {"start", "end"}, end exclusive).
 */
import { fail, printable } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import type { NamedText } from './kernel-config.ts';

/** Physical addresses [start, end). */
export interface MemoryRange {
  readonly start: bigint;
  readonly end: bigint;
}

const mostText = 1 << 20;
const mostRanges = 64;

const isAddress = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The ranges of a platform_gen.json, in its order. Errors: 'kernel', 'limit'. */
export function parsePlatformMemory({ name, text }: NamedText): MemoryRange[] {
  const file = printable(name);
  if (text.length > mostText) fail('limit', `${file}: ${text.length} characters; at most ${mostText} are read`);
  const { value, lineOf } = parseJson(text, name, 'kernel');
  const memory = (value as { memory?: unknown } | null)?.memory;
  if (!Array.isArray(memory)) return fail('kernel', `${file}: has no list "memory"; give the kernel's own file`);
  if (memory.length > mostRanges)
    fail('limit', `${file}: ${memory.length} ranges of memory; at most ${mostRanges} are read`);
  return memory.map((range: { start?: unknown; end?: unknown } | null, i) => {
    const [start, end] = [range?.start, range?.end];
    if (isAddress(start) && isAddress(end) && start < end) return { start: BigInt(start), end: BigInt(end) };
    const where = `${file}:${lineOf(`/memory/${i}`)}: memory[${i}]`;
    const shown = [start, end].map((each) => printable(JSON.stringify(each) ?? 'nothing', 40));
    return fail(
      'kernel',
      `${where}: start is ${shown[0]}, end ${shown[1]}; must be two addresses, the lower one first`,
    );
  });
}

/**
 * Bytes of the largest untyped capability that a kernel can make of these ranges: untypeds are powers of two, and lie at
 * multiples of their sizes.
 */
export function largestUntyped(ranges: readonly MemoryRange[]): bigint {
  const fits = (size: bigint): boolean =>
    ranges.some(({ start, end }) => ((start + size - 1n) / size) * size + size <= end);
  let size = 1n << 47n;
  while (size > 0n && !fits(size)) size >>= 1n;
  return size;
}

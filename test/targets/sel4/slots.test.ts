import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LARGE_PAGE, MOST_HEAP, MOST_IMAGE } from '../../../targets/sel4/addresses.ts';
import { brokenLoadingRules } from '../../../targets/sel4/loading-rules.ts';
import {
  kernelSlots,
  MOST_REGISTER_PAGES,
  mostTables,
  type StartUp,
  startUpSlots,
} from '../../../targets/sel4/slots.ts';
import { buildImage, PF } from '../../support/elf-image.ts';
import { projectRoot } from '../../support/paths.ts';
import { kernelOf, machines } from '../../support/sel4-kernel.ts';

const spanAt = (start: bigint, pages: number, extraPages = 0) => {
  const end = start + BigInt(pages) * 4096n;
  return { start, end, extraPages: BigInt(extraPages), top: end + BigInt(2 + extraPages) * 4096n };
};

/** The number of a macro in a C file of ours. */
function macro(file: string, name: string): string {
  const text = readFileSync(join(projectRoot, 'targets/sel4', file), 'utf8');
  return new RegExp(`^#define ${name} (.*)$`, 'm').exec(text)![1]!;
}

it('count with the numbers that start-up code has', () => {
  expect(macro('stage0/objects.c', 'TABLES_BITS')).toBe('(18u + SEL4_HAS_FIRST_STAGE)');
  expect(mostTables).toEqual({ build: 1n << 6n, boot: 1n << 7n });
  expect(macro('stage0/devices.c', 'MOST_FRAMES')).toBe(`${MOST_REGISTER_PAGES}`);
  // addresses.ts, whose limits first-stage/draw.c and copy.c rely on.
  expect(macro('first-stage/draw.c', 'APART')).toBe('(1ull << 30)');
  expect(macro('first-stage/draw.c', 'LOWEST')).toBe('(1ull << 28)');
  expect([MOST_HEAP + LARGE_PAGE, 2 * MOST_IMAGE]).toEqual([2 ** 30, 2 ** 30]);
});

describe.each(machines)('slots on %s', (machine) => {
  const kernel = kernelOf(machine);
  const heapSize = 16 << 20;

  it('are one for every table that mappings at any address could need, and no fewer', () => {
    // A model: which tables of each level a range touches, by their numbers.
    const levels = machine === 'riscv64' ? [30n, 21n] : [39n, 30n, 21n];
    const place = fc.bigInt({ min: 0n, max: (1n << 30n) - 1n });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 400 }),
        place,
        place,
        (pages, large, at, to) => {
          const { tables } = startUpSlots(kernel, spanAt(1n << 30n, pages), {
            aslr: 'boot',
            heapSize: large * LARGE_PAGE,
          });
          const touched = (start: bigint, size: bigint, lowest: bigint): bigint =>
            levels
              .filter((width) => width > lowest)
              .map((width) => ((start + size - 1n) >> width) - (start >> width) + 1n)
              .reduce((sum, each) => sum + each, 0n);
          const image = 3n * touched(at * 4096n, BigInt(pages) * 4096n, 12n);
          const heap = touched(to * BigInt(LARGE_PAGE), BigInt(large * LARGE_PAGE), 21n);
          expect(tables).toBeGreaterThanOrEqual(image + heap);
          expect(tables).toBeLessThanOrEqual((image + heap + 40n) * (machine === 'x86-64' ? 3n : 1n));
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });

  it('grow with the image, the heap and a second stage', () => {
    const of = (pages: number, over: Partial<StartUp> = {}): bigint =>
      startUpSlots(kernel, spanAt(1n << 30n, pages, 17), { aslr: 'build', heapSize, ...over }).total;
    // The kernel has made what is needed of the image itself.
    expect(of(100)).toBe(of(3000));
    expect(of(100, { heapSize: heapSize + LARGE_PAGE })).toBe(of(100) + 1n);
    expect(of(101, { aslr: 'boot' })).toBe(of(100, { aslr: 'boot' }) + 1n);
    // Each page once more, with a name for every page that it shares.
    expect(of(100, { aslr: 'boot' })).toBeGreaterThanOrEqual(of(100) + 100n + 17n + 5n);
  });

  it('are refused when start-up code would run out of them, though the kernel would not', () => {
    const extra = machine === 'x86-64' ? 4096 : 0;
    const imageOf = (pages: number): Buffer =>
      buildImage({
        machine: { 'x86-64': 62, riscv64: 243, aarch64: 183 }[machine],
        segments: [
          { flags: PF.X, address: 0x40000000, bytes: Buffer.alloc(4096) },
          { flags: PF.R | PF.W, address: 0x40001000, memorySize: 4096 * (pages - 1) },
        ],
      });
    const rulesOf = (pages: number, startUp?: StartUp) =>
      brokenLoadingRules(imageOf(pages), 'root', kernel, extra, startUp);
    const startUp: StartUp = { aslr: 'build', heapSize };
    const fits = (pages: number): boolean => rulesOf(pages, startUp).length === 0;
    let [low, high] = [100, 4000];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (fits(middle)) low = middle;
      else high = middle;
    }
    // Filled to the last slot, but for a table that may or may not be needed.
    const span = spanAt(0x40000000n, low, extra / 4096);
    const total = kernelSlots(kernel, span).total + startUpSlots(kernel, span, startUp).total;
    expect(total).toBeGreaterThanOrEqual(4095n);
    expect(total).toBeLessThanOrEqual(4096n);
    expect(rulesOf(high)).toEqual([]);
    expect(rulesOf(high, startUp)).toMatchObject([{ rule: 'slots' }]);
    expect(rulesOf(high, startUp)[0]!.message).toMatch(
      /needs 409[78] slots \(.*; in start-up code up to 8 large pages of heap, \d+ page tables, \d+ for devices\), but the root CNode has 4096/,
    );
    expect(rulesOf(low - 1, { aslr: 'build', heapSize: heapSize + 3 * LARGE_PAGE })).toMatchObject([{ rule: 'slots' }]);
    expect(rulesOf(low, { aslr: 'boot', heapSize })[0]!.message).toMatch(/\d+ for a second stage\), but/);
  });

  it('are refused when its page tables have no room', () => {
    const large = kernelOf(machine, { ROOT_CNODE_SIZE_BITS: '19' });
    const image = buildImage({
      machine: { 'x86-64': 62, riscv64: 243, aarch64: 183 }[machine],
      segments: [
        { flags: PF.X, address: 0x40000000, bytes: Buffer.alloc(4096) },
        { flags: PF.R | PF.W, address: 0x40001000, memorySize: 100 << 20 },
      ],
    });
    const broken = (aslr: 'build' | 'boot') => brokenLoadingRules(image, 'root', large, 0, { aslr, heapSize });
    expect(broken('build')).toEqual([]);
    expect(broken('boot')).toMatchObject([{ rule: 'tables' }]);
    expect(broken('boot')[0]!.message).toMatch(
      /may need \d+ page tables for 0x6401000 bytes of image and 0x1000000 of heap, and has room for 128/,
    );
  });
});

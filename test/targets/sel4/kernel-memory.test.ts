import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKernel } from '../../../targets/sel4/kernel.ts';
import { largestUntyped, parsePlatformMemory } from '../../../targets/sel4/kernel-memory.ts';
import { builtMemory, memoryFor, platformOf } from '../../../targets/sel4/qemu.ts';
import { errorOf } from '../../pipeline/support.ts';
import { kernelFiles, kernelOf } from '../../support/sel4-kernel.ts';

const platform = (memory: unknown) => ({ name: 'platform_gen.json', text: JSON.stringify({ memory }) });
const kernelWith = (memory: unknown, changes = {}) =>
  parseKernel(kernelFiles('riscv64', changes, { platform: platform(memory) }));

describe('the memory that a kernel was built for', () => {
  it('is in its platform_gen.json', () => {
    const kernel = kernelWith([{ start: 0x80200000, end: 0xa0000000 }]);
    expect(kernel.memory).toEqual([{ start: 0x80200000n, end: 0xa0000000n }]);
    expect(builtMemory(kernel)).toBe(512);
    expect(kernelOf('riscv64').memory).toBeUndefined();
  });

  it.each([
    ['no JSON', '{"memory": [', 'platform_gen.json:1'],
    ['a list', '[]', 'has no list "memory"'],
    ['null', 'null', 'has no list "memory"'],
    ['a range without an end', '{"memory": [{"start": 1}]}', 'memory[0]: start is 1, end nothing'],
    [
      'a range backwards',
      '{"memory": [{"start": 2, "end": 2}]}',
      'memory[0]: start is 2, end 2; must be two addresses',
    ],
    ['text for an address', '{"memory": [{"start": "0", "end": 4}]}', 'start is "0", end 4'],
    ['a fraction', '{"memory": [{"start": 0.5, "end": 4}]}', 'start is 0.5'],
    ['a negative address', '{"memory": [{"start": -4096, "end": 4}]}', 'start is -4096'],
    ['null for a range', '{"memory": [null]}', 'memory[0]: start is nothing'],
    ['too many ranges', JSON.stringify({ memory: new Array(65).fill({ start: 0, end: 1 }) }), '65 ranges of memory'],
    ['too much text', `{${' '.repeat(1 << 20)}}`, 'at most 1048576'],
  ])('is refused as %s', (_, text, words) => {
    expect(errorOf(() => parsePlatformMemory({ name: 'platform_gen.json', text })).message).toContain(words);
  });

  it('is what the machine gets, and no less', () => {
    const kernel = kernelWith([{ start: 0x80200000, end: 0xa0000000 }]);
    expect(memoryFor(kernel)).toBe(512);
    expect(memoryFor(kernel, 1024)).toBe(1024);
    expect(errorOf(() => memoryFor(kernel, 128)).message).toBe(
      '--mem 128: kernel.elf was built for 512 MiB, and stops on a machine with less',
    );
    for (const wanted of [0, 7, 512.5, 65537, Number.NaN])
      expect(errorOf(() => memoryFor(kernel, wanted)).message).toContain(`--mem ${wanted}: must be a whole number`);
    expect(memoryFor(kernelOf('riscv64', { PLAT: 'hifive' }))).toBe(8192);
    expect(memoryFor(kernelOf('x86-64'), 64)).toBe(64);
  });

  it.each([
    ['half a mebibyte', [{ start: 0x80000000, end: 0x80080000 }], 'built for 0.5 MiB'],
    ['another machine', [{ start: 0, end: 0x40000000 }], 'built for -1024 MiB'],
  ])('is refused when QEMU has no such machine: %s', (_, memory, words) => {
    const { code, message } = errorOf(() => memoryFor(kernelWith(memory)));
    expect(code).toBe('kernel');
    expect(message).toContain(words);
  });

  it.each(['zynqmp', 'constructor', '__proto__', 'toString', ''])(
    'belongs to a platform of QEMU, not to %j',
    (PLAT) => {
      const { code, message } = errorOf(() => platformOf(kernelOf('riscv64', { PLAT })));
      expect(code).toBe('kernel');
      expect(message).toContain(`built for ${PLAT}; QEMU can run: qemu-riscv-virt, hifive, qemu-arm-virt, pc99`);
    },
  );
});

describe('the largest untyped', () => {
  it.each([
    [[], 0n],
    [[{ start: 0x80200000n, end: 0xa0000000n }], 0x10000000n],
    [[{ start: 0x1000n, end: 0x3000n }], 0x1000n],
    [[{ start: 0n, end: 1n << 40n }], 1n << 40n],
  ])('of %o', (ranges, size) => {
    expect(largestUntyped(ranges)).toBe(size);
  });

  it('is the largest of all pieces that memory divides into', () => {
    const range = fc.tuple(fc.nat(2000), fc.integer({ min: 1, max: 2000 }));
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 4 }), (pairs) => {
        const ranges = pairs.map(([start, size]) => ({ start: BigInt(start), end: BigInt(start + size) }));
        // As the kernel divides memory: from the bottom, the largest piece that is aligned and fits, again and again.
        let best = 0;
        for (const [start, size] of pairs)
          for (let at = start, piece = 1; at < start + size; at += piece, best = Math.max(best, piece)) {
            piece = 1;
            while (at % (2 * piece) === 0 && at + 2 * piece <= start + size) piece *= 2;
          }
        expect(largestUntyped(ranges)).toBe(BigInt(best));
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});

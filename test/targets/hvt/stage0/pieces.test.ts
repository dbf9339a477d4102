/**
 * The stub's pieces on the host's processor, each against its description: randomness against RFC 8439 as OpenSSL
 * computes it, placement against the arithmetic that is proved, page tables against a walk of them.
 */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numbers } from '../../../../hardening/slide/arithmetic.ts';
import { label } from '../../../../machine/assemble/listing.ts';
import * as x86 from '../../../../machine/assemble/x86-64.ts';
import { encodeConfig, PAGE, type Region, type Stage0Config } from '../../../../targets/hvt/stage0/config.ts';
import { BLOCK, randomBlock, SCRATCH } from '../../../../targets/hvt/stage0/entropy.ts';
import { mapFunction, startTables } from '../../../../targets/hvt/stage0/page-tables.ts';
import { gapChoices, place, placement, words } from '../../../../targets/hvt/stage0/placement.ts';
import { isLong } from '../../../support/long.ts';
import { type NativeRun, runNative } from './native.ts';

const MiB = 1 << 20;
const configuration = 0x30_0000;
const scratchPage = 0x40_0000;
const rdseed = 1 << 18;
const rdrand = 1 << 30;

function configWith(changes: Partial<Stage0Config> = {}): Uint8Array {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
  const regions: Region[] = [{ start: 0x10000, end: 0x14000, kind: 'read' }];
  const wipe = { start: 0, size: 0 };
  return encodeConfig({
    require: [],
    entry: 0x100000,
    top: 0x200000,
    canary: 0,
    gates: { address: 0, count: 0 },
    stack: MiB,
    wipe,
    seed,
    regions,
    ...changes,
  });
}

describe('randomness', () => {
  const run = (features: NativeRun['registers']): NativeRun => ({
    maps: [
      { address: configuration, bytes: configWith() },
      { address: scratchPage, bytes: new Uint8Array(PAGE) },
    ],
    registers: { ...features, r14: configuration, rsp: scratchPage },
  });

  it('is the ChaCha20 block of its key, counter and nonce', async () => {
    const features = [{}, {}, { r9: rdseed }, { r11: rdrand }, { r9: rdseed, r11: rdrand }];
    for (const { maps, end } of await runNative(randomBlock(), [], features.map(run))) {
      expect(end).toBe('end');
      const scratch = Buffer.from(maps[1]!);
      expect(scratch.toString('latin1', 0, 16)).toBe('expand 32-byte k');
      // OpenSSL's initial vector is counter and nonce as they lie in the block.
      const cipher = createCipheriv('chacha20', scratch.subarray(16, 48), scratch.subarray(48, 64));
      expect(scratch.subarray(BLOCK, BLOCK + 64)).toEqual(cipher.update(Buffer.alloc(64)));
      expect(scratch.subarray(SCRATCH).every((byte) => byte === 0)).toBe(true);
    }
  });

  it('has the image’s seed as its key, and says so, where the processor has no source', async () => {
    const [one, two] = await runNative(randomBlock(), [], [run({}), run({})]);
    const seed = configWith().subarray(64, 96);
    for (const result of [one!, two!]) {
      expect(result.registers.r8).toBe(0n);
      expect(result.maps[1]!.subarray(16, 48)).toEqual(seed);
    }
    // The time-stamp counter is all that differs.
    expect(one!.maps[1]!.subarray(BLOCK)).not.toEqual(two!.maps[1]!.subarray(BLOCK));
  });

  it('draws four words that no earlier boot had, where the processor has one', async () => {
    for (const features of [{ r9: rdseed }, { r11: rdrand }, { r9: rdseed, r11: rdrand }]) {
      const results = await runNative(randomBlock(), [], [run(features), run(features), run(features)]);
      const keys = results.map(({ maps }) => Buffer.from(maps[1]!.subarray(16, 48)).toString('hex'));
      const parts = keys.flatMap((key) => key.match(/.{16}/g)!);
      expect(new Set(parts).size).toBe(12);
      for (const { registers } of results) expect(registers.r8).toBe(1n);
    }
  });
});

describe('placement', () => {
  const draw = fc.record({
    // What a host process can have mapped.
    memory: fc.integer({ min: 32, max: 100 }).map((n) => n * 2 * MiB),
    top: fc.integer({ min: 0x104, max: 0x3000 }),
    stack: fc.integer({ min: 4, max: 1024 }),
    regions: fc.integer({ min: 1, max: 40 }),
    tables: fc.nat({ max: 0xffff_ffff }),
    stackGap: fc.nat({ max: 0xffff_ffff }),
  });

  it('is what the arithmetic says, to the byte, and refuses where that does', async () => {
    const count = isLong ? 60 : 20;
    const cases = fc.sample(draw, { seed: 3, numRuns: count });
    // Small guests and tops close to the end, where refusals begin.
    for (let pages = 0; pages < 60; pages += 60 / count)
      cases.push({
        ...cases[(pages * count) / 60]!,
        memory: 64 * MiB,
        top: (64 * MiB) / PAGE - 20 - 6 * pages,
        stack: 256,
      });
    const runs = cases.map(({ memory, top, stack, regions, tables, stackGap }): NativeRun => {
      const some = Array.from({ length: regions }, (_, i) => 0x100000 + 2 * PAGE * i);
      const bytes = configWith({
        top: top * PAGE,
        stack: stack * PAGE,
        regions: some.map((start) => ({ start, end: start + PAGE, kind: 'read' })),
      });
      const scratch = new Uint8Array(PAGE);
      new DataView(scratch.buffer).setUint32(words.tables, tables, true);
      new DataView(scratch.buffer).setUint32(words.stack, stackGap, true);
      const room = 3 * MiB;
      return {
        maps: [
          { address: configuration, bytes },
          { address: scratchPage, bytes: scratch },
          // Not zero: the tables must be cleared.
          { address: memory - room, bytes: new Uint8Array(room).fill(0xa5) },
        ],
        registers: { r13: memory, r14: configuration, rsp: scratchPage },
      };
    });
    let refused = 0;
    for (let from = 0; from < runs.length; from += 30) {
      const results = await runNative(place(), ['refuse memory'], runs.slice(from, from + 30));
      results.forEach(({ registers, end, maps }, i) => {
        const { memory, top, stack, regions, tables, stackGap } = cases[from + i]!;
        const choices = gapChoices(numbers, memory);
        const gap = (word: number) => Number((BigInt(word) * BigInt(choices)) >> 32n);
        const room = { memory, top: top * PAGE, stack: stack * PAGE, tables: 2 * regions + 8 };
        const expected = placement(numbers, room, { tables: gap(tables), stack: gap(stackGap) });
        // The test for free memory comes before, in another piece.
        if (memory - top * PAGE < 0x40000) return;
        expect(end, JSON.stringify(cases[from + i])).toBe(expected.fits ? 'end' : 'refuse memory');
        if (!expected.fits) {
          refused++;
          return;
        }
        expect(registers).toMatchObject({
          r12: BigInt(expected.tables),
          r8: BigInt(expected.stackEnd),
          rbp: BigInt(expected.stackStart),
          rbx: BigInt(expected.heapEnd),
        });
        const start = memory - maps[2]!.length;
        const clear = maps[2]!.subarray(expected.tables - start, expected.tablesEnd - start);
        expect(Buffer.compare(clear, new Uint8Array(clear.length))).toBe(0);
        expect(maps[2]![expected.tables - start - 1]).toBe(0xa5);
        expect(maps[2]![expected.tablesEnd - start]).toBe(0xa5);
      });
    }
    expect(refused).toBeGreaterThan(5);
  });
});

describe('page tables', () => {
  const block = 0x4000_0000;
  const blockPages = 64;

  /** What an address maps to: page-table entry, or undefined; fails for entries outside the block. */
  function walk(tables: DataView, address: number): { entry: bigint; large: boolean } | undefined {
    const read = (table: bigint, index: number): bigint => tables.getBigUint64(Number(table) - block + 8 * index, true);
    const next = (entry: bigint): bigint => entry & 0x000f_ffff_ffff_f000n;
    const root = read(BigInt(block), Math.floor(address / 2 ** 39));
    expect(root & 0xfffn).toBe(0x27n);
    const directoryTable = read(next(root), Math.floor(address / 2 ** 30) % 512);
    const directory = read(next(directoryTable), Math.floor(address / 2 ** 21) % 512);
    if ((directory & 1n) === 0n) return undefined;
    if ((directory & 0x80n) !== 0n) return { entry: directory, large: true };
    const entry = read(next(directory), Math.floor(address / PAGE) % 512);
    return (entry & 1n) === 0n ? undefined : { entry, large: false };
  }

  it('map what they are told, with 2 MiB pages where no boundary runs through, and nothing else', async () => {
    const bits = [(1n << 63n) | 0x21n, (1n << 63n) | 0x63n, (1n << 59n) | 0x25n];
    const pieces = fc.array(
      fc.record({
        gap: fc.integer({ min: 0, max: 900 }),
        size: fc.integer({ min: 1, max: 1700 }),
        kind: fc.nat({ max: 2 }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    const cases = fc.sample(pieces, { seed: 5, numRuns: 25 });
    const results = [];
    for (const parts of cases) {
      let at = 0x10000;
      const ranges = parts.map(({ gap, size, kind }) => {
        const start = at + gap * PAGE;
        at = start + size * PAGE;
        return { start, end: at, kind };
      });
      const items = [
        ...startTables(),
        ...ranges.flatMap(({ start, end, kind }) => [
          x86.movImmediate('rdi', start),
          x86.movImmediate('rsi', end),
          x86.movImmediate('rax', bits[kind]!),
          x86.call('map'),
        ]),
        x86.jmp('end'),
        ...mapFunction(),
        label('unused'),
      ];
      const maps = [
        { address: block, bytes: new Uint8Array(blockPages * PAGE) },
        { address: scratchPage, bytes: new Uint8Array(PAGE) },
      ];
      const run = { maps, registers: { r12: block, rsp: scratchPage + PAGE } };
      results.push({ ranges, end: at, result: (await runNative(items, [], [run]))[0]! });
    }
    let large = 0;
    for (const { ranges, end, result } of results) {
      const tables = new DataView(result.maps[0]!.buffer);
      for (let address = 0; address < end + 0x400000; address += PAGE) {
        const range = ranges.find(({ start, end: last }) => address >= start && address < last);
        const found = walk(tables, address);
        if (range === undefined) {
          if (found !== undefined) expect.fail(`${address.toString(16)} is mapped`);
          continue;
        }
        const pageStart = address - (address % 0x200000);
        const whole = pageStart >= range.start && pageStart + 0x200000 <= range.end;
        if (whole) large++;
        const expected = whole ? BigInt(pageStart) | bits[range.kind]! | 0x80n : BigInt(address) | bits[range.kind]!;
        if (found?.entry !== expected || found.large !== whole)
          expect.fail(`${address.toString(16)}: ${found?.entry.toString(16)}, not ${expected.toString(16)}`);
      }
      // One table for each 2 MiB that needs one.
      const boundaries = new Set(ranges.flatMap((r) => [r.start, r.end]));
      expect(Number(result.registers.r13) - block - 6 * PAGE).toBeLessThanOrEqual(boundaries.size * PAGE);
    }
    expect(large).toBeGreaterThan(1000);
  });
});

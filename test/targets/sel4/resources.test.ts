/**
 * What a root task's start-up code and layer find out about a machine, on this one and without a kernel: registers of
 * devices taken out of untypeds, and the time of a PC's clock.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cDefinitions } from '../../../targets/sel4/abi.ts';
import { sel4Platform } from '../../../targets/sel4/platform.ts';
import { deviceTree, machineTree, type TreeNode, wide } from '../../support/device-tree.ts';
import { isLong } from '../../support/long.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { run, runOrThrow } from '../../support/run.ts';
import { kernelOf } from '../../support/sel4-kernel.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('gcc');

const folder = temporaryFolder('sel4-resources');
const kernel = kernelOf('x86-64');
const layer = sel4Platform(kernel);

/** A program of ours and files of the layer, by gcc, because its sanitizers come with it. */
async function compile(name: string, files: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await runOrThrow(
    requireTool('gcc'),
    [
      ...['-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
      ...[...cDefinitions(kernel), '-DSEL4_HAS_FIRST_STAGE=0', `-I${layer.include}`],
      ...layer.headers.map((each) => `-I${each}`),
      ...[join('test/targets/sel4', `${name}.c`), ...files, '-o', path],
    ],
    { cwd: projectRoot },
  );
  return path;
}

interface Untyped {
  readonly address: number;
  readonly bits: number;
  readonly device: boolean;
}

interface Mapped {
  /** Virtual to physical address of every page. */
  readonly pages: ReadonlyMap<number, number>;
  readonly ranges: readonly { virtual: number; physical: number; size: number }[];
  readonly objects: number;
}

const page = 4096;
const registersKind = 5;

describe('registers of devices', () => {
  let model: string;
  beforeAll(async () => {
    const machine = 'targets/platform/machine';
    const files = ['targets/sel4/stage0/devices.c', `${machine}/fdt.c`, `${machine}/machine.c`];
    model = await compile('devices-model', files);
  }, 60_000);

  async function take(tree: Uint8Array, untypeds: readonly Untyped[], asked = 1): Promise<Mapped> {
    const input = Buffer.alloc(12 + tree.length + 24 * untypeds.length);
    input.writeUInt32LE(asked, 0);
    input.writeUInt32LE(tree.length, 4);
    input.set(tree, 8);
    input.writeUInt32LE(untypeds.length, 8 + tree.length);
    for (const [i, { address, bits, device }] of untypeds.entries()) {
      const at = 12 + tree.length + 24 * i;
      input.writeBigUInt64LE(BigInt(address), at);
      input.writeBigUInt64LE(BigInt(bits), at + 8);
      input.writeBigUInt64LE(device ? 1n : 0n, at + 16);
    }
    const file = join(folder, 'case');
    writeFileSync(file, input);
    const { stdout, stderr, status } = await run('/bin/sh', ['-c', 'exec "$0" < "$1"', model, file], {
      timeout: 20_000,
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const lines = stdout.trim().split('\n');
    const numbers = (line: string): number[] =>
      line
        .split(' ')
        .slice(1)
        .map((text) => Number.parseInt(text, 16));
    const maps = lines.filter((line) => line.startsWith('map ')).map(numbers);
    // Read and write, not cached, never executed.
    const device = cDefinitions(kernel)
      .find((each) => each.startsWith('-DSEL4_DEVICE_ATTRIBUTES='))!
      .split('=')[1];
    for (const [, , rights, attributes] of maps) expect([rights, attributes]).toEqual([3, Number(device)]);
    const pages = new Map(maps.map(([virtual, physical]) => [virtual!, physical!]));
    expect(pages.size).toBe(maps.length);
    const ranges = lines
      .filter((line) => line.startsWith('range '))
      .map((line) => {
        const [virtual, physical, size, kind] = numbers(line);
        expect(kind).toBe(registersKind);
        return { virtual: virtual!, physical: physical!, size: size! };
      });
    const objects = Number(/^objects (\d+) kept (\d+)$/.exec(lines.at(-1)!)![1]);
    return { pages, ranges, objects };
  }

  const device = (address: number, size: number): TreeNode => ({
    name: `virtio@${address.toString(16)}`,
    properties: { compatible: 'virtio,mmio', reg: wide(address, size), interrupts: [1] },
  });
  const treeOf = (...children: TreeNode[]): Buffer => deviceTree(machineTree({ children }));

  /** Pages of the machine's own devices and these, which untypeds for devices hold whole. */
  function wanted(devices: readonly (readonly [address: number, size: number])[], untypeds: readonly Untyped[]) {
    const all = new Set<number>();
    for (const [address, size] of devices)
      for (let at = address - (address % page); at < address + Math.min(size, 16 * page); at += page) all.add(at);
    const holds = (at: number) =>
      untypeds.some((each) => each.device && at >= each.address && at + page <= each.address + 2 ** each.bits);
    return [...all].filter(holds).sort((a, b) => a - b);
  }

  /** The ranges say exactly what is mapped, neighbours together, and others a page apart. */
  function checkRanges({ pages, ranges }: Mapped): void {
    const said = ranges.flatMap(({ virtual, physical, size }) =>
      Array.from({ length: size / page }, (_, i) => [virtual + i * page, physical + i * page] as const),
    );
    expect(new Map(said)).toEqual(pages);
    for (const [i, range] of ranges.entries()) {
      const before = ranges[i - 1];
      if (before === undefined) continue;
      expect(range.physical).toBeGreaterThan(before.physical + before.size);
      expect(range.virtual).toBe(before.virtual + before.size + page);
    }
  }

  test('of QEMU’s virt machine are one range of eight pages, and take two dozen objects', async () => {
    const transports = Array.from({ length: 8 }, (_, i) => [0x10001000 + i * page, page] as const);
    const untypeds = [
      { address: 0, bits: 25, device: true },
      { address: 0x10000000, bits: 28, device: true },
      { address: 0x80200000, bits: 21, device: false },
    ];
    const mapped = await take(treeOf(...transports.map(([address, size]) => device(address, size))), untypeds);
    expect(mapped.ranges).toEqual([{ virtual: 0x7000001000, physical: 0x10001000, size: 8 * page }]);
    expect(mapped.objects).toBeLessThan(24);
  });

  test('that share a page are mapped once', async () => {
    const devices = Array.from({ length: 32 }, (_, i) => [0xa000000 + i * 512, 512] as const);
    const untypeds = [{ address: 0x8000000, bits: 27, device: true }];
    const mapped = await take(treeOf(...devices.map(([address, size]) => device(address, size))), untypeds);
    expect(mapped.ranges).toEqual([{ virtual: 0x7000001000, physical: 0xa000000, size: 4 * page }]);
  });

  test.each<[name: string, address: number, size: number, untyped: Untyped]>([
    ['memory', 0x80001000, page, { address: 0x80000000, bits: 24, device: false }],
    ['what the kernel keeps', 0x10001000, page, { address: 0x20000000, bits: 24, device: true }],
    ['a page that an untyped has a part of', 0x10001000, page, { address: 0x10001000, bits: 11, device: true }],
    ['no address at all', 2 ** 53 - 2 ** 20, page, { address: 0x10000000, bits: 24, device: true }],
  ])('that are %s are left out', async (_, address, size, untyped) => {
    const mapped = await take(treeOf(device(address, size)), [untyped]);
    expect(mapped).toEqual({ pages: new Map(), ranges: [], objects: 0 });
  });

  test('that read and write memory by themselves are out of reach where the manifest asks for none', async () => {
    const uart = { name: 'uart@10000000', properties: { compatible: 'ns16550a', reg: wide(0x10000000, 0x100) } };
    const untypeds = [{ address: 0x10000000, bits: 16, device: true }];
    const physical = async (asked: number) => [
      ...(await take(treeOf(uart, device(0x10004000, page)), untypeds, asked)).pages.values(),
    ];
    expect(await physical(0)).toEqual([0x10000000]);
    expect(await physical(1)).toEqual([0x10000000, 0x10004000]);
  });

  test('at the last addresses there are end the search', async () => {
    const last = { name: 'virtio@ff', properties: { compatible: 'virtio,mmio', reg: [~0, 0xfffff000, 0, 0xfff] } };
    const mapped = await take(treeOf(last, device(0x10001000, page)), [
      { address: 0x10000000, bits: 16, device: true },
    ]);
    expect(mapped.ranges).toHaveLength(1);
  });

  test('a larger device gets its first sixteen pages', async () => {
    const mapped = await take(treeOf(device(0x10000800, 1 << 30)), [{ address: 0x10000000, bits: 28, device: true }]);
    expect(mapped.ranges).toEqual([{ virtual: 0x7000001000, physical: 0x10000000, size: 17 * page }]);
  });

  /** Untypeds that do not overlap, each at a multiple of its size. */
  function randomUntypeds(random: Random): Untyped[] {
    const untypeds: Untyped[] = [];
    for (let at = 0; untypeds.length < 12; ) {
      const bits = 4 + random.below(20);
      at = Math.ceil(at / 2 ** bits) * 2 ** bits;
      untypeds.push({ address: at, bits, device: random.below(4) !== 0 });
      at += 2 ** bits * (1 + random.below(3));
    }
    // The kernel's order is nobody's promise.
    return untypeds.sort(() => random.below(3) - 1);
  }

  test('in machines drawn at random are all mapped, each page once, at its address', async () => {
    const random = createRandom(0x5e14, 0);
    let mappedPages = 0;
    for (let round = 0; round < (isLong ? 2000 : 60); round++) {
      const untypeds = randomUntypeds(random);
      const top = Math.max(...untypeds.map(({ address, bits }) => address + 2 ** bits));
      const devices = Array.from({ length: 1 + random.below(20) }, () => {
        const { address, bits } = untypeds[random.below(untypeds.length)]!;
        const near = address + random.below(2 ** bits);
        return [random.below(4) === 0 ? random.below(top) : near, 0x200 + random.below(3 * page)] as const;
      });
      const mapped = await take(treeOf(...devices.map(([address, size]) => device(address, size))), untypeds);
      checkRanges(mapped);
      expect([...mapped.pages.values()].sort((a, b) => a - b)).toEqual(wanted(devices, untypeds).slice(0, 64));
      // Between two pages at most two untypeds for each size there is.
      expect(mapped.objects).toBeLessThanOrEqual(mapped.pages.size * (1 + 2 * 12));
      mappedPages += mapped.pages.size;
    }
    expect(mappedPages).toBeGreaterThan(100);
  });
});

describe('a PC’s clock', () => {
  let model: string;
  beforeAll(async () => {
    model = await compile('cmos-model', ['-Itargets/sel4/platform']);
  }, 60_000);

  async function readings(lines: readonly string[]): Promise<number[]> {
    const file = join(folder, 'clock');
    writeFileSync(file, `${lines.join('\n')}\n`);
    const { stdout, stderr } = await run('/bin/sh', ['-c', 'exec "$0" < "$1"', model, file]);
    expect(stderr).toBe('');
    return stdout.trim().split('\n').map(Number);
  }

  const binary = 4;
  const hours24 = 2;

  /** A moment as the chip holds it in one of its four ways. */
  function chipAt(seconds: number, mode: number): string {
    const date = new Date(seconds * 1000);
    const number = (value: number): number => (mode & binary ? value : Math.floor(value / 10) * 16 + (value % 10));
    const hour = date.getUTCHours();
    const shown = mode & hours24 ? number(hour) : number(hour % 12 || 12) | (hour >= 12 ? 0x80 : 0);
    const parts = [number(date.getUTCSeconds()), number(date.getUTCMinutes()), shown];
    parts.push(number(date.getUTCDate()), number(date.getUTCMonth() + 1), number(date.getUTCFullYear() % 100));
    return [...parts, mode].join(' ');
  }

  test('is read in all four of its ways, from 2000 to 2099', async () => {
    const random = createRandom(20, 0);
    const first = Date.UTC(2000, 0, 1) / 1000;
    const last = Date.UTC(2099, 11, 31, 23, 59, 59) / 1000;
    const edges = [
      first,
      last,
      Date.UTC(2000, 1, 29) / 1000,
      Date.UTC(2024, 1, 29, 12) / 1000,
      Date.UTC(2023, 2, 1) / 1000,
    ];
    const moments = [...edges, ...Array.from({ length: 5000 }, () => first + random.below(last - first))];
    const modes = [0, binary, hours24, binary | hours24];
    const cases = moments.flatMap((moment) => modes.map((mode) => [moment, mode] as const));
    const found = await readings(cases.map(([moment, mode]) => `${chipAt(moment, mode)} 0`));
    expect(found.slice(0, -1)).toEqual(cases.map(([moment]) => moment));
    // Without its ports there is none.
    expect(found.at(-1)).toBe(0);
  });

  test('that ticks while it is read is read again', async () => {
    const moment = Date.UTC(2026, 5, 1, 10, 20, 30) / 1000;
    expect((await readings([`${chipAt(moment, binary | hours24)} 1`]))[0]).toBe(moment + 1);
  });
});

/**
 * The stub on a machine of our own, where everything can be looked at: what it maps and what not, on which mode it
 * settles, what it leaves behind, and that its instructions place things as the proved arithmetic does.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { numbers } from '../../../../hardening/slide/arithmetic.ts';
import { PAGE } from '../../../../targets/regions.ts';
import { unitOf } from '../../../../targets/riscv64/entropy-bits.ts';
import { entryBits, FIELD, MODES, type Mode, STUB_SIZE } from '../../../../targets/riscv64/stage0/config.ts';
import * as placement from '../../../../targets/riscv64/stage0/placement.ts';
import { type TreeNode, wide } from '../../../support/fdt.ts';
import { temporaryFolder } from '../../../support/paths.ts';
import { runOrThrow } from '../../../support/run.ts';
import { requireTool, requireTools } from '../../../support/tools.ts';
import { guestProgram } from '../stub-guest.ts';
import {
  BASE,
  bootBlock,
  LOADED,
  MIB,
  PROGRAM,
  type Run,
  SEED,
  type Start,
  start,
  virtTree,
  wordsOf,
} from './support.ts';

requireTools('clang', 'ld.lld');

let program: Uint8Array;
beforeAll(async () => {
  program = await guestProgram();
});

const abort = (text: string): string => `casemate: ABORT: stage 0: ${text}\n`;

const noMode = 'no paging mode of this machine is one that was asked for and reaches this memory';

/** A run that must have entered the program. */
function entered(options: Start = {}): Run {
  const run = start(program, options);
  expect(run.ending.console).toBe('');
  expect(run.ending.reason).toBe('entered');
  return run;
}

function with_(tree: TreeNode, path: string, change: (node: TreeNode) => TreeNode): TreeNode {
  const [head, ...rest] = path.split('/');
  if (head === '' || head === undefined) return change(tree);
  const node = (tree[head] ?? {}) as TreeNode;
  return { ...tree, [head]: with_(node, rest.join('/'), change) };
}

const tree = virtTree(128 * MIB);

describe('modes', () => {
  it.each<[readonly bigint[], bigint]>([
    [[8n, 9n, 10n], 10n],
    [[8n, 9n], 9n],
    [[8n], 8n],
    [[8n, 10n], 10n],
  ])('of %s it takes %s', (modes, mode) => {
    const run = entered({ modes });
    expect(run.machine.csr['satp']! >> 60n).toBe(mode);
    expect(bootBlock(run).block.words.mode).toBe(mode);
  });

  it('are tried from the best to the least, and each table of a trial is dropped', () => {
    const { machine } = entered({ modes: [8n] });
    const [trial, final, ...more] = machine.spaces.filter((space) => space !== 0n);
    expect([trial! >> 60n, final! >> 60n, more]).toEqual([8n, 8n, []]);
    expect(trial).not.toBe(final);
    // The trial's table has become stack.
    const table = machine.at((trial! & 0xfffffffffffn) * 4096n, PAGE);
    expect(table.every((byte) => byte === 0)).toBe(true);
  });

  it.each(Object.keys(MODES) as Mode[])('%s alone, where it was asked for', (mode) => {
    const { machine } = entered({ harden: { mode } });
    expect(machine.spaces.map((space) => space >> 60n)).toEqual([0n, BigInt(MODES[mode]), 0n, BigInt(MODES[mode])]);
  });

  it('halt with a message where none is there, or not the one that was asked for', () => {
    const message = abort(noMode);
    for (const options of [{ modes: [] }, { modes: [8n, 10n], harden: { mode: 'sv48' as const } }]) {
      const { ending } = start(program, options);
      expect(ending).toMatchObject({ reason: 'off', console: message });
    }
  });
});

describe.each(Object.keys(MODES) as Mode[])('the tables of %s', (mode) => {
  let run: Run;
  beforeAll(() => {
    run = entered({ harden: { mode } });
  });

  it('map the ranges of the boot block, the boot block and the veneer, with their permissions, and nothing else', () => {
    const { machine, config } = run;
    const { block, physical } = bootBlock(run);
    const expected = new Map<bigint, { physical: bigint; bits: number }>();
    const add = (virtual: bigint, at: bigint, bytes: bigint, bits: number): void => {
      for (let offset = 0n; offset < bytes; offset += 4096n) {
        expect(expected.has(virtual + offset)).toBe(false);
        expected.set(virtual + offset, { physical: at + offset, bits });
      }
    };
    const image = block.ranges.filter(({ kind }) => kind === 'image');
    expect(image).toHaveLength(config.regions.length);
    config.regions.forEach(({ start: from, end, kind }, i) => {
      expect(image[i]).toMatchObject({ physical: BigInt(PROGRAM + from), bytes: BigInt(end - from) });
      add(image[i]!.virtual, image[i]!.physical, image[i]!.bytes, entryBits[kind]);
    });
    for (const range of block.ranges.filter(({ kind }) => kind !== 'image'))
      add(range.virtual, range.physical, range.bytes, entryBits[range.kind === 'fdt' ? 'read' : 'write']);
    add(BigInt.asUintN(64, machine.x[12]!), physical, 4096n, entryBits.read);
    add(machine.csr['stvec']! - (machine.csr['stvec']! % 4096n), BigInt(LOADED + 2 * PAGE), 4096n, entryBits.execute);
    for (const leaf of machine.leaves()) {
      for (let offset = 0n; offset < leaf.bytes; offset += 4096n) {
        const page = expected.get(leaf.virtual + offset);
        expect(page).toEqual({ physical: leaf.physical + offset, bits: Number(leaf.bits) });
        expected.delete(leaf.virtual + offset);
      }
    }
    expect(expected.size).toBe(0);
  });

  it('map no memory twice, no page of firmware, header, stub or tables, and nothing at its own address', () => {
    const { machine } = run;
    const leaves = machine.leaves().sort((a, b) => Number(a.physical - b.physical));
    const { block } = bootBlock(run);
    const heap = block.ranges.find(({ kind }) => kind === 'heap')!;
    leaves.forEach((leaf, i) => {
      expect(leaf.virtual).not.toBe(leaf.physical);
      if (i > 0) expect(leaves[i - 1]!.physical + leaves[i - 1]!.bytes).toBeLessThanOrEqual(leaf.physical);
      if (leaf.physical < BigInt(BASE)) return;
      expect(leaf.physical).toBeGreaterThanOrEqual(BigInt(LOADED + 2 * PAGE));
      expect(leaf.physical + leaf.bytes).toBeLessThanOrEqual(heap.physical + heap.bytes);
    });
    expect((machine.csr['satp']! & 0xfffffffffffn) * 4096n).toBeGreaterThanOrEqual(heap.physical + heap.bytes);
  });

  it('leave pages absent around stack, trap stack and heap', () => {
    const { machine } = run;
    const { block } = bootBlock(run);
    for (const kind of ['stack', 'trap-stack', 'heap']) {
      const { virtual, bytes } = block.ranges.find((range) => range.kind === kind)!;
      for (let page = 1n; page <= 16n; page++) {
        expect(() => machine.translate(virtual - page * 4096n, 'load')).toThrow();
        expect(() => machine.translate(BigInt.asUintN(64, virtual + bytes + (page - 1n) * 4096n), 'load')).toThrow();
      }
    }
  });

  it('map the heap by large pages', () => {
    const { block } = bootBlock(run);
    const heap = block.ranges.find(({ kind }) => kind === 'heap')!;
    const large = run.machine.leaves().filter(({ bytes, physical }) => bytes === 0x200000n && physical >= BigInt(BASE));
    expect(BigInt(large.length)).toBeGreaterThanOrEqual(heap.bytes / 0x200000n - 1n);
  });
});

describe('placement', () => {
  const draws = (seed: number): Uint8Array =>
    Uint8Array.from({ length: 32 }, (_, i) => (seed * 167 + i * 59 + 3) & 255);

  it.each<[Mode, number, number, number]>([
    ['sv39', 128, 1, 1 << 18],
    ['sv48', 128, 2, 1 << 18],
    ['sv57', 128, 3, 1 << 18],
    ['sv39', 4, 4, 1 << 20],
    ['sv39', 64, 5, 1 << 20],
    ['sv57', 24, 6, 1 << 16],
  ])('in %s with %d MiB is what the arithmetic says', (mode, mebibytes, seed, stack) => {
    const readings = [0x1122334455667788n, 0x99aabbccddeeff00n];
    let reading = 0;
    const bytes = draws(seed);
    const size = mebibytes * MIB;
    const run = entered({
      size,
      tree: virtTree(size, { seed: bytes }),
      harden: { mode, stack },
      machine: { time: () => readings[reading++]! },
    });
    const words = wordsOf(bytes, readings[0]!, readings[1]!);
    const { block, physical } = bootBlock(run);
    const { machine, config } = run;
    const below = (word: number, choices: number): number => Number((words[word]! * BigInt(choices)) >> 64n);
    const fdt = block.ranges.find(({ kind }) => kind === 'fdt')!;
    const unit = unitOf(mode);
    const room = {
      imageEnd: PROGRAM + config.span,
      limit: BASE + size,
      tree: Number(fdt.bytes),
      stack,
    };
    const choices = placement.gapChoices(numbers, room);
    const gaps = { heap: below(7, choices.heap), above: below(9, choices.tables) };
    const placed = placement.physicalPlacement(numbers, room, gaps);
    const range = (kind: string) => block.ranges.find((each) => each.kind === kind)!;
    expect(placed.fits).toBe(true);
    expect(fdt.physical).toBe(BigInt(room.imageEnd));
    expect(physical).toBe(BigInt(placed.bootBlock));
    expect(range('stack')).toMatchObject({
      physical: BigInt(placed.stack),
      bytes: BigInt(placed.trapStack - placed.stack),
    });
    expect(range('trap-stack').physical).toBe(BigInt(placed.trapStack));
    expect(range('heap').physical).toBe(BigInt(placed.heap));
    // The first table is the root.
    expect((machine.csr['satp']! & 0xfffffffffffn) * 4096n).toBe(BigInt(placed.tablesEnd - PAGE));

    const address = (piece: keyof typeof placement.WINDOWS_OF, word: number, bytes_: number, shift = 12): number => {
      const window = placement.WINDOWS_OF[piece];
      const n = Number((words[word]! * BigInt(placement.windowChoices(numbers, window, unit, bytes_, shift))) >> 64n);
      return n;
    };
    const at = (piece: keyof typeof placement.WINDOWS_OF, draw: number): bigint =>
      BigInt.asUintN(64, BigInt(placement.windowAddress(numbers, placement.WINDOWS_OF[piece], unit, draw)));
    expect(range('image').virtual).toBe(
      BigInt(placement.imageAddress(numbers, unit, Number((words[0]! % BigInt(2 * unit)) >> 12n))),
    );
    expect(machine.csr['stvec']! & ~4095n).toBe(at('veneer', address('veneer', 1, PAGE)));
    expect(range('stack').virtual).toBe(at('stack', address('stack', 2, Number(range('stack').bytes))));
    expect(range('trap-stack').virtual).toBe(at('trapStack', address('trapStack', 3, 4 * PAGE)));
    const info = at('info', address('info', 4, placement.TREE_OFFSET + Number(fdt.bytes)));
    expect([machine.x[12], fdt.virtual]).toEqual([BigInt.asIntN(64, info), info + BigInt(placement.TREE_OFFSET)]);
    expect(range('device').virtual).toBe(at('devices', address('devices', 5, placement.DEVICE_SPACE)));
    const heap = address('heap', 6, Number(range('heap').bytes), 21);
    expect(range('heap').virtual).toBe(
      BigInt.asUintN(64, BigInt(placement.heapAddress(numbers, unit, placed.heap, heap))),
    );
    // All but the heap's tables are there when its end is settled.
    const tables = placed.tablesEnd - PAGE * tablesWithoutHeap(run);
    const free = room.limit - placed.bootBlock;
    const sized = placement.heapPlacement(numbers, placed, { free, tables, below: below(10, choices.tables), unit });
    expect([range('heap').bytes, sized.fits]).toEqual([BigInt(sized.size), true]);

    expect(block.words.canary).toBe(words[8]! & ~255n);
    expect(Buffer.from(block.seed).readBigUInt64LE(24)).toBe(words[15]);
    expect(block.words.hasEntropy).toBe(1n);
  });

  /** How many tables the leaves outside the heap need. */
  function tablesWithoutHeap(run: Run): number {
    const { block } = bootBlock(run);
    const heap = block.ranges.find(({ kind }) => kind === 'heap')!;
    const inHeap = (physical: bigint): boolean => physical >= heap.physical && physical < heap.physical + heap.bytes;
    const tables = new Set<string>();
    for (const { virtual, bytes, physical } of run.machine.leaves()) {
      if (inHeap(physical)) continue;
      for (let level = bytes === 4096n ? 0 : 1; level < run.machine.levels; level++)
        tables.add(`${level}:${virtual >> BigInt(12 + 9 * (level + 1))}`);
    }
    // The root is named once for each half of the address space.
    const roots = [...tables].filter((name) => name.startsWith(`${run.machine.levels - 1}:`)).length;
    return tables.size - roots + 1;
  }
});

describe('what the program finds', () => {
  it('is its image relocated, .bss and stacks clear, and the rest of memory as it was', async () => {
    const run = entered();
    const { machine, config, raw } = run;
    const { block } = bootBlock(run);
    const memory = machine.at(PROGRAM, config.span);
    const base = block.ranges[0]!.virtual;
    const before = new DataView(raw.buffer, STUB_SIZE);
    const after = new DataView(memory.buffer, memory.byteOffset, memory.length);
    let relocated = 0;
    for (let at = 0; at + 8 <= config.zeroFrom; at += 8) {
      const [was, is] = [before.getBigUint64(at, true), after.getBigUint64(at, true)];
      if (was === is) continue;
      expect(is).toBe(was + base);
      relocated++;
    }
    const path = join(temporaryFolder('rvrelr'), 'program.elf');
    writeFileSync(path, program);
    const offsets = /(\d+) offsets/.exec(await runOrThrow(requireTool('readelf'), ['-rW', path]));
    expect(relocated).toBe(Number(offsets?.[1]));
    expect(memory.subarray(config.zeroFrom).every((byte) => byte === 0)).toBe(true);
    for (const kind of ['stack', 'trap-stack']) {
      const { physical, bytes } = block.ranges.find((range) => range.kind === kind)!;
      expect(machine.at(physical, Number(bytes)).every((byte) => byte === 0)).toBe(true);
    }
    expect(machine.at(BASE, 0x200000).every((byte) => byte === 0xa5)).toBe(true);
  });

  it('is a tree without its seed, which is gone where it was as well', () => {
    const run = entered();
    const { block } = bootBlock(run);
    const fdt = block.ranges.find(({ kind }) => kind === 'fdt')!;
    for (const memory of [run.machine.at(fdt.physical, Number(fdt.bytes)), run.machine.at(run.treeAt, 0x1000)]) {
      expect(Buffer.from(memory).includes(Buffer.from(SEED.subarray(0, 8)))).toBe(false);
      expect(Buffer.from(memory.subarray(0, 4)).toString('hex')).toBe('d00dfeed');
    }
    expect(block.words.fdtSize).toBe(BigInt(new DataView(run.machine.memory.buffer).getUint32(run.treeAt - BASE + 4)));
  });

  it('is no trace of the stub’s work: scratch space and registers are clear', () => {
    const { machine, config } = entered();
    const { block } = bootBlock({ machine } as Run);
    expect(machine.at(LOADED + FIELD.scratch, PAGE - FIELD.scratch).every((byte) => byte === 0)).toBe(true);
    const names = [...machine.x].map((value, i) => [i, value] as const).filter(([, value]) => value !== 0n);
    expect(names.map(([i]) => i)).toEqual([2, 7, 10, 11, 12]);
    expect(BigInt.asUintN(64, machine.x[2]!)).toBe(block.words.stackEnd);
    expect(machine.x[10]).toBe(3n);
    expect(machine.x[11]).toBe(BigInt(PROGRAM + config.span));
    expect([machine.csr['sscratch'], machine.csr['sepc'], machine.csr['sie']]).toEqual([0n, 0n, 0n]);
  });

  it('is sstatus without interrupts, SUM and MXR, and with the floating-point unit on', () => {
    const { machine } = entered({ machine: { sstatus: 0xc0002n } });
    expect(machine.csr['sstatus']).toBe(0x2000n);
  });

  it('is the one trap that entered the veneer, and a veneer that powers off on any other', () => {
    const run = entered();
    expect(run.machine.traps.map(({ cause }) => cause)).toEqual([12n]);
    run.machine.pc = 0n;
    expect(run.machine.run(-1n, 100)).toMatchObject({ reason: 'off' });
  });

  it('depends on the seed and on the clock: nothing is where it was, for either', () => {
    const of = (seed: number, time: bigint): (bigint | undefined)[] => {
      const bytes = SEED.map((byte) => byte ^ seed);
      const run = entered({ tree: virtTree(128 * MIB, { seed: bytes }), machine: { time: () => time } });
      const { block } = bootBlock(run);
      return [...block.ranges.slice(0, 1), ...block.ranges.slice(3)].map(({ virtual }) => virtual);
    };
    const runs = [of(0, 0n), of(1, 0n), of(0, 1n)];
    for (const [i, virtual] of runs[0]!.entries())
      expect(new Set([virtual, runs[1]![i], runs[2]![i]]).size, String(i)).toBe(3);
    expect(of(0, 0n)).toEqual(runs[0]);
  });
});

describe('the device tree', () => {
  const devices = (run: Run): [bigint, bigint][] =>
    bootBlock(run)
      .block.ranges.filter(({ kind }) => kind === 'device')
      .map(({ physical, bytes }) => [physical, bytes]);

  it('names the devices that are mapped: those that programs drive, whole pages, unless disabled', () => {
    expect(devices(entered())).toEqual([
      [0x101000n, 0x1000n],
      [0x10001000n, 0x1000n],
      [0x10002000n, 0x1000n],
      [0xc000000n, 0x600000n],
    ]);
  });

  it.each<[string, (node: TreeNode) => TreeNode, number]>([
    ['behind a bus that translates', (soc) => ({ ...soc, ranges: wide(0, 0, 0x1000) }), 0],
    ['behind a bus that is no memory', ({ ranges: _, ...soc }) => soc, 0],
    ['of a bus with more than two cells', (soc) => ({ ...soc, '#address-cells': [3] }), 0],
    ['of a bus without sizes', (soc) => ({ ...soc, '#size-cells': [0] }), 0],
    [
      'whose window wraps',
      (soc) => ({ ...soc, 'rtc@101000': { compatible: 'virtio,mmio', reg: wide(-4096n, 8192) } }),
      3,
    ],
    [
      'whose window is huge',
      (soc) => ({ ...soc, 'rtc@101000': { compatible: 'virtio,mmio', reg: wide(0, 2 ** 40) } }),
      3,
    ],
    [
      'over memory in use',
      (soc) => ({ ...soc, 'rtc@101000': { compatible: 'virtio,mmio', reg: wide(LOADED - 64, 65) } }),
      3,
    ],
    [
      'that is disabled',
      (soc) => ({ ...soc, 'rtc@101000': { ...(soc['rtc@101000'] as TreeNode), status: 'fail' } }),
      3,
    ],
    ['that is okay', (soc) => ({ ...soc, 'rtc@101000': { ...(soc['rtc@101000'] as TreeNode), status: 'okay' } }), 4],
  ])('maps no device %s', (_, change, count) => {
    expect(devices(entered({ tree: with_(tree, 'soc', change) }))).toHaveLength(count);
  });

  it('may have one cell each for addresses and sizes', () => {
    const small: TreeNode = {
      '#address-cells': [1],
      '#size-cells': [1],
      memory: { device_type: 'memory', reg: [BASE, 64 * MIB] },
      'rtc@101000': { compatible: 'google,goldfish-rtc', reg: [0x101000, 0x100] },
    };
    expect(devices(entered({ size: 64 * MIB, tree: small }))).toEqual([[0x101000n, 0x1000n]]);
  });

  it('has more devices than are mapped: as many as there is room for, and nothing beyond', () => {
    const many = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [
        `virtio@${i}`,
        { compatible: 'virtio,mmio', reg: wide(0x1000 * i, 0x1000) },
      ]),
    );
    const run = entered({ tree: with_(tree, 'soc', (soc) => ({ ...soc, ...many })) });
    expect(devices(run)).toHaveLength(36);
    expect(bootBlock(run).block.words.count).toBeLessThanOrEqual(48n);
  });

  const limitOf = (run: Run): bigint => {
    const heap = bootBlock(run).block.ranges.find(({ kind }) => kind === 'heap')!;
    return heap.physical + heap.bytes;
  };

  it('keeps reserved memory out of use, wherever it is told', () => {
    const reserved = BigInt(BASE + 64 * MIB);
    const node = { '#address-cells': [2], '#size-cells': [2], ranges: new Uint8Array(0) };
    const child = { 'secure@0': { reg: wide(reserved, 0x1000) } };
    const runs = [
      entered({ treeOptions: { reservations: [[reserved, 0x1000n]] } }),
      entered({ tree: { ...tree, 'reserved-memory': { ...node, ...child } } }),
    ];
    for (const run of runs) {
      expect(limitOf(run)).toBeLessThan(reserved);
      expect(limitOf(run)).toBeGreaterThan(reserved - BigInt(MIB));
    }
  });

  it('is not reserved from itself, nor is firmware below the image in the way', () => {
    const at = BASE + 32 * MIB;
    const reservations = [[BigInt(at), 0x2000n] as const, [BigInt(BASE), 0x80000n] as const];
    expect(limitOf(entered({ treeAt: at, treeOptions: { reservations } }))).toBeGreaterThan(BigInt(BASE + 120 * MIB));
  });

  it('may lie directly after the image, or below it', () => {
    const run = entered();
    const end = PROGRAM + run.config.span;
    for (const treeAt of [end, end + 8, end + 0x123450, BASE + 0x100000]) {
      const { block } = bootBlock(entered({ treeAt }));
      expect(block.words.fdtSize).toBeGreaterThan(100n);
    }
  });

  it('may lie about memory: what is not there ends in a message', () => {
    const { ending } = start(program, { size: 16 * MIB, tree: virtTree(2 ** 40) });
    expect(ending).toMatchObject({
      reason: 'off',
      console: abort('memory that the device tree promises is not there'),
    });
  });

  it('may have several banks, of which the image’s counts', () => {
    const banks = { device_type: 'memory', reg: wide(0x1000, 0x1000, BASE, 128 * MIB, 0x200000000, 0x1000) };
    expect(limitOf(entered({ tree: { ...tree, [`memory@${BASE.toString(16)}`]: banks } }))).toBeGreaterThan(
      BigInt(BASE + 120 * MIB),
    );
  });

  it('has a seed that counts from 16 bytes on, and not when it is all zeros', () => {
    const entropy = (seed: Uint8Array): bigint =>
      bootBlock(entered({ tree: virtTree(128 * MIB, { seed }) })).block.words.hasEntropy;
    expect([0, 15, 16, 64].map((length) => entropy(new Uint8Array(length).fill(9)))).toEqual([0n, 0n, 1n, 1n]);
    expect(entropy(new Uint8Array(32))).toBe(0n);
    const run = entered({ tree: virtTree(128 * MIB, { seed: new Uint8Array(0) }) });
    expect(bootBlock(run).block.seed.every((byte) => byte === 0)).toBe(true);
  });

  it('without a seed halts where entropy is required', () => {
    const options = {
      tree: virtTree(128 * MIB, { seed: new Uint8Array(0) }),
      harden: { require: ['entropy' as const] },
    };
    expect(start(program, options).ending).toMatchObject({
      reason: 'off',
      console: abort('entropy is required, and this machine offers none (/chosen/rng-seed)'),
    });
  });

  it('lets the image run wherever it was loaded', () => {
    for (const [base, loaded] of [
      [0x40000000, 0x40200000],
      [0x80000000, 0x80a03000],
      [0x1000000000, 0x1000200000],
    ] as const) {
      const run = entered({ base, loaded, tree: virtTree(128 * MIB, { base }) });
      expect(bootBlock(run).block.ranges[0]!.physical).toBe(BigInt(loaded + STUB_SIZE));
    }
  });
});

describe('memory far up', () => {
  const far = (base: number, modes: readonly bigint[]): Start => ({ base, modes, tree: virtTree(128 * MIB, { base }) });

  it('below 64 GiB is reached by Sv39, above by larger modes alone', () => {
    const mode = (options: Start): bigint => bootBlock(entered(options)).block.words.mode;
    expect(mode(far(2 ** 36 - 2 ** 28, [8n, 9n]))).toBe(9n);
    expect(mode(far(2 ** 36 - 2 ** 28, [8n]))).toBe(8n);
    expect(mode(far(2 ** 36, [8n, 9n]))).toBe(9n);
    expect(mode(far(2 ** 45, [8n, 9n, 10n]))).toBe(10n);
  });

  it('ends in a message, without a trial, where no mode reaches it', () => {
    for (const base of [2 ** 36, 2 ** 38, 2 ** 45]) {
      const { ending, machine } = start(program, far(base, base === 2 ** 45 ? [8n, 9n] : [8n]));
      expect(ending).toMatchObject({ reason: 'off', console: abort(noMode) });
      expect(machine.traps).toEqual([]);
    }
  });
});

describe('firmware', () => {
  it.each<[string, Start['machine']]>([
    ['with the debug console', { debugConsole: true }],
    ['with the old calls alone', { withoutReset: true }],
  ])('%s prints the message and powers off', (_, machine) => {
    const { ending } = start(program, { modes: [], machine: machine! });
    expect(ending).toMatchObject({
      reason: 'off',
      console: abort(noMode),
    });
  });
});

describe('cost', () => {
  it('a guest of 128 MiB starts within 160,000 instructions', () => {
    const { ending } = entered();
    expect(ending.instructions).toBeLessThan(160_000);
    expect(ending.instructions).toBeGreaterThan(10_000);
  });
});

/**
 * Reading device trees, sound and hostile: platform/fdt.c and machine.c compiled for this machine, with sanitizers.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  BEGIN_NODE,
  cells,
  deviceTree,
  END,
  END_NODE,
  type MachineTree,
  machineTree,
  NOP,
  PROP,
  type TreeOptions,
  wide,
} from '../../support/device-tree.ts';
import { isLong } from '../../support/long.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { run, runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('gcc', 'qemu-system-riscv64', 'qemu-system-aarch64');

let reader: string;
const folder = temporaryFolder('device-tree');

beforeAll(async () => {
  reader = join(folder, 'reader');
  const platform = join(projectRoot, 'targets/platform/machine');
  // gcc, because its sanitizers come with it.
  await runOrThrow(requireTool('gcc'), [
    ...['-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
    ...[`-I${platform}`, join(platform, 'fdt.c'), join(platform, 'machine.c')],
    ...[join(projectRoot, 'test/targets/riscv64/device-tree-reader.c'), '-o', reader],
  ]);
}, 60_000);

/** What the reader says of each tree. A sanitizer's complaint fails the test with its report. */
async function read(trees: readonly Uint8Array[]): Promise<string[]> {
  const parts = trees.flatMap((tree) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(tree.length);
    return [size, tree];
  });
  const file = join(folder, 'trees');
  writeFileSync(file, Buffer.concat(parts));
  const result = await run('/bin/sh', ['-c', 'exec "$0" < "$1"', reader, file], { timeout: 600_000 });
  expect(result.stderr).toBe('');
  expect(result.status).toBe(0);
  return result.stdout.split('\n').slice(0, -1);
}

const sound = (machine?: MachineTree, options?: TreeOptions) => deviceTree(machineTree(machine), options);

/** What QEMU gives its guests. */
async function qemuTree(
  machine: string,
  emulator: 'qemu-system-riscv64' | 'qemu-system-aarch64' = 'qemu-system-riscv64',
): Promise<Buffer> {
  const path = join(folder, `${machine.replace(/\W/g, '-')}.dtb`);
  const args = ['-nographic', '-M', `${machine},dumpdtb=${path}`];
  await runOrThrow(requireTool(emulator), args, { timeout: 30_000 });
  const tree = readFileSync(path);
  // The file is longer than the tree.
  return tree.subarray(0, tree.readUInt32BE(4));
}

describe('a sound tree', () => {
  test('of QEMU’s machines gives what they have', async () => {
    const [virt, aia, sifive, own] = await read([
      await qemuTree('virt'),
      await qemuTree('virt,aia=aplic-imsic'),
      await qemuTree('sifive_u'),
      sound({ bootargs: 'some words' }),
    ]);
    const transports = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => ` virtio=1000${i}000+1000!${i}`).join('');
    expect(virt).toBe(
      `ok timebase=10000000 memory=80000000+8000000${transports} rtc=101000+1000!11 ns16550a=10000000+100!10 ` +
        'test=100000+1000 plic=c000000+600000 hart_phandle=2 seed=32 bootargs=',
    );
    expect(aia).toContain(`${transports.replaceAll(/!./g, '$&,4')} rtc=101000+1000!11,4 `);
    expect(own).toMatch(/hart_phandle=2 seed=32 bootargs=some words$/);
    expect(sifive).toMatch(
      /^ok timebase=1000000 memory=80000000\+8000000 sifive-uart=10010000\+1000!4 plic=c000000\+4000000 hart_phandle=\d+ seed=0/,
    );
  });

  test('of an AArch64 machine gives its clock, its serial port and 32 transports with three cells an interrupt', async () => {
    const [virt] = await read([await qemuTree('virt', 'qemu-system-aarch64')]);
    const transports = Array.from(
      { length: 32 },
      (_, i) => ` virtio=${(0xa000000 + 512 * i).toString(16)}+200!0,${16 + i},1`,
    );
    expect(virt).toBe(
      `ok timebase=0 memory=40000000+8000000${transports.join('')} pl031=9010000+1000!0,2,4 pl011=9000000+1000!0,1,4 ` +
        'hart_phandle=0 seed=32 bootargs=',
    );
  });

  test('gives reservations of both kinds, devices in order, and none that is disabled or behind a bus', async () => {
    const device = (address: number, more = {}) => ({
      name: `virtio@${address.toString(16)}`,
      properties: { compatible: 'virtio,mmio', reg: wide(address, 0x1000), interrupts: [address >> 12], ...more },
    });
    const cellsOfBus = { '#address-cells': [2], '#size-cells': [2] };
    const children = [
      {
        name: 'reserved-memory',
        properties: { ...cellsOfBus, ranges: [] },
        children: [{ name: 'a@1000', properties: { reg: wide(0x1000, 0x2000, 0x9000, 0x1000) } }],
      },
      { name: 'soc', properties: { ...cellsOfBus, ranges: [] }, children: [device(0x9000), device(0x5000)] },
      { name: 'bus', properties: { ...cellsOfBus, ranges: wide(0, 0, 0x1000) }, children: [device(0x3000)] },
      { name: 'opaque', properties: cellsOfBus, children: [device(0x4000)] },
      device(0x7000),
      device(0x6000, { status: 'disabled' }),
      device(0x8000, { status: 'okay' }),
    ];
    const [line] = await read([sound({ children }, { reserved: [[0x100n, 0x200n]] })]);
    expect(line).toContain(
      'reserved=100+200 reserved=1000+2000 reserved=9000+1000 ' +
        'virtio=5000+1000!5 virtio=7000+1000!7 virtio=8000+1000!8 virtio=9000+1000!9 hart_phandle=2',
    );
  });
});

describe('a damaged tree', () => {
  const structure = (...words: number[]) => sound({}, { structure: cells(...words) });
  const deep = (levels: number) =>
    Array.from({ length: levels }, () => [BEGIN_NODE, 0x61000000]).concat(
      Array.from({ length: levels }, () => [END_NODE]),
    );

  test.each<[name: string, tree: Buffer, said: string]>([
    ['nothing', Buffer.alloc(0), 'it has no header'],
    ['half a header', sound().subarray(0, 20), 'it has no header'],
    ['another magic', sound({}, { header: { 0: 0xfeedd00d } }), 'it has no header'],
    ['a size below the header’s', sound({}, { header: { 4: 8 } }), 'it has no header'],
    ['a size of 4 GiB', sound({}, { header: { 4: 0xffffffff } }), 'it has no header'],
    ['its end cut off', sound().subarray(0, 200), 'it is cut off'],
    ['an old version', sound({}, { header: { 20: 3 } }), 'its version is unknown'],
    ['a future version', sound({}, { header: { 24: 18 } }), 'its version is unknown'],
    ['nodes outside', sound({}, { header: { 8: 0x7ffffffc } }), 'its nodes lie outside of it'],
    ['nodes that are too long', sound({}, { header: { 36: 0xfffffff0 } }), 'its nodes lie outside of it'],
    ['strings outside', sound({}, { header: { 12: 0xffffffff } }), 'its strings lie outside of it'],
    ['strings that are too long', sound({}, { header: { 32: 0xffffffff } }), 'its strings lie outside of it'],
    ['no strings', sound({}, { header: { 32: 0 } }), 'a property’s name lies outside of the strings'],
    ['reservations outside', sound({}, { header: { 16: 0xfffffff8 } }), 'its memory reservations have no end'],
    ['reservations in the header', sound({}, { header: { 16: 8 } }), 'its memory reservations are misplaced'],
    ['an unknown token', structure(7), 'it holds a token that is none'],
    ['no nodes', structure(), 'it is cut off'],
    ['an end alone', structure(END), 'it ends inside a node'],
    ['an end inside a node', structure(BEGIN_NODE, 0, END), 'it ends inside a node'],
    ['more ends than beginnings', structure(BEGIN_NODE, 0, END_NODE, END_NODE, END), 'more nodes end than begin'],
    ['two roots', structure(BEGIN_NODE, 0, END_NODE, BEGIN_NODE, 0, END_NODE, END), 'it has a second root'],
    ['a name without an end', structure(BEGIN_NODE, 0x61616161), 'a node’s name has no end'],
    ['a property in no node', structure(PROP, 0, 0), 'a property is in no node, or follows the node’s children'],
    [
      'a property after children',
      structure(BEGIN_NODE, 0, BEGIN_NODE, 0, END_NODE, PROP, 0, 0),
      'a property is in no node',
    ],
    ['a property without its length', structure(BEGIN_NODE, 0, PROP, 4), 'a property is cut off'],
    ['a property of 4 GiB', structure(BEGIN_NODE, 0, PROP, 0xffffffff, 0), 'a property is longer than the tree'],
    ['nodes in nodes, 33 deep', structure(...deep(33).flat(), END), 'it is nested too deeply'],
    ['nothing but empty tokens', structure(...Array.from({ length: 20_000 }, () => NOP)), 'it is cut off'],
    ['bootargs without an end', sound({ bootargs: Buffer.from('abc') }), 'its bootargs have no end'],
  ])('with %s is refused', async (_, tree, said) => {
    const [line] = await read([tree]);
    expect(line!.replaceAll("'", '’')).toContain(said);
  });

  test('nodes in nodes, 32 deep, are read', async () => {
    expect((await read([structure(...deep(32).flat(), END)]))[0]).toMatch(/^ok /);
  });
});

describe('mutated trees', () => {
  const interesting = [0, 1, 2, 3, 4, 8, 9, 16, 0xd00dfeed, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

  function mutate(seed: Buffer, random: Random): Buffer {
    const { below, pick } = random;
    const tree = Buffer.from(seed);
    for (let edits = 1 + below(4); edits > 0; edits--) {
      const word = 4 * below(random.next() < 0.3 ? 10 : Math.floor(tree.length / 4));
      switch (below(5)) {
        case 0:
          tree[below(tree.length)] = below(256);
          break;
        case 1:
          tree.writeUInt32BE(pick(interesting), word);
          break;
        case 2:
          tree.writeUInt32BE((tree.readUInt32BE(word) + below(9) - 4) >>> 0, word);
          break;
        case 3:
          tree.copy(tree, word, 4 * below(Math.floor(tree.length / 4)), tree.length);
          break;
        case 4:
          tree.writeUInt32BE(below(2 * tree.length), word);
          break;
      }
    }
    return random.next() < 0.2 ? tree.subarray(0, below(tree.length)) : tree;
  }

  const count = isLong ? 400_000 : 2000;
  test(`${count} of them are read to an end, and never beyond it`, { timeout: 1_200_000 }, async () => {
    const seeds = [await qemuTree('virt'), await qemuTree('virt,aia=aplic-imsic'), await qemuTree('sifive_u'), sound()];
    const random = createRandom(20, 4);
    const seen = new Map<string, number>();
    for (let done = 0; done < count; done += 2000) {
      const trees = Array.from({ length: 2000 }, (_, i) => mutate(seeds[i % seeds.length]!, random));
      const lines = await read(trees);
      // Print of a tree's own text may hold newlines; there is at least a line for each.
      expect(lines.length).toBeGreaterThanOrEqual(trees.length);
      for (const line of lines) {
        const kind = line.startsWith('ok ') ? 'ok' : line;
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
    }
    // The mutants reach what they are made for: sound trees still, and each kind of damage that chance can make.
    expect(seen.get('ok')).toBeGreaterThan(count / 20);
    for (const said of ['it is cut off', 'it holds a token that is none', 'a property is longer than the tree'])
      expect(seen.get(said), said).toBeGreaterThan(0);
  });
});

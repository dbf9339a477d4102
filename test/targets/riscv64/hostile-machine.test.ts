/**
 * Hardened images entered on machines that lie: trees that are missing, cut off, endless, or changed at random, too little
 * memory, devices that are missing or are others. Always one line on the console and power-off, never a hang: the stub
 * says so when it cannot start, the platform layer when the program cannot.
 *
 * Firmware needs a sound tree itself, so it is given one, and starts four instructions of ours, which enter the image with
 * another. That one is QEMU's own for this machine, changed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { defaultHardening, hardenRiscv, rawImage } from '../../../targets/riscv64/harden.ts';
import { long, plainProbes } from '../../probes/riscv64-support.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { run } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';
import { buildExample } from '../hvt/guest.ts';

requireTools('clang', 'qemu-system-riscv64');

const imageAddress = 0x80400000;
const treeAddress = 0x86000000;
const folder = temporaryFolder('hostile-machine');
const machine = ['-machine', 'virt', '-m', '128', '-nographic', '-no-reboot', '-nodefaults', '-serial', 'stdio'];

/** auipc t0, 0; ld a1, 24(t0); ld t0, 32(t0); jr t0; then the tree's address and the image's. */
function trampoline(tree: number): Buffer {
  const code = Buffer.alloc(40);
  for (const [i, word] of [0x00000297, 0x0182b583, 0x0202b283, 0x00028067].entries()) code.writeUInt32LE(word, 4 * i);
  code.writeBigUInt64LE(BigInt(tree), 24);
  code.writeBigUInt64LE(BigInt(imageAddress), 32);
  return code;
}

function written(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

/** The tree that QEMU makes for the machine. */
async function machineTree(more: readonly string[]): Promise<Buffer> {
  const path = join(folder, 'machine.dtb');
  const args = machine.map((word) => (word === 'virt' ? `virt,dumpdtb=${path}` : word));
  await run(requireTool('qemu-system-riscv64'), [...args, ...more], { timeout: 20_000 });
  return readFileSync(path);
}

let hardened: { probes: Uint8Array; kv: Uint8Array };
let tree: Buffer;
beforeAll(async () => {
  const raw = (path: string): Uint8Array => {
    const options = { ...defaultHardening, executeOnly: 'always' } as const;
    return rawImage(hardenRiscv(readFileSync(path), path, options).bytes, path);
  };
  hardened = { probes: raw(await plainProbes()), kv: raw(await buildExample('kv', 'riscv64')) };
  tree = await machineTree(['-kernel', written('trampoline', trampoline(0)), '-append', 'control']);
});

interface Boot {
  readonly image?: keyof typeof hardened;
  /** Nothing is where the tree should be, when absent. */
  readonly tree?: Uint8Array;
  readonly address?: number;
  readonly more?: readonly string[];
}

/** What the guest said, after the firmware's last line, and whether the machine powered off by itself. */
async function enter({ image = 'probes', tree, address = treeAddress, more = [] }: Boot) {
  const load = (name: string, bytes: Uint8Array, at: number): string[] => [
    '-device',
    `loader,file=${written(name, bytes)},addr=0x${at.toString(16)},force-raw=on`,
  ];
  const args = [
    ...machine,
    ...['-kernel', written('trampoline', trampoline(address))],
    ...load('image', hardened[image], imageAddress),
    ...(tree === undefined ? [] : load('tree', tree, treeAddress)),
    ...more,
  ];
  const result = await run(requireTool('qemu-system-riscv64'), args, { timeout: 20_000 });
  const said = /Boot HART MEDELEG[^\n]*\n([\s\S]*)$/.exec(result.stdout.replaceAll('\r', ''))?.[1] ?? 'no firmware';
  return { said, ended: !result.timedOut };
}

const started = /^machine 0xa (entropy|-)\nprobe control tries (0x[0-9a-f]+) \2\nprobe control succeeded 0x2a\n$/;
/** One line, in the end of which the program may have been. */
const oneLine =
  /^(machine 0x[0-9a-f]+ (entropy|-)\n(probe control tries 0x[0-9a-f]+ 0x[0-9a-f]+\n)?)?casemate: ABORT: [ -~]+\n$/;
const noProbe = 'probe: no such probe\n';

const stub = (reason: string) => ({ said: `casemate: ABORT: stage 0: ${reason}\n`, ended: true });
const noTree = stub('no device tree, or a damaged one');
const noBank = stub('the device tree has no memory node around this image');
const noMemory = stub('not enough memory: give the guest more');

/** A copy of the machine's tree, changed. */
function changed(change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(tree);
  change(copy);
  return copy;
}

/** Offset of the memory node's address and size, in the structure block. */
function memoryAt(bytes: Buffer): number {
  const node = bytes.indexOf('memory@80000000\0');
  const reg = bytes.indexOf(Buffer.from('0000000080000000', 'hex'), node);
  if (node < 0 || reg < 0) throw new Error('no memory node where QEMU puts one');
  return reg;
}

test('the way in works: QEMU’s own tree, at another address', async () => {
  const { said, ended } = await enter({ tree });
  expect(said).toMatch(started);
  expect(ended).toBe(true);
});

/** Offsets of words of the header. */
const header = { size: 4, structure: 8, strings: 12, reserved: 16, version: 20, stringsSize: 32, structureSize: 36 };
const structure = (bytes: Buffer): number => bytes.readUInt32BE(header.structure);

/** The structure block filled with one sequence of words. */
function filled(...words: number[]): Buffer {
  return changed((copy) => {
    const end = structure(copy) + copy.readUInt32BE(header.structureSize);
    for (let at = structure(copy), i = 0; at + 4 <= end; at += 4, i++) copy.writeUInt32BE(words[i % words.length]!, at);
  });
}

describe('one line and power-off with', () => {
  test.each<[name: string, boot: () => Boot, end: { said: string; ended: boolean }]>([
    ['no tree (a1 is 0)', () => ({ tree, address: 0 }), noTree],
    ['zeros for a tree', () => ({}), noTree],
    ['a tree at an odd address', () => ({ tree, address: treeAddress + 4 }), noTree],
    ['only a header', () => ({ tree: tree.subarray(0, 40) }), noTree],
    ['half a tree', () => ({ tree: tree.subarray(0, structure(tree) + 1500) }), noTree],
    [
      'a tree that says it is 0 bytes long',
      () => ({ tree: changed((copy) => copy.writeUInt32BE(0, header.size)) }),
      noTree,
    ],
    ['one that says 4 GiB', () => ({ tree: changed((copy) => copy.writeUInt32BE(0xffffffff, header.size)) }), noTree],
    [
      'a structure outside of it',
      () => ({ tree: changed((copy) => copy.writeUInt32BE(0x7ffffff0, header.structure)) }),
      noTree,
    ],
    ['nodes in nodes without end', () => ({ tree: filled(1, 0) }), noTree],
    ['nothing without end', () => ({ tree: filled(4) }), noTree],
    ['properties without end', () => ({ tree: filled(3, 0, 0) }), noTree],
    ['a property of 4 GiB', () => ({ tree: filled(3, 0xfffffffd, 0) }), noTree],
    [
      'memory elsewhere',
      () => ({ tree: changed((copy) => copy.writeUInt32BE(0x40000000, memoryAt(copy) + 4)) }),
      noBank,
    ],
    ['no memory', () => ({ tree: changed((copy) => copy.writeUInt32BE(0, memoryAt(copy) + 12)) }), noBank],
    [
      'memory that ends in the image',
      () => ({ tree: changed((copy) => copy.writeUInt32BE(0x401000, memoryAt(copy) + 12)) }),
      noMemory,
    ],
    [
      'memory that ends behind it',
      () => ({ tree: changed((copy) => copy.writeUInt32BE(0x430000, memoryAt(copy) + 12)) }),
      noMemory,
    ],
  ])('%s', async (_, boot, end) => {
    expect(await enter(boot())).toEqual(end);
  });

  const device = (...args: string[]): string[] => ['-global', 'virtio-mmio.force-legacy=false', ...args];
  const noBlock = (why: string) => ({
    said: `casemate: ABORT: the machine has no block device for "store" of the image's manifest: ${why}\n`,
    ended: true,
  });
  /** The machine's tree with another command line, of at most seven characters. */
  const on = (words: string): Buffer =>
    changed((copy) => {
      copy.write(words.padEnd(7), copy.indexOf('control\0'), 'latin1');
    });

  test('a device that the machine does not have', async () => {
    expect(await enter({ image: 'kv', tree: on('list') })).toEqual(noBlock('add one, or correct --casemate:device='));
  });

  test('a device of another type where the manifest’s should be', async () => {
    const net = device('-netdev', 'user,id=n', '-device', 'virtio-net-device,netdev=n,bus=virtio-mmio-bus.0');
    expect(await enter({ image: 'kv', tree: on('list'), more: net })).toEqual(
      noBlock('add one, or correct --casemate:device='),
    );
  });
});

test('memory of every size is too little, or enough', { timeout: 600_000 }, async () => {
  const sizes = long ? 40 : 4;
  const ends = new Set<string>();
  for (let i = 0; i < sizes; i++) {
    const size = 0x404000 + Math.floor((i * 0x200000) / sizes);
    const { said, ended } = await enter({ tree: changed((copy) => copy.writeUInt32BE(size, memoryAt(copy) + 12)) });
    expect([ended, size]).toEqual([true, size]);
    expect(said).toMatch(started.test(said) ? started : oneLine);
    ends.add(started.test(said) ? 'started' : said);
  }
  expect(ends).toContain('started');
  expect(ends.size).toBeGreaterThanOrEqual(2);
});

/** Words that a walk of a tree, or sums of addresses, could stumble over. */
const words = [0, 1, 2, 3, 4, 9, 16, 0x7fffffff, 0x80000000, 0x80400000, 0x86000000, 0xfffffff0, 0xffffffff];

/** One change of a kind drawn at random; half of them hit the header and the structure's first nodes. */
function mutate(copy: Buffer, draw: Random): void {
  const most = draw.oneIn(2) ? Math.min(copy.length, structure(tree) + 600) : copy.length;
  const word = (): number => 4 * draw.below(Math.floor(most / 4));
  switch (draw.below(5)) {
    case 0:
      copy[draw.below(most)]! ^= 1 << draw.below(8);
      break;
    case 1:
      copy[draw.below(most)] = draw.below(256);
      break;
    case 2:
      copy.writeUInt32BE(draw.pick(words), word());
      break;
    case 3: {
      const [from, to] = [word(), word()];
      copy.copy(copy, to, from, Math.min(from + 4 * draw.below(64), copy.length));
      break;
    }
    default:
      copy.fill(0, most - draw.below(Math.min(most, 2048)));
  }
}

const campaign = long ? 300 : 8;
test(`${campaign} trees changed at random end in a start or in one line`, { timeout: 3_600_000 }, async () => {
  const ends = { started: 0, refused: 0, other: 0 };
  for (let i = 0; i < campaign; i++) {
    const draw = createRandom(4, i);
    const copy = Buffer.from(tree);
    for (let changes = 1 + draw.below(4); changes > 0; changes--) mutate(copy, draw);
    const { said, ended } = await enter({ tree: copy });
    const kept = (): string => written(`failed-${i}.dtb`, copy);
    if (!ended) throw new Error(`tree ${i} (${kept()}) hangs after: ${said}`);
    if (started.test(said)) ends.started++;
    else if (oneLine.test(said)) ends.refused++;
    else if (said === noProbe) ends.other++;
    else throw new Error(`tree ${i} (${kept()}) ends in: ${said}`);
  }
  // Both ends are met, or the changes change nothing.
  expect(ends.started).toBeGreaterThan(0);
  expect(ends.refused).toBeGreaterThan(0);
});

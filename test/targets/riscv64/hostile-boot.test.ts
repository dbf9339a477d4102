/**
 * Images entered on machines that lie: no device tree, a damaged one, too little memory. One line on the console and
 * power-off, never a hang.
 *
 * Firmware needs a sound tree itself, so the image is entered by four instructions of ours, which firmware enters: they
 * give it another tree, at another address than QEMU would, in memory full of old bytes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readFile } from '../../../base/files.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { BEGIN_NODE, cells, deviceTree, machineTree, NOP } from '../../support/device-tree.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { run } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';
import { buildExample, buildGuest } from '../hvt/guest.ts';

requireTools('clang', 'qemu-system-riscv64');

const imageAddress = 0x80403000;
const treeAddress = 0x86000008;
const folder = temporaryFolder('hostile-boot');

/** An image's memory as a loader leaves it, .bss full of what was there before. */
function flat(image: string): Buffer {
  const loads = readElfFile(readFile(image), image).segments.filter(({ type }) => type === 1);
  const last = loads.at(-1)!;
  const memory = Buffer.alloc(Number(last.address) + last.memorySize, 0xa5);
  const bytes = readFile(image);
  for (const { address, offset, fileSize } of loads)
    memory.set(bytes.subarray(offset, offset + fileSize), Number(address));
  return memory;
}

/** auipc t0, 0; ld a1, 24(t0); ld t0, 32(t0); jr t0; then the tree's address and the image's. */
function trampoline(tree: bigint): Buffer {
  const code = Buffer.alloc(40);
  for (const [i, word] of [0x00000297, 0x0182b583, 0x0202b283, 0x00028067].entries()) code.writeUInt32LE(word, 4 * i);
  code.writeBigUInt64LE(tree, 24);
  code.writeBigUInt64LE(BigInt(imageAddress), 32);
  return code;
}

let images: { hello: Buffer; kv: Buffer };
beforeAll(async () => {
  const hello = await buildGuest(
    'small',
    `#include <solo5.h>
    extern const uint64_t *const layer_boot; /* targets/platform/machine/boot.h: word 2 is the tree's address, 3 its size */
    int solo5_app_main(const struct solo5_start_info *info) {
      const uint8_t *tree = (const uint8_t *)layer_boot[2];
      for (uint64_t i = 0, run = 0; i < layer_boot[3]; i++) {
        run = tree[i] == 0x5a ? run + 1 : 0;
        if (run == 4) solo5_console_write("seed! ", 6);
      }
      solo5_console_write("hello", 5);
      solo5_console_write(info->cmdline, info->cmdline[0] != 0);
      return 0;
    }`,
    [],
    'riscv64',
  );
  images = { hello: flat(hello), kv: flat(await buildExample('kv', 'riscv64')) };
}, 120_000);

interface Boot {
  readonly image?: 'hello' | 'kv';
  readonly tree?: Uint8Array;
  readonly address?: bigint;
  readonly more?: readonly string[];
}

/** What the guest said, after the firmware's last line, and whether the machine powered off by itself. */
async function enter({ image = 'hello', tree, address = BigInt(treeAddress), more = [] }: Boot) {
  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const load = (path: string, at: number) => ['-device', `loader,file=${path},addr=0x${at.toString(16)},force-raw=on`];
  const result = await run(
    requireTool('qemu-system-riscv64'),
    [
      ...['-machine', 'virt', '-m', '128', '-nographic', '-no-reboot', '-nodefaults', '-serial', 'stdio', ...more],
      ...['-kernel', write('trampoline', trampoline(address))],
      ...load(write('image', images[image]), imageAddress),
      ...(tree === undefined ? [] : load(write('tree', tree), treeAddress)),
    ],
    { timeout: 20_000 },
  );
  const said = /Boot HART MEDELEG[^\n]*\n([\s\S]*)$/.exec(result.stdout.replaceAll('\r', ''))?.[1];
  return { said, ended: !result.timedOut };
}

const abort = (reason: string) => ({ said: `casemate: ABORT: ${reason}\n`, ended: true });
const damaged = (reason: string) => abort(`the device tree is damaged: ${reason}`);
const own = (machine = {}, options = {}) => deviceTree(machineTree(machine), options);

test('the way in works: a sound tree, another address, dirty memory', async () => {
  expect(await enter({ tree: own({ bootargs: '!' }) })).toEqual({ said: 'hello!', ended: true });
});

test('the boot seed is gone from the tree when the program starts', async () => {
  const tree = own();
  expect(tree.includes(Buffer.alloc(32, 0x5a))).toBe(true);
  expect(await enter({ tree })).toEqual({ said: 'hello', ended: true });
});

describe('one line and power-off with', () => {
  test.each<[name: string, boot: () => Boot, said: { said: string; ended: boolean }]>([
    ['no device tree', () => ({ address: 0n }), abort('the firmware gave us no device tree')],
    ['zeros for a tree', () => ({}), abort('the firmware gave us no device tree')],
    [
      'a tree at an odd address',
      () => ({ tree: own(), address: 0x86000009n }),
      abort('the firmware gave us no device tree'),
    ],
    ['half a tree', () => ({ tree: own({}, { size: 300 }) }), damaged('it holds a token that is none')],
    [
      'a tree that is longer than allowed',
      () => ({ tree: own({}, { header: { 4: 0x300000 } }) }),
      abort('the firmware gave us no device tree'),
    ],
    [
      'a tree that begins nodes for ever',
      () => ({ tree: own({}, { structure: cells(...Array.from({ length: 400 }, () => [BEGIN_NODE, 0]).flat()) }) }),
      damaged('it is nested too deeply'),
    ],
    [
      'a megabyte of nothing',
      () => ({ tree: own({}, { structure: Buffer.concat(Array.from({ length: 1 << 18 }, () => cells(NOP))) }) }),
      damaged('it is cut off'),
    ],
    [
      'too little memory',
      () => ({ tree: own({ memory: [0x80400000, 0x40000] }) }),
      abort('not enough memory: give the machine more'),
    ],
    [
      'memory that does not hold the image',
      () => ({ tree: own({ memory: [0x90000000, 0x4000000] }) }),
      abort('not enough memory: give the machine more'),
    ],
    [
      'all memory reserved',
      () => ({ tree: own({}, { reserved: [[0x80000000n, 0xffffffffffffffffn]] }) }),
      abort('not enough memory: give the machine more'),
    ],
    [
      'no clock',
      () => ({ tree: own({ timebase: 0 }) }),
      abort('the device tree has no timebase-frequency, or one above 10 GHz; there is no clock'),
    ],
    [
      'no device for the manifest’s',
      () => ({ image: 'kv', tree: own() }),
      abort(
        'the machine has no block device for "store" of the image\'s manifest: add one, or correct --casemate:device=',
      ),
    ],
    [
      'a word for a device that the manifest does not have',
      () => ({ tree: own({ bootargs: '--casemate:device=disk@10001000' }) }),
      abort("--casemate:device= names a device that is not in the image's manifest"),
    ],
    [
      'a word for an address where nothing is',
      () => ({ image: 'kv', tree: own({ bootargs: '--casemate:device=store@10001000' }) }),
      abort(
        'the machine has no block device for "store" of the image\'s manifest: nothing is where --casemate:device= says',
      ),
    ],
    [
      'a word that cannot be read',
      () => ({ tree: own({ bootargs: '--casemate:device=store@' }) }),
      abort('--casemate:device=: the address must be hexadecimal'),
    ],
  ])('%s', async (_, boot, said) => {
    expect(await enter(boot())).toEqual(said);
  });

  test('a tree where no memory is', async () => {
    const { said, ended } = await enter({ address: 0x7ffffffffffff000n });
    expect(ended).toBe(true);
    expect(said).toMatch(/^casemate: ABORT: trap: scause 0x5 stval 0x7ffffffffffff000 sepc 0x[0-9a-f]+\n$/);
  });
});

test('a virtio device whose registers are a lie of the tree is found out', async () => {
  const virtio = {
    name: 'virtio@86100000',
    properties: { compatible: 'virtio,mmio', reg: [0, 0x86100000, 0, 0x1000], interrupts: [1] },
  };
  expect(await enter({ image: 'kv', tree: own({ children: [virtio] }) })).toEqual(
    abort(
      'the machine has no block device for "store" of the image\'s manifest: add one, or correct --casemate:device=',
    ),
  );
});

/**
 * The stub on the interpreter: a hardened guest in memory, a device tree at its side, run to the program's first
 * instruction or to the end.
 */
import { createCipheriv } from 'node:crypto';
import { PAGE } from '../../../../targets/regions.ts';
import type { HardenOptions } from '../../../../targets/riscv64/harden.ts';
import { rawImage } from '../../../../targets/riscv64/harden.ts';
import { type BootBlock, decodeBootBlock } from '../../../../targets/riscv64/stage0/boot-block.ts';
import { decodeConfig, STUB_SIZE, type Stage0Config } from '../../../../targets/riscv64/stage0/config.ts';
import { stubCode } from '../../../../targets/riscv64/stage0/stub.ts';
import { deviceTree, type TreeNode, type TreeOptions, wide } from '../../../support/fdt.ts';
import { type Ending, type MachineOptions, Rv64 } from '../../../support/rv64.ts';
import { harden } from '../stub-guest.ts';

export const BASE = 0x80000000;
/** Where the image is loaded, and the tree. */
export const LOADED = BASE + 0x200000;
export const PROGRAM = LOADED + STUB_SIZE;
export const MIB = 2 ** 20;

export const SEED = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1);

/** A tree as QEMU's virt has it, as far as the stub looks. */
export function virtTree(
  size: number,
  { seed = SEED, base = BASE }: { seed?: Uint8Array; base?: number } = {},
): TreeNode {
  const device = (name: string, address: number, bytes: number): TreeNode => ({
    compatible: name,
    reg: wide(address, bytes),
  });
  return {
    '#address-cells': [2],
    '#size-cells': [2],
    compatible: 'riscv-virtio',
    chosen: { bootargs: 'hello', ...(seed.length === 0 ? {} : { 'rng-seed': seed }) },
    [`memory@${base.toString(16)}`]: { device_type: 'memory', reg: wide(base, size) },
    cpus: {
      '#address-cells': [1],
      '#size-cells': [0],
      'cpu@0': { device_type: 'cpu', reg: [0], 'interrupt-controller': { compatible: 'riscv,cpu-intc' } },
    },
    soc: {
      '#address-cells': [2],
      '#size-cells': [2],
      ranges: new Uint8Array(0),
      'rtc@101000': device('google,goldfish-rtc', 0x101000, 0x1000),
      'uart@10000000': device('ns16550a', 0x10000000, 0x100),
      'virtio_mmio@10001000': device('virtio,mmio', 0x10001000, 0x1000),
      'virtio_mmio@10002000': device('virtio,mmio', 0x10002000, 0x200),
      'plic@c000000': device('sifive,plic-1.0.0\0riscv,plic0', 0xc000000, 0x600000),
      'aplic@d000000': { ...device('riscv,aplic', 0xd000000, 0x8000), status: 'disabled' },
      'pci@30000000': device('pci-host-ecam-generic', 0x30000000, 0x10000000),
    },
  };
}

export interface Start {
  /** Bytes of memory. */
  readonly size?: number;
  readonly tree?: TreeNode | Uint8Array;
  readonly treeOptions?: TreeOptions;
  /** Where the tree lies; not there when absent from memory. */
  readonly treeAt?: number;
  readonly modes?: readonly bigint[];
  readonly machine?: Partial<MachineOptions>;
  readonly harden?: Partial<HardenOptions>;
  readonly limit?: number;
  /** Where the image lies. */
  readonly loaded?: number;
  readonly base?: number;
}

export interface Run {
  readonly machine: Rv64;
  readonly ending: Ending;
  readonly config: Stage0Config;
  readonly raw: Uint8Array;
  readonly treeAt: number;
}

const images = new WeakMap<Uint8Array, Map<string, Uint8Array>>();

/** The raw image of a hardened program, made once for each set of options. */
function imageOf(program: Uint8Array, options: Partial<HardenOptions> | undefined): Uint8Array {
  const made = images.get(program) ?? new Map<string, Uint8Array>();
  images.set(program, made);
  const key = JSON.stringify(options ?? {});
  const image = made.get(key) ?? rawImage(harden(program, options), 'guest.elf');
  made.set(key, image);
  return image;
}

/** Hardens, loads and runs. Memory is dirty, as U-Boot leaves it. */
export function start(program: Uint8Array, options: Start = {}): Run {
  const { size = 128 * MIB, modes = [8n, 9n, 10n], limit = 4_000_000, base = BASE } = options;
  const loaded = options.loaded ?? base + 0x200000;
  const raw = imageOf(program, options.harden);
  const machine = new Rv64({ base, size, modes, ...options.machine });
  machine.memory.fill(0xa5, 0, Math.min(size, 4 * MIB));
  if (loaded - base + raw.length > size) throw new Error('the image does not fit the memory');
  machine.memory.set(raw, loaded - base);
  const blob =
    options.tree instanceof Uint8Array ? options.tree : deviceTree(options.tree ?? virtTree(size), options.treeOptions);
  const treeAt = options.treeAt ?? base + size - ((blob.length + 0xffff) & ~0xffff);
  if (treeAt >= base && treeAt + blob.length <= base + size) machine.memory.set(blob, treeAt - base);
  machine.pc = BigInt(loaded);
  machine.x.fill(0x1234_5678_9abcn);
  machine.x[0] = 0n;
  machine.x[10] = 3n;
  machine.x[11] = BigInt(treeAt);
  const config = decodeConfig(raw.subarray(0, PAGE), stubCode().jump, 'guest.elf');
  const ending = machine.run(BigInt(loaded + STUB_SIZE + config.entry), limit);
  return { machine, ending, config, raw, treeAt };
}

/** The boot block of a run that entered the program. */
export function bootBlock({ machine }: Run): { block: BootBlock; physical: bigint } {
  const physical = machine.translate(BigInt.asUintN(64, machine.x[12]!), 'load');
  return { block: decodeBootBlock(machine.at(physical, PAGE)), physical };
}

/** The 16 words that a seed and two readings of the clock expand to. */
export function wordsOf(seed: Uint8Array, early: bigint, late: bigint): bigint[] {
  const key = new Uint8Array(32);
  seed.forEach((byte, i) => {
    key[i % 32]! ^= byte;
  });
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(Number(early & 0xffffffffn), 4);
  iv.writeBigUInt64LE(late, 8);
  const stream = createCipheriv('chacha20', key, iv).update(Buffer.alloc(128));
  return Array.from({ length: 16 }, (_, i) => stream.readBigUInt64LE(8 * i));
}

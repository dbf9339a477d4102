/**
 * What lies where in a guest's memory, for reports: the firmware, the emulator that stands for the tender, the image by its
 * symbols, memory for devices, heap and stack.
 */
import { place, type Subject } from '../../hardening/subject.ts';
import type { Machine } from './guest-memory.ts';

export type Owner = 'guest' | 'emulator' | 'firmware' | 'loader';

export interface Region {
  readonly owner: Owner;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Of an image: what is added to its own addresses. */
  readonly slide?: number;
}

const MiB = 2 ** 20;

const word = ({ memory, base }: Machine, at: number): number => Number(memory.readBigUInt64LE(at - base));

/** The value of a symbol, by the one name that it has in the image. */
function addressOf({ symbols, name }: Subject, wanted: string): number {
  const found = symbols.filter((one) => one.name === wanted);
  if (found.length !== 1) throw new Error(`${name}: ${found.length} symbols ${wanted}`);
  return Number(found[0]!.value);
}

/** The loads of an image that lies `slide` bytes above its own addresses. */
const imageRegions = (subject: Subject, slide: number): Region[] =>
  subject.loads.map(({ address, end }) => ({
    ...({ owner: 'guest', name: 'image', slide } as const),
    start: Number(address) + slide,
    end: Number(end) + slide,
  }));

/** targets/hvt/emulator/memory.h */
const EMULATOR_END = 32 * MiB;

/** The machine of the hvt emulator; `guestSize`: bytes of the guest. Its addresses are the guest's own, above the emulator. */
export function hvtRegions(machine: Machine, subject: Subject, guestSize: number): Region[] {
  const state = addressOf(subject, 'hvt_state') + EMULATOR_END;
  const stackTop = word(machine, state + 16) + EMULATOR_END;
  const end = EMULATOR_END + guestSize;
  const guest = { owner: 'guest' } as const;
  return [
    { owner: 'emulator', name: 'the emulator', start: 0, end: EMULATOR_END },
    ...imageRegions(subject, EMULATOR_END),
    { ...guest, name: 'boot information', start: EMULATOR_END, end: EMULATOR_END + MiB },
    // As large as the layer keeps it, or the stub: docs/hardening.md.
    { ...guest, name: 'stack', start: stackTop - MiB, end: stackTop },
    { ...guest, name: 'heap, or nothing', start: EMULATOR_END + MiB, end },
    { owner: 'loader', name: 'the image as QEMU loaded it', start: end, end: machine.memory.length },
  ];
}

/** targets/platform/machine/boot.h */
const BOOT = { magic: 0x3130544f4f424d43n, count: 136, ranges: 144, most: 48, range: 32, heap: 64 };
const kinds = ['image', 'stack', 'stack for traps', 'heap', 'device tree', "a device's registers"];

/** Where the boot block is: at a multiple of eight, with as many ranges as there can be. */
function bootBlock({ memory, base }: Machine): number {
  const magic = Buffer.alloc(8);
  magic.writeBigUInt64LE(BOOT.magic);
  for (let at = memory.indexOf(magic); at !== -1; at = memory.indexOf(magic, at + 1)) {
    const count = at % 8 === 0 && at + BOOT.ranges <= memory.length ? memory.readBigUInt64LE(at + BOOT.count) : 0n;
    if (count >= 4n && count <= BigInt(BOOT.most)) return base + at;
  }
  throw new Error('no boot block in memory');
}

/** A machine that a RISC-V image runs on. */
export function riscvRegions(machine: Machine, subject: Subject): Region[] {
  const block = bootBlock(machine);
  const ranges = Array.from({ length: word(machine, block + BOOT.count) }, (_, i) => {
    const at = block + BOOT.ranges + BOOT.range * i;
    const [, physical, size, kind] = [0, 8, 16, 24].map((offset) =>
      machine.memory.readBigUInt64LE(at + offset - machine.base),
    );
    return { start: Number(physical), end: Number(physical! + size!), kind: Number(kind) };
  });
  const image = ranges.find(({ kind }) => kind === 0)!;
  // The layer takes memory for devices from the heap's beginning and leaves the program the rest.
  const info = addressOf(subject, 'info') + image.start;
  const heapAt = machine.memory.readBigUInt64LE(block + BOOT.heap - machine.base);
  const taken = Number(machine.memory.readBigUInt64LE(info + 8 - machine.base) - heapAt);
  const heap = ranges.find(({ kind }) => kind === 3)!;
  return [
    { owner: 'firmware', name: 'firmware', start: machine.base, end: image.start },
    ...imageRegions(subject, image.start),
    { owner: 'guest', name: 'memory for devices', start: heap.start, end: heap.start + taken },
    ...ranges.map(({ start, end, kind }): Region => ({ owner: 'guest', name: kinds[kind] ?? 'unknown', start, end })),
    { owner: 'guest', name: 'nothing that the boot block names', start: image.end, end: Infinity },
  ];
}

/** The region that an address is in, the first one of those that have it. */
export function regionAt(
  regions: readonly Region[],
  subject: Subject,
  address: number,
): { owner: Owner; name: string } {
  const region = regions.find(({ start, end }) => start <= address && address < end);
  if (region === undefined) return { owner: 'guest', name: `0x${address.toString(16)}, which nothing is known of` };
  const { owner, name, slide, start } = region;
  const where =
    slide === undefined ? `+0x${(address - start).toString(16)}` : `: ${place(subject, BigInt(address - slide))}`;
  return { owner, name: `${name}${where}` };
}

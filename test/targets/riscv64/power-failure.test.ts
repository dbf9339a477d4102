/**
 * What solo5_block_write has written survives a power failure: the flush that a device with a cache needs reaches it.
 *
 * A killed QEMU leaves the host's page cache behind, in which a write that was never flushed looks like any other
 * (durability.test.ts). So QEMU keeps a log here of what the guest asks of the device, writes and flushes in their order
 * (its block driver blklogwrites), and the disk of a machine that lost its power is made from that: with the writes that
 * a flush came after, and none of the others. All that the guest had announced must be on it.
 *
 * The log's format: Linux, Documentation/admin-guide/device-mapper/log-writes.rst; little-endian. Its first sector names
 * it; each entry is a sector of four 64-bit words (place, sectors, flags, size of data) and then the sectors written.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../support/paths.ts';
import { requireTools } from '../../support/tools.ts';
import { hardenedGuest } from './campaigns.ts';
import { missing, readBack, type Versions, writeUntilKilled } from './sectors.ts';

requireTools('clang', 'qemu-system-riscv64');

const SECTOR = 512;
const MAGIC = 0x6a736677736872n;
const FLUSH = 1n;
const capacity = 2 << 20;

type Request = { readonly kind: 'flush' } | { readonly kind: 'write'; readonly at: number; readonly data: Uint8Array };

/** What was asked of the device, in order. The last entry may be cut off by the kill. */
function readLog(log: Buffer): Request[] {
  expect(log.readBigUInt64LE(0)).toBe(MAGIC);
  const requests: Request[] = [];
  for (let at = SECTOR; at + SECTOR <= log.length; ) {
    const [place, sectors] = [Number(log.readBigUInt64LE(at)), Number(log.readBigUInt64LE(at + 8))];
    const flags = log.readBigUInt64LE(at + 16);
    at += SECTOR;
    if (sectors === 0) {
      expect(flags).toBe(FLUSH);
      requests.push({ kind: 'flush' });
      continue;
    }
    expect(flags).toBe(0n);
    const data = log.subarray(at, at + sectors * SECTOR);
    at += sectors * SECTOR;
    if (data.length === sectors * SECTOR) requests.push({ kind: 'write', at: place * SECTOR, data });
  }
  return requests;
}

/** A disk after a power failure: what no flush came after is lost. */
function afterPowerFailure(requests: readonly Request[]): Uint8Array {
  const disk = new Uint8Array(capacity);
  const last = requests.findLastIndex(({ kind }) => kind === 'flush');
  for (const request of requests.slice(0, last + 1)) if (request.kind === 'write') disk.set(request.data, request.at);
  return disk;
}

/** QEMU's arguments with a log between the device and its disk. */
function withLog(log: string): (args: readonly string[]) => readonly string[] {
  return (args) => {
    const at = args.indexOf('-blockdev') + 1;
    const node = JSON.parse(args[at]!);
    const logged = {
      ...node,
      driver: 'blklogwrites',
      log: { driver: 'file', filename: log },
      'log-super-update-interval': 1,
    };
    return args.with(at, JSON.stringify(logged));
  };
}

let image: string;
beforeAll(async () => {
  image = await hardenedGuest('sectors');
});

describe.each([{ legacy: false }, { legacy: true }])('virtio-mmio (legacy: $legacy)', ({ legacy }) => {
  let requests: Request[];
  let announced: Versions;
  let last: number;
  const disk = (): string => join(temporaryFolder('power-failure'), 'disk.img');

  beforeAll(async () => {
    const [path, log] = [disk(), join(temporaryFolder('power-failure'), 'log')];
    writeFileSync(path, new Uint8Array(capacity));
    writeFileSync(log, '');
    const batches = await writeUntilKilled(image, path, {
      first: 1,
      seed: 5,
      delay: 500,
      legacy,
      change: withLog(log),
    });
    requests = readLog(readFileSync(log));
    announced = new Map(batches.flatMap(({ number, places }) => places.map((place) => [place, number])));
    last = batches.length;
    expect(last).toBeGreaterThan(0);
  });

  async function lost(after: readonly Request[]): Promise<string[]> {
    const path = disk();
    writeFileSync(path, afterPowerFailure(after));
    const { versions, damaged } = await readBack(image, path, legacy);
    expect(damaged).toEqual([]);
    return missing(announced, versions, last);
  }

  test('each write is followed by a flush, before the next', () => {
    expect(requests.filter(({ kind }) => kind === 'write').length).toBeGreaterThanOrEqual(4 * last);
    const wrong = requests.filter(({ kind }, i) => kind !== (i % 2 === 0 ? 'write' : 'flush'));
    expect(wrong).toEqual([]);
  });

  test('what was announced is there after a power failure', async () => {
    expect(await lost(requests)).toEqual([]);
  });

  test('and would not be without the flushes after the first', async () => {
    const first = requests.findIndex(({ kind }) => kind === 'flush');
    expect((await lost(requests.filter(({ kind }, i) => kind === 'write' || i === first))).length).toBeGreaterThan(0);
  });
});

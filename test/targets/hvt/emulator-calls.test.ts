/**
 * The emulated tender's services: what each hypercall does, what it refuses, and what kills the guest.
 */
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NetAttachment } from '../../../targets/hvt/attach.ts';
import { everyNth } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { bootGuest, buildTestGuest, valuesOf } from './emulator-guest.ts';

let plain: string;
let oneBlock: string;
let twoOfEach: string;
let twoNets: string;
beforeAll(async () => {
  plain = await buildTestGuest('calls');
  oneBlock = await buildTestGuest('calls', [{ name: 'disk', type: 'block' }]);
  twoOfEach = await buildTestGuest('calls', [
    { name: 'net0', type: 'net' },
    { name: 'disk0', type: 'block' },
    { name: 'net1', type: 'net' },
    { name: 'disk1', type: 'block' },
  ]);
  twoNets = await buildTestGuest('calls', [
    { name: 'left', type: 'net' },
    { name: 'right', type: 'net' },
  ]);
});

function storage(size: number, name = 'disk.img'): string {
  const path = join(temporaryFolder('storage'), name);
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

describe('HALT', () => {
  it.each(everyNth([0, 1, 2, 3, 42, 124, 127, 128, 255], 4))('passes status %i through', async (status) => {
    expect(await bootGuest(plain, `status=${status}`)).toMatchObject({ outcome: 'halted', status, console: '' });
  });

  it('passes negative statuses through', async () => {
    expect(await bootGuest(plain, 'negative')).toMatchObject({ outcome: 'halted', status: -3 });
  });
});

describe('PUTS', () => {
  it('loses and changes no byte', async () => {
    const chunks: Uint8Array[] = [];
    const result = await bootGuest(plain, 'flood', { onConsole: (chunk) => chunks.push(chunk), keepConsole: false });
    expect(result).toMatchObject({ outcome: 'halted', console: '' });
    const once = Uint8Array.from({ length: 64 * 1024 }, (_, i) => i);
    const digest = (parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
    expect(digest(chunks)).toBe(digest(Array(64).fill(once)));
  });

  it('waits for a reader that is slow', async () => {
    let size = 0;
    const result = await bootGuest(plain, 'flood', {
      onConsole: (chunk) => {
        size += chunk.length;
        return new Promise((resolve) => setTimeout(resolve, 2));
      },
    });
    expect(result.outcome).toBe('halted');
    expect(size).toBe(64 * 64 * 1024);
  });

  it('takes a buffer that ends just below the end of memory', async () => {
    expect((await bootGuest(plain, 'end-of-memory')).console).toBe('ok!\n');
  });

  it('gives the guest its command line, byte for byte', async () => {
    const words = `print ${'ünï, =\\"'.repeat(20)}\u0001 end`;
    expect((await bootGuest(plain, words)).console).toBe(words);
    const longest = `print ${'x'.repeat(8185)}`;
    expect((await bootGuest(plain, longest)).console).toBe(longest);
  });
});

describe('WALLTIME and POLL', () => {
  it('sleep as long as they are asked to, on a clock that is the host’s', async () => {
    const before = BigInt(Date.now()) * 1000000n;
    const values = valuesOf((await bootGuest(plain, 'sleep')).console);
    const after = BigInt(Date.now()) * 1000000n;
    expect(values).toMatchObject({ ready_set: 0n, ret: 0n });
    expect(Number(values['slept'])).toBeGreaterThanOrEqual(299);
    expect(Number(values['wall_slept'])).toBeGreaterThanOrEqual(299);
    expect(Number(values['wall_slept'])).toBeLessThan(5000);
    expect(Number(values['no_wait'])).toBeLessThan(250);
    expect(values['wall'] >= before && values['wall'] <= after).toBe(true);
  });
});

describe('block devices', () => {
  it('read and write any bytes of the storage, and nothing outside', async () => {
    const path = storage(64 * 1024);
    const result = await bootGuest(oneBlock, 'block', { blocks: [{ name: 'disk', path }] });
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(valuesOf(result.console)).toEqual({
      ...{ write: 0n, 'at end': 0n, 'low bits': 0n },
      ...{ 'beyond end': 2n, 'empty at end': 2n, 'huge size': 2n, 'no device': 2n, 'entry 0': 2n },
    });
    // The last writes at 0 and 1: 512 bytes from seed 0, then one from seed 80, then 30000 from 7 on from seed 40 * 7.
    const bytes = readFileSync(path);
    expect([...bytes.subarray(0, 9)]).toEqual([0, 80, 2, 3, 4, 5, 6, 280 & 0xff, 281 & 0xff]);
    expect(bytes).toHaveLength(64 * 1024);
  });

  it('take paths with every character that QEMU has a meaning for', async () => {
    const path = storage(4096, 'a,b=c:d"e\'f\\g %h.img');
    const result = await bootGuest(oneBlock, 'page-tables', { blocks: [{ name: 'disk', path }] });
    expect(valuesOf(result.console)).toEqual({ ret: 0n });
  });

  it('may overwrite memory below 0x10000, as with the tender', async () => {
    const blocks = [{ name: 'disk', path: storage(4096) }];
    expect(valuesOf((await bootGuest(oneBlock, 'page-tables', { blocks })).console)).toEqual({ ret: 0n });
  });

  it('may not overwrite text', async () => {
    const blocks = [{ name: 'disk', path: storage(4096) }];
    expect(await bootGuest(oneBlock, 'misuse=block-into-text', { blocks })).toMatchObject({
      outcome: 'killed',
      reason: 'BLOCK_READ: 512 bytes at 0x100000 lie in a segment that is not writable',
    });
  });
});

/** One end of QEMU's socket back end: frames with a 32-bit length in front. */
class Wire {
  readonly received: Buffer[] = [];
  readonly port: Promise<number>;
  private socket: Promise<Socket>;
  private pending = Buffer.alloc(0);
  private readonly server = createServer();

  constructor() {
    this.port = new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', () => resolve((this.server.address() as { port: number }).port));
    });
    this.socket = new Promise((resolve) => {
      this.server.once('connection', (socket) => {
        socket.on('data', (chunk) => this.take(chunk));
        socket.on('error', () => {});
        resolve(socket);
      });
    });
  }

  private take(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk]);
    while (this.pending.length >= 4 && this.pending.length >= 4 + this.pending.readUInt32BE(0)) {
      const end = 4 + this.pending.readUInt32BE(0);
      this.received.push(Buffer.from(this.pending.subarray(4, end)));
      this.pending = this.pending.subarray(end);
    }
  }

  async send(frame: Uint8Array): Promise<void> {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(frame.length);
    (await this.socket).write(Buffer.concat([length, frame]));
  }

  /** Resolves when this many frames have come from the guest. */
  async has(count: number): Promise<void> {
    await expect.poll(() => this.received.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(count);
  }

  async attachment(name: string): Promise<NetAttachment> {
    return { name, backend: 'socket', options: `connect=127.0.0.1:${await this.port}` };
  }

  close(): void {
    this.server.close();
  }
}

/** An Ethernet frame to everybody, padded to 60 bytes as QEMU does. */
function frame(payload: string, size = 60): Buffer {
  const bytes = Buffer.alloc(Math.max(size, 14 + payload.length));
  bytes.fill(0xff, 0, 6);
  bytes.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], 6);
  bytes.write(payload, 14);
  return bytes;
}

describe('network devices', () => {
  it('carry frames of every size both ways, each to and from the device of its name', async () => {
    const wires = [new Wire(), new Wire()];
    const nets = await Promise.all(wires.map((wire, i) => wire.attachment(['left', 'right'][i])));
    const running = bootGuest(twoNets, 'echo', { nets });
    await Promise.all(wires.map((wire) => wire.has(1)));
    const sizes = [60, 61, 64, 100, 590, 1513, 1514];
    for (const wire of wires) {
      for (const size of sizes) await wire.send(frame(`size ${size}`, size));
    }
    await Promise.all(wires.map((wire) => wire.has(1 + sizes.length)));
    await wires[0].send(frame('bye'));
    expect(await running).toMatchObject({ outcome: 'halted', status: 0, console: '' });
    for (const [i, wire] of wires.entries()) {
      const expected = sizes.map((size) => {
        const bytes = frame(`size ${size}`, size);
        bytes[13] = i + 1;
        return bytes;
      });
      expect(wire.received.slice(1, 1 + sizes.length)).toEqual(expected);
      wire.close();
    }
  });

  it('wait for input as long as POLL says, in sleep', async () => {
    const wire = new Wire();
    const nets = [await wire.attachment('left'), { name: 'right', backend: 'user', options: '' }];
    const running = bootGuest(twoNets, 'echo', { nets });
    await wire.has(1);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await wire.send(frame('bye'));
    expect(await running).toMatchObject({ outcome: 'halted', status: 0 });
    wire.close();
  });

  it('answer AGAIN without input, EINVAL without a device, and die of a frame too short', async () => {
    const nets = ['left', 'right'].map((name) => ({ name, backend: 'user', options: 'restrict=on' }));
    const result = await bootGuest(twoNets, 'net-edges', { nets });
    expect(valuesOf(result.console)).toEqual({ 'nothing there': 1n, 'no device': 2n });
    expect(result).toMatchObject({
      outcome: 'killed',
      reason: "NET_WRITE: 'left' cannot send 4 bytes; must be 14 to 65550",
    });
  });
});

describe('the manifest', () => {
  it('arrives filled in, each entry with the device of its name', async () => {
    const result = await bootGuest(twoOfEach, 'manifest', {
      blocks: [
        { name: 'disk1', path: storage(8192), blockSize: 4096 },
        { name: 'disk0', path: storage(1536) },
      ],
      nets: [
        { name: 'net1', backend: 'user', options: '', mac: [2, 1, 1, 1, 1, 1], mtu: 9000 },
        { name: 'net0', backend: 'user', options: '', mac: [2, 0, 0, 0, 0, 7] },
      ],
    });
    expect(result.console).toBe(
      [
        ...['entries=0x5', ' type=0x40000000', ' attached=0x0'],
        ...['net0 type=0x2', ' attached=0x1', ' mtu=0x5dc', ...[2, 0, 0, 0, 0, 7].map((byte) => ` mac=0x${byte}`)],
        ...['disk0 type=0x1', ' attached=0x1', ' capacity=0x600', ' block_size=0x200'],
        ...['net1 type=0x2', ' attached=0x1', ' mtu=0x2328', ...[2, 1, 1, 1, 1, 1].map((byte) => ` mac=0x${byte}`)],
        ...['disk1 type=0x1', ' attached=0x1', ' capacity=0x2000', ' block_size=0x1000'],
        '',
      ].join('\n'),
    );
  });
});

describe('a guest dies of', () => {
  it.each([
    ['in', /^invalid port access: in of 4 bytes, port 0x502, at 0x/],
    ['size-2', /^invalid port access: out of 2 bytes, port 0x502/],
    ['port-600', /^invalid port access: out of 4 bytes, port 0x600/],
    ['serial', /^invalid port access: out of 1 bytes, port 0x3f8/],
    ['number-0', /^invalid hypercall 0$/],
    ['number-9', /^invalid port access: out of 4 bytes, port 0x509/],
    ['block-unattached', /^invalid hypercall 5: no block device is attached$/],
    ['net-unattached', /^invalid hypercall 7: no net device is attached$/],
    ['end', /^WALLTIME: invalid guest access: 8 bytes at 0x3fffff8; must end below 0x4000000$/],
    ['text', /^WALLTIME: 8 bytes at 0x100000 lie in a segment that is not writable$/],
    ['rodata', /^WALLTIME: 8 bytes at 0x10[0-9a-f]+ lie in a segment that is not writable$/],
    ['puts-overflow', /^PUTS: invalid guest access: 18446744073709551615 bytes at 0x200000/],
    ['puts-end', /^PUTS: invalid guest access: 4 bytes at 0x3fffffc/],
    ['cookie', /^HALT: invalid guest access: 512 bytes at 0x3fffe01/],
  ])('a wrong hypercall: %s', async (name, reason) => {
    const result = await bootGuest(plain, `misuse=${name}`);
    expect(result).toMatchObject({ outcome: 'killed', status: -1, console: '' });
    expect(result.reason).toMatch(reason);
  });
});

it('keeps the guest’s vector registers over a hypercall', async () => {
  expect((await bootGuest(plain, 'vectors')).console).toBe('kept\n');
});

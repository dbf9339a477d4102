/**
 * Devices of the platform layer for bare RISC-V: bound by name, checked, waited for, and what was written stays written.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bootRiscv } from '../../../targets/riscv64/boot.ts';
import { isLong } from '../../support/long.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { freePort } from '../../support/tcp.ts';
import { findTool, requireTools } from '../../support/tools.ts';
import { buildGuest } from '../hvt/guest.ts';
import { boot, machines } from './machines.ts';
import { startMeasured } from './measured.ts';

requireTools('clang', 'qemu-system-riscv64');

const says = readFileSync(join(projectRoot, 'test/targets/hvt/guests/says.h'), 'utf8');

const source = `${says}
static uint8_t buffer[262144], back[262144];
static solo5_handle_t net, quiet, disk, second;
static struct solo5_net_info net_info, quiet_info;
static struct solo5_block_info disk_info, second_info;

static void fill(uint8_t *at, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++) at[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

static int check(void) {
    solo5_handle_t other;
    size_t size;
    if (solo5_block_read(2, 0, buffer, 512) != SOLO5_R_EINVAL) return 1; /* not acquired yet */
    if (solo5_net_acquire("disk", &other, &net_info) != SOLO5_R_EINVAL) return 2;
    if (solo5_net_acquire("net", &other, &net_info) != SOLO5_R_EINVAL) return 3;
    if (solo5_net_acquire(NULL, &other, &net_info) != SOLO5_R_EINVAL) return 4;
    if (solo5_net_acquire("net0", &net, &net_info) != SOLO5_R_OK || net != 2) return 5;
    if (solo5_net_acquire("net0", &other, &net_info) != SOLO5_R_EINVAL) return 6;
    if (solo5_block_acquire("disk", &disk, &disk_info) != SOLO5_R_OK || disk != 3) return 7;
    if (solo5_block_acquire("second", &second, &second_info) != SOLO5_R_OK || second != 1) return 8;
    say_number("mtu", net_info.mtu);
    say_number("mac0", net_info.mac_address[0]), say_number("mac5", net_info.mac_address[5]);
    say_number("capacity", disk_info.capacity), say_number("block", disk_info.block_size);
    say_number("capacity2", second_info.capacity), say_number("block2", second_info.block_size);
    size_t unit = disk_info.block_size, end = disk_info.capacity;

    /* More than the layer moves at once, and not a multiple of that. */
    fill(buffer, 50 * 4096, 1);
    if (solo5_block_write(disk, unit, buffer, 50 * 4096) != SOLO5_R_OK) return 10;
    if (solo5_block_read(disk, unit, back, 50 * 4096) != SOLO5_R_OK) return 11;
    for (size_t i = 0; i < 50 * 4096; i++) if (back[i] != buffer[i]) return 12;
    if (solo5_block_write(disk, end - unit, buffer, unit) != SOLO5_R_OK) return 13;

    struct { uint64_t offset, size; } wrong[] = {{1, unit}, {unit - 1, unit}, {0, 0}, {0, 1}, {0, unit + 1}, {end, unit},
        {end - unit, 2 * unit}, {-unit, unit}, {-unit, 2 * unit}, {0, -unit}, {1ull << 63, 1ull << 63}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (solo5_block_read(disk, wrong[i].offset, back, wrong[i].size) != SOLO5_R_EINVAL) return 20;
        if (solo5_block_write(disk, wrong[i].offset, back, wrong[i].size) != SOLO5_R_EINVAL) return 21;
    }
    if (solo5_block_read(disk, 0, NULL, unit) != SOLO5_R_EINVAL || solo5_block_write(disk, 0, NULL, unit) != SOLO5_R_EINVAL)
        return 22;
    if (solo5_block_read(net, 0, back, unit) != SOLO5_R_EINVAL || solo5_block_read(0, 0, back, unit) != SOLO5_R_EINVAL) return 25;
    if (solo5_block_read(5, 0, back, unit) != SOLO5_R_EINVAL || solo5_block_read(~0ull, 0, back, unit) != SOLO5_R_EINVAL) return 28;
    size_t frame = net_info.mtu + SOLO5_NET_HLEN;
    if (solo5_net_read(net, buffer, frame - 1, &size) != SOLO5_R_EINVAL) return 30;
    if (solo5_net_read(net, NULL, frame, &size) != SOLO5_R_EINVAL || solo5_net_read(net, buffer, frame, NULL) != SOLO5_R_EINVAL)
        return 31;
    if (solo5_net_write(net, buffer, frame + 1) != SOLO5_R_EINVAL || solo5_net_write(net, buffer, 13) != SOLO5_R_EINVAL)
        return 32;
    if (solo5_net_write(disk, buffer, 60) != SOLO5_R_EINVAL || solo5_net_write(net, NULL, 60) != SOLO5_R_EINVAL) return 33;
    for (int i = 0; i < 1000; i++) if (solo5_net_write(net, buffer, frame) != SOLO5_R_OK) return 34;
    if (solo5_net_read(net, buffer, frame, &size) != SOLO5_R_AGAIN) return 35;
    say("done\\n");
    return 0;
}

/* Who has 10.0.2.2? QEMU's network answers. */
static int wake(void) {
    static uint8_t frame[1514] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
        2, 0, 0, 0, 0, 9, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2};
    size_t size;
    if (solo5_net_acquire("quiet", &quiet, &quiet_info) != SOLO5_R_OK) return 1;
    if (solo5_net_acquire("net0", &net, &net_info) != SOLO5_R_OK) return 1;
    for (int i = 0; i < 300; i++) {
        solo5_time_t start = solo5_clock_monotonic();
        solo5_handle_set_t ready = 0;
        frame[0] = 0xff, frame[6] = 2, frame[11] = 9, frame[21] = 1;
        for (int at = 0; at < 6; at++) frame[at] = 0xff, frame[6 + at] = frame[22 + at] = at == 0 ? 2 : at == 5 ? 9 : 0;
        uint8_t addresses[] = {10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2};
        for (size_t at = 0; at < sizeof addresses; at++) frame[28 + at] = addresses[at];
        if (solo5_net_write(net, frame, 60) != SOLO5_R_OK) return 2;
        solo5_yield(start + 20000000000, &ready);
        if (ready != 1ull << net) return 3;
        if (solo5_clock_monotonic() - start > 10000000000) return 4;
        if (solo5_net_read(quiet, frame, sizeof frame, &size) != SOLO5_R_AGAIN) return 5;
        if (solo5_net_read(net, frame, sizeof frame, &size) != SOLO5_R_OK || size < 42) return 6;
        if (frame[0] != 2 || frame[5] != 9 || frame[21] != 2) return 7;
    }
    return 0;
}

static int wait(void) {
    if (solo5_net_acquire("net0", &net, &net_info) != SOLO5_R_OK) return 1;
    say("waiting\\n");
    solo5_time_t end = solo5_clock_monotonic() + 4000000000u;
    while (solo5_clock_monotonic() < end) {
        solo5_handle_set_t ready;
        size_t size;
        solo5_yield(end, &ready);
        while (solo5_net_read(net, buffer, sizeof buffer, &size) == SOLO5_R_OK) continue;
    }
    return 0;
}

/* Counts the datagrams that come and sends each back: addresses and ports swapped, checksum off. */
static int reflect(void) {
    solo5_time_t start = solo5_clock_monotonic();
    uint64_t count = 0, wanted = 0;
    if (solo5_net_acquire("net0", &net, &net_info) != SOLO5_R_OK) return 1;
    say("waiting\\n");
    for (;;) {
        size_t size;
        solo5_yield(solo5_clock_monotonic() + 1000000000, NULL);
        while (solo5_net_read(net, buffer, sizeof buffer, &size) == SOLO5_R_OK) {
            count++;
            wanted = (uint64_t)buffer[14] << 24 | (uint64_t)buffer[15] << 16 | (uint64_t)buffer[16] << 8 | buffer[17];
            if (solo5_net_write(net, buffer, size) != SOLO5_R_OK) return 2;
        }
        if (wanted == 0xffffffff || solo5_clock_monotonic() - start > 100000000000) break;
    }
    say_number("frames", count);
    return 0;
}

/* Writes blocks for ever, and says which are written. */
static int write_on(void) {
    if (solo5_block_acquire("disk", &disk, &disk_info) != SOLO5_R_OK) return 1;
    for (unsigned i = 0;; i++) {
        fill(buffer, 512, i);
        for (int at = 0; at < 4; at++) buffer[at] = (uint8_t)(i >> 8 * at);
        if (solo5_block_write(disk, i % (disk_info.capacity / 512) * 512, buffer, 512) != SOLO5_R_OK) return 2;
        say_number("written", i);
    }
}

int solo5_app_main(const struct solo5_start_info *info) {
    switch (info->cmdline[0]) {
    case 'w': return wake();
    case 'i': return wait();
    case 'r': return reflect();
    case 'o': return write_on();
    default: return check();
    }
}
`;

const devices = [
  { name: 'second', type: 'block' },
  { name: 'net0', type: 'net' },
  { name: 'disk', type: 'block' },
  { name: 'quiet', type: 'net' },
] as const;

const folder = temporaryFolder('riscv64-devices');
let image: string;
let disks = 0;

function storage(size: number): string {
  const path = join(folder, `disk${disks++}`);
  writeFileSync(path, new Uint8Array(size));
  return path;
}

/** All four attached. */
function attached(disk = storage(1 << 20), blockSize = 512, net: object = {}) {
  return {
    blocks: [
      { name: 'disk', path: disk, blockSize },
      { name: 'second', path: storage(8192) },
    ],
    nets: [
      { name: 'quiet', backend: 'user', options: 'restrict=on' },
      { name: 'net0', backend: 'user', options: 'restrict=on', mac: [2, 0, 0, 0, 0, 9], ...net },
    ],
  };
}

beforeAll(async () => {
  image = await buildGuest('devices', source, devices, 'riscv64');
}, 120_000);

describe('devices', () => {
  test.each(machines)(
    'are bound by name and check what they are asked ($machine, legacy: $legacy)',
    async (machine) => {
      const disk = storage(1 << 20);
      const result = await boot(image, { ...attached(disk), ...machine });
      const said = 'mtu 1500\nmac0 2\nmac5 9\ncapacity 1048576\nblock 512\ncapacity2 8192\nblock2 512\ndone\n';
      expect(result).toMatchObject({ outcome: 'halted', status: 0, console: said });
      const written = readFileSync(disk);
      const pattern = Buffer.from(Array.from({ length: 50 * 4096 }, (_, i) => (i * 7 + (i >> 8) + 1) & 255));
      expect(written.subarray(512, 512 + pattern.length).equals(pattern)).toBe(true);
      expect(written.subarray(-512).equals(pattern.subarray(0, 512))).toBe(true);
      expect(written.subarray(0, 512).every((byte) => byte === 0)).toBe(true);
    },
  );

  test('have the block size and the MTU of the machine', async () => {
    const result = await boot(image, attached(storage(1 << 20), 4096, { mtu: 9000 }));
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(result.console).toContain('mtu 9000\n');
    expect(result.console).toContain('block 4096\n');
  });

  test.each(machines)(
    'wake a sleeping guest, every time, and say which it is ($machine, legacy: $legacy)',
    async (machine) => {
      const result = await boot(image, { ...attached(), args: ['w'], ...machine });
      expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    },
  );

  // All at once, since they wait.
  test.concurrent.each(machines)('cost little while nothing comes ($machine, legacy: $legacy)', async (machine) => {
    const { busy, result } = await startMeasured(image, { ...attached(), args: ['i'], ...machine }, 'waiting', 2000);
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(busy).toBeLessThan(machine.machine === 'virt' ? 0.1 : 0.3);
  });
});

/** The host's end of a wire to the guest: QEMU passes each frame on as a datagram. */
async function wire(): Promise<{ socket: Socket; port: number; guest: number }> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  socket.setRecvBufferSize(4 << 20);
  return { socket, port: socket.address().port, guest: await freePort() };
}

describe('frames', () => {
  const count = isLong ? 100_000 : 5000;
  test.each(machines.slice(0, 2))(
    `none of ${count} is lost in the guest (legacy: $legacy)`,
    async (machine) => {
      const { socket, port, guest } = await wire();
      const back = new Set<number>();
      let next = 0;
      const frame = (number: number): Buffer => {
        const bytes = Buffer.alloc(60 + (number % 1400), number & 255);
        bytes.writeUInt32BE(number, 14);
        return bytes;
      };
      // As many under way as the network between us and QEMU is sure to hold.
      const send = () => {
        while (next < count && next - back.size < 32) socket.send(frame(next++), guest, '127.0.0.1');
      };
      const all = new Promise<void>((done) => {
        socket.on('message', (bytes) => {
          const number = bytes.readUInt32BE(14);
          if (number === 0xffffffff) return;
          if (bytes.equals(frame(number))) back.add(number);
          if (back.size === count) done();
          else send();
        });
      });
      const net = {
        backend: 'socket',
        options: `udp=127.0.0.1:${port},localaddr=127.0.0.1:${guest}`,
      };
      let heard = '';
      const result = boot(image, {
        ...attached(undefined, 512, net),
        ...machine,
        args: ['r'],
        timeout: 110,
        onConsole: (chunk) => {
          heard += Buffer.from(chunk).toString();
          if (heard.includes('waiting') && next === 0) send();
        },
      });
      await Promise.race([all, result]);
      socket.send(Buffer.alloc(60, 0xff), guest, '127.0.0.1');
      expect(await result).toMatchObject({ outcome: 'halted', status: 0, console: `waiting\nframes ${count + 1}\n` });
      expect(back.size).toBe(count);
      socket.close();
    },
    120_000,
  );
});

describe('a frame that comes while the guest sleeps', () => {
  test.each(machines)('wakes it by an interrupt, not by the timer ($machine, legacy: $legacy)', async (machine) => {
    const { socket, port, guest } = await wire();
    const times: number[] = [];
    let heard = '';
    let sent = 0;
    const send = () => {
      sent = performance.now();
      socket.send(Buffer.alloc(60, times.length), guest, '127.0.0.1');
    };
    const all = new Promise<void>((done) => {
      socket.on('message', (bytes) => {
        if (bytes[14] === 0xff) return;
        times.push(performance.now() - sent);
        if (times.length === 25) done();
        else setTimeout(send, 20);
      });
    });
    const options = `udp=127.0.0.1:${port},localaddr=127.0.0.1:${guest}`;
    const result = boot(image, {
      ...attached(undefined, 512, { backend: 'socket', options }),
      ...machine,
      args: ['r'],
      onConsole: (chunk) => {
        const before = heard;
        heard += Buffer.from(chunk).toString();
        if (heard.includes('waiting') && !before.includes('waiting')) setTimeout(send, 20);
      },
    });
    await Promise.race([all, result]);
    socket.send(Buffer.alloc(60, 0xff), guest, '127.0.0.1');
    expect(await result).toMatchObject({ outcome: 'halted', status: 0 });
    socket.close();
    // The guest looks by itself 100 ms after it fell asleep: a frame that comes after 20 would have to wait for 80.
    expect(times.sort((a, b) => a - b)[12]).toBeLessThan(50);
  });
});

describe('a machine that is killed', () => {
  test('has on its disk every block that it said was written', async () => {
    const disk = storage(1 << 20);
    let child: ChildProcess | undefined;
    let heard = '';
    const host = {
      find: findTool,
      emulator: '',
      spawn: (path: string, args: readonly string[], options: SpawnOptions) => {
        child = spawn(path, args, options);
        return child;
      },
    };
    const onConsole = (chunk: Uint8Array) => {
      heard += Buffer.from(chunk).toString();
      if (heard.includes('written 600\n')) child!.kill('SIGKILL');
    };
    const options = { ...attached(disk), image, memory: 32, args: ['o'], timeout: 60, onConsole };
    await expect(bootRiscv(options, host)).rejects.toThrow('signal SIGKILL');
    const written = [...heard.matchAll(/written (\d+)\n/g)].map(([, number]) => Number(number));
    expect(written.length).toBeGreaterThan(600);
    const bytes = readFileSync(disk);
    for (const number of written) expect(bytes.readUInt32LE(number * 512), `block ${number}`).toBe(number);
  });
});

/**
 * The hvt platform layer inside real guests: built, linked, booted, and held to what solo5.h promises.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { hvtPlatform } from '../../../targets/hvt/platform.ts';
import { everyNth } from '../../support/long.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';
import { boot, buildGuest } from './guest.ts';

requireTools('clang', 'readelf', 'ld');

const says = readFileSync(join(projectRoot, 'test/targets/hvt/guests/says.h'), 'utf8');

/** A guest whose solo5_app_main has this body, after these declarations. */
function guest(name: string, body: string, declarations = '', devices: Parameters<typeof buildGuest>[2] = []) {
  const main = `int solo5_app_main(const struct solo5_start_info *info) {\n(void)info;\n${body}\n}\n`;
  return buildGuest(name, `${says}\n${declarations}\n${main}`, devices);
}

/** Lines of "name value" as a record. */
function facts(console: string): Record<string, bigint> {
  return Object.fromEntries(
    [...console.matchAll(/^(\S+) (\d+)$/gm)].map(([, name, value]) => [name!, BigInt(value!)] as const),
  );
}

const page = 4096n;
const MiB = 1n << 20n;

describe('the start', () => {
  let image: string;
  beforeAll(async () => {
    image = await guest(
      'start',
      `say("["); say(info->cmdline); say("]\\n");
      say_number("heap_start", info->heap_start);
      say_number("heap_size", info->heap_size);
      say_number("end", (uint64_t)_end);
      say_number("stack", (uint64_t)__builtin_frame_address(0));
      say_number("aligned", (uint64_t)__builtin_frame_address(0) % 16);
      unsigned char *heap = (unsigned char *)info->heap_start;
      for (size_t i = 0; i < info->heap_size; i += 4096) if (heap[i] != 0) return 9;
      for (size_t i = 0; i < info->heap_size; i += 4096) heap[i] = (unsigned char)(i >> 12);
      for (size_t i = 0; i < info->heap_size; i += 4096) if (heap[i] != (unsigned char)(i >> 12)) return 8;
      heap[info->heap_size - 1] = 1;
      return constructed;`,
      'extern char _end[]; static int constructed; __attribute__((constructor)) static void construct(void) { constructed = 5; }',
    );
  });

  test.each([2, 32, 512])(
    'of a guest with %i MiB gives it a page-aligned heap between image and stack',
    async (memory) => {
      const result = await boot(image, { memory });
      expect(result).toMatchObject({ outcome: 'halted', status: 5 });
      const found = facts(result.console);
      const heapEnd = found['heap_start']! + found['heap_size']!;
      expect(found['heap_start']! % page).toBe(0n);
      expect(found['heap_size']! % page).toBe(0n);
      expect(found['heap_start']!).toBeGreaterThanOrEqual(found['end']!);
      expect(found['heap_start']! - found['end']!).toBeLessThan(3n * page);
      expect(found['stack']!).toBeLessThan(BigInt(memory) * MiB);
      const room = BigInt(memory) * MiB - heapEnd;
      expect(room).toBeGreaterThanOrEqual(memory === 2 ? 128n << 10n : MiB);
      expect(room).toBeLessThanOrEqual(MiB + page);
      expect(found['stack']!).toBeGreaterThan(heapEnd);
    },
  );

  test('runs constructors before the program, which returns to the host', async () => {
    expect((await boot(image)).status).toBe(5);
  });

  test('hands the command line over without Solo5’s own leading options', async () => {
    const line = async (...args: string[]) => /^\[(.*)\]$/ms.exec((await boot(image, { args })).console)![1];
    expect(await line()).toBe('');
    expect(await line('a', 'b  c')).toBe('a b  c');
    expect(await line('--solo5:quiet', '--solo5:debug', 'a', '--solo5:quiet')).toBe('a --solo5:quiet');
    expect(await line('--solo5:quietly')).toBe('--solo5:quietly');
    expect(await line('x'.repeat(8000))).toBe('x'.repeat(8000));
  });
});

describe('time', () => {
  test('passes, never backwards, and as the wall clock does; a sleep lasts at least as long as asked', async () => {
    const image = await guest(
      'time',
      `solo5_time_t start = solo5_clock_monotonic(), wall = solo5_clock_wall(), last = start;
      for (int i = 0; i < 100000; i++) {
          solo5_time_t now = solo5_clock_monotonic();
          if (now < last) return 9;
          last = now;
      }
      for (int i = 0; i < 20; i++) {
          solo5_time_t until = solo5_clock_monotonic() + 1000000u * (unsigned)i;
          solo5_handle_set_t ready = 77;
          solo5_yield(until, &ready);
          if (solo5_clock_monotonic() < until || ready != 0) return 8;
      }
      solo5_yield(0, NULL);
      solo5_yield(solo5_clock_monotonic() + 1500000000, NULL);
      say_number("monotonic", solo5_clock_monotonic() - start);
      say_number("wall", solo5_clock_wall() - wall);
      say_number("now", wall);
      return 0;`,
    );
    const before = BigInt(Date.now()) * 1_000_000n;
    const result = await boot(image);
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    const found = facts(result.console);
    expect(found['monotonic']!).toBeGreaterThanOrEqual(1_690_000_000n);
    const drift = Number(found['wall']! - found['monotonic']!);
    // Asking the host for its time takes long on a busy machine; a wrong scale would show all the same.
    expect(Math.abs(drift)).toBeLessThan(0.1 * Number(found['monotonic']!) + 5e8);
    expect(found['now']!).toBeGreaterThan(before - 2_000_000_000n);
  });
});

describe('thread-local storage', () => {
  test('is there from the start and can be made for more threads', async () => {
    const image = await guest(
      'tls',
      `if (number != 42 || zero != 0 || (uintptr_t)aligned % 256 != 0 || aligned[0] != 'h') return 1;
      if (solo5_tls_size() < 256) return 2;
      uintptr_t blocks[2], main_base;
      __asm__("movq %%fs:0, %0" : "=r"(main_base));
      for (int i = 0; i < 2; i++) {
          blocks[i] = info->heap_start + 1 + (uintptr_t)i * solo5_tls_size(); /* any alignment */
          if (solo5_tls_init(blocks[i]) != SOLO5_R_OK) return 3;
      }
      number = 1;
      for (int i = 0; i < 2; i++) {
          if (solo5_set_tls_base(solo5_tls_tp_offset(blocks[i])) != SOLO5_R_OK) return 4;
          if (read_number() != 42 || zero != 0 || (uintptr_t)aligned % 256 != 0) return 5;
          number = 10 + i;
      }
      solo5_set_tls_base(solo5_tls_tp_offset(blocks[0]));
      if (read_number() != 10) return 6;
      solo5_set_tls_base(main_base);
      if (read_number() != 1) return 7;
      if (solo5_tls_init(0) != SOLO5_R_EINVAL) return 8;
      if (solo5_set_tls_base(0x800000000000) != SOLO5_R_EINVAL) return 9;
      return 0;`,
      `static _Thread_local int number = 42;
      static _Thread_local long zero;
      static _Thread_local char aligned[3] __attribute__((aligned(256))) = "hi";
      __attribute__((noinline)) static int read_number(void) { return *(volatile int *)&number; }`,
    );
    expect(await boot(image)).toMatchObject({ outcome: 'halted', status: 0 });
  });

  test('holds the canary where objects from elsewhere look for it', async () => {
    const image = await guest(
      'canary',
      `uintptr_t copy;
      __asm__("movq %%fs:0x28, %0" : "=r"(copy));
      say_number("canary", __stack_chk_guard);
      return copy == __stack_chk_guard ? 0 : 1;`,
      'extern uintptr_t __stack_chk_guard;',
    );
    const canaries = new Set<bigint>();
    for (let i = 0; i < 4; i++) {
      const result = await boot(image);
      expect(result).toMatchObject({ outcome: 'halted', status: 0 });
      const canary = facts(result.console)['canary']!;
      expect(canary & 0xffn).toBe(0n);
      // With RDRAND about half of the bits are set; far fewer means a counter.
      expect(canary.toString(2).replaceAll('0', '').length).toBeGreaterThan(12);
      canaries.add(canary);
    }
    expect(canaries.size).toBe(4);
    // Without RDRAND and RDSEED the counter must do.
    const poor = await boot(image, { cpu: 'EPYC-Milan,-rdrand,-rdseed' });
    expect(poor).toMatchObject({ outcome: 'halted', status: 0 });
    expect(facts(poor.console)['canary']!).not.toBe(0n);
  });
});

describe('what goes wrong', () => {
  let image: string;
  beforeAll(async () => {
    image = await guest(
      'traps',
      `volatile int zero = 0;
      switch (info->cmdline[0]) {
      case 'd': return (int)divide(1, (unsigned)zero);
      case 'u': __asm__ volatile("ud2");
      case 'b': __asm__ volatile("int3");
      case 'w': *(volatile int *)0x123456789008 = 1; return 0;
      case 'r': return *(volatile int *)8;
      case 'x': ((void (*)(void))0x555555555000)(); return 0;
      case 'g': return *(volatile int *)0x8000000000000000;
      case 's': overrun(info->cmdline, 100); return 0;
      case 'S': return recurse(1);
      case 'a': solo5_abort();
      case 'f': __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(unmasked)); return 0;
      case 'v': {
          /* Software interrupts reach the gates of vectors that no instruction raises. */
          int vector = (info->cmdline[1] - '0') * 10 + info->cmdline[2] - '0';
          raise(vector);
          return 0;
      }
      }
      return 77;`,
      `static const uint16_t unmasked = 0x360;
      __attribute__((noinline)) static unsigned divide(unsigned a, unsigned b) {
          unsigned high = 0;
          __asm__ volatile("divl %2" : "+a"(a), "+d"(high) : "r"(b));
          return a;
      }
      __attribute__((noinline)) static void overrun(const char *text, int size) {
          char buffer[8];
          for (volatile int i = 0; i < size; i++) ((volatile char *)buffer)[i] = text[0];
          say("overrun\\n");
      }
      __attribute__((noinline)) static int recurse(int n) {
          volatile char big[100000];
          big[0] = (char)n;
          return n == 0 ? 0 : recurse(n + 1) + big[0];
      }
      static void raise(int vector) {
          switch (vector) {
      ${Array.from({ length: 32 }, (_, i) => `case ${i}: __asm__ volatile("int $${i}"); break;`).join('\n')}
          }
      }`,
    );
  });

  test.each([
    ['d', 'trap 0 (divide error)'],
    ['b', 'trap 3 (breakpoint)'],
    ['u', 'trap 6 (invalid opcode)'],
    ['g', 'trap 13 (general protection)'],
    ['w', 'trap 14 (page fault) writing 0x123456789008 (not mapped): error 0x2, rip 0x1'],
    ['r', 'trap 14 (page fault) reading 0x8 (not mapped): error 0x0, rip 0x1'],
    ['x', 'trap 14 (page fault) executing 0x555555555000 (not mapped): error 0x0, rip 0x555555555000'],
    ['f', 'trap 16 (x87 floating-point error)'],
    ['s', 'a stack buffer was overrun'],
    ['a', 'solo5_abort() was called'],
  ])('(%s) ends the guest with status 255 and "%s"', async (argument, message) => {
    const result = await boot(image, { args: [argument] });
    expect(result).toMatchObject({ outcome: 'halted', status: 255 });
    expect(result.console).toContain(`casemate: ABORT: ${message}`);
    expect(result.console.trimEnd().split('\n').at(-1)).toMatch(/^casemate: ABORT: /);
  });

  test('a stack that ran through all of memory does not let the program go on', async () => {
    const result = await boot(image, { args: ['S'], memory: 4 });
    // Stock hvt has no guard page: the stack runs through the heap and the image's data before it meets what it may
    // not write. That the guest does not go on is all that can be promised.
    expect(result.status).not.toBe(77);
    expect(result.outcome).not.toBe('timeout');
  });

  const vectors = Array.from({ length: 32 }, (_, i) => i);
  test.each(everyNth(vectors, 5))('vector %i has a gate of its own', async (vector) => {
    const result = await boot(image, { args: [`v${`${vector}`.padStart(2, '0')}`] });
    expect(result).toMatchObject({ outcome: 'halted', status: 255 });
    expect(result.console).toContain(`ABORT: trap ${vector} (`);
  });
});

describe('devices', () => {
  const devices = [
    { name: 'net0', type: 'net' },
    { name: 'disk', type: 'block' },
  ] as const;
  const nets = [{ name: 'net0', backend: 'user', options: 'restrict=on', mac: [2, 0, 0, 0, 0, 9] }];

  test('are checked before the tender sees a request', async () => {
    const image = await guest(
      'devices',
      `solo5_handle_t net, disk, other;
      struct solo5_net_info net_info;
      struct solo5_block_info disk_info;
      size_t size;
      if (solo5_block_read(2, 0, buffer, 512) != SOLO5_R_EINVAL) return 1; /* not acquired yet */
      if (solo5_net_acquire("disk", &other, &net_info) != SOLO5_R_EINVAL) return 2;
      if (solo5_net_acquire("net", &other, &net_info) != SOLO5_R_EINVAL) return 3;
      if (solo5_net_acquire("", &other, &net_info) != SOLO5_R_EINVAL) return 4;
      if (solo5_net_acquire("net0", &net, &net_info) != SOLO5_R_OK) return 5;
      if (solo5_net_acquire("net0", &other, &net_info) != SOLO5_R_EINVAL) return 6;
      if (solo5_block_acquire("disk", &disk, &disk_info) != SOLO5_R_OK) return 7;
      if (disk_info.block_size != 512 || disk_info.capacity != 8192) return 8;
      if (net_info.mtu != 1500 || net_info.mac_address[0] != 2 || net_info.mac_address[5] != 9) return 9;

      for (int i = 0; i < 1024; i++) buffer[i] = (uint8_t)(i * 7);
      if (solo5_block_write(disk, 512, buffer, 512) != SOLO5_R_OK) return 10;
      if (solo5_block_write(disk, 7680, buffer + 512, 512) != SOLO5_R_OK) return 11;
      if (solo5_block_read(disk, 512, back, 512) != SOLO5_R_OK) return 12;
      for (int i = 0; i < 512; i++) if (back[i] != buffer[i]) return 13;

      struct { uint64_t offset, size; } wrong[] = {{1, 512}, {511, 512}, {0, 0}, {0, 1}, {0, 513}, {8192, 512},
          {7680, 1024}, {~0ull - 511, 512}, {~0ull - 511, 1024}, {0, ~0ull - 511}, {1ull << 63, 1ull << 63}};
      for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
          if (solo5_block_read(disk, wrong[i].offset, back, wrong[i].size) != SOLO5_R_EINVAL) return 20;
          if (solo5_block_write(disk, wrong[i].offset, back, wrong[i].size) != SOLO5_R_EINVAL) return 21;
      }
      uint8_t *bad[] = {NULL, (uint8_t *)0x8000, (uint8_t *)0x10000, (uint8_t *)(32ul << 20), (uint8_t *)~511ul,
          (uint8_t *)((32ul << 20) - 512), (uint8_t *)0x100000000};
      for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
          if (solo5_block_read(disk, 0, bad[i], 512) != SOLO5_R_EINVAL) return 22;
          if (solo5_net_read(net, bad[i], 1514, &size) != SOLO5_R_EINVAL) return 23;
      }
      if (solo5_block_write(disk, 0, (uint8_t *)(32ul << 20), 512) != SOLO5_R_EINVAL) return 24;
      if (solo5_block_read(net, 0, back, 512) != SOLO5_R_EINVAL) return 25;
      if (solo5_block_read(0, 0, back, 512) != SOLO5_R_EINVAL) return 26;
      if (solo5_block_read(3, 0, back, 512) != SOLO5_R_EINVAL) return 27;
      if (solo5_block_read(~0ull, 0, back, 512) != SOLO5_R_EINVAL) return 28;

      if (solo5_net_read(net, buffer, 1513, &size) != SOLO5_R_EINVAL) return 30;
      if (solo5_net_write(net, buffer, 1515) != SOLO5_R_EINVAL) return 31;
      if (solo5_net_write(net, buffer, 13) != SOLO5_R_EINVAL) return 32;
      if (solo5_net_write(disk, buffer, 60) != SOLO5_R_EINVAL) return 33;
      if (solo5_net_write(net, buffer, 1514) != SOLO5_R_OK) return 34;
      if (solo5_net_read(net, buffer, 1514, &size) != SOLO5_R_AGAIN) return 35;

      solo5_console_write((const char *)(32ul << 20), 10);
      solo5_console_write((const char *)0x200000000, 10);
      solo5_console_write("not seen", ~0ul);
      say("done\\n");
      return 0;`,
      'static uint8_t buffer[2048], back[2048];',
      devices,
    );
    const path = join(temporaryFolder('devices'), 'disk');
    writeFileSync(path, new Uint8Array(8192));
    const result = await boot(image, { nets, blocks: [{ name: 'disk', path }] });
    expect(result).toMatchObject({ outcome: 'halted', status: 0, console: 'done\n' });
    const disk = readFileSync(path);
    const pattern = Buffer.from(Array.from({ length: 1024 }, (_, i) => (i * 7) & 255));
    expect(disk.subarray(512, 1024).equals(pattern.subarray(0, 512))).toBe(true);
    expect(disk.subarray(7680).equals(pattern.subarray(512))).toBe(true);
    expect(disk.subarray(0, 512).every((byte) => byte === 0)).toBe(true);
  });

  test('wake a sleeping guest when a frame arrives, and say which one it is', async () => {
    const image = await guest(
      'wake',
      `solo5_handle_t unused, net;
      struct solo5_net_info net_info;
      size_t size;
      if (solo5_net_acquire("quiet", &unused, &net_info) != SOLO5_R_OK) return 1;
      if (solo5_net_acquire("net0", &net, &net_info) != SOLO5_R_OK) return 1;
      /* Who has 10.0.2.2? QEMU's network answers. */
      static uint8_t frame[1514] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
          2, 0, 0, 0, 0, 9, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2};
      solo5_time_t start = solo5_clock_monotonic();
      solo5_handle_set_t ready = 0;
      if (solo5_net_write(net, frame, 60) != SOLO5_R_OK) return 2;
      solo5_yield(start + 20000000000, &ready);
      if (ready != 1ull << net) return 3;
      if (solo5_clock_monotonic() - start > 10000000000) return 4;
      if (solo5_net_read(unused, frame, sizeof frame, &size) != SOLO5_R_AGAIN) return 5;
      if (solo5_net_read(net, frame, sizeof frame, &size) != SOLO5_R_OK || size < 42) return 6;
      if (frame[0] != 2 || frame[5] != 9 || frame[21] != 2) return 7;
      return 0;`,
      '',
      [{ name: 'quiet', type: 'net' }, devices[0]],
    );
    const quiet = { name: 'quiet', backend: 'user', options: 'restrict=on' };
    expect(await boot(image, { nets: [quiet, ...nets] })).toMatchObject({ outcome: 'halted', status: 0 });
  });

  test('twenty of them are found by name', { timeout: 60_000 }, async () => {
    const many = Array.from({ length: 20 }, (_, i) => ({ name: `disk${i}`, type: 'block' as const }));
    const image = await guest(
      'many',
      `for (int i = 19; i >= 0; i--) {
          char name[] = {'d', 'i', 's', 'k', (char)(i < 10 ? '0' + i : '1'), (char)(i < 10 ? 0 : '0' + i - 10), 0};
          solo5_handle_t handle;
          struct solo5_block_info disk;
          if (solo5_block_acquire(name, &handle, &disk) != SOLO5_R_OK || handle != (unsigned)i + 1) return i + 1;
          if (disk.capacity != 512u * ((unsigned)i + 1)) return 100 + i;
      }
      return 0;`,
      '',
      many,
    );
    const folder = temporaryFolder('many');
    const blocks = many.map(({ name }, i) => {
      writeFileSync(join(folder, name), new Uint8Array(512 * (i + 1)));
      return { name, path: join(folder, name) };
    });
    expect(await boot(image, { blocks })).toMatchObject({ outcome: 'halted', status: 0 });
  });
});

describe('the layer as objects', () => {
  let folder: string;
  let symbols: { name: string; type: string; defined: boolean }[];
  beforeAll(async () => {
    folder = temporaryFolder('layer');
    for (const source of hvtPlatform.sources) {
      await runOrThrow(requireTool('clang'), [
        ...[...hvtPlatform.cflags, ...hvtPlatform.platformCflags, '-Werror'],
        `-I${join(projectRoot, hvtPlatform.include)}`,
        ...hvtPlatform.headers.map((headers) => `-I${join(projectRoot, headers)}`),
        ...['-c', join(projectRoot, source), '-o', join(folder, `${source.replaceAll('/', '-')}.o`)],
      ]);
    }
    const objects = hvtPlatform.sources.map((source) => join(folder, `${source.replaceAll('/', '-')}.o`));
    const table = await runOrThrow(requireTool('readelf'), ['-sW', ...objects]);
    symbols = [...table.matchAll(/^ *\d+: \S+ +\d+ (\S+) +(?:GLOBAL|WEAK) +\S+ +(\S+) (\S+)$/gm)].map(
      ([, type, section, name]) => ({ name: name!, type: type!, defined: section !== 'UND' }),
    );
  });

  test('defines what solo5.h declares and nothing that could meet a program’s own names', () => {
    const names = symbols.filter(({ defined }) => defined).map(({ name }) => name);
    const allowed = /^(hvt_\w+|layer_\w+|solo5_\w+|_start|mem(cpy|move|set|cmp)|__stack_chk_(guard|fail))$/;
    expect(names.filter((name) => !allowed.test(name))).toEqual([]);
    const api = readFileSync(join(projectRoot, hvtPlatform.include, 'solo5.h'), 'utf8').replaceAll(/\/\*.*?\*\//gs, '');
    const declared = [...api.matchAll(/\b(solo5_\w+)\(/g)].map(([, name]) => name!);
    expect(names.filter((name) => name.startsWith('solo5_')).sort()).toEqual(
      declared.filter((name) => name !== 'solo5_app_main').sort(),
    );
  });

  test('needs nothing but the program and symbols that every linker makes', () => {
    const defined = new Set(symbols.filter((symbol) => symbol.defined).map(({ name }) => name));
    const missing = [...new Set(symbols.filter(({ name }) => !defined.has(name)).map(({ name }) => name))].sort();
    expect(missing).toEqual(['__ehdr_start', '__init_array_end', '__init_array_start', '_end', 'solo5_app_main']);
  });

  test('writes no control register', async () => {
    const texts = hvtPlatform.sources.map((source) => readFileSync(join(projectRoot, source), 'utf8'));
    for (const text of texts) expect(text).not.toMatch(/mov\w*\s+[^,\n]+,\s*%+cr\d/);
  });
});

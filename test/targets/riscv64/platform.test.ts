/**
 * The platform layer for bare RISC-V inside real guests: built, linked, booted, and held to what solo5.h promises.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readFile } from '../../../base/files.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { projectRoot } from '../../support/paths.ts';
import { requireTools } from '../../support/tools.ts';
import { buildGuest } from '../hvt/guest.ts';
import { boot, machines } from './machines.ts';
import { startMeasured } from './measured.ts';

requireTools('clang', 'qemu-system-riscv64');

const says = readFileSync(join(projectRoot, 'test/targets/hvt/guests/says.h'), 'utf8');

/** One guest for all that needs no device: the first letter of its command line says what it does. */
const source = `${says}
extern char _end[];
extern uintptr_t __stack_chk_guard;
static int constructed;
__attribute__((constructor)) static void construct(void) { constructed = 5; }

static int start(const struct solo5_start_info *info) {
    say("["); say(info->cmdline); say("]\\n");
    say_number("heap_start", info->heap_start);
    say_number("heap_size", info->heap_size);
    say_number("end", (uint64_t)_end);
    say_number("stack", (uint64_t)__builtin_frame_address(0));
    say_number("canary", __stack_chk_guard);
    unsigned char *heap = (unsigned char *)info->heap_start;
    for (size_t i = 0; i < info->heap_size; i += 4096) heap[i] = (unsigned char)(i >> 12);
    for (size_t i = 0; i < info->heap_size; i += 4096) if (heap[i] != (unsigned char)(i >> 12)) return 8;
    heap[info->heap_size - 1] = 1;
    return constructed;
}

static int pass_time(void) {
    solo5_time_t start = solo5_clock_monotonic(), wall = solo5_clock_wall(), last = start;
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
    return 0;
}

static _Thread_local int number = 42;
static _Thread_local long zero;
static _Thread_local char aligned[3] __attribute__((aligned(256))) = "hi";
static _Thread_local char aligned_zero[3] __attribute__((aligned(512)));
/* Apart, because a compiler keeps a variable's address over calls that change the thread pointer. */
__attribute__((noinline)) static int read_number(void) { return *(volatile int *)&number; }
__attribute__((noinline)) static void write_number(int value) { *(volatile int *)&number = value; }
__attribute__((noinline)) static bool is_fresh(void) {
    return read_number() == 42 && zero == 0 && (uintptr_t)aligned % 256 == 0 && aligned[0] == 'h' &&
           (uintptr_t)aligned_zero % 512 == 0 && aligned_zero[0] == 0;
}

static int threads(const struct solo5_start_info *info) {
    uintptr_t blocks[2], first;
    if (!is_fresh()) return 1;
    if (solo5_tls_size() < 512) return 2;
    __asm__ volatile("mv %0, tp" : "=r"(first));
    for (int i = 0; i < 2; i++) {
        blocks[i] = info->heap_start + 1 + (uintptr_t)i * solo5_tls_size(); /* any alignment */
        ((char *)blocks[i])[solo5_tls_size() - 1] = 99;
        ((char *)blocks[i])[solo5_tls_size()] = 77; /* not ours */
        if (solo5_tls_init(blocks[i]) != SOLO5_R_OK || ((char *)blocks[i])[solo5_tls_size()] != 77) return 3;
    }
    write_number(1);
    for (int i = 0; i < 2; i++) {
        if (solo5_set_tls_base(solo5_tls_tp_offset(blocks[i])) != SOLO5_R_OK) return 4;
        if (!is_fresh()) return 5;
        write_number(10 + i);
    }
    solo5_set_tls_base(solo5_tls_tp_offset(blocks[0]));
    if (read_number() != 10) return 6;
    solo5_set_tls_base(first);
    if (read_number() != 1 || solo5_tls_init(0) != SOLO5_R_EINVAL) return 7;
    return 0;
}

__attribute__((noinline)) static void overrun(const char *text, int size) {
    char buffer[8];
    for (volatile int i = 0; i < size; i++) ((volatile char *)buffer)[i] = text[0];
    say("overrun\\n");
}

/* Aligned, unaligned, overlapping, and sizes around a word's. */
static int memory(void) {
    static unsigned char a[256], b[256];
    void *memcpy(void *, const void *, size_t), *memmove(void *, const void *, size_t), *memset(void *, int, size_t);
    int memcmp(const void *, const void *, size_t);
    for (size_t from = 0; from < 10; from++) {
        for (size_t to = 0; to < 10; to++) {
            for (size_t size = 0; size < 80; size++) {
                for (size_t i = 0; i < 256; i++) a[i] = (unsigned char)(i * 7), b[i] = 0xee;
                memcpy(b + to, a + from, size);
                for (size_t i = 0; i < 256; i++)
                    if (b[i] != (i >= to && i < to + size ? a[i - to + from] : 0xee)) return 1;
                for (size_t i = 0; i < 256; i++) b[i] = (unsigned char)(i * 7);
                memmove(b + 20 + to, b + 20 + from, size);
                for (size_t i = 0; i < 256; i++)
                    if (b[i] != (i >= 20 + to && i < 20 + to + size ? a[i - to + from] : a[i])) return 2;
                if (memcmp(b + 20 + to, a + 20 + from, size) != 0) return 3;
                memset(b + to, (int)size + 0x100, size);
                for (size_t i = 0; i < size; i++) if (b[to + i] != (unsigned char)size) return 4;
                if (size > 0 && memcmp(b + to, a + 100, size) >= 0 && b[to] < a[100]) return 5;
            }
        }
    }
    return 0;
}

static volatile double half = 0.5;

int solo5_app_main(const struct solo5_start_info *info) {
    switch (info->cmdline[0]) {
    case 't': return pass_time();
    case 'l': return threads(info);
    case 'm': return memory();
    case 'f': return half + half == 1.0 ? 12 : 1;
    case 'i': say("sleeping\\n"); solo5_yield(solo5_clock_monotonic() + 4000000000u, NULL); return 0;
    case 'u': __asm__ volatile("unimp"); return 77;
    case 'b': __asm__ volatile("ebreak"); return 77;
    case 'w': *(volatile int *)0x123456789008 = 1; return 77;
    case 'r': return *(volatile int *)0xfffffffffffff008;
    case 'x': ((void (*)(void))0x5555555550)(); return 77;
    case 's': overrun(info->cmdline, 100); return 77;
    case 'T': __asm__ volatile("csrw sscratch, zero\\n\\tunimp"); return 77;
    case 'a': solo5_abort();
    default: return start(info);
    }
}
`;

/** Lines of "name value" as a record. */
function facts(console: string): Record<string, bigint> {
  return Object.fromEntries(
    [...console.matchAll(/^(\S+) (\d+)$/gm)].map(([, name, value]) => [name!, BigInt(value!)] as const),
  );
}

const page = 4096n;
const MiB = 1n << 20n;
let image: string;

beforeAll(async () => {
  image = await buildGuest('guest', source, [], 'riscv64');
}, 120_000);

describe('the start', () => {
  test.each([16, 32, 512])(
    'of a guest with %i MiB gives it a page-aligned heap between image and stack',
    async (memory) => {
      const result = await boot(image, { memory });
      expect(result).toMatchObject({ outcome: 'halted', status: 5 });
      const found = facts(result.console);
      const heapEnd = found['heap_start']! + found['heap_size']!;
      expect(found['heap_start']! % page).toBe(0n);
      expect(found['heap_size']! % page).toBe(0n);
      expect(found['heap_start']!).toBeGreaterThanOrEqual(found['end']!);
      expect(found['stack']!).toBeGreaterThan(heapEnd);
      expect(found['stack']! - heapEnd).toBeLessThanOrEqual(MiB);
      // Firmware has the first 2 MiB, and the tree's place is cut off the end.
      expect(found['heap_size']!).toBeGreaterThan(BigInt(memory - 8) * MiB);
      expect(found['stack']!).toBeLessThan(0x80000000n + BigInt(memory) * MiB);
    },
  );

  test('hands the command line over without the words that are for the layer', async () => {
    const line = async (...args: string[]) => /^\[(.*)\]$/ms.exec((await boot(image, { args })).console)?.[1];
    expect(await line()).toBe('');
    expect(await line('A', 'b  c')).toBe('A b  c');
    expect(await line('--solo5:quiet', '--solo5:debug', 'A', '--casemate:console=x')).toBe('A --casemate:console=x');
    expect(await line('--solo5:quietly')).toBe('--solo5:quietly');
    expect(await line('X'.repeat(2000))).toBe('X'.repeat(2000));
  });

  test('gives the stack protector a canary that differs from boot to boot', async () => {
    const canaries = new Set<bigint>();
    for (let i = 0; i < 4; i++) {
      const canary = facts((await boot(image, { rng: i >= 2 })).console)['canary']!;
      expect(canary & 0xffn).toBe(0n);
      expect(canary.toString(2).replaceAll('0', '').length).toBeGreaterThan(12);
      canaries.add(canary);
    }
    expect(canaries.size).toBe(4);
  });

  test('has floating point', async () => {
    expect(await boot(image, { args: ['f'] })).toMatchObject({ outcome: 'halted', status: 12 });
  });
});

describe('time', () => {
  test('passes, never backwards, and as the wall clock does; a sleep lasts at least as long as asked', async () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    const result = await boot(image, { args: ['t'] });
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    const found = facts(result.console);
    expect(found['monotonic']!).toBeGreaterThanOrEqual(1_690_000_000n);
    const drift = Number(found['wall']! - found['monotonic']!);
    expect(Math.abs(drift)).toBeLessThan(0.1 * Number(found['monotonic']!) + 5e8);
    expect(found['now']!).toBeGreaterThan(before - 2_000_000_000n);
  });
});

describe('thread-local storage and memory functions', () => {
  test('variables are there from the start and can be made for more threads', async () => {
    expect(await boot(image, { args: ['l'] })).toMatchObject({ outcome: 'halted', status: 0 });
  });

  test('copying, moving, filling and comparing do what C says, whatever the alignment', async () => {
    expect(await boot(image, { args: ['m'] })).toMatchObject({ outcome: 'halted', status: 0 });
  });
});

describe('what goes wrong', () => {
  const trap = (cause: number, value: string, pc = '0x[0-9a-f]+') =>
    new RegExp(`^casemate: ABORT: trap: scause 0x${cause.toString(16)} stval ${value} sepc ${pc}\n$`);

  test.each<[argument: string, said: RegExp]>([
    ['u', trap(2, '0x[0-9a-f]+')],
    ['b', trap(3, '0x[0-9a-f]+')],
    ['w', trap(7, '0x123456789008')],
    ['r', trap(5, '0xfffffffffffff008')],
    ['x', trap(1, '0x5555555550', '0x5555555550')],
    ['s', /^casemate: ABORT: a stack buffer was overrun \(the canary is damaged\)\n$/],
    ['a', /^casemate: ABORT: solo5_abort\(\) was called\n$/],
  ])('(%s) ends the guest with status 255 and one line', async (argument, said) => {
    const result = await boot(image, { args: [argument] });
    expect(result).toMatchObject({ outcome: 'halted', status: 255, console: expect.stringMatching(said) });
  });

  test('a trap that cannot be reported ends the guest all the same', async () => {
    const result = await boot(image, { args: ['T'] });
    expect(result).toMatchObject({ outcome: 'killed', console: '' });
  });
});

describe('the image', () => {
  test('has text, data that is only read, and data that is written in segments of their own; text first', () => {
    const loads = readElfFile(readFile(image), image).segments.filter(({ type }) => type === 1);
    expect(loads.map(({ flags }) => flags)).toEqual([5, 4, 6]);
    expect(loads[0]).toMatchObject({ address: 0n, loadAddress: 0x80200000n });
    for (const { address, loadAddress } of loads)
      expect([address % page, loadAddress - address]).toEqual([0n, 0x80200000n]);
  });
});

// All at once, since they wait.
test.concurrent.each(machines)(
  "a guest that sleeps on $machine leaves the host's processor alone (legacy: $legacy)",
  async (machine) => {
    const { busy, result } = await startMeasured(image, { args: ['i'], ...machine }, 'sleeping', 2000);
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(busy).toBeLessThan(0.1);
  },
);

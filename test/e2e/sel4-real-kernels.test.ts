/**
 * The examples on real seL4 kernels, where somebody has brought some (CASEMATE_SEL4_KERNELS): each where its devices are,
 * with the build's addresses and with new ones at every boot.
 *
 * None can be in this repository, so a run without any tries nothing here; CI has the stand-in.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { buildProject } from '../../pipeline/build.ts';
import { temporaryFolder } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { echoed, freePort } from '../support/tcp.ts';
import { requireTool } from '../support/tools.ts';
import { whileRunning } from '../support/while-running.ts';
import { processorTime } from '../targets/riscv64/measured.ts';
import { bootOn, exampleFor, guestFor, runnableKernels, silent } from '../targets/sel4/on-kernels.ts';

const kernels = runnableKernels();
const aslrs = ['build', 'boot'] as const;
const onAll = kernels.flatMap((kernel) => aslrs.map((aslr) => ({ ...kernel, aslr })));
/** Those with virtio-mmio, of both versions. */
const onEach = onAll
  .filter(({ platform }) => ['qemu-riscv-virt', 'qemu-arm-virt'].includes(platform))
  .flatMap((on) => (on.aslr === 'build' ? [true, false] : [false]).map((legacy) => ({ ...on, legacy })));
/** Those with a clock that can end a wait. */
const withAlarm = onEach.filter(({ platform, legacy }) => platform === 'qemu-riscv-virt' && !legacy);

const timeout = 240_000;

describe.skipIf(onAll.length === 0)('hello', () => {
  test.each(onAll)(
    'greets, tells the time and sleeps on $name ($aslr)',
    { timeout },
    async ({ aslr, path, platform }) => {
      const image = await exampleFor('hello', path, { sel4: { aslr } });
      const before = Date.now();
      const result = await bootOn(path, image, { args: ['Ada "Charles Babbage" --exit=77'] });
      const after = Date.now();
      expect(result).toMatchObject({ outcome: 'halted', status: 77 });
      expect(result.console).toMatch(/^Hello, Ada!\nHello, Charles Babbage!\nheap: \d+ KiB from 0x[0-9a-f]+\n/);
      expect(result.console).toMatch(/\nslept: at least 10 ms: yes\n$/);
      const [, date, time] = /time: (\S+) (\S+) UTC/.exec(result.console)!;
      const shown = Date.parse(`${date}T${time}Z`);
      // It has no clock that knows the date.
      if (platform === 'hifive') return expect(shown).toBe(0);
      expect(shown).toBeGreaterThanOrEqual(before - 2000);
      expect(shown).toBeLessThanOrEqual(after + 2000);
    },
  );
});

/** Sleeps for times from a tenth of a millisecond to a second, and says which of them were wrong; then for four seconds. */
const sleeper = `#include <solo5.h>
static void sleep_for(solo5_time_t time, const char *right) {
    solo5_time_t start = solo5_clock_monotonic();
    solo5_yield(start + time, NULL);
    solo5_time_t taken = solo5_clock_monotonic() - start;
    solo5_console_write(taken < time ? "EARLY " : taken > time + time / 2 + 20000000 ? "LATE " : right, 6);
}
int solo5_app_main(const struct solo5_start_info *info) {
    (void)info;
    for (solo5_time_t time = 100000; time < 1000000000; time *= 3) sleep_for(time, "right ");
    solo5_console_write("sleeping\\n", 9);
    sleep_for(4000000000, "right\\n");
    return 0;
}
`;
const withTimer = onAll.filter(({ platform }) => ['qemu-riscv-virt', 'pc99'].includes(platform));

describe.skipIf(withTimer.length === 0)('a guest that sleeps', () => {
  test.each(withTimer)('leaves the processor alone on $name ($aslr)', { timeout }, async ({ aslr, path }) => {
    const image = await guestFor(sleeper, path, { sel4: { aslr } });
    const running = { image, target: 'sel4', kernel: path, ready: 'sleeping', timeout: 60 } as const;
    let busy = Number.POSITIVE_INFINITY;
    const said = await whileRunning(running, async (pid) => {
      await setTimeout(500);
      const before = processorTime(pid);
      await setTimeout(2000);
      busy = processorTime(pid) - before;
    });
    expect(busy).toBeLessThan(0.2);
    expect(said.replaceAll('right ', '')).toBe('sleeping\n');
  });
});

describe.skipIf(onEach.length === 0)('kv', () => {
  test.each(onEach)('keeps what it was told on $name ($aslr, legacy: $legacy)', { timeout }, async (on) => {
    const image = await exampleFor('kv', on.path, { sel4: { aslr: on.aslr } });
    const path = join(temporaryFolder('kv-sel4'), 'store.img');
    writeFileSync(path, new Uint8Array(256 << 10));
    const kv = (command: string) =>
      bootOn(on.path, image, { args: [command], blocks: [{ name: 'store', path }], legacy: on.legacy });
    expect(await kv('set greeting "hello there" ; set n 41')).toMatchObject({ status: 0, console: '' });
    expect(await kv('incr n ; get greeting ; list')).toMatchObject({
      status: 0,
      console: '42\nhello there\ngreeting\t11\nn\t2\n',
    });
    expect(await kv('check')).toMatchObject({ status: 0, console: expect.stringContaining('2 keys, 0 damaged') });
    expect(readFileSync(path).subarray(0, 4).toString()).toBe('CKV1');
  });
});

/** Boots an example with its network behind a port of this machine. */
async function withNet(
  example: string,
  { aslr, kernel, legacy, path }: (typeof onEach)[number],
  forward: (port: number) => string,
  work: (port: number, pid: number) => Promise<void>,
): Promise<void> {
  // How much stack a program takes is proved of code that is read.
  const unproved = kernel.machine === 'aarch64' ? { stack: { unproved: 'the code of aarch64 is not read' } } : {};
  const image = await exampleFor(example, path, { sel4: { aslr }, ...unproved });
  const port = await freePort();
  const nets = [{ name: 'net0', backend: 'user', options: forward(port) }] as const;
  const running = { image, target: 'sel4', kernel: path, nets, machine: { legacy }, timeout: 60 } as const;
  await whileRunning({ ...running, ready: example === 'dns' ? 'ready' : 'listening' }, (pid) => work(port, pid));
}

const tcp = (port: number): string => `hostfwd=tcp:127.0.0.1:${port}-:7`;

describe.skipIf(onEach.length === 0)('echo', () => {
  test.each(onEach)('echoes over several connections on $name ($aslr, legacy: $legacy)', { timeout }, async (on) => {
    await withNet('echo', on, tcp, async (port) => {
      const messages = [1, 1000, 300_000].map((size, i) =>
        Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + i) & 255)),
      );
      const answers = await Promise.all(messages.map((message) => echoed(port, message)));
      for (const [i, answer] of answers.entries()) expect(answer.equals(messages[i]!), `message ${i}`).toBe(true);
    });
  });

  test.each(withAlarm)('leaves the processor alone while it waits on $name ($aslr)', { timeout }, async (on) => {
    await withNet('echo', on, tcp, async (port, pid) => {
      expect((await echoed(port, Buffer.from('first'))).toString()).toBe('first');
      const before = processorTime(pid);
      await setTimeout(2000);
      expect(processorTime(pid) - before).toBeLessThan(0.2);
      expect((await echoed(port, Buffer.from('second'))).toString()).toBe('second');
    });
  });
});

describe.skipIf(onEach.length === 0)('dns', () => {
  // Proves, where nobody has before.
  test.each(onEach)('answers dig on $name ($aslr, legacy: $legacy)', { timeout: 900_000 }, async (on) => {
    await withNet(
      'dns',
      on,
      (port) => `hostfwd=udp:127.0.0.1:${port}-:53`,
      async (port) => {
        const ask = async (...words: string[]): Promise<string> =>
          (await run(requireTool('dig'), ['@127.0.0.1', '-p', `${port}`, '+time=10', '+tries=1', ...words])).stdout;
        expect(await ask('www.casemate.test', 'A', '+short')).toBe('192.0.2.80\n192.0.2.81\n');
        expect(await ask('nothing.casemate.test')).toContain('status: NXDOMAIN');
      },
    );
  });
});

const pcs = kernels.filter(({ kernel }) => kernel.machine === 'x86-64');

describe.skipIf(pcs.length === 0)('a first stage on a PC whose kernel is said to print nothing', () => {
  test.each(pcs)('says by the serial port what stopped its program on $name', { timeout: 240_000 }, async (on) => {
    const folder = temporaryFolder('quiet-sel4');
    const config = { ...Object.fromEntries(on.kernel.config), PRINTING: false };
    const genConfig = join(folder, 'gen_config.json');
    writeFileSync(genConfig, JSON.stringify(config));
    writeFileSync(
      join(folder, 'main.c'),
      '#include "solo5.h"\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; *(volatile char *)8 = 1; return 0; }\n',
    );
    const manifest = { name: 'falls', target: 'sel4', sources: ['main.c'], sel4: { aslr: 'boot' } };
    writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
    const sel4 = { kernel: on.path, genConfig };
    const { output } = await buildProject({ folder, lock: 'update', progress: silent, sel4 });
    const result = await bootOn(on.path, output, { sel4 });
    expect(result).toMatchObject({ outcome: 'halted', status: 255 });
    expect(result.console).toMatch(/^casemate: ABORT: fault: writing 0x8 at 0x[0-9a-f]+, status 0x6$/m);
  });
});

/**
 * The examples on real seL4 kernels, where somebody has brought some (CASEMATE_SEL4_KERNELS): each where its devices are.
 *
 * None can be in this repository, so a run without any tries nothing here; CI has the stand-in.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/paths.ts';
import { echoed, freePort } from '../support/tcp.ts';
import { bootOn, exampleFor, type RealKernel, runnableKernels } from '../targets/sel4/on-kernels.ts';

const kernels = runnableKernels();
const withDevices = kernels.filter(({ platform }) => ['qemu-riscv-virt', 'qemu-arm-virt'].includes(platform));
/** Both versions of virtio-mmio. */
const onEach = withDevices.flatMap((kernel) => [true, false].map((legacy) => ({ ...kernel, legacy })));

/** Seconds between readings of a machine's clock, and how far off it may be. */
const hasWallClock = ({ platform }: RealKernel): boolean => platform !== 'hifive';

describe.skipIf(kernels.length === 0)('hello', () => {
  test.each(kernels)('greets, tells the time and sleeps on $name', { timeout: 240_000 }, async (on) => {
    const image = await exampleFor('hello', on.path);
    const before = Date.now();
    const result = await bootOn(on.path, image, { args: ['Ada "Charles Babbage" --exit=77'] });
    const after = Date.now();
    expect(result).toMatchObject({ outcome: 'halted', status: 77 });
    expect(result.console).toMatch(/^Hello, Ada!\nHello, Charles Babbage!\nheap: \d+ KiB from 0x[0-9a-f]+\n/);
    expect(result.console).toMatch(/\nslept: at least 10 ms: yes\n$/);
    const [, date, time] = /time: (\S+) (\S+) UTC/.exec(result.console)!;
    const shown = Date.parse(`${date}T${time}Z`);
    if (!hasWallClock(on)) return expect(shown).toBe(0);
    expect(shown).toBeGreaterThanOrEqual(before - 2000);
    expect(shown).toBeLessThanOrEqual(after + 2000);
  });
});

describe.skipIf(withDevices.length === 0)('kv', () => {
  test.each(onEach)('keeps what it was told on $name (legacy: $legacy)', { timeout: 240_000 }, async (on) => {
    const image = await exampleFor('kv', on.path);
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

describe.skipIf(withDevices.length === 0)('echo', () => {
  test.each(onEach)('echoes over several connections on $name (legacy: $legacy)', { timeout: 240_000 }, async (on) => {
    const image = await exampleFor('echo', on.path);
    const port = await freePort();
    let heard = '';
    let ready = (): void => {};
    const listening = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const running = bootOn(on.path, image, {
      legacy: on.legacy,
      args: ['--connections=3'],
      nets: [{ name: 'net0', backend: 'user', options: `hostfwd=tcp:127.0.0.1:${port}-:7` }],
      onConsole: (chunk) => {
        heard += Buffer.from(chunk).toString();
        if (heard.includes('listening')) ready();
      },
    });
    await Promise.race([listening, running]);
    const messages = [1, 1000, 300_000].map((size, i) =>
      Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + i) & 255)),
    );
    const answers = await Promise.all(messages.map((message) => echoed(port, message)));
    for (const [i, answer] of answers.entries()) expect(answer.equals(messages[i]!), `message ${i}`).toBe(true);
    const result = await running;
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(result.console).toContain('3 connections, 301001 bytes');
  });
});

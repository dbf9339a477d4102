/**
 * The examples as root tasks of seL4 on RISC-V, unchanged: built for the stand-in, and booted on it.
 *
 * What a root task may rely on the stand-in holds to what a kernel answers (test/sel4-standin). Where the environment
 * variable CASEMATE_SEL4_KERNELS names kernels, the same is done on each that is for qemu-riscv-virt.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readKernel } from '../../targets/sel4/kernel-files.ts';
import { temporaryFolder } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { realKernels } from '../support/sel4-kernel.ts';
import { standIn } from '../support/sel4-standin.ts';
import { echoed, freePort } from '../support/tcp.ts';
import { requireTool, requireTools } from '../support/tools.ts';
import { whileRunning } from '../support/while-running.ts';
import { bootRoot, buildRoot } from '../targets/sel4/guest.ts';

requireTools('clang', 'riscv64-unknown-elf-gcc', 'qemu-system-riscv64', 'dig');

const quiet = 'the stand-in without printing';

const kernels = [
  { name: 'the stand-in', path: () => standIn() },
  { name: quiet, path: () => standIn({ printing: false }) },
  ...realKernels()
    .filter((path) => {
      const { config, machine } = readKernel(path);
      return machine === 'riscv64' && config.get('PLAT') === 'qemu-riscv-virt';
    })
    .map((path) => ({ name: path, path: async () => path })),
];

describe.each(kernels)('on $name', ({ path }) => {
  let kernel: string;
  beforeAll(async () => {
    kernel = await path();
  });

  test('hello greets, knows the date, sleeps, and passes its exit status on', async () => {
    const before = Date.now();
    const image = await buildRoot('hello', kernel);
    const result = await bootRoot(image, kernel, { args: ['Ada "Charles Babbage" --exit=77'] });
    expect(result).toMatchObject({ outcome: 'halted', status: 77 });
    expect(result.console).toMatch(/^Hello, Ada!\nHello, Charles Babbage!\nheap: 16380 KiB from 0x[0-9a-f]+\n/);
    expect(result.console).toMatch(/\nslept: at least 10 ms: yes\n$/);
    const [, date, time] = /time: (\S+) (\S+) UTC/.exec(result.console)!;
    const shown = Date.parse(`${date}T${time}Z`);
    expect(shown).toBeGreaterThanOrEqual(before - 1000);
    expect(shown).toBeLessThanOrEqual(Date.now() + 1000);
  });
});

// On a kernel without printing only what is said differs, and that has been seen.
describe.each(kernels.filter(({ name }) => name !== quiet))('with devices on $name', ({ path }) => {
  let kernel: string;
  beforeAll(async () => {
    kernel = await path();
  });

  test('kv keeps what it was told over restarts', async () => {
    const image = await buildRoot('kv', kernel);
    const disk = join(temporaryFolder('sel4-kv'), 'store.img');
    writeFileSync(disk, new Uint8Array(256 << 10));
    const kv = (command: string) =>
      bootRoot(image, kernel, { args: [command], blocks: [{ name: 'store', path: disk }] });
    expect(await kv('set greeting "hello there" ; set n 41')).toMatchObject({ status: 0, console: '' });
    expect(await kv('incr n ; get greeting ; list')).toMatchObject({
      status: 0,
      console: '42\nhello there\ngreeting\t11\nn\t2\n',
    });
    expect(await kv('del greeting ; get greeting')).toMatchObject({ status: 1 });
    expect(await kv('check')).toMatchObject({ status: 0, console: expect.stringContaining('1 keys, 0 damaged') });
    expect(readFileSync(disk).subarray(0, 4).toString()).toBe('CKV1');
  });

  test('echo echoes over several TCP connections at once', async () => {
    const image = await buildRoot('echo', kernel);
    const port = await freePort();
    const nets = [{ name: 'net0', backend: 'user' as const, options: `hostfwd=tcp:127.0.0.1:${port}-:7` }];
    const messages = [1, 1000, 65_536, 300_000].map((size, i) =>
      Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + i) & 255)),
    );
    const running = { image, kernel, target: 'sel4' as const, nets, ready: 'listening', timeout: 60 };
    await whileRunning(running, async () => {
      const answers = await Promise.all(messages.map((message) => echoed(port, message)));
      for (const [i, answer] of answers.entries()) expect(answer.equals(messages[i]!), `message ${i}`).toBe(true);
    });
  });

  test('dns answers dig', { timeout: 900_000 }, async () => {
    // Proves, where nobody has before.
    const image = await buildRoot('dns', kernel);
    const port = await freePort();
    const nets = [{ name: 'net0', backend: 'user' as const, options: `hostfwd=udp:127.0.0.1:${port}-:53` }];
    const ask = async (...words: string[]): Promise<string> =>
      (await run(requireTool('dig'), ['@127.0.0.1', '-p', `${port}`, '+time=10', '+tries=1', ...words])).stdout;
    const running = { image, kernel, target: 'sel4' as const, nets, ready: 'ready', timeout: 60 };
    await whileRunning(running, async () => {
      expect(await ask('www.casemate.test', 'A', '+short')).toBe('192.0.2.80\n192.0.2.81\n');
      expect(await ask('nothing.casemate.test')).toContain('status: NXDOMAIN');
    });
  });
});

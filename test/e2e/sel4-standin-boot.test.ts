/**
 * The examples as root tasks of seL4 on RISC-V, unchanged: built for the stand-in, and booted on it.
 *
 * What a root task may rely on, the stand-in is held to by what a kernel answers (test/sel4-standin); real kernels run the
 * same examples in sel4-real-kernels.test.ts, where there are some.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { isLong } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { inParallel, run } from '../support/run.ts';
import { standIn } from '../support/sel4-standin.ts';
import { echoed, freePort } from '../support/tcp.ts';
import { requireTool, requireTools } from '../support/tools.ts';
import { whileRunning } from '../support/while-running.ts';
import { bootOn, exampleFor } from '../targets/sel4/on-kernels.ts';

requireTools('clang', 'riscv64-unknown-elf-gcc', 'qemu-system-riscv64', 'dig');

let kernel: string;
beforeAll(async () => {
  kernel = await standIn();
});

/** Addresses are the build's, or new ones at every boot. */
const kinds = ['build', 'boot'] as const;
const some = isLong ? kinds : kinds.slice(0, 1);

/** Where hello says that its heap is. */
const heapOf = (console: string): string => /heap: 16380 KiB from (0x[0-9a-f]+)\n/.exec(console)![1]!;

test.each(kinds)(
  'hello greets, knows the date, sleeps, and passes its exit status on, with the addresses of each %s',
  async (aslr) => {
    const image = await exampleFor('hello', kernel, { sel4: { aslr } });
    const before = Date.now();
    const result = await bootOn(kernel, image, { args: ['Ada "Charles Babbage" --exit=77'] });
    expect(result).toMatchObject({ outcome: 'halted', status: 77 });
    expect(result.console).toMatch(/^Hello, Ada!\nHello, Charles Babbage!\nheap: 16380 KiB from 0x[0-9a-f]+\n/);
    expect(result.console).toMatch(/\nslept: at least 10 ms: yes\n$/);
    const [, date, time] = /time: (\S+) (\S+) UTC/.exec(result.console)!;
    const shown = Date.parse(`${date}T${time}Z`);
    expect(shown).toBeGreaterThanOrEqual(before - 1000);
    expect(shown).toBeLessThanOrEqual(Date.now() + 1000);
  },
);

test.each(some)('kv keeps what it was told over restarts, with the addresses of each %s', async (aslr) => {
  const image = await exampleFor('kv', kernel, { sel4: { aslr } });
  const disk = join(temporaryFolder('sel4-kv'), 'store.img');
  writeFileSync(disk, new Uint8Array(256 << 10));
  const kv = (command: string) => bootOn(kernel, image, { args: [command], blocks: [{ name: 'store', path: disk }] });
  expect(await kv('set greeting "hello there" ; set n 41')).toMatchObject({ status: 0, console: '' });
  expect(await kv('incr n ; get greeting ; list')).toMatchObject({
    status: 0,
    console: '42\nhello there\ngreeting\t11\nn\t2\n',
  });
  expect(await kv('del greeting ; get greeting')).toMatchObject({ status: 1 });
  expect(await kv('check')).toMatchObject({ status: 0, console: expect.stringContaining('1 keys, 0 damaged') });
  expect(readFileSync(disk).subarray(0, 4).toString()).toBe('CKV1');
});

test.each(some)('echo echoes over several TCP connections at once, with the addresses of each %s', async (aslr) => {
  const image = await exampleFor('echo', kernel, { sel4: { aslr } });
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

test.each(some)('dns answers dig, with the addresses of each %s', { timeout: 900_000 }, async (aslr) => {
  // Proves, where nobody has before.
  const image = await exampleFor('dns', kernel, { sel4: { aslr } });
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

// It is proved and searched for secrets when it is built, which takes a while.
test.each(some)(
  'vault seals a volume and opens it, with the addresses of each %s',
  { timeout: 900_000 },
  async (aslr) => {
    const image = await exampleFor('vault', kernel, { sel4: { aslr } });
    const folder = temporaryFolder('sel4-vault');
    const [key, data] = [join(folder, 'key.img'), join(folder, 'data.img')];
    const content = Buffer.alloc(8192, 'not for everyone ');
    writeFileSync(key, Buffer.alloc(512, 'thirty-two bytes of an example. '));
    writeFileSync(data, Buffer.concat([content, Buffer.alloc(3 * 512)]));
    const blocks = [
      { name: 'key', path: key },
      { name: 'data', path: data },
    ];
    const vault = (command: string) => bootOn(kernel, image, { args: [command], blocks });
    const kept = (): Buffer => readFileSync(data).subarray(0, content.length);
    expect(await vault('seal')).toMatchObject({ outcome: 'halted', status: 0 });
    expect(kept().includes('not for everyone')).toBe(false);
    expect(await vault('open')).toMatchObject({ outcome: 'halted', status: 0 });
    expect(kept().equals(content)).toBe(true);
  },
);

test('hello has other addresses at every boot, if it is built so, and else the same', {
  timeout: 600_000,
}, async () => {
  const boots = isLong ? 100 : 3;
  for (const aslr of kinds) {
    const image = await exampleFor('hello', kernel, { sel4: { aslr } });
    const results = await inParallel(Array.from({ length: boots }, () => () => bootOn(kernel, image)));
    const distinct = new Set(results.map(({ console }) => heapOf(console))).size;
    if (aslr === 'build') expect(distinct).toBe(1);
    // A heap has some 131,000 places: of 100 boots two share one in 4 of 100 runs, and three pairs do in 1 of 100,000.
    else expect(distinct).toBeGreaterThanOrEqual(isLong ? boots - 2 : boots);
  }
});

// What a kernel's choices change is compiled anew for each: a serial port for a console, calls with
// scheduling contexts, code without floating point.
const choices = isLong ? [{ printing: false }, { mcs: true }, { fpu: false }] : [];

test.each(choices.flatMap((each) => kinds.map((aslr) => ({ each, aslr }))))(
  'hello greets on a kernel with $each, with the addresses of each $aslr',
  async ({ each, aslr }) => {
    const other = await standIn(each);
    const result = await bootOn(other, await exampleFor('hello', other, { sel4: { aslr } }), { args: ['Ada'] });
    expect(result).toMatchObject({ outcome: 'halted', status: 0, console: expect.stringMatching(/^Hello, Ada!\n/) });
  },
);

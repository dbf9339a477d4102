/**
 * The examples for bare RISC-V, unchanged: built for another target, plain and hardened, booted in QEMU's machines
 * through OpenSBI.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readFile } from '../../base/files.ts';
import { defaultHardening, hardenRiscv } from '../../targets/riscv64/harden.ts';
import { everyNth } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { echoed, freePort } from '../support/tcp.ts';
import { requireTools } from '../support/tools.ts';
import { buildExample } from '../targets/hvt/guest.ts';
import { boot, machines } from '../targets/riscv64/machines.ts';

requireTools('clang', 'qemu-system-riscv64');

const images: Record<string, string> = {};
beforeAll(async () => {
  const folder = temporaryFolder('riscv64-hardened');
  for (const name of ['hello', 'kv', 'echo']) {
    const plain = await buildExample(name, 'riscv64');
    const hardened = join(folder, `${name}.riscv64`);
    writeFileSync(hardened, hardenRiscv(readFile(plain), name).bytes);
    images[`plain ${name}`] = plain;
    images[`hardened ${name}`] = hardened;
  }
}, 240_000);

test('an example whose manifest asks for it is hardened by the build', async () => {
  const built = readFile(await buildExample('hello', 'riscv64', { harden: { stack: 256 } }));
  expect(Buffer.from(built).equals(readFile(images['hardened hello']!))).toBe(true);
  const path = await buildExample('hello', 'riscv64', { harden: { require: ['xom', 'entropy'], mode: 'sv39' } });
  const result = await boot(path);
  expect(result).toMatchObject({ outcome: 'halted', status: 0 });
  const heap = Number.parseInt(/from (0x[0-9a-f]+)/.exec(result.console)![1]!, 16);
  // In one half or the other of 39 bits' space, and not where memory is.
  expect(Math.min(heap, 2 ** 64 - heap)).toBeLessThanOrEqual(2 ** 38);
  expect(Math.abs(heap - 0x80000000)).toBeGreaterThan(2 ** 28);
});

test('a board that cannot power off is stopped once start-up code has given up', async () => {
  const path = join(temporaryFolder('riscv64-entropy'), 'hello.riscv64');
  const plain = readFile(images['plain hello']!);
  writeFileSync(path, hardenRiscv(plain, 'hello', { ...defaultHardening, require: ['entropy'] }).bytes);
  const running = boot(path, { machine: 'sifive_u' });
  // Its serial line drops what is not taken at once, and a busy process takes nothing.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  const result = await running;
  const why = 'entropy is required, and this machine offers none';
  expect(result).toMatchObject({ outcome: 'killed', reason: expect.stringMatching(`start-up code gave up: .*${why}`) });
  expect(result.console).toContain(why);
});

describe.each(['plain', 'hardened'])('%s', (kind) => {
  /** Hardened on each; plain on the first, and all in long tests. */
  const some = <T>(all: readonly T[]): T[] => (kind === 'hardened' ? [...all] : everyNth(all, 3));

  describe('hello', () => {
    test.each(some([...machines, { machine: 'sifive_u', legacy: false }]))(
      'greets on $machine and sleeps (legacy: $legacy)',
      async (machine) => {
        const before = Date.now();
        const result = await boot(images[`${kind} hello`]!, { args: ['Ada "Charles Babbage" --exit=77'], ...machine });
        const after = Date.now();
        expect(result).toMatchObject({ outcome: 'halted', status: 77 });
        expect(result.console).toMatch(/^Hello, Ada!\nHello, Charles Babbage!\nheap: /);
        expect(result.console).toMatch(/\nslept: at least 10 ms: yes\n$/);
        const [, date, time] = /time: (\S+) (\S+) UTC/.exec(result.console)!;
        const shown = Date.parse(`${date}T${time}Z`);
        // sifive_u has no clock that knows the date: solo5_clock_wall says 0.
        if (machine.machine === 'sifive_u') return expect(shown).toBe(0);
        expect(shown).toBeGreaterThanOrEqual(before - 1000);
        expect(shown).toBeLessThanOrEqual(after + 1000);
      },
    );

    test('runs in 16 MiB and in 4096', async () => {
      for (const memory of [16, 4096]) {
        const result = await boot(images[`${kind} hello`]!, { memory });
        expect(result, `${memory} MiB`).toMatchObject({ outcome: 'halted', status: 0 });
      }
    });
  });

  describe('kv', () => {
    test.each(some(machines))('keeps what it was told over restarts on $machine (legacy: $legacy)', async (machine) => {
      const path = join(temporaryFolder('kv-riscv64'), 'store.img');
      writeFileSync(path, new Uint8Array(256 << 10));
      const blocks = [{ name: 'store', path }];
      const kv = (command: string) => boot(images[`${kind} kv`]!, { args: [command], blocks, ...machine });
      expect(await kv('set greeting "hello there" ; set n 41')).toMatchObject({ status: 0, console: '' });
      expect(await kv('incr n ; get greeting ; list')).toMatchObject({
        status: 0,
        console: '42\nhello there\ngreeting\t11\nn\t2\n',
      });
      expect(await kv('del greeting ; get greeting')).toMatchObject({ status: 1 });
      expect(await kv('check')).toMatchObject({ status: 0, console: expect.stringContaining('1 keys, 0 damaged') });
      expect(readFileSync(path).subarray(0, 4).toString()).toBe('CKV1');
    });
  });

  describe('echo', () => {
    test.each(some(machines))(
      'echoes over several TCP connections at once on $machine (legacy: $legacy)',
      async (machine) => {
        const port = await freePort();
        let heard = '';
        let ready: () => void;
        const listening = new Promise<void>((resolve) => {
          ready = resolve;
        });
        const running = boot(images[`${kind} echo`]!, {
          ...machine,
          args: ['--connections=4'],
          nets: [{ name: 'net0', backend: 'user', options: `hostfwd=tcp:127.0.0.1:${port}-:7` }],
          onConsole: (chunk) => {
            heard += Buffer.from(chunk).toString();
            if (heard.includes('listening')) ready();
          },
        });
        await Promise.race([listening, running]);
        const messages = [1, 1000, 65_536, 1_000_000].map((size, i) =>
          Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + i) & 255)),
        );
        const answers = await Promise.all(messages.map((message) => echoed(port, message)));
        for (const [i, answer] of answers.entries()) expect(answer.equals(messages[i]!), `message ${i}`).toBe(true);
        const result = await running;
        expect(result).toMatchObject({ outcome: 'halted', status: 0 });
        expect(result.console).toContain('4 connections, 1066537 bytes');
      },
    );
  });
});

/**
 * The examples as unikernels: built by our pipeline, linked by our linker, booted in the emulator.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/paths.ts';
import { echoed, freePort } from '../support/tcp.ts';
import { requireTools } from '../support/tools.ts';
import { boot, buildExample } from '../targets/hvt/guest.ts';

requireTools('clang', 'ld');

describe('hello', () => {
  let image: string;
  beforeAll(async () => {
    image = await buildExample('hello');
  });

  test('greets, knows the date and sleeps', async () => {
    const before = Date.now();
    const result = await boot(image, { args: ['Ada "Charles Babbage"'] });
    const after = Date.now();
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(result.console).toContain('Hello, Ada!\nHello, Charles Babbage!\nheap: ');
    expect(result.console).toContain('slept: at least 10 ms: yes\n');
    const [, date, time] = /time: (\S+) (\S+) UTC/.exec(result.console)!;
    const shown = Date.parse(`${date}T${time}Z`);
    expect(shown).toBeGreaterThanOrEqual(before - 1000);
    expect(shown).toBeLessThanOrEqual(after + 1000);
  });

  test('passes its exit status on, and refuses options it does not know', async () => {
    expect(await boot(image, { args: ['--exit=77'] })).toMatchObject({ outcome: 'halted', status: 77 });
    expect(await boot(image, { args: ['--unknown'] })).toMatchObject({ outcome: 'halted', status: 2 });
  });

  test('runs in 2 MiB and in 4096', async () => {
    for (const memory of [2, 4096]) {
      const result = await boot(image, { memory });
      expect(result, `${memory} MiB`).toMatchObject({ outcome: 'halted', status: 0 });
    }
  });
});

describe('kv', () => {
  test('keeps what it was told over restarts, on the bytes that a process version reads', async () => {
    const image = await buildExample('kv');
    const path = join(temporaryFolder('kv-boot'), 'store.img');
    writeFileSync(path, new Uint8Array(256 << 10));
    const kv = (command: string) => boot(image, { args: [command], blocks: [{ name: 'store', path }] });
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
  test('echoes megabytes over several TCP connections at once through another network stack', async () => {
    const image = await buildExample('echo');
    const port = await freePort();
    let ready: () => void;
    const listening = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const running = boot(image, {
      args: ['--connections=5'],
      nets: [{ name: 'net0', backend: 'user', options: `hostfwd=tcp:127.0.0.1:${port}-:7` }],
      timeout: 60,
      onConsole: (chunk) => {
        if (Buffer.from(chunk).toString().includes('listening')) ready();
      },
    });
    await Promise.race([listening, running]);
    const messages = [1, 1000, 65_536, 1_000_000, 300_000].map((size, i) =>
      Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + i) & 255)),
    );
    const answers = await Promise.all(messages.map((message) => echoed(port, message)));
    for (const [i, answer] of answers.entries()) expect(answer.equals(messages[i]!), `message ${i}`).toBe(true);
    const result = await running;
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(result.console).toContain('5 connections, 1366537 bytes');
  });
});

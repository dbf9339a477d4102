/**
 * What a hypercall costs in QEMU is, before all, its TLB: flushed at every entry and every exit. A guest that protects
 * itself must not pay for more flushes than one that does not. QEMU counts them, so nothing here depends on the clock.
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bootHvt } from '../../../targets/hvt/boot.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { buildTestGuest, host } from './emulator-guest.ts';

const prompt = '(qemu) ';

/** What QEMU's monitor, listening at `path`, answers to `command`. */
function askMonitor(path: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      const before = text.split(prompt).length;
      text += chunk.toString();
      const [, answer, ...rest] = text.split(prompt);
      if (before === 1 && answer !== undefined) socket.write(`${command}\n`);
      if (rest.length === 0) return;
      socket.destroy();
      resolve(answer!);
    });
  });
}

/** Flushes of a TLB that were asked for, whether or not it held anything, until the guest has made its hypercalls. */
async function flushes(image: string, probe: string): Promise<number> {
  const monitor = join(temporaryFolder('monitor'), 'socket');
  const start = (path: string, args: readonly string[], options: SpawnOptions) =>
    spawn(path, [...args, '-monitor', `unix:${monitor},server=on,wait=off`], options);
  const end = new AbortController();
  let answer: Promise<string> | undefined;
  const ended = bootHvt(
    {
      ...{ image, args: [probe], tender: 'emulator', memory: 64, timeout: 60, abort: end.signal },
      onConsole: () => {
        answer ??= askMonitor(monitor, 'info jit').finally(() => end.abort());
      },
    },
    { ...host, spawn: start },
  );
  await expect(ended).rejects.toThrow('SIGKILL');
  const counts = [...(await answer!).matchAll(/^TLB (full|partial|elided) flushes\s+(\d+)/gm)];
  expect(counts.map(([, kind]) => kind)).toEqual(['full', 'partial', 'elided']);
  return counts.reduce((sum, [, , count]) => sum + Number(count), 0);
}

it('flushes no more for a guest with SMAP on', async () => {
  const image = await buildTestGuest('probe');
  const [without, smap] = [await flushes(image, 'hypercalls'), await flushes(image, 'smap-hypercalls')];
  // At least one at each of 10000 entries and exits.
  expect(without).toBeGreaterThan(20_000);
  expect(smap / without).toBeLessThan(1.02);
});

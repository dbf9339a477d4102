/**
 * The examples, hardened and slid: over many layouts each does what it did before.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { defaultHardening, hardenImage } from '../../targets/hvt/harden.ts';
import { readHvtImage } from '../../targets/hvt/image.ts';
import { slideImage } from '../../targets/hvt/slide.ts';
import { isLong as long } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { echoed, freePort } from '../support/tcp.ts';
import { requireTools } from '../support/tools.ts';
import { boot, buildExample } from '../targets/hvt/guest.ts';

requireTools('clang');

const slides = long ? 100 : 3;
/** A hundred layouts take a while. */
const patience = { timeout: long ? 1_800_000 : 120_000 };
const models = ['EPYC-Milan', 'EPYC', 'qemu64'];

/** The image hardened, and a way to give it its nth layout. */
interface Subject {
  readonly original: string;
  readonly hardened: string;
  readonly slide: (n: number, memory: number) => string;
}

async function subject(name: string): Promise<Subject> {
  const original = await buildExample(name);
  const folder = temporaryFolder(`hardened-${name}`);
  const hardened = join(folder, `${name}.hvt`);
  const { bytes } = hardenImage(readFileSync(original), original, defaultHardening);
  writeFileSync(hardened, bytes);
  const slide = (n: number, memory: number): string => {
    const path = join(folder, `${name}-${n}.hvt`);
    const options = { memory: memory * 2 ** 20, heapMin: memory * 2 ** 19, seed: Buffer.from(`layout ${n}`) };
    writeFileSync(path, slideImage(bytes, hardened, options));
    return path;
  };
  return { original, hardened, slide };
}

/** Output without what differs from boot to boot: where the heap is, and what the clock says. */
function steady(console: string): string {
  return console
    .replace(/heap: \d+ KiB from 0x[0-9a-f]+/, 'heap')
    .replace(/time: .* UTC/, 'time')
    .replace(/generation \d+/, 'generation');
}

describe('hello', () => {
  let hello: Subject;
  beforeAll(async () => {
    hello = await subject('hello');
  });

  test('says the same in every layout, on every kind of processor', patience, async () => {
    const args = ['Ada "Charles Babbage"'];
    const before = await boot(hello.original, { args });
    expect(before).toMatchObject({ outcome: 'halted', status: 0 });
    const bases = new Set<bigint>();
    for (let n = 0; n < slides; n++) {
      const image = hello.slide(n, 64);
      bases.add(readHvtImage(readFileSync(image), image).segments[2]!.address);
      const cpu = models[n % models.length]!;
      const result = await boot(image, { args, cpu, memory: 64 });
      expect({ ...result, console: steady(result.console) }, `layout ${n} on ${cpu}`).toEqual({
        ...before,
        console: steady(before.console),
      });
    }
    expect(bases.size).toBeGreaterThan(slides * 0.9);
  });

  test('passes its exit status on', async () => {
    expect(await boot(hello.slide(0, 32), { args: ['--exit=77'] })).toMatchObject({ outcome: 'halted', status: 77 });
  });

  test('runs hardened in 2 MiB and in 4096, and slid for as much', async () => {
    for (const memory of [2, 4096]) {
      const result = await boot(hello.hardened, { memory });
      expect(result, `${memory} MiB`).toMatchObject({ outcome: 'halted', status: 0 });
    }
    const slid = await boot(hello.slide(1, 2048), { memory: 4094 });
    expect(slid).toMatchObject({ outcome: 'halted', status: 0 });
  });

  test('leaves at least the heap that the slide was asked for', patience, async () => {
    for (let n = 0; n < slides; n++) {
      const { console } = await boot(hello.slide(n, 64), { memory: 64 });
      expect(Number(/heap: (\d+) KiB/.exec(console)![1])).toBeGreaterThanOrEqual(32 << 10);
    }
  });
});

describe('kv', () => {
  test('keeps what it was told over restarts, each in another layout', patience, async () => {
    const kv = await subject('kv');
    const folder = temporaryFolder('kv-hardened');
    const [hard, plain] = [join(folder, 'hard.img'), join(folder, 'plain.img')];
    writeFileSync(hard, new Uint8Array(256 << 10));
    copyFileSync(hard, plain);
    let n = 0;
    const both = async (command: string) => {
      const one = await boot(kv.original, { args: [command], blocks: [{ name: 'store', path: plain }] });
      const image = kv.slide(n, 32);
      const cpu = models[n++ % models.length]!;
      const other = await boot(image, { args: [command], cpu, blocks: [{ name: 'store', path: hard }] });
      expect({ ...other, console: steady(other.console) }, `layout ${n - 1}: ${command}`).toEqual({
        ...one,
        console: steady(one.console),
      });
    };
    await both('set greeting "hello there" ; set n 41');
    for (let i = 0; n < Math.max(3, slides - 1); i++)
      await both(`incr n ; set key${i % 7} value${i} ; get greeting ; list`);
    await both('del greeting ; get greeting ; check');
  });
});

describe('echo', () => {
  test('echoes over several connections at once in each layout', patience, async () => {
    const echo = await subject('echo');
    const messages = [1, 1000, 65_536, 200_000].map((size, i) =>
      Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + i) & 255)),
    );
    for (let n = 0; n < slides; n += long ? 1 : 2) {
      const port = await freePort();
      let ready: () => void;
      const listening = new Promise<void>((resolve) => {
        ready = resolve;
      });
      const running = boot(echo.slide(n, 64), {
        args: [`--connections=${messages.length}`],
        memory: 64,
        cpu: models[n % models.length]!,
        nets: [{ name: 'net0', backend: 'user', options: `hostfwd=tcp:127.0.0.1:${port}-:7` }],
        onConsole: (chunk) => {
          if (Buffer.from(chunk).toString().includes('listening')) ready();
        },
      });
      await Promise.race([listening, running]);
      const answers = await Promise.all(messages.map((message) => echoed(port, message)));
      for (const [i, answer] of answers.entries())
        expect(answer.equals(messages[i]!), `layout ${n}, message ${i}`).toBe(true);
      const result = await running;
      expect(result, `layout ${n}`).toMatchObject({ outcome: 'halted', status: 0 });
      expect(result.console).toContain(`${messages.length} connections, 266537 bytes`);
    }
  });
});

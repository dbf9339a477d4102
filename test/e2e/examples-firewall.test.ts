/**
 * examples/firewall in images: between two wires that the test holds it lets pass what its rules allow, unchanged and in
 * order, and nothing else.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { frames, passes, type Rule, textOf } from '../examples/firewall/reference.ts';
import { type FrameWire, openFrameWire } from '../support/frame-wire.ts';
import { isLong as long } from '../support/long.ts';
import { standIn } from '../support/sel4-standin.ts';
import { requireTools } from '../support/tools.ts';
import { whileRunning } from '../support/while-running.ts';
import { buildExample } from '../targets/hvt/guest.ts';
import { exampleFor } from '../targets/sel4/on-kernels.ts';
import * as net from './host/frames.ts';

requireTools('clang', 'qemu-system-riscv64');

const any = ['0.0.0.0', 0] as const;
const rules: readonly Rule[] = [
  { action: 'allow', direction: 'out', protocol: 17, source: ['10.0.0.0', 8], destination: any, ports: [53, 53] },
  { action: 'deny', direction: 'any', protocol: 6, source: any, destination: ['10.0.1.0', 24], ports: [0, 1023] },
  { action: 'allow', direction: 'any', protocol: 6, source: any, destination: any, ports: 'any' },
  { action: 'allow', direction: 'in', protocol: 1, source: ['192.0.2.0', 25], destination: any, ports: 'any' },
  // What begins like the last frame of each batch.
  { action: 'allow', direction: 'any', protocol: 99, source: any, destination: any, ports: 'any' },
];

let markers = 0;

/** Sends frames into one wire; what comes out of the other for them. The last one of its own always passes. */
function through(from: FrameWire, to: FrameWire, some: readonly Buffer[]): Promise<Buffer[]> {
  const last = net.ip(99, Buffer.from(`${++markers}`));
  return new Promise((resolve) => {
    const came: Buffer[] = [];
    to.receive = (frame) => {
      if (frame.equals(last)) resolve(came);
      else came.push(Buffer.from(frame));
    };
    from.send([...some, last]);
  });
}

const hex = (some: readonly Buffer[]): string[] => some.map((frame) => frame.toString('hex'));

/** On seL4's stand-in it is another console, another way to wait and the same devices as on riscv64. */
const targets = ['hvt', 'riscv64', 'sel4'] as const;

describe.each(targets)('in an image for %s', (target) => {
  let image: string;
  let kernel = '';
  beforeAll(async () => {
    // Proves, where nobody has before.
    if (target === 'sel4') kernel = await standIn();
    image = target === 'sel4' ? await exampleFor('firewall', kernel) : await buildExample('firewall', target);
  }, 900_000);

  it('passes on what the rules allow, both ways', { timeout: 1_800_000 }, async () => {
    const [inside, outside] = [await openFrameWire(), await openFrameWire()];
    const nets = [
      { name: 'inside', ...inside.net },
      { name: 'outside', ...outside.net },
    ];
    const all = fc.sample(frames, { seed: target === 'hvt' ? 1 : 2, numRuns: long ? 20_000 : 400 });
    const passed = { in: 0, out: 0 };
    const args = [textOf(rules)];
    const guest = { image, target, kernel, args, nets };
    await whileRunning({ ...guest, ready: 'ready', timeout: long ? 1500 : 120 }, async () => {
      await Promise.all([inside.connected, outside.connected]);
      for (let at = 0; at < all.length; at += 25) {
        const some = all.slice(at, at + 25);
        for (const direction of ['out', 'in'] as const) {
          const allowed = some.filter((frame) => passes(rules, frame, direction));
          const [from, to] = direction === 'out' ? [inside, outside] : [outside, inside];
          expect(hex(await through(from, to, some))).toEqual(hex(allowed));
          passed[direction] += allowed.length;
        }
      }
    });
    for (const count of Object.values(passed)) {
      expect(count).toBeGreaterThan(all.length / 10);
      expect(count).toBeLessThan(all.length / 2);
    }
    await Promise.all([inside.close(), outside.close()]);
  });
});

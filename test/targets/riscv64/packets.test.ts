/**
 * Frames through a hardened guest and back: none lost, none damaged, none overtaken by another.
 *
 * The guest echoes every frame (guests/frames); the wire loses nothing by itself. The driver has 64 buffers a queue, so
 * with at most 64 frames on their way none may be missing, however late either side looks. Without that bound a frame
 * may be dropped, as by a busy host; what comes back must be right then too.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { type FrameWire, frameReader, openFrameWire } from '../../support/frame-wire.ts';
import { isLong as long } from '../../support/long.ts';
import { createRandom } from '../../support/random.ts';
import { requireTools } from '../../support/tools.ts';
import { hardenedGuest, launch } from './campaigns.ts';

requireTools('clang', 'qemu-system-riscv64');

const count = long ? 100_000 : 2000;
const queue = 64;

const guestMac = Buffer.from('020000000001', 'hex');
const ourMac = Buffer.from('020000000002', 'hex');
const broadcast = Buffer.alloc(6, 0xff);
const machines = [
  { machine: 'virt', legacy: false },
  { machine: 'virt', legacy: true },
  { machine: 'virt,aia=aplic-imsic', legacy: false },
];

let image: string;
beforeAll(async () => {
  image = await hardenedGuest('frames');
});

/** One to remember: 14 bytes of header, 4 of number, then bytes that depend on the number. */
function frameOf(number: number, size: number, to = guestMac): Buffer {
  const frame = Buffer.alloc(size);
  const { next } = createRandom(4, number);
  for (let at = 18; at + 4 <= size; at += 4) frame.writeUInt32LE(next() * 2 ** 32, at);
  to.copy(frame, 0);
  ourMac.copy(frame, 6);
  frame.writeUInt16BE(0x88b5, 12);
  if (size >= 18) frame.writeUInt32BE(number, 14);
  return frame;
}

/** As the guest must answer. */
function answerTo(frame: Buffer): Buffer {
  return Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12)]);
}

interface Tally {
  lost: number;
  damaged: number;
  overtaken: number;
  unknown: number;
}

/**
 * Sends `total` frames, at most `window` of them on their way at a time (told how many are), and holds what comes back
 * against what went out. Lost are those that did not come, after nothing has come for `patience` milliseconds.
 */
function exchange(
  wire: FrameWire,
  total: number,
  frame: (n: number) => Buffer,
  window: (underway: number) => number,
  patience = 20_000,
): Promise<Tally> {
  const tally: Tally = { lost: 0, damaged: 0, overtaken: 0, unknown: 0 };
  const underway = new Map<number, Buffer>();
  let [sent, last] = [0, -1];
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      wire.receive = () => {};
      tally.lost += underway.size;
      resolve(tally);
    };
    const timer = setTimeout(end, patience);
    const send = (): void => {
      const frames: Buffer[] = [];
      for (const room = window(underway.size); underway.size < room && sent < total; sent++) {
        const next = frame(sent);
        underway.set(sent, answerTo(next));
        frames.push(next);
      }
      if (frames.length > 0) wire.send(frames);
      if (underway.size === 0 && sent === total) end();
    };
    wire.receive = (back) => {
      timer.refresh();
      const number = back.length >= 18 ? back.readUInt32BE(14) : -1;
      const expected = underway.get(number);
      if (expected === undefined) tally.unknown++;
      else if (!expected.equals(back)) tally.damaged++;
      if (number < last) tally.overtaken++;
      last = number;
      underway.delete(number);
      send();
    };
    send();
  });
}

const nothingWrong: Tally = { lost: 0, damaged: 0, overtaken: 0, unknown: 0 };

/** Boots the guest, lets `talk` use the wire, ends the guest; its last line. */
async function withGuest(
  options: Parameters<typeof launch>[1],
  talk: (wire: FrameWire) => Promise<void>,
  mtu?: number,
): Promise<string> {
  const wire = await openFrameWire();
  let ready: () => void;
  const started = new Promise<void>((resolve) => {
    ready = resolve;
  });
  let said = '';
  const net = { name: 'net0', mac: [...guestMac], ...wire.net, ...(mtu === undefined ? {} : { mtu }) };
  const { result } = launch(image, {
    timeout: 600,
    ...options,
    nets: [net],
    onConsole: (chunk) => {
      said += Buffer.from(chunk).toString();
      if (said.includes('ready')) ready();
    },
  });
  try {
    const early = result.then((end) => {
      throw new Error(`the guest ended early: ${JSON.stringify(end)}`);
    });
    await Promise.race([Promise.all([started, wire.connected]).then(() => talk(wire)), early]);
    early.catch(() => {});
    wire.send([Buffer.concat([guestMac, ourMac, Buffer.from('88b6', 'hex'), Buffer.alloc(46)])]);
    const end = await result;
    expect(end).toMatchObject({ outcome: 'halted', status: 0 });
    return end.console.trimEnd().split('\n').at(-1)!;
  } finally {
    await wire.close();
  }
}

/** Sizes as they come on a network, and how many at a time. */
const sizes = (n: number): number => 60 + createRandom(5, n).below(1514 - 60 + 1);
const shapes: Record<string, (underway: number) => number> = {
  'always 64 on their way': () => queue,
  'bursts of 64': (underway) => (underway === 0 ? queue : 0),
};

describe.each(machines)('on $machine (legacy: $legacy)', (machine) => {
  test(`echoes ${count} frames of 60 to 1514 bytes, 64 on their way`, { timeout: 600_000 }, async () => {
    let bytes = 0;
    const tallies: Record<string, Tally> = {};
    const per = count / Object.keys(shapes).length;
    let from = 0;
    const start = performance.now();
    const line = await withGuest(machine, async (wire) => {
      for (const [shape, window] of Object.entries(shapes)) {
        const frame = (n: number): Buffer => {
          const size = sizes(from + n);
          bytes += size;
          return frameOf(n, size, n % 16 === 0 ? broadcast : guestMac);
        };
        tallies[shape] = await exchange(wire, per, frame, window);
        from += per;
      }
    });
    const seconds = (performance.now() - start) / 1000;
    console.log(`${machine.machine}, legacy ${machine.legacy}: ${count} frames in ${seconds.toFixed(1)} s: ${line}`);
    expect(tallies).toEqual(Object.fromEntries(Object.keys(shapes).map((shape) => [shape, nothingWrong])));
    expect(line).toBe(`read ${count} frames, ${bytes} bytes`);
  });
});

describe('at the edges', () => {
  // A frame of 14 bytes has no number: they go one at a time.
  test.each([undefined, 68, 1500, 9000])('echoes every size that an MTU of %s allows', async (mtu) => {
    const largest = (mtu ?? 1500) + 14;
    const few = mtu === 9000 ? [14, 15, 17, 59, 60, 1514, 1515, 4096, 9013, 9014] : undefined;
    const all = few ?? Array.from({ length: largest - 13 }, (_, i) => 14 + i);
    const wrong: number[] = [];
    const options = { machine: 'virt', legacy: mtu === 68 };
    await withGuest(
      options,
      async (wire) => {
        for (const size of all) {
          const frame = frameOf(size, size);
          const back = new Promise<Buffer>((resolve) => {
            wire.receive = (bytes) => resolve(Buffer.from(bytes));
          });
          wire.send([frame]);
          if (!(await back).equals(answerTo(frame))) wrong.push(size);
        }
      },
      mtu,
    );
    expect(wrong).toEqual([]);
  });

  test.each(machines.slice(0, 2))('passes over what is too long or too short (legacy: $legacy)', async (machine) => {
    const line = await withGuest(machine, async (wire) => {
      const outside = [1, 13, 1515, 1516, 2000, 9014, 60_000];
      // Each a hundred times: a buffer that one of them cost would be missed soon.
      for (let n = 0; n < 100; n++) wire.send(outside.map((size) => frameOf(n, Math.max(size, 14)).subarray(0, size)));
      expect(
        await exchange(
          wire,
          640,
          (n) => frameOf(n, 60 + (n % 1455)),
          () => queue,
        ),
      ).toEqual(nothingWrong);
    });
    expect(line).toMatch(/^read 640 frames, /);
  });

  test('damages and overtakes nothing where more come than it has room for', async () => {
    const total = 2000;
    let tally: Tally | undefined;
    await withGuest({}, async (wire) => {
      tally = await exchange(
        wire,
        total,
        (n) => frameOf(n, 1514),
        () => total,
        3000,
      );
    });
    expect(tally).toMatchObject({ damaged: 0, overtaken: 0, unknown: 0 });
    expect(tally!.lost).toBeLessThan(total / 2);
  });
});

test('a frame arrives whole however its stream is cut', () => {
  const frames = [frameOf(1, 60), frameOf(2, 1514), frameOf(3, 14)];
  const stream = Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(frame.length);
      return [size, frame];
    }),
  );
  for (const step of [1, 3, 61, 700, stream.length]) {
    const read: Buffer[] = [];
    const feed = frameReader((frame) => read.push(Buffer.from(frame)));
    for (let at = 0; at < stream.length; at += step) feed(stream.subarray(at, at + step));
    expect(read, `pieces of ${step}`).toEqual(frames);
  }
});

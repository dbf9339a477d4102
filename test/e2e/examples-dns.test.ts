/**
 * examples/dns as C and in images: what is in them is the TypeScript that was proved and the platform, and it answers as
 * the reference of its tests under Node.js does, byte for byte, and as Debian's dig understands it.
 *
 * As a process it runs under sanitizers, which see what leaves an array and, in clang's case, what was never written; in
 * a machine the same frames come over a wire that the test holds, and dig over a relay onto that wire.
 */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { framesOf } from '../examples/dns/packets.ts';
import { respondTo } from '../examples/dns/reference.ts';
import { type FrameWire, openFrameWire } from '../support/frame-wire.ts';
import { isLong as long } from '../support/long.ts';
import { run } from '../support/run.ts';
import { requireFile, requireTool, requireTools } from '../support/tools.ts';
import { buildVerified, programOfFile } from '../support/verified-host.ts';
import { whileRunning } from '../support/while-running.ts';
import { buildExample } from '../targets/hvt/guest.ts';
import * as net from './host/frames.ts';
import { Wire } from './host/wire.ts';

requireTools('clang', 'gcc', 'dig', 'qemu-system-riscv64');

const resources = execFileSync(requireTool('clang'), ['-print-resource-dir'], { encoding: 'utf8' }).trim();
requireFile(join(resources, 'lib/linux/libclang_rt.msan-x86_64.a'), 'libclang-rt-14-dev');

const hex = (frame: Buffer | undefined): string | undefined => frame?.toString('hex');

describe('as a process', () => {
  const sanitize = (name: string) => [`-fsanitize=${name}`, '-fno-sanitize-recover=all', '-g', '-O1'];
  it.each([
    ['gcc', 'address,undefined', 1],
    ['clang', 'memory', 2],
  ] as const)(
    'answers as it should, under %s with -fsanitize=%s',
    { timeout: 900_000 },
    async (compiler, sanitizer, seed) => {
      const program = await buildVerified(programOfFile('examples/dns/main.ts'), {
        compiler: requireTool(compiler),
        flags: sanitize(sanitizer),
      });
      const wire = await Wire.start(program);
      const frames = framesOf(seed, long ? 30_000 : 500);
      for (const frame of frames) {
        const answers = await wire.send(frame);
        const expected = respondTo(frame);
        expect(answers.map(hex), hex(frame)!).toEqual(expected === undefined ? [] : [hex(expected)]);
      }
      expect(await wire.end()).toBe(0);
      expect(wire.console).toBe('dns: ready\n');
    },
  );
});

interface Server {
  readonly wire: FrameWire;
  /** Sends frames, at most as many as a device holds, and gives all that comes back for them. */
  readonly exchange: (frames: readonly Buffer[]) => Promise<Buffer[]>;
}

/** A question that is answered with its number: behind others it tells that all of them are done. */
const marker = (id: number): Buffer =>
  net.udp(9, 53, Buffer.from([id >> 8, id & 255, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]), { from: '10.0.2.99' });

/** Boots an image, does the work once it is ready, and ends it. */
async function withServer(
  image: string,
  target: 'hvt' | 'riscv64',
  work: (server: Server) => Promise<void>,
): Promise<string> {
  const wire = await openFrameWire();
  let markers = 0;
  const exchange: Server['exchange'] = (frames) =>
    new Promise((resolve) => {
      const last = hex(respondTo(marker(++markers & 0xffff)))!;
      const came: Buffer[] = [];
      wire.receive = (frame) => {
        if (hex(frame) === last) resolve(came);
        else came.push(Buffer.from(frame));
      };
      wire.send([...frames, marker(markers & 0xffff)]);
    });
  const nets = [{ name: 'net0', ...wire.net, mac: [...net.guestMac] }];
  const said = await whileRunning({ image, target, nets, ready: 'ready', timeout: long ? 1500 : 120 }, async () => {
    await wire.connected;
    await work({ wire, exchange });
  });
  await wire.close();
  return said;
}

/** What dig says of a question that goes over the wire. */
async function dig({ exchange }: Server, ...words: string[]): Promise<string> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.on('message', async (message, { port }) => {
    const [answer] = await exchange([net.udp(port, 53, message)]);
    if (answer !== undefined) socket.send(net.readUdp(answer)!.data, port, '127.0.0.1');
  });
  const { stdout } = await run(requireTool('dig'), [
    ...['@127.0.0.1', '-p', `${socket.address().port}`, '+time=10', '+tries=1', '+nocmd', '+nostats', ...words],
  ]);
  socket.close();
  return stdout.replace(/[ \t]+/g, ' ');
}

describe.each(['hvt', 'riscv64'] as const)('in a hardened image for %s', (target) => {
  let image: string;
  beforeAll(async () => {
    // Proves, where nobody has before.
    image = await buildExample('dns', target, { harden: {} });
  }, 900_000);

  it('answers dig, and every frame as it should', { timeout: 1_800_000 }, async () => {
    const frames = framesOf(target === 'hvt' ? 3 : 4, long ? 20_000 : 500);
    const said = await withServer(image, target, async (server) => {
      const www = await dig(server, 'WWW.casemate.test', 'A');
      expect(www).toContain('status: NOERROR');
      expect(www).toMatch(/flags: qr aa rd; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1/);
      expect(www).toMatch(/EDNS: version: 0, flags:; udp: 1232/);
      expect(www).toMatch(/WWW.casemate.test. 300 IN A 192.0.2.80\nWWW.casemate.test. 300 IN A 192.0.2.81\n/);
      expect(await dig(server, 'help.casemate.test', 'AAAA', '+short')).toBe(
        'docs.casemate.test.\nwww.casemate.test.\n2001:db8::80\n',
      );
      expect(await dig(server, 'casemate.test', 'TXT', '+short', '+noedns')).toBe('"proved, then built"\n');
      expect(await dig(server, 'casemate.test', 'SOA', '+short')).toBe(
        'ns1.casemate.test. hostmaster.casemate.test. 1 7200 3600 1209600 300\n',
      );
      const nothing = await dig(server, 'nothing.casemate.test');
      expect(nothing).toContain('status: NXDOMAIN');
      expect(nothing).toContain('casemate.test. 300 IN SOA ns1.casemate.test.');
      expect(await dig(server, 'example.com')).toContain('status: REFUSED');
      expect(await dig(server, 'casemate.test', '+opcode=2')).toContain('status: NOTIMP');
      expect(await dig(server, 'casemate.test', '+edns=3', '+noednsneg')).toContain('status: BADVERS');
      for (let at = 0; at < frames.length; at += 30) {
        const some = frames.slice(at, at + 30);
        const expected = some.flatMap((frame) => respondTo(frame) ?? []);
        expect((await server.exchange(some)).map(hex)).toEqual(expected.map(hex));
      }
    });
    expect(said).toBe('dns: ready\n');
  });
});

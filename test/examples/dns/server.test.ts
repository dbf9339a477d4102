/**
 * examples/dns under Node.js, where it runs unmodified: it answers as the reference does, byte for byte, what is right
 * and what is not.
 */
import { NEVER, simulate } from 'casemate/platform/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { main } from '../../../examples/dns/main.ts';
import { addressFrom } from '../../../examples/dns/options.ts';
import { LONGEST_FRAME, respond } from '../../../examples/dns/respond.ts';
import { compiledZone, isZone, LONGEST_ZONE, resourceAt } from '../../../examples/dns/zone.ts';
import * as net from '../../e2e/host/frames.ts';
import { frames, framesOf } from './packets.ts';
import { answerTo, respondTo } from './reference.ts';
import { labelsOf, types, wireName, zone } from './zone.ts';

const bytesOfZone = new Uint8Array(LONGEST_ZONE);
const zoneEnd = compiledZone(bytesOfZone);
const address = 0x0a00020f;

/** What the program says to one frame. */
function answer(frame: Buffer): Buffer | undefined {
  // What lies behind the frame is of an earlier one, and must not come out.
  const memory = new Uint8Array(LONGEST_FRAME).fill(0xa5);
  memory.set(frame);
  const reply = new Uint8Array(LONGEST_FRAME);
  const end = respond(reply, memory, frame.length, net.guestMac, address, bytesOfZone, zoneEnd);
  return end === 0 ? undefined : Buffer.from(reply.subarray(0, end));
}

const hex = (bytes: Buffer | undefined): string | undefined => bytes?.toString('hex');

function ask(name: string, type: number): Buffer {
  const question = Buffer.concat([wireName(labelsOf(name)), Buffer.from([type >> 8, type & 255, 0, 1])]);
  return Buffer.concat([Buffer.from('123401000001000000000000', 'hex'), question]);
}

interface Answer {
  readonly code: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly answers: number;
  readonly authorities: number;
}

function asked(name: string, type: number): Answer {
  const frame = answer(net.udp(4000, 53, ask(name, type)))!;
  const message = net.readUdp(frame)!.data;
  expect(message.readUInt16BE(0)).toBe(0x1234);
  const flags = message.readUInt16BE(2);
  expect(flags & 0x8180).toBe(0x8100);
  return {
    code: flags & 15,
    authoritative: (flags & 0x400) !== 0,
    truncated: (flags & 0x200) !== 0,
    answers: message.readUInt16BE(6),
    authorities: message.readUInt16BE(8),
  };
}

describe('the zone', () => {
  it('is what it is to mean', () => {
    expect(isZone(bytesOfZone, zoneEnd)).toBe(true);
    let at = 0;
    for (const { owner, type, ttl, data } of zone) {
      const found = resourceAt(bytesOfZone, at, zoneEnd)!;
      expect({ type: found.type, ttl: found.ttl }).toEqual({ type, ttl });
      expect(hex(Buffer.from(bytesOfZone.subarray(at, found.owner.end)))).toBe(hex(wireName(owner)));
      expect(hex(Buffer.from(bytesOfZone.subarray(found.start, found.end)))).toBe(hex(data));
      at = found.end;
    }
    expect(at).toBe(zoneEnd);
  });

  it('is refused when a byte of its form is wrong', () => {
    const lengths = [0, zoneEnd - 1, 16, 26];
    for (const at of [0, 9, 16, 18, 24]) {
      const damaged = bytesOfZone.slice();
      damaged[at] ^= 0x40;
      expect(isZone(damaged, zoneEnd), `byte ${at}`).toBe(false);
    }
    for (const length of lengths) expect(isZone(bytesOfZone, length), `${length} bytes`).toBe(false);
  });
});

describe('a question', () => {
  it.each([
    ['www.casemate.test', types.A, { code: 0, answers: 2, authorities: 0 }],
    ['WwW.CaSeMaTe.TeSt', types.AAAA, { code: 0, answers: 1, authorities: 0 }],
    ['casemate.test', types.TXT, { code: 0, answers: 1, authorities: 0 }],
    ['casemate.test', types.ANY, { code: 0, answers: 3, authorities: 0 }],
    ['docs.casemate.test', types.A, { code: 0, answers: 3, authorities: 0 }],
    ['help.casemate.test', types.AAAA, { code: 0, answers: 3, authorities: 0 }],
    ['help.casemate.test', types.CNAME, { code: 0, answers: 1, authorities: 0 }],
    ['help.casemate.test', types.TXT, { code: 0, answers: 2, authorities: 1 }],
    ['out.casemate.test', types.A, { code: 0, answers: 1, authorities: 0 }],
    ['lost.casemate.test', types.A, { code: 3, answers: 1, authorities: 1 }],
    ['round.casemate.test', types.A, { code: 0, answers: 1, authorities: 0 }],
    ['www.casemate.test', types.TXT, { code: 0, answers: 0, authorities: 1 }],
    ['deep.casemate.test', types.A, { code: 0, answers: 0, authorities: 1 }],
    ['nothing.casemate.test', types.A, { code: 3, answers: 0, authorities: 1 }],
    ['ww.casemate.test', types.A, { code: 3, answers: 0, authorities: 1 }],
  ])('for %s, type %i, is answered with authority', (name, type, expected) => {
    expect(asked(name, type)).toEqual({ ...expected, authoritative: true, truncated: false });
  });

  it.each(['example.com', 'test', '', 'acasemate.test', 'casemate.test.casemate.com'])(
    'for %s, which is not in the zone, is refused',
    (name) => {
      expect(asked(name, types.A)).toMatchObject({ code: 5, authoritative: false, answers: 0 });
    },
  );

  it('of the longest name is answered', () => {
    const long = [60, 60, 60, 54].map((size) => 'x'.repeat(size)).join('.');
    expect(wireName(labelsOf(`${long}.casemate.test`)).length).toBe(253);
    expect(asked(`${long}.casemate.test`, types.A)).toMatchObject({ code: 3, authorities: 1, truncated: false });
  });

  it('whose answer does not fit is answered without it, and told so', () => {
    const alias = bytesOfZone.slice();
    // The addresses of www become those of a name so long that two of them are too much for 512 bytes.
    let end = 0;
    const put = (bytes: Buffer): void => {
      alias.set(bytes, end);
      end += bytes.length;
    };
    put(Buffer.from(bytesOfZone.subarray(0, 15 + 10 + 0x41)));
    const text = Buffer.concat([Buffer.from([249]), Buffer.alloc(249, 120)]);
    for (let i = 0; i < 2; i++)
      put(Buffer.concat([wireName(labelsOf('big.casemate.test')), Buffer.from('001000010000000100fa', 'hex'), text]));
    expect(isZone(alias, end)).toBe(true);
    const reply = new Uint8Array(LONGEST_FRAME);
    const frame = new Uint8Array(LONGEST_FRAME);
    const query = net.udp(4000, 53, ask('big.casemate.test', types.TXT));
    frame.set(query);
    const size = respond(reply, frame, query.length, net.guestMac, address, alias, end);
    const { data } = net.readUdp(Buffer.from(reply.subarray(0, size)))!;
    expect(data.readUInt16BE(2)).toBe(0x8700);
    expect([...data.subarray(4, 12)]).toEqual([0, 1, 0, 0, 0, 0, 0, 0]);
    expect(data.length).toBe(12 + 19 + 4);
  });

  it('gets the answer of the reference, whatever the frame', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(hex(answer(frame))).toBe(hex(respondTo(frame)));
      }),
      { seed: 6, numRuns: 1500 },
    );
  });

  it('is generated so that all ways to answer are gone', () => {
    const codes = new Map<string, number>();
    for (const frame of framesOf(6, 3000)) {
      const reply = respondTo(frame);
      const isDns = reply !== undefined && reply.length > 53;
      const key = isDns ? `${reply[45]! & 15} ${(reply[44]! & 4) > 0}` : reply === undefined ? 'none' : 'ARP';
      codes.set(key, (codes.get(key) ?? 0) + 1);
    }
    for (const key of ['none', 'ARP', '0 true', '0 false', '1 false', '3 true', '4 false', '5 false'])
      expect(codes.get(key) ?? 0, key).toBeGreaterThan(20);
  });
});

describe('boot parameters', () => {
  const parsed = (text: string): number | undefined => addressFrom(Buffer.from(text), text.length, 7);
  it.each([
    ['', 7],
    ['   ', 7],
    ['--ip=10.0.0.2', 0x0a000002],
    ['  --ip=255.255.255.255 ', 0xffffffff],
    ['--ip=1.2.3.4 --ip=0.0.0.0', 0],
    ['--ip=007.1.1.1', 0x07010101],
  ])('%j are understood', (text, expected) => expect(parsed(text)).toBe(expected));
  it.each([
    '--ip=',
    '--ip=1.2.3',
    '--ip=1.2.3.4.5',
    '--ip=256.1.1.1',
    '--ip=1..2.3',
    '--ip=1.2.3.4x',
    '--ip',
    '--iq=1.2.3.4',
    'x',
    '--ip=1.2.3.4,',
    '--ip=1.2.3.-4',
  ])('%j are not', (text) => expect(parsed(text)).toBeUndefined());
});

describe('the program', () => {
  const device = (incoming: Uint8Array[], mtu = 1500) => ({
    ...{ name: 'net0', mac: new Uint8Array(net.guestMac), mtu, incoming, outgoing: [] as Uint8Array[] },
  });
  const running = (
    nets: ReturnType<typeof device>[],
    parameters = '',
    blocks: { name: string; blockSize: number; bytes: Uint8Array }[] = [],
  ) => {
    let said = '';
    const status = simulate(main, {
      arguments: parameters,
      nets,
      blocks,
      console: (bytes) => {
        said += Buffer.from(bytes).toString();
      },
    });
    return { status, said };
  };

  it('answers what waits, and sleeps', () => {
    const incoming = framesOf(1, 300);
    const expected = incoming.flatMap((frame) => respondTo(frame) ?? []);
    const net0 = device([...incoming]);
    expect(running([net0])).toEqual({ status: undefined, said: 'dns: ready\n' });
    expect(net0.outgoing.map((one) => hex(Buffer.from(one)))).toEqual(expected.map(hex));
    expect(NEVER).toBe(2n ** 64n - 1n);
  });

  it('has the address that the boot parameters give', () => {
    const query = net.udp(4000, 53, ask('www.casemate.test', types.A), { to: '192.168.1.9' });
    const net0 = device([query]);
    running([net0], '--ip=192.168.1.9');
    expect(net0.outgoing.map((one) => hex(Buffer.from(one)))).toEqual([hex(respondTo(query, '192.168.1.9'))]);
    expect(answerTo(ask('www.casemate.test', types.A))).toBeDefined();
  });

  it('has the zone that a block device holds, and none if that cannot be read', () => {
    const query = net.udp(4000, 53, ask('www.casemate.test', types.AAAA));
    const holding = (size: number, blockSize = 512, more = Buffer.alloc(0)) => {
      const bytes = new Uint8Array(size);
      bytes.set(bytesOfZone.subarray(0, Math.min(zoneEnd, size)));
      if (more.length > 0) bytes.set(more, zoneEnd);
      return { name: 'zone', blockSize, bytes };
    };
    const another = Buffer.concat([
      wireName(labelsOf('www.casemate.test')),
      Buffer.from('001c00010000000100100123456789abcdef0123456789abcdef', 'hex'),
    ]);
    const net0 = device([query]);
    expect(running([net0], '', [holding(2048, 512, another)]).status).toBeUndefined();
    expect(net.readUdp(Buffer.from(net0.outgoing[0]!))!.data.readUInt16BE(6)).toBe(2);
    expect(running([device([])], '', [holding(8192)]).status).toBeUndefined();
    for (const block of [
      holding(2048, 1024),
      holding(0),
      holding(512),
      { ...holding(1024), bytes: new Uint8Array(1024) },
    ])
      expect(running([device([query])], '', [block])).toEqual({ status: 1, said: 'dns: the zone is malformed\n' });
  });

  it.each([
    ['a device', [], '', 'is missing'],
    ['one of the usual size', [device([], 9000)], '', 'is missing'],
    ['parameters that it understands', [device([])], 'ip=1', 'are not understood'],
    ['parameters that it can hold', [device([])], ' '.repeat(300), 'are not understood'],
  ])('ends with an error without %s', (_, nets, parameters, message) => {
    const { status, said } = running(nets, parameters);
    expect({ status, said: said.includes(message) }).toEqual({ status: 1, said: true });
  });
});

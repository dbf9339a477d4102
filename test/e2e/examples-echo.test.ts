/**
 * examples/echo on a wire that the test holds: every frame and every second comes from here, and the program runs
 * under the address and undefined-behaviour sanitizers.
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../support/random.ts';
import { requireTools } from '../support/tools.ts';
import * as net from './host/frames.ts';
import { hostProgram } from './host/program.ts';
import { Wire } from './host/wire.ts';

requireTools('gcc');

let program: string;
let wire: Wire;

beforeAll(async () => {
  program = await hostProgram('echo', true);
});

afterEach(async () => {
  const status = await wire?.end();
  expect(wire?.console ?? '').not.toMatch(/Sanitizer|runtime error/);
  expect(status).toBe(0);
});

/** A started program that has learnt the peer's Ethernet address, as it does when the peer asks for its own. */
async function start(cmdline = ''): Promise<Wire> {
  wire = await Wire.start(program, cmdline);
  expect(await wire.send(net.arp(1, net.peerIp, net.guestIp))).toHaveLength(1);
  return wire;
}

function segments(frames: readonly Buffer[]): net.Segment[] {
  return frames.map((frame) => net.readTcp(frame)).filter((segment) => segment !== undefined);
}

/** A peer's side of one connection, as far as a test does not spell it out. */
class Peer {
  seq: number;
  ack = 0;
  window = 65535;
  readonly port: number;
  constructor(port = 40000, seq = 1000) {
    this.port = port;
    this.seq = seq;
  }
  frame(flags: number, data: Buffer | string = '', seq = this.seq): Buffer {
    const bytes = Buffer.from(data);
    return net.tcp({ from: this.port, to: 7, seq, ack: this.ack, flags, window: this.window, data: bytes });
  }
  async send(flags: number, data: Buffer | string = ''): Promise<net.Segment[]> {
    const frame = this.frame(flags, data);
    this.seq = (this.seq + Buffer.from(data).length + ((flags & (net.SYN | net.FIN)) === 0 ? 0 : 1)) >>> 0;
    return segments(await wire.send(frame));
  }
  async open(options?: Buffer): Promise<net.Segment> {
    const frame = net.tcp({
      ...{ from: this.port, to: 7, seq: this.seq, ack: 0, flags: net.SYN, window: this.window },
      data: Buffer.alloc(0),
      ...(options === undefined ? {} : { options }),
    });
    const [answer, ...more] = segments(await wire.send(frame));
    expect(more).toEqual([]);
    expect(answer).toMatchObject({ flags: net.SYN | net.ACK, ack: (this.seq + 1) >>> 0, from: 7, to: this.port });
    this.seq = (this.seq + 1) >>> 0;
    this.ack = (answer!.seq + 1) >>> 0;
    expect(segments(await wire.send(this.frame(net.ACK)))).toEqual([]);
    return answer!;
  }
}

const mssOption = (size: number) => Buffer.from([2, 4, size >> 8, size & 255]);

describe('Ethernet and IPv4', () => {
  test('ARP requests for its address are answered, others not', async () => {
    wire = await Wire.start(program);
    const [answer, ...more] = await wire.send(net.arp(1, net.peerIp, net.guestIp));
    expect(more).toEqual([]);
    expect(answer!.subarray(0, 6)).toEqual(net.peerMac);
    expect(answer!.readUInt16BE(20)).toBe(2);
    expect(answer!.subarray(22, 32)).toEqual(Buffer.concat([net.guestMac, net.ipBytes(net.guestIp)]));
    expect(await wire.send(net.arp(1, net.peerIp, '10.0.2.16'))).toEqual([]);
    expect(await wire.send(net.arp(1, net.guestIp, net.guestIp))).toEqual([]);
    expect(await wire.send(net.arp(1, '192.168.0.1', net.guestIp))).toEqual([]);
  });

  test('an answer for a neighbour it does not know waits for ARP, and goes to the gateway for other networks', async () => {
    wire = await Wire.start(program);
    const request = net.udp(5000, 7, Buffer.from('far'), { from: '192.0.2.1' });
    const [question, ...more] = await wire.send(request);
    expect(more).toEqual([]);
    expect(question!.readUInt16BE(12)).toBe(0x0806);
    expect(question!.subarray(38, 42)).toEqual(net.ipBytes('10.0.2.2'));
    expect((await wire.pass(1000)).map((frame) => frame.readUInt16BE(12))).toEqual([0x0806]);
    const [datagram] = await wire.send(net.arp(2, net.peerIp, net.guestIp));
    expect(net.readIp(datagram!)).toMatchObject({ to: '192.0.2.1' });
    expect(net.readUdp(datagram!)!.data.toString()).toBe('far');
  });

  test('questions for a neighbour that does not answer end after three', async () => {
    wire = await Wire.start(program);
    expect(await wire.send(net.udp(5000, 7, Buffer.from('x'), { from: '10.0.2.99' }))).toHaveLength(1);
    expect(await wire.pass(1000)).toHaveLength(1);
    expect(await wire.pass(1000)).toHaveLength(1);
    expect(await wire.pass(1000)).toHaveLength(0);
    expect(await wire.pass(60_000)).toHaveLength(0);
  });

  test('ARP replies that nobody asked for change nothing', async () => {
    await start();
    const forged = Buffer.from('020000000666', 'hex');
    await wire.send(net.arp(2, '10.0.2.77', net.guestIp, forged));
    const frames = await wire.send(net.udp(5000, 7, Buffer.from('x'), { from: '10.0.2.77' }));
    expect(frames.map((frame) => frame.readUInt16BE(12))).toEqual([0x0806]);
  });

  test('packets that are fragments, have bad checksums, lie about sizes or come from impossible hosts are dropped', async () => {
    await start();
    const good = net.udp(5000, 7, Buffer.from('hello'));
    expect(await wire.send(good)).toHaveLength(1);
    const changed = (at: number, value: number) => {
      const frame = Buffer.from(good);
      frame[at] = value;
      // The header's checksum made right again, where the change is not to it.
      if (at !== 24) {
        frame.writeUInt16BE(0, 24);
        frame.writeUInt16BE(net.checksum(frame.subarray(14, 34)), 24);
      }
      return frame;
    };
    expect(await wire.send(changed(24, good[24]! ^ 1))).toEqual([]); // checksum
    expect(await wire.send(changed(14, 0x55))).toEqual([]); // version 5
    expect(await wire.send(changed(14, 0x44))).toEqual([]); // header of 16 bytes
    expect(await wire.send(changed(14, 0x4f))).toEqual([]); // header of 60 bytes, longer than the packet
    expect(await wire.send(changed(17, 200))).toEqual([]); // longer than the frame
    expect(await wire.send(changed(20, 0x20))).toEqual([]); // more fragments
    expect(await wire.send(changed(21, 1))).toEqual([]); // fragment offset 8
    for (const from of ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '10.0.2.255', '10.0.2.0', net.guestIp])
      expect(await wire.send(net.udp(5000, 7, Buffer.from('x'), { from }))).toEqual([]);
    expect(await wire.send(net.udp(5000, 7, Buffer.from('x'), { to: '10.0.2.16' }))).toEqual([]);
    const options = Buffer.from('01010100', 'hex');
    expect(await wire.send(net.udp(5000, 7, Buffer.from('x'), { options }))).toHaveLength(1);
  });
});

describe('ICMP and UDP', () => {
  test('pings come back with their data', async () => {
    await start();
    for (const size of [0, 1, 56, 1472]) {
      const data = Buffer.alloc(size, 'abc');
      const [frame] = await wire.send(net.ping(data));
      const reply = net.readIp(frame!)!.payload;
      expect(reply[0]).toBe(0);
      expect(net.checksum(Buffer.from(reply))).toBe(0);
      expect(reply.subarray(8).equals(data)).toBe(true);
    }
    const bad = net.ping(Buffer.from('data'));
    bad[bad.length - 1]! ^= 1;
    expect(await wire.send(bad)).toEqual([]);
  });

  test('datagrams come back from the port they were sent to', async () => {
    await start();
    for (const size of [0, 1, 2, 511, 1472]) {
      const data = Buffer.from(Array.from({ length: size }, (_, i) => i & 255));
      const [frame, ...more] = await wire.send(net.udp(5353, 7, data));
      expect(more).toEqual([]);
      expect(net.readUdp(frame!)).toEqual({ from: 7, to: 5353, data });
    }
    const without = net.udp(5353, 7, Buffer.from('no checksum'));
    without.writeUInt16BE(0, 40);
    expect(await wire.send(without)).toHaveLength(1);
  });

  test('datagrams with a wrong checksum or length, for another port, or from another echo service are dropped', async () => {
    await start();
    const bad = net.udp(5353, 7, Buffer.from('data'));
    bad[bad.length - 1]! ^= 1;
    expect(await wire.send(bad)).toEqual([]);
    for (const length of [7, 13, 65535]) {
      const lying = net.udp(5353, 7, Buffer.from('data'));
      lying.writeUInt16BE(length, 38);
      lying.writeUInt16BE(0, 40);
      expect(await wire.send(lying)).toEqual([]);
    }
    expect(await wire.send(net.udp(5353, 8, Buffer.from('x')))).toEqual([]);
    for (const port of [0, 7, 19]) expect(await wire.send(net.udp(port, 7, Buffer.from('x')))).toEqual([]);
  });
});

describe('TCP', () => {
  test('a connection opens, echoes and closes after its peer', async () => {
    await start();
    const peer = new Peer();
    const answer = await peer.open(mssOption(1460));
    expect(answer.options).toEqual(mssOption(1460));
    const [echo, ...more] = await peer.send(net.ACK | net.PSH, 'hello');
    expect(more).toEqual([]);
    expect(echo).toMatchObject({ seq: peer.ack, ack: peer.seq, data: Buffer.from('hello') });
    peer.ack += 5;
    const fin = await peer.send(net.FIN | net.ACK);
    expect(fin).toHaveLength(1);
    expect(fin[0]).toMatchObject({ flags: net.FIN | net.ACK, seq: peer.ack, ack: peer.seq });
    peer.ack += 1;
    expect(await peer.send(net.ACK)).toEqual([]);
    // Nothing is left of it: a late segment is answered with a reset.
    expect((await peer.send(net.ACK, 'late'))[0]!.flags).toBe(net.RST);
  });

  test('data and FIN in one segment are both answered', async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    const answers = await peer.send(net.FIN | net.ACK | net.PSH, 'bye');
    expect(answers.map(({ data, flags }) => [data.toString(), flags & net.FIN])).toEqual([
      ['bye', 0],
      ['', net.FIN],
    ]);
  });

  test('sequence numbers wrap', async () => {
    await start();
    const peer = new Peer(40000, 0xfffffffd);
    await peer.open();
    expect((await peer.send(net.ACK, 'abcdef'))[0]).toMatchObject({ ack: 4, data: Buffer.from('abcdef') });
  });

  test('what is not acknowledged is sent again, ever more slowly, and given up with a reset', async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    const [first] = await peer.send(net.ACK, 'again');
    const waits: number[] = [];
    let waited = 0;
    let reset = false;
    for (let i = 0; i < 4000 && !reset; i++) {
      waited += 100;
      for (const segment of segments(await wire.pass(100))) {
        if ((segment.flags & net.RST) !== 0) reset = true;
        else {
          expect(segment).toMatchObject({ seq: first!.seq, data: Buffer.from('again') });
          waits.push(waited);
          waited = 0;
        }
      }
    }
    expect(reset).toBe(true);
    expect(waits).toHaveLength(8);
    for (let i = 1; i < 7; i++) expect(waits[i]! / waits[i - 1]!).toBeCloseTo(2, 0);
  });

  test('a lost answer to a SYN is sent again; a half-open connection goes away', async () => {
    await start();
    const syn = { from: 40000, to: 7, seq: 5, ack: 0, flags: net.SYN, window: 1000, data: Buffer.alloc(0) };
    const [first] = segments(await wire.send(net.tcp(syn)));
    expect(segments(await wire.send(net.tcp(syn)))).toEqual([first]);
    expect(segments(await wire.pass(1000))).toEqual([first]);
    let answers = 0;
    for (let i = 0; i < 120; i++) answers += (await wire.pass(1000)).length;
    expect(answers).toBe(3);
    expect(await wire.pass(700_000)).toEqual([]);
  });

  test('old, overlapping and early segments leave the stream as it was meant', async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    const base = peer.seq;
    await peer.send(net.ACK, 'abcdef');
    peer.ack += 6;
    expect(segments(await wire.send(peer.frame(net.ACK, 'abcdef', base)))[0]).toMatchObject({ ack: base + 6 });
    expect(segments(await wire.send(peer.frame(net.ACK, 'XYZ', base + 9)))[0]).toMatchObject({
      ack: base + 6,
      data: Buffer.alloc(0),
    });
    const overlap = segments(await wire.send(peer.frame(net.ACK, 'cdefghi', base + 2)));
    expect(overlap).toHaveLength(1);
    expect(overlap[0]).toMatchObject({ ack: base + 9, data: Buffer.from('ghi') });
  });

  test('only a reset with the exact number ends a connection', async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    for (const at of [1, 100, 16000])
      expect(segments(await wire.send(peer.frame(net.RST, '', peer.seq + at)))).toMatchObject([{ ack: peer.seq }]);
    expect(await wire.send(peer.frame(net.RST, '', peer.seq - 1))).toEqual([]);
    expect(await wire.send(peer.frame(net.RST, '', peer.seq + 20000))).toEqual([]);
    expect((await peer.send(net.ACK, 'alive'))[0]!.data.toString()).toBe('alive');
    expect(await wire.send(peer.frame(net.RST))).toEqual([]);
    expect((await peer.send(net.ACK, 'gone'))[0]!.flags).toBe(net.RST);
  });

  test('a SYN inside a connection and an acknowledgement of what was never sent get a challenge', async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    expect(segments(await wire.send(peer.frame(net.SYN)))).toMatchObject([{ flags: net.ACK, ack: peer.seq }]);
    peer.ack += 1000;
    expect(segments(await wire.send(peer.frame(net.ACK, 'x')))).toMatchObject([{ ack: peer.seq }]);
    peer.ack -= 1000;
    expect((await peer.send(net.ACK, 'alive'))[0]!.data.toString()).toBe('alive');
  });

  test('segments for a closed port, or for no connection, are reset; bad checksums are dropped', async () => {
    await start();
    const syn = { from: 40000, to: 80, seq: 9, ack: 0, flags: net.SYN, window: 1000, data: Buffer.alloc(0) };
    expect(segments(await wire.send(net.tcp(syn)))).toMatchObject([{ from: 80, flags: net.RST | net.ACK, ack: 10 }]);
    const ack = { ...syn, to: 7, flags: net.ACK, ack: 77 };
    expect(segments(await wire.send(net.tcp(ack)))).toMatchObject([{ from: 7, flags: net.RST, seq: 77 }]);
    const bad = net.tcp({ ...syn, to: 7 });
    bad[bad.length - 3]! ^= 1;
    expect(await wire.send(bad)).toEqual([]);
    expect(await wire.send(net.tcp({ ...syn, flags: net.RST }))).toEqual([]);
  });

  test('the peer sees no larger segments than it asked for', async () => {
    await start();
    const peer = new Peer();
    await peer.open(mssOption(300));
    const sizes = (await peer.send(net.ACK, Buffer.alloc(1000))).map(({ data }) => data.length);
    expect(sizes).toEqual([300, 300, 300, 100]);
  });

  test('hostile options of a SYN are read within their bounds', async () => {
    await start();
    const bad = [
      '02040000',
      '0204ffff',
      '02000000',
      '03ff0000',
      '01010102',
      '00000000',
      '02030500',
      '0101010204000000',
    ];
    for (const [i, options] of bad.entries()) {
      const peer = new Peer(41000 + i);
      await peer.open(Buffer.from(options, 'hex'));
      const [echo] = await peer.send(net.ACK, Buffer.alloc(50, 1));
      expect(echo!.data).toHaveLength(50);
    }
  });

  test('a peer that closes its window is probed until it opens it', async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    peer.window = 0;
    const answers = await peer.send(net.ACK, 'patience');
    expect(answers).toMatchObject([{ data: Buffer.alloc(0) }]);
    let probes = 0;
    for (let i = 0; i < 400; i++) {
      for (const segment of segments(await wire.pass(1000))) {
        expect(segment.data.toString()).toBe('p');
        probes++;
        expect(segments(await wire.send(peer.frame(net.ACK)))).toEqual([]);
      }
    }
    expect(probes).toBeGreaterThan(9); // more often than an unanswered segment would be sent
    peer.window = 1000;
    expect((await peer.send(net.ACK)).map(({ data }) => data.toString())).toEqual(['patience']);
  });

  test('it never takes more than the window it announced, and announces what it can take', async () => {
    await start();
    const peer = new Peer();
    const answer = await peer.open(mssOption(1000));
    peer.window = 0;
    let sent = 0;
    let window = answer.window;
    const data = Buffer.alloc(1000, 'w');
    while (window > 0) {
      const [last] = (await peer.send(net.ACK, data.subarray(0, Math.min(1000, window)))).slice(-1);
      sent += Math.min(1000, window);
      window = last!.window;
      expect(window).toBe(answer.window - sent);
    }
    expect(segments(await wire.send(peer.frame(net.ACK, 'more')))).toMatchObject([{ ack: peer.seq, window: 0 }]);
    peer.window = 60000;
    let answers = await peer.send(net.ACK);
    let received = 0;
    for (let i = 0; i < 100 && received < sent; i++) {
      for (const { data: bytes } of answers) received += bytes.length;
      peer.ack = answers.reduce((end, segment) => Math.max(end, segment.seq + segment.data.length), peer.ack);
      answers = await peer.send(net.ACK);
    }
    expect(received).toBe(sent);
    expect((await peer.send(net.ACK, 'x'))[0]!.window).toBeGreaterThan(15000);
  });

  test('three equal acknowledgements bring the lost segment back without waiting', async () => {
    await start();
    const peer = new Peer();
    await peer.open(mssOption(500));
    const data = Buffer.concat([1, 2, 3, 4].map((n) => Buffer.alloc(500, n)));
    expect(await peer.send(net.ACK, data)).toHaveLength(4);
    expect(await peer.send(net.ACK)).toEqual([]);
    expect(await peer.send(net.ACK)).toEqual([]);
    expect(await peer.send(net.ACK)).toMatchObject([{ seq: peer.ack, data: data.subarray(0, 500) }]);
    expect(await peer.send(net.ACK)).toEqual([]);
  });

  test('connections do not mix', async () => {
    await start();
    const peers = Array.from({ length: 20 }, (_, i) => new Peer(42000 + i, i * 1_000_000));
    for (const peer of peers) await peer.open();
    for (let round = 0; round < 5; round++) {
      for (const [i, peer] of peers.entries()) {
        const text = `round ${round} of ${i}`;
        const [echo] = await peer.send(net.ACK, text);
        expect(echo!.data.toString()).toBe(text);
        peer.ack += text.length;
      }
    }
  });

  test('a flood of SYNs costs half-open connections, not open ones', async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    for (let i = 0; i < 300; i++) {
      const syn = { from: 1000 + i, to: 7, seq: i, ack: 0, flags: net.SYN, window: 500, data: Buffer.alloc(0) };
      expect(segments(await wire.send(net.tcp(syn)))).toHaveLength(1);
    }
    expect((await peer.send(net.ACK, 'still here'))[0]!.data.toString()).toBe('still here');
    await new Peer(50000).open();
  });

  test('first sequence numbers differ between connections and are not a plain clock', async () => {
    await start();
    const firsts: number[] = [];
    for (let i = 0; i < 12; i++) firsts.push((await new Peer(43000 + i).open()).seq);
    const steps = new Set(firsts.slice(1).map((first, i) => (first - firsts[i]!) | 0));
    expect(steps.size).toBe(11);
  });

  test.each([1, 2, 3])(
    '100 kB come back whole and in order over a link that loses, doubles and reorders frames (seed %i)',
    async (seed) => {
      await start();
      const random = createRandom(seed, 0);
      const data = Buffer.from(Array.from({ length: 100_000 }, () => random.below(256)));
      const peer = new Peer();
      await peer.open(mssOption(1000));
      const base = peer.seq;
      const received: Buffer[] = [];
      let acknowledged = 0; // of ours
      let window = 16384;
      let finReceived = false;
      let inbox: net.Segment[] = [];
      /** Loses a fifth of all frames, repeats some and swaps neighbours, in both directions. */
      const hurt = <T>(items: T[]): T[] => {
        const kept = items.filter(() => !random.oneIn(5)).flatMap((item) => (random.oneIn(10) ? [item, item] : [item]));
        if (kept.length > 1 && random.oneIn(3)) [kept[0], kept[1]] = [kept[1]!, kept[0]!];
        return kept;
      };
      const total = data.length + 1; // the FIN counts
      for (let turn = 0; turn < 5000 && !finReceived; turn++) {
        const frames: Buffer[] = [];
        const limit = Math.min(total, acknowledged + Math.min(window, 4000));
        for (let at = acknowledged; at < limit; at += 1000) {
          const bytes = data.subarray(at, Math.min(at + 1000, limit, data.length));
          const fin = at + bytes.length === data.length && limit === total ? net.FIN : 0;
          frames.push(peer.frame(net.ACK | fin, bytes, (base + at) >>> 0));
        }
        if (frames.length === 0) frames.push(peer.frame(net.ACK, '', (base + acknowledged) >>> 0));
        for (const frame of hurt(frames)) inbox.push(...hurt(segments(await wire.send(frame))));
        if (inbox.length === 0) inbox = hurt(segments(await wire.pass(500)));
        for (const segment of inbox) {
          expect(segment.flags & net.RST).toBe(0);
          const progress = (segment.ack - base) | 0;
          if (progress > acknowledged) acknowledged = progress;
          window = segment.window;
          if (segment.seq !== peer.ack) continue;
          received.push(segment.data);
          peer.ack = (peer.ack + segment.data.length) >>> 0;
          if ((segment.flags & net.FIN) !== 0) {
            finReceived = true;
            peer.ack = (peer.ack + 1) >>> 0;
          }
        }
        inbox = [];
      }
      expect(finReceived).toBe(true);
      expect(Buffer.concat(received).equals(data)).toBe(true);
    },
  );
});

describe('hostile input', () => {
  test('20,000 mutated frames do no harm', { timeout: 120_000 }, async () => {
    await start();
    const peer = new Peer();
    await peer.open();
    const seeds = [
      net.arp(1, net.peerIp, net.guestIp),
      net.ping(Buffer.alloc(40)),
      net.udp(5000, 7, Buffer.alloc(100)),
      peer.frame(net.ACK | net.PSH, Buffer.alloc(200)),
      peer.frame(net.ACK | net.FIN),
      net.tcp({
        from: 9,
        to: 7,
        seq: 1,
        ack: 0,
        flags: net.SYN,
        window: 9,
        data: Buffer.alloc(0),
        options: mssOption(9),
      }),
    ];
    for (let i = 0; i < 20_000; i++) {
      const random = createRandom(5, i);
      let frame = Buffer.from(random.pick(seeds));
      for (let n = 1 + random.below(3); n > 0; n--) frame[12 + random.below(frame.length - 12)] = random.below(256);
      if (random.oneIn(4)) frame = frame.subarray(0, random.below(frame.length + 1));
      // Right checksums let mutations reach the layers above.
      if (!random.oneIn(5)) net.repairChecksums(frame);
      if (random.oneIn(50)) await wire.pass(random.below(5000));
      await wire.send(frame);
      if (wire.status !== undefined) expect.fail(`frame ${i} (${frame.toString('hex')}): ${wire.console}`);
    }
    await wire.send(net.arp(1, net.peerIp, net.guestIp));
    expect(await wire.send(net.ping(Buffer.from('alive')))).toHaveLength(1);
  });
});

describe('the command line', () => {
  test('sets address, gateway and port', async () => {
    wire = await Wire.start(program, '--ip=192.168.7.9/16 --gateway=192.168.1.1 --port=4242');
    expect(wire.console).toContain('192.168.7.9 port 4242');
    await wire.send(net.arp(1, '192.168.200.1', '192.168.7.9'));
    const addresses = { from: '192.168.200.1', to: '192.168.7.9' };
    expect(await wire.send(net.udp(5000, 4242, Buffer.from('x'), addresses))).toHaveLength(1);
  });

  test.each([
    '--ip=10.0.2/24',
    '--ip=10.0.2.15',
    '--ip=10.0.2.256/24',
    '--ip=10.0.2.15/33',
    '--ip=224.0.0.1/8',
    '--port=0',
    '--port=65536',
    '--gateway=1.2.3.4x',
    'word',
  ])('refuses %s', async (argument) => {
    const refused = await Wire.start(program, argument);
    expect(await refused.end()).toBe(2);
    expect(refused.console).toContain(argument);
    wire = await Wire.start(program);
  });

  test('ends after the connections it was told to serve, with a count', async () => {
    await start('--connections=1');
    const peer = new Peer();
    await peer.open();
    await peer.send(net.ACK, 'hello');
    peer.ack += 5;
    await peer.send(net.FIN | net.ACK);
    peer.ack += 1;
    await peer.send(net.ACK);
    expect(await wire.end()).toBe(0);
    expect(wire.console).toContain('1 connections, 5 bytes, 0 datagrams, 0 pings');
  });
});

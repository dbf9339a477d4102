/**
 * What the DNS server of examples/dns is to answer, byte for byte: written apart from it, on Buffers and lists of
 * labels, from the RFCs and what its files say that it does.
 */
import { checksum, guestMac, ipBytes, udp } from '../../e2e/host/frames.ts';
import { type Labels, labelsOf, negativeTtl, origin, types, wireName, type ZoneRecord, zone } from './zone.ts';

class Malformed extends Error {}

/** Reads a message; what is not there throws. */
class Reader {
  at = 0;
  private readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  get ended(): boolean {
    return this.at === this.bytes.length;
  }
  take(size: number): Buffer {
    if (this.at + size > this.bytes.length) throw new Malformed();
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }
  u8 = (): number => this.take(1)[0]!;
  u16 = (): number => this.take(2).readUInt16BE();
  u32 = (): number => this.take(4).readUInt32BE();
  /** Labels up to the root; with `pointers` one may end them, and is not followed. */
  name(pointers: boolean): Labels {
    const labels: Buffer[] = [];
    const start = this.at;
    for (;;) {
      const size = this.u8();
      if (size === 0) break;
      if (pointers && size >= 192) {
        this.u8();
        break;
      }
      if (size > 63) throw new Malformed();
      labels.push(this.take(size));
    }
    if (!pointers && this.at - start > 255) throw new Malformed();
    return labels;
  }
}

const same = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
  a !== undefined && b !== undefined && a.toString('latin1').toLowerCase() === b.toString('latin1').toLowerCase();
const sameName = (a: Labels, b: Labels): boolean => a.length === b.length && a.every((label, i) => same(label, b[i]));
const isWithin = (name: Labels, above: Labels): boolean =>
  name.length >= above.length && sameName(name.slice(name.length - above.length), above);

const nameIn = (data: Buffer): Labels => new Reader(data).name(false);
const u16 = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));

function resource(pointer: number, { type, data }: ZoneRecord, ttl: number): Buffer {
  const seconds = Buffer.alloc(4);
  seconds.writeUInt32BE(ttl);
  return Buffer.concat([u16(0xc000 | pointer, type, 1), seconds, u16(data.length), data]);
}

interface Said {
  readonly code: number;
  readonly answers: readonly Buffer[];
  readonly authorities: readonly Buffer[];
}

/** Answers from the zone to a name in it; `base` is where the message's answers begin. */
function lookUp(asked: Labels, type: number, base: number): Said {
  const answers: Buffer[] = [];
  const followed = new Set<ZoneRecord>();
  const size = (): number => answers.reduce((sum, one) => sum + one.length, 0);
  let name = asked;
  let pointer = 12;
  for (let i = 0; i < 8; i++) {
    const here = zone.filter(({ owner }) => sameName(owner, name));
    const wanted = here.filter((one) => type === types.ANY || one.type === type);
    if (wanted.length > 0) {
      answers.push(...wanted.map((one) => resource(pointer, one, one.ttl)));
      return { code: 0, answers, authorities: [] };
    }
    const alias = here.find((one) => one.type === types.CNAME);
    if (alias === undefined) {
      const exists = zone.some(({ owner }) => isWithin(owner, name));
      const end = wireName(asked).length - wireName(labelsOf(origin)).length;
      return { code: exists ? 0 : 3, answers, authorities: [resource(12 + end, zone[0]!, negativeTtl)] };
    }
    if (followed.has(alias)) break;
    followed.add(alias);
    const at = base + size() + 12;
    answers.push(resource(pointer, alias, alias.ttl));
    name = nameIn(alias.data);
    if (!isWithin(name, labelsOf(origin))) break;
    pointer = at;
  }
  return { code: 0, answers, authorities: [] };
}

/** The answer to a message of UDP's port 53. */
export function answerTo(message: Buffer): Buffer | undefined {
  if (message.length < 12 || message[2]! >= 128) return undefined;
  const reader = new Reader(message);
  const [id, flags, questions, answers, authorities, additionals] = Array.from({ length: 6 }, reader.u16) as number[];
  const header = (bits: number, counts: readonly number[]): Buffer =>
    u16(id!, 0x8000 | (flags! & 0x7900) | bits, ...counts);
  if ((flags! & 0x7800) !== 0) return header(4, [0, 0, 0, 0]);
  const malformed = header(1, [0, 0, 0, 0]);
  if (questions !== 1 || answers !== 0 || authorities !== 0) return malformed;
  let name: Labels;
  let question: Buffer;
  let type: number;
  let ofClass: number;
  let opt: { room: number; version: number } | undefined;
  try {
    name = reader.name(false);
    type = reader.u16();
    ofClass = reader.u16();
    question = message.subarray(12, reader.at);
    for (let i = 0; i < additionals!; i++) {
      const isRoot = message[reader.at] === 0;
      reader.name(true);
      const [own, room] = [reader.u16(), reader.u16()];
      const version = reader.take(4)[1]!;
      reader.take(reader.u16());
      if (own !== types.OPT) continue;
      if (opt !== undefined || !isRoot) return malformed;
      opt = { room, version };
    }
    if (!reader.ended) return malformed;
  } catch (error) {
    if (error instanceof Malformed) return malformed;
    throw error;
  }
  const reply = (code: number, bits: number, records: readonly Buffer[], counts: readonly [number, number]): Buffer => {
    const last = opt === undefined ? [] : [Buffer.concat([Buffer.from([0]), u16(41, 1232, (code >> 4) << 8, 0, 0)])];
    return Buffer.concat([header(bits | (code & 15), [1, ...counts, last.length]), ...[question, ...records, ...last]]);
  };
  if (opt !== undefined && opt.version !== 0) return reply(16, 0, [], [0, 0]);
  const isTransfer = type === types.AXFR || type === types.IXFR;
  if (ofClass !== 1 || isTransfer || !isWithin(name, labelsOf(origin))) return reply(5, 0, [], [0, 0]);
  const said = lookUp(name, type, 12 + question.length);
  const whole = reply(
    said.code,
    0x400,
    [...said.answers, ...said.authorities],
    [said.answers.length, said.authorities.length],
  );
  const room = opt === undefined ? 512 : Math.max(512, Math.min(1232, opt.room));
  return whole.length <= room ? whole : reply(said.code, 0x600, [], [0, 0]);
}

const sumIsRight = (bytes: Buffer): boolean => checksum(bytes) === 0;

/** The answer to a frame that the host with this address gets, if it gives one. */
export function respondTo(frame: Buffer, address = '10.0.2.15'): Buffer | undefined {
  if (frame.length < 14) return undefined;
  const [to, from, type] = [frame.subarray(0, 6), frame.subarray(6, 12), frame.readUInt16BE(12)];
  const isForMany = (to[0]! & 1) === 1;
  if ((!isForMany && !to.equals(guestMac)) || (from[0]! & 1) === 1) return undefined;
  const own = ipBytes(address);
  if (type === 0x0806) {
    const packet = frame.subarray(14, 42);
    if (packet.length < 28 || packet.subarray(0, 8).toString('hex') !== '0001080006040001') return undefined;
    const sender = packet.subarray(14, 18);
    if (!packet.subarray(24, 28).equals(own) || sender.equals(own) || sender.equals(Buffer.alloc(4))) return undefined;
    const head = Buffer.from('0806000108000604', 'hex');
    return Buffer.concat([from, guestMac, head, u16(2), guestMac, own, packet.subarray(8, 18)]);
  }
  if (type !== 0x0800 || isForMany || frame.length < 34) return undefined;
  const size = (frame[14]! & 15) * 4;
  const total = frame.readUInt16BE(16);
  if (frame[14]! >> 4 !== 4 || size < 20 || total < size || total > frame.length - 14) return undefined;
  const [head, payload] = [frame.subarray(14, 14 + size), frame.subarray(14 + size, 14 + total)];
  if (!sumIsRight(head) || (head.readUInt16BE(6) & 0x3fff) !== 0 || head[9] !== 17) return undefined;
  const [source, destination] = [head.subarray(12, 16), head.subarray(16, 20)];
  if (!destination.equals(own) || source.equals(own)) return undefined;
  if (source[0] === 0 || source[0] === 127 || source[0]! >= 224 || payload.length < 8) return undefined;
  const length = payload.readUInt16BE(4);
  if (length < 8 || length > payload.length) return undefined;
  const datagram = payload.subarray(0, length);
  const pseudo = Buffer.concat([source, destination, u16(17, length)]);
  if (datagram.readUInt16BE(6) !== 0 && !sumIsRight(Buffer.concat([pseudo, datagram]))) return undefined;
  const port = datagram.readUInt16BE(0);
  if (datagram.readUInt16BE(2) !== 53 || port === 0) return undefined;
  const message = answerTo(datagram.subarray(8));
  if (message === undefined) return undefined;
  const reply = udp(53, port, message, { from: address, to: source.join('.') });
  guestMac.copy(reply, 6);
  from.copy(reply, 0);
  // Not to be fragmented.
  reply.writeUInt16BE(0x4000, 20);
  reply.writeUInt16BE(0, 24);
  reply.writeUInt16BE(checksum(reply.subarray(14, 34)), 24);
  return reply;
}

/**
 * Frames as a test writes and reads them: Ethernet, ARP, IPv4, ICMP, UDP and TCP, with right checksums unless asked
 * otherwise. Written apart from the code under test, on Buffers, so that a mistake in one shows against the other.
 */

export const peerMac = Buffer.from('020000000002', 'hex');
export const guestMac = Buffer.from('020000000001', 'hex');
export const broadcastMac = Buffer.alloc(6, 0xff);
export const peerIp = '10.0.2.2';
export const guestIp = '10.0.2.15';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export function ipBytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** RFC 1071, one byte pair at a time. */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function ethernet(type: number, payload: Buffer, to = guestMac, from = peerMac): Buffer {
  const header = Buffer.alloc(14);
  to.copy(header, 0);
  from.copy(header, 6);
  header.writeUInt16BE(type, 12);
  return Buffer.concat([header, payload]);
}

export function arp(operation: 1 | 2, from: string, to: string, fromMac = peerMac): Buffer {
  const bytes = Buffer.alloc(28);
  Buffer.from('0001080006040000', 'hex').copy(bytes);
  bytes.writeUInt16BE(operation, 6);
  fromMac.copy(bytes, 8);
  ipBytes(from).copy(bytes, 14);
  ipBytes(to).copy(bytes, 24);
  return ethernet(0x0806, bytes, operation === 1 ? broadcastMac : guestMac, fromMac);
}

export interface IpOptions {
  readonly from?: string;
  readonly to?: string;
  readonly fragment?: number;
  readonly options?: Buffer;
}

export function ip(protocol: number, payload: Buffer, options: IpOptions = {}): Buffer {
  const extra = options.options ?? Buffer.alloc(0);
  const header = Buffer.alloc(20 + extra.length);
  header[0] = 0x40 | (header.length / 4);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(options.fragment ?? 0, 6);
  header[8] = 64;
  header[9] = protocol;
  ipBytes(options.from ?? peerIp).copy(header, 12);
  ipBytes(options.to ?? guestIp).copy(header, 16);
  extra.copy(header, 20);
  header.writeUInt16BE(checksum(header), 10);
  return ethernet(0x0800, Buffer.concat([header, payload]));
}

function pseudo(protocol: number, size: number, from: string, to: string): Buffer {
  const bytes = Buffer.alloc(12);
  ipBytes(from).copy(bytes, 0);
  ipBytes(to).copy(bytes, 4);
  bytes[9] = protocol;
  bytes.writeUInt16BE(size, 10);
  return bytes;
}

export function ping(data: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.from('0800000012340001', 'hex'), data]);
  bytes.writeUInt16BE(checksum(bytes), 2);
  return ip(1, bytes);
}

export function udp(fromPort: number, toPort: number, data: Buffer, options: IpOptions = {}): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(8), data]);
  bytes.writeUInt16BE(fromPort, 0);
  bytes.writeUInt16BE(toPort, 2);
  bytes.writeUInt16BE(bytes.length, 4);
  const sum = checksum(Buffer.concat([pseudo(17, bytes.length, options.from ?? peerIp, options.to ?? guestIp), bytes]));
  bytes.writeUInt16BE(sum === 0 ? 0xffff : sum, 6);
  return ip(17, bytes, options);
}

export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly data: Buffer;
  readonly options?: Buffer;
}

export function tcp(segment: Segment): Buffer {
  const options = segment.options ?? Buffer.alloc(0);
  const bytes = Buffer.concat([Buffer.alloc(20), options, segment.data]);
  bytes.writeUInt16BE(segment.from, 0);
  bytes.writeUInt16BE(segment.to, 2);
  bytes.writeUInt32BE(segment.seq >>> 0, 4);
  bytes.writeUInt32BE(segment.ack >>> 0, 8);
  bytes[12] = ((20 + options.length) / 4) << 4;
  bytes[13] = segment.flags;
  bytes.writeUInt16BE(segment.window, 14);
  bytes.writeUInt16BE(checksum(Buffer.concat([pseudo(6, bytes.length, peerIp, guestIp), bytes])), 16);
  return ip(6, bytes);
}

/** The IPv4 payload of a frame from the guest, after its header's checks; undefined when it is not IPv4. */
export function readIp(frame: Buffer): { protocol: number; from: string; to: string; payload: Buffer } | undefined {
  if (frame.readUInt16BE(12) !== 0x0800) return undefined;
  const header = frame.subarray(14, 34);
  if (header[0] !== 0x45 || checksum(Buffer.from(header)) !== 0) throw new Error('bad IPv4 header');
  if (!frame.subarray(6, 12).equals(guestMac)) throw new Error('not from the guest');
  const total = header.readUInt16BE(2);
  if (total !== frame.length - 14) throw new Error(`IPv4 length ${total} in a frame of ${frame.length}`);
  return {
    protocol: header[9]!,
    from: [...header.subarray(12, 16)].join('.'),
    to: [...header.subarray(16, 20)].join('.'),
    payload: frame.subarray(34),
  };
}

/** A TCP segment from the guest; throws when its checksum is wrong. */
export function readTcp(frame: Buffer): Segment | undefined {
  const packet = readIp(frame);
  if (packet?.protocol !== 6) return undefined;
  const bytes = packet.payload;
  if (checksum(Buffer.concat([pseudo(6, bytes.length, packet.from, packet.to), bytes])) !== 0)
    throw new Error('bad TCP checksum');
  const header = (bytes[12]! >> 4) * 4;
  return {
    from: bytes.readUInt16BE(0),
    to: bytes.readUInt16BE(2),
    seq: bytes.readUInt32BE(4),
    ack: bytes.readUInt32BE(8),
    flags: bytes[13]!,
    window: bytes.readUInt16BE(14),
    options: bytes.subarray(20, header),
    data: bytes.subarray(header),
  };
}

/** A UDP datagram from the guest; throws when its checksum is wrong. */
export function readUdp(frame: Buffer): { from: number; to: number; data: Buffer } | undefined {
  const packet = readIp(frame);
  if (packet?.protocol !== 17) return undefined;
  const bytes = packet.payload;
  if (checksum(Buffer.concat([pseudo(17, bytes.length, packet.from, packet.to), bytes])) !== 0)
    throw new Error('bad UDP checksum');
  return { from: bytes.readUInt16BE(0), to: bytes.readUInt16BE(2), data: bytes.subarray(8) };
}

/** Makes the checksums of a damaged IPv4 frame right again, as far as its header still says where they are. */
export function repairChecksums(frame: Buffer): void {
  if (frame.length < 34) return;
  const header = Math.min(Math.max((frame[14]! & 15) * 4, 20), frame.length - 14);
  frame.writeUInt16BE(0, 24);
  frame.writeUInt16BE(checksum(frame.subarray(14, 14 + header)), 24);
  const end = Math.min(14 + frame.readUInt16BE(16), frame.length);
  const payload = frame.subarray(14 + header, Math.max(end, 14 + header));
  const protocol = frame[23]!;
  const at = protocol === 1 ? 2 : protocol === 6 ? 16 : 6;
  if (payload.length < at + 2) return;
  payload.writeUInt16BE(0, at);
  const addresses = [frame.subarray(26, 30), frame.subarray(30, 34)].map((bytes) => [...bytes].join('.'));
  const before = protocol === 1 ? Buffer.alloc(0) : pseudo(protocol, payload.length, addresses[0]!, addresses[1]!);
  payload.writeUInt16BE(checksum(Buffer.concat([before, payload])), at);
}

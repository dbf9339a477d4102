/**
 * Headers of IPv4 and UDP in a frame that came from outside: every read is within the frame, whatever it holds.
 *
 * A parser gives a record whose `valid` says whether the rest means something, and promises what its users rely on:
 * the payload that it names lies within the frame.
 */
import { invariant, type u8, type u16, type u32 } from 'casemate';

export interface Packet {
  readonly valid: boolean;
  readonly protocol: u8;
  readonly source: u32;
  readonly destination: u32;
  /** The payload: bytes from `start` up to, and without, `end`. */
  readonly start: u32;
  readonly end: u32;
}

export interface Datagram {
  readonly valid: boolean;
  readonly sourcePort: u16;
  readonly destinationPort: u16;
  readonly start: u32;
  readonly end: u32;
}

/**
 * Two bytes, the higher one first.
 * @pure
 * @requires 0 <= at && at + 2 <= bytes.length
 * @ensures result === bytes[at] * 256 + bytes[at + 1]
 */
export function read16(bytes: Readonly<Uint8Array>, at: number): u16 {
  return (bytes[at] << 8) | bytes[at + 1];
}

/**
 * Four bytes, the highest one first.
 * @pure
 * @requires 0 <= at && at + 4 <= bytes.length
 */
export function read32(bytes: Readonly<Uint8Array>, at: number): u32 {
  return read16(bytes, at) * 65536 + read16(bytes, at + 2);
}

/**
 * The IPv4 packet that begins at `at`.
 * @requires at <= frame.length && frame.length <= 65536
 * @ensures !result.valid || (at + 20 <= result.start && result.start <= result.end && result.end <= frame.length)
 */
export function parseIpv4(frame: Readonly<Uint8Array>, at: u32): Packet {
  const none: Packet = { valid: false, protocol: 0, source: 0, destination: 0, start: 0, end: 0 };
  if (frame.length - at < 20) return none;
  if (frame[at] >>> 4 !== 4) return none;
  const header = (frame[at] & 15) * 4;
  const total = read16(frame, at + 2);
  if (header < 20 || total < header || total > frame.length - at) return none;
  // A fragment is nothing that this stack takes.
  if ((read16(frame, at + 6) & 0x3fff) !== 0) return none;
  return {
    valid: true,
    protocol: frame[at + 9],
    source: read32(frame, at + 12),
    destination: read32(frame, at + 16),
    start: at + header,
    end: at + total,
  };
}

/**
 * The UDP datagram in a packet's payload.
 * @requires start <= end && end <= frame.length && frame.length <= 65536
 * @ensures !result.valid || (start + 8 === result.start && result.start <= result.end && result.end <= end)
 */
export function parseUdp(frame: Readonly<Uint8Array>, start: u32, end: u32): Datagram {
  const none: Datagram = { valid: false, sourcePort: 0, destinationPort: 0, start: 0, end: 0 };
  if (end - start < 8) return none;
  const length = read16(frame, start + 4);
  if (length < 8 || length > end - start) return none;
  return {
    valid: true,
    sourcePort: read16(frame, start),
    destinationPort: read16(frame, start + 2),
    start: start + 8,
    end: start + length,
  };
}

/**
 * The offset behind a DNS name that begins at `at`, or 0 when it is not one that ends within the message. Pointers end
 * a name; they are not followed.
 * @requires at <= end && end <= message.length && message.length <= 65536
 * @ensures result === 0 || (at < result && result <= end)
 */
export function skipName(message: Readonly<Uint8Array>, at: u32, end: u32): u32 {
  let offset: u32 = at;
  while (offset < end) {
    invariant(at <= offset);
    const length = message[offset];
    if (length === 0) return offset + 1;
    if (length >= 192) return offset + 2 <= end ? offset + 2 : 0;
    if (length >= 64 || offset + 1 + length > end) return 0;
    offset += 1 + length;
  }
  return 0;
}

/**
 * IPv4 (RFC 791) and UDP (RFC 768): which datagrams are for this host, and the headers of answers to them.
 *
 * A datagram is taken whole or not at all: fragments, wrong checksums and lengths that say more than there is are
 * dropped. Answers go back to the address and the port that the question came from.
 */
import type { u16, u32 } from 'casemate';
import { fold, put16, put32, read16, read32, sumOf } from '../lib/wire.ts';
import { ETHERNET } from './ethernet.ts';

/** Bytes of the headers that answers have. */
export const IPV4 = 20;
export const UDP = 8;
/** Where an answer's data begins in its frame. */
export const DATA = ETHERNET + IPV4 + UDP;

const PROTOCOL_UDP = 17;
const TIME_TO_LIVE = 64;

/** A datagram of UDP in a frame: its data are bytes from `start` up to, and without, `end`. */
export interface Datagram {
  readonly source: u32;
  readonly sourcePort: u16;
  readonly port: u16;
  readonly start: u32;
  readonly end: u32;
}

/** The payload of a packet of IPv4: bytes from `start` up to, and without, `end`. */
interface Packet {
  readonly start: u32;
  readonly end: u32;
}

/**
 * Whether an address may be that of one other host: neither 0, this host, loopback, multicast nor beyond.
 * @verified
 */
function isOtherHost(source: u32, address: u32): boolean {
  const first = source >>> 24;
  return source !== address && first !== 0 && first !== 127 && first < 224;
}

/**
 * The packet of IPv4 in a frame, if it is a whole one with UDP in it, from another host for the address.
 * @requires length <= frame.length && frame.length <= 2048
 * @ensures result === undefined || (ETHERNET + IPV4 <= result.start && result.start <= result.end && result.end <= length)
 */
function packetFor(frame: Readonly<Uint8Array>, length: u32, address: u32): Packet | undefined {
  if (length < ETHERNET + IPV4) return undefined;
  const first = frame[ETHERNET];
  const header = (first & 15) * 4;
  const total = read16(frame, ETHERNET + 2);
  if (first >>> 4 !== 4 || header < IPV4 || total < header || total > length - ETHERNET) return undefined;
  const sum = sumOf(frame, ETHERNET, ETHERNET + header, 0);
  if (sum !== 0xffff) return undefined;
  const isFragment = (read16(frame, ETHERNET + 6) & 0x3fff) !== 0;
  if (isFragment || frame[ETHERNET + 9] !== PROTOCOL_UDP) return undefined;
  if (read32(frame, ETHERNET + 16) !== address || !isOtherHost(read32(frame, ETHERNET + 12), address)) return undefined;
  return { start: ETHERNET + header, end: ETHERNET + total };
}

/**
 * The sum of UDP's pseudo header.
 * @ensures result <= 0x7ffff
 */
function pseudoSum(source: u32, destination: u32, length: u16): u32 {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + PROTOCOL_UDP + length;
}

/**
 * Whether the checksum of the datagram at `start`, of `length` bytes, is right, or none was made.
 * @requires ETHERNET + IPV4 <= start && start + length <= frame.length && frame.length <= 2048 && length >= UDP
 */
function isIntact(frame: Readonly<Uint8Array>, start: u32, length: u16): boolean {
  if (read16(frame, start + 6) === 0) return true;
  const pseudo = pseudoSum(read32(frame, ETHERNET + 12), read32(frame, ETHERNET + 16), length);
  const sum = sumOf(frame, start, start + length, pseudo);
  return sum === 0xffff;
}

/**
 * The datagram in a frame of `length` bytes, if there is one for the address.
 * @requires length <= frame.length && frame.length <= 2048
 * @ensures result === undefined || (DATA <= result.start && result.start <= result.end && result.end <= length)
 */
export function datagramFor(frame: Readonly<Uint8Array>, length: u32, address: u32): Datagram | undefined {
  const packet = packetFor(frame, length, address);
  if (packet === undefined || packet.end - packet.start < UDP) return undefined;
  const size = read16(frame, packet.start + 4);
  const sourcePort = read16(frame, packet.start);
  if (size < UDP || size > packet.end - packet.start || sourcePort === 0) return undefined;
  const intact = isIntact(frame, packet.start, size);
  if (!intact) return undefined;
  return {
    source: read32(frame, ETHERNET + 12),
    sourcePort,
    port: read16(frame, packet.start + 2),
    start: packet.start + UDP,
    end: packet.start + size,
  };
}

/**
 * What makes the sum come out as it shall: 0xffff less the sum.
 * @pure
 * @ensures result === 0xffff - sum
 */
function complement(sum: u16): u16 {
  return 0xffff - sum;
}

/**
 * Writes the header of UDP before data that end at `end`.
 * @requires DATA <= end && end <= reply.length && end <= 2048
 * @modifies reply
 * @ensures read16(reply, ETHERNET + IPV4 + 4) === end - ETHERNET - IPV4
 * @ensures read16(reply, ETHERNET + IPV4) === query.port && read16(reply, ETHERNET + IPV4 + 2) === query.sourcePort
 * @ensures read16(reply, ETHERNET + IPV4 + 6) !== 0
 * @ensures forall(0, reply.length, (i) => (ETHERNET + IPV4 <= i && i < DATA) || reply[i] === old(reply[i]))
 */
function putUdp(reply: Uint8Array, end: u32, query: Datagram, address: u32): void {
  const at = ETHERNET + IPV4;
  const length = end - at;
  put16(reply, at, query.port);
  put16(reply, at + 2, query.sourcePort);
  put16(reply, at + 4, length);
  put16(reply, at + 6, 0);
  const sum = sumOf(reply, at, end, pseudoSum(address, query.source, length));
  // 0 would say that there is none.
  put16(reply, at + 6, sum === 0xffff ? 0xffff : complement(sum));
}

/**
 * The sum of the ten words of the header at ETHERNET.
 * @pure
 * @requires bytes.length >= ETHERNET + IPV4
 */
export function headerSum(bytes: Readonly<Uint8Array>): u32 {
  return (
    read16(bytes, 14) +
    read16(bytes, 16) +
    read16(bytes, 18) +
    read16(bytes, 20) +
    read16(bytes, 22) +
    read16(bytes, 24) +
    read16(bytes, 26) +
    read16(bytes, 28) +
    read16(bytes, 30) +
    read16(bytes, 32)
  );
}

/**
 * Writes the header of IPv4 before what ends at `end`; its checksum is right.
 * @requires ETHERNET + IPV4 <= end && end <= reply.length && end <= 2048
 * @modifies reply
 * @ensures read16(reply, ETHERNET + 2) === end - ETHERNET
 * @ensures read32(reply, ETHERNET + 12) === source && read32(reply, ETHERNET + 16) === destination
 * @ensures fold(headerSum(reply)) === 0xffff
 * @ensures forall(0, reply.length, (i) => (ETHERNET <= i && i < ETHERNET + IPV4) || reply[i] === old(reply[i]))
 */
function putIpv4(reply: Uint8Array, end: u32, source: u32, destination: u32): void {
  put16(reply, ETHERNET, 0x4500);
  put16(reply, ETHERNET + 2, end - ETHERNET);
  put16(reply, ETHERNET + 4, 0);
  // Not to be fragmented, so no identification is needed (RFC 6864).
  put16(reply, ETHERNET + 6, 0x4000);
  put16(reply, ETHERNET + 8, TIME_TO_LIVE * 256 + PROTOCOL_UDP);
  put16(reply, ETHERNET + 10, 0);
  put32(reply, ETHERNET + 12, source);
  put32(reply, ETHERNET + 16, destination);
  put16(reply, ETHERNET + 10, complement(fold(headerSum(reply))));
}

/**
 * Writes the headers of an answer to the datagram, whose data end at `end`.
 * @requires DATA <= end && end <= reply.length && end <= 2048
 * @modifies reply
 * @ensures read16(reply, ETHERNET + 2) === end - ETHERNET
 * @ensures read16(reply, ETHERNET + IPV4 + 4) === end - ETHERNET - IPV4
 * @ensures fold(headerSum(reply)) === 0xffff
 * @ensures forall(0, reply.length, (i) => (ETHERNET <= i && i < DATA) || reply[i] === old(reply[i]))
 */
export function putHeaders(reply: Uint8Array, end: u32, query: Datagram, address: u32): void {
  putUdp(reply, end, query, address);
  putIpv4(reply, end, address, query.source);
}

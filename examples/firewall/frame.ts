/**
 * Frames as the filter sees them, and its verdict on one.
 *
 * Only what is understood whole may pass: ARP for IPv4, and packets of IPv4 without options that are no fragments, since
 * a fragment hides its ports. A packet's lengths and its header's checksum must be right.
 */
import type { u8, u32 } from 'casemate';
import { read16, read32, sumOf } from '../lib/wire.ts';
import { isAllowed, type Packet, TCP, UDP } from './rules.ts';

/** Bytes of the longest frame, on devices of the usual 1500 behind the header. */
export const LONGEST_FRAME = 1514;

const ETHERNET = 14;
const IPV4 = 20;
const ARP = 28;

/**
 * Whether a frame is ARP for IPv4 over Ethernet, all of it.
 * @pure
 * @requires length <= frame.length
 */
export function isArp(frame: Readonly<Uint8Array>, length: u32): boolean {
  return (
    length >= ETHERNET + ARP &&
    read16(frame, 12) === 0x0806 &&
    read32(frame, 14) === 0x00010800 &&
    read16(frame, 18) === 0x0604
  );
}

/**
 * Whether a frame holds a packet of IPv4 that the filter understands.
 * @requires length <= frame.length && frame.length <= 2048
 * @pure
 * @ensures !result || (length >= ETHERNET + IPV4 && read16(frame, 12) === 0x0800 && read16(frame, 16) >= IPV4 && read16(frame, 16) <= length - ETHERNET)
 */
export function isWhole(frame: Readonly<Uint8Array>, length: u32): boolean {
  if (length < ETHERNET + IPV4 || read16(frame, 12) !== 0x0800 || frame[ETHERNET] !== 0x45) return false;
  const total = read16(frame, ETHERNET + 2);
  if (total < IPV4 || total > length - ETHERNET) return false;
  const isFragment = (read16(frame, ETHERNET + 6) & 0x3fff) !== 0;
  const sum = sumOf(frame, ETHERNET, ETHERNET + IPV4, 0);
  return !isFragment && sum === 0xffff;
}

/**
 * The packet in a frame.
 * @pure
 * @requires length <= frame.length && frame.length <= 2048
 * @ensures !result.valid || (isWhole(frame, length) && result.direction === direction)
 * @ensures !result.valid || (result.protocol === frame[23] && result.source === read32(frame, 26) && result.destination === read32(frame, 30))
 * @ensures !result.valid || result.hasPort === (frame[23] === TCP || frame[23] === UDP)
 * @ensures !result.valid || !result.hasPort || (length >= 38 && result.port === read16(frame, 36))
 */
export function packetIn(frame: Readonly<Uint8Array>, length: u32, direction: u8): Packet {
  const none: Packet = {
    valid: false,
    direction,
    protocol: 0,
    source: 0,
    destination: 0,
    hasPort: false,
    port: 0,
  };
  if (!isWhole(frame, length)) return none;
  const protocol = frame[23];
  const hasPort = protocol === TCP || protocol === UDP;
  if (hasPort && read16(frame, 16) < IPV4 + 4) return none;
  return {
    valid: true,
    direction,
    protocol,
    source: read32(frame, 26),
    destination: read32(frame, 30),
    hasPort,
    port: hasPort ? read16(frame, 36) : 0,
  };
}

/**
 * Whether a frame that came in a direction may go on: it is ARP, or a packet that the rules allow.
 * @requires length <= frame.length && frame.length <= 2048 && count <= 32 && 8 * count <= rules.length
 * @ensures result === (isArp(frame, length) || (packetIn(frame, length, direction).valid && isAllowed(rules, count, packetIn(frame, length, direction))))
 */
export function mayPass(
  frame: Readonly<Uint8Array>,
  length: u32,
  direction: u8,
  rules: Readonly<Uint32Array>,
  count: u32,
): boolean {
  if (isArp(frame, length)) return true;
  const packet = packetIn(frame, length, direction);
  if (!packet.valid) return false;
  return isAllowed(rules, count, packet);
}

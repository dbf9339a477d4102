/**
 * Ethernet and ARP (RFC 826): which frames are for this host, and the answer to who asks for its address.
 *
 * There is no table of neighbours: an answer goes back to the Ethernet address that the question came from.
 */
import type { u16, u32 } from 'casemate';
import { copy, put16, put32, read16, read32, sameBytes } from '../lib/wire.ts';

/** Bytes of a header: to, from, type. */
export const ETHERNET = 14;
export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;

/** Bytes of a packet of ARP for Ethernet and IPv4. */
const ARP = 28;
const REQUEST = 1;
const REPLY = 2;

/**
 * The type of what a frame carries to this host, or 0. Its first byte says whether it is for one host or for many.
 * @requires length <= frame.length && mac.length >= 6
 * @ensures result === 0 || length >= ETHERNET
 */
export function typeForHost(frame: Readonly<Uint8Array>, length: u32, mac: Readonly<Uint8Array>): u16 {
  if (length < ETHERNET) return 0;
  const isForMany = (frame[0] & 1) === 1;
  if (!isForMany) {
    const isOurs = sameBytes(frame, 0, mac, 0, 6);
    if (!isOurs) return 0;
  }
  // An answer goes to one host.
  if ((frame[6] & 1) === 1) return 0;
  return read16(frame, 12);
}

/**
 * The header of an answer to the frame.
 * @requires frame.length >= ETHERNET && reply.length >= ETHERNET && mac.length >= 6
 * @modifies reply
 * @ensures read16(reply, 12) === type
 * @ensures forall(0, 6, (i) => reply[i] === frame[6 + i] && reply[6 + i] === mac[i])
 * @ensures forall(ETHERNET, reply.length, (i) => reply[i] === old(reply[i]))
 */
export function answerHeader(
  reply: Uint8Array,
  frame: Readonly<Uint8Array>,
  mac: Readonly<Uint8Array>,
  type: u16,
): void {
  copy(reply, 0, frame, 6, 6);
  copy(reply, 6, mac, 0, 6);
  put16(reply, 12, type);
}

/**
 * Whether a frame asks by ARP for the address. One who asks with the address itself, or with none, is not answered.
 * @requires length <= frame.length
 * @ensures !result || length >= ETHERNET + ARP
 */
function isRequestFor(frame: Readonly<Uint8Array>, length: u32, address: u32): boolean {
  if (length < ETHERNET + ARP) return false;
  const isIpv4OverEthernet = read32(frame, 14) === 0x00010800 && read16(frame, 18) === 0x0604;
  if (!isIpv4OverEthernet || read16(frame, 20) !== REQUEST) return false;
  const sender = read32(frame, 28);
  return read32(frame, 38) === address && sender !== address && sender !== 0;
}

/**
 * Answers a frame of ARP: the length of the reply, 0 if there is none.
 * @requires length <= frame.length && reply.length >= ETHERNET + ARP && mac.length >= 6
 * @modifies reply
 * @ensures result === 0 || result === ETHERNET + ARP
 * @ensures result === 0 || (read16(reply, 12) === TYPE_ARP && read16(reply, 20) === REPLY && read32(reply, 28) === address)
 */
export function answerArp(
  reply: Uint8Array,
  frame: Readonly<Uint8Array>,
  length: u32,
  mac: Readonly<Uint8Array>,
  address: u32,
): u32 {
  const isAsked = isRequestFor(frame, length, address);
  if (!isAsked) return 0;
  put32(reply, 14, 0x00010800);
  put16(reply, 18, 0x0604);
  copy(reply, 32, frame, 22, 10);
  put16(reply, 20, REPLY);
  copy(reply, 22, mac, 0, 6);
  put32(reply, 28, address);
  answerHeader(reply, frame, mac, TYPE_ARP);
  return ETHERNET + ARP;
}

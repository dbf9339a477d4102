/**
 * One frame in, at most one frame out: all that this host does, as a function of what came.
 */
import { assert, type u32 } from 'casemate';
import { fold, read16 } from '../lib/wire.ts';
import { answerQuery } from './answer.ts';
import { answerArp, answerHeader, ETHERNET, TYPE_ARP, TYPE_IPV4, typeForHost } from './ethernet.ts';
import { DATA, datagramFor, headerSum, IPV4, putHeaders } from './ipv4.ts';
import { HEADER } from './query.ts';

/** Bytes of the longest frame, on a device of the usual 1500 behind the header. */
export const LONGEST_FRAME = 1514;
const PORT = 53;

/**
 * Answers a packet of IPv4 in a frame.
 * @requires length <= frame.length && frame.length === LONGEST_FRAME && reply.length === LONGEST_FRAME
 * @requires mac.length >= 6 && zoneEnd <= zone.length && zone.length <= 4096
 * @modifies reply
 * @ensures result === 0 || (DATA + HEADER <= result && result <= LONGEST_FRAME)
 * @ensures result === 0 || (read16(reply, 12) === TYPE_IPV4 && read16(reply, ETHERNET + 2) === result - ETHERNET)
 * @ensures result === 0 || (read16(reply, ETHERNET + IPV4 + 4) === result - ETHERNET - IPV4 && fold(headerSum(reply)) === 0xffff)
 * @ensures result === 0 || read16(reply, DATA + 2) >= 0x8000
 */
function answerPacket(
  reply: Uint8Array,
  frame: Readonly<Uint8Array>,
  length: u32,
  mac: Readonly<Uint8Array>,
  address: u32,
  zone: Readonly<Uint8Array>,
  zoneEnd: u32,
): u32 {
  const datagram = datagramFor(frame, length, address);
  if (datagram === undefined || datagram.port !== PORT) return 0;
  const end = answerQuery(reply, frame, datagram.start, datagram.end, zone, zoneEnd);
  if (end === 0) return 0;
  putHeaders(reply, end, datagram, address);
  answerHeader(reply, frame, mac, TYPE_IPV4);
  assert(end >= DATA + HEADER && fold(headerSum(reply)) === 0xffff);
  assert(read16(reply, ETHERNET + 2) === end - ETHERNET);
  assert(read16(reply, ETHERNET + IPV4 + 4) === end - ETHERNET - IPV4);
  return end;
}

/**
 * Answers the frame of `length` bytes: the length of the reply, 0 if there is none. The reply is empty before, so that
 * nothing of another one is in it; its lengths and its header's checksum are right, and it asks nothing.
 * @requires length <= frame.length && frame.length === LONGEST_FRAME && reply.length === LONGEST_FRAME
 * @requires forall(0, reply.length, (i) => reply[i] === 0)
 * @requires mac.length >= 6 && zoneEnd <= zone.length && zone.length <= 4096
 * @modifies reply
 * @ensures result === 0 || (42 <= result && result <= LONGEST_FRAME)
 * @ensures result === 0 || read16(reply, 12) === TYPE_ARP || (read16(reply, 12) === TYPE_IPV4 && read16(reply, ETHERNET + 2) === result - ETHERNET && read16(reply, ETHERNET + IPV4 + 4) === result - ETHERNET - IPV4 && fold(headerSum(reply)) === 0xffff && read16(reply, DATA + 2) >= 0x8000)
 */
export function respond(
  reply: Uint8Array,
  frame: Readonly<Uint8Array>,
  length: u32,
  mac: Readonly<Uint8Array>,
  address: u32,
  zone: Readonly<Uint8Array>,
  zoneEnd: u32,
): u32 {
  const type = typeForHost(frame, length, mac);
  if (type === TYPE_ARP) {
    const end = answerArp(reply, frame, length, mac, address);
    return end;
  }
  const isForMany = (frame[0] & 1) === 1;
  if (type !== TYPE_IPV4 || isForMany) return 0;
  const end = answerPacket(reply, frame, length, mac, address, zone, zoneEnd);
  return end;
}

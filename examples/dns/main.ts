/**
 * A DNS server as a unikernel, all of it verified: it answers for one zone over UDP, and says who has its address.
 *
 * It holds the zone that is compiled in, or the one on the block device `zone`, and has the address 10.0.2.15 unless the
 * boot parameters say otherwise: --ip=A.B.C.D.
 */
import { bytes, type u8, type u32 } from 'casemate';
import { bootArguments, consoleWrite, exit, netAcquire, netRead, netWrite, yieldUntil } from 'casemate/platform';
import { clear } from '../lib/wire.ts';
import { addressFrom } from './options.ts';
import { LONGEST_FRAME, respond } from './respond.ts';
import { loadZone } from './storage.ts';
import { isZone, LONGEST_ZONE } from './zone.ts';

const NET = bytes('net0');
const READY = bytes('dns: ready\n');
const NO_DEVICE = bytes('dns: the network device net0, of 1500 bytes, is missing\n');
const BAD_ARGUMENTS = bytes('dns: the boot parameters are not understood: --ip=A.B.C.D\n');
const BAD_ZONE = bytes('dns: the zone is malformed\n');

/** 10.0.2.15, as QEMU's user network gives it. */
const DEFAULT_ADDRESS = 0x0a00020f;
const NEVER = 0xffffffffffffffffn;
const FAILURE = 1;

/**
 * Says why it does not start.
 * @requires text.length <= 80
 */
function fail(text: Readonly<Uint8Array>): void {
  consoleWrite(text, text.length);
  exit(FAILURE);
}

/**
 * The address of this host; undefined if the boot parameters are not understood.
 * @verified
 */
function configuredAddress(): u32 | undefined {
  const text = new Uint8Array(256);
  const length = bootArguments(text);
  if (length === undefined) return undefined;
  return addressFrom(text, length, DEFAULT_ADDRESS);
}

/**
 * The reply to a frame, in memory that holds nothing else: its length, or 0.
 * @requires length <= frame.length && frame.length === LONGEST_FRAME && reply.length === LONGEST_FRAME
 * @requires mac.length >= 6 && zoneEnd <= zone.length && zone.length <= LONGEST_ZONE
 * @modifies reply
 * @ensures result <= reply.length
 */
function replyTo(
  reply: Uint8Array,
  frame: Readonly<Uint8Array>,
  length: u32,
  mac: Readonly<Uint8Array>,
  address: u32,
  zone: Readonly<Uint8Array>,
  zoneEnd: u32,
): u32 {
  clear(reply);
  return respond(reply, frame, length, mac, address, zone, zoneEnd);
}

/**
 * Answers all frames that wait at a device.
 * @requires frame.length === LONGEST_FRAME && reply.length === LONGEST_FRAME && mac.length >= 6
 * @requires zoneEnd <= zone.length && zone.length <= LONGEST_ZONE
 * @modifies frame, reply
 */
function answerAll(
  handle: u8,
  frame: Uint8Array,
  reply: Uint8Array,
  mac: Readonly<Uint8Array>,
  address: u32,
  zone: Readonly<Uint8Array>,
  zoneEnd: u32,
): void {
  // As many as may come before the next look at the time; so it ends.
  for (let i = 0; i < 256; i++) {
    const length = netRead(handle, frame);
    if (length === 0) return;
    const end = replyTo(reply, frame, length, mac, address, zone, zoneEnd);
    if (end > 0) netWrite(handle, reply, end);
  }
}

/** @diverges */
export function main(): void {
  const mac = new Uint8Array(6);
  const frame = new Uint8Array(LONGEST_FRAME);
  const reply = new Uint8Array(LONGEST_FRAME);
  const zone = new Uint8Array(LONGEST_ZONE);
  const address = configuredAddress();
  if (address === undefined) {
    fail(BAD_ARGUMENTS);
    return;
  }
  const zoneEnd = loadZone(zone);
  const isGood = isZone(zone, zoneEnd);
  if (!isGood) {
    fail(BAD_ZONE);
    return;
  }
  const device = netAcquire(NET, mac);
  if (device === undefined || device.mtu !== LONGEST_FRAME - 14) {
    fail(NO_DEVICE);
    return;
  }
  consoleWrite(READY, READY.length);
  while (true) {
    yieldUntil(NEVER);
    answerAll(device.handle, frame, reply, mac, address, zone, zoneEnd);
  }
}

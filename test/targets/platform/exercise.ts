/**
 * A verified program that uses all of casemate/platform: run under Node.js, lowered to C and run there, it must say the
 * same. What calls give goes to the console as hexadecimal digits.
 */
import { bytes, type u8, type u32, type u64 } from 'casemate';
import {
  blockAcquire,
  blockRead,
  blockWrite,
  bootArguments,
  clockMonotonic,
  clockWall,
  consoleWrite,
  exit,
  netAcquire,
  netRead,
  netWrite,
  yieldUntil,
} from 'casemate/platform';

const NET = bytes('net0');
const STORE = bytes('store');
const UNKNOWN = bytes('a name that no device has and none can have because it is longer than 67');
const NEWLINE = bytes('\n');

/** @requires digit < 16 */
function hexDigit(digit: u8): u8 {
  return digit < 10 ? 48 + digit : 87 + digit;
}

/** @verified */
function say(value: u64): void {
  const line = new Uint8Array(17);
  for (let i = 0; i < 16; i++) line[i] = hexDigit(Number((value >> BigInt(60 - 4 * i)) & 15n));
  line[16] = 32;
  consoleWrite(line, 17);
}

/** @requires length <= text.length */
function sayAll(text: Readonly<Uint8Array>, length: u32): void {
  for (let i = 0; i < length; i++) say(BigInt(text[i]));
  consoleWrite(NEWLINE, 1);
}

/** @verified */
function useArguments(): void {
  const few = new Uint8Array(3);
  const many = new Uint8Array(64);
  const none = bootArguments(few);
  if (none === undefined) say(1n);
  const length = bootArguments(many);
  if (length !== undefined) sayAll(many, length);
}

/** @verified */
function useBlocks(): void {
  const block = new Uint8Array(512);
  const unknown = blockAcquire(UNKNOWN);
  if (unknown !== undefined) say(2n);
  const device = blockAcquire(STORE);
  if (device === undefined) return;
  say(device.capacity);
  say(BigInt(device.blockSize));
  const again = blockAcquire(STORE);
  if (again !== undefined) say(3n);
  const isRead = blockRead(device.handle, 512n, block, 512);
  if (isRead) sayAll(block, 4);
  block[1] = 77;
  const isWritten = blockWrite(device.handle, 512n, block, 512);
  if (isWritten) say(4n);
  const isOutside = blockRead(device.handle, device.capacity, block, 512);
  if (!isOutside) say(5n);
  const isUneven = blockWrite(device.handle, 7n, block, 512);
  if (!isUneven) say(6n);
  const isPart = blockRead(device.handle, 0n, block, 511);
  if (!isPart) say(7n);
  consoleWrite(NEWLINE, 1);
}

/** @verified */
function useNet(): u32 {
  const mac = new Uint8Array(6);
  const small = new Uint8Array(1513);
  const frame = new Uint8Array(1514);
  const device = netAcquire(NET, mac);
  if (device === undefined) return 0;
  sayAll(mac, 6);
  say(BigInt(device.mtu));
  const again = netAcquire(NET, mac);
  if (again !== undefined) say(8n);
  const nothing = netRead(device.handle, frame);
  say(BigInt(nothing));
  const ready = yieldUntil(18446744073709551615n);
  if (((ready >> BigInt(device.handle)) & 1n) === 1n) say(9n);
  const stays = netRead(device.handle, small);
  say(BigInt(stays));
  const length = netRead(device.handle, frame);
  sayAll(frame, length);
  const isSent = netWrite(device.handle, frame, length);
  if (isSent) say(10n);
  const isTooShort = netWrite(device.handle, frame, 13);
  if (!isTooShort) say(11n);
  const isOther = netWrite(device.handle ^ 32, frame, 64);
  if (!isOther) say(12n);
  consoleWrite(NEWLINE, 1);
  return length;
}

/** @verified */
export function main(): void {
  const before = clockMonotonic();
  useArguments();
  useBlocks();
  const length = useNet();
  const after = clockMonotonic();
  if (before <= after) say(13n);
  const wall = clockWall();
  if (wall > 1_600_000_000_000_000_000n) say(14n);
  consoleWrite(NEWLINE, 1);
  exit(length % 256);
}

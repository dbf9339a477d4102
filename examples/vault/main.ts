/**
 * A vault as a unikernel, all of it verified: it seals the volume on the block device `data`, or opens it again, with the
 * key in the first 32 bytes of the block device `key`, by ChaCha20. Then the key is gone, whatever else the guest does;
 * with --stay it sleeps, so that this can be looked at from outside.
 */
import { bytes, invariant, type u8, type u32, type u64 } from 'casemate';
import { blockAcquire, blockRead, bootArguments, consoleWrite, exit, yieldUntil } from 'casemate/platform';
import { eraseKey, eraseState, takeKey, tellKey, transform } from './chacha20.ts';
import { OPEN, SEAL, STAY, wishFrom } from './options.ts';
import {
  beginSealing,
  finishSector,
  generationOf,
  inHand,
  isKeyOf,
  OPENED,
  OPENING,
  putState,
  readHeader,
  readSector,
  replaceSector,
  SEALED,
  SEALING,
  stateOf,
} from './volume.ts';

const KEY = bytes('key');
const DATA = bytes('data');
const SECTOR = 512;
/** More than the cipher has numbers for its blocks. */
const MOST_SECTORS = 0x20000000n;
const NEVER = 0xffffffffffffffffn;

/** How it ends: exit statuses. */
const DONE = 0;
const WRONG_KEY = 1;
const USAGE = 2;
const BAD_VOLUME = 3;
const FAILED = 4;

const SAID_SEALED = bytes('vault: the volume is sealed, and the key is gone\n');
const SAID_OPEN = bytes('vault: the volume is open, and the key is gone\n');
const SAID_WRONG_KEY = bytes('vault: this is not the key of the volume; nothing was changed\n');
const SAID_USAGE = bytes('usage: vault seal | open [--stay]\n');
const SAID_BAD_VOLUME = bytes('vault: data is no volume, not whole, or not in a state for this; see the README\n');
const SAID_FAILED = bytes('vault: a device is missing, has no sectors of 512 bytes, or failed\n');

/**
 * @requires text.length <= 100
 */
function say(text: Readonly<Uint8Array>): void {
  consoleWrite(text, text.length);
}

/**
 * The sector of the content to begin with; undefined if the volume is in no state for it, or the device fails. What a power
 * cut has left half done is finished.
 * @requires sectors >= 4 && sectors <= 0x20000000 && header.length === 512 && sector.length === 512
 * @requires wish === SEAL || wish === OPEN
 * @requires stateOf(header) < SEALING || inHand(header) < sectors - 3
 * @modifies sector
 * @ensures result === undefined || result <= sectors - 3
 */
function firstSector(
  data: u8,
  sectors: u32,
  header: Readonly<Uint8Array>,
  sector: Uint8Array,
  wish: u8,
): u32 | undefined {
  const state = stateOf(header);
  if (state === (wish === OPEN ? SEALED : OPENED)) return 0;
  if (state !== (wish === OPEN ? OPENING : SEALING)) return undefined;
  const isFinished = finishSector(data, sectors, inHand(header), sector);
  return isFinished ? inHand(header) + 1 : undefined;
}

/**
 * Holds the key to the volume, or, where it is sealed now, has it told by this one. How it went.
 * @requires sectors >= 4 && sectors <= 0x20000000 && header.length === 512 && check.length === 16
 * @modifies header
 */
function begin(data: u8, sectors: u32, header: Uint8Array, check: Readonly<Uint8Array>): u8 {
  if (stateOf(header) !== OPENED) {
    const isKey = isKeyOf(header, check);
    return isKey ? DONE : WRONG_KEY;
  }
  if (generationOf(header) === 0xffffffff) return BAD_VOLUME;
  beginSealing(header, check);
  // Before anything is encrypted, so that no generation comes twice.
  const isWritten = putState(data, sectors, header, OPENED, 0);
  return isWritten ? DONE : FAILED;
}

/**
 * Reads the key, does to the content from `first` on what is asked for, and erases the key. How it went.
 * @requires sectors >= 4 && sectors <= 0x20000000 && first <= sectors - 3
 * @requires header.length === 512 && sector.length === 512 && (wish === SEAL || wish === OPEN)
 * @modifies header, sector
 */
function convert(key: u8, data: u8, sectors: u32, header: Uint8Array, sector: Uint8Array, wish: u8, first: u32): u8 {
  const keySector = new Uint8Array(SECTOR);
  const state = new Uint32Array(16);
  const check = new Uint8Array(16);
  const hasKey = blockRead(key, 0n, keySector, SECTOR);
  takeKey(state, keySector);
  eraseKey(keySector);
  tellKey(check, state);
  let outcome: u8 = FAILED;
  if (hasKey) outcome = begin(data, sectors, header, check);
  const generation = generationOf(header);
  const end = outcome === DONE ? sectors - 3 : first;
  for (let i = first; i < end; i++) {
    invariant(i <= sectors - 3);
    const isRead = readSector(data, i, sector);
    if (!isRead) {
      outcome = FAILED;
      break;
    }
    transform(sector, state, i, generation);
    const isReplaced = replaceSector(data, sectors, header, wish === OPEN ? OPENING : SEALING, i, sector);
    if (!isReplaced) {
      outcome = FAILED;
      break;
    }
  }
  eraseState(state);
  if (outcome !== DONE) return outcome;
  const isWritten = putState(data, sectors, header, wish === OPEN ? OPENED : SEALED, 0);
  return isWritten ? DONE : FAILED;
}

/**
 * Finds the devices, and does what is asked for. How it went.
 * @requires wish === SEAL || wish === OPEN
 */
function run(wish: u8): u8 {
  const header = new Uint8Array(SECTOR);
  const sector = new Uint8Array(SECTOR);
  const key = blockAcquire(KEY);
  const data = blockAcquire(DATA);
  if (key === undefined || data === undefined || key.blockSize !== SECTOR || data.blockSize !== SECTOR) return FAILED;
  const count: u64 = data.capacity / 512n;
  if (count < 4n || count > MOST_SECTORS) return BAD_VOLUME;
  const sectors = Number(count);
  const isVolume = readHeader(data.handle, sectors, header, sector);
  if (!isVolume) return BAD_VOLUME;
  const first = firstSector(data.handle, sectors, header, sector, wish);
  if (first === undefined) return BAD_VOLUME;
  const outcome = convert(key.handle, data.handle, sectors, header, sector, wish, first);
  return outcome;
}

/**
 * Says how it went.
 * @requires wish === SEAL || wish === OPEN
 */
function report(wish: u8, outcome: u8): void {
  if (outcome === DONE) {
    if (wish === SEAL) say(SAID_SEALED);
    else say(SAID_OPEN);
  } else if (outcome === WRONG_KEY) {
    say(SAID_WRONG_KEY);
  } else if (outcome === BAD_VOLUME) {
    say(SAID_BAD_VOLUME);
  } else {
    say(SAID_FAILED);
  }
}

/** @diverges */
export function main(): void {
  const text = new Uint8Array(256);
  const length = bootArguments(text);
  if (length === undefined) {
    say(SAID_USAGE);
    exit(USAGE);
    return;
  }
  const asked = wishFrom(text, length);
  if (asked === undefined) {
    say(SAID_USAGE);
    exit(USAGE);
    return;
  }
  const wish = asked & 3;
  const outcome = run(wish);
  report(wish, outcome);
  if (asked < STAY) {
    exit(outcome);
    return;
  }
  while (true) yieldUntil(NEVER);
}

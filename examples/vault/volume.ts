/**
 * A volume on a block device: sectors of content, then three of its own, so that content begins where the device does.
 *
 *   last        the header: 0  "casevlt1"
 *                           8  state: OPENED, SEALED, SEALING or OPENING
 *                          12  the sector in hand, while it is SEALING or OPENING
 *                          16  generation: how often it has been sealed; part of the cipher's nonce
 *                          20  what tells its key, 16 bytes
 *   before it   two places for the sector in hand
 *
 * Numbers are in network order. A device whose three last sectors are zeros is an opened volume of generation 0.
 *
 * It survives a power cut at any moment. A sector is written three times: as it shall be to a place, then the header says
 * that it is in hand, then to where it belongs. The next one goes to the other place. So whenever a header says that a
 * sector is in hand, the sector is in its place whole, and to write it once more finishes what was begun. Assumed is that
 * the device writes a sector whole or not at all, and keeps the order of writes.
 */
import { bytes, type u8, type u32 } from 'casemate';
import { blockRead, blockWrite } from 'casemate/platform';
import { put32, read32, sameBytes } from '../lib/wire.ts';

const SECTOR = 512;
const OWN = 3;
const MAGIC = bytes('casevlt1');
const STATE_AT = 8;
const NEXT_AT = 12;
const GENERATION_AT = 16;
const CHECK_AT = 20;

export const OPENED = 0;
export const SEALED = 1;
export const SEALING = 2;
export const OPENING = 3;

/**
 * @pure
 * @requires header.length === 512
 */
export function stateOf(header: Readonly<Uint8Array>): u32 {
  return read32(header, STATE_AT);
}

/**
 * The sector in hand.
 * @pure
 * @requires header.length === 512
 */
export function inHand(header: Readonly<Uint8Array>): u32 {
  return read32(header, NEXT_AT);
}

/**
 * @pure
 * @requires header.length === 512
 */
export function generationOf(header: Readonly<Uint8Array>): u32 {
  return read32(header, GENERATION_AT);
}

/**
 * Whether the bytes tell the volume's key.
 * @requires header.length === 512 && check.length === 16
 */
export function isKeyOf(header: Readonly<Uint8Array>, check: Readonly<Uint8Array>): boolean {
  return sameBytes(check, 0, header, CHECK_AT, 16);
}

/**
 * A volume is sealed from here on, once more, under this key.
 * @requires header.length === 512 && check.length === 16 && generationOf(header) < 0xffffffff
 * @modifies header
 * @ensures generationOf(header) === old(generationOf(header)) + 1
 */
export function beginSealing(header: Uint8Array, check: Readonly<Uint8Array>): void {
  const generation = generationOf(header) + 1;
  for (let i = 0; i < 16; i++) {
    header[CHECK_AT + i] = check[i];
  }
  put32(header, GENERATION_AT, generation);
}

/**
 * Whether all bytes are 0.
 * @verified
 */
function isBlank(sector: Readonly<Uint8Array>): boolean {
  for (let i = 0; i < sector.length; i++) {
    if (sector[i] !== 0) return false;
  }
  return true;
}

/**
 * Reads the header; a blank device gets one in memory. False: the device cannot be read, or holds something else.
 * @requires sectors >= 4 && sectors <= 0x20000000 && header.length === 512 && sector.length === 512
 * @modifies header, sector
 * @ensures !result || stateOf(header) <= OPENING
 * @ensures !result || stateOf(header) < SEALING || inHand(header) < sectors - 3
 */
export function readHeader(data: u8, sectors: u32, header: Uint8Array, sector: Uint8Array): boolean {
  const isRead = blockRead(data, BigInt(SECTOR * (sectors - 1)), header, SECTOR);
  if (!isRead) return false;
  const isOurs = sameBytes(MAGIC, 0, header, 0, MAGIC.length);
  if (isOurs) return stateOf(header) <= OPENING && (stateOf(header) < SEALING || inHand(header) < sectors - OWN);
  const isEmpty = isBlank(header);
  if (!isEmpty) return false;
  for (let i = 2; i <= OWN; i++) {
    const isPlace = blockRead(data, BigInt(SECTOR * (sectors - i)), sector, SECTOR);
    const isFree = isBlank(sector);
    if (!isPlace || !isFree) return false;
  }
  for (let i = 0; i < MAGIC.length; i++) {
    header[i] = MAGIC[i];
  }
  put32(header, STATE_AT, OPENED);
  return true;
}

/**
 * Writes the header with this state. False: the device failed.
 * @requires sectors >= 4 && sectors <= 0x20000000 && header.length === 512
 * @modifies header
 * @ensures generationOf(header) === old(generationOf(header))
 */
export function putState(data: u8, sectors: u32, header: Uint8Array, state: u8, next: u32): boolean {
  put32(header, STATE_AT, state);
  put32(header, NEXT_AT, next);
  const isWritten = blockWrite(data, BigInt(SECTOR * (sectors - 1)), header, SECTOR);
  return isWritten;
}

/**
 * Where the sector in hand is kept.
 * @pure
 * @requires sectors >= 4
 * @ensures result === sectors - 2 || result === sectors - 3
 */
function placeOf(sectors: u32, next: u32): u32 {
  return sectors - 2 - (next % 2);
}

/**
 * Reads a sector of the content.
 * @requires number < 0x20000000 && sector.length === 512
 * @modifies sector
 */
export function readSector(data: u8, number: u32, sector: Uint8Array): boolean {
  const isRead = blockRead(data, BigInt(SECTOR * number), sector, SECTOR);
  return isRead;
}

/**
 * Replaces a sector of the content, so that a power cut leaves it as it was or in hand. False: the device failed.
 * @requires sectors >= 4 && sectors <= 0x20000000 && number < sectors - 3
 * @requires header.length === 512 && sector.length === 512
 * @modifies header
 * @ensures generationOf(header) === old(generationOf(header))
 */
export function replaceSector(
  data: u8,
  sectors: u32,
  header: Uint8Array,
  state: u8,
  number: u32,
  sector: Readonly<Uint8Array>,
): boolean {
  const isKept = blockWrite(data, BigInt(SECTOR * placeOf(sectors, number)), sector, SECTOR);
  if (!isKept) return false;
  const isSaid = putState(data, sectors, header, state, number);
  if (!isSaid) return false;
  const isWritten = blockWrite(data, BigInt(SECTOR * number), sector, SECTOR);
  return isWritten;
}

/**
 * Writes the sector in hand to where it belongs, once more. False: the device failed.
 * @requires sectors >= 4 && sectors <= 0x20000000 && number < sectors - 3 && sector.length === 512
 * @modifies sector
 */
export function finishSector(data: u8, sectors: u32, number: u32, sector: Uint8Array): boolean {
  const isRead = blockRead(data, BigInt(SECTOR * placeOf(sectors, number)), sector, SECTOR);
  if (!isRead) return false;
  const isWritten = blockWrite(data, BigInt(SECTOR * number), sector, SECTOR);
  return isWritten;
}

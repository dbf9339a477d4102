/**
 * A zone from the block device `zone`: records from its first byte on, then zeros.
 *
 * Blocks are copied, one by one, before anything in them is looked at: what a device says twice may differ.
 */
import { bytes, invariant, type u8, type u32, type u64 } from 'casemate';
import { blockAcquire, blockRead } from 'casemate/platform';
import { copy } from '../lib/wire.ts';
import { compiledZone, lengthOfZone } from './zone.ts';

const DEVICE = bytes('zone');
const BLOCK = 512;

/**
 * Fills the memory from the device; false if that does not do it, block by block.
 * @requires zone.length === 4096 && count <= 8
 * @modifies zone
 */
function readBlocks(handle: u8, zone: Uint8Array, count: u32): boolean {
  const block = new Uint8Array(BLOCK);
  for (let i = 0; i < count; i++) {
    invariant(i <= 8);
    const isRead = blockRead(handle, BigInt(i * BLOCK), block, BLOCK);
    if (!isRead) return false;
    copy(zone, i * BLOCK, block, 0, BLOCK);
  }
  return true;
}

/**
 * Copies the zone of the device, or the one that is compiled in where there is no device; its length, 0 if there is a
 * device that cannot be read, or has no blocks of 512 bytes.
 * @requires zone.length === 4096
 * @modifies zone
 * @ensures result <= 4096
 */
export function loadZone(zone: Uint8Array): u32 {
  const device = blockAcquire(DEVICE);
  if (device === undefined) {
    const length = compiledZone(zone);
    return length;
  }
  if (device.blockSize !== BLOCK) return 0;
  const blocks: u64 = device.capacity / 512n;
  const count = blocks < 8n ? Number(blocks) : 8;
  const isRead = readBlocks(device.handle, zone, count);
  if (!isRead) return 0;
  return lengthOfZone(zone);
}

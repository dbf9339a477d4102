/**
 * A ring buffer of bytes over one array: positions run from 0 to 2 * capacity - 1, so that full and empty differ.
 *
 * Its state is a value, so no object is shared: a caller keeps it beside the array.
 */
import { invariant, type u8, type u32 } from 'casemate';

export interface Ring {
  /** Where the next byte is read, and where the next one is written: both below 2 * capacity. */
  readonly read: u32;
  readonly write: u32;
}

/**
 * How many bytes wait.
 * @pure
 * @requires 0 < capacity && capacity <= 0x40000000
 * @requires ring.read < 2 * capacity && ring.write < 2 * capacity
 * @ensures result < 2 * capacity
 */
export function waiting(ring: Ring, capacity: u32): u32 {
  return ring.write >= ring.read ? ring.write - ring.read : ring.write + 2 * capacity - ring.read;
}

/**
 * The position one further.
 * @pure
 * @requires 0 < capacity && capacity <= 0x40000000
 * @requires position < 2 * capacity
 * @ensures result < 2 * capacity
 * @ensures result === (position + 1 === 2 * capacity ? 0 : position + 1)
 */
export function next(position: u32, capacity: u32): u32 {
  return position + 1 === 2 * capacity ? 0 : position + 1;
}

/**
 * The place in the array of a position.
 * @pure
 * @requires 0 < capacity && capacity <= 0x40000000
 * @requires position < 2 * capacity
 * @ensures result < capacity
 */
export function place(position: u32, capacity: u32): u32 {
  return position < capacity ? position : position - capacity;
}

/**
 * Takes a byte in; the ring is not full.
 * @requires 0 < bytes.length && bytes.length <= 0x40000000
 * @requires ring.read < 2 * bytes.length && ring.write < 2 * bytes.length
 * @requires waiting(ring, bytes.length) < bytes.length
 * @modifies bytes
 * @ensures result.read === ring.read && result.write < 2 * bytes.length
 * @ensures waiting(result, bytes.length) === waiting(ring, bytes.length) + 1
 * @ensures bytes[place(ring.write, bytes.length)] === value
 */
export function put(bytes: Uint8Array, ring: Ring, value: u8): Ring {
  bytes[place(ring.write, bytes.length)] = value;
  return { read: ring.read, write: next(ring.write, bytes.length) };
}

/**
 * The state after the oldest byte has been taken out; the byte itself is bytes[place(ring.read, bytes.length)].
 * @requires 0 < capacity && capacity <= 0x40000000
 * @requires ring.read < 2 * capacity && ring.write < 2 * capacity
 * @requires 0 < waiting(ring, capacity) && waiting(ring, capacity) <= capacity
 * @ensures result.write === ring.write && result.read < 2 * capacity
 * @ensures waiting(result, capacity) === waiting(ring, capacity) - 1
 */
export function drop(ring: Ring, capacity: u32): Ring {
  return { read: next(ring.read, capacity), write: ring.write };
}

/**
 * Empties all that waits into `out`; how many bytes that were.
 * @requires 0 < bytes.length && bytes.length <= 0x40000000
 * @requires ring.read < 2 * bytes.length && ring.write < 2 * bytes.length
 * @requires waiting(ring, bytes.length) <= bytes.length && bytes.length <= out.length
 * @modifies out
 * @ensures result === waiting(ring, bytes.length)
 */
export function drain(bytes: Readonly<Uint8Array>, ring: Ring, out: Uint8Array): u32 {
  let position: u32 = ring.read;
  const count: u32 = waiting(ring, bytes.length);
  for (let i = 0; i < count; i++) {
    invariant(position < 2 * bytes.length);
    out[i] = bytes[place(position, bytes.length)];
    position = next(position, bytes.length);
  }
  return count;
}

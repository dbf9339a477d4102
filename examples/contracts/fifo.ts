/**
 * A queue of bytes over one array, with all that a queue is in its contracts: what is put in stays behind what waits,
 * and what is taken out is what has waited longest. Nothing else moves.
 */
import type { u8, u32 } from 'casemate';

export interface Queue {
  /** Where the byte lies that has waited longest. */
  readonly first: u32;
  readonly count: u32;
}

export interface Taken {
  readonly byte: u8;
  readonly queue: Queue;
}

/**
 * Where the byte lies that has so many before it.
 * @pure
 * @requires 0 < size && size <= 0x40000000 && queue.first < size && ahead < size
 * @ensures result < size
 */
export function place(queue: Queue, ahead: u32, size: u32): u32 {
  return queue.first + ahead < size ? queue.first + ahead : queue.first + ahead - size;
}

/**
 * @requires 0 < bytes.length && bytes.length <= 0x40000000
 * @requires queue.first < bytes.length && queue.count < bytes.length
 * @modifies bytes
 * @ensures result.first === queue.first && result.count === queue.count + 1
 * @ensures bytes[place(result, queue.count, bytes.length)] === byte
 * @ensures forall(0, queue.count, (i) => bytes[queue.first + i < bytes.length ? queue.first + i : queue.first + i - bytes.length] === old(bytes[queue.first + i < bytes.length ? queue.first + i : queue.first + i - bytes.length]))
 */
export function put(bytes: Uint8Array, queue: Queue, byte: u8): Queue {
  bytes[place(queue, queue.count, bytes.length)] = byte;
  return { first: queue.first, count: queue.count + 1 };
}

/**
 * @requires 0 < bytes.length && bytes.length <= 0x40000000
 * @requires queue.first < bytes.length && 0 < queue.count && queue.count <= bytes.length
 * @ensures result.byte === bytes[place(queue, 0, bytes.length)]
 * @ensures result.queue.first < bytes.length && result.queue.count === queue.count - 1
 * @ensures forall(0, result.queue.count, (i) => bytes[result.queue.first + i < bytes.length ? result.queue.first + i : result.queue.first + i - bytes.length] === bytes[queue.first + i + 1 < bytes.length ? queue.first + i + 1 : queue.first + i + 1 - bytes.length])
 */
export function take(bytes: Readonly<Uint8Array>, queue: Queue): Taken {
  const next = queue.first + 1;
  return {
    byte: bytes[queue.first],
    queue: { first: next === bytes.length ? 0 : next, count: queue.count - 1 },
  };
}

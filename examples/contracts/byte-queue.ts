/**
 * A queue of bytes as a class: a ring over an array of its own. What its users know of it is what its methods say; that
 * positions stay inside the array is the class's own affair, its invariant.
 */
import { assert, invariant, type u8, type u32 } from 'casemate';

/**
 * @invariant 0 < this.#bytes.length && this.#bytes.length <= 0x40000000
 * @invariant this.#start < this.#bytes.length && this.#count <= this.#bytes.length
 */
export class ByteQueue {
  readonly #bytes: Uint8Array;
  /** Where the oldest byte lies. */
  #start: u32;
  #count: u32;

  /**
   * @requires 0 < capacity && capacity <= 0x40000000
   * @ensures this.capacity() === capacity && this.waiting() === 0
   */
  constructor(capacity: u32) {
    this.#bytes = new Uint8Array(capacity);
    this.#start = 0;
    this.#count = 0;
  }

  /** @pure */
  capacity(): u32 {
    return this.#bytes.length;
  }

  /** @pure */
  waiting(): u32 {
    return this.#count;
  }

  /**
   * The byte at a distance from the oldest one.
   * @pure
   * @requires distance < this.waiting()
   */
  peek(distance: u32): u8 {
    return this.#bytes[
      this.#start + distance < this.#bytes.length ? this.#start + distance : this.#start + distance - this.#bytes.length
    ];
  }

  /**
   * @requires this.waiting() < this.capacity()
   * @modifies this.#bytes, this.#count
   * @ensures this.waiting() === old(this.waiting()) + 1
   * @ensures this.peek(old(this.waiting())) === byte
   * @ensures old(this.waiting()) === 0 || this.peek(0) === old(this.peek(0))
   */
  push(byte: u8): void {
    const end = this.#start + this.#count;
    this.#bytes[end < this.#bytes.length ? end : end - this.#bytes.length] = byte;
    this.#count++;
  }

  /**
   * @requires this.waiting() > 0
   * @modifies this.#start, this.#count
   * @ensures result === old(this.peek(0))
   * @ensures this.waiting() === old(this.waiting()) - 1
   * @ensures this.waiting() === 0 || this.peek(0) === old(this.waiting() > 1 ? this.peek(1) : 0)
   */
  pop(): u8 {
    const byte = this.#bytes[this.#start];
    this.#start = this.#start + 1 === this.#bytes.length ? 0 : this.#start + 1;
    this.#count--;
    return byte;
  }
}

/**
 * First in, first out.
 * @verified
 */
export function order(): void {
  const queue = new ByteQueue(4);
  queue.push(7);
  queue.push(8);
  const first = queue.pop();
  const second = queue.pop();
  assert(first === 7 && second === 8 && queue.waiting() === 0);
}

/**
 * Takes in as many bytes as there is room for; how many that were.
 * @modifies queue
 * @ensures result <= from.length
 * @ensures queue.waiting() === old(queue.waiting()) + result
 * @ensures result === from.length || queue.waiting() === queue.capacity()
 */
export function pushAll(queue: ByteQueue, from: Readonly<Uint8Array>): number {
  const before = queue.waiting();
  const capacity = queue.capacity();
  let i = 0;
  while (i < from.length && queue.waiting() < queue.capacity()) {
    invariant(0 <= i && i <= from.length);
    invariant(queue.waiting() === before + i && queue.capacity() === capacity);
    queue.push(from[i]);
    i++;
  }
  return i;
}

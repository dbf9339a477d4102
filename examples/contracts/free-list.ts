/**
 * A free list of blocks over one array: next[i] is the free block behind block i, and `none`, which is the number of
 * blocks, ends the list. That every link stays within the array is what makes it safe to follow.
 */
import { forall, invariant, type u32 } from 'casemate';

/**
 * Every block is free, the first one in front.
 * @requires next.length <= 0x7fffffff
 * @modifies next
 * @ensures forall(0, next.length, (i) => next[i] === i + 1)
 */
export function clear(next: Uint32Array): void {
  for (let i = 0; i < next.length; i++) {
    invariant(forall(0, i, (j) => next[j] === j + 1));
    next[i] = i + 1;
  }
}

/**
 * The list's new head once its first block has been taken.
 * @requires forall(0, next.length, (i) => next[i] <= next.length)
 * @requires head < next.length
 * @ensures result <= next.length
 */
export function take(next: Readonly<Uint32Array>, head: u32): u32 {
  return next[head];
}

/**
 * Puts a block back in front; the new head.
 * @requires next.length <= 0xffffffff
 * @requires forall(0, next.length, (i) => next[i] <= next.length)
 * @requires block < next.length && head <= next.length
 * @modifies next
 * @ensures forall(0, next.length, (i) => next[i] <= next.length)
 * @ensures result === block && next[block] === head
 */
export function giveBack(next: Uint32Array, head: u32, block: u32): u32 {
  next[block] = head;
  return block;
}

/**
 * How many blocks are free, at most `next.length` even if the list is a ring.
 * @requires next.length <= 0xffffffff
 * @requires forall(0, next.length, (i) => next[i] <= next.length)
 * @requires head <= next.length
 * @ensures result <= next.length
 */
export function count(next: Readonly<Uint32Array>, head: u32): u32 {
  let at: u32 = head;
  let found: u32 = 0;
  while (found < next.length && at !== next.length) {
    invariant(at <= next.length && found <= next.length);
    at = next[at];
    found++;
  }
  return found;
}

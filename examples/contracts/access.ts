/** An access-control table: sorted keys beside rights, looked up by halving; who is not in it may nothing. */
import { forall, invariant, type u8, type u32 } from 'casemate';

/**
 * Where the key is, or -1.
 * @requires keys.length <= 0x7fffffff
 * @requires forall(0, keys.length, (i) => forall(0, i, (j) => keys[j] < keys[i]))
 * @ensures -1 <= result && result < keys.length
 * @ensures result < 0 || keys[result] === key
 * @ensures result >= 0 || forall(0, keys.length, (i) => keys[i] !== key)
 */
export function find(keys: Readonly<Uint32Array>, key: u32): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    invariant(0 <= low && low <= high && high <= keys.length);
    invariant(forall(0, low, (i) => keys[i] < key));
    invariant(forall(high, keys.length, (i) => keys[i] > key));
    const middle = low + ((high - low) >>> 1);
    const found = keys[middle];
    if (found === key) return middle;
    if (found < key) low = middle + 1;
    else high = middle;
  }
  return -1;
}

/**
 * Whether the subject has all the rights that are asked for.
 * @requires subjects.length <= 0x7fffffff && rights.length === subjects.length
 * @requires forall(0, subjects.length, (i) => forall(0, i, (j) => subjects[j] < subjects[i]))
 * @ensures result === exists(0, subjects.length, (i) => subjects[i] === subject && (rights[i] & wanted) === wanted)
 */
export function allowed(
  subjects: Readonly<Uint32Array>,
  rights: Readonly<Uint8Array>,
  subject: u32,
  wanted: u8,
): boolean {
  const at = find(subjects, subject);
  return at >= 0 && (rights[at] & wanted) === wanted;
}

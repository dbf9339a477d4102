/**
 * Copies units of code from where they were to where they go: thousands of pieces of a few hundred bytes each, for which
 * calls of the runtime (`subarray`, `set`) would cost more than the bytes. They are copied by words here, which units lie
 * on in nearly every layout.
 */
import type { Units } from './slide-info.ts';

/** Bytes from which on the runtime copies faster, its call included. */
const LARGE = 4096;

/**
 * Copies every unit that is not pinned. `code` and `text` are the text segment before and after, in different memory; both
 * hold all units.
 */
export function copyUnits(code: Uint8Array, text: Uint8Array, units: Units, unitOffset: Uint32Array): void {
  const { offset, size, pinned } = units;
  const [fromWords, toWords] = [wordsOf(code), wordsOf(text)];
  for (let i = pinned; i < offset.length; i++) {
    const from = offset[i]!;
    const to = unitOffset[i]!;
    const n = size[i]!;
    if (n > LARGE) text.set(code.subarray(from, from + n), to);
    else {
      const words = fromWords && toWords && ((from | to) & 3) === 0 ? n >>> 2 : 0;
      if (words > 0) copyWords(fromWords!, toWords!, from >>> 2, to >>> 2, words);
      for (let b = words << 2; b < n; b++) text[to + b] = code[from + b]!;
    }
  }
}

/** The same bytes as words of 32 bits; undefined where they lie askew. */
function wordsOf(bytes: Uint8Array): Uint32Array | undefined {
  if (bytes.byteOffset % 4 !== 0) return undefined;
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
}

function copyWords(source: Uint32Array, target: Uint32Array, from: number, to: number, count: number): void {
  for (let i = 0; i < count; i++) target[to + i] = source[from + i]!;
}

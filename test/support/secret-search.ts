/**
 * Looking for a secret in memory: every run of so many of its bytes, wherever it lies.
 *
 * A run of eight bytes holds an aligned word of four whatever its address is. So memory is read word by word, and where a
 * word stands somewhere in the secret too, the run around it is measured. That is one pass, however long the secret.
 */

/** What is looked for. */
export interface Pattern {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Bytes that a run has at least: 7 or more. */
  readonly least: number;
}

/** A run: `length` bytes of the pattern from `from` on, at `at` in the memory. */
export interface Hit {
  readonly pattern: string;
  readonly at: number;
  readonly from: number;
  readonly length: number;
}

/** The secret itself, and its words as registers of eight bytes hold them and are stored from: with zeros, or with the sign. */
export function patternsOf(name: string, secret: Uint8Array): Pattern[] {
  const words = Buffer.from(secret);
  const spread = (high: (word: number) => number): Uint8Array => {
    const wide = Buffer.alloc(2 * words.length);
    for (let i = 0; i + 4 <= words.length; i += 4) {
      const word = words.readInt32LE(i);
      wide.writeInt32LE(word, 2 * i);
      wide.writeInt32LE(high(word), 2 * i + 4);
    }
    return wide;
  };
  return [
    { name, bytes: secret, least: 8 },
    // Two words of the secret and what lies between them.
    { name: `${name}, in words of eight bytes`, bytes: spread(() => 0), least: 16 },
    { name: `${name}, in words of eight bytes, signed`, bytes: spread((word) => word >> 31), least: 16 },
  ];
}

/** A place in a pattern. */
interface Place {
  readonly pattern: Pattern;
  readonly from: number;
}

/** The run that has the four bytes at `at`, if it counts. */
function runAround(memory: Uint8Array, at: number, { pattern, from }: Place): Hit | undefined {
  const { bytes, name, least } = pattern;
  let before = 0;
  while (before < from && before < at && memory[at - before - 1] === bytes[from - before - 1]) before++;
  let after = 4;
  while (from + after < bytes.length && at + after < memory.length && memory[at + after] === bytes[from + after])
    after++;
  const length = before + after;
  return length < least ? undefined : { pattern: name, at: at - before, from: from - before, length };
}

/** Places of each word of four bytes in the patterns. */
function indexOf(patterns: readonly Pattern[]): Map<number, Place[]> {
  const index = new Map<number, Place[]>();
  for (const pattern of patterns) {
    const bytes = Buffer.from(pattern.bytes);
    for (let from = 0; from + 4 <= bytes.length; from++) {
      const word = bytes.readUInt32LE(from);
      // What is everywhere in memory begins no search; a run that counts has other words.
      if (word === 0 || word === 0xffffffff) continue;
      const places = index.get(word);
      if (places === undefined) index.set(word, [{ pattern, from }]);
      else places.push({ pattern, from });
    }
  }
  return index;
}

/** Finds all runs in memory, by address. */
export type Search = (memory: Uint8Array) => Hit[];

/** A search for these patterns, for many pieces of memory. */
export function searchFor(patterns: readonly Pattern[]): Search {
  const index = indexOf(patterns);
  const mayBe = new Uint8Array(0x10000);
  for (const word of index.keys()) mayBe[word & 0xffff] = 1;
  return (memory) => {
    const aligned = memory.byteOffset % 4 === 0 ? memory : Uint8Array.from(memory);
    const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
    const found = new Map<string, Hit>();
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      if (mayBe[word & 0xffff] === 0) continue;
      for (const place of index.get(word) ?? []) {
        const hit = runAround(aligned, 4 * i, place);
        if (hit !== undefined) found.set(`${hit.pattern} ${hit.at} ${hit.from}`, hit);
      }
    }
    return [...found.values()].sort((a, b) => a.at - b.at || a.from - b.from);
  };
}

/**
 * Registers, as QEMU prints them, that hold four bytes of the secret or more in one of their halves: there are few of them,
 * so that half as many bytes are no chance.
 */
export function findInRegisters(printed: string, secret: Uint8Array): string[] {
  const bytes = Buffer.from(secret);
  const words = new Set<number>();
  for (let from = 0; from + 4 <= bytes.length; from++) {
    words.add(bytes.readUInt32LE(from));
    words.add(bytes.readUInt32BE(from));
  }
  words.delete(0);
  words.delete(0xffffffff);
  return printed.split('\n').filter((line) =>
    [...line.matchAll(/\b(?:0x)?([0-9a-f]{8,32})\b/gi)].some(([, digits]) => {
      for (let at = digits!.length % 8; at < digits!.length; at += 8)
        if (words.has(Number.parseInt(digits!.slice(at, at + 8), 16))) return true;
      return false;
    }),
  );
}

/** The image of a slide is read while the rest is loaded: the right one, whole, and with the words of the plain way. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFileInParts } from '../../base/files.ts';
import { guessImage, readAhead, readImage } from '../../cli/read-ahead.ts';
import { temporaryFolder } from '../support/paths.ts';

const folder = temporaryFolder('read-ahead');
const path = join(folder, 'image');
const contents = Buffer.alloc(
  5_000_001,
  Uint8Array.from({ length: 251 }, (_, i) => i),
);
writeFileSync(path, contents);

describe('a file in parts', () => {
  it('is what the file holds, whatever its size', async () => {
    for (const size of [0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 5_000_000, 5_000_001]) {
      const part = join(folder, `${size}`);
      writeFileSync(part, contents.subarray(0, size));
      const bytes = await readFileInParts(part, (length) => new Uint8Array(length));
      expect(Buffer.compare(bytes, contents.subarray(0, size))).toBe(0);
    }
  });

  it('is what is left of a file that became shorter', async () => {
    const shrinking = join(folder, 'shrinking');
    writeFileSync(shrinking, contents);
    let asked = 0;
    const bytes = await readFileInParts(shrinking, (length) => {
      if (asked++ === 0) truncateSync(shrinking, 1_234_567);
      return new Uint8Array(length);
    });
    expect(Buffer.compare(bytes, contents.subarray(0, 1_234_567))).toBe(0);
  });

  it('that cannot be read is an error in the usual words', async () => {
    const room = (size: number): Uint8Array => new Uint8Array(size);
    await expect(readFileInParts(join(folder, 'none'), room)).rejects.toThrow(/none: no such file$/);
    mkdirSync(join(folder, 'sub'));
    await expect(readFileInParts(join(folder, 'sub'), room)).rejects.toThrow(/sub: not a regular file$/);
  });
});

describe('the image of a command line', () => {
  it('is its first word that is neither an option nor the value of one', () => {
    expect(guessImage(['a.hvt', '-o', 'b.hvt'])).toBe('a.hvt');
    expect(guessImage(['-o', 'b.hvt', '--mem', '64', '--seed', 'x', '--heap-min', '1', 'a.hvt'])).toBe('a.hvt');
    expect(guessImage(['-ob.hvt', '--mem=64', 'a.hvt'])).toBe('a.hvt');
    expect(guessImage(['-o', 'b.hvt'])).toBeUndefined();
    expect(guessImage([])).toBeUndefined();
  });

  it('is not read where none is slid', () => {
    for (const flag of ['--check', '--entropy', '--help', '-h']) expect(guessImage(['a.hvt', flag])).toBeUndefined();
  });

  it('is read when it is asked for, if another one was guessed', async () => {
    for (const guess of [path, join(folder, 'none'), folder]) {
      readAhead([guess, '-o', 'out']);
      const { arena, bytes } = await readImage(path);
      expect(bytes.buffer).toBe(arena.bytes.buffer);
      expect(Buffer.compare(bytes, contents)).toBe(0);
    }
  });
});

/**
 * Inputs that are read in the background are the same bytes as those that are not.
 */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createReadAhead } from '../../../cli/ld/read-ahead.ts';
import { temporaryFolder } from '../../support/paths.ts';

const folder = temporaryFolder('read-ahead');
const plainRoom = (size: number) => new Uint8Array(size);

/** A file of `size` bytes that starts with `magic`; no two of its words are alike. */
function fileOf(name: string, magic: string, size: number): { path: string; bytes: Uint8Array } {
  const bytes = new Uint8Array(size);
  const words = new Uint32Array(bytes.buffer, 0, size >> 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 0x9e3779b1);
  bytes.set(Buffer.from(magic, 'latin1'));
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return { path, bytes };
}

describe('reading ahead', () => {
  it.each([
    ['a large archive', '!<arch>\n', 9_000_004],
    ['a large object', '\x7fELF', 5_000_000],
    ['an object just large enough', '\x7fELF', 1 << 18],
    ['a small object', '\x7fELF', 70_000],
    ['a large text', 'GROUP ( libm.a )', 1 << 20],
  ])('gives all bytes of %s', async (name, magic, size) => {
    const { path, bytes } = fileOf(name.replaceAll(' ', '-'), magic, size);
    const ahead = createReadAhead(plainRoom);
    const found = ahead.read(path)!;
    await ahead.settled();
    expect(Buffer.compare(found, bytes)).toBe(0);
  });

  it('has the first bytes of an object, and all of a script, at once', () => {
    const ahead = createReadAhead(plainRoom);
    const object = fileOf('object', '\x7fELF', 1 << 20);
    expect(Buffer.compare(ahead.read(object.path)!.subarray(0, 4096), object.bytes.subarray(0, 4096))).toBe(0);
    const script = fileOf('script', '/* */', 1 << 20);
    expect(Buffer.compare(ahead.read(script.path)!, script.bytes)).toBe(0);
  });

  it('knows no file that is not there, and refuses folders', () => {
    const ahead = createReadAhead(plainRoom);
    expect(ahead.read(join(folder, 'absent'))).toBeUndefined();
    mkdirSync(join(folder, 'inside'));
    expect(() => ahead.read(join(folder, 'inside'))).toThrow(/not a regular file/);
  });

  it('fails when a file becomes shorter meanwhile', async () => {
    const { path } = fileOf('shrinking', '!<arch>\n', 1 << 20);
    // Between the look at its size and the reading of the rest, whatever the machine is busy with.
    const ahead = createReadAhead((size) => {
      truncateSync(path, 5000);
      return plainRoom(size);
    });
    ahead.read(path);
    await expect(ahead.settled()).rejects.toThrow(/shrinking: became shorter while it was read/);
  });
});

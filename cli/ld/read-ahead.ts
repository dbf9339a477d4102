/**
 * Reads inputs while the command line is still being worked through.
 *
 * Reading is a good part of a link, and nearly all of it is waiting for pages: two files at a time take little more
 * than one. Of a large object or archive the first bytes are read at once, which tell what it is; the rest comes in
 * pieces, in the background, and must be there (`settled`) before anybody looks at it.
 */
import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs';
import { CasemateError, fail, printable } from '../../base/errors.ts';
import { readFileIfPresent, reasonOf } from '../../base/files.ts';
import { isElf } from '../../linker/identify.ts';
import { isArchive } from '../../linker/read-archive.ts';

/** Files below this size are read at once, in full. */
const LARGE = 1 << 18;
const HEAD = 4096;
const PIECE = 1 << 21;

export interface ReadAhead {
  /** Bytes of a regular file, as readFileIfPresent; beyond the first of an object or archive they may still be coming. */
  readonly read: (path: string) => Uint8Array | undefined;
  /** Waits until all bytes are there. Errors: 'io'. */
  readonly settled: () => Promise<void>;
}

/** `room` gives the memory that files are read into. */
export function createReadAhead(room: (size: number) => Uint8Array): ReadAhead {
  const pending: Promise<void>[] = [];
  return {
    read: (path) => startReading(path, room, pending) ?? readFileIfPresent(path, room),
    settled: async () => {
      await Promise.all(pending);
    },
  };
}

/** Starts to read a large object or archive; undefined for all other files. */
function startReading(
  path: string,
  room: (size: number) => Uint8Array,
  pending: Promise<void>[],
): Uint8Array | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const stat = fstatSync(descriptor);
    const head = new Uint8Array(HEAD);
    const isLarge = stat.isFile() && stat.size >= LARGE;
    const isInput = isLarge && readSync(descriptor, head, 0, HEAD, 0) === HEAD && (isElf(head) || isArchive(head));
    if (!isInput) return undefined;
    const bytes = room(stat.size);
    bytes.set(head);
    const file = descriptor;
    descriptor = undefined;
    const reading = readRest(file, path, bytes).finally(() => closeSync(file));
    // Whoever waits is told; before that it is no failure that nobody handles.
    reading.catch(() => undefined);
    pending.push(reading);
    return bytes;
  } catch (error) {
    // What cannot be opened is reported by the plain way of reading.
    if (error instanceof CasemateError) throw error;
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

async function readRest(file: number, path: string, bytes: Uint8Array): Promise<void> {
  const pieces: Promise<void>[] = [];
  for (let at = HEAD; at < bytes.length; at += PIECE) {
    pieces.push(readPiece(file, path, bytes, at, Math.min(at + PIECE, bytes.length)));
  }
  await Promise.all(pieces);
}

/** Fills bytes [from, to). */
async function readPiece(file: number, path: string, bytes: Uint8Array, from: number, to: number): Promise<void> {
  for (let at = from; at < to; ) {
    const count = await new Promise<number>((done, failed) => {
      read(file, bytes, at, to - at, at, (error, n) => (error ? failed(error) : done(n)));
    }).catch((error: unknown) => fail('io', `${printable(path)}: cannot read: ${reasonOf(error)}`));
    if (count === 0) fail('io', `${printable(path)}: became shorter while it was read; try again`);
    at += count;
  }
}

/**
 * Files at the edges: whole-file reads with clear errors, and writes that are all or nothing.
 *
 * A reader of our outputs must never see half a file, so every output is written under a temporary name in the same
 * folder and renamed over its target; on failure or Ctrl-C the temporary file is removed.
 */
import { closeSync, constants, fstatSync, openSync, read, readSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fail, printable } from './errors.ts';

const pending = new Set<string>();
let handlersInstalled = false;

export function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Nothing is left to do for a temporary file that is already gone.
  }
}

function installCleanup(): void {
  if (handlersInstalled) return;
  handlersInstalled = true;
  process.on('exit', () => {
    for (const path of pending) removeQuietly(path);
  });
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => process.exit(status));
  }
}

/** The system's reason in words, without the call and path that Node appends. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return printable(text.replace(/^[A-Z0-9_]+: /, '').replace(/, \w+( '.*')?$/, ''));
}

/** Room for a file, not zeroed. A plain Uint8Array, since taking a part of a Buffer costs several times as much. */
function fresh(size: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
}

/**
 * Bytes of a regular file; `undefined` when there is none of that name; any other failure is an 'io' error. `room`
 * gives the memory that they are read into.
 */
export function readFileIfPresent(path: string, room: (size: number) => Uint8Array = fresh): Uint8Array | undefined {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return fail('io', `${printable(path)}: cannot open: ${reasonOf(error)}`);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return fail('io', `${printable(path)}: not a regular file`);
    const bytes = room(stat.size);
    let done = 0;
    while (done < bytes.length) {
      const n = readSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30), done);
      if (n === 0) break;
      done += n;
    }
    return done === bytes.length ? bytes : bytes.subarray(0, done);
  } catch (error) {
    if (error instanceof Error && error.name === 'CasemateError') throw error;
    return fail('io', `${printable(path)}: cannot read: ${reasonOf(error)}`);
  } finally {
    closeSync(fd);
  }
}

/** Parts in which a file is read at the same time, and the least bytes of one that are worth it. */
const PARTS = 4;
const LEAST_PART = 2 ** 20;

/** Reads `part` of an open file, from `position` on; false when the file ends before it does. */
function readPart(fd: number, part: Uint8Array, position: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let done = 0;
    const next = (): void => {
      read(fd, part, done, Math.min(part.length - done, 1 << 30), position + done, (error, count) => {
        done += count;
        if (error) reject(error);
        else if (count === 0 || done === part.length) resolve(done === part.length);
        else next();
      });
    };
    next();
  });
}

/**
 * Bytes of a regular file, read by other threads while this one goes on; its absence is an 'io' error too. `room` gives
 * the memory that they are read into, before this returns.
 */
export async function readFileInParts(path: string, room: (size: number) => Uint8Array): Promise<Uint8Array> {
  let fd: number | undefined;
  let bytes: Uint8Array | undefined;
  let whole = false;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (stat.isFile()) {
      bytes = room(stat.size);
      const size = Math.max(LEAST_PART, Math.ceil(stat.size / PARTS));
      const parts: Promise<boolean>[] = [];
      for (let at = 0; at < stat.size; at += size) parts.push(readPart(fd, bytes.subarray(at, at + size), at));
      // No part may still be read when the file is closed.
      whole = (await Promise.allSettled(parts)).every((part) => part.status === 'fulfilled' && part.value);
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'CasemateError') throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  if (whole) return bytes!;
  // Whatever went wrong is said by the plain way.
  return readFileIfPresent(path, room) ?? fail('io', `${printable(path)}: no such file`);
}

/** Bytes of a regular file; its absence is an 'io' error too. */
export function readFile(path: string): Uint8Array {
  return readFileIfPresent(path) ?? fail('io', `${printable(path)}: no such file`);
}

/** Writes `chunks` to `path` through a temporary file and a rename. `mode` is the new file's mode (umask applies). */
export function writeFileAtomic(path: string, chunks: Uint8Array | Iterable<Uint8Array>, mode = 0o666): void {
  installCleanup();
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  pending.add(temporary);
  try {
    // Whatever has this name is nobody's output, or a link that somebody put here: it is not written through.
    removeQuietly(temporary);
    const fd = openSync(temporary, 'wx', mode);
    try {
      for (const chunk of chunks instanceof Uint8Array ? [chunks] : chunks) {
        let done = 0;
        while (done < chunk.length) done += writeSync(fd, chunk, done, chunk.length - done);
      }
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    fail('io', `${printable(path)}: cannot write: ${reasonOf(error)}`);
  } finally {
    pending.delete(temporary);
  }
}

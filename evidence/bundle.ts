/**
 * A bundle: all files that evidence is made of, as one file that any tar reads.
 *
 * One file is replaced by one rename, so whoever looks finds the old bundle or the new one, however a build ends. It is a
 * POSIX ustar archive without compression: names in order, no times, no owners, one mode, so the same files are always
 * the same bytes. A reader accepts exactly that, and so notices a change in any byte, also in those that tar does not
 * look at, and nothing in a bundle can name a place outside of it.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format".
 */
import { fail, printable } from '../base/errors.ts';

/** Name to contents. */
export type Bundle = ReadonlyMap<string, Uint8Array>;

export const bundleLimits = { bytes: 2 ** 31, files: 200_000 } as const;

const BLOCK = 512;
const MOST_NAME = 100;
/** What folders and their files may be called: see bundleNames. Names of Coq's files are those of Coq. */
const allowed =
  /^(?:(?:proofs\/|sources\/)?[A-Za-z0-9][A-Za-z0-9._-]*|coq\/(?:_CoqProject|Makefile|(?:handwritten\/)?[A-Za-z_][A-Za-z0-9_']*\.v))$/;

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Why a name cannot be in a bundle. */
function problemOf(name: string): string | undefined {
  if (name.length > MOST_NAME) return `has ${name.length} characters; at most ${MOST_NAME} are allowed`;
  return allowed.test(name) ? undefined : 'is no name of a file in a bundle';
}

function header(name: string, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const put = (at: number, text: string): void => void block.write(text, at, 'latin1');
  put(0, name);
  put(100, '0000644\0');
  put(108, '0000000\0');
  put(116, '0000000\0');
  put(124, `${size.toString(8).padStart(11, '0')}\0`);
  put(136, '00000000000\0');
  // The checksum is of the block with blanks in its own place.
  put(148, ' '.repeat(8));
  put(156, '0');
  put(257, 'ustar\x0000');
  put(329, '0000000\0');
  put(337, '0000000\0');
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

/** The one archive of these files, in parts. Errors: 'evidence' for a name that no bundle has. */
export function* packBundle(files: Bundle): Generator<Uint8Array> {
  for (const name of [...files.keys()].sort(byName)) {
    const problem = problemOf(name);
    if (problem !== undefined) fail('evidence', `${printable(name)}: ${problem}`);
    const bytes = files.get(name)!;
    yield header(name, bytes.length);
    yield bytes;
    yield Buffer.alloc(padded(bytes.length) - bytes.length);
  }
  yield Buffer.alloc(2 * BLOCK);
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** The size that a header claims; undefined: none. */
function sizeIn(block: Uint8Array): number | undefined {
  const text = Buffer.from(block.subarray(124, 136)).toString('latin1');
  return /^[0-7]{11}\0$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** Files of an archive as packBundle writes it, and of no other. `file` names it in messages. Errors: 'evidence', 'limit'. */
export function unpackBundle(archive: Uint8Array, file: string): Bundle {
  const where = printable(file);
  if (archive.length > bundleLimits.bytes)
    fail('limit', `${where}: ${archive.length} bytes, more than the ${bundleLimits.bytes} allowed`);
  const files = new Map<string, Uint8Array>();
  let before = '';
  let at = 0;
  const bad = (text: string): never => fail('evidence', `${where}: ${text}; it is no bundle, or was changed`);
  for (;;) {
    const block = archive.subarray(at, at + BLOCK);
    if (block.length < BLOCK) bad(`ends at byte ${archive.length}, within the header after ${before || 'its start'}`);
    if (isZero(block)) break;
    const end = block.indexOf(0);
    const name = Buffer.from(block.subarray(0, end < 0 ? 0 : Math.min(end, MOST_NAME))).toString('latin1');
    const shown = printable(name, MOST_NAME);
    const problem = problemOf(name);
    const size = sizeIn(block);
    if (problem !== undefined) bad(`at byte ${at}, after ${before || 'its start'}: the name '${shown}' ${problem}`);
    if (size === undefined || Buffer.compare(header(name, size), block) !== 0)
      return bad(`${shown}: its header at byte ${at} is not the one that a bundle has`);
    if (byName(before, name) >= 0) bad(`${shown}: comes after ${before}; names come once and in order`);
    const data = archive.subarray(at + BLOCK, at + BLOCK + size);
    const rest = archive.subarray(at + BLOCK + size, at + BLOCK + padded(size));
    if (data.length < size || rest.length < padded(size) - size)
      bad(`${shown}: has ${data.length} bytes; its header says ${size}`);
    if (!isZero(rest)) bad(`${shown}: what fills its last block is not zero`);
    files.set(name, data);
    if (files.size > bundleLimits.files) fail('limit', `${where}: more than ${bundleLimits.files} files`);
    before = name;
    at += BLOCK + padded(size);
  }
  if (archive.length !== at + 2 * BLOCK || !isZero(archive.subarray(at)))
    bad(`has other bytes than two blocks of zeros behind ${before || 'its start'}, at byte ${at}`);
  return files;
}

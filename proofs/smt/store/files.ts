/**
 * The edge to a folder of records (record.ts): KEY.json beside TEXT-HASH.smt2.
 *
 * Several runs may share the folder: each file is written whole under another name and renamed, and what it is called
 * is a hash of what it depends on, so two writers of one name write the same. A folder that cannot be written costs
 * time, no verdict. Reads are bounded, and anything odd is as good as absent.
 */
import { mkdirSync, opendirSync } from 'node:fs';
import { join } from 'node:path';
import { fail, printable } from '../../../base/errors.ts';
import { readFileIfPresent, reasonOf, writeFileAtomic } from '../../../base/files.ts';
import { type Asking, keyOf, type ProofRecord, readRecord, writeRecord } from '../record.ts';
import { scriptLimits } from '../script.ts';

export const storeLimits = { record: 1024 * 1024, files: 200_000 } as const;

/** Text of a regular file of at most `limit` bytes, one character a byte; undefined for anything else. */
function readBounded(path: string, limit: number): string | undefined {
  try {
    const bytes = readFileIfPresent(path, (size) => {
      if (size > limit) throw new RangeError('too long');
      return new Uint8Array(size);
    });
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1');
  } catch {
    return undefined;
  }
}

const recordPath = (folder: string, key: string): string => join(folder, `${key}.json`);
const textPath = (folder: string, sha256: string): string => join(folder, `${sha256}.smt2`);

/** The record of exactly this asking, if the folder has one that is sealed with the secret. */
export function findRecord(folder: string, asking: Asking, secret: Uint8Array): ProofRecord | undefined {
  return loadRecord(folder, keyOf(asking), secret);
}

/** The record of this key, if it is one; with a secret, if it is sealed. */
export function loadRecord(folder: string, key: string, secret?: Uint8Array): ProofRecord | undefined {
  const text = readBounded(recordPath(folder, key), storeLimits.record);
  // What is outside ASCII was written as UTF-8.
  return text === undefined ? undefined : readRecord(Buffer.from(text, 'latin1').toString(), key, secret);
}

/** The text of this hash, unchecked; undefined when there is none that may be read. */
export function loadText(folder: string, sha256: string): string | undefined {
  return readBounded(textPath(folder, sha256), scriptLimits.bytes);
}

/** Keeps a record, sealed if there is a secret, and its text. False when the folder does not take them. */
export function keepRecord(folder: string, record: ProofRecord, text: string, secret?: Uint8Array): boolean {
  const bytes = Buffer.from(writeRecord(record, secret));
  if (bytes.length > storeLimits.record) return false;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileAtomic(textPath(folder, record.asking.sha256), Buffer.from(text, 'latin1'));
    writeFileAtomic(recordPath(folder, keyOf(record.asking)), bytes);
    return true;
  } catch {
    return false;
  }
}

/** Names of the records and of the texts in a folder, in order. An 'io' error when it cannot be listed. */
export function listStore(folder: string): { readonly keys: readonly string[]; readonly texts: readonly string[] } {
  const names: string[] = [];
  try {
    const open = opendirSync(folder);
    try {
      for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
        names.push(entry.name);
        if (names.length > storeLimits.files) {
          return fail('limit', `${printable(folder)}: more than ${storeLimits.files} files`);
        }
      }
    } finally {
      open.closeSync();
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'CasemateError') throw error;
    return fail('io', `${printable(folder)}: cannot list: ${reasonOf(error)}`);
  }
  const of = (suffix: string): string[] =>
    names
      .filter((name) => /^[0-9a-f]{64}\.\w+$/.test(name) && name.endsWith(suffix))
      .map((name) => name.slice(0, 64))
      .sort();
  return { keys: of('.json'), texts: of('.smt2') };
}

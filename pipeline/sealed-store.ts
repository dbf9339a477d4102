/**
 * Small files that casemate keeps for itself from run to run, each under a seal.
 *
 * An entry counts only where its seal was made with the user's own secret (user-secret.ts), for this purpose and this key:
 * whoever else can write the folder can make casemate forget, and nothing more. What is used stays, and what was used
 * longest ago goes first. Nothing here fails a run: what cannot be read or written is simply not kept.
 */
import { mkdirSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfPresent, removeQuietly, writeFileAtomic } from '../base/files.ts';
import { createHash, createHmac, timingSafeEqual } from '../base/node.ts';

export interface SealedStore {
  readonly get: (key: string) => Uint8Array | undefined;
  readonly put: (key: string, payload: Uint8Array) => void;
}

export interface SealedStoreOptions {
  readonly folder: string;
  readonly secret: Uint8Array;
  /** Tells entries of one kind, and one version of it, from all others. */
  readonly purpose: string;
  /** Entries that are kept. */
  readonly most: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const SEAL = 32;
/** Bytes of the largest entry. */
const LARGEST = 16 << 20;
/** Milliseconds after which a use is noted again. */
const NOTED = 3_600_000;

/** Removes what was used longest ago; half of `most` goes at once, so that it is rarely done. */
function prune(folder: string, most: number): void {
  const names = readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name));
  if (names.length <= most) return;
  const entries = names.map((name) => ({ name, used: statSync(join(folder, name)).mtimeMs }));
  entries.sort((a, b) => b.used - a.used || (a.name < b.name ? -1 : 1));
  for (const { name } of entries.slice(most >> 1)) removeQuietly(join(folder, name));
}

/** A store in a folder, which is made when it is first needed. Keys are any texts. */
export function openSealedStore({ folder, secret, purpose, most, now }: SealedStoreOptions): SealedStore {
  const pathOf = (key: string): string => join(folder, createHash('sha256').update(key).digest('hex'));
  const sealOf = (key: string, payload: Uint8Array): Buffer =>
    createHmac('sha256', secret)
      .update(JSON.stringify([purpose, key]))
      .update(payload)
      .digest();
  return {
    get: (key) => {
      try {
        const path = pathOf(key);
        const entry = readFileIfPresent(path, (size) => new Uint8Array(Math.min(size, LARGEST)));
        if (entry === undefined || entry.length < SEAL) return undefined;
        const payload = entry.subarray(SEAL);
        if (!timingSafeEqual(entry.subarray(0, SEAL), sealOf(key, payload))) return undefined;
        const at = now();
        if (at - statSync(path).mtimeMs > NOTED) utimesSync(path, at / 1000, at / 1000);
        return payload;
      } catch {
        return undefined;
      }
    },
    put: (key, payload) => {
      if (payload.length + SEAL > LARGEST) return;
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeFileAtomic(pathOf(key), [sealOf(key, payload), payload], 0o600);
        prune(folder, most);
      } catch {
        // It is made again next time.
      }
    },
  };
}

/**
 * Where `casemate prove` keeps what solvers said.
 *
 * Records lie in one folder, which may be copied, shared and published. What makes a record count without asking again is
 * a seal made with the user's own secret (user-secret.ts); without one, every record is a hint.
 *
 * The hash of Z3's build, on which every record's key stands, takes longer than all else in a run without questions, so it
 * is remembered, sealed as well, for as long as the files are the same.
 */
import { join } from 'node:path';
import { readFileIfPresent, writeFileAtomic } from '../base/files.ts';
import { createHash, createHmac, timingSafeEqual } from '../base/node.ts';
import type { ProofCache } from '../proofs/smt/prover.ts';
import { z3Files, z3Identity } from '../proofs/smt/z3/process.ts';
import { stampOfFiles, userCacheFolder, userSecret } from './user-secret.ts';

/** Milliseconds for which a file must have rested: a change within one tick of a clock shows in no time. */
const RESTED = 10_000;

/** Where the hash of these files is remembered: by their place, so that two installations do not make each other forget. */
export const identityFile = (folder: string, files: readonly string[]): string =>
  join(folder, `z3-${createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16)}`);

/** What `identify` says of files, remembered in the user's folder; `now` in milliseconds. */
export function rememberedIdentity(
  folder: string,
  secret: Uint8Array,
  now: number,
  files: readonly string[] = z3Files(),
  identify: () => string = z3Identity,
): string {
  const path = identityFile(folder, files);
  const seal = (stamp: string, identity: string): Buffer =>
    createHmac('sha256', secret).update(`casemate-z3-1\n${stamp}\n${identity}`).digest();
  const { stamp, changed } = stampOfFiles(files);
  try {
    const bytes = readFileIfPresent(path, (size) => new Uint8Array(Math.min(size, 1024)));
    const [identity, sealed] = Buffer.from(bytes ?? [])
      .toString('latin1')
      .split('\n');
    if (
      /^[0-9a-f]{64}$/.test(identity) &&
      /^[0-9a-f]{64}$/.test(sealed) &&
      timingSafeEqual(Buffer.from(sealed, 'hex'), seal(stamp, identity))
    )
      return identity;
  } catch {
    // What cannot be read is not remembered.
  }
  const identity = identify();
  if (now - changed > RESTED && stampOfFiles(files).stamp === stamp) {
    try {
      writeFileAtomic(path, Buffer.from(`${identity}\n${seal(stamp, identity).toString('hex')}\n`), 0o600);
    } catch {
      // It is found again next time.
    }
  }
  return identity;
}

export interface OpenedCache {
  readonly cache?: ProofCache;
  /** Why nothing is believed, or kept. */
  readonly problem?: string;
}

/** Opens the folder of records, by default the user's own. */
export function openProofCache(given?: string, env: NodeJS.ProcessEnv = process.env): OpenedCache {
  const own = userCacheFolder(env);
  const folder = given ?? (own && join(own, 'proofs'));
  if (folder === undefined) return { problem: 'no folder for records: HOME is not set' };
  if (own === undefined) return { cache: { folder }, problem: 'no secret, so no record is believed: HOME is not set' };
  const found = userSecret(own);
  if ('problem' in found)
    return { cache: { folder }, problem: `no secret, so no record is believed: ${found.problem}` };
  const { secret } = found;
  return { cache: { folder, secret, identity: () => rememberedIdentity(own, secret, Date.now()) } };
}

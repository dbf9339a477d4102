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
import type { ProofCache } from '../proofs/smt/prover.ts';
import { z3Files, z3Identity } from '../proofs/smt/z3/process.ts';
import { openSealedStore, type SealedStore } from './sealed-store.ts';
import { stampOfFiles, userCacheFolder, userSecret } from './user-secret.ts';

/** Milliseconds for which a file must have rested: a change within one tick of a clock shows in no time. */
const RESTED = 10_000;
const MOST_VERDICTS = 100;

/** What `identify` says of files, remembered in a store; `now` in milliseconds. */
export function rememberedIdentity(
  store: SealedStore,
  now: number,
  files: readonly string[] = z3Files(),
  identify: () => string = z3Identity,
): string {
  const { stamp, changed } = stampOfFiles(files);
  const known = store.get(stamp);
  if (known !== undefined) return Buffer.from(known).toString('latin1');
  const identity = identify();
  if (now - changed > RESTED && stampOfFiles(files).stamp === stamp) store.put(stamp, Buffer.from(identity, 'latin1'));
  return identity;
}

export interface OpenedCache {
  readonly cache?: ProofCache;
  /** Where verdicts are kept (proved-before.ts): with the user's own records, not with others that he names. */
  readonly verdicts?: SealedStore;
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
  const store = (name: string, most: number): SealedStore =>
    openSealedStore({ folder: join(own, name), secret, purpose: `casemate-${name}-1`, most, now: Date.now });
  const identities = store('z3', 8);
  const cache = { folder, secret, identity: () => rememberedIdentity(identities, Date.now()) };
  return { cache, ...(given === undefined && { verdicts: store('verdicts', MOST_VERDICTS) }) };
}

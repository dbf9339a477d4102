/**
 * Where `casemate prove` keeps what solvers said, and the secret that tells its own records from others'.
 *
 * Records lie in one folder, which may be copied, shared and published. What makes a record count without asking again is
 * a seal, made with 32 random bytes that only this user can read. They lie in the user's own cache folder, whatever
 * folder the records are in: a secret that came along with records would vouch for anybody's. Where that folder does not
 * exist, belongs to somebody else or lies open, there is no secret, and every record is a hint.
 *
 * The hash of Z3's build, on which every record's key stands, takes longer than all else in a run without questions, so it
 * is remembered, sealed as well, for as long as the files are the same by device, number, size and times. The time of
 * the last change of a file's data or entry cannot be set by programs, so a package that is installed over another is
 * seen though both say that they were packed in the same second.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, linkSync, lstatSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { printable } from '../base/errors.ts';
import { readFileIfPresent, reasonOf, removeQuietly, writeFileAtomic } from '../base/files.ts';
import { createHmac, timingSafeEqual } from '../base/node.ts';
import type { ProofCache } from '../proofs/smt/prover.ts';
import { z3Files, z3Identity } from '../proofs/smt/z3/process.ts';

const SECRET_SIZE = 32;
/** Milliseconds for which a file must have rested: a change within one tick of a clock shows in no time. */
const RESTED = 10_000;

/** casemate's part of the user's cache; undefined when the user has none. */
export function userCacheFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env['XDG_CACHE_HOME'];
  if (named !== undefined && isAbsolute(named)) return join(named, 'casemate');
  const home = env['HOME'] ?? homedir();
  return isAbsolute(home) ? join(home, '.cache', 'casemate') : undefined;
}

/** Why something is not for this user alone; undefined when it is. */
function exposure(
  { uid, mode }: { readonly uid: number; readonly mode: number },
  forbidden: number,
): string | undefined {
  if (uid !== process.getuid?.()) return 'it belongs to another user';
  return (mode & forbidden) === 0
    ? undefined
    : `its mode ${(mode & 0o777).toString(8)} lets others ${forbidden === 0o022 ? 'write' : 'in'}`;
}

type Secret = { readonly secret: Uint8Array } | { readonly problem: string } | undefined;

function readSecret(path: string): Secret {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { problem: reasonOf(error) };
  }
  try {
    const stat = fstatSync(fd);
    const problem = stat.isFile() ? exposure(stat, 0o077) : 'it is no regular file';
    if (problem !== undefined) return { problem };
    const secret = new Uint8Array(SECRET_SIZE + 1);
    const size = readSync(fd, secret, 0, SECRET_SIZE + 1, 0);
    return size === SECRET_SIZE
      ? { secret: secret.slice(0, SECRET_SIZE) }
      : { problem: `it has no ${SECRET_SIZE} bytes` };
  } catch (error) {
    return { problem: reasonOf(error) };
  } finally {
    closeSync(fd);
  }
}

/** The user's secret, made when there is none. */
export function userSecret(folder: string): Exclude<Secret, undefined> {
  const path = join(folder, 'secret');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const problem = exposure(lstatSync(folder), 0o022);
    if (problem !== undefined) return { problem: `${printable(folder)}: ${problem}` };
    const known = readSecret(path);
    if (known === undefined) {
      // Whole, then under its name if nobody else was first: two runs that begin together agree.
      const fresh = join(folder, `.secret.${randomBytes(8).toString('hex')}`);
      writeFileAtomic(fresh, randomBytes(SECRET_SIZE), 0o600);
      try {
        linkSync(fresh, path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      } finally {
        removeQuietly(fresh);
      }
    }
    const found = known ?? readSecret(path) ?? { problem: 'it is gone' };
    return 'secret' in found ? found : { problem: `${printable(path)}: ${found.problem}; remove it` };
  } catch (error) {
    return { problem: `${printable(folder)}: ${reasonOf(error)}` };
  }
}

function stampOf(paths: readonly string[]): { readonly stamp: string; readonly changed: number } {
  const stats = paths.map((path) => statSync(path, { bigint: true }));
  const stamp = stats.map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(' '));
  return { stamp: JSON.stringify([paths, stamp]), changed: Math.max(...stats.map(({ ctimeMs }) => Number(ctimeMs))) };
}

/** What `identify` says of files, remembered in the user's folder; `now` in milliseconds. */
export function rememberedIdentity(
  folder: string,
  secret: Uint8Array,
  now: number,
  files: readonly string[] = z3Files(),
  identify: () => string = z3Identity,
): string {
  const path = join(folder, 'z3');
  const seal = (stamp: string, identity: string): Buffer =>
    createHmac('sha256', secret).update(`casemate-z3-1\n${stamp}\n${identity}`).digest();
  const { stamp, changed } = stampOf(files);
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
  if (now - changed > RESTED && stampOf(files).stamp === stamp) {
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

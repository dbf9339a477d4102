/**
 * The secret that tells what this user's casemate wrote from what others did.
 *
 * What is kept from run to run (answers of solvers, objects of the platform layer) counts only under a seal, made with
 * 32 random bytes that only this user can read. They lie in the user's own cache folder, whatever folder the records are
 * in: a secret that came along with records would vouch for anybody's. Where that folder does not exist, belongs to
 * somebody else or lies open, there is no secret, and nothing that was kept is believed.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, linkSync, lstatSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { printable } from '../base/errors.ts';
import { reasonOf, removeQuietly, writeFileAtomic } from '../base/files.ts';

const SECRET_SIZE = 32;

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

/**
 * What tells whether files are the same as they were, without reading them, and when they last changed, in milliseconds.
 * The time of the last change of a file's data or entry cannot be set by programs, so a package that is installed over
 * another is seen though both say that they were packed in the same second.
 */
export function stampOfFiles(paths: readonly string[]): { readonly stamp: string; readonly changed: number } {
  const stats = paths.map((path) => statSync(path, { bigint: true }));
  const stamp = stats.map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(' '));
  return { stamp: JSON.stringify([paths, stamp]), changed: Math.max(...stats.map(({ ctimeMs }) => Number(ctimeMs))) };
}

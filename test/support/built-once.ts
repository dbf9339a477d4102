/**
 * Images that several test files need, built once in a run: a build compiles the whole platform layer. The folder is made,
 * and removed, by the tests' setup; sources do not change during a run, so what is asked for is all that a file depends on.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createHash } from '../../base/node.ts';
import { temporaryFolder } from './paths.ts';

/** Where the setup says that they lie. */
export const SHARED_FOLDER = 'CASEMATE_TEST_SHARED';

/** The path of what `build` makes, or has made for the same `key`: a copy of the caller's own, of the same name. */
export async function builtOnce(key: readonly unknown[], build: () => Promise<string>): Promise<string> {
  const shared = process.env[SHARED_FOLDER];
  if (shared === undefined) return build();
  const folder = join(shared, createHash('sha256').update(JSON.stringify(key)).digest('hex'));
  mkdirSync(folder, { recursive: true });
  const own = temporaryFolder('image');
  const name = key.filter((part) => typeof part === 'string').join('-');
  const kept = join(folder, 'image');
  const path = join(own, name);
  if (existsSync(kept)) copyFileSync(kept, path);
  else {
    copyFileSync(await build(), path);
    // Whole or not at all: another worker may be at the same.
    const fresh = join(folder, `${basename(own)}.new`);
    copyFileSync(path, fresh);
    renameSync(fresh, kept);
  }
  return path;
}

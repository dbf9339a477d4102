/**
 * Runs once before all tests: builds dist/, because end-to-end tests run the bundled commands as a user does, and makes
 * the folder of what test files share, a user's cache in it; it is removed after the last one.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SHARED_FOLDER } from './support/built-once.ts';

export default function setup(): () => void {
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
  const shared = mkdtempSync(join(tmpdir(), 'casemate-shared-'));
  process.env[SHARED_FOLDER] = shared;
  // What builds keep is this run's own: the first one compiles the platform layer, the others find it.
  process.env['XDG_CACHE_HOME'] = join(shared, 'cache');
  return () => rmSync(shared, { recursive: true, force: true });
}

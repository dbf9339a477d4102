/**
 * Where things are: the project's root, the cache of things too dear to rebuild, and temporary folders.
 *
 * The cache holds only what can be made again from the machine's own package sources (see sources.ts) and compilers.
 * Nothing under it is ever committed; deleting it is always safe.
 */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(from: string): string {
  let folder = from;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${from}`);
    folder = parent;
  }
  return folder;
}

/** The folder of package.json. Found by walking up, so that a bundle of this file finds it too. */
export const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

/** $CASEMATE_CACHE, or .cache in the project; `name` is a folder inside it, created when absent. */
export function cacheFolder(name: string): string {
  const folder = join(process.env['CASEMATE_CACHE'] ?? join(projectRoot, '.cache'), name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

const temporaryFolders: string[] = [];

/** A fresh temporary folder, removed when the process ends unless CASEMATE_KEEP is set. */
export function temporaryFolder(label: string): string {
  if (temporaryFolders.length === 0 && process.env['CASEMATE_KEEP'] === undefined) {
    process.on('exit', () => {
      for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true });
    });
    // The test runner ends its workers with SIGTERM, which alone would skip the handler above.
    process.once('SIGTERM', () => process.exit(143));
  }
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `casemate-${label}-`)));
  temporaryFolders.push(folder);
  return folder;
}

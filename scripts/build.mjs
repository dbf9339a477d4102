/**
 * Bundles the two commands into dist/. One file each, so that start-up reads one file;
 * only what a command needs is loaded (the linker's bundle holds no JSON-schema code).
 * The hvt emulator that `casemate boot` needs is compiled beside them.
 */

import { chmodSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildEmulator } from '../targets/hvt/emulator/build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const entries = { casemate: 'cli/casemate.ts', 'casemate-ld': 'cli/casemate-ld.ts' };

for (const [name, entry] of Object.entries(entries)) {
  if (!existsSync(`${root}/${entry}`)) continue;
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: `dist/${name}.js`,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    legalComments: 'none',
    minifySyntax: true,
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
  });
  chmodSync(`${root}/dist/${name}.js`, 0o755);
}

try {
  buildEmulator({ outDir: `${root}/dist` });
} catch (error) {
  process.stderr.write(`build: error: ${error.message}\n`);
  process.exitCode = 1;
}

/**
 * Makes dist/: the two commands, each bundled into one file so that start-up reads one file, and the hvt emulator that
 * `casemate boot` needs. Only what a command needs is bundled (the linker's holds no JSON-schema code).
 * The emulator is linked by the casemate-ld just built; that link also warms up casemate-ld's code cache.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildEmulator } from '../targets/hvt/emulator/build.mjs';
import { buildKernels } from './kernels.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}/dist`;

/** Bundles `entry` as a CommonJS file: those start faster than ES modules and can have a code cache. */
async function bundle(entry, outfile, shebang) {
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: `${dist}/${outfile}.tmp`,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    define: { 'import.meta.url': '__moduleUrl' },
    banner: {
      js: `${shebang ? '#!/usr/bin/env node\n' : ''}const __moduleUrl = require('node:url').pathToFileURL(__filename).href;`,
    },
  });
  chmodSync(`${dist}/${outfile}.tmp`, 0o755);
  renameSync(`${dist}/${outfile}.tmp`, `${dist}/${outfile}`);
}

/** Links the emulator with our own linker, which leaves its code cache behind. */
function linkWithCasemate({ script, objects, output, cwd }) {
  const result = spawnSync(
    process.execPath,
    [`${dist}/casemate-ld.js`, '-m', 'elf_x86_64', '-T', script, '-o', output, ...objects],
    { cwd, encoding: 'utf8', env: { ...process.env, CASEMATE_LD_WRITE_CODE_CACHE: `${dist}/casemate-ld.cache.tmp` } },
  );
  if (result.status !== 0) throw new Error(`casemate-ld failed on the hvt emulator:\n${result.stderr}`);
  renameSync(`${dist}/casemate-ld.cache.tmp`, `${dist}/casemate-ld.cache`);
}

mkdirSync(dist, { recursive: true });
// Inside dist everything is CommonJS, whatever the package says.
writeFileSync(`${dist}/package.json`, '{ "type": "commonjs" }\n');
rmSync(`${dist}/casemate-ld.cache`, { force: true });
await buildKernels();
await bundle('cli/casemate.ts', 'casemate.js', true);
await bundle('cli/casemate-ld.ts', 'casemate-ld.bundle.js', false);
copyFileSync(`${root}/scripts/start.cjs`, `${dist}/casemate-ld.js`);
chmodSync(`${dist}/casemate-ld.js`, 0o755);

try {
  buildEmulator({ outDir: dist, link: linkWithCasemate });
} catch (error) {
  process.stderr.write(`build: error: ${error.message}\n`);
  process.exitCode = 1;
}

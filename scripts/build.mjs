/**
 * Makes dist/: the two commands, each bundled into one file so that start-up reads one file, and the hvt emulator that
 * `casemate boot` needs. Only what a command needs is bundled (the linker's holds no JSON-schema code).
 * The emulator is linked by the casemate-ld just built; that link also warms up casemate-ld's code cache. casemate's is
 * made by a slide of a small image, because a slide is the one subcommand that every launch waits for.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildEmulator } from '../targets/hvt/emulator/build.mjs';
import { buildKernels } from './kernels.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}/dist`;

/** commander can start subcommands that are programs of their own; ours are not, and loading that takes milliseconds. */
const withoutProcesses = {
  name: 'commander-without-processes',
  setup(plugin) {
    plugin.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path: 'child_process', namespace: 'nothing' } : undefined,
    );
    plugin.onLoad({ filter: /./, namespace: 'nothing' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * Bundles `entry` as a CommonJS module, dist/NAME.bundle.js: those start faster than ES modules and can have a code cache.
 * It is wrapped in the function that Node.js would wrap it in, and dist/NAME.js starts it.
 */
async function bundle(entry, name) {
  const outfile = `${dist}/${name}.bundle.js`;
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: `${outfile}.tmp`,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    charset: 'ascii',
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    plugins: [withoutProcesses],
    define: { 'import.meta.url': '__moduleUrl' },
    banner: {
      js: `(function (require, module, exports, __filename, __dirname) {const __moduleUrl = require('node:url').pathToFileURL(__filename).href;`,
    },
    footer: { js: '})' },
  });
  rmSync(`${dist}/${name}.cache`, { force: true });
  renameSync(`${outfile}.tmp`, outfile);
  copyFileSync(`${root}/scripts/start.cjs`, `${dist}/${name}.js`);
  chmodSync(`${dist}/${name}.js`, 0o755);
}

/** Runs a command of dist/; with `cache` the run leaves its code cache behind. */
function runCommand(name, args, { cwd, cache = false }) {
  const temporary = `${dist}/${name}.cache.tmp`;
  const env = cache ? { ...process.env, CASEMATE_WRITE_CODE_CACHE: temporary } : process.env;
  const result = spawnSync(process.execPath, [`${dist}/${name}.js`, ...args], { cwd, encoding: 'utf8', env });
  if (result.status !== 0) throw new Error(`${name} ${args.join(' ')} failed:\n${result.stderr}`);
  if (cache) renameSync(temporary, `${dist}/${name}.cache`);
}

/** Links the emulator with our own linker. */
function linkWithCasemate({ script, objects, output, cwd }) {
  runCommand('casemate-ld', ['-m', 'elf_x86_64', '-T', script, '-o', output, ...objects], { cwd, cache: true });
}

/** Builds, hardens and slides a unikernel that does nothing. */
function slideSmallImage() {
  const cwd = mkdtempSync(`${dist}/.slide-`);
  try {
    const manifest = { name: 'nothing', target: 'hvt', sources: ['main.c'] };
    writeFileSync(`${cwd}/casemate.json`, JSON.stringify(manifest));
    writeFileSync(
      `${cwd}/main.c`,
      '#include <solo5.h>\nint solo5_app_main(const struct solo5_start_info *info) { return info == 0; }\n',
    );
    runCommand('casemate', ['build', '.', '-o', 'nothing.hvt', '-q'], { cwd });
    runCommand('casemate', ['harden', 'nothing.hvt', '-o', 'hardened.hvt'], { cwd });
    runCommand('casemate', ['slide', 'hardened.hvt', '-o', 'slid.hvt'], { cwd, cache: true });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

mkdirSync(dist, { recursive: true });
// Inside dist everything is CommonJS, whatever the package says.
writeFileSync(`${dist}/package.json`, '{ "type": "commonjs" }\n');
await buildKernels();
await bundle('cli/casemate.ts', 'casemate');
await bundle('cli/casemate-ld.ts', 'casemate-ld');

try {
  buildEmulator({ outDir: dist, link: linkWithCasemate });
  slideSmallImage();
} catch (error) {
  process.stderr.write(`build: error: ${error.message}\n`);
  process.exitCode = 1;
}

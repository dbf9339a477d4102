/**
 * Makes dist/: the two commands, each bundled into one file so that start-up reads one file, and the hvt emulator that
 * `casemate boot` needs. Only what a command needs is bundled (the linker's holds no JSON-schema code), and `casemate
 * slide`, for which every launch waits, has a bundle of its own, since reading code that is not run takes time as well;
 * so have `casemate prove`, `casemate build` and `casemate verify`, with which the TypeScript compiler comes.
 * The emulator is linked by the casemate-ld just built; that link also warms up casemate-ld's code cache. casemate's is
 * made by hardening a small image, the others' by building and sliding it.
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { buildEmulator } from '../targets/hvt/emulator/build.mjs';
import { buildKernels } from './kernels.mjs';
import { buildSchemas } from './schemas.mjs';

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

/** Leaves out the subcommands of casemate.ts but for these. */
const onlyCommands = (...kept) => ({
  name: 'some-subcommands',
  setup(plugin) {
    plugin.onResolve({ filter: /^\.\/\w+\.ts$/ }, ({ importer, kind, path }) => {
      const isCommand = kind === 'dynamic-import' && /[\\/]cli[\\/]casemate\.ts$/.test(importer);
      const leaves = isCommand && !kept.some((name) => path === `./${name}.ts`);
      return leaves ? { path, namespace: 'left-out' } : undefined;
    });
    plugin.onLoad({ filter: /./, namespace: 'left-out' }, () => ({
      contents: 'throw new Error("not in this bundle");',
    }));
  },
});

/** What `casemate slide --bundle` needs, which start.cjs gives to casemate's own bundle. */
const withoutEvidence = {
  name: 'without-evidence',
  setup(plugin) {
    plugin.onResolve({ filter: /\/pipeline\/gate\.ts$/ }, ({ path }) => ({ path, namespace: 'left-out' }));
  },
};

/** Leaves out what only `casemate prove` and `casemate build` do; their flags stay, for the help. */
const withoutProver = {
  name: 'without-prover',
  setup(plugin) {
    plugin.onResolve(
      { filter: /\/(pipeline\/prove(-watch|d-before)?|pipeline\/verify|verified|validation|build-evidence)\.ts$/ },
      ({ path }) => ({
        path,
        namespace: 'left-out',
      }),
    );
    plugin.onLoad({ filter: /./, namespace: 'left-out' }, () => ({
      contents: 'throw new Error("not in this bundle");',
    }));
  },
};

/**
 * ts-morph's own code is not needed: the compiler that it hands on is a file of its other package. It is made small,
 * names included, since every run reads it; ours keep their names, for traces.
 */
const onlyCompiler = {
  name: 'only-compiler',
  setup(plugin) {
    plugin.onResolve({ filter: /^ts-morph$/ }, async ({ resolveDir, kind }) => {
      const { path } = await plugin.resolve('@ts-morph/common', { resolveDir, kind });
      return { path: join(dirname(path), 'typescript.js'), namespace: 'compiler' };
    });
    plugin.onLoad({ filter: /./, namespace: 'compiler' }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), {
        minify: true,
        target: 'node20',
        charset: 'ascii',
      });
      return { contents: `${code}\nmodule.exports = { ts: module.exports };`, resolveDir: dirname(path) };
    });
  },
};

/**
 * Bundles `entry` as a CommonJS module, dist/NAME.bundle.js: those start faster than ES modules and can have a code cache.
 * It is wrapped in the function that Node.js would wrap it in, and dist/NAME.js starts it.
 */
async function bundle(entry, name, ...plugins) {
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
    plugins: [withoutProcesses, ...plugins],
    define: { 'import.meta.url': '__moduleUrl' },
    banner: {
      js: `(function (require, module, exports, __filename, __dirname) {const __moduleUrl = require('node:url').pathToFileURL(__filename).href;`,
    },
    footer: { js: '})' },
  });
  rmSync(`${dist}/${name}.cache`, { force: true });
  renameSync(`${outfile}.tmp`, outfile);
}

/** Bundles a command and makes what starts it, dist/NAME.js. */
async function command(entry, name, ...plugins) {
  await bundle(entry, name, ...plugins);
  copyFileSync(`${root}/scripts/start.cjs`, `${dist}/${name}.js`);
  chmodSync(`${dist}/${name}.js`, 0o755);
}

/** Bundles the program that runs Z3 (proofs/smt/z3/process.ts starts it), a process of its own that loads z3-solver. */
async function z3Worker() {
  await build({
    absWorkingDir: root,
    entryPoints: ['proofs/smt/z3/worker/main.ts'],
    outfile: `${dist}/z3-worker.js.tmp`,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    legalComments: 'none',
    define: { 'import.meta.url': '__filename' },
  });
  renameSync(`${dist}/z3-worker.js.tmp`, `${dist}/z3-worker.js`);
}

/** What `import ... from 'casemate'`, and from 'casemate/platform', gives at run time. */
async function libraryModules() {
  for (const [entry, name] of [
    ['contracts', 'contracts'],
    ['platform-node', 'platform'],
  ]) {
    await build({
      absWorkingDir: root,
      entryPoints: [`analyzers/library/${entry}.ts`],
      outfile: `${dist}/${name}.mjs`,
      format: 'esm',
      target: 'node20',
    });
  }
}

/** Runs a command of dist/; with `cache`, the name of the bundle that runs, it leaves that one's code cache behind. */
function runCommand(name, args, { cwd, cache }) {
  const temporary = `${dist}/${cache}.cache.tmp`;
  const env = cache ? { ...process.env, CASEMATE_WRITE_CODE_CACHE: temporary } : process.env;
  const result = spawnSync(process.execPath, [`${dist}/${name}.js`, ...args], { cwd, encoding: 'utf8', env });
  if (result.status !== 0) throw new Error(`${name} ${args.join(' ')} failed:\n${result.stderr}`);
  if (cache) renameSync(temporary, `${dist}/${cache}.cache`);
}

/** Links the emulator with our own linker. */
function linkWithCasemate({ script, objects, output, cwd }) {
  runCommand('casemate-ld', ['-m', 'elf_x86_64', '-T', script, '-o', output, ...objects], {
    cwd,
    cache: 'casemate-ld',
  });
}

/** What its types imply needs no solver. */
const nothing = `/** @verified */
export function main(): void {
  const a = new Uint8Array(2);
  for (let i = 0; i < a.length; i++) a[i] = i & 1;
}
`;

/** Builds, hardens and slides a unikernel that does nothing. */
function slideSmallImage() {
  const cwd = mkdtempSync(`${dist}/.slide-`);
  try {
    const manifest = { name: 'nothing', target: 'hvt', sources: ['main.ts'] };
    writeFileSync(`${cwd}/casemate.json`, JSON.stringify(manifest));
    writeFileSync(`${cwd}/main.ts`, nothing);
    runCommand('casemate', ['build', '.', '-o', 'nothing.hvt', '-q'], { cwd, cache: 'casemate-prove' });
    runCommand('casemate', ['harden', 'nothing.hvt', '-o', 'hardened.hvt'], { cwd, cache: 'casemate' });
    runCommand('casemate', ['slide', 'hardened.hvt', '-o', 'slid.hvt'], { cwd, cache: 'casemate-slide' });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

mkdirSync(dist, { recursive: true });
// Inside dist everything is CommonJS, whatever the package says.
writeFileSync(`${dist}/package.json`, '{ "type": "commonjs" }\n');
await buildKernels();
await buildSchemas();
await libraryModules();
await command('cli/casemate.ts', 'casemate', withoutProver);
await bundle('cli/slide-entry.ts', 'casemate-slide', onlyCommands('slide'), withoutEvidence);
await bundle('cli/casemate.ts', 'casemate-prove', onlyCommands('prove', 'build', 'verify'), onlyCompiler);
await command('cli/casemate-ld.ts', 'casemate-ld');
await z3Worker();

try {
  buildEmulator({ outDir: dist, link: linkWithCasemate });
  slideSmallImage();
} catch (error) {
  process.stderr.write(`build: error: ${error.message}\n`);
  process.exitCode = 1;
}

/**
 * Compiles the kernels of the linker and of slides (AssemblyScript, in assembly/ of the folders below) to WebAssembly and
 * writes each lot as a module that both the bundles and the tests import: wasm.gen.ts. Does nothing for one that is newer
 * than all its sources.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['linker/kernels', 'hardening/slide/kernels'];
/** What says where a unit goes. */
const placementSource = join(root, 'hardening/slide/space.ts');

/** Paths of the TypeScript and AssemblyScript below `folder`, but not of what is made here. */
function sourcesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.gen.ts'))
    .map(({ path, name }) => join(path, name));
}

function isFresh(output) {
  if (!existsSync(output)) return false;
  const made = statSync(output).mtimeMs;
  // One lot may use the other's small helpers.
  const sources = folders.flatMap((folder) => sourcesOf(join(root, folder)));
  const inputs = [...sources, placementSource, fileURLToPath(import.meta.url), join(root, 'package-lock.json')];
  return inputs.every((path) => statSync(path).mtimeMs < made);
}

/**
 * Writes the kernels' arithmetic of where a unit goes: the text of space.ts, which is proved, run on terms of
 * AssemblyScript. What that text may use beyond sums must be taught to it here.
 */
async function writePlacement() {
  const output = join(root, 'hardening/slide/kernels/assembly/placement.gen.ts');
  const { outputFiles } = await build({
    entryPoints: [placementSource],
    bundle: true,
    write: false,
    format: 'esm',
    logLevel: 'silent',
  });
  const { placeUnit } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
  const terms = new Proxy(
    {
      constant: (value) => `${value}`,
      add: (a, b) => `(${a} + ${b})`,
      subtract: (a, b) => `(${a} - ${b})`,
      scale: (a, factor) => `(${a} * ${factor})`,
    },
    {
      get(known, name) {
        if (name in known) return known[name];
        throw new Error(`placing a unit takes ${String(name)}, which kernels.mjs does not know how to say`);
      },
    },
  );
  const { offset, next } = placeUnit(terms, 'cursor', 'size');
  const define = (name, term) => `export function ${name}(cursor: i64, size: i64): i64 {\n  return ${term};\n}\n`;
  const text = `/** Made by scripts/kernels.mjs from space.ts. */\n${define('unitOffset', offset)}${define('nextCursor', next)}`;
  if (!existsSync(output) || readFileSync(output, 'utf8') !== text) writeFileSync(output, text);
}

/** Compiles the kernels of one folder; throws what the compiler says. */
async function compileKernels(folder) {
  const output = join(root, folder, 'wasm.gen.ts');
  if (isFresh(output)) return;
  const working = mkdtempSync(join(tmpdir(), 'casemate-kernels-'));
  try {
    const module = join(working, 'kernels.wasm');
    const { error, stderr } = await asc.main([
      `${folder}/assembly/index.ts`,
      ...['--baseDir', root, '--outFile', module],
      // Nothing but loads and stores: no allocator, no collector, no bounds checks that throw.
      ...['--runtime', 'stub', '--noAssert', '--use', 'abort=', '--importMemory', '--optimizeLevel', '3'],
      // The arena starts at 65536: what a kernel keeps of its own lies below.
      ...['--initialMemory', '1', '--maximumMemory', '65536', '--sharedMemory', '--memoryBase', '1024'],
      ...['--enable', 'bulk-memory', '--enable', 'threads'],
    ]);
    if (error) throw new Error(`the kernels of ${folder} do not compile:\n${stderr.toString()}`);
    const text = `/** Made by scripts/kernels.mjs. */\nexport const kernelModule = '${readFileSync(module).toString('base64')}';\n`;
    writeFileSync(`${output}.tmp`, text);
    renameSync(`${output}.tmp`, output);
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
}

/** Compiles all kernels; throws what the compiler says. */
export async function buildKernels() {
  await writePlacement();
  for (const folder of folders) await compileKernels(folder);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildKernels().catch((error) => {
    process.stderr.write(`kernels: error: ${error.message}\n`);
    process.exitCode = 1;
  });
}

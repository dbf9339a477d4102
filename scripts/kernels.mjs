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

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['linker/kernels', 'hardening/slide/kernels'];

/** Paths of the TypeScript and AssemblyScript below `folder`, but not of what is made here. */
function sourcesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && entry.name !== 'wasm.gen.ts')
    .map(({ path, name }) => join(path, name));
}

function isFresh(output) {
  if (!existsSync(output)) return false;
  const made = statSync(output).mtimeMs;
  // One lot may use the other's small helpers.
  const sources = folders.flatMap((folder) => sourcesOf(join(root, folder)));
  const inputs = [...sources, fileURLToPath(import.meta.url), join(root, 'package-lock.json')];
  return inputs.every((path) => statSync(path).mtimeMs < made);
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
  for (const folder of folders) await compileKernels(folder);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildKernels().catch((error) => {
    process.stderr.write(`kernels: error: ${error.message}\n`);
    process.exitCode = 1;
  });
}

/**
 * Compiles the linker's kernels (linker/kernels/assembly, AssemblyScript) to WebAssembly and writes them as a module
 * that both the bundles and the tests import: linker/kernels/wasm.gen.ts. Does nothing when that is newer than all
 * sources.
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
const folder = join(root, 'linker/kernels');
const output = join(folder, 'wasm.gen.ts');

function isFresh() {
  if (!existsSync(output)) return false;
  const made = statSync(output).mtimeMs;
  const sources = readdirSync(join(folder, 'assembly')).map((name) => join(folder, 'assembly', name));
  const inputs = [
    ...sources,
    join(folder, 'layout.ts'),
    join(folder, 'riscv64-numbers.ts'),
    fileURLToPath(import.meta.url),
    join(root, 'package-lock.json'),
  ];
  return inputs.every((path) => statSync(path).mtimeMs < made);
}

/** Compiles the kernels; throws what the compiler says. */
export async function buildKernels() {
  if (isFresh()) return;
  const working = mkdtempSync(join(tmpdir(), 'casemate-kernels-'));
  try {
    const module = join(working, 'kernels.wasm');
    const { error, stderr } = await asc.main([
      'linker/kernels/assembly/index.ts',
      ...['--baseDir', root, '--outFile', module],
      // Nothing but loads and stores: no allocator, no collector, no bounds checks that throw.
      ...['--runtime', 'stub', '--noAssert', '--use', 'abort=', '--importMemory', '--optimizeLevel', '3'],
      // The arena starts at 65536: what a kernel keeps of its own lies below.
      ...['--initialMemory', '1', '--maximumMemory', '65536', '--sharedMemory', '--memoryBase', '1024'],
      ...['--enable', 'bulk-memory', '--enable', 'threads'],
    ]);
    if (error) throw new Error(`the kernels do not compile:\n${stderr.toString()}`);
    const text = `/** Made by scripts/kernels.mjs. */\nexport const kernelModule = '${readFileSync(module).toString('base64')}';\n`;
    writeFileSync(`${output}.tmp`, text);
    renameSync(`${output}.tmp`, output);
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildKernels().catch((error) => {
    process.stderr.write(`kernels: error: ${error.message}\n`);
    process.exitCode = 1;
  });
}

/**
 * `npm run bench`: bundles the benchmarks, which are TypeScript, and runs them: the linker's (link.ts), obligations
 * (prove.ts), what wiping after functions costs (secrets.ts), the gate and the report
 * (evidence.ts), the slide before a launch (slide.ts), the boot of hardened images (boot.ts, boot-riscv64.ts, boot-sel4.ts), frames on
 * RISC-V (echo-riscv64.ts). --only takes their names, or the linker's cases; other options go to each.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
mkdirSync(`${root}/.cache`, { recursive: true });

async function run(name, args) {
  // One folder below the root, from where the build looks for the platform layer.
  const outfile = `${root}/.cache/bench-${name}.mjs`;
  await build({
    absWorkingDir: root,
    entryPoints: [`bench/${name}.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // Dependencies of the compiled package are found as they are.
    packages: 'external',
  });
  process.argv = [process.argv[0], process.argv[1], ...args];
  await import(pathToFileURL(outfile).href);
}

/** Those with a name of their own; all others are cases of the linker's. */
const alone = [
  'prove',
  'lowering',
  'secrets',
  'evidence',
  'slide',
  'boot',
  'boot-riscv64',
  'boot-sel4',
  'echo-riscv64',
];

const args = process.argv.slice(2);
const at = args.indexOf('--only');
const only = at < 0 ? undefined : (args[at + 1] ?? '').split(',');
const others = at < 0 ? args : args.toSpliced(at, 2);
const cases = only?.filter((name) => !alone.includes(name));
if (cases === undefined || cases.length > 0)
  await run('link', cases === undefined ? others : ['--only', cases.join(','), ...others]);
for (const name of alone) if (only === undefined || only.includes(name)) await run(name, others);

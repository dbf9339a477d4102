/**
 * `npm run bench`: bundles the benchmark, which is TypeScript, and runs it. Arguments are passed on; see link.ts.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outfile = `${root}/.cache/bench/link.mjs`;
mkdirSync(`${root}/.cache/bench`, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: ['bench/link.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
});
await import(pathToFileURL(outfile).href);

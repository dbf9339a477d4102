/**
 * What is known of the code without running it: what is generated is made, then types are checked (of the kernels by their own
 * rules) and the style, two at a time. Each one's output comes whole, in a fixed order; the first that fails decides the
 * exit status.
 */
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildSchemas } from './schemas.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const checks = [
  ['tsc', '--noEmit'],
  ['biome', 'check', '--error-on-warnings', '.'],
  ['tsc', '--noEmit', '-p', 'linker/kernels/assembly'],
  ['tsc', '--noEmit', '-p', 'hardening/slide/kernels/assembly'],
];

await buildSchemas();
execFileSync(process.execPath, ['scripts/kernels.mjs'], { cwd: root, stdio: 'inherit' });

/** Runs one; resolves to its exit status and what it printed. */
const run = ([program, ...args]) =>
  new Promise((done) => {
    const child = spawn(`node_modules/.bin/${program}`, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(data));
    child.on('error', ({ message }) => done({ status: 1, output: `${program}: ${message}\n` }));
    child.on('close', (code) => done({ status: code ?? 1, output: Buffer.concat(output) }));
  });

const waiting = [...checks.keys()];
const results = [];
const work = async () => {
  for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) results[i] = await run(checks[i]);
};
await Promise.all([work(), work()]);
for (const { output } of results) process.stdout.write(output);
process.exitCode = results.find(({ status }) => status !== 0)?.status ?? 0;

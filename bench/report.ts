/** What the benchmarks share about their results: medians, the machine, thresholds, and where results are written. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, projectRoot } from '../test/support/paths.ts';
import { runOrThrow } from '../test/support/run.ts';
import { requireTool } from '../test/support/tools.ts';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A threshold and whether it held. */
export interface Check {
  readonly what: string;
  readonly held: boolean;
}

export function checkLines(checks: readonly Check[]): string[] {
  return checks.map(({ what, held }) => `- ${held ? 'held' : 'FAILS'}: ${what}`);
}

export function machineLine(): string {
  const [cpu] = cpus();
  return `${cpus().length} x ${cpu!.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
}

/** The program that measures another one (measure.c), compiled. */
export async function compileMeasure(): Promise<string> {
  const program = join(cacheFolder('bench'), 'measure');
  await runOrThrow(requireTool('gcc'), ['-O2', '-o', program, join(projectRoot, 'bench/measure.c')]);
  return program;
}

/** Replaces what stands between the two markers of bench/README.md that `name` belongs to: "result", "boot result". */
export function writeResult(name: string, text: string): void {
  const path = join(projectRoot, 'bench/README.md');
  const marked = new RegExp(`(<!-- ${name}: [^\\n]* -->\\n)[\\s\\S]*(<!-- end of ${name} -->)`);
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(marked, (_, start, end) => `${start}${text}${end}`),
  );
  // The project's style pads tables.
  execFileSync(join(projectRoot, 'node_modules/.bin/biome'), ['format', '--write', path], { stdio: 'ignore' });
}

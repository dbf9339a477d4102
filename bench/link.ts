/**
 * Times casemate-ld beside GNU ld, lld and mold: whole processes, the same command lines, interleaved so that a busy
 * moment of the machine hits all of them, medians of several runs. Every linker's output is run once and must work.
 *
 * Prints a Markdown table and, below it, whether the project's thresholds held. Options: --runs N (default 9),
 * --only NAME,... (small, runtime, lua, sqlite, openssl, combined, command, riscv, riscv-debug,
 * riscv-openssl, riscv-openssl-debug), --with casemate (leave the peers
 * out, for quick looks while working on the linker), --write (put the result into bench/README.md as well).
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from '../test/support/paths.ts';
import { type BenchCase, benchCases } from './inputs/cases.ts';
import { findPeers, type Peer } from './peers.ts';
import { type Check, checkLines, compileMeasure, machineLine, median, writeResult } from './report.ts';
import { type Sample, sample } from './sample.ts';

interface Figures extends Sample {
  readonly peer: string;
  /** Smallest and largest wall time. */
  readonly range: readonly [number, number];
  readonly outputBytes: number;
}

interface CaseResult {
  readonly name: string;
  readonly namedBytes: number;
  readonly figures: readonly Figures[];
  readonly failures: readonly string[];
  /** Median wall time of `node -e 0`, taken in the same rounds. */
  readonly node: number;
}

const MiB = 1 << 20;

async function runCase(measure: string, bench: BenchCase, peers: readonly Peer[], runs: number): Promise<CaseResult> {
  const cwd = cacheFolder('bench/run');
  const output = join(cwd, 'output');
  const samples = new Map<string, Sample[]>();
  const sizes = new Map<string, number>();
  const failures: string[] = [];
  const nodes: number[] = [];
  for (let round = 0; round <= runs; round++) {
    nodes.push((await sample(measure, [process.execPath, '-e', '0'], cwd, {})).wall);
    for (const peer of peers) {
      const linker = peer.command(bench.target);
      if (linker === undefined || failures.some((failure) => failure.startsWith(`${peer.name}: `))) continue;
      try {
        rmSync(output, { force: true });
        const taken = await sample(measure, [...linker, ...bench.args, '-o', output], cwd, peer.env);
        if (round === 0) {
          // The first round warms the file cache and proves the output.
          const wrong = await bench.verify(output);
          if (wrong !== undefined) throw new Error(`the linked program fails: ${wrong}`);
          sizes.set(peer.name, statSync(output).size);
        } else {
          samples.set(peer.name, [...(samples.get(peer.name) ?? []), taken]);
        }
      } catch (error) {
        failures.push(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  const figures = [...samples].map(([peer, taken]) => {
    const walls = taken.map(({ wall }) => wall);
    return {
      peer,
      wall: median(walls),
      cpu: median(taken.map(({ cpu }) => cpu)),
      peak: median(taken.map(({ peak }) => peak)),
      range: [Math.min(...walls), Math.max(...walls)] as const,
      outputBytes: sizes.get(peer)!,
    };
  });
  return { name: bench.name, namedBytes: bench.namedBytes, figures, failures, node: median(nodes.slice(1)) };
}

const figureOf = (result: CaseResult, peer: string): Figures | undefined =>
  result.figures.find((figures) => figures.peer === peer);

function table(results: readonly CaseResult[]): string {
  const lines = [
    '| case | named inputs | linker | wall ms (min..max) | CPU ms | peak MiB | output MiB | wall / GNU ld |',
    '|---|---:|---|---:|---:|---:|---:|---:|',
  ];
  for (const result of results) {
    const gnu = figureOf(result, 'GNU ld');
    for (const [i, figures] of result.figures.entries()) {
      const first = i === 0 ? [result.name, `${(result.namedBytes / 1e6).toFixed(1)} MB`] : ['', ''];
      const ratio = gnu === undefined ? '' : (figures.wall / gnu.wall).toFixed(2);
      const range = `${Math.round(figures.wall)} (${Math.round(figures.range[0])}..${Math.round(figures.range[1])})`;
      const sizes = [(figures.peak / MiB).toFixed(0), (figures.outputBytes / MiB).toFixed(1)];
      lines.push(`| ${[...first, figures.peer, range, Math.round(figures.cpu), ...sizes, ratio].join(' | ')} |`);
    }
  }
  return lines.join('\n');
}

/** The project's thresholds, on wall-clock medians. */
function checks(results: readonly CaseResult[]): Check[] {
  const found: Check[] = [];
  const compare = (what: string, value: number, limit: number, unit: string): void => {
    const digits = unit === 'x' ? 2 : 0;
    found.push({
      what: `${what}: ${value.toFixed(digits)} ${unit}, limit ${limit.toFixed(digits)}`,
      held: value <= limit,
    });
  };
  for (const result of results) {
    const ours = figureOf(result, 'casemate-ld');
    if (ours === undefined) {
      found.push({ what: `${result.name}: casemate-ld links it`, held: false });
      continue;
    }
    const gnu = figureOf(result, 'GNU ld');
    const lld = figureOf(result, 'lld, 1 thread');
    const large = result.namedBytes >= 20e6;
    const short = result.name.split(':')[0]!;
    if (short === 'small') compare('small: wall above `node -e 0`', ours.wall - result.node, 150, 'ms');
    // With a section per function GNU ld relaxes several times faster than in one large section, and nobody is 3x faster.
    if (gnu && (short === 'riscv' || short === 'riscv-debug')) {
      compare(`${short}: wall / GNU ld (3x faster)`, ours.wall / gnu.wall, 1 / 3, 'x');
    }
    if (large) {
      if (gnu) compare(`${short}: wall / GNU ld`, ours.wall / gnu.wall, 1, 'x');
      if (lld) compare(`${short}: wall / lld, 1 thread`, ours.wall / lld.wall, 2, 'x');
    }
    compare(`${short}: peak memory`, ours.peak / MiB, (4 * result.namedBytes) / MiB + 120, 'MiB');
  }
  return found;
}

function describeMachine(peers: readonly Peer[], runs: number): string {
  const lines = [
    machineLine(),
    ...new Set(peers.map(({ name, version }) => `${name.split(',')[0]}: ${version}`)),
    `medians of ${runs} interleaved runs after one that warms the file cache; 1 MB = 10^6 bytes`,
  ];
  return lines.map((line) => `- ${line}`).join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '9' },
      only: { type: 'string' },
      with: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  const measure = await compileMeasure();
  const peers = (await findPeers()).filter(({ name }) => values.with === undefined || name.includes(values.with));
  const results: CaseResult[] = [];
  for (const bench of await benchCases(values.only)) {
    process.stderr.write(`${bench.name} ...\n`);
    results.push(await runCase(measure, bench, peers, runs));
  }
  const node = median(results.map((result) => result.node));

  const out = [describeMachine(peers, runs), '', table(results), '', `\`node -e 0\`: ${node.toFixed(0)} ms wall`, ''];
  for (const result of results)
    for (const failure of result.failures) out.push(`- not measured: ${result.name}: ${failure}`);
  out.push(...checkLines(checks(results)));
  const text = `${out.join('\n')}\n`;
  process.stdout.write(text);
  if (values.write) writeResult('result', text);
}

await main();

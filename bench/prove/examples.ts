/**
 * What proving the examples costs and how steady it is: time by function, the whole process when every answer is in
 * the cache, and verdicts under other seeds of the solver and in other orders of the text. Z3's WebAssembly build alone.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { analyze, type Source } from '../../analyzers/typescript/analyze.ts';
import { createAsk, loadSources, placesIn, readLibrary } from '../../pipeline/prove.ts';
import { openProver } from '../../proofs/smt/prover.ts';
import { type FunctionResult, verifyProgram } from '../../proofs/verify.ts';
import { projectRoot } from '../../test/support/paths.ts';
import { type Check, median } from '../report.ts';
import { shuffle } from './shuffle.ts';

const SEEDS = [1, 2, 3, 4, 5];
const folder = join(projectRoot, 'examples');
/** The examples of contracts, and the unikernels in TypeScript with all that they import. */
const FILES = [
  ...readdirSync(join(folder, 'contracts')).map((name) => `contracts/${name}`),
  'dns/main.ts',
  'firewall/main.ts',
];
const sources = (): Source[] => loadSources(FILES, placesIn(folder));

interface Proved {
  readonly results: readonly FunctionResult[];
  /** Milliseconds of each function. */
  readonly times: readonly number[];
  readonly resident: number;
}

async function proveAll(texts: readonly Source[], workers: number, seed: number): Promise<Proved> {
  const library = { ...readLibrary() };
  const { program, diagnostics } = analyze(texts, library);
  if (program === undefined) throw new Error(`an example is refused: ${diagnostics[0].message}`);
  const prover = openProver({ workers, seed, workerScript: join(projectRoot, 'dist/z3-worker.js') });
  // Loading is nobody's time.
  await prover.ask([{ name: 'first', text: '(set-logic QF_LIA)\n(check-sat)\n', expect: 'sat' }]);
  const times: number[] = [];
  let since = performance.now();
  try {
    const results = await verifyProgram(program, {
      ask: createAsk(prover),
      onStart: () => {
        since = performance.now();
      },
      onFunction: () => times.push(performance.now() - since),
    });
    return { results, times, resident: prover.counts().resident };
  } finally {
    prover.close();
  }
}

/** Verdicts by function and obligation; ordinals among equals follow the text, so they are left out. */
function verdictsOf(results: readonly FunctionResult[]): Map<string, string[]> {
  const verdicts = new Map<string, string[]>();
  for (const { function: subject, results: own } of results) {
    for (const { obligation, status } of own) {
      const name = `${subject.key} ${obligation.name.replace(/#\d+$/, '')}`;
      verdicts.set(name, [...(verdicts.get(name) ?? []), status].sort());
    }
  }
  return verdicts;
}

/** How many obligations have another verdict, or are only in one of the two. */
function differences(a: Map<string, string[]>, b: Map<string, string[]>): number {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => a.get(name)?.join() !== b.get(name)?.join()).length;
}

/** Milliseconds of whole processes that find every answer in the cache, after one that asked. */
function cachedRuns(runs: number): { readonly times: readonly number[]; readonly asked: number } {
  const home = mkdtempSync(join(tmpdir(), 'casemate-bench-'));
  try {
    const args = [join(projectRoot, 'dist/casemate.js'), 'prove', '--json', ...FILES];
    const env = { ...process.env, XDG_CACHE_HOME: home };
    const run = (): { readonly time: number; readonly asked: number } => {
      const start = performance.now();
      const { stdout, status } = spawnSync(process.execPath, args, {
        cwd: folder,
        env,
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
      });
      const time = performance.now() - start;
      if (status !== 0) throw new Error(`the examples are not proved: exit status ${status}`);
      const { before, solving } = JSON.parse(stdout);
      return { time, asked: before === true ? 0 : solving.asked };
    };
    run();
    // The hash of Z3's build is remembered once its files have rested.
    const all = Array.from({ length: runs }, run);
    return { times: all.map(({ time }) => time), asked: Math.max(...all.map(({ asked }) => asked)) };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

export async function measureExamples(
  runs: number,
  workers: number,
): Promise<{ readonly text: string; readonly checks: readonly Check[] }> {
  const original = sources();
  const first = await proveAll(original, workers, 0);
  const wanted = verdictsOf(first.results);
  const rows: string[] = [];
  let unsteady = 0;
  const compare = async (what: string, texts: readonly Source[], seed: number): Promise<void> => {
    const { results, times } = await proveAll(texts, workers, seed);
    const count = differences(wanted, verdictsOf(results));
    unsteady += count;
    rows.push(`| ${what} | ${wanted.size} | ${count} | ${(times.reduce((a, b) => a + b, 0) / 1000).toFixed(1)} |`);
  };
  for (const seed of SEEDS) await compare(`solver seed ${seed}`, original, seed);
  for (const seed of SEEDS) {
    const texts = original.map(({ name, text }) => ({ name, text: shuffle(text, seed) }));
    await compare(`order ${seed}`, texts, 0);
  }
  const cached = cachedRuns(runs);
  const sorted = [...first.times].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)];
  const undecided = first.results.filter(({ status }) => status !== 'proved' && status !== 'trusted').length;
  const cachedTime = median(cached.times);
  const checks: Check[] = [
    { what: `every example is proved by Z3 alone: ${undecided} are not`, held: undecided === 0 },
    {
      what: `95 % of the examples' functions take at most 2 s: ${(at(0.95) / 1000).toFixed(2)} s`,
      held: at(0.95) <= 2000,
    },
    {
      what: `a cached run of all examples, the whole process, takes at most 1.5 s: ${(cachedTime / 1000).toFixed(2)} s`,
      held: cachedTime <= 1500,
    },
    { what: `a cached run asks no solver: ${cached.asked} questions`, held: cached.asked === 0 },
    { what: `no verdict changes with a seed or an order: ${unsteady} do`, held: unsteady === 0 },
    {
      what: `a worker stays below 1 GiB at the examples: ${(first.resident / 2 ** 20).toFixed(0)} MiB`,
      held: first.resident < 2 ** 30,
    },
  ];
  const text = `${sorted.length} functions of the examples: median ${at(0.5).toFixed(0)} ms, 95 % ${at(0.95).toFixed(0)} ms, slowest ${at(1).toFixed(0)} ms

| examples under | claims | verdicts that differ | all, s |
| --- | --- | --- | --- |
${rows.join('\n')}`;
  return { text, checks };
}

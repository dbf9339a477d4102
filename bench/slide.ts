/**
 * What a launch costs that gives an image a new layout: `casemate slide` beside Node.js that does nothing, and beside a
 * link of the same program's objects by lld, which is the other way to a new layout. Whole processes, in turns, so that
 * a busy moment of the machine hits all of them; the ratios are medians of the rounds' ratios.
 *
 * `casemate harden` and `casemate check` of the same image are run a third as often and are judged by nothing: they
 * happen once for a build, not before each launch.
 *
 * Prints Markdown. Options: --runs N (default 15), --write (put the result into bench/README.md as well).
 */
import { rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder, projectRoot } from '../test/support/paths.ts';
import { runOrThrow } from '../test/support/run.ts';
import { x86 } from '../test/support/toolchain.ts';
import { type SlideCase, slideCases } from './inputs/slide.ts';
import { findPeers } from './peers.ts';
import { type Check, checkLines, compileMeasure, machineLine, median, writeResult } from './report.ts';
import { type Sample, sample } from './sample.ts';

const casemate = join(projectRoot, 'dist/casemate.js');
const MiB = 1 << 20;

interface Command {
  readonly name: string;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Exit statuses that are no failure. */
  readonly statuses: readonly number[];
  /** In every how many rounds it runs. */
  readonly every: number;
}

interface CaseResult {
  readonly name: string;
  readonly image: SlideCase;
  /** Samples of each command, in the order of the rounds in which it ran. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

const NODE = '`node -e 0`';
const SLIDE = '`casemate slide`';
const LLD = 'lld, 1 thread';
const LLD_DEFAULT = 'lld';

interface Lld {
  readonly version: string;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function findLld(): Promise<Lld> {
  const { version, command, env } = (await findPeers()).find(({ name }) => name === LLD)!;
  return { version, words: command(x86)!.filter((word) => word !== '--threads=1'), env };
}

function commandsFor({ args, stock, hardened }: SlideCase, lld: Lld, slid: string, linked: string): Command[] {
  const node = { env: {}, statuses: [0], every: 1 };
  const ours = [process.execPath, casemate];
  const link = [...args, '-o', linked];
  return [
    { name: NODE, words: [process.execPath, '-e', '0'], ...node },
    { name: SLIDE, words: [...ours, 'slide', hardened, '-o', slid], ...node },
    { ...node, name: LLD, words: [...lld.words, '--threads=1', ...link], env: lld.env },
    { ...node, name: LLD_DEFAULT, words: [...lld.words, ...link], env: lld.env },
    { ...node, name: '`casemate harden`', words: [...ours, 'harden', stock, '-o', `${slid}.hardened`], every: 3 },
    // What it finds in code that nobody wrote for us decides its status.
    { ...node, name: '`casemate check`', words: [...ours, 'check', hardened], statuses: [0, 1, 3], every: 3 },
  ];
}

/** Both results of the first round must be what they claim to be, or their times say nothing. */
async function verify({ name, hardened, verify: runs }: SlideCase, slid: string, linked: string): Promise<void> {
  await runOrThrow(process.execPath, [casemate, 'slide', '--check', hardened, slid]);
  const wrong = await runs(linked);
  if (wrong !== undefined) throw new Error(`${name}: what lld linked fails: ${wrong}`);
}

async function runCase(measure: string, image: SlideCase, lld: Lld, runs: number): Promise<CaseResult> {
  const cwd = cacheFolder('bench/run');
  const [slid, linked] = [join(cwd, 'slid'), join(cwd, 'linked')];
  const commands = commandsFor(image, lld, slid, linked);
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round <= runs; round++) {
    for (const { name, words, env, statuses, every } of round % 2 === 0 ? commands : commands.toReversed()) {
      if (round % every !== 0) continue;
      for (const output of [slid, linked]) if (words.includes(output)) rmSync(output, { force: true });
      const taken = await sample(measure, words, cwd, env, statuses);
      // The first round warms the file cache.
      if (round > 0) samples.set(name, [...(samples.get(name) ?? []), taken]);
    }
    if (round === 0) await verify(image, slid, linked);
  }
  return { name: image.name, image, samples };
}

/** Median over the rounds of a figure made of the samples of one round. */
function overRounds(
  { samples }: CaseResult,
  kind: 'wall' | 'cpu',
  others: readonly string[],
  of: (slide: number, ...others: number[]) => number,
): number {
  const slides = samples.get(SLIDE)!;
  return median(slides.map((taken, i) => of(taken[kind], ...others.map((name) => samples.get(name)![i]![kind]))));
}

const aboveNode = (result: CaseResult, kind: 'wall' | 'cpu'): number =>
  overRounds(result, kind, [NODE], (slide, node) => slide - node!);

const ofLld = (result: CaseResult, kind: 'wall' | 'cpu', lld: string): number =>
  overRounds(result, kind, [lld], (slide, link) => slide / link!);

const ofLldWithoutNode = (result: CaseResult, kind: 'wall' | 'cpu', lld: string): number =>
  overRounds(result, kind, [NODE, lld], (slide, node, link) => (slide - node!) / link!);

function table(results: readonly CaseResult[]): string {
  const lines = ['| case | command | wall ms (min..max) | CPU ms | peak MiB |', '|---|---|---:|---:|---:|'];
  for (const { name, samples } of results) {
    for (const [i, [command, taken]] of [...samples].entries()) {
      const walls = taken.map(({ wall }) => wall);
      const wall = `${median(walls).toFixed(0)} (${Math.min(...walls).toFixed(0)}..${Math.max(...walls).toFixed(0)})`;
      const cpu = median(taken.map((each) => each.cpu)).toFixed(0);
      const peak = (median(taken.map((each) => each.peak)) / MiB).toFixed(0);
      lines.push(`| ${[i === 0 ? name : '', command, wall, cpu, peak].join(' | ')} |`);
    }
  }
  return lines.join('\n');
}

function describeImage({ name, image }: CaseResult): string {
  const { loadedBytes, units, fields } = image;
  return `- ${name.split(':')[0]}: ${(loadedBytes / 1e6).toFixed(1)} MB loaded; ${units} units of code change places, ${fields} fields follow`;
}

/** The project's thresholds. CPU time stands beside wall time because other work on the machine disturbs it less. */
function checks(results: readonly CaseResult[]): Check[] {
  return results.flatMap((result) => {
    const short = result.name.split(':')[0]!;
    const check = (what: string, of: (kind: 'wall' | 'cpu') => number, limit: number, unit: string): Check => {
      const digits = unit === 'x' ? 2 : 0;
      const [wall, cpu] = [of('wall'), of('cpu')];
      const text = `${wall.toFixed(digits)} ${unit} wall, ${cpu.toFixed(digits)} ${unit} CPU`;
      return { what: `${short}: ${what}: ${text}, limit ${limit.toFixed(digits)}`, held: wall <= limit };
    };
    return [
      check('above `node -e 0`', (kind) => aboveNode(result, kind), 150, 'ms'),
      ...[LLD, LLD_DEFAULT].flatMap((lld) => [
        check(`slide / ${lld}`, (kind) => ofLld(result, kind, lld), 2, 'x'),
        check(`(slide - node) / ${lld}`, (kind) => ofLldWithoutNode(result, kind, lld), 1.3, 'x'),
      ]),
    ];
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '15' }, write: { type: 'boolean', default: false } },
  });
  const runs = Math.max(3, Number(values.runs));
  // Above the number of processors, absolute times say nothing.
  const busy = loadavg()[0]!.toFixed(1);
  const measure = await compileMeasure();
  const lld = await findLld();
  const results: CaseResult[] = [];
  for (const image of await slideCases()) {
    process.stderr.write(`${image.name} ...\n`);
    results.push(await runCase(measure, image, lld, runs));
  }
  const text = `${[
    `- ${machineLine()}; load average before the first run ${busy}`,
    `- lld: ${lld.version}`,
    `- medians of ${runs} rounds after one that warms the file cache, ${Math.floor(runs / 3)} of harden and check`,
    ...results.map(describeImage),
    '',
    table(results),
    '',
    ...checkLines(checks(results)),
  ].join('\n')}\n`;
  process.stdout.write(text);
  if (values.write) writeResult('slide result', text);
}

await main();

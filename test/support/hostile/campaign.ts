/**
 * Runs many mutants through workers and adds up how they ended.
 *
 * A worker that is silent for too long or dies is killed, blamed on the mutant it had announced, and replaced by one
 * that goes on with the next.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { limits, runJudged, violations } from '../judge.ts';
import { projectRoot } from '../paths.ts';
import { hostedTargets, linkerProgram } from '../toolchain.ts';
import type { CorpusLink } from './corpus.ts';
import { describeAttempt, makeAttempt } from './mutants.ts';
import type { WorkerReport } from './worker.ts';

export interface Campaign {
  readonly folder: string;
  readonly links: readonly CorpusLink[];
  readonly seed: number;
}

export interface CampaignResult {
  readonly runs: number;
  /** 'linked', each refusal code, 'defect'. */
  readonly ends: Readonly<Record<string, number>>;
  readonly slowest: { readonly milliseconds: number; readonly index: number };
  readonly peak: { readonly kib: number; readonly index: number };
  readonly defects: readonly string[];
}

/** Milliseconds without a word before a worker counts as hanging: two attempts of the limit and some. */
const patience = 2 * limits.milliseconds + 4000;

async function bundleWorker(folder: string): Promise<string> {
  const outfile = join(folder, 'worker.mjs');
  const entryPoints = [join(projectRoot, 'test/support/hostile/worker.ts')];
  await build({ entryPoints, outfile, bundle: true, platform: 'node', target: 'node20', format: 'esm' });
  return outfile;
}

/** One worker's life; resolves with the mutant that it was at when it ended, or undefined when it was done. */
function runWorker(
  script: string,
  { folder, seed }: Campaign,
  from: number,
  to: number,
  onReport: (report: WorkerReport) => void,
): Promise<{ index: number; how: string } | undefined> {
  return new Promise((resolve, reject) => {
    const args = ['--expose-gc', '--max-old-space-size=480', script, folder, String(seed), String(from), String(to)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let current = from;
    let finished = from;
    let how = '';
    let stderr = '';
    const giveUp = (): void => {
      how = `did not end within ${patience} ms`;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(giveUp, patience);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2000);
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, patience);
      if (line.startsWith('start ')) current = Number(line.slice(6));
      if (line.startsWith('done ')) {
        onReport(JSON.parse(line.slice(5)) as WorkerReport);
        finished = current + 1;
      }
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (finished >= to) resolve(undefined);
      else resolve({ index: current, how: how || `the process died (${signal ?? code}): ${stderr.slice(0, 1000)}` });
    });
  });
}

/** Links mutants `from` to `to` - 1 in worker processes. */
export async function runCampaign(campaign: Campaign, from: number, to: number): Promise<CampaignResult> {
  const script = await bundleWorker(campaign.folder);
  writeFileSync(join(campaign.folder, 'corpus.json'), JSON.stringify(campaign.links));
  const goods = campaign.links.map(({ good }) => readFileSync(good));
  const describe = (index: number): string =>
    describeAttempt(makeAttempt(campaign.links, goods, campaign.seed, index), campaign.seed, index);
  const ends: Record<string, number> = {};
  const defects: string[] = [];
  let slowest = { milliseconds: 0, index: -1 };
  let peak = { kib: 0, index: -1 };
  let runs = 0;
  const onReport = ({ index, end, milliseconds, peakKiB, wrong }: WorkerReport): void => {
    runs++;
    ends[end] = (ends[end] ?? 0) + 1;
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, index };
    if (peakKiB > peak.kib) peak = { kib: peakKiB, index };
    if (wrong !== undefined) defects.push(`${describe(index)}\n  ${wrong}`);
  };
  for (let next = from; next < to; ) {
    const ended = await runWorker(script, campaign, next, to, onReport);
    if (ended === undefined) break;
    runs++;
    ends['defect'] = (ends['defect'] ?? 0) + 1;
    defects.push(`${describe(ended.index)}\n  ${ended.how}`);
    next = ended.index + 1;
  }
  return { runs, ends, slowest, peak, defects };
}

/** Links mutants `from` to `to` - 1 with the whole command, one process each. */
export async function runProcesses(campaign: Campaign, from: number, to: number): Promise<CampaignResult> {
  const { folder, links, seed } = campaign;
  const goods = links.map(({ good }) => readFileSync(good));
  const ends: Record<string, number> = {};
  const defects: string[] = [];
  let slowest = { milliseconds: 0, index: -1 };
  let peak = { kib: 0, index: -1 };
  for (let index = from; index < to; index++) {
    const made = makeAttempt(links, goods, seed, index);
    writeFileSync(join(folder, made.link.victim), made.mutant.bytes);
    const program = linkerProgram(hostedTargets[made.link.machine]);
    const command = [program, ...made.link.args, ...made.variant.flags, '-o', 'out'];
    const expected = new Set([...readdirSync(folder), 'map']);
    const outcome = await runJudged(command, folder, 'out', expected);
    const names = [made.link.victim, ...made.link.files, 'good-0.o', 'nothing'];
    const wrong = violations(outcome, names);
    const end = wrong.length > 0 ? 'defect' : outcome.status === 0 ? 'linked' : 'refused';
    ends[end] = (ends[end] ?? 0) + 1;
    if (outcome.milliseconds > slowest.milliseconds) slowest = { milliseconds: outcome.milliseconds, index };
    if (outcome.peakKiB > peak.kib) peak = { kib: outcome.peakKiB, index };
    if (wrong.length > 0) {
      const said = outcome.stderr.slice(0, 600);
      defects.push(`${describeAttempt(made, seed, index)}\n  ${wrong.join('; ')}\n  ${said}`);
    }
  }
  return { runs: to - from, ends, slowest, peak, defects };
}

/** The figures of a campaign in a few lines. */
export function figures(title: string, { runs, ends, slowest, peak, defects }: CampaignResult): string {
  const counts = Object.entries(ends)
    .sort(([, a], [, b]) => b - a)
    .map(([end, count]) => `${end} ${count}`);
  return [
    `${title}: ${runs} mutations, ${defects.length} defects`,
    `  ends: ${counts.join(', ')}`,
    `  slowest: ${slowest.milliseconds.toFixed(0)} ms (mutation ${slowest.index})`,
    `  peak: ${(peak.kib / 1024).toFixed(0)} MiB (mutation ${peak.index})`,
  ].join('\n');
}

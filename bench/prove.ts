/**
 * What an obligation costs: casemate's own (all layouts of a slide, the placements of both stubs), asked of Z3's
 * WebAssembly build alone, in warm workers, as `prove` asks them. The time of one is what its caller waits for it while
 * its worker is at it, messages included; the steps are Z3's own count, the same on every machine. The workers' processor
 * time, which includes what V8 compiles beside them, is shown for busy machines. Then the examples of verified code
 * (prove/examples.ts): time by function, a whole run from the cache, and whether seeds or orders change a verdict.
 *
 * Prints Markdown. Options: --runs N (default 5), --workers N (default 1).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { slideObligations } from '../hardening/slide/obligations.ts';
import * as space from '../hardening/slide/space.ts';
import type { Obligations } from '../proofs/smt/obligations.ts';
import { printQuery } from '../proofs/smt/print.ts';
import { openProver, type Question } from '../proofs/smt/prover.ts';
import { placementObligations } from '../targets/hvt/stage0/obligations.ts';
import * as hvt from '../targets/hvt/stage0/placement.ts';
import { physicalObligations, virtualObligations } from '../targets/riscv64/stage0/obligations.ts';
import * as riscv64 from '../targets/riscv64/stage0/placement.ts';
import { projectRoot } from '../test/support/paths.ts';
import { measureExamples } from './prove/examples.ts';
import { type Check, checkLines, machineLine, median } from './report.ts';

const { values } = parseArgs({ options: { runs: { type: 'string' }, workers: { type: 'string' } }, strict: false });
const runs = Number(values['runs'] ?? 5);
const workers = Number(values['workers'] ?? 1);

function questionsOf({ queries, contradiction }: Obligations): Question[] {
  const wanted = queries.map((query) => ({ name: query.name, text: printQuery(query), expect: 'unsat' as const }));
  return [...wanted, { name: contradiction.name, text: printQuery(contradiction), expect: 'sat' }];
}

const lots: [name: string, questions: Question[]][] = [
  ['a slide', questionsOf(slideObligations(space, { segments: 3, signedAddresses: false }))],
  ["hvt's placement", questionsOf(placementObligations(hvt))],
  ["RISC-V's placement in memory", questionsOf(physicalObligations(riscv64))],
  ["RISC-V's addresses, Sv39", questionsOf(virtualObligations(riscv64, 'sv39'))],
];

/** Milliseconds of processor time of all children; the kernel counts hundredths of seconds. */
function childrenTime(): number {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean),
  );
  const times = children.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  });
  return times.reduce((sum, time) => sum + time, 0);
}

const prover = openProver({ workers, workerScript: join(projectRoot, 'dist/z3-worker.js') });
const loading = performance.now();
await prover.ask(lots[0][1].slice(0, 1));
const loaded = performance.now() - loading;

const before = childrenTime();
const rows: string[] = [];
const all: number[] = [];
let undecided = 0;
let unstable = 0;
for (const [name, questions] of lots) {
  const times: number[] = [];
  const walls: number[] = [];
  const steps = new Map<string, number | undefined>();
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    for (const { name, status, sha256, answers } of await prover.ask(questions)) {
      times.push(answers[0].wall);
      const key = `${name} ${sha256}`;
      if (status !== 'proved') undecided++;
      if (steps.has(key) && steps.get(key) !== answers[0].steps) unstable++;
      steps.set(key, answers[0].steps);
    }
    walls.push(performance.now() - start);
  }
  all.push(...times);
  const sorted = times.sort((a, b) => a - b);
  const at = (part: number): string => sorted[Math.floor((sorted.length - 1) * part)].toFixed(1);
  const most = Math.max(...[...steps.values()].map((count) => count ?? 0));
  rows.push(
    `| ${name} | ${questions.length} | ${at(0.5)} | ${at(0.95)} | ${at(1)} | ${(median(walls) / 1000).toFixed(2)} | ${most} |`,
  );
}
const { started, lost, resident } = prover.counts();
const processor = (childrenTime() - before) / all.length;
prover.close();

const examples = await measureExamples(runs, workers);

const checks: Check[] = [
  { what: `the median obligation takes at most 30 ms: ${median(all).toFixed(1)} ms`, held: median(all) <= 30 },
  { what: `every one is proved by Z3 alone: ${undecided} are not`, held: undecided === 0 },
  { what: `steps repeat exactly: ${unstable} do not`, held: unstable === 0 },
  { what: `a worker stays below 1 GiB: ${(resident / 2 ** 20).toFixed(0)} MiB`, held: resident < 2 ** 30 },
  ...examples.checks,
];
console.log(`${machineLine()}; load ${loadavg()[0].toFixed(1)}; ${runs} runs, ${started} workers, ${lost} lost; first answer after ${loaded.toFixed(0)} ms; mean processor time of an obligation ${processor.toFixed(1)} ms

| obligations of | number | median, ms | 95 %, ms | slowest, ms | all, s | most steps |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

${examples.text}

${checkLines(checks).join('\n')}`);
process.exitCode = checks.every(({ held }) => held) ? 0 : 1;

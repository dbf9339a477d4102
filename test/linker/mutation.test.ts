/**
 * Seeded mutations of objects, archives and linker scripts: whatever the bytes, a link ends in time, within its
 * memory, with an output or with one refusal that names file and cause.
 *
 * In every run a few hundred mutants; with CASEMATE_LONG=1 (npm run test:long) more than ten thousand. Most go through
 * the linker's function in a watched worker process, a sample through the whole command. CASEMATE_SEED chooses other
 * mutants; a failure prints the seed and number that make its mutant again.
 */
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Campaign, figures, runCampaign, runProcesses } from '../support/hostile/campaign.ts';
import { buildCorpus } from '../support/hostile/corpus.ts';
import { makeAttempt } from '../support/hostile/mutants.ts';
import { isLong as long } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { hostedTargets, linkerProgram } from '../support/toolchain.ts';
import { requireTools } from '../support/tools.ts';

requireTools('gcc', 'g++', 'clang', 'ar', 'riscv64-linux-gnu-gcc', 'riscv64-linux-gnu-g++', 'time');
requireTools('aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-g++');

const seed = Number(process.env['CASEMATE_SEED'] ?? 20_240_601);
const inProcess = long ? 60_000 : 300;
const wholeProcess = long ? 400 : 8;

const report: string[] = [];
let campaign: Campaign;

beforeAll(async () => {
  const folder = temporaryFolder('mutation');
  campaign = { folder, links: await buildCorpus(folder), seed };
});

afterAll(() => {
  // The figures belong in the output of a green run too.
  process.stdout.write(`${report.join('\n')}\n`);
});

test('every unmutated corpus link succeeds', async () => {
  const { folder, links } = campaign;
  const failures: string[] = [];
  for (const [i, link] of links.entries()) {
    copyFileSync(link.good, join(folder, link.victim));
    for (const { flags } of long ? link.variants : [link.variants.at(-(i % 2))!]) {
      const program = linkerProgram(hostedTargets[link.machine]);
      const { status, stderr } = await run(program, [...link.args, ...flags, '-o', 'out'], { cwd: folder });
      if (status !== 0) failures.push(`${link.name} ${flags.join(' ')}: ${stderr}`);
    }
    rmSync(join(folder, 'out'), { force: true });
  }
  expect(failures).toEqual([]);
});

test('a mutation depends on nothing but its seed and number', () => {
  const goods = campaign.links.map(({ good }) => readFileSync(good));
  for (const index of [0, 17, 9_999]) {
    const one = makeAttempt(campaign.links, goods, seed, index);
    const two = makeAttempt(campaign.links, goods, seed, index);
    expect(one.mutant.bytes.equals(two.mutant.bytes)).toBe(true);
    expect(one.mutant.what).toBe(two.mutant.what);
  }
});

test('mutants differ from what they were made of', () => {
  const goods = campaign.links.map(({ good }) => readFileSync(good));
  let same = 0;
  for (let index = 0; index < 1000; index++) {
    const { link, mutant } = makeAttempt(campaign.links, goods, seed, index);
    if (mutant.bytes.equals(readFileSync(link.good))) same++;
  }
  expect(same).toBeLessThan(50);
});

describe('mutated inputs link or are refused in good manners', () => {
  test(`${inProcess} through the linker's function`, { timeout: 3_600_000 }, async () => {
    const result = await runCampaign(campaign, 0, inProcess);
    report.push(figures(`mutations in process, seed ${seed}`, result));
    expect(result.defects).toEqual([]);
    expect(result.runs).toBe(inProcess);
    // Mutations that are all refused at the door, or none of which is, would show nothing.
    expect(result.ends['linked']).toBeGreaterThan(inProcess / 20);
    expect(Object.keys(result.ends).length).toBeGreaterThan(4);
  });

  test(`${wholeProcess} through the whole command`, { timeout: 3_600_000 }, async () => {
    const result = await runProcesses(campaign, 0, wholeProcess);
    report.push(figures(`mutations as whole processes, seed ${seed}`, result));
    expect(result.defects).toEqual([]);
  });
});

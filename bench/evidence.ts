/**
 * What a security team waits for: `casemate gate` beside `node -e 0`, which no program on Node.js can beat, and a report in
 * a browser, from the start of loading it until it is laid out and narrowed down once. Of an image with 5,000 functions, and
 * of the DNS example, whose bundle has 1,400 files.
 *
 * Prints Markdown. Options: --runs N (default 15), --write to put it into bench/README.md.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { makeKey } from '../test/support/keys.ts';
import { writeLargeProject } from '../test/support/large-project.ts';
import { projectRoot } from '../test/support/paths.ts';
import { openBrowser } from '../test/support/report.ts';
import { runOrThrow } from '../test/support/run.ts';
import { type Check, checkLines, compileMeasure, machineLine, median, writeResult } from './report.ts';
import { sample } from './sample.ts';

const { values } = parseArgs({ options: { runs: { type: 'string' }, write: { type: 'boolean' } }, strict: false });
const runs = Number(values['runs'] ?? 15);
const limits = { gate: 200, report: 1000 };
const casemate = [process.execPath, join(projectRoot, 'dist/casemate.js')];
const range = (all: readonly number[]): string =>
  `${median(all).toFixed(0)} (${Math.min(...all).toFixed(0)}..${Math.max(...all).toFixed(0)})`;

const folder = mkdtempSync(join(tmpdir(), 'casemate-evidence-'));
const checks: Check[] = [];
const rows: string[] = [];
const browser = await openBrowser();
try {
  const measure = await compileMeasure();
  const key = makeKey();
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('key'), key.privatePem, { mode: 0o600 });
  writeFileSync(file('pub'), key.publicPem);
  await runOrThrow(casemate[0]!, [casemate[1]!, 'init-policy', '--preset', 'baseline', '-o', file('policy.json')]);
  writeLargeProject(file('large'));
  for (const [name, project] of [
    ['5,000 functions', file('large')],
    ['the DNS example', join(projectRoot, 'examples/dns')],
  ] as const) {
    const [bundle, page] = [file('app.evidence'), file('app.html')];
    const build = ['build', project, '-q', '--update-lock', '-o', file('app.hvt'), '--evidence', bundle];
    await runOrThrow(casemate[0]!, [casemate[1]!, ...build, '--key', file('key')]);
    const decide = [bundle, '--policy', file('policy.json'), '--key', file('pub')];
    const [gates, nodes, opened]: number[][] = [[], [], []];
    for (let i = 0; i <= runs; i++) {
      const node = await sample(measure, [process.execPath, '-e', '0'], folder, {});
      const gate = await sample(measure, [...casemate, 'gate', ...decide], folder, {});
      // The first finds nothing in the page cache.
      if (i === 0) continue;
      nodes!.push(node.wall);
      gates!.push(gate.wall);
    }
    await runOrThrow(casemate[0]!, [casemate[1]!, 'report', ...decide, '-o', page]);
    for (let i = 0; i <= runs; i++) {
      const tab = await browser.newPage();
      const start = performance.now();
      await tab.goto(pathToFileURL(page).href, { waitUntil: 'load' });
      await tab.getByLabel('Text').first().fill('wx');
      await tab.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
      if (i > 0) opened!.push(performance.now() - start);
      await tab.close();
    }
    const more = median(gates!) - median(nodes!);
    const kib = (path: string): string => (statSync(path).size / 1024).toFixed(0);
    rows.push(`| ${name} | ${kib(bundle)} | ${range(nodes!)} | ${range(gates!)} | ${kib(page)} | ${range(opened!)} |`);
    checks.push(
      {
        what: `${name}: gate above \`node -e 0\`: ${more.toFixed(0)} ms, limit ${limits.gate}`,
        held: more <= limits.gate,
      },
      {
        what: `${name}: report opened and narrowed down: ${median(opened!).toFixed(0)} ms, limit ${limits.report}`,
        held: median(opened!) <= limits.report,
      },
    );
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}

const text = `
Medians and ranges of ${runs} runs, in milliseconds; sizes in KiB. ${machineLine()}; load ${loadavg()[0]!.toFixed(1)}.

| image | bundle | \`node -e 0\` | \`casemate gate\` | report | opened in Chromium |
| --- | --: | --: | --: | --: | --: |
${rows.join('\n')}

${checkLines(checks).join('\n')}
`;
console.log(`# Evidence\n${text}`);
if (values['write'] === true) writeResult('evidence result', text);
if (checks.some(({ held }) => !held)) process.exitCode = 1;

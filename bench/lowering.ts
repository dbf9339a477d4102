/**
 * What lowering costs: CRC-32, base64 and a DNS query as verified TypeScript lowered to C, beside the same routines written
 * by hand in C, both compiled by the same compiler at the same level in files of their own. One process takes them in
 * turns of a millisecond; a ratio is the median over all turns of lowered / by hand. What C calls of lowered code tests
 * its arguments first, and that is counted.
 *
 * Prints Markdown. Options: --runs N, turns (default 400).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { analyze } from '../analyzers/typescript/analyze.ts';
import { lowerToC } from '../lowering/c/lower.ts';
import { prelude } from '../lowering/c/prelude.ts';
import { loadSources, placesIn, readLibrary } from '../pipeline/prove.ts';
import { projectRoot } from '../test/support/paths.ts';
import { runOrThrow } from '../test/support/run.ts';
import { requireTool } from '../test/support/tools.ts';
import { type Check, checkLines, machineLine, median } from './report.ts';

const { values } = parseArgs({ options: { runs: { type: 'string' } }, strict: false });
const turns = Number(values['runs'] ?? 400);
const LIMIT = 1.1;
/** Files, and what C calls of each: all else is the unit's own, as in an image. */
const files = [
  ['examples/contracts/crc32.ts', 'crc32'],
  ['examples/contracts/base64.ts', 'encode'],
  ['examples/dns/query.ts', 'parseQuery'],
] as const;
const compilers = [
  ['clang', '-O2'],
  ['gcc', '-O2'],
  ['clang', '-Os'],
] as const;

function lower(folder: string): string[] {
  writeFileSync(join(folder, 'casemate-lowered.h'), prelude());
  return files.map(([file, called]) => {
    const unit = basename(file, '.ts');
    const { program, diagnostics } = analyze(loadSources([file], placesIn(projectRoot)), readLibrary());
    if (program === undefined) throw new Error(`${file}: ${diagnostics[0].message}`);
    const exported = program.functions.filter(({ name }) => name === called).map(({ key }) => key);
    const lowered = lowerToC(program, unit, { exported: new Set(exported) });
    if (lowered.diagnostics.length > 0) throw new Error(`${file}: ${lowered.diagnostics[0].message}`);
    writeFileSync(join(folder, `${unit}.h`), lowered.header);
    writeFileSync(join(folder, `${unit}.c`), lowered.source);
    return join(folder, `${unit}.c`);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'casemate-lowering-'));
const checks: Check[] = [];
const rows: string[] = [];
try {
  const units = lower(folder);
  const own = ['bench/lowering/hand.c', 'bench/lowering/main.c', 'targets/platform/verified/trap.c'].map((path) =>
    join(projectRoot, path),
  );
  for (const [name, level] of compilers) {
    const flags = [level, `-I${folder}`, `-I${join(projectRoot, 'bench/lowering')}`];
    const objects = await Promise.all(
      [...units, ...own].map(async (source, i) => {
        const object = join(folder, `${i}.o`);
        await runOrThrow(requireTool(name), [...flags, '-c', source, '-o', object]);
        return object;
      }),
    );
    const program = join(folder, 'program');
    await runOrThrow(requireTool(name), [...flags, ...objects, '-o', program]);
    const lines = (await runOrThrow(program, [String(turns)])).trim().split('\n');
    const cells = lines.map((line) => line.split('\t'));
    for (const routine of new Set(cells.map(([first]) => first))) {
      const found = cells.filter(([first]) => first === routine);
      const ratio = median(found.map(([, lowered, hand]) => Number(lowered) / Number(hand)));
      const [lowered, hand] = [1, 2].map((column) => median(found.map((row) => Number(row[column]) / 1000)));
      rows.push(`| ${routine} | ${name} ${level} | ${lowered.toFixed(0)} | ${hand.toFixed(0)} | ${ratio.toFixed(3)} |`);
      // Images are compiled by clang; gcc is for comparison.
      if (name !== 'clang') continue;
      checks.push({
        what: `${routine}, ${name} ${level}: ${ratio.toFixed(3)} times the time of C by hand (limit ${LIMIT})`,
        held: ratio <= LIMIT,
      });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

console.log(`# Lowered code

- ${machineLine()}
- load at the end ${loadavg()[0].toFixed(1)}
- ${turns} turns each; microseconds are medians of a turn

| routine | compiler | lowered us | by hand us | ratio |
| --- | --- | ---: | ---: | ---: |
${rows.join('\n')}

${checkLines(checks).join('\n')}`);

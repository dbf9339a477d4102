/**
 * What wiping after a function costs: a ChaCha20 block of our own C, and libsodium's X25519 from Debian's archive, each
 * behind a veneer and bare in one program. They take turns of a millisecond; a ratio is the median over all turns of
 * wiped / bare. Then what the analysis of erasure costs (secrets/analysis.ts).
 *
 * Prints Markdown. Options: --runs N, turns (default 300).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultOptions, type InputFile } from '../linker/request.ts';
import { linkWiped } from '../pipeline/wipe.ts';
import { projectRoot } from '../test/support/paths.ts';
import { runOrThrow } from '../test/support/run.ts';
import { requireLibrary, requireTool } from '../test/support/tools.ts';
import { type Check, checkLines, machineLine, median } from './report.ts';
import { measureAnalysis } from './secrets/analysis.ts';

const { values } = parseArgs({ options: { runs: { type: 'string' } }, strict: false });
const turns = Number(values['runs'] ?? 300);
const limits: Record<string, number> = { 'ChaCha20 block': 5, X25519: 0.5 };
const here = (name: string): string => join(projectRoot, 'bench/secrets', name);
const support = (name: string): string => join(projectRoot, 'test/support/erasure', name);
/** What libsodium takes at most, as runs of the oracle show; it goes through a pointer, so nothing is proved. */
const X25519_STACK = 4096;

const folder = mkdtempSync(join(tmpdir(), 'casemate-secrets-'));
const checks: Check[] = [];
const rows: string[] = [];
try {
  const common = ['-O2', '-fno-pie', '-fno-stack-protector', '-fcf-protection=none', '-fno-asynchronous-unwind-tables'];
  const compiled = async (compiler: 'gcc' | 'clang', source: string, output: string, ...flags: string[]) => {
    const object = join(folder, output);
    await runOrThrow(requireTool(compiler), [...common, ...flags, '-ffreestanding', '-c', source, '-o', object]);
    return object;
  };
  const input = (path: string): InputFile => ({ name: basename(path), bytes: readFileSync(path) });
  for (const compiler of ['gcc', 'clang'] as const) {
    const align = '-falign-functions=64';
    const paths = [
      await compiled(compiler, here('main.c'), 'main.o', `-DTURNS=${turns}`),
      await compiled(compiler, here('chacha.c'), 'chacha-bare.o', '-DNAME=chacha_bare', align),
      await compiled(compiler, here('chacha.c'), 'chacha-wiped.o', '-DNAME=chacha_wiped', align),
      await compiled(compiler, here('x25519.c'), 'x25519-bare.o', '-DNAME=x25519_bare', align),
      await compiled(compiler, here('x25519.c'), 'x25519-wiped.o', '-DNAME=x25519_wiped', align),
      await compiled('gcc', support('hosted.c'), 'hosted.o', '-w'),
      await compiled('gcc', support('library.c'), 'library.o', '-fno-tree-loop-distribute-patterns'),
    ];
    const files = [...paths, requireLibrary('libsodium.a')].map(input);
    const { image, wiped } = linkWiped({ files, options: defaultOptions, readMember: () => undefined }, [
      { function: 'chacha_wiped', results: [] },
      { function: 'x25519_wiped', maxStack: X25519_STACK },
    ]);
    const program = join(folder, 'program');
    writeFileSync(program, image.bytes, { mode: 0o755 });
    const lines = (await runOrThrow(program, [])).trim().split('\n');
    const cells = lines.map((text) => text.split('\t'));
    for (const [i, routine] of Object.keys(limits).entries()) {
      const found = cells.filter(([first]) => first === routine);
      const percent = (median(found.map(([, with_, bare]) => Number(with_) / Number(bare))) - 1) * 100;
      const [with_, bare] = [1, 2].map((column) => median(found.map((row) => Number(row[column]) / 1000)));
      const { depth, isProved } = wiped[i]!;
      const said = isProved ? 'proved' : 'declared';
      rows.push(
        `| ${routine} | ${compiler} | ${depth} ${said} | ${with_!.toFixed(0)} | ${bare!.toFixed(0)} | ${percent.toFixed(2)} % |`,
      );
      checks.push({
        what: `${routine}, ${compiler}: ${percent.toFixed(2)} % more with the veneer (limit ${limits[routine]} %)`,
        held: percent <= limits[routine]!,
      });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const analysis = await measureAnalysis();
checks.push(...analysis.checks);
console.log(`# Wiping after a function

- ${machineLine()}
- load at the end ${loadavg()[0]!.toFixed(1)}
- ${turns} turns each; ticks of the time stamp counter are medians of a call

| routine | compiler | bytes of stack | wiped | bare | more |
| --- | --- | --- | ---: | ---: | ---: |
${rows.join('\n')}

${analysis.text}

${checkLines(checks).join('\n')}`);

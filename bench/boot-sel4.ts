/**
 * What sealing costs a root task on seL4: time from the start of QEMU to the guest's first output (examples/hello), with
 * addresses drawn by the build and with addresses drawn at every boot, against that of a root task that does nothing but
 * say a line, in turns, in one run. And how long an image of 2,048 pages takes to protect and seal itself, by the machine's
 * counter, and how large the start-up code is.
 *
 * The kernel is the user's: --kernel KERNEL.elf, one that prints; without it the tests' stand-in. Prints Markdown. Other
 * options: --runs N (default 15), --write (put the result into bench/README.md as well).
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { functionsOf } from '../linker/provenance.ts';
import { buildProject } from '../pipeline/build.ts';
import type { Progress } from '../pipeline/progress.ts';
import { readSeL4Image, type SeL4Image } from '../targets/sel4/image.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import { packBoot } from '../targets/sel4/pack/pack.ts';
import { type Aslr, aslrs } from '../targets/sel4/platform.ts';
import { sel4Run } from '../targets/sel4/qemu.ts';
import { projectRoot, temporaryFolder } from '../test/support/paths.ts';
import { standIn } from '../test/support/sel4-standin.ts';
import { findTool } from '../test/support/tools.ts';
import { type Check, checkLines, machineLine, median, writeResult } from './report.ts';
import { buildRoot } from './sel4/roots.ts';

const limits = { ratio: 1.3, sealing: 25, startUp: 4096 };
/** Of the image that is sealed for its time. */
const pages = 2048;
const silent: Progress = { phase: async (_name, work) => work(() => {}), note: () => {}, detail: () => {} };

type Party = 'empty' | Aslr | 'empty once more';
const parties: readonly Party[] = ['empty', ...aslrs, 'empty once more'];

interface Built {
  readonly image: SeL4Image;
  /** Bytes of the start-up code, and of the first stage. */
  readonly startUp: number;
  readonly firstStage: number;
}

/** examples/hello for a kernel. */
async function hello(kernel: string, aslr: Aslr): Promise<Built> {
  const folder = temporaryFolder('bench-sel4');
  const own = JSON.parse(readFileSync(join(projectRoot, 'examples/hello/casemate.json'), 'utf8')) as object;
  const sources = ['main.c', '../lib/print.c', '../lib/text.c'].map((path) =>
    join(projectRoot, 'examples/hello', path),
  );
  const roots = [join(projectRoot, 'examples')];
  const manifest = {
    ...own,
    target: 'sel4',
    sources,
    include: [join(projectRoot, 'examples/lib')],
    roots,
    sel4: { aslr },
  };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  const { output, image } = await buildProject({ folder, sel4: { kernel }, lock: 'update', progress: silent });
  const sizeOf = (part: string): number =>
    functionsOf(image)
      .filter(({ object }) => object.startsWith(`casemate/targets/sel4/${part}/`))
      .reduce((sum, { size }) => sum + size, 0);
  return {
    image: readSeL4Image(readFileSync(output), output),
    startUp: sizeOf('stage0'),
    firstStage: sizeOf('first-stage'),
  };
}

/** Boots an image until its console holds `words`; milliseconds from the start of QEMU, and the console until then. */
function timedBoot(kernel: Kernel, image: SeL4Image, words: RegExp): Promise<{ time: number; said: RegExpExecArray }> {
  const folder = temporaryFolder('bench-sel4');
  const files = packBoot(kernel, image, 'image');
  const place = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const { program, args } = sel4Run({
    ...{
      kernel,
      boot: place('boot', files.boot),
      devices: [],
      commandLine: '',
      token: 'bench',
      legacy: false,
      rng: false,
    },
    ...(files.module && { module: (words: string) => place('root', files.module!(words)) }),
  });
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(findTool(program) ?? program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    let console = '';
    let time: number | undefined;
    let said: RegExpExecArray | null = null;
    child.stdout.on('data', (chunk: Buffer) => {
      console += chunk.toString('latin1');
      said ??= words.exec(console);
      if (said === null || time !== undefined) return;
      time = performance.now() - start;
      child.kill('SIGKILL');
    });
    child.on('exit', () => {
      clearTimeout(timer);
      if (said === null || time === undefined)
        reject(new Error(`a guest did not say ${words}: ${console.slice(-400)}`));
      else resolve({ time, said });
    });
  });
}

/** Ticks of the counter in a second, on QEMU's machines: the trees of RISC-V's virt and sifive_u, and AArch64's CNTFRQ. */
const frequencies: Readonly<Record<string, number>> = {
  'qemu-riscv-virt': 10e6,
  hifive: 1e6,
  'qemu-arm-virt': 62.5e6,
};

/** Milliseconds that `pages` pages take to be protected and sealed; undefined where the counter's rate is not known. */
async function sealingTimes(kernel: Kernel, runs: number): Promise<number[] | undefined> {
  const frequency = frequencies[String(kernel.config.get('PLAT'))];
  if (frequency === undefined) return undefined;
  const start = ['invoke.c', 'objects.c', 'protect.c', 'seal.c'].map((file) => `targets/sel4/stage0/${file}`);
  const image = await buildRoot(kernel, ['bench/sel4/sealing.c', ...start], [`-DPAGES=${pages - 64}`]);
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const { said } = await timedBoot(kernel, image, /sealed 0x([0-9a-f]+) 0x([0-9a-f]+)\r?\n/);
    const [sealed, ticks] = [parseInt(said[1]!, 16), parseInt(said[2]!, 16)];
    times.push((ticks / frequency) * 1000 * (pages / sealed));
  }
  return times;
}

function row(what: string, values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `| ${what} | ${median(values).toFixed(1)} ms (${least.toFixed(1)}..${most.toFixed(1)}) |`;
}

const names: Readonly<Record<Party, string>> = {
  empty: 'an empty root task',
  build: 'examples/hello, addresses drawn by the build',
  boot: 'examples/hello, addresses drawn at every boot',
  'empty once more': 'the empty root task once more',
};

async function main(): Promise<void> {
  const [load] = loadavg() as [number, number, number];
  const { values } = parseArgs({
    options: {
      kernel: { type: 'string' },
      runs: { type: 'string', default: '15' },
      write: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  const path = values.kernel ?? (await standIn());
  const kernel = readKernel(path);
  if (!kernel.hasPrinting) throw new Error(`${path}: does not print; an empty root task could not be heard`);
  const built = { build: await hello(path, 'build'), boot: await hello(path, 'boot') };
  const empty = await buildRoot(kernel, ['bench/sel4/empty.c']);
  const images = { empty, build: built.build.image, boot: built.boot.image, 'empty once more': empty };
  const taken: Record<Party, number[]> = { empty: [], build: [], boot: [], 'empty once more': [] };
  for (let round = 0; round <= runs; round++) {
    for (const party of parties) {
      const words = party.startsWith('empty') ? /an empty root task/ : /Hello, /;
      const { time } = await timedBoot(kernel, images[party], words);
      if (round > 0) taken[party].push(time);
    }
  }
  const ratio = (party: Party): number => median(taken[party].map((time, i) => time / taken.empty[i]!));
  const sealing = await sealingTimes(kernel, runs);
  const within = (what: string, value: number, limit: number, digits: number): Check => ({
    what: `${what}: ${value.toFixed(digits)}, limit ${limit.toFixed(digits)}`,
    held: value <= limit,
  });
  const platform = String(kernel.config.get('PLAT'));
  const who =
    values.kernel === undefined ? 'the stand-in' : `seL4 for ${platform}, SHA-256 ${kernel.sha256.slice(0, 16)}…`;
  const text = `${[
    `- ${machineLine()}; load average before the first run ${load.toFixed(1)}`,
    `- ${who}, full emulation; medians (least..most) of ${runs} boots in turns`,
    '',
    '| first output | from the start of QEMU |',
    '|---|---:|',
    ...parties.map((party) => row(names[party], taken[party])),
    ...(sealing === undefined ? [] : [row(`protecting and sealing ${pages} pages, by the machine's counter`, sealing)]),
    '',
    ...checkLines([
      within('time to first output, sealed / empty', ratio('build'), limits.ratio, 3),
      { what: `the same, new addresses at every boot: ${ratio('boot').toFixed(3)} (no limit)`, held: true },
      { what: `empty / empty: ${ratio('empty once more').toFixed(3)}`, held: true },
      ...(sealing === undefined
        ? []
        : [within(`milliseconds to seal ${pages} pages`, median(sealing), limits.sealing, 1)]),
      within('bytes of start-up code', built.build.startUp, limits.startUp, 0),
      { what: `bytes of the first stage beside it: ${built.boot.firstStage} (no limit)`, held: true },
    ]),
  ].join('\n')}\n`;
  process.stdout.write(text);
  if (values.write) writeResult('boot-sel4 result', text);
}

await main();

/**
 * What hardening costs a boot on bare RISC-V: time from the start of QEMU to the firmware's banner and to the guest's first
 * output (examples/hello), the plain image, the hardened one and the plain one once more as a control, in turns
 * (boot/turns.ts), in one run. And sizes: of the start-up stub's pages, and of the platform layer's text.
 *
 * The banner is the same for all: it says how much of a time is QEMU's and the firmware's. Prints Markdown. Options:
 * --runs N (default 15), --machine NAME (default virt), --write (put the result into bench/README.md as well).
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readElfFile } from '../linker/elf-file.ts';
import { buildProject } from '../pipeline/build.ts';
import type { Progress } from '../pipeline/progress.ts';
import { PAGE } from '../targets/regions.ts';
import { bootRiscv } from '../targets/riscv64/boot.ts';
import { defaultHardening, hardenRiscv } from '../targets/riscv64/harden.ts';
import { FIELD } from '../targets/riscv64/stage0/config.ts';
import { stubCode } from '../targets/riscv64/stage0/stub.ts';
import { cacheFolder, projectRoot } from '../test/support/paths.ts';
import { findTool } from '../test/support/tools.ts';
import { inTurns, launchRatios, type Party, type Taken } from './boot/turns.ts';
import { type Check, checkLines, machineLine, median, writeResult } from './report.ts';

const memory = 128;
const limits = { ratio: 1.7, layer: 12 * 1024 };
const silent: Progress = { phase: async (_name, work) => work(() => {}), note: () => {}, detail: () => {} };

/** Builds the project in `folder`, relative to the root; the image's path. */
async function build(folder: string): Promise<string> {
  const output = join(cacheFolder('bench/boot'), `${folder.split('/').at(-1)}.riscv64`);
  const request = { folder: join(projectRoot, folder), output, target: 'riscv64' as const, lock: 'update' as const };
  await buildProject({ ...request, progress: silent });
  return output;
}

function hardened(image: string): string {
  const path = image.replace(/\.riscv64$/, '-hardened.riscv64');
  writeFileSync(path, hardenRiscv(readFileSync(image), image, defaultHardening).bytes);
  return path;
}

/** Milliseconds from the start of QEMU. */
interface Times {
  readonly banner: number;
  readonly output: number;
}

async function timedBoot(image: string, machine: string): Promise<Times> {
  let start = 0;
  let banner: number | undefined;
  let output: number | undefined;
  const started = (path: string, args: readonly string[], options: SpawnOptions) => {
    start = performance.now();
    const child = spawn(path, args, options);
    child.stdout?.once('data', () => {
      banner = performance.now() - start;
    });
    return child;
  };
  const host = { find: findTool, spawn: started, emulator: '' };
  const onConsole = (): void => {
    output ??= performance.now() - start;
  };
  const result = await bootRiscv({ image, machine, memory, timeout: 60, onConsole }, host);
  if (result.outcome !== 'halted' || result.status !== 0 || banner === undefined || output === undefined)
    throw new Error(`${image}: ${result.outcome} ${result.reason}`);
  return { banner, output };
}

function sizeChecks(layer: string): Check[] {
  const { sizes } = stubCode();
  const text = readElfFile(readFileSync(layer), layer).sections.find(({ name }) => name === '.text')!.size;
  const within = (what: string, value: number, limit: number): Check => ({
    what: `${what}: ${value} bytes, limit ${limit}`,
    held: value <= limit,
  });
  return [
    within('header page: configuration and constants before the scratch space', FIELD.scratch, PAGE),
    within('stub’s code', sizes.code, PAGE),
    within('veneer', sizes.veneer, PAGE),
    within('text of the platform layer, all of its API', text, limits.layer),
  ];
}

function row(what: string, values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `| ${what} | ${median(values).toFixed(1)} ms (${least.toFixed(1)}..${most.toFixed(1)}) |`;
}

async function main(): Promise<void> {
  const [load] = loadavg() as [number, number, number];
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '15' },
      machine: { type: 'string', default: 'virt' },
      write: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  const stock = await build('examples/hello');
  const images: Record<Party, string> = { stock, hardened: hardened(stock), control: stock };
  const checks = sizeChecks(await build('bench/inputs/boot/layer'));
  const taken = await inTurns(runs, (party) => timedBoot(images[party], values.machine));
  const outputs = (party: Party): number[] => taken[party].map(({ output }) => output);
  const first: Taken<number> = {
    stock: [outputs('stock')],
    hardened: [outputs('hardened')],
    control: [outputs('control')],
  };
  const [ratio, control] = [launchRatios(first, 'hardened')[0]!, launchRatios(first, 'control')[0]!];
  const banners = Object.values(taken).flatMap((all) => all.map(({ banner }) => banner));
  const text = `${[
    `- ${machineLine()}; load average before the first run ${load.toFixed(1)}`,
    `- QEMU's ${values.machine}, full emulation; a guest of ${memory} MiB; medians (least..most) of ${runs} boots in turns`,
    '',
    '| | from the start of QEMU |',
    '|---|---:|',
    row('the firmware’s banner', banners),
    row('first output, plain', outputs('stock')),
    row('first output, hardened', outputs('hardened')),
    row('first output, plain once more', outputs('control')),
    '',
    ...checkLines([
      {
        what: `time to first output, hardened / plain: ${ratio.toFixed(3)}, limit ${limits.ratio.toFixed(3)} (plain / plain: ${control.toFixed(3)})`,
        held: ratio <= limits.ratio,
      },
      ...checks,
    ]),
  ].join('\n')}\n`;
  process.stdout.write(text);
  if (values.write) writeResult('boot-riscv64 result', text);
}

await main();

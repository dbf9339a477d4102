/**
 * What hardening costs: the same programs as built and hardened, booted in turns in the emulator, so that a busy moment
 * of the machine hits both, and compared within one run.
 *
 * - time to the first console output of examples/hello, from the start of QEMU;
 * - run time of a program that computes and walks memory, by the guest's own clock and in processor time;
 * - round trips through examples/echo;
 * - instructions that the start-up stub executes, from the entry to the program's own entry, counted exactly
 *   (boot/instructions.ts) after counting a piece of code whose count is known;
 * - sizes of the stub and of what it adds to an image.
 *
 * Prints Markdown. Options: --runs N (default 15; compute runs a third as often), --write (put the result into
 * bench/README.md as well).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as elf from '../linker/elf.ts';
import { type ElfFile, readElfFile } from '../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../linker/elf-symbols.ts';
import { findStub, stubCode } from '../targets/hvt/stage0/stub.ts';
import { startEcho } from './boot/echo.ts';
import { bootMeasured, buildGuest } from './boot/guests.ts';
import { countInstructions } from './boot/instructions.ts';
import { type Check, checkLines, compileMeasure, machineLine, median, writeResult } from './report.ts';

const memory = 64;

/** One quantity of both images of a program. */
interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly digits: number;
  readonly stock: readonly number[];
  readonly hardened: readonly number[];
}

type Which = 'stock' | 'hardened';

/** Takes `runs` samples of both in turns, the other first in every second round, after one round that warms up. */
async function inTurns<T>(runs: number, sample: (which: Which) => Promise<T>) {
  const taken = { stock: [] as T[], hardened: [] as T[] };
  for (let round = 0; round <= runs; round++) {
    const order: readonly Which[] = round % 2 === 0 ? ['stock', 'hardened'] : ['hardened', 'stock'];
    for (const which of order) {
      const value = await sample(which);
      if (round > 0) taken[which].push(value);
    }
  }
  return taken;
}

function comparison<T>(
  what: string,
  unit: string,
  digits: number,
  taken: { readonly stock: readonly T[]; readonly hardened: readonly T[] },
  of: (value: T) => number,
): Comparison {
  return { what, unit, digits, stock: taken.stock.map(of), hardened: taken.hardened.map(of) };
}

async function firstOutput(measure: string, runs: number): Promise<Comparison[]> {
  const guest = await buildGuest('examples/hello');
  const taken = await inTurns(runs, async (which) => {
    const image = guest[which];
    const start = performance.now();
    let first: number | undefined;
    const result = await bootMeasured(measure, image, {
      memory,
      onConsole: () => {
        first ??= performance.now() - start;
      },
    });
    if (result.outcome !== 'halted' || result.status !== 0 || first === undefined)
      throw new Error(`${image}: ${result.outcome} ${result.reason}`);
    return { first, cpu: result.cpu };
  });
  return [
    comparison('hello: time to first output', 'ms', 1, taken, ({ first }) => first),
    comparison('hello: processor time of QEMU', 'ms', 1, taken, ({ cpu }) => cpu),
  ];
}

async function compute(measure: string, runs: number): Promise<Comparison[]> {
  const guest = await buildGuest('bench/inputs/boot/compute');
  const checksums = new Set<string>();
  const taken = await inTurns(runs, async (which) => {
    const image = guest[which];
    const result = await bootMeasured(measure, image, { memory, args: ['2'] });
    const found = /^took (\d+) ns, checksum ([0-9a-f]+)$/m.exec(result.console);
    if (found === null) throw new Error(`${image}: ${result.outcome} ${result.reason} ${result.console}`);
    checksums.add(found[2]!);
    return { time: Number(found[1]) / 1e6, cpu: result.cpu };
  });
  if (checksums.size !== 1) throw new Error(`the images compute different things: ${[...checksums].join(', ')}`);
  return [
    comparison('compute: run time', 'ms', 0, taken, ({ time }) => time),
    comparison('compute: processor time of QEMU', 'ms', 0, taken, ({ cpu }) => cpu),
  ];
}

async function echo(runs: number): Promise<Comparison[]> {
  const images = await buildGuest('examples/echo');
  const guests = { stock: await startEcho(images.stock), hardened: await startEcho(images.hardened) };
  const batch = 100;
  try {
    const taken = await inTurns(20 * runs, (which) => guests[which].time(batch));
    return [
      comparison(`echo: ${batch} round trips`, 'ms', 1, taken, ({ wall }) => wall),
      comparison(`echo: processor time of QEMU`, 'ms', 1, taken, ({ cpu }) => cpu),
    ];
  } finally {
    await guests.stock.stop();
    await guests.hardened.stop();
  }
}

function symbolAddress(file: ElfFile, name: string, path: string): number {
  const symbols = symbolTables(file).flatMap((table) => readElfSymbols(file, table, path));
  const symbol = symbols.find((candidate) => candidate.name === name);
  if (symbol === undefined) throw new Error(`${path}: no symbol ${name}`);
  return Number(symbol.value);
}

/** Instructions of code that has 2560, counted in both images. */
async function calibrate(): Promise<number[]> {
  const guest = await buildGuest('bench/inputs/boot/calibrate');
  const counts: number[] = [];
  for (const path of [guest.stock, guest.hardened]) {
    const file = readElfFile(readFileSync(path), path);
    const from = symbolAddress(file, 'known', path);
    const to = symbolAddress(file, 'known_return', path);
    counts.push(await countInstructions(path, { from, to, ranges: [[from, to - from]] }, { memory }));
  }
  return counts;
}

function loadedSize(path: string): number {
  const file = readElfFile(readFileSync(path), path);
  return file.segments.filter(({ type }) => type === elf.PT_LOAD).reduce((sum, { memorySize }) => sum + memorySize, 0);
}

interface StubFigures {
  readonly calibration: readonly number[];
  readonly instructions: number;
  readonly codeBytes: number;
  readonly addedBytes: number;
}

async function stubFigures(): Promise<StubFigures> {
  const calibration = await calibrate();
  const { stock, hardened } = await buildGuest('examples/hello');
  const bytes = readFileSync(hardened);
  const { base, config } = findStub(readElfFile(bytes, hardened), bytes, hardened)!;
  // The stub's pages and all above: its last instructions run at a random place there, and the program never does.
  const rest = [base, memory * 2 ** 20 - base] as const;
  const instructions = await countInstructions(hardened, { from: base, to: config.entry, ranges: [rest] }, { memory });
  return {
    calibration,
    instructions,
    codeBytes: stubCode(base).length,
    addedBytes: loadedSize(hardened) - loadedSize(stock),
  };
}

/** Samples of one round are neighbours in time: what slows one down slows the other, and the ratio keeps out of it. */
const ratioOf = ({ stock, hardened }: Comparison): number => median(hardened.map((value, i) => value / stock[i]!));

function table(comparisons: readonly Comparison[]): string {
  const cell = (values: readonly number[], digits: number, unit: string): string => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return `${median(values).toFixed(digits)} ${unit} (${least.toFixed(digits)}..${most.toFixed(digits)})`;
  };
  const lines = ['| | stock | hardened | ratio |', '|---|---:|---:|---:|'];
  for (const row of comparisons) {
    const cells = [row.stock, row.hardened].map((values) => cell(values, row.digits, row.unit));
    lines.push(`| ${[row.what, ...cells, ratioOf(row).toFixed(3)].join(' | ')} |`);
  }
  return lines.join('\n');
}

function checks(comparisons: readonly Comparison[], stub: StubFigures): Check[] {
  const atMost = (what: string, value: number, limit: number, digits = 0): Check => ({
    what: `${what}: ${value.toFixed(digits)}, limit ${limit.toFixed(digits)}`,
    held: value <= limit,
  });
  const ratio = (name: string, limit: number): Check => {
    const found = comparisons.find(({ what }) => what.startsWith(name))!;
    return atMost(`${found.what}, hardened / stock`, ratioOf(found), limit, 3);
  };
  return [
    ratio('hello: time', 1.1),
    ratio('compute: processor time', 1.02),
    ratio('echo: processor time', 1.02),
    {
      what: `counting works: ${stub.calibration.join(' and ')} of 2560`,
      held: stub.calibration.every((n) => n === 2560),
    },
    atMost(`instructions before the program, ${memory} MiB`, stub.instructions, 150_000),
    atMost('bytes of the stub’s code', stub.codeBytes, 1536),
    atMost('bytes added to what is loaded', stub.addedBytes, 32 * 1024),
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '15' }, write: { type: 'boolean', default: false } },
  });
  const runs = Number(values.runs);
  const measure = await compileMeasure();
  const stub = await stubFigures();
  const longer = Math.max(3, Math.ceil(runs / 3));
  const comparisons: Comparison[] = [];
  for (const [name, take] of [
    ['hello', () => firstOutput(measure, runs)],
    ['compute', () => compute(measure, longer)],
    ['echo', () => echo(longer)],
  ] as const) {
    process.stderr.write(`${name} ...\n`);
    comparisons.push(...(await take()));
  }
  const text = `${[
    `- ${machineLine()}`,
    `- the emulator in QEMU, full emulation; a guest of ${memory} MiB`,
    `- medians; both images in turns, ${runs} runs each of hello, ${longer} of compute, ${20 * longer} batches for echo`,
    '- the ratio is the median of the rounds’ ratios; compute and echo are judged by processor time, which other work on the machine disturbs least',
    '',
    table(comparisons),
    '',
    ...checkLines(checks(comparisons, stub)),
  ].join('\n')}\n`;
  process.stdout.write(text);
  if (values.write) writeResult('boot result', text);
}

await main();

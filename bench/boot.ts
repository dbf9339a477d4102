/**
 * What hardening costs: the same programs as built and hardened, in the emulator, in turns, and the stock image
 * once more as a control (boot/turns.ts says why), all in one run.
 *
 * - time to the first console output of examples/hello, from the start of QEMU;
 * - run time of a program that computes and walks memory, by the guest's own clock;
 * - round trips through examples/echo, one at a time, and with some on the way;
 * - instructions that the start-up stub executes, from the entry to the program's own entry, counted exactly
 *   (boot/instructions.ts) after counting a piece of code whose count is known;
 * - sizes of the stub and of what it adds to an image.
 *
 * Prints Markdown. Options: --runs N (boots of hello, default 15; the others are launched two thirds as often), --write
 * (put the result into bench/README.md as well).
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import * as elf from '../linker/elf.ts';
import { type ElfFile, readElfFile } from '../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../linker/elf-symbols.ts';
import { findStub, stubCode } from '../targets/hvt/stage0/stub.ts';
import { startCompute } from './boot/compute.ts';
import { startEcho } from './boot/echo.ts';
import { bootMeasured, buildGuest, type Guest } from './boot/guests.ts';
import { countInstructions } from './boot/instructions.ts';
import {
  inTurns,
  launchInTurns,
  launchRatios,
  onOneProcessor,
  type Party,
  type Sample,
  type Taken,
} from './boot/turns.ts';
import { type Check, checkLines, compileMeasure, machineLine, median, writeResult } from './report.ts';

const memory = 64;
const turns = { compute: 24, echo: 60 };
const echoes = { alone: 20, together: 48, inFlight: 16 };

/** One quantity of all parties. */
interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly digits: number;
  readonly taken: Taken<number>;
}

const imageOf = (guest: Guest, party: Party): string => (party === 'hardened' ? guest.hardened : guest.stock);

function comparison<T>(
  what: string,
  unit: string,
  digits: number,
  taken: Taken<T>,
  of: (value: T) => number,
): Comparison {
  const mapped = (party: Party): number[][] => taken[party].map((values) => values.map(of));
  const all = { stock: mapped('stock'), hardened: mapped('hardened'), control: mapped('control') };
  return { what, unit, digits, taken: all };
}

async function firstOutput(measure: string, runs: number): Promise<Comparison[]> {
  const guest = await buildGuest('examples/hello');
  const taken = await inTurns(runs, async (party) => {
    const image = imageOf(guest, party);
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
    return { wall: first, cpu: result.cpu };
  });
  const launches = { stock: [taken.stock], hardened: [taken.hardened], control: [taken.control] };
  return runTimes('hello', 'time to first output', 1, launches);
}

function runTimes(program: string, what: string, digits: number, taken: Taken<Sample>): Comparison[] {
  return [
    comparison(`${program}: ${what}`, 'ms', digits, taken, ({ wall }) => wall),
    comparison(`${program}: processor time of QEMU`, 'ms', digits, taken, ({ cpu }) => cpu),
  ];
}

async function compute(launches: number): Promise<Comparison[]> {
  const guest = await buildGuest('bench/inputs/boot/compute');
  const checksums = new Map<number, string>();
  const start = (party: Party) => startCompute(imageOf(guest, party), checksums);
  return runTimes('compute', 'run time', 1, await launchInTurns(launches, turns.compute, start));
}

async function echo(launches: number): Promise<Comparison[]> {
  const guest = await buildGuest('examples/echo');
  const take = (count: number, inFlight: number) =>
    launchInTurns(launches, turns.echo, (party) => startEcho(imageOf(guest, party), count, inFlight));
  const { alone, together, inFlight } = echoes;
  return [
    ...runTimes('echo', `${alone} round trips`, 2, await take(alone, 1)),
    ...runTimes(`echo, ${inFlight} on the way`, `${together} round trips`, 2, await take(together, inFlight)),
  ];
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

/** The ratio of a party to stock. */
const ratioOf = ({ taken }: Comparison, party: Party): number => median(launchRatios(taken, party));

function table(comparisons: readonly Comparison[]): string {
  const spread = (values: readonly number[], digits: number, unit = ''): string => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return `${median(values).toFixed(digits)}${unit} (${least.toFixed(digits)}..${most.toFixed(digits)})`;
  };
  const ratios = (row: Comparison, party: Party): string => {
    const all = launchRatios(row.taken, party);
    return all.length === 1 ? all[0]!.toFixed(3) : spread(all, 3);
  };
  const lines = ['| | stock | hardened | hardened / stock | stock / stock |', '|---|---:|---:|---:|---:|'];
  for (const row of comparisons) {
    const times = [row.taken.stock, row.taken.hardened].map((all) => spread(all.flat(), row.digits, ` ${row.unit}`));
    lines.push(`| ${[row.what, ...times, ratios(row, 'hardened'), ratios(row, 'control')].join(' | ')} |`);
  }
  return lines.join('\n');
}

function checks(comparisons: readonly Comparison[], stub: StubFigures): Check[] {
  const judged = comparisons.filter(({ what }) => !what.startsWith('hello: processor'));
  const atMost = (what: string, value: number, limit: number, digits = 0): Check => ({
    what: `${what}: ${value.toFixed(digits)}, limit ${limit.toFixed(digits)}`,
    held: value <= limit,
  });
  const ratio = (row: Comparison): Check =>
    atMost(`${row.what}, hardened / stock`, ratioOf(row, 'hardened'), row.what.startsWith('hello') ? 1.1 : 1.02, 3);
  const control = (what: string, rows: readonly Comparison[]): Check => {
    const off = rows.map((row) => Math.abs(ratioOf(row, 'control') - 1));
    return atMost(`control of ${what}, stock / stock: off by`, Math.max(...off), 0.01, 3);
  };
  const close = judged.filter((row) => !row.what.startsWith('hello'));
  const isProcessorTime = (row: Comparison): boolean => row.what.includes('processor time');
  const isRunTime = (row: Comparison): boolean => !isProcessorTime(row);
  return [
    ...judged.map(ratio),
    control('run times', close.filter(isRunTime)),
    control('processor times', close.filter(isProcessorTime)),
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
  const [load] = loadavg() as [number, number, number];
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '15' }, write: { type: 'boolean', default: false } },
  });
  const runs = Number(values.runs);
  const measure = await compileMeasure();
  const stub = await stubFigures();
  const launches = Math.max(3, Math.ceil((runs * 2) / 3));
  const comparisons: Comparison[] = [];
  for (const [name, take] of [
    ['hello', () => firstOutput(measure, runs)],
    ['compute', () => onOneProcessor(() => compute(launches))],
    ['echo', () => onOneProcessor(() => echo(launches))],
  ] as const) {
    process.stderr.write(`${name} ...\n`);
    comparisons.push(...(await take()));
  }
  const text = `${[
    `- ${machineLine()}; load average before the first run ${load.toFixed(1)}`,
    `- the emulator in QEMU, full emulation; a guest of ${memory} MiB`,
    `- medians (least..most); ${runs} boots of hello, ${launches} launches of the others with ${turns.compute} turns each of compute and ${turns.echo} of echo`,
    '- a ratio is the median of the launches’ (least..most), a launch’s that of its rounds',
    '',
    table(comparisons),
    '',
    ...checkLines(checks(comparisons, stub)),
  ].join('\n')}\n`;
  process.stdout.write(text);
  if (values.write) writeResult('boot result', text);
}

await main();

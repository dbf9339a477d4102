/**
 * What the RISC-V platform layer and its protections cost where frames are all there is to do: our hardened echo beside
 * the least C that echoes the same frames on the same device (boot/frames.ts), in turns, with that one once more as a
 * control (boot/turns.ts says why).
 *
 * Prints Markdown. Options: --runs N (default 15; a third as many launches), --write (put the result into
 * bench/README.md as well).
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { buildEchoes, startFrames } from './boot/frames.ts';
import { launchInTurns, launchRatios, onOneProcessor, type parties, type Sample, type Taken } from './boot/turns.ts';
import { type Check, checkLines, machineLine, median, writeResult } from './report.ts';

const inFlight = 32;
const perTurn = 240;
const rounds = 30;

/** Evenly from 60 to 1514 bytes, mixed. */
const mixed = Array.from({ length: perTurn }, (_, i) => 60 + ((i * 607) % 1455));
const cases = {
  '60 to 1514 bytes': mixed,
  '60 bytes': mixed.map(() => 60),
  '1514 bytes': mixed.map(() => 1514),
};

interface Row {
  readonly what: string;
  readonly taken: Taken<Sample>;
}

const of = (taken: Taken<Sample>, field: 'wall' | 'cpu'): Taken<number> => {
  const values = (party: (typeof parties)[number]) => taken[party].map((all) => all.map((sample) => sample[field]));
  return { stock: values('stock'), hardened: values('hardened'), control: values('control') };
};

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(3)} (${Math.min(...values).toFixed(3)}..${Math.max(...values).toFixed(3)})`;
}

function table(rows: readonly Row[]): string {
  const lines = [
    '| | frames/s, bare | frames/s, ours | µs of QEMU a frame, bare | ours | processor time, ours / bare | run time, ours / bare | control, processor time | control, run time |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|',
  ];
  for (const { what, taken } of rows) {
    const [wall, cpu] = [of(taken, 'wall'), of(taken, 'cpu')];
    const rate = (values: Taken<number>['stock']) => ((perTurn / median(values.flat())) * 1000).toFixed(0);
    const each = (values: Taken<number>['stock']) => ((median(values.flat()) / perTurn) * 1000).toFixed(1);
    const ratios = [launchRatios(cpu, 'hardened'), launchRatios(wall, 'hardened')];
    const controls = [launchRatios(cpu, 'control'), launchRatios(wall, 'control')];
    const cells = [what, rate(wall.stock), rate(wall.hardened), each(cpu.stock), each(cpu.hardened)];
    lines.push(`| ${[...cells, ...ratios.map(spread), ...controls.map(spread)].join(' | ')} |`);
  }
  return lines.join('\n');
}

function checks(rows: readonly Row[]): Check[] {
  const off = (values: number[]): number => Math.abs(median(values) - 1);
  return rows.flatMap(({ what, taken }) => {
    const wall = of(taken, 'wall');
    const ratio = median(launchRatios(wall, 'hardened'));
    const control = off(launchRatios(wall, 'control'));
    return [
      { what: `${what}: run time of as many frames: ${ratio.toFixed(3)} x, limit 1.030`, held: ratio <= 1.03 },
      { what: `${what}: control off by ${control.toFixed(3)}, limit 0.015`, held: control <= 0.015 },
    ];
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '15' },
      write: { type: 'boolean', default: false },
    },
  });
  const [load] = loadavg() as [number, number, number];
  const images = await buildEchoes();
  const launches = Math.max(3, Math.ceil(Number(values.runs) / 3));
  const compare = async (what: string, bare: string, ours: string, sizes: readonly number[]): Promise<Row> => {
    process.stderr.write(`${what} ...\n`);
    const start = (party: (typeof parties)[number]) => startFrames(party === 'hardened' ? ours : bare, sizes, inFlight);
    return { what, taken: await onOneProcessor(() => launchInTurns(launches, rounds, start)) };
  };
  const judged: Row[] = [];
  for (const [what, sizes] of Object.entries(cases))
    judged.push(await compare(what, images.bare, images.hardened, sizes));
  const explaining = [
    await compare('as built, not hardened, beside bare', images.bare, images.plain, mixed),
    await compare('hardened beside bare with two copies', images.copies, images.hardened, mixed),
    await compare('bare with two copies beside bare', images.bare, images.copies, mixed),
    await compare('the same, 1514 bytes', images.bare, images.copies, cases['1514 bytes']),
    await compare(
      'hardened beside bare with two copies, 1514 bytes',
      images.copies,
      images.hardened,
      cases['1514 bytes'],
    ),
  ];
  const text = `${[
    `- ${machineLine()}; load average before the first run ${load.toFixed(1)}`,
    `- QEMU's virt machine, virtio-mmio version 2, \`stream\` back end; ${inFlight} frames on the way, ${perTurn} a turn, ${rounds} turns in each of ${launches} launches`,
    '- a ratio is the median of the launches’ (least..most), a launch’s that of its rounds; the last five rows are for information',
    '',
    table([...judged, ...explaining]),
    '',
    ...checkLines(checks(judged)),
  ].join('\n')}\n`;
  process.stdout.write(text);
  if (values.write) writeResult('frames result', text);
}

await main();

/**
 * Comparing guests to a fraction of a percent on a machine that does other things too.
 *
 * - In turns of some milliseconds, always in the same order, so that a slow moment hits all and each follows the same
 *   other one. What is compared are the neighbours of one round, by their ratio.
 * - Launched anew several times: where a process's memory happens to lie is worth a percent, for as long as it lives.
 * - The stock image takes part twice. Its ratio to itself, the control, says what a ratio is worth.
 * - On one processor: which thread waits for which, and whether one sleeps in between, is then the same in every run. On
 *   two it depends on what else goes on, and makes an echo cost half as much again.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { requireTool } from '../../test/support/tools.ts';
import { median } from '../report.ts';

/** Who takes part, in the order of their turns. */
export const parties = ['stock', 'hardened', 'control'] as const;
export type Party = (typeof parties)[number];

/** Milliseconds: by a clock, and of processor time in QEMU. */
export interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

/** What was taken of one quantity: launches, then rounds. */
export type Taken<T> = Readonly<Record<Party, readonly (readonly T[])[]>>;

export interface Contender {
  turn(): Promise<Sample>;
  stop(): Promise<void>;
}

/** Takes `rounds` samples of each party, after one round that warms up. */
export async function inTurns<T>(rounds: number, sample: (party: Party) => Promise<T>): Promise<Record<Party, T[]>> {
  const taken: Record<Party, T[]> = { stock: [], hardened: [], control: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const party of parties) {
      const value = await sample(party);
      if (round > 0) taken[party].push(value);
    }
  }
  return taken;
}

/** Launches all parties `launches` times and lets them take turns, `rounds` each. */
export async function launchInTurns(
  launches: number,
  rounds: number,
  start: (party: Party) => Promise<Contender>,
): Promise<Taken<Sample>> {
  const taken: Record<Party, Sample[][]> = { stock: [], hardened: [], control: [] };
  for (let launch = 0; launch < launches; launch++) {
    const running = new Map<Party, Contender>();
    try {
      for (const party of parties) running.set(party, await start(party));
      const samples = await inTurns(rounds, (party) => running.get(party)!.turn());
      for (const party of parties) taken[party].push(samples[party]);
    } finally {
      for (const contender of running.values()) await contender.stop();
    }
  }
  return taken;
}

/** For each launch the median ratio of `party` to stock over its rounds. */
export function launchRatios(taken: Taken<number>, party: Party): number[] {
  return taken[party].map((values, launch) => median(values.map((value, i) => value / taken.stock[launch]![i]!)));
}

/** Milliseconds that all threads of a process have run, by the scheduler's own account. */
export function processorTime(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
  return times.reduce((sum, time) => sum + Number(time), 0) / 1e6;
}

/** Keeps this process, and what it starts from now on, on one processor during `work`. */
export async function onOneProcessor<T>(work: () => Promise<T>): Promise<T> {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
  const allow = (list: string) => execFileSync(requireTool('taskset'), ['-acp', list, String(process.pid)]);
  allow(/\d+$/.exec(allowed)![0]);
  try {
    return await work();
  } finally {
    allow(allowed);
  }
}

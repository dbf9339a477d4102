/** One run of a command as a whole process, measured from the kernel's counters by measure.c. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../test/support/run.ts';

export interface Sample {
  /** Milliseconds until the command ended. */
  readonly wall: number;
  /** Processor time in milliseconds, user and system, of all processes and threads. */
  readonly cpu: number;
  /** Bytes: resident memory of the largest process. */
  readonly peak: number;
}

/** Runs `command` once under `measure`; throws with its messages when it does not end with one of `statuses`. */
export async function sample(
  measure: string,
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  statuses: readonly number[] = [0],
): Promise<Sample> {
  const report = join(cwd, 'report');
  rmSync(report, { force: true });
  const { stderr, status } = await run(measure, [report, ...command], { cwd, env, timeout: 600_000 });
  if (status !== 0) throw new Error(`measure failed: ${stderr.slice(0, 500)}`);
  const [wall, user, system, peak, exit] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
  if (!statuses.includes(exit!))
    throw new Error(`exit status ${exit}: ${stderr.trim().split('\n').at(-1)?.slice(0, 300)}`);
  return { wall: wall! / 1000, cpu: (user! + system!) / 1000, peak: peak! * 1024 };
}

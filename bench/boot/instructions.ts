/**
 * How many instructions a guest executes between two places, exactly.
 *
 * QEMU with `-singlestep` makes a block of every instruction, and `-d exec,nochain` logs every block that it executes,
 * an instruction under rep once for each repetition (and once when there is none). `-dfilter` keeps the log to the
 * addresses of interest. The emulated tender runs in the same machine, at addresses that overlap the guest's: a bit of
 * the logged processor state (HF_GUEST) tells them apart. A block that was logged but not run, because an interrupt
 * came first, is logged as stopped, and taken back.
 */
import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BootOptions } from '../../targets/hvt/boot.ts';
import { cacheFolder } from '../../test/support/paths.ts';
import { boot } from './guests.ts';

const guestBit = 1 << 21;

export interface Span {
  /** Address of the first instruction; counting begins when the guest first executes it. */
  readonly from: number;
  /** Counting ends before the guest first executes this address. */
  readonly to: number;
  /** All addresses at which the guest executes in between lie in one of these [start, size] ranges. */
  readonly ranges: readonly (readonly [start: number, size: number])[];
}

/** Counts what is logged, line by line; undefined when the span's end is not in it. */
export async function countLogged(lines: AsyncIterable<string>, span: Span): Promise<number | undefined> {
  let executed = 0;
  let counting = false;
  let last = -1;
  for await (const line of lines) {
    const stopped = /^Stopped execution of TB chain before \S+ \[([0-9a-f]+)\]/.exec(line);
    if (stopped !== null && Number.parseInt(stopped[1]!, 16) === last) {
      executed--;
      last = -1;
      continue;
    }
    const trace = /^Trace \d+: \S+ \[[0-9a-f]+\/([0-9a-f]+)\/([0-9a-f]+)\//.exec(line);
    if (trace === null || (Number.parseInt(trace[2]!, 16) & guestBit) === 0) continue;
    const address = Number.parseInt(trace[1]!, 16);
    if (!counting && address !== span.from) continue;
    counting = true;
    if (address === span.to) return executed;
    executed++;
    last = address;
  }
  return undefined;
}

/** Boots `image` and counts. Throws when the guest never comes to the span's end. */
export async function countInstructions(image: string, span: Span, options: Partial<BootOptions>): Promise<number> {
  const log = join(cacheFolder('bench/boot'), 'trace');
  rmSync(log, { force: true });
  const ranges = [...span.ranges, [span.to, 1] as const];
  const filter = ranges.map(([start, size]) => `0x${start.toString(16)}+0x${size.toString(16)}`).join(',');
  const logging = ['-singlestep', '-d', 'exec,nochain', '-dfilter', filter, '-D', log];
  await boot(image, options, (path, args) => [path, [...args, ...logging]]);
  const count = await countLogged(createInterface({ input: createReadStream(log) }), span);
  rmSync(log, { force: true });
  if (count === undefined) throw new Error(`${image}: the guest did not come to 0x${span.to.toString(16)}`);
  return count;
}

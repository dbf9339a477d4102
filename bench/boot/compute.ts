/**
 * Rounds of inputs/boot/compute. A guest computes without end; it is stopped like any process while it is not its turn,
 * and only rounds that it was not stopped in are counted.
 */
import type { ChildProcess } from 'node:child_process';
import { CasemateError } from '../../base/errors.ts';
import { boot } from './guests.ts';
import { type Contender, processorTime } from './turns.ts';

/** Until the program has walked through all its memory, its pages come from the host one by one. */
const warmUp = 20;
const rounds = 2;

interface Round {
  /** Milliseconds by the guest's own clock. */
  readonly time: number;
  readonly checksum: string;
}

function parseRound(line: string): Round {
  const found = /^took (\d+) ns, checksum ([0-9a-f]+)$/.exec(line);
  if (found === null) throw new Error(`the compute guest says ${JSON.stringify(line)}`);
  return { time: Number(found[1]) / 1e6, checksum: found[2]! };
}

/** A console by lines. */
function lineReader() {
  const lines: string[] = [];
  let pending = '';
  let arrived = (): void => {};
  return {
    onConsole: (chunk: Uint8Array): void => {
      pending += Buffer.from(chunk).toString();
      lines.push(...pending.split('\n'));
      pending = lines.pop()!;
      arrived();
    },
    /** Lines that are there already. */
    count: () => lines.length,
    next: async (): Promise<string> => {
      while (lines.length === 0) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
      return lines.shift()!;
    },
  };
}

/** Starts it, and stops it after the rounds that warm up. `checksums` holds what all guests must agree on, by round. */
export async function startCompute(image: string, checksums: Map<number, string>): Promise<Contender> {
  const reader = lineReader();
  const ending = new AbortController();
  let child: ChildProcess | undefined;
  const seen = (started: ChildProcess): void => {
    child = started;
  };
  const options = {
    args: [String(2 ** 32 - 1)],
    onConsole: reader.onConsole,
    keepConsole: false,
    abort: ending.signal,
  };
  const running = boot(image, options, undefined, seen).then(
    ({ outcome, reason }) => {
      throw new Error(`${image}: ${outcome} ${reason}`);
    },
    (error) => {
      // Killed: it computes without end.
      if (!(error instanceof CasemateError) || !ending.signal.aborted) throw error;
    },
  );
  let done = 0;
  const round = async (): Promise<number> => {
    const { time, checksum } = parseRound((await Promise.race([reader.next(), running])) as string);
    const expected = checksums.get(done) ?? checksum;
    if (checksum !== expected) throw new Error(`${image}: round ${done} gives ${checksum}; another gave ${expected}`);
    checksums.set(done++, expected);
    return time;
  };
  while (done < warmUp) await round();
  child!.kill('SIGSTOP');
  return {
    turn: async () => {
      while (reader.count() > 0) await round();
      child!.kill('SIGCONT');
      await round();
      const used = processorTime(child!.pid!);
      let wall = 0;
      for (let i = 0; i < rounds; i++) wall += await round();
      const cpu = processorTime(child!.pid!) - used;
      child!.kill('SIGSTOP');
      return { wall, cpu };
    },
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}

/**
 * The guest guests/sectors as campaigns drive it: it writes until QEMU is killed, and reads everything back in another
 * boot.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { launch } from './campaigns.ts';

/** Sector to the batch that wrote it last. */
export type Versions = Map<number, number>;

export interface Batch {
  readonly number: number;
  readonly places: readonly number[];
}

/** A whole line of the guest's. */
function parseBatch(line: string): Batch {
  const match = /^batch (\d+):((?: \d+\+\d+)+)$/.exec(line);
  if (match === null) throw new Error(`the guest says ${JSON.stringify(line)}`);
  const places = match[2]!
    .trim()
    .split(' ')
    .flatMap((run) => {
      const [place, count] = run.split('+').map(Number);
      return Array.from({ length: count! }, (_, i) => place! + i);
    });
  return { number: Number(match[1]), places };
}

export interface Writing {
  /** Number of the first batch. */
  readonly first: number;
  readonly seed: number;
  /** Milliseconds from the first batch on. */
  readonly delay: number;
  readonly legacy: boolean;
  /** QEMU's arguments, made others. */
  readonly change?: (args: readonly string[]) => readonly string[];
}

/** Lets a guest write for a while, and kills QEMU; what the guest announced. */
export async function writeUntilKilled(image: string, disk: string, writing: Writing): Promise<Batch[]> {
  const { first, seed, delay, legacy, change } = writing;
  let said = '';
  let begun: () => void;
  const beginning = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const { result, kill } = launch(
    image,
    {
      legacy,
      args: ['write', String(first), String(seed)],
      blocks: [{ name: 'disk', path: disk }],
      onConsole: (chunk) => {
        said += Buffer.from(chunk).toString();
        if (said.includes('\n')) begun();
      },
    },
    change,
  );
  const ended = result.then(
    (end) => {
      throw new Error(`the guest ended by itself: ${JSON.stringify(end)}`);
    },
    (error) => error as Error,
  );
  await Promise.race([beginning, ended]);
  await sleep(delay);
  kill();
  expect((await ended).message).toContain('signal SIGKILL');
  // The last line may be cut short: it announces nothing.
  return said.split('\n').slice(0, -1).map(parseBatch);
}

/** What a new boot reads. */
export async function readBack(
  image: string,
  disk: string,
  legacy: boolean,
): Promise<{ versions: Versions; damaged: number[] }> {
  const { result } = launch(image, { legacy, args: ['read'], blocks: [{ name: 'disk', path: disk }] });
  const { outcome, status, console: said } = await result;
  expect({ outcome, status }).toEqual({ outcome: 'halted', status: 0 });
  const lines = said.trimEnd().split('\n');
  expect(lines.pop()).toBe('end');
  const versions: Versions = new Map();
  const damaged: number[] = [];
  for (const line of lines) {
    const [place, batch] = line.split(' ');
    if (batch === 'damaged') damaged.push(Number(place));
    else versions.set(Number(place), Number(batch));
  }
  return { versions, damaged };
}

/** Sectors that are not what was announced; those of batches after `last` may be in any state between. */
export function missing(announced: Versions, found: Versions, last: number): string[] {
  return [...announced]
    .filter(([place, batch]) => {
      const there = found.get(place);
      return there !== batch && !(there !== undefined && there > last);
    })
    .map(([place, batch]) => `sector ${place}: batch ${batch} announced, ${found.get(place) ?? 'nothing'} there`);
}

/**
 * targets/platform/layer/clock-scale.h, compiled for this machine and held against exact arithmetic.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { createRandom } from '../../support/random.ts';
import { run, runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('clang');

const harness = `
#include "clock-scale.h"
#include <stdio.h>
int main(void) {
    unsigned long long frequency, ticks;
    while (scanf("%llu %llu", &frequency, &ticks) == 2)
        printf("%llu\\n", (unsigned long long)clock_nanoseconds(clock_scale_of(frequency), ticks));
    return 0;
}
`;

let program: string;

beforeAll(async () => {
  const folder = temporaryFolder('clock');
  const source = join(folder, 'harness.c');
  program = join(folder, 'harness');
  writeFileSync(source, harness);
  await runOrThrow(requireTool('clang'), [
    ...['-O2', '-fsanitize=undefined', '-fsanitize-trap=all'],
    `-I${join(projectRoot, 'targets/platform/layer')}`,
    ...['-o', program, source],
  ]);
});

async function nanoseconds(cases: readonly (readonly [frequency: bigint, ticks: bigint])[]): Promise<bigint[]> {
  const input = cases.map(([frequency, ticks]) => `${frequency} ${ticks}\n`).join('');
  const result = await run(program, [], { input });
  expect(result.status).toBe(0);
  return result.stdout.trim().split('\n').map(BigInt);
}

const exact = (frequency: bigint, ticks: bigint) => (ticks * 1_000_000_000n) / frequency;
const frequencies = [
  1n,
  1_000n,
  24_000_000n,
  999_999_999n,
  1_000_000_000n,
  1_000_000_001n,
  2_893_202_000n,
  6_000_000_007n,
];
/** Ticks in a hundred years, or as many as the counter can hold. */
const century = (frequency: bigint) => {
  const ticks = 100n * 366n * 86_400n * frequency;
  return ticks < 2n ** 64n ? ticks : 2n ** 64n - 2n;
};

test('a reading is at most one nanosecond below the exact time, for a century at any frequency', async () => {
  const random = createRandom(1, 0);
  const cases = frequencies.flatMap((frequency) =>
    [0n, 1n, frequency - 1n, frequency, century(frequency) - 1n, century(frequency)]
      .concat(Array.from({ length: 200 }, () => BigInt(Math.floor(random.next() * 2 ** 53)) % century(frequency)))
      .map((ticks) => [frequency, ticks] as const),
  );
  const found = await nanoseconds(cases);
  for (const [i, [frequency, ticks]] of cases.entries()) {
    const error = exact(frequency, ticks) - found[i]!;
    expect(error === 0n || error === 1n, `${ticks} ticks at ${frequency} Hz: off by ${error} ns`).toBe(true);
  }
});

test('time never runs backwards', async () => {
  const cases: [bigint, bigint][] = [];
  for (const frequency of frequencies) {
    for (const start of [0n, frequency, 10n ** 12n, century(frequency) - 50n])
      for (let i = 0n; i < 50n; i++) cases.push([frequency, start + i]);
  }
  const found = await nanoseconds(cases);
  for (let i = 1; i < found.length; i++) {
    if (i % 50 !== 0) expect(found[i]! >= found[i - 1]!).toBe(true);
  }
});

test('the counter’s whole range is covered as long as nanoseconds are', async () => {
  const [last] = await nanoseconds([[3_000_000_000n, 2n ** 64n - 1n]]);
  expect(exact(3_000_000_000n, 2n ** 64n - 1n) - last!).toBeLessThanOrEqual(1n);
});

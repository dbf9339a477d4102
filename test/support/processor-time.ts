/**
 * Whether work on a hostile text ends at all. What takes quadratic or exponential time on the texts of these tests would
 * take minutes or years of the processor; what is linear takes a second or two on a slow machine. The limit lies far from
 * both, so that it says something of the algorithm and nothing of the machine.
 */
import { expect } from 'vitest';

const LIMIT_SECONDS = 30;

/** Does `work`; fails when it took more of the processor than a linear algorithm can. */
export function expectLinear<T>(work: () => T): T {
  const start = process.cpuUsage();
  const result = work();
  expect(process.cpuUsage(start).user / 1e6, 'seconds of the processor').toBeLessThan(LIMIT_SECONDS);
  return result;
}

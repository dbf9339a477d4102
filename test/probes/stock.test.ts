/**
 * The probes on an image that nobody hardened. Each one that should get through does: without that, a probe that is
 * stopped on a hardened image might only be broken. Each one that stock hvt stops is stopped, and in the expected way.
 */
import { beforeAll, expect, test } from 'vitest';
import { probesFor, processors, run, stockProbes } from './support.ts';

let image: string;
beforeAll(async () => {
  image = await stockProbes();
});

test.each(processors)('on %s every probe gets through that nothing stops', { timeout: 300_000 }, async (cpu, guard) => {
  const report = await run(image, cpu, probesFor(cpu));
  expect(report.guard).toBe(guard);
  expect(report.verdicts.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
  expect(report.verdicts.map(({ probe }) => probe)).toEqual(probesFor(cpu));
});

/**
 * The probes on an image that nobody hardened. Each one that should get through does: without that, a probe that is
 * stopped on a hardened image might only be broken. Each one that stock hvt stops is stopped, and in the expected way.
 *
 * Everything runs on the default processor model; on the others only what depends on the processor, unless
 * CASEMATE_LONG is set.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProbes } from '../../pipeline/probes.ts';
import type { Progress } from '../../pipeline/progress.ts';
import { probes } from '../../targets/hvt/probes.ts';
import { runProbes } from '../../targets/hvt/run-probes.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { findTool, requireTools } from '../support/tools.ts';

requireTools('clang');

const silent: Progress = { phase: async (_name, work) => work(() => {}), note: () => {}, detail: () => {} };
const host = { find: findTool, spawn, emulator: join(projectRoot, 'dist/hvt-emulator.elf') };
const long = process.env['CASEMATE_LONG'] === '1';
const dependOnProcessor = ['read-text', 'undo-stac', 'undo-wrpkru'];

let image: string;
beforeAll(async () => {
  image = await buildProbes(temporaryFolder('probes'), silent);
});

describe.each([
  ['EPYC-Milan', 'pku', undefined],
  ['EPYC', 'smap', long ? undefined : dependOnProcessor],
  ['qemu64', 'none', long ? undefined : dependOnProcessor],
] as const)('on a stock image and %s', (cpu, guard, only) => {
  test('every probe ends as it has to', { timeout: 120_000 }, async () => {
    const boot = { tender: 'emulator', memory: 16, cpu } as const;
    const report = await runProbes(
      { image, state: 'stock', boot, parallel: 2, ...(only === undefined ? {} : { only }) },
      host,
    );
    expect(report.guard).toBe(guard);
    expect(report.verdicts.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(report.verdicts.length).toBe(only === undefined ? probes.length : only.length + 1);
  });
});

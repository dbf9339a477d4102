/**
 * The probes of a root task, run on the stand-in for seL4: each has to be stopped as it must be, and by the right kind of
 * fault; and on one that protects nothing they have to say so.
 */
import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { probeSeL4 } from '../../pipeline/probe-sel4.ts';
import type { ProbeVerdict } from '../../targets/sel4/judge-probe.ts';
import { probesOf } from '../../targets/sel4/probes.ts';
import { everyNth, isLong } from '../support/long.ts';
import { type StandInOptions, standIn } from '../support/sel4-standin.ts';
import { findTool, requireTools } from '../support/tools.ts';
import { exampleFor } from '../targets/sel4/on-kernels.ts';

requireTools('clang', 'riscv64-unknown-elf-gcc', 'qemu-system-riscv64');

const silent = {
  phase: async <T>(_name: string, work: (detail: () => void) => T | Promise<T>) => work(() => {}),
  note: () => {},
  detail: () => {},
};

async function probed(options: StandInOptions, aslr: 'build' | 'boot', only?: readonly string[]) {
  const kernel = await standIn(options);
  const image = await exampleFor('hello', kernel, { sel4: { aslr } });
  const host = { find: findTool, spawn, emulator: '' };
  const which = only === undefined ? {} : { only };
  return probeSeL4({ image, sel4: { kernel }, boot: {}, host, progress: silent, parallel: 2, ...which });
}

/** Statuses of RISC-V faults: what was tried, by the first word of a probe's name. */
const statuses: Readonly<Record<string, bigint>> = { read: 5n, write: 7n, execute: 1n };

function expectStopped(verdicts: readonly ProbeVerdict[]): void {
  expect(verdicts.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
  for (const { probe, observed } of verdicts) {
    if (observed.kind !== 'faults') continue;
    const status = statuses[probe.split('-')[0]!];
    if (status !== undefined) expect({ probe, status: observed.status }).toEqual({ probe, status });
  }
}

/** One of each kind. */
const few = ['read-text', 'write-rodata', 'execute-heap', 'page-map'];

describe('on the stand-in', () => {
  test('everything that is forbidden is stopped', { timeout: 300_000 }, async () => {
    const names = probesOf({ aslr: 'build' }).map(({ name }) => name);
    // The control runs in any case.
    const verdicts = await probed({}, 'build', everyNth(names.slice(1), 2));
    expectStopped(verdicts);
    expect(verdicts.length).toBe(isLong ? names.length : 1 + Math.ceil((names.length - 1) / 2));
  });

  test('so it is with new addresses at every boot', { timeout: 300_000 }, async () => {
    expectStopped(await probed({}, 'boot', isLong ? undefined : few));
  });

  test('on one that protects nothing, accesses get through and are said to', { timeout: 300_000 }, async () => {
    const verdicts = await probed({ lax: true }, 'build', few);
    expect(Object.fromEntries(verdicts.map(({ probe, outcome }) => [probe, outcome]))).toEqual({
      control: 'pass',
      'read-text': 'fail',
      'write-rodata': 'fail',
      'execute-heap': 'fail',
      'page-map': 'pass',
    });
  });
});

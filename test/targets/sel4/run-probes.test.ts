import { describe, expect, it } from 'vitest';
import type { RiscvBootResult } from '../../../targets/riscv64/boot.ts';
import { type ProbedState, probesOf } from '../../../targets/sel4/probes.ts';
import { type ProbeRun, runProbes } from '../../../targets/sel4/run-probes.ts';
import { rejectionOf } from '../../pipeline/support.ts';

const state: ProbedState = { machine: 'riscv64', text: 'execute', aslr: 'build', tells: true };

/** What a machine prints on which every protection holds. */
function protectedMachine(name: string): RiscvBootResult {
  const tries = `probe ${name} tries 0x1000 0x1000\n`;
  const ending = probesOf(state)
    .find((probe) => probe.name === name)!
    .ends(state);
  const halted = (words: string, status = 0): RiscvBootResult => ({
    ...{ outcome: 'halted', reason: '' },
    ...{ status, console: `${tries}${words}\n` },
  });
  switch (ending.kind) {
    case 'succeeds':
      return halted(`probe ${name} succeeded 0x1`);
    case 'nothing':
      return halted(`probe ${name} found nothing`);
    case 'refused':
      return halted(`probe ${name} refused 0x2`);
    case 'aborts':
      return halted(`casemate: ABORT: ${ending.message}`, 255);
    case 'faults': {
      const what = ending.access === 'execute' ? 'code' : 'data';
      const console = `${tries}vm fault on ${what} at address 0x1000 with status 0x7\n`;
      return { outcome: 'killed', status: -1, reason: 'vm fault on', console };
    }
  }
}

interface Booted {
  readonly name: string;
  readonly timeout: number;
}

/** Runs with a machine that takes `milliseconds` for the control; what was booted, in order. */
async function runOn(
  machine: (name: string) => RiscvBootResult,
  over: Partial<ProbeRun> = {},
  milliseconds = 1000,
): Promise<{ booted: Booted[]; verdicts: Awaited<ReturnType<typeof runProbes>> }> {
  const booted: Booted[] = [];
  let now = 0;
  const boot = async ([name]: readonly string[], timeout: number): Promise<RiscvBootResult> => {
    booted.push({ name: name!, timeout });
    now += milliseconds;
    return machine(name!);
  };
  return { verdicts: await runProbes({ state, boot, now: () => now, ...over }), booted };
}

describe('the probes of a root task', () => {
  it('run one boot each, the control first, and give a verdict each in the order of the list', async () => {
    const steps: string[] = [];
    const { booted, verdicts } = await runOn(protectedMachine, { step: ({ probe }) => steps.push(probe) });
    const names = probesOf(state).map(({ name }) => name);
    expect(booted.map(({ name }) => name)).toEqual(names);
    expect(verdicts.map(({ probe }) => probe)).toEqual(names);
    expect(steps).toEqual(names);
    expect(new Set(verdicts.map(({ outcome }) => outcome))).toEqual(new Set(['pass']));
  });

  it('keep the order of the list when boots end in another', async () => {
    let waiting = 0;
    const boot = async ([name]: readonly string[]): Promise<RiscvBootResult> => {
      for (let turns = waiting++ % 3 === 0 ? 5 : 1; turns > 0; turns--) await Promise.resolve();
      return protectedMachine(name!);
    };
    const verdicts = await runProbes({ state, boot, now: () => 0, parallel: 4 });
    expect(verdicts.map(({ probe }) => probe)).toEqual(probesOf(state).map(({ name }) => name));
  });

  it.each([
    [
      'was stopped',
      'fail',
      {
        outcome: 'killed',
        status: -1,
        reason: 'x',
        console: 'probe control tries 0x1 0x1\nvm fault on data at address 0x1 with status 0x7\n',
      },
    ],
    ['was not heard of', 'unknown', { outcome: 'timeout', status: -1, reason: 'still running', console: '' }],
    ['never ran', 'unknown', { outcome: 'refused', status: -1, reason: 'made for another kernel', console: '' }],
  ] as const)('say nothing of the others when the control %s', async (_, outcome, result) => {
    const { booted, verdicts } = await runOn(() => result);
    // What cannot be judged is tried once more.
    expect(booted).toHaveLength(outcome === 'unknown' ? 2 : 1);
    expect(verdicts).toMatchObject([{ probe: 'control', outcome }]);
  });

  it('run those that were asked for, and the control', async () => {
    const { booted } = await runOn(protectedMachine, { only: ['write-text', 'page-map'] });
    expect(booted.map(({ name }) => name)).toEqual(['control', 'write-text', 'page-map']);
    expect((await runOn(protectedMachine, { only: ['control'] })).booted).toHaveLength(1);
  });

  it('are refused by a name that is none, before anything boots', async () => {
    const boot = (): Promise<RiscvBootResult> => Promise.reject(new Error('booted'));
    const run = { boot, now: () => 0 };
    const error = await rejectionOf(runProbes({ ...run, state, only: ['write-text', 'write-moon'] }));
    expect(error.code).toBe('usage');
    expect(error.message).toMatch(/^write-moon: no such probe; there are control, read-text, /);
    const moved = rejectionOf(runProbes({ ...run, state: { ...state, aslr: 'boot' }, only: ['write-bootinfo'] }));
    expect((await moved).message).toContain('write-bootinfo: no such probe');
  });

  it('wait for silence several times as long as the control took, where a kernel says nothing', async () => {
    const silent = { ...state, tells: false };
    const timeouts = async (milliseconds: number, over: Partial<ProbeRun> = {}): Promise<Set<number>> => {
      const { booted } = await runOn(protectedMachine, { state: silent, ...over }, milliseconds);
      expect(booted[0]!.timeout).toBe(60);
      return new Set(booted.slice(1).flatMap(({ name, timeout }) => (name === 'sweep-names' ? [] : [timeout])));
    };
    expect(await timeouts(100)).toEqual(new Set([5]));
    expect(await timeouts(3000)).toEqual(new Set([12]));
    expect(await timeouts(3000, { parallel: 2 })).toEqual(new Set([24]));
    expect(await timeouts(50_000)).toEqual(new Set([60]));
    const { booted } = await runOn(protectedMachine, { state: silent });
    expect(booted.find(({ name }) => name === 'sweep-names')!.timeout).toBe(60);
    expect(new Set((await runOn(protectedMachine)).booted.map(({ timeout }) => timeout))).toEqual(new Set([60]));
  });

  it('have all the time there is when the first did not do, on a kernel that says nothing', async () => {
    const late = { ...state, tells: false };
    let tried = 0;
    const machine = (name: string): RiscvBootResult =>
      name === 'page-map' && tried++ === 0
        ? { outcome: 'timeout', status: -1, reason: 'still running', console: '' }
        : protectedMachine(name);
    const { booted, verdicts } = await runOn(machine, { state: late, only: ['page-map'] });
    expect(booted.map(({ timeout }) => timeout)).toEqual([60, 5, 60]);
    expect(verdicts.at(-1)).toMatchObject({ probe: 'page-map', outcome: 'pass' });
  });
});

/**
 * Running the probes: one boot each, the control first, because a machine on which it does not succeed proves nothing.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Host } from '../hvt/machine.ts';
import { inParallel } from '../hvt/run-probes.ts';
import { bootRiscv, type RiscvBootOptions } from './boot.ts';
import { judgeProbe, machineOf, type ProbedMachine, type ProbedState, type ProbeVerdict } from './judge-probe.ts';
import { type Probe, probes } from './probes.ts';

export interface ProbeRun {
  /** The probes' unikernel, plain or hardened. */
  readonly image: string;
  readonly state: ProbedState;
  /** Memory, machine, processor model and time limit, as for any boot; the limit's default is 60 s. */
  readonly boot?: Omit<Partial<RiscvBootOptions>, 'image' | 'args'>;
  /** Which probes, by name; default: all. The control always runs. */
  readonly only?: readonly string[];
  /** How many boots at a time; default 1. */
  readonly parallel?: number;
  /** Called with each verdict as it is known. */
  readonly step?: (verdict: ProbeVerdict) => void;
}

export interface ProbeReport {
  /** As the control found it; undefined when it did not come to say so. */
  readonly machine: ProbedMachine | undefined;
  /** In the order of the list. */
  readonly verdicts: readonly ProbeVerdict[];
}

/** QEMU's serial port of this machine loses characters on a busy host, and what is unclear then may be clear later. */
function attemptsOn(machine: string | undefined): number {
  return machine?.startsWith('sifive_u') === true ? 5 : 1;
}

function checkNames(names: readonly string[]): void {
  const unknown = names.find((name) => !probes.some((probe) => probe.name === name));
  if (unknown !== undefined)
    fail('usage', `${printable(unknown)}: no such probe; there are ${probes.map(({ name }) => name).join(', ')}`);
}

/**
 * Boots every probe and judges it. Throws a CasemateError 'usage' for a name that is no probe's, and what bootRiscv
 * throws; a control that does not succeed is a verdict, and then the only one.
 */
export async function runProbes(run: ProbeRun, host: Host): Promise<ProbeReport> {
  checkNames(run.only ?? []);
  const timeout = run.boot?.machine?.startsWith('sifive_u') === true ? 15 : 60;
  const judge = async (probe: Probe): Promise<{ verdict: ProbeVerdict; console: string }> => {
    for (let left = attemptsOn(run.boot?.machine); ; left--) {
      const result = await bootRiscv({ timeout, ...run.boot, image: run.image, args: [probe.name] }, host);
      const verdict = judgeProbe(probe, run.state, result);
      if (verdict.outcome === 'unknown' && left > 1) continue;
      run.step?.(verdict);
      return { verdict, console: result.console };
    }
  };
  const [control, ...others] = probes as [Probe, ...Probe[]];
  const first = await judge(control);
  const machine = machineOf(first.console);
  if (first.verdict.outcome !== 'pass') return { machine, verdicts: [first.verdict] };
  const wanted = others.filter(({ name }) => run.only?.includes(name) ?? true);
  const verdicts = await inParallel(wanted, run.parallel ?? 1, async (probe) => (await judge(probe)).verdict);
  return { machine, verdicts: [first.verdict, ...verdicts] };
}

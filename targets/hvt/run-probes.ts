/**
 * Running the probes: one boot each, the control first, because its processor decides what the others have to meet and
 * because a machine on which it does not succeed proves nothing.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { type BootOptions, type BootResult, bootHvt } from './boot.ts';
import { judgeProbe, machineOf, type ProbedState, type ProbeVerdict } from './judge-probe.ts';
import type { Host } from './machine.ts';
import { type Probe, probes, type TextGuard } from './probes.ts';

export interface ProbeRun {
  /** The probes' unikernel, stock or hardened. */
  readonly image: string;
  readonly state: ProbedState;
  /** Where a hardened image has its stub; without it the probes that want to know are left out. */
  readonly stub?: bigint;
  /** Memory, processor model, tender and time limit, as for any boot; the limit's default is 60 s. */
  readonly boot?: Omit<Partial<BootOptions>, 'image' | 'args'>;
  /** Which probes, by name; default: all. The control always runs. */
  readonly only?: readonly string[];
  /** How many boots at a time; default 1. */
  readonly parallel?: number;
  /** Called with each verdict as it is known. */
  readonly step?: (verdict: ProbeVerdict) => void;
}

export interface ProbeReport {
  /** What the processor has to hide text with. */
  readonly guard: TextGuard;
  /** In the order of the list. */
  readonly verdicts: readonly ProbeVerdict[];
}

function argumentsOf(probe: Probe, address: bigint | undefined): string[] {
  const argument = probe.needs === 'stub' ? hex(address!) : probe.argument;
  return argument === undefined ? [probe.name] : [probe.name, argument];
}

/** Runs `work` on every item, `parallel` at a time; results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
  return results;
}

function checkNames(names: readonly string[]): void {
  const unknown = names.find((name) => !probes.some((probe) => probe.name === name));
  if (unknown !== undefined)
    fail('usage', `${printable(unknown)}: no such probe; there are ${probes.map(({ name }) => name).join(', ')}`);
}

/**
 * Boots every probe and judges it. Throws a CasemateError 'usage' for a name that is no probe's, and what bootHvt
 * throws; a control that does not succeed is a verdict, and then the only one.
 */
export async function runProbes(run: ProbeRun, host: Host): Promise<ProbeReport> {
  checkNames(run.only ?? []);
  const bootProbe = (probe: Probe, address: bigint | undefined): Promise<BootResult> =>
    bootHvt({ timeout: 60, ...run.boot, image: run.image, args: argumentsOf(probe, address) }, host);
  const [control, ...others] = probes;
  const result = await bootProbe(control, undefined);
  const machine = machineOf(result.console);
  const guard = machine?.guard ?? 'none';
  // Where there is no stub, its probes must show that they work.
  const address = run.state === 'stock' ? machine?.text : run.stub;
  const first = judgeProbe(control, run.state, guard, result);
  run.step?.(first);
  if (first.outcome !== 'pass') return { guard, verdicts: [first] };
  const wanted = others.filter(
    (probe) => (run.only?.includes(probe.name) ?? true) && (probe.needs === undefined || address !== undefined),
  );
  const verdicts = await inParallel(wanted, run.parallel ?? 1, async (probe) => {
    const verdict = judgeProbe(probe, run.state, guard, await bootProbe(probe, address));
    run.step?.(verdict);
    return verdict;
  });
  return { guard, verdicts: [first, ...verdicts] };
}

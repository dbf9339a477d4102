/**
 * Running the probes of a root task: one boot each, the control first, because a machine on which it does not succeed
 * proves nothing. How long the control takes decides how long silence must last where a kernel does not say what it
 * stops.
 */
import { fail, printable } from '../../base/errors.ts';
import { inParallel } from '../hvt/run-probes.ts';
import type { RiscvBootResult } from '../riscv64/boot.ts';
import { judgeProbe, type ProbeVerdict } from './judge-probe.ts';
import { type Probe, type ProbedState, probesOf } from './probes.ts';

export interface ProbeRun {
  readonly state: ProbedState;
  /** Boots the probes' unikernel with these arguments, for so many seconds at most. */
  readonly boot: (args: readonly string[], timeout: number) => Promise<RiscvBootResult>;
  /** Milliseconds of some clock. */
  readonly now: () => number;
  /** Which probes, by name; default: all. The control always runs. */
  readonly only?: readonly string[];
  /** How many boots at a time; default 1. */
  readonly parallel?: number;
  /** Called with each verdict as it is known. */
  readonly step?: (verdict: ProbeVerdict) => void;
}

/** Seconds. */
const LONGEST = 60;

/** Verdicts in the order of the list; a control that does not succeed is a verdict, and then the only one. Errors: 'usage'. */
export async function runProbes(run: ProbeRun): Promise<ProbeVerdict[]> {
  const probes = probesOf(run.state);
  const unknown = run.only?.find((name) => !probes.some((probe) => probe.name === name));
  if (unknown !== undefined)
    fail('usage', `${printable(unknown)}: no such probe; there are ${probes.map(({ name }) => name).join(', ')}`);
  const judge = async (probe: Probe, timeout: number): Promise<ProbeVerdict> => {
    const boot = async (limit: number) => judgeProbe(probe, run.state, await run.boot([probe.name], limit));
    const short = await boot(timeout);
    // On a busy machine a guest may not have come to its attempt yet, or a kernel may have measured a clock that cannot be:
    // then it is tried once more, with all the time there is.
    const verdict = short.outcome === 'unknown' ? await boot(LONGEST) : short;
    run.step?.(verdict);
    return verdict;
  };
  const [control, ...others] = probes as [Probe, ...Probe[]];
  const start = run.now();
  const first = await judge(control, LONGEST);
  if (first.outcome !== 'pass') return [first];
  const parallel = run.parallel ?? 1;
  // Several times what the control took, and more when boots share the machine.
  const silence = Math.min(LONGEST, Math.max(5, Math.ceil(((run.now() - start) / 1000) * 4 * parallel)));
  const wanted = others.filter(({ name }) => run.only?.includes(name) ?? true);
  // The sweep makes thousands of calls, each of which a kernel that prints complains about.
  const timeoutOf = ({ name }: Probe): number => (run.state.tells || name === 'sweep-names' ? LONGEST : silence);
  return [first, ...(await inParallel(wanted, parallel, (probe) => judge(probe, timeoutOf(probe))))];
}

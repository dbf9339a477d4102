/**
 * What a probe's boot proves: how it ended, read from the guest's console, against how it had to end.
 *
 * A probe announces the addresses that it goes for, and a fault elsewhere is not the fault that was asked for: an image
 * that crashes for another reason must not pass for a protected one. Nor must one that never got as far as trying.
 */

import { hex } from '../../base/errors.ts';
import type { JudgedProbe } from '../platform/probe-verdict.ts';
import type { BootResult } from './boot.ts';
import type { Access, ByProcessor, Ending, Probe, TextGuard } from './probes.ts';

/** How a boot ended. */
export type Observed =
  | { readonly kind: 'succeeds' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'faults'; readonly access: Access; readonly address: bigint; readonly error: number }
  | { readonly kind: 'traps'; readonly vector: number }
  | { readonly kind: 'killed'; readonly reason: string }
  | { readonly kind: 'aborts'; readonly message: string }
  /** Nothing that can be judged. */
  | { readonly kind: 'unclear'; readonly reason: string };

export type ProbeVerdict = JudgedProbe<Observed>;

const number = '(0x[0-9a-f]{1,16})';
const trapLine = new RegExp(
  `^casemate: ABORT: trap (\\d{1,2}) \\([^)]*\\)(?: (reading|writing|executing) ${number} \\([^)]*\\))?: error ${number},`,
  'm',
);

/** The part of a console from the probe's announcement on, and the announced addresses. */
export function announcement(name: string, output: string): { low: bigint; high: bigint; rest: string } | undefined {
  const found = new RegExp(`^probe ${name} tries ${number} ${number}\\n`, 'm').exec(output);
  if (found === null) return undefined;
  return { low: BigInt(found[1]), high: BigInt(found[2]), rest: output.slice(found.index + found[0].length) };
}

function unclear(reason: string): Observed {
  return { kind: 'unclear', reason };
}

/** What stopped the guest after its announcement, in its own words. */
function trapOf(rest: string, low: bigint, high: bigint): Observed {
  const trap = trapLine.exec(rest);
  if (trap === null) {
    const abort = /^casemate: ABORT: (.*)$/m.exec(rest);
    return abort === null ? unclear('the guest aborted without a word') : { kind: 'aborts', message: abort[1] };
  }
  const vector = Number(trap[1]);
  if (vector !== 14) return { kind: 'traps', vector };
  const address = BigInt(trap[3] ?? '0x0');
  if (trap[2] === undefined || address < low || address > high)
    return unclear(`a fault at ${hex(address)}, while the probe went for ${hex(low)} to ${hex(high)}`);
  return { kind: 'faults', access: trap[2] as Access, address, error: Number(trap[4]) };
}

/** How the boot of the probe `name` ended. */
export function observe(name: string, result: BootResult): Observed {
  const announced = announcement(name, result.console);
  if (announced === undefined) {
    const end = result.outcome === 'halted' ? `halted with status ${result.status}` : result.reason;
    return unclear(`the probe did not come to its attempt: ${end}`);
  }
  const { rest, low, high } = announced;
  switch (result.outcome) {
    case 'killed':
      return { kind: 'killed', reason: result.reason };
    case 'halted':
      if (result.status === 0 && new RegExp(`^probe ${name} succeeded 0x[0-9a-f]+\\n$`).test(rest))
        return { kind: 'succeeds' };
      if (result.status === 0 && rest === `probe ${name} found nothing\n`) return { kind: 'nothing' };
      if (result.status === 255) return trapOf(rest, low, high);
      return unclear(`the guest halted with status ${result.status}`);
    default:
      return unclear(result.reason);
  }
}

/** What the control's console says of its machine; undefined when it says nothing. */
export function machineOf(controlConsole: string): { guard: TextGuard; text: bigint } | undefined {
  const machine = new RegExp(`^machine (smap|-) (pku|-) ${number}$`, 'm').exec(controlConsole);
  if (machine === null) return undefined;
  const features = [machine[2], machine[1]].filter((feature) => feature !== '-').join('+');
  return { guard: (features === '' ? 'none' : features) as TextGuard, text: BigInt(machine[3]) };
}

/** Stock, or hardened: 'absent' when the stub lies below the image and is absent once it has run. */
export type ProbedState = 'stock' | 'hardened' | 'absent';

/** How `probe` has to end. */
export function expectedEnding(probe: Probe, state: ProbedState, guard: TextGuard): Ending {
  if (state === 'absent' && probe.absent !== undefined) return probe.absent;
  const ending: Ending | ByProcessor = state === 'stock' ? probe.stock : probe.hardened;
  return 'kind' in ending ? ending : ending[guard];
}

function matches(expected: Ending, observed: Observed): boolean {
  switch (expected.kind) {
    case 'faults':
      return (
        observed.kind === 'faults' && observed.access === expected.access && expected.errors.includes(observed.error)
      );
    case 'traps':
      return observed.kind === 'traps' && observed.vector === expected.vector;
    case 'aborts':
      return observed.kind === 'aborts' && observed.message.includes(expected.message);
    default:
      return observed.kind === expected.kind;
  }
}

/** In words, for people. */
export function describeObserved(observed: Observed): string {
  switch (observed.kind) {
    case 'succeeds':
      return 'nothing stopped it';
    case 'nothing':
      return 'nothing is left there';
    case 'faults':
      return `page fault ${observed.access} ${hex(observed.address)}, error ${hex(observed.error)}`;
    case 'traps':
      return `trap ${observed.vector}`;
    case 'killed':
      return `the tender ended it: ${observed.reason}`;
    case 'aborts':
      return `aborted: ${observed.message}`;
    case 'unclear':
      return observed.reason;
  }
}

function describeExpected(expected: Ending): string {
  switch (expected.kind) {
    case 'succeeds':
      return 'nothing may stop it';
    case 'nothing':
      return 'nothing to be left there';
    case 'faults':
      return `a page fault ${expected.access}, error ${expected.errors.map((error) => hex(error)).join(' or ')}`;
    case 'traps':
      return `trap ${expected.vector}`;
    case 'killed':
      return "the tender's end of it";
    case 'aborts':
      return `an abort: ${expected.message}`;
  }
}

/** Judges one probe's boot. */
export function judgeProbe(probe: Probe, state: ProbedState, guard: TextGuard, result: BootResult): ProbeVerdict {
  const observed = observe(probe.name, result);
  const expected = expectedEnding(probe, state, guard);
  const found = describeObserved(observed);
  if (matches(expected, observed)) return { probe: probe.name, outcome: 'pass', found, observed };
  const outcome = observed.kind === 'unclear' ? 'unknown' : 'fail';
  return { probe: probe.name, outcome, found: `${found}; expected ${describeExpected(expected)}`, observed };
}

/**
 * What a probe's boot proves: how it ended, read from the guest's console, against how it had to end.
 *
 * A probe announces the addresses that it goes for. A trap counts only when its stval, which is the machine's own word for
 * the address, is one of them: an image that crashes for another reason must not pass for a protected one. Nor must one
 * that never got as far as trying.
 */

import { hex } from '../../base/errors.ts';
import { announcement } from '../hvt/judge-probe.ts';
import type { JudgedProbe } from '../platform/probe-verdict.ts';
import type { RiscvBootResult } from './boot.ts';
import { CAUSES, type Cause, type Ending, type Probe } from './probes.ts';
import { MODES, type Mode } from './stage0/config.ts';

/** How a boot ended. */
export type Observed =
  | { readonly kind: 'succeeds'; readonly value: bigint }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'faults'; readonly cause: Exclude<Cause, 'illegal'>; readonly address: bigint }
  | { readonly kind: 'illegal' }
  | { readonly kind: 'aborts'; readonly message: string }
  /** Nothing that can be judged. */
  | { readonly kind: 'unclear'; readonly reason: string };

export type ProbeVerdict = JudgedProbe<Observed>;

const number = '(0x[0-9a-f]{1,16})';
const trapLine = new RegExp(`^casemate: ABORT: trap: scause ${number} stval ${number} sepc ${number}$`, 'm');

function unclear(reason: string): Observed {
  return { kind: 'unclear', reason };
}

/** What stopped the guest after its announcement, in its own words. */
function trapOf(rest: string, low: bigint, high: bigint): Observed {
  const trap = trapLine.exec(rest);
  if (trap === null) {
    const abort = /^casemate: ABORT: (.*)$/m.exec(rest);
    return abort === null ? unclear('the guest aborted without a word') : { kind: 'aborts', message: abort[1]! };
  }
  const [number, address, pc] = trap.slice(1).map(BigInt) as [bigint, bigint, bigint];
  const cause = (Object.keys(CAUSES) as Cause[]).find((name) => BigInt(CAUSES[name]) === number);
  if (cause === undefined) return unclear(`a trap of cause ${number}`);
  // An instruction that does not exist ends at its own address, a little after what was jumped to; stval is no address.
  const at = cause === 'illegal' ? pc : address;
  const reach = cause === 'illegal' ? 64n : 0n;
  if (at < low || at > high + reach)
    return unclear(`a trap of cause ${number} at ${hex(at)}, while the probe went for ${hex(low)} to ${hex(high)}`);
  return cause === 'illegal' ? { kind: 'illegal' } : { kind: 'faults', cause, address };
}

/** How the boot of the probe `name` ended. */
export function observe(name: string, result: RiscvBootResult): Observed {
  const announced = announcement(name, result.console);
  if (announced === undefined) {
    const end = result.outcome === 'halted' ? `halted with status ${result.status}` : result.reason;
    return unclear(`the probe did not come to its attempt: ${end}`);
  }
  if (result.outcome !== 'halted') return unclear(result.reason);
  const { rest, low, high } = announced;
  if (result.status === 255) return trapOf(rest, low, high);
  if (result.status !== 0) return unclear(`the guest halted with status ${result.status}`);
  if (rest === `probe ${name} found nothing\n`) return { kind: 'nothing' };
  const succeeded = new RegExp(`^probe ${name} succeeded ${number}\\n$`).exec(rest);
  return succeeded === null
    ? unclear('the guest ended well, and did not say how the probe ended')
    : { kind: 'succeeds', value: BigInt(succeeded[1]!) };
}

/** What the control's console says of its machine: the paging mode, and whether addresses could be drawn at random. */
export interface ProbedMachine {
  readonly mode: Mode | 'bare';
  readonly entropy: boolean;
}

/** Undefined when the console does not say. */
export function machineOf(controlConsole: string): ProbedMachine | undefined {
  const said = new RegExp(`^machine ${number} (entropy|-)$`, 'm').exec(controlConsole);
  if (said === null) return undefined;
  const entropy = said[2] === 'entropy';
  const satp = Number(said[1]);
  if (satp === 0) return { mode: 'bare', entropy };
  const mode = (Object.keys(MODES) as Mode[]).find((name) => MODES[name] === satp);
  return mode === undefined ? undefined : { mode, entropy };
}

export type ProbedState = 'plain' | 'hardened';

/** How `probe` has to end. */
export function expectedEnding(probe: Probe, state: ProbedState): Ending {
  return state === 'plain' ? probe.plain : probe.hardened;
}

function matches(expected: Ending, observed: Observed): boolean {
  switch (expected.kind) {
    case 'faults':
      return observed.kind === 'faults' && observed.cause === expected.cause;
    case 'aborts':
      return observed.kind === 'aborts' && observed.message.includes(expected.message);
    case 'no-code':
      return observed.kind === 'illegal' || (observed.kind === 'faults' && observed.cause === 'fetchAccess');
    default:
      return observed.kind === expected.kind;
  }
}

const causeWords: Readonly<Record<Exclude<Cause, 'illegal'>, string>> = {
  fetchAccess: 'access fault executing',
  loadAccess: 'access fault reading',
  storeAccess: 'access fault writing',
  fetchPage: 'page fault executing',
  loadPage: 'page fault reading',
  storePage: 'page fault writing',
};

function causeText(cause: Exclude<Cause, 'illegal'>): string {
  return `${causeWords[cause]} (scause ${CAUSES[cause]})`;
}

/** In words, for people. */
export function describeObserved(observed: Observed): string {
  switch (observed.kind) {
    case 'succeeds':
      return 'nothing stopped it';
    case 'nothing':
      return 'it found nothing';
    case 'faults':
      return `${causeText(observed.cause)} at ${hex(observed.address)}`;
    case 'illegal':
      return 'it executed what is there, which is no instruction';
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
      return 'nothing to be found';
    case 'faults':
      return causeText(expected.cause);
    case 'no-code':
      return 'an illegal instruction, or an access fault executing';
    case 'aborts':
      return `an abort: ${expected.message}`;
  }
}

/** Judges one probe's boot. */
export function judgeProbe(probe: Probe, state: ProbedState, result: RiscvBootResult): ProbeVerdict {
  const observed = observe(probe.name, result);
  const expected = expectedEnding(probe, state);
  const found = describeObserved(observed);
  if (matches(expected, observed)) return { probe: probe.name, outcome: 'pass', found, observed };
  const outcome = observed.kind === 'unclear' ? 'unknown' : 'fail';
  return { probe: probe.name, outcome, found: `${found}; expected ${describeExpected(expected)}`, observed };
}

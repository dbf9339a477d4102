/**
 * What a probe's boot proves: how it ended, read from the console, against how it had to end.
 *
 * A kernel that prints names a fault and its address, and so does the first stage of an image with new addresses at
 * every start; the address must be one that the probe announced, and nothing may be heard of the program afterwards. Other
 * kernels stop the thread without a word: then, and only then, an attempt counts as stopped when its announcement is the
 * last that is heard, on a machine on which the control has succeeded.
 *
 * A program can print the line of a kernel's fault itself, and end in silence: no console can tell the two apart. So the
 * word of a probe is only worth something because the program is ours (probes/), made for the image's kernel and settings;
 * the program of the image under test never runs.
 */

import { hex } from '../../base/errors.ts';
import { announcement } from '../hvt/judge-probe.ts';
import type { JudgedProbe } from '../platform/probe-verdict.ts';
import type { RiscvBootResult } from '../riscv64/boot.ts';
import type { Access, Ending, Probe, ProbedState } from './probes.ts';

/** How a boot ended. */
export type Observed =
  | { readonly kind: 'succeeds'; readonly value: bigint }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly error: bigint }
  /** `code`: the kernel calls it a fault on code, else on data. */
  | { readonly kind: 'faults'; readonly code: boolean; readonly address: bigint; readonly status: bigint }
  /** Nothing more was heard. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'aborts'; readonly message: string }
  /** Nothing that can be judged. */
  | { readonly kind: 'unclear'; readonly reason: string };

export type ProbeVerdict = JudgedProbe<Observed>;

const number = '(0x[0-9a-f]{1,16})';
/** A number as the kernel prints it; a lone 0 is one, and the first digit of another is not. */
const printed = '(0x[0-9a-f]{1,16}|0)';
/** How a kernel that prints says that a thread is stopped: seL4, src/api/faults.c and src/kernel/faulthandler.c. */
const kernelFault = new RegExp(`^vm fault on (code|data) at address ${printed} with status ${printed}`, 'm');

/** How a first stage says it: first-stage/watch.c. */
const stageFault = new RegExp(
  `^casemate: ABORT: fault: (reading|writing|executing) ${number} at ${number}, status ${number}$`,
  'm',
);

const unclear = (reason: string): Observed => ({ kind: 'unclear', reason });

/** A fault that the kernel or the first stage tells of; undefined: none. `result` must have ended as such a fault ends it. */
function faultOf(rest: string, low: bigint, high: bigint, result: RiscvBootResult): Observed | undefined {
  const kernel = kernelFault.exec(rest);
  const fault = kernel ?? stageFault.exec(rest);
  if (fault === null) return undefined;
  const ended = kernel === null ? result.outcome === 'halted' && result.status === 255 : result.outcome === 'killed';
  if (!ended) return unclear('the console tells of a fault, and the guest went on');
  const [address, status] = [BigInt(fault[2]!), BigInt(fault.at(-1)!)];
  if (address < low || address > high)
    return unclear(`a fault at ${hex(address)}, while the probe went for ${hex(low)} to ${hex(high)}`);
  return { kind: 'faults', code: fault[1] === 'code' || fault[1] === 'executing', address, status };
}

/** What the program says of how its attempt ended. */
function saidOf(name: string, rest: string): Observed | undefined {
  const said = new RegExp(`^probe ${name} (?:(found nothing)|(succeeded|refused) ${number})$`, 'm').exec(rest);
  if (said === null) return undefined;
  if (said[1] !== undefined) return { kind: 'nothing' };
  const value = BigInt(said[3]!);
  return said[2] === 'succeeded' ? { kind: 'succeeds', value } : { kind: 'refused', error: value };
}

/** How the boot of the probe `name` ended. */
export function observe(name: string, result: RiscvBootResult): Observed {
  const announced = announcement(name, result.console);
  if (announced === undefined) {
    const end = result.outcome === 'halted' ? `halted with status ${result.status}` : result.reason;
    return unclear(`the probe did not come to its attempt: ${end}`);
  }
  const { rest, low, high } = announced;
  const said = saidOf(name, rest);
  const fault = faultOf(rest, low, high, result);
  if (fault !== undefined && said !== undefined)
    return unclear('the console tells of a fault, and of how the attempt ended besides');
  if (fault !== undefined) return fault;
  if (result.outcome === 'timeout')
    return rest === '' ? { kind: 'silent' } : unclear('the guest went on, and did not end');
  if (result.outcome !== 'halted') return unclear(result.reason);
  if (result.status === 255) {
    const abort = /^casemate: ABORT: (.*)$/m.exec(rest);
    return abort === null ? unclear('the guest aborted without a word') : { kind: 'aborts', message: abort[1]! };
  }
  if (result.status !== 0) return unclear(`the guest halted with status ${result.status}`);
  return said ?? unclear('the guest ended well, and did not say how the probe ended');
}

const accesses: Readonly<Record<Access, string>> = { read: 'reading', write: 'writing', execute: 'executing' };

function expectedWords(ending: Ending): string {
  switch (ending.kind) {
    case 'succeeds':
      return 'has to get through';
    case 'nothing':
      return 'has to find nothing';
    case 'refused':
      return 'has to be refused';
    case 'faults':
      return `has to be stopped ${accesses[ending.access]}`;
    case 'aborts':
      return `has to end with "${ending.message}"`;
  }
}

function observedWords(observed: Observed): string {
  switch (observed.kind) {
    case 'succeeds':
      return 'got through';
    case 'nothing':
      return 'found nothing';
    case 'refused':
      return `refused with seL4's error ${observed.error}`;
    case 'faults':
      return `stopped by a fault on ${observed.code ? 'code' : 'data'} at ${hex(observed.address)}, status ${hex(observed.status)}`;
    case 'silent':
      return 'not heard of again';
    case 'aborts':
      return `ended with "${observed.message}"`;
    case 'unclear':
      return observed.reason;
  }
}

/** Without no-execute a processor for x86-64 does not tell a fetch from a read; the address does. */
function sameAccess(access: Access, code: boolean, { machine }: ProbedState): boolean {
  return code === (access === 'execute') || (machine === 'x86-64' && access === 'execute');
}

function matches(ending: Ending, observed: Observed, state: ProbedState): boolean {
  if (ending.kind === 'faults')
    return (
      observed.kind === 'silent' || (observed.kind === 'faults' && sameAccess(ending.access, observed.code, state))
    );
  if (ending.kind === 'aborts') return observed.kind === 'aborts' && observed.message.includes(ending.message);
  return ending.kind === observed.kind;
}

/** What the boot of a probe comes to. */
export function judgeProbe(probe: Probe, state: ProbedState, result: RiscvBootResult): ProbeVerdict {
  const observed = observe(probe.name, result);
  const ending = probe.ends(state);
  const words = observedWords(observed);
  const verdict = { probe: probe.name, observed };
  if (observed.kind === 'unclear') return { ...verdict, outcome: 'unknown', found: words };
  if (observed.kind === 'silent' && state.tells)
    return { ...verdict, outcome: 'unknown', found: `${words}, and nothing said what stopped it` };
  if (matches(ending, observed, state)) return { ...verdict, outcome: 'pass', found: words };
  return { ...verdict, outcome: 'fail', found: `${words}; ${expectedWords(ending)}` };
}

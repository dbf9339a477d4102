/**
 * Functions that do not return, by what their code says and, where it does not say, by their names.
 *
 * Compilers put nothing behind a call of such a function; what comes next is another function, so where ways meet
 * (flow.ts) cannot be told before these are known. Of those that libraries name so it is looked whether any way leads from
 * their beginning to a return: a function that calls itself abort and returns is followed like any other. Where an
 * instruction on the way has no meaning (a system call), or a register says where it goes, the name is believed, and
 * that is said with the answer.
 */
import type { Flow } from './flow.ts';

/** As libraries and compilers name them. */
const names = [
  '__stack_chk_fail',
  '__stack_chk_fail_local',
  'abort',
  'exit',
  '_exit',
  '_Exit',
  '__assert_fail',
  '__fortify_fail',
  '__chk_fail',
  // Of the platform layer, and what a test of a verified function's precondition ends in.
  'casemate_precondition_failed',
  'solo5_exit',
  'solo5_abort',
];

const MOST_INSTRUCTIONS = 20_000;

/** Whether a way leads from the entry to a return; undefined: the code does not tell. */
function returns(entry: number, flowAt: (address: number) => Flow): boolean | undefined {
  const seen = new Set([entry]);
  const pending = [entry];
  let isClear = true;
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const { to, leaves, isUnclear } = flowAt(at);
    if (isUnclear === true) isClear = false;
    else if (leaves) return true;
    for (const next of to) {
      if (seen.has(next)) continue;
      if (seen.size >= MOST_INSTRUCTIONS) return undefined;
      seen.add(next);
      pending.push(next);
    }
  }
  return isClear ? false : undefined;
}

export interface NeverReturning {
  readonly all: ReadonlySet<number>;
  /** Of those, the ones that are only said to. */
  readonly believed: ReadonlySet<number>;
}

/** Addresses of functions of an image that do not return. */
export function neverReturning(
  symbols: ReadonlyMap<string, number>,
  flowAt: (address: number, neverReturns: ReadonlySet<number>) => Flow,
): NeverReturning {
  const entries = new Set(names.flatMap((name) => symbols.get(name) ?? []));
  const all = new Set<number>();
  // One of them ends in a call of another: what is shown of one is used for the next.
  for (let grows = true; grows; ) {
    grows = false;
    for (const entry of entries) {
      if (all.has(entry) || returns(entry, (at) => flowAt(at, all)) !== false) continue;
      all.add(entry);
      grows = true;
    }
  }
  const believed = new Set<number>();
  for (const entry of entries)
    if (!all.has(entry) && returns(entry, (at) => flowAt(at, all)) === undefined) believed.add(entry);
  return { all: new Set([...all, ...believed]), believed };
}

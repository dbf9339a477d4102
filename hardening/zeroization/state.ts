/**
 * Where a followed execution is: registers, flags, memory, and the calls that it is inside of.
 *
 * States part at a condition that nobody can decide and become one again where both ways meet. What then differs is
 * unknown, and depends on the secret if the condition did.
 */
import { type Flags, sourcesOf } from '../../machine/semantics/x86-64-flags.ts';
import { type Blocks, joinBlocks } from './blocks.ts';
import { commonFacts, type Facts } from './facts.ts';
import { type CallPath, copyMemory, type Joining, joinMemory, type Memory, settled } from './memory.ts';
import { unknown, type Value } from './values.ts';

/** A function that is being executed. */
export interface Frame {
  readonly parent?: Frame;
  readonly depth: number;
  /** The call that began it, and those around it. */
  readonly via: CallPath | undefined;
  /** Where its code begins. */
  readonly entry: number;
  /** An address, or what the caller of the function under question gave as one. */
  readonly returnTo: Value;
  /** The stack pointer's offset at its entry. */
  readonly stackPointer: number;
  /** General registers then. */
  readonly atEntry: readonly Value[];
}

export interface State {
  pc: number;
  frame: Frame | undefined;
  /** General registers. */
  general: Value[];
  /** Vector registers, in lanes of 64 bits. */
  vectors: (readonly Value[])[];
  flags: Flags<Value>;
  /** One bit, for all flags that floating point has raised on a machine that keeps them apart from its others. */
  raised: Value;
  memory: Memory;
  /** What branches on the way have shown. */
  facts: Facts;
  /** What was allocated or freed. */
  heap: Blocks;
  /** A call that put registers that hold the secret on the stack, nobody knows how deep. */
  spilled?: { readonly at: number; readonly by: string } | undefined;
}

export function copyState(state: State): State {
  return {
    ...state,
    general: [...state.general],
    vectors: [...state.vectors],
    memory: copyMemory(state.memory),
    heap: new Map(state.heap),
  };
}

const noFlags = (tainted: boolean): Flags<Value> => ({ kind: 'bits', from: [unknown(1, tainted ? 1 : 0)] });

const isTainted = (flags: Flags<Value>): boolean => sourcesOf(flags).some(({ taint }) => taint !== 0);

/** Flags that say nothing but what they may depend on. */
const isPlain = (flags: Flags<Value>): boolean =>
  flags.kind === 'bits' && [flags.cf, flags.of, flags.zf, flags.sf, flags.pf].every((flag) => flag === undefined);

/** Joins `b`, at the same place in the same calls, into `a`; whether `a` says something else now. */
export function joinState(joining: Joining, a: State, b: State): boolean {
  let changed = false;
  for (const [i, value] of a.general.entries()) {
    const next = settled(joining, value, b.general[i]!);
    if (next === undefined) continue;
    a.general[i] = next;
    changed = true;
  }
  for (const [i, lanes] of a.vectors.entries()) {
    const others = b.vectors[i]!;
    if (lanes === others) continue;
    const next = lanes.map((lane, j) => settled(joining, lane, others[j]!) ?? lane);
    if (next.every((lane, j) => lane === lanes[j])) continue;
    a.vectors[i] = next;
    changed = true;
  }
  if (a.flags !== b.flags) {
    const tainted = joining.isSecret || isTainted(a.flags) || isTainted(b.flags);
    if (!isPlain(a.flags) || isTainted(a.flags) !== tainted) {
      a.flags = noFlags(tainted);
      changed = true;
    }
  }
  const raised = settled(joining, a.raised, b.raised);
  if (raised !== undefined) {
    a.raised = raised;
    changed = true;
  }
  if (a.spilled === undefined && b.spilled !== undefined) {
    a.spilled = b.spilled;
    changed = true;
  }
  if (joinBlocks(a.heap, b.heap)) changed = true;
  const facts = commonFacts(a.facts, b.facts);
  if (facts !== a.facts) {
    a.facts = facts;
    changed = true;
  }
  return joinMemory(joining, a.memory, b.memory) || changed;
}

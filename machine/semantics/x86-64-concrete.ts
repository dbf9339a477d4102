/**
 * An x86-64 machine on numbers: the meanings of instructions, run.
 *
 * It has registers and memory and nothing else: no system, no faults. Memory that nobody wrote is not there, and reading
 * it ends the run, as does an instruction without a meaning; so a run that ends by its return used nothing but what it
 * was given. Values that are not modelled are drawn by whoever runs it: what a run gives whatever they are, is known.
 */
import { CasemateError, fail, hex } from '../../base/errors.ts';
import { type Pattern, patterns } from './algebra.ts';
import { BODY, execute } from './x86-64.ts';
import type { X8664Machine } from './x86-64-machine.ts';
import { LANES, type Operation, type Refusal } from './x86-64-operations.ts';

export interface ConcreteMachine extends X8664Machine<Pattern, boolean> {
  /** Bytes by address. */
  readonly memory: Map<number, number>;
  pc: number;
}

const zero = patterns.constant(0n, 64);

/** `opaque` gives a value of so many bits where none is modelled, flags that are undefined among them. */
export function createConcreteMachine(opaque: (width: number) => bigint, segmentBase = 0n): ConcreteMachine {
  const memory = new Map<number, number>();
  return {
    algebra: patterns,
    memory,
    pc: 0,
    general: Array.from({ length: 16 }, () => zero),
    vectors: Array.from({ length: 32 }, () => Array.from({ length: LANES }, () => zero)),
    flags: { kind: 'bits', from: [] },
    opaque: (_, width) => patterns.constant(opaque(width), width),
    segmentBase: () => patterns.constant(segmentBase, 64),
    load: ({ value }, bytes) => {
      let result = 0n;
      for (let i = bytes - 1; i >= 0; i--) {
        const byte = memory.get(Number(value) + i);
        if (byte === undefined) return fail('limit', `a run reads ${hex(value + BigInt(i))}, where nothing is`);
        result = (result << 8n) | BigInt(byte);
      }
      return patterns.constant(result, bytes * 8);
    },
    store: ({ value: address }, { value, width }) => {
      for (let i = 0; i < width / 8; i++) memory.set(Number(address) + i, Number((value >> BigInt(8 * i)) & 255n));
    },
  };
}

/**
 * Runs from the machine's pc until control comes to `end`, or to a place of `others`. A text says why it did not: an instruction that is refused,
 * one that stops, or more than `most` steps.
 */
export function runConcrete(
  machine: ConcreteMachine,
  operationAt: (address: number) => Operation | Refusal,
  end: number,
  most: number,
  others?: ReadonlyMap<number, unknown>,
): 'ended' | string {
  for (let steps = 0; machine.pc !== end && others?.has(machine.pc) !== true; steps++) {
    if (steps >= most) return `more than ${most} steps`;
    const { pc } = machine;
    const isBody = !Number.isInteger(pc);
    const operation = operationAt(isBody ? pc - BODY : pc);
    if ('refused' in operation) return `${hex(pc)}: ${operation.refused}`;
    let control: ReturnType<typeof execute<Pattern, boolean>>;
    try {
      control = execute(machine, operation, isBody);
    } catch (error) {
      if (error instanceof CasemateError) return `${hex(pc)}: ${error.message}`;
      throw error;
    }
    const next = operation.isRepeated && !isBody ? pc + BODY : operation.address + operation.length;
    if (control === undefined) machine.pc = next;
    else if (control.kind === 'goto') machine.pc = control.to;
    else if (control.kind === 'branch') machine.pc = control.condition ? control.to : next;
    else if (control.kind === 'stop') return `${hex(pc)}: the program stops`;
    else machine.pc = Number(control.target.value);
  }
  return 'ended';
}

/**
 * x86-64 code on numbers, by the same meaning of instructions with which it is executed on terms.
 *
 * What has no modelled value, a flag that the processor leaves undefined or an opaque instruction's result, ends the run
 * when it is asked for: then nothing is learned of the code.
 */
import { fail } from '../../base/errors.ts';
import { createOperationReader } from '../../machine/semantics/x86-64-code.ts';
import { createConcreteMachine, runConcrete } from '../../machine/semantics/x86-64-concrete.ts';
import { MOST_STEPS, putBytes, RETURN, type Run } from './run.ts';
import type { CodeImage } from './walk.ts';

/** Bytes from fs on to what stack protectors read there. Source: clang and gcc, -mstack-protector-guard=tls. */
export const THREAD_GUARD_OFFSET = 0x28;
/** Where fs is in a run, and what the protector's word is. */
const THREAD = 0x6fff0000;
const GUARD = 0x0dd5eeded1ceb00bn;

/** A function that runs code until it returns; false where it does not, or does what is not understood. */
export function createX8664Runner({ address, bytes }: Pick<CodeImage, 'address' | 'bytes'>) {
  const operationAt = createOperationReader([{ address, bytes }]);
  return (start: number, { registers, memory }: Run): boolean => {
    const machine = createConcreteMachine(() => fail('limit', 'a value that is not modelled'), BigInt(THREAD));
    putBytes({ registers, memory: machine.memory }, THREAD + THREAD_GUARD_OFFSET, GUARD, 8);
    for (const [place, byte] of memory) machine.memory.set(place, byte);
    for (const [i, value] of registers.entries()) machine.general[i] = value;
    machine.pc = start;
    if (runConcrete(machine, operationAt, RETURN, MOST_STEPS) !== 'ended') return false;
    for (const [place, byte] of machine.memory) memory.set(place, byte);
    for (const [i, value] of machine.general.entries()) registers[i] = value;
    return true;
  };
}

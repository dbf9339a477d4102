/**
 * Which machines' code casemate reads whole. Whatever follows instructions (veneers that wipe, validation) has to ask here:
 * an image is linked for more machines than these, and one's code must not be taken for another's. For a bound of the
 * stack less is enough (machine/stack-aarch64.ts).
 */
import { fail } from '../base/errors.ts';
import type { Machine } from '../linker/program.ts';

export type DecodedMachine = Exclude<Machine, 'aarch64'>;

/** Undefined for a machine whose code is not read. */
export function decodedMachine(machine: Machine): DecodedMachine | undefined {
  return machine === 'aarch64' ? undefined : machine;
}

/** Errors: 'unsupported-input' for a machine whose code is not read; `what` needs it. */
export function requireDecoded(machine: Machine, what: string): DecodedMachine {
  return (
    decodedMachine(machine) ??
    fail('unsupported-input', `${what}: the image is for ${machine}, whose code is not read; x86-64 and riscv64 are`)
  );
}

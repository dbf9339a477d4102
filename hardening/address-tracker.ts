/**
 * Which registers hold the address of a constant in text, for a few instructions.
 *
 * Hand-written assembly often loads a table in two steps: `lea table(%rip), %rax`, then `movdqa (%rax), %xmm0` within
 * the next lines. Following one register until it is overwritten, until control leaves, or for WINDOW instructions finds
 * these without a data-flow analysis; what is computed further away is not found, and the rule says so.
 */
import { type Effects, type Instruction, iced } from '../machine/decode-x86-64.ts';

const WINDOW = 32;

export interface AddressTracker {
  /** Whether any register is followed. */
  readonly active: () => boolean;
  /** From now on `register` holds `address`. */
  readonly give: (register: number, address: bigint) => void;
  /** Takes one instruction into account; returns the addresses through which it reads memory. */
  readonly step: (instruction: Instruction) => readonly bigint[];
  /** Control may have gone elsewhere. */
  readonly flow: (flowControl: number) => void;
  readonly forget: () => void;
}

export function createAddressTracker(effectsOf: (instruction: Instruction) => Effects): AddressTracker {
  const held = new Map<number, { address: bigint; left: number }>();
  return {
    active: () => held.size > 0,
    give: (register, address) => {
      held.set(register, { address, left: WINDOW });
    },
    step: (instruction) => {
      const bases = [instruction.memoryBase, instruction.memoryIndex].map((register) => held.get(register)?.address);
      const effects = effectsOf(instruction);
      for (const register of effects.writes) held.delete(register);
      for (const [register, entry] of held) if (--entry.left <= 0) held.delete(register);
      return effects.readsMemory ? bases.filter((address) => address !== undefined) : [];
    },
    flow: (flowControl) => {
      const { FlowControl } = iced();
      if (flowControl !== FlowControl.ConditionalBranch) held.clear();
    },
    forget: () => held.clear(),
  };
}

/**
 * Whether a function may read arguments from the stack, as its machine code shows.
 *
 * A veneer with a frame of its own moves what the caller has put on the stack out of place. So a function may have such a
 * veneer only if nothing at or above its return address is reached: by the stack pointer, by the frame register, or by an
 * address that is taken from them, in it or in what it jumps to at its end. What is not understood counts as reaching.
 */
import type { StackUse } from '../../machine/stack-use.ts';

/** What an instruction reaches by the stack pointer or the frame register. */
export interface StackOperand {
  readonly by: 'stack pointer' | 'frame' | 'elsewhere';
  /** Added to the register. */
  readonly displacement: number;
  /** It is taken as an address, from which code may go on. */
  readonly isAddress?: true;
}

export interface StackFunctions {
  /** Undefined: no function begins there. */
  readonly useAt: (entry: number) => StackUse | undefined;
  /** Operands of an instruction; 'copies': it puts one of the registers where it is not followed. */
  readonly operandsAt: (at: number) => readonly StackOperand[] | 'copies';
  /** Bytes from the stack pointer at the entry that do not belong to arguments: a return address. */
  readonly returnBytes: number;
  /**
   * Bytes at the top of a frame in which functions with a variable number of arguments keep those of registers, right below
   * those of the stack: from an address there code goes on to these.
   */
  readonly savedBytes: number;
}

/** Of the function that begins at `entry`. */
export function mayReadStackArguments(functions: StackFunctions, entry: number): boolean {
  const { useAt, operandsAt, returnBytes, savedBytes } = functions;
  const reached = new Set([entry]);
  const pending = [entry];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const use = useAt(next);
    if (use === undefined || use.problem !== undefined) return true;
    for (const [at, { depth, frame }] of use.depths) {
      const operands = operandsAt(Number(at));
      if (operands === 'copies') return true;
      for (const { by, displacement, isAddress } of operands) {
        const below = by === 'stack pointer' ? depth : frame;
        // Without a frame the register is one like others.
        if (
          by !== 'elsewhere' &&
          below !== undefined &&
          displacement - below >= returnBytes - (isAddress ? savedBytes : 0)
        )
          return true;
      }
    }
    for (const { target, depth, isJump } of use.calls) {
      if (isJump !== true) continue;
      // A part of the function that lies elsewhere, or one that is not known.
      if (depth > 0 || target === 'indirect') return true;
      if (reached.has(Number(target))) continue;
      reached.add(Number(target));
      pending.push(Number(target));
    }
  }
  return false;
}

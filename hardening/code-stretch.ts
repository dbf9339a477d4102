/**
 * A stretch of code whose fields that linking writes are masked, and what masking may ask: see code-identity.ts. Each
 * machine has a file that masks, code-mask-*.ts.
 */

export interface Stretch {
  readonly address: bigint;
  /** A copy, whose fields are set to zero. */
  readonly bytes: Uint8Array;
  /** Whether absolute addresses stand in instructions: the image has its place. */
  readonly isFixed: boolean;
  /** Of the global pointer, on RISC-V. */
  readonly globalPointer: bigint | undefined;
  /** What lies at an address: its name, '' where it has none, undefined where nothing is loaded. */
  readonly nameOf: (address: bigint) => string | undefined;
  /** Notes what a masked field at an offset refers to. */
  readonly note: (offset: number, name: string) => void;
}

/** Whether a target is in the stretch itself, where linking changes nothing. */
export const isWithin = ({ address, bytes }: Stretch, target: bigint): boolean =>
  address <= target && target < address + BigInt(bytes.length);

/** A function's code on numbers: what runs on all machines are made of. */
import { type Pattern, patterns } from '../../machine/semantics/algebra.ts';

export interface Run {
  /** General registers. */
  readonly registers: Pattern[];
  /** Bytes by address. */
  readonly memory: Map<number, number>;
}

/** The return address of a run. */
export const RETURN = 0xdead0000;

export const MOST_STEPS = 200_000;

export const number = (value: bigint | number): Pattern => patterns.constant(BigInt(value), 64);

export function putBytes({ memory }: Run, address: number, value: bigint, count: number): void {
  for (let i = 0; i < count; i++) memory.set(address + i, Number((value >> BigInt(8 * i)) & 255n));
}

/** Undefined where a byte is not there. */
export function bytesAt({ memory }: Run, address: number, count: number): bigint | undefined {
  let value = 0n;
  for (let i = count - 1; i >= 0; i--) {
    const byte = memory.get(address + i);
    if (byte === undefined) return undefined;
    value = (value << 8n) | BigInt(byte);
  }
  return value;
}

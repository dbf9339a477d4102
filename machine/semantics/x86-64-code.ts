/**
 * Operations by address: each instruction of some code is decoded when it is first come to, and kept.
 */
import { iced } from '../decode-x86-64.ts';
import type { CodeBytes, Refusal } from './code.ts';
import { operationOf } from './x86-64-decode.ts';
import type { Operation } from './x86-64-operations.ts';

export type { CodeBytes } from './code.ts';

const LONGEST = 15;

/** A function from addresses to operations. */
export function createOperationReader(code: readonly CodeBytes[]): (address: number) => Operation | Refusal {
  const known = new Map<number, Operation | Refusal>();
  const decode = (address: number): Operation | Refusal => {
    const part = code.find(({ address: from, bytes }) => from <= address && address < from + bytes.length);
    if (part === undefined) return { refused: 'no code is there' };
    const { Decoder, DecoderOptions } = iced();
    const from = address - part.address;
    const decoder = new Decoder(64, part.bytes.subarray(from, from + LONGEST), DecoderOptions.None);
    try {
      decoder.ip = BigInt(address);
      const instruction = decoder.decode();
      const operation = operationOf(instruction);
      instruction.free();
      return operation;
    } finally {
      decoder.free();
    }
  };
  return (address) => {
    let operation = known.get(address);
    if (operation === undefined) {
      operation = decode(address);
      known.set(address, operation);
    }
    return operation;
  };
}

/**
 * Operations by address: each instruction of some code is decoded when it is first come to, and kept.
 */
import { fail, hex } from '../../base/errors.ts';
import { type Instruction, iced } from '../decode-x86-64.ts';
import type { CodeBytes, Refusal } from './code.ts';
import { operationOf } from './x86-64-decode.ts';
import type { Operation } from './x86-64-operations.ts';

export type { CodeBytes } from './code.ts';

const LONGEST = 15;

type Decoder = InstanceType<ReturnType<typeof iced>['Decoder']>;

/** What is made of the instruction at an address, which is read and not kept; undefined where no code is. */
function decodedAt<T>(
  code: readonly CodeBytes[],
  address: number,
  use: (instruction: Instruction, decoder: Decoder) => T,
): T | undefined {
  const part = code.find(({ address: from, bytes }) => from <= address && address < from + bytes.length);
  if (part === undefined) return undefined;
  const { Decoder, DecoderOptions } = iced();
  const from = address - part.address;
  const decoder = new Decoder(64, part.bytes.subarray(from, from + LONGEST), DecoderOptions.None);
  try {
    decoder.ip = BigInt(address);
    const instruction = decoder.decode();
    const made = use(instruction, decoder);
    instruction.free();
    return made;
  } finally {
    decoder.free();
  }
}

/** A field of an instruction, in bytes from where that begins; without one, 0 bytes. */
export interface Field {
  readonly offset: number;
  readonly size: number;
}

/** Where the instruction at an address, which has been decoded, has its displacement and its (first) immediate. */
export function fieldsAt(
  code: CodeBytes,
  address: number,
): { readonly displacement: Field; readonly immediate: Field } {
  const found = decodedAt([code], address, (instruction, decoder) => {
    const offsets = decoder.getConstantOffsets(instruction);
    const { displacementOffset, displacementSize, immediateOffset, immediateSize } = offsets;
    offsets.free();
    return {
      displacement: { offset: displacementOffset, size: displacementSize },
      immediate: { offset: immediateOffset, size: immediateSize },
    };
  });
  return found ?? fail('limit', `${hex(address)}: no code is there`);
}

/** A function from addresses to operations. */
export function createOperationReader(code: readonly CodeBytes[]): (address: number) => Operation | Refusal {
  const known = new Map<number, Operation | Refusal>();
  const decode = (address: number): Operation | Refusal =>
    decodedAt(code, address, operationOf) ?? { refused: 'no code is there' };
  return (address) => {
    let operation = known.get(address);
    if (operation === undefined) {
      operation = decode(address);
      known.set(address, operation);
    }
    return operation;
  };
}

/**
 * Decoding x86-64 machine code: the one place that knows the decoder library.
 *
 * iced-x86 is WebAssembly and takes some 50 ms to load, so it is loaded when something is first decoded. Its
 * instruction object is reused for a whole sweep (an allocation for each of a million instructions would cost more than
 * decoding does); whoever visits reads what is wanted and keeps nothing.
 */
import { createRequire } from 'node:module';

type Iced = typeof import('iced-x86');

export type { Instruction } from 'iced-x86';

const load = createRequire(import.meta.url);
let loaded: Iced | undefined;

/** No instruction is longer. */
const MOST_BYTES = 15;

/** The library, for its enumerations. */
export function iced(): Iced {
  loaded ??= load('iced-x86') as Iced;
  return loaded;
}

/**
 * Decodes `bytes`, which lie at `address`, from start to end. `starts` are offsets at which an instruction is known to
 * begin, ascending: one that runs over such an offset is visited, and decoding goes on at the offset, so that data
 * between functions cannot put what follows out of step. After bytes that are no instruction (code 0) decoding goes on
 * one byte later. `constants` says where in the instruction its displacement and immediates are; whoever asks frees it.
 */
export function sweep(
  bytes: Uint8Array,
  address: bigint,
  starts: readonly number[],
  visit: (
    instruction: import('iced-x86').Instruction,
    offset: number,
    length: number,
    constants: () => import('iced-x86').ConstantOffsets,
  ) => void,
): void {
  const { Decoder, DecoderOptions, Instruction, Code } = iced();
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const instruction = new Instruction();
  try {
    decoder.ip = address;
    let position = 0;
    let next = 0;
    const moveTo = (offset: number): void => {
      decoder.position = offset;
      decoder.ip = BigInt.asUintN(64, address + BigInt(offset));
      position = offset;
    };
    const constants = (): import('iced-x86').ConstantOffsets => decoder.getConstantOffsets(instruction);
    while (position < bytes.length) {
      decoder.decodeOut(instruction);
      const invalid = instruction.code === Code.INVALID;
      const length = invalid ? 1 : instruction.length;
      visit(instruction, position, length, constants);
      while (next < starts.length && starts[next]! <= position) next++;
      const limit = starts[next] ?? bytes.length;
      if (position + length > limit) moveTo(limit);
      else if (invalid) moveTo(position + 1);
      else position += length;
    }
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** The instruction that `bytes` begin with, for people, in the syntax of Intel's manuals; undefined where it is none. */
export function instructionText(bytes: Uint8Array, address: bigint): string | undefined {
  const { Formatter, FormatterSyntax } = iced();
  const formatter = new Formatter(FormatterSyntax.Intel);
  let text: string | undefined;
  try {
    sweep(bytes.subarray(0, MOST_BYTES), address, [], (instruction, offset) => {
      if (offset === 0 && instruction.code !== iced().Code.INVALID) text = formatter.format(instruction);
    });
  } finally {
    formatter.free();
  }
  return text;
}

/** What an instruction does to registers and memory, by the library's tables. */
export interface Effects {
  /** Whether it reads the memory its operand names (loading an address, a prefetch or a long nop does not). */
  readonly readsMemory: boolean;
  /** Full 64-bit registers (numbers of the library) that it writes, wholly or in part. */
  readonly writes: readonly number[];
}

let factory: import('iced-x86').InstructionInfoFactory | undefined;

/** See Effects. Half a microsecond each: for the few instructions that matter. */
export function effectsOf(instruction: import('iced-x86').Instruction): Effects {
  const { InstructionInfoFactory, OpAccess, RegisterExt } = iced();
  factory ??= new InstructionInfoFactory();
  const reads = (access: number): boolean =>
    access === OpAccess.Read ||
    access === OpAccess.CondRead ||
    access === OpAccess.ReadWrite ||
    access === OpAccess.ReadCondWrite;
  const writes: number[] = [];
  let readsMemory = false;
  const info = factory.info(instruction);
  for (const used of info.usedMemory() as import('iced-x86').UsedMemory[]) {
    if (reads(used.access)) readsMemory = true;
    used.free();
  }
  for (const used of info.usedRegisters() as import('iced-x86').UsedRegister[]) {
    const { access } = used;
    if (access !== OpAccess.Read && access !== OpAccess.CondRead && access !== OpAccess.None) {
      writes.push(RegisterExt.fullRegister(used.register));
    }
    used.free();
  }
  info.free();
  return { readsMemory, writes };
}

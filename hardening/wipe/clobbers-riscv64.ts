/**
 * Which registers a function of an RV64 image may write, with all that it calls: see clobbers-x86-64.ts for what that is
 * asked for. Calls are those that the analysis of stack use has found, since an address takes two instructions.
 */
import { fail, hex } from '../../base/errors.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { registers } from '../../machine/assemble/riscv64.ts';
import { createInstruction, decodeRiscv64, Kind } from '../../machine/decode-riscv64.ts';
import type { StackUse } from '../../machine/stack-use.ts';
import type { Clobbers } from './clobbers-x86-64.ts';
import { codeSections } from './code.ts';
import { floatRegister } from './veneer-riscv64.ts';

/** The floating-point register that an instruction writes, if it is one that writes any. */
function floatWritten(word: number, length: number): number | undefined {
  if (length === 2) {
    // c.fld, c.fldsp
    if ((word & 0xe003) === 0x2000) return 8 + ((word >>> 2) & 7);
    return (word & 0xe003) === 0x2002 ? (word >>> 7) & 31 : undefined;
  }
  const rd = (word >>> 7) & 31;
  switch (word & 0x7f) {
    case 0x07:
    case 0x43:
    case 0x47:
    case 0x4b:
    case 0x4f:
      return rd;
    case 0x53: {
      // Comparisons, conversions to integers, moves to integers and classes write an integer register.
      const toInteger = [0x14, 0x18, 0x1c].includes(word >>> 27);
      return toInteger ? undefined : rd;
    }
    default:
      return undefined;
  }
}

/** Vector code: its registers are cleared by no veneer. */
function isVector(word: number, length: number): boolean {
  if (length !== 4) return false;
  const opcode = word & 0x7f;
  const width = (word >>> 12) & 7;
  return opcode === 0x57 || ((opcode === 0x07 || opcode === 0x27) && (width === 0 || width >= 5));
}

const wordAt = (bytes: Uint8Array, at: number, length: number): number => {
  const low = bytes[at]! | (bytes[at + 1]! << 8);
  return length === 2 ? low : (low | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
};

/** Whether the image has floating-point code. Errors: 'unsupported-input' for vector code. */
export function hasFloats(image: LinkedImage): boolean {
  const instruction = createInstruction();
  let floats = false;
  for (const { address, bytes } of codeSections(image))
    for (let at = 0; at + 2 <= bytes.length; at += instruction.length) {
      decodeRiscv64(bytes, at, instruction);
      if (instruction.length !== 2 && instruction.length !== 4) continue;
      const word = wordAt(bytes, at, instruction.length);
      if (isVector(word, instruction.length))
        fail('unsupported-input', `the code at ${hex(address + at)} is vector code, whose registers no veneer clears`);
      floats ||= floatWritten(word, instruction.length) !== undefined;
    }
  return floats;
}

export interface RiscvFunctions {
  readonly useAt: (entry: number) => StackUse | undefined;
  /** Bytes of the function that begins there. */
  readonly bytesAt: (entry: number) => Uint8Array | undefined;
}

function ownWrites(bytes: Uint8Array, writes: Set<string>): boolean {
  const instruction = createInstruction();
  for (let at = 0; at < bytes.length; at += instruction.length) {
    const { kind, rd, length } = decodeRiscv64(bytes, at, instruction);
    if (kind === Kind.invalid || length > 4) return false;
    if (rd !== 0) writes.add(registers[rd]!);
    const float = floatWritten(wordAt(bytes, at, length), length);
    const name = float === undefined ? undefined : floatRegister(float);
    if (name !== undefined) writes.add(name);
  }
  return true;
}

/** Registers by name, of the function that begins at `entry`. */
export function clobbersRiscv64({ useAt, bytesAt }: RiscvFunctions, entry: number): Clobbers {
  const writes = new Set<string>();
  const reached = new Set([entry]);
  const pending = [entry];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const use = useAt(next);
    const bytes = bytesAt(next);
    if (use === undefined || use.problem !== undefined || bytes === undefined || !ownWrites(bytes, writes))
      return undefined;
    for (const { target } of use.calls) {
      if (target === 'indirect') return undefined;
      if (reached.has(Number(target))) continue;
      reached.add(Number(target));
      pending.push(Number(target));
    }
  }
  return writes;
}

/** What an instruction reaches by the stack pointer and the frame register: see stack-arguments.ts. */
export function stackOperandsRiscv64(bytes: Uint8Array, at: number) {
  const SP = 2;
  const S0 = 8;
  const instruction = createInstruction();
  const { kind, rd, rs1, imm, length } = decodeRiscv64(bytes, at, instruction);
  const operand = (by: 'stack pointer' | 'frame') => [{ by, displacement: imm } as const];
  const address = (by: 'stack pointer' | 'frame') => [{ by, displacement: imm, isAddress: true } as const];
  switch (kind) {
    case Kind.load:
    case Kind.store: {
      // What is stored may be the stack pointer itself.
      if (kind === Kind.store && storedRegister(wordAt(bytes, at, length), length) === SP) return 'copies' as const;
      return rs1 === SP ? operand('stack pointer') : rs1 === S0 ? operand('frame') : [];
    }
    case Kind.addi:
      if (rd === SP || (rd === S0 && rs1 === SP)) return [];
      return rs1 === SP ? address('stack pointer') : rs1 === S0 ? address('frame') : [];
    case Kind.other: {
      if (rd === SP) return [];
      return readsRegister(wordAt(bytes, at, length), length, SP) ? ('copies' as const) : [];
    }
    default:
      return [];
  }
}

function storedRegister(word: number, length: number): number {
  if (length === 4) return (word >>> 20) & 31;
  return (word & 3) === 2 ? (word >>> 2) & 31 : 8 + ((word >>> 2) & 7);
}

/** Whether an instruction of two register operands may read a register. */
function readsRegister(word: number, length: number, register: number): boolean {
  if (length === 2) return (word & 3) === 2 && ((word >>> 2) & 31) === register;
  const opcode = word & 0x7f;
  const isRegisters = opcode === 0x33 || opcode === 0x3b;
  return ((word >>> 15) & 31) === register || (isRegisters && ((word >>> 20) & 31) === register);
}

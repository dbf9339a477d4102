/**
 * What x86-64 instructions do to the stack pointer: see stack-use.ts.
 *
 * Any instruction that writes RSP and is not listed is unknown, by the decoder's tables of what is written; RBP is the
 * frame pointer where it is given the stack pointer, and R11 the limit of loops that probe a large frame's pages.
 * Source: Intel SDM volume 2; clang's -fstack-clash-protection for the shape of the loops.
 */
import { effectsOf, type Instruction, iced } from './decode-x86-64.ts';
import type { StackEffect, Step } from './stack-use.ts';

const none: StackEffect = { kind: 'none' };
const unknown: StackEffect = { kind: 'unknown' };

/** An immediate as a signed number. */
const immediate = (instruction: Instruction): number => Number(BigInt.asIntN(64, instruction.immediate(1)));

function effectOf(instruction: Instruction): StackEffect {
  const { Code, Register, Mnemonic } = iced();
  const { code, mnemonic } = instruction;
  const to = instruction.opCount > 0 ? instruction.op0Register : Register.None;
  const from = instruction.opCount > 1 ? instruction.op1Register : Register.None;
  if (mnemonic === Mnemonic.Push || mnemonic === Mnemonic.Pushfq)
    return instruction.stackPointerIncrement === -8 ? { kind: 'grow', bytes: 8 } : unknown;
  if (mnemonic === Mnemonic.Popfq) return { kind: 'grow', bytes: -8 };
  if (mnemonic === Mnemonic.Pop) {
    if (instruction.stackPointerIncrement !== 8 || to === Register.RSP) return unknown;
    const forgets = to === Register.RBP ? 'frame' : to === Register.R11 ? 'limit' : undefined;
    return { kind: 'grow', bytes: -8, ...(forgets && { forgets }) };
  }
  if (mnemonic === Mnemonic.Leave) return { kind: 'restore', bytes: -8, forgets: 'frame' };
  switch (code) {
    case Code.Sub_rm64_imm8:
    case Code.Sub_rm64_imm32:
      if (to === Register.RSP) return { kind: 'grow', bytes: immediate(instruction) };
      if (to === Register.R11) return { kind: 'lower', bytes: immediate(instruction) };
      break;
    case Code.Add_rm64_imm8:
    case Code.Add_rm64_imm32:
      if (to === Register.RSP) return { kind: 'grow', bytes: -immediate(instruction) };
      break;
    case Code.And_rm64_imm8:
    case Code.And_rm64_imm32: {
      const bytes = -immediate(instruction);
      if (to === Register.RSP) return bytes > 0 && (bytes & (bytes - 1)) === 0 ? { kind: 'align', bytes } : unknown;
      break;
    }
    case Code.Mov_r64_rm64:
    case Code.Mov_rm64_r64:
      if (to === Register.RBP && from === Register.RSP) return { kind: 'keep', register: 'frame', bytes: 0 };
      if (to === Register.R11 && from === Register.RSP) return { kind: 'keep', register: 'limit', bytes: 0 };
      if (to === Register.RSP && from === Register.RBP) return { kind: 'restore', bytes: 0 };
      break;
    case Code.Lea_r64_m: {
      const plain = instruction.memoryIndex === Register.None && instruction.memorySegment !== Register.FS;
      const bytes = -Number(BigInt.asIntN(64, instruction.memoryDisplacement));
      const base = plain ? instruction.memoryBase : Register.None;
      if (to === Register.RSP && base === Register.RSP) return { kind: 'grow', bytes };
      if (to === Register.RSP && base === Register.RBP) return { kind: 'restore', bytes };
      if (to === Register.R11 && base === Register.RSP) return { kind: 'keep', register: 'limit', bytes };
      break;
    }
    case Code.Cmp_r64_rm64:
    case Code.Cmp_rm64_r64:
      if (to === Register.RSP && from === Register.R11) return { kind: 'compare' };
      break;
  }
  return mnemonic === Mnemonic.Call || mnemonic === Mnemonic.Ret ? none : writesOf(instruction);
}

/** What follows from the registers that an instruction writes. */
function writesOf(instruction: Instruction): StackEffect {
  const { Register } = iced();
  const { writes } = effectsOf(instruction);
  if (writes.includes(Register.RSP)) return unknown;
  if (writes.includes(Register.RBP)) return { kind: 'forget', register: 'frame' };
  return writes.includes(Register.R11) ? { kind: 'forget', register: 'limit' } : none;
}

/** The table of a jump as code at fixed addresses has it: `jmp *table(,%reg,8)`. */
function tableOf(instruction: Instruction): { readonly table?: bigint } {
  const { Register, OpKind } = iced();
  const isTable =
    instruction.op0Kind === OpKind.Memory &&
    instruction.memoryBase === Register.None &&
    instruction.memoryIndex !== Register.None &&
    instruction.memoryIndexScale === 8;
  return isTable ? { table: instruction.memoryDisplacement } : {};
}

/**
 * Reads the instructions of a function in the order of their addresses. A far return to the instruction behind it, whose
 * address was pushed just before, only loads the code segment, as start-up code does: it goes on there.
 */
export function createStepReader(): (instruction: Instruction) => Step | undefined {
  const { Code, Mnemonic, Register } = iced();
  let given: { readonly register: number; readonly address: bigint } | undefined;
  let pushed: bigint | undefined;
  return (instruction) => {
    const { code, mnemonic, nextIP } = instruction;
    if (code === Code.Retfq && pushed === nextIP)
      return { length: instruction.length, effect: { kind: 'grow', bytes: -16 }, continues: true };
    pushed = mnemonic === Mnemonic.Push && given?.register === instruction.op0Register ? given.address : undefined;
    const isAddress = code === Code.Lea_r64_m && instruction.isIpRelMemoryOperand;
    given =
      isAddress && instruction.op0Register !== Register.None
        ? { register: instruction.op0Register, address: instruction.ipRelMemoryAddress }
        : undefined;
    return stepOf(instruction);
  };
}

/** What an instruction does; undefined for bytes that are none. */
function stepOf(instruction: Instruction): Step | undefined {
  const { Code, ConditionCode, FlowControl, OpKind, Mnemonic } = iced();
  if (instruction.code === Code.INVALID) return undefined;
  const { length, flowControl } = instruction;
  const target =
    instruction.opCount > 0 && instruction.op0Kind === OpKind.NearBranch64 ? instruction.nearBranchTarget : undefined;
  const stops = instruction.mnemonic === Mnemonic.Hlt || instruction.mnemonic === Mnemonic.Ud2;
  const step = { length, effect: effectOf(instruction) };
  switch (flowControl) {
    case FlowControl.Next:
    case FlowControl.Interrupt:
      return { ...step, continues: !stops };
    case FlowControl.UnconditionalBranch:
      return target === undefined
        ? { ...step, continues: false, jumpsAnywhere: {} }
        : { ...step, continues: false, jump: target };
    case FlowControl.ConditionalBranch:
      if (target === undefined) return undefined;
      return {
        ...{ ...step, continues: true, jump: target },
        ...(instruction.conditionCode === ConditionCode.ne && { whileUnequal: true as const }),
      };
    case FlowControl.Call:
      // The system's are calls to the decoder, too.
      if (instruction.mnemonic !== Mnemonic.Call) return { ...step, continues: true };
      return { ...step, continues: true, call: target ?? 'indirect', pushed: 8 };
    case FlowControl.IndirectCall:
      return { ...step, continues: true, call: 'indirect', pushed: 8 };
    case FlowControl.IndirectBranch:
      return { ...step, continues: false, jumpsAnywhere: tableOf(instruction) };
    case FlowControl.Return:
      return { ...step, continues: false, ...(instruction.mnemonic === Mnemonic.Ret && { returns: true }) };
    case FlowControl.Exception:
      return { ...step, continues: false };
    default:
      return undefined;
  }
}

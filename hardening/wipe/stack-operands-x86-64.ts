/**
 * What x86-64 instructions reach by the stack pointer and the frame register: see stack-arguments.ts.
 */
import { effectsOf, iced } from '../../machine/decode-x86-64.ts';
import type { StackOperand } from './stack-arguments.ts';

type Instruction = import('iced-x86').Instruction;

const signed = (value: bigint): number => Number(BigInt.asIntN(64, value));

/** Whether it is one of those that the analysis of stack use follows. */
function isFollowed(instruction: Instruction): boolean {
  const { FlowControl, Mnemonic, OpKind, Register } = iced();
  const { mnemonic, flowControl } = instruction;
  const to = instruction.opCount > 0 ? instruction.op0Register : Register.None;
  switch (mnemonic) {
    case Mnemonic.Push:
    case Mnemonic.Pop:
    case Mnemonic.Pushfq:
    case Mnemonic.Popfq:
    case Mnemonic.Call:
    case Mnemonic.Ret:
    case Mnemonic.Leave:
      return true;
    case Mnemonic.Add:
    case Mnemonic.Sub:
    case Mnemonic.Cmp:
      return to === Register.RSP;
    case Mnemonic.Mov:
      return (
        (to === Register.RBP && instruction.op1Register === Register.RSP) ||
        (to === Register.RSP && instruction.op1Register === Register.RBP)
      );
    case Mnemonic.Lea:
      return to === Register.RSP;
    default:
      return flowControl !== FlowControl.Next && instruction.op0Kind === OpKind.NearBranch64;
  }
}

/** Operands in memory, and addresses that are taken; 'copies': the stack pointer goes where it is not followed. */
export function stackOperandsX8664(instruction: Instruction): readonly StackOperand[] | 'copies' {
  const { Mnemonic, OpKind, Register } = iced();
  const operands: StackOperand[] = [];
  for (let i = 0; i < instruction.opCount; i++) {
    const kind = instruction.opKind(i);
    if (kind === OpKind.Memory) {
      const displacement = signed(instruction.memoryDisplacement);
      if (instruction.memoryIndex === Register.RBP)
        operands.push({ by: 'frame', displacement: Number.MAX_SAFE_INTEGER });
      if (instruction.memoryBase === Register.RSP) operands.push({ by: 'stack pointer', displacement });
      if (instruction.memoryBase === Register.RBP) operands.push({ by: 'frame', displacement });
      continue;
    }
    if (kind !== OpKind.Register || isFollowed(instruction)) continue;
    const register = instruction.opRegister(i);
    // Rounded down, it is further from the arguments than is known.
    if (register === Register.RSP) return 'copies';
    // As a frame register it is an address, too; what is only written is none.
    if (register === Register.RBP && (i > 0 || instruction.mnemonic === Mnemonic.Push))
      operands.push({ by: 'frame', displacement: Number.MAX_SAFE_INTEGER });
    else if (register === Register.RBP && !isWritten(instruction))
      operands.push({ by: 'frame', displacement: Number.MAX_SAFE_INTEGER });
  }
  return operands;
}

function isWritten(instruction: Instruction): boolean {
  const { Register } = iced();
  return effectsOf(instruction).writes.includes(Register.RBP);
}

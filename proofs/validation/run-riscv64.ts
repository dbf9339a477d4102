/** riscv64 code on numbers, by the same meaning of instructions with which it is executed on terms. */
import { type Pattern, patterns } from '../../machine/semantics/algebra.ts';
import { branchComparison, compute, operationAt } from '../../machine/semantics/riscv64.ts';
import { bytesAt, MOST_STEPS, number, putBytes, RETURN, type Run } from './run.ts';
import type { CodeImage } from './walk.ts';

/** Runs code until it returns; false where it does not, or does what is not understood. */
export function runRiscv64(
  { address: base, bytes }: Pick<CodeImage, 'address' | 'bytes'>,
  start: number,
  state: Run,
): boolean {
  const { registers } = state;
  const set = (rd: number, value: Pattern): void => {
    if (rd !== 0) registers[rd] = value;
  };
  const address = (register: number, offset: number): number =>
    Number(patterns.operate('bvadd', registers[register], number(offset)).value);
  let pc = start;
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    if (pc === RETURN) return true;
    const decoded = operationAt(bytes, pc - base);
    if (decoded === undefined) return false;
    const { operation, length } = decoded;
    let next = pc + length;
    switch (operation.kind) {
      case 'registers':
        set(operation.rd, compute(patterns, operation.computation, registers[operation.rs1], registers[operation.rs2]));
        break;
      case 'immediate':
        set(
          operation.rd,
          compute(patterns, operation.computation, registers[operation.rs1], number(operation.immediate)),
        );
        break;
      case 'upper':
        set(operation.rd, number(operation.relative ? pc + operation.value : operation.value));
        break;
      case 'load': {
        const value = bytesAt(state, address(operation.rs1, operation.offset), operation.bytes);
        if (value === undefined) return false;
        const bits = patterns.constant(value, operation.bytes * 8);
        set(operation.rd, operation.signed ? patterns.signExtend(bits, 64) : patterns.zeroExtend(bits, 64));
        break;
      }
      case 'store':
        putBytes(state, address(operation.rs1, operation.offset), registers[operation.rs2].value, operation.bytes);
        break;
      case 'branch': {
        const [a, b] = [registers[operation.rs1], registers[operation.rs2]];
        const { holds, negated } = branchComparison(patterns, operation.condition, a, b);
        if (holds !== negated) next = pc + operation.offset;
        break;
      }
      case 'jump':
        set(operation.rd, number(next));
        next = pc + operation.offset;
        break;
      case 'jumpRegister': {
        const target = address(operation.rs1, operation.offset);
        set(operation.rd, number(next));
        next = target - (target % 2);
      }
    }
    pc = next;
  }
  return false;
}

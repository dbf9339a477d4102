/**
 * riscv64 instructions in a walk: what each does to registers and memory, and where it goes.
 *
 * A jump to where a function begins, with the return address of this one still in its register, is a call and a return.
 */
import { branchComparison, compute, type MachineOperation, operationAt } from '../../machine/semantics/riscv64.ts';
import type { Term } from '../smt/terms.ts';
import { extract, negation, terms, word } from './algebra.ts';
import { type MachineState, placeOf, readAt, writeAt } from './machine-memory.ts';
import { undecided } from './undecided.ts';
import {
  branched,
  type CodeImage,
  calledThere,
  guardWord,
  hex,
  type Instructions,
  slid,
  unslid,
  type Walk,
} from './walk.ts';

const RA = 1;

function withRegister(state: MachineState, rd: number, value: Term): readonly Term[] {
  return rd === 0 ? state.registers : state.registers.map((old, i) => (i === rd ? value : old));
}

const WORD = 8;

function load({ entry, code }: Walk, state: MachineState, operation: MachineOperation & { kind: 'load' }, at: string) {
  const address = terms.operate('bvadd', state.registers[operation.rs1], word(operation.offset));
  const known = operation.bytes === WORD ? guardWord(entry, code, address) : undefined;
  if (known !== undefined) return { ...state, registers: withRegister(state, operation.rd, known) };
  const [now, value] = readAt(entry, state, placeOf(entry, address, at), operation.bytes, at);
  const wide = operation.signed ? terms.signExtend(value, 64) : terms.zeroExtend(value, 64);
  return { ...now, registers: withRegister(now, operation.rd, wide) };
}

function store({ entry }: Walk, state: MachineState, operation: MachineOperation & { kind: 'store' }, at: string) {
  const address = terms.operate('bvadd', state.registers[operation.rs1], word(operation.offset));
  const value = extract(state.registers[operation.rs2], 0, operation.bytes * 8);
  return writeAt(entry, state, placeOf(entry, address, at), value, at);
}

/** A jump: to code, or a call. `link`: the register that gets the address behind it. */
function jump(walk: Walk, state: MachineState, target: number, link: number, after: number, at: string) {
  const { entry } = walk;
  const isCall = link === RA;
  const isTail = link === 0 && state.registers[RA] === entry.returnAddress;
  const called = isCall || isTail ? calledThere(walk, state, target, isCall ? after : undefined, at) : undefined;
  return called ?? [{ ...state, pc: target, registers: withRegister(state, link, slid(entry, after)) }];
}

function step(walk: Walk, state: MachineState): readonly MachineState[] {
  const { code, entry } = walk;
  const { pc, registers } = state;
  const at = hex(pc);
  const decoded = operationAt(code.bytes, pc - code.address);
  if (decoded === undefined) return undecided(`${at}: an instruction without a meaning here`);
  const { operation, length } = decoded;
  const after = pc + length;
  switch (operation.kind) {
    case 'registers': {
      const value = compute(terms, operation.computation, registers[operation.rs1], registers[operation.rs2]);
      return [{ ...state, pc: after, registers: withRegister(state, operation.rd, value) }];
    }
    case 'immediate': {
      const value = compute(terms, operation.computation, registers[operation.rs1], word(operation.immediate));
      return [{ ...state, pc: after, registers: withRegister(state, operation.rd, value) }];
    }
    case 'upper': {
      const value = operation.relative ? slid(entry, pc + operation.value) : word(operation.value);
      return [{ ...state, pc: after, registers: withRegister(state, operation.rd, value) }];
    }
    case 'load':
      return [{ ...load(walk, state, operation, at), pc: after }];
    case 'store':
      return [{ ...store(walk, state, operation, at), pc: after }];
    case 'branch': {
      const [a, b] = [registers[operation.rs1], registers[operation.rs2]];
      const { holds, negated } = branchComparison(terms, operation.condition, a, b);
      return branched(state, negated ? negation(holds) : holds, pc + operation.offset, after);
    }
    case 'jump':
      return jump(walk, state, pc + operation.offset, operation.rd, after, at);
    case 'jumpRegister': {
      const target = terms.operate('bvadd', registers[operation.rs1], word(operation.offset));
      if (target === entry.returnAddress && operation.rd === 0) {
        walk.stops.push({ kind: 'return', state });
        return [];
      }
      const known = unslid(entry, target);
      if (known === undefined || known % 2 !== 0) return undecided(`${at}: a jump to where nobody knows`);
      return jump(walk, state, known, operation.rd, after, at);
    }
  }
}

function following(code: CodeImage, start: number, pc: number): readonly number[] {
  const decoded = operationAt(code.bytes, pc - code.address);
  if (decoded === undefined) return [];
  const { operation, length } = decoded;
  const after = pc + length;
  switch (operation.kind) {
    case 'branch':
      return [after, pc + operation.offset];
    case 'jump': {
      if (operation.rd !== 0) return [after];
      const target = pc + operation.offset;
      const isOther = target !== start && (code.functions?.has(target) === true || code.library?.has(target) === true);
      return isOther ? [] : [target];
    }
    case 'jumpRegister':
      return operation.rd === 0 ? [] : [after];
    default:
      return [after];
  }
}

export const riscv64Instructions: Instructions = { step, following };

/**
 * What RV64GC instructions do, executed: one at a time, on a machine whose values are whatever somebody follows.
 *
 * As on x86-64 the meanings are written over an abstract arithmetic (algebra.ts): bit patterns run code, tainted values
 * follow secrets. Integers are in riscv64.ts, the rest in riscv64-extensions.ts; here is what they ask of registers and
 * memory, and where control goes. A jump that keeps its return address in ra or t0 is a call, one to the address that ra
 * or t0 holds is a return, as the ISA has it for predictors; who knows better where control goes decides for himself.
 * Source: RISC-V unprivileged ISA 20191213, 2.5 ("Control Transfer Instructions", table 2.1), 8, 11.2 ("NaN Boxing"), 12.
 */
import type { MachineAlgebra } from './algebra.ts';
import type { CodeBytes, Control, Refusal } from './code.ts';
import { branchComparison, compute, type MachineOperation, operationAt, wordAt } from './riscv64.ts';
import { type AtomicComputation, type ExtensionOperation, extensionOperation } from './riscv64-extensions.ts';

export interface Riscv64Machine<V, B> {
  readonly algebra: MachineAlgebra<V, B>;
  /** A value of so many bits that depends on nothing but these. */
  readonly opaque: (sources: readonly V[], width: number) => V;
  /** 32 of 64 bits; the first is zero and never written. */
  readonly general: V[];
  readonly float: (register: number) => V;
  readonly setFloat: (register: number, value: V) => void;
  /** Floating point that reads these may have raised a flag in fcsr. */
  readonly raised: (sources: readonly V[]) => void;
  /** 1, 2, 4 or 8 bytes. */
  readonly load: (address: V, bytes: number) => V;
  /** Of 8, 16, 32 or 64 bits; `from`: the general register that held them in full. */
  readonly store: (address: V, value: V, from?: number) => void;
}

export interface Riscv64Instruction {
  readonly address: number;
  /** Bytes: 2 or 4. */
  readonly length: number;
  readonly operation: MachineOperation | ExtensionOperation;
}

const RA = 1;
const T0 = 5;
const isLink = (register: number): boolean => register === RA || register === T0;

/** The compressed instructions that stop a program: the one that is defined to be none, and c.ebreak. */
const TRAPS = [0, 0x9002];

function decode({ address: start, bytes }: CodeBytes, address: number): Riscv64Instruction | Refusal {
  const offset = address - start;
  const integer = operationAt(bytes, offset);
  if (integer !== undefined) return { address, ...integer };
  if (offset + 2 > bytes.length) return { refused: 'an instruction that does not end within the code' };
  const half = bytes[offset]! | (bytes[offset + 1]! << 8);
  if (TRAPS.includes(half)) return { address, length: 2, operation: { kind: 'trap' } };
  const found = wordAt(bytes, offset);
  if (found === undefined)
    return (half & 3) === 3
      ? { refused: 'an instruction that does not end within the code' }
      : { refused: `0x${half.toString(16).padStart(4, '0')}, no instruction of RV64GC: it has no meaning here` };
  const operation = extensionOperation(found.word);
  return 'refused' in operation ? operation : { address, length: found.length, operation };
}

/** A function from addresses to instructions: each is decoded when it is first come to, and kept. */
export function createRiscv64Reader(code: readonly CodeBytes[]): (address: number) => Riscv64Instruction | Refusal {
  const known = new Map<number, Riscv64Instruction | Refusal>();
  const read = (address: number): Riscv64Instruction | Refusal => {
    const part = code.find(({ address: from, bytes }) => from <= address && address < from + bytes.length);
    return part === undefined ? { refused: 'no code is there' } : decode(part, address);
  };
  return (address) => {
    let instruction = known.get(address);
    if (instruction === undefined) {
      instruction = read(address);
      known.set(address, instruction);
    }
    return instruction;
  };
}

function set<V, B>(m: Riscv64Machine<V, B>, register: number, value: V): void {
  if (register !== 0) m.general[register] = value;
}

const word = <V, B>({ algebra }: Riscv64Machine<V, B>, value: number): V => algebra.constant(BigInt(value), 64);

function placeOf<V, B>(m: Riscv64Machine<V, B>, register: number, offset: number): V {
  const base = m.general[register]!;
  return offset === 0 ? base : m.algebra.operate('bvadd', base, word(m, offset));
}

/** 64 bits of a floating-point register, of a value of 32: ones above it. */
const boxed = <V, B>({ algebra: v }: Riscv64Machine<V, B>, value: V): V =>
  v.widthOf(value) === 64 ? value : v.concatenate(v.constant(-1n, 32), value);

function executeInteger<V, B>(m: Riscv64Machine<V, B>, operation: MachineOperation, pc: number, next: number) {
  const { algebra: v, general } = m;
  switch (operation.kind) {
    case 'registers':
      set(m, operation.rd, compute(v, operation.computation, general[operation.rs1]!, general[operation.rs2]!));
      return undefined;
    case 'immediate': {
      const { computation, rd, rs1, immediate } = operation;
      // A move is one, and no sum: what is moved stays the same object.
      const isMove = computation === 'add' && immediate === 0;
      set(m, rd, isMove ? general[rs1]! : compute(v, computation, general[rs1]!, word(m, immediate)));
      return undefined;
    }
    case 'upper':
      set(m, operation.rd, word(m, operation.relative ? pc + operation.value : operation.value));
      return undefined;
    case 'load': {
      const loaded = m.load(placeOf(m, operation.rs1, operation.offset), operation.bytes);
      set(m, operation.rd, operation.signed ? v.signExtend(loaded, 64) : v.zeroExtend(loaded, 64));
      return undefined;
    }
    case 'store': {
      const { rs1, rs2, offset, bytes } = operation;
      const value = general[rs2]!;
      if (bytes === 8) m.store(placeOf(m, rs1, offset), value, rs2);
      else m.store(placeOf(m, rs1, offset), v.truncate(value, bytes * 8));
      return undefined;
    }
    case 'branch': {
      const { condition, rs1, rs2, offset } = operation;
      const { holds, negated } = branchComparison(v, condition, general[rs1]!, general[rs2]!);
      return { kind: 'branch', condition: negated ? v.not(holds) : holds, to: pc + offset } as const;
    }
    case 'jump': {
      const to = pc + operation.offset;
      set(m, operation.rd, word(m, next));
      if (isLink(operation.rd)) return { kind: 'call', target: word(m, to) } as const;
      return { kind: 'goto', to } as const;
    }
    case 'jumpRegister': {
      const { rd, rs1, offset } = operation;
      const target = v.operate('bvand', placeOf(m, rs1, offset), v.constant(-2n, 64));
      set(m, rd, word(m, next));
      if (isLink(rd)) return { kind: 'call', target } as const;
      return { kind: rd === 0 && isLink(rs1) && offset === 0 ? 'return' : 'jump', target } as const;
    }
  }
}

function combined<V, B>(m: Riscv64Machine<V, B>, computation: AtomicComputation, old: V, value: V): V {
  const { algebra: v } = m;
  switch (computation) {
    case 'swap':
      return value;
    case 'add':
      return v.operate('bvadd', old, value);
    case 'xor':
      return v.operate('bvxor', old, value);
    case 'and':
      return v.operate('bvand', old, value);
    case 'or':
      return v.operate('bvor', old, value);
    case 'min':
      return v.select(v.compare('bvslt', value, old), value, old);
    case 'max':
      return v.select(v.compare('bvslt', old, value), value, old);
    case 'minu':
      return v.select(v.compare('bvult', value, old), value, old);
    case 'maxu':
      return v.select(v.compare('bvult', old, value), value, old);
  }
}

function executeExtension<V, B>(m: Riscv64Machine<V, B>, operation: ExtensionOperation): Control<V, B> {
  const { algebra: v, general } = m;
  const floats = (registers: readonly number[]): V[] => registers.map((register) => m.float(register));
  switch (operation.kind) {
    case 'floatLoad': {
      const loaded = m.load(placeOf(m, operation.rs1, operation.offset), operation.bytes);
      m.setFloat(operation.rd, boxed(m, loaded));
      return undefined;
    }
    case 'floatStore': {
      const value = v.truncate(m.float(operation.rs2), operation.bytes * 8);
      m.store(placeOf(m, operation.rs1, operation.offset), value);
      return undefined;
    }
    case 'fromFloat':
      set(m, operation.rd, v.signExtend(v.truncate(m.float(operation.rs1), operation.bits), 64));
      return undefined;
    case 'toFloat':
      m.setFloat(operation.rd, boxed(m, v.truncate(general[operation.rs1]!, operation.bits)));
      return undefined;
    case 'sign': {
      const { rd, rs1, rs2, how } = operation;
      const [value, other] = [m.float(rs1), m.float(rs2)];
      const own = v.extract(other, 63, 1);
      const sign =
        how === 'copied' ? own : how === 'opposite' ? v.invert(own) : v.operate('bvxor', v.extract(value, 63, 1), own);
      // A move is written as a copy of its own sign.
      m.setFloat(rd, rs1 === rs2 && how === 'copied' ? value : v.concatenate(sign, v.extract(value, 0, 63)));
      return undefined;
    }
    case 'float': {
      const sources = [...floats(operation.floats), ...operation.integers.map((register) => general[register]!)];
      m.raised(sources);
      m.setFloat(operation.rd, boxed(m, m.opaque(sources, operation.bits)));
      return undefined;
    }
    case 'floatToInteger': {
      const sources = floats(operation.floats);
      m.raised(sources);
      set(m, operation.rd, v.zeroExtend(m.opaque(sources, operation.bits), 64));
      return undefined;
    }
    case 'atomic': {
      const { rd, rs1, rs2, bytes, computation } = operation;
      const [address, value] = [general[rs1]!, v.truncate(general[rs2]!, bytes * 8)];
      const old = m.load(address, bytes);
      m.store(address, combined(m, computation, old, value));
      set(m, rd, v.signExtend(old, 64));
      return undefined;
    }
    case 'loadReserved':
      set(m, operation.rd, v.signExtend(m.load(general[operation.rs1]!, operation.bytes), 64));
      return undefined;
    case 'fence':
      return undefined;
    case 'trap':
      return { kind: 'stop' };
  }
}

/** Executes one instruction, but for the program counter. */
export function execute<V, B>(m: Riscv64Machine<V, B>, instruction: Riscv64Instruction): Control<V, B> {
  const { operation, address, length } = instruction;
  switch (operation.kind) {
    case 'registers':
    case 'immediate':
    case 'upper':
    case 'load':
    case 'store':
    case 'branch':
    case 'jump':
    case 'jumpRegister':
      return executeInteger(m, operation, address, address + length);
    default:
      return executeExtension(m, operation);
  }
}

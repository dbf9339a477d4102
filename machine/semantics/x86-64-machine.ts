/**
 * What a machine must offer for x86-64 instructions to be executed on it, and how instructions reach its parts.
 *
 * Meanings are written once, over abstract values (algebra.ts). Which values, and what memory is, whoever executes
 * decides: numbers and bytes to run code, terms to prove something of it, tainted values to follow secrets. Registers
 * are kept in 64-bit words, vectors in lanes of 64 bits, so that no value is wider than what the processor moves at once.
 * Source: Intel SDM volume 1, 3.4.1 (a write of 32 bits clears the upper half, of 8 or 16 keeps it), 15.5 (VEX).
 */
import type { MachineAlgebra } from './algebra.ts';
import type { Control } from './code.ts';
import type { FlagReader, Flags } from './x86-64-flags.ts';
import type { ImmediateOperand, MemoryOperand, Operand, Operation, RegisterOperand } from './x86-64-operations.ts';
import { LANES, RSP } from './x86-64-operations.ts';

export type { Control } from './code.ts';

export interface X8664Machine<V, B> extends FlagReader<V, B> {
  readonly algebra: MachineAlgebra<V, B>;
  /** 16 of 64 bits. */
  readonly general: V[];
  /** 32 of LANES lanes of 64 bits, the lowest first; arrays are replaced, never written. */
  readonly vectors: (readonly V[])[];
  flags: Flags<V>;
  /** 1, 2, 4 or 8 bytes. */
  readonly load: (address: V, bytes: number) => V;
  /** Of 8, 16, 32 or 64 bits; `from`: the general register that held them in full. */
  readonly store: (address: V, value: V, from?: number) => void;
  /** Floating point that reads these may have raised a flag in MXCSR; absent: nobody asks. */
  readonly raised?: (sources: readonly V[]) => void;
  readonly segmentBase: (segment: 'fs' | 'gs') => V;
}

/** What an instruction that is followed by the next one does. */
export type Computation = <V, B>(m: X8664Machine<V, B>, operation: Operation) => void;

/** What an instruction that may go elsewhere does. */
export type Meaning = <V, B>(m: X8664Machine<V, B>, operation: Operation) => Control<V, B>;

export const word = <V, B>(m: X8664Machine<V, B>, value: number | bigint): V => m.algebra.constant(BigInt(value), 64);

export function addressOf<V, B>(m: X8664Machine<V, B>, operand: MemoryOperand): V {
  const v = m.algebra;
  const { base, index, scale, displacement, segment, isNarrow } = operand;
  let address = base < 0 ? undefined : m.general[base];
  if (index >= 0) {
    const register = m.general[index]!;
    const scaled = scale === 1 ? register : v.operate('bvmul', register, v.constant(BigInt(scale), 64));
    address = address === undefined ? scaled : v.operate('bvadd', address, scaled);
  }
  if (address === undefined) address = v.constant(displacement, 64);
  else if (displacement !== 0n) address = v.operate('bvadd', address, v.constant(displacement, 64));
  if (isNarrow) address = v.zeroExtend(v.truncate(address, 32), 64);
  return segment === undefined ? address : v.operate('bvadd', m.segmentBase(segment), address);
}

/** A scalar operand's value. */
export function read<V, B>(m: X8664Machine<V, B>, operand: Operand): V {
  switch (operand.kind) {
    case 'register': {
      const full = m.general[operand.number]!;
      return operand.width === 64 ? full : m.algebra.extract(full, operand.low, operand.width);
    }
    case 'immediate':
      return m.algebra.constant(operand.value, operand.width);
    case 'memory':
      return m.load(addressOf(m, operand), operand.width / 8);
    case 'vector':
      throw new TypeError('a vector is no scalar');
  }
}

export function writeRegister<V, B>(m: X8664Machine<V, B>, operand: RegisterOperand, value: V): void {
  const v = m.algebra;
  const { number, low, width } = operand;
  if (width === 64) m.general[number] = value;
  else if (width === 32) m.general[number] = v.zeroExtend(value, 64);
  else {
    const old = m.general[number]!;
    const upper = v.concatenate(v.extract(old, low + width, 64 - low - width), value);
    m.general[number] = low === 0 ? upper : v.concatenate(upper, v.extract(old, 0, low));
  }
}

/** `from`: the general register that held the value in full. */
export function write<V, B>(m: X8664Machine<V, B>, operand: Operand, value: V, from?: number): void {
  if (operand.kind === 'register') writeRegister(m, operand, value);
  else if (operand.kind === 'memory') m.store(addressOf(m, operand), value, from);
  else throw new TypeError(`a ${operand.kind} cannot be written`);
}

/** The general register that an operand is all of. */
export const wholeRegister = (operand: Operand): number | undefined =>
  operand.kind === 'register' && operand.width === 64 ? operand.number : undefined;

export function push<V, B>(m: X8664Machine<V, B>, value: V, from?: number): void {
  const v = m.algebra;
  const top = v.operate('bvadd', m.general[RSP]!, word(m, BigInt(-v.widthOf(value) / 8)));
  m.store(top, value, from);
  m.general[RSP] = top;
}

export function pop<V, B>(m: X8664Machine<V, B>, bytes: number): V {
  const value = m.load(m.general[RSP]!, bytes);
  m.general[RSP] = m.algebra.operate('bvadd', m.general[RSP]!, word(m, bytes));
  return value;
}

/** An operand of a vector instruction as lanes of 64 bits; less than a lane of memory is extended with zeros. */
export function readLanes<V, B>(m: X8664Machine<V, B>, operand: Operand): V[] {
  if (operand.kind === 'vector') return m.vectors[operand.number]!.slice(0, operand.width / 64);
  if (operand.kind !== 'memory') return [m.algebra.zeroExtend(read(m, operand), 64)];
  if (operand.width < 64) return [m.algebra.zeroExtend(read(m, operand), 64)];
  const address = addressOf(m, operand);
  return Array.from({ length: operand.width / 64 }, (_, i) =>
    m.load(i === 0 ? address : m.algebra.operate('bvadd', address, word(m, 8 * i)), 8),
  );
}

/** Lanes to where a vector instruction puts them. What a register has above: see Operation.clearsUpper. */
export function writeLanes<V, B>(
  m: X8664Machine<V, B>,
  { clearsUpper }: Operation,
  operand: Operand,
  lanes: readonly V[],
): void {
  if (operand.kind === 'memory') {
    const address = addressOf(m, operand);
    for (const [i, lane] of lanes.entries())
      m.store(i === 0 ? address : m.algebra.operate('bvadd', address, word(m, 8 * i)), lane);
  } else if (operand.kind === 'vector') {
    const above = m.vectors[operand.number]!;
    const zero = word(m, 0);
    m.vectors[operand.number] = Array.from({ length: LANES }, (_, i) => lanes[i] ?? (clearsUpper ? zero : above[i]!));
  } else throw new TypeError(`a ${operand.kind} takes no lanes`);
}

/** Whether two operands are one register. */
export const isSame = (a: Operand | undefined, b: Operand | undefined): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.kind === b.kind &&
  (a.kind === 'register' || a.kind === 'vector') &&
  a.number === (b as RegisterOperand).number &&
  a.width === (b as RegisterOperand).width &&
  (a as RegisterOperand).low === (b as RegisterOperand).low;

/** Bits of a scalar operand. */
export const widthOf = (operand: Operand): number => operand.width;

/** An immediate as a number. */
export const countOf = (operand: Operand | undefined): number => Number((operand as ImmediateOperand).value);

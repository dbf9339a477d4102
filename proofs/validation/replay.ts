/**
 * Refutation: a run of a function's code that ends otherwise than the source does.
 *
 * The code is run on numbers, by the same meaning of instructions with which it is executed on terms, and the source by
 * the interpreter. A run counts only when both end: the source within its contracts, the code by its return, having read
 * nothing but its arguments and what it wrote. Then a different result, or different memory, is a witness that needs no
 * solver to be believed. Registers that carry nothing hold noise, as do bytes between fields.
 */
import { run } from '../../analyzers/interpreter/run.ts';
import { createDraw, type Draw, drawArguments } from '../../analyzers/interpreter/sample.ts';
import { copyValue, isArrayValue, showValue, type Value } from '../../analyzers/interpreter/values.ts';
import type { FunctionIr } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import { type Pattern, patterns } from '../../machine/semantics/algebra.ts';
import { branchComparison, compute, operationAt } from '../../machine/semantics/riscv64.ts';
import { isSigned, layoutOf, type RecordLayout, scalarBytes } from './layout.ts';
import type { CodeImage } from './machine.ts';
import type { Subject } from './subject.ts';

export interface Witness {
  /** As TypeScript would write them. */
  readonly arguments: readonly string[];
  /** What differs: scalars of the result, then of each array and object. */
  readonly wanted: readonly bigint[];
  readonly found: readonly bigint[];
}

export interface Run {
  readonly registers: Pattern[];
  readonly memory: Map<number, number>;
}

/** The return address of a run. */
export const RETURN = 0xdead0000;
const STACK = 0x7fff0000;
const REGION = 0x10000000;
const MOST_STEPS = 200_000;
const LARGEST_BY_VALUE = 16;

const word = (value: bigint | number): Pattern => patterns.constant(BigInt(value), 64);

/** A scalar's bytes, as a number without a sign. */
const encoded = (value: Value, count: number): bigint =>
  BigInt.asUintN(count * 8, typeof value === 'boolean' ? BigInt(value) : (value as bigint));

function putBytes({ memory }: Run, address: number, value: bigint, count: number): void {
  for (let i = 0; i < count; i++) memory.set(address + i, Number((value >> BigInt(8 * i)) & 255n));
}

/** Undefined where a byte is not there. */
function bytesAt({ memory }: Run, address: number, count: number): bigint | undefined {
  let value = 0n;
  for (let i = count - 1; i >= 0; i--) {
    const byte = memory.get(address + i);
    if (byte === undefined) return undefined;
    value = (value << 8n) | BigInt(byte);
  }
  return value;
}

const scalarOf = (value: Value, path: readonly number[]): Value =>
  path.reduce<Value>((at, index) => (at as { readonly fields: readonly Value[] }).fields[index], value);

function putRecord(state: Run, address: number, layout: RecordLayout, value: Value, draw: Draw): void {
  for (let i = 0; i < layout.size; i++) state.memory.set(address + i, draw(256));
  for (const one of layout.scalars) {
    const count = scalarBytes(one.type)!;
    putBytes(state, address + one.offset, encoded(scalarOf(value, one.path), count), count);
  }
}

/** Registers and memory of a call; the first address of each parameter that is passed by one. */
function enter(subject: FunctionIr, args: readonly Value[], draw: Draw): { run: Run; places: number[] } {
  const noise = (): Pattern => patterns.constant((BigInt(draw(2 ** 32)) << 32n) | BigInt(draw(2 ** 32)), 64);
  const state: Run = { registers: Array.from({ length: 32 }, noise), memory: new Map() };
  const words: Pattern[] = [];
  const places: number[] = [];
  const region = (): number => REGION * (places.length + 2);
  if (subject.result.kind === 'record' && layoutOf(subject.result)!.size > LARGEST_BY_VALUE) words.push(word(REGION));
  for (const [i, { type }] of subject.parameters.entries()) {
    const value = args[i];
    const at = region();
    places.push(at);
    if (type.kind === 'array' && isArrayValue(value)) {
      const count = scalarBytes(type.element)!;
      for (const [j, element] of value.elements.entries())
        putBytes(state, at + j * count, encoded(element, count), count);
      words.push(word(at), word(value.elements.length));
    } else if (type.kind === 'object' || type.kind === 'record') {
      const layout = layoutOf(type.kind === 'object' ? type.record : type)!;
      putRecord(state, at, layout, value, draw);
      if (type.kind === 'object' || layout.size > LARGEST_BY_VALUE) words.push(word(at));
      else
        for (let j = 0; j < layout.size; j += 8) {
          for (let k = layout.size; k < j + 8; k++) state.memory.set(at + k, draw(256));
          words.push(word(bytesAt(state, at + j, 8)!));
        }
    } else {
      const count = scalarBytes(type)!;
      const wide = type.kind === 'integer' && (isSigned(type.name) || type.name === 'u32');
      const bits = patterns.constant(encoded(value, count), count * 8);
      words.push(wide ? patterns.signExtend(bits, 64) : patterns.zeroExtend(bits, 64));
    }
  }
  for (const [i, value] of words.entries()) {
    if (i < 8) state.registers[10 + i] = value;
    else putBytes(state, STACK + (i - 8) * 8, value.value, 8);
  }
  state.registers[0] = word(0);
  state.registers[1] = word(RETURN);
  state.registers[2] = word(STACK);
  return { run: state, places };
}

/** Runs code until it returns; false where it does not, or does what is not understood. */
export function runCode(code: CodeImage, start: number, state: Run): boolean {
  const { registers } = state;
  const set = (rd: number, value: Pattern): void => {
    if (rd !== 0) registers[rd] = value;
  };
  const address = (base: number, offset: number): number =>
    Number(patterns.operate('bvadd', registers[base], word(offset)).value);
  let pc = start;
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    if (pc === RETURN) return true;
    const decoded = operationAt(code.bytes, pc - code.address);
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
          compute(patterns, operation.computation, registers[operation.rs1], word(operation.immediate)),
        );
        break;
      case 'upper':
        set(operation.rd, word(operation.relative ? pc + operation.value : operation.value));
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
        set(operation.rd, word(next));
        next = pc + operation.offset;
        break;
      case 'jumpRegister': {
        const target = address(operation.rs1, operation.offset);
        set(operation.rd, word(next));
        next = target - (target % 2);
      }
    }
    pc = next;
  }
  return false;
}

/** Scalars of a type that lies in memory. */
function scalarsAt(state: Run, address: number, type: Type): bigint[] {
  return layoutOf(type)!.scalars.map((one) => bytesAt(state, address + one.offset, scalarBytes(one.type)!) ?? -1n);
}

function foundAfter(subject: FunctionIr, args: readonly Value[], state: Run, places: readonly number[]): bigint[] {
  const { result } = subject;
  const found: bigint[] = [];
  if (result.kind === 'record') {
    const layout = layoutOf(result)!;
    if (layout.size <= LARGEST_BY_VALUE)
      for (let i = 0; i < 2; i++) putBytes(state, REGION + 8 * i, state.registers[10 + i].value, 8);
    found.push(...scalarsAt(state, REGION, result));
  } else if (result.kind !== 'void') {
    found.push(state.registers[10].value);
  }
  for (const [i, { type }] of subject.parameters.entries()) {
    const value = args[i];
    if (type.kind === 'array' && isArrayValue(value)) {
      const count = scalarBytes(type.element)!;
      found.push(...value.elements.map((_, j) => bytesAt(state, places[i] + j * count, count)!));
    } else if (type.kind === 'object') found.push(...scalarsAt(state, places[i], type.record));
  }
  return found;
}

function wantedAfter(subject: FunctionIr, args: readonly Value[], result: Value | undefined): bigint[] {
  const scalars = (value: Value, type: Type): bigint[] =>
    layoutOf(type)!.scalars.map((one) => encoded(scalarOf(value, one.path), scalarBytes(one.type)!));
  const wanted: bigint[] = [];
  const { result: type } = subject;
  if (result !== undefined && type.kind === 'record') wanted.push(...scalars(result, type));
  else if (result !== undefined) {
    const count = scalarBytes(type)!;
    const bits = patterns.constant(encoded(result, count), count * 8);
    const wide = type.kind === 'integer' && (isSigned(type.name) || type.name === 'u32');
    wanted.push((wide ? patterns.signExtend(bits, 64) : bits).value);
  }
  for (const [i, parameter] of subject.parameters.entries()) {
    const value = args[i];
    const { type: own } = parameter;
    if (own.kind === 'array' && isArrayValue(value))
      wanted.push(...value.elements.map((element) => encoded(element, scalarBytes(own.element)!)));
    else if (own.kind === 'object') wanted.push(...scalars(value, own.record));
  }
  return wanted;
}

/** Registers that a callee keeps. */
const kept = [2, 3, 4, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];

/** Runs the function on so many drawn inputs; the first on which the code does otherwise than the source. */
export function findWitness(
  { program, function: fn, code, start }: Subject,
  tries: number,
  seed = 1,
): Witness | undefined {
  const draw = createDraw(seed);
  const types = [fn.result, ...fn.parameters.map(({ type }) => (type.kind === 'object' ? type.record : type))];
  if (types.some((type) => type.kind !== 'void' && type.kind !== 'array' && layoutOf(type) === undefined))
    return undefined;
  if (fn.parameters.some(({ type }) => type.kind === 'array' && scalarBytes(type.element) === undefined))
    return undefined;
  for (let i = 0; i < tries; i++) {
    const args = drawArguments(fn, draw);
    const before = args.map(copyValue);
    const { outcome } = run(program, fn, args);
    if (outcome.kind !== 'returned') continue;
    const { run: state, places } = enter(fn, before, draw);
    const registers = [...state.registers];
    if (!runCode(code, start, state)) continue;
    const wanted = [...wantedAfter(fn, args, outcome.value), ...kept.map((register) => registers[register].value)];
    const found = [
      ...foundAfter(fn, before, state, places),
      ...kept.map((register) => state.registers[register].value),
    ];
    if (wanted.some((value, j) => value !== found[j]))
      return { arguments: before.map((value, j) => showValue(value, fn.parameters[j].type)), wanted, found };
  }
  return undefined;
}

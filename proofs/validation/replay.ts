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
import type { FunctionIr, Program } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import { type Pattern, patterns } from '../../machine/semantics/algebra.ts';
import {
  type Convention,
  conventions,
  LARGEST_BY_VALUE,
  placedWords,
  resultInMemory,
  returnBytes,
  type Shape,
  shapeOf,
} from './convention.ts';
import { layoutOf, type RecordLayout, scalarBytes } from './layout.ts';
import { bytesAt, number, putBytes, RETURN, type Run } from './run.ts';
import { runRiscv64 } from './run-riscv64.ts';
import { createX8664Runner } from './run-x86-64.ts';
import type { Subject } from './subject.ts';
import type { CodeImage } from './walk.ts';

export interface Witness {
  /** As TypeScript would write them. */
  readonly arguments: readonly string[];
  /** What differs: scalars of the result, then of each array and object. */
  readonly wanted: readonly bigint[];
  readonly found: readonly bigint[];
}

/** Aligned for a call. */
const STACK = 0x7fff0000;
const REGION = 0x10000000;

/** A scalar's bytes, as a number without a sign. */
const encoded = (value: Value, count: number): bigint =>
  BigInt.asUintN(count * 8, typeof value === 'boolean' ? BigInt(value) : (value as bigint));

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
function enter(
  convention: Convention,
  subject: FunctionIr,
  args: readonly Value[],
  draw: Draw,
): { run: Run; places: number[] } {
  const noise = (): Pattern => patterns.constant((BigInt(draw(2 ** 32)) << 32n) | BigInt(draw(2 ** 32)), 64);
  const state: Run = { registers: Array.from({ length: convention.registers }, noise), memory: new Map() };
  const given: { readonly shape: Shape; readonly words: readonly Pattern[] }[] = [];
  const places: number[] = [];
  const region = (): number => REGION * (places.length + 2);
  if (resultInMemory(subject.result) !== undefined)
    given.push({ shape: { words: 1, onStack: false }, words: [number(REGION)] });
  for (const [i, { type }] of subject.parameters.entries()) {
    const value = args[i];
    const at = region();
    places.push(at);
    const words: Pattern[] = [];
    const shape = shapeOf(convention, type)!;
    if (type.kind === 'array' && isArrayValue(value)) {
      const count = scalarBytes(type.element)!;
      for (const [j, element] of value.elements.entries())
        putBytes(state, at + j * count, encoded(element, count), count);
      words.push(number(at), number(value.elements.length));
    } else if (type.kind === 'object' || type.kind === 'record') {
      const layout = layoutOf(type.kind === 'object' ? type.record : type)!;
      putRecord(state, at, layout, value, draw);
      if (type.kind === 'object' || (layout.size > LARGEST_BY_VALUE && !shape.onStack)) words.push(number(at));
      else
        for (let j = 0; j < layout.size; j += 8) {
          for (let k = layout.size; k < j + 8; k++) state.memory.set(at + k, draw(256));
          words.push(number(bytesAt(state, at + j, 8)!));
        }
    } else {
      const count = scalarBytes(type)!;
      const bits = patterns.constant(encoded(value, count), count * 8);
      const part = convention.argumentPart(patterns, bits, type);
      words.push(number((noise().value << BigInt(part.width)) | part.value));
    }
    given.push({ shape, words });
  }
  for (const { slot, value } of placedWords(convention, given)) {
    if (slot.kind === 'register') state.registers[slot.register] = value;
    else putBytes(state, STACK + slot.offset, value.value, 8);
  }
  const { returnAddress, stackPointer, zero } = convention;
  if (zero !== undefined) state.registers[zero] = number(0);
  if (returnAddress === 'stack') putBytes(state, STACK - 8, BigInt(RETURN), 8);
  else state.registers[returnAddress] = number(RETURN);
  state.registers[stackPointer] = number(STACK - returnBytes(convention));
  return { run: state, places };
}

/** Scalars of a type that lies in memory. */
function scalarsAt(state: Run, address: number, type: Type): bigint[] {
  return layoutOf(type)!.scalars.map((one) => bytesAt(state, address + one.offset, scalarBytes(one.type)!) ?? -1n);
}

/** What a convention gives back of a scalar, from its bytes. */
const resultPart = (convention: Convention, value: Value, type: Type): Pattern => {
  const count = scalarBytes(type)!;
  return convention.resultPart(patterns, patterns.constant(encoded(value, count), count * 8), type);
};

function foundAfter(
  convention: Convention,
  subject: FunctionIr,
  args: readonly Value[],
  state: Run,
  places: readonly number[],
): bigint[] {
  const { result } = subject;
  const words = convention.results.map((register) => state.registers[register]);
  const found: bigint[] = [];
  if (result.kind === 'record') {
    const layout = layoutOf(result)!;
    if (layout.size <= LARGEST_BY_VALUE)
      for (const [i, { value }] of words.entries()) putBytes(state, REGION + 8 * i, value, 8);
    else if (convention.givesAddress) found.push(words[0].value);
    found.push(...scalarsAt(state, REGION, result));
  } else if (result.kind !== 'void') {
    const { width } = resultPart(convention, 0n, result);
    found.push(patterns.truncate(words[0], width).value);
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

function wantedAfter(
  convention: Convention,
  subject: FunctionIr,
  args: readonly Value[],
  result: Value | undefined,
): bigint[] {
  const scalars = (value: Value, type: Type): bigint[] =>
    layoutOf(type)!.scalars.map((one) => encoded(scalarOf(value, one.path), scalarBytes(one.type)!));
  const wanted: bigint[] = [];
  const { result: type } = subject;
  if (result !== undefined && type.kind === 'record') {
    if (convention.givesAddress && resultInMemory(type) !== undefined) wanted.push(BigInt(REGION));
    wanted.push(...scalars(result, type));
  } else if (result !== undefined) wanted.push(resultPart(convention, result, type).value);
  for (const [i, parameter] of subject.parameters.entries()) {
    const value = args[i];
    const { type: own } = parameter;
    if (own.kind === 'array' && isArrayValue(value))
      wanted.push(...value.elements.map((element) => encoded(element, scalarBytes(own.element)!)));
    else if (own.kind === 'object') wanted.push(...scalars(value, own.record));
  }
  return wanted;
}

/** A function that runs code until it returns; false where it does not, or does what is not understood. */
function runnerOf(code: CodeImage): (start: number, state: Run) => boolean {
  if (code.machine === 'x86-64') return createX8664Runner(code);
  return (start, state) => runRiscv64(code, start, state);
}

/** No instruction on any machine, by what it begins with. */
const UNDECODABLE = { riscv64: 0, 'x86-64': 0x06 };

/** The code without that of functions of C: what these or a device answer, the interpreter does not know. */
function withoutForeign({ functions }: Program, code: CodeImage): CodeImage {
  const trusted = new Set(functions.flatMap(({ key, body }) => (body === undefined ? [key] : [])));
  const bytes = code.bytes.slice();
  for (const [at, key] of code.functions ?? [])
    if (trusted.has(key) && at >= code.address)
      bytes.fill(UNDECODABLE[code.machine], at - code.address, at - code.address + 2);
  return { ...code, bytes };
}

/** What stack protectors keep. */
const GUARD = 0xc0ffee0ddba11aedn;

/** Tables, and what stack protectors read. */
function putConstants(state: Run, { tables = [], guard }: CodeImage): void {
  for (const { contents, address } of tables)
    for (const [i, byte] of contents.entries()) state.memory.set(address + i, byte);
  if (guard === undefined) return;
  putBytes(state, guard.address, GUARD, 8);
  for (const slot of guard.slots) putBytes(state, slot, BigInt(guard.address), 8);
}

/** Runs the function on so many drawn inputs; the first on which the code does otherwise than the source. */
export function findWitness(
  { program, function: fn, code, start }: Subject,
  tries: number,
  seed = 1,
): Witness | undefined {
  const convention = conventions[code.machine];
  const kept = [...convention.unchanged, ...convention.kept];
  const runCode = runnerOf(withoutForeign(program, code));
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
    const { run: state, places } = enter(convention, fn, before, draw);
    const registers = [...state.registers];
    putConstants(state, code);
    if (!runCode(start, state)) continue;
    const keptOf = (all: readonly Pattern[]): bigint[] => kept.map((register) => all[register].value);
    const wanted = [...wantedAfter(convention, fn, args, outcome.value), ...keptOf(registers), BigInt(STACK)];
    const found = [
      ...foundAfter(convention, fn, before, state, places),
      ...keptOf(state.registers),
      state.registers[convention.stackPointer].value,
    ];
    if (wanted.some((value, j) => value !== found[j]))
      return { arguments: before.map((value, j) => showValue(value, fn.parameters[j].type)), wanted, found };
  }
  return undefined;
}

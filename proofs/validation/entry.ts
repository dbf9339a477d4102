/**
 * What a function is entered with, told twice: as values of the source's parameters and as registers and memory of the
 * machine, over the same variables. Where what is: convention.ts.
 *
 * What the ABI leaves open is open here: bytes between fields, memory of the caller, registers that carry nothing, bits
 * of a register above a scalar. What it promises is built in: how far a narrow integer comes extended.
 */
import type { FunctionIr, Table } from '../../analyzers/ir.ts';
import { rangeOf, type Type } from '../../analyzers/types.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract, terms, word } from './algebra.ts';
import {
  type Convention,
  conventions,
  LARGEST_BY_VALUE,
  type MachineName,
  placedWords,
  resultInMemory,
  returnBytes,
  type Shape,
  shapeOf,
} from './convention.ts';
import { isSigned, layoutOf, type RecordLayout, scalarBytes } from './layout.ts';
import { type Region, readBytes } from './memory.ts';
import { undecided } from './undecided.ts';
import type { UsedWords } from './unused.ts';

/** A number as 64 bits with a sign, a truth as a truth, a record by its fields. */
export type SourceValue = Term | { readonly kind: 'fields'; readonly fields: readonly SourceValue[] };

/** An array: the region that it is, and its length. */
export interface ArrayPlace {
  readonly region: string;
  readonly length: Term;
  readonly elementBytes: number;
}

/** An object: the region that its fields are in. */
export interface ObjectPlace {
  readonly region: string;
  readonly layout: RecordLayout;
}

export interface Places {
  readonly values: ReadonlyMap<string, SourceValue>;
  readonly arrays: ReadonlyMap<string, ArrayPlace>;
  readonly objects: ReadonlyMap<string, ObjectPlace>;
}

export interface Entry extends Places {
  readonly convention: Convention;
  readonly registers: readonly Term[];
  /** The stack pointer and the return address, as the caller left them. */
  readonly stackPointer: Term;
  readonly returnAddress: Term;
  /** How far the image was moved from where it was linked to: anywhere, so a verdict is about all slides. */
  readonly slide: Term;
  /** Bytes from the stack pointer on that carry arguments and, where it lies there, the return address, by offset. */
  readonly stack: ReadonlyMap<number, Term>;
  readonly regions: ReadonlyMap<string, Region>;
  /** The first address of each region. */
  readonly bases: ReadonlyMap<string, Term>;
  /** Regions whose bytes both sides must leave alike. */
  readonly compared: readonly string[];
  /**
   * Regions that the code may write: what the source modifies, and a result. Others may lie in memory that is only read,
   * or be one memory under two names.
   */
  readonly writable: ReadonlySet<string>;
  readonly assumptions: readonly Term[];
  /** Regions at addresses of the image, as it was linked. */
  readonly tables: readonly { readonly name: string; readonly address: number; readonly size: number }[];
}

/** The region of a result that does not fit into registers. */
export const RESULT = 'result';

/** A scalar of the source from its bytes in memory, or in a register. */
export function scalarFrom(bytes: Term, type: Type): Term {
  if (type.kind === 'boolean') return terms.compare('=', extract(bytes, 0, 1), t.bitConstant(1n, 1));
  if (type.kind !== 'integer') return undecided(`a value of kind ${type.kind}`);
  return isSigned(type.name) ? terms.signExtend(bytes, 64) : terms.zeroExtend(bytes, 64);
}

/** What is known of a scalar's bytes: a truth is 0 or 1, a number is a safe integer. */
export function knownOf(bytes: Term, type: Type): Term[] {
  if (type.kind === 'boolean') return [terms.compare('bvule', bytes, t.bitConstant(1n, 8))];
  return type.kind === 'integer' && type.name === 'number' ? [isSafe(bytes)] : [];
}

export function isSafe(value: Term): Term {
  const { low, high } = rangeOf('number');
  return t.all([terms.compare('bvsle', word(low!), value), terms.compare('bvsle', value, word(high!))]);
}

function onlyNumbers(type: Type): void {
  if (type.kind === 'integer' && ['u64', 'i64', 'bigint'].includes(type.name)) undecided(`the type ${type.name}`);
}

/** A value of a type whose scalars are given by their places. */
export function valueAt(
  type: Type,
  layout: RecordLayout,
  bytesAt: (offset: number, count: number) => Term,
): SourceValue {
  let next = 0;
  const build = (inner: Type): SourceValue => {
    if (inner.kind === 'record') return { kind: 'fields', fields: inner.fields.map((field) => build(field.type)) };
    onlyNumbers(inner);
    const { offset } = layout.scalars[next++];
    return scalarFrom(bytesAt(offset, scalarBytes(inner)!), inner);
  };
  return build(type);
}

const layoutOrStop = (type: Type): RecordLayout => layoutOf(type) ?? undecided('a type that has no form in C');

/** A word whose lower bits are a part, and whose others are `above`. */
export const wordAbove = (above: Term | undefined, part: Term): Term =>
  above === undefined ? part : terms.concatenate(above, part);

/** A table that the function uses, and where the image has it. */
export interface TablePlace {
  readonly table: Table;
  readonly contents: Uint8Array;
  readonly address: number;
}

/** What the function is entered with on a machine. Words that it does not use may hold anything. */
export function entryOf(
  subject: FunctionIr,
  machine: MachineName,
  used: UsedWords,
  tables: readonly TablePlace[] = [],
): Entry {
  const convention = conventions[machine];
  const isUsed = (id: string): boolean => used.get(subject.key)?.has(id) !== false;
  const values = new Map<string, SourceValue>();
  const arrays = new Map<string, ArrayPlace>();
  const objects = new Map<string, ObjectPlace>();
  const regions = new Map<string, Region>();
  const bases = new Map<string, Term>();
  const compared: string[] = [];
  const assumptions: Term[] = [];
  const given: { readonly shape: Shape; readonly words: readonly Term[] }[] = [];
  const pass = (type: Type, words: readonly Term[]): void => {
    given.push({ shape: shapeOf(convention, type) ?? undecided('a type that has no form in C'), words });
  };
  const variable = (name: string, width: number): Term => t.variable(name, `BV${width}`);
  const addRegion = (name: string, size: Term): Region => {
    const region: Region = { name, size, writes: [] };
    regions.set(name, region);
    bases.set(name, variable(`at.${name}`, 64));
    return region;
  };
  if (subject.result.kind === 'record') layoutOrStop(subject.result);
  const resultSize = resultInMemory(subject.result);
  if (resultSize !== undefined) {
    addRegion(RESULT, word(resultSize));
    given.push({ shape: { words: 1, onStack: false }, words: [bases.get(RESULT)!] });
  }
  for (const [i, { id, type }] of subject.parameters.entries()) {
    const name = `p${i}`;
    onlyNumbers(type);
    if (type.kind === 'array') {
      const elementBytes = scalarBytes(type.element) ?? undecided('a list');
      onlyNumbers(type.element);
      const length = variable(`length.${name}`, 64);
      assumptions.push(terms.compare('bvule', length, word(2n ** 32n)));
      addRegion(name, terms.operate('bvmul', length, word(elementBytes)));
      compared.push(name);
      arrays.set(id, { region: name, length, elementBytes });
      pass(type, [bases.get(name)!, isUsed(id) ? length : variable(`unused.${name}`, 64)]);
    } else if (type.kind === 'object') {
      const layout = layoutOrStop(type.record);
      const region = addRegion(name, word(layout.size));
      compared.push(name);
      for (const one of layout.scalars)
        assumptions.push(...knownOf(readBytes(region, word(one.offset), scalarBytes(one.type)!), one.type));
      objects.set(id, { region: name, layout });
      pass(type, [bases.get(name)!]);
    } else if (type.kind === 'record') {
      const layout = layoutOrStop(type);
      const anything = (words: number): readonly Term[] =>
        Array.from({ length: words }, (_, j) => variable(`unused.${name}.${j}`, 64));
      let bytesAt: (offset: number, count: number) => Term;
      if (layout.size > LARGEST_BY_VALUE && convention.largeRecords === 'reference') {
        const region = addRegion(name, word(layout.size));
        // The ABI lets a callee write its copy; ours may not, so that callers need not think of it.
        compared.push(name);
        pass(type, isUsed(id) ? [bases.get(name)!] : anything(1));
        bytesAt = (offset, count) => readBytes(region, word(offset), count);
      } else {
        const own = Array.from({ length: Math.ceil(layout.size / 8) }, (_, j) => variable(`${name}.${j}`, 64));
        pass(type, isUsed(id) ? own : anything(own.length));
        bytesAt = (offset, count) => extract(own[offset >> 3], (offset & 7) * 8, count * 8);
      }
      values.set(id, valueAt(type, layout, bytesAt));
      for (const one of layout.scalars)
        assumptions.push(...knownOf(bytesAt(one.offset, scalarBytes(one.type)!), one.type));
    } else {
      const count = scalarBytes(type) ?? undecided(`a parameter of kind ${type.kind}`);
      const bytes = variable(name, count * 8);
      assumptions.push(...knownOf(bytes, type));
      values.set(id, scalarFrom(bytes, type));
      const part = isUsed(id) ? convention.argumentPart(terms, bytes, type) : variable(`unused.${name}`, 64);
      const open = 64 - t.bitsOf(part);
      pass(type, [wordAbove(open === 0 ? undefined : variable(`above.${name}`, open), part)]);
    }
  }
  const slide = variable('slide', 64);
  const extents = tables.map(({ table, contents, address }, i) => {
    const { id, type } = table.variable;
    const [name, length] = [`table${i}`, word(table.values.length)];
    regions.set(name, { name, size: word(contents.length), writes: [], contents });
    bases.set(name, terms.operate('bvadd', slide, word(address)));
    arrays.set(id, { region: name, length, elementBytes: scalarBytes(type.element)! });
    return { name, address, size: contents.length };
  });
  const registers = freshRegisters(convention, '');
  const stack = new Map<number, Term>();
  const put = (offset: number, value: Term): void => {
    for (let i = 0; i < 8; i++) stack.set(offset + i, extract(value, 8 * i, 8));
  };
  const { returnAddress: link, stackPointer } = convention;
  const returnAddress = link === 'stack' ? variable('at.return', 64) : registers[link];
  if (link === 'stack') put(0, returnAddress);
  for (const { slot, value } of placedWords(convention, given)) {
    if (slot.kind === 'register') registers[slot.register] = value;
    else put(returnBytes(convention) + slot.offset, value);
  }
  const modified = subject.parameters.flatMap(({ id }, i) => (subject.modifies.includes(id) ? [`p${i}`] : []));
  return {
    ...{ convention, values, arrays, objects, regions, bases, compared, assumptions, registers, stack },
    writable: new Set([RESULT, ...modified]),
    ...{ stackPointer: registers[stackPointer], returnAddress, slide, tables: extents },
  };
}

/** Registers of which nothing is known but the one that is zero. */
export const freshRegisters = ({ registers, zero }: Convention, prefix: string): Term[] =>
  Array.from({ length: registers }, (_, i) => (i === zero ? word(0) : t.variable(`${prefix}x${i}`, 'BV64')));

/** A scalar of the source as its bytes. */
export function bytesOf(value: Term, type: Type): Term {
  const count = scalarBytes(type) ?? undecided(`a value of kind ${type.kind}`);
  if (type.kind === 'boolean') return terms.select(value, t.bitConstant(1n, 8), t.bitConstant(0n, 8));
  return extract(value, 0, count * 8);
}

/**
 * What a call leaves behind, told to both sides in the same words.
 *
 * A callee is one of two kinds. A short one without branches is followed: the source steps into its body and the machine
 * into its code, and nothing is believed of it. Any other call is an event: it must happen on both sides, the same callee
 * with the same arguments and the same memory behind them (matching.ts asks), and then leaves the same on both: results
 * and what it may modify get fresh names, made of the segment, the number of calls before and the callee, and everything
 * else stays. That is what a callee is whose own code was validated, since its verdict covers the registers that it keeps,
 * the stack above it, and all memory that is not its to modify; of one that was not it is an assumption, and the verdict
 * lists it. A callee that answers otherwise each time, as a device does, is the same history of calls on both sides.
 */
import type { FunctionIr } from '../../analyzers/ir.ts';
import { allStatements, callsIn, expressionsOf, partsOf } from '../../analyzers/walk.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract } from './algebra.ts';
import { LARGEST_BY_VALUE } from './convention.ts';
import { knownOf, type ObjectPlace, type SourceValue, valueAt } from './entry.ts';
import { layoutOf, scalarBytes } from './layout.ts';
import { type Region, rewritten } from './memory.ts';
import { undecided } from './undecided.ts';

/** Statements of a callee that is followed, with those of what it calls. */
const LONGEST_FOLLOWED = 16;

type Node = Parameters<typeof partsOf>[0];

const decides = (node: Node): boolean =>
  node.kind === 'logical' || node.kind === 'conditional' || partsOf(node).some(decides);

/** How many statements a function without branches runs; undefined of one that has any, or no body, or arrays. */
function straightLength(byKey: ReadonlyMap<string, FunctionIr>, key: string, deep = 0): number | undefined {
  const body = byKey.get(key)?.body;
  if (body === undefined || deep > LONGEST_FOLLOWED) return undefined;
  let length = 0;
  for (const statement of allStatements(body)) {
    if (statement.kind === 'assert' || statement.kind === 'ghost') continue;
    if (!['declare', 'assign', 'store', 'set', 'return', 'call'].includes(statement.kind)) return undefined;
    if (statement.kind === 'declare' && statement.variable.type.kind === 'object') return undefined;
    if (expressionsOf(statement).some(decides)) return undefined;
    const called = new Set<string>();
    if (statement.kind === 'call') called.add(statement.function);
    for (const expression of expressionsOf(statement)) callsIn(expression, called);
    length++;
    for (const one of called) {
      const inner = straightLength(byKey, one, deep + 1);
      if (inner === undefined) return undefined;
      length += inner;
    }
    if (length > LONGEST_FOLLOWED) return undefined;
  }
  return length;
}

/** Whether both sides step into a callee. */
export const isFollowed = (byKey: ReadonlyMap<string, FunctionIr>, key: string): boolean =>
  straightLength(byKey, key) !== undefined;

/** Of all calls that may stand at this place of a history, the name of this one. */
export const callTag = (segment: string, callsBefore: number, callee: number): string =>
  `${segment}.c${callsBefore}f${callee}`;

/** What a callee gives back. */
export interface CallResult {
  readonly value?: SourceValue;
  /** What it is in registers: a scalar's own bytes, or a record's words. */
  readonly words: readonly Term[];
  /** Of a result in memory, its bytes. */
  readonly bytes?: readonly Term[];
  readonly facts: readonly Term[];
}

export function resultOf({ result: type }: FunctionIr, tag: string): CallResult {
  if (type.kind === 'void') return { words: [], facts: [] };
  const layout = layoutOf(type) ?? undecided(`a result of kind ${type.kind}`);
  const facts = (bytesAt: (offset: number, count: number) => Term): Term[] =>
    layout.scalars.flatMap((one) => knownOf(bytesAt(one.offset, scalarBytes(one.type)!), one.type));
  if (type.kind !== 'record') {
    const bytes = t.variable(`${tag}.result`, `BV${layout.size * 8}`);
    return {
      ...{ value: valueAt(type, layout, () => bytes), words: [bytes] },
      facts: knownOf(bytes, type),
    };
  }
  if (layout.size <= LARGEST_BY_VALUE) {
    const words = Array.from({ length: Math.ceil(layout.size / 8) }, (_, i) => t.variable(`${tag}.word${i}`, 'BV64'));
    const bytesAt = (offset: number, count: number): Term => extract(words[offset >> 3], (offset & 7) * 8, count * 8);
    return { value: valueAt(type, layout, bytesAt), words, facts: facts(bytesAt) };
  }
  const scalarAt = (offset: number, count: number): Term => t.variable(`${tag}.result${offset}`, `BV${count * 8}`);
  const bytes = Array.from({ length: layout.size }, (_, i) => t.variable(`${tag}.padding${i}`, 'BV8'));
  for (const one of layout.scalars) {
    const count = scalarBytes(one.type)!;
    for (let i = 0; i < count; i++) bytes[one.offset + i] = extract(scalarAt(one.offset, count), 8 * i, 8);
  }
  return { value: valueAt(type, layout, scalarAt), words: [], bytes, facts: facts(scalarAt) };
}

/** The name of what a callee leaves in the array that is its i-th parameter. */
export const arrayTag = (tag: string, i: number): string => `${tag}.p${i}`;

export const arrayAfter = (region: Region, tag: string, i: number): Region => rewritten(region, arrayTag(tag, i));

/** What a callee leaves in the fields that it may write of the object that is its i-th parameter. */
export function fieldsAfter(
  callee: FunctionIr,
  { layout }: Pick<ObjectPlace, 'layout'>,
  tag: string,
  i: number,
): { readonly writes: readonly { readonly offset: number; readonly bytes: Term }[]; readonly facts: readonly Term[] } {
  const { id, type } = callee.parameters[i];
  if (type.kind !== 'object') throw new TypeError('no object');
  const names = callee.fields.get(id) ?? type.record.fields.map(({ name }) => name);
  const written = layout.scalars.filter(({ path }) => names.includes(type.record.fields[path[0]].name));
  const writes = written.map((one) => ({
    offset: one.offset,
    bytes: t.variable(`${tag}.p${i}.${one.offset}`, `BV${scalarBytes(one.type)! * 8}`),
    type: one.type,
  }));
  return { writes, facts: writes.flatMap(({ bytes, type: of }) => knownOf(bytes, of)) };
}

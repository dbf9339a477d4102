/**
 * Tables: arrays of constants at module level, which an image has in memory that nobody writes.
 *
 * What a table's memory holds is compared with the source once, byte by byte (tableBytes), by whoever looks an image's
 * tables up. So it is one region for both sides, and its bytes have one name wherever in it somebody looks; at a place that
 * is known they are what they are.
 */
import type { Expression, FunctionIr, Statement, Table } from '../../analyzers/ir.ts';
import { allStatements, expressionsOf, partsOf } from '../../analyzers/walk.ts';
import { isFollowed } from './calls.ts';
import { scalarBytes } from './layout.ts';
import type { SourceProgram } from './source.ts';

/** Bytes of a table of scalars as the lowering's C has them; undefined for one of records, or of what has no form in C. */
export function tableBytes({ variable, values }: Table): Uint8Array | undefined {
  const count = scalarBytes(variable.type.element);
  if (count === undefined) return undefined;
  const bytes = new Uint8Array(values.length * count);
  for (const [i, value] of values.entries()) {
    if (typeof value === 'object') return undefined;
    for (let j = 0; j < count; j++) bytes[i * count + j] = Number((BigInt(value) >> BigInt(8 * j)) & 255n);
  }
  return bytes;
}

type Node = Parameters<typeof partsOf>[0];

/** Names of the arrays that a function reads or hands on, with those of the callees that are followed. */
export function arraysUsed({ byKey }: Pick<SourceProgram, 'byKey'>, fn: FunctionIr): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const enter = (key: string): void => {
    if (seen.has(key) || !isFollowed(byKey, key)) return;
    seen.add(key);
    inside(byKey.get(key)!.body!);
  };
  const look = (node: Node | Expression): void => {
    if (node.kind === 'element' || node.kind === 'length' || node.kind === 'array') found.add(node.array.id);
    if (node.kind === 'call') enter(node.function);
    for (const part of partsOf(node)) look(part);
  };
  const inside = (statements: readonly Statement[]): void => {
    for (const statement of allStatements(statements)) {
      if (statement.kind === 'ghost' || statement.kind === 'assert') continue;
      if (statement.kind === 'call') enter(statement.function);
      for (const one of expressionsOf(statement)) look(one);
    }
  };
  inside(fn.body ?? []);
  return found;
}

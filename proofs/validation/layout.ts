/**
 * Where the lowering's C puts values in memory: sizes and places of fields. The same on riscv64 and x86-64.
 * Sources: RISC-V ELF psABI 1.0, "C/C++ type representations" (lp64); System V ABI for x86-64, 3.1.2.
 */
import { type IntegerName, type RecordType, rangeOf, type Type } from '../../analyzers/types.ts';

export interface Extent {
  /** Bytes. */
  readonly size: number;
  readonly alignment: number;
}

const bytesOf: Readonly<Partial<Record<IntegerName, number>>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  number: 8,
  u64: 8,
  i64: 8,
};

export const isSigned = (name: IntegerName): boolean => (rangeOf(name).low ?? 0n) < 0n;

/** A scalar's bytes; undefined for what has no form in C. */
export function scalarBytes(type: Type): number | undefined {
  if (type.kind === 'boolean') return 1;
  return type.kind === 'integer' ? bytesOf[type.name] : undefined;
}

const aligned = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment;

/** A scalar of a record, at its offset. */
export interface Placed {
  readonly offset: number;
  readonly type: Type;
  /** Indices of fields from the record to it. */
  readonly path: readonly number[];
}

export interface RecordLayout extends Extent {
  readonly scalars: readonly Placed[];
}

/** Undefined where a field has no form in C. */
export function layoutOf(type: Type): RecordLayout | undefined {
  if (type.kind !== 'record') {
    const size = scalarBytes(type);
    return size === undefined ? undefined : { size, alignment: size, scalars: [{ offset: 0, type, path: [] }] };
  }
  return recordLayout(type);
}

function recordLayout({ fields }: RecordType): RecordLayout | undefined {
  let end = 0;
  let alignment = 1;
  const scalars: Placed[] = [];
  for (const [i, field] of fields.entries()) {
    const inner = layoutOf(field.type);
    if (inner === undefined) return undefined;
    const start = aligned(end, inner.alignment);
    for (const one of inner.scalars) scalars.push({ ...one, offset: start + one.offset, path: [i, ...one.path] });
    end = start + inner.size;
    alignment = Math.max(alignment, inner.alignment);
  }
  return { size: Math.max(1, aligned(end, alignment)), alignment, scalars };
}

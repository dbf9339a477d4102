/**
 * Memory of one region (a slice, an object, a buffer for a result): bytes at offsets from its beginning, as what was
 * there at the entry and the writes since, oldest first.
 *
 * A byte at the entry is an uninterpreted function of its offset, the same for the source and for the machine. Reading
 * goes back through the writes, and leaves out those that are at another place for certain.
 */
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract, terms, word } from './algebra.ts';

interface Write {
  readonly offset: Term;
  /** Eight bits. */
  readonly byte: Term;
}

export interface Region {
  readonly name: string;
  /** Bytes. */
  readonly size: Term;
  readonly writes: readonly Write[];
  /** What was there before the writes: by another name after something unknown wrote it, or zeros. */
  readonly before?: { readonly named: string } | 'zeros';
  /** Of memory that nobody ever writes, the bytes that are there. */
  readonly contents?: Uint8Array;
}

/** The region after somebody wrote it of whom only this is known: both sides call what they find there by one name. */
export const rewritten = (region: Region, named: string): Region => ({ ...region, writes: [], before: { named } });

/** What was at the offset before the writes. */
function byteBefore({ name, before, contents }: Region, offset: Term): Term {
  if (before === 'zeros') return t.bitConstant(0n, 8);
  const known = before === undefined && offset.kind === 'bits' ? contents?.[Number(offset.value)] : undefined;
  if (known !== undefined) return t.bitConstant(BigInt(known), 8);
  return t.call(`m.${before?.named ?? name}`, [offset], 'BV8');
}

function readByte(region: Region, offset: Term): Term {
  const { writes } = region;
  let value: Term | undefined;
  const later: Write[] = [];
  for (let i = writes.length - 1; i >= 0 && value === undefined; i--) {
    const { offset: at, byte } = writes[i];
    const difference = terms.operate('bvsub', at, offset);
    if (at === offset || (difference.kind === 'bits' && difference.value === 0n)) value = byte;
    else if (difference.kind !== 'bits' && !isOther(at, offset)) later.push({ offset: at, byte });
  }
  value ??= byteBefore(region, offset);
  for (const { offset: at, byte } of later.reverse()) value = terms.select(terms.compare('=', at, offset), byte, value);
  return value;
}

/** Whether two are sums of one term and constants that differ. */
function isOther(a: Term, b: Term): boolean {
  const split = (term: Term): readonly [Term | undefined, bigint] => {
    if (term.kind === 'bits') return [undefined, term.value];
    if (term.kind === 'apply' && term.operator === 'bvadd' && term.operands[1].kind === 'bits')
      return [term.operands[0], term.operands[1].value];
    return [term, 0n];
  };
  const [[x, i], [y, j]] = [split(a), split(b)];
  return x === y && i !== j;
}

/** So many bytes at the offset, the first one lowest. */
export function readBytes(region: Region, offset: Term, count: number): Term {
  let value: Term | undefined;
  for (let i = 0; i < count; i++) {
    const byte = readByte(region, terms.operate('bvadd', offset, word(i)));
    const wide = terms.zeroExtend(byte, count * 8);
    const placed = terms.operate('bvshl', wide, t.bitConstant(BigInt(8 * i), count * 8));
    value = value === undefined ? placed : terms.operate('bvor', value, placed);
  }
  return value!;
}

/** The region after a value was written at the offset. */
export function writeBytes(region: Region, offset: Term, value: Term): Region {
  const count = t.bitsOf(value) / 8;
  const more = Array.from({ length: count }, (_, i) => ({
    offset: terms.operate('bvadd', offset, word(i)),
    byte: extract(value, 8 * i, 8),
  }));
  return { ...region, writes: [...region.writes, ...more] };
}

/** That so many bytes from the offset on lie in the region. */
export function liesWithin({ size }: Region, offset: Term, count: number): Term {
  // offset <= size - count, without wrapping: sizes are far below 2 ** 63.
  return t.all([
    terms.compare('bvule', word(count), size),
    terms.compare('bvule', offset, terms.operate('bvsub', size, word(count))),
  ]);
}

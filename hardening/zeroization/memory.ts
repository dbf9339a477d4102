/**
 * Memory while a secret is followed: regions of bytes, each byte with the value of which it is a part.
 *
 * A region is the stack, what a pointer argument points to, or the image's own data; places in it are offsets. What was
 * stored stays whole, so that a pointer that was spilled comes back as a pointer. A store whose place is one of several
 * leaves each of them with what it had or what it got: it wipes nothing. Bytes that nothing wrote are what they were at
 * the entry. States that part share their pages until one of them writes.
 */
import {
  byteOf,
  bytesOf,
  extractBytes,
  isEqual,
  isOne,
  join,
  joinSecretly,
  known,
  unknown,
  type Value,
} from './values.ts';

/** The calls that are being executed: the innermost one's instruction, and those around it. */
export interface CallPath {
  readonly at: number;
  readonly parent: CallPath | undefined;
}

/** Which instruction stores, and within which calls. */
export interface Writer {
  readonly at: number;
  readonly via: CallPath | undefined;
}

/** What a store left: a value, and the instruction that stored it. */
export interface Written {
  readonly value: Value;
  readonly at: number;
  readonly via?: CallPath | undefined;
  /** A return address, or a register that a function keeps for its caller: no pointer leads here. */
  readonly isSaved?: boolean;
}

const PAGE = 64;

interface Page {
  owner: object;
  /** Of each byte: by which store, and which byte of its value. */
  readonly written: (Written | undefined)[];
  readonly index: Uint8Array;
}

export interface Region {
  readonly id: number;
  readonly name: string;
  /** What an offset's byte is at the entry: eight bits. */
  readonly initial: (offset: number) => Value;
  /** Names for words of unknown content, by offset: made when first read. */
  readonly symbols: Map<number, Value>;
}

export interface Memory {
  readonly pages: Map<number, Page>;
  owner: object;
  /** Pages that were written here and nowhere before. */
  own: number;
}

export const createMemory = (): Memory => ({ pages: new Map(), owner: {}, own: 0 });

/** Bytes that a page takes with what is usually in it, and an entry of a table of pages. */
const PAGE_BYTES = 4096;
const ENTRY_BYTES = 64;

/** Bytes that are held for a memory besides those of the one that it is a copy of, by rule of thumb. */
export const bytesHeld = ({ own, pages }: Memory): number => own * PAGE_BYTES + pages.size * ENTRY_BYTES;

const SPAN = 2 ** 40;
/** Offsets may be negative: regions are this far apart. */
const keyOf = (region: number, offset: number): number => (region + 0.5) * SPAN + Math.floor(offset / PAGE);
const within = (offset: number): number => ((offset % PAGE) + PAGE) % PAGE;

/** Another memory with the same contents; neither sees what the other writes. */
export function copyMemory(memory: Memory): Memory {
  memory.owner = {};
  return { pages: new Map(memory.pages), owner: {}, own: 0 };
}

function pageForWriting(memory: Memory, key: number): Page {
  const page = memory.pages.get(key);
  if (page !== undefined && page.owner === memory.owner) return page;
  const own: Page =
    page === undefined
      ? { owner: memory.owner, written: new Array(PAGE).fill(undefined), index: new Uint8Array(PAGE) }
      : { owner: memory.owner, written: [...page.written], index: page.index.slice() };
  memory.pages.set(key, own);
  memory.own++;
  return own;
}

function putByte(memory: Memory, region: number, offset: number, written: Written, index: number): void {
  const page = pageForWriting(memory, keyOf(region, offset));
  const slot = within(offset);
  page.written[slot] = written;
  page.index[slot] = index;
}

const writerOf = ({ at, via }: Written): Writer => ({ at, via });

/** Stores at one place. */
export function storeAt(
  memory: Memory,
  region: number,
  offset: number,
  value: Value,
  { at, via }: Writer,
  isSaved = false,
): void {
  const written: Written = isSaved ? { value, at, via, isSaved } : { value, at, via };
  const count = bytesOf(value.width);
  const slot = within(offset);
  if (slot + count <= PAGE) {
    const page = pageForWriting(memory, keyOf(region, offset));
    for (let i = 0; i < count; i++) {
      page.written[slot + i] = written;
      page.index[slot + i] = i;
    }
  } else for (let i = 0; i < count; i++) putByte(memory, region, offset + i, written, i);
}

export function writtenAt(
  memory: Memory,
  region: number,
  offset: number,
): { written: Written; index: number } | undefined {
  const page = memory.pages.get(keyOf(region, offset));
  if (page === undefined) return undefined;
  const slot = within(offset);
  const written = page.written[slot];
  return written && { written, index: page.index[slot]! };
}

/** One byte's value. */
export function byteAt(memory: Memory, region: Region, offset: number): Value {
  const found = writtenAt(memory, region.id, offset);
  return found === undefined ? region.initial(offset) : byteOf(found.written.value, found.index);
}

/** Whether bytes of a page, from a slot on, are one after another of what one store left. */
function isRun(page: Page, slot: number, count: number): boolean {
  const written = page.written[slot];
  const index = page.index[slot]!;
  if (written === undefined) return false;
  for (let i = 1; i < count; i++)
    if (page.written[slot + i] !== written || page.index[slot + i] !== index + i) return false;
  return true;
}

/** Loads from one place. */
export function loadAt(memory: Memory, region: Region, offset: number, count: number): Value {
  const slot = within(offset);
  const page = memory.pages.get(keyOf(region.id, offset));
  if (page !== undefined && slot + count <= PAGE && isRun(page, slot, count))
    return extractBytes(page.written[slot]!.value, page.index[slot]!, count);
  const first = writtenAt(memory, region.id, offset);
  let follows = first !== undefined;
  let untouched = first === undefined;
  for (let i = 1; i < count; i++) {
    const found = writtenAt(memory, region.id, offset + i);
    untouched &&= found === undefined;
    follows &&= found !== undefined && found.written === first!.written && found.index === first!.index + i;
  }
  if (follows) return extractBytes(first!.written.value, first!.index, count);
  const bytes = Array.from({ length: count }, (_, i) => byteAt(memory, region, offset + i));
  const whole = assembled(bytes);
  if (!untouched || whole.kind !== 'unknown') return whole;
  const key = offset * 16 + count;
  let named = region.symbols.get(key);
  if (named === undefined) {
    const symbol = region.id * 2 ** 36 + region.symbols.size + 1;
    // A secret one has no name, but is one object: what a comparison shows of it is so when it is loaded again.
    named = whole.taint !== 0 ? whole : unknown(whole.width, 0, whole.most, -1, symbol);
    region.symbols.set(key, named);
  }
  return named;
}

/** A value of bytes, the lowest first. */
export function assembled(bytes: readonly Value[]): Value {
  const width = bytes.length * 8;
  let value = 0n;
  let most = 0n;
  let taint = 0;
  let isKnown = true;
  let copy: number | undefined;
  for (const [i, byte] of bytes.entries()) {
    const shift = BigInt(8 * i);
    if (byte.kind === 'known') {
      value |= byte.value << shift;
      most |= byte.value << shift;
      continue;
    }
    isKnown = false;
    most = (most & ((1n << shift) - 1n)) | ((((byte.kind === 'unknown' ? byte.most : 255n) + 1n) << shift) - 1n);
    if (byte.taint === 0) continue;
    taint |= 1 << i;
    const start = byte.copy < 0 ? -1 : byte.copy - i;
    copy = copy === undefined || copy === start ? start : -1;
  }
  return isKnown ? known(value, width) : unknown(width, taint, most, copy ?? -1);
}

/** Each byte from `low` up to `high`, both included, may have become that byte of the value; or stays. */
export function storeWeakly(
  memory: Memory,
  region: Region,
  { low, high }: { readonly low: number; readonly high: number },
  value: Value,
  { at, via, isSecret }: Writer & { readonly isSecret: boolean },
): void {
  const count = bytesOf(value.width);
  if (low === high) {
    if (writtenAt(memory, region.id, low)?.written.isSaved === true) return;
    const old = loadAt(memory, region, low, count);
    storeAt(memory, region.id, low, isSecret ? joinSecretly(old, value) : join(old, value), { at, via });
    return;
  }
  let merged = byteOf(value, 0);
  for (let i = 1; i < count; i++) merged = join(merged, byteOf(value, i));
  for (let offset = low; offset < high + count; offset++) {
    if (writtenAt(memory, region.id, offset)?.written.isSaved === true) continue;
    const old = byteAt(memory, region, offset);
    const next = isSecret ? joinSecretly(old, merged) : join(old, merged);
    if (next !== old) putByte(memory, region.id, offset, { value: next, at, via }, 0);
  }
}

/** Whether any written byte of a region may depend on the secret, in a range or anywhere. */
export function taintedBytes(
  memory: Memory,
  region: number,
  visit: (offset: number, written: Written, index: number) => void,
): void {
  for (const [key, page] of memory.pages) {
    if (Math.floor(key / SPAN) !== region) continue;
    const start = (key - (region + 0.5) * SPAN) * PAGE;
    for (let slot = 0; slot < PAGE; slot++) {
      const written = page.written[slot];
      if (written !== undefined && ((written.value.taint >> page.index[slot]!) & 1) === 1)
        visit(start + slot, written, page.index[slot]!);
    }
  }
}

/** What is written in one region, to the same offsets of another one; `size`: of bytes below. */
export function copyRegion(memory: Memory, from: number, to: number, size = Number.POSITIVE_INFINITY): void {
  const pages = [...memory.pages].filter(([key]) => Math.floor(key / SPAN) === from);
  for (const [key, page] of pages) {
    const start = (key - (from + 0.5) * SPAN) * PAGE;
    for (let slot = 0; slot < PAGE && start + slot < size; slot++) {
      const written = page.written[slot];
      if (written !== undefined) putByte(memory, to, start + slot, written, page.index[slot]!);
    }
  }
}

/** How two states become one. */
export interface Joining {
  readonly regions: readonly Region[];
  /** Which of the two it is depends on the secret. */
  readonly isSecret: boolean;
  /** A loop goes on: bounds are given up. */
  readonly widen: boolean;
  /** Values that this makes: each is in one place. */
  readonly made: Set<Value>;
  /** Values that were made so when the first state was. */
  readonly earlier?: ReadonlySet<Value>;
}

/** What two become; undefined if the first says it already, and claims nothing of it and other places. */
export function settled({ isSecret, widen, made, earlier }: Joining, a: Value, b: Value): Value | undefined {
  if (a === b || isOne(a, b)) return undefined;
  const next = isSecret ? joinSecretly(a, b, widen) : join(a, b, widen);
  if (isEqual(next, a) && earlier?.has(a) === true) return undefined;
  made.add(next);
  return next;
}

const isWhole = (page: Page, slot: number, { value }: Written): boolean => {
  const count = bytesOf(value.width);
  return slot + count <= PAGE && page.index[slot] === 0 && isRun(page, slot, count);
};

/** Joins `b` into `a`; whether `a` says something else now. */
export function joinMemory(joining: Joining, a: Memory, b: Memory): boolean {
  let changed = false;
  for (const key of new Set([...a.pages.keys(), ...b.pages.keys()])) {
    const [p, q] = [a.pages.get(key), b.pages.get(key)];
    if (p === q) continue;
    const region = joining.regions[Math.floor(key / SPAN)]!;
    const start = (key - (region.id + 0.5) * SPAN) * PAGE;
    for (let slot = 0; slot < PAGE; slot++) {
      const [x, y] = [p?.written[slot], q?.written[slot]];
      if (x?.value === y?.value && (x === undefined || p!.index[slot] === q!.index[slot])) continue;
      const offset = start + slot;
      const wide = x !== undefined && y !== undefined && x.value.width > 8 && x.value.width === y.value.width;
      if (wide && isWhole(p!, slot, x) && isWhole(q!, slot, y)) {
        const next = settled(joining, x.value, y.value);
        if (next !== undefined) storeAt(a, region.id, offset, next, writerOf(x));
        changed ||= next !== undefined;
        slot += bytesOf(x.value.width) - 1;
        continue;
      }
      // The value of a byte alone, where it is one: whoever made it may know it again.
      const mine = x !== undefined && x.value.width === 8 ? x.value : byteAt(a, region, offset);
      const next = settled(joining, mine, byteAt(b, region, offset));
      if (next !== undefined) putByte(a, region.id, offset, { value: next, ...writerOf((x ?? y)!) }, 0);
      changed ||= next !== undefined;
    }
  }
  return changed;
}

/**
 * Loads and stores of a followed execution: from values that are addresses to bytes of regions.
 *
 * An address is a place, one of several places, or nowhere that is known. A load that may read one of several bytes
 * depends on the secret if one of them does, or if which one does. Where nobody knows what is read, it may be the secret:
 * `maybe` keeps where. A store to one of several places wipes none of them. A store to nowhere known ends it all: what it
 * writes may be the secret, and what it hits may be anything.
 */
import { hex } from '../../base/errors.ts';
import type { Allocated } from './blocks.ts';
import { byteAt, loadAt, type Region, storeAt, storeWeakly } from './memory.ts';
import { giveUp } from './question.ts';
import type { State } from './state.ts';
import { entryAt } from './tables.ts';
import { allBytes, join, joinSecretly, unknown, type Value } from './values.ts';

/** Offsets, both included. */
export interface Span {
  readonly low: number;
  readonly high: number;
}

/** Bytes that a place that is not known is looked for in. */
const FARTHEST = 65_536;

/** Whether bytes of a region are there, what for, and whether code may write them. */
export type Kind = 'data' | 'read-only data' | 'code' | 'nothing';

/** The part of a region that a pointer whose offset is not known stays in; undefined: that is not known either. */
export type Extent = (state: State, region: Region, anchor: number) => Span | undefined;

export interface AccessContext {
  /** More are added as memory is allocated. */
  readonly regions: Region[];
  /** Regions that were allocated. */
  readonly allocated: Map<number, Allocated>;
  /** Bytes of a region that are secret from the beginning. */
  readonly secretBytes: (region: number) => number;
  readonly imageAt: (address: bigint) => number | undefined;
  readonly extent: Extent;
  /** What all bytes from `low` up to `high`, both included, are; of several kinds, the last one in the order above. */
  readonly kindAt: (region: Region, low: number, high: number) => Kind;
  /** Whether all bytes from `low` up to `high`, both included, are what the file says, whatever happens. */
  readonly isFixed: (region: Region, low: number, high: number) => boolean;
  readonly stack: number;
  /** Instructions that load from nobody knows where. */
  readonly maybe: Set<number>;
  readonly assume: (text: string) => void;
  /** The least offset of the stack that was written. */
  lowest: number;
  /** Whether that is known of callees that were not followed, too. */
  hasDepth: boolean;
  /** Whether anything was allocated or freed. */
  usesHeap: boolean;
}

interface Place {
  readonly region: Region;
  readonly low: number;
  readonly high: number;
  readonly wild: boolean;
  readonly isSecret: boolean;
}

function placeOf(context: AccessContext, address: Value): Place | undefined {
  if (address.kind === 'pointer') {
    const { region, low, high, wild, taint } = address;
    return { region: context.regions[region]!, low, high, wild, isSecret: taint !== 0 };
  }
  if (address.kind !== 'known') return undefined;
  const image = context.imageAt(address.value);
  if (image === undefined) return undefined;
  const offset = Number(address.value);
  return { region: context.regions[image]!, low: offset, high: offset, wild: false, isSecret: false };
}

/** Where an access of so many bytes may begin. */
function rangeOf(context: AccessContext, state: State, place: Place, count: number): Span | undefined {
  if (!place.wild) return place.high - place.low > FARTHEST ? undefined : place;
  context.assume('a pointer whose offset is not known stays in the object, or the frame, that it points into');
  const own = context.allocated.get(place.region.id);
  const extent =
    own === undefined
      ? context.extent(state, place.region, place.low)
      : own.size !== undefined && { low: 0, high: Math.max(0, own.size - 1) };
  if (!extent || extent.high - extent.low > FARTHEST) return undefined;
  return { low: extent.low, high: Math.max(extent.low, extent.high - count + 1) };
}

function refuseFreed(state: State, region: Region, what: string): void {
  const status = state.heap.get(region.id)?.status ?? 'live';
  if (status !== 'live')
    giveUp(state.pc, `${what} memory that ${status === 'freed' ? 'was' : 'may have been'} freed before`);
}

/** Bytes that were allocated are data, and around them is nothing. */
function kindOf(context: AccessContext, region: Region, low: number, high: number): Kind {
  const own = context.allocated.get(region.id);
  if (own === undefined) return context.kindAt(region, low, high);
  return low < 0 || (own.size !== undefined && high >= own.size) ? 'nothing' : 'data';
}

export function load(context: AccessContext, state: State, address: Value, count: number): Value {
  if (address.either !== undefined)
    return address.either
      .map((one) => load(context, state, one, count))
      .reduce((a, b) => (address.taint === 0 ? join(a, b) : joinSecretly(a, b)));
  const place = placeOf(context, address);
  if (place !== undefined) refuseFreed(state, place.region, 'a load from');
  const range = place && rangeOf(context, state, place, count);
  if (place === undefined || range === undefined || !isThere(context, place.region, range, count)) {
    context.maybe.add(state.pc);
    return unknown(8 * count, allBytes(8 * count));
  }
  if (place.low === place.high && !place.wild) return loadAt(state.memory, place.region, place.low, count);
  let tainted = place.isSecret;
  let most = 0n;
  for (let offset = range.low; offset < range.high + count && !tainted; offset++) {
    const byte = byteAt(state.memory, place.region, offset);
    if (byte.taint !== 0) tainted = true;
    const top = byte.kind === 'known' ? byte.value : 255n;
    if (top > most) most = top;
  }
  if (tainted) most = 255n;
  const loaded = unknown(8 * count, tainted ? allBytes(8 * count) : 0, count === 1 ? most : undefined);
  const entry = entryAt(address, count);
  if (entry === undefined || !context.isFixed(place.region, range.low, range.high + count - 1)) return loaded;
  return { ...loaded, entry };
}

const isThere = (context: AccessContext, region: Region, { low, high }: Span, count: number): boolean =>
  kindOf(context, region, low, high + count - 1) !== 'nothing';

/** Code that is written is not the code that was read; what is never written is either a fault or somebody else's. */
function refuseUnlessData(
  context: AccessContext,
  pc: number,
  region: Region,
  { low, high }: Span,
  count: number,
): void {
  const kind = kindOf(context, region, low, high + count - 1);
  if (kind === 'data') return;
  const own = context.allocated.get(region.id);
  if (own !== undefined) giveUp(pc, `a store to byte ${low} to ${high + count - 1} of ${own.size} that ${own.by} gave`);
  const where = low === high ? hex(low) : `${hex(low)} to ${hex(high + count - 1)}`;
  if (kind === 'code') giveUp(pc, `a store to ${where}, which is code: it modifies itself`);
  giveUp(pc, `a store to ${where}, where ${kind === 'nothing' ? 'the image has no memory' : `its ${kind} is`}`);
}

export function store(context: AccessContext, state: State, address: Value, value: Value, isSave: boolean): void {
  for (const one of address.either ?? [address])
    storeTo(context, state, { address: one, value, isSave, mayBeElsewhere: address.either && address.taint });
}

interface Storing {
  readonly address: Value;
  readonly value: Value;
  readonly isSave: boolean;
  /** It is to this place or another, which depends on what is tainted so; undefined: to this one. */
  readonly mayBeElsewhere: number | undefined;
}

function storeTo(context: AccessContext, state: State, { address, value, isSave, mayBeElsewhere }: Storing): void {
  const { pc, memory } = state;
  const writer = { at: pc, via: state.frame?.via };
  const place = placeOf(context, address);
  if (place === undefined)
    giveUp(pc, value.taint === 0 ? 'a store to nobody knows where' : 'the secret is stored to nobody knows where');
  const { region, low } = place;
  refuseFreed(state, region, 'a store to');
  const count = value.width >> 3;
  const range = rangeOf(context, state, place, count);
  if (range === undefined) giveUp(pc, `a store to somewhere in ${region.name}, and nobody knows how far`);
  refuseUnlessData(context, pc, region, range, count);
  if (low === place.high && !place.wild && mayBeElsewhere === undefined) {
    if (region.id === context.stack) {
      if (low < context.lowest) context.lowest = low;
      const { frame } = state;
      const isInFrame = frame !== undefined && low < frame.stackPointer;
      const isSaved = isInFrame && isSave;
      storeAt(memory, region.id, low, value, writer, isSaved);
    } else storeAt(memory, region.id, low, value, writer);
    return;
  }
  context.assume('stores keep to their objects, and leave return addresses and saved registers alone');
  if (region.id === context.stack && range.low < context.lowest) context.lowest = range.low;
  const isSecret = place.isSecret || (mayBeElsewhere ?? 0) !== 0;
  storeWeakly(memory, region, range, value, { ...writer, isSecret });
}

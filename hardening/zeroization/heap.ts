/**
 * Memory that is allocated while a secret is followed.
 *
 * What an allocator does inside depends on every block that it ever gave, so its code is not followed: a call of malloc
 * and its kin, by name or as declared, is an operation on regions. malloc gives a region of its own, or nothing, and both
 * ways are followed; free ends a region with what is in it then, since nobody may reach for it any more; realloc gives a
 * copy and frees the block that it copied. So what is left in a region at the end is either in memory that was freed, which
 * nobody can erase any more, or in memory that is still there.
 *
 * What the call does to registers and to the stack its own code says (callee-effects.ts): registers that hold the secret
 * and are put on the stack there leave it there.
 *
 * Whatever is not such a block's beginning is not freed here: that, memory that is freed twice, and memory that is used
 * after it was freed, is unknown.
 */
import { printable } from '../../base/errors.ts';
import { type AccessContext, store } from './access.ts';
import { type Allocated, type Allocator, arityOf } from './blocks.ts';
import type { CalleeEffects } from './callee-effects.ts';
import { byteAt, copyRegion, type Region, storeAt, storeWeakly, taintedBytes } from './memory.ts';
import type { Processor } from './processor.ts';
import { giveUp } from './question.ts';
import { copyState, type State } from './state.ts';
import { isExact, join, known, pointer, THREAD, unknown, type Value } from './values.ts';

/** Of one function's blocks, at most. */
const MOST_BLOCKS = 2000;
/** Bytes that are secret from the beginning and copied one by one. */
const MOST_COPIED = 65_536;
/** Sizes beyond are those of no block that is looked at by its end. */
const MOST_SIZE = 2n ** 31n;
/** What malloc's blocks are aligned to. Source: the psABIs' max_align_t. */
const ALIGNMENT = 16;

export interface HeapContext {
  readonly processor: Processor;
  readonly access: AccessContext;
  readonly allocators: ReadonlyMap<number, Allocator>;
  readonly effectsOf: (entry: number, arguments_: number) => CalleeEffects;
}

/** What a call gives in the register of results. */
type Outcome = { readonly state: State; readonly result: Value; readonly copies?: boolean };

const bytesAsked = (value: Value, other: Value = known(1n, 64)): number | undefined => {
  if (value.kind !== 'known' || other.kind !== 'known') return undefined;
  const product = value.value * other.value;
  return product <= MOST_SIZE ? Number(product) : undefined;
};

function refuseSecret(pc: number, value: Value, what: string): void {
  if (value.taint !== 0) giveUp(pc, `${what} depends on the secret`);
}

function freshRegion({ access }: HeapContext, state: State, info: Allocated, isZero: boolean): Region {
  if (access.allocated.size >= MOST_BLOCKS) giveUp(state.pc, `more than ${MOST_BLOCKS} blocks of memory are allocated`);
  const id = access.regions.length;
  const initial = isZero ? known(0n, 8) : unknown(8);
  const region: Region = { id, name: `memory that ${info.by} gave`, initial: () => initial, symbols: new Map() };
  access.regions.push(region);
  access.allocated.set(id, info);
  state.heap.set(id, { status: 'live', isOwn: true });
  return region;
}

/** The region that a pointer to free is the beginning of. */
function blockOf({ access }: HeapContext, state: State, address: Value): number {
  const { pc } = state;
  refuseSecret(pc, address, 'which memory is freed');
  if (!isExact(address)) return giveUp(pc, 'memory is freed, and nobody knows which');
  const { region, low } = address;
  if (region <= THREAD) return giveUp(pc, `memory of ${access.regions[region]!.name} is freed`);
  if (low !== 0) return giveUp(pc, `memory is freed from its byte ${low} on, which is not where it begins`);
  const status = state.heap.get(region)?.status ?? 'live';
  if (status === 'freed') return giveUp(pc, 'memory is freed that was freed before');
  if (status === 'either') return giveUp(pc, 'memory is freed that may have been freed before');
  return region;
}

const isNull = (value: Value): boolean => value.kind === 'known' && value.value === 0n;

/** Where the call is that the innermost frame, or the jump to here, came from. */
const callOf = (state: State): number => state.frame?.via?.at ?? state.pc;

function endBlock(context: HeapContext, state: State, region: number, { wipes }: Allocator): void {
  if (wipes === true) clearRegion(context, state, region);
  state.heap.set(region, { status: 'freed', isOwn: context.access.allocated.has(region), freedAt: callOf(state) });
}

/** Sets all to zeros of which anything is known. */
function clearRegion({ access }: HeapContext, state: State, region: number): void {
  const writer = { at: callOf(state), via: state.frame?.via };
  const zero = known(0n, 8);
  const offsets: number[] = [];
  taintedBytes(state.memory, region, (offset) => offsets.push(offset));
  for (const offset of offsets) storeAt(state.memory, region, offset, zero, writer);
  for (let offset = 0; offset < access.secretBytes(region); offset++)
    storeAt(state.memory, region, offset, zero, writer);
}

/** Whether any byte of a region may depend on the secret. */
function isTainted({ access }: HeapContext, state: State, region: number): boolean {
  let found = false;
  taintedBytes(state.memory, region, () => {
    found = true;
  });
  for (let offset = 0; offset < access.secretBytes(region) && !found; offset++)
    found = byteAt(state.memory, access.regions[region]!, offset).taint !== 0;
  return found;
}

/** As many bytes as both blocks have, from one to the other. */
function copyBlock({ access }: HeapContext, state: State, from: number, to: Region, size: number | undefined): void {
  const secret = Math.min(access.secretBytes(from), size ?? Number.POSITIVE_INFINITY);
  if (secret > MOST_COPIED) giveUp(state.pc, `memory is copied of which ${secret} bytes are secret`);
  const writer = { at: callOf(state), via: state.frame?.via };
  for (let offset = 0; offset < secret; offset++)
    storeAt(state.memory, to.id, offset, byteAt(state.memory, access.regions[from]!, offset), writer);
  copyRegion(state.memory, from, to.id, size);
}

/** What a call gives: where there is memory, and where there is none. */
function outcomesOf(context: HeapContext, arrived: State, allocator: Allocator): Outcome[] {
  const { processor, access } = context;
  const { pc } = arrived;
  const argument = (i: number): Value => arrived.general[processor.argumentRegisters[i]!]!;
  const { role, name } = allocator;
  const nothing = known(0n, 64);
  const back = arrived.frame!.returnTo;
  const site = back.kind === 'known' ? Number(back.value) : -1;
  const sizes = (...which: number[]): number | undefined => {
    for (const i of which) refuseSecret(pc, argument(i), 'how much memory is asked for');
    return bytesAsked(argument(which[0]!), which[1] === undefined ? undefined : argument(which[1]));
  };
  const given = (size: number | undefined, alignment = ALIGNMENT, isZero = false): [Outcome, Outcome] => {
    const without = copyState(arrived);
    const region = freshRegion(context, arrived, { size, alignment, by: name, at: callOf(arrived), site }, isZero);
    return [
      { state: arrived, result: pointer(region.id, 0, 0) },
      { state: without, result: nothing },
    ];
  };
  switch (role) {
    case 'malloc':
      return given(sizes(0));
    case 'calloc':
      return given(sizes(0, 1), ALIGNMENT, true);
    case 'aligned_alloc': {
      refuseSecret(pc, argument(0), 'how memory is aligned');
      return given(sizes(1), alignmentOf(argument(0)));
    }
    case 'posix_memalign': {
      refuseSecret(pc, argument(1), 'how memory is aligned');
      const [there, without] = given(sizes(2), alignmentOf(argument(1)));
      store(access, there.state, argument(0), there.result, false);
      // ENOMEM, of which only matters that it is not 0.
      return [
        { ...there, result: nothing },
        { ...without, result: known(12n, 64) },
      ];
    }
    case 'free':
      if (!isNull(argument(0))) endBlock(context, arrived, blockOf(context, arrived, argument(0)), allocator);
      return [{ state: arrived, result: unknown(64) }];
    case 'realloc':
    case 'reallocarray': {
      const size = role === 'realloc' ? sizes(1) : sizes(1, 2);
      if (isNull(argument(0))) return given(size);
      if (size === 0) return giveUp(pc, `${name} to no bytes, which may free the memory or not`);
      if (size === undefined) access.assume('memory is not reallocated to no bytes');
      const old = blockOf(context, arrived, argument(0));
      const copies = isTainted(context, arrived, old);
      const [there, without] = given(size);
      copyBlock(context, there.state, old, access.regions[there.result.region]!, size);
      endBlock(context, there.state, old, allocator);
      return [{ ...there, copies }, without];
    }
  }
}

const alignmentOf = (value: Value): number => {
  const asked = value.kind === 'known' && value.value <= 4096n ? Number(value.value) : 0;
  return asked > ALIGNMENT && (asked & (asked - 1)) === 0 ? asked : ALIGNMENT;
};

/** What registers and the stack hold after the call; `copies`: it had the secret in its hands. */
function afterCall(
  { processor, access }: HeapContext,
  { state, result, copies }: Outcome,
  effects: CalleeEffects,
  name: string,
): void {
  const { general, vectors } = state;
  const { keeps } = processor;
  const spills = copies === true || effects.spills(state);
  const top = general[processor.stackPointer]!.low;
  const writer = { at: callOf(state), via: state.frame?.via };
  if (effects.depth === undefined) {
    access.hasDepth = false;
    if (spills) state.spilled ??= { at: callOf(state), by: name };
  } else {
    access.lowest = Math.min(access.lowest, top - effects.depth);
    if (spills) {
      const range = { low: top - effects.depth, high: top - 1 };
      const stack = access.regions[access.stack]!;
      storeWeakly(state.memory, stack, range, unknown(8, 1), { ...writer, isSecret: true });
    }
  }
  const left = (old: Value, survives: boolean): Value =>
    spills
      ? unknown(old.width, 2 ** (old.width / 8) - 1)
      : survives
        ? join(old, unknown(old.width))
        : unknown(old.width);
  for (const [i, old] of general.entries())
    if (!keeps.general.has(i)) general[i] = left(old, effects.survives.general.has(i));
  for (const [i, lanes] of vectors.entries())
    if (!keeps.vectors.has(i)) vectors[i] = lanes.map((lane) => left(lane, effects.survives.vectors.has(i)));
  if (!effects.survives.flags || spills) state.flags = { kind: 'bits', from: [unknown(1, spills ? 1 : 0)] };
  general[processor.result] = result;
}

/**
 * The states after a call of the allocator at whose entry the state is, still at that entry: one where memory is given,
 * and where some is asked for another one where there is none. `isSecret`: the secret decides that it is called.
 */
export function callAllocator(context: HeapContext, state: State, isSecret: boolean): State[] {
  const allocator = context.allocators.get(state.pc)!;
  if (isSecret) giveUp(state.pc, `whether ${allocator.name} is called depends on the secret`);
  context.access.usesHeap = true;
  context.access.assume(
    'memory is allocated and freed by functions that do what C says of their names, or what is declared of them, and nothing else',
  );
  if (allocator.wipes === true)
    context.access.assume(`${printable(allocator.name)} sets to zeros what it frees, as its record says`);
  const effects = context.effectsOf(state.pc, arityOf[allocator.role]);
  const outcomes = outcomesOf(context, state, allocator);
  for (const outcome of outcomes) afterCall(context, outcome, effects, allocator.name);
  return outcomes.map((outcome) => outcome.state);
}

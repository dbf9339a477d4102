/**
 * The kernels of a slide as its phases see them. Compiled from assembly/ by scripts/kernels.mjs; what the parameters mean
 * is said there. Addresses are those of an arena (linker/arena.ts).
 */
import { type ArenaOf, adopt, allocate, createArenaFor } from '../../../linker/arena.ts';
import * as numbers from './numbers.ts';
import { kernelModule } from './wasm.gen.ts';

export interface SlideKernels {
  // read.ts
  readonly readUnits: (
    from: number,
    end: number,
    count: number,
    limit: number,
    most: number,
    offset: number,
    size: number,
    align: number,
    result: number,
  ) => number;
  readonly readOffsets: (
    from: number,
    end: number,
    count: number,
    width: number,
    limit: number,
    offsets: number,
    used: number,
    result: number,
  ) => number;
  readonly readNamedUnits: (
    from: number,
    end: number,
    count: number,
    units: number,
    list: number,
    result: number,
  ) => number;
  readonly fieldOutsideUnits: (
    offsets: number,
    count: number,
    width: number,
    starts: number,
    sizes: number,
    units: number,
  ) => number;

  // units.ts
  readonly fillUnitTable: (starts: number, count: number, last: number, stretches: number) => void;

  // fields.ts
  readonly moveGroup: (
    kind: number,
    bytes: number,
    size: number,
    offsets: number,
    count: number,
    fixed: number,
    unitStarts: number,
    unitCount: number,
    unitMove: number,
    textSize: number,
    unitTable: number,
    inText: boolean,
    distance: boolean,
    named: number,
    lookup: boolean,
    origin: number,
  ) => number;

  // text.ts
  readonly arrangeText: (
    target: number,
    from: number,
    until: number,
    code: number,
    head: number,
    trap: number,
    order: number,
    count: number,
    next: number,
    offset: number,
    size: number,
    to: number,
  ) => number;

  // plan.ts
  readonly planText: (
    align: number,
    size: number,
    count: number,
    pinned: number,
    trailing: number,
    granule: number,
    most: number,
    page: number,
    start: number,
    shuffled: number,
    sizes: number,
    large: number,
    places: number,
    plan: number,
  ) => number;
  readonly sumOfUnits: (sizes: number, count: number, granule: number) => number;
  readonly placeUnits: (sizes: number, order: number, count: number, first: number, offsets: number) => number;
  readonly putOffsets: (places: number, values: number, count: number, less: number, offsets: number) => void;

  // symbols.ts
  readonly moveSymbols: (
    symbols: number,
    count: number,
    loaded: number,
    starts: number,
    sectionCount: number,
    segments: number,
    segmentCount: number,
    text: number,
    endMove: number,
    unitStarts: number,
    unitCount: number,
    unitMove: number,
    textSize: number,
    unitTable: number,
  ) => void;

  // draws.ts
  readonly drawUniform: (stream: number, bound: number) => number;
  readonly drawOrder: (stream: number, order: number, count: number) => void;

  // write.ts
  readonly writeDifferences: (words: number, count: number, to: number) => number;
  readonly clearBytes: (at: number, size: number) => void;
  readonly copyBytes: (to: number, from: number, size: number) => void;

  // order.ts
  readonly orderUnits: (
    offset: number,
    size: number,
    align: number,
    to: number,
    count: number,
    pinned: number,
    trailing: number,
    textSize: number,
    order: number,
    distance: number,
    scratch: number,
    result: number,
  ) => number;
  readonly sortFrames: (
    header: number,
    records: number,
    count: number,
    keys: number,
    order: number,
    scratch: number,
  ) => number;
}

/** The memory of one slide: the image and all that is known of it. */
export type SlideArena = ArenaOf<SlideKernels>;

let compiled: WebAssembly.Module | undefined;

function startSlideKernels(memory: WebAssembly.Memory): SlideKernels {
  compiled ??= new WebAssembly.Module(Buffer.from(kernelModule, 'base64'));
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as SlideKernels;
}

/** Errors: 'limit'. */
export function createSlideArena(): SlideArena {
  return createArenaFor(startSlideKernels);
}

/** Address of a list of words in the arena: where it is, or where it has been copied to. */
export function wordsIn(arena: SlideArena, words: Uint32Array | Int32Array): number {
  if (words.buffer === arena.bytes.buffer) return words.byteOffset;
  return adopt(arena, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
}

/** What a kernel left in its block of RESULT_WORDS words. */
export interface KernelResult {
  readonly at: number;
  readonly index: number;
  readonly value: number;
}

export function resultOf({ view }: SlideArena, block: number): KernelResult {
  const word = (index: number): number => block + 4 * index;
  return {
    at: view.getUint32(word(numbers.RESULT_AT), true),
    index: view.getUint32(word(numbers.RESULT_INDEX), true),
    value: Number(view.getBigInt64(word(numbers.RESULT_VALUE), true)),
  };
}

/** Room for sorting `count` keys; its address. */
export function sortScratch(arena: SlideArena, count: number): number {
  return allocate(arena, 4 * (numbers.SORT_SCRATCH + count));
}

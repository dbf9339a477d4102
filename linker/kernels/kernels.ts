/**
 * The kernels as the phases see them: what each is called with. Compiled from assembly/ by scripts/kernels.mjs.
 *
 * `program` is the address of a program's block, `names` that of a name table's (see layout.ts); other numbers are
 * addresses in the arena, counts and indices. Kernels check what comes from a file and answer with the index of what
 * is wrong; saying what is wrong is left to the phases.
 */
import { kernelModule } from './wasm.gen.ts';

export interface Kernels {
  // names.ts
  /** Id of the NUL-terminated name at `start`, interned when new; -1 when no NUL lies before `limit`. */
  readonly internName: (names: number, start: number, limit: number) => number;
  /** Id of the name of `length` bytes at `start`, interned when new. */
  readonly internSpan: (names: number, start: number, length: number) => number;
  /** Id of the name of `length` bytes at `start`, -1 when there is none. */
  readonly findSpan: (names: number, start: number, length: number) => number;
  /** Fills the hash table, which is new and empty, with the names there are. */
  readonly rehash: (names: number) => void;

  // archive.ts
  readonly readMembers: (block: number, base: number, size: number, thin: number) => number;
  readonly readArchiveIndex: (
    result: number,
    entries: number,
    count: number,
    width: number,
    end: number,
    rows: number,
    memberCount: number,
    members: number,
  ) => number;

  // read.ts
  /** Returns one of READ_... */
  readonly readObject: (program: number, start: number, end: number, resume: number) => number;
  readonly internGlobals: (program: number, refs: number) => number;
  readonly findSection: (program: number, from: number, to: number, type: number) => number;

  // hash.ts
  readonly startHash: (lanes: number) => void;
  readonly addToHash: (lanes: number, start: number, length: number) => void;
  readonly endHash: (lanes: number, start: number, length: number, total: number, out: number) => void;

  // notes.ts
  readonly collectNotes: (
    program: number,
    from: number,
    count: number,
    name: number,
    contents: number,
    objects: number,
  ) => number;

  // load.ts: those that return a status return one of LOAD_...
  readonly loadObject: (program: number, start: number, end: number, source: number, member: number) => number;
  readonly loadArchive: (program: number, archive: number) => number;
  readonly loadWanted: (program: number) => number;
  readonly writeObjectRow: (program: number, start: number, end: number, source: number, member: number) => void;
  readonly commitObject: (program: number) => void;

  // resolve.ts
  readonly mergeGlobals: (program: number, object: number, from: number) => number;
  readonly addReference: (program: number, id: number, object: number, symbol: number) => void;
  readonly mergeVisibility: (program: number, id: number, symbol: number) => void;
  /** 0: nothing was done, a group needs a closer look. */
  readonly dropDuplicateGroups: (program: number, object: number) => number;
  readonly offerLazy: (program: number, name: number, end: number, count: number, lazy: number) => number;
  readonly offerSymbol: (program: number, id: number, lazy: number) => void;

  // scan.ts
  readonly nextScanned: (program: number, from: number, count: number) => number;
  readonly scanSection: (
    program: number,
    section: number,
    from: number,
    needs: number,
    pie: number,
    rewrites: number,
  ) => number;

  // addresses.ts
  readonly globalAddresses: (program: number, address: number, special: number) => void;
  readonly objectAddresses: (
    program: number,
    object: number,
    globalAddress: number,
    globalSpecial: number,
    address: number,
    special: number,
  ) => void;
  readonly setSectionAddresses: (program: number, count: number, outputAddresses: number) => void;

  // place.ts
  readonly matchSections: (
    program: number,
    from: number,
    count: number,
    rows: number,
    rowCount: number,
    taken: number,
    takenPattern: number,
    descriptions: number,
    patterns: number,
  ) => number;
  readonly countMatches: (program: number, count: number, descriptions: number, counts: number) => void;
  readonly collectMatches: (program: number, count: number, descriptions: number, ends: number) => void;
  readonly placeOrphans: (
    program: number,
    from: number,
    count: number,
    descriptions: number,
    groups: number,
    ask: number,
  ) => number;
  readonly joinSection: (program: number, section: number, joined: number) => void;
  readonly joinSections: (program: number, list: number, count: number, joined: number) => void;
  readonly placeInputs: (
    program: number,
    list: number,
    count: number,
    output: number,
    forced: number,
    base: number,
    offset: number,
  ) => number;
  readonly sumSizes: (program: number, list: number, count: number) => number;
  readonly fillGaps: (program: number, list: number, count: number, base: number, from: number, byte: number) => number;
  readonly nextSymbol: (program: number, from: number, kind: number) => number;
  readonly nextBoundary: (program: number, from: number) => number;

  // symtab.ts
  readonly addLocals: (program: number, table: number, object: number, tlsStart: number, indices: number) => number;
  readonly addGlobals: (program: number, table: number, hidden: number, tlsStart: number, indices: number) => number;
  readonly indexGlobals: (program: number, object: number, globals: number, indices: number) => void;

  // write.ts
  /** Goes on from where the block of the writing phase says; returns one of WRITE_... */
  readonly writeInputs: (program: number, block: number) => number;

  // relax.ts
  readonly countRelaxable: (program: number, count: number, relax: number) => number;
  readonly collectRelaxable: (program: number, count: number, relax: number) => void;
  readonly relaxPass: (program: number, settling: number, globalPointer: number, tlsStart: number) => number;

  // merge.ts
  readonly pickRole: (program: number, list: number, count: number, role: number, to: number) => number;
  readonly hasLive: (program: number, count: number, role: number) => number;
  readonly groupByKind: (
    program: number,
    list: number,
    count: number,
    sorted: number,
    bounds: number,
    scratch: number,
    slots: number,
    mask: number,
  ) => number;
  readonly countPieces: (program: number, list: number, count: number) => number;
  readonly mergePieces: (
    program: number,
    list: number,
    count: number,
    descriptors: number,
    starts: number,
    outputs: number,
    index: number,
    data: number,
    dataEnd: number,
    hashes: number,
    places: number,
    slots: number,
    mask: number,
  ) => number;

  // eh-frame.ts, compact-frames.ts, eh-frame-hdr.ts
  readonly countFrames: (program: number, list: number, count: number, rows: number) => number;
  readonly splitFrames: (program: number, list: number, count: number, rows: number, columns: number) => number;
  readonly compactScratch: (records: number) => number;
  readonly compactFrames: (program: number, list: number, count: number, scratch: number, records: number) => number;
  readonly readFrameHeader: (program: number, block: number) => number;
  readonly writeFrameHeader: (block: number, spare: number, to: number, address: number) => void;

  // aarch64.ts, riscv64.ts
  readonly applyAarch64: (
    program: number,
    section: number,
    from: number,
    firstFound: number,
    to: number,
    places: number,
    addresses: number,
    special: number,
  ) => number;
  readonly applyRiscv64: (
    program: number,
    section: number,
    from: number,
    firstSlot: number,
    to: number,
    places: number,
    addresses: number,
    special: number,
  ) => number;

  // edits.ts
  /** Offset within the leader's contents of an offset of merged pieces, -1 outside. */
  readonly mergedOffset: (pieces: number, offset: number) => number;
  /** Address of `offset` bytes into input section `section`. */
  readonly sectionOffsetAddress: (program: number, section: number, offset: number) => number;
}

let compiled: WebAssembly.Module | undefined;

/** Binds the kernels to the memory they work on. */
export function startKernels(memory: WebAssembly.Memory): Kernels {
  compiled ??= new WebAssembly.Module(Buffer.from(kernelModule, 'base64'));
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernels;
}

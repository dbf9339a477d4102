/**
 * What may move in a finished image, and which of its fields hold addresses: all that a new layout needs to know.
 *
 * A program that was linked at fixed addresses has addresses baked into it. To move it for every launch, one must know
 * each field that holds one, and what that field means: the value alone does not say (a pointer one past an array is
 * the address of something else; the entry of a jump table counts from the table, so that it may seem to point far
 * outside the function that it means). So the meaning is settled once, when the symbols are still known, and kept here
 * as plain data. Positions count from the start of their segment: moving all segments leaves them true.
 *
 * - A *segment* is a PT_LOAD of the program. Segments that are not listed do not move.
 * - A *unit* is a part of the text segment that moves as a whole: an input section, hence a function where code was
 *   compiled with -ffunction-sections. The first `pinned` units keep their offset (what stands before the code); the
 *   last `trailing` ones stay behind all others, in order (.fini). Units do not overlap and cover all code.
 * - A *field* is a place that holds an address or a distance. Fields whose value no layout changes are left out:
 *   distances within one unit, or within one segment that is no text.
 *
 * How a field changes: by what its target moves, less, when it is a distance, by what the field itself moves.
 */

/** How a field is stored. Absolute ones hold S + A, distances S + A - P; P is the address of the field itself. */
export const Encoding = {
  /** 8 bytes, absolute. */
  Abs64: 0,
  /** 4 bytes, absolute, zero-extended. */
  Abs32: 1,
  /** 4 bytes, absolute, sign-extended. */
  Abs32Signed: 2,
  /** 4 bytes, a signed distance. */
  Pc32: 3,
  /** 8 bytes, a distance. */
  Pc64: 4,
} as const;
export type Encoding = (typeof Encoding)[keyof typeof Encoding];

/** Names for messages, by encoding. */
export const encodingNames = ['abs64', 'abs32', 'abs32s', 'pc32', 'pc64'] as const;

/** Bytes of a field, by encoding. */
export const fieldWidths = [8, 4, 4, 4, 8] as const;

export function isDistance(encoding: Encoding): boolean {
  return encoding >= Encoding.Pc32;
}

export type Target =
  /** Moves with a segment. Of the text segment: with its start, whatever the order of its units. */
  | { readonly kind: 'segment'; readonly segment: number }
  /** The end of the text segment, rounded up to `align` (a power of two). */
  | { readonly kind: 'end'; readonly align: number }
  /** The unit that `unitAt` finds for the field's own target; see `lookedUpTarget`. */
  | { readonly kind: 'nearest' }
  /** One unit for each field: where the field's own target would find another one. */
  | { readonly kind: 'units'; readonly units: Uint32Array }
  /** Does not move: an absolute symbol, or one that nothing defines. Only distances are listed. */
  | { readonly kind: 'fixed' };

export interface FieldGroup {
  readonly encoding: Encoding;
  /** Segment that holds the fields. */
  readonly segment: number;
  readonly target: Target;
  /** Offsets of the fields in their segment, ascending; all of each field lies in the segment's file contents. */
  readonly offsets: Uint32Array;
}

export interface SlideSegment {
  /** Index of its program header. */
  readonly index: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
  /** PF_*. */
  readonly flags: number;
}

/** Units by offset, ascending. */
export interface Units {
  readonly offset: Uint32Array;
  readonly size: Uint32Array;
  /** Powers of two, at most the segment's alignment. */
  readonly align: Uint32Array;
  readonly pinned: number;
  readonly trailing: number;
}

/** .eh_frame_hdr, whose table is sorted by address: it must be made again when code moved. */
export interface FrameHeader {
  /** Segment that holds it and .eh_frame. */
  readonly segment: number;
  readonly offset: number;
  readonly entries: number;
}

export interface SlideInfo {
  readonly segments: readonly SlideSegment[];
  /** Index in `segments` of the one whose units are listed. */
  readonly text: number;
  readonly units: Units;
  readonly groups: readonly FieldGroup[];
  readonly frameHeader?: FrameHeader;
}

/** Where everything goes. */
export interface Layout {
  /** Address of each segment of the info, in its order: a multiple of the segment's alignment apart from the base's. */
  readonly segmentAddress: readonly number[];
  /** New offset of each unit in the text segment. */
  readonly unitOffset: Uint32Array;
  /** Bytes of the text segment, in memory and in the file. */
  readonly textSize: number;
}

/** The layout that an image has already. */
export function identityLayout(info: SlideInfo): Layout {
  return {
    segmentAddress: info.segments.map(({ address }) => address),
    unitOffset: info.units.offset.slice(),
    textSize: info.segments[info.text]!.memorySize,
  };
}

/** Where movable units may begin: the end of the pinned ones. */
export function codeStart({ offset, size, pinned }: Units): number {
  return pinned === 0 ? 0 : offset[pinned - 1]! + size[pinned - 1]!;
}

/** Index of the last unit that begins at or before `at`, an offset in the text segment; the first for what is before all. */
export function unitAt(offsets: Uint32Array, at: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * What a distance stored in code counts from: the end of the field, where the instruction mostly ends too. Distances in
 * data are taken as they are.
 */
export const CODE_BIAS = 4;

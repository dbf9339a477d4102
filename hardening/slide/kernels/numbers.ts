/**
 * Numbers that a slide's kernels and their callers share; compiled twice, as TypeScript and as AssemblyScript.
 */

/** Words of the block in which a kernel that reads says where it is, or what is wrong where. */
export const RESULT_AT = 0;
export const RESULT_INDEX = 1;
/** Of 64 bits. */
export const RESULT_VALUE = 2;
export const RESULT_WORDS = 4;

export const READ_DONE = 0;
/** A number is damaged: the one at RESULT_AT. */
export const READ_BAD_NUMBER = 1;
/** An alignment of 2^RESULT_VALUE. */
export const READ_BAD_ALIGN = 2;
/** Unit RESULT_INDEX has no bytes, is not aligned, more so than its segment, or ends outside. */
export const READ_EMPTY_UNIT = 3;
export const READ_MISALIGNED = 4;
export const READ_OVERALIGNED = 5;
export const READ_UNIT_OUTSIDE = 6;
/** The field at RESULT_VALUE overlaps another or the segment's end. */
export const READ_OVERLAP = 7;
/** A target in unit RESULT_VALUE, which there is not. */
export const READ_NO_UNIT = 8;

/** Kinds of fields: 4 bytes sign-extended, 4 bytes zero-extended, 8 bytes. */
export const FIELD_SIGNED = 0;
export const FIELD_UNSIGNED = 1;
export const FIELD_WIDE = 2;

/** Bytes of a stretch of the table that finds units, as a power of two. */
export const STRETCH = 6;

/** Words that a sort needs beside one for each key. */
export const SORT_SCRATCH = 2048;

/** Unit RESULT_INDEX would be at RESULT_VALUE, which its alignment or its being pinned forbids. */
export const ORDER_FITS = 0;
export const ORDER_MISALIGNED = 1;
export const ORDER_PINNED = 2;
/** Unit RESULT_INDEX begins before the one before it ends, at RESULT_VALUE. */
export const ORDER_OVERLAP = 3;
/** Unit RESULT_INDEX is in place RESULT_VALUE of the order, which a trailing one's is. */
export const ORDER_TRAILING = 4;
/** The last unit ends at RESULT_VALUE. */
export const ORDER_OUTSIDE = 5;

/** Bytes of .eh_frame_hdr before its table. */
export const FRAME_TABLE = 12;

/** Words of a stream of draws: where its present block is, how many of its words have been taken, and all. */
export const STREAM_BLOCK = 16;
export const STREAM_USED = 32;
export const STREAM_WORDS = 33;

/** What a plan of a text leaves: its granule, how many units change places and how many are large; of 64 bits, as f64: */
export const PLAN_GRANULE = 0;
export const PLAN_SHUFFLED = 1;
export const PLAN_LARGE = 2;
/** where the last of the large ones ends, and the sizes of those that change places. */
export const PLAN_END = 4;
export const PLAN_SUM = 6;
export const PLAN_WORDS = 8;

/** Offset of a unit that has none yet. */
export const UNPLACED = 0xffffffff;

/** Bytes of a segment for the kernel that moves symbols. */
export const SEGMENT_BYTES = 24;

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

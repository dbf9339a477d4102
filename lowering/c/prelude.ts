/**
 * What every lowered program begins with: slices, and JavaScript's operators where C's are not the same or are not
 * defined. Each is an inline function over int64_t, which holds every `number` of the verified language exactly, and
 * compiles to the one instruction that the operator is.
 *
 * Nothing here has undefined behaviour for operands that a proof allows: words wrap as unsigned, and counts of shifts are
 * taken modulo 32. Two things are left to the compiler by C11 (6.3.1.3, 6.5.7) and documented the same by gcc and clang:
 * an unsigned word that becomes a signed one keeps its bits, and >> of a negative one keeps the sign.
 */
import { acslDefinitions } from '../../analyzers/operators/columns.ts';
import { type ArrayType, type IntegerName, typedArrays } from '../../analyzers/types.ts';
import { operatorFunctions } from './operators.ts';

/** C's type for values of an integer type; `number` is a safe integer, and `bigint` has none: it has no bound. */
export const scalarTypes: Readonly<Record<Exclude<IntegerName, 'bigint'>, string>> = {
  u8: 'uint8_t',
  u16: 'uint16_t',
  u32: 'uint32_t',
  i8: 'int8_t',
  i16: 'int16_t',
  i32: 'int32_t',
  number: 'int64_t',
  u64: 'uint64_t',
  i64: 'int64_t',
};

export type Scalar = keyof typeof scalarTypes;

/** What a typed array holds. */
export function elementOf({ name, element }: ArrayType): Scalar {
  if (element.kind !== 'integer' || element.name === 'bigint') throw new TypeError(`${name} is no typed array`);
  return element.name;
}

/** Slices of elements of a type: a pointer and how many there are. */
export const sliceType = (element: Scalar, readonly: boolean): string => `cm_${readonly ? 'const_' : ''}${element}s`;

function sliceTypes(): string {
  const elements = [...new Set(Object.values(typedArrays))] as Scalar[];
  return elements
    .map((element) => {
      const type = scalarTypes[element];
      const [slice, constant] = [sliceType(element, false), sliceType(element, true)];
      return `typedef struct { ${type} *data; size_t length; } ${slice};
typedef struct { const ${type} *data; size_t length; } ${constant};
/*@ assigns \\nothing; ensures \\result.data == a.data && \\result.length == a.length; */
static inline ${constant} cm_read_${element}s(${slice} a) { return (${constant}){ a.data, a.length }; }`;
    })
    .join('\n');
}

/** The text of casemate-lowered.h. */
export const prelude = (): string => `/* Slices, and JavaScript's operators in C. */
#ifndef CASEMATE_LOWERED_H
#define CASEMATE_LOWERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

${acslDefinitions.map((one) => `/*@ ${one} */`).join('\n')}

${sliceTypes()}

/* What they are given, of which compilers then do not say how it compares. */
/*@ assigns \\nothing; ensures \\result == x; */
static inline int64_t cm_number(int64_t x) { return x; }
/*@ assigns \\nothing; ensures \\result == x; */
static inline uint64_t cm_unsigned(uint64_t x) { return x; }
/*@ assigns \\nothing; ensures \\result == x; */
static inline bool cm_truth(bool x) { return x; }

/* The 32 bits that a bit operator takes of a number, and the number that 32 bits are. */
/*@ assigns \\nothing; ensures \\result == (uint32_t)x; */
static inline uint32_t cm_word(int64_t x) { return (uint32_t)(uint64_t)x; }
/*@ assigns \\nothing; ensures \\result == (int32_t)x; */
static inline int64_t cm_signed(uint32_t x) { return (int32_t)x; }

${operatorFunctions().join('\n')}
static inline int64_t cm_rest(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }

/* Says which precondition a caller broke, and ends the program. The platform has it, or the project. */
_Noreturn void casemate_precondition_failed(const char *function, const char *clause);

static inline void cm_require(bool holds, const char *function, const char *clause) {
    if (!holds) casemate_precondition_failed(function, clause);
}
/* A number of JavaScript's that counts without gaps. */
static inline bool cm_is_safe(int64_t x) { return -9007199254740991 <= x && x <= 9007199254740991; }
/* Elements of a size that may lie at an address: the address is none of nothing, aligned, and the end is one, too. */
static inline bool cm_is_memory(const void *data, size_t length, size_t size, size_t alignment) {
    uintptr_t start = (uintptr_t)data;
    if (length == 0) return true;
    return length <= 4294967296u && start != 0 && start % alignment == 0 && start <= UINTPTR_MAX - length * size;
}
static inline bool cm_is_apart(const void *a, size_t a_size, const void *b, size_t b_size) {
    uintptr_t i = (uintptr_t)a, j = (uintptr_t)b;
    return a_size == 0 || b_size == 0 || (i < j ? j - i >= a_size : i - j >= b_size);
}

#endif
`;

/*
 * Which secrets a function handles: notes in the object, which `casemate secrets` and `casemate build` judge the final
 * machine code by. They cost no byte of the program. docs/secrets.md teaches it; base/secrets.ts has the note's form.
 *
 *     CASEMATE_KEPT int seal(unsigned char *out, const unsigned char *text, size_t size, const unsigned char key[32]);
 *     CASEMATE_SECRETS(seal, CASEMATE_SECRET(3, 32), CASEMATE_OUTPUT(0, 4096), CASEMATE_RESULT(4));
 *
 * Arguments are numbered from 0, as the calling convention numbers the places of integers and pointers; a structure that
 * is passed in two registers takes two. A line stands where the function is declared, outside of any function, at most
 * once for each function in a file; it may be about a static function, or one of another file. A variable that is static
 * and not used otherwise needs __attribute__((used)). Names are what assemblers see: of C, or of C++ within extern "C"; with
 * -flto, none that is static. C99 and C++11, gcc and clang, freestanding or not, for x86-64, riscv64 and aarch64.
 */
#ifndef CASEMATE_SECRETS_H
#define CASEMATE_SECRETS_H

/*
 * For the definition or declaration of a function that is written about: compilers otherwise copy it into its callers,
 * and what is said of it does not hold for the copies.
 */
#if defined(__clang__)
#define CASEMATE_KEPT __attribute__((noinline, used))
#else
#define CASEMATE_KEPT __attribute__((noinline, noclone, used))
#endif

/* What is at or in an argument. SIZE is a constant: bytes, 1 to 16777216. */

/* Points to SIZE bytes that are secret. */
#define CASEMATE_SECRET(ARGUMENT, SIZE) CASEMATE_ITEM_(1, ARGUMENT, 0, SIZE)
/* Points to as many secret bytes as argument LENGTH says, at most MOST. */
#define CASEMATE_SECRET_LENGTH(ARGUMENT, LENGTH, MOST) CASEMATE_ITEM_(1, ARGUMENT, 1 + (LENGTH), MOST)
/* Is secret itself. */
#define CASEMATE_SECRET_VALUE(ARGUMENT) CASEMATE_WORD_(2, ARGUMENT, 0)
/* Is a variable, by its name, whose first SIZE bytes are secret. */
#define CASEMATE_SECRET_SYMBOL(SYMBOL, SIZE) CASEMATE_ITEM_OF_(SYMBOL, 3, 0, 0, SIZE)
/* Is a variable whose first SIZE bytes are meant to be seen, or are secret and somebody else's to erase. */
#define CASEMATE_OUTPUT_SYMBOL(SYMBOL, SIZE) CASEMATE_ITEM_OF_(SYMBOL, 12, 0, 0, SIZE)
#define CASEMATE_STATE_SYMBOL(SYMBOL, SIZE) CASEMATE_ITEM_OF_(SYMBOL, 13, 0, 0, SIZE)
/* Points to room for what is meant to be seen, such as a ciphertext. */
#define CASEMATE_OUTPUT(ARGUMENT, SIZE) CASEMATE_ITEM_(4, ARGUMENT, 0, SIZE)
#define CASEMATE_OUTPUT_LENGTH(ARGUMENT, LENGTH, MOST) CASEMATE_ITEM_(4, ARGUMENT, 1 + (LENGTH), MOST)
/* Points to room for what is secret and the caller's to erase, such as a key schedule. */
#define CASEMATE_STATE(ARGUMENT, SIZE) CASEMATE_ITEM_(5, ARGUMENT, 0, SIZE)
#define CASEMATE_STATE_LENGTH(ARGUMENT, LENGTH, MOST) CASEMATE_ITEM_(5, ARGUMENT, 1 + (LENGTH), MOST)
/* Points to memory of the caller's in which nothing secret may be left. */
#define CASEMATE_BUFFER(ARGUMENT, SIZE) CASEMATE_ITEM_(6, ARGUMENT, 0, SIZE)
#define CASEMATE_BUFFER_LENGTH(ARGUMENT, LENGTH, MOST) CASEMATE_ITEM_(6, ARGUMENT, 1 + (LENGTH), MOST)
/* Has this value at every call, 0 to 4294967295: what is said of the function is said of such calls. */
#define CASEMATE_VALUE(ARGUMENT, VALUE) CASEMATE_WORD_(7, ARGUMENT, VALUE)

/* The first BYTES (1 to 8) of the result are meant to be seen. */
#define CASEMATE_RESULT(BYTES) CASEMATE_WORD_(8, 0, BYTES)
/*
 * It returns so many bytes in the first register of integers: sizeof its result, 0 if it returns nothing. Where functions
 * with secrets are wiped after, this is what is kept of the registers. It says nothing of who may see it.
 */
#define CASEMATE_RETURNS(BYTES) CASEMATE_WORD_(11, 0, BYTES)
/* What must be clear at the return: a sum of the following. Without it, the stack and registers. */
#define CASEMATE_POLICY(PARTS) CASEMATE_WORD_(9, 0, PARTS)
#define CASEMATE_BUFFERS 1
#define CASEMATE_STACK 2
#define CASEMATE_REGISTERS 4
#define CASEMATE_HEAP 8
/* It takes at most so many bytes of stack. Assumed, not shown. */
#define CASEMATE_MAX_STACK(BYTES) CASEMATE_WORD_(10, 0, BYTES)

/* FUNCTION and 1 to 12 of the above. */
#define CASEMATE_SECRETS(FUNCTION, ...) \
    CASEMATE_NOTE_(FUNCTION, CASEMATE_JOIN_(casemate_secrets_, __COUNTER__), CASEMATE_COUNT_(__VA_ARGS__), __VA_ARGS__)

/*
 * FUNCTION gives or takes memory as C's function of that name does: whoever follows secrets takes it for that, and not for
 * its code. CASEMATE_WIPES, added: what it frees it sets to zeros first; nobody shows that.
 */
#define CASEMATE_ALLOCATOR(FUNCTION, KIND) CASEMATE_SECRETS(FUNCTION, CASEMATE_WORD_(14, 0, KIND))
#define CASEMATE_MALLOC 1
#define CASEMATE_CALLOC 2
#define CASEMATE_REALLOC 3
#define CASEMATE_REALLOCARRAY 4
#define CASEMATE_ALIGNED_ALLOC 5
#define CASEMATE_POSIX_MEMALIGN 6
#define CASEMATE_FREE 7
#define CASEMATE_WIPES 256

/* Only what is above is meant to be used. */

/* 0, or an error of the compiler. */
#define CASEMATE_HOLDS_(VALUE, LEAST, MOST) \
    (0u * sizeof(char[(long long)(VALUE) >= (LEAST) && (long long)(VALUE) <= (MOST) ? 1 : -1]))
/* The two halves of a word. */
#define CASEMATE_LOW_(KIND, ARGUMENT, LENGTH) \
    (int)((KIND) + (unsigned)(ARGUMENT) * 256u + (unsigned)(LENGTH) * 65536u + \
          CASEMATE_HOLDS_(ARGUMENT, 0, 31) + CASEMATE_HOLDS_(LENGTH, 0, 32))
#define CASEMATE_HIGH_(VALUE, LEAST, MOST) (int)((unsigned)(VALUE) + CASEMATE_HOLDS_(VALUE, LEAST, MOST))
#define CASEMATE_ITEM_OF_(SYMBOL, KIND, ARGUMENT, LENGTH, SIZE) \
    (SYMBOL, CASEMATE_LOW_(KIND, ARGUMENT, LENGTH), CASEMATE_HIGH_(SIZE, 1, 16777216))
#define CASEMATE_ITEM_(KIND, ARGUMENT, LENGTH, SIZE) CASEMATE_ITEM_OF_(0, KIND, ARGUMENT, LENGTH, SIZE)
#define CASEMATE_WORD_(KIND, ARGUMENT, VALUE) \
    (0, CASEMATE_LOW_(KIND, ARGUMENT, 0), CASEMATE_HIGH_(VALUE, 0, 0xffffffff))

#define CASEMATE_JOIN_(A, B) CASEMATE_JOINED_(A, B)
#define CASEMATE_JOINED_(A, B) A##B
#define CASEMATE_TEXT_OF_(A) CASEMATE_TEXT_OF_IT_(A)
#define CASEMATE_TEXT_OF_IT_(A) #A
#define CASEMATE_COUNT_(...) CASEMATE_THIRTEENTH_(__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define CASEMATE_THIRTEENTH_(A, B, C, D, E, F, G, H, I, J, K, L, N, ...) N

/* A constant as it is: GCC's riscv64 has no modifier for that, and needs none. */
#if defined(__riscv)
#define CASEMATE_CONSTANT_ "%"
#else
#define CASEMATE_CONSTANT_ "%c"
#endif

/*
 * A function that is never called: only there does C let constants of its own into assembly. It lies in a section of its
 * own, so that --gc-sections drops it; the note stays. Its operand keeps a static FUNCTION.
 */
#define CASEMATE_NOTE_(FUNCTION, NAME, COUNT, ...) CASEMATE_NOTED_(FUNCTION, NAME, COUNT, __VA_ARGS__)
#define CASEMATE_NOTED_(FUNCTION, NAME, COUNT, ...) \
    __attribute__((used, noinline, section(".text.casemate.secrets"))) static void NAME(void) { \
        __asm__ volatile(".pushsection .note.casemate.secrets,\"\",%%note\n\t" \
                         ".balign 4\n\t" \
                         ".4byte 9, " CASEMATE_CONSTANT_ "[s], 2\n\t" \
                         ".asciz \"casemate\"\n\t" \
                         ".balign 4\n\t" \
                         ".4byte 1, 0\n\t" CASEMATE_NAME_(FUNCTION, ) CASEMATE_TEXTS_##COUNT(__VA_ARGS__) \
                         "\t" \
                         ".popsection" \
                         : \
                         : [f] "r"(FUNCTION), [s] "i"(16 + CASEMATE_ROOM_(FUNCTION) + CASEMATE_SIZES_##COUNT(__VA_ARGS__)), \
                           CASEMATE_OPERANDS_##COUNT(__VA_ARGS__)); \
    } \
    /* For the semicolon. */ \
    struct casemate_end_of_secrets_

/* A symbol's address, what comes between, and its name. */
#define CASEMATE_NAME_(SYMBOL, BETWEEN) \
    ".8byte " CASEMATE_TEXT_OF_(SYMBOL) "\n\t" BETWEEN \
    ".asciz \"" CASEMATE_TEXT_OF_(SYMBOL) "\"\n\t.balign 4\n"
/* Bytes of the name, and of what is before one. Labels would do, but RISC-V's assemblers leave their distance to the linker. */
#define CASEMATE_ROOM_(SYMBOL) (int)((sizeof(CASEMATE_TEXT_OF_(SYMBOL)) + 3u) / 4u * 4u)
#define CASEMATE_SIZE_(N, ITEM) (16 + CASEMATE_ROOM_(CASEMATE_SYMBOL_ ITEM))
#define CASEMATE_WORDS_(N) ".4byte " CASEMATE_CONSTANT_ "[l" #N "], " CASEMATE_CONSTANT_ "[h" #N "]\n\t"
#define CASEMATE_SYMBOL_(S, L, H) S
#define CASEMATE_LEAST_(S, L, H) L
#define CASEMATE_MOST_(S, L, H) H
#define CASEMATE_ITEM_TEXT_(N, ITEM) CASEMATE_NAME_(CASEMATE_SYMBOL_ ITEM, CASEMATE_WORDS_(N))
#define CASEMATE_OPERAND_(N, ITEM) [l##N] "i"(CASEMATE_LEAST_ ITEM), [h##N] "i"(CASEMATE_MOST_ ITEM)

#define CASEMATE_TEXTS_1(A) CASEMATE_ITEM_TEXT_(1, A)
#define CASEMATE_TEXTS_2(A, B) CASEMATE_TEXTS_1(A) CASEMATE_ITEM_TEXT_(2, B)
#define CASEMATE_TEXTS_3(A, B, C) CASEMATE_TEXTS_2(A, B) CASEMATE_ITEM_TEXT_(3, C)
#define CASEMATE_TEXTS_4(A, B, C, D) CASEMATE_TEXTS_3(A, B, C) CASEMATE_ITEM_TEXT_(4, D)
#define CASEMATE_TEXTS_5(A, B, C, D, E) CASEMATE_TEXTS_4(A, B, C, D) CASEMATE_ITEM_TEXT_(5, E)
#define CASEMATE_TEXTS_6(A, B, C, D, E, F) CASEMATE_TEXTS_5(A, B, C, D, E) CASEMATE_ITEM_TEXT_(6, F)
#define CASEMATE_TEXTS_7(A, B, C, D, E, F, G) CASEMATE_TEXTS_6(A, B, C, D, E, F) CASEMATE_ITEM_TEXT_(7, G)
#define CASEMATE_TEXTS_8(A, B, C, D, E, F, G, H) CASEMATE_TEXTS_7(A, B, C, D, E, F, G) CASEMATE_ITEM_TEXT_(8, H)
#define CASEMATE_TEXTS_9(A, B, C, D, E, F, G, H, I) CASEMATE_TEXTS_8(A, B, C, D, E, F, G, H) CASEMATE_ITEM_TEXT_(9, I)
#define CASEMATE_TEXTS_10(A, B, C, D, E, F, G, H, I, J) \
    CASEMATE_TEXTS_9(A, B, C, D, E, F, G, H, I) CASEMATE_ITEM_TEXT_(10, J)
#define CASEMATE_TEXTS_11(A, B, C, D, E, F, G, H, I, J, K) \
    CASEMATE_TEXTS_10(A, B, C, D, E, F, G, H, I, J) CASEMATE_ITEM_TEXT_(11, K)
#define CASEMATE_TEXTS_12(A, B, C, D, E, F, G, H, I, J, K, L) \
    CASEMATE_TEXTS_11(A, B, C, D, E, F, G, H, I, J, K) CASEMATE_ITEM_TEXT_(12, L)

#define CASEMATE_SIZES_1(A) CASEMATE_SIZE_(1, A)
#define CASEMATE_SIZES_2(A, B) (CASEMATE_SIZES_1(A) + CASEMATE_SIZE_(2, B))
#define CASEMATE_SIZES_3(A, B, C) (CASEMATE_SIZES_2(A, B) + CASEMATE_SIZE_(3, C))
#define CASEMATE_SIZES_4(A, B, C, D) (CASEMATE_SIZES_3(A, B, C) + CASEMATE_SIZE_(4, D))
#define CASEMATE_SIZES_5(A, B, C, D, E) (CASEMATE_SIZES_4(A, B, C, D) + CASEMATE_SIZE_(5, E))
#define CASEMATE_SIZES_6(A, B, C, D, E, F) (CASEMATE_SIZES_5(A, B, C, D, E) + CASEMATE_SIZE_(6, F))
#define CASEMATE_SIZES_7(A, B, C, D, E, F, G) (CASEMATE_SIZES_6(A, B, C, D, E, F) + CASEMATE_SIZE_(7, G))
#define CASEMATE_SIZES_8(A, B, C, D, E, F, G, H) (CASEMATE_SIZES_7(A, B, C, D, E, F, G) + CASEMATE_SIZE_(8, H))
#define CASEMATE_SIZES_9(A, B, C, D, E, F, G, H, I) (CASEMATE_SIZES_8(A, B, C, D, E, F, G, H) + CASEMATE_SIZE_(9, I))
#define CASEMATE_SIZES_10(A, B, C, D, E, F, G, H, I, J) \
    (CASEMATE_SIZES_9(A, B, C, D, E, F, G, H, I) + CASEMATE_SIZE_(10, J))
#define CASEMATE_SIZES_11(A, B, C, D, E, F, G, H, I, J, K) \
    (CASEMATE_SIZES_10(A, B, C, D, E, F, G, H, I, J) + CASEMATE_SIZE_(11, K))
#define CASEMATE_SIZES_12(A, B, C, D, E, F, G, H, I, J, K, L) \
    (CASEMATE_SIZES_11(A, B, C, D, E, F, G, H, I, J, K) + CASEMATE_SIZE_(12, L))

#define CASEMATE_OPERANDS_1(A) CASEMATE_OPERAND_(1, A)
#define CASEMATE_OPERANDS_2(A, B) CASEMATE_OPERANDS_1(A), CASEMATE_OPERAND_(2, B)
#define CASEMATE_OPERANDS_3(A, B, C) CASEMATE_OPERANDS_2(A, B), CASEMATE_OPERAND_(3, C)
#define CASEMATE_OPERANDS_4(A, B, C, D) CASEMATE_OPERANDS_3(A, B, C), CASEMATE_OPERAND_(4, D)
#define CASEMATE_OPERANDS_5(A, B, C, D, E) CASEMATE_OPERANDS_4(A, B, C, D), CASEMATE_OPERAND_(5, E)
#define CASEMATE_OPERANDS_6(A, B, C, D, E, F) CASEMATE_OPERANDS_5(A, B, C, D, E), CASEMATE_OPERAND_(6, F)
#define CASEMATE_OPERANDS_7(A, B, C, D, E, F, G) CASEMATE_OPERANDS_6(A, B, C, D, E, F), CASEMATE_OPERAND_(7, G)
#define CASEMATE_OPERANDS_8(A, B, C, D, E, F, G, H) CASEMATE_OPERANDS_7(A, B, C, D, E, F, G), CASEMATE_OPERAND_(8, H)
#define CASEMATE_OPERANDS_9(A, B, C, D, E, F, G, H, I) \
    CASEMATE_OPERANDS_8(A, B, C, D, E, F, G, H), CASEMATE_OPERAND_(9, I)
#define CASEMATE_OPERANDS_10(A, B, C, D, E, F, G, H, I, J) \
    CASEMATE_OPERANDS_9(A, B, C, D, E, F, G, H, I), CASEMATE_OPERAND_(10, J)
#define CASEMATE_OPERANDS_11(A, B, C, D, E, F, G, H, I, J, K) \
    CASEMATE_OPERANDS_10(A, B, C, D, E, F, G, H, I, J), CASEMATE_OPERAND_(11, K)
#define CASEMATE_OPERANDS_12(A, B, C, D, E, F, G, H, I, J, K, L) \
    CASEMATE_OPERANDS_11(A, B, C, D, E, F, G, H, I, J, K), CASEMATE_OPERAND_(12, L)

#endif

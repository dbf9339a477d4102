/*
 * Functions with arguments and results of all kinds, and calls of each in every way, held against what the functions say
 * when nothing is in between: `__unwiped_NAME` is what stands behind NAME's veneer; with OWN_REFERENCE another function
 * that is made of the same text. Exits with the number of the first
 * call that answers otherwise, 0 without one, and dies where a veneer traps.
 */
typedef unsigned long word;
typedef struct {
  word low, high;
} pair;
typedef struct {
  double low, high;
} numbers;
typedef word binary(word, word);

#define FUNCTION __attribute__((noinline, used))
#ifdef NO_REALS
#define REALS(X)
#else
#define REALS(X) \
  X(double, real, (double a, double b), a * b + 1) \
  X(numbers, reals, (double a, double b), ((numbers){a + b, a - b}))
#endif
#define EACH(X) \
  X(word, plain, (word a, word b), a * 3 + b) \
  X(pair, two, (word a, word b), ((pair){a + b, a ^ b})) \
  REALS(X) \
  X(word, many, (word a, word b, word c, word d, word e, word f, word g, word h, word i, word j), \
    a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j)
#define DEFINE(type, name, parameters, value) \
  FUNCTION type name parameters { \
    volatile word used[8]; \
    for (int i = 0; i < 8; i++) used[i] = (word)(i + 1); \
    __asm__ volatile("" ::: "memory"); \
    return value; \
  }
EACH(DEFINE)
#ifdef OWN_REFERENCE
#define REFER(type, name, parameters, value) \
  static FUNCTION type reference_##name parameters { return value; }
#else
#define REFER(type, name, parameters, value) extern __attribute__((weak)) __typeof__(name) reference_##name __asm__("__unwiped_" #name);
#endif
EACH(REFER)

/* Adds as many words as it is told; some of them are on the stack. */
FUNCTION word variadic(int count, ...) {
  __builtin_va_list list;
  word sum = 0;
  __builtin_va_start(list, count);
  while (count-- > 0) sum = sum * 5 + __builtin_va_arg(list, word);
  __builtin_va_end(list);
  return sum;
}
/* Calls itself through its veneer, with words on the stack. */
FUNCTION word deep(word n, word a, word b, word c, word d, word e, word f, word g, word h) {
  if (n == 0) return a + b + c + d + e + f + g + h;
  return deep(n - 1, a + 1, b, c, d, e, f, g, h + n) + 1;
}
/* Is given a function, which may be one behind a veneer. */
FUNCTION word applied(binary *f, word a, word b) { return f(a, b) + 1; }
/* Goes as deep as it is told. */
FUNCTION word hungry(word bytes) {
  volatile unsigned char room[bytes];
  for (word i = 0; i < bytes; i++) room[i] = (unsigned char)i;
  return room[bytes / 2];
}
/* A frame that is aligned to more than the stack is. */
FUNCTION word aligned(word a, word b) {
  volatile word room[8] __attribute__((aligned(64)));
  for (int i = 0; i < 8; i++) room[i] = a + b * (word)i;
  return room[a & 7] + ((word)room & 63);
}

static void leave(int status);
static void check(int number, int holds) {
  if (!holds) leave(number);
}

int run(void) {
  volatile word seed = 0x123456789abcdef;
  word a = seed, b = a * 7, c = b ^ a;
  check(1, plain(a, b) == reference_plain(a, b));
  pair p = two(a, b), q = reference_two(a, b);
  check(2, p.low == q.low && p.high == q.high);
#ifndef NO_REALS
  check(3, real(1.5, 2.25) == reference_real(1.5, 2.25));
  numbers r = reals(1.5, 0.25), s = reference_reals(1.5, 0.25);
  check(4, r.low == s.low && r.high == s.high);
#endif
  check(5, many(a, b, c, a + 1, b + 1, c + 1, a + 2, b + 2, c + 2, a + 3) ==
               reference_many(a, b, c, a + 1, b + 1, c + 1, a + 2, b + 2, c + 2, a + 3));
  check(6, variadic(9, a, b, c, a, b, c, a, b, c) == ((((((((a * 5 + b) * 5 + c) * 5 + a) * 5 + b) * 5 + c) * 5 + a) * 5 + b) * 5 + c));
  check(7, deep(10, 1, 2, 3, 4, 5, 6, 7, 8) == 36 + 10 + 55 + 10);
  check(8, applied(plain, a, b) == reference_plain(a, b) + 1);
  check(9, aligned(3, 5) == 3 + 5 * 3);
  for (int i = 0; i < 300; i++) check(10, many(a, b, c, i, 0, 0, 0, 1, 2, 3) == reference_many(a, b, c, i, 0, 0, 0, 1, 2, 3));
#ifdef HUNGRY
  check(11, hungry(HUNGRY) == ((HUNGRY / 2) & 255));
#endif
  return 0;
}

#if defined(__x86_64__)
static void leave(int status) {
  __asm__ volatile("syscall" ::"a"(60), "D"(status) : "memory");
  __builtin_unreachable();
}
__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call start\n ud2\n");
#else
static void leave(int status) {
  register long number __asm__("a7") = 93;
  register long first __asm__("a0") = status;
  __asm__ volatile("ecall" ::"r"(number), "r"(first) : "memory");
  __builtin_unreachable();
}
__asm__(".globl _start\n_start:\n .option push\n .option norelax\n lla gp, __global_pointer$\n .option pop\n andi sp, sp, -16\n call start\n unimp\n");
#endif
__attribute__((used)) void start(void) { leave(run()); }

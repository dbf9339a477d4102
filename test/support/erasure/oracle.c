/*
 * Runs one function of its own program on a painted stack and shows what it left: registers, the dead stack below, and
 * memory that the request names. Part of the oracle, see oracle.ts.
 *
 * A program without a C library, so that the code that is observed is all the code that there is. Requests come as hex
 * digits on the standard input, each run in a process of its own (a fork), so that no run sees what another one left:
 *
 *   function, bytes by which the stack starts lower, bytes of dead stack to show, 12 argument words (u64 each),
 *   number of buffers, for each its offset in the arena and its size (u64 each), then its bytes
 *   number of places, for each its address and its size (u64 each)
 *
 * Answers, a line each: the wait status (u64); when it is 0, before it, registers (ORACLE_REGISTERS bytes), dead stack,
 * buffers and places.
 */
typedef unsigned char byte;
typedef unsigned long word;

#define STACK_BYTES (1ul << 20)
#define ARENA_BYTES (1ul << 17)
#define PAINT 0xa5
#define ARGUMENTS 12

#if defined(__x86_64__)
/* 16 general registers, 16 vector registers of 32 bytes, the flags, and those of floating point. */
#define ORACLE_REGISTERS (16 * 8 + 16 * 32 + 8 + 8)
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
}
enum { READ = 0, WRITE = 1, FORK = 57, EXIT = 60, WAIT = 61, ARCH_PRCTL = 158, SET_FS = 0x1002, IN_REGISTERS = 6 };
static long fork_now(void) { return call(FORK, 0, 0, 0, 0); }
#elif defined(__riscv)
/* 32 general registers, 32 floating-point registers. */
#define ORACLE_REGISTERS (32 * 8 + 32 * 8)
static long call(long number, long a, long b, long c, long d) {
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a3 __asm__("a3") = d;
  register long a4 __asm__("a4") = 0;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory");
  return a0;
}
enum { READ = 63, WRITE = 64, CLONE = 220, EXIT = 93, WAIT = 260, IN_REGISTERS = 8 };
/* SIGCHLD, and nothing shared. */
static long fork_now(void) { return call(CLONE, 17, 0, 0, 0); }
#endif

/* All of the driver's own, where it is not taken for the program's. */
#define OWN __attribute__((section(".oracle"), used))
OWN byte oracle_stack[STACK_BYTES] __attribute__((aligned(4096))) = {1};
OWN byte oracle_arena[ARENA_BYTES] __attribute__((aligned(4096))) = {1};
OWN byte oracle_registers[ORACLE_REGISTERS] __attribute__((aligned(64))) = {1};
OWN word oracle_saved[16] = {1};
OWN word oracle_arguments[ARGUMENTS] = {1};
OWN word oracle_top = 1;
OWN word oracle_function = 1;
OWN word oracle_has_avx = 1;
/* A thread's block as the ABI has it: its own address first, the stack protector's value at 0x28. */
OWN word oracle_thread[64] __attribute__((aligned(64))) = {1};
OWN static byte input[1 << 16] = {1};
OWN static word input_at = 1, input_end = 1;
OWN static byte output[1 << 16] = {1};
OWN static word output_end = 1;

void oracle_call(void);

static void finish(int status) {
  for (;;) call(EXIT, status, 0, 0, 0);
}

static void flush(void) {
  for (word at = 0; at < output_end;) {
    long written = call(WRITE, 1, (long)(output + at), (long)(output_end - at), 0);
    if (written <= 0) finish(3);
    at += (word)written;
  }
  output_end = 0;
}

static void show(byte value) {
  if (output_end + 2 > sizeof output) flush();
  output[output_end++] = (byte)"0123456789abcdef"[value >> 4];
  output[output_end++] = (byte)"0123456789abcdef"[value & 15];
}

static void show_all(const byte *bytes, word size) {
  for (word i = 0; i < size; i++) show(bytes[i]);
}

static void show_word(word value) {
  for (int i = 0; i < 8; i++) show((byte)(value >> (8 * i)));
}

static int digit(void) {
  for (;;) {
    if (input_at == input_end) {
      long size = call(READ, 0, (long)input, sizeof input, 0);
      if (size <= 0) return -1;
      input_at = 0;
      input_end = (word)size;
    }
    byte c = input[input_at++];
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  }
}

static int next(void) {
  int high = digit();
  int low = digit();
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static int next_word(word *value) {
  *value = 0;
  for (int i = 0; i < 8; i++) {
    int one = next();
    if (one < 0) return 0;
    *value |= (word)one << (8 * i);
  }
  return 1;
}

static word need(void) {
  word value;
  if (!next_word(&value)) finish(2);
  return value;
}

static void serve(word function) {
  static word buffers[16][2] OWN = {{1}}, places[16][2] OWN = {{1}};
  word lower = need(), shown = need();
  for (int i = 0; i < ARGUMENTS; i++) oracle_arguments[i] = need();
  word count = need();
  if (count > 16 || shown > STACK_BYTES / 2 || lower > 4096) finish(2);
  for (word i = 0; i < ARENA_BYTES; i++) oracle_arena[i] = PAINT;
  for (word i = 0; i < count; i++) {
    word offset = buffers[i][0] = need(), size = buffers[i][1] = need();
    if (offset > ARENA_BYTES || size > ARENA_BYTES - offset) finish(2);
    for (word k = 0; k < size; k++) oracle_arena[offset + k] = (byte)next();
  }
  word more = need();
  if (more > 16) finish(2);
  for (word i = 0; i < more; i++) {
    places[i][0] = need();
    places[i][1] = need();
  }
  flush();
  long child = fork_now();
  if (child == 0) {
    byte *top = oracle_stack + STACK_BYTES - 8192 - lower;
    for (byte *p = top - shown; p < oracle_stack + STACK_BYTES; p++) *p = PAINT;
    for (int i = IN_REGISTERS; i < ARGUMENTS; i++) ((word *)top)[i - IN_REGISTERS] = oracle_arguments[i];
    oracle_top = (word)top;
    oracle_function = function;
    oracle_call();
    show_all(oracle_registers, ORACLE_REGISTERS);
    show_all(top - shown, shown);
    for (word i = 0; i < count; i++) show_all(oracle_arena + buffers[i][0], buffers[i][1]);
    for (word i = 0; i < more; i++) show_all((const byte *)places[i][0], places[i][1]);
    flush();
    finish(0);
  }
  int status = 0;
  if (child < 0 || call(WAIT, child, (long)&status, 0, 0) != child) finish(4);
  show_word((word)status);
  output[output_end++] = '\n';
  flush();
}

#if defined(__x86_64__)
static int has_avx(void) {
  unsigned a = 1, b, c, d, low, high;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
  if ((c & (1u << 27)) == 0 || (c & (1u << 28)) == 0) return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & 6) == 6;
}
#endif

void oracle_main(void) {
  input_at = input_end = output_end = 0;
#if defined(__x86_64__)
  oracle_has_avx = (word)has_avx();
  oracle_thread[32] = (word)&oracle_thread[32];
  oracle_thread[32 + 5] = 0x0f1e2d3c4b5a6900;
  call(ARCH_PRCTL, SET_FS, (long)&oracle_thread[32], 0, 0);
#endif
  for (word function; next_word(&function);) serve(function);
  flush();
  finish(0);
}

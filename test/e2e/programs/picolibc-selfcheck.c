/* A bare-metal RISC-V program with picolibc: initialised and zeroed data, constructors, printf with floats, malloc,
 * setjmp, qsort, thread-local errno, and the exit status through semihosting. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int initialised = 1234;
static int zeroed[1000];
static int constructed;
static uint32_t digest = 2166136261u;
static _Thread_local int thread_local_value = 5;
static volatile double two = 2.0;

__attribute__((constructor)) static void construct(void) { constructed = 99; }

static void fold(const char *text) {
  for (; *text; text++) digest = (digest ^ (unsigned char)*text) * 16777619u;
}

static void must(int condition, const char *what) {
  fold(what);
  if (condition) return;
  printf("failed: %s\n", what);
  exit(1);
}

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void) {
  must(initialised == 1234 && zeroed[999] == 0, "data is copied and bss is zero");
  must(constructed == 99, "constructors ran");
  must(thread_local_value == 5, "thread-local data");
  char text[64];
  snprintf(text, sizeof text, "%d %s %.6f %lx", -7, "str", sqrt(two), 0xdeadbeefcafeUL);
  must(strcmp(text, "-7 str 1.414214 deadbeefcafe") == 0, "printf");
  fold(text);
  int numbers[100];
  uint32_t seed = 7;
  for (int i = 0; i < 100; i++) numbers[i] = (int)((seed = seed * 1664525u + 1013904223u) >> 8);
  qsort(numbers, 100, sizeof *numbers, compare);
  for (int i = 1; i < 100; i++) must(numbers[i - 1] <= numbers[i], "qsort");
  char *block = malloc(10000);
  must(block != NULL, "malloc");
  memset(block, 'x', 10000);
  free(block);
  jmp_buf jump;
  int again = setjmp(jump);
  if (again == 0) longjmp(jump, 17);
  must(again == 17, "longjmp");
  errno = 0;
  (void)strtol("99999999999999999999999", NULL, 10);
  must(errno == ERANGE, "errno");
  snprintf(text, sizeof text, "%.4f %.4f", sin(two), pow(two, 0.25));
  must(strcmp(text, "0.9093 1.1892") == 0, "math");
  printf("picolibc %08lx\n", (unsigned long)digest);
  return 23;
}

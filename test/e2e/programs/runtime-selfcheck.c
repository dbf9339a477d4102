/* What a static executable's start-up and symbol rules promise: constructors and destructors by priority, IRELATIVE
 * functions, weak and common symbols, section start/stop symbols, thread-locals with alignment, large zeroed data,
 * build-time addresses in data, and program headers the process can find through its auxiliary vector. */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

static char order[32];
static void note(char c) { order[strlen(order)] = c; }

__attribute__((constructor)) static void plain(void) { note('d'); }
__attribute__((constructor(65000))) static void late(void) { note('c'); }
__attribute__((constructor(101))) static void early(void) { note('a'); }
__attribute__((constructor(2000))) static void middle(void) { note('b'); }
__attribute__((destructor(101))) static void last_out(void) { printf(" bye\n"); }
__attribute__((destructor)) static void first_out(void) { printf(" dtors"); }

/* Resolved at start-up through an IRELATIVE relocation. */
static int chosen_one(void) { return 1234; }
static int (*choose(void))(void) { return chosen_one; }
int chosen(void) __attribute__((ifunc("choose")));
int (*chosen_pointer)(void) = chosen;

int common_here[4];                             /* common in both objects (-fcommon) */
extern int common_size(void);                   /* the other object's larger one wins */
extern int optional_function(void) __attribute__((weak));
int overridden(void) __attribute__((weak));
int overridden(void) { return 1; }              /* the other object's strong one wins */
extern int absent_variable __attribute__((weak));

#define ENTRY(n) static const int entry##n __attribute__((section("my_set"), used)) = n
ENTRY(3);
ENTRY(4);
ENTRY(5);
extern const int __start_my_set[], __stop_my_set[];

_Thread_local int in_tdata = 42;
_Thread_local char in_tbss[100];
_Thread_local _Alignas(256) struct { char bytes[256]; } aligned = {{7}};
extern _Thread_local int other_tls;
extern int *other_tls_address(void);

static char huge[1 << 20];
static const char *const strings[] = {"merged tail", "tail", "another"};
static void *self_pointer = &self_pointer;

static void *thread(void *unused) {
  (void)unused;
  intptr_t good = in_tdata == 42 && in_tbss[99] == 0 && aligned.bytes[0] == 7 && ((uintptr_t)&aligned & 255) == 0 &&
                  other_tls == 77 && &other_tls == other_tls_address();
  in_tdata = 0;
  return (void *)good;
}

static int headers(struct dl_phdr_info *info, size_t size, void *found) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_TLS && info->dlpi_phdr[i].p_align >= 256) *(int *)found |= 1;
    else if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & 3) == 3) *(int *)found |= 2;
  return 0;
}

static void must(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "failed: %s\n", what);
  exit(1);
}

int main(void) {
  must(strcmp(order, "abcd") == 0, "constructors run by priority");
  must(chosen() == 1234 && chosen_pointer() == 1234, "ifunc");
  must(common_size() == 64 && common_here[3] == 0, "common symbols");
  must(optional_function == NULL && &absent_variable == NULL, "undefined weak is null");
  must(overridden() == 2, "strong overrides weak");
  must(__stop_my_set - __start_my_set == 3 && __start_my_set[0] + __start_my_set[2] == 8, "__start_ and __stop_");
  must(self_pointer == &self_pointer, "addresses in data");
  must(strcmp(strings[0] + 7, strings[1]) == 0 && strings[2][0] == 'a', "merged strings");
  huge[sizeof huge - 1] = 1;
  pthread_t id;
  void *good = NULL;
  must(thread(NULL) != NULL, "thread-locals of the main thread");
  must(pthread_create(&id, NULL, thread, NULL) == 0 && pthread_join(id, &good) == 0 && good, "thread-locals of a thread");
  int found = 0;
  dl_iterate_phdr(headers, &found);
  must(found == 1, "PT_TLS is aligned, no segment is writable and executable");
  must(getauxval(AT_PHNUM) > 3 && getauxval(AT_ENTRY) != 0, "auxiliary vector");
  must(memchr("needle in libc", 'n', 5) != NULL && strtod("2.5", NULL) == 2.5, "library ifuncs");
  printf("runtime ok");
  return 0;
}

/* The C object that is mutated: calls, data with addresses, mergeable strings, thread-locals in every model the flags
 * ask for, common and weak symbols, an ifunc, initialisation arrays, notes, unwind tables and debug information. */
typedef int (*function)(int);
static int one(int x) { return x + 1; }
static int two(int x) { return x * 2; }
function table[] = {one, two, one};
int victim_data[] = {1, 2, 3, 4};
int common_block[16];
_Thread_local int victim_tls = 5;
_Thread_local int zeroed_tls[10];
static _Thread_local int local_tls = 7;
const char *const names[] = {"alpha", "beta", "a long string that is merged", "string that is merged", ""};
static const double constants[] = {1.5, 2.5, 3.5};
extern int missing(int) __attribute__((weak));
__attribute__((weak)) int optional(void) { return local_tls; }
#ifdef __x86_64__
static int resolved(void) { return 9; }
static int (*resolve(void))(void) { return resolved; }
int indirect(void) __attribute__((ifunc("resolve")));
#else
static int indirect(void) { return 9; }
#endif
__attribute__((constructor(200))) static void early(void) { victim_data[0]++; }
__attribute__((constructor)) static void late(void) { victim_data[1]++; }
__attribute__((section("my_set"), used)) static const int entry = 3;
extern const int __start_my_set[], __stop_my_set[];

int victim(int x) {
  switch (x) {
    case 0: return table[x & 1](x);
    case 1: return victim_tls + zeroed_tls[3];
    case 2: return (int)(__stop_my_set - __start_my_set);
    case 3: return indirect() + names[x][0];
    case 4: return (int)constants[x & 1];
    case 5: return missing ? missing(x) : common_block[x];
    default: local_tls = x; return optional();
  }
}

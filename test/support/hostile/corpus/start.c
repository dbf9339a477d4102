/* The entry of every corpus link: pulls `victim` from whatever is mutated, and defines what start-up would. */
extern int victim(int);
extern int victim_data[];
extern int optional(void) __attribute__((weak));
extern _Thread_local int victim_tls;
int result;
int common_block[64];
void *__dso_handle;
void *__tls_get_addr(void *p) { return p; }
int __gxx_personality_v0(void) { return 0; }
void _Unwind_Resume(void) {}

void _start(void) {
  result = victim(common_block[3]) + victim_data[1] + victim_tls;
  if (optional) result += optional();
  for (;;) {
  }
}

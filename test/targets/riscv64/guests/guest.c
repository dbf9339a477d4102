/*
 * A guest that checks what the stub left, then makes the attempt that the boot arguments name ("probe=...;"). What the
 * stub did wrong is a line that begins with "wrong:". With "show;" among them it says where everything is.
 */
typedef unsigned long u64;
typedef unsigned char u8;

static void put(int c) {
  register long a0 __asm__("a0") = c;
  register long a7 __asm__("a7") = 1;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory", "a1");
}

static void puts_(const char *s) {
  while (*s) put(*s++);
}

static void hex(u64 v) {
  puts_("0x");
  int started = 0;
  for (int i = 60; i >= 0; i -= 4) {
    int d = (v >> i) & 15;
    if (d || started || i == 0) put(d < 10 ? '0' + d : 'a' + d - 10), started = 1;
  }
}

static void line(const char *what, u64 v) {
  puts_(what);
  puts_(" ");
  hex(v);
  puts_("\n");
}

void on_trap(u64 cause, u64 value, u64 pc) {
  puts_("trap: scause ");
  hex(cause);
  puts_(" stval ");
  hex(value);
  puts_(" sepc ");
  hex(pc);
  puts_("\n");
}

struct range {
  u64 virtual, physical, bytes, kind;
};

struct boot {
  char magic[8];
  u64 hart, fdt, fdt_size, stack, stack_end, trap, trap_end, heap, heap_size;
  u64 seed[4], entropy, mode, canary, count;
  struct range ranges[];
};

extern char _start[];
int data = 5;
int zero[4096];
const int constants[3] = {7, 8, 9};
/* Pointers that need relocations, in both kinds of tables. */
int *const relro_pointers[] = {&data, &zero[5], &zero[4095]};
const int *pointers[] = {&constants[1], &constants[2], 0, &data};

static u8 *volatile deep, *volatile nothing;
static __attribute__((noinline)) u64 recurse(u64 n) {
  volatile u8 room[1000];
  for (int i = 0; i < 1000; i += 100) room[i] = (u8)n;
  deep = (u8 *)room;
  return recurse(n + 1) + room[(n * 7) % 1000];
}

static void check(int ok, const char *what) {
  if (ok) return;
  puts_("wrong: ");
  puts_(what);
  puts_("\n");
}

static struct range *find(struct boot *b, u64 kind) {
  for (u64 i = 0; i < b->count; i++)
    if (b->ranges[i].kind == kind) return &b->ranges[i];
  return 0;
}

/* What follows `name` in the tree. */
static const char *argument(struct boot *b, const char *name) {
  const char *tree = (const char *)b->fdt;
  for (u64 i = 0; i + 64 < b->fdt_size; i++) {
    u64 n = 0;
    while (name[n] && tree[i + n] == name[n]) n++;
    if (!name[n]) return tree + i + n;
  }
  return 0;
}

#define LOAD(p) (*(volatile u64 *)(p))
#define STORE(p) (*(volatile u64 *)(p) = 0)
#define CALL(p) (((void (*)(void))(p))())

void guest(u64 hart, u64 fdt, struct boot *b) {
  u64 sp;
  __asm__ volatile("mv %0, sp" : "=r"(sp));
  check(hart == b->hart, "hart");
  check(data == 5 && zero[7] == 0 && zero[4000] == 0, "data and .bss");
  check(*relro_pointers[0] == 5 && relro_pointers[2] == &zero[4095], "relocations in RELRO");
  check(*pointers[0] == 8 && *pointers[1] == 9 && pointers[3] == &data, "relocations in data");
  check(sp > b->stack && sp <= b->stack_end && b->stack_end - sp < 512, "stack");
  check((b->canary & 255) == 0, "canary");
  check(b->entropy == 0 || (b->canary != 0 && b->seed[0] && b->seed[1] && b->seed[2] && b->seed[3]), "random words");
  check(b->entropy == 1 || (b->seed[0] | b->seed[1] | b->seed[2] | b->seed[3]) == 0, "seed without entropy");
  const u8 *tree = (const u8 *)b->fdt;
  check(tree[0] == 0xd0 && tree[1] == 0x0d && tree[2] == 0xfe && tree[3] == 0xed, "tree");
  for (u64 p = b->stack; p < sp - 4096; p += 8)
    if (LOAD(p)) {
      check(0, "stack is clear");
      break;
    }
  u64 step = b->heap_size / 64 & -8;
  for (u64 p = b->heap; p + 8 <= b->heap + b->heap_size; p += step) {
    *(volatile u64 *)p = p;
    if (LOAD(p) != p) {
      check(0, "heap");
      break;
    }
  }
  struct range *heap = find(b, 3), *stack = find(b, 1), *image = find(b, 0);
  check(heap && heap->virtual == b->heap && heap->bytes == b->heap_size, "heap range");
  check(stack && stack->virtual == b->stack && stack->bytes == b->stack_end - b->stack, "stack range");
  u64 physical = image->physical;
  if (argument(b, "show;")) {
  line("mode", b->mode);
  line("entropy", b->entropy);
  line("base", image->virtual);
  line("stack", b->stack);
  line("trap", b->trap);
  line("heap", b->heap);
  line("heap-size", b->heap_size);
  line("info", (u64)b);
  line("canary", b->canary);
  line("seed", b->seed[0]);
  line("loaded", physical);
  for (u64 i = 0; i < b->count; i++)
    if (b->ranges[i].kind == 5) {
      line("device", b->ranges[i].physical);
      line("device-bytes", b->ranges[i].bytes);
      check(b->ranges[i].bytes > 0x1000 || *(volatile unsigned *)b->ranges[i].virtual != 1, "device");
    }
  }
  const char *probe = argument(b, "probe=");
  if (!probe) return;
#define TRY(name, action)                          \
  {                                                \
    const char *a = name, *p = probe;              \
    while (*a && *a == *p) a++, p++;               \
    if (!*a && *p == ';') {                                \
      line("try", 0);                              \
      action;                                      \
      puts_("survived\n");                         \
    }                                              \
  }
  TRY("none", (void)0)
  TRY("read text", LOAD((u64)_start & -8))
  TRY("write text", STORE((u64)_start & -8))
  TRY("read null", LOAD(nothing))
  TRY("execute null", CALL((u64)nothing))
  TRY("write rodata", STORE((u64)&constants & -8))
  TRY("execute rodata", CALL(constants))
  TRY("write relro", STORE(relro_pointers))
  TRY("execute data", CALL(&data))
  TRY("execute stack", { u8 code[16]; CALL(code); })
  TRY("execute heap", CALL(b->heap))
  TRY("stack overflow", recurse(1))
  TRY("below the stack", LOAD(b->stack - 8))
  TRY("above the stack", LOAD(b->stack_end))
  TRY("below the heap", LOAD(b->heap - 8))
  TRY("above the heap", LOAD(b->heap + b->heap_size))
  TRY("around the trap stack", LOAD(b->trap - 8))
  TRY("write boot block", STORE(b))
  TRY("write tree", STORE(b->fdt))
  TRY("read stub", LOAD(physical - 0x2000))
  TRY("execute stub", CALL(physical - 0x2000))
  TRY("read firmware", LOAD(0x80000000))
  TRY("read physical heap", LOAD(heap->physical))
  TRY("write page tables", STORE(((u64)({
        u64 satp;
        __asm__ volatile("csrr %0, satp" : "=r"(satp));
        satp;
      }) << 20) >> 8))
  TRY("read page tables", LOAD(((u64)({
        u64 satp;
        __asm__ volatile("csrr %0, satp" : "=r"(satp));
        satp;
      }) << 20) >> 8))
}

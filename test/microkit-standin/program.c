/*
 * A program for a protection domain that says what it finds, then tries what its command line names. Every attempt but
 * the control must be stopped; whatever comes of it, the program ends in a fault, by which the stand-in knows that it ended.
 */
#include <solo5.h>

extern const volatile char microkit_name[64];
extern char sel4_stack_low[], sel4_stack_top[], sel4_text_end[];

static int data = 1;
static const volatile int constant = 2;
static const char *name;

static void say(const char *text) {
    size_t size = 0;
    while (text[size] != '\0') size++;
    solo5_console_write(text, size);
}

static int is(const char *word) {
    const char *a = name;
    while (*word != '\0' && *a == *word) {
        a++;
        word++;
    }
    return *a == *word;
}

static __attribute__((noinline)) int victim(void) { return data; }

static void read_at(const volatile char *address) { data += *address; }
static void write_at(volatile char *address) { *address = 1; }
static void execute(const volatile void *address) { data += ((int (*)(void))(uintptr_t)address)(); }

static __attribute__((noinline)) int deeper(int depth) {
    volatile char room[512];
    room[0] = (char)depth;
    return depth == 0 ? room[0] : deeper(depth - 1) + room[0];
}

static void attempt(const struct solo5_start_info *info) {
    volatile char *heap = (volatile char *)info->heap_start;
    if (is("read-text")) read_at((const volatile char *)victim);
    else if (is("write-text")) write_at((volatile char *)(uintptr_t)victim);
    else if (is("write-rodata")) write_at((volatile char *)(uintptr_t)&constant);
    else if (is("write-name")) write_at((volatile char *)(uintptr_t)microkit_name);
    else if (is("execute-data")) execute(&data);
    else if (is("execute-rodata")) execute(&constant);
    else if (is("execute-heap")) execute(heap);
    else if (is("read-below-stack")) read_at(sel4_stack_low - 1);
    else if (is("read-above-stack")) read_at(sel4_stack_top);
    else if (is("overflow-stack")) data += deeper(1 << 20);
    else if (is("read-after-text")) read_at(sel4_text_end);
    else if (is("control")) write_at(heap);
    else say("no such attempt\n");
}

int solo5_app_main(const struct solo5_start_info *info) {
    name = info->cmdline;
    say("domain ");
    say((const char *)microkit_name);
    say(info->heap_size > 1 << 20 ? ", has a heap" : ", has no heap");
    say(solo5_clock_monotonic() > 0 ? ", has a clock\n" : ", has no clock\n");
    attempt(info);
    say("got through\n");
    *(volatile char *)0x10 = 0;
    return 0;
}

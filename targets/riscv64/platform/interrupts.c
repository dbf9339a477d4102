/*
 * Device interrupts, as far as waiting needs them: an interrupt of a network device ends a wfi.
 *
 * The interrupt controller is a PLIC. Its context for our hart's S-mode is the position of (our hart's interrupt
 * controller, 9) among its interrupts-extended. Where there is no PLIC (machines with APLIC and IMSIC), or its registers
 * are not mapped, nothing is enabled, and solo5_yield wakes up by the timer to look at its devices instead.
 *
 * Source: RISC-V PLIC specification 1.0.
 */
#include "platform.h"

#define SUPERVISOR_EXTERNAL 9u
#define MOST_SOURCES 1024u
#define MOST_CONTEXTS 15872u

/* Byte offsets. */
#define PRIORITY 0x0u
#define ENABLE 0x2000u
#define ENABLE_STRIDE 0x80u
#define CONTEXT 0x200000u
#define CONTEXT_STRIDE 0x1000u

/* NULL: unusable. */
static volatile uint32_t *priorities, *enabled, *context;

static bool find_context(uint32_t *found) {
    struct fdt_value pairs = rv_machine.plic_contexts;
    uint32_t count = pairs.size / 8;
    if (rv_machine.hart_phandle == 0) return false;
    for (uint32_t i = 0; i < count && i < MOST_CONTEXTS; i++) {
        if (fdt_cell(pairs, 2 * i) != rv_machine.hart_phandle || fdt_cell(pairs, 2 * i + 1) != SUPERVISOR_EXTERNAL) continue;
        *found = i;
        return true;
    }
    return false;
}

void rv_interrupts_init(void) {
    uint32_t number;
    uint64_t plic = rv_machine.plic.address;
    if (rv_machine.plic.size == 0 || !find_context(&number)) return;
    priorities = rv_registers(plic + PRIORITY, PAGE_SIZE);
    enabled = rv_registers(plic + ENABLE + number * ENABLE_STRIDE, ENABLE_STRIDE);
    context = rv_registers(plic + CONTEXT + number * CONTEXT_STRIDE, 8);
    if (priorities == NULL || enabled == NULL || context == NULL) {
        context = NULL;
        return;
    }
    context[0] = 0; /* threshold: every priority counts */
}

bool rv_interrupt_enable(uint32_t source) {
    if (context == NULL || source == 0 || source >= MOST_SOURCES) return false;
    priorities[source] = 1;
    enabled[source / 32] |= 1u << source % 32;
    return true;
}

void rv_interrupts_accept(void) {
    if (context == NULL) return;
    /* Claiming and completing; 0: there is none left. A source that keeps asking is taken once a call. */
    for (unsigned i = 0; i < 32; i++) {
        uint32_t source = context[1];
        if (source == 0) return;
        context[1] = source;
    }
}

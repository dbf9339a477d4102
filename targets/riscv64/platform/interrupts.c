/*
 * Device interrupts, as far as waiting needs them: an interrupt of a network device ends a wfi.
 *
 * The interrupt controller is a PLIC, or an AIA (aia.c). A PLIC's context for our hart's S-mode is the position of (our
 * hart's interrupt controller, 9) among its interrupts-extended. Where there is neither, or its registers are not mapped,
 * nothing is enabled, and solo5_yield wakes up by the timer to look at its devices instead.
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

static enum { NONE, PLIC, AIA } controller;
static volatile uint32_t *priorities, *enabled, *context;

uint32_t rv_find_hart(struct fdt_value pairs) {
    uint64_t wanted = (uint64_t)layer_machine.hart_phandle << 32 | SUPERVISOR_EXTERNAL;
    for (uint32_t i = 0; i < pairs.size / 8 && i < MOST_CONTEXTS; i++) {
        if (layer_machine.hart_phandle != 0 && layer_fdt_number(pairs, 2 * i, 2) == wanted) return i;
    }
    return NO_HART;
}

static bool init_plic(void) {
    uint32_t number = rv_find_hart(layer_machine.plic_contexts);
    uint64_t plic = layer_machine.plic.address;
    if (layer_machine.plic.size == 0 || number == NO_HART) return false;
    priorities = layer_registers(plic + PRIORITY, PAGE_SIZE);
    enabled = layer_registers(plic + ENABLE + number * ENABLE_STRIDE, ENABLE_STRIDE);
    context = layer_registers(plic + CONTEXT + number * CONTEXT_STRIDE, 8);
    if (priorities == NULL || enabled == NULL || context == NULL) return false;
    /* A source that a boot loader left enabled would end every wait. */
    for (unsigned i = 0; i < ENABLE_STRIDE / 4; i++) enabled[i] = 0;
    context[0] = 0; /* threshold: every priority counts */
    return true;
}

void layer_interrupts_init(void) {
    if (init_plic()) controller = PLIC;
    else if (rv_aia_init()) controller = AIA;
}

bool layer_interrupt_enable(uint32_t source) {
    if (source == 0 || source >= MOST_SOURCES || controller == NONE) return false;
    if (controller == AIA) return rv_aia_enable(source);
    priorities[source] = 1;
    enabled[source / 32] |= 1u << source % 32;
    return true;
}

void layer_interrupts_accept(void) {
    if (controller == AIA) rv_aia_accept();
    if (controller != PLIC) return;
    /* Claiming and completing; 0: there is none. If there are more, the next wait is over at once. */
    uint32_t source = context[1];
    if (source != 0) context[1] = source;
}

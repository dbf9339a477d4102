/*
 * Device interrupts of machines with an AIA: a device's wire goes to an APLIC, which sends a message to our hart's IMSIC.
 *
 * All devices share one message, because it only has to end a wait: solo5_yield looks at every device then. The APLIC is
 * the one whose messages go to the IMSIC that raises our hart's external interrupt for S-mode; firmware has told it where
 * that IMSIC is. A wire is taken as active high. A device that is acknowledged lowers it, so the next rise is seen.
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, chapters 3 (IMSIC) and 4 (APLIC).
 */
#include "platform.h"

/* Interrupt identity of every device's message. */
#define MESSAGE 1u

/* Registers of an IMSIC, behind siselect (CSR 0x150) and sireg (0x151). */
enum { DELIVERY = 0x70, THRESHOLD = 0x72, ENABLE = 0xc0 };

/* Byte offsets in an APLIC. */
enum { DOMAIN = 0x0, SOURCE = 0x4, SET_ENABLE_NUMBER = 0x1edc, TARGET = 0x3004, APLIC_SIZE = 0x4000 };

#define DOMAIN_MESSAGES 0x104u /* interrupts enabled, delivered as messages */
#define SOURCE_HIGH 6u         /* active while the wire is high */
#define TARGET_HART 18u        /* bit position of a target's hart */

static volatile uint32_t *aplic;
static uint32_t hart; /* our number at the IMSIC */

static void write_imsic(uint64_t number, uint64_t value) {
    __asm__ volatile("csrw 0x150, %0\n\tcsrw 0x151, %1" : : "r"(number), "r"(value) : "memory");
}

bool rv_aia_init(void) {
    for (size_t i = 0; i < layer_machine.imsic_count; i++) {
        const struct machine_imsic *imsic = &layer_machine.imsics[i];
        hart = rv_find_hart(imsic->harts);
        if (imsic->phandle == 0 || hart == NO_HART) continue;
        for (size_t j = 0; j < layer_machine.aplic_count && aplic == NULL; j++) {
            if (layer_machine.aplics[j].msi_parent != imsic->phandle) continue;
            aplic = layer_registers(layer_machine.aplics[j].registers.address, APLIC_SIZE);
        }
        if (aplic == NULL) continue;
        write_imsic(THRESHOLD, 0);
        write_imsic(ENABLE, 1u << MESSAGE); /* and none of the other 62 that every IMSIC has */
        write_imsic(DELIVERY, 1);
        aplic[DOMAIN / 4] = DOMAIN_MESSAGES;
        return true;
    }
    return false;
}

bool rv_aia_enable(uint32_t source) {
    uint32_t index = source - 1;
    aplic[SOURCE / 4 + index] = SOURCE_HIGH;
    /* A source that this domain was not given reads back as inactive. */
    if (aplic[SOURCE / 4 + index] != SOURCE_HIGH) return false;
    aplic[TARGET / 4 + index] = hart << TARGET_HART | MESSAGE;
    aplic[SET_ENABLE_NUMBER / 4] = source;
    return true;
}

void rv_aia_accept(void) {
    uint64_t claimed;
    /* stopei: reads the message of the highest rank, and takes it. There is one identity only. */
    __asm__ volatile("csrrw %0, 0x15c, zero" : "=r"(claimed) : : "memory");
}

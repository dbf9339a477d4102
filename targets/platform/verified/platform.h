/*
 * The functions of the module casemate/platform (analyzers/library/platform.ts, with their contracts) as lowered code
 * calls them: C's prototypes of what is declared there. Records are anonymous structures with the members that lowering
 * gives them, which C11 (6.2.7) takes for the same type in every file.
 */
#ifndef CASEMATE_PLATFORM_H
#define CASEMATE_PLATFORM_H

#include <solo5.h>

#include "casemate-lowered.h"

typedef struct {
    bool present;
    uint32_t value;
} casemate_length;

typedef struct {
    uint8_t handle;
    uint32_t mtu;
} casemate_net;

typedef struct {
    bool present;
    casemate_net value;
} casemate_maybe_net;

typedef struct {
    uint8_t handle;
    uint64_t capacity;
    uint32_t blockSize;
} casemate_block;

typedef struct {
    bool present;
    casemate_block value;
} casemate_maybe_block;

void casemate_consoleWrite(cm_const_u8s text, uint32_t length);
casemate_length casemate_bootArguments(cm_u8s into);
uint64_t casemate_clockMonotonic(void);
uint64_t casemate_clockWall(void);
uint64_t casemate_yieldUntil(uint64_t deadline);
void casemate_exit(uint8_t status);
casemate_maybe_net casemate_netAcquire(cm_const_u8s name, cm_u8s mac);
uint32_t casemate_netRead(uint8_t handle, cm_u8s frame);
bool casemate_netWrite(uint8_t handle, cm_const_u8s frame, uint32_t length);
casemate_maybe_block casemate_blockAcquire(cm_const_u8s name);
bool casemate_blockRead(uint8_t handle, uint64_t offset, cm_u8s bytes, uint32_t length);
bool casemate_blockWrite(uint8_t handle, uint64_t offset, cm_const_u8s bytes, uint32_t length);

/* Called once, before anything else: what the boot parameters are read from. */
void casemate_platform_start(const struct solo5_start_info *info);

#endif

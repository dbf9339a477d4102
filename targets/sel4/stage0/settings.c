/*
 * What a build decides once the image is linked. The file that is written has other values here: targets/sel4/settings.ts.
 */
#include "stage0.h"

const volatile struct sel4_settings sel4_settings __attribute__((section(".sel4.settings"))) = {.magic = SEL4_SETTINGS_MAGIC};

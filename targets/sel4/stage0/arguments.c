/*
 * The program's command line, where no loader passes one on: `casemate boot` writes it into the image
 * (targets/sel4/arguments.ts).
 */
#include "stage0.h"

const volatile char sel4_arguments[SEL4_ARGUMENTS_SIZE] __attribute__((section(".sel4.arguments"))) = {0};

/* The emulator's own protections. */
#ifndef PROTECTION_H
#define PROTECTION_H

/* From here on: text is executable and read-only, constants read-only, everything else no-execute. */
void protect_emulator(void);

#endif

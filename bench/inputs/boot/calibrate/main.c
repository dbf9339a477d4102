/* Runs what known.S holds, once. */
#include <solo5.h>

void known(void);

int solo5_app_main(const struct solo5_start_info *info) {
    (void)info;
    known();
    return 0;
}

/*
 * A program that needs all of Solo5's API and does nothing else: what its text is large of is the platform layer.
 */
#include <solo5.h>

void *const volatile needed[] = {
    (void *)solo5_exit,         (void *)solo5_abort,       (void *)solo5_tls_size,    (void *)solo5_tls_tp_offset,
    (void *)solo5_tls_init,     (void *)solo5_set_tls_base, (void *)solo5_clock_monotonic, (void *)solo5_clock_wall,
    (void *)solo5_yield,        (void *)solo5_console_write, (void *)solo5_net_acquire, (void *)solo5_net_write,
    (void *)solo5_net_read,     (void *)solo5_block_acquire, (void *)solo5_block_write, (void *)solo5_block_read,
};

int solo5_app_main(const struct solo5_start_info *info) {
    (void)info;
    return needed[0] == 0;
}

/*
 * hello: the smallest complete unikernel. It greets, shows what it was told, sleeps a moment and ends.
 *
 *   hello [NAME...] [--exit=STATUS]
 */
#include <solo5.h>

#include "print.h"
#include "text.h"

#define NANOSECONDS 1000000000ull

struct date {
    uint64_t year;
    unsigned month, day, hour, minute, second;
};

/* The Gregorian date of a number of seconds since 1970-01-01 00:00 UTC, in years that begin with March. */
static struct date date_of(uint64_t seconds) {
    uint64_t days = seconds / 86400 + 719468; /* since 0000-03-01 */
    uint64_t era = days / 146097;             /* of 400 years */
    unsigned day_of_era = (unsigned)(days % 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned from_march = (5 * day_of_year + 2) / 153;
    unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
    return (struct date){
        .year = era * 400 + year_of_era + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * from_march + 2) / 5 + 1,
        .hour = (unsigned)(seconds / 3600 % 24),
        .minute = (unsigned)(seconds / 60 % 60),
        .second = (unsigned)(seconds % 60),
    };
}

static void greet(const struct arguments *arguments) {
    bool anyone = false;
    for (size_t i = 0; i < arguments->count; i++) {
        if (text_after(arguments->at[i], "--") != NULL) continue;
        print("Hello, %s!\n", arguments->at[i]);
        anyone = true;
    }
    if (!anyone) print("Hello, world!\n");
}

int solo5_app_main(const struct solo5_start_info *info) {
    static struct arguments arguments;
    uint64_t status = 0;

    const char *wrong = split_arguments(info->cmdline, &arguments);
    for (size_t i = 0; wrong == NULL && i < arguments.count; i++) {
        if (text_after(arguments.at[i], "--") == NULL) continue;
        const char *number = text_after(arguments.at[i], "--exit=");
        if (number == NULL || !text_is_number(number, 254, &status)) wrong = "options: --exit=0..254";
    }
    if (wrong != NULL) {
        print("hello: %s\n", wrong);
        return 2;
    }

    greet(&arguments);
    print("heap: %zu KiB from 0x%zx\n", info->heap_size >> 10, (size_t)info->heap_start);

    struct date now = date_of(solo5_clock_wall() / NANOSECONDS);
    print("time: %llu-%02u-%02u %02u:%02u:%02u UTC\n", (unsigned long long)now.year, now.month, now.day, now.hour,
          now.minute, now.second);

    solo5_time_t before = solo5_clock_monotonic();
    solo5_yield(before + NANOSECONDS / 100, NULL);
    solo5_time_t slept = solo5_clock_monotonic() - before;
    print("slept: at least 10 ms: %s\n", slept >= NANOSECONDS / 100 ? "yes" : "no");
    return (int)status;
}

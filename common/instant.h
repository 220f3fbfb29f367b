#ifndef COMMON_INSTANT_H
#define COMMON_INSTANT_H

/*
 * Instants: milliseconds since 1970 (UTC), and the only place where the program asks the time.
 * All functions are thread-safe; instant_fake is for tests.
 */

#include "common/memory.h"

#include <stdint.h>

#define INSTANT_TEXT_BYTES 25 /* "2026-11-21T10:15:00.000Z" and its NUL */

/* Now, by the system's real-time clock, or the faked instant. */
int64_t instant_now(void);

/* The same in microseconds, to be put beside what other programs have measured. */
int64_t instant_now_us(void);

/* Milliseconds of a clock that never jumps; for deadlines and durations only. Not faked. */
int64_t instant_monotonic(void);

/* Microseconds of the same clock; for measuring. */
int64_t instant_monotonic_us(void);

/* Stop the clock at `at_ms`; 0 lets it run again. */
void instant_fake(int64_t at_ms);

/* Format as ISO 8601, UTC, milliseconds, into `ret_text`; returns it. Years 1970 to 9999. */
char *instant_format(int64_t at_ms, char ret_text[INSTANT_TEXT_BYTES]);

/* Parse that format (the fraction may have one to nine digits or be absent; the zone is Z).
 * 0 or INVALID. */
must_check int instant_parse(const char *text, int64_t *ret_at_ms);

#endif

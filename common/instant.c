/*
 * Instants: the clocks, and ISO 8601 both ways.
 *
 * What is stored, compared and sent is a number of milliseconds; text exists only at the edges. A
 * test stops the real-time clock with instant_fake; the monotonic one always runs, so that
 * deadlines and waiting still work then.
 */

#include "common/instant.h"

#include "common/fail.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define LAST_INSTANT_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static _Atomic int64_t faked_ms;

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t instant_now_us(void)
{
    int64_t faked = atomic_load(&faked_ms);

    return faked != 0 ? faked * 1000 : clock_us(CLOCK_REALTIME);
}

int64_t instant_now(void)
{
    return instant_now_us() / 1000;
}

int64_t instant_monotonic(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t instant_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void instant_fake(int64_t at_ms)
{
    atomic_store(&faked_ms, at_ms);
}

char *instant_format(int64_t at_ms, char ret_text[INSTANT_TEXT_BYTES])
{
    struct tm parts;
    time_t seconds;
    int64_t ms;
    size_t length;

    if (at_ms < 0)
        at_ms = 0;
    if (at_ms > LAST_INSTANT_MS)
        at_ms = LAST_INSTANT_MS;
    seconds = (time_t)(at_ms / 1000);
    ms = at_ms % 1000;

    gmtime_r(&seconds, &parts);
    length = strftime(ret_text, INSTANT_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S.", &parts);
    ret_text[length++] = (char)('0' + ms / 100);
    ret_text[length++] = (char)('0' + ms / 10 % 10);
    ret_text[length++] = (char)('0' + ms % 10);
    ret_text[length++] = 'Z';
    ret_text[length] = '\0';
    return ret_text;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Read `before` (unless it is NUL), then exactly `count` digits; moves *text past them
 * as far as they fit. */
static bool read_part(const char **text, char before, int count, int *ret_value)
{
    int value = 0;

    if (before != '\0' && *(*text)++ != before)
        return false;
    for (int i = 0; i < count; i++, (*text)++) {
        if (!is_digit(**text))
            return false;
        value = value * 10 + (**text - '0');
    }
    *ret_value = value;
    return true;
}

/* Read one to nine decimals at *text as whole milliseconds (the rest is cut off). */
static bool read_fraction(const char **text, int *ret_ms)
{
    int digits = 0, ms = 0, weight = 100;

    for (; is_digit(**text); (*text)++, digits++, weight /= 10)
        ms += weight * (**text - '0');
    *ret_ms = ms;
    return digits >= 1 && digits <= 9;
}

int instant_parse(const char *text, int64_t *ret_at_ms)
{
    struct tm parts = {0}, normal;
    time_t seconds;
    int year, month, ms = 0;

    if (!read_part(&text, '\0', 4, &year) || !read_part(&text, '-', 2, &month) ||
        !read_part(&text, '-', 2, &parts.tm_mday) || !read_part(&text, 'T', 2, &parts.tm_hour) ||
        !read_part(&text, ':', 2, &parts.tm_min) || !read_part(&text, ':', 2, &parts.tm_sec))
        return INVALID;
    if (*text == '.') {
        text++;
        if (!read_fraction(&text, &ms))
            return INVALID;
    }
    if (text[0] != 'Z' || text[1] != '\0' || year < 1970)
        return INVALID;

    /* timegm carries the 31st of June over into July: what comes back changed was never a date. */
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    normal = parts;
    seconds = timegm(&normal);
    if (normal.tm_mon != parts.tm_mon || normal.tm_mday != parts.tm_mday ||
        normal.tm_hour != parts.tm_hour || normal.tm_min != parts.tm_min ||
        normal.tm_sec != parts.tm_sec)
        return INVALID;

    *ret_at_ms = (int64_t)seconds * 1000 + ms;
    return 0;
}

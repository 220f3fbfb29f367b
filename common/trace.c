/*
 * Trace context: what joins a request to the events and the lines of the log that it caused.
 *
 * The trace's id stays as it came; each piece of work gets a span id of its own. Ids are random, so
 * nobody learns anything from them. The state is thread-local: a worker begins before a request or
 * an event and ends after it, and whoever says an event in between takes the trace along.
 */

#include "common/trace.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define TRACE_ID_DIGITS 32
#define SPAN_ID_DIGITS  16

/* "00-<32 digits>-<16 digits>-<2 digits>" */
#define TRACE_ID_AT 3
#define SPAN_ID_AT  (TRACE_ID_AT + TRACE_ID_DIGITS + 1)
#define FLAGS_AT    (SPAN_ID_AT + SPAN_ID_DIGITS + 1)

static _Thread_local char current[TRACEPARENT_BYTES];
static _Thread_local char current_trace_id[TRACE_ID_DIGITS + 1];

/* Random bytes, fetched from the kernel for many ids at a time. */
static _Thread_local unsigned char pool[256]; /* what getrandom gives in one piece */
static _Thread_local size_t pool_left;

static unsigned char random_byte(void)
{
    while (pool_left == 0)
        if (getrandom(pool, sizeof(pool), 0) == (ssize_t)sizeof(pool))
            pool_left = sizeof(pool);
    return pool[--pool_left];
}

/* `count` random hexadecimal digits, not all of them 0. */
static void random_digits(char *ret_digits, size_t count)
{
    static const char digits[] = "0123456789abcdef";

    do
        for (size_t i = 0; i < count; i++)
            ret_digits[i] = digits[random_byte() & 15];
    while (strspn(ret_digits, "0") >= count);
}

static bool is_hex(const char *text, size_t count)
{
    return strspn(text, "0123456789abcdef") >= count;
}

bool trace_is_valid(const char *traceparent)
{
    if (traceparent == NULL || strnlen(traceparent, TRACEPARENT_BYTES) != TRACEPARENT_BYTES - 1)
        return false;
    return strncmp(traceparent, "00-", TRACE_ID_AT) == 0 &&
           is_hex(traceparent + TRACE_ID_AT, TRACE_ID_DIGITS) &&
           strspn(traceparent + TRACE_ID_AT, "0") < TRACE_ID_DIGITS &&
           traceparent[SPAN_ID_AT - 1] == '-' && is_hex(traceparent + SPAN_ID_AT, SPAN_ID_DIGITS) &&
           strspn(traceparent + SPAN_ID_AT, "0") < SPAN_ID_DIGITS &&
           traceparent[FLAGS_AT - 1] == '-' && is_hex(traceparent + FLAGS_AT, 2);
}

void trace_begin(const char *traceparent)
{
    char begun[TRACEPARENT_BYTES] = "00-00000000000000000000000000000000-0000000000000000-01";

    if (trace_is_valid(traceparent))
        memcpy(begun, traceparent, TRACEPARENT_BYTES);
    else
        random_digits(begun + TRACE_ID_AT, TRACE_ID_DIGITS);
    random_digits(begun + SPAN_ID_AT, SPAN_ID_DIGITS);

    memcpy(current, begun, sizeof(current));
    memcpy(current_trace_id, begun + TRACE_ID_AT, TRACE_ID_DIGITS);
    log_set_trace(current_trace_id);
}

void trace_end(void)
{
    current[0] = '\0';
    log_set_trace(NULL);
}

const char *trace_current(void)
{
    return current;
}

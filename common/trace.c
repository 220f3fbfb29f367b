/*
 * Trace context: what joins a request to the events and the lines of the log that it caused.
 *
 * The trace's id stays as it came; each piece of work gets a span id of its own. Ids are random, so
 * nobody learns anything from them. The state is thread-local: a worker begins before a request or
 * an event and ends after it, and whoever says an event in between takes the trace along.
 */

#include "common/trace.h"

#include "common/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FLAGS_AT (SPAN_ID_AT + SPAN_ID_DIGITS + 1)

/* The last 14 digits of a trace's id are its chance: 56 random bits, the same for whoever asks
 * (OpenTelemetry's rule for sampling by a ratio). */
#define CHANCE_AT   (SPAN_ID_AT - 1 - 14)
#define CHANCE_BITS 56

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

bool trace_is_sampled(const char *traceparent)
{
    return trace_is_valid(traceparent) && strchr("13579bdf", traceparent[FLAGS_AT + 1]) != NULL;
}

static bool is_chosen(const char *made, double ratio)
{
    char digits[15] = "";

    memcpy(digits, made + CHANCE_AT, sizeof(digits) - 1);
    return (double)strtoull(digits, NULL, 16) < ratio * (double)(UINT64_C(1) << CHANCE_BITS);
}

void trace_make(const char *traceparent, double ratio, char ret_own[TRACEPARENT_BYTES])
{
    char made[TRACEPARENT_BYTES] = "00-00000000000000000000000000000000-0000000000000000-01";

    if (trace_is_valid(traceparent)) {
        memcpy(made, traceparent, TRACEPARENT_BYTES);
    } else {
        random_digits(made + TRACE_ID_AT, TRACE_ID_DIGITS);
        if (!is_chosen(made, ratio))
            made[FLAGS_AT + 1] = '0';
    }
    random_digits(made + SPAN_ID_AT, SPAN_ID_DIGITS);
    memcpy(ret_own, made, sizeof(made)); /* at last, as it may be `traceparent` */
}

void trace_adopt(const char *own)
{
    memcpy(current, own, sizeof(current));
    memcpy(current_trace_id, own + TRACE_ID_AT, TRACE_ID_DIGITS);
    log_set_trace(current_trace_id);
}

void trace_begin(const char *traceparent)
{
    char own[TRACEPARENT_BYTES];

    trace_make(traceparent, /* ratio= */ 1, own);
    trace_adopt(own);
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

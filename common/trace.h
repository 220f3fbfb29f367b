#ifndef COMMON_TRACE_H
#define COMMON_TRACE_H

/*
 * Trace context (W3C Trace Context, level 1): a traceparent is accepted from a request or an event,
 * made where absent, and carried by each thread while it works, so that every event said and every
 * line logged joins the request that caused it. Thread-local; no locks.
 */

#include "common/event.h"

/* Where TRACEPARENT_BYTES hold what: "00-<trace id>-<span id>-<flags>". */
#define TRACE_ID_DIGITS 32
#define SPAN_ID_DIGITS  16
#define TRACE_ID_AT     3
#define SPAN_ID_AT      (TRACE_ID_AT + TRACE_ID_DIGITS + 1)

/* Adopt `traceparent` for this thread with a new span id under the same trace; anything malformed
 * or NULL starts a new trace. Sets the trace of the log context too. */
void trace_begin(const char *traceparent);

/* Make what trace_begin adopts, without adopting it. A new trace is sampled with the probability
 * `ratio` (0 … 1); one that came says itself whether it is. */
void trace_make(const char *traceparent, double ratio, char ret_own[TRACEPARENT_BYTES]);

/* Adopt exactly `own`, which trace_make has made. */
void trace_adopt(const char *own);

/* Forget it. */
void trace_end(void);

/* This thread's traceparent, "" outside of begin/end. Borrowed until the next begin or end. */
const char *trace_current(void);

/* Is it a well-formed version-00 traceparent with non-zero ids? */
bool trace_is_valid(const char *traceparent);

/* Is it valid, and is somebody to record it? */
bool trace_is_sampled(const char *traceparent);

#endif

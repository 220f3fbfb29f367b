#ifndef COMMON_TRACE_H
#define COMMON_TRACE_H

/*
 * Trace context (W3C Trace Context, level 1): a traceparent is accepted from a request or an event,
 * made where absent, and carried by each thread while it works, so that every event said and every
 * line logged joins the request that caused it. Thread-local; no locks.
 */

#include "common/event.h"

/* Adopt `traceparent` for this thread with a new span id under the same trace; anything malformed
 * or NULL starts a new trace. Sets the trace of the log context too. */
void trace_begin(const char *traceparent);

/* Forget it. */
void trace_end(void);

/* This thread's traceparent, "" outside of begin/end. Borrowed until the next begin or end. */
const char *trace_current(void);

/* Is it a well-formed version-00 traceparent with non-zero ids? */
bool trace_is_valid(const char *traceparent);

#endif

#ifndef COMMON_SPAN_H
#define COMMON_SPAN_H

/*
 * Spans: what a process did under a trace (trace.h), told to a collector of OpenTelemetry's.
 *
 * A span is begun, told things and ended; it goes out in the background (span_export.c). Whoever is
 * traced never waits for that: what does not fit into the queue is dropped and counted. There is no
 * span where there is no tracer (NULL: tracing is off) or where the trace is not sampled; then
 * span_… give and take NULL, and that is all it costs.
 *
 * Names and keys follow OpenTelemetry's semantic conventions for HTTP and messaging. No span says
 * anything of a person: no path with its ids, no address, no text that somebody wrote.
 *
 * A span belongs to one thread at a time; a tracer may be used by all.
 */

#include "common/metrics.h"
#include "common/trace.h"

#include <stddef.h>
#include <stdint.h>

#define SPAN_QUEUE_MAX       2048 /* spans that wait to go out, some 0.8 MB; beyond, dropped */
#define SPAN_ATTRIBUTES_MAX  8
#define SPAN_COPY_BYTES      EVENT_ID_BYTES
#define TRACER_ENDPOINT_PATH "/v1/traces"

struct tracer;
struct span;

/* The numbers are OTLP's. */
enum span_kind {
    SPAN_INTERNAL = 1,
    SPAN_SERVER = 2,
    SPAN_CLIENT = 3,
    SPAN_PRODUCER = 4,
    SPAN_CONSUMER = 5
};

/* What a span is of: its name is "<verb> <object>" ("POST /api/orders"), or the verb alone where
 * `object` is NULL. Both are borrowed for ever, as are all keys. */
struct span_of {
    enum span_kind kind;
    const char *verb, *object;
};

struct tracer_config {
    const char *endpoint; /* "http://collector:4318"; "": no tracing */
    double ratio;         /* of new traces that are sampled, 0 … 1 */
    const char *service, *version;
    const char *instance; /* "": a random one */
    struct metrics *metrics;
};

/* Start the thread that sends. *ret_tracer is NULL where the endpoint is "". Texts are copied. */
must_check int tracer_open(const struct tracer_config *config, struct tracer **ret_tracer);

/* Send what waits, once and for at most `timeout_ms`, whatever the collector does; stop the thread
 * and free. All spans have ended before. */
struct tracer *tracer_free(struct tracer *tracer, int64_t timeout_ms);

/* For trace_make; 1 where there is no tracer: then others may record it. */
double tracer_ratio(const struct tracer *tracer);

/* This thread begins work that came with `traceparent` (NULL: with none): trace_begin, and its
 * span. To be followed by trace_end and span_end. */
struct span *span_begin(struct tracer *tracer, const struct span_of *of, const char *traceparent);

/* A span below `parent`, which is none of this thread's own: a call, or a publish. *ret_own (may
 * be NULL) is what to send along; untouched where there is no span. */
struct span *span_begin_below(struct tracer *tracer, const struct span_of *of, const char *parent,
                              char ret_own[TRACEPARENT_BYTES]);

/* The span of work that was already named `own`, by trace_make from `traceparent` (or NULL). */
struct span *span_begin_as(struct tracer *tracer, const struct span_of *of, const char *own,
                           const char *traceparent);

/* It began earlier: at this instant_monotonic_us. */
void span_began(struct span *span, int64_t at_us);

/* Attributes; at most SPAN_ATTRIBUTES_MAX. `text` is borrowed for ever; of span_copy it is copied,
 * up to SPAN_COPY_BYTES, once for each span. */
void span_text(struct span *span, const char *key, const char *text);
void span_number(struct span *span, const char *key, int64_t number);
void span_copy(struct span *span, const char *key, const char *text);

/* It refers to its parent by a link too: it is not the first that follows from it. */
void span_link_parent(struct span *span);

/* It failed; `type` is a low-cardinality word for how (error.type), borrowed for ever. */
void span_fail(struct span *span, const char *type);

/* It is over; takes it. Always NULL. */
struct span *span_end(struct span *span);

#endif

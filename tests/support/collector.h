#ifndef TESTS_SUPPORT_COLLECTOR_H
#define TESTS_SUPPORT_COLLECTOR_H

/*
 * A collector of traces: takes OTLP's JSON over HTTP as strictly as it is defined, keeps the spans,
 * and can be made to fail. One a test; it ends with the test. Any thread may ask.
 */

#include "tests/support/support.h"

#include <jansson.h>

struct collected {
    char trace_id[33], span_id[17], parent_id[17]; /* parent "": it is a root */
    char service[32], name[96];
    int kind;
    int64_t start_ns, end_ns;
    bool failed, linked;
    json_t *attributes; /* {key: text or number} */
};

/* Start it; its endpoint, for OTEL_EXPORTER_OTLP_ENDPOINT. */
const char *given_collector(void);

/* From now on it answers with this status and, unless NULL, Retry-After; 0: it does not answer at
 * all until it is told otherwise. Only with 200 it keeps what it is sent. */
void collector_answers(int status, const char *retry_after);

/* It says that it rejected this many spans of each request it takes. */
void collector_rejects(int count);

/* How many requests came, whatever their answer; how many spans it has; what was wrong with a
 * request, or NULL. */
int collector_requests(void);
int collector_spans(void);
const char *collector_problem(void);

/* Wait until it has so many spans. */
void expect_spans(int count, int64_t timeout_ms);

/* The span `nth` (from 0) of this service and name that came, or NULL; lives as long as the test.
 */
const struct collected *find_span(const char *service, const char *name, int nth);

/* Wait for the first one. */
const struct collected *await_span(const char *service, const char *name);

/* The first span of this service and name below `ancestor`; waits for it. */
const struct collected *await_span_below(const struct collected *ancestor, const char *service,
                                         const char *name);

/* Has it a span of this trace? Does any span mention this text? */
bool collector_has_trace(const char *trace_id);
bool collector_mentions(const char *text);

/* Is `ancestor` on the way from `span` up to its root? Each step must be there. */
bool descends_from(const struct collected *span, const struct collected *ancestor);

/* An attribute; NULL or -1 where it is absent. */
const char *span_text_of(const struct collected *span, const char *key);
int64_t span_number_of(const struct collected *span, const char *key);

#endif

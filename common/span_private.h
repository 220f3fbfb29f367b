#ifndef COMMON_SPAN_PRIVATE_H
#define COMMON_SPAN_PRIVATE_H

/*
 * What the files of span share: span*.c and their tests include it, nobody else.
 *
 *   span.c         a span's life, and the queue
 *   span_json.c    spans as OTLP's JSON
 *   span_export.c  the thread that sends them
 */

#include "common/span.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#define SPAN_BATCH_MAX 512  /* spans of one request: below 0.6 MB of JSON, where OTLP advises 20 */
#define SPAN_WAIT_MS   1000 /* how long the first one waits for others */

struct span_attribute {
    const char *key;
    const char *text; /* NULL: it is the number */
    int64_t number;
};

struct span {
    struct span *next;
    struct tracer *tracer;
    struct span_of of;
    char own[TRACEPARENT_BYTES];
    char parent_id[SPAN_ID_DIGITS + 1]; /* "": it is the first of its trace */
    int64_t begun_us, took_us;          /* begun: monotonic until it ends, then since 1970 */
    struct span_attribute attributes[SPAN_ATTRIBUTES_MAX];
    size_t attribute_count;
    char copy[SPAN_COPY_BYTES];
    bool linked, failed;
};

struct span_list {
    struct span *head, *tail;
    size_t count;
};

struct tracer {
    char *url, *service, *version, *instance;
    double ratio;
    struct metric *exported, *dropped;

    pthread_mutex_t lock; /* held for list work only */
    pthread_cond_t changed;
    struct span_list waiting; /* under lock */
    bool stopping;            /* under lock */

    _Atomic int64_t stop_at_ms; /* monotonic: nothing is waited for beyond it */
    pthread_t thread;
    CURLM *multi;
    CURL *handle; /* the thread's */
    bool failing; /* the thread's: it was said already */
};

/* span.c: move up to `most` spans to the empty `ret_list`; under the tracer's lock. */
void span_list_take(struct span_list *from, size_t most, struct span_list *ret_list);
void span_list_free(struct span_list *list);

/* span_json.c: an ExportTraceServiceRequest of these spans. */
void span_list_to_json(const struct tracer *tracer, const struct span_list *list,
                       struct writer *out);

/* span_export.c: the thread. */
void *tracer_run(void *tracer);

#endif

/*
 * A span's life, and the queue to who sends it.
 *
 * A span is one block of memory that goes from hand to hand: its owner fills it, span_end puts it
 * into the queue, the sender frees it. So the lock is held for a few pointers, and nothing is
 * copied under it. A full queue drops the newest: what waits has been waited for.
 *
 * Durations are taken from the clock that never jumps, and the instant of 1970 at the end alone, so
 * that a corrected clock moves a span and does not stretch it.
 */
#include "common/span_private.h"

#include "common/fail.h"
#include "common/instant.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tracer ---- */

static char *instance_name(const char *instance)
{
    unsigned char random[8];
    char digits[2 * sizeof(random) + 1];

    if (instance[0] != '\0')
        return xstrdup(instance);
    randombytes_buf(random, sizeof(random));
    return xstrdup(sodium_bin2hex(digits, sizeof(digits), random, sizeof(random)));
}

static struct tracer *tracer_new(const struct tracer_config *config)
{
    struct tracer *tracer = xcalloc(1, sizeof(*tracer));
    size_t length = strlen(config->endpoint);
    pthread_condattr_t monotonic;

    while (length > 0 && config->endpoint[length - 1] == '/')
        length--;
    tracer->url = xasprintf("%.*s" TRACER_ENDPOINT_PATH, (int)length, config->endpoint);
    tracer->service = xstrdup(config->service);
    tracer->version = xstrdup(config->version);
    tracer->instance = instance_name(config->instance);
    tracer->ratio = config->ratio;
    tracer->exported = metrics_counter(config->metrics, "traces_exported_total", "",
                                       "Spans that the collector has taken.");
    tracer->dropped = metrics_counter(config->metrics, "traces_dropped_total", "",
                                      "Spans that it has not: no room, refused, or too late.");
    atomic_init(&tracer->stop_at_ms, INT64_MAX);
    pthread_mutex_init(&tracer->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tracer->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return tracer;
}

static void release(struct tracer *tracer)
{
    if (tracer->handle != NULL)
        curl_easy_cleanup(tracer->handle);
    if (tracer->multi != NULL)
        curl_multi_cleanup(tracer->multi);
    pthread_cond_destroy(&tracer->changed);
    pthread_mutex_destroy(&tracer->lock);
    free(tracer->url);
    free(tracer->service);
    free(tracer->version);
    free(tracer->instance);
    free(tracer);
}

int tracer_open(const struct tracer_config *config, struct tracer **ret_tracer)
{
    struct tracer *tracer;
    int error;

    if (config->endpoint[0] == '\0') {
        *ret_tracer = NULL;
        return 0;
    }
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fail(-EIO, "libsodium or libcurl does not start");
    tracer = tracer_new(config);
    tracer->multi = curl_multi_init();
    tracer->handle = curl_easy_init();
    if (tracer->multi == NULL || tracer->handle == NULL)
        abort(); /* out of memory, as everywhere */
    error = pthread_create(&tracer->thread, NULL, tracer_run, tracer);
    if (error != 0) {
        release(tracer);
        return fail(-error, "no thread for the traces: %s", strerror(error));
    }
    *ret_tracer = tracer;
    return 0;
}

struct tracer *tracer_free(struct tracer *tracer, int64_t timeout_ms)
{
    if (tracer == NULL)
        return NULL;
    atomic_store(&tracer->stop_at_ms, instant_monotonic() + timeout_ms);
    pthread_mutex_lock(&tracer->lock);
    tracer->stopping = true;
    pthread_cond_signal(&tracer->changed);
    pthread_mutex_unlock(&tracer->lock);
    curl_multi_wakeup(tracer->multi);
    pthread_join(tracer->thread, NULL);
    release(tracer);
    return NULL;
}

double tracer_ratio(const struct tracer *tracer)
{
    return tracer == NULL ? 1 : tracer->ratio;
}

/* ---- the queue ---- */

void span_list_take(struct span_list *from, size_t most, struct span_list *ret_list)
{
    while (from->count > 0 && ret_list->count < most) {
        struct span *span = from->head;

        from->head = span->next;
        from->count--;
        span->next = NULL;
        if (ret_list->count++ == 0)
            ret_list->head = span;
        else
            ret_list->tail->next = span;
        ret_list->tail = span;
    }
}

void span_list_free(struct span_list *list)
{
    while (list->count > 0) {
        struct span *span = list->head;

        list->head = span->next;
        list->count--;
        free(span);
    }
}

/* Queue it; false where there is no room. The sender is told of the first, and of a whole batch. */
static bool push(struct tracer *tracer, struct span *span)
{
    struct span_list *waiting = &tracer->waiting;
    bool fits;

    pthread_mutex_lock(&tracer->lock);
    fits = waiting->count < SPAN_QUEUE_MAX;
    if (fits) {
        if (waiting->count++ == 0)
            waiting->head = span;
        else
            waiting->tail->next = span;
        waiting->tail = span;
        if (waiting->count == 1 || waiting->count == SPAN_BATCH_MAX)
            pthread_cond_signal(&tracer->changed);
    }
    pthread_mutex_unlock(&tracer->lock);
    return fits;
}

/* ---- a span ---- */

struct span *span_begin_as(struct tracer *tracer, const struct span_of *of, const char *own,
                           const char *traceparent)
{
    struct span *span;

    if (tracer == NULL || !trace_is_sampled(own))
        return NULL;
    span = xcalloc(1, sizeof(*span));
    span->tracer = tracer;
    span->of = *of;
    memcpy(span->own, own, sizeof(span->own));
    if (trace_is_valid(traceparent))
        memcpy(span->parent_id, traceparent + SPAN_ID_AT, SPAN_ID_DIGITS);
    span->begun_us = instant_monotonic_us();
    return span;
}

struct span *span_begin(struct tracer *tracer, const struct span_of *of, const char *traceparent)
{
    char own[TRACEPARENT_BYTES];

    trace_make(traceparent, tracer_ratio(tracer), own);
    trace_adopt(own);
    return span_begin_as(tracer, of, own, traceparent);
}

struct span *span_begin_below(struct tracer *tracer, const struct span_of *of, const char *parent,
                              char ret_own[TRACEPARENT_BYTES])
{
    char own[TRACEPARENT_BYTES];

    if (tracer == NULL || !trace_is_sampled(parent))
        return NULL;
    trace_make(parent, tracer->ratio, own);
    if (ret_own != NULL)
        memcpy(ret_own, own, sizeof(own));
    return span_begin_as(tracer, of, own, parent);
}

void span_began(struct span *span, int64_t at_us)
{
    if (span != NULL)
        span->begun_us = at_us;
}

static void add(struct span *span, const struct span_attribute *attribute)
{
    assert(span->attribute_count < SPAN_ATTRIBUTES_MAX);
    span->attributes[span->attribute_count++] = *attribute;
}

void span_text(struct span *span, const char *key, const char *text)
{
    if (span != NULL)
        add(span, &(struct span_attribute){.key = key, .text = text});
}

void span_number(struct span *span, const char *key, int64_t number)
{
    if (span != NULL)
        add(span, &(struct span_attribute){.key = key, .number = number});
}

void span_copy(struct span *span, const char *key, const char *text)
{
    if (span == NULL)
        return;
    assert(span->copy[0] == '\0');
    if (text_copy(span->copy, sizeof(span->copy), text))
        span_text(span, key, span->copy);
}

void span_link_parent(struct span *span)
{
    if (span != NULL)
        span->linked = span->parent_id[0] != '\0';
}

void span_fail(struct span *span, const char *type)
{
    if (span == NULL)
        return;
    span->failed = true;
    span_text(span, "error.type", type);
}

struct span *span_end(struct span *span)
{
    struct tracer *tracer;

    if (span == NULL)
        return NULL;
    tracer = span->tracer;
    span->took_us = instant_monotonic_us() - span->begun_us;
    span->begun_us = instant_now_us() - span->took_us;
    if (!push(tracer, span)) {
        metric_add(tracer->dropped, 1);
        free(span);
    }
    return NULL;
}

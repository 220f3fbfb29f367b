/*
 * Outbox: the saves, and the life of the three threads behind them.
 *
 * A save is one findAndModify. Its filter names the version it was decided on, so of two that
 * decided on the same one wins and the other gets STALE; its update moves the state, the version
 * and the outbox together; and it returns the outbox as it is then, with earlier events that still
 * wait. So two threads that hand over in the wrong order publish in the right one all the same: the
 * later save brings the earlier event along, and the earlier save then finds it under way.
 *
 * relayAfter is set to a second from now: until then the document is left to the relay in this
 * process's memory, after it to any sweep.
 */

#include "common/outbox_private.h"

#include "common/instant.h"
#include "common/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(OUTBOX_MAX_EVENTS == 64, "LAST_SLOT names the last element");
#define LAST_SLOT "outbox.63"

enum { FULL_LOG_MS = 1000 };

/* The collection as we know it, whose name outlives every item. */
static const char *own_collection(const struct outbox *outbox, const char *collection)
{
    for (size_t i = 0; i < outbox->collection_count; i++)
        if (strcmp(outbox->collections[i], collection) == 0)
            return outbox->collections[i];
    return NULL;
}

/* The change is committed, and its event with it. */
static void count_said(struct outbox *outbox, enum event_type type)
{
    if (outbox->said[type] != NULL)
        metric_add(outbox->said[type], 1);
}

static void append_event(bson_t *parent, const char *key, const struct event *event)
{
    cleanup(writer_release) struct writer body = {0};
    bson_t element;

    writer_init(&body);
    event_encode(event, &body);
    BSON_APPEND_DOCUMENT_BEGIN(parent, key, &element);
    BSON_APPEND_UTF8(&element, "id", event->id);
    BSON_APPEND_UTF8(&element, "subject", event_info(event->type)->subject);
    BSON_APPEND_INT64(&element, "version", event->version);
    BSON_APPEND_DATE_TIME(&element, "at", event->at_ms);
    BSON_APPEND_UTF8(&element, "traceparent", event->traceparent);
    BSON_APPEND_UTF8(&element, "body", writer_text(&body));
    bson_append_document_end(parent, &element);
}

int outbox_insert(struct outbox *outbox, const char *collection, bson_t *document,
                  const struct event *event, char *ret_index)
{
    const char *own = own_collection(outbox, collection);
    int64_t now_ms = instant_now();
    bson_t events;
    int r;

    assert(own && event->version == 0);
    BSON_APPEND_INT64(document, "version", event->version);
    BSON_APPEND_ARRAY_BEGIN(document, "outbox", &events);
    append_event(&events, "0", event);
    bson_append_array_end(document, &events);
    BSON_APPEND_DATE_TIME(document, "pendingAt", now_ms);
    BSON_APPEND_DATE_TIME(document, "relayAfter", now_ms + OUTBOX_FRESH_MS);

    r = store_insert(outbox->store, collection, document, ret_index);
    if (r != 0)
        return r;
    count_said(outbox, event->type);
    outbox_hand_over(outbox, own, document);
    return 0;
}

/* {_id, version: the one before, …guard}; destroy after. */
static void save_filter(const bson_t *guard, const struct event *event, bson_t *ret_filter)
{
    bson_init(ret_filter);
    store_append_id(ret_filter, "_id", event->aggregate_id);
    BSON_APPEND_INT64(ret_filter, "version", event->version - 1);
    if (guard)
        bson_concat(ret_filter, guard);
}

/* The state, the version and the event, in one update; destroy after. */
static void save_update(const bson_t *set, const bson_t *unset, const struct event *event,
                        bson_t *ret_update)
{
    int64_t now_ms = instant_now();
    bson_t child;

    bson_init(ret_update);
    BSON_APPEND_DOCUMENT_BEGIN(ret_update, "$set", &child);
    if (set)
        bson_concat(&child, set);
    BSON_APPEND_INT64(&child, "version", event->version);
    BSON_APPEND_DATE_TIME(&child, "relayAfter", now_ms + OUTBOX_FRESH_MS);
    bson_append_document_end(ret_update, &child);

    /* Sets it where it is absent, and keeps the older where events wait already. */
    BSON_APPEND_DOCUMENT_BEGIN(ret_update, "$min", &child);
    BSON_APPEND_DATE_TIME(&child, "pendingAt", now_ms);
    bson_append_document_end(ret_update, &child);

    BSON_APPEND_DOCUMENT_BEGIN(ret_update, "$push", &child);
    append_event(&child, "outbox", event);
    bson_append_document_end(ret_update, &child);

    if (unset && !bson_empty(unset))
        BSON_APPEND_DOCUMENT(ret_update, "$unset", unset);
}

/* Say that an outbox is full; one line a second tells as much as one for each save. */
static void log_full(struct outbox *outbox, const char *collection, const char *id)
{
    int64_t now_ms = instant_monotonic();
    int64_t last_ms = atomic_load(&outbox->full_logged_ms);

    if (now_ms - last_ms >= FULL_LOG_MS &&
        atomic_compare_exchange_strong(&outbox->full_logged_ms, &last_ms, now_ms))
        log_event(LOG_WARNING, "outbox is full", "collection=%s id=%s", collection, id);
}

/* Nothing matched. If without asking for room it does, room is what was missing. */
static int why_not_saved(struct outbox *outbox, const char *collection, const bson_t *guard,
                         const struct event *event)
{
    int64_t matching = 0;
    bson_t filter;
    int r;

    save_filter(guard, event, &filter);
    r = store_count(outbox->store, collection, &filter, /* most= */ 1, &matching);
    bson_destroy(&filter);
    if (r != 0)
        return r;
    if (matching == 0)
        return STALE;
    log_full(outbox, collection, event->aggregate_id);
    return -EAGAIN;
}

int outbox_save(struct outbox *outbox, const char *collection, const bson_t *set,
                const bson_t *unset, const bson_t *guard, const struct event *event,
                char *ret_index)
{
    cleanup(bson_freep) bson_t *saved = NULL;
    const char *own = own_collection(outbox, collection);
    bson_t filter, update, slot, fields = BSON_INITIALIZER;
    int r;

    assert(own && event->version > 0);
    save_filter(guard, event, &filter);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, LAST_SLOT, &slot);
    BSON_APPEND_BOOL(&slot, "$exists", false);
    bson_append_document_end(&filter, &slot);
    save_update(set, unset, event, &update);
    BSON_APPEND_BOOL(&fields, "version", true);
    BSON_APPEND_BOOL(&fields, "outbox", true);

    /* Two who decided on the same version meet here: the first moves it, and for the second the
     * filter no longer matches. */
    r = store_modify(outbox->store, collection, &filter, &update, &fields, STORE_AFTER, ret_index,
                     &saved);
    bson_destroy(&filter);
    bson_destroy(&update);
    bson_destroy(&fields);
    if (r == NOT_FOUND)
        return why_not_saved(outbox, collection, guard, event);
    if (r != 0)
        return r;
    count_said(outbox, event->type);
    outbox_hand_over(outbox, own, saved);
    return 0;
}

int64_t outbox_waiting(struct outbox *outbox)
{
    int64_t waiting;

    pthread_mutex_lock(&outbox->lock);
    waiting = outbox->waiting;
    pthread_mutex_unlock(&outbox->lock);
    return waiting;
}

static void make_metrics(struct outbox *outbox, struct metrics *metrics)
{
    outbox->published = metrics_counter(metrics, "outbox_published_total", "",
                                        "Events that the broker has acknowledged.");
    outbox->failed = metrics_counter(metrics, "outbox_failed_total", "",
                                     "Documents whose outbox is left to the sweep.");
    outbox->swept = metrics_counter(metrics, "outbox_swept_total", "",
                                    "Documents that the sweep found and handed to the relay.");
    outbox->waiting_gauge = metrics_gauge(metrics, "outbox_waiting", "",
                                          "Events in memory that are not yet acknowledged.");
    outbox->oldest_gauge = metrics_gauge(metrics, "outbox_oldest_seconds", "",
                                         "Age of the oldest event that the sweep has found.");
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event_info *info = event_info(type);
        char labels[64];

        if (own_collection(outbox, event_owner_info(info->owner)->stream) == NULL)
            continue; /* another service's */
        snprintf(labels, sizeof(labels), "event=\"%s\"", info->subject);
        outbox->said[type] = metrics_counter(metrics, "events_said_total", labels,
                                             "Changes committed here, each with its event.");
    }
}

int outbox_open(struct store *store, struct bus *bus, struct metrics *metrics,
                const char *const *collections, size_t count, struct outbox **ret_outbox)
{
    struct outbox *outbox = xcalloc(1, sizeof(*outbox));
    pthread_condattr_t steady;

    outbox->store = store;
    outbox->bus = bus;
    outbox->collections = collections;
    outbox->collection_count = count;
    store_new_id(outbox->sweeper_id);
    make_metrics(outbox, metrics);
    atomic_init(&outbox->full_logged_ms, INT64_MIN / 2);

    pthread_mutex_init(&outbox->lock, /* attr= */ NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->to_publish, &steady);
    pthread_cond_init(&outbox->to_empty, &steady);
    pthread_cond_init(&outbox->to_sweep, &steady);
    pthread_cond_init(&outbox->quiet, &steady);
    pthread_condattr_destroy(&steady);

    if (pthread_create(&outbox->relay, /* attr= */ NULL, outbox_relay, outbox) != 0 ||
        pthread_create(&outbox->emptier, /* attr= */ NULL, outbox_emptier, outbox) != 0 ||
        pthread_create(&outbox->sweeper, /* attr= */ NULL, outbox_sweeper, outbox) != 0)
        abort(); /* at start, and no thread to be had: nothing could run */
    *ret_outbox = outbox;
    return 0;
}

struct outbox *outbox_free(struct outbox *outbox, int64_t timeout_ms)
{
    int64_t until_ms = instant_monotonic() + timeout_ms;
    struct outbox_item *item;

    if (!outbox)
        return NULL;

    pthread_mutex_lock(&outbox->lock);
    outbox->draining = true;
    pthread_cond_broadcast(&outbox->to_sweep);
    pthread_cond_broadcast(&outbox->to_empty);
    while (outbox->items > 0 && instant_monotonic() < until_ms)
        outbox_wait_until(outbox, &outbox->quiet, until_ms);
    outbox->closed = true;
    pthread_cond_broadcast(&outbox->to_publish);
    pthread_cond_broadcast(&outbox->to_empty);
    pthread_mutex_unlock(&outbox->lock);

    pthread_join(outbox->sweeper, /* ret= */ NULL);
    pthread_join(outbox->relay, /* ret= */ NULL);
    pthread_join(outbox->emptier, /* ret= */ NULL);

    pthread_mutex_lock(&outbox->lock);
    while ((item = outbox_list_pop(&outbox->queue)))
        outbox_drop_item(item);
    while ((item = outbox_list_pop(&outbox->delivered)))
        outbox_drop_item(item);
    outbox->released = true; /* what is still under way at the bus holds items of ours */
    outbox_unlock(outbox);
    return NULL;
}

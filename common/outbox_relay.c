/*
 * The relay: from a save to the broker's acknowledgement.
 *
 *   save ── queue ──▶ relay thread ── bus_publish ──▶ acknowledged ── delivered ──▶ emptier
 *                          │                               │
 *                          └── failed, or no room: dropped, and so left to the sweep
 *
 * One thread publishes, in the order of the queue and of each array, so that one aggregate's events
 * leave this process in order. Dropping an item is always safe: the document still holds its
 * events, and the sweep finds it.
 *
 * All items in memory are known by their document's id, so that an event that one of them has is
 * not handed over again with the next save, or by the sweep: a document that is saved over and over
 * would publish its whole outbox each time.
 *
 * An item belongs to the list it is in, or to the thread that took it out; while it is being
 * published, to whoever makes `unfinished` zero.
 */

#include "common/outbox_private.h"

#include <string.h>

void outbox_list_push(struct outbox_list *list, struct outbox_item *item)
{
    item->next = NULL;
    if (list->tail)
        list->tail->next = item;
    list->tail = item;
    if (!list->head)
        list->head = item;
    list->length++;
}

struct outbox_item *outbox_list_pop(struct outbox_list *list)
{
    struct outbox_item *item = list->head;

    if (!item)
        return NULL;
    list->head = item->next;
    if (!list->head)
        list->tail = NULL;
    list->length--;
    return item;
}

void outbox_wait_until(struct outbox *outbox, pthread_cond_t *condition, int64_t until_ms)
{
    struct timespec until = {
        .tv_sec = until_ms / 1000,
        .tv_nsec = until_ms % 1000 * 1000000,
    };

    pthread_cond_timedwait(condition, &outbox->lock, &until);
}

/* The bucket of the items of document `id`. */
static struct outbox_item **bucket_of(struct outbox *outbox, const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619u;
    return &outbox->known[hash % OUTBOX_BUCKETS];
}

/* Has an item in memory this event? */
static bool is_known(struct outbox *outbox, const char *collection, const char *id, int64_t version)
{
    for (struct outbox_item *item = *bucket_of(outbox, id); item; item = item->sibling)
        if (item->first <= version && version <= item->last && item->collection == collection &&
            strcmp(item->id, id) == 0)
            return true;
    return false;
}

/* The next event of an array; false at its end, or where it is no document. */
static bool next_event(bson_iter_t *iter, bson_t *ret_event)
{
    const uint8_t *data;
    uint32_t length;

    if (!bson_iter_next(iter) || !BSON_ITER_HOLDS_DOCUMENT(iter))
        return false;
    bson_iter_document(iter, &length, &data);
    return bson_init_static(ret_event, data, length);
}

/* The array of `document`'s events, borrowed, as a document of its own. */
static bool read_events(const bson_t *document, bson_t *ret_events)
{
    const uint8_t *data;
    bson_iter_t iter;
    uint32_t length;

    if (!bson_iter_init_find(&iter, document, "outbox") || !BSON_ITER_HOLDS_ARRAY(&iter))
        return false;
    bson_iter_array(&iter, &length, &data);
    return bson_init_static(ret_events, data, length);
}

/* Make an item like `run` (which borrows its events) and put it where it is found: into its bucket
 * and the relay's queue. False if it is empty or there is no room. */
static bool add_run(const struct outbox_item *run)
{
    struct outbox *outbox = run->outbox;
    struct outbox_item **bucket = bucket_of(outbox, run->id);
    struct outbox_item *item;

    if (run->count == 0 || outbox->draining || outbox->held + run->count > OUTBOX_HELD_MAX)
        return false;

    item = xmalloc(sizeof(*item));
    *item = *run;
    item->events = bson_copy(run->events);
    atomic_init(&item->unfinished, run->count + 1);
    atomic_init(&item->failed, false);
    item->sibling = *bucket;
    *bucket = item;
    outbox->items++;
    outbox->held += item->count;
    outbox->waiting += (int64_t)item->count;
    metric_set(outbox->waiting_gauge, outbox->waiting);
    outbox_list_push(&outbox->queue, item);
    pthread_cond_signal(&outbox->to_publish);
    return true;
}

bool outbox_hand_over(struct outbox *outbox, const char *collection, const bson_t *document)
{
    struct outbox_item run = {.outbox = outbox, .collection = collection};
    bson_t events, event;
    bson_iter_t iter;
    bool taken = false;

    if (!read_events(document, &events) || !store_read_id(document, "_id", run.id) ||
        !bson_iter_init(&iter, &events))
        return false;
    run.events = &events;

    pthread_mutex_lock(&outbox->lock);
    while (next_event(&iter, &event)) {
        int64_t version = store_read_int(&event, "version", -1);

        if (version < 0 || is_known(outbox, collection, run.id, version)) {
            taken = add_run(&run) || taken;
            run.count = 0;
            continue;
        }
        if (run.count == 0)
            run.first = version;
        run.last = version;
        run.count++;
    }
    taken = add_run(&run) || taken;
    pthread_mutex_unlock(&outbox->lock);
    return taken;
}

void outbox_drop_item(struct outbox_item *item)
{
    struct outbox *outbox = item->outbox;
    struct outbox_item **place = bucket_of(outbox, item->id);

    while (*place != item)
        place = &(*place)->sibling;
    *place = item->sibling;

    if (outbox->held > OUTBOX_SWEEP_HELD && outbox->held - item->count <= OUTBOX_SWEEP_HELD)
        pthread_cond_signal(&outbox->to_sweep);
    outbox->held -= item->count;
    outbox->items--;
    if (outbox->items == 0)
        pthread_cond_broadcast(&outbox->quiet);
    bson_destroy(item->events);
    freep(&item);
}

void outbox_unlock(struct outbox *outbox)
{
    bool last = outbox->released && outbox->items == 0;

    pthread_mutex_unlock(&outbox->lock);
    if (!last)
        return;
    pthread_cond_destroy(&outbox->to_publish);
    pthread_cond_destroy(&outbox->to_empty);
    pthread_cond_destroy(&outbox->to_sweep);
    pthread_cond_destroy(&outbox->quiet);
    pthread_mutex_destroy(&outbox->lock);
    freep(&outbox);
}

/* `count` of the item's publishes are over; with the last one the item moves on. */
static void finish(struct outbox_item *item, size_t count)
{
    struct outbox *outbox = item->outbox;

    if (atomic_fetch_sub(&item->unfinished, count) != count)
        return;

    if (atomic_load(&item->failed))
        metric_add(outbox->failed, 1);
    pthread_mutex_lock(&outbox->lock);
    outbox->waiting -= (int64_t)item->count;
    metric_set(outbox->waiting_gauge, outbox->waiting);
    if (outbox->closed || atomic_load(&item->failed)) {
        outbox_drop_item(item);
    } else {
        outbox_list_push(&outbox->delivered, item);
        if (outbox->delivered.length == 1 || outbox->delivered.length == OUTBOX_EMPTY_BATCH)
            pthread_cond_signal(&outbox->to_empty);
    }
    outbox_unlock(outbox);
}

/* The bus reports one publish; on a thread of its own, or from within bus_publish. */
static void on_published(void *context, int result)
{
    struct outbox_item *item = context;

    if (result == 0)
        metric_add(item->outbox->published, 1);
    else
        atomic_store(&item->failed, true);
    finish(item, 1);
}

/* Publish one event. Its texts are borrowed from the item's events, which live until
 * each of them was reported. */
static void publish_event(struct outbox_item *item, const bson_t *event)
{
    struct bus_message message = {
        .subject = store_read_text(event, "subject", NULL),
        .id = store_read_text(event, "id", NULL),
        .aggregate_id = item->id,
        .traceparent = store_read_text(event, "traceparent", ""),
        .body = store_read_text(event, "body", NULL),
        .at_ms = store_read_instant(event, "at", 0),
    };

    if (!message.subject || !message.id || !message.body) {
        on_published(item, fail(-EIO, "outbox of %s %s holds something that is no event",
                                item->collection, item->id));
        return;
    }
    message.body_length = strlen(message.body);
    bus_publish(item->outbox->bus, &message, on_published, item);
}

/* Publish in array order; what comes after a failure is not tried, lest it overtake. */
static void publish_item(struct outbox_item *item)
{
    size_t tried = 0;
    bson_iter_t iter;
    bson_t event;

    if (bus_is_connected(item->outbox->bus) && bson_iter_init(&iter, item->events)) {
        while (!atomic_load(&item->failed) && next_event(&iter, &event)) {
            int64_t version = store_read_int(&event, "version", -1);

            if (version < item->first || version > item->last)
                continue;
            publish_event(item, &event);
            tried++;
        }
    }
    if (tried < item->count)
        atomic_store(&item->failed, true);
    finish(item, item->count - tried + 1);
}

void *outbox_relay(void *context)
{
    struct outbox *outbox = context;
    struct outbox_item *item;

    pthread_mutex_lock(&outbox->lock);
    while (!outbox->closed) {
        item = outbox_list_pop(&outbox->queue);
        if (!item) {
            pthread_cond_wait(&outbox->to_publish, &outbox->lock);
            continue;
        }
        pthread_mutex_unlock(&outbox->lock);
        publish_item(item);
        pthread_mutex_lock(&outbox->lock);
    }
    pthread_mutex_unlock(&outbox->lock);
    return NULL;
}

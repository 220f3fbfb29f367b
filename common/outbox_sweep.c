/*
 * The sweep: publishes what no relay did, because a process died between commit and publish, the
 * broker was away, or memory was full.
 *
 * Twice a second each process looks for documents whose relayAfter has passed, oldest first, and
 * leases them in three round trips for a whole batch:
 *
 *   find them, with the relayAfter that each has
 *   move relayAfter into the future and sign with relayBy, where it is still what was read
 *   read back those that carry this process's signature, with their outboxes
 *
 * So of several processes one publishes each; if that one dies, the lease ends and another does.
 * The documents go through the relay like any other, in the relay's order. A full batch is followed
 * by the next one at once, so that the backlog of an outage drains at the broker's pace, and
 * nothing is leased while the broker is away or the relay has enough to do.
 */

#include "common/outbox_private.h"

#include "common/instant.h"

enum {
    SWEEP_EVERY_MS = 500,
    SWEEP_BATCH = 128,
};

struct found {
    size_t count;
    int64_t oldest_ms; /* since when the oldest of them has been pending */
    struct {
        char id[ID_BYTES];
        int64_t relay_after_ms;
    } rows[SWEEP_BATCH];
};

static int note_found(void *context, const bson_t *document)
{
    struct found *found = context;
    int64_t pending_ms = store_read_instant(document, "pendingAt", found->oldest_ms);

    if (found->count == SWEEP_BATCH)
        return 0;
    if (!store_read_id(document, "_id", found->rows[found->count].id))
        return 0;
    found->rows[found->count].relay_after_ms = store_read_instant(document, "relayAfter", 0);
    found->count++;
    if (pending_ms < found->oldest_ms)
        found->oldest_ms = pending_ms;
    return 0;
}

/* The documents whose time has come, without their outboxes. */
static int find_due(struct outbox *outbox, const char *collection, struct found *ret_found)
{
    bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER, child;
    int64_t now_ms = instant_now();
    int r;

    ret_found->count = 0;
    ret_found->oldest_ms = now_ms;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "relayAfter", &child);
    BSON_APPEND_DATE_TIME(&child, "$lt", now_ms);
    bson_append_document_end(&filter, &child);

    BSON_APPEND_DOCUMENT_BEGIN(&options, "sort", &child);
    BSON_APPEND_INT32(&child, "relayAfter", 1);
    bson_append_document_end(&options, &child);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &child);
    BSON_APPEND_BOOL(&child, "relayAfter", true);
    BSON_APPEND_BOOL(&child, "pendingAt", true);
    bson_append_document_end(&options, &child);
    BSON_APPEND_INT64(&options, "limit", SWEEP_BATCH);

    r = store_each(outbox->store, collection, &filter, &options, note_found, ret_found);
    bson_destroy(&filter);
    bson_destroy(&options);
    return r;
}

/* Lease what was found until `until_ms`; who else found it too, and was faster, has moved
 * relayAfter, and our filter no longer matches. */
static int lease(struct outbox *outbox, const char *collection, const struct found *found,
                 int64_t until_ms)
{
    struct store_change changes[SWEEP_BATCH];
    bson_t filters[SWEEP_BATCH];
    bson_t update = BSON_INITIALIZER, child;
    int r;

    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &child);
    BSON_APPEND_DATE_TIME(&child, "relayAfter", until_ms);
    BSON_APPEND_UTF8(&child, "relayBy", outbox->sweeper_id);
    bson_append_document_end(&update, &child);

    for (size_t i = 0; i < found->count; i++) {
        bson_init(&filters[i]);
        store_append_id(&filters[i], "_id", found->rows[i].id);
        BSON_APPEND_DATE_TIME(&filters[i], "relayAfter", found->rows[i].relay_after_ms);
        changes[i] = (struct store_change){.filter = &filters[i], .update = &update};
    }
    r = store_change_all(outbox->store, collection, changes, found->count,
                         /* ret_matched= */ NULL);
    for (size_t i = 0; i < found->count; i++)
        bson_destroy(&filters[i]);
    bson_destroy(&update);
    return r;
}

struct hand_over {
    struct outbox *outbox;
    const char *collection;
};

static int hand_over(void *context, const bson_t *document)
{
    const struct hand_over *to = context;

    if (outbox_hand_over(to->outbox, to->collection, document))
        metric_add(to->outbox->swept, 1);
    return 0; /* no room: the lease ends, and it is found again */
}

/* Give the relay those that the lease got, oldest first. */
static int relay_leased(struct outbox *outbox, const char *collection, const struct found *found,
                        int64_t until_ms)
{
    struct hand_over to = {.outbox = outbox, .collection = collection};
    bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER, child, array;
    int r;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &child);
    BSON_APPEND_ARRAY_BEGIN(&child, "$in", &array);
    for (size_t i = 0; i < found->count; i++) {
        char buffer[16];
        const char *key;

        bson_uint32_to_string((uint32_t)i, &key, buffer, sizeof(buffer));
        store_append_id(&array, key, found->rows[i].id);
    }
    bson_append_array_end(&child, &array);
    bson_append_document_end(&filter, &child);
    BSON_APPEND_DATE_TIME(&filter, "relayAfter", until_ms);
    BSON_APPEND_UTF8(&filter, "relayBy", outbox->sweeper_id);

    BSON_APPEND_DOCUMENT_BEGIN(&options, "sort", &child);
    BSON_APPEND_INT32(&child, "pendingAt", 1);
    bson_append_document_end(&options, &child);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &child);
    BSON_APPEND_BOOL(&child, "version", true);
    BSON_APPEND_BOOL(&child, "outbox", true);
    bson_append_document_end(&options, &child);

    r = store_each(outbox->store, collection, &filter, &options, hand_over, &to);
    bson_destroy(&filter);
    bson_destroy(&options);
    return r;
}

/* Is the broker there, and is there room for a batch? Waits for room, at most a round's time. */
static bool may_lease(struct outbox *outbox)
{
    int64_t until_ms = instant_monotonic() + SWEEP_EVERY_MS;
    bool room;

    pthread_mutex_lock(&outbox->lock);
    while (outbox->held > OUTBOX_SWEEP_HELD && !outbox->draining && instant_monotonic() < until_ms)
        outbox_wait_until(outbox, &outbox->to_sweep, until_ms);
    room = outbox->held <= OUTBOX_SWEEP_HELD && !outbox->draining;
    pthread_mutex_unlock(&outbox->lock);
    return room && bus_is_connected(outbox->bus);
}

/* One batch of one collection; true if there may be more that can be done now. */
static bool sweep_batch(struct outbox *outbox, const char *collection, int64_t *oldest_ms)
{
    struct found found;
    int64_t until_ms;

    if (find_due(outbox, collection, &found) != 0)
        return false; /* logged by the store; the next round tries again */
    if (found.oldest_ms < *oldest_ms)
        *oldest_ms = found.oldest_ms;
    if (found.count == 0 || !may_lease(outbox))
        return false;
    until_ms = instant_now() + OUTBOX_LEASE_MS;
    if (lease(outbox, collection, &found, until_ms) != 0 ||
        relay_leased(outbox, collection, &found, until_ms) != 0)
        return false;
    return found.count == SWEEP_BATCH;
}

static bool is_draining(struct outbox *outbox)
{
    bool draining;

    pthread_mutex_lock(&outbox->lock);
    draining = outbox->draining;
    pthread_mutex_unlock(&outbox->lock);
    return draining;
}

static void sweep(struct outbox *outbox)
{
    int64_t now_ms = instant_now();
    int64_t oldest_ms = now_ms;

    for (size_t i = 0; i < outbox->collection_count; i++)
        while (!is_draining(outbox) && sweep_batch(outbox, outbox->collections[i], &oldest_ms))
            ;
    metric_set(outbox->oldest_gauge, (now_ms - oldest_ms) / 1000);
}

void *outbox_sweeper(void *context)
{
    struct outbox *outbox = context;
    int64_t until_ms;

    while (!is_draining(outbox)) {
        sweep(outbox);
        until_ms = instant_monotonic() + SWEEP_EVERY_MS;
        pthread_mutex_lock(&outbox->lock);
        while (!outbox->draining && instant_monotonic() < until_ms)
            outbox_wait_until(outbox, &outbox->to_sweep, until_ms);
        pthread_mutex_unlock(&outbox->lock);
    }
    return NULL;
}

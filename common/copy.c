/*
 * Copies: one query tells which versions are there, one bulk write moves those that may move.
 *
 * Every write is an upsert with the filter {_id, version: {$lt: the event's}}, so that the server
 * itself keeps a copy from going back, whatever another process did since the query. Where the copy
 * existed, "met the unique _id" can only mean that it is at this version or beyond by now: done,
 * without reading again. Where it did not exist, it means that somebody inserted it at the same
 * time, perhaps with an older version: STALE, and the next delivery sees which.
 *
 * Between query and write a copy only moves forward, so a version is never skipped unseen: an event
 * that was the next one either still is, or is old.
 */

#include "common/copy.h"

#include <string.h>

enum { MISSING = -1 };

/* One batch under way; row i is events[i]. */
struct move {
    const struct event *const *events;
    size_t count;
    int64_t *versions; /* of the copies, or MISSING */
};

static int note_version(void *context, const bson_t *document)
{
    struct move *move = context;
    char id[ID_BYTES];

    if (!store_read_id(document, "_id", id))
        return 0;
    for (size_t i = 0; i < move->count; i++)
        if (memcmp(move->events[i]->aggregate_id, id, ID_BYTES) == 0)
            move->versions[i] = store_read_int(document, "version", MISSING);
    return 0;
}

static int read_versions(struct store *store, const char *collection, struct move *move)
{
    bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER, child, array;
    int r;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &child);
    BSON_APPEND_ARRAY_BEGIN(&child, "$in", &array);
    for (size_t i = 0; i < move->count; i++) {
        char buffer[16];
        const char *key;

        move->versions[i] = MISSING;
        bson_uint32_to_string((uint32_t)i, &key, buffer, sizeof(buffer));
        store_append_id(&array, key, move->events[i]->aggregate_id);
    }
    bson_append_array_end(&child, &array);
    bson_append_document_end(&filter, &child);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &child);
    BSON_APPEND_BOOL(&child, "version", true);
    bson_append_document_end(&options, &child);

    r = store_each(store, collection, &filter, &options, note_version, move);
    bson_destroy(&filter);
    bson_destroy(&options);
    return r;
}

/* What to do about `event`, where the copy is at `version`. */
enum decision { KEEP, WAIT, APPLY, CLOSE_GAP };

static enum decision decide(const struct event *event, int64_t version)
{
    if (event->version <= version)
        return KEEP;
    if (event->version == version + 1)
        return APPLY;
    return instant_now() - event->at_ms >= COPY_GAP_MS ? CLOSE_GAP : WAIT;
}

static void fill_change(const struct copy *copy, const struct event *event, bson_t *ret_filter,
                        bson_t *ret_update)
{
    bson_t child;

    bson_init(ret_filter);
    store_append_id(ret_filter, "_id", event->aggregate_id);
    BSON_APPEND_DOCUMENT_BEGIN(ret_filter, "version", &child);
    BSON_APPEND_INT64(&child, "$lt", event->version);
    bson_append_document_end(ret_filter, &child);

    bson_init(ret_update);
    BSON_APPEND_DOCUMENT_BEGIN(ret_update, "$set", &child);
    BSON_APPEND_INT64(&child, "version", event->version);
    copy->to_bson(event, &child);
    bson_append_document_end(ret_update, &child);
}

/* The changes of a batch, and which row each is of. */
struct changes {
    struct store_change *all;
    bson_t *filters, *updates;
    size_t *rows;
    size_t count;
};

static void changes_release(struct changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        bson_destroy(&changes->filters[i]);
        bson_destroy(&changes->updates[i]);
    }
    freep(&changes->all);
    freep(&changes->filters);
    freep(&changes->updates);
    freep(&changes->rows);
}

static void add_change(struct changes *changes, const struct copy *copy, const struct event *event,
                       size_t row)
{
    size_t i = changes->count++;

    fill_change(copy, event, &changes->filters[i], &changes->updates[i]);
    changes->all[i] = (struct store_change){
        .filter = &changes->filters[i],
        .update = &changes->updates[i],
        .upsert = true,
    };
    changes->rows[i] = row;
}

int copy_move(struct store *store, struct metrics *metrics, const struct copy *copy,
              const struct event *const *events, size_t count, int *results)
{
    cleanup(freep) int64_t *versions = xcalloc(count, sizeof(*versions));
    cleanup(freep) enum decision *decisions = xcalloc(count, sizeof(*decisions));
    struct move move = {.events = events, .count = count, .versions = versions};
    cleanup(changes_release) struct changes changes = {
        .all = xcalloc(count, sizeof(*changes.all)),
        .filters = xcalloc(count, sizeof(*changes.filters)),
        .updates = xcalloc(count, sizeof(*changes.updates)),
        .rows = xcalloc(count, sizeof(*changes.rows)),
    };
    int r;

    r = read_versions(store, copy->collection, &move);
    if (r != 0)
        return r;

    for (size_t i = 0; i < count; i++) {
        decisions[i] = decide(events[i], versions[i]);
        results[i] = decisions[i] == WAIT ? STALE : DONE;
        if (decisions[i] == APPLY || decisions[i] == CLOSE_GAP)
            add_change(&changes, copy, events[i], i);
    }

    /* A failure of the whole is in each change's result; the rows without one are known. */
    (void)!store_change_all(store, copy->collection, changes.all, changes.count);
    for (size_t i = 0; i < changes.count; i++) {
        size_t row = changes.rows[i];
        int result = changes.all[i].result;

        if (result == CONFLICT)
            result = versions[row] == MISSING ? STALE : DONE;
        results[row] = result;
        if (result == DONE && decisions[row] == CLOSE_GAP)
            metric_add(metrics_counter(metrics, "event_gaps_closed_total", "",
                                       "Gaps between versions closed by a newer whole state."),
                       1);
    }
    return 0;
}

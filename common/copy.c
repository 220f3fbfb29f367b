/*
 * Copies: one bulk write moves all of a batch, where each event is the next of its aggregate. That
 * is how events come, nearly always, so it is tried first, with filters that match nothing else:
 *
 *   {_id, version: {$lt: 0}}         the first version: an upsert, CONFLICT if a copy is there
 *   {_id, version: the one before}   any other
 *
 * If all have matched, all is done. Otherwise one query tells which versions are there, and one
 * more bulk write moves those that may move: repeats and what was just written are found to be
 * there.
 *
 * Every write of that is an upsert with the filter {_id, version: {$lt: the event's}}, so the
 * server itself keeps a copy from going back, whatever another process did since the query. Where
 * the copy existed, "met the unique _id" can only mean that it is at this version or beyond by now:
 * done, without reading again. Where it did not exist, it means that somebody inserted it at the
 * same time, perhaps with an older version: STALE, and the next delivery sees which.
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

/* The changes of a batch, and which row each is of. */
struct changes {
    struct store_change *all;
    bson_t *filters, *updates;
    size_t *rows;
    size_t count;
};

static void changes_init(struct changes *changes, size_t most)
{
    *changes = (struct changes){
        .all = xcalloc(most, sizeof(*changes->all)),
        .filters = xcalloc(most, sizeof(*changes->filters)),
        .updates = xcalloc(most, sizeof(*changes->updates)),
        .rows = xcalloc(most, sizeof(*changes->rows)),
    };
}

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

/* Add the change that moves the copy of `event` to it: from the version before it alone, or, with
 * `jump`, from any older one or none. */
static void add_change(struct changes *changes, const struct copy *copy, const struct event *event,
                       bool jump, size_t row)
{
    size_t i = changes->count++;
    bson_t *filter = &changes->filters[i], *update = &changes->updates[i], child;
    bool may_insert = jump || event->version == 0;

    bson_init(filter);
    store_append_id(filter, "_id", event->aggregate_id);
    if (may_insert) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "version", &child);
        BSON_APPEND_INT64(&child, "$lt", event->version);
        bson_append_document_end(filter, &child);
    } else {
        BSON_APPEND_INT64(filter, "version", event->version - 1);
    }

    bson_init(update);
    BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &child);
    BSON_APPEND_INT64(&child, "version", event->version);
    copy->to_bson(event, &child);
    bson_append_document_end(update, &child);

    changes->all[i] =
        (struct store_change){.filter = filter, .update = update, .upsert = may_insert};
    changes->rows[i] = row;
}

/* Take every event for the next one of its copy. 0: all of them were; STALE: look closer; < 0. */
static int move_next(struct store *store, const struct copy *copy,
                     const struct event *const *events, size_t count)
{
    cleanup(changes_release) struct changes changes;
    int64_t matched;
    int r;

    changes_init(&changes, count);
    for (size_t i = 0; i < count; i++)
        add_change(&changes, copy, events[i], /* jump= */ false, i);
    r = store_change_all(store, copy->collection, changes.all, changes.count, &matched);
    if (r < 0)
        return r;
    return r == 0 && matched == (int64_t)count ? 0 : STALE;
}

struct metric *copy_gaps_closed(struct metrics *metrics)
{
    return metrics_counter(metrics, "event_gaps_closed_total", "",
                           "Gaps between versions closed by a newer whole state.");
}

int copy_move(struct store *store, struct metrics *metrics, const struct copy *copy,
              const struct event *const *events, size_t count, int *results)
{
    cleanup(freep) int64_t *versions = xcalloc(count, sizeof(*versions));
    cleanup(freep) enum decision *decisions = xcalloc(count, sizeof(*decisions));
    struct move move = {.events = events, .count = count, .versions = versions};
    cleanup(changes_release) struct changes changes = {0};
    int r;

    memset(results, 0, count * sizeof(*results)); /* DONE */
    r = move_next(store, copy, events, count);
    if (r != STALE)
        return r;
    r = read_versions(store, copy->collection, &move);
    if (r != 0)
        return r;

    changes_init(&changes, count);
    for (size_t i = 0; i < count; i++) {
        decisions[i] = decide(events[i], versions[i]);
        results[i] = decisions[i] == WAIT ? STALE : DONE;
        if (decisions[i] == APPLY || decisions[i] == CLOSE_GAP)
            add_change(&changes, copy, events[i], /* jump= */ true, i);
    }

    /* A failure of the whole is in each change's result; the rows without one are known. */
    (void)!store_change_all(store, copy->collection, changes.all, changes.count,
                            /* ret_matched= */ NULL);
    for (size_t i = 0; i < changes.count; i++) {
        size_t row = changes.rows[i];
        int result = changes.all[i].result;

        if (result == CONFLICT)
            result = versions[row] == MISSING ? STALE : DONE;
        results[row] = result;
        if (result == DONE && decisions[row] == CLOSE_GAP)
            metric_add(copy_gaps_closed(metrics), 1);
    }
    return 0;
}

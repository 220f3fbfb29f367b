/*
 * The emptier: takes acknowledged events out of their documents, many documents in one round trip.
 *
 *   [{$set: {outbox: those before `first` or after `last`}},
 *    {$set: {pendingAt: removed if outbox is [], else kept; relayAfter and relayBy: the same}}]
 *
 * The update takes out what this item published and nothing else, so it is true whatever was saved
 * meanwhile and whatever became of other items. (Setting [] where the document is still at that
 * version would be simpler, but one that is saved again and again would never be emptied, and in
 * the end be full.)
 */

#include "common/outbox_private.h"

#include "common/instant.h"

#include <assert.h>
#include <string.h>

/* How long the emptier lets a batch grow: an aggregate that moves on at once (an order that is
 * paid) is emptied once for several events. Far below the second after which the sweep takes a
 * document for forgotten. */
enum { GATHER_MS = 200 };

/* Versions that were published: of one item, or of several that follow one another. */
struct run {
    const char *id;
    int64_t first, last;
};

/* The expression that is `field_`, or nothing at all where the outbox is empty. */
#define IF_EMPTY_REMOVE(field_)                                              \
    "$cond", "[", "{", "$eq", "[", BCON_UTF8("$outbox"), "[", "]", "]", "}", \
        BCON_UTF8("$$REMOVE"), BCON_UTF8(field_), "]"

/* Take up to OUTBOX_EMPTY_BATCH items of one collection out of the delivered ones. */
static size_t take_batch(struct outbox *outbox, struct outbox_item **ret_batch)
{
    struct outbox_list rest = {0};
    struct outbox_item *item;
    size_t count = 0;

    while (count < OUTBOX_EMPTY_BATCH && (item = outbox_list_pop(&outbox->delivered))) {
        if (count == 0 || item->collection == ret_batch[0]->collection)
            ret_batch[count++] = item;
        else
            outbox_list_push(&rest, item);
    }
    while ((item = outbox_list_pop(&outbox->delivered)))
        outbox_list_push(&rest, item);
    outbox->delivered = rest;
    return count;
}

/* Put an item's versions to those of its document that they follow, or make a run of them. */
static size_t add_to_runs(struct run *runs, size_t count, const struct outbox_item *item)
{
    for (size_t i = 0; i < count; i++)
        if (runs[i].last + 1 == item->first && strcmp(runs[i].id, item->id) == 0) {
            runs[i].last = item->last;
            return count;
        }
    runs[count] = (struct run){.id = item->id, .first = item->first, .last = item->last};
    return count + 1;
}

/* The update that takes the run's events out, and the marks with the last of all. */
static bson_t *emptying(const struct run *run)
{
    /* clang-format off */
    return BCON_NEW(
        "0", "{", "$set", "{",
            "outbox", "{", "$filter", "{",
                "input", BCON_UTF8("$outbox"),
                "cond", "{", "$or", "[",
                    "{", "$lt", "[", BCON_UTF8("$$this.version"), BCON_INT64(run->first), "]", "}",
                    "{", "$gt", "[", BCON_UTF8("$$this.version"), BCON_INT64(run->last), "]", "}",
                "]", "}",
            "}", "}",
        "}", "}",
        "1", "{", "$set", "{",
            "pendingAt", "{", IF_EMPTY_REMOVE("$pendingAt"), "}",
            "relayAfter", "{", IF_EMPTY_REMOVE("$relayAfter"), "}",
            "relayBy", "{", IF_EMPTY_REMOVE("$relayBy"), "}",
        "}", "}");
    /* clang-format on */
}

/* Empty the outboxes of a batch. A failure leaves them as they are: the sweep publishes and empties
 * them again. */
static void empty_batch(struct outbox *outbox, struct outbox_item **batch, size_t count)
{
    struct store_change changes[OUTBOX_EMPTY_BATCH];
    bson_t *filters[OUTBOX_EMPTY_BATCH], *updates[OUTBOX_EMPTY_BATCH];
    struct run runs[OUTBOX_EMPTY_BATCH];
    size_t run_count = 0;

    assert(count > 0);
    for (size_t i = 0; i < count; i++)
        run_count = add_to_runs(runs, run_count, batch[i]);
    for (size_t i = 0; i < run_count; i++) {
        filters[i] = bson_new();
        store_append_id(filters[i], "_id", runs[i].id);
        updates[i] = emptying(&runs[i]);
        changes[i] = (struct store_change){.filter = filters[i], .update = updates[i]};
    }
    if (store_change_all(outbox->store, batch[0]->collection, changes, run_count,
                         /* ret_matched= */ NULL) != 0)
        metric_add(outbox->failed, (int64_t)run_count);
    for (size_t i = 0; i < run_count; i++) {
        bson_destroy(filters[i]);
        bson_destroy(updates[i]);
    }
}

void *outbox_emptier(void *context)
{
    struct outbox *outbox = context;
    struct outbox_item *batch[OUTBOX_EMPTY_BATCH];
    int64_t until_ms;
    size_t count;

    pthread_mutex_lock(&outbox->lock);
    while (!outbox->closed) {
        if (outbox->delivered.length == 0) {
            pthread_cond_wait(&outbox->to_empty, &outbox->lock);
            continue;
        }
        until_ms = instant_monotonic() + GATHER_MS;
        while (outbox->delivered.length < OUTBOX_EMPTY_BATCH && !outbox->draining &&
               instant_monotonic() < until_ms)
            outbox_wait_until(outbox, &outbox->to_empty, until_ms);

        count = take_batch(outbox, batch);
        pthread_mutex_unlock(&outbox->lock);
        empty_batch(outbox, batch, count);
        pthread_mutex_lock(&outbox->lock);
        for (size_t i = 0; i < count; i++)
            outbox_drop_item(batch[i]);
    }
    pthread_mutex_unlock(&outbox->lock);
    return NULL;
}

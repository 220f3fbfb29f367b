#ifndef COMMON_COPY_H
#define COMMON_COPY_H

/*
 * Copies: what a service remembers of aggregates that others own, moved forward by version.
 *
 *   next version        applied
 *   same or older       changes nothing
 *   a gap               STALE: the message is asked for again; once it is COPY_GAP_MS old, the
 *                       newer whole state is applied and event_gaps_closed_total counts it
 *
 * So duplicates, reorderings and full replays of a stream leave the same copy. Copies carry no
 * memory of messages, only the version they have. A batch costs one bulk write where each event is
 * the next of its aggregate, else a query and a bulk write more.
 */

#include "common/event.h"
#include "common/metrics.h"
#include "common/store.h"

#define COPY_GAP_MS 30000

struct copy {
    /* In the service's own database; _id is the aggregate's id, and nothing else is unique. */
    const char *collection;
    /* Append the fields that are kept (not _id, version) for this event to `fields`: all of them
     * each time, also empty ones, since what is not appended stays as it was. */
    void (*to_bson)(const struct event *event, bson_t *fields);
};

/* Move the copies of `count` events forward; no two may be of one aggregate. results[i]: DONE if
 * it was applied, or was there already; STALE for a gap; < 0 if the store failed. Returns < 0 only
 * if nothing is known of any. */
must_check int copy_move(struct store *store, struct metrics *metrics, const struct copy *copy,
                         const struct event *const *events, size_t count, int *results);

/* The counter of gaps closed, for who closes one elsewhere (orders, in what it knows of payments).
 */
struct metric *copy_gaps_closed(struct metrics *metrics);

#endif

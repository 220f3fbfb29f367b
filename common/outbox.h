#ifndef COMMON_OUTBOX_H
#define COMMON_OUTBOX_H

/*
 * Outbox: the document is its own outbox.
 *
 * An aggregate's document looks so, whichever service owns it:
 *
 *   { _id, version: <int64>, …state…,
 *     outbox: [ {id, subject, version, at, traceparent, body} … ],   // not yet acknowledged
 *     pendingAt: <date>, relayAfter: <date>, relayBy: <text> }       // only while outbox is not []
 *
 * outbox_insert and outbox_save write the state and its event in one update of one document, which
 * names the version it read: there is no instant at which one exists without the other. Each save
 * moves the version by one and says exactly one event, of that version.
 *
 * Then the relay takes over, in memory: it publishes what the document's outbox holds in array
 * order without making the caller wait, and takes out what the broker has acknowledged; what was
 * saved meanwhile stays. What a crash, a full window or a lost acknowledgement leaves behind, a
 * sweep finds (every 500 ms, older than 1 s, leased by moving `relayAfter` so that of several
 * processes one publishes). Publishing twice is harmless: the event's id is its Nats-Msg-Id, and
 * listeners move forward by version.
 *
 * Order: events of one aggregate reach the stream in version order, but for a failed publish in
 * between; listeners put that right. All functions may be called from any thread.
 */

#include "common/bus.h"
#include "common/event.h"
#include "common/metrics.h"
#include "common/store.h"

#define OUTBOX_MAX_EVENTS 64 /* of one document; beyond it a save is -EAGAIN (503) */

struct outbox;

/* Start the relay and the sweep over `count` collections (their names are borrowed for ever). */
must_check int outbox_open(struct store *store, struct bus *bus, struct metrics *metrics,
                           const char *const *collections, size_t count,
                           struct outbox **ret_outbox);

/* Publish what is waiting in memory, at most `timeout_ms`, then stop the threads and free. To be
 * freed before the store, the bus and the metrics: bus_free reports what is still under way. */
struct outbox *outbox_free(struct outbox *outbox, int64_t timeout_ms);

/* Adds the index that the sweep needs, for a service's index table. */
#define OUTBOX_INDEX(collection_)                                                  \
    {                                                                              \
        (collection_), "outbox_pending", "{\"relayAfter\": 1}",                    \
            "{\"partialFilterExpression\": {\"relayAfter\": {\"$exists\": true}}}" \
    }

/* Insert a new aggregate with its first event. `document` holds _id and the state, without version
 * and outbox, which are appended (it must be a growable bson_t of the caller's). event->version is
 * its version, 0. CONFLICT as of store_insert. */
must_check int outbox_insert(struct outbox *outbox, const char *collection, bson_t *document,
                             const struct event *event, char *ret_index);

/* Change aggregate `event->aggregate_id` from version `event->version - 1` to `event->version`.
 * `set`: fields to $set (not version); `unset`: fields to $unset, or NULL; both borrowed.
 * `guard`: further conditions, or NULL. 0; STALE: it is at another version, gone or fails the
 * guard, nothing written; CONFLICT as of store_insert; -EAGAIN: its outbox is full, or the store is
 * away (then nothing is known: read again). */
must_check int outbox_save(struct outbox *outbox, const char *collection, const bson_t *set,
                           const bson_t *unset, const bson_t *guard, const struct event *event,
                           char *ret_index);

/* Events published and not yet acknowledged or not yet published, in this process's memory. */
int64_t outbox_waiting(struct outbox *outbox);

#endif

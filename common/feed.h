#ifndef COMMON_FEED_H
#define COMMON_FEED_H

/*
 * Feed: what a service's aggregates became lately, for the event streams that clients keep open
 * (server-sent events: WHATWG HTML, 9.2).
 *
 * One bounded ring of rendered events a process, and a cursor for each open stream: a position, and
 * the ids it is about. An event's stream sequence in JetStream is its `id:`, the same in every
 * process, so that a client goes on at any of them with Last-Event-ID. Who falls behind the ring,
 * or names an event that the ring does not have, hears `event: reset` and goes on from now: it then
 * loads its data again. Nothing is missed without one.
 *
 * Adding and reading may go on at once, from any threads; one cursor is one thread's at a time.
 */

#include "common/bus.h"
#include "common/metrics.h"
#include "common/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_EVENTS       1024 /* the ring: 10 s at 100 events/s */
#define FEED_IDS_MAX      100  /* of a cursor */
#define FEED_RETRY_MS     2000 /* after which a client whose stream ended asks again */
#define FEED_FILL_WAIT_MS 5000 /* for the stream's end to be read at start */

struct feed;
struct feed_cursor;

/* A piece of a stream, as its bytes; shared by all streams that send it. */
struct feed_text {
    _Atomic int holders;
    size_t length;
    char bytes[];
};
struct feed_text *feed_text_drop(struct feed_text *text); /* NULL is fine; returns NULL */

/* What feeds it: a service's own stream. */
struct feed_source {
    enum event_owner owner;
    const char *name; /* of the events in the streams of clients: "ticket" */

    /* Write what the event's aggregate now is, as its GET answers it. Runs on a thread of the
     * feed's own and may block. != 0: it cannot be told now. */
    int (*write)(struct app *app, const struct event *event, struct writer *out);
    bool awaited_only; /* it costs: only where a cursor is about it */
};

/* A ring of `size`; all is borrowed; `metrics` may be NULL. */
struct feed *feed_new(const struct feed_source *source, struct app *app, size_t size,
                      struct metrics *metrics);
struct feed *feed_free(struct feed *feed); /* once no cursor is open and nothing follows */

/* Fill it from the end of its source's stream and follow that until bus_stop_listening. Returns
 * when the end was reached once, or after FEED_FILL_WAIT_MS. */
must_check int feed_follow(struct feed *feed, struct bus *bus);

/* From `next` on all events will be added, what came before it may be missing: at the start, and
 * whenever some were missed. Every open cursor hears a reset. */
void feed_begin(struct feed *feed, uint64_t next);

/* Add an event; sequences rise. Where its source cannot tell, whoever comes to it hears a reset. */
void feed_add(struct feed *feed, const struct event *event, uint64_t sequence);

/* Is a cursor open that is about this aggregate? True for every event that a cursor will come to,
 * as a cursor is registered before it takes its position. */
bool feed_is_awaited(struct feed *feed, const char *aggregate_id);

/* Call `wake` after each addition: it must not block nor call the feed. NULL: no more; once this
 * has returned it is not being called. */
void feed_set_waker(struct feed *feed, void (*wake)(void *context), void *context);

/* Where a stream begins. */
struct feed_opening {
    const char *ids;           /* it is about these alone, ID_BYTES each; at most FEED_IDS_MAX */
    size_t id_count;           /* 0: about all */
    const char *last_event_id; /* as the client says it; NULL: from now on */
};
struct feed_cursor *feed_cursor_new(struct feed *feed, const struct feed_opening *opening);
struct feed_cursor *feed_cursor_free(struct feed_cursor *cursor); /* NULL is fine; returns NULL */
void feed_cursor_freep(struct feed_cursor **cursor);              /* for cleanup() */

/* Did the client name an event after which nothing has happened that it is about? */
bool feed_cursor_is_current(struct feed_cursor *cursor);

/* Begin with the state `json`, which was read after the cursor was made and so holds all that
 * happened before; before the first feed_cursor_next. */
void feed_cursor_begin_with(struct feed_cursor *cursor, const char *json);

/* What to send next; NULL: nothing for now. Caller drops it. */
struct feed_text *feed_cursor_next(struct feed_cursor *cursor);
bool feed_cursor_has_next(struct feed_cursor *cursor);

/* A sign of life: a comment, with the position where events of others have moved it on, so that who
 * hears nothing for long does not fall out of the ring. Caller drops it. */
struct feed_text *feed_cursor_heartbeat(struct feed_cursor *cursor);

#endif

#ifndef COMMON_BUS_H
#define COMMON_BUS_H

/*
 * Bus: events over NATS JetStream, and the only file that knows nats.c.
 *
 * Out: asynchronous publishing with a window; each publish is reported once, as acknowledged or
 * not. In: one durable push consumer "<service>-<stream>" with deliver group <service> for each
 * stream that the service listens to; nats.c's callback threads only queue; listener workers take
 * messages by hash of their aggregate's id, so one aggregate's events are handled one at a time and
 * in order of arrival within this process; several processes of a service share the consumer.
 *
 * A message is acknowledged after its handler has committed. The outcomes (fail.h) decide:
 *   0 acknowledge; STALE or < 0: ask again later (0.1 s doubling to 3.2 s; -EAGAIN without limit,
 *   STALE for BUS_STALE_MS, others BUS_TRIES_MAX times or for BUS_FAILING_MS);
 *   INVALID and the like, and what was tried too often: parked in the service's `deadletters` with
 *   its reason, then terminated.
 *
 * Streams and consumers are made or updated at start and again on each reconnect. Streams and
 * durables have fixed names, spelled out in the listener table, as seen in NATS's monitoring.
 */

#include "common/event.h"
#include "common/fail.h"
#include "common/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUS_TRIES_MAX 12
/* Each process counts its own tries: where there are several, this ends it first. */
#define BUS_FAILING_MS  20000
#define BUS_TRIES_LEAST 3
#define BUS_STALE_MS    45000 /* "not yet" is believed so long: longer than a gap is (copy.h) */
#define BUS_BATCH_MAX   64
#define BUS_WINDOW      256 /* publishes under way, and messages delivered but not acknowledged */

struct app;
struct bus;
struct copy;
struct store;

/* A row of a service's listener table. */
struct event_listener {
    enum event_type event;
    const char *durable;     /* "orders-tickets": service and stream */
    const struct copy *copy; /* moved forward first (copy.h), or NULL */

    /* The effect, or NULL. With a copy it is called whenever the copy is at this event's version
     * or a newer one, on repeats too: it derives what to do from the copy as it now stands, and
     * doing it twice is harmless. Runs on a listener worker. */
    int (*handle)(struct app *app, const struct event *event);
};

struct bus_config {
    const char *url;         /* nats://…, several with commas */
    const char *service;     /* deliver group, connection name */
    int64_t workers;         /* listener workers */
    int64_t replicas;        /* how many servers keep a stream, at the least; 0 is 1 */
    struct metrics *metrics; /* or NULL */
    struct tracer *tracer;   /* or NULL */
    bool patient;            /* a server that is away is no failure of bus_open: the bus connects
                                once it is there, as after a reconnect */
};

/* One event as it goes out. All texts are borrowed until `done` was called. */
struct bus_message {
    const char *subject, *id, *aggregate_id, *traceparent, *body;
    size_t body_length;
    int64_t at_ms;
};

/* The message that tells `event`, encoded into `body`, which is empty; it borrows both. */
struct bus_message bus_message_of(const struct event *event, struct writer *body);

/* Connect; waits for the server at most `timeout_ms`. */
must_check int bus_open(const struct bus_config *config, int64_t timeout_ms, struct bus **ret_bus);

/* Make or check streams (of every owner) and the durables of `listeners`. Appends a line for each
 * setting that differs and cannot be changed to `problems`. */
must_check int bus_prepare(struct bus *bus, const struct event_listener *listeners, size_t count,
                           struct writer *problems);

/* Start delivering to `listeners` (borrowed for ever). `store` holds copies and dead letters. */
must_check int bus_listen(struct bus *bus, struct store *store, struct app *app,
                          const struct event_listener *listeners, size_t count);

/* Stop delivery, let the workers finish what they hold (at most `timeout_ms`; beyond it what they
 * have not begun is given back), unsubscribe without deleting the durables. Watches and answers
 * stop too; publishing goes on. */
void bus_stop_listening(struct bus *bus, int64_t timeout_ms);

/* Close. Publishes still under way are reported as failed first. */
struct bus *bus_free(struct bus *bus);

bool bus_is_connected(const struct bus *bus);

/* Publish. `done(context, result)` is called exactly once, from a bus thread or, when the window
 * stays full for a second or the connection is away, from within this call: 0 once the broker has
 * the event on disk (also if it had it before), -EAGAIN otherwise (it may be there all the same).
 * `done` must not block. Blocks at most 1 s. */
void bus_publish(struct bus *bus, const struct bus_message *message,
                 void (*done)(void *context, int result), void *context);

/* Publish and wait for the acknowledgement, at most `timeout_ms`. 0 or -EAGAIN. */
must_check int bus_publish_wait(struct bus *bus, const struct event *event, int64_t timeout_ms);

/* A part of a stream. */
struct bus_range {
    enum event_owner owner;
    const char *subject; /* narrows it ("order.created"); NULL: all of the owner's */
    int64_t since_ms;    /* from this instant on; 0: no such limit */
    uint64_t since_seq;  /* from this stream sequence on; 0: no such limit */
    int64_t until_ms;    /* by then (instant_monotonic) a broker that does not answer is given up;
                            0: after some tries. */
};

/* Read a part of a stream, from where `range` says to its end as of now, in order, outside of any
 * durable. `each` gets every event that can be decoded, with its stream sequence; a non-zero
 * result, -EAGAIN too, stops and is returned. < 0 if the bus failed. */
must_check int bus_replay(struct bus *bus, const struct bus_range *range,
                          int (*each)(void *context, const struct event *event, uint64_t sequence),
                          void *context);

/* The owner's stream: when it was made, and the sequence of its last message; both 0 where there is
 * none. */
struct bus_extent {
    int64_t made_ms;
    uint64_t last;
};
must_check int bus_extent(struct bus *bus, enum event_owner owner, struct bus_extent *ret_extent);

/* Catching up: handle again, through the same copies and handlers as a delivery, what the durables
 * have acknowledged but this database may not have: everything after the sequence noted in the
 * collection `progress` (a document for each durable, noted by bus_note_progress) up to the
 * durable's acknowledged floor. With `from_start` everything the streams hold. So a service with an
 * empty database, or one restored from an old backup, catches up. After bus_listen.
 *
 * It may take long, so it goes on for `timeout_ms` at a time and remembers where it is: 0, all is
 * handled and noted; -EAGAIN, not yet (the time is up, or store or bus is away): go on later. From
 * one thread. Freed before the end, it leaves no note; what is in a handler's hands is finished. */
struct bus_catch_up *bus_catch_up_new(struct bus *bus, bool from_start);
must_check int bus_catch_up_go_on(struct bus_catch_up *catch_up, int64_t timeout_ms);
struct bus_catch_up *bus_catch_up_free(struct bus_catch_up *catch_up);

/* How far it is: messages of the streams it is through with, of how many (0 before it has looked);
 * events that it handled. */
struct bus_caught_up {
    int64_t done, of, handled;
};
struct bus_caught_up bus_catch_up_progress(struct bus_catch_up *catch_up);

/* Note each durable's acknowledged floor in the store: its effects are committed there. Only where
 * catching up has come to its end: in a database that was emptied meanwhile nothing is noted, so
 * that the next start reads the streams again. */
must_check int bus_note_progress(struct bus *bus);

/* Handle dead letters of this service again, through the same copies and handlers: the one with
 * `id`, or all for NULL. Those that succeed now are removed; the others stay, with their new reason
 * and `replays` one higher. After bus_listen; blocks. NOT_FOUND: there is none with that id. */
must_check int bus_retry_dead(struct bus *bus, const char *id, int64_t *ret_done,
                              int64_t *ret_failed);

/* A verb that a service answers. `answer` runs on a thread of its own; `request` is the payload of
 * the request, "" for none; it writes a JSON object into `reply`. Its result, if not 0, is reported
 * as {"error":…} instead. */
struct bus_verb {
    const char *verb;
    int (*answer)(void *context, const char *request, struct writer *reply);
};

/* Answer control requests "control.<service>.<verb>" (ticketctl): one process of the service gets
 * each. `verb` is borrowed for ever. */
must_check int bus_answer(struct bus *bus, const struct bus_verb *verb, void *context);

/* Answer "control.everyone.<verb>", which every process of every service gets. */
must_check int bus_answer_everyone(struct bus *bus, const struct bus_verb *verb, void *context);

struct bus_question {
    const char *service, *verb;
    const char *request; /* the payload, or NULL */
};

/* Ask, and wait for the JSON answer, at most `timeout_ms`. 0 (caller frees *ret_reply), NOT_FOUND:
 * no process of the service listens; -EAGAIN: no answer in time. */
must_check int bus_ask(struct bus *bus, const struct bus_question *question, int64_t timeout_ms,
                       char **ret_reply);

/* Ask "control.everyone.<verb>" and hand each answer to `heard`, which says whether all that should
 * answer have done so: then only stragglers are waited for. At most `timeout_ms` in all. 0, also
 * where nobody answers; -EAGAIN: the bus is away. */
must_check int bus_ask_everyone(struct bus *bus, const char *verb, int64_t timeout_ms,
                                bool (*heard)(void *context, const char *reply), void *context);

/* What the broker tells of itself. */
struct bus_stream {
    enum event_owner owner;
    int64_t messages, bytes, last_at_ms; /* last_at_ms 0: nothing was ever said */
    uint64_t first_sequence, last_sequence;
    int64_t of_type[EVENT_TYPE_COUNT]; /* messages of each type */
};
struct bus_consumer {
    const char *durable, *service; /* borrowed for the call */
    enum event_owner owner;
    int64_t pending;     /* not delivered yet */
    int64_t ack_pending; /* delivered, not acknowledged yet */
    int64_t redelivered; /* of those: delivered before */
    bool bound;          /* somebody listens */
};

/* Ask the broker about every owner's stream and its durables, each question at most `timeout_ms`; a
 * stream that nobody has made yet is left out. 0 or -EAGAIN. */
must_check int bus_survey(struct bus *bus, int64_t timeout_ms,
                          void (*stream)(void *context, const struct bus_stream *stream),
                          void (*consumer)(void *context, const struct bus_consumer *consumer),
                          void *context);

/* Hear `type` in this process, whichever group hears it too (a plain subscription): live events
 * only. With bus_replay after it, and again after each reconnect (`reconnected`, may be NULL; asked
 * again soon while it is < 0), nothing is missed. Both are called on bus threads and must not block
 * for long. */
must_check int bus_watch(struct bus *bus, enum event_type type,
                         void (*heard)(void *context, const struct event *event),
                         int (*reconnected)(void *context), void *context);

/* An owner's whole stream as it grows, outside of any durable. */
struct bus_following {
    enum event_owner owner;
    uint64_t back; /* begin with so many of the latest events */

    /* `began`: all from the sequence `next` on will be heard, what came before it may have been
     * missed. Called first, and again whenever the stream is another one than it was (an operator
     * made it anew) or no longer reaches back to what was heard last. `heard`: each event that can
     * be decoded, in the stream's order, exactly once. Both on a thread of their own, where they
     * may block and use the store. */
    void (*began)(void *context, uint64_t next);
    void (*heard)(void *context, const struct event *event, uint64_t sequence);
    void *context;
};

/* Follow from now on until bus_stop_listening, across reconnects and restarts of the broker. Waits
 * until the end of the stream was reached once, at most `timeout_ms`; where it was not, that goes
 * on behind the caller's back. From one thread. */
must_check int bus_follow(struct bus *bus, const struct bus_following *following,
                          int64_t timeout_ms);

#endif

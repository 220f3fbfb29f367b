#ifndef TESTS_SIMULATOR_BROKER_H
#define TESTS_SIMULATOR_BROKER_H

/*
 * What bus.c (the log, publishing, what the services ask) and durable.c (handing over, handling)
 * share.
 */

#include "common/bus.h"
#include "tests/simulator/simulator.h"

#define BATCH_MAX    8
#define DURABLES_MAX 16
#define WATCHES_MAX  64
#define WORKERS      2 /* listener threads of a process */

struct message {
    char id[EVENT_ID_BYTES], aggregate_id[ID_BYTES], traceparent[TRACEPARENT_BYTES];
    const char *subject;
    char *body;
    int64_t at_ms, stored_us;
};

/* One owner's log. */
struct stream {
    struct message *messages;
    size_t count, room;
};

/* What a durable knows of one message. */
struct handover {
    enum { HAND_OPEN, HAND_OVER, HAND_DONE, HAND_PARKED } state;
    int64_t not_before_us; /* open: a backoff; over: when it comes again */
    int64_t stale_since_us;
    int times, failures;
};

struct durable {
    const char *name, *service;
    enum event_owner owner;
    struct handover *handovers;
    size_t count, room, done_before; /* all before it are done with */
};

struct watch {
    struct process *process;
    enum event_type type;
    void (*heard)(void *context, const struct event *event);
    void *context;
};

struct publish;

/* One process's connection. */
struct bus {
    struct process *process;
    struct metrics *metrics;
    struct store *store;
    struct app *app;
    const struct event_listener *listeners;
    size_t listener_count;
    bool stopping;
    int workers;
    char under_way[WORKERS * BATCH_MAX][ID_BYTES]; /* aggregates: one at a time in a process */
    size_t under_way_count;
    struct publish *publishes[4096];
    size_t publish_count;
};

struct broker {
    struct stream streams[OWNER_COUNT];
    struct durable durables[DURABLES_MAX];
    size_t durable_count;
    struct watch watches[WATCHES_MAX];
    size_t watch_count;
    char parked_what[120];
};
extern struct broker broker;

/* Read a stored event; one that cannot be read breaks a promise. */
void message_decode(const struct message *message, struct event *ret_event);

/* A listener thread: takes batches for its bus, until that stops. */
void *durable_work(void *bus);

#endif

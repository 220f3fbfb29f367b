#ifndef COMMON_OUTBOX_PRIVATE_H
#define COMMON_OUTBOX_PRIVATE_H

/*
 * What the outbox's own files share. Nobody else includes this.
 */

#include "common/outbox.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    OUTBOX_HELD_MAX = 4096,   /* events in memory; what comes on top is left to the sweep */
    OUTBOX_SWEEP_HELD = 2048, /* beyond it the sweep waits: what is in memory goes first */
    OUTBOX_BUCKETS = 1024,
    OUTBOX_FRESH_MS = 1000,   /* how long the sweep leaves a save to the relay */
    OUTBOX_LEASE_MS = 3000,   /* how long a swept document is its sweeper's */
    OUTBOX_EMPTY_BATCH = 256, /* outboxes emptied in one round trip */
};

/* A run of events of one document, on its way to the broker. */
struct outbox_item {
    struct outbox_item *next;    /* in the list it is in */
    struct outbox_item *sibling; /* in its bucket of outbox->known */
    struct outbox *outbox;
    const char *collection; /* one of outbox->collections */
    char id[ID_BYTES];
    int64_t first, last;       /* the versions of the run */
    size_t count;              /* its events */
    bson_t *events;            /* the document's whole array: {"0": {…}, "1": {…}} */
    _Atomic size_t unfinished; /* publishes not yet reported, and one for the relay itself */
    _Atomic bool failed;
};

struct outbox_list {
    struct outbox_item *head, *tail;
    size_t length;
};

struct outbox {
    struct store *store;
    struct bus *bus;
    const char *const *collections;
    size_t collection_count;
    char sweeper_id[ID_BYTES]; /* tells this process's leases from those of others */
    struct metric *published, *failed, *swept, *waiting_gauge, *oldest_gauge;
    struct metric *said[EVENT_TYPE_COUNT]; /* of the types that this service says; else NULL */

    _Atomic int64_t full_logged_ms; /* when a full outbox was last logged, by the steady clock */

    pthread_mutex_t lock; /* guards all below; held for list work only */
    pthread_cond_t to_publish, to_empty, to_sweep, quiet;
    struct outbox_list queue;                  /* for the relay */
    struct outbox_list delivered;              /* acknowledged, for the emptier */
    struct outbox_item *known[OUTBOX_BUCKETS]; /* every item, by its document's id */
    size_t items;                              /* their number */
    size_t held;                               /* their events */
    int64_t waiting;                           /* those of them that are not yet acknowledged */
    bool draining;                             /* takes nothing more */
    bool closed;                               /* the threads end */
    bool released;                             /* its owner is gone: the last item frees it */

    pthread_t relay, emptier, sweeper;
};

/* Hand the events in a document's outbox (borrowed) that no item in memory has to the relay, as far
 * as there is room; true if there was one. */
bool outbox_hand_over(struct outbox *outbox, const char *collection, const bson_t *document);

/* Take an item out of the world, under the lock. */
void outbox_drop_item(struct outbox_item *item);

/* Release the lock, and free the outbox if its owner is gone and no item refers to it. */
void outbox_unlock(struct outbox *outbox);

/* Wait on `condition` under the lock, at most until `until_ms` of the steady clock. */
void outbox_wait_until(struct outbox *outbox, pthread_cond_t *condition, int64_t until_ms);

struct outbox_item *outbox_list_pop(struct outbox_list *list);
void outbox_list_push(struct outbox_list *list, struct outbox_item *item);

/* The three threads. */
void *outbox_relay(void *outbox);
void *outbox_emptier(void *outbox);
void *outbox_sweeper(void *outbox);

#endif

#ifndef TESTS_COMMON_OUTBOX_STAGE_H
#define TESTS_COMMON_OUTBOX_STAGE_H

/*
 * A stage for testing the outbox: a real mongod and nats-server with an outbox between them, and
 * tickets whose state follows from their version, so that what arrives can be checked.
 */

#include "common/outbox.h"

#define TOLD_MAX 4096

/* A store, a bus with its streams, and an outbox between them. */
struct stage {
    struct store *store;
    struct bus *bus;
    struct metrics *metrics;
    struct outbox *outbox;
};

/* What the stream holds. */
struct told {
    size_t count;
    struct {
        char id[ID_BYTES];
        int64_t version, price_cents;
    } events[TOLD_MAX];
};

/* A prepared store and bus, no outbox yet. Closed when the test ends. */
struct stage given_stage(void);

/* Put an outbox between them, and take it away (waiting for what is under way). */
void stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* A counter of the outbox. */
int64_t stage_metric(struct stage *stage, const char *name);

/* The event of ticket `id` at `version`; its price is 2000 + version cents. */
struct event stage_event(const char *id, int64_t version);

/* Insert ticket `id`, or save its `version`; the outbox's result. */
int stage_insert(struct stage *stage, const char *id);
int stage_save(struct stage *stage, const char *id, int64_t version);

/* Its document; destroy it. */
bson_t *stage_find(struct stage *stage, const char *id);

/* A ticket as a process leaves it that died between commit and publish, with `waiting` events. */
void stage_crash(struct stage *stage, const char *id, int64_t waiting, int64_t relay_after_ms);

/* Read the stream, and fail unless each version of `id` from 0 to `last` is there once, in order.
 */
void stage_read(struct stage *stage, struct told *told);
void stage_expect(const struct told *told, const char *id, int64_t last);

/* Conditions on a struct stage, for eventually(): no outbox holds an event; the broker is away, or
 * there. */
bool stage_is_empty(void *stage);
bool stage_is_cut_off(void *stage);
bool stage_is_connected(void *stage);

#endif

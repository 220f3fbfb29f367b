#ifndef TESTS_COMMON_HEARD_H
#define TESTS_COMMON_HEARD_H

/*
 * A service for testing the bus: it hears orders and notes what it heard; a script says what its
 * handler answers.
 */

#include "common/bus.h"
#include "common/store.h"

#include <pthread.h>
#include <stdbool.h>

#define HEARD_MAX 8192

struct heard {
    char aggregate_id[ID_BYTES];
    enum event_type type;
    int64_t version, at_ms;
    char traceparent[TRACEPARENT_BYTES]; /* the event's */
    bool traced;                         /* the thread worked in the event's trace */
};

struct app {
    pthread_mutex_t lock;
    struct heard heard[HEARD_MAX]; /* each call of the handler, in order */
    size_t count;
    bool overlapped; /* two calls for one aggregate at once */
    char running[16][ID_BYTES];
    int slow_ms; /* how long the handler takes */

    /* What the handler answers for an aggregate: `result` for the first `times`, then 0. */
    struct {
        char aggregate_id[ID_BYTES];
        int result, times;
    } script[8];
};

/* order.created and order.cancelled, durable "hearer-orders". */
#define HEARD_LISTENERS 2
extern const struct event_listener heard_listeners[HEARD_LISTENERS];

struct app *given_hearer(void);

/* Make the streams and durables, and listen on `bus` with given_store. */
void hear_on(struct bus *bus, struct app *app);

/* The handler answers `result` for this aggregate the next `times` times. */
void answer_for(struct app *app, const char *aggregate_id, int result, int times);

/* An order's event with this version. */
struct event order_event(enum event_type type, const char *aggregate_id, int64_t version);

/* Publish, and fail the test unless it is acknowledged. */
void say_event(struct bus *bus, const struct event *event);

/* How often the handler was called, for all or one aggregate. */
size_t times_heard(struct app *app, const char *aggregate_id);

/* Wait until it was called at least so often. */
void expect_heard(struct app *app, const char *aggregate_id, size_t times, int64_t timeout_ms);

/* Wait until the durable has nothing left: all is acknowledged or terminated. */
void expect_settled(struct bus *bus, int64_t timeout_ms);

/* Documents of a collection in given_store. */
int64_t documents(const char *collection);

#endif

#ifndef EXPIRATION_APP_H
#define EXPIRATION_APP_H

/*
 * What the files of this folder share.
 */

#include "common/delay.h"
#include "common/service.h"
#include "expiration/timer.h"

struct app {
    struct core core;
    const char *redis_url; /* REDIS_URL */
    int64_t lock_seconds;  /* LOCK_SECONDS, as orders has it */
    struct delay *delay;
    struct timer *timer;
};

#define EXPIRATION_LISTENER_COUNT 4
#define EXPIRATION_SAYS_COUNT     1

extern const struct event_listener expiration_listeners[EXPIRATION_LISTENER_COUNT];
extern const enum event_type expiration_says[EXPIRATION_SAYS_COUNT];

/* The event of a job that is due: its id names order and deadline, so that firing the same job
 * twice is the same event. */
void event_expiration_complete(const struct delay_job *job, struct event *ret_event);

#endif

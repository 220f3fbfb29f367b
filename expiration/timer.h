#ifndef EXPIRATION_TIMER_H
#define EXPIRATION_TIMER_H

/*
 * Timer: the thread that says expiration.complete when an order's time has come.
 *
 * All functions may be called from any thread, but timer_free only once nobody else calls.
 */

#include "common/bus.h"
#include "common/delay.h"
#include "common/metrics.h"
#include "common/span.h"

struct timer;

struct timer_config {
    struct delay *delay;
    struct bus *bus;
    struct metrics *metrics;
    struct tracer *tracer; /* or NULL */
    int64_t window_ms;     /* no order waits longer than this from its last event to its deadline */
};

/* Start the thread. What `config` points to is borrowed until timer_free. */
must_check int timer_open(const struct timer_config *config, struct timer **ret_timer);

/* Stop the thread, after what it is publishing, and free. NULL is fine; returns NULL. */
struct timer *timer_free(struct timer *timer);

/* A job due at `due_at_ms` was scheduled: wake up if that is before the timer's next look. */
void timer_wake(struct timer *timer, int64_t due_at_ms);

/* Do with the delayed jobs what an order's event asks for: schedule its deadline, move it, or
 * forget it. 0 or -EAGAIN. */
must_check int timer_follow_order(struct delay *delay, const struct event *event);

#endif

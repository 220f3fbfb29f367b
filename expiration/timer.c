/*
 * Timer: claim what is due, say it, then forget it; sleep until the next one is due.
 *
 * A job is forgotten only after the broker has its event on disk, so a process that dies in between
 * leaves a job whose lease ends and which another process fires again. That makes an event twice
 * at worst, under the same id, and orders asks its own document what to do with it.
 *
 * Sleeping: never longer than LOOK_MS, because another process may have scheduled something
 * earlier; a job that this process schedules wakes it at once. So what is due is said within
 * milliseconds in the common case and within LOOK_MS in any.
 *
 * Redis may come back empty. The marker key that delay.h keeps tells so, and the orders of the last
 * lock window are read again from the stream: order.created and order.awaiting carry the deadline.
 * The same is done at each start. What is older than that window is overdue anyway, and orders
 * sweeps it by itself.
 */

#include "expiration/timer.h"

#include "common/log.h"
#include "expiration/app.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MS  250 /* look again at least so often */
#define RETRY_MS 500 /* after a failure of Redis or the bus */
#define PUBLISH_TIMEOUT_MS                                                 \
    2000 /* below the lease, so that a slow broker does not fire all twice \
          */

_Static_assert(PUBLISH_TIMEOUT_MS < DELAY_LEASE_MS, "a publish ends within its job's lease");

struct timer {
    struct timer_config config;
    struct metric *fired;
    struct histogram *lateness;
    pthread_t thread;
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed; /* on the monotonic clock */
    int64_t earliest_ms;    /* of the jobs scheduled here since the last look; monotonic */
    bool stopping;
};

int timer_follow_order(struct delay *delay, const struct event *event)
{
    if (order_status_is_open(event->order.status))
        return delay_schedule(delay, event->aggregate_id, event->order.expires_at_ms);
    return delay_cancel(delay, event->aggregate_id);
}

/* ---- net one ---- */

static int follow_again(void *context, const struct event *event, uint64_t sequence)
{
    (void)sequence;
    return timer_follow_order(context, event);
}

static int refill(struct timer *timer)
{
    const struct bus_range range = {
        .owner = OWNER_ORDERS,
        .since_ms = instant_now() - timer->config.window_ms,
    };
    int r;

    r = bus_replay(timer->config.bus, &range, follow_again, timer->config.delay);
    if (r == 0)
        r = delay_mark(timer->config.delay);
    if (r == 0)
        log_event(LOG_INFO, "timers filled from the stream", "%s", "");
    return r;
}

/* ---- firing ---- */

static int fire(struct timer *timer, const struct delay_job *job)
{
    const struct span_of of = {.kind = SPAN_INTERNAL, .verb = "fire", .object = "timer"};
    struct span *span = span_begin(timer->config.tracer, &of, /* traceparent= */ NULL);
    struct event event;
    int r;

    event_expiration_complete(job, &event);
    r = bus_publish_wait(timer->config.bus, &event, PUBLISH_TIMEOUT_MS);
    trace_end();
    if (r != 0)
        span_fail(span, "unsaid");
    span_end(span);
    if (r != 0)
        return r;

    metric_add(timer->fired, 1);
    histogram_add(timer->lateness, (instant_now() - job->due_at_ms) * 1000);
    return delay_done(timer->config.delay, job);
}

/* One look: fire what is due. *ret_wait_ms: how long to sleep then. */
static int look(struct timer *timer, bool *filled, int64_t *ret_wait_ms)
{
    struct delay_job jobs[DELAY_CLAIM_MAX];
    size_t count;
    bool marked;
    int r;

    if (!*filled) {
        r = refill(timer);
        if (r != 0)
            return r;
        *filled = true;
    }
    r = delay_claim(timer->config.delay, jobs, DELAY_CLAIM_MAX, LOOK_MS, &count, ret_wait_ms,
                    &marked);
    if (r != 0)
        return r;
    if (!marked) { /* Redis came back empty: fill it, then look again at once */
        *filled = false;
        *ret_wait_ms = 0;
    }
    for (size_t i = 0; i < count; i++) {
        r = fire(timer, &jobs[i]);
        if (r != 0)
            return r; /* the rest comes back when its lease ends */
    }
    if (count == DELAY_CLAIM_MAX)
        *ret_wait_ms = 0;
    return 0;
}

/* Sleep until `wait_ms` passed, a job is due that was scheduled meanwhile, or stopped. */
static void sleep_on(struct timer *timer, int64_t wait_ms)
{
    int64_t at_ms = instant_monotonic() + wait_ms, until_ms;
    struct timespec until;

    pthread_mutex_lock(&timer->lock);
    while (!timer->stopping) {
        until_ms = timer->earliest_ms < at_ms ? timer->earliest_ms : at_ms;
        if (instant_monotonic() >= until_ms)
            break;
        until = (struct timespec){.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
        pthread_cond_timedwait(&timer->changed, &timer->lock, &until);
    }
    pthread_mutex_unlock(&timer->lock);
}

/* Begin a look: what was scheduled up to now it will find in Redis. False: stop. */
static bool begin_look(struct timer *timer)
{
    bool go_on;

    pthread_mutex_lock(&timer->lock);
    timer->earliest_ms = INT64_MAX;
    go_on = !timer->stopping;
    pthread_mutex_unlock(&timer->lock);
    return go_on;
}

static void *run(void *context)
{
    struct timer *timer = context;
    bool filled = false, failing = false;
    int64_t wait_ms;
    int r;

    while (begin_look(timer)) {
        r = look(timer, &filled, &wait_ms);
        if (r != 0) {
            wait_ms = RETRY_MS;
            if (!failing)
                log_event(LOG_WARNING, "timers wait for Redis or the bus", "error=%d", r);
        }
        if (r == 0 && failing)
            log_event(LOG_INFO, "timers go on", "%s", "");
        failing = r != 0;
        sleep_on(timer, wait_ms);
    }
    return NULL;
}

/* ---- life ---- */

int timer_open(const struct timer_config *config, struct timer **ret_timer)
{
    struct timer *timer = xcalloc(1, sizeof(*timer));
    pthread_condattr_t attributes;

    timer->config = *config;
    timer->fired = metrics_counter(config->metrics, "expiration_fired_total", "",
                                   "Timers said as expiration.complete.");
    timer->lateness = metrics_histogram(config->metrics, "expiration_lateness_seconds", "",
                                        "From an order's deadline to the broker's word.");
    timer->earliest_ms = INT64_MAX;
    pthread_mutex_init(&timer->lock, /* attributes= */ NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&timer->changed, &attributes);
    pthread_condattr_destroy(&attributes);

    if (pthread_create(&timer->thread, /* attributes= */ NULL, run, timer) != 0) {
        pthread_cond_destroy(&timer->changed);
        pthread_mutex_destroy(&timer->lock);
        free(timer);
        return fail(-ENOMEM, "no thread for the timers");
    }
    *ret_timer = timer;
    return 0;
}

struct timer *timer_free(struct timer *timer)
{
    if (timer == NULL)
        return NULL;
    pthread_mutex_lock(&timer->lock);
    timer->stopping = true;
    pthread_cond_signal(&timer->changed);
    pthread_mutex_unlock(&timer->lock);
    pthread_join(timer->thread, /* result= */ NULL);
    pthread_cond_destroy(&timer->changed);
    pthread_mutex_destroy(&timer->lock);
    free(timer);
    return NULL;
}

void timer_wake(struct timer *timer, int64_t due_at_ms)
{
    int64_t at_ms = instant_monotonic() + (due_at_ms - instant_now());

    pthread_mutex_lock(&timer->lock);
    if (at_ms < timer->earliest_ms) {
        timer->earliest_ms = at_ms;
        pthread_cond_signal(&timer->changed);
    }
    pthread_mutex_unlock(&timer->lock);
}

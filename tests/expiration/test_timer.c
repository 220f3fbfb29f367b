/*
 * The timer on a real Redis and a real broker: what is due is said, soon, once forgotten only after
 * the broker has it, and again after Redis was wiped.
 */

#include "expiration/app.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_MS 60000

static struct app the_app;
static struct metrics *the_metrics;

static void close_delay(void)
{
    the_app.timer = timer_free(the_app.timer);
    the_app.delay = delay_free(the_app.delay);
    the_metrics = metrics_free(the_metrics);
}

/* Stores without a running timer. */
static struct app *given_stores(void)
{
    cleanup(writer_release) struct writer problems = {0};
    struct app *app = &the_app;
    char url[64];

    the_metrics = app->core.metrics = metrics_new();
    app->core.bus = given_bus("expiration");
    cr_assert_eq(bus_prepare(app->core.bus, NULL, 0, &problems), 0);
    text_copy(url, sizeof(url), given_redis());
    cr_assert_eq(delay_open(url, "expiration", &app->delay), 0);
    cr_assert_eq(delay_prepare(app->delay, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    atexit(close_delay);
    return app;
}

static void start_timer(struct app *app)
{
    const struct timer_config config = {.delay = app->delay,
                                        .bus = app->core.bus,
                                        .metrics = app->core.metrics,
                                        .window_ms = WINDOW_MS};

    cr_assert_eq(timer_open(&config, &app->timer), 0);
}

static struct app *given_timer(void)
{
    struct app *app = given_stores();

    start_timer(app);
    return app;
}

static const char *new_id(void)
{
    static char ids[64][ID_BYTES];
    static size_t count;

    cr_assert_lt(count, 64);
    store_new_id(ids[count]);
    return ids[count++];
}

static struct event order_event(enum event_type type, const char *id, int64_t version,
                                int64_t expires_at_ms)
{
    static const enum order_status statuses[EVENT_TYPE_COUNT] = {
        [EVENT_ORDER_CREATED] = ORDER_CREATED,
        [EVENT_ORDER_AWAITING] = ORDER_AWAITING,
        [EVENT_ORDER_CANCELLED] = ORDER_CANCELLED,
        [EVENT_ORDER_COMPLETED] = ORDER_COMPLETE,
    };
    struct event event;

    event_init(&event, type, id, version);
    event.order.status = statuses[type];
    event.order.expires_at_ms = expires_at_ms;
    text_copy(event.order.user_id, ID_BYTES, new_id());
    text_copy(event.order.ticket.id, ID_BYTES, new_id());
    text_copy(event.order.ticket.title, 8, "A seat");
    event.order.ticket.price_cents = 2000;
    return event;
}

static int hear(struct app *app, const struct event *event)
{
    for (size_t i = 0; i < EXPIRATION_LISTENER_COUNT; i++) {
        if (expiration_listeners[i].event == event->type)
            return expiration_listeners[i].handle(app, event);
    }
    return -ENOENT;
}

/* What was said about one order. */
struct said {
    struct app *app;
    const char *order_id;
    int count, wanted;
    struct event last;
};

static int note_said(void *context, const struct event *event, uint64_t sequence)
{
    struct said *said = context;

    (void)sequence;
    if (strcmp(event->aggregate_id, said->order_id) == 0) {
        said->last = *event;
        said->count++;
    }
    return 0;
}

static bool has_said(void *context)
{
    const struct bus_range range = {.owner = OWNER_EXPIRATION};
    struct said *said = context;

    said->count = 0;
    return bus_replay(said->app->core.bus, &range, note_said, said) == 0 &&
           said->count >= said->wanted;
}

static struct event await_said(struct app *app, const char *order_id)
{
    struct said said = {.app = app, .order_id = order_id, .wanted = 1};

    eventually(has_said, &said, 10000, "expiration.complete");
    cr_expect_eq(said.count, 1);
    return said.last;
}

static int count_said(struct app *app, const char *order_id)
{
    struct said said = {.app = app, .order_id = order_id};

    cr_assert(has_said(&said));
    return said.count;
}

static int64_t jobs_left(struct app *app)
{
    int64_t due, leased;

    cr_assert_eq(delay_count(app->delay, &due, &leased), 0);
    return due + leased;
}

static bool is_empty(void *context)
{
    return jobs_left(context) == 0;
}

Test(timer, an_order_that_is_due_is_said_and_forgotten)
{
    struct app *app = given_timer();
    int64_t due = instant_now() + 400;
    struct event created = order_event(EVENT_ORDER_CREATED, new_id(), 0, due), said;
    char id[EVENT_ID_BYTES];

    cr_expect_eq(hear(app, &created), 0);
    cr_expect_eq(count_said(app, created.aggregate_id), 0, "not early");
    said = await_said(app, created.aggregate_id);
    cr_expect_eq(said.type, EVENT_EXPIRATION_COMPLETE);
    cr_expect_eq(said.expiration.due_at_ms, due);
    cr_expect_geq(said.at_ms, due);
    cr_expect_lt(said.at_ms, due + 200);
    snprintf(id, sizeof(id), "expiration-%s-%lld", created.aggregate_id, (long long)due);
    cr_expect_str_eq(said.id, id);
    eventually(is_empty, app, 5000, "the job is forgotten");
}

/* Each is scheduled just after the timer went to sleep with nothing to wait for. */
Test(timer, a_sleeping_timer_is_woken_by_an_earlier_deadline)
{
    struct app *app = given_timer();
    int64_t least_late_ms = INT64_MAX;

    for (int round = 0; round < 6; round++) {
        struct event created = order_event(EVENT_ORDER_CREATED, new_id(), 0, instant_now() + 10);
        struct event said;

        cr_expect_eq(hear(app, &created), 0);
        said = await_said(app, created.aggregate_id);
        if (round > 0 && said.at_ms - said.expiration.due_at_ms < least_late_ms)
            least_late_ms = said.at_ms - said.expiration.due_at_ms;
    }
    cr_expect_lt(least_late_ms, 60);
}

Test(timer, hearing_an_order_twice_says_its_end_once)
{
    struct app *app = given_timer();
    struct event created = order_event(EVENT_ORDER_CREATED, new_id(), 0, instant_now() + 300);

    cr_expect_eq(hear(app, &created), 0);
    cr_expect_eq(hear(app, &created), 0);
    await_said(app, created.aggregate_id);
    eventually(is_empty, app, 5000, "the job is forgotten");
    cr_expect_eq(count_said(app, created.aggregate_id), 1);
}

Test(timer, an_order_that_is_overdue_when_heard_is_said_at_once)
{
    struct app *app = given_timer();
    struct event created = order_event(EVENT_ORDER_CREATED, new_id(), 0, instant_now() - 60000);

    cr_expect_eq(hear(app, &created), 0);
    await_said(app, created.aggregate_id);
}

Test(timer, a_deadline_moves_to_later_and_never_back)
{
    struct app *app = given_timer();
    int64_t due = instant_now() + 200;
    const char *id = new_id();
    struct event created = order_event(EVENT_ORDER_CREATED, id, 0, due);
    struct event awaiting = order_event(EVENT_ORDER_AWAITING, id, 1, due + 600);

    cr_expect_eq(hear(app, &awaiting), 0);
    cr_expect_eq(hear(app, &created), 0, "late, and out of turn");
    cr_expect_eq(await_said(app, id).expiration.due_at_ms, due + 600);
}

Test(timer, an_order_that_is_over_is_forgotten)
{
    struct app *app = given_timer();

    for (enum event_type over = EVENT_ORDER_CANCELLED; over <= EVENT_ORDER_COMPLETED; over++) {
        int64_t due = instant_now() + 800;
        const char *id = new_id();
        struct event created = order_event(EVENT_ORDER_CREATED, id, 0, due);
        struct event ended = order_event(over, id, 1, due);
        struct event kept = order_event(EVENT_ORDER_CREATED, new_id(), 0, due + 100);

        cr_expect_eq(hear(app, &created), 0);
        cr_expect_eq(hear(app, &ended), 0);
        cr_expect_eq(hear(app, &ended), 0, "twice");
        cr_expect_eq(hear(app, &kept), 0);
        await_said(app, kept.aggregate_id); /* which is due later */
        cr_expect_eq(count_said(app, id), 0);
    }
    cr_expect_eq(jobs_left(app), 0);
}

Test(timer, many_that_are_due_together_are_all_said)
{
    enum { MANY = 200 };
    struct app *app = given_timer();
    int64_t due = instant_now() + 500;
    const struct bus_range range = {.owner = OWNER_EXPIRATION};
    struct said said = {.order_id = "none"};
    char id[ID_BYTES];

    for (int i = 0; i < MANY; i++) {
        store_new_id(id);
        cr_assert_eq(delay_schedule(app->delay, id, due), 0);
    }
    eventually(is_empty, app, 10000, "all are said");
    cr_expect_eq(bus_replay(app->core.bus, &range, note_said, &said), 0);
    cr_expect_eq(metric_value(metrics_counter(app->core.metrics, "expiration_fired_total", "", "")),
                 MANY);
}

Test(timer, what_another_process_claimed_and_never_said_is_said_when_its_lease_ends)
{
    struct app *app = given_stores();
    struct delay_job job;
    const char *id = new_id();
    size_t count;
    int64_t next_ms;
    bool marked;

    cr_assert_eq(delay_schedule(app->delay, id, instant_now() - 1000), 0);
    cr_assert_eq(delay_claim(app->delay, &job, 1, 1000, &count, &next_ms, &marked), 0);
    cr_assert_eq(count, 1);
    start_timer(app);
    await_said(app, id);
}

Test(timer, orders_said_before_the_timer_was_there_are_read_from_the_stream)
{
    struct app *app = given_stores();
    int64_t due = instant_now() + 300;
    const char *open = new_id(), *over = new_id();
    struct event story[] = {
        order_event(EVENT_ORDER_CREATED, over, 0, due),
        order_event(EVENT_ORDER_CREATED, open, 0, due - 100),
        order_event(EVENT_ORDER_AWAITING, open, 1, due + 100),
        order_event(EVENT_ORDER_CANCELLED, over, 1, due),
    };

    for (size_t i = 0; i < ARRAY_LENGTH(story); i++)
        cr_assert_eq(bus_publish_wait(app->core.bus, &story[i], 5000), 0);
    start_timer(app);
    cr_expect_eq(await_said(app, open).expiration.due_at_ms, due + 100);
    cr_expect_eq(count_said(app, over), 0);
}

Test(timer, a_redis_that_comes_back_empty_is_filled_again)
{
    struct app *app = given_timer();
    const char *first = new_id(), *second = new_id();
    struct event soon = order_event(EVENT_ORDER_CREATED, first, 0, instant_now() + 200);
    struct event later = order_event(EVENT_ORDER_CREATED, second, 0, instant_now() + 3000);

    cr_assert_eq(bus_publish_wait(app->core.bus, &later, 5000), 0);
    cr_assert_eq(hear(app, &later), 0);
    cr_assert_eq(hear(app, &soon), 0);
    await_said(app, first); /* it runs */
    kill_store(GIVEN_REDIS);
    revive_store(GIVEN_REDIS, /* wiped= */ true);
    cr_expect_eq(await_said(app, second).expiration.due_at_ms, later.order.expires_at_ms);
}

static bool is_heard(void *context)
{
    return hear(&the_app, context) == 0;
}

Test(timer, while_redis_is_away_events_are_asked_for_again)
{
    struct app *app = given_timer();
    struct event created = order_event(EVENT_ORDER_CREATED, new_id(), 0, instant_now() + 300);

    kill_store(GIVEN_REDIS);
    cr_expect_eq(hear(app, &created), -EAGAIN);
    revive_store(GIVEN_REDIS, /* wiped= */ false);
    eventually(is_heard, &created, 10000, "Redis has read its file");
    await_said(app, created.aggregate_id);
}

static bool is_claimed(void *context)
{
    struct app *app = context;
    int64_t due, leased;

    cr_assert_eq(delay_count(app->delay, &due, &leased), 0);
    return leased == 1;
}

Test(timer, while_the_bus_is_away_nothing_is_forgotten)
{
    struct app *app = given_timer();
    struct event first = order_event(EVENT_ORDER_CREATED, new_id(), 0, instant_now());
    struct event created = order_event(EVENT_ORDER_CREATED, new_id(), 0, instant_now() + 1500);

    cr_assert_eq(hear(app, &first), 0);
    await_said(app, first.aggregate_id); /* it runs */
    cr_assert_eq(hear(app, &created), 0);
    kill_store(GIVEN_NATS);
    eventually(is_claimed, app, 10000, "it is due, and in somebody's hand");
    for (int64_t until_ms = instant_now() + 100; instant_now() < until_ms;)
        cr_assert_geq(jobs_left(app), 1); /* 2 where it comes back between the two counts */
    revive_store(GIVEN_NATS, /* wiped= */ false);
    await_said(app, created.aggregate_id);
    eventually(is_empty, app, 10000, "the job is forgotten");
}

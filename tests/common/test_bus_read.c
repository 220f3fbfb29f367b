/*
 * Reading streams, watching, asking and answering.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "tests/common/heard.h"
#include "tests/support/support.h"

#include <stdatomic.h>
#include <string.h>

#define ID_ONE "5f1e0c2a9d3b4e6f7a8b9c01"
#define ID_TWO "5f1e0c2a9d3b4e6f7a8b9c02"

static struct bus *given_publisher(void)
{
    struct bus *bus = given_bus("orders");
    struct writer problems;

    writer_init(&problems);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    return bus;
}

/* What a replay gave. */
struct seen {
    int count;
    uint64_t first, last;
    bool disordered;
    int stop_after; /* 0: never */
    int stop_with;  /* 0: CONFLICT */
};

static int note(void *context, const struct event *event, uint64_t sequence)
{
    struct seen *seen = context;

    (void)event;
    if (seen->count++ == 0)
        seen->first = sequence;
    if (sequence <= seen->last)
        seen->disordered = true;
    seen->last = sequence;
    if (seen->count != seen->stop_after)
        return 0;
    return seen->stop_with != 0 ? seen->stop_with : CONFLICT;
}

static struct seen replay(struct bus *bus, struct bus_range range)
{
    struct seen seen = {0};

    cr_assert_eq(bus_replay(bus, &range, note, &seen), 0);
    return seen;
}

/* `count` orders created, every tenth of them cancelled. */
static void say_many(struct bus *bus, int count)
{
    for (int i = 0; i < count; i++) {
        struct event event =
            order_event(i % 10 == 9 ? EVENT_ORDER_CANCELLED : EVENT_ORDER_CREATED, ID_ONE, i);

        cr_assert_eq(bus_publish_wait(bus, &event, 10000), 0);
    }
}

Test(bus_read, a_stream_is_read_whole_and_in_order)
{
    struct bus *bus = given_publisher();
    struct seen seen;

    say_many(bus, 1500); /* several batches */
    seen = replay(bus, (struct bus_range){.owner = OWNER_ORDERS});
    cr_assert_eq(seen.count, 1500);
    cr_assert_eq(seen.first, 1);
    cr_assert_eq(seen.last, 1500);
    cr_assert_not(seen.disordered);
}

/* nats.c would use the subscription after it was freed: what ASan and the library's own abort see.
 */
Test(bus_read, a_reader_that_stops_while_messages_arrive_does_no_harm)
{
    const struct bus_range all = {.owner = OWNER_ORDERS};
    struct bus *bus = given_publisher();

    say_many(bus, 600);
    for (int i = 0; i < 200; i++) {
        struct seen seen = {.stop_after = 1 + i % 5};

        cr_assert_eq(bus_replay(bus, &all, note, &seen), CONFLICT);
    }
}

/* A store that is away for a moment is no broker that has failed: what was read then is in nobody's
 * hands, so nothing after it may be read on. */
Test(bus_read, a_reader_that_says_later_is_told_so_and_nothing_is_passed_over)
{
    const struct bus_range all = {.owner = OWNER_ORDERS};
    struct bus *bus = given_publisher();
    struct seen seen = {.stop_after = 7, .stop_with = -EAGAIN};

    say_many(bus, 20);
    cr_assert_eq(bus_replay(bus, &all, note, &seen), -EAGAIN);
    cr_assert_eq(seen.count, 7, "it read on to the %dth", seen.count);
}

Test(bus_read, a_range_narrows_by_sequence_subject_and_time)
{
    struct bus *bus = given_publisher();
    int64_t between;
    struct event late = order_event(EVENT_ORDER_CREATED, ID_TWO, 0);
    struct seen seen;

    say_many(bus, 100);
    do /* an instant just after a full second, which nats.c writes wrongly */
        between = instant_now() + 1;
    while (between % 1000 < 10 || between % 1000 >= 90);
    while (instant_now() <= between)
        sched_yield();
    say_event(bus, &late);
    seen = replay(bus, (struct bus_range){.owner = OWNER_ORDERS, .since_seq = 91});
    cr_assert_eq(seen.count, 11);
    seen = replay(bus, (struct bus_range){.owner = OWNER_ORDERS, .subject = "order.cancelled"});
    cr_assert_eq(seen.count, 10);
    cr_assert_eq(seen.first, 10);
    seen = replay(bus, (struct bus_range){.owner = OWNER_ORDERS, .since_ms = between});
    cr_assert_eq(seen.count, 1, "%d from %d on", seen.count, (int)seen.first);
    cr_assert_eq(seen.first, 101);
}

Test(bus_read, empty_ranges_end_at_once)
{
    struct bus *bus = given_publisher();

    cr_assert_eq(replay(bus, (struct bus_range){.owner = OWNER_ORDERS}).count, 0);
    say_many(bus, 5);
    cr_assert_eq(replay(bus, (struct bus_range){.owner = OWNER_ORDERS, .since_seq = 6}).count, 0);
    cr_assert_eq(
        replay(bus, (struct bus_range){.owner = OWNER_ORDERS, .subject = "order.completed"}).count,
        0);
    cr_assert_eq(
        replay(bus, (struct bus_range){.owner = OWNER_ORDERS, .since_ms = instant_now() + 60000})
            .count,
        0);
    cr_assert_eq(replay(bus, (struct bus_range){.owner = OWNER_TICKETS}).count, 0);
}

Test(bus_read, a_result_stops_the_replay_and_is_returned)
{
    struct bus *bus = given_publisher();
    struct bus_range range = {.owner = OWNER_ORDERS};
    struct seen seen = {.stop_after = 3};

    say_many(bus, 10);
    cr_assert_eq(bus_replay(bus, &range, note, &seen), CONFLICT);
    cr_assert_eq(seen.count, 3);
}

/* Kill and revive the broker in the middle of a replay. */
static int note_and_kill(void *context, const struct event *event, uint64_t sequence)
{
    if (sequence == 700) {
        kill_store(GIVEN_NATS);
        revive_store(GIVEN_NATS, /* wiped= */ false);
    }
    return note(context, event, sequence);
}

Test(bus_read, a_replay_survives_a_broker_that_dies)
{
    struct bus *bus = given_publisher();
    struct bus_range range = {.owner = OWNER_ORDERS};
    struct seen seen = {0};

    say_many(bus, 1500);
    cr_assert_eq(bus_replay(bus, &range, note_and_kill, &seen), 0);
    cr_assert_eq(seen.count, 1500);
    cr_assert_not(seen.disordered);
}

Test(bus_read, a_broker_that_is_away_ends_a_replay)
{
    struct bus *bus = given_publisher();
    struct bus_range range = {.owner = OWNER_ORDERS};
    struct seen seen = {0};

    kill_store(GIVEN_NATS);
    cr_assert_eq(bus_replay(bus, &range, note, &seen), -EAGAIN);
    revive_store(GIVEN_NATS, /* wiped= */ false);
}

/* What a watch heard. */
struct watched {
    atomic_int heard, reconnected;
};

static void on_heard(void *context, const struct event *event)
{
    struct watched *watched = context;

    if (event->type == EVENT_ORDER_CREATED && strcmp(event->aggregate_id, ID_ONE) == 0)
        atomic_fetch_add(&watched->heard, 1);
}

static int on_reconnected(void *context)
{
    struct watched *watched = context;

    /* The first time it has something better to do. */
    return atomic_fetch_add(&watched->reconnected, 1) == 0 ? -EAGAIN : 0;
}

static bool has_heard(void *context)
{
    return atomic_load(&((struct watched *)context)->heard) == 1;
}

static bool was_told_twice(void *context)
{
    return atomic_load(&((struct watched *)context)->reconnected) == 2;
}

Test(bus_read, a_watch_hears_live_events_and_is_told_of_reconnects)
{
    struct bus *bus = given_publisher();
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    struct event other = order_event(EVENT_ORDER_CANCELLED, ID_ONE, 1);
    static struct watched watched;

    cr_assert_eq(bus_watch(bus, EVENT_ORDER_CREATED, on_heard, on_reconnected, &watched), 0);
    say_event(bus, &other);
    say_event(bus, &event);
    eventually(has_heard, &watched, 5000, "the event is heard");
    cr_assert_eq(atomic_load(&watched.reconnected), 0);
    kill_store(GIVEN_NATS);
    revive_store(GIVEN_NATS, /* wiped= */ false);
    eventually(was_told_twice, &watched, 10000, "told again until it could");
}

static int echo(void *context, const char *request, struct writer *reply)
{
    if (strcmp(request, "fail") == 0)
        return -EIO;
    write_object_begin(reply, NULL);
    write_text(reply, "said", request);
    write_int(reply, "number", *(int *)context);
    write_object_end(reply);
    return 0;
}

Test(bus_read, a_question_is_answered)
{
    static const struct bus_verb verb = {"echo", echo};
    struct bus *bus = given_bus("orders"), *asker = given_bus("ticketctl");
    struct bus_question question = {.service = "orders", .verb = "echo", .request = "hello"};
    static int number = 7;
    char *reply = NULL;

    cr_assert_eq(bus_answer(bus, &verb, &number), 0);
    cr_assert_eq(bus_ask(asker, &question, 5000, &reply), 0);
    cr_assert_str_eq(reply, "{\"said\":\"hello\",\"number\":7}");
    free(reply);
    question.request = NULL;
    cr_assert_eq(bus_ask(asker, &question, 5000, &reply), 0);
    cr_assert_str_eq(reply, "{\"said\":\"\",\"number\":7}");
    free(reply);
    question.request = "fail";
    cr_assert_eq(bus_ask(asker, &question, 5000, &reply), 0);
    cr_assert_not_null(strstr(reply, "\"error\""));
    free(reply);
    question.service = "nobody";
    cr_assert_eq(bus_ask(asker, &question, 5000, &reply), NOT_FOUND);
}

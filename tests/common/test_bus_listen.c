/*
 * Listening, against a real nats-server and mongod: once, twice, early, poison, and everything that
 * dies in between.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "tests/common/heard.h"
#include "tests/support/support.h"

#include <string.h>

#define ID_ONE "5f1e0c2a9d3b4e6f7a8b9c01"
#define ID_TWO "5f1e0c2a9d3b4e6f7a8b9c02"
#define ID_BAD "5f1e0c2a9d3b4e6f7a8b9c03"
#define TRACE  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/* Put any bytes into the orders' stream. */
static void say_bytes(struct bus *bus, const char *subject, const char *body)
{
    jsErrCode error;

    cr_assert_eq(
        js_Publish(NULL, bus->js, subject, body, (int)strlen(body), /* opts= */ NULL, &error),
        NATS_OK);
}

static char *an_id(int number, char id[ID_BYTES])
{
    snprintf(id, ID_BYTES, "5f1e0c2a9d3b4e6f%08x", (unsigned)number);
    return id;
}

Test(bus_listen, an_event_is_heard_once_in_its_own_trace_and_acknowledged)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);

    hear_on(bus, app);
    text_copy(event.traceparent, sizeof(event.traceparent), TRACE);
    event.at_ms -= 12345;
    say_event(bus, &event);
    expect_heard(app, ID_ONE, 1, 5000);
    expect_settled(bus, 5000);
    cr_assert_eq(times_heard(app, NULL), 1);
    cr_assert_eq(app->heard[0].type, EVENT_ORDER_CREATED);
    cr_assert_eq(app->heard[0].at_ms, event.at_ms);
    cr_assert_str_eq(app->heard[0].traceparent, TRACE);
    cr_assert(app->heard[0].traced);
}

Test(bus_listen, an_event_without_headers_has_the_broker_s_time)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    struct writer body;
    int64_t before = instant_now() - 1000;

    writer_init(&body);
    event_encode(&event, &body);
    hear_on(bus, app);
    say_bytes(bus, "order.created", writer_text(&body));
    writer_release(&body);
    expect_heard(app, ID_ONE, 1, 5000);
    cr_assert_geq(app->heard[0].at_ms, before);
    cr_assert_leq(app->heard[0].at_ms, instant_now() + 1000);
    cr_assert_str_eq(app->heard[0].traceparent, "");
}

Test(bus_listen, an_early_event_is_asked_for_again)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);

    answer_for(app, ID_ONE, STALE, 2);
    hear_on(bus, app);
    say_event(bus, &event);
    expect_heard(app, ID_ONE, 3, 5000);
    expect_settled(bus, 5000);
    cr_assert_eq(times_heard(app, ID_ONE), 3);
    cr_assert_eq(documents("deadletters"), 0);
    cr_expect_eq(metric_value(bus->redelivered), 2);
    cr_expect_eq(metric_value(bus->waiting), 0);
}

Test(bus_listen, a_store_that_is_away_parks_nothing)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);

    answer_for(app, ID_ONE, -EAGAIN, 4);
    hear_on(bus, app);
    say_event(bus, &event);
    expect_heard(app, ID_ONE, 5, 10000);
    expect_settled(bus, 5000);
    cr_assert_eq(documents("deadletters"), 0);
}

static bool has_dead_letter(void *context)
{
    return documents("deadletters") == *(int64_t *)context;
}

static bson_t *dead_letter(void)
{
    bson_t all = BSON_INITIALIZER;
    bson_t *letter = NULL;

    cr_assert_eq(store_find(given_store(), "deadletters", &all, NULL, &letter), 0);
    return letter;
}

Test(bus_listen, poison_is_parked_and_blocks_nobody)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    cleanup(bson_freep) bson_t *letter = NULL;
    int64_t one = 1;

    hear_on(bus, app);
    say_bytes(bus, "order.created", "{\"id\":\"not an id\xff");
    say_event(bus, &event);
    expect_heard(app, ID_ONE, 1, 5000);
    eventually(has_dead_letter, &one, 5000, "the poison is parked");
    expect_settled(bus, 5000);
    letter = dead_letter();
    cr_assert_str_eq(store_read_text(letter, "subject", ""), "order.created");
    cr_assert_str_eq(store_read_text(letter, "stream", ""), "orders");
    cr_assert_eq(store_read_int(letter, "seq", 0), 1);
    cr_assert_not_null(strstr(store_read_text(letter, "reason", ""), "cannot be decoded"));
    cr_assert_eq(store_read_int(letter, "replays", -1), 0);
}

Test(bus_listen, a_refused_event_is_parked_with_its_body_and_can_be_retried)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_BAD, 4);
    cleanup(bson_freep) bson_t *letter = NULL, *failed = NULL;
    int64_t one = 1, done = -1, again = -1;

    answer_for(app, ID_BAD, INVALID, 2);
    hear_on(bus, app);
    text_copy(event.traceparent, sizeof(event.traceparent), TRACE);
    say_event(bus, &event);
    eventually(has_dead_letter, &one, 5000, "the event is parked");
    expect_settled(bus, 5000);
    letter = dead_letter();
    cr_assert_str_eq(store_read_text(letter, "eventId", ""), event.id);
    cr_assert_str_eq(store_read_text(letter, "aggregateId", ""), ID_BAD);
    cr_assert_not_null(strstr(store_read_text(letter, "body", ""), ID_BAD));

    cr_assert_eq(bus_retry_dead(bus, NULL, &done, &again), 0);
    cr_assert_eq(done, 0);
    cr_assert_eq(again, 1);
    failed = dead_letter();
    cr_assert_eq(store_read_int(failed, "replays", 0), 1);

    cr_assert_eq(bus_retry_dead(bus, store_read_text(letter, "_id", ""), &done, &again), 0);
    cr_assert_eq(done, 1);
    cr_assert_eq(again, 0);
    cr_assert_eq(documents("deadletters"), 0);
    cr_assert_eq(times_heard(app, ID_BAD), 3);
    cr_assert_eq(app->heard[2].version, 4);
    cr_assert_eq(app->heard[2].at_ms, event.at_ms);
    cr_assert_str_eq(app->heard[2].traceparent, TRACE);
    cr_assert_eq(bus_retry_dead(bus, "no such letter", &done, &again), NOT_FOUND);
}

Test(bus_listen, an_event_that_fails_every_time_is_parked, .timeout = 90)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event bad = order_event(EVENT_ORDER_CREATED, ID_BAD, 0);
    struct event good = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    int64_t one = 1;

    answer_for(app, ID_BAD, -EIO, 1000);
    hear_on(bus, app);
    say_event(bus, &bad);
    say_event(bus, &good);
    expect_heard(app, ID_ONE, 1, 1000);
    eventually(has_dead_letter, &one, 30000, "the event is parked within 30 s");
    expect_settled(bus, 5000);
    cr_assert_eq(times_heard(app, ID_BAD), BUS_TRIES_MAX);
}

Test(bus_listen, types_that_nobody_handles_are_acknowledged)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_COMPLETED, ID_ONE, 2);

    hear_on(bus, app);
    say_event(bus, &event);
    say_bytes(bus, "order.of.another.kind", "{}");
    expect_settled(bus, 5000);
    cr_assert_eq(times_heard(app, NULL), 0);
    cr_assert_eq(documents("deadletters"), 0);
}

Test(bus_listen, events_of_one_aggregate_come_one_at_a_time_and_in_order)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    int64_t last[8];

    memset(last, -1, sizeof(last));
    hear_on(bus, app);
    for (int i = 0; i < 800; i++) {
        char id[ID_BYTES];
        struct event event = order_event(EVENT_ORDER_CREATED, an_id(i % 8, id), i / 8);

        say_event(bus, &event);
    }
    expect_heard(app, NULL, 800, 20000);
    cr_assert_not(app->overlapped);
    for (size_t i = 0; i < 800; i++) {
        int which = app->heard[i].aggregate_id[23] - '0';

        cr_assert_eq(app->heard[i].version, last[which] + 1);
        last[which] = app->heard[i].version;
    }
}

Test(bus_listen, two_processes_of_a_service_share_its_events)
{
    struct app *one = given_hearer(), *other = given_hearer();
    struct bus_config config = {.url = given_nats(), .service = "hearer", .workers = 2};
    struct bus *first = given_bus("hearer"), *second = NULL;

    hear_on(first, one);
    cr_assert_eq(bus_open(&config, 5000, &second), 0);
    hear_on(second, other);
    for (int i = 0; i < 200; i++) {
        char id[ID_BYTES];
        struct event event = order_event(EVENT_ORDER_CREATED, an_id(i, id), 0);

        say_event(first, &event);
    }
    expect_settled(first, 10000);
    cr_assert_eq(times_heard(one, NULL) + times_heard(other, NULL), 200);
    cr_assert_gt(times_heard(one, NULL), 0);
    cr_assert_gt(times_heard(other, NULL), 0);
    second = bus_free(second);
}

Test(bus_listen, what_takes_longer_than_the_broker_waits_is_heard_once)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);

    app->slow_ms = BUS_ACK_WAIT_MS + 2000;
    hear_on(bus, app);
    say_event(bus, &event);
    expect_settled(bus, 30000);
    cr_assert_eq(times_heard(app, NULL), 1);
}

static bool has_some(void *context)
{
    uint64_t count = 0;

    natsSubscription_QueuedMsgs(context, &count);
    return count > 0;
}

Test(bus_listen, what_somebody_died_with_another_one_hears_within_seconds)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    natsConnection *connection = NULL;
    natsSubscription *doomed = NULL;
    char id[ID_BYTES];

    hear_on(bus, app);
    cr_assert_eq(natsConnection_ConnectTo(&connection, given_nats()), NATS_OK);
    cr_assert_eq(
        natsConnection_QueueSubscribeSync(&doomed, connection, "deliver.hearer-orders", "hearer"),
        NATS_OK);
    natsConnection_Flush(connection);
    for (int i = 0; i < 50; i++) {
        struct event event = order_event(EVENT_ORDER_CREATED, an_id(i, id), 0);

        say_event(bus, &event);
    }
    eventually(has_some, doomed, 5000, "it has some of them in hand");
    natsConnection_Close(connection);
    expect_heard(app, NULL, 50, BUS_ACK_WAIT_MS + 4000);
    expect_settled(bus, 5000);
    cr_assert_eq(times_heard(app, NULL), 50);
    natsSubscription_Destroy(doomed);
    natsConnection_Destroy(connection);
}

Test(bus_listen, stopping_loses_nothing)
{
    struct app *one = given_hearer(), *other = given_hearer();
    struct bus_config config = {.url = given_nats(), .service = "hearer", .workers = 2};
    struct bus *first = NULL, *second = given_bus("hearer");
    char id[ID_BYTES];

    cr_assert_eq(bus_open(&config, 5000, &first), 0);
    hear_on(first, one);
    for (int i = 0; i < 300; i++) {
        struct event event = order_event(EVENT_ORDER_CREATED, an_id(i, id), 0);

        say_event(first, &event);
        if (i == 150)
            bus_stop_listening(first, 5000);
    }
    hear_on(second, other);
    expect_settled(second, 10000);
    for (int i = 0; i < 300; i++)
        cr_assert_eq(times_heard(one, an_id(i, id)) + times_heard(other, an_id(i, id)), 1, "%d", i);
    first = bus_free(first);
}

/* Publish until it is acknowledged. */
static void say_until_stored(struct bus *bus, const struct event *event)
{
    int64_t deadline = instant_monotonic() + 20000;

    while (bus_publish_wait(bus, event, 5000) != 0)
        cr_assert_lt(instant_monotonic(), deadline, "never acknowledged");
}

Test(bus_listen, a_broker_that_dies_and_comes_back_loses_nothing)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    char id[ID_BYTES];

    hear_on(bus, app);
    for (int i = 0; i < 300; i++) {
        struct event event = order_event(EVENT_ORDER_CREATED, an_id(i, id), 0);

        if (i % 100 == 50) {
            kill_store(GIVEN_NATS);
            revive_store(GIVEN_NATS, /* wiped= */ false);
        }
        say_until_stored(bus, &event);
    }
    for (int i = 0; i < 300; i++)
        expect_heard(app, an_id(i, id), 1, 40000);
}

Test(bus_listen, a_consumer_that_was_deleted_is_made_again)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    jsErrCode error;

    hear_on(bus, app);
    cr_assert_eq(js_DeleteConsumer(bus->js, "orders", "hearer-orders", NULL, &error), NATS_OK);
    say_event(bus, &event);
    expect_heard(app, ID_ONE, 1, 10000);
}

Test(bus_listen, a_broker_that_lost_its_disk_gets_streams_and_consumers_again)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event before = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    struct event after = order_event(EVENT_ORDER_CREATED, ID_TWO, 0);

    hear_on(bus, app);
    say_event(bus, &before);
    expect_heard(app, ID_ONE, 1, 5000);
    kill_store(GIVEN_NATS);
    revive_store(GIVEN_NATS, /* wiped= */ true);
    say_until_stored(bus, &after);
    expect_heard(app, ID_TWO, 1, 10000);
}

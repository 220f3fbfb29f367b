/*
 * Catching up: what a durable has acknowledged and the database may not have is handled again, as
 * long as it takes, a while at a time.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "tests/common/heard.h"
#include "tests/support/support.h"

#include <stdio.h>

#define ID_ONE "5f1e0c2a9d3b4e6f7a8b9c01"
#define ID_TWO "5f1e0c2a9d3b4e6f7a8b9c02"

/* Forget everything in the test's database, as one that is new or was restored. */
static void empty_collection(const char *name)
{
    bson_t all = BSON_INITIALIZER;

    cr_assert_eq(store_remove(given_store(), name, &all, NULL), 0);
    bson_destroy(&all);
}

/* Say `count` events of `aggregates` orders, and wait until all is heard and acknowledged. */
static void given_heard(struct bus *bus, struct app *app, int count, int aggregates)
{
    size_t before = times_heard(app, NULL);
    char id[ID_BYTES];

    for (int i = 0; i < count; i++) {
        struct event event;

        snprintf(id, ID_BYTES, "5f1e0c2a9d3b4e6f%08x", (unsigned)(i % aggregates));
        event = order_event(EVENT_ORDER_CREATED, id, i / aggregates);
        say_event(bus, &event);
    }
    expect_heard(app, NULL, before + (size_t)count, 10000);
    expect_settled(bus, 5000);
}

/* Catch up to the end; how many events were handled. */
static int64_t catch_up(struct bus *bus, bool from_start)
{
    struct bus_catch_up *catch_up = bus_catch_up_new(bus, from_start);
    int64_t handled;

    cr_assert_eq(bus_catch_up_go_on(catch_up, 30000), 0);
    handled = bus_catch_up_progress(catch_up).handled;
    bus_catch_up_free(catch_up);
    return handled;
}

Test(bus_catch_up, an_empty_database_catches_up)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");

    hear_on(bus, app);
    cr_assert_eq(catch_up(bus, /* from_start= */ false), 0);
    given_heard(bus, app, 400, 50);
    cr_assert_eq(bus_note_progress(bus), 0);
    cr_assert_eq(catch_up(bus, false), 0, "what was noted was handled again");

    empty_collection("progress");
    cr_assert_eq(bus_note_progress(bus), 0);
    cr_assert_eq(documents("progress"), 0, "an emptied database got a note");
    cr_assert_eq(catch_up(bus, false), 400);
    cr_assert_eq(times_heard(app, NULL), 800);
    cr_assert_eq(documents("progress"), 1);

    cr_assert_eq(catch_up(bus, /* from_start= */ true), 400);
    cr_assert_not(app->overlapped);
}

Test(bus_catch_up, it_tries_again_and_parks)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct event one = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    struct event two = order_event(EVENT_ORDER_CREATED, ID_TWO, 0);

    hear_on(bus, app);
    say_event(bus, &one);
    say_event(bus, &two);
    expect_heard(app, NULL, 2, 5000);
    expect_settled(bus, 5000);
    answer_for(app, ID_ONE, STALE, 2);
    answer_for(app, ID_TWO, INVALID, 1);
    cr_assert_eq(catch_up(bus, /* from_start= */ true), 2);
    cr_assert_eq(times_heard(app, ID_ONE), 4);
    cr_assert_eq(times_heard(app, ID_TWO), 2);
    cr_assert_eq(documents("deadletters"), 1);
}

Test(bus_catch_up, it_goes_on_where_its_time_was_up)
{
    enum { EVENTS = 40 };
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct bus_catch_up *catch_up;
    int64_t before = 0, calls = 0;
    int r;

    hear_on(bus, app);
    given_heard(bus, app, EVENTS, 4);
    catch_up = bus_catch_up_new(bus, /* from_start= */ false);
    cr_assert_eq(bus_catch_up_progress(catch_up).of, 0, "it has not looked yet");
    while ((r = bus_catch_up_go_on(catch_up, 0)) == -EAGAIN) {
        struct bus_caught_up progress = bus_catch_up_progress(catch_up);

        cr_assert_eq(progress.of, EVENTS);
        cr_assert_leq(progress.done, EVENTS);
        cr_assert(progress.done > before || progress.done == EVENTS, "it began anew");
        cr_assert_eq(documents("progress"), 0, "a note before the end");
        before = progress.done;
        calls++;
    }
    cr_assert_eq(r, 0);
    cr_assert_geq(calls, EVENTS - 1, "without any time, one event at a time");
    cr_assert_eq(bus_catch_up_progress(catch_up).handled, EVENTS);
    cr_assert_eq(times_heard(app, NULL), 2 * EVENTS, "each once more");
    cr_assert_eq(documents("progress"), 1);
    bus_catch_up_free(catch_up);
}

Test(bus_catch_up, a_store_that_is_away_takes_no_longer_than_the_time_given)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct bus_catch_up *catch_up;
    int64_t begun_ms;

    hear_on(bus, app);
    given_heard(bus, app, 20, 1);
    catch_up = bus_catch_up_new(bus, /* from_start= */ false);
    answer_for(app, "5f1e0c2a9d3b4e6f00000000", -EAGAIN, 30);
    begun_ms = instant_monotonic();
    cr_assert_eq(bus_catch_up_go_on(catch_up, 200), -EAGAIN);
    cr_assert_lt(instant_monotonic() - begun_ms, 5000);
    cr_assert_lt(bus_catch_up_progress(catch_up).handled, 20);
    cr_assert_eq(bus_catch_up_go_on(catch_up, 30000), 0, "the store is back");
    cr_assert_eq(bus_catch_up_progress(catch_up).handled, 20);
    cr_assert_eq(documents("deadletters"), 0, "nobody is to blame for a store that is away");
    bus_catch_up_free(catch_up);
}

/* What is in the hands of workers then is theirs to end: ASan sees it if it is not, or twice. */
Test(bus_catch_up, it_can_be_given_up_at_any_moment)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");

    hear_on(bus, app);
    given_heard(bus, app, 100, 3);
    for (int i = 0; i < 30; i++) {
        struct bus_catch_up *catch_up = bus_catch_up_new(bus, /* from_start= */ true);
        int r;

        answer_for(app, "5f1e0c2a9d3b4e6f00000001", -EAGAIN, 5);
        do
            r = bus_catch_up_go_on(catch_up, 0);
        while (r == -EAGAIN && bus_catch_up_progress(catch_up).done < 3 * i);
        bus_catch_up_free(catch_up);
    }
    cr_assert_eq(documents("progress"), 0);
    cr_assert_not(app->overlapped);
}

Test(bus_catch_up, a_bus_that_stops_ends_it)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct bus_catch_up *catch_up;

    hear_on(bus, app);
    given_heard(bus, app, 100, 10);
    catch_up = bus_catch_up_new(bus, /* from_start= */ true);
    cr_assert_eq(bus_catch_up_go_on(catch_up, 0), -EAGAIN);
    bus_stop_listening(bus, 5000);
    cr_assert_eq(bus_catch_up_go_on(catch_up, 10000), -EAGAIN);
    bus_catch_up_free(catch_up);
}

Test(bus_catch_up, a_broker_that_is_away_is_given_up_soon)
{
    struct app *app = given_hearer();
    struct bus *bus = given_bus("hearer");
    struct bus_catch_up *catch_up;
    int64_t begun_ms;

    hear_on(bus, app);
    given_heard(bus, app, 100, 10);
    catch_up = bus_catch_up_new(bus, /* from_start= */ true);
    cr_assert_eq(bus_catch_up_go_on(catch_up, 0), -EAGAIN);
    kill_store(GIVEN_NATS);
    begun_ms = instant_monotonic();
    cr_assert_eq(bus_catch_up_go_on(catch_up, 500), -EAGAIN);
    cr_assert_lt(instant_monotonic() - begun_ms, 10000);
    revive_store(GIVEN_NATS, /* wiped= */ false);
    bus_catch_up_free(catch_up);
}

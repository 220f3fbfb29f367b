/*
 * Following a stream: in order, once each, with its sequences, whatever happens to the broker.
 */
#include "common/bus_private.h"
#include "common/instant.h"
#include "tests/common/heard.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <string.h>

#define ID_ONE "5f1e0c2a9d3b4e6f7a8b9c01"

/* What was followed. */
struct followed {
    pthread_mutex_t lock;
    int began, count;
    uint64_t next;   /* of the latest beginning */
    uint64_t last;   /* the last sequence heard */
    int64_t version; /* and its event's version */
    bool disordered; /* or heard twice */
};

static void began(void *context, uint64_t next)
{
    struct followed *followed = context;

    pthread_mutex_lock(&followed->lock);
    followed->began++;
    followed->next = next;
    followed->last = next - 1;
    pthread_mutex_unlock(&followed->lock);
}

static void heard(void *context, const struct event *event, uint64_t sequence)
{
    struct followed *followed = context;

    pthread_mutex_lock(&followed->lock);
    followed->disordered = followed->disordered || sequence != followed->last + 1;
    followed->last = sequence;
    followed->version = event->version;
    followed->count++;
    pthread_mutex_unlock(&followed->lock);
}

static struct followed followed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct followed now(void)
{
    struct followed copy;

    pthread_mutex_lock(&followed.lock);
    copy = followed;
    pthread_mutex_unlock(&followed.lock);
    return copy;
}

static struct bus *given_publisher(void)
{
    struct bus *bus = given_bus("orders");
    struct writer problems;

    writer_init(&problems);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    return bus;
}

static void follow(struct bus *bus, uint64_t back)
{
    const struct bus_following following = {
        .owner = OWNER_ORDERS, .back = back, .began = began, .heard = heard, .context = &followed};

    cr_assert_eq(bus_follow(bus, &following, 10000), 0);
}

static void say(struct bus *bus, int64_t first, int64_t last)
{
    for (int64_t version = first; version <= last; version++) {
        struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, version);
        int64_t deadline_ms = instant_monotonic() + 15000;

        while (bus_publish_wait(bus, &event, 5000) != 0) /* the broker may be coming back */
            cr_assert_lt(instant_monotonic(), deadline_ms);
    }
}

static bool has_version(void *context)
{
    return now().version == *(int64_t *)context;
}

static void await_version(int64_t version)
{
    eventually(has_version, &version, 15000, "the event is heard");
}

static bool began_again(void *context)
{
    (void)context;
    return now().began == 2;
}

Test(bus_follow, it_begins_so_far_back_and_has_read_that_when_it_returns)
{
    struct bus *bus = given_publisher();

    say(bus, 1, 700); /* more than one request asks for */
    follow(bus, 600);
    cr_assert_eq(now().began, 1);
    cr_assert_eq(now().next, 101);
    cr_assert_eq(now().count, 600);
    cr_assert_eq(now().version, 700);
    say(bus, 701, 710);
    await_version(710);
    cr_assert_eq(now().count, 610);
    cr_assert_not(now().disordered);
}

Test(bus_follow, a_stream_without_events_begins_with_the_first)
{
    struct bus *bus = given_publisher();

    follow(bus, 10);
    cr_assert_eq(now().began, 1);
    cr_assert_eq(now().next, 1);
    say(bus, 1, 1);
    await_version(1);
    cr_assert_eq(now().last, 1);
}

Test(bus_follow, an_event_is_heard_in_milliseconds)
{
    struct bus *bus = given_publisher();
    int64_t least_ms = INT64_MAX;

    follow(bus, 10);
    for (int64_t version = 1; version <= 20; version++) {
        int64_t began_ms = instant_monotonic();

        say(bus, version, version);
        while (now().version != version && instant_monotonic() - began_ms < 5000)
            continue;
        if (instant_monotonic() - began_ms < least_ms)
            least_ms = instant_monotonic() - began_ms;
    }
    cr_assert_lt(least_ms, 50, "%d ms",
                 (int)least_ms); /* the store's fsync, and no period of ours */
}

Test(bus_follow, nothing_is_missed_when_the_broker_is_killed)
{
    struct bus *bus = given_publisher();

    follow(bus, 10);
    for (int64_t round = 0; round < 3; round++) {
        say(bus, round * 20 + 1, round * 20 + 20);
        kill_store(GIVEN_NATS); /* also what is on its way to us */
        revive_store(GIVEN_NATS, /* wiped= */ false);
    }
    say(bus, 61, 61);
    await_version(61);
    cr_assert_eq(now().began, 1);
    cr_assert_eq(now().count, 61);
    cr_assert_not(now().disordered);
}

Test(bus_follow, another_stream_of_that_name_is_a_beginning)
{
    struct bus *bus = given_publisher();

    say(bus, 1, 5);
    follow(bus, 10);
    cr_assert_eq(js_DeleteStream(bus->js, "orders", NULL, NULL), NATS_OK);
    eventually(began_again, NULL, 20000, "it begins again"); /* the keeper makes it anew */
    cr_assert_eq(now().next, 1);
    say(bus, 6, 6);
    await_version(6);
    cr_assert_eq(now().last, 1);
}

Test(bus_follow, what_was_removed_before_it_was_heard_is_a_beginning)
{
    struct bus *bus = given_publisher();

    follow(bus, 10);
    pthread_mutex_lock(&followed.lock); /* it hears nothing now, and has asked for 512 */
    say(bus, 1, 600);
    cr_assert_eq(js_PurgeStream(bus->js, "orders", NULL, NULL), NATS_OK);
    say(bus, 601, 601);
    pthread_mutex_unlock(&followed.lock);
    await_version(601);
    cr_assert_eq(now().began, 2);
    cr_assert_eq(now().next, 601);
    cr_assert_not(now().disordered);
}

/*
 * Bans, against a real nats-server.
 */

#include "common/bans.h"
#include "common/bus_private.h"
#include "common/instant.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_ANN "5f1e0c2a9d3b4e6f7a8b9c01"
#define ID_BOB "5f1e0c2a9d3b4e6f7a8b9c02"

static struct bus *given_auth(void)
{
    struct bus *bus = given_bus("auth");
    struct writer problems;

    writer_init(&problems);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    return bus;
}

static struct bans *given_bans(struct bus *bus, int64_t token_seconds)
{
    static struct bans *bans; /* lives as long as the bus, which is closed at exit */

    cr_assert_eq(bans_open(bus, token_seconds, &bans), 0);
    return bans;
}

static struct event ban_event(enum event_type type, const char *user_id, int64_t version)
{
    struct event event;

    event_init(&event, type, user_id, version);
    return event;
}

static void say(struct bus *bus, enum event_type type, const char *user_id, int64_t version)
{
    struct event event = ban_event(type, user_id, version);

    cr_assert_eq(bus_publish_wait(bus, &event, 5000), 0);
}

/* What is waited for. */
struct expected {
    struct bans *bans;
    bool banned;
};

static bool ann_is(void *context)
{
    struct expected *expected = context;

    return bans_is_banned(expected->bans, ID_ANN) == expected->banned;
}

Test(bans, nobody_is_banned_at_first)
{
    struct bans *bans = given_bans(given_auth(), 900);

    cr_assert_not(bans_is_banned(bans, ID_ANN));
}

Test(bans, a_ban_and_its_end_are_heard_within_a_second)
{
    struct bus *bus = given_auth();
    struct expected expected = {given_bans(bus, 900), true};

    say(bus, EVENT_USER_BANNED, ID_ANN, 1);
    eventually(ann_is, &expected, 1000, "the ban is heard");
    cr_assert_not(bans_is_banned(expected.bans, ID_BOB));
    say(bus, EVENT_USER_UNBANNED, ID_ANN, 2);
    expected.banned = false;
    eventually(ann_is, &expected, 1000, "its end is heard");
}

Test(bans, bans_from_before_the_start_are_read)
{
    struct bus *bus = given_auth();
    struct bans *bans;

    say(bus, EVENT_USER_BANNED, ID_ANN, 1);
    say(bus, EVENT_USER_BANNED, ID_BOB, 1);
    say(bus, EVENT_USER_UNBANNED, ID_BOB, 2);
    bans = given_bans(bus, 900);
    cr_assert(bans_is_banned(bans, ID_ANN));
    cr_assert_not(bans_is_banned(bans, ID_BOB));
}

Test(bans, an_older_version_changes_nothing)
{
    struct bans *bans = given_bans(given_auth(), 900);
    struct event unbanned = ban_event(EVENT_USER_UNBANNED, ID_ANN, 5);
    struct event banned = ban_event(EVENT_USER_BANNED, ID_ANN, 4);
    struct event again = ban_event(EVENT_USER_BANNED, ID_ANN, 6);

    bans_apply(bans, &unbanned);
    bans_apply(bans, &banned);
    cr_assert_not(bans_is_banned(bans, ID_ANN), "an old ban came back");
    bans_apply(bans, &again);
    bans_apply(bans, &unbanned);
    cr_assert(bans_is_banned(bans, ID_ANN));
}

Test(bans, a_ban_missed_while_the_broker_was_away_is_read_on_the_reconnect)
{
    struct bus *bus = given_auth();
    struct bans *bans = given_bans(bus, 900);
    struct bus_config config = {.url = given_nats(), .service = "other", .workers = 1};
    struct expected expected = {bans, true};
    struct event event = ban_event(EVENT_USER_BANNED, ID_ANN, 1);
    struct bus *other = NULL;
    int64_t deadline = instant_monotonic() + 20000;

    /* Whoever reconnects first publishes; the other may not be there yet to hear it. */
    cr_assert_eq(bus_open(&config, 5000, &other), 0);
    kill_store(GIVEN_NATS);
    revive_store(GIVEN_NATS, /* wiped= */ false);
    while (bus_publish_wait(other, &event, 1000) != 0)
        cr_assert_lt(instant_monotonic(), deadline);
    eventually(ann_is, &expected, 10000, "the ban is known");
    other = bus_free(other);
}

/* Until it is heard sessions are renewed: its time counts from then on. */
Test(bans, a_ban_that_is_told_late_holds_for_a_whole_session)
{
    struct bus *bus = given_auth();
    struct expected expected = {given_bans(bus, 900), true};
    struct event event = ban_event(EVENT_USER_BANNED, ID_ANN, 1);

    event.at_ms -= 2 * 900 * 1000;
    cr_assert_eq(bus_publish_wait(bus, &event, 5000), 0);
    eventually(ann_is, &expected, 1000, "the ban is heard");
}

/* Brokers of a cluster may lose a live message while everybody stays connected. */
Test(bans, a_ban_that_nobody_told_is_found_in_the_stream)
{
    struct bus *bus = given_auth();
    struct bans *bans = given_bans(bus, 900);
    struct bus_config config = {.url = given_nats(), .service = "other", .workers = 1};
    struct bus *other = NULL;

    cr_assert_eq(bus_open(&config, 5000, &other), 0);
    for (size_t i = 0; i < bus->subscription_count; i++)
        natsSubscription_Unsubscribe(bus->subscriptions[i]);
    say(other, EVENT_USER_BANNED, ID_ANN, 1);
    cr_assert_not(bans_is_banned(bans, ID_ANN), "it was told");
    cr_assert_eq(bans_look(bans), 0);
    cr_assert(bans_is_banned(bans, ID_ANN));
    other = bus_free(other);
}

Test(bans, who_has_not_looked_for_long_does_not_know)
{
    struct bus *bus = given_auth();
    struct bans *bans = given_bans(bus, 900);
    int64_t now_ms = instant_monotonic();

    cr_assert(bans_are_current(bans, now_ms));
    cr_assert_not(bans_are_current(bans, now_ms + BANS_FRESH_MS));
    kill_store(GIVEN_NATS);
    cr_assert_eq(bans_look(bans), -EAGAIN);
    cr_assert_not(bans_are_current(bans, now_ms + BANS_FRESH_MS), "a look in vain counted");
    revive_store(GIVEN_NATS, /* wiped= */ false);
    while (bans_look(bans) != 0)
        cr_assert_lt(instant_monotonic(), now_ms + 20000);
    cr_assert(bans_are_current(bans, instant_monotonic()));
}

Test(bans, many_users_fit_and_old_entries_go)
{
    struct bans *bans = given_bans(given_auth(), 900);
    char id[ID_BYTES];

    for (int i = 0; i < 5000; i++) {
        struct event event;

        snprintf(id, sizeof(id), "5f1e0c2a9d3b4e6f%08x", (unsigned)i);
        event = ban_event(i % 3 == 0 ? EVENT_USER_UNBANNED : EVENT_USER_BANNED, id, 1);
        if (i < 1000)
            event.at_ms -= 2 * 900 * 1000; /* no token from before it lives any more */
        bans_apply(bans, &event);
    }
    for (int i = 1000; i < 5000; i++) {
        snprintf(id, sizeof(id), "5f1e0c2a9d3b4e6f%08x", (unsigned)i);
        cr_assert_eq(bans_is_banned(bans, id), i % 3 != 0, "user %d", i);
    }
    cr_assert_not(bans_is_banned(bans, "5f1e0c2a9d3b4e6f00000001"), "an old entry was kept");
}

/* Its end may have been missed; whoever is banned has no token from before it any more. */
Test(bans, a_ban_that_is_older_than_any_token_matters_no_more)
{
    struct bans *bans = given_bans(given_auth(), 900);
    struct event event = ban_event(EVENT_USER_BANNED, ID_ANN, 1);
    char listed[4][ID_BYTES];
    size_t place = 0;

    event.at_ms -= INT64_C(2) * 900 * 1000;
    bans_apply(bans, &event);
    cr_expect_not(bans_is_banned(bans, ID_ANN));
    cr_expect_eq(bans_list(bans, &place, 4, listed), 0);
}

Test(bans, who_is_banned_is_listed_a_few_at_a_time)
{
    enum { USERS = 100, AT_A_TIME = 7 };
    struct bans *bans = given_bans(given_auth(), 900);
    char listed[AT_A_TIME][ID_BYTES], id[ID_BYTES];
    bool seen[USERS] = {false};
    size_t place = 0, count, all = 0;

    cr_expect_eq(bans_list(bans, &place, AT_A_TIME, listed), 0, "nobody");
    for (int i = 0; i < USERS; i++) {
        struct event event;

        snprintf(id, sizeof(id), "5f1e0c2a9d3b4e6f%08x", (unsigned)i);
        event = ban_event(i % 2 == 0 ? EVENT_USER_BANNED : EVENT_USER_UNBANNED, id, 1);
        bans_apply(bans, &event);
    }
    for (place = 0; (count = bans_list(bans, &place, AT_A_TIME, listed)) > 0; all += count) {
        for (size_t i = 0; i < count; i++) {
            size_t number = strtoul(listed[i] + 16, NULL, 16);

            cr_assert_lt(number, USERS);
            cr_expect_eq(number % 2, 0, "user %zu is not banned", number);
            cr_expect_not(seen[number], "user %zu came twice", number);
            seen[number] = true;
        }
    }
    cr_expect_eq(all, USERS / 2);
}

Test(bans, other_events_are_no_bans)
{
    struct bans *bans = given_bans(given_auth(), 900);
    struct event event = ban_event(EVENT_USER_CREATED, ID_ANN, 0);

    bans_apply(bans, &event);
    cr_assert_not(bans_is_banned(bans, ID_ANN));
}

/*
 * Copies: the four rules (next, same, older, gap), and that no order of deliveries changes the end.
 */

#include "common/copy.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void ticket_to_bson(const struct event *event, bson_t *fields)
{
    BSON_APPEND_UTF8(fields, "title", event->ticket.title);
    BSON_APPEND_INT64(fields, "price", event->ticket.price_cents);
}

static const struct copy tickets = {.collection = "tickets", .to_bson = ticket_to_bson};

static struct event ticket_event(const char *id, int64_t version)
{
    struct event event;

    event_init(&event, version == 0 ? EVENT_TICKET_CREATED : EVENT_TICKET_UPDATED, id, version);
    snprintf(event.ticket.title, sizeof(event.ticket.title), "title %lld", (long long)version);
    event.ticket.price_cents = 2000 + version;
    return event;
}

static struct metrics *metrics;

static void open_metrics(void)
{
    metrics = metrics_new();
}

static void close_metrics(void)
{
    metrics = metrics_free(metrics);
}

TestSuite(copy, .init = open_metrics, .fini = close_metrics);

static int64_t gaps_closed(void)
{
    return metric_value(metrics_counter(metrics, "event_gaps_closed_total", "", ""));
}

/* Deliver one event; its result. */
static int deliver(const struct event *event)
{
    int result = -1;

    cr_assert_eq(copy_move(given_store(), metrics, &tickets, &event, 1, &result), 0);
    return result;
}

static int deliver_version(const char *id, int64_t version)
{
    struct event event = ticket_event(id, version);

    return deliver(&event);
}

/* The copy is at `version`, with that version's fields; -1: there is none. */
static void expect_copy(const char *id, int64_t version)
{
    cleanup(bson_freep) bson_t *found = NULL;
    bson_t filter = BSON_INITIALIZER;
    char title[32];
    int r;

    store_append_id(&filter, "_id", id);
    r = store_find(given_store(), "tickets", &filter, NULL, &found);
    bson_destroy(&filter);
    if (version < 0) {
        cr_assert_eq(r, NOT_FOUND);
        return;
    }
    cr_assert_eq(r, 0);
    snprintf(title, sizeof(title), "title %lld", (long long)version);
    cr_assert_eq(store_read_int(found, "version", -1), version);
    cr_assert_eq(store_read_int(found, "price", -1), 2000 + version);
    cr_assert_str_eq(store_read_text(found, "title", ""), title);
}

Test(copy, the_next_version_is_applied)
{
    char id[ID_BYTES];

    store_new_id(id);
    cr_expect_eq(deliver_version(id, 0), DONE);
    expect_copy(id, 0);
    cr_expect_eq(deliver_version(id, 1), DONE);
    expect_copy(id, 1);
}

Test(copy, the_same_and_older_versions_change_nothing)
{
    struct event other;
    char id[ID_BYTES];

    store_new_id(id);
    for (int64_t version = 0; version <= 2; version++)
        cr_assert_eq(deliver_version(id, version), DONE);
    other = ticket_event(id, 2);
    other.ticket.price_cents = 1;
    cr_expect_eq(deliver(&other), DONE);
    expect_copy(id, 2);
    cr_expect_eq(deliver_version(id, 0), DONE);
    cr_expect_eq(deliver_version(id, 1), DONE);
    expect_copy(id, 2);
}

Test(copy, a_gap_is_asked_for_again)
{
    char id[ID_BYTES];

    store_new_id(id);
    cr_expect_eq(deliver_version(id, 1), STALE);
    expect_copy(id, -1);
    cr_expect_eq(deliver_version(id, 0), DONE);
    cr_expect_eq(deliver_version(id, 2), STALE);
    expect_copy(id, 0);
    cr_expect_eq(deliver_version(id, 1), DONE);
    cr_expect_eq(deliver_version(id, 2), DONE);
    expect_copy(id, 2);
    cr_expect_eq(gaps_closed(), 0);
}

Test(copy, an_old_gap_is_closed_by_the_newer_state)
{
    struct event event;
    char id[ID_BYTES];

    store_new_id(id);
    cr_assert_eq(deliver_version(id, 0), DONE);
    event = ticket_event(id, 3);
    instant_fake(event.at_ms + COPY_GAP_MS - 1);
    cr_expect_eq(deliver(&event), STALE);
    expect_copy(id, 0);
    instant_fake(event.at_ms + COPY_GAP_MS);
    cr_expect_eq(deliver(&event), DONE);
    expect_copy(id, 3);
    cr_expect_eq(gaps_closed(), 1);
    cr_expect_eq(deliver(&event), DONE, "a repeat is no gap");
    cr_expect_eq(gaps_closed(), 1);
    cr_expect_eq(deliver_version(id, 2), DONE, "what was missing comes late");
    expect_copy(id, 3);
}

Test(copy, an_old_gap_before_the_first_copy_is_closed_too)
{
    struct event event;
    char id[ID_BYTES];

    store_new_id(id);
    event = ticket_event(id, 7);
    event.at_ms = instant_now() - COPY_GAP_MS;
    cr_expect_eq(deliver(&event), DONE);
    expect_copy(id, 7);
    cr_expect_eq(gaps_closed(), 1);
}

Test(copy, each_event_of_a_batch_has_its_own_result)
{
    struct event events[4];
    const struct event *batch[4];
    char ids[4][ID_BYTES];
    int results[4] = {-1, -1, -1, -1};

    for (int i = 0; i < 4; i++)
        store_new_id(ids[i]);
    cr_assert_eq(deliver_version(ids[1], 0), DONE);
    cr_assert_eq(deliver_version(ids[2], 0), DONE);
    cr_assert_eq(deliver_version(ids[2], 1), DONE);
    events[0] = ticket_event(ids[0], 0); /* new */
    events[1] = ticket_event(ids[1], 1); /* next */
    events[2] = ticket_event(ids[2], 0); /* older */
    events[3] = ticket_event(ids[3], 5); /* a gap */
    for (int i = 0; i < 4; i++)
        batch[i] = &events[i];
    cr_assert_eq(copy_move(given_store(), metrics, &tickets, batch, 4, results), 0);
    cr_expect_eq(results[0], DONE);
    cr_expect_eq(results[1], DONE);
    cr_expect_eq(results[2], DONE);
    cr_expect_eq(results[3], STALE);
    expect_copy(ids[0], 0);
    expect_copy(ids[1], 1);
    expect_copy(ids[2], 1);
    expect_copy(ids[3], -1);
    cr_expect_eq(copy_move(given_store(), metrics, &tickets, batch, 0, results), 0);
}

/* A small generator of our own, so that a failing order can be had again. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

enum { IDS = 5, VERSIONS = 12, COPIES = 3, DELIVERIES = IDS * VERSIONS * COPIES };

static void shuffle(struct event *events, uint32_t seed)
{
    for (uint32_t i = DELIVERIES - 1; i > 0; i--) {
        uint32_t j = next_random(&seed) % (i + 1);
        struct event swap = events[i];

        events[i] = events[j];
        events[j] = swap;
    }
}

Test(copy, duplicates_in_any_order_end_in_the_same_copy)
{
    static struct event events[DELIVERIES];
    char ids[IDS][ID_BYTES];
    int waiting;

    for (int i = 0; i < IDS; i++)
        store_new_id(ids[i]);
    for (int i = 0; i < DELIVERIES; i++)
        events[i] = ticket_event(ids[i % IDS], i / IDS % VERSIONS);

    for (uint32_t seed = 1; seed <= 3; seed++) {
        shuffle(events, seed);
        do { /* what is STALE is delivered again */
            waiting = 0;
            for (int i = 0; i < DELIVERIES; i++) {
                int r = deliver(&events[i]);

                cr_assert(r == DONE || r == STALE);
                waiting += r == STALE;
            }
        } while (waiting > 0);
        for (int i = 0; i < IDS; i++)
            expect_copy(ids[i], VERSIONS - 1);
        cr_expect_eq(gaps_closed(), 0);
    }
}

struct race {
    char id[ID_BYTES];
    int64_t last;
    int result;
    pthread_barrier_t *start;
};

static void *deliver_all(void *context)
{
    struct race *race = context;

    pthread_barrier_wait(race->start);
    for (int64_t version = 0; version <= race->last;) {
        race->result = deliver_version(race->id, version);
        if (race->result == DONE)
            version++;
        else if (race->result != STALE)
            return NULL;
    }
    return NULL;
}

static void *deliver_late_state(void *context)
{
    struct race *race = context;
    struct event event = ticket_event(race->id, 4);

    event.at_ms -= COPY_GAP_MS;
    pthread_barrier_wait(race->start);
    do
        race->result = deliver(&event);
    while (race->result == STALE);
    return NULL;
}

/* Run `rival` in a thread of its own against deliver_all(id, last), beginning at one moment. */
static void race(void *(*rival)(void *context), int64_t last, int64_t expected)
{
    struct race one = {.last = last}, other;
    pthread_barrier_t start;
    pthread_t thread;

    given_store(); /* opened by this thread, before they meet */
    pthread_barrier_init(&start, NULL, 2);
    store_new_id(one.id);
    one.start = &start;
    other = one;
    cr_assert_eq(pthread_create(&thread, NULL, rival, &other), 0);
    deliver_all(&one);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&start);
    cr_assert_eq(one.result, DONE);
    cr_assert_eq(other.result, DONE);
    expect_copy(one.id, expected);
}

Test(copy, two_that_race_end_in_the_same_copy)
{
    for (int round = 0; round < 20; round++)
        race(deliver_all, 5, 5);
}

/* The insert of a first version meets the insert of a newer whole state: neither hides the other.
 */
Test(copy, a_gap_closed_while_the_first_version_arrives_is_not_lost)
{
    for (int round = 0; round < 300; round++)
        race(deliver_late_state, 0, 4);
}

Test(copy, a_store_that_is_away_is_eagain)
{
    struct event event;
    const struct event *batch = &event;
    struct store_config config = {
        .database = given_database(), .app_name = "test", .clients_max = 1};
    struct store *store;
    char uri[80], id[ID_BYTES];
    int result = 0;

    store_new_id(id);
    event = ticket_event(id, 0);
    snprintf(uri, sizeof(uri), "mongodb://127.0.0.1:%d/?replicaSet=rs0", free_port());
    config.uri = uri;
    cr_assert_eq(store_open(&config, &store), 0);
    cr_expect_eq(copy_move(store, metrics, &tickets, &batch, 1, &result), -EAGAIN);
    store_free(store);
}

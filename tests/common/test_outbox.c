/*
 * The outbox against a real mongod and a real nats-server: what was committed is said, once in
 * effect, in order, whatever dies in between.
 */

#include "common/outbox.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define HEARD_MAX 4096

static const char *const collections[] = {"tickets"};

static const struct store_index indexes[] = {
    OUTBOX_INDEX("tickets"),
    {"tickets", "tickets_title", "{\"title\": 1}",
     "{\"unique\": true, \"partialFilterExpression\": {\"title\": {\"$exists\": true}}}"},
};

/* A store, a bus with its streams, and an outbox between them. */
struct stage {
    struct store *store;
    struct bus *bus;
    struct metrics *metrics;
    struct outbox *outbox;
};

static struct stage given_stage(void)
{
    cleanup(writer_release) struct writer problems;
    struct stage stage = {.store = given_store(), .bus = given_bus("tickets")};

    writer_init(&problems);
    cr_assert_eq(store_prepare(stage.store, indexes, ARRAY_LENGTH(indexes), &problems), 0);
    cr_assert_eq(bus_prepare(stage.bus, NULL, 0, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    return stage;
}

static void open_outbox(struct stage *stage)
{
    stage->metrics = metrics_new();
    cr_assert_eq(
        outbox_open(stage->store, stage->bus, stage->metrics, collections, 1, &stage->outbox), 0);
}

static void close_outbox(struct stage *stage)
{
    stage->outbox = outbox_free(stage->outbox, 5000);
    stage->metrics = metrics_free(stage->metrics);
}

static int64_t metric_of(struct stage *stage, const char *name)
{
    return metric_value(metrics_counter(stage->metrics, name, "", ""));
}

static struct event ticket_event(const char *id, int64_t version)
{
    struct event event;

    event_init(&event, version == 0 ? EVENT_TICKET_CREATED : EVENT_TICKET_UPDATED, id, version);
    snprintf(event.ticket.title, sizeof(event.ticket.title), "title %lld", (long long)version);
    event.ticket.price_cents = 2000 + version;
    text_copy(event.ticket.user_id, sizeof(event.ticket.user_id), id);
    return event;
}

static int insert_ticket(struct stage *stage, const char *id)
{
    struct event event = ticket_event(id, 0);
    bson_t document = BSON_INITIALIZER;
    int r;

    store_append_id(&document, "_id", id);
    r = outbox_insert(stage->outbox, "tickets", &document, &event, NULL);
    bson_destroy(&document);
    return r;
}

static int save_ticket(struct stage *stage, const char *id, int64_t version)
{
    struct event event = ticket_event(id, version);
    bson_t set = BSON_INITIALIZER;
    int r;

    BSON_APPEND_INT64(&set, "price", event.ticket.price_cents);
    r = outbox_save(stage->outbox, "tickets", &set, NULL, NULL, &event, NULL);
    bson_destroy(&set);
    return r;
}

static bson_t *find_ticket(struct stage *stage, const char *id)
{
    bson_t filter = BSON_INITIALIZER, *found = NULL;

    store_append_id(&filter, "_id", id);
    cr_assert_eq(store_find(stage->store, "tickets", &filter, NULL, &found), 0);
    bson_destroy(&filter);
    return found;
}

/* A ticket as a process leaves it that died between commit and publish; `waiting` events. */
static void given_crashed_ticket(struct stage *stage, const char *id, int64_t waiting,
                                 int64_t relay_after_ms)
{
    bson_t document = BSON_INITIALIZER, events, element;

    store_append_id(&document, "_id", id);
    BSON_APPEND_INT64(&document, "version", waiting - 1);
    BSON_APPEND_ARRAY_BEGIN(&document, "outbox", &events);
    for (int64_t version = 0; version < waiting; version++) {
        struct event event = ticket_event(id, version);
        cleanup(writer_release) struct writer body;
        char key[8];

        writer_init(&body);
        event_encode(&event, &body);
        snprintf(key, sizeof(key), "%d", (int)version);
        BSON_APPEND_DOCUMENT_BEGIN(&events, key, &element);
        BSON_APPEND_UTF8(&element, "id", event.id);
        BSON_APPEND_UTF8(&element, "subject", event_info(event.type)->subject);
        BSON_APPEND_INT64(&element, "version", version);
        BSON_APPEND_DATE_TIME(&element, "at", event.at_ms);
        BSON_APPEND_UTF8(&element, "traceparent", "");
        BSON_APPEND_UTF8(&element, "body", writer_text(&body));
        bson_append_document_end(&events, &element);
    }
    bson_append_array_end(&document, &events);
    BSON_APPEND_DATE_TIME(&document, "pendingAt", relay_after_ms);
    BSON_APPEND_DATE_TIME(&document, "relayAfter", relay_after_ms);
    cr_assert_eq(store_insert(stage->store, "tickets", &document, NULL), 0);
    bson_destroy(&document);
}

/* What the stream holds. */
struct heard {
    size_t count;
    struct {
        char id[ID_BYTES];
        int64_t version, price_cents;
    } events[HEARD_MAX];
};

static int note_heard(void *context, const struct event *event, uint64_t sequence)
{
    struct heard *heard = context;

    (void)sequence;
    cr_assert_lt(heard->count, HEARD_MAX);
    text_copy(heard->events[heard->count].id, ID_BYTES, event->aggregate_id);
    heard->events[heard->count].version = event->version;
    heard->events[heard->count].price_cents = event->ticket.price_cents;
    heard->count++;
    return 0;
}

static void hear(struct stage *stage, struct heard *heard)
{
    struct bus_range range = {.owner = OWNER_TICKETS};

    heard->count = 0;
    cr_assert_eq(bus_replay(stage->bus, &range, note_heard, heard), 0);
}

/* Each version of `id` from 0 to `last` is in the stream once, in order. */
static void expect_told(const struct heard *heard, const char *id, int64_t last)
{
    int64_t next = 0;

    for (size_t i = 0; i < heard->count; i++) {
        if (strcmp(heard->events[i].id, id) != 0)
            continue;
        cr_assert_eq(heard->events[i].version, next, "%s: version %d where %d is due", id,
                     (int)heard->events[i].version, (int)next);
        cr_assert_eq(heard->events[i].price_cents, 2000 + next);
        next++;
    }
    cr_assert_eq(next, last + 1, "%s: %d of %d events", id, (int)next, (int)last + 1);
}

static bool all_are_empty(void *context)
{
    cleanup(bson_freep) bson_t *full = BCON_NEW("outbox.0", "{", "$exists", BCON_BOOL(true), "}");
    struct stage *stage = context;
    int64_t count = -1;

    return store_count(stage->store, "tickets", full, 1, &count) == 0 && count == 0;
}

static bool is_disconnected(void *context)
{
    return !bus_is_connected(((struct stage *)context)->bus);
}

static bool is_connected(void *context)
{
    return bus_is_connected(((struct stage *)context)->bus);
}

static bool has_swept(void *context)
{
    return metric_of(context, "outbox_swept_total") > 0;
}

Test(outbox, an_insert_says_its_event_and_empties_its_outbox)
{
    static struct heard heard;
    cleanup(bson_freep) bson_t *found = NULL;
    struct stage stage = given_stage();
    char id[ID_BYTES];
    bson_iter_t iter;

    open_outbox(&stage);
    store_new_id(id);
    cr_assert_eq(insert_ticket(&stage, id), 0);
    eventually(all_are_empty, &stage, 5000, "the outbox is emptied");
    hear(&stage, &heard);
    cr_expect_eq(heard.count, 1);
    expect_told(&heard, id, 0);

    found = find_ticket(&stage, id);
    cr_expect_eq(store_read_int(found, "version", -1), 0);
    cr_expect_not(bson_iter_init_find(&iter, found, "pendingAt"));
    cr_expect_not(bson_iter_init_find(&iter, found, "relayAfter"));
    cr_expect_eq(outbox_waiting(stage.outbox), 0);
    cr_expect_eq(metric_of(&stage, "outbox_published_total"), 1);
    close_outbox(&stage);
}

Test(outbox, saves_say_every_version_in_order)
{
    static struct heard heard;
    struct stage stage = given_stage();
    char id[ID_BYTES];

    open_outbox(&stage);
    store_new_id(id);
    cr_assert_eq(insert_ticket(&stage, id), 0);
    for (int64_t version = 1; version <= 30; version++)
        cr_assert_eq(save_ticket(&stage, id, version), 0);
    eventually(all_are_empty, &stage, 5000, "the outbox is emptied");
    hear(&stage, &heard);
    cr_expect_eq(heard.count, 31);
    expect_told(&heard, id, 30);
    /* What is in memory is not handed over again with the next save; now and then one that was just
     * being emptied is. */
    cr_expect_lt(metric_of(&stage, "outbox_published_total"), 2 * 31, "%d",
                 (int)metric_of(&stage, "outbox_published_total"));
    close_outbox(&stage);
}

Test(outbox, a_stale_save_writes_and_says_nothing)
{
    static struct heard heard;
    cleanup(bson_freep) bson_t *found = NULL;
    struct stage stage = given_stage();
    char id[ID_BYTES], nobody[ID_BYTES];

    open_outbox(&stage);
    store_new_id(id);
    store_new_id(nobody);
    cr_assert_eq(insert_ticket(&stage, id), 0);
    cr_assert_eq(save_ticket(&stage, id, 1), 0);
    cr_expect_eq(save_ticket(&stage, id, 1), STALE, "somebody was faster");
    cr_expect_eq(save_ticket(&stage, id, 3), STALE, "it is not there yet");
    cr_expect_eq(save_ticket(&stage, nobody, 1), STALE, "it is gone");

    eventually(all_are_empty, &stage, 5000, "the outbox is emptied");
    found = find_ticket(&stage, id);
    cr_expect_eq(store_read_int(found, "version", -1), 1);
    cr_expect_eq(store_read_int(found, "price", -1), 2001);
    hear(&stage, &heard);
    cr_expect_eq(heard.count, 2);
    close_outbox(&stage);
}

Test(outbox, set_unset_and_guard_do_what_they_say)
{
    cleanup(bson_freep) bson_t *set = BCON_NEW("orderId", BCON_UTF8("x"));
    cleanup(bson_freep) bson_t *unset = BCON_NEW("orderId", BCON_BOOL(true));
    cleanup(bson_freep) bson_t *held = BCON_NEW("orderId", BCON_UTF8("x"));
    cleanup(bson_freep) bson_t *found = NULL;
    struct stage stage = given_stage();
    struct event first, second;
    char id[ID_BYTES];

    open_outbox(&stage);
    store_new_id(id);
    first = ticket_event(id, 1);
    second = ticket_event(id, 2);
    cr_assert_eq(insert_ticket(&stage, id), 0);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", set, NULL, held, &first, NULL), STALE,
                 "the guard does not hold");
    cr_expect_eq(outbox_save(stage.outbox, "tickets", set, NULL, NULL, &first, NULL), 0);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", NULL, unset, held, &second, NULL), 0);
    found = find_ticket(&stage, id);
    cr_expect_str_eq(store_read_text(found, "orderId", "absent"), "absent");
    cr_expect_eq(store_read_int(found, "version", -1), 2);
    close_outbox(&stage);
}

Test(outbox, a_save_into_a_unique_index_is_a_conflict_and_says_nothing)
{
    static struct heard heard;
    cleanup(bson_freep) bson_t *title = BCON_NEW("title", BCON_UTF8("the same"));
    struct stage stage = given_stage();
    char one[ID_BYTES], other[ID_BYTES], index[STORE_INDEX_BYTES] = "";
    struct event event;

    open_outbox(&stage);
    store_new_id(one);
    store_new_id(other);
    cr_assert_eq(insert_ticket(&stage, one), 0);
    cr_assert_eq(insert_ticket(&stage, other), 0);
    cr_expect_eq(insert_ticket(&stage, other), CONFLICT);
    event = ticket_event(one, 1);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", title, NULL, NULL, &event, index), 0);
    event = ticket_event(other, 1);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", title, NULL, NULL, &event, index), CONFLICT);
    cr_expect_str_eq(index, "tickets_title");

    eventually(all_are_empty, &stage, 5000, "the outboxes are emptied");
    hear(&stage, &heard);
    cr_expect_eq(heard.count, 3);
    expect_told(&heard, other, 0);
    close_outbox(&stage);
}

Test(outbox, a_full_outbox_refuses_for_a_while)
{
    cleanup(bson_freep) bson_t *found = NULL;
    struct stage stage = given_stage();
    char full[ID_BYTES], almost[ID_BYTES];
    int64_t far_ms = instant_now() + 3600000; /* no sweep comes */

    open_outbox(&stage);
    store_new_id(full);
    store_new_id(almost);
    given_crashed_ticket(&stage, full, OUTBOX_MAX_EVENTS, far_ms);
    given_crashed_ticket(&stage, almost, OUTBOX_MAX_EVENTS - 1, far_ms);
    cr_expect_eq(save_ticket(&stage, full, OUTBOX_MAX_EVENTS), -EAGAIN);
    cr_expect_eq(save_ticket(&stage, full, 1), STALE, "what is stale is stale, full or not");
    cr_expect_eq(save_ticket(&stage, almost, OUTBOX_MAX_EVENTS - 1), 0);
    found = find_ticket(&stage, full);
    cr_expect_eq(store_read_int(found, "version", -1), OUTBOX_MAX_EVENTS - 1);
    close_outbox(&stage);
}

Test(outbox, what_a_crash_left_is_swept)
{
    static struct heard heard;
    struct stage stage = given_stage();
    char one[ID_BYTES], many[ID_BYTES];

    store_new_id(one);
    store_new_id(many);
    given_crashed_ticket(&stage, one, 1, instant_now() - 60000);
    given_crashed_ticket(&stage, many, 5, instant_now() - 120000);
    open_outbox(&stage);
    eventually(all_are_empty, &stage, 5000, "the outboxes are emptied");
    hear(&stage, &heard);
    cr_expect_eq(heard.count, 6);
    expect_told(&heard, one, 0);
    expect_told(&heard, many, 4);
    cr_expect_str_eq(heard.events[0].id, many, "the oldest goes first");
    cr_expect_eq(metric_of(&stage, "outbox_swept_total"), 2);
    close_outbox(&stage);
}

static bool says_its_age(void *context)
{
    struct stage *stage = context;
    int64_t age = metric_value(metrics_gauge(stage->metrics, "outbox_oldest_seconds", "", ""));

    return age >= 120 && age < 180;
}

Test(outbox, without_a_broker_the_sweep_only_says_how_old_the_oldest_is)
{
    struct stage stage = given_stage();
    char id[ID_BYTES];

    kill_store(GIVEN_NATS);
    eventually(is_disconnected, &stage, 5000, "the loss of the broker is noticed");
    store_new_id(id);
    given_crashed_ticket(&stage, id, 1, instant_now() - 120000);
    open_outbox(&stage);
    cr_assert_eq(save_ticket(&stage, id, 1), 0); /* does not make the older event look young */
    eventually(says_its_age, &stage, 5000, "the gauge says the age");
    cr_expect_eq(metric_of(&stage, "outbox_swept_total"), 0, "nothing is leased");
    close_outbox(&stage);
}

/* A document that no relay can make sense of stays, and is in nobody's way. */
Test(outbox, an_outbox_that_holds_nonsense_blocks_no_other)
{
    static struct heard heard;
    cleanup(bson_freep) bson_t *filter = NULL, *nonsense = NULL;
    struct stage stage = given_stage();
    char bad[ID_BYTES], good[ID_BYTES];

    store_new_id(bad);
    store_new_id(good);
    given_crashed_ticket(&stage, bad, 1, instant_now() - 120000);
    given_crashed_ticket(&stage, good, 1, instant_now() - 60000);
    filter = BCON_NEW("pendingAt", "{", "$lt", BCON_DATE_TIME(instant_now() - 90000), "}");
    nonsense = BCON_NEW("$unset", "{", "outbox.0.subject", BCON_BOOL(true), "}");
    cr_assert_eq(store_update(stage.store, "tickets", filter, nonsense, false, NULL), 0);

    open_outbox(&stage);
    eventually(has_swept, &stage, 5000, "the sweep has come");
    close_outbox(&stage);
    hear(&stage, &heard);
    cr_expect_eq(heard.count, 1);
    expect_told(&heard, good, 0);
    cr_expect_not(all_are_empty(&stage), "the bad one keeps what it has");
}

Test(outbox, of_two_sweeps_one_publishes)
{
    enum { TICKETS = 300 };
    struct stage stage = given_stage();
    struct stage other = stage;
    char id[ID_BYTES];

    for (int i = 0; i < TICKETS; i++) {
        store_new_id(id);
        given_crashed_ticket(&stage, id, 1, instant_now() - 60000);
    }
    open_outbox(&stage);
    open_outbox(&other);
    eventually(all_are_empty, &stage, 10000, "the outboxes are emptied");
    cr_expect_eq(metric_of(&stage, "outbox_swept_total") + metric_of(&other, "outbox_swept_total"),
                 TICKETS);
    close_outbox(&other);
    close_outbox(&stage);
}

/* Another process saves version 1 and dies, while this one empties what it published of version 0:
 * the event of version 1 stays where it is. */
static void save_elsewhere(struct stage *stage, const char *id)
{
    cleanup(bson_freep) bson_t *update =
        BCON_NEW("$set", "{", "version", BCON_INT64(1), "relayAfter",
                 BCON_DATE_TIME(instant_now() + 3600000), "}", "$push", "{", "outbox", "{", "id",
                 BCON_UTF8("version 1"), "version", BCON_INT64(1), "}", "}");
    bson_t filter = BSON_INITIALIZER;
    int64_t matched = 0;

    store_append_id(&filter, "_id", id);
    cr_assert_eq(store_update(stage->store, "tickets", &filter, update, false, &matched), 0);
    cr_assert_eq(matched, 1);
    bson_destroy(&filter);
}

Test(outbox, emptying_spares_what_came_after)
{
    cleanup(bson_freep) bson_t *kept = BCON_NEW("outbox.id", BCON_UTF8("version 1"));
    enum { TICKETS = 30 };
    struct stage stage = given_stage();
    char id[ID_BYTES];
    int64_t count = -1;

    open_outbox(&stage);
    for (int i = 0; i < TICKETS; i++) {
        store_new_id(id);
        cr_assert_eq(insert_ticket(&stage, id), 0);
        save_elsewhere(&stage, id);
    }
    close_outbox(&stage); /* returns when all that was published is emptied */
    cr_expect_eq(store_count(stage.store, "tickets", kept, TICKETS, &count), 0);
    cr_expect_eq(count, TICKETS);
}

enum { SAVERS = 8, AGGREGATES = 20, SAVES = 200 };

struct savers {
    struct stage *stage;
    char ids[AGGREGATES][ID_BYTES];
    _Atomic int64_t left;
    _Atomic int64_t failed;
};

static void *save_until_none_is_left(void *context)
{
    struct savers *savers = context;
    int64_t turn;

    while ((turn = savers->left--) > 0) {
        const char *id = savers->ids[turn % AGGREGATES];
        int r;

        do { /* as a route does: read, decide, save; when somebody was faster, again */
            cleanup(bson_freep) bson_t *found = find_ticket(savers->stage, id);

            r = save_ticket(savers->stage, id, store_read_int(found, "version", 0) + 1);
        } while (r == STALE);
        if (r != 0)
            savers->failed++;
    }
    return NULL;
}

Test(outbox, savers_that_race_leave_one_event_for_each_version)
{
    static struct heard heard;
    struct stage stage = given_stage();
    struct savers savers = {.stage = &stage, .left = SAVES};
    pthread_t threads[SAVERS];

    open_outbox(&stage);
    for (int i = 0; i < AGGREGATES; i++) {
        store_new_id(savers.ids[i]);
        cr_assert_eq(insert_ticket(&stage, savers.ids[i]), 0);
    }
    for (int i = 0; i < SAVERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, save_until_none_is_left, &savers), 0);
    for (int i = 0; i < SAVERS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(savers.failed, 0);

    eventually(all_are_empty, &stage, 10000, "the outboxes are emptied");
    hear(&stage, &heard);
    cr_expect_eq(heard.count, AGGREGATES + SAVES);
    for (int i = 0; i < AGGREGATES; i++)
        expect_told(&heard, savers.ids[i], SAVES / AGGREGATES);
    close_outbox(&stage);
}

Test(outbox, saves_go_on_without_a_broker_and_are_told_when_it_is_back)
{
    enum { TICKETS = 1000 };
    static struct heard heard;
    static char ids[TICKETS][ID_BYTES];
    struct stage stage = given_stage();
    int64_t begun_ms;

    open_outbox(&stage);
    kill_store(GIVEN_NATS);
    eventually(is_disconnected, &stage, 5000, "the loss of the broker is noticed");
    for (int i = 0; i < TICKETS; i++) {
        store_new_id(ids[i]);
        begun_ms = instant_monotonic();
        cr_assert_eq(insert_ticket(&stage, ids[i]), 0);
        cr_assert_lt(instant_monotonic() - begun_ms, 1000, "a save does not wait for the broker");
    }
    cr_assert_eq(save_ticket(&stage, ids[0], 1), 0);
    cr_expect_not(all_are_empty(&stage));

    revive_store(GIVEN_NATS, /* wiped= */ false);
    eventually(is_connected, &stage, 10000, "the broker is back");
    eventually(all_are_empty, &stage, 15000, "the backlog drains");
    hear(&stage, &heard);
    for (int i = 0; i < TICKETS; i++)
        expect_told(&heard, ids[i], i == 0 ? 1 : 0);
    close_outbox(&stage);
}

Test(outbox, a_broker_killed_under_load_loses_no_event)
{
    enum { TICKETS = 60 };
    static struct heard heard;
    static char ids[TICKETS][ID_BYTES];
    struct stage stage = given_stage();

    open_outbox(&stage);
    for (int i = 0; i < TICKETS; i++) {
        store_new_id(ids[i]);
        cr_assert_eq(insert_ticket(&stage, ids[i]), 0);
        if (i % 20 == 10)
            kill_store(GIVEN_NATS);
        cr_assert_eq(save_ticket(&stage, ids[i], 1), 0);
        if (i % 20 == 15)
            revive_store(GIVEN_NATS, /* wiped= */ false);
    }
    eventually(all_are_empty, &stage, 30000, "the backlog drains");
    hear(&stage, &heard);
    for (int i = 0; i < TICKETS; i++)
        expect_told(&heard, ids[i], 1);
    close_outbox(&stage);
}

Test(outbox, closing_publishes_what_waits)
{
    static struct heard heard;
    static char ids[100][ID_BYTES];
    struct stage stage = given_stage();

    open_outbox(&stage);
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        store_new_id(ids[i]);
        cr_assert_eq(insert_ticket(&stage, ids[i]), 0);
    }
    close_outbox(&stage);
    cr_expect(all_are_empty(&stage));
    hear(&stage, &heard);
    cr_expect_eq(heard.count, ARRAY_LENGTH(ids));
}

Test(outbox, closing_without_a_broker_ends_in_time)
{
    struct stage stage = given_stage();
    char id[ID_BYTES];
    int64_t begun_ms;

    open_outbox(&stage);
    kill_store(GIVEN_NATS);
    for (int i = 0; i < 10; i++) {
        store_new_id(id);
        cr_assert_eq(insert_ticket(&stage, id), 0);
    }
    begun_ms = instant_monotonic();
    stage.outbox = outbox_free(stage.outbox, 300);
    cr_expect_lt(instant_monotonic() - begun_ms, 3000);
    given_bus("tickets"); /* freed at exit: it reports what was under way to an outbox long gone */
    metrics_free(stage.metrics);
}

Test(outbox, a_save_without_a_store_is_eagain)
{
    struct stage stage = given_stage();
    struct store_config config = {
        .database = given_database(), .app_name = "test", .clients_max = 8};
    char uri[80], id[ID_BYTES];

    snprintf(uri, sizeof(uri), "mongodb://127.0.0.1:%d/?replicaSet=rs0", free_port());
    config.uri = uri;
    cr_assert_eq(store_open(&config, &stage.store), 0);
    open_outbox(&stage);
    store_new_id(id);
    cr_expect_eq(insert_ticket(&stage, id), -EAGAIN);
    cr_expect_eq(save_ticket(&stage, id, 1), -EAGAIN);
    close_outbox(&stage);
    store_free(stage.store);
}

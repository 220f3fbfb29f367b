/*
 * The outbox's saves and its relay: every version is said once, in order, and what was not saved is
 * not said.
 */

#include "tests/common/outbox_stage.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdio.h>

Test(outbox, an_insert_says_its_event_and_empties_its_outbox)
{
    static struct told told;
    cleanup(bson_freep) bson_t *found = NULL;
    struct stage stage = given_stage();
    char id[ID_BYTES];
    bson_iter_t iter;

    stage_open(&stage);
    store_new_id(id);
    cr_assert_eq(stage_insert(&stage, id), 0);
    eventually(stage_is_empty, &stage, 5000, "the outbox is emptied");
    stage_read(&stage, &told);
    cr_expect_eq(told.count, 1);
    stage_expect(&told, id, 0);

    found = stage_find(&stage, id);
    cr_expect_eq(store_read_int(found, "version", -1), 0);
    cr_expect_not(bson_iter_init_find(&iter, found, "pendingAt"));
    cr_expect_not(bson_iter_init_find(&iter, found, "relayAfter"));
    cr_expect_eq(outbox_waiting(stage.outbox), 0);
    cr_expect_eq(stage_metric(&stage, "outbox_published_total"), 1);
    stage_close(&stage);
}

Test(outbox, saves_say_every_version_in_order)
{
    static struct told told;
    struct stage stage = given_stage();
    char id[ID_BYTES];

    stage_open(&stage);
    store_new_id(id);
    cr_assert_eq(stage_insert(&stage, id), 0);
    for (int64_t version = 1; version <= 30; version++)
        cr_assert_eq(stage_save(&stage, id, version), 0);
    eventually(stage_is_empty, &stage, 5000, "the outbox is emptied");
    stage_read(&stage, &told);
    cr_expect_eq(told.count, 31);
    stage_expect(&told, id, 30);
    /* What is in memory is not handed over again with the next save; now and then one that was just
     * being emptied is. */
    cr_expect_lt(stage_metric(&stage, "outbox_published_total"), 2 * 31, "%d",
                 (int)stage_metric(&stage, "outbox_published_total"));
    stage_close(&stage);
}

Test(outbox, a_stale_save_writes_and_says_nothing)
{
    static struct told told;
    cleanup(bson_freep) bson_t *found = NULL;
    struct stage stage = given_stage();
    char id[ID_BYTES], nobody[ID_BYTES];

    stage_open(&stage);
    store_new_id(id);
    store_new_id(nobody);
    cr_assert_eq(stage_insert(&stage, id), 0);
    cr_assert_eq(stage_save(&stage, id, 1), 0);
    cr_expect_eq(stage_save(&stage, id, 1), STALE, "somebody was faster");
    cr_expect_eq(stage_save(&stage, id, 3), STALE, "it is not there yet");
    cr_expect_eq(stage_save(&stage, nobody, 1), STALE, "it is gone");

    eventually(stage_is_empty, &stage, 5000, "the outbox is emptied");
    found = stage_find(&stage, id);
    cr_expect_eq(store_read_int(found, "version", -1), 1);
    cr_expect_eq(store_read_int(found, "price", -1), 2001);
    stage_read(&stage, &told);
    cr_expect_eq(told.count, 2);
    stage_close(&stage);
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

    stage_open(&stage);
    store_new_id(id);
    first = stage_event(id, 1);
    second = stage_event(id, 2);
    cr_assert_eq(stage_insert(&stage, id), 0);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", set, NULL, held, &first, NULL), STALE,
                 "the guard does not hold");
    cr_expect_eq(outbox_save(stage.outbox, "tickets", set, NULL, NULL, &first, NULL), 0);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", NULL, unset, held, &second, NULL), 0);
    found = stage_find(&stage, id);
    cr_expect_str_eq(store_read_text(found, "orderId", "absent"), "absent");
    cr_expect_eq(store_read_int(found, "version", -1), 2);
    stage_close(&stage);
}

Test(outbox, a_save_into_a_unique_index_is_a_conflict_and_says_nothing)
{
    static struct told told;
    cleanup(bson_freep) bson_t *title = BCON_NEW("title", BCON_UTF8("the same"));
    struct stage stage = given_stage();
    char one[ID_BYTES], other[ID_BYTES], index[STORE_INDEX_BYTES] = "";
    struct event event;

    stage_open(&stage);
    store_new_id(one);
    store_new_id(other);
    cr_assert_eq(stage_insert(&stage, one), 0);
    cr_assert_eq(stage_insert(&stage, other), 0);
    cr_expect_eq(stage_insert(&stage, other), CONFLICT);
    event = stage_event(one, 1);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", title, NULL, NULL, &event, index), 0);
    event = stage_event(other, 1);
    cr_expect_eq(outbox_save(stage.outbox, "tickets", title, NULL, NULL, &event, index), CONFLICT);
    cr_expect_str_eq(index, "tickets_title");

    eventually(stage_is_empty, &stage, 5000, "the outboxes are emptied");
    stage_read(&stage, &told);
    cr_expect_eq(told.count, 3);
    stage_expect(&told, other, 0);
    stage_close(&stage);
}

Test(outbox, a_full_outbox_refuses_for_a_while)
{
    cleanup(bson_freep) bson_t *found = NULL;
    struct stage stage = given_stage();
    char full[ID_BYTES], almost[ID_BYTES];
    int64_t far_ms = instant_now() + 3600000; /* no sweep comes */

    stage_open(&stage);
    store_new_id(full);
    store_new_id(almost);
    stage_crash(&stage, full, OUTBOX_MAX_EVENTS, far_ms);
    stage_crash(&stage, almost, OUTBOX_MAX_EVENTS - 1, far_ms);
    cr_expect_eq(stage_save(&stage, full, OUTBOX_MAX_EVENTS), -EAGAIN);
    cr_expect_eq(stage_save(&stage, full, 1), STALE, "what is stale is stale, full or not");
    cr_expect_eq(stage_save(&stage, almost, OUTBOX_MAX_EVENTS - 1), 0);
    found = stage_find(&stage, full);
    cr_expect_eq(store_read_int(found, "version", -1), OUTBOX_MAX_EVENTS - 1);
    stage_close(&stage);
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

    stage_open(&stage);
    for (int i = 0; i < TICKETS; i++) {
        store_new_id(id);
        cr_assert_eq(stage_insert(&stage, id), 0);
        save_elsewhere(&stage, id);
    }
    stage_close(&stage); /* returns when all that was published is emptied */
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
            cleanup(bson_freep) bson_t *found = stage_find(savers->stage, id);

            r = stage_save(savers->stage, id, store_read_int(found, "version", 0) + 1);
        } while (r == STALE);
        if (r != 0)
            savers->failed++;
    }
    return NULL;
}

Test(outbox, savers_that_race_leave_one_event_for_each_version)
{
    static struct told told;
    struct stage stage = given_stage();
    struct savers savers = {.stage = &stage, .left = SAVES};
    pthread_t threads[SAVERS];

    stage_open(&stage);
    for (int i = 0; i < AGGREGATES; i++) {
        store_new_id(savers.ids[i]);
        cr_assert_eq(stage_insert(&stage, savers.ids[i]), 0);
    }
    for (int i = 0; i < SAVERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, save_until_none_is_left, &savers), 0);
    for (int i = 0; i < SAVERS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(savers.failed, 0);

    eventually(stage_is_empty, &stage, 10000, "the outboxes are emptied");
    stage_read(&stage, &told);
    cr_expect_eq(told.count, AGGREGATES + SAVES);
    for (int i = 0; i < AGGREGATES; i++)
        stage_expect(&told, savers.ids[i], SAVES / AGGREGATES);
    stage_close(&stage);
}

Test(outbox, closing_publishes_what_waits)
{
    static struct told told;
    static char ids[100][ID_BYTES];
    struct stage stage = given_stage();

    stage_open(&stage);
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        store_new_id(ids[i]);
        cr_assert_eq(stage_insert(&stage, ids[i]), 0);
    }
    stage_close(&stage);
    cr_expect(stage_is_empty(&stage));
    stage_read(&stage, &told);
    cr_expect_eq(told.count, ARRAY_LENGTH(ids));
}

Test(outbox, closing_without_a_broker_ends_in_time)
{
    struct stage stage = given_stage();
    char id[ID_BYTES];
    int64_t begun_ms;

    stage_open(&stage);
    kill_store(GIVEN_NATS);
    for (int i = 0; i < 10; i++) {
        store_new_id(id);
        cr_assert_eq(stage_insert(&stage, id), 0);
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
    stage_open(&stage);
    store_new_id(id);
    cr_expect_eq(stage_insert(&stage, id), -EAGAIN);
    cr_expect_eq(stage_save(&stage, id, 1), -EAGAIN);
    stage_close(&stage);
    store_free(stage.store);
}

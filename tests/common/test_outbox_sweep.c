/*
 * The outbox's sweep: what a crash or an outage left behind is said all the same.
 */

#include "tests/common/outbox_stage.h"
#include "tests/support/support.h"

Test(outbox_sweep, what_a_crash_left_is_swept)
{
    static struct told told;
    struct stage stage = given_stage();
    char one[ID_BYTES], many[ID_BYTES];

    store_new_id(one);
    store_new_id(many);
    stage_crash(&stage, one, 1, instant_now() - 60000);
    stage_crash(&stage, many, 5, instant_now() - 120000);
    stage_open(&stage);
    eventually(stage_is_empty, &stage, 5000, "the outboxes are emptied");
    stage_read(&stage, &told);
    cr_expect_eq(told.count, 6);
    stage_expect(&told, one, 0);
    stage_expect(&told, many, 4);
    cr_expect_str_eq(told.events[0].id, many, "the oldest goes first");
    cr_expect_eq(stage_metric(&stage, "outbox_swept_total"), 2);
    stage_close(&stage);
}

static bool says_its_age(void *context)
{
    struct stage *stage = context;
    int64_t age = metric_value(metrics_gauge(stage->metrics, "outbox_oldest_seconds", "", ""));

    return age >= 120 && age < 180;
}

Test(outbox_sweep, without_a_broker_the_sweep_only_says_how_old_the_oldest_is)
{
    struct stage stage = given_stage();
    char id[ID_BYTES];

    kill_store(GIVEN_NATS);
    eventually(stage_is_cut_off, &stage, 5000, "the loss of the broker is noticed");
    store_new_id(id);
    stage_crash(&stage, id, 1, instant_now() - 120000);
    stage_open(&stage);
    cr_assert_eq(stage_save(&stage, id, 1), 0); /* does not make the older event look young */
    eventually(says_its_age, &stage, 5000, "the gauge says the age");
    cr_expect_eq(stage_metric(&stage, "outbox_swept_total"), 0, "nothing is leased");
    stage_close(&stage);
}

static bool has_swept(void *context)
{
    return stage_metric(context, "outbox_swept_total") > 0;
}

/* A document that no relay can make sense of stays, and is in nobody's way. */
Test(outbox_sweep, an_outbox_that_holds_nonsense_blocks_no_other)
{
    static struct told told;
    cleanup(bson_freep) bson_t *filter = NULL, *nonsense = NULL;
    struct stage stage = given_stage();
    char bad[ID_BYTES], good[ID_BYTES];

    store_new_id(bad);
    store_new_id(good);
    stage_crash(&stage, bad, 1, instant_now() - 120000);
    stage_crash(&stage, good, 1, instant_now() - 60000);
    filter = BCON_NEW("pendingAt", "{", "$lt", BCON_DATE_TIME(instant_now() - 90000), "}");
    nonsense = BCON_NEW("$unset", "{", "outbox.0.subject", BCON_BOOL(true), "}");
    cr_assert_eq(store_update(stage.store, "tickets", filter, nonsense, false, NULL), 0);

    stage_open(&stage);
    eventually(has_swept, &stage, 5000, "the sweep has come");
    stage_close(&stage);
    stage_read(&stage, &told);
    cr_expect_eq(told.count, 1);
    stage_expect(&told, good, 0);
    cr_expect_not(stage_is_empty(&stage), "the bad one keeps what it has");
}

Test(outbox_sweep, of_two_sweeps_one_publishes)
{
    enum { TICKETS = 300 };
    struct stage stage = given_stage();
    struct stage other = stage;
    char id[ID_BYTES];

    for (int i = 0; i < TICKETS; i++) {
        store_new_id(id);
        stage_crash(&stage, id, 1, instant_now() - 60000);
    }
    stage_open(&stage);
    stage_open(&other);
    eventually(stage_is_empty, &stage, 10000, "the outboxes are emptied");
    cr_expect_eq(stage_metric(&stage, "outbox_swept_total") +
                     stage_metric(&other, "outbox_swept_total"),
                 TICKETS);
    stage_close(&other);
    stage_close(&stage);
}

Test(outbox_sweep, saves_go_on_without_a_broker_and_are_told_when_it_is_back)
{
    enum { TICKETS = 1000 };
    static struct told told;
    static char ids[TICKETS][ID_BYTES];
    struct stage stage = given_stage();
    int64_t begun_ms;

    stage_open(&stage);
    kill_store(GIVEN_NATS);
    eventually(stage_is_cut_off, &stage, 5000, "the loss of the broker is noticed");
    for (int i = 0; i < TICKETS; i++) {
        store_new_id(ids[i]);
        begun_ms = instant_monotonic();
        cr_assert_eq(stage_insert(&stage, ids[i]), 0);
        cr_assert_lt(instant_monotonic() - begun_ms, 1000, "a save does not wait for the broker");
    }
    cr_assert_eq(stage_save(&stage, ids[0], 1), 0);
    cr_expect_not(stage_is_empty(&stage));

    revive_store(GIVEN_NATS, /* wiped= */ false);
    eventually(stage_is_connected, &stage, 10000, "the broker is back");
    eventually(stage_is_empty, &stage, 15000, "the backlog drains");
    stage_read(&stage, &told);
    for (int i = 0; i < TICKETS; i++)
        stage_expect(&told, ids[i], i == 0 ? 1 : 0);
    stage_close(&stage);
}

Test(outbox_sweep, a_broker_killed_under_load_loses_no_event)
{
    enum { TICKETS = 60 };
    static struct told told;
    static char ids[TICKETS][ID_BYTES];
    struct stage stage = given_stage();

    stage_open(&stage);
    for (int i = 0; i < TICKETS; i++) {
        store_new_id(ids[i]);
        cr_assert_eq(stage_insert(&stage, ids[i]), 0);
        if (i % 20 == 10)
            kill_store(GIVEN_NATS);
        cr_assert_eq(stage_save(&stage, ids[i], 1), 0);
        if (i % 20 == 15)
            revive_store(GIVEN_NATS, /* wiped= */ false);
    }
    eventually(stage_is_empty, &stage, 30000, "the backlog drains");
    stage_read(&stage, &told);
    for (int i = 0; i < TICKETS; i++)
        stage_expect(&told, ids[i], 1);
    stage_close(&stage);
}

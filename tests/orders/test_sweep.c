/*
 * What no event has ended: orders that are overdue, and those that crossed their buyer's ban. The
 * process under test hears of bans only as far as a test lets it.
 */

#include "tests/orders/play.h"

#include "common/bans.h"

#include <string.h>

Test(sweep, what_is_overdue_is_cancelled_and_the_rest_is_left)
{
    struct app *app = given_app();
    struct order due = stored_order(app, new_id(), new_id(), 0);
    struct order paid = stored_order(app, new_id(), new_id(), 0);
    struct event authorized = payment_event(new_id(), 0, PAYMENT_AUTHORIZED, paid.id);
    struct order later;

    cr_assert_eq(hear(app, &authorized), 0);
    instant_fake(due.expires_at_ms + 1500);
    cr_expect_eq(job_sweep_overdue(app), 0);
    cr_expect_eq(order_now(app, due.id).status, ORDER_CREATED, "the timers come first");

    instant_fake(due.expires_at_ms + 2100);
    later = stored_order(app, new_id(), new_id(), 0);
    cr_expect_eq(job_sweep_overdue(app), 0);
    cr_expect_eq(job_sweep_overdue(app), 0);
    instant_fake(0);
    due = order_now(app, due.id);
    cr_expect_eq(due.status, ORDER_CANCELLED);
    cr_expect_eq(order_cause(&due), CAUSE_EXPIRED);
    cr_expect_eq(due.version, 1);
    cr_expect_eq(order_now(app, paid.id).status, ORDER_COMPLETE);
    cr_expect_eq(order_now(app, later.id).status, ORDER_CREATED);
}

/* ---- bans ---- */

/* The app with bans that hear nothing by themselves any more: what is said from now on is only in
 * the stream, as for a process that hears of it late. */
static struct app *given_app_that_hears_late(void)
{
    struct app *app = given_app();
    struct bus *bus = given_bus("late");

    cr_assert_eq(bans_open(bus, 900, &app->core.bans), 0);
    bus_stop_listening(bus, 5000);
    return app;
}

static void say(enum event_type type, const char *user_id, int64_t version)
{
    struct event event;

    event_init(&event, type, user_id, version);
    cr_assert_eq(bus_publish_wait(given_bus("auth"), &event, 5000), 0);
}

/* This process hears of a ban that was said. */
static void hear_of_ban(struct app *app, const char *user_id)
{
    struct event ban = ban_event(user_id, 1);

    bans_apply(app->core.bans, &ban);
}

Test(sweep, an_order_stored_after_its_buyers_ban_was_heard_is_cancelled)
{
    struct app *app = given_app_that_hears_late();
    const char *ann = new_id(), *bob = new_id();
    struct event ban = ban_event(ann, 1);
    struct order crossing, others;

    say(EVENT_USER_BANNED, ann, 1);
    cr_assert_eq(hear(app, &ban), 0); /* the listener, which finds nothing to end */
    crossing = stored_order(app, ann, new_id(), 0);
    others = stored_order(app, bob, new_id(), 0);

    cr_expect_eq(job_sweep_banned(app), 0);
    cr_expect_eq(order_now(app, crossing.id).status, ORDER_CREATED, "it knows of no ban yet");
    hear_of_ban(app, ann);
    cr_expect_eq(job_sweep_banned(app), 0);
    cr_expect_eq(job_sweep_banned(app), 0);
    crossing = order_now(app, crossing.id);
    cr_expect_eq(crossing.status, ORDER_CANCELLED);
    cr_expect_eq(order_cause(&crossing), CAUSE_USER_BANNED);
    cr_expect_eq(crossing.version, 1);
    cr_expect_eq(order_now(app, others.id).status, ORDER_CREATED);
}

Test(sweep, a_payment_that_crossed_the_ban_is_no_shelter_but_a_complete_order_stands)
{
    struct app *app = given_app_that_hears_late();
    const char *ann = new_id();
    struct order awaiting = stored_order(app, ann, new_id(), 0);
    struct order complete = stored_order(app, ann, new_id(), 1);
    struct event started = payment_event(new_id(), 0, PAYMENT_STARTED, awaiting.id);
    struct event paid = payment_event(new_id(), 0, PAYMENT_AUTHORIZED, complete.id);

    cr_assert_eq(hear(app, &started), 0);
    cr_assert_eq(hear(app, &paid), 0);
    say(EVENT_USER_BANNED, ann, 1);
    hear_of_ban(app, ann);
    cr_expect_eq(job_sweep_banned(app), 0);
    cr_expect_eq(order_now(app, awaiting.id).status, ORDER_CANCELLED);
    cr_expect_eq(order_now(app, complete.id).status, ORDER_COMPLETE);
}

/* Another process has heard that the buyer may order again; this one has not. */
Test(sweep, an_order_of_somebody_who_was_let_in_again_stands)
{
    struct app *app = given_app_that_hears_late();
    const char *ann = new_id();
    struct order order;

    say(EVENT_USER_BANNED, ann, 1);
    hear_of_ban(app, ann);
    say(EVENT_USER_UNBANNED, ann, 2);
    order = stored_order(app, ann, new_id(), 0);
    cr_assert(bans_is_banned(app->core.bans, ann), "this process takes her for banned");

    cr_expect_eq(job_sweep_banned(app), 0);
    cr_expect_eq(order_now(app, order.id).status, ORDER_CREATED);
    cr_expect_not(bans_is_banned(app->core.bans, ann), "it has read what it missed");
}

Test(sweep, without_the_stream_nothing_is_ended)
{
    struct app *app = given_app_that_hears_late();
    const char *ann = new_id();
    struct order order = stored_order(app, ann, new_id(), 0);

    say(EVENT_USER_BANNED, ann, 1);
    hear_of_ban(app, ann);
    kill_store(GIVEN_NATS);
    cr_expect_eq(job_sweep_banned(app), -EAGAIN);
    cr_expect_eq(order_now(app, order.id).status, ORDER_CREATED);
    revive_store(GIVEN_NATS, /* wiped= */ false);
}

Test(sweep, more_bans_than_are_looked_up_at_a_time_are_all_looked_up)
{
    enum { BANS = 250 };
    struct app *app = given_app_that_hears_late();
    char last[ID_BYTES];
    struct order orders[3];

    for (int i = 0; i < BANS; i++) {
        store_new_id(last);
        say(EVENT_USER_BANNED, last, 1);
        hear_of_ban(app, last);
        if (i % 100 == 49)
            orders[i / 100] = stored_order(app, last, new_id(), 0);
    }
    cr_expect_eq(job_sweep_banned(app), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(orders); i++)
        cr_expect_eq(order_now(app, orders[i].id).status, ORDER_CANCELLED);
}

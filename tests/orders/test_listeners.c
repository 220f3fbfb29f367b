/*
 * What orders does with each event it hears: the first time, again, early, late, and about what it
 * does not know.
 */

#include "common/copy.h"
#include "tests/orders/play.h"

static void expect_order(struct app *app, const char *id, enum order_status status,
                         enum order_cause cause)
{
    struct order order = order_now(app, id);

    cr_expect_str_eq(order_status_name(order.status), order_status_name(status));
    cr_expect_str_eq(order_cause_name(order_cause(&order)), order_cause_name(cause));
}

/* Hearing `event` once more is acknowledged and changes nothing. */
static void expect_harmless_again(struct app *app, const struct event *event, const char *order_id)
{
    int64_t version = order_now(app, order_id).version;

    cr_expect_eq(hear(app, event), 0);
    cr_expect_eq(order_now(app, order_id).version, version);
}

/* ---- tickets ---- */

Test(listeners, a_withdrawn_ticket_cancels_the_order_that_is_only_created)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct event withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);

    cr_expect_eq(hear(app, &withdrawn), 0);
    expect_order(app, order.id, ORDER_CANCELLED, CAUSE_TICKET_WITHDRAWN);
    expect_harmless_again(app, &withdrawn, order.id);
    expect_every_version_said_once(app, order.id, 1);
}

Test(listeners, a_withdrawal_without_an_order_is_only_noted)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct event withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);

    cr_expect_eq(hear(app, &withdrawn), 0);
    cr_expect_eq(hear(app, &withdrawn), 0);
}

Test(listeners, a_withdrawal_that_comes_early_waits_for_what_is_missing)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct event updated = ticket_at(&ticket, 1, TICKET_AVAILABLE);
    struct event withdrawn = ticket_at(&ticket, 2, TICKET_WITHDRAWN);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);

    cr_expect_eq(hear(app, &withdrawn), STALE);
    expect_order(app, order.id, ORDER_CREATED, CAUSE_ORDERED);
    cr_expect_eq(hear(app, &updated), 0);
    cr_expect_eq(hear(app, &withdrawn), 0);
    expect_order(app, order.id, ORDER_CANCELLED, CAUSE_TICKET_WITHDRAWN);
}

Test(listeners, a_withdrawal_loses_to_a_payment_that_has_begun_until_that_fails)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct event withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);
    const char *payment = new_id();
    struct event started = payment_event(payment, 0, PAYMENT_STARTED, order.id);
    struct event failed = payment_event(payment, 1, PAYMENT_FAILED, order.id);

    cr_expect_eq(hear(app, &started), 0);
    cr_expect_eq(hear(app, &withdrawn), 0);
    expect_order(app, order.id, ORDER_AWAITING, CAUSE_PAYMENT_STARTED);
    cr_expect_eq(hear(app, &failed), 0);
    expect_order(app, order.id, ORDER_CANCELLED, CAUSE_TICKET_WITHDRAWN);
    expect_harmless_again(app, &failed, order.id);
    expect_harmless_again(app, &withdrawn, order.id);
    expect_every_version_said_once(app, order.id, 3);
}

Test(listeners, a_withdrawal_loses_to_a_payment_that_succeeds)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct event withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);
    const char *payment = new_id();
    struct event started = payment_event(payment, 0, PAYMENT_STARTED, order.id);
    struct event authorized = payment_event(payment, 1, PAYMENT_AUTHORIZED, order.id);

    cr_expect_eq(hear(app, &started), 0);
    cr_expect_eq(hear(app, &withdrawn), 0);
    cr_expect_eq(hear(app, &authorized), 0);
    cr_expect_eq(hear(app, &withdrawn), 0);
    expect_order(app, order.id, ORDER_COMPLETE, CAUSE_PAYMENT_AUTHORIZED);
}

/* Killed after `created` was saved and before the ticket was asked: the message comes again. */
Test(listeners, a_failed_payment_that_is_heard_again_finishes_what_a_killed_process_began)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct event withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);
    const char *payment = new_id();
    struct event started = payment_event(payment, 0, PAYMENT_STARTED, order.id);
    struct event failed = payment_event(payment, 1, PAYMENT_FAILED, order.id);
    const struct event *moved = &withdrawn;
    int result;

    cr_expect_eq(hear(app, &started), 0);
    cr_expect_eq(hear(app, &failed), 0);
    cr_assert_eq(
        copy_move(app->core.store, app->core.metrics, orders_listeners[2].copy, &moved, 1, &result),
        0);
    cr_assert_eq(result, 0);
    expect_order(app, order.id, ORDER_CREATED, CAUSE_PAYMENT_FAILED);
    cr_expect_eq(hear(app, &failed), 0);
    expect_order(app, order.id, ORDER_CANCELLED, CAUSE_TICKET_WITHDRAWN);
}

/* ---- users ---- */

Test(listeners, a_ban_cancels_all_that_the_buyer_has_open_and_nothing_else)
{
    struct app *app = given_app();
    const char *ann = new_id(), *bob = new_id();
    struct order created = stored_order(app, ann, new_id(), 0);
    struct order awaiting = stored_order(app, ann, new_id(), 1);
    struct order complete = stored_order(app, ann, new_id(), 2);
    struct order others = stored_order(app, bob, new_id(), 0);
    struct event started = payment_event(new_id(), 0, PAYMENT_STARTED, awaiting.id);
    struct event paid = payment_event(new_id(), 0, PAYMENT_AUTHORIZED, complete.id);
    struct event ban;

    cr_assert_eq(hear(app, &started), 0);
    cr_assert_eq(hear(app, &paid), 0);
    ban = ban_event(ann, 1);
    ban.at_ms = instant_now() + 1;
    cr_expect_eq(hear(app, &ban), 0);
    expect_order(app, created.id, ORDER_CANCELLED, CAUSE_USER_BANNED);
    expect_order(app, awaiting.id, ORDER_CANCELLED, CAUSE_USER_BANNED);
    expect_order(app, complete.id, ORDER_COMPLETE, CAUSE_PAYMENT_AUTHORIZED);
    expect_order(app, others.id, ORDER_CREATED, CAUSE_ORDERED);
    expect_harmless_again(app, &ban, created.id);
}

Test(listeners, a_ban_heard_again_after_it_ended_spares_what_was_ordered_since)
{
    struct app *app = given_app();
    const char *ann = new_id();
    struct event ban = ban_event(ann, 1);
    struct order since;

    ban.at_ms -= 60000;
    since = stored_order(app, ann, new_id(), 0);
    expect_harmless_again(app, &ban, since.id);
    expect_order(app, since.id, ORDER_CREATED, CAUSE_ORDERED);
}

Test(listeners, a_ban_of_somebody_who_never_ordered_is_harmless)
{
    struct app *app = given_app();
    struct event ban = ban_event(new_id(), 1);

    cr_expect_eq(hear(app, &ban), 0);
}

/* ---- timers ---- */

Test(listeners, a_timer_cancels_an_order_that_is_due)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    struct event timer = timer_event(order.id, order.expires_at_ms);

    instant_fake(order.expires_at_ms);
    cr_expect_eq(hear(app, &timer), 0);
    instant_fake(0);
    expect_order(app, order.id, ORDER_CANCELLED, CAUSE_EXPIRED);
    expect_harmless_again(app, &timer, order.id);
    expect_every_version_said_once(app, order.id, 1);
}

Test(listeners, a_timer_that_is_a_little_early_is_asked_to_come_again)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    struct event timer = timer_event(order.id, order.expires_at_ms);

    instant_fake(order.expires_at_ms - 1);
    cr_expect_eq(hear(app, &timer), STALE);
    expect_order(app, order.id, ORDER_CREATED, CAUSE_ORDERED);
}

Test(listeners, the_timer_of_a_deadline_that_was_moved_is_let_go)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    struct event started = payment_event(new_id(), 0, PAYMENT_STARTED, order.id);
    struct event timer = timer_event(order.id, order.expires_at_ms);

    cr_assert_eq(hear(app, &started), 0);
    instant_fake(order.expires_at_ms);
    expect_harmless_again(app, &timer, order.id);
    instant_fake(order.expires_at_ms + ORDER_STRETCH_MS);
    timer = timer_event(order.id, order.expires_at_ms + ORDER_STRETCH_MS);
    cr_expect_eq(hear(app, &timer), 0);
    expect_order(app, order.id, ORDER_CANCELLED, CAUSE_EXPIRED);
}

Test(listeners, a_timer_never_touches_a_paid_order)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    struct event paid = payment_event(new_id(), 0, PAYMENT_AUTHORIZED, order.id);
    struct event timer = timer_event(order.id, order.expires_at_ms);

    cr_assert_eq(hear(app, &paid), 0);
    instant_fake(order.expires_at_ms + 1);
    expect_harmless_again(app, &timer, order.id);
    expect_order(app, order.id, ORDER_COMPLETE, CAUSE_PAYMENT_AUTHORIZED);
}

Test(listeners, a_timer_of_an_unknown_order_is_let_go)
{
    struct app *app = given_app();
    struct event timer = timer_event(new_id(), instant_now());

    cr_expect_eq(hear(app, &timer), 0);
}

/* ---- payments ---- */

Test(listeners, a_payment_begins_fails_begins_again_and_completes_the_order)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    const char *first = new_id(), *second = new_id();
    const struct {
        struct event event;
        enum order_status status;
    } story[] = {
        {payment_event(first, 0, PAYMENT_STARTED, order.id), ORDER_AWAITING},
        {payment_event(first, 1, PAYMENT_FAILED, order.id), ORDER_CREATED},
        {payment_event(second, 0, PAYMENT_STARTED, order.id), ORDER_AWAITING},
        {payment_event(second, 1, PAYMENT_REQUIRES_ACTION, order.id), ORDER_AWAITING},
        {payment_event(second, 2, PAYMENT_AUTHORIZED, order.id), ORDER_COMPLETE},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(story); i++) {
        cr_expect_eq(hear(app, &story[i].event), 0);
        cr_expect_eq(order_now(app, order.id).status, story[i].status);
        for (size_t before = 0; before <= i; before++)
            expect_harmless_again(app, &story[before].event, order.id);
    }
    expect_every_version_said_once(app, order.id, 5);
}

Test(listeners, what_becomes_of_the_money_changes_nothing_in_a_complete_order)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    const char *payment = new_id();
    struct event authorized = payment_event(payment, 0, PAYMENT_AUTHORIZED, order.id);

    cr_assert_eq(hear(app, &authorized), 0);
    for (enum payment_status status = PAYMENT_CAPTURED; status < PAYMENT_STATUS_COUNT; status++) {
        struct event event = payment_event(payment, 1, status, order.id);

        expect_harmless_again(app, &event, order.id);
    }
    expect_order(app, order.id, ORDER_COMPLETE, CAUSE_PAYMENT_AUTHORIZED);
}

Test(listeners, a_payment_of_a_cancelled_order_does_not_wake_it)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    struct event timer = timer_event(order.id, order.expires_at_ms);
    const char *payment = new_id();
    struct event started = payment_event(payment, 0, PAYMENT_STARTED, order.id);
    struct event authorized = payment_event(payment, 1, PAYMENT_AUTHORIZED, order.id);

    instant_fake(order.expires_at_ms);
    cr_assert_eq(hear(app, &timer), 0);
    instant_fake(0);
    expect_harmless_again(app, &authorized, order.id);
    expect_harmless_again(app, &started, order.id);
    expect_order(app, order.id, ORDER_CANCELLED, CAUSE_EXPIRED);
}

Test(listeners, a_payment_event_that_comes_early_waits_and_one_that_waited_long_is_applied)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    struct event authorized = payment_event(new_id(), 2, PAYMENT_AUTHORIZED, order.id);

    cr_expect_eq(hear(app, &authorized), STALE);
    expect_order(app, order.id, ORDER_CREATED, CAUSE_ORDERED);
    authorized.at_ms -= COPY_GAP_MS;
    cr_expect_eq(hear(app, &authorized), 0);
    expect_order(app, order.id, ORDER_COMPLETE, CAUSE_PAYMENT_AUTHORIZED);
    cr_expect_eq(metric_value(metrics_counter(app->core.metrics, "event_gaps_closed_total", "",
                                              "Gaps between versions closed by a newer state.")),
                 1);
}

Test(listeners, a_payment_of_an_unknown_order_is_parked_for_somebody_to_see)
{
    struct app *app = given_app();
    struct event started = payment_event(new_id(), 0, PAYMENT_STARTED, new_id());

    cr_expect_eq(hear(app, &started), NOT_FOUND);
}

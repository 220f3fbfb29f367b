/*
 * An order that is not paid in time lets its ticket go, whatever became of its timer; a payment
 * that came in time does not.
 */
#include "tests/support/story.h"

#include "common/instant.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char *ticket, *order;

static void given_two_seconds(void)
{
    given_system(&(struct system_options){.env = {"LOCK_SECONDS=2"}});
    as_user("sue");
    ticket = given_ticket("Opera", 50);
}

static void expect_it_expires(void)
{
    const struct answer *answer = await_status("/api/orders", order, "cancelled");

    cr_assert_not_null(strstr(answer->body, "\"cause\":\"expired\""), "%s", answer->body);
    await_status("/api/tickets", ticket, "available");
}

Test(expiry, an_unpaid_order_expires_and_the_next_buyer_gets_the_ticket)
{
    const char *second;
    const struct answer *answer;
    int64_t expires_at, expired_at;

    given_two_seconds();
    as_user("bob");
    answer = order_ticket(ticket);
    expect_status(answer, 201);
    order = answer_text(answer, "id");
    cr_assert_eq(instant_parse(answer_text(answer, "expiresAt"), &expires_at), 0);
    expect_it_expires();
    expired_at = await_event(EVENT_ORDER_CANCELLED, order, -1).at_ms;
    cr_assert_geq(expired_at, expires_at, "it expired %d ms early", (int)(expires_at - expired_at));
    expect_refusal(pay(order, "tok_visa"), 400, NULL, "Order has expired");

    as_user("ann");
    second = given_order(ticket);
    expect_status(pay(second, "tok_visa"), 201);
    await_status("/api/orders", second, "complete");
    expect_all_is_well();
}

Test(expiry, a_wiped_redis_forgets_no_deadline)
{
    given_two_seconds();
    as_user("bob");
    order = given_order(ticket);
    kill_store(GIVEN_REDIS);
    revive_store(GIVEN_REDIS, true);
    expect_it_expires();
    expect_all_is_well();
}

Test(expiry, without_expiration_and_redis_orders_sweeps_its_own)
{
    given_two_seconds();
    kill_service("expiration", 0);
    kill_store(GIVEN_REDIS);
    as_user("bob");
    order = given_order(ticket);
    expect_it_expires();
    revive_store(GIVEN_REDIS, false);
    start_service("expiration", 0);
    expect_all_is_well();
}

Test(expiry, a_timer_survives_kills_of_expiration_and_redis)
{
    given_two_seconds();
    as_user("bob");
    order = given_order(ticket);
    await_all_handled();
    kill_service("expiration", 0);
    kill_store(GIVEN_REDIS);
    revive_store(GIVEN_REDIS, false);
    start_service("expiration", 0);
    expect_it_expires();
    expect_all_is_well();
}

/* Authorised in time, but orders hears of it after the deadline: whoever is first in orders wins,
 * and the money follows. */
Test(expiry, a_payment_that_orders_hears_of_too_late_is_voided)
{
    const struct answer *answer;

    given_two_seconds();
    as_user("bob");
    order = given_order(ticket);
    hold_back("payments", "orders-payments");
    answer = pay(order, "tok_visa");
    expect_status(answer, 201);
    expect_it_expires();
    let_go("payments", "orders-payments");
    await_status("/api/payments", answer_text(answer, "id"), "voided");
    expect_all_is_well();
    cr_assert_eq(count_charges(order, CHARGE_CAPTURED), 0);
}

#define LAST_MOMENTS 12

struct last_moment {
    const char *order;
    int64_t expires_at_ms;
};

/* From 300 ms before the deadline to 30 ms after it, in steps of 30 ms. */
static void pay_at_the_last_moment(void *context, int i)
{
    const struct last_moment *moment = (struct last_moment *)context + i;
    int64_t wait_ms = moment->expires_at_ms - 300 + 30 * i - instant_now();
    const struct answer *answer;

    if (wait_ms > 0)
        poll(NULL, 0, (int)wait_ms); /* the moment itself is what is tested */
    as_guest(100 + i);
    answer = pay(moment->order, "tok_visa");
    if (answer->status != 201) /* past its deadline, or already cancelled for that */
        cr_expect(strstr(answer->body, "Order has expired") ||
                      strstr(answer->body, "Cannot pay for a cancelled order"),
                  "%d: %s", answer->status, answer->body);
}

static bool is_over(void *context)
{
    const struct last_moment *moment = context;
    const char *status = answer_text(get(at("/api/orders/%s", moment->order)), "status");

    return status && (strcmp(status, "complete") == 0 || strcmp(status, "cancelled") == 0);
}

Test(expiry, paid_at_the_last_moment_an_order_is_either_paid_or_expired)
{
    struct last_moment moments[LAST_MOMENTS];
    const struct answer *answer;

    given_system(&(struct system_options){.env = {"LOCK_SECONDS=3"}});
    as_user("sue");
    for (int i = 0; i < LAST_MOMENTS; i++)
        moments[i].order = given_ticket("Seat", 10);
    for (int i = 0; i < LAST_MOMENTS; i++) {
        await_version("orders", "tickets", moments[i].order, 0);
        as_guest(100 + i);
        answer = order_ticket(moments[i].order);
        expect_status(answer, 201);
        moments[i].order = answer_text(answer, "id");
        cr_assert_eq(instant_parse(answer_text(answer, "expiresAt"), &moments[i].expires_at_ms), 0);
    }
    together(LAST_MOMENTS, pay_at_the_last_moment, moments);
    for (int i = 0; i < LAST_MOMENTS; i++) {
        as_guest(100 + i);
        eventually(is_over, &moments[i], 20000, "the order is complete or cancelled");
    }
    expect_all_is_well(); /* complete and captured, or cancelled and not charged */
}

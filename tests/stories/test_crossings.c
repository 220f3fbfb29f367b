/*
 * Things that cross: each side acts before it hears of the other. A durable is held back, so that
 * they cross every time.
 */
#include "tests/support/story.h"

#include <string.h>

static const char *ticket, *order, *payment;

static void given_sues_ticket(double price)
{
    as_user("sue");
    ticket = given_ticket("Opera", price);
    await_version("orders", "tickets", ticket, 0);
}

static void given_bobs_order(void)
{
    as_user("bob");
    order = given_order(ticket);
}

static const char *cause_of(const struct answer *answer)
{
    const json_t *history = json_object_get(answer->json, "history");

    return json_string_value(
        json_object_get(json_array_get(history, json_array_size(history) - 1), "cause"));
}

Test(crossings, a_buyer_who_saw_a_lower_price_is_told_both)
{
    const struct answer *answer;

    given_system(NULL);
    given_sues_ticket(50);
    expect_status(put(at("/api/tickets/%s", ticket), "{\"title\":\"Opera\",\"price\":60}"), 200);
    await_version("orders", "tickets", ticket, 1);

    as_user("bob");
    answer = post("/api/orders", "{\"ticketId\":\"%s\",\"price\":50}", ticket);
    expect_refusal(answer, 409, "price", "Price changed");
    cr_assert_eq(answer_number(answer, "seenPrice"), 50);
    cr_assert_eq(answer_number(answer, "currentPrice"), 60);
    answer = post("/api/orders", "{\"ticketId\":\"%s\",\"price\":60}", ticket);
    expect_status(answer, 201);
    expect_all_is_well();
}

Test(crossings, a_price_raised_while_somebody_buys_leaves_the_price_agreed)
{
    const struct answer *answer;

    given_system(NULL);
    given_sues_ticket(50);
    hold_back("tickets", "orders-tickets");
    hold_back("orders", "tickets-orders");
    given_bobs_order();
    as_user("sue");
    expect_status(put(at("/api/tickets/%s", ticket), "{\"title\":\"Opera\",\"price\":60}"), 200);
    let_go("orders", "tickets-orders");
    let_go("tickets", "orders-tickets");

    as_user("bob");
    await_status("/api/tickets", ticket, "reserved");
    answer = get(at("/api/orders/%s", order));
    cr_assert_eq(answer_number(answer, "ticket.price"), 50);
    answer = pay(order, "tok_visa");
    expect_status(answer, 201);
    cr_assert_eq(answer_number(answer, "amount"), 50);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();
}

Test(crossings, a_withdrawal_cancels_the_order_it_crosses)
{
    given_system(NULL);
    given_sues_ticket(50);
    hold_back("tickets", "orders-tickets");
    hold_back("orders", "tickets-orders");
    given_bobs_order();
    as_user("sue");
    expect_status(delete_at(at("/api/tickets/%s", ticket)), 204);
    let_go("orders", "tickets-orders");
    let_go("tickets", "orders-tickets");

    as_user("bob");
    cr_assert_str_eq(cause_of(await_status("/api/orders", order, "cancelled")), "ticket-withdrawn");
    await_status("/api/tickets", ticket, "withdrawn");
    expect_refusal(order_ticket(given_ticket("Own", 5)), 400, "ticketId",
                   "Cannot buy your own ticket");
    expect_status(post("/api/orders", "{\"ticketId\":\"%s\"}", ticket), 404);
    expect_all_is_well();
}

Test(crossings, a_withdrawal_loses_to_a_payment_that_has_begun)
{
    given_system(NULL);
    given_sues_ticket(50);
    hold_back("orders", "tickets-orders");
    given_bobs_order();
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    as_user("sue");
    expect_status(delete_at(at("/api/tickets/%s", ticket)), 204);
    await_version("orders", "tickets", ticket, 1);
    let_go("orders", "tickets-orders");

    await_status("/api/tickets", ticket, "sold");
    expect_all_is_well();
    cr_assert_eq(count_charges(order, CHARGE_CAPTURED), 1);
}

Test(crossings, a_payment_authorised_for_an_order_cancelled_meanwhile_is_voided)
{
    const struct answer *answer;

    given_system(NULL);
    given_sues_ticket(50);
    given_bobs_order();
    hold_back("payments", "orders-payments");
    answer = pay(order, "tok_visa");
    expect_status(answer, 201);
    payment = answer_text(answer, "id");
    expect_status(delete_at(at("/api/orders/%s", order)), 204);
    expect_status(delete_at(at("/api/orders/%s", order)), 204);
    let_go("payments", "orders-payments");

    await_status("/api/payments", payment, "voided");
    cr_assert_str_eq(cause_of(await_status("/api/orders", order, "cancelled")), "buyer-cancelled");
    expect_refusal(pay(order, "tok_visa"), 400, NULL, "Cannot pay for a cancelled order");
    expect_all_is_well();
    cr_assert_eq(count_charges(order, CHARGE_VOIDED), 1);
    cr_assert_eq(count_charges(order, CHARGE_CAPTURED), 0);
}

static void pay_in_thread(void *context, int i)
{
    if (i == 0) {
        as_user("bob");
        *(const struct answer **)context = pay(order, "tok_visa");
        return;
    }
    /* Meanwhile: the payment has begun, Stripe does not answer, and the buyer cancels. */
    as_user("bob");
    await_status("/api/orders", order, "awaiting:payment");
    expect_status(delete_at(at("/api/orders/%s", order)), 204);
    pause_stripe(false);
}

Test(crossings, an_order_cancelled_while_stripe_thinks_ends_cancelled_and_uncharged)
{
    const struct answer *answer = NULL;

    given_system(NULL);
    given_sues_ticket(50);
    given_bobs_order();
    pause_stripe(true);
    together(2, pay_in_thread, &answer);
    await_status("/api/orders", order, "cancelled");
    await_status("/api/tickets", ticket, "available");
    expect_all_is_well();
    cr_assert_eq(count_charges(order, CHARGE_CAPTURED), 0);
    cr_assert_eq(count_charges(order, CHARGE_HELD), 0);
}

/* The timer and the cancellation of an order that is over come late, when the next buyer holds the
 * ticket: they are not about that one. */
Test(crossings, what_is_left_of_a_cancelled_order_does_not_touch_the_next_buyers)
{
    struct event cancelled, timer;
    const char *second;

    given_system(NULL);
    given_sues_ticket(50);
    given_bobs_order();
    expect_status(delete_at(at("/api/orders/%s", order)), 204);
    await_status("/api/tickets", ticket, "available");
    as_user("ann");
    second = given_order(ticket);
    await_status("/api/tickets", ticket, "reserved");

    cancelled = await_event(EVENT_ORDER_CANCELLED, order, 1);
    deliver(&cancelled);
    event_init(&timer, EVENT_EXPIRATION_COMPLETE, order, 0);
    timer.expiration.due_at_ms = cancelled.order.expires_at_ms;
    deliver(&timer);
    event_init(&timer, EVENT_EXPIRATION_COMPLETE, second, 0); /* and one that is much too early */
    timer.expiration.due_at_ms = cancelled.order.expires_at_ms;
    deliver(&timer);
    await_all_handled();

    cr_assert_str_eq(answer_text(get(at("/api/orders/%s", second)), "status"), "created");
    cr_assert_str_eq(answer_text(get(at("/api/tickets/%s", ticket)), "orderId"), second);
    expect_status(pay(second, "tok_visa"), 201);
    await_status("/api/orders", second, "complete");
}

/*
 * The journey that everything is for: a ticket is listed, ordered, paid, and somebody else's.
 */
#include "tests/support/story.h"

#include <string.h>

static const char *given_opera_ticket(void)
{
    as_user("sue");
    return given_ticket("Opera, row 5", 42.50);
}

static int count_in_list(const struct answer *answer, const char *id)
{
    const json_t *item;
    int count = 0;
    size_t i;

    expect_status(answer, 200);
    cr_assert(json_is_array(answer->json), "no array: %s", answer->body);
    json_array_foreach(answer->json, i, item) count +=
        strcmp(json_string_value(json_object_get(item, "id")), id) == 0;
    return count;
}

Test(purchase, a_ticket_is_listed_ordered_paid_and_sold)
{
    const char *ticket, *order, *payment;
    const struct answer *answer;

    given_system(NULL);
    ticket = given_opera_ticket();
    cr_assert_eq(count_in_list(get("/api/tickets"), ticket), 1);

    as_user("bob");
    order = given_order(ticket);
    answer = await_status("/api/tickets", ticket, "reserved");
    cr_assert_str_eq(answer_text(answer, "orderId"), order);
    cr_assert_eq(count_in_list(get("/api/tickets"), ticket), 0, "a reserved ticket is offered");

    answer = pay(order, "tok_visa");
    expect_status(answer, 201);
    payment = answer_text(answer, "id");
    answer = await_status("/api/orders", order, "complete");
    cr_assert_str_eq(answer_text(answer, "ticket.title"), "Opera, row 5");
    cr_assert_eq(answer_number(answer, "ticket.price"), 42.50);
    await_status("/api/tickets", ticket, "sold");
    answer = await_status("/api/payments", payment, "captured");
    cr_assert_eq(answer_number(answer, "amount"), 42.50);
    cr_assert_eq(count_in_list(get("/api/orders"), order), 1);
    cr_assert_eq(count_charges(order, CHARGE_CAPTURED), 1);

    expect_refusal(delete_at(at("/api/orders/%s", order)), 400, NULL,
                   "Cannot cancel a complete order");
    as_user("sue");
    expect_refusal(delete_at(at("/api/tickets/%s", ticket)), 400, NULL,
                   "Cannot withdraw a reserved ticket");
    expect_refusal(put(at("/api/tickets/%s", ticket), "{\"title\":\"x\",\"price\":1}"), 400, NULL,
                   "Cannot edit a reserved ticket");
    expect_all_is_well();
}

Test(purchase, strangers_see_and_do_nothing_of_it)
{
    const char *ticket, *order, *payment;

    given_system(NULL);
    ticket = given_opera_ticket();
    expect_refusal(order_ticket(ticket), 400, "ticketId", "Cannot buy your own ticket");
    as_user("bob");
    order = given_order(ticket);
    payment = answer_text(pay(order, "pm_card_visa"), "id");

    as_user("eve");
    expect_refusal(get(at("/api/orders/%s", order)), 401, NULL, "Not authorized");
    expect_refusal(delete_at(at("/api/orders/%s", order)), 401, NULL, "Not authorized");
    expect_refusal(get(at("/api/payments/%s", payment)), 401, NULL, "Not authorized");
    expect_refusal(pay(order, "tok_visa"), 401, NULL, "Not authorized");
    expect_refusal(put(at("/api/tickets/%s", ticket), "{\"title\":\"x\",\"price\":1}"), 401, NULL,
                   "Not authorized");
    cr_assert_eq(count_in_list(get("/api/orders"), order), 0);

    as_nobody();
    expect_refusal(get("/api/orders"), 401, NULL, "Not authorized");
    expect_refusal(post("/api/tickets", "{\"title\":\"x\",\"price\":1}"), 401, NULL,
                   "Not authorized");
    expect_refusal(pay(order, "tok_visa"), 401, NULL, "Not authorized");
    expect_all_is_well();
}

static const char *clicked_order;
static const struct answer *clicks[8];

static void click_pay(void *context, int i)
{
    (void)context;
    as_user("bob");
    clicks[i] = pay(clicked_order, "tok_visa");
}

Test(purchase, paying_twice_is_one_charge)
{
    const char *ticket, *payment;
    const struct answer *answer;

    given_system(NULL);
    ticket = given_opera_ticket();
    as_user("bob");
    clicked_order = given_order(ticket);
    expect_status(pay(clicked_order, "tok_visa"), 201);
    answer = pay(clicked_order, "tok_visa");
    expect_status(answer, 200);
    payment = answer_text(answer, "id");

    together(8, click_pay, NULL);
    for (int i = 0; i < 8; i++) {
        expect_status(clicks[i], 200);
        cr_assert_str_eq(answer_text(clicks[i], "id"), payment);
    }
    await_status("/api/orders", clicked_order, "complete");
    expect_all_is_well();
    cr_assert_eq(count_charges(clicked_order, CHARGE_CAPTURED), 1);
}

/* At once, before any of them has an answer: whoever is second gets the first one's payment, or is
 * asked to come back. */
Test(purchase, eight_clicks_at_once_are_one_charge)
{
    const char *ticket, *payment = NULL;

    given_system(NULL);
    ticket = given_opera_ticket();
    as_user("bob");
    clicked_order = given_order(ticket);
    together(8, click_pay, NULL);
    for (int i = 0; i < 8; i++) {
        cr_assert(clicks[i]->status == 200 || clicks[i]->status == 201 || clicks[i]->status == 503,
                  "%d: %s", clicks[i]->status, clicks[i]->body);
        if (clicks[i]->status == 503)
            continue;
        cr_assert(!payment || strcmp(payment, answer_text(clicks[i], "id")) == 0,
                  "two payments: %s and %s", payment, clicks[i]->body);
        payment = answer_text(clicks[i], "id");
    }
    cr_assert_not_null(payment, "nobody paid");
    await_status("/api/payments", payment, "captured");
    expect_all_is_well();
    cr_assert_eq(count_charges(clicked_order, CHARGE_CAPTURED), 1);
    cr_assert_eq(count_charges(clicked_order, CHARGE_HELD), 0);
}

Test(purchase, a_declined_card_can_be_followed_by_a_good_one)
{
    const char *ticket, *order, *payment;
    const struct answer *answer;

    given_system(NULL);
    ticket = given_opera_ticket();
    as_user("bob");
    order = given_order(ticket);
    expect_refusal(pay(order, "tok_chargeDeclined"), 400, NULL, "Your card was declined.");
    answer = await_status("/api/orders", order, "created");
    await_status("/api/tickets", ticket, "reserved");

    answer = pay(order, "tok_visa");
    expect_status(answer, 201);
    payment = answer_text(answer, "id");
    await_status("/api/orders", order, "complete");
    await_status("/api/payments", payment, "captured");
    expect_all_is_well();
    cr_assert_eq(count_charges(order, CHARGE_CAPTURED), 1);
}

/*
 * Paying, over HTTP, with a Stripe that can fail: every refusal of the contract, every fault at
 * every call, and what the ledger says afterwards.
 */

#include "tests/payments/till.h"

#include <pthread.h>
#include <string.h>

#define PATIENCE_MS 20000

Test(payments_routes, the_card_is_authorised_and_captured_once_the_order_is_complete)
{
    const struct answer *answer;
    const char *order, *id;

    given_payments(given_fake_stripe());
    order = known_order();
    answer = pay_with(order, "tok_visa");
    expect_status(answer, 201);
    cr_expect_str_eq(answer_text(answer, "status"), "authorized");
    cr_expect_str_eq(answer_text(answer, "orderId"), order);
    cr_expect_float_eq(answer_number(answer, "amount"), 42.5, 1e-9);
    cr_expect_eq(stripe_ledger(order).captured, 0);
    id = answer_text(answer, "id");
    await_event(EVENT_PAYMENT_STARTED, id, 0);
    await_event(EVENT_PAYMENT_AUTHORIZED, id, 1);

    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    await_event(EVENT_PAYMENT_CREATED, id, 2);
    cr_expect_eq(stripe_ledger(order).taken, 1);
    cr_expect_eq(stripe_ledger(order).captured, 1);

    answer = pay_with(order, "tok_visa");
    expect_status(answer, 200);
    cr_expect_str_eq(answer_text(answer, "id"), id);
    cr_expect_str_eq(answer_text(answer, "status"), "captured");
    cr_expect_eq(stripe_ledger(order).intents, 1);
}

Test(payments_routes, what_is_held_for_a_lost_order_is_given_back)
{
    const char *order;

    given_payments(given_fake_stripe());
    order = known_order();
    expect_status(pay_with(order, "pm_card_visa"), 201);
    end_order(order, EVENT_ORDER_CANCELLED, ORDER_CANCELLED);
    bson_destroy(await_payment(order, "voided"));
    cr_expect_eq(stripe_ledger(order).held, 0);
    cr_expect_eq(stripe_ledger(order).captured, 0);
    expect_refusal(pay_with(order, "pm_card_visa"), 400, NULL, "Cannot pay for a cancelled order");
}

Test(payments_routes, a_declined_card_fails_and_another_one_may_be_tried)
{
    const struct answer *answer;
    const char *order, *id;

    given_payments(given_fake_stripe());
    order = known_order();
    expect_refusal(pay_with(order, "tok_chargeDeclined"), 400, NULL, "Your card was declined.");
    bson_destroy(await_payment(order, "failed"));
    answer = pay_with(order, "tok_visa");
    expect_status(answer, 201);
    id = answer_text(answer, "id");
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    await_event(EVENT_PAYMENT_CREATED, id, 2);
    cr_expect_eq(stripe_ledger(order).taken, 1);
}

Test(payments_routes, every_refusal_of_the_contract)
{
    const char *order;
    struct event late;
    char id[ID_BYTES];

    given_payments(given_fake_stripe());
    order = known_order();

    expect_refusal(ask("POST", "/api/payments", "{\"token\":\"tok_visa\"}"), 400, "orderId",
                   "OrderId must be provided");
    expect_refusal(ask("POST", "/api/payments", "{\"orderId\":\"x\",\"token\":\"t\"}"), 400,
                   "orderId", "Id must be 24 hexadecimal digits");
    expect_refusal(pay_with(order, ""), 400, "token", "Token must be provided");
    expect_refusal(ask("POST", "/api/payments",
                       "{\"orderId\":\"dddddddddddddddddddddddd\",\"token\":{\"$gt\":\"\"}}"),
                   400, "token", "Token must be provided");
    expect_refusal(pay_with("dddddddddddddddddddddddd", "tok_visa"), 404, NULL, "Not Found");
    sign_as(OTHER, ROLE_USER);
    expect_refusal(pay_with(order, "tok_visa"), 401, NULL, "Not authorized");
    sign_as(NULL, ROLE_USER);
    expect_refusal(pay_with(order, "tok_visa"), 401, NULL, "Not authorized");
    sign_as(BUYER, ROLE_USER);

    store_new_id(id);
    late = order_event(id, EVENT_ORDER_CREATED, 0, ORDER_CREATED);
    late.order.expires_at_ms = instant_now() - 1000;
    deliver_and_await(&late);
    expect_refusal(pay_with(id, "tok_visa"), 400, NULL, "Order has expired");
    late = order_event(id, EVENT_ORDER_CANCELLED, 1, ORDER_CANCELLED);
    text_copy(late.order.cause, sizeof(late.order.cause), "expired");
    deliver_and_await(&late);
    expect_refusal(pay_with(id, "tok_visa"), 400, NULL, "Order has expired");
    cr_expect_eq(stripe_ledger(id).intents, 0);
    expect_status(ask("GET", "/api/payments/webhook", NULL), 405);
}

Test(payments_routes, a_payment_is_shown_to_its_buyer_only)
{
    char path[64];
    const char *order;
    const struct answer *answer;

    given_payments(given_fake_stripe());
    order = known_order();
    answer = pay_with(order, "tok_visa");
    expect_status(answer, 201);
    snprintf(path, sizeof(path), "/api/payments/%s", answer_text(answer, "id"));
    answer = ask("GET", path, NULL);
    expect_status(answer, 200);
    cr_expect_str_eq(answer_header(answer, "ETag", 0), "\"1\"");
    sign_as(OTHER, ROLE_USER);
    expect_refusal(ask("GET", path, NULL), 401, NULL, "Not authorized");
    expect_refusal(ask("GET", "/api/payments/dddddddddddddddddddddddd", NULL), 404, NULL,
                   "Not Found");
}

/* One fault at one call of a purchase, then the buyer asks again until it is paid. */
static void pay_through(const char *call, const char *fault)
{
    const char *order = known_order();
    int64_t until_ms = instant_monotonic() + PATIENCE_MS;
    const struct answer *answer;
    struct stripe_ledger ledger;

    stripe_fault(call, fault, 1);
    do {
        answer = pay_with(order, "pm_card_visa");
        cr_assert(answer->status == 201 || answer->status == 200 || answer->status == 503,
                  "%s at %s: %d %s", fault, call, answer->status, answer->body);
        cr_assert_lt(instant_monotonic(), until_ms, "%s at %s never ends", fault, call);
    } while (answer->status == 503 || strcmp(answer_text(answer, "status"), "started") == 0);
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    bson_destroy(await_payment(order, "captured"));
    ledger = stripe_ledger(order);
    cr_expect_eq(ledger.intents, 1, "%s at %s: %d intents", fault, call, ledger.intents);
    cr_expect_eq(ledger.authorized, 1, "%s at %s: %d authorised", fault, call, ledger.authorized);
    cr_expect_eq(ledger.captured, 1, "%s at %s: %d captured", fault, call, ledger.captured);
    cr_expect_eq(ledger.taken, 1, "%s at %s", fault, call);
    cr_expect_eq(ledger.held, 0, "%s at %s", fault, call);
}

Test(payments_routes, whatever_stripe_loses_the_buyer_is_charged_once)
{
    static const char *const calls[] = {"create", "confirm", "capture"};
    static const char *const faults[] = {"lose", "drop", "500", "409", "429"};

    given_payments(given_fake_stripe());
    for (size_t c = 0; c < ARRAY_LENGTH(calls); c++)
        for (size_t f = 0; f < ARRAY_LENGTH(faults); f++)
            pay_through(calls[c], faults[f]);
}

Test(payments_routes, what_stripe_loses_of_a_lost_order_is_held_by_nobody)
{
    static const char *const faults[] = {"lose", "drop", "500"};

    given_payments(given_fake_stripe());
    for (size_t f = 0; f < ARRAY_LENGTH(faults); f++) {
        const char *order = known_order();
        const struct answer *answer;

        /* libcurl sends again, under the same key, where a kept connection dies: then it is 201 */
        stripe_fault("confirm", faults[f], 1);
        stripe_fault("cancel", faults[f], 1);
        answer = pay_with(order, "pm_card_visa");
        cr_assert(answer->status == 503 || answer->status == 201, "%d %s", answer->status,
                  answer->body);
        end_order(order, EVENT_ORDER_CANCELLED, ORDER_CANCELLED);
        bson_destroy(await_payment(order, "voided"));
        cr_expect_eq(stripe_ledger(order).held, 0, "%s", faults[f]);
        cr_expect_eq(stripe_ledger(order).taken, 0, "%s", faults[f]);
    }
}

struct click {
    char order[ID_BYTES];
    int status;
};

static void *click(void *context)
{
    struct click *one = context;
    char body[128];

    snprintf(body, sizeof(body), "{\"orderId\":\"%s\",\"token\":\"pm_card_visa\"}", one->order);
    one->status = ask("POST", "/api/payments", body)->status;
    return NULL;
}

/* Once is not enough: now and then the first click is through before the others begin. */
Test(payments_routes, many_clicks_at_once_are_one_charge)
{
    given_payments(given_fake_stripe());
    for (int round = 0; round < 5; round++) {
        const char *order = known_order();
        struct click clicks[8];
        pthread_t threads[8];
        int made = 0;

        for (int i = 0; i < 8; i++) {
            text_copy(clicks[i].order, ID_BYTES, order);
            pthread_create(&threads[i], NULL, click, &clicks[i]);
        }
        for (int i = 0; i < 8; i++) {
            pthread_join(threads[i], NULL);
            cr_expect(clicks[i].status == 201 || clicks[i].status == 200, "%d", clicks[i].status);
            made += clicks[i].status == 201;
        }
        cr_expect_eq(made, 1);
        cr_expect_eq(stripe_ledger(order).authorized, 1);
    }
}

Test(payments_routes, a_card_that_asks_for_its_owner_waits_and_goes_on)
{
    const struct answer *answer;
    const char *order;

    given_payments(given_fake_stripe());
    order = known_order();
    answer = pay_with(order, "pm_card_authenticationRequired");
    expect_status(answer, 201);
    cr_expect_str_eq(answer_text(answer, "status"), "requires_action");
    cr_expect(answer_text(answer, "clientSecret") != NULL);
    await_event(EVENT_PAYMENT_STARTED, answer_text(answer, "id"), 1);
    answer = pay_with(order, "pm_card_authenticationRequired");
    expect_status(answer, 200);
    cr_expect_str_eq(answer_text(answer, "status"), "requires_action");
    cr_expect_eq(stripe_ledger(order).intents, 1);
}

Test(payments_routes, an_order_has_a_bounded_number_of_attempts)
{
    const char *order;

    given_payments(given_fake_stripe());
    order = known_order();
    for (int i = 0; i < 20; i++)
        expect_status(pay_with(order, "tok_chargeDeclined"), 400);
    expect_refusal(pay_with(order, "tok_visa"), 400, NULL, "Too many payment attempts");
}

Test(payments_routes, localstripe_agrees_with_the_fake)
{
    const struct answer *answer;
    const char *order;

    given_payments(given_localstripe());
    order = known_order();
    expect_refusal(pay_with(order, "pm_card_visa_chargeDeclined"), 400, NULL,
                   "Your card was declined.");
    expect_refusal(pay_with(order, "tok_chargeDeclined"), 400, NULL, "Your card was declined.");
    answer = pay_with(order, "tok_visa");
    expect_status(answer, 201);
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    await_event(EVENT_PAYMENT_CREATED, answer_text(answer, "id"), 2);

    order = known_order();
    expect_status(pay_with(order, "pm_card_visa"), 201);
    end_order(order, EVENT_ORDER_CANCELLED, ORDER_CANCELLED);
    bson_destroy(await_payment(order, "voided"));
}

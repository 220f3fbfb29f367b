/*
 * Charging, where somebody else is at the same payment at that moment, or the process stops.
 */

#include "tests/payments/till.h"

#include "payments/payment.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define CALL_MS 10000

/* ---- two at one payment ---- */

static struct payment given_payment(struct outbox *outbox)
{
    struct order order = {.price_cents = 4250};
    struct payment payment;

    store_new_id(order.id);
    store_new_id(order.user_id);
    payment_init(&payment, &order, "usd", "pm_card_visa");
    cr_assert_eq(payment_insert(outbox, &payment, instant_now() + 60000), 0);
    return payment;
}

/* One request notes its intent and is about to confirm it; the other read the payment before that,
 * when there was nothing to give back. */
Test(charge, who_did_not_see_the_intent_cannot_end_the_payment)
{
    static const char *const collections[] = {"payments"};
    static const enum payment_status ends[] = {PAYMENT_VOIDED, PAYMENT_FAILED};
    struct store *store = given_store();
    struct metrics *metrics = metrics_new();
    struct payment one, other, now;
    struct outbox *outbox;

    cr_assert_eq(outbox_open(store, given_bus("payments"), metrics, collections, 1, &outbox), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        one = other = given_payment(outbox);
        cr_assert_eq(payment_note_intent(store, &one, "pi_1", "secret"), 0);
        cr_expect_eq(payment_move(outbox, &other, ends[i], 0), STALE);
        cr_assert_eq(payment_find(store, one.id, &now), 0);
        cr_expect_eq(now.state.status, PAYMENT_STARTED);
        cr_expect_eq(payment_move(outbox, &now, ends[i], 0), 0);
    }
    outbox_free(outbox, CALL_MS);
    metrics_free(metrics);
}

/* Else a laggard would set the number back, to keys that are spent. */
Test(charge, a_failure_that_two_have_heard_is_one_try_more)
{
    static const char *const collections[] = {"payments"};
    struct store *store = given_store();
    struct metrics *metrics = metrics_new();
    struct payment one, other, now;
    struct outbox *outbox;

    cr_assert_eq(outbox_open(store, given_bus("payments"), metrics, collections, 1, &outbox), 0);
    one = other = given_payment(outbox);
    cr_expect_eq(payment_note_failure(store, &one, /* attaching= */ true), 0);
    cr_expect_eq(payment_note_failure(store, &other, /* attaching= */ false), STALE);
    cr_expect_eq(payment_note_failure(store, &one, /* attaching= */ false), 0);
    cr_assert_eq(payment_find(store, one.id, &now), 0);
    cr_expect_eq(now.tries, 2);
    cr_expect_eq(now.attach_try, 1);
    cr_expect_eq(one.tries, now.tries);
    cr_expect_eq(one.attach_try, now.attach_try);
    outbox_free(outbox, CALL_MS);
    metrics_free(metrics);
}

static void *pay_declined(void *order)
{
    expect_refusal(pay_with(order, "tok_chargeDeclined"), 400, NULL, "Your card was declined.");
    return NULL;
}

static bool confirms(void *order)
{
    return stripe_ledger(order).intents == 1;
}

Test(charge, a_second_click_on_a_card_that_is_declined_hears_so_too)
{
    char order[ID_BYTES];
    pthread_t first;

    given_payments(given_fake_stripe());
    text_copy(order, sizeof(order), known_order());
    stripe_fault("confirm", "slow", 1);
    pthread_create(&first, NULL, pay_declined, order);
    eventually(confirms, order, CALL_MS, "the first click is at Stripe");
    pay_declined(order);
    pthread_join(first, NULL);
    cr_expect_eq(stripe_ledger(order).intents, 1);
}

/* ---- the process stops ---- */

static bool is_captured(void *order)
{
    return stripe_ledger(order).captured == 1;
}

/* The settler waits for Stripe's answer at that moment, and stores it, with its event, after it. */
Test(charge, a_service_that_stops_while_it_captures_ends_that_first)
{
    struct one_service payments = given_payments(given_fake_stripe());
    char order[ID_BYTES];
    const char *id;

    text_copy(order, sizeof(order), known_order());
    id = answer_text(pay_with(order, "tok_visa"), "id");
    stripe_fault("capture", "slow", 1);
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    eventually(is_captured, order, CALL_MS, "Stripe captures");
    end_one_service(&payments);
    await_event(EVENT_PAYMENT_CREATED, id, 2);
}

/* ---- what happens at Stripe without us ---- */

static void at_stripe(const char *order, const char *status, const char *verb)
{
    bson_t *payment = await_payment(order, status);
    char call[320];

    snprintf(call, sizeof(call), "/v1/payment_intents/%s/%s",
             store_read_text(payment, "stripeId", ""), verb);
    bson_destroy(payment);
    stripe_happens(call);
}

Test(charge, money_taken_for_a_lost_order_is_given_back_also_after_a_failure)
{
    static const char *const failures[] = {"500", "500-done"};

    given_payments(given_fake_stripe());
    for (size_t i = 0; i < ARRAY_LENGTH(failures); i++) {
        const char *order = known_order();

        expect_status(pay_with(order, "tok_visa"), 201);
        at_stripe(order, "authorized", "capture");
        stripe_fault("refund", failures[i], 1);
        end_order(order, EVENT_ORDER_CANCELLED, ORDER_CANCELLED);
        bson_destroy(await_payment(order, "refunded"));
        cr_expect_eq(stripe_ledger(order).taken, 0, "%s", failures[i]);
    }
}

/* The buyer still has the client secret, and with it Stripe's page would confirm the intent. */
Test(charge, an_intent_whose_owner_did_not_authenticate_can_hold_nothing_any_more)
{
    const char *order;

    given_payments(given_fake_stripe());
    order = known_order();
    expect_status(pay_with(order, "pm_card_authenticationRequired"), 201);
    at_stripe(order, "requires_action", "_fail");
    expect_refusal(pay_with(order, "pm_card_authenticationRequired"), 400, NULL,
                   "We are unable to authenticate you.");
    at_stripe(order, "failed", "_authenticate");
    cr_expect_eq(stripe_ledger(order).held, 0);
}

/* ---- what Stripe has answered with a 5xx, and would again to the same key ---- */

static const char *const nobody_resolves[] = {"RESOLVE_SECONDS=3600", NULL};

/* Another process comes to the next try; what is lost of that is repeated, not tried again. */
Test(charge, a_create_that_failed_is_tried_again_under_another_key_and_only_then)
{
    const char *base = given_fake_stripe();
    struct one_service payments = given_payments_with(base, nobody_resolves);
    char order[ID_BYTES];

    text_copy(order, sizeof(order), known_order());
    stripe_fault("create", "500", 1);
    stripe_fault("create", "lose", 2); /* libcurl tries a kept connection twice */
    expect_status(pay_with(order, "tok_visa"), 503);
    end_one_service(&payments);
    given_payments_with(base, nobody_resolves);
    expect_status(pay_with(order, "tok_visa"), 503);
    stripe_is_well();
    expect_status(pay_with(order, "tok_visa"), 200);
    cr_expect_eq(stripe_ledger(order).intents, 1);
    cr_expect_eq(stripe_ledger(order).authorized, 1);
}

/* It is attached to a customer once: whichever half fails, the other is not done again. */
Test(charge, a_token_that_can_be_used_once_outlives_failures)
{
    const char *order;

    given_payments_with(given_fake_stripe(), nobody_resolves);
    order = known_order();
    stripe_fault("customer", "500", 1);
    stripe_fault("create", "500", 1);
    expect_status(pay_with(order, "tok_1Once"), 503);
    expect_status(pay_with(order, "tok_1Once"), 503);
    expect_status(pay_with(order, "tok_1Once"), 200);
    cr_expect_eq(stripe_ledger(order).authorized, 1);
}

/* It is asked for at once, so the buyer need not come again. */
Test(charge, a_confirm_that_failed_and_was_done_all_the_same_is_found)
{
    const char *order;

    given_payments(given_fake_stripe());
    order = known_order();
    stripe_fault("confirm", "500-done", 1);
    expect_status(pay_with(order, "tok_visa"), 201);
    cr_expect_eq(stripe_calls("confirm"), 1);
    cr_expect_eq(stripe_ledger(order).authorized, 1);
}

/* The buyer's money is not held for a day: neither taken nor let go. */
Test(charge, each_step_that_failed_is_done_by_the_next_round_however_often)
{
    static const struct {
        const char *call, *end;
        enum event_type type;
        enum order_status status;
    } cases[] = {
        {"capture", "captured", EVENT_ORDER_COMPLETED, ORDER_COMPLETE},
        {"cancel", "voided", EVENT_ORDER_CANCELLED, ORDER_CANCELLED},
    };

    given_payments(given_fake_stripe());
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *order = known_order();

        expect_status(pay_with(order, "tok_visa"), 201);
        stripe_fault(cases[i].call, "500", 2);
        end_order(order, cases[i].type, cases[i].status);
        bson_destroy(await_payment(order, cases[i].end));
        cr_expect_eq(stripe_calls(cases[i].call), 3, "%s", cases[i].call);
        cr_expect_eq(stripe_ledger(order).held, 0, "%s", cases[i].call);
    }
}

/* A declined card is told so also where the refusal was a failure first. */
Test(charge, a_confirm_that_failed_and_was_declined_is_a_decline)
{
    const char *order;

    given_payments(given_fake_stripe());
    order = known_order();
    stripe_fault("confirm", "500-done", 1);
    expect_refusal(pay_with(order, "tok_chargeDeclined"), 400, NULL, "Your card was declined.");
}

Test(charge, a_buyer_who_does_not_authenticate_is_told_so_also_after_a_failure)
{
    static const char *const failures[] = {"500", "500-done"};

    given_payments_with(given_fake_stripe(), nobody_resolves);
    for (size_t i = 0; i < ARRAY_LENGTH(failures); i++) {
        const char *order = known_order();

        expect_status(pay_with(order, "pm_card_authenticationRequired"), 201);
        at_stripe(order, "requires_action", "_fail");
        stripe_fault("cancel", failures[i], 1);
        if (i == 0)
            expect_status(pay_with(order, "pm_card_authenticationRequired"), 503);
        expect_refusal(pay_with(order, "pm_card_authenticationRequired"), 400, NULL,
                       "We are unable to authenticate you.");
        bson_destroy(await_payment(order, "failed"));
        cr_expect_eq(stripe_calls("cancel"), i == 0 ? 2 : 3);
    }
}

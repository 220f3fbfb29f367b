/*
 * Every fault at every call, before two Stripes: the fake, which keeps Stripe's idempotency table,
 * and localstripe, which is not ours and has none. Whatever goes wrong, the end is the same: what
 * was paid for a complete order is taken once, what was not is held by nobody.
 */

#include "tests/payments/till.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 30000

static const char *const faults[] = {"lose", "drop",     "reset", "late", "slow",
                                     "500",  "500-done", "409",   "429"};

static struct buyer {
    char order[ID_BYTES];
    int status;
    pthread_t thread;
} buyers[ARRAY_LENGTH(faults)];

static bool has_an_answer(void *context)
{
    struct buyer *buyer = context;

    buyer->status = pay_with(buyer->order, "pm_card_visa")->status;
    return buyer->status != 503 && buyer->status != 504;
}

/* Pay, as often as it takes. */
static void *insist(void *buyer)
{
    eventually(has_an_answer, buyer, PATIENCE_MS, "the buyer has an answer");
    return NULL;
}

static void expect_ledger(const char *base, const char *order, int taken, const char *fault)
{
    struct stripe_ledger ledger = stripe_ledger_at(base, order);

    cr_expect_eq(ledger.taken, taken, "%s: %d taken of %d intents", fault, ledger.taken,
                 ledger.intents);
    cr_expect_eq(ledger.held, 0, "%s: %d held", fault, ledger.held);
}

/* All faults of one call at once, a buyer for each. */
static void sell_through(const char *base, const char *call)
{
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        text_copy(buyers[i].order, ID_BYTES, known_order());
        stripe_fault(call, faults[i], 1);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++)
        pthread_create(&buyers[i].thread, NULL, insist, &buyers[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        pthread_join(buyers[i].thread, NULL);
        cr_expect(buyers[i].status == 200 || buyers[i].status == 201, "%d", buyers[i].status);
        end_order(buyers[i].order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        bson_destroy(await_payment(buyers[i].order, "captured"));
        expect_ledger(base, buyers[i].order, 1, call);
    }
}

static void sell_through_all(const char *base)
{
    sell_through(base, "create");
    sell_through(base, "confirm");
    sell_through(base, "capture");
}

static void try_each_fault_of_a_loss(const char *base)
{
    static const char *const calls[] = {"confirm", "cancel", "find"};

    for (size_t c = 0; c < ARRAY_LENGTH(calls); c++)
        for (size_t f = 0; f < ARRAY_LENGTH(faults); f++) {
            cleanup(freep) char *what = xasprintf("%s at %s, lost", faults[f], calls[c]);
            const char *order = known_order();

            stripe_fault(calls[c], faults[f], 1);
            pay_with(order, "pm_card_visa");
            end_order(order, EVENT_ORDER_CANCELLED, ORDER_CANCELLED);
            bson_destroy(await_payment(order, "voided"));
            expect_ledger(base, order, 0, what);
            stripe_is_well(); /* what did not come to be asked */
        }
}

static const char *const settings[] = {"STRIPE_TIMEOUT_MS=700", "STRIPE_PAUSE_SECONDS=1", NULL};

Test(faults, a_sale_comes_through_each_of_them_at_the_fake)
{
    const char *base = given_fake_stripe();
    json_t *intents;
    size_t i, sold = 0;

    given_payments_with(base, settings);
    sell_through_all(base);
    intents = stripe_intents();
    for (i = 0; i < json_array_size(intents); i++) {
        const json_t *intent = json_array_get(intents, i);
        int authorized = (int)json_integer_value(json_object_get(intent, "_authorized"));

        sold += (size_t)authorized;
        cr_expect_leq(authorized, 1);
        cr_expect_leq(json_integer_value(json_object_get(intent, "_captured")), 1);
    }
    json_decref(intents);
    cr_expect_eq(sold, 3 * ARRAY_LENGTH(faults), "a card was authorised %zu times", sold);
}

Test(faults, a_lost_order_holds_nothing_after_each_of_them_at_the_fake)
{
    const char *base = given_fake_stripe();

    given_payments_with(base, settings);
    try_each_fault_of_a_loss(base);
}

Test(faults, a_sale_comes_through_each_of_them_at_localstripe)
{
    const char *base = given_faulty_localstripe();

    given_payments_with(base, settings);
    sell_through_all(base);
}

Test(faults, a_lost_order_holds_nothing_after_each_of_them_at_localstripe)
{
    const char *base = given_faulty_localstripe();

    given_payments_with(base, settings);
    try_each_fault_of_a_loss(base);
}

/* Nothing listens where Stripe should be, then it does. */
Test(faults, while_connections_are_refused_paying_waits_and_then_goes_through)
{
    const char *base = given_fake_stripe();
    char nowhere[64];

    snprintf(nowhere, sizeof(nowhere), "http://127.0.0.1:%d", free_port());
    given_payments_with(nowhere, settings);
    text_copy(buyers[0].order, ID_BYTES, known_order());
    expect_refusal(pay_with(buyers[0].order, "pm_card_visa"), 503, NULL, "Try again later");
    cr_expect_eq(count_documents("payments", "{\"status\":\"started\"}"), 1);
    given_payments_with(base, settings); /* another instance, which can reach it */
    insist(&buyers[0]);
    cr_expect(buyers[0].status == 200 || buyers[0].status == 201, "%d", buyers[0].status);
    cr_expect_eq(stripe_ledger(buyers[0].order).authorized, 1);
}

/*
 * A Stripe that hangs or keeps failing: who is held up by it, who is sent away, and that nothing of
 * what was sent away, or left in doubt, is charged twice or forgotten.
 */

#include "tests/payments/till.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PAYERS      24
#define PATIENCE_MS 20000
#define ALWAYS      1000000

/* Buyers who pay at once, an order each. */
static struct payer {
    char order[ID_BYTES];
    pthread_t thread;
    int status;
} payers[PAYERS];
static atomic_bool enough;

static void *pay_once(void *context)
{
    struct payer *payer = context;

    payer->status = pay_with(payer->order, "pm_card_visa")->status;
    return NULL;
}

static void *pay_again_and_again(void *context)
{
    while (!enough)
        pay_once(context);
    return NULL;
}

static void start_payers(void *(*work)(void *payer))
{
    for (int i = 0; i < PAYERS; i++)
        text_copy(payers[i].order, ID_BYTES, known_order());
    for (int i = 0; i < PAYERS; i++)
        pthread_create(&payers[i].thread, NULL, work, &payers[i]);
}

static void await_payers(void)
{
    for (int i = 0; i < PAYERS; i++)
        pthread_join(payers[i].thread, NULL);
}

static const char *path_of(const struct answer *payment)
{
    static char path[64];

    snprintf(path, sizeof(path), "/api/payments/%s", answer_text(payment, "id"));
    return path;
}

static bool three_hang(void *context)
{
    (void)context;
    return stripe_calls("create") >= 3; /* one of the payment that was paid before */
}

Test(slow, while_stripe_hangs_payments_are_shown_and_few_requests_wait)
{
    const struct answer *answer;
    int64_t before_ms;
    const char *path;

    given_payments_with(given_fake_stripe(),
                        (const char *const[]){"HTTP_WORKERS=8", "STRIPE_CONCURRENCY=2", NULL});
    answer = pay_with(known_order(), "tok_visa");
    expect_status(answer, 201);
    path = path_of(answer);
    stripe_fault("any", "hang", ALWAYS);
    start_payers(pay_once);
    eventually(three_hang, NULL, PATIENCE_MS, "two buyers wait for Stripe");
    before_ms = instant_monotonic();
    expect_status(ask("GET", path, NULL), 200);
    expect_refusal(pay_with("dddddddddddddddddddddddd", "tok_visa"), 404, NULL, "Not Found");
    cr_expect_lt(instant_monotonic() - before_ms, 3500, "they waited for those who wait");
    await_payers();
    for (int i = 0; i < PAYERS; i++)
        cr_expect(payers[i].status == 503 || payers[i].status == 504, "%d", payers[i].status);
    cr_expect_eq(count_documents("payments", "{}"), 3, "who was sent away has begun nothing");
}

static bool metric_is(const char *line)
{
    return strstr(ask("GET", "/metrics", NULL)->body, line) != NULL;
}

static bool is_open(void *context)
{
    (void)context;
    return metric_is("stripe_breaker_state{lane=\"buyer\"} 2");
}

static bool buyers_are_sent_away(void *context)
{
    (void)context;
    pay_with(known_order(), "pm_card_visa");
    return is_open(NULL);
}

static bool is_paid(void *payer)
{
    pay_once(payer);
    return ((struct payer *)payer)->status == 201;
}

static bool is_resolved(void *context)
{
    (void)context;
    return count_documents("payments", "{\"status\":\"started\"}") == 0;
}

Test(slow, a_stripe_that_keeps_failing_is_left_alone_and_found_again)
{
    const struct answer *answer;
    const char *order;
    int64_t begun;
    int calls;

    given_payments_with(given_fake_stripe(), (const char *const[]){"STRIPE_TIMEOUT_MS=200",
                                                                   "STRIPE_PAUSE_SECONDS=2", NULL});
    stripe_fault("create", "late", 2);
    stripe_fault("create", "slow", 2);
    stripe_fault("create", "drop", ALWAYS);
    eventually(buyers_are_sent_away, NULL, PATIENCE_MS, "the breaker opens");
    begun = count_documents("payments", "{}");
    calls = stripe_calls("find");
    order = known_order();
    answer = pay_with(order, "pm_card_visa");
    expect_refusal(answer, 503, NULL, "Try again later");
    cr_expect_not_null(answer_header(answer, "Retry-After", 0));
    cr_expect_eq(count_documents("payments", "{}"), begun);
    cr_expect_eq(stripe_calls("find"), calls);

    stripe_is_well();
    text_copy(payers[0].order, ID_BYTES, order);
    eventually(is_paid, &payers[0], PATIENCE_MS, "a probe finds that it answers");
    cr_expect(metric_is("stripe_breaker_state{lane=\"buyer\"} 0"));
    cr_expect(metric_is("stripe_calls_total{call=\"create\",end=\"timeout\"}"));
    cr_expect_eq(stripe_ledger(order).authorized, 1);
    eventually(is_resolved, NULL, 45000, "what was in doubt is resolved");
}

Test(slow, buyers_who_hammer_a_hanging_stripe_do_not_hold_up_captures)
{
    char order[ID_BYTES];
    const char *id;

    given_payments_with(given_fake_stripe(),
                        (const char *const[]){"HTTP_WORKERS=4", "STRIPE_CONCURRENCY=2",
                                              "STRIPE_TIMEOUT_MS=500", "STRIPE_PAUSE_SECONDS=1",
                                              NULL});
    text_copy(order, sizeof(order), known_order());
    id = answer_text(pay_with(order, "tok_visa"), "id");
    stripe_fault("create", "hang", ALWAYS);
    start_payers(pay_again_and_again);
    eventually(is_open, NULL, PATIENCE_MS, "the breaker opens");
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    await_event(EVENT_PAYMENT_CREATED, id, 2);
    enough = true;
    await_payers();
    cr_expect_eq(stripe_ledger(order).captured, 1);
}

/*
 * The gate: how many may pass, how long one waits, and what counts as a failure of Stripe's.
 */

#include "payments/gate.h"

#include "common/fail.h"
#include "common/instant.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct metrics *metrics;
static struct gate *gate;

static void open_gate(int64_t places, int64_t pause_ms)
{
    metrics = metrics_new();
    gate = gate_new(&(struct gate_config){places, pause_ms, metrics});
}

static void close_gate(void)
{
    gate = gate_free(gate);
    metrics = metrics_free(metrics);
}

/* One visit of one call, which ends so. */
static void visit(int result, enum stripe_silence silence)
{
    const struct stripe_intent intent = {.silence = silence};
    struct gate_visit one;

    cr_assert_eq(gate_enter(gate, GATE_SETTLER, &one), 0);
    visit_call(&one, "confirm");
    cr_expect_eq(visit_heard(&one, result, &intent), result == -EACCES ? -EAGAIN : result);
    gate_leave(&one);
}

static void expect_metric(const char *line)
{
    cleanup(writer_release) struct writer text = {0};

    writer_init(&text);
    metrics_print(metrics, &text);
    cr_expect_not_null(strstr(writer_text(&text), line), "no %s in\n%s", line, writer_text(&text));
}

static void *leave_soon(void *context)
{
    poll(NULL, 0, 50); /* the other is waiting by then, or it need not: both are right */
    gate_leave(context);
    return NULL;
}

Test(gate, a_buyer_who_finds_no_place_waits_for_one_that_becomes_free)
{
    struct gate_visit first, second, third;
    pthread_t thread;

    open_gate(2, 1000);
    cr_assert_eq(gate_enter(gate, GATE_BUYER, &first), 0);
    cr_assert_eq(gate_enter(gate, GATE_BUYER, &second), 0);
    pthread_create(&thread, NULL, leave_soon, &first);
    cr_expect_eq(gate_enter(gate, GATE_BUYER, &third), 0);
    pthread_join(thread, NULL);
    close_gate();
}

static void *wait_in_vain(void *context)
{
    struct gate_visit one;

    *(int *)context = gate_enter(gate, GATE_BUYER, &one);
    return NULL;
}

Test(gate, when_all_places_are_taken_few_wait_and_the_others_hear_so_at_once)
{
    struct gate_visit taken[4];
    pthread_t threads[8];
    int results[8];
    int64_t before_ms = instant_monotonic();

    open_gate(4, 1000);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(gate_enter(gate, GATE_BUYER, &taken[i]), 0);
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, wait_in_vain, &results[i]);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(results[i], -EAGAIN);
    }
    cr_expect_geq(instant_monotonic() - before_ms, GATE_WAIT_MS, "two have waited");
    cr_expect_eq(gate_retry_seconds(gate, GATE_BUYER), 1);
    expect_metric("stripe_turned_away_total{lane=\"buyer\",why=\"full\"} 8");
    close_gate();
}

Test(gate, webhooks_have_places_of_their_own_and_the_settler_needs_none)
{
    struct gate_visit visits[32];

    open_gate(4, 1000);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(gate_enter(gate, GATE_BUYER, &visits[i]), 0);
    cr_expect_eq(gate_enter(gate, GATE_WEBHOOK, &visits[4]), 0);
    cr_expect_eq(gate_enter(gate, GATE_WEBHOOK, &visits[5]), -EAGAIN);
    for (int i = 6; i < 32; i++)
        cr_expect_eq(gate_enter(gate, GATE_SETTLER, &visits[i]), 0);
    gate_leave(&visits[4]);
    cr_expect_eq(gate_enter(gate, GATE_WEBHOOK, &visits[4]), 0);
    close_gate();
}

Test(gate, a_stripe_that_does_not_answer_closes_it_for_the_lane_that_asked)
{
    static const enum stripe_silence silences[] = {STRIPE_NO_ANSWER, STRIPE_TIMED_OUT, STRIPE_BUSY,
                                                   STRIPE_FAILED, STRIPE_NONSENSE};
    struct gate_visit one;

    open_gate(4, 60000);
    for (size_t i = 0; i < ARRAY_LENGTH(silences); i++) {
        cr_expect(gate_is_open(gate, GATE_SETTLER));
        visit(-EAGAIN, silences[i]);
    }
    cr_expect_not(gate_is_open(gate, GATE_SETTLER));
    cr_expect_eq(gate_enter(gate, GATE_SETTLER, &one), -EAGAIN);
    cr_expect_eq(gate_enter(gate, GATE_BUYER, &one), 0, "they find that out by themselves");
    cr_expect_eq(gate_retry_seconds(gate, GATE_SETTLER), 60);
    expect_metric("stripe_breaker_state{lane=\"settler\"} 2");
    expect_metric("stripe_turned_away_total{lane=\"settler\",why=\"breaker\"} 1");
    expect_metric("stripe_calls_total{call=\"confirm\",end=\"timeout\"} 1");
    expect_metric("stripe_call_seconds_count{call=\"confirm\"} 5");
    close_gate();
}

Test(gate, refusals_and_a_key_in_use_are_answers)
{
    open_gate(4, 60000);
    for (int i = 0; i < 20; i++) {
        visit(REFUSED, STRIPE_NO_ANSWER);
        visit(-EACCES, STRIPE_NO_ANSWER);
        visit(-EAGAIN, STRIPE_KEY_IN_USE);
    }
    cr_expect(gate_is_open(gate, GATE_SETTLER));
    expect_metric("stripe_breaker_state{lane=\"settler\"} 0");
    expect_metric("stripe_calls_total{call=\"confirm\",end=\"key-in-use\"} 20");
    expect_metric("stripe_calls_total{call=\"confirm\",end=\"refused\"} 20");
    expect_metric("stripe_calls_total{call=\"confirm\",end=\"denied\"} 20");
    close_gate();
}

Test(gate, one_that_went_well_opens_it_again)
{
    int64_t until_ms = instant_monotonic() + 10000;
    struct gate_visit one;

    open_gate(4, 1);
    for (int i = 0; i < 5; i++)
        visit(-EAGAIN, STRIPE_TIMED_OUT);
    while (!gate_is_open(gate, GATE_SETTLER) && instant_monotonic() < until_ms)
        ; /* a millisecond */
    cr_assert_eq(gate_enter(gate, GATE_SETTLER, &one), 0);
    cr_expect_not(gate_is_open(gate, GATE_SETTLER), "while one probes");
    expect_metric("stripe_breaker_state{lane=\"settler\"} 1");
    visit_call(&one, "find");
    visit_heard(&one, 0, &(struct stripe_intent){0});
    cr_expect(gate_is_open(gate, GATE_SETTLER));
    gate_leave(&one);
    expect_metric("stripe_breaker_state{lane=\"settler\"} 0");
    close_gate();
}

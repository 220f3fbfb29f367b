/*
 * The breaker: every state, told the time.
 */

#include "payments/breaker.h"

#include <criterion/criterion.h>

static const struct breaker_rule rule = {.failures = 5, .window_ms = 10000, .pause_ms = 3000};

/* Admit a visit that makes one call. */
static void call(struct breaker *breaker, int64_t now_ms, bool well)
{
    unsigned int era;

    cr_assert(breaker_admit(breaker, now_ms, &era), "at %d", (int)now_ms);
    breaker_note(breaker, now_ms, well, &era);
    breaker_leave(breaker, era);
}

static struct breaker open_at(int64_t now_ms)
{
    struct breaker breaker;

    breaker_init(&breaker, &rule);
    for (int i = 0; i < rule.failures; i++)
        call(&breaker, now_ms, false);
    cr_assert_eq(breaker.state, BREAKER_OPEN);
    return breaker;
}

Test(breaker, a_few_failures_do_not_open_it)
{
    struct breaker breaker;

    breaker_init(&breaker, &rule);
    for (int i = 0; i < rule.failures - 1; i++)
        call(&breaker, 100, false);
    cr_expect_eq(breaker.state, BREAKER_CLOSED);
    cr_expect_eq(breaker_wait(&breaker, 100), 0);
}

Test(breaker, nor_do_many_among_more_that_went_well)
{
    struct breaker breaker;

    breaker_init(&breaker, &rule);
    for (int i = 0; i < 200; i++)
        call(&breaker, 100 + i, i % 5 < 3);
    cr_expect_eq(breaker.state, BREAKER_CLOSED);
}

Test(breaker, failures_count_for_a_window_only)
{
    struct breaker breaker;

    breaker_init(&breaker, &rule);
    for (int i = 0; i < 50; i++)
        call(&breaker, (int64_t)i * rule.window_ms / 3, false);
    cr_expect_eq(breaker.state, BREAKER_CLOSED, "three a window are not five");
    call(&breaker, 1000000, false);
    cr_expect_eq(breaker.state, BREAKER_CLOSED, "nor is one after a long while");
}

Test(breaker, half_of_the_calls_failing_open_it_and_then_nobody_goes)
{
    struct breaker breaker;
    unsigned int era;

    breaker_init(&breaker, &rule);
    for (int i = 0; i < 10; i++)
        call(&breaker, 100, i % 2 == 0);
    cr_expect_eq(breaker.state, BREAKER_OPEN);
    cr_expect_not(breaker_admit(&breaker, 100, &era));
    cr_expect_not(breaker_would_admit(&breaker, 100 + rule.pause_ms - 1));
    cr_expect_eq(breaker_wait(&breaker, 100 + rule.pause_ms - 1), 1);
}

Test(breaker, after_its_pause_one_probes_and_its_success_closes_it)
{
    struct breaker breaker = open_at(100);
    unsigned int probe, other;
    int64_t then_ms = 100 + rule.pause_ms;

    cr_expect(breaker_would_admit(&breaker, then_ms));
    cr_assert(breaker_admit(&breaker, then_ms, &probe));
    cr_expect_not(breaker_admit(&breaker, then_ms, &other), "one only");
    cr_expect_gt(breaker_wait(&breaker, then_ms), 0);
    breaker_note(&breaker, then_ms + 50, true, &probe);
    cr_expect_eq(breaker.state, BREAKER_CLOSED);
    cr_expect_eq(probe, breaker.era, "its further calls count");
    breaker_leave(&breaker, probe);
    for (int i = 0; i < rule.failures - 1; i++)
        call(&breaker, then_ms + 100, false);
    cr_expect_eq(breaker.state, BREAKER_CLOSED, "it begins anew");
}

Test(breaker, a_probe_that_fails_opens_it_for_another_pause)
{
    struct breaker breaker = open_at(100);
    unsigned int probe, other;
    int64_t then_ms = 100 + rule.pause_ms;

    cr_assert(breaker_admit(&breaker, then_ms, &probe));
    breaker_note(&breaker, then_ms + 4000, false, &probe);
    breaker_leave(&breaker, probe);
    cr_expect_eq(breaker.state, BREAKER_OPEN);
    cr_expect_eq(breaker_wait(&breaker, then_ms + 4000), rule.pause_ms);
    cr_expect(breaker_admit(&breaker, then_ms + 4000 + rule.pause_ms, &other));
}

Test(breaker, a_probe_that_asked_nothing_makes_room_at_once)
{
    struct breaker breaker = open_at(100);
    unsigned int probe, other;
    int64_t then_ms = 100 + rule.pause_ms;

    cr_assert(breaker_admit(&breaker, then_ms, &probe));
    breaker_leave(&breaker, probe);
    cr_expect(breaker_admit(&breaker, then_ms, &other));
    cr_expect_neq(probe, other);
}

Test(breaker, what_earlier_visits_tell_is_old_news)
{
    struct breaker breaker;
    unsigned int before, probe;
    int64_t then_ms = 100 + rule.pause_ms;

    breaker_init(&breaker, &rule);
    cr_assert(breaker_admit(&breaker, 0, &before));
    for (int i = 0; i < rule.failures; i++)
        call(&breaker, 100, false);
    breaker_note(&breaker, 200, true, &before);
    cr_expect_eq(breaker.state, BREAKER_OPEN, "an answer to what was asked long ago");
    cr_assert(breaker_admit(&breaker, then_ms, &probe));
    breaker_note(&breaker, then_ms, false, &before);
    breaker_leave(&breaker, before);
    cr_expect_eq(breaker.state, BREAKER_PROBING, "the probe alone decides");
    breaker_note(&breaker, then_ms, true, &probe);
    cr_expect_eq(breaker.state, BREAKER_CLOSED);
}

/*
 * Breaker: counts over a sliding window, in two halves, and three states.
 *
 * A share of the calls decides, not a number alone: one call in a hundred that fails is many calls
 * an hour, and no reason to send every buyer away. And not the share alone: one failure of one
 * call says nothing.
 */

#include "payments/breaker.h"

#define PROBE_WAIT_MS 1000 /* the probe is under way: nobody knows how long it takes */

static void enter(struct breaker *breaker, enum breaker_state state, int64_t now_ms)
{
    breaker->state = state;
    breaker->era++;
    breaker->since_ms = now_ms;
    breaker->latest = breaker->last = (struct breaker_count){0};
}

void breaker_init(struct breaker *breaker, const struct breaker_rule *rule)
{
    *breaker = (struct breaker){.rule = *rule, .state = BREAKER_CLOSED};
}

bool breaker_would_admit(const struct breaker *breaker, int64_t now_ms)
{
    return breaker_wait(breaker, now_ms) == 0;
}

bool breaker_admit(struct breaker *breaker, int64_t now_ms, unsigned int *ret_era)
{
    int64_t opened_ms = breaker->since_ms;

    if (!breaker_would_admit(breaker, now_ms))
        return false;
    if (breaker->state == BREAKER_OPEN)
        enter(breaker, BREAKER_PROBING, opened_ms); /* its time is over also for the next probe */
    *ret_era = breaker->era;
    return true;
}

/* Move on the halves of the window. */
static void move_on(struct breaker *breaker, int64_t now_ms)
{
    int64_t half_ms = breaker->rule.window_ms / 2, passed_ms = now_ms - breaker->since_ms;

    if (passed_ms < half_ms)
        return;
    breaker->last = passed_ms < 2 * half_ms ? breaker->latest : (struct breaker_count){0};
    breaker->latest = (struct breaker_count){0};
    breaker->since_ms = passed_ms < 2 * half_ms ? breaker->since_ms + half_ms : now_ms;
}

void breaker_note(struct breaker *breaker, int64_t now_ms, bool well, unsigned int *era)
{
    int calls, failures;

    if (*era != breaker->era)
        return;
    if (breaker->state == BREAKER_PROBING) {
        enter(breaker, well ? BREAKER_CLOSED : BREAKER_OPEN, now_ms);
        *era = well ? breaker->era : *era;
        return;
    }
    move_on(breaker, now_ms);
    breaker->latest.calls++;
    breaker->latest.failures += !well;
    calls = breaker->latest.calls + breaker->last.calls;
    failures = breaker->latest.failures + breaker->last.failures;
    if (!well && failures >= breaker->rule.failures && 2 * failures >= calls)
        enter(breaker, BREAKER_OPEN, now_ms);
}

void breaker_leave(struct breaker *breaker, unsigned int era)
{
    if (breaker->state == BREAKER_PROBING && era == breaker->era)
        enter(breaker, BREAKER_OPEN, breaker->since_ms);
}

int64_t breaker_wait(const struct breaker *breaker, int64_t now_ms)
{
    int64_t left_ms = breaker->since_ms + breaker->rule.pause_ms - now_ms;

    switch (breaker->state) {
    case BREAKER_CLOSED: return 0;
    case BREAKER_PROBING: return PROBE_WAIT_MS;
    case BREAKER_OPEN: break;
    }
    return left_ms > 0 ? left_ms : 0;
}

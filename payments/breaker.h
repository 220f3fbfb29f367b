#ifndef PAYMENTS_BREAKER_H
#define PAYMENTS_BREAKER_H

/*
 * Breaker: is it worth asking Stripe at this moment? Pure: told the time and how calls ended, it
 * says who may go. Locking and waiting are its caller's (gate.c).
 *
 *   closed ── half of the latest calls failed, and not few ──► open ── its time over ──► probing
 *      ▲                                                         ▲                          │
 *      └────────────────── the probe was answered ───────────────┼──────────────────────────┤
 *                                                                └──── nor was the probe ───┘
 *
 * A visit is one caller's way through Stripe, of several calls. It belongs to the era in which it
 * was admitted, and each change of state begins another: what a visit of an earlier era tells
 * (Stripe hung, as we know by now) changes nothing any more.
 */

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
enum breaker_state { BREAKER_CLOSED, BREAKER_PROBING, BREAKER_OPEN };
/* clang-format on */

struct breaker_rule {
    int failures;      /* so many, and at least half of all calls, in a window open it */
    int64_t window_ms; /* how far back calls count */
    int64_t pause_ms;  /* how long it stays open */
};

struct breaker_count {
    int calls, failures;
};

struct breaker {
    struct breaker_rule rule;
    enum breaker_state state;
    unsigned int era;
    int64_t since_ms;                  /* open: since when; closed: when `latest` began */
    struct breaker_count latest, last; /* half a window each */
};

/* Closed. */
void breaker_init(struct breaker *breaker, const struct breaker_rule *rule);

/* Would a visit be admitted? */
bool breaker_would_admit(const struct breaker *breaker, int64_t now_ms);

/* Admit a visit, or do not. *ret_era is its era, for the two below. */
bool breaker_admit(struct breaker *breaker, int64_t now_ms, unsigned int *ret_era);

/* A call of a visit has ended. The probe whose call went well is in the new era from then on. */
void breaker_note(struct breaker *breaker, int64_t now_ms, bool well, unsigned int *era);

/* A visit is over. A probe that made no call makes room for the next. */
void breaker_leave(struct breaker *breaker, unsigned int era);

/* In how many milliseconds asking again may be worth it; 0: now. */
int64_t breaker_wait(const struct breaker *breaker, int64_t now_ms);

#endif

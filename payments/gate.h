#ifndef PAYMENTS_GATE_H
#define PAYMENTS_GATE_H

/*
 * Gate: who may go to Stripe, so that a slow one costs its callers no more than a "later".
 *
 * A bulkhead: requests that wait for Stripe hold an HTTP worker each, so buyers and webhooks have a
 * number of places, a few more buyers may wait for one for a moment, and the rest are sent away at
 * once. The settler and the resolver have threads of their own and need no place. And a breaker
 * (breaker.h): while Stripe does not answer, nobody goes but a probe now and then. Each lane has
 * its own, so that buyers who try again and again cannot take every probe from the captures. Who is
 * sent away has changed nothing.
 *
 * A visit is made before anything is stored that only Stripe could finish, and each call of it is
 * told, between visit_call and visit_heard. All state is this process's own: another one may reach
 * Stripe where this one does not. Thread-safe; a visit is one thread's.
 */

#include "common/metrics.h"
#include "common/stripe.h"
#include "payments/breaker.h"

/* clang-format off */
enum gate_lane {
    GATE_BUYER,
    GATE_WEBHOOK,
    GATE_SETTLER, /* the settler's threads and the resolver: no place needed */
    GATE_LANES,
};
/* clang-format on */

struct gate;

struct gate_visit {
    struct gate *gate;
    enum gate_lane lane;
    unsigned int era;
    const char *call;
    int64_t began_us;
};

struct gate_config {
    int64_t places;   /* of buyers; half as many may wait, a quarter are for webhooks */
    int64_t pause_ms; /* for which a Stripe that fails is left alone */
    struct metrics *metrics;
};

struct gate *gate_new(const struct gate_config *config);
struct gate *gate_free(struct gate *gate);

/* Would a visit be admitted? For who can as well do nothing at all now. */
bool gate_is_open(struct gate *gate, enum gate_lane lane);

/* Begin a visit; for a buyer it may take GATE_WAIT_MS. -EAGAIN: no place, or Stripe is not asked
 * now: nothing to leave. */
#define GATE_WAIT_MS 1000
must_check int gate_enter(struct gate *gate, enum gate_lane lane, struct gate_visit *ret_visit);
void gate_leave(struct gate_visit *visit);

/* In how many seconds coming again may be worth it; at least 1. For Retry-After. */
int64_t gate_retry_seconds(struct gate *gate, enum gate_lane lane);

/* A call begins: "create", "confirm" … (for metrics; borrowed for ever). */
void visit_call(struct gate_visit *visit, const char *call);

/* It has ended with `r`, of stripe.h; `intent` is what it gave. Returns `r`, but -EAGAIN where our
 * key was refused. */
int visit_heard(struct gate_visit *visit, int r, const struct stripe_intent *intent);

#endif

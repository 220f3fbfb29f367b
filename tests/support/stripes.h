#ifndef TESTS_SUPPORT_STRIPES_H
#define TESTS_SUPPORT_STRIPES_H

/*
 * Stripes: the three stand-ins that payments is tested against.
 *
 *   localstripe   not ours, stateful: does what we believe of Stripe also hold elsewhere?
 *   fake_stripe   ours, stateful, with an idempotency table, a ledger and scripted faults
 *   stripe-mock   Stripe's own, stateless: would the real API take each request that we send?
 *
 * Each runs on a free loopback port and dies with the test. The text is its base URL.
 */

#include "tests/support/support.h"

#include <jansson.h>

const char *given_localstripe(void);
const char *given_fake_stripe(void);
const char *given_stripe_mock(void);

/* localstripe behind a proxy that can fail as the fake does (stripe_faults.py has the list). */
const char *given_faulty_localstripe(void);

/* ---- the fake, or the faulty localstripe, whichever was started last ---- */

/* The next `times` calls of this kind ("confirm", "any") have this fault ("lose"). */
void stripe_fault(const char *call, const char *fault, int times);

/* It fails no more. */
void stripe_is_well(void);

/* How many calls of this kind have come to it. */
int stripe_calls(const char *call);

/* ---- the fake ---- */

/* Something happens there without us: POST this path to the fake. Whether it agrees is its own. */
void stripe_happens(const char *path);

/* What the fake's ledger says of an order: how often its cards were authorised and captured, how
 * many intents still hold or have taken money. */
struct stripe_ledger {
    int intents, authorized, captured, held, taken, refunded;
};
struct stripe_ledger stripe_ledger(const char *order_id);

/* All intents as the fake has them, an array; caller decrefs. */
json_t *stripe_intents(void);

/* ---- any ---- */

/* The same as its API tells it: intents, held and taken only. */
struct stripe_ledger stripe_ledger_at(const char *base, const char *order_id);

#endif

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

const char *given_localstripe(void);
const char *given_fake_stripe(void);
const char *given_stripe_mock(void);

/* The next `times` calls of this kind ("confirm") to the fake have this fault ("lose"). */
void stripe_fault(const char *call, const char *fault, int times);

/* Something happens there without us: POST this path to the fake. Whether it agrees is its own. */
void stripe_happens(const char *path);

/* What the fake's ledger says of an order: how often its cards were authorised and captured, how
 * many intents still hold or have taken money. */
struct stripe_ledger {
    int intents, authorized, captured, held, taken, refunded;
};
struct stripe_ledger stripe_ledger(const char *order_id);

#endif

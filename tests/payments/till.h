#ifndef TESTS_PAYMENTS_TILL_H
#define TESTS_PAYMENTS_TILL_H

/*
 * The till: payments alone, with orders played by the test.
 */

#include "tests/support/one_service.h"
#include "tests/support/stripes.h"

#define BUYER          "aaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER          "bbbbbbbbbbbbbbbbbbbbbbbb"
#define WEBHOOK_SECRET "whsec_x"

/* Start payments against the Stripe at `base`; questions come from BUYER. */
struct one_service given_payments(const char *base);

/* The same with up to six further settings ("NAME=value"), NULL-terminated. */
struct one_service given_payments_with(const char *base, const char *const *settings);

/* An event of order `id`, of BUYER's, for 42.50. */
struct event order_event(const char *id, enum event_type type, int64_t version,
                         enum order_status status);

/* Say it, and wait until payments has its copy. */
void deliver_and_await(const struct event *event);

/* An order that payments has heard of; its id, until the next call. */
const char *known_order(void);

const struct answer *pay_with(const char *order, const char *token);

/* Its version 1 says that it has ended so. */
void end_order(const char *id, enum event_type type, enum order_status status);

/* Wait for the order's payment of this status; caller destroys. */
bson_t *await_payment(const char *order, const char *status);

#endif

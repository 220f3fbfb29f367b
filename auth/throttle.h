#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

/*
 * Throttle: at most 10 failed sign-ins for one account in 15 minutes, counted in the collection
 * `throttles` for all processes together. Thread-safe.
 */

#include "common/event.h"
#include "common/store.h"

#define THROTTLES        "throttles"
#define THROTTLE_TRIES   10
#define THROTTLE_SPAN_MS INT64_C(900000)

/* Take one of the account's tries, before its password is looked at. `account` is the address's
 * lower case, whether such an account exists or not. 0; LIMITED: none is left, and *ret_wait_s says
 * in how many seconds one will be. */
must_check int throttle_take(struct store *store, const char *account, int64_t now_ms,
                             int64_t *ret_wait_s);

/* Give the try of `taken_ms` back: it did not fail. */
must_check int throttle_give_back(struct store *store, const char *account, int64_t taken_ms);

#endif

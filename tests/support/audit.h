#ifndef TESTS_SUPPORT_AUDIT_H
#define TESTS_SUPPORT_AUDIT_H

/*
 * What the files of the story harness share; stories use story.h.
 */

#include "tests/support/story.h"

/* The mongod of this story's system. */
const char *system_mongo(void);

/* What the services are started with, "NAME=value"; NULL-terminated. */
const char *const *system_environment(void);

/* A service's collection: {id: document as relaxed extended JSON}, or NULL where the store is away.
 * Caller frees. */
json_t *read_collection(const char *service, const char *collection);

/* The local Stripe's payment intents (an array; caller frees), and how many of them are for this
 * order and in this state. */
json_t *read_ledger(void);
int charges_in(const json_t *ledger, const char *order_id, enum charge_state state);

/* As expect_all_is_well, but what is wrong is returned (NULL: nothing is); `timeout_ms` for the
 * first of the two auditors to agree. */
const char *find_disagreement(int64_t timeout_ms);

/* Without the auditor that we ship, which takes its time. */
const char *find_disagreement_here(int64_t timeout_ms);

/* Wait until no order is open beyond its deadline (P4). */
void await_nobody_overdue(int64_t timeout_ms);

/* From now on the streams hold repeats, put there on purpose. */
void audit_allows_repeats(void);

#endif

/*
 * What may become of Idempotency-Keys when a process dies or a store goes away.
 */
#include "common/store.h"
#include "tests/support/one_service.h"

#define KEYS "idempotency"

void kill_before_the_end(void)
{
    cleanup(bson_freep) bson_t *all = bson_new();
    cleanup(bson_freep) bson_t *undo = BCON_NEW(
        "$set", "{", "done", BCON_BOOL(false), "leaseUntil", BCON_DATE_TIME(0), "}", "$unset", "{",
        "status", BCON_INT32(1), "answer", BCON_INT32(1), "etag", BCON_INT32(1), "}");
    int64_t matched = 0;

    cr_assert_eq(store_update(given_store(), KEYS, all, undo, /* many= */ true, &matched), 0);
    cr_assert_gt(matched, 0);
}

void free_the_keys(void)
{
    cleanup(bson_freep) bson_t *all = bson_new();
    int64_t removed = 0;

    cr_assert_eq(store_remove(given_store(), KEYS, all, &removed), 0);
    cr_assert_gt(removed, 0);
}

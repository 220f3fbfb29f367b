/*
 * Throttle: a sliding window of failed sign-ins, one document an account:
 *
 *   { _id: "ann@example.com", tries: [<the last ten instants>], expiresAt: <when all are past> }
 *
 * A try is taken before the password is checked and given back when it was right. Counting only
 * after the check would let as many guesses through at once as there are workers. Taking is one
 * conditional upsert: where the account has no try left its condition fails, and inserting collides
 * with the document that is there.
 */
#include "auth/throttle.h"

#include "common/instant.h"

#define RACES_MAX 4 /* two first tries of an account at once may collide; then it is there */

/* A document with fewer than ten tries, or whose oldest of ten is past. */
static bson_t *has_a_try_left(const char *account, int64_t now_ms)
{
    return BCON_NEW("_id", BCON_UTF8(account), "$or", "[", "{", "tries.9", "{", "$exists",
                    BCON_BOOL(false), "}", "}", "{", "tries.0", "{", "$lte",
                    BCON_DATE_TIME(now_ms - THROTTLE_SPAN_MS), "}", "}", "]");
}
_Static_assert(THROTTLE_TRIES == 10, "tries.9 is the tenth");

/* When the oldest of ten tries is past, so that one is free; `now_ms` if one is free already. */
static int find_next(struct store *store, const char *account, int64_t now_ms, int64_t *ret_at_ms)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(account));
    cleanup(bson_freep) bson_t *document = NULL;
    bson_iter_t iter, oldest, tenth;
    int r;

    *ret_at_ms = now_ms;
    r = store_find(store, THROTTLES, filter, NULL, &document);
    if (r == NOT_FOUND)
        return 0;
    if (r != 0)
        return r;
    if (bson_iter_init(&iter, document) && bson_iter_find_descendant(&iter, "tries.9", &tenth) &&
        bson_iter_init(&iter, document) && bson_iter_find_descendant(&iter, "tries.0", &oldest) &&
        bson_iter_date_time(&oldest) + THROTTLE_SPAN_MS > now_ms)
        *ret_at_ms = bson_iter_date_time(&oldest) + THROTTLE_SPAN_MS;
    return 0;
}

int throttle_take(struct store *store, const char *account, int64_t now_ms, int64_t *ret_wait_s)
{
    cleanup(bson_freep) bson_t *filter = has_a_try_left(account, now_ms);
    cleanup(bson_freep) bson_t *update =
        BCON_NEW("$push", "{", "tries", "{", "$each", "[", BCON_DATE_TIME(now_ms), "]", "$slice",
                 BCON_INT32(-THROTTLE_TRIES), "}", "}", "$set", "{", "expiresAt",
                 BCON_DATE_TIME(now_ms + THROTTLE_SPAN_MS), "}");
    int64_t next_ms;
    int r;

    for (int race = 0; race < RACES_MAX; race++) {
        r = store_modify(store, THROTTLES, filter, update, NULL, STORE_UPSERT, NULL, NULL);
        if (r != CONFLICT)
            return r;
        r = find_next(store, account, now_ms, &next_ms);
        if (r != 0)
            return r;
        if (next_ms > now_ms) {
            *ret_wait_s = (next_ms - now_ms + 999) / 1000;
            return LIMITED;
        }
    }
    *ret_wait_s = 1;
    return LIMITED;
}

int throttle_give_back(struct store *store, const char *account, int64_t taken_ms)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(account));
    cleanup(bson_freep) bson_t *update =
        BCON_NEW("$pull", "{", "tries", BCON_DATE_TIME(taken_ms), "}");

    return store_update(store, THROTTLES, filter, update, /* many= */ false, NULL);
}

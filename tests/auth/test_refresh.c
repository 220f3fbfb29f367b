/*
 * Refresh tokens: rotation, its time of grace, theft and revocation, on a real store.
 */
#include "auth/refresh.h"
#include "common/instant.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define USER  "aaaaaaaaaaaaaaaaaaaaaaaa"
#define START INT64_C(1790000000000)

/* A user's first token. The clock stands at START. */
static void given_token(char token[REFRESH_TOKEN_BYTES])
{
    struct refresh_grant grant;

    instant_fake(START);
    cr_assert_eq(refresh_begin(given_store(), USER, &grant), 0);
    text_copy(token, REFRESH_TOKEN_BYTES, grant.token);
}

/* Find and use, as the route does. */
static int use(const char *token, char ret_next[REFRESH_TOKEN_BYTES])
{
    struct refresh_grant grant;
    struct refresh refresh;
    int r = refresh_find(given_store(), token, &refresh);

    if (r == 0)
        r = refresh_use(given_store(), &refresh, &grant);
    if (r != 0)
        return r;
    cr_assert_str_eq(grant.family, refresh.family);
    text_copy(ret_next, REFRESH_TOKEN_BYTES, grant.token);
    return 0;
}

static int64_t count_tokens(void)
{
    cleanup(bson_freep) bson_t *all = bson_new();
    int64_t count = -1;

    cr_assert_eq(store_count(given_store(), REFRESH_TOKENS, all, 100, &count), 0);
    return count;
}

Test(refresh, a_token_is_stored_only_as_its_hash)
{
    char token[REFRESH_TOKEN_BYTES];
    cleanup(bson_freep) bson_t *all = bson_new();
    cleanup(bson_freep) bson_t *document = NULL;
    char *json;

    given_token(token);
    cr_assert_eq(strlen(token), REFRESH_TOKEN_BYTES - 1);
    cr_assert_eq(store_find(given_store(), REFRESH_TOKENS, all, NULL, &document), 0);
    json = bson_as_relaxed_extended_json(document, NULL);
    cr_assert_null(strstr(json, token));
    bson_free(json);
}

Test(refresh, using_one_gives_the_next)
{
    char first[REFRESH_TOKEN_BYTES], second[REFRESH_TOKEN_BYTES], third[REFRESH_TOKEN_BYTES];
    struct refresh one, two;

    given_token(first);
    cr_assert_eq(refresh_find(given_store(), first, &one), 0);
    cr_assert_str_eq(one.user_id, USER);
    cr_assert_eq(one.expires_at_ms, START + REFRESH_LIFE_S * 1000);
    cr_assert_eq(use(first, second), 0);
    cr_assert_str_neq(first, second);
    cr_assert_eq(refresh_find(given_store(), second, &two), 0);
    cr_assert_str_eq(two.family, one.family);
    cr_assert_eq(use(second, third), 0);
    cr_assert_str_neq(second, third);
}

Test(refresh, a_spent_one_gives_no_token_within_ten_seconds)
{
    char first[REFRESH_TOKEN_BYTES], second[REFRESH_TOKEN_BYTES], again[REFRESH_TOKEN_BYTES];

    given_token(first);
    cr_assert_eq(use(first, second), 0);
    instant_fake(START + REFRESH_GRACE_MS);
    cr_assert_eq(use(first, again), 0);
    cr_assert_str_eq(again, "");
    cr_assert_eq(use(second, again), 0, "the family lives");
}

Test(refresh, a_spent_one_later_revokes_the_family)
{
    char first[REFRESH_TOKEN_BYTES], second[REFRESH_TOKEN_BYTES], other[REFRESH_TOKEN_BYTES];
    char next[REFRESH_TOKEN_BYTES];

    given_token(first);
    given_token(other);
    cr_assert_eq(use(first, second), 0);
    instant_fake(START + REFRESH_GRACE_MS + 1);
    cr_assert_eq(use(first, next), UNAUTHENTICATED);
    cr_assert_eq(use(second, next), UNAUTHENTICATED, "the thief's or the victim's: both end");
    cr_assert_eq(use(other, next), 0, "another family is none of it");
}

Test(refresh, an_expired_or_unknown_one_is_refused)
{
    char token[REFRESH_TOKEN_BYTES], next[REFRESH_TOKEN_BYTES];

    given_token(token);
    instant_fake(START + REFRESH_LIFE_S * 1000);
    cr_assert_eq(use(token, next), UNAUTHENTICATED);
    cr_assert_eq(use(NULL, next), UNAUTHENTICATED);
    cr_assert_eq(use("", next), UNAUTHENTICATED);
    cr_assert_eq(use("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", next), UNAUTHENTICATED);
    cr_assert_eq(use("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", next), UNAUTHENTICATED);
}

Test(refresh, a_revoked_family_is_gone)
{
    char token[REFRESH_TOKEN_BYTES], next[REFRESH_TOKEN_BYTES];
    struct refresh refresh;

    given_token(token);
    cr_assert_eq(refresh_find(given_store(), token, &refresh), 0);
    cr_assert_eq(refresh_revoke(given_store(), refresh.family), 0);
    cr_assert_eq(use(token, next), UNAUTHENTICATED);
    cr_assert_eq(refresh_revoke(given_store(), refresh.family), 0, "twice is fine");
}

/* A sign-out between finding a token and using it: no new one may outlive it. */
Test(refresh, no_token_outlives_a_revocation_in_between)
{
    char token[REFRESH_TOKEN_BYTES];
    struct refresh_grant grant;
    struct refresh refresh;

    given_token(token);
    cr_assert_eq(refresh_find(given_store(), token, &refresh), 0);
    cr_assert_eq(refresh_revoke(given_store(), refresh.family), 0);
    cr_assert_eq(refresh_use(given_store(), &refresh, &grant), UNAUTHENTICATED);
    cr_assert_eq(count_tokens(), 0);
}

#define TABS 8

struct tabs {
    struct store *store;
    struct refresh refresh;
    pthread_barrier_t start;
    atomic_int with_token, without, failed;
};

static void *use_at_once(void *context)
{
    struct tabs *tabs = context;
    struct refresh_grant next;
    int r;

    pthread_barrier_wait(&tabs->start);
    r = refresh_use(tabs->store, &tabs->refresh, &next);
    atomic_fetch_add(r != 0          ? &tabs->failed
                     : next.token[0] ? &tabs->with_token
                                     : &tabs->without,
                     1);
    store_thread_done(tabs->store);
    return NULL;
}

Test(refresh, of_several_uses_at_once_one_gets_the_next)
{
    struct tabs tabs = {.store = given_store()};
    char token[REFRESH_TOKEN_BYTES];
    pthread_t threads[TABS];

    given_token(token);
    cr_assert_eq(refresh_find(tabs.store, token, &tabs.refresh), 0);
    pthread_barrier_init(&tabs.start, NULL, TABS);
    for (size_t i = 0; i < TABS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use_at_once, &tabs), 0);
    for (size_t i = 0; i < TABS; i++)
        pthread_join(threads[i], NULL);

    cr_assert_eq(atomic_load(&tabs.failed), 0);
    cr_assert_eq(atomic_load(&tabs.with_token), 1);
    cr_assert_eq(atomic_load(&tabs.without), TABS - 1);
    cr_assert_eq(count_tokens(), 2, "the spent one and the next; nobody else's stays");
}

/*
 * The cache of good tokens: it must never make anybody more welcome than the token itself would.
 */
#include "common/instant.h"
#include "common/session_cache.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID    "5f1e0c2a9d3b4e6f7a8b9c0d"
#define NOW_S INT64_C(1795000000)

static struct session_config config = {
    .key = "0123456789abcdef0123456789abcdef", .cookie = "session", .seconds = 900};

static void begin(void)
{
    cr_assert(sodium_init() >= 0);
    instant_fake(NOW_S * 1000);
    config.cache = session_cache_new();
}

static void end(void)
{
    session_cache_free(config.cache);
}

TestSuite(session_cache, .init = begin, .fini = end);

/* A cookie of a user with this id; caller frees. */
static char *cookie_of(const char *id)
{
    struct session session = {.email = "ann@example.com"};
    char *token, *set, *cookie;

    text_copy(session.user_id, sizeof(session.user_id), id);
    token = session_issue(&config, &session);
    set = session_cookie(&config, token);
    cookie = xstrndup(set, strcspn(set, ";"));
    free(token);
    free(set);
    return cookie;
}

Test(session_cache, what_was_read_once_is_read_again)
{
    char *cookie = cookie_of(ID);
    const char *value = strchr(cookie, '=') + 1;
    struct session first, second, kept;

    cr_assert(!session_cache_find(config.cache, SOURCE_COOKIE, value, &kept));
    session_read(&config, NULL, cookie, &first);
    cr_assert(session_cache_find(config.cache, SOURCE_COOKIE, value, &kept));
    session_read(&config, NULL, cookie, &second);
    cr_assert(first.signed_in && second.signed_in && kept.signed_in);
    cr_assert_str_eq(second.user_id, ID);
    cr_assert_eq(second.expires_at_s, NOW_S + 900);
    free(cookie);
}

Test(session_cache, an_expired_one_is_no_longer_known)
{
    char *cookie = cookie_of(ID);
    struct session session;

    session_read(&config, NULL, cookie, &session);
    instant_fake((NOW_S + 899) * 1000);
    session_read(&config, NULL, cookie, &session);
    cr_assert(session.signed_in);
    instant_fake((NOW_S + 900) * 1000);
    session_read(&config, NULL, cookie, &session);
    cr_assert(!session.signed_in);
    free(cookie);
}

Test(session_cache, a_changed_text_is_not_taken_for_the_good_one)
{
    char *cookie = cookie_of(ID);
    struct session session;

    session_read(&config, NULL, cookie, &session);
    cr_assert(session.signed_in);
    cookie[strlen(cookie) - 6] = cookie[strlen(cookie) - 6] == 'A' ? 'B' : 'A';
    session_read(&config, NULL, cookie, &session);
    cr_assert(!session.signed_in);
    free(cookie);
}

Test(session_cache, a_cookie_is_not_taken_for_a_bearer_token)
{
    char *cookie = cookie_of(ID);
    char *bearer = xasprintf("Bearer %s", strchr(cookie, '=') + 1);
    struct session session;

    session_read(&config, NULL, cookie, &session);
    cr_assert(session.signed_in);
    session_read(&config, bearer, NULL, &session);
    cr_assert(!session.signed_in);
    free(bearer);
    free(cookie);
}

Test(session_cache, more_users_than_places_are_told_apart)
{
    static char *cookies[2000];
    char id[ID_BYTES];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2000; i++) {
            struct session session;

            snprintf(id, sizeof(id), "%024x", i);
            if (round == 0)
                cookies[i] = cookie_of(id);
            session_read(&config, NULL, cookies[i], &session);
            cr_assert(session.signed_in);
            cr_assert_str_eq(session.user_id, id);
        }
    }
    for (int i = 0; i < 2000; i++)
        free(cookies[i]);
}

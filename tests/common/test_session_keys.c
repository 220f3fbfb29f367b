/*
 * Two keys: whose signature is believed while keys are changed, and whose is not.
 */
#include "common/instant.h"
#include "common/session_cache.h"
#include "tests/common/forge.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define OLD   "the old key of these tests, 32 bytes"
#define NEW   "the new key of these tests, 32 bytes"
#define THIRD "a third key of these tests, 32 bytes"
#define ID    "5f1e0c2a9d3b4e6f7a8b9c0d"
#define NOW_S INT64_C(1795000000)
#define GOOD                                                                                    \
    "{\"id\":\"" ID "\",\"email\":\"ann@example.com\",\"iss\":\"ticketing\",\"role\":\"user\"," \
    "\"iat\":1794999990,\"exp\":1795000890}"

static const struct session_config before = {.key = OLD, .cookie = "session", .seconds = 900};
static const struct session_config first = {
    .key = OLD, .other_key = NEW, .cookie = "session", .seconds = 900};
static const struct session_config second = {
    .key = NEW, .other_key = OLD, .cookie = "session", .seconds = 900};
static const struct session_config after = {
    .key = NEW, .other_key = "", .cookie = "session", .seconds = 900};

static void begin(void)
{
    cr_assert(sodium_init() >= 0);
    instant_fake(NOW_S * 1000);
}

TestSuite(session_keys, .init = begin);

static bool check(const struct session_config *config, const char *token)
{
    struct session session;

    return session_check(config, token, strlen(token), &session);
}

/* A token that `config` issues. Caller frees. */
static char *issue(const struct session_config *config)
{
    struct session ann = {.user_id = ID, .email = "ann@example.com"};

    return session_issue(config, &ann);
}

/* The header of a token, as JSON. Caller frees. */
static char *header_of(const char *token)
{
    size_t length = strcspn(token, "."), bytes;
    char *text = xmalloc(length + 1);

    cr_assert_eq(sodium_base642bin((unsigned char *)text, length, token, length, NULL, &bytes, NULL,
                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                 0);
    text[bytes] = '\0';
    return text;
}

/* The name that tokens of `config` give its key. */
static void kid_of(const struct session_config *config, char ret_kid[9])
{
    cleanup(freep) char *token = issue(config);
    cleanup(freep) char *header = header_of(token);
    const char *kid = strstr(header, "\"kid\":\"");

    cr_assert_not_null(kid, "%s", header);
    memcpy(ret_kid, kid + strlen("\"kid\":\""), 8);
    ret_kid[8] = '\0';
    cr_assert_eq(strspn(ret_kid, "0123456789abcdef"), 8, "%s", header);
    cr_assert_eq(kid[strlen("\"kid\":\"") + 8], '"', "%s", header);
}

static bool check_header(const struct session_config *config, const char *header, const char *key)
{
    cleanup(freep) char *token = forge(header, GOOD, key);

    return check(config, token);
}

Test(session_keys, a_name_follows_from_the_key_alone)
{
    char old[9], again[9], new[9];

    kid_of(&before, old);
    kid_of(&first, again);
    kid_of(&after, new);
    cr_assert_str_eq(old, again);
    cr_assert_str_neq(old, new);
}

/* Several processes are restarted one after another, so of two neighbours in this row each must
 * believe what the other issues; and at the end the old key must be worth nothing. */
Test(session_keys, neighbours_in_a_change_of_keys_believe_each_other)
{
    static const struct session_config *const steps[] = {&before, &first, &second, &after};

    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
        for (size_t k = 0; k < ARRAY_LENGTH(steps); k++) {
            cleanup(freep) char *token = issue(steps[i]);
            bool neighbours = (i > k ? i - k : k - i) <= 1;
            bool known = strcmp(steps[i]->key, steps[k]->key) == 0 ||
                         (steps[k]->other_key && strcmp(steps[i]->key, steps[k]->other_key) == 0);

            cr_assert_eq(check(steps[k], token), known, "issued at step %zu, read at %zu", i, k);
            cr_assert(known || !neighbours, "steps %zu and %zu", i, k);
        }
}

Test(session_keys, a_token_without_a_name_is_tried_with_both)
{
    static const char bare[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

    cr_assert(check_header(&second, bare, NEW));
    cr_assert(check_header(&second, bare, OLD));
    cr_assert(!check_header(&second, bare, THIRD));
    cr_assert(!check_header(&after, bare, OLD));
    cr_assert(!check_header(&second, bare, ""));
    cr_assert(!check_header(&after, bare, ""), "without another key libjwt would believe anybody");
}

Test(session_keys, the_name_must_be_that_of_the_key_that_signed)
{
    char old[9], new[9];
    cleanup(freep) char *names_old = NULL;
    cleanup(freep) char *names_new = NULL;

    kid_of(&before, old);
    kid_of(&after, new);
    names_old = xasprintf("{\"alg\":\"HS256\",\"kid\":\"%s\"}", old);
    names_new = xasprintf("{\"alg\":\"HS256\",\"kid\":\"%s\"}", new);
    cr_assert(check_header(&second, names_old, OLD));
    cr_assert(check_header(&second, names_new, NEW));
    cr_assert(!check_header(&second, names_old, NEW));
    cr_assert(!check_header(&second, names_new, OLD));
    cr_assert(!check_header(&after, names_old, OLD), "a key that was dropped");
    cr_assert(!check_header(&after, names_old, NEW), "a name that nobody knows any more");
}

/* Each is what stands before and after the right name of the right key. */
Test(session_keys, names_that_are_none_are_refused)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"\"kid\":[\"", "\"]"},
        {"\"kid\":{\"", "\":1}"},
        {"\"kid\":\" ", "\""},
        {"\"kid\":\"", " \""},
        {"\"kid\":\"", "0\""},
        {"\"kid\":\"", "\\u0000\""},
        {"\"kid\":\"\",\"kid\":\"", "\""}, /* twice */
        {"\"kid\":\"../../", "\""},
        {"\"kid\":null,\"x\":\"", "\""},
        {"\"kid\":1,\"x\":\"", "\""},
        {"\"kid\":true,\"x\":\"", "\""},
        {"\"kid\":\"\",\"x\":\"", "\""},
        {"\"kid\":\"00000000\",\"x\":\"", "\""},
    };
    char kid[9];

    kid_of(&after, kid);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup(freep) char *header =
            xasprintf("{\"alg\":\"HS256\",%s%s%s}", rows[i].before, kid, rows[i].after);

        cr_assert(!check_header(&after, header, NEW), "accepted: %s", header);
        cr_assert(!check_header(&second, header, NEW), "accepted: %s", header);
    }
}

Test(session_keys, what_was_cached_is_what_this_process_has_checked)
{
    struct session_config caching = second;
    cleanup(freep) char *token = issue(&before);
    cleanup(freep) char *cookie = NULL;
    struct session session;

    caching.cache = session_cache_new();
    cookie = session_cookie(&caching, token);
    *strchr(cookie, ';') = '\0';
    session_read(&caching, NULL, cookie, &session);
    cr_assert(session.signed_in);
    session_cache_free(caching.cache);

    caching = after; /* keys change with a restart, and the cache begins empty */
    caching.cache = session_cache_new();
    session_read(&caching, NULL, cookie, &session);
    cr_assert(!session.signed_in);
    session_cache_free(caching.cache);
}

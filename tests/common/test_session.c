/*
 * Sessions: who may be taken for whom. Each row is one way to try.
 */
#include "common/session.h"

#include "common/instant.h"
#include "common/session_cache.h"
#include "tests/common/forge.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY   "0123456789abcdef0123456789abcdef"
#define ID    "5f1e0c2a9d3b4e6f7a8b9c0d"
#define SID   "6a1e0c2a9d3b4e6f7a8b9c0e"
#define NOW_S INT64_C(1795000000)

static const struct session_config strict = {
    .key = KEY, .cookie = "session", .seconds = 900, .secure = true};
static const struct session_config lenient = {
    .key = KEY, .cookie = "session", .seconds = 900, .allow_unexpiring = true};

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define WHO   "\"id\":\"" ID "\",\"email\":\"ann@example.com\""
#define TIMES ",\"iat\":1794999990,\"exp\":1795000890"
#define HOUSE ",\"iss\":\"ticketing\",\"role\":\"user\""
#define GOOD  "{" WHO TIMES HOUSE "}"

static bool check(const struct session_config *config, const char *token)
{
    struct session session = {.signed_in = true};
    bool good = session_check(config, token, strlen(token), &session);

    cr_assert_eq(good, session.signed_in);
    return good;
}

static bool check_payload(const struct session_config *config, const char *payload)
{
    char *token = forge(HS256, payload, KEY);
    bool good = check(config, token);

    free(token);
    return good;
}

static void begin(void)
{
    cr_assert(sodium_init() >= 0);
    instant_fake(NOW_S * 1000);
}

TestSuite(session, .init = begin);

Test(session, what_is_issued_is_accepted)
{
    struct session ann = {.id = SID, .user_id = ID, .email = "ann@example.com", .role = ROLE_ADMIN};
    struct session read;
    char *token = session_issue(&strict, &ann);

    cr_assert_eq(ann.issued_at_s, NOW_S);
    cr_assert_eq(ann.expires_at_s, NOW_S + 900);
    cr_assert(session_check(&strict, token, strlen(token), &read));
    cr_assert_str_eq(read.id, SID);
    cr_assert_str_eq(read.user_id, ID);
    cr_assert_str_eq(read.email, "ann@example.com");
    cr_assert_eq(read.role, ROLE_ADMIN);
    cr_assert_eq(read.issued_at_s, NOW_S);
    cr_assert_eq(read.expires_at_s, NOW_S + 900);
    instant_fake((NOW_S + 899) * 1000);
    cr_assert(check(&strict, token));
    instant_fake((NOW_S + 900) * 1000);
    cr_assert(!check(&strict, token));
    free(token);
}

Test(session, a_good_payload_is_accepted)
{
    cr_assert(check_payload(&strict, GOOD));
    cr_assert(check_payload(&strict, "{" WHO TIMES HOUSE ",\"nbf\":1795000060,\"more\":[1]}"));
}

Test(session, payloads_of_the_wrong_shape_are_refused)
{
    static const char *const payloads[] = {
        "{}",
        "[]",
        "null",
        "\"x\"",
        "",
        "{",
        "not json",
        GOOD " x",
        /* exp */
        "{" WHO ",\"iat\":1794999990" HOUSE "}",
        "{" WHO HOUSE ",\"exp\":\"1795000890\"}",
        "{" WHO HOUSE ",\"exp\":1795000890.5}",
        "{" WHO HOUSE ",\"exp\":1.795e12}",
        "{" WHO HOUSE ",\"exp\":-1}",
        "{" WHO HOUSE ",\"exp\":0}",
        "{" WHO HOUSE ",\"exp\":1795000000}",
        "{" WHO HOUSE ",\"exp\":1794999999}",
        "{" WHO HOUSE ",\"exp\":9223372036854775807}",
        "{" WHO HOUSE ",\"exp\":99999999999999999999999}",
        "{" WHO HOUSE ",\"exp\":null}",
        "{" WHO HOUSE ",\"exp\":true}",
        "{" WHO HOUSE ",\"exp\":[1795000890]}",
        "{" WHO HOUSE ",\"exp\":{}}",
        "{" WHO TIMES HOUSE ",\"role\":\"admin\"}", /* twice */
        /* iat, nbf */
        "{" WHO HOUSE ",\"exp\":1795000890,\"iat\":1795000061}",
        "{" WHO HOUSE ",\"exp\":1795000890,\"iat\":\"1794999990\"}",
        "{" WHO HOUSE ",\"exp\":1795000890,\"iat\":-5}",
        "{" WHO TIMES HOUSE ",\"nbf\":1795000061}",
        "{" WHO TIMES HOUSE ",\"nbf\":\"x\"}",
        "{" WHO TIMES HOUSE ",\"nbf\":1.5}",
        /* iss, role */
        "{" WHO TIMES ",\"role\":\"user\"}",
        "{" WHO TIMES ",\"role\":\"user\",\"iss\":\"other\"}",
        "{" WHO TIMES ",\"role\":\"user\",\"iss\":\"Ticketing\"}",
        "{" WHO TIMES ",\"role\":\"user\",\"iss\":[\"ticketing\"]}",
        "{" WHO TIMES ",\"iss\":\"ticketing\"}",
        "{" WHO TIMES ",\"iss\":\"ticketing\",\"role\":\"root\"}",
        "{" WHO TIMES ",\"iss\":\"ticketing\",\"role\":\"Admin\"}",
        "{" WHO TIMES ",\"iss\":\"ticketing\",\"role\":1}",
        "{" WHO TIMES ",\"iss\":\"ticketing\",\"role\":null}",
        "{" WHO TIMES ",\"iss\":\"ticketing\",\"role\":[\"admin\"]}",
        /* sid */
        "{" WHO TIMES HOUSE ",\"sid\":\"\"}",
        "{" WHO TIMES HOUSE ",\"sid\":\"5f1e0c2a9d3b4e6f7a8b9c0\"}",
        "{" WHO TIMES HOUSE ",\"sid\":7}",
        "{" WHO TIMES HOUSE ",\"sid\":null}",
        /* id, email */
        "{\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":\"\",\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":\"5f1e0c2a9d3b4e6f7a8b9c0\",\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":\"5f1e0c2a9d3b4e6f7a8b9c0dd\",\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":\"5f1e0c2a9d3b4e6f7a8b9c0\xc3\xa9\",\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":\"5f1e0c2a9d3b4e6f7a8b9c0d\\u0000\",\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":{\"$gt\":\"\"},\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":12345,\"email\":\"a@b.cc\"" TIMES HOUSE "}",
        "{\"id\":\"" ID "\"" TIMES HOUSE "}",
        "{\"id\":\"" ID "\",\"email\":\"\"" TIMES HOUSE "}",
        "{\"id\":\"" ID "\",\"email\":null" TIMES HOUSE "}",
        "{\"id\":\"" ID "\",\"email\":\"\xff\"" TIMES HOUSE "}",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(payloads); i++)
        cr_assert(!check_payload(&strict, payloads[i]), "accepted: %s", payloads[i]);
}

/* Printing such claims takes a stack frame for each level, and a worker's stack is small. */
Test(session, claims_are_shallow)
{
    cleanup(freep) char *shallow = NULL;
    cleanup(freep) char *deep = NULL;
    char brackets[1001];

    memset(brackets, '[', 500);
    memset(brackets + 500, ']', 500);
    brackets[1000] = '\0';
    deep = xasprintf("{" WHO TIMES HOUSE ",\"more\":%s}", brackets);
    shallow = xasprintf("{" WHO TIMES HOUSE ",\"more\":%.20s}", brackets + 490);
    cr_assert(check_payload(&strict, shallow));
    cr_assert(!check_payload(&strict, deep));
}

Test(session, an_email_that_is_too_long_is_refused)
{
    char *payload = xasprintf("{\"id\":\"" ID "\",\"email\":\"%0255d\"" TIMES HOUSE "}", 0);

    cr_assert(!check_payload(&strict, payload));
    free(payload);
}

Test(session, other_algorithms_are_refused)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"PS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"Hs256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256 \"}",
        "{\"alg\":\" HS256\"}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"\"}",
        "{\"alg\":1}",
        "{\"alg\":null}",
        "{\"typ\":\"JWT\"}",
        "{}",
        "[]",
        "",
        "x",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        char *token = forge(headers[i], GOOD, KEY);

        cr_assert(!check(&strict, token), "accepted: %s", headers[i]);
        cr_assert(!check(&lenient, token), "accepted: %s", headers[i]);
        strrchr(token, '.')[1] = '\0'; /* the same unsigned */
        cr_assert(!check(&strict, token), "accepted unsigned: %s", headers[i]);
        free(token);
    }
}

Test(session, a_longer_hmac_with_the_right_key_is_refused)
{
    char *hs512 = forge_512("{\"alg\":\"HS512\",\"typ\":\"JWT\"}", GOOD, KEY);
    char *as_256 = forge_512(HS256, GOOD, KEY);

    cr_assert(!check(&strict, hs512));
    cr_assert(!check(&strict, as_256));
    free(hs512);
    free(as_256);
}

Test(session, another_key_is_refused)
{
    char *token = forge(HS256, GOOD, "0123456789abcdef0123456789abcdeg");
    char *empty = forge(HS256, GOOD, "");

    cr_assert(!check(&strict, token));
    cr_assert(!check(&strict, empty));
    free(token);
    free(empty);
}

Test(session, without_a_key_nobody_is_signed_in)
{
    static const char *const keys[] = {NULL, ""};
    char *token = forge(HS256, GOOD, "");
    char *none = forge("{\"alg\":\"none\"}", GOOD, "");

    strrchr(none, '.')[1] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        struct session_config keyless = strict;

        keyless.key = keys[i];
        cr_assert(!check(&keyless, token));
        cr_assert(!check(&keyless, none));
    }
    free(token);
    free(none);
}

Test(session, tokens_that_are_none_are_refused)
{
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "!!!.???.###",
        " ",
        "eyJhbGciOiJIUzI1NiJ9..",
        "..c",
        ".b.",
        "undefined",
        "null",
        "{\"jwt\":\"x\"}",
        "\xc3\xa9.\xc3\xa9.\xc3\xa9",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++)
        cr_assert(!check(&strict, tokens[i]), "accepted: %s", tokens[i]);
}

Test(session, no_single_byte_of_a_token_can_be_changed)
{
    char *token = forge(HS256, GOOD, KEY);
    size_t length = strlen(token);

    for (size_t i = 0; i < length; i++) {
        char was = token[i];

        token[i] = was == 'A' ? 'B' : 'A';
        cr_assert(!check(&strict, token), "accepted with byte %zu changed", i);
        token[i] = was;
        cr_assert(i == 0 || !session_check(&strict, token, i, &(struct session){.role = 0}),
                  "accepted cut at %zu", i);
    }
    cr_assert(check(&strict, token));
    free(token);
}

Test(session, a_token_beyond_the_limit_is_refused)
{
    char *payload = xasprintf("{" WHO TIMES HOUSE ",\"more\":\"%04000d\"}", 0);
    char *less = xasprintf("{" WHO TIMES HOUSE ",\"more\":\"%02500d\"}", 0);

    cr_assert(!check_payload(&strict, payload));
    cr_assert(check_payload(&strict, less));
    free(payload);
    free(less);
}

Test(session, a_nul_within_a_token_is_refused)
{
    char *token = forge(HS256, GOOD, KEY);
    struct session session;

    cr_assert(!session_check(&strict, token, strlen(token) + 1, &session));
    free(token);
}

Test(session, course_tokens_are_taken_only_where_that_is_allowed)
{
    static const char bare[] = "{" WHO ",\"iat\":1794999990}";
    struct session session;
    char *token = forge(HS256, bare, KEY);

    cr_assert(!check_payload(&strict, bare));
    cr_assert(session_check(&lenient, token, strlen(token), &session));
    cr_assert_eq(session.role, ROLE_USER);
    cr_assert_eq(session.expires_at_s, 0);
    free(token);
    /* what is there must be right all the same */
    cr_assert(!check_payload(&lenient, "{" WHO ",\"exp\":1794999990}"));
    cr_assert(!check_payload(&lenient, "{" WHO ",\"exp\":\"never\"}"));
    cr_assert(!check_payload(&lenient, "{" WHO ",\"iss\":\"other\"}"));
    cr_assert(!check_payload(&lenient, "{" WHO ",\"role\":\"root\"}"));
    cr_assert(!check_payload(&lenient, "{\"email\":\"a@b.cc\"}"));
}

static bool reads(const char *authorization, const char *cookie)
{
    struct session session;

    session_read(&strict, authorization, cookie, &session);
    return session.signed_in;
}

Test(session, a_cookie_signs_in)
{
    struct session ann = {.user_id = ID, .email = "ann@example.com"};
    char *token = session_issue(&strict, &ann);
    char *set = session_cookie(&strict, token);
    char *cookie = xstrndup(set, strcspn(set, ";"));

    cr_assert(strstr(set, "; Path=/; HttpOnly; SameSite=Lax; Secure") != NULL, "%s", set);
    cr_assert(reads(NULL, cookie));
    cr_assert(!reads(NULL, "session=; other=1"));
    free(token);
    free(set);
    free(cookie);
}

/* Whatever brings it back, and whether or not it was found good before. */
Test(session, a_cookie_of_a_session_that_was_signed_out_here_is_nobodys)
{
    struct session ann = {.id = SID, .user_id = ID, .email = "ann@example.com"};
    struct session_config cached = strict;
    cleanup(freep) char *token = session_issue(&strict, &ann);
    cleanup(freep) char *set = session_cookie(&strict, token);
    cleanup(freep) char *end = session_end_cookie(&strict, SID);
    cleanup(freep) char *bearer = xasprintf("Bearer %s", token);
    cleanup(freep) char *cookie = xasprintf("%.*s", (int)strcspn(set, ";"), set);
    cleanup(freep) char *ended = xasprintf("%.*s; %s", (int)strcspn(end, ";"), end, cookie);
    cleanup(freep) char *another = xasprintf("%s; signed-out=" ID, cookie);
    struct session read;

    cr_assert_str_eq(end, "signed-out=" SID "; Path=/; Max-Age=960; HttpOnly; SameSite=Lax; "
                          "Secure");
    cr_assert(!reads(NULL, ended));
    cr_assert(reads(NULL, cookie));
    cr_assert(reads(NULL, another), "of a session before it");
    cr_assert(reads(bearer, ended), "cookies say nothing of a header");

    cached.cache = session_cache_new();
    session_read(&cached, NULL, cookie, &read);
    cr_assert(read.signed_in);
    session_read(&cached, NULL, ended, &read);
    cr_assert(!read.signed_in);
    cr_assert_str_eq(read.user_id, "");
    session_read(&cached, NULL, cookie, &read);
    cr_assert(read.signed_in);
    session_cache_free(cached.cache);
}

Test(session, without_an_id_a_session_is_good_beside_an_ended_one)
{
    struct session ann = {.user_id = ID, .email = "ann@example.com"};
    cleanup(freep) char *token = session_issue(&strict, &ann);
    cleanup(freep) char *set = session_cookie(&strict, token);
    cleanup(freep) char *cookie = xasprintf("%.*s; signed-out=", (int)strcspn(set, ";"), set);

    cr_assert(reads(NULL, cookie));
}

Test(session, an_insecure_cookie_and_an_expired_one)
{
    char *expired = session_cookie(&strict, NULL);
    char *insecure = session_cookie(&lenient, "x");

    cr_assert(strncmp(expired, "session=; Path=/; Expires=Thu, 01 Jan 1970", 42) == 0);
    cr_assert(strstr(expired, "Secure") != NULL);
    cr_assert(strstr(insecure, "Secure") == NULL);
    free(expired);
    free(insecure);
}

/* {"jwt":"<token>"} in base64 of every kind, under `name`. Caller frees. */
static char *cookie_of(const char *name, const char *token, int variant)
{
    char *json = xasprintf("{\"jwt\":\"%s\"}", token);
    size_t size = sodium_base64_encoded_len(strlen(json), variant);
    char *base64 = xmalloc(size);
    char *cookie;

    sodium_bin2base64(base64, size, (const unsigned char *)json, strlen(json), variant);
    cookie = xasprintf("%s=%s", name, base64);
    free(base64);
    free(json);
    return cookie;
}

Test(session, base64_of_every_kind_is_read)
{
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    static const char *const payloads[] = {GOOD, "{" WHO TIMES HOUSE ",\"x\":1}",
                                           "{" WHO TIMES HOUSE ",\"x\":12}"};

    for (size_t i = 0; i < ARRAY_LENGTH(payloads); i++) {
        char *token = forge(HS256, payloads[i], KEY);

        for (size_t v = 0; v < ARRAY_LENGTH(variants); v++) {
            char *cookie = cookie_of("session", token, variants[v]);
            char *course = cookie_of("express:sess", token, variants[v]);

            cr_assert(reads(NULL, cookie), "%s", cookie);
            cr_assert(reads(NULL, course), "%s", course);
            free(cookie);
            free(course);
        }
        free(token);
    }
}

Test(session, cookies_that_are_none_are_anonymous)
{
    static const char *const cookies[] = {
        "",
        ";",
        "session",
        "session=",
        "session=x",
        "session=!!!!",
        "session=e30=",
        "session=e30=e30=",
        "session====",
        "session=eyJqd3QiOjF9",
        "session=eyJqd3QiOm51bGx9",
        "session=W10=",
        "session=bnVsbA==",
        "session=eyJqd3QiOiJ4In0=",
        "session=\xff\xfe",
        "session=\"",
        "session=\"\"",
        "=; =x;;;",
        "session=eyJqd3QiOiJcdTAwMDAifQ==",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(cookies); i++)
        cr_assert(!reads(NULL, cookies[i]), "accepted: %s", cookies[i]);
}

Test(session, who_wins)
{
    char *token = forge(HS256, GOOD, KEY);
    char *session = cookie_of("session", token, sodium_base64_VARIANT_ORIGINAL);
    char *course = cookie_of("express:sess", token, sodium_base64_VARIANT_ORIGINAL);
    char *bearer = xasprintf("bearer  %s", token);
    char *bad_first = xasprintf("session=bad; %s", course);
    char *twice = xasprintf("%s; session=bad", session);
    char *twice_bad = xasprintf("session=bad; %s", session);

    cr_assert(reads(bearer, NULL));
    cr_assert(reads(bearer, "session=bad"));
    cr_assert(!reads("Bearer bad", session), "a bad bearer header fell back to the cookie");
    cr_assert(!reads("Bearer ", session));
    cr_assert(!reads("Bearer", session), "libmicrohttpd takes the blank away");
    cr_assert(!reads("bearer\tbad", session));
    cr_assert(reads("Bearers bad", session), "another scheme");
    cr_assert(reads("Basic eDp5", session), "another scheme is not a bearer header");
    cr_assert(!reads(NULL, bad_first), "a bad session cookie fell back to express:sess");
    cr_assert(reads(NULL, twice));
    cr_assert(!reads(NULL, twice_bad), "the first cookie of a name wins");
    free(token);
    free(session);
    free(course);
    free(bearer);
    free(bad_first);
    free(twice);
    free(twice_bad);
}

Test(session, cookies_are_found_as_browsers_and_others_write_them)
{
    static const struct {
        const char *header, *value;
    } rows[] = {
        {"a=1", "1"},
        {"b=2; a=1", "1"},
        {"b=2;a=1;c=3", "1"},
        {"a=1; a=2", "1"},
        {" a = 1 ; b=2", "1"},
        {"a=\"1\"", "1"},
        {"a=\" 1\"", " 1"},
        {"a=1=2==", "1=2=="},
        {"a=", ""},
        {"a", NULL},
        {"A=1", NULL},
        {"xa=1; ax=2", NULL},
        {";;; =;a=1", "1"},
        {"", NULL},
        {"a; a=1", "1"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *value = session_find_cookie(rows[i].header, "a");

        cr_assert_eq(value == NULL, rows[i].value == NULL, "%s", rows[i].header);
        if (value != NULL)
            cr_assert_str_eq(value, rows[i].value);
        free(value);
    }
}

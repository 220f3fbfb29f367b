/*
 * Sessions: a JWT in a cookie or a bearer header, read with suspicion.
 *
 * libjwt 1.10 verifies the signature with whatever algorithm the token's own header names, takes
 * "none" where the key is empty, and looks at no claim. So the key is never empty, the algorithm
 * must be HS256, and header and claims are checked here, on the JSON, where their types are still
 * to be seen. A claim that is there must be right also where it may be absent.
 *
 * While keys are changed there are two (ADR 16). A token's `kid` says which has signed it; one that
 * names neither is refused without looking at its signature, and one that names none, as those
 * issued by an older version or by others do, is tried with both.
 */
#include "common/session.h"

#include "common/instant.h"
#include "common/parse.h"
#include "common/session_cache.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <jwt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ISSUER       "ticketing"
#define ALGORITHM    "HS256"
#define OTHER_COOKIE "express:sess" /* the course's; read, never set */
#define BEARER       "Bearer"
#define ENDED_COOKIE "signed-out"
#define KID_BYTES    9 /* 8 hexadecimal digits */
#define CLOCK_SKEW_S 60
#define LATE_S       60                 /* how long an answer may be under way */
#define SECONDS_MAX  (INT64_C(1) << 53) /* what a JSON number holds exactly */

static void jwt_freep(jwt_t **jwt)
{
    jwt_free(*jwt);
}

static void json_freep(json_t **json)
{
    json_decref(*json);
}

/* A claim that is a whole number of seconds. False: it is there and something else. */
static bool read_seconds(const json_t *claims, const char *name, int64_t *ret_seconds)
{
    const json_t *claim = json_object_get(claims, name);

    if (claim == NULL)
        return true;
    if (!json_is_integer(claim) || json_integer_value(claim) <= 0 ||
        json_integer_value(claim) > SECONDS_MAX)
        return false;
    *ret_seconds = json_integer_value(claim);
    return true;
}

static bool check_times(const struct session_config *config, const json_t *claims,
                        struct session *session)
{
    int64_t now_s = instant_now() / 1000;
    int64_t not_before_s = 0;

    if (!read_seconds(claims, "exp", &session->expires_at_s) ||
        !read_seconds(claims, "iat", &session->issued_at_s) ||
        !read_seconds(claims, "nbf", &not_before_s))
        return false;
    if (session->expires_at_s == 0 && !config->allow_unexpiring)
        return false;
    if (session->expires_at_s != 0 && session->expires_at_s <= now_s)
        return false;
    return session->issued_at_s <= now_s + CLOCK_SKEW_S && not_before_s <= now_s + CLOCK_SKEW_S;
}

/* `iss` and `role` may be absent only from tokens that need not expire either. */
static bool check_issuer(const struct session_config *config, const json_t *claims,
                         struct session *session)
{
    const json_t *issuer = json_object_get(claims, "iss");
    const json_t *role = json_object_get(claims, "role");

    if (issuer == NULL ? !config->allow_unexpiring
                       : !json_is_string(issuer) || strcmp(json_string_value(issuer), ISSUER) != 0)
        return false;
    session->role = ROLE_USER;
    if (role == NULL)
        return config->allow_unexpiring;
    if (!json_is_string(role))
        return false;
    if (strcmp(json_string_value(role), "admin") == 0)
        session->role = ROLE_ADMIN;
    return session->role == ROLE_ADMIN || strcmp(json_string_value(role), "user") == 0;
}

static bool check_session_id(const json_t *claims, struct session *session)
{
    const json_t *id = json_object_get(claims, "sid");

    return id == NULL || (json_is_string(id) && text_is_id(json_string_value(id), session->id));
}

static bool check_claims(const struct session_config *config, const json_t *claims,
                         struct session *session)
{
    const char *id = json_string_value(json_object_get(claims, "id"));
    const char *email = json_string_value(json_object_get(claims, "email"));

    return id != NULL && text_is_id(id, session->user_id) && email != NULL && email[0] != '\0' &&
           text_copy(session->email, sizeof(session->email), email) &&
           check_times(config, claims, session) && check_issuer(config, claims, session) &&
           check_session_id(claims, session);
}

/* Decode base64 of either alphabet, padded or not. NULL: it is neither. Caller frees. */
static char *decode_base64(const char *text, size_t *ret_length)
{
    size_t length = strcspn(text, "=");
    cleanup(freep) char *plain = xstrndup(text, length);
    cleanup(freep) char *bytes = xmalloc(length + 1);

    if (text[length + strspn(text + length, "=")] != '\0')
        return NULL;
    for (char *c = plain; *c != '\0'; c++) {
        if (*c == '-')
            *c = '+';
        if (*c == '_')
            *c = '/';
    }
    if (sodium_base642bin((unsigned char *)bytes, length + 1, plain, length, NULL, ret_length, NULL,
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0)
        return NULL;
    return take(bytes);
}

/* The part of a token that begins at `start`, as it was sent: libjwt's own copy has lost what was
 * there twice, and printing that recurses as deep as the token likes. Caller decrefs. */
static json_t *read_part(const char *start)
{
    cleanup(freep) char *base64 = xstrndup(start, strcspn(start, "."));
    cleanup(freep) char *bytes = NULL;
    size_t length;

    bytes = decode_base64(base64, &length);
    return bytes == NULL ? NULL : parse_object(bytes, length);
}

/* A key's name follows from the key, so there is nothing to set and nothing to mix up. It is a hash
 * that tells of a good key as much as its signatures do: nothing. */
static void name_key(const char *key, char ret_kid[KID_BYTES])
{
    unsigned char hash[crypto_generichash_BYTES];

    crypto_generichash(hash, sizeof(hash), (const unsigned char *)key, strlen(key), NULL, 0);
    sodium_bin2hex(ret_kid, KID_BYTES, hash, KID_BYTES / 2);
}

/* May `key` have signed the token with this header, by the name that it gives? */
static bool is_named(const json_t *header, const char *key)
{
    const json_t *kid = json_object_get(header, "kid");
    char own[KID_BYTES];

    if (kid == NULL)
        return true;
    name_key(key, own);
    return json_is_string(kid) && json_string_length(kid) == KID_BYTES - 1 &&
           strcmp(json_string_value(kid), own) == 0;
}

/* Is it signed the one way that ours are? In just these letters: libjwt would take any case. */
static bool is_of_our_kind(const json_t *header)
{
    const char *algorithm = json_string_value(json_object_get(header, "alg"));

    return algorithm != NULL && strcmp(algorithm, ALGORITHM) == 0;
}

/* Has this key signed `token`? With an empty one libjwt would believe anybody. */
static bool is_signed_with(const char *key, const json_t *header, const char *token)
{
    cleanup(jwt_freep) jwt_t *jwt = NULL;

    if (key == NULL || key[0] == '\0' || !is_named(header, key))
        return false;
    return jwt_decode(&jwt, token, (const unsigned char *)key, (int)strlen(key)) == 0;
}

bool session_check(const struct session_config *config, const char *token, size_t length,
                   struct session *ret_session)
{
    cleanup(json_freep) json_t *header = NULL;
    cleanup(json_freep) json_t *claims = NULL;
    cleanup(freep) char *text = NULL;
    struct session session = {.signed_in = false};

    *ret_session = session;
    if (length == 0 || length > SESSION_TOKEN_MAX_BYTES || memchr(token, '\0', length) != NULL)
        return false;
    text = xstrndup(token, length);
    header = read_part(text);
    if (!is_of_our_kind(header))
        return false;
    if (!is_signed_with(config->key, header, text) &&
        !is_signed_with(config->other_key, header, text))
        return false;
    claims = read_part(strchr(text, '.') + 1); /* it has three parts: libjwt has read them */
    if (!check_claims(config, claims, &session))
        return false;
    session.signed_in = true;
    *ret_session = session;
    return true;
}

static void read_cookie(const struct session_config *config, const char *value,
                        struct session *session)
{
    cleanup(freep) char *bytes = NULL;
    cleanup(json_freep) json_t *json = NULL;
    const json_t *token;
    size_t length;

    if (strlen(value) > 2 * SESSION_TOKEN_MAX_BYTES)
        return;
    bytes = decode_base64(value, &length);
    if (bytes == NULL || length > SESSION_TOKEN_MAX_BYTES + sizeof("{\"jwt\":\"\"}"))
        return;
    json = parse_object(bytes, length);
    token = json_object_get(json, "jwt");
    if (json_is_string(token))
        session_check(config, json_string_value(token), json_string_length(token), session);
}

/* Also without a token behind it: that is one that is no good. */
static bool is_bearer(const char *authorization)
{
    size_t length = strlen(BEARER);

    return strncasecmp(authorization, BEARER, length) == 0 &&
           strchr(" \t", authorization[length]) != NULL; /* which also finds the end */
}

static bool is_ended(const char *cookie, const struct session *session)
{
    cleanup(freep) char *ended = NULL;

    if (!session->signed_in || session->id[0] == '\0')
        return false;
    ended = session_find_cookie(cookie, ENDED_COOKIE);
    return ended != NULL && strcmp(ended, session->id) == 0;
}

static void read_value(const struct session_config *config, enum session_source source,
                       const char *value, struct session *ret_session)
{
    if (session_cache_find(config->cache, source, value, ret_session))
        return;
    if (source == SOURCE_BEARER)
        session_check(config, value, strlen(value), ret_session);
    else
        read_cookie(config, value, ret_session);
    if (ret_session->signed_in)
        session_cache_keep(config->cache, source, value, ret_session);
}

void session_read(const struct session_config *config, const char *authorization,
                  const char *cookie, struct session *ret_session)
{
    enum session_source source = SOURCE_COOKIE;
    cleanup(freep) char *value = NULL;

    *ret_session = (struct session){.signed_in = false};
    if (authorization != NULL && is_bearer(authorization)) {
        const char *token = authorization + strlen(BEARER);

        source = SOURCE_BEARER;
        value = xstrdup(token + strspn(token, " \t"));
    } else if (cookie != NULL) {
        value = session_find_cookie(cookie, config->cookie);
        if (value == NULL)
            value = session_find_cookie(cookie, OTHER_COOKIE);
    }
    if (value != NULL)
        read_value(config, source, value, ret_session);
    if (cookie != NULL && source == SOURCE_COOKIE && is_ended(cookie, ret_session))
        *ret_session = (struct session){.signed_in = false};
}

char *session_find_cookie(const char *cookie_header, const char *name)
{
    size_t wanted = strlen(name);

    for (const char *next = cookie_header; *(next += strspn(next, " \t;")) != '\0';) {
        size_t length = strcspn(next, ";");
        const char *equals = memchr(next, '=', length);
        const char *end = next + length;
        const char *name_end = equals == NULL ? end : equals;

        while (name_end > next && strchr(" \t", name_end[-1]) != NULL)
            name_end--;
        if (equals == NULL || (size_t)(name_end - next) != wanted ||
            memcmp(next, name, wanted) != 0) {
            next = end;
            continue;
        }
        equals += 1 + strspn(equals + 1, " \t");
        while (end > equals && strchr(" \t", end[-1]) != NULL)
            end--;
        if (end - equals >= 2 && *equals == '"' && end[-1] == '"') {
            equals++;
            end--;
        }
        return xstrndup(equals, end > equals ? (size_t)(end - equals) : 0);
    }
    return NULL;
}

char *session_issue(const struct session_config *config, struct session *session)
{
    cleanup(jwt_freep) jwt_t *jwt = NULL;
    char kid[KID_BYTES], *token;
    int r;

    assert(config->key != NULL && config->key[0] != '\0');
    name_key(config->key, kid);
    session->issued_at_s = instant_now() / 1000;
    session->expires_at_s = session->issued_at_s + config->seconds;
    r = jwt_new(&jwt);
    if (r == 0)
        r = jwt_add_header(jwt, "kid", kid);
    if (r == 0)
        r = jwt_add_grant(jwt, "id", session->user_id);
    if (r == 0 && session->id[0] != '\0')
        r = jwt_add_grant(jwt, "sid", session->id);
    if (r == 0)
        r = jwt_add_grant(jwt, "email", session->email);
    if (r == 0)
        r = jwt_add_grant(jwt, "role", session->role == ROLE_ADMIN ? "admin" : "user");
    if (r == 0)
        r = jwt_add_grant(jwt, "iss", ISSUER);
    if (r == 0)
        r = jwt_add_grant_int(jwt, "iat", session->issued_at_s);
    if (r == 0)
        r = jwt_add_grant_int(jwt, "exp", session->expires_at_s);
    if (r == 0)
        r = jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)config->key,
                        (int)strlen(config->key));
    token = r == 0 ? jwt_encode_str(jwt) : NULL;
    assert(token != NULL); /* fails only without memory: all that goes in is ours and checked */
    return token;
}

char *session_cookie(const struct session_config *config, const char *token)
{
    cleanup(freep) char *json = NULL;
    cleanup(freep) char *base64 = NULL;
    const char *secure = config->secure ? "; Secure" : "";
    size_t size;

    if (token == NULL)
        return xasprintf("%s=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; "
                         "HttpOnly; SameSite=Lax%s",
                         config->cookie, secure);
    json = xasprintf("{\"jwt\":\"%s\"}", token);
    size = sodium_base64_ENCODED_LEN(strlen(json), sodium_base64_VARIANT_ORIGINAL);
    base64 = xmalloc(size);
    sodium_bin2base64(base64, size, (const unsigned char *)json, strlen(json),
                      sodium_base64_VARIANT_ORIGINAL);
    return xasprintf("%s=%s; Path=/; HttpOnly; SameSite=Lax%s", config->cookie, base64, secure);
}

char *session_end_cookie(const struct session_config *config, const char *id)
{
    return xasprintf(ENDED_COOKIE "=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Lax%s", id,
                     config->seconds + LATE_S, config->secure ? "; Secure" : "");
}

/*
 * Refresh tokens: random, stored as their hash, used once each.
 *
 * Each use spends a token and makes the next of its family, so a token that comes again was copied
 * by somebody, and the family is revoked; within a short grace it is more likely a second tab.
 *
 * The order of the two writes matters. The next token is stored first, the old one is spent after,
 * by an update that only an unspent token takes. So of two uses at once one wins and the other
 * takes its own back; and a family that is revoked in between (sign-out) has no old token to be
 * spent, and the new one goes too. Spending first would let a new token outlive a sign-out.
 */
#include "auth/refresh.h"

#include "common/instant.h"

#include <sodium.h>
#include <string.h>

enum refresh_standing refresh_standing(const struct refresh *refresh, int64_t now_ms)
{
    if (now_ms >= refresh->expires_at_ms)
        return REFRESH_EXPIRED;
    if (refresh->spent_at_ms == 0)
        return REFRESH_GOOD;
    return now_ms - refresh->spent_at_ms <= REFRESH_GRACE_MS ? REFRESH_GRACE : REFRESH_STOLEN;
}

static void hash_token(const char *token, char ret_hash[65])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
    sodium_bin2hex(ret_hash, 65, hash, sizeof(hash));
}

static bson_t *by_hash(const char *hash)
{
    return BCON_NEW("_id", BCON_UTF8(hash));
}

/* Store a new token of `family`. */
static int insert(struct store *store, const char *family, const char *user_id,
                  char ret_token[REFRESH_TOKEN_BYTES])
{
    cleanup(bson_freep) bson_t *document = bson_new();
    unsigned char random[32];
    char token[REFRESH_TOKEN_BYTES], hash[65];
    int r;

    _Static_assert(
        sodium_base64_ENCODED_LEN(sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
            REFRESH_TOKEN_BYTES,
        "256 bits in base64url");
    randombytes_buf(random, sizeof(random));
    sodium_bin2base64(token, sizeof(token), random, sizeof(random),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    hash_token(token, hash);

    BSON_APPEND_UTF8(document, "_id", hash);
    store_append_id(document, "family", family);
    store_append_id(document, "userId", user_id);
    BSON_APPEND_DATE_TIME(document, "expiresAt", instant_now() + REFRESH_LIFE_S * 1000);
    r = store_insert(store, REFRESH_TOKENS, document, /* ret_index= */ NULL);
    if (r != 0)
        return r;
    memcpy(ret_token, token, sizeof(token));
    return 0;
}

int refresh_begin(struct store *store, const char *user_id, struct refresh_grant *ret_grant)
{
    store_new_id(ret_grant->family);
    return insert(store, ret_grant->family, user_id, ret_grant->token);
}

static int find(struct store *store, const char *hash, struct refresh *ret_refresh)
{
    cleanup(bson_freep) bson_t *filter = by_hash(hash);
    cleanup(bson_freep) bson_t *document = NULL;
    struct refresh refresh = {0};
    int r;

    r = store_find(store, REFRESH_TOKENS, filter, NULL, &document);
    if (r != 0)
        return r == NOT_FOUND ? UNAUTHENTICATED : r;
    text_copy(refresh.hash, sizeof(refresh.hash), hash);
    refresh.expires_at_ms = store_read_instant(document, "expiresAt", 0);
    refresh.spent_at_ms = store_read_instant(document, "spentAt", 0);
    if (!store_read_id(document, "family", refresh.family) ||
        !store_read_id(document, "userId", refresh.user_id))
        return fail(-EIO, "a document in %s is not a refresh token", REFRESH_TOKENS);
    *ret_refresh = refresh;
    return 0;
}

int refresh_find(struct store *store, const char *token, struct refresh *ret_refresh)
{
    char hash[65];

    if (!token || strlen(token) != REFRESH_TOKEN_BYTES - 1)
        return UNAUTHENTICATED;
    hash_token(token, hash);
    return find(store, hash, ret_refresh);
}

/* Spend it, unless somebody was faster. 0 or STALE. */
static int spend(struct store *store, const char *hash, int64_t now_ms)
{
    cleanup(bson_freep) bson_t *filter =
        BCON_NEW("_id", BCON_UTF8(hash), "spentAt", "{", "$exists", BCON_BOOL(false), "}");
    cleanup(bson_freep) bson_t *update =
        BCON_NEW("$set", "{", "spentAt", BCON_DATE_TIME(now_ms), "}");
    int64_t matched;
    int r;

    r = store_update(store, REFRESH_TOKENS, filter, update, /* many= */ false, &matched);
    if (r != 0)
        return r;
    return matched == 1 ? 0 : STALE;
}

/* Take a token back that nobody was given. */
static int remove_token(struct store *store, const char *token)
{
    cleanup(bson_freep) bson_t *filter = NULL;
    char hash[65];

    hash_token(token, hash);
    filter = by_hash(hash);
    return store_remove(store, REFRESH_TOKENS, filter, NULL);
}

int refresh_use(struct store *store, const struct refresh *refresh, struct refresh_grant *ret_grant)
{
    struct refresh now_stored = *refresh;
    const int64_t now_ms = instant_now();
    int r;

    text_copy(ret_grant->family, sizeof(ret_grant->family), refresh->family);
    if (refresh_standing(refresh, now_ms) == REFRESH_GOOD) {
        char next[REFRESH_TOKEN_BYTES];

        r = insert(store, refresh->family, refresh->user_id, next);
        if (r != 0)
            return r;
        r = spend(store, refresh->hash, now_ms);
        if (r == 0) {
            memcpy(ret_grant->token, next, sizeof(next));
            return 0;
        }
        if (r != STALE)
            return r;
        r = remove_token(store, next);
        if (r == 0)
            r = find(store, refresh->hash, &now_stored); /* spent in between, or revoked */
        if (r != 0)
            return r;
    }

    switch (refresh_standing(&now_stored, now_ms)) {
    case REFRESH_GRACE: ret_grant->token[0] = '\0'; return 0;
    case REFRESH_STOLEN:
        r = refresh_revoke(store, refresh->family);
        return r != 0 ? r : UNAUTHENTICATED;
    case REFRESH_GOOD: /* cannot be: it was not there to be spent */
    case REFRESH_EXPIRED: return UNAUTHENTICATED;
    }
    return UNAUTHENTICATED;
}

int refresh_revoke(struct store *store, const char *family)
{
    cleanup(bson_freep) bson_t *filter = bson_new();

    store_append_id(filter, "family", family);
    return store_remove(store, REFRESH_TOKENS, filter, NULL);
}

int refresh_revoke_user(struct store *store, const char *user_id)
{
    cleanup(bson_freep) bson_t *filter = bson_new();

    store_append_id(filter, "userId", user_id);
    return store_remove(store, REFRESH_TOKENS, filter, NULL);
}

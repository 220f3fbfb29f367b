#ifndef AUTH_REFRESH_H
#define AUTH_REFRESH_H

/*
 * Refresh tokens: the collection `refresh_tokens`, one document a token. Thread-safe.
 */

#include "common/event.h"
#include "common/store.h"

#define REFRESH_TOKENS      "refresh_tokens"
#define REFRESH_TOKEN_BYTES 44 /* 256 bits in base64url, and a NUL */
#define REFRESH_LIFE_S      (INT64_C(30) * 24 * 3600)
#define REFRESH_GRACE_MS    10000 /* two tabs at once, or a reply that was lost */

struct refresh {
    char hash[65]; /* SHA-256 of the token, in hex */
    char family[ID_BYTES];
    char user_id[ID_BYTES];
    int64_t expires_at_ms;
    int64_t spent_at_ms; /* 0: not yet */
};

/* What a token is good for. */
enum refresh_standing {
    REFRESH_GOOD,   /* a session and the next token */
    REFRESH_GRACE,  /* spent a moment ago: a session, no token */
    REFRESH_STOLEN, /* spent longer ago: somebody has a copy */
    REFRESH_EXPIRED,
};
enum refresh_standing refresh_standing(const struct refresh *refresh, int64_t now_ms); /* pure */

/* What a client is given. */
struct refresh_grant {
    char family[ID_BYTES]; /* also its session's id */
    char token[REFRESH_TOKEN_BYTES];
};

/* Make a user's first token of a new family. */
must_check int refresh_begin(struct store *store, const char *user_id,
                             struct refresh_grant *ret_grant);

/* Find by the token's text as it came (anything, or NULL). 0 or UNAUTHENTICATED. */
must_check int refresh_find(struct store *store, const char *token, struct refresh *ret_refresh);

/* Use it. 0: the grant's token is the next one, or "" in the time of grace. UNAUTHENTICATED:
 * expired, or stolen: then its whole family is revoked. */
must_check int refresh_use(struct store *store, const struct refresh *refresh,
                           struct refresh_grant *ret_grant);

/* Revoke every token of `family`, or of a user. */
must_check int refresh_revoke(struct store *store, const char *family);
must_check int refresh_revoke_user(struct store *store, const char *user_id);

#endif

#ifndef COMMON_SESSION_H
#define COMMON_SESSION_H

/*
 * Sessions: who a request comes from.
 *
 * A session is a JWT (HS256) in a cookie (base64 of {"jwt":"…"}) or a bearer header. Whatever is
 * undecodable, forged, expired or of the wrong shape makes an anonymous request, never an error.
 * libjwt 1.10 checks neither exp nor which HMAC was meant, so that is done here. Thread-safe.
 *
 * Signing out leaves the id of the ended session in the browser, in a cookie of its own: a renewal
 * that was under way may bring that session's cookie back a moment later, and nobody believes it
 * (docs/adr/0014).
 */

#include "common/event.h"
#include "common/memory.h"
#include "common/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define SESSION_KEY_MIN_BYTES   32
#define SESSION_TOKEN_MAX_BYTES 4096 /* longer ones are anonymous */

enum session_role { ROLE_USER, ROLE_ADMIN };

struct session {
    bool signed_in;    /* the rest is meaningful only if so */
    char id[ID_BYTES]; /* `sid`: the same through all renewals; "": the token has none */
    char user_id[ID_BYTES];
    char email[EMAIL_BYTES];
    enum session_role role;
    int64_t issued_at_s, expires_at_s; /* seconds since 1970, as in the JWT; expires 0: never */
};

struct session_cache;

struct session_config {
    const char *key;       /* JWT_KEY: signs, and is believed */
    const char *other_key; /* JWT_KEY_OTHER: is believed too, while keys are changed; NULL or "" */
    const char *cookie;    /* SESSION_COOKIE: the name that is set; express:sess is read too */
    int64_t seconds;       /* JWT_SECONDS */
    bool secure;           /* COOKIE_SECURE */
    bool allow_unexpiring; /* ALLOW_UNEXPIRING_JWT: waives exp, iss, role */
    struct session_cache *cache; /* of tokens found good, or NULL; http makes one of its own */
};

/* Read the session of a request from its headers (each NULL where absent). A bearer header wins
 * over cookies, also when it is no good. The cookie of a session that was signed out in this
 * browser is no good. Never fails: ret_session->signed_in says. */
void session_read(const struct session_config *config, const char *authorization,
                  const char *cookie, struct session *ret_session);

/* Check one token alone. */
bool session_check(const struct session_config *config, const char *token, size_t length,
                   struct session *ret_session);

/* Make a token for `session`'s id, user, email and role; sets issued_at_s and expires_at_s in it.
 * Caller frees. */
char *session_issue(const struct session_config *config, struct session *session);

/* The Set-Cookie value for `token`, or one that expires the cookie for NULL. Caller frees. */
char *session_cookie(const struct session_config *config, const char *token);

/* The Set-Cookie value that ends session `id` in this browser, whatever cookie of it still comes;
 * it stays until none of them can be good. Caller frees. */
char *session_end_cookie(const struct session_config *config, const char *id);

/* The value of cookie `name` in a Cookie header; NULL if absent. Caller frees. */
char *session_find_cookie(const char *cookie_header, const char *name);

#endif

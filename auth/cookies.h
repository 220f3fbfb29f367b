#ifndef AUTH_COOKIES_H
#define AUTH_COOKIES_H

/*
 * Cookies: the two that a session is made of, and what is left of one that was ended. Any thread,
 * for its own request.
 */

#include "auth/app.h"

/* Set `session` to a new token for the id, user, email and role in `session`, whose iat and exp
 * become the token's. */
void cookies_set_session(const struct app *app, struct http_reply *reply, struct session *session);

/* Set `refresh`, which only /api/users is sent. */
void cookies_set_refresh(const struct app *app, struct http_reply *reply, const char *token);

/* Expire both. Session `id`, unless "", has ended in this browser also where another answer, which
 * is under way, sets them again. */
void cookies_expire(const struct app *app, struct http_reply *reply, const char *id);

/* The refresh token that came; NULL if none did. Caller frees. */
char *cookies_find_refresh(const struct http_request *request);

#endif

#ifndef TESTS_AUTH_ACCOUNTS_H
#define TESTS_AUTH_ACCOUNTS_H

/*
 * Verbs about accounts, for the tests of auth's routes.
 */

#include "tests/support/one_service.h"

#define PASSWORD "correct horse"
#define UNKNOWN  "bbbbbbbbbbbbbbbbbbbbbbbb" /* an id that nobody has */

extern const char *const no_limits[]; /* environment: failed sign-ins are not counted */

/* POST with a Cookie header, which may be NULL. */
const struct answer *post_with(const char *path, const char *cookie);

/* `how` is "signup" or "signin". */
const struct answer *enter(const char *how, const char *email, const char *password);

/* Sign up with PASSWORD; the new user's id. */
const char *sign_up(const char *email);

/* GET currentuser with a header, which may be NULL. */
const struct answer *current_user(const char *header);

/* The whole Set-Cookie value of cookie `name`, or NULL. */
const char *set_cookie(const struct answer *answer, const char *name);

/* "Cookie: name=value" from what the answer set; lives until the test ends. */
const char *cookie_from(const struct answer *answer, const char *name);

#endif

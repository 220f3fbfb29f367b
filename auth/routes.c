/*
 * What auth answers: accounts and sessions.
 *
 * A session is two cookies: a short-lived token that every service can check by itself, and a
 * refresh token that only these routes see and that is looked up here each time. A sign-out ends
 * both in its browser, whatever renewal crosses with it (docs/adr/0014); a ban, everywhere.
 *
 * Unknown address and wrong password are one answer, in text and in time. Tries are counted before
 * the password is looked at (throttle.c).
 */
#include "auth/app.h"
#include "auth/cookies.h"
#include "auth/redirect.h"
#include "auth/refresh.h"
#include "auth/throttle.h"
#include "common/input.h"
#include "common/instant.h"

#include <stdlib.h>

/* Open a session for `user`, or go on with it; a grant may be without a token. */
static void set_cookies(struct app *app, struct http_reply *reply, const struct user *user,
                        const struct refresh_grant *grant)
{
    struct session session = {.signed_in = true, .role = user->role};

    text_copy(session.id, sizeof(session.id), grant->family);
    text_copy(session.user_id, sizeof(session.user_id), user->id);
    text_copy(session.email, sizeof(session.email), user->email);
    cookies_set_session(app, reply, &session);
    if (grant->token[0])
        cookies_set_refresh(app, reply, grant->token);
}

/* Answer with `user` signed in; `grant` as above. */
static int reply_signed_in(struct app *app, struct http_reply *reply, int status,
                           const struct user *user, const struct refresh_grant *grant)
{
    struct writer *out = reply_body(reply, status);

    set_cookies(app, reply, user, grant);
    if (status == 201)
        reply_etag(reply, user->version);

    write_object_begin(out, NULL);
    write_text(out, "id", user->id);
    write_text(out, "email", user->email);
    write_object_end(out);
    return 0;
}

static int refuse_email_in_use(struct http_reply *reply)
{
    return reply_error(reply, INVALID, "email", "Email in use");
}

static int route_sign_up(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    static const char rule_text[] = "Password must be between 8 and 128 characters";
    static const struct input_text rule = {.field = "password",
                                           .least = PASSWORD_LEAST_CODE_POINTS,
                                           .most = PASSWORD_MOST_CODE_POINTS,
                                           .too_short = rule_text,
                                           .too_long = rule_text,
                                           .keep_blanks = true};
    struct user user = {.role = ROLE_USER}, other;
    char password[PASSWORD_BYTES];
    struct refresh_grant grant;
    struct event event;
    int r;

    input_email(request, reply, user.email);
    input_text(request, reply, &rule, password, sizeof(password));
    if (reply_has_errors(reply))
        return INVALID;

    /* Most repeats end here, before a hash is spent on them; the index has the last word. */
    r = user_find_by_email(app->core.store, user.email, &other);
    if (r != NOT_FOUND)
        return r == 0 ? refuse_email_in_use(reply) : r;
    r = password_hash(app->passwords, password, user.password_hash);
    if (r != 0)
        return r;

    /* The token first: were it to fail after the account was made, trying again would only hear
     * that the email is in use. One left behind belongs to nobody and goes by itself. */
    store_new_id(user.id);
    r = refresh_begin(app->core.store, user.id, &grant);
    if (r != 0)
        return r;
    event_user_created(&user, &event);
    r = user_insert(app->core.outbox, &user, &event);
    if (r != 0)
        return r == CONFLICT ? refuse_email_in_use(reply) : r;
    return reply_signed_in(app, reply, 201, &user, &grant);
}

/* DONE: it is this user's password. UNAUTHENTICATED: no such user, or another password. */
static int check_credentials(struct app *app, const char *email, const char *password,
                             struct user *ret_user)
{
    int r;

    r = user_find_by_email(app->core.store, email, ret_user);
    if (r != 0 && r != NOT_FOUND)
        return r;
    return password_check(app->passwords, password, r == 0 ? ret_user->password_hash : NULL);
}

/* As check_credentials, counted: LIMITED, with Retry-After set, after too many failures. */
static int check_throttled(struct app *app, struct http_reply *reply, const char *email,
                           const char *password, struct user *ret_user)
{
    char account[EMAIL_BYTES];
    int64_t now_ms = instant_now(), wait_s;
    int r, undone;

    if (!app->rate_limits)
        return check_credentials(app, email, password, ret_user);

    user_email_key(email, account);
    r = throttle_take(app->core.store, account, now_ms, &wait_s);
    if (r == LIMITED)
        reply_retry_after(reply, wait_s);
    if (r != 0)
        return r;
    r = check_credentials(app, email, password, ret_user);
    if (r == UNAUTHENTICATED)
        return r;
    undone = throttle_give_back(app->core.store, account, now_ms);
    return r != 0 ? r : undone;
}

static int route_sign_in(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    static const struct input_text rule = {.field = "password",
                                           .least = 1,
                                           .most = PASSWORD_MOST_CODE_POINTS,
                                           .too_short = "You must supply a password",
                                           .too_long = "Invalid credentials",
                                           .keep_blanks = true};
    char email[EMAIL_BYTES], password[PASSWORD_BYTES];
    struct refresh_grant grant;
    struct user user;
    int r;

    input_email(request, reply, email);
    input_text(request, reply, &rule, password, sizeof(password));
    if (reply_has_errors(reply))
        return INVALID;

    r = check_throttled(app, reply, email, password, &user);
    if (r == UNAUTHENTICATED)
        return reply_error(reply, INVALID, NULL, "Invalid credentials");
    if (r != 0)
        return r;
    if (user.banned) /* said only to who knows the password */
        return reply_error(reply, UNAUTHENTICATED, NULL, "Account is banned");

    r = refresh_begin(app->core.store, user.id, &grant);
    if (r != 0)
        return r;
    return reply_signed_in(app, reply, 200, &user, &grant);
}

static int route_sign_out(struct app *app, const struct http_request *request,
                          struct http_reply *reply)
{
    cleanup(freep) char *token = cookies_find_refresh(request);
    const char *id = request->session.id;
    struct refresh refresh;
    struct writer *out;
    int r;

    r = refresh_find(app->core.store, token, &refresh);
    if (r == 0) {
        id = refresh.family; /* also where the session is over, and being renewed this moment */
        r = refresh_revoke(app->core.store, id);
    }
    if (r < 0)
        return r;

    out = reply_body(reply, 200);
    cookies_expire(app, reply, id);
    write_object_begin(out, NULL);
    write_object_end(out);
    return 0;
}

static bool is_half_spent(const struct session *session)
{
    int64_t now_s = instant_now() / 1000;

    return session->expires_at_s > 0 &&
           (now_s - session->issued_at_s) * 2 > session->expires_at_s - session->issued_at_s;
}

/* A user who was banned may have a session that is renewed by whoever has not heard of it. */
static bool is_to_be_renewed(const struct app *app, const struct http_request *request)
{
    /* Whoever brings a token in a header looks after it himself. */
    return is_half_spent(&request->session) && !http_header(request, "Authorization") &&
           bans_are_current(app->core.bans, instant_monotonic());
}

/* Runs on the event loop: the token says it all, and a ban is in memory. */
static int route_current_user(struct app *app, const struct http_request *request,
                              struct http_reply *reply)
{
    struct session session = request->session;
    struct writer *out = reply_body(reply, 200);

    write_object_begin(out, NULL);
    if (!session.signed_in) {
        write_null(out, "currentUser");
        write_object_end(out);
        return 0;
    }

    if (is_to_be_renewed(app, request))
        cookies_set_session(app, reply, &session);
    write_object_begin(out, "currentUser");
    write_text(out, "id", session.user_id);
    write_text(out, "email", session.email);
    write_text(out, "role", user_role_name(session.role));
    write_int(out, "iat", session.issued_at_s);
    if (session.expires_at_s > 0)
        write_int(out, "exp", session.expires_at_s);
    write_object_end(out);
    write_object_end(out);
    return 0;
}

/* Use the refresh token that came. 0: it is *ret_user's, and *ret_grant as of refresh_use;
 * UNAUTHENTICATED: none came, it is good for nothing, or its user is banned. */
static int renew(struct app *app, const struct http_request *request, struct user *ret_user,
                 struct refresh_grant *ret_grant)
{
    cleanup(freep) char *token = cookies_find_refresh(request);
    struct refresh refresh;
    int r;

    r = refresh_find(app->core.store, token, &refresh);
    if (r != 0)
        return r;
    r = user_find(app->core.store, refresh.user_id, ret_user);
    if (r != 0)
        return r == NOT_FOUND ? UNAUTHENTICATED : r;
    if (ret_user->banned)
        return UNAUTHENTICATED;
    return refresh_use(app->core.store, &refresh, ret_grant);
}

static int route_refresh(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    struct refresh_grant grant;
    struct user user;
    int r;

    r = renew(app, request, &user, &grant);
    if (r != 0)
        return r;
    return reply_signed_in(app, reply, 200, &user, &grant);
}

/* For a page that finds its session expired and may have a refresh token, which only these routes
 * are sent: the browser comes by and is sent back, with a session or without. It is a GET that
 * changes something, which is safe because SameSite=Strict keeps the token from requests that
 * another site began; HEAD changes nothing. */
static int route_resume(struct app *app, const struct http_request *request,
                        struct http_reply *reply)
{
    struct refresh_grant grant;
    struct user user;
    int r = UNAUTHENTICATED;

    if (!request->head)
        r = renew(app, request, &user, &grant);
    if (r == 0)
        set_cookies(app, reply, &user, &grant);
    else if (r != UNAUTHENTICATED)
        return r;
    reply_header(reply, "Location", redirect_path(http_query(request, "next")));
    return reply_empty(reply, 303);
}

static int reply_user(struct http_reply *reply, const struct user *user)
{
    reply_etag(reply, user->version);
    user_to_json(user, reply_body(reply, 200));
    return 0;
}

/* Ban or unban. Repeating it changes nothing and says nothing. */
static int set_banned(struct app *app, const struct http_request *request, struct http_reply *reply,
                      bool banned)
{
    static const struct input_text rule = {.field = "reason",
                                           .most = BAN_REASON_MAX,
                                           .too_short = "Reason is longer than 200 characters",
                                           .too_long = "Reason is longer than 200 characters",
                                           .has_control =
                                               "Reason must not contain control characters"};
    struct ban ban = {.user_id = request->ids[0], .banned = banned};
    struct user user;
    int r;

    input_text_optional(request, reply, &rule, ban.reason, sizeof(ban.reason));
    if (reply_has_errors(reply))
        return INVALID;
    r = ban_set(app, &ban, &user);
    return r == 0 ? reply_user(reply, &user) : r;
}

static int route_ban(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    return set_banned(app, request, reply, true);
}

static int route_unban(struct app *app, const struct http_request *request,
                       struct http_reply *reply)
{
    return set_banned(app, request, reply, false);
}

/* clang-format off */
#define MAYBE_BODY (HTTP_BODY | HTTP_MAYBE_BODY)

/*   method  path                      access  flags       handler            */
const struct http_route auth_routes[] = {
    {"POST", "/api/users/signup",      PUBLIC, HTTP_BODY,   route_sign_up     },
    {"POST", "/api/users/signin",      PUBLIC, HTTP_BODY,   route_sign_in     },
    {"POST", "/api/users/signout",     PUBLIC, HTTP_WORKER, route_sign_out    },
    {"GET",  "/api/users/currentuser", PUBLIC, HTTP_INLINE, route_current_user},
    {"POST", "/api/users/refresh",     PUBLIC, HTTP_WORKER, route_refresh     },
    {"GET",  "/api/users/resume",      PUBLIC, HTTP_WORKER, route_resume      },
    {"POST", "/api/users/:id/ban",     ADMIN,  MAYBE_BODY,  route_ban         },
    {"POST", "/api/users/:id/unban",   ADMIN,  MAYBE_BODY,  route_unban       },
};
/* clang-format on */
const size_t auth_route_count = ARRAY_LENGTH(auth_routes);

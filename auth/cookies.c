/*
 * Cookies: `session` goes along to every service (its attributes are common/session's), `refresh`
 * to these routes alone, and never on a request that another site began.
 */
#include "auth/cookies.h"

#include "auth/refresh.h"

static void set_refresh(const struct app *app, struct http_reply *reply, const char *token,
                        int64_t seconds)
{
    cleanup(freep) char *cookie =
        xasprintf("refresh=%s; Path=/api/users; Max-Age=%lld; HttpOnly; SameSite=Strict%s", token,
                  (long long)seconds, app->core.session.secure ? "; Secure" : "");

    reply_header(reply, "Set-Cookie", cookie);
}

void cookies_set_session(const struct app *app, struct http_reply *reply, struct session *session)
{
    cleanup(freep) char *token = session_issue(&app->core.session, session);
    cleanup(freep) char *cookie = session_cookie(&app->core.session, token);

    reply_header(reply, "Set-Cookie", cookie);
}

void cookies_set_refresh(const struct app *app, struct http_reply *reply, const char *token)
{
    set_refresh(app, reply, token, REFRESH_LIFE_S);
}

void cookies_expire(const struct app *app, struct http_reply *reply, const char *id)
{
    cleanup(freep) char *session = session_cookie(&app->core.session, /* token= */ NULL);
    cleanup(freep) char *ended = session_end_cookie(&app->core.session, id);

    reply_header(reply, "Set-Cookie", session);
    set_refresh(app, reply, "", 0);
    if (id[0] != '\0')
        reply_header(reply, "Set-Cookie", ended);
}

char *cookies_find_refresh(const struct http_request *request)
{
    const char *header = http_header(request, "Cookie");

    return header ? session_find_cookie(header, "refresh") : NULL;
}

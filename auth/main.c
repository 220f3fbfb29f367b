/*
 * auth: who a user is, and whether they may come in.
 */
#include "auth/app.h"
#include "auth/refresh.h"
#include "auth/throttle.h"

static int open_app(struct app *app)
{
    int r;

    r = passwords_open(/* cores= */ 0, &app->passwords);
    if (r != 0)
        return r;
    return admin_ensure(app);
}

static void close_app(struct app *app)
{
    app->passwords = passwords_free(app->passwords);
}

/* clang-format off */
/*   variable          type            default field and bounds                    what it means */
static const struct setting settings[] = {
    {"ADMIN_EMAIL",    SETTING_TEXT,   "",     offsetof(struct app, admin_email),    0, 254,
     "email of the admin that is made at start; empty for none"},
    {"ADMIN_PASSWORD", SETTING_SECRET, "",     offsetof(struct app, admin_password), 0, 512,
     "password of that admin, 8 to 128 characters"},
    {"RATE_LIMITS",    SETTING_BOOL,   "on",   offsetof(struct app, rate_limits),    0, 0,
     "limit failed sign-ins to 10 in 15 minutes for each account"},
};

static const enum event_type says[] = {EVENT_USER_CREATED, EVENT_USER_BANNED, EVENT_USER_UNBANNED};

static const struct store_index indexes[] = {
    {USERS, "users_email", "{\"emailKey\": 1}", "{\"unique\": true}"},
    OUTBOX_INDEX(USERS),
    {REFRESH_TOKENS, "refresh_tokens_family", "{\"family\": 1}", NULL},
    {REFRESH_TOKENS, "refresh_tokens_expiry", "{\"expiresAt\": 1}", "{\"expireAfterSeconds\": 0}"},
    {THROTTLES, "throttles_expiry", "{\"expiresAt\": 1}", "{\"expireAfterSeconds\": 0}"},
};

static const struct service_aggregate aggregates[] = {
    {USERS, event_of_user, user_from_event},
};
/* clang-format on */

int main(int argc, char **argv)
{
    const struct service auth = {
        .name = "auth",
        .motto = "who a user is, and whether they may come in",
        .port = 3001,
        .app_size = sizeof(struct app),
        .settings = settings,
        .setting_count = ARRAY_LENGTH(settings),
        .routes = auth_routes,
        .route_count = auth_route_count,
        .verbs = auth_verbs,
        .verb_count = auth_verb_count,
        .says = says,
        .says_count = ARRAY_LENGTH(says),
        .indexes = indexes,
        .index_count = ARRAY_LENGTH(indexes),
        .aggregates = aggregates,
        .aggregate_count = ARRAY_LENGTH(aggregates),
        .check = admin_check,
        .open = open_app,
        .close = close_app,
    };

    return service_main(&auth, argc, argv);
}

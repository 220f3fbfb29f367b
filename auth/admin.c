/*
 * The first admin: the account that ADMIN_EMAIL and ADMIN_PASSWORD name, made at start.
 *
 * An admin who is there already is left alone, so a password that was changed since stays, and any
 * number of starts change nothing. An ordinary account of that address is taken over with the
 * password set here: addresses are not verified at sign-up, so whoever signed up with the admin's
 * one must not become admin. The unique index settles processes that start at once.
 */
#include "auth/app.h"
#include "auth/refresh.h"
#include "common/input.h"
#include "common/log.h"

static bool is_wanted(const struct app *app)
{
    return app->admin_email[0] || app->admin_password[0];
}

void admin_check(struct app *app, struct writer *problems)
{
    size_t count = text_count(app->admin_password);

    if (!is_wanted(app))
        return;
    if (!input_is_email(app->admin_email))
        write_format(problems,
                     "ADMIN_EMAIL: must be an email address, to go with ADMIN_PASSWORD\n");
    if (count < PASSWORD_LEAST_CODE_POINTS || count > PASSWORD_MOST_CODE_POINTS)
        write_format(problems,
                     "ADMIN_PASSWORD: must have %d to %d characters, to go with ADMIN_EMAIL\n",
                     PASSWORD_LEAST_CODE_POINTS, PASSWORD_MOST_CODE_POINTS);
}

static int make(struct app *app, const char *hash)
{
    struct user user = {.role = ROLE_ADMIN};
    struct event event;

    store_new_id(user.id);
    text_copy(user.email, sizeof(user.email), app->admin_email);
    text_copy(user.password_hash, sizeof(user.password_hash), hash);
    event_user_created(&user, &event);
    return user_insert(app->core.outbox, &user, &event);
}

static int take_over(struct app *app, const struct user *user, const char *hash)
{
    int r;

    r = user_make_admin(app->core.store, user->id, hash);
    if (r != 0)
        return r;
    log_event(LOG_WARNING, "an ordinary account became the admin's", "id=%s", user->id);
    return refresh_revoke_user(app->core.store, user->id);
}

int admin_ensure(struct app *app)
{
    char hash[PASSWORD_HASH_BYTES];
    struct user user;
    int r;

    if (!is_wanted(app))
        return 0;

    r = user_find_by_email(app->core.store, app->admin_email, &user);
    if (r == 0 && user.role == ROLE_ADMIN)
        return 0;
    if (r != 0 && r != NOT_FOUND)
        return r;

    if (password_hash(app->passwords, app->admin_password, hash) != 0)
        return fail(-EIO, "cannot hash the admin's password");
    if (r == 0)
        return take_over(app, &user, hash);
    r = make(app, hash);
    return r == CONFLICT ? 0 : r; /* another process was faster */
}

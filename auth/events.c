/*
 * What auth says: one function for each event, filled from a user as it stands.
 *
 * The events carry no role and no password: they lie in the stream for a week, for all to read.
 */
#include "auth/app.h"

static void fill(const struct user *user, enum event_type type, struct event *ret_event)
{
    event_init(ret_event, type, user->id, user->version);
    text_copy(ret_event->user.email, sizeof(ret_event->user.email), user->email);
    text_copy(ret_event->user.reason, sizeof(ret_event->user.reason), user->reason);
}

void event_user_created(const struct user *user, struct event *ret_event)
{
    fill(user, EVENT_USER_CREATED, ret_event);
}

void event_user_banned(const struct user *user, struct event *ret_event)
{
    fill(user, EVENT_USER_BANNED, ret_event);
}

void event_user_unbanned(const struct user *user, struct event *ret_event)
{
    fill(user, EVENT_USER_UNBANNED, ret_event);
}

int event_of_user(const bson_t *document, struct event *ret_event)
{
    struct user user;
    int r;

    r = user_from_bson(document, &user);
    if (r != 0)
        return r;
    if (user.version == 0)
        event_user_created(&user, ret_event);
    else if (user.banned)
        event_user_banned(&user, ret_event);
    else
        event_user_unbanned(&user, ret_event);
    return 0;
}

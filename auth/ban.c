/*
 * Bans: made by an admin over HTTP or by an operator with ticketctl, in one way.
 *
 * The ban is a change of the user with its event; every process hears that event (common/bans.h).
 * In the process that made it the ban holds at once.
 */

#include "auth/app.h"
#include "common/parse.h"

#include <jansson.h>
#include <string.h>

#define SAVE_TRIES 8 /* of a ban that meets another at once */

int ban_set(struct app *app, const struct ban *ban, struct user *ret_user)
{
    struct event event;
    int r = STALE;

    for (int try = 0; try < SAVE_TRIES && r == STALE; try++) {
        r = user_find(app->core.store, ban->user_id, ret_user);
        if (r != 0)
            return r;
        if (!user_set_banned(ret_user, ban->banned, ban->reason))
            return 0;
        if (ban->banned)
            event_user_banned(ret_user, &event);
        else
            event_user_unbanned(ret_user, &event);
        r = user_save_ban(app->core.outbox, ret_user, &event);
    }
    if (r != 0)
        return r == STALE ? -EAGAIN : r;
    bans_apply(app->core.bans, &event);
    return 0;
}

/* The request is {"userId":…, "reason":…}. */
static int answer(struct app *app, const char *request, bool banned, struct writer *reply)
{
    cleanup(json_decrefp) json_t *body = parse_object(request, strlen(request));
    const char *id = json_string_value(json_object_get(body, "userId"));
    const char *reason = json_string_value(json_object_get(body, "reason"));
    char user_id[ID_BYTES];
    struct ban ban = {.user_id = user_id, .banned = banned};
    struct user user;
    int r;

    if (id == NULL || !text_is_id(id, user_id))
        return INVALID;
    if (reason != NULL && (text_count(reason) > BAN_REASON_MAX || text_has_control(reason)))
        return INVALID;
    text_copy(ban.reason, sizeof(ban.reason), reason);
    r = ban_set(app, &ban, &user);
    if (r == 0)
        user_to_json(&user, reply);
    return r;
}

static int answer_ban(void *context, const char *request, struct writer *reply)
{
    return answer(context, request, true, reply);
}

static int answer_unban(void *context, const char *request, struct writer *reply)
{
    return answer(context, request, false, reply);
}

/* clang-format off */
/*   verb     answer       */
const struct bus_verb auth_verbs[] = {
    {"ban",   answer_ban  },
    {"unban", answer_unban},
};
/* clang-format on */
const size_t auth_verb_count = ARRAY_LENGTH(auth_verbs);

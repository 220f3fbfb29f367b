#ifndef AUTH_APP_H
#define AUTH_APP_H

/*
 * What the files of auth share.
 */

#include "auth/password.h"
#include "auth/user.h"
#include "common/service.h"

struct app {
    struct core core;
    const char *admin_email, *admin_password; /* "" where not set */
    bool rate_limits;
    struct passwords *passwords;
};

/* routes.c */
extern const struct http_route auth_routes[];
extern const size_t auth_route_count;

/* admin.c: ADMIN_EMAIL and ADMIN_PASSWORD are both right, or neither is set; appends a line for
 * each that is wrong. */
void admin_check(struct app *app, struct writer *problems);

/* See to it that the account of ADMIN_EMAIL is there and is an admin; any number of
 * processes may do so at once. 0, also where none is set; < 0: it cannot be. */
must_check int admin_ensure(struct app *app);

/* ban.c: ban a user, or end a ban, whoever asks for it. Repeating it changes nothing and says
 * nothing. 0: *ret_user is what the user is now; NOT_FOUND; < 0. */
struct ban {
    const char *user_id;
    bool banned;
    char reason[REASON_BYTES]; /* "" for none */
};
#define BAN_REASON_MAX 200 /* code points */
must_check int ban_set(struct app *app, const struct ban *ban, struct user *ret_user);

/* ban.c: what ticketctl asks for. */
extern const struct bus_verb auth_verbs[];
extern const size_t auth_verb_count;

/* events.c: fill the event that tells of `user` as it stands; saved with it, in its outbox. */
void event_user_created(const struct user *user, struct event *ret_event);
void event_user_banned(const struct user *user, struct event *ret_event);
void event_user_unbanned(const struct user *user, struct event *ret_event);

/* events.c: the event for a stored document, as it stands (service_aggregate). */
int event_of_user(const bson_t *document, struct event *ret_event);

#endif

#ifndef AUTH_USER_H
#define AUTH_USER_H

/*
 * Users: the collection `users`, this service's one aggregate.
 *
 * The email is kept as first typed; `emailKey`, its lower case, is unique. All functions may be
 * called from any thread.
 */

#include "auth/password.h"
#include "common/event.h"
#include "common/outbox.h"
#include "common/session.h"
#include "common/store.h"

#define USERS "users"

struct user {
    char id[ID_BYTES];
    int64_t version;
    char email[EMAIL_BYTES];
    char password_hash[PASSWORD_HASH_BYTES];
    enum session_role role;
    bool banned;
    char reason[REASON_BYTES]; /* why banned, or why not any more; "" for none */
};

/* The lower case of an email address: what it is found by. Letters beyond ASCII keep their case:
 * which of them are one address is for the mail server that made it to say. */
void user_email_key(const char *email, char ret_key[EMAIL_BYTES]);

const char *user_role_name(enum session_role role);

/* Ban, or end a ban: sets banned, reason and the next version. False, and nothing is changed, where
 * it is so already. Pure. */
bool user_set_banned(struct user *user, bool banned, const char *reason);

/* What an admin is shown of a user: never the password's hash. */
void user_to_json(const struct user *user, struct writer *out);

/* 0; -EIO if the document is not a user. */
must_check int user_from_bson(const bson_t *document, struct user *ret_user);

/* 0 or NOT_FOUND. */
must_check int user_find(struct store *store, const char *id, struct user *ret_user);
must_check int user_find_by_email(struct store *store, const char *email, struct user *ret_user);

/* What an event says of a user's document: neither role nor password, as it says nothing of them.
 */
struct recovered;
void user_from_event(const struct event *event, struct recovered *ret_fields);

/* Insert a new user with its event. CONFLICT: the email is in use. */
must_check int user_insert(struct outbox *outbox, const struct user *user,
                           const struct event *event);

/* Save a ban or its end with its event; `user` is as of user_set_banned. STALE: somebody was
 * faster, nothing written. */
must_check int user_save_ban(struct outbox *outbox, const struct user *user,
                             const struct event *event);

/* Make the user an admin with this password. No event: neither is part of what others know. */
must_check int user_make_admin(struct store *store, const char *id, const char *password_hash);

#endif

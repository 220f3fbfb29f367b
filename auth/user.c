/*
 * Users: who may sign in, with which password, and who is banned.
 *
 * The unique index on `emailKey` settles two sign-ups of one address at once. A ban names the
 * version that it read, so of two at once one wins and the other reads again; each change of
 * version says exactly one event, which rides in the same document. Role and password are nobody
 * else's business: changing them moves no version and says nothing.
 */
#include "auth/user.h"

#include "common/recovered.h"

#include <string.h>

void user_email_key(const char *email, char ret_key[EMAIL_BYTES])
{
    size_t i = 0;

    for (; email[i] && i + 1 < EMAIL_BYTES; i++)
        ret_key[i] = (char)(email[i] >= 'A' && email[i] <= 'Z' ? email[i] + ('a' - 'A') : email[i]);
    ret_key[i] = '\0';
}

const char *user_role_name(enum session_role role)
{
    return role == ROLE_ADMIN ? "admin" : "user";
}

bool user_set_banned(struct user *user, bool banned, const char *reason)
{
    if (user->banned == banned)
        return false;
    user->banned = banned;
    text_copy(user->reason, sizeof(user->reason), reason);
    user->version++;
    return true;
}

void user_to_json(const struct user *user, struct writer *out)
{
    write_object_begin(out, NULL);
    write_text(out, "id", user->id);
    write_text(out, "email", user->email);
    write_text(out, "role", user_role_name(user->role));
    write_bool(out, "banned", user->banned);
    if (user->reason[0] != '\0')
        write_text(out, "reason", user->reason);
    write_int(out, "version", user->version);
    write_object_end(out);
}

int user_from_bson(const bson_t *document, struct user *ret_user)
{
    struct user user = {.version = store_read_int(document, "version", -1)};

    if (!store_read_id(document, "_id", user.id) || user.version < 0 ||
        !text_copy(user.email, sizeof(user.email), store_read_text(document, "email", "")) ||
        !text_copy(user.password_hash, sizeof(user.password_hash),
                   store_read_text(document, "passwordHash", "")) ||
        !text_copy(user.reason, sizeof(user.reason), store_read_text(document, "reason", "")))
        return fail(-EIO, "a document in %s is not a user", USERS);
    user.banned = store_read_bool(document, "banned", false);
    user.role =
        strcmp(store_read_text(document, "role", ""), "admin") == 0 ? ROLE_ADMIN : ROLE_USER;
    *ret_user = user;
    return 0;
}

static int find(struct store *store, const bson_t *filter, struct user *ret_user)
{
    cleanup(bson_freep) bson_t *options =
        BCON_NEW("projection", "{", "outbox", BCON_BOOL(false), "}");
    cleanup(bson_freep) bson_t *document = NULL;
    int r;

    r = store_find(store, USERS, filter, options, &document);
    if (r != 0)
        return r;
    return user_from_bson(document, ret_user);
}

int user_find(struct store *store, const char *id, struct user *ret_user)
{
    cleanup(bson_freep) bson_t *filter = bson_new();

    store_append_id(filter, "_id", id);
    return find(store, filter, ret_user);
}

int user_find_by_email(struct store *store, const char *email, struct user *ret_user)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    char key[EMAIL_BYTES];

    user_email_key(email, key);
    BSON_APPEND_UTF8(filter, "emailKey", key);
    return find(store, filter, ret_user);
}

void user_from_event(const struct event *event, struct recovered *ret_fields)
{
    char key[EMAIL_BYTES];

    user_email_key(event->user.email, key);
    BSON_APPEND_UTF8(&ret_fields->set, "email", event->user.email);
    BSON_APPEND_UTF8(&ret_fields->set, "emailKey", key);
    BSON_APPEND_BOOL(&ret_fields->set, "banned", event->type == EVENT_USER_BANNED);
    BSON_APPEND_UTF8(&ret_fields->set, "reason", event->user.reason);
    BSON_APPEND_UTF8(&ret_fields->insert, "role", user_role_name(ROLE_USER));
    BSON_APPEND_UTF8(&ret_fields->insert, "passwordHash", ""); /* that of no password */
}

int user_insert(struct outbox *outbox, const struct user *user, const struct event *event)
{
    cleanup(bson_freep) bson_t *document = bson_new();
    char key[EMAIL_BYTES];

    user_email_key(user->email, key);
    store_append_id(document, "_id", user->id);
    BSON_APPEND_UTF8(document, "email", user->email);
    BSON_APPEND_UTF8(document, "emailKey", key);
    BSON_APPEND_UTF8(document, "passwordHash", user->password_hash);
    BSON_APPEND_UTF8(document, "role", user_role_name(user->role));
    BSON_APPEND_BOOL(document, "banned", user->banned);
    return outbox_insert(outbox, USERS, document, event, /* ret_index= */ NULL);
}

int user_save_ban(struct outbox *outbox, const struct user *user, const struct event *event)
{
    cleanup(bson_freep) bson_t *set = bson_new();

    BSON_APPEND_BOOL(set, "banned", user->banned);
    BSON_APPEND_UTF8(set, "reason", user->reason);
    return outbox_save(outbox, USERS, set, /* unset= */ NULL, /* guard= */ NULL, event,
                       /* ret_index= */ NULL);
}

int user_make_admin(struct store *store, const char *id, const char *password_hash)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    cleanup(bson_freep) bson_t *update = BCON_NEW("$set", "{", "role", BCON_UTF8("admin"),
                                                  "passwordHash", BCON_UTF8(password_hash), "}");

    store_append_id(filter, "_id", id);
    return store_update(store, USERS, filter, update, /* many= */ false, /* ret_matched= */ NULL);
}

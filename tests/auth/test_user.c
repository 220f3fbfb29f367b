/*
 * Users: the pure rules, and what the store holds them to.
 */
#include "auth/app.h"
#include "auth/user.h"
#include "tests/support/support.h"

#include <string.h>

static struct user given_user(void)
{
    struct user user = {.role = ROLE_USER};

    store_new_id(user.id);
    text_copy(user.email, sizeof(user.email), "Ann@Example.com");
    text_copy(user.password_hash, sizeof(user.password_hash), "$argon2id$…");
    return user;
}

Test(user, the_key_of_an_email_has_no_upper_case)
{
    char key[EMAIL_BYTES];

    user_email_key("Ann.O'Hara+1@EXAMPLE.Com", key);
    cr_assert_str_eq(key, "ann.o'hara+1@example.com");
}

Test(user, a_ban_and_its_end_are_a_version_each)
{
    struct user user = given_user();

    cr_assert(user_set_banned(&user, true, "spam"));
    cr_assert(user.banned);
    cr_assert_str_eq(user.reason, "spam");
    cr_assert_eq(user.version, 1);
    cr_assert(user_set_banned(&user, false, ""));
    cr_assert_not(user.banned);
    cr_assert_str_eq(user.reason, "");
    cr_assert_eq(user.version, 2);
}

Test(user, repeating_a_ban_or_its_end_changes_nothing)
{
    struct user user = given_user();
    struct user before = user;

    cr_assert_not(user_set_banned(&user, false, "no reason"));
    cr_assert_eq(memcmp(&user, &before, sizeof(user)), 0);
    user_set_banned(&user, true, "spam");
    before = user;
    cr_assert_not(user_set_banned(&user, true, "other"));
    cr_assert_eq(memcmp(&user, &before, sizeof(user)), 0);
}

Test(user, events_tell_email_and_reason_and_nothing_secret)
{
    struct user user = given_user();
    cleanup(writer_release) struct writer body = {0};
    struct event event;

    user_set_banned(&user, true, "spam");
    event_user_banned(&user, &event);
    cr_assert_eq(event.type, EVENT_USER_BANNED);
    cr_assert_str_eq(event.aggregate_id, user.id);
    cr_assert_eq(event.version, 1);
    writer_init(&body);
    event_encode(&event, &body);
    cr_assert(strstr(writer_text(&body), "\"Ann@Example.com\""));
    cr_assert(strstr(writer_text(&body), "\"spam\""));
    cr_assert_null(strstr(writer_text(&body), "argon2"));
}

/* For a resync: the same version, and a type that says what holds now. */
static enum event_type type_told_of(int64_t version, bool banned)
{
    cleanup(bson_freep) bson_t *document = BCON_NEW("version", BCON_INT64(version), "email",
                                                    "ann@example.com", "banned", BCON_BOOL(banned));
    struct event event;
    char id[ID_BYTES];

    store_new_id(id);
    store_append_id(document, "_id", id);
    cr_assert_eq(event_of_user(document, &event), 0);
    cr_assert_eq(event.version, version);
    return event.type;
}

Test(user, a_stored_document_can_be_told_of_again)
{
    cr_assert_eq(type_told_of(0, false), EVENT_USER_CREATED);
    cr_assert_eq(type_told_of(1, true), EVENT_USER_BANNED);
    cr_assert_eq(type_told_of(2, false), EVENT_USER_UNBANNED);
}

Test(user, a_document_that_is_no_user_is_refused)
{
    cleanup(bson_freep) bson_t *document = BCON_NEW("email", "ann@example.com");
    struct event event;

    cr_assert_lt(event_of_user(document, &event), 0);
}

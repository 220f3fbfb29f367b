/*
 * Bans and their end, on the real binary and real stores.
 */
#include "common/instant.h"
#include "tests/auth/accounts.h"

#include <stdio.h>
#include <string.h>

static const struct answer *ban(const char *verb, const char *id, const char *body)
{
    char path[96];

    snprintf(path, sizeof(path), "/api/users/%s/%s", id, verb);
    return ask("POST", path, body);
}

Test(ban, only_an_admin_may)
{
    const char *id;

    given_one_service("auth", no_limits);
    id = sign_up("ann@example.com");
    expect_refusal(ban("ban", id, "{}"), 401, NULL, "Not authorized");
    sign_as(UNKNOWN, ROLE_USER);
    expect_refusal(ban("ban", id, "{}"), 401, NULL, "Not authorized");
    expect_refusal(ban("unban", id, "{}"), 401, NULL, "Not authorized");
    cr_assert_eq(count_documents("users", "{\"banned\": true}"), 0);
}

Test(ban, its_input_is_checked)
{
    char body[300] = "{\"reason\":\"";
    const char *id;

    given_one_service("auth", no_limits);
    id = sign_up("ann@example.com");
    sign_as(UNKNOWN, ROLE_ADMIN);
    expect_refusal(ban("ban", "nonsense", "{}"), 400, "id", "Id must be 24 hexadecimal digits");
    expect_refusal(ban("ban", UNKNOWN, "{}"), 404, NULL, "Not Found");
    expect_refusal(ban("unban", UNKNOWN, "{}"), 404, NULL, "Not Found");
    expect_refusal(ban("ban", id, "{\"reason\":5}"), 400, "reason",
                   "Reason is longer than 200 characters");
    memset(body + strlen(body), 'x', 201);
    strncat(body, "\"}", sizeof(body) - strlen(body) - 1);
    expect_refusal(ban("ban", id, body), 400, "reason", "Reason is longer than 200 characters");
    expect_refusal(ban("ban", id, "[]"), 400, NULL, "Body is not valid JSON");
    cr_assert_eq(count_documents("users", "{\"version\": {\"$gt\": 0}}"), 0);
}

Test(ban, it_is_told_and_takes_effect_at_once)
{
    const struct answer *in, *answer;
    struct event event;
    const char *id;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    id = answer_text(in, "id");

    sign_as(UNKNOWN, ROLE_ADMIN);
    answer = ban("ban", id, "{\"reason\":\" spam \"}");
    sign_as(NULL, ROLE_USER);
    expect_status(answer, 200);
    cr_assert_str_eq(answer_text(answer, "id"), id);
    cr_assert_str_eq(answer_text(answer, "email"), "ann@example.com");
    cr_assert_str_eq(answer_text(answer, "role"), "user");
    cr_assert_str_eq(answer_text(answer, "reason"), "spam");
    cr_assert(json_is_true(json_object_get(answer->json, "banned")));
    cr_assert_eq(answer_number(answer, "version"), 1);
    cr_assert_str_eq(answer_header(answer, "ETag", 0), "\"1\"");
    cr_assert_eq(json_object_size(answer->json), 6, "%s", answer->body);

    cr_assert_str_eq(current_user(cookie_from(in, "session"))->body, "{\"currentUser\":null}");
    expect_refusal(post_with("/api/users/refresh", cookie_from(in, "refresh")), 401, NULL,
                   "Not authorized");
    expect_refusal(enter("signin", "ann@example.com", PASSWORD), 401, NULL, "Account is banned");
    expect_refusal(enter("signin", "ann@example.com", "wrong horse"), 400, NULL,
                   "Invalid credentials");
    event = await_event(EVENT_USER_BANNED, id, 1);
    cr_assert_str_eq(event.user.reason, "spam");
}

Test(ban, another_instance_hears_of_it)
{
    struct one_service one = given_one_service("auth", no_limits);
    struct one_service two = given_one_service("auth", no_limits);
    const struct answer *in;
    int64_t deadline;

    in = enter("signup", "ann@example.com", PASSWORD);
    turn_to(&one);
    sign_as(UNKNOWN, ROLE_ADMIN);
    expect_status(ban("ban", answer_text(in, "id"), NULL), 200);
    sign_as(NULL, ROLE_USER);

    turn_to(&two);
    deadline = instant_monotonic() + 1000; /* the contract's second */
    while (strcmp(current_user(cookie_from(in, "session"))->body, "{\"currentUser\":null}") != 0)
        cr_assert_lt(instant_monotonic(), deadline, "not within a second");
}

Test(ban, repeating_it_changes_nothing)
{
    const struct answer *first, *second;
    const char *id;

    given_one_service("auth", no_limits);
    id = sign_up("ann@example.com");
    sign_as(UNKNOWN, ROLE_ADMIN);
    first = ban("ban", id, "{\"reason\":\"spam\"}");
    second = ban("ban", id, "{\"reason\":\"other\"}");
    expect_status(second, 200);
    cr_assert_str_eq(second->body, first->body);

    expect_status(ban("unban", id, NULL), 200);
    await_event(EVENT_USER_UNBANNED, id, 2);
    cr_assert_eq(count_events(EVENT_USER_BANNED, id), 3, "created, banned, unbanned");
}

Test(unban, the_user_may_come_in_again)
{
    const struct answer *answer;
    const char *id;

    given_one_service("auth", no_limits);
    id = sign_up("ann@example.com");
    sign_as(UNKNOWN, ROLE_ADMIN);
    expect_status(ban("ban", id, "{\"reason\":\"spam\"}"), 200);
    answer = ban("unban", id, NULL);
    expect_status(answer, 200);
    cr_assert(json_is_false(json_object_get(answer->json, "banned")));
    cr_assert_null(answer_text(answer, "reason"));
    cr_assert_eq(answer_number(answer, "version"), 2);
    cr_assert_str_eq(ban("unban", id, NULL)->body, answer->body, "repeating changes nothing");

    sign_as(NULL, ROLE_USER);
    answer = enter("signin", "ann@example.com", PASSWORD);
    expect_status(answer, 200);
    cr_assert_str_eq(answer_text(current_user(cookie_from(answer, "session")), "currentUser.id"),
                     id);
    await_event(EVENT_USER_UNBANNED, id, 2);
}

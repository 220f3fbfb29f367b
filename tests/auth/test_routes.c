/*
 * Signing up, in and out, on the real binary and real stores.
 */
#include "auth/throttle.h"
#include "tests/auth/accounts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* --- sign-up --- */

Test(signup, it_makes_an_account_and_signs_in)
{
    const struct answer *answer;
    struct event event;

    given_one_service("auth", no_limits);
    answer = enter("signup", "Ann@Example.com", PASSWORD);
    expect_status(answer, 201);
    cr_assert_str_eq(answer_text(answer, "email"), "Ann@Example.com");
    cr_assert_eq(json_object_size(answer->json), 2, "id and email alone: %s", answer->body);
    cr_assert_str_eq(answer_text(current_user(cookie_from(answer, "session")), "currentUser.id"),
                     answer_text(answer, "id"));

    event = await_event(EVENT_USER_CREATED, answer_text(answer, "id"), 0);
    cr_assert_str_eq(event.user.email, "Ann@Example.com");
}

Test(signup, its_cookies_have_the_contracts_attributes)
{
    static const char *const secure[] = {"COOKIE_SECURE=true", NULL};
    const struct answer *answer;
    const char *session, *refresh;

    given_one_service("auth", secure);
    answer = enter("signup", "ann@example.com", PASSWORD);
    session = set_cookie(answer, "session");
    refresh = set_cookie(answer, "refresh");
    cr_assert(session && refresh);
    cr_assert(strstr(session, "HttpOnly") && strstr(session, "SameSite=Lax") &&
                  strstr(session, "Path=/") && strstr(session, "Secure"),
              "%s", session);
    cr_assert(strstr(refresh, "HttpOnly") && strstr(refresh, "SameSite=Strict") &&
                  strstr(refresh, "Path=/api/users") && strstr(refresh, "Secure") &&
                  strstr(refresh, "Max-Age=2592000"),
              "%s", refresh);
}

Test(signup, each_rule_is_told_with_its_field)
{
    static const char long_password[] =
        "{\"email\":\"a@b.co\",\"password\":\"0123456789012345678901234567890123456789012345678901"
        "234567890123456789012345678901234567890123456789012345678901234567890123456789\"}";
    static const char *const bad_emails[] = {
        "{\"password\":\"" PASSWORD "\"}",
        "{\"email\":null,\"password\":\"" PASSWORD "\"}",
        "{\"email\":7,\"password\":\"" PASSWORD "\"}",
        "{\"email\":{\"$gt\":\"\"},\"password\":\"" PASSWORD "\"}",
        "{\"email\":\"ann\",\"password\":\"" PASSWORD "\"}",
        "{\"email\":\"ann@example\",\"password\":\"" PASSWORD "\"}",
    };
    static const char *const bad_passwords[] = {
        "{\"email\":\"a@b.co\"}",
        "{\"email\":\"a@b.co\",\"password\":12345678}",
        "{\"email\":\"a@b.co\",\"password\":\"1234567\"}",
        long_password,
    };
    const struct answer *both;

    given_one_service("auth", no_limits);
    for (size_t i = 0; i < ARRAY_LENGTH(bad_emails); i++)
        expect_refusal(ask("POST", "/api/users/signup", bad_emails[i]), 400, "email",
                       "Email must be valid");
    for (size_t i = 0; i < ARRAY_LENGTH(bad_passwords); i++)
        expect_refusal(ask("POST", "/api/users/signup", bad_passwords[i]), 400, "password",
                       "Password must be between 8 and 128 characters");
    both = ask("POST", "/api/users/signup", "{}");
    expect_refusal(both, 400, "email", "Email must be valid");
    expect_refusal(both, 400, "password", "Password must be between 8 and 128 characters");
    expect_refusal(ask("POST", "/api/users/signup", "{"), 400, NULL, "Body is not valid JSON");
    cr_assert_eq(count_documents("users", "{}"), 0);
}

Test(signup, passwords_are_measured_in_characters_and_kept_as_typed)
{
    given_one_service("auth", no_limits);
    expect_status(enter("signup", "ann@example.com", " äöüß€ "), 400); /* seven */
    expect_status(enter("signup", "ann@example.com", " äöüß€🎫 "), 201);
    expect_status(enter("signin", "ann@example.com", " äöüß€🎫 "), 200);
    expect_status(enter("signin", "ann@example.com", "äöüß€🎫"), 400);
}

Test(signup, an_email_is_used_once_whatever_its_case)
{
    given_one_service("auth", no_limits);
    sign_up("ann@example.com");
    expect_refusal(enter("signup", "ANN@Example.com", PASSWORD), 400, "email", "Email in use");
    cr_assert_eq(count_documents("users", "{}"), 1);
}

#define CROWD 8

static void *sign_up_at_once(void *context)
{
    *(const struct answer **)context = enter("signup", "ann@example.com", PASSWORD);
    return NULL;
}

Test(signup, of_several_at_once_with_one_email_one_wins)
{
    const struct answer *answers[CROWD];
    pthread_t threads[CROWD];
    int made = 0;

    given_one_service("auth", no_limits);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, sign_up_at_once, &answers[i]), 0);
    for (size_t i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < CROWD; i++) {
        if (answers[i]->status == 201)
            made++;
        else
            expect_refusal(answers[i], 400, "email", "Email in use");
    }
    cr_assert_eq(made, 1);
    cr_assert_eq(count_documents("users", "{}"), 1);
}

/* --- sign-in --- */

Test(signin, the_right_password_opens_a_session)
{
    const struct answer *answer;
    const char *id;

    given_one_service("auth", no_limits);
    id = sign_up("Ann@example.com");
    answer = enter("signin", "aNN@EXAMPLE.com", PASSWORD);
    expect_status(answer, 200);
    cr_assert_str_eq(answer_text(answer, "id"), id);
    cr_assert_str_eq(answer_text(answer, "email"), "Ann@example.com", "as first typed");
    cr_assert_str_eq(answer_text(current_user(cookie_from(answer, "session")), "currentUser.id"),
                     id);
    expect_status(post_with("/api/users/refresh", cookie_from(answer, "refresh")), 200);
}

Test(signin, an_unknown_email_and_a_wrong_password_are_one_answer)
{
    const struct answer *wrong, *unknown;

    given_one_service("auth", no_limits);
    sign_up("ann@example.com");
    wrong = enter("signin", "ann@example.com", "wrong horse");
    unknown = enter("signin", "bob@example.com", "wrong horse");
    expect_refusal(wrong, 400, NULL, "Invalid credentials");
    expect_status(unknown, 400);
    cr_assert_str_eq(wrong->body, unknown->body);
    cr_assert_null(set_cookie(wrong, "session"));
}

Test(signin, each_rule_is_told_with_its_field)
{
    given_one_service("auth", no_limits);
    expect_refusal(ask("POST", "/api/users/signin", "{\"email\":\"x\",\"password\":\"y\"}"), 400,
                   "email", "Email must be valid");
    expect_refusal(ask("POST", "/api/users/signin", "{\"email\":\"a@b.co\"}"), 400, "password",
                   "You must supply a password");
    expect_refusal(ask("POST", "/api/users/signin", "{\"email\":\"a@b.co\",\"password\":\"\"}"),
                   400, "password", "You must supply a password");
    expect_refusal(
        ask("POST", "/api/users/signin", "{\"email\":\"a@b.co\",\"password\":{\"$gt\":\"\"}}"), 400,
        "password", "You must supply a password");
}

Test(signin, ten_failures_close_an_account_for_15_minutes_on_every_instance)
{
    struct one_service one = given_one_service("auth", NULL);
    struct one_service two = given_one_service("auth", NULL);
    const struct answer *answer;

    sign_up("ann@example.com");
    for (int i = 0; i < THROTTLE_TRIES; i++) {
        turn_to(i % 2 ? &one : &two);
        expect_status(enter("signin", "Ann@example.com", "wrong horse"), 400);
    }
    for (int i = 0; i < 2; i++) {
        turn_to(i ? &one : &two);
        answer = enter("signin", "ann@example.com", PASSWORD);
        expect_refusal(answer, 429, NULL, "Too many requests");
        cr_assert_not_null(answer_header(answer, "Retry-After", 0));
        cr_assert_leq(strtoll(answer_header(answer, "Retry-After", 0), NULL, 10), 900);
        cr_assert_gt(strtoll(answer_header(answer, "Retry-After", 0), NULL, 10), 800);
    }
    sign_up("bob@example.com");
    expect_status(enter("signin", "bob@example.com", PASSWORD), 200);
}

Test(signin, an_unknown_account_is_closed_alike)
{
    given_one_service("auth", NULL);
    for (int i = 0; i < THROTTLE_TRIES; i++)
        expect_status(enter("signin", "nobody@example.com", "wrong horse"), 400);
    expect_status(enter("signin", "nobody@example.com", "wrong horse"), 429);
}

Test(signin, the_right_password_costs_no_try)
{
    given_one_service("auth", NULL);
    sign_up("ann@example.com");
    for (int i = 0; i < THROTTLE_TRIES + 2; i++)
        expect_status(enter("signin", "ann@example.com", PASSWORD), 200);
}

Test(signin, without_limits_failures_are_not_counted)
{
    given_one_service("auth", no_limits);
    sign_up("ann@example.com");
    for (int i = 0; i < THROTTLE_TRIES + 2; i++)
        expect_status(enter("signin", "ann@example.com", "wrong horse"), 400);
    cr_assert_eq(count_documents(THROTTLES, "{}"), 0);
}

/* --- sign-out --- */

Test(signout, it_expires_both_cookies_and_revokes_the_family)
{
    const struct answer *in, *next, *out;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    next = post_with("/api/users/refresh", cookie_from(in, "refresh"));
    out = post_with("/api/users/signout", cookie_from(next, "refresh"));
    expect_status(out, 200);
    cr_assert_str_eq(out->body, "{}");
    cr_assert(strstr(set_cookie(out, "session"), "Max-Age=0"), "%s", set_cookie(out, "session"));
    cr_assert(strstr(set_cookie(out, "refresh"), "refresh=; "), "%s", set_cookie(out, "refresh"));
    cr_assert(strstr(set_cookie(out, "refresh"), "Max-Age=0"), "%s", set_cookie(out, "refresh"));
    expect_status(post_with("/api/users/refresh", cookie_from(next, "refresh")), 401);
    expect_status(post_with("/api/users/refresh", cookie_from(in, "refresh")), 401);
}

/* The session in `late` as its browser shows it after `out`, a sign-out, has ended there before. */
static void expect_nobodys(const struct answer *late, const struct answer *out)
{
    const char *ended = set_cookie(out, "signed-out");
    const char *session = set_cookie(late, "session");
    char header[2048];

    cr_assert(ended && session);
    snprintf(header, sizeof(header), "Cookie: %.*s; %.*s", (int)strcspn(session, ";"), session,
             (int)strcspn(ended, ";"), ended);
    cr_assert_str_eq(current_user(header)->body, "{\"currentUser\":null}");
}

/* Its answer comes later than the sign-out's, and sets the session's cookie again. */
Test(signout, it_wins_against_a_renewal_that_is_under_way)
{
    const struct answer *in, *refreshed, *again;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    refreshed = post_with("/api/users/refresh", cookie_from(in, "refresh"));
    expect_nobodys(refreshed, post_with("/api/users/signout", cookie_from(in, "refresh")));

    again = enter("signin", "ann@example.com", PASSWORD);
    expect_nobodys(again, post_with("/api/users/signout", cookie_from(again, "session")));
}

Test(signout, it_ends_one_session_and_not_the_next)
{
    const struct answer *in, *out, *again;
    char header[2048];

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    out = post_with("/api/users/signout", cookie_from(in, "refresh"));
    again = enter("signin", "ann@example.com", PASSWORD);
    snprintf(header, sizeof(header), "%s; %.*s", cookie_from(again, "session"),
             (int)strcspn(set_cookie(out, "signed-out"), ";"), set_cookie(out, "signed-out"));
    cr_assert_str_eq(answer_text(current_user(header), "currentUser.id"), answer_text(in, "id"));
}

/* What it knows of the one before stays: a second sign-out has nothing to say of another. */
Test(signout, of_nobody_it_says_nothing)
{
    const struct answer *in, *out;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    cr_assert_not_null(
        set_cookie(post_with("/api/users/signout", cookie_from(in, "refresh")), "signed-out"));
    out = post_with("/api/users/signout", cookie_from(in, "refresh"));
    expect_status(out, 200);
    cr_assert_null(set_cookie(out, "signed-out"));
}

Test(signout, anybody_may_and_twice)
{
    given_one_service("auth", no_limits);
    expect_status(ask("POST", "/api/users/signout", NULL), 200);
    expect_status(ask("POST", "/api/users/signout", "not json at all"), 200);
    expect_status(post_with("/api/users/signout", "Cookie: refresh=nonsense"), 200);
}

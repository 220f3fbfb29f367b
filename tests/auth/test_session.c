/*
 * Sessions once they are there: who it is, renewing, refreshing. On the real binary and real
 * stores.
 */
#include "auth/refresh.h"
#include "common/instant.h"
#include "tests/auth/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- current user --- */

Test(currentuser, nobody_is_null)
{
    const struct answer *answer;

    given_one_service("auth", no_limits);
    answer = current_user(NULL);
    expect_status(answer, 200);
    cr_assert_str_eq(answer->body, "{\"currentUser\":null}");
    cr_assert_str_eq(current_user("Authorization: Bearer nonsense")->body,
                     "{\"currentUser\":null}");
    cr_assert_str_eq(current_user("Cookie: session=nonsense")->body, "{\"currentUser\":null}");
}

/* A session cookie of `age_s`, as auth would have made it then. */
static const char *cookie_of_age(int64_t age_s)
{
    const struct session_config config = {
        .key = ONE_SERVICE_JWT_KEY, .cookie = "session", .seconds = 900};
    struct session session = {.signed_in = true, .role = ROLE_ADMIN};
    static char line[2048];
    char *token, *cookie;

    text_copy(session.user_id, sizeof(session.user_id), UNKNOWN);
    text_copy(session.email, sizeof(session.email), "ann@example.com");
    instant_fake(instant_now() - age_s * 1000);
    token = session_issue(&config, &session);
    instant_fake(0);
    cookie = session_cookie(&config, token);
    snprintf(line, sizeof(line), "Cookie: %.*s", (int)strcspn(cookie, ";"), cookie);
    free(cookie);
    free(token);
    return line;
}

Test(currentuser, it_tells_the_tokens_claims)
{
    const struct answer *answer;

    given_one_service("auth", no_limits);
    answer = current_user(cookie_of_age(60));
    expect_status(answer, 200);
    cr_assert_str_eq(answer_text(answer, "currentUser.id"), UNKNOWN);
    cr_assert_str_eq(answer_text(answer, "currentUser.email"), "ann@example.com");
    cr_assert_str_eq(answer_text(answer, "currentUser.role"), "admin");
    cr_assert_eq(
        answer_number(answer, "currentUser.exp") - answer_number(answer, "currentUser.iat"), 900);
    cr_assert_null(set_cookie(answer, "session"), "less than half is spent");
}

Test(currentuser, past_half_of_its_life_a_session_is_renewed)
{
    const struct answer *answer, *again;

    given_one_service("auth", no_limits);
    answer = current_user(cookie_of_age(460));
    expect_status(answer, 200);
    again = current_user(cookie_from(answer, "session"));
    cr_assert_str_eq(answer_text(again, "currentUser.id"), UNKNOWN);
    cr_assert_str_eq(answer_text(again, "currentUser.role"), "admin");
    cr_assert_gt(answer_number(again, "currentUser.exp"), (double)(instant_now() / 1000 + 800));
    cr_assert_null(set_cookie(again, "session"));
}

Test(currentuser, an_expired_session_is_nobodys)
{
    given_one_service("auth", no_limits);
    cr_assert_str_eq(current_user(cookie_of_age(901))->body, "{\"currentUser\":null}");
}

/* --- refresh --- */

Test(refresh_route, it_needs_a_refresh_token)
{
    given_one_service("auth", no_limits);
    expect_refusal(post_with("/api/users/refresh", NULL), 401, NULL, "Not authorized");
    expect_refusal(post_with("/api/users/refresh", "Cookie: refresh="), 401, NULL,
                   "Not authorized");
    expect_refusal(post_with("/api/users/refresh", "Cookie: refresh=nonsense"), 401, NULL,
                   "Not authorized");
}

Test(refresh_route, it_gives_a_session_and_the_next_token)
{
    const struct answer *in, *next;

    given_one_service("auth", no_limits);
    in = enter("signup", "Ann@example.com", PASSWORD);
    next = post_with("/api/users/refresh", cookie_from(in, "refresh"));
    expect_status(next, 200);
    cr_assert_str_eq(next->body, in->body);
    cr_assert_str_eq(answer_text(current_user(cookie_from(next, "session")), "currentUser.id"),
                     answer_text(in, "id"));
    cr_assert_str_neq(cookie_from(next, "refresh"), cookie_from(in, "refresh"));
}

Test(refresh_route, a_second_tab_gets_a_session_and_no_token)
{
    const struct answer *in, *again;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    expect_status(post_with("/api/users/refresh", cookie_from(in, "refresh")), 200);
    again = post_with("/api/users/refresh", cookie_from(in, "refresh"));
    expect_status(again, 200);
    cr_assert_not_null(set_cookie(again, "session"));
    cr_assert_null(set_cookie(again, "refresh"));
}

Test(refresh_route, a_token_spent_long_ago_ends_the_family)
{
    cleanup(bson_freep) bson_t *spent = BCON_NEW("spentAt", "{", "$exists", BCON_BOOL(true), "}");
    cleanup(bson_freep) bson_t *earlier = bson_new();
    const struct answer *in, *next;
    bson_t set;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    next = post_with("/api/users/refresh", cookie_from(in, "refresh"));
    BSON_APPEND_DOCUMENT_BEGIN(earlier, "$set", &set);
    BSON_APPEND_DATE_TIME(&set, "spentAt", instant_now() - 11000);
    bson_append_document_end(earlier, &set);
    cr_assert_eq(store_update(given_store(), REFRESH_TOKENS, spent, earlier, true, NULL), 0);
    expect_status(post_with("/api/users/refresh", cookie_from(in, "refresh")), 401);
    expect_status(post_with("/api/users/refresh", cookie_from(next, "refresh")), 401);
}

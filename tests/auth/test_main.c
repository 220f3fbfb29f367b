/*
 * auth as a process: its stores away, its end.
 */
#include "tests/auth/accounts.h"

#include <stdio.h>

Test(auth, while_its_store_is_away_it_says_try_again, .timeout = 60)
{
    const struct answer *in, *answer;
    char uri[256];

    snprintf(uri, sizeof(uri), "MONGO_URI=%s", given_own_mongo());
    given_one_service("auth", (const char *const[]){uri, NULL});
    in = enter("signup", "ann@example.com", PASSWORD);
    expect_status(in, 201);

    kill_store(GIVEN_MONGO);
    answer = enter("signin", "ann@example.com", PASSWORD);
    expect_refusal(answer, 503, NULL, "Try again later");
    cr_assert_not_null(answer_header(answer, "Retry-After", 0));
    expect_status(enter("signup", "bob@example.com", PASSWORD), 503);
    expect_status(post_with("/api/users/refresh", cookie_from(in, "refresh")), 503);
    answer = ask_for(&(struct question){.method = "GET",
                                        .path = "/api/users/resume?next=/orders",
                                        .headers = {cookie_from(in, "refresh")}});
    expect_refusal(answer, 503, NULL, "Try again later");
    cr_assert_null(answer_header(answer, "Location", 0), "it may be asked again");
    cr_assert_str_eq(answer_text(current_user(cookie_from(in, "session")), "currentUser.id"),
                     answer_text(in, "id"), "the token says it all");
}

Test(auth, it_ends_when_asked_to)
{
    struct one_service service = given_one_service("auth", no_limits);

    end_one_service(&service);
}

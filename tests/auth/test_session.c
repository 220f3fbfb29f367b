/*
 * Sessions once they are there: who it is, renewing, refreshing, resuming. On the real binary and
 * real stores.
 */
#include "auth/redirect.h"
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

#define SESSION_ID "cccccccccccccccccccccccc"

/* A session cookie of `age_s`, as auth would have made it then. */
static const char *cookie_of_age(int64_t age_s)
{
    const struct session_config config = {
        .key = ONE_SERVICE_JWT_KEY, .cookie = "session", .seconds = 900};
    struct session session = {.signed_in = true, .role = ROLE_ADMIN};
    static char line[2048];
    char *token, *cookie;

    text_copy(session.id, sizeof(session.id), SESSION_ID);
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

Test(currentuser, what_it_renews_is_the_same_session)
{
    const struct answer *renewed;
    char header[2048];

    given_one_service("auth", no_limits);
    renewed = current_user(cookie_of_age(460));
    snprintf(header, sizeof(header), "%s; signed-out=" SESSION_ID, cookie_from(renewed, "session"));
    cr_assert_str_eq(current_user(header)->body, "{\"currentUser\":null}");
    cr_assert_null(set_cookie(current_user(header), "session"));
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

/* Whatever was spent was spent 11 seconds ago, so after its time of grace. */
static void given_spent_long_ago(void)
{
    cleanup(bson_freep) bson_t *spent = BCON_NEW("spentAt", "{", "$exists", BCON_BOOL(true), "}");
    cleanup(bson_freep) bson_t *earlier =
        BCON_NEW("$set", "{", "spentAt", BCON_DATE_TIME(instant_now() - 11000), "}");

    cr_assert_eq(store_update(given_store(), REFRESH_TOKENS, spent, earlier, true, NULL), 0);
}

Test(refresh_route, a_token_spent_long_ago_ends_the_family)
{
    const struct answer *in, *next;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    next = post_with("/api/users/refresh", cookie_from(in, "refresh"));
    given_spent_long_ago();
    expect_status(post_with("/api/users/refresh", cookie_from(in, "refresh")), 401);
    expect_status(post_with("/api/users/refresh", cookie_from(next, "refresh")), 401);
}

/* --- resume --- */

/* Come by with `next` as it stands in the query, and a Cookie header or NULL. */
static const struct answer *resume(const char *method, const char *next, const char *cookie)
{
    cleanup(freep) char *path = xasprintf("/api/users/resume?next=%s", next);

    return ask_for(&(struct question){.method = method, .path = path, .headers = {cookie}});
}

static void expect_sent_on(const struct answer *answer, const char *path)
{
    expect_status(answer, 303);
    cr_assert_str_eq(answer_header(answer, "Location", 0), path);
    cr_assert_str_eq(answer_header(answer, "Cache-Control", 0), "no-store");
    cr_assert_null(answer_header(answer, "Cache-Control", 1));
    cr_assert_null(answer_header(answer, "Content-Type", 0));
    cr_assert_str_eq(answer->body, "");
}

static void expect_sent_on_without_session(const struct answer *answer)
{
    expect_sent_on(answer, "/orders");
    cr_assert_null(answer_header(answer, "Set-Cookie", 0));
}

Test(resume, it_gives_a_session_and_the_next_token_and_sends_on)
{
    const struct answer *in, *back;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    back = resume("GET", "/tickets/new%3Ffrom=%252Forders%26n=1", cookie_from(in, "refresh"));
    expect_sent_on(back, "/tickets/new?from=%2Forders&n=1");
    cr_assert_str_eq(answer_text(current_user(cookie_from(back, "session")), "currentUser.id"),
                     answer_text(in, "id"));
    cr_assert_str_neq(cookie_from(back, "refresh"), cookie_from(in, "refresh"));
    expect_status(post_with("/api/users/refresh", cookie_from(back, "refresh")), 200);
}

Test(resume, without_a_good_token_it_sends_on_all_the_same)
{
    const struct answer *in;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    expect_status(post_with("/api/users/signout", cookie_from(in, "refresh")), 200);
    expect_sent_on_without_session(resume("GET", "/orders", cookie_from(in, "refresh")));
    expect_sent_on_without_session(resume("GET", "/orders", cookie_from(in, "session")));
    expect_sent_on_without_session(resume("GET", "/orders", NULL));
    expect_sent_on_without_session(resume("GET", "/orders", "Cookie: refresh="));
    expect_sent_on_without_session(resume("GET", "/orders", "Cookie: refresh=nonsense"));
}

Test(resume, a_second_tab_gets_a_session_and_no_token)
{
    const struct answer *in, *again;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    expect_sent_on(resume("GET", "/orders", cookie_from(in, "refresh")), "/orders");
    again = resume("GET", "/orders", cookie_from(in, "refresh"));
    expect_sent_on(again, "/orders");
    cr_assert_not_null(set_cookie(again, "session"));
    cr_assert_null(set_cookie(again, "refresh"));
}

Test(resume, a_token_spent_long_ago_ends_the_family)
{
    const struct answer *in, *next;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    next = resume("GET", "/orders", cookie_from(in, "refresh"));
    given_spent_long_ago();
    expect_sent_on_without_session(resume("GET", "/orders", cookie_from(in, "refresh")));
    expect_status(post_with("/api/users/refresh", cookie_from(next, "refresh")), 401);
}

Test(resume, a_banned_user_gets_no_session)
{
    const struct answer *in;
    char path[96];

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    snprintf(path, sizeof(path), "/api/users/%s/ban", answer_text(in, "id"));
    sign_as(UNKNOWN, ROLE_ADMIN);
    expect_status(ask("POST", path, NULL), 200);
    sign_as(NULL, ROLE_USER);
    expect_sent_on_without_session(resume("GET", "/orders", cookie_from(in, "refresh")));
}

Test(resume, head_spends_nothing)
{
    const struct answer *in;

    given_one_service("auth", no_limits);
    in = enter("signup", "ann@example.com", PASSWORD);
    expect_sent_on_without_session(resume("HEAD", "/orders", cookie_from(in, "refresh")));
    cr_assert_eq(count_documents(REFRESH_TOKENS, "{}"), 1);
    cr_assert_eq(count_documents(REFRESH_TOKENS, "{\"spentAt\": {\"$exists\": true}}"), 0);
}

Test(resume, it_leads_to_this_site_alone)
{
    static const char *const elsewhere[] = {
        "",
        "//evil.example",
        "/\\evil.example",
        "/%5Cevil.example",
        "https://evil.example/",
        "https:evil.example",
        "%2f%2fevil.example",
        "/%2fevil.example",
        "%252f%252fevil.example",
        "/%09/evil.example",
        "/%0d%0aSet-Cookie:%20session=x",
        "/%0aLocation:%20//evil.example",
        "/a%20b",
        "/a+b",
        "/caf%C3%A9",
        "//evil.example&next=/orders",
    };

    given_one_service("auth", no_limits);
    for (size_t i = 0; i < ARRAY_LENGTH(elsewhere); i++)
        expect_sent_on(resume("GET", elsewhere[i], NULL), "/");
    expect_sent_on(ask("GET", "/api/users/resume", NULL), "/");
    expect_status(resume("GET", "/%00", NULL), 400);
}

/* With the longest address and path, and other cookies up to what is refused for its size. */
Test(resume, the_longest_answer_has_room)
{
    cleanup(freep) char *email = xasprintf("a@%0244d.example", 0);
    cleanup(freep) char *next = xasprintf("/%0*d", REDIRECT_MAX_BYTES - 1, 0);
    cleanup(freep) char *longer = xasprintf("%s0", next);
    const struct answer *answer;
    int size = 0;

    cr_assert_eq(strlen(email) + 1, EMAIL_BYTES);
    given_one_service("auth", no_limits);
    expect_sent_on(resume("GET", longer, NULL), "/");
    while (true) {
        const struct answer *in = enter(size == 0 ? "signup" : "signin", email, PASSWORD);
        const char *refresh = set_cookie(in, "refresh");
        cleanup(freep) char *cookie =
            xasprintf("Cookie: %.*s; a=%0*d", (int)strcspn(refresh, ";"), refresh, size, 0);

        answer = resume("GET", next, cookie);
        if (answer->status == 431)
            break;
        expect_sent_on(answer, next);
        cr_assert_not_null(set_cookie(answer, "session"));
        cr_assert_not_null(set_cookie(answer, "refresh"));
        size += 250;
    }
    cr_assert_gt(size, 3000);
}

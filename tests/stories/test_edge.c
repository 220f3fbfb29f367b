/*
 * One port in front of all: its own refusals look like the services', and it keeps crowds out.
 */
#include "tests/support/story.h"

#include <string.h>

#define CONTENT_TYPE_PROBLEM "application/problem+json"

Test(edge, its_own_refusals_have_the_one_shape_of_errors)
{
    const struct answer *answer;

    given_system(NULL);
    as_nobody();
    expect_refusal(get("/api/nothing"), 404, NULL, "Not Found");
    expect_refusal(get("/api/tickets/not/there"), 404, NULL, "Not Found");
    answer = delete_at("/api/tickets");
    expect_refusal(answer, 405, NULL, "Method not allowed");
    cr_assert_not_null(answer_header(answer, "Allow", 0));

    expect_refusal(delete_at("/api/nothing"), 404, NULL, "Not Found"); /* whatever the method */

    /* Where a service sends a browser on to stays on this port. */
    answer = get("/api/users/resume?next=/orders");
    expect_status(answer, 303);
    cr_assert_str_eq(answer_header(answer, "Location", 0), "/orders");

    /* What is for the cluster only is not passed. */
    expect_refusal(get("/livez"), 404, NULL, "Not Found");
    expect_refusal(get("/readyz"), 404, NULL, "Not Found");
    expect_refusal(get("/metrics"), 404, NULL, "Not Found");

    kill_service("payments", 0);
    answer = get("/api/payments/0123456789abcdef01234567");
    expect_refusal(answer, 503, NULL, "Try again later");
    cr_assert_not_null(answer_header(answer, "Retry-After", 0));
    answer = ask_for(&(struct question){.method = "GET",
                                        .path = "/api/payments/0123456789abcdef01234567",
                                        .headers = {"Accept: " CONTENT_TYPE_PROBLEM}});
    expect_refusal(answer, 503, NULL, "Try again later");
    cr_assert_str_eq(answer_header(answer, "Content-Type", 0), CONTENT_TYPE_PROBLEM);
    cr_assert_str_eq(answer_text(answer, "title"), "Service Unavailable");
    cr_assert_eq(answer_number(answer, "status"), 503);
    cr_assert_str_eq(answer_text(answer, "instance"), "/api/payments/0123456789abcdef01234567");
}

/* These systems have no web client. What it answers for itself, tests/client looks at. */
Test(edge, pages_without_a_client_are_a_page_that_tries_again)
{
    const char *paths[] = {"/", "/orders", "/stripe/js.stripe.com/v3/"};
    const struct answer *answer;

    given_system(NULL);
    as_nobody();
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        answer = get(paths[i]);
        expect_status(answer, 503);
        cr_assert_str_eq(answer_header(answer, "Content-Type", 0), "text/html; charset=utf-8");
        cr_assert_str_eq(answer_header(answer, "Cache-Control", 0), "no-store");
        cr_assert_not_null(answer_header(answer, "Retry-After", 0));
        cr_assert_not_null(strstr(answer->body, "http-equiv=\"refresh\""));
    }
    expect_status(post("/", "{}"), 503);
}

/* What is too much for libmicrohttpd, it says in HTML; too much for nginx is said by nginx. */
Test(edge, heads_of_any_size_are_refused_in_the_one_shape)
{
    given_system(NULL);
    as_nobody();
    for (int size = 2000; size < 30000; size += 500) {
        cleanup(freep) char *cookie = xasprintf("Cookie: a=%0*d", size, 0);
        const struct answer *answer = ask_for(&(struct question){
            .method = "GET", .path = "/api/users/currentuser", .headers = {cookie}});

        if (answer->status != 200)
            expect_refusal(answer, 431, NULL, "Headers are too large");
        cr_assert(answer->status == 200 || size > 3000, "%d bytes: %d", size, answer->status);
    }
}

/* A body of `bytes`, as a ticket whose title is too long. */
static const struct answer *post_bytes(int bytes)
{
    return post("/api/tickets", "{\"title\":\"%0*d\",\"price\":1}", bytes - 23, 0);
}

Test(edge, bodies_over_64_KiB_are_refused_whoever_notices)
{
    given_system(NULL);
    as_user("sue");
    expect_refusal(post_bytes(60 << 10), 400, "title", "Title is longer than 200 characters");
    expect_refusal(post_bytes(65 << 10), 413, NULL, "Body is larger than 64 KiB");
    expect_refusal(post_bytes(1100 << 10), 413, NULL, "Body is larger than 64 KiB");
}

Test(edge, more_than_sixty_sign_ins_a_minute_from_one_address_are_too_many)
{
    const struct answer *answer = NULL;
    int passed = 0;

    given_system(&(struct system_options){.rate_limits = true});
    as_nobody();
    for (int i = 0; i < 300; i++) { /* a second that goes by allows one more */
        answer = post("/api/users/signin", "{\"email\":\"u%d@example.com\",\"password\":\"x\"}", i);
        if (answer->status == 429)
            break;
        passed++;
    }
    cr_assert_geq(passed, 60);
    expect_refusal(answer, 429, NULL, "Too many requests");
    cr_assert_not_null(answer_header(answer, "Retry-After", 0));
    expect_status(get("/api/tickets"), 200); /* reading goes on */
}

Test(edge, ten_failed_sign_ins_close_an_account_for_a_while)
{
    const struct answer *answer = NULL;

    given_system(&(struct system_options){.rate_limits = true});
    as_user("sue");
    as_nobody();
    for (int i = 0; i < 10; i++)
        expect_refusal(post("/api/users/signin",
                            "{\"email\":\"sue@example.com\",\"password\":\"wrong %d\"}", i),
                       400, NULL, "Invalid credentials");
    answer = post("/api/users/signin",
                  "{\"email\":\"sue@example.com\",\"password\":\"a long password\"}");
    expect_refusal(answer, 429, NULL, "Too many requests");
    cr_assert_not_null(answer_header(answer, "Retry-After", 0));
}

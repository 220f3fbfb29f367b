/*
 * Replies: the one shape of errors, outcomes, ETags, HEAD.
 */
#include "tests/common/fake_app.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THING "/api/things/" FAKE_ID

Test(http_reply, head_is_get_without_its_body)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fd = dial(server);
    cleanup(forget) struct heard head = {.status = 0}, next = {.status = 0};

    say(fd, "HEAD " THING " HTTP/1.1\r\nHost: a\r\n\r\n");
    head = hear_of_head(fd);
    cr_assert_eq(head.status, 200);
    cr_assert_str_eq(header_of(&head, "Content-Length"), "33");
    cr_assert_str_eq(header_of(&head, "ETag"), "\"3\"");
    say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    next = hear(fd); /* a body after the HEAD would be in the way here */
    cr_assert_str_eq(next.body, "{\"live\":true}");
    close(fd);
    stop_app(server);
}

Test(http_reply, if_none_match_gives_304)
{
    static const struct {
        const char *header;
        int status;
    } rows[] = {
        {"If-None-Match: \"3\"\r\n", 304},
        {"If-None-Match: W/\"3\"\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"1\", \"2\" ,W/\"3\"\r\n", 304},
        {"If-None-Match: \"1\"\r\nIf-None-Match: \"3\"\r\n", 304},
        {"If-None-Match: \"2\"\r\n", 200},
        {"If-None-Match: 3\r\n", 200},
        {"If-None-Match: \"33\", \"\"\r\n", 200},
        {"If-None-Match: \"3\r\n", 200},
        {"If-None-Match: \"3\"x\r\n", 200},
        {"If-None-Match: \"1\"x, \"3\"\r\n", 200},
        {"If-None-Match: \r\n", 200},
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup(forget) struct heard answer = call(server, "GET", THING, rows[i].header, NULL);

        cr_assert_eq(answer.status, rows[i].status, "%s: %d", rows[i].header, answer.status);
        cr_assert_str_eq(header_of(&answer, "ETag"), "\"3\"");
        cr_assert_str_eq(header_of(&answer, "Cache-Control"), "private, no-cache");
    }
    stop_app(server);
}

Test(http_reply, a_304_is_followed_by_the_next_answer)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fd = dial(server);
    cleanup(forget) struct heard first = {.status = 0}, next = {.status = 0};

    say(fd, "GET " THING " HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n"
            "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    first = hear(fd);
    next = hear(fd);
    cr_assert_eq(first.status, 304);
    cr_assert_eq(next.status, 200);
    close(fd);
    stop_app(server);
}

Test(http_reply, each_outcome_has_its_status_and_text)
{
    static const struct {
        int result, status;
        const char *text;
    } rows[] = {
        {INVALID, 400, "Request is malformed"},
        {REFUSED, 400, "Request is malformed"},
        {UNAUTHENTICATED, 401, "Not authorized"},
        {FORBIDDEN, 401, "Not authorized"},
        {NOT_FOUND, 404, "Not Found"},
        {CONFLICT, 409, "What you saw has changed"},
        {MISMATCH, 412, "Version changed"},
        {UNPROCESSABLE, 422, "Idempotency-Key was used with another body"},
        {LIMITED, 429, "Too many requests"},
        {STALE, 503, "Try again later"},
        {-EAGAIN, 503, "Try again later"},
        {-EIO, 500, "Internal error"},
        {0, 500, "Internal error"}, /* no answer was written */
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char path[64];
        cleanup(forget) struct heard answer = {.status = 0};

        snprintf(path, sizeof(path), "/api/outcome?result=%d", rows[i].result);
        answer = call(server, "GET", path, "", NULL);
        expect_error(&answer, rows[i].status, rows[i].text);
        cr_assert(header_of(&answer, "ETag") == NULL);
        cr_assert_eq(header_of(&answer, "Retry-After") != NULL, rows[i].status == 503);
    }
    stop_app(server);
}

Test(http_reply, errors_carry_field_and_members)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer =
        call(server, "GET", "/api/outcome?result=6&error=Price+changed&member=1", "", NULL);
    cleanup(forget) struct heard failed =
        call(server, "GET", "/api/outcome?result=-5&error=secret&member=1", "", NULL);

    cr_assert_eq(answer.status, 409);
    cr_assert_str_eq(answer.body,
                     "{\"errors\":[{\"message\":\"Price changed\",\"field\":\"field\"}],"
                     "\"member\":5}");
    cr_assert_str_eq(failed.body, "{\"errors\":[{\"message\":\"Internal error\"}]}");
    stop_app(server);
}

Test(http_reply, problem_json_is_given_to_who_asks)
{
    static const char accept[] = "Accept: text/html, application/problem+json\r\n";
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard handler =
        call(server, "GET", "/api/outcome?result=6&error=Gone", accept, NULL);
    cleanup(forget) struct heard early = call(server, "GET", "/nothing", accept, NULL);
    cleanup(forget) struct heard fine = call(server, "GET", "/livez", accept, NULL);

    cr_assert_str_eq(header_of(&handler, "Content-Type"), "application/problem+json");
    cr_assert_str_eq(handler.body,
                     "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                     "\"detail\":\"Gone\",\"instance\":\"/api/outcome\","
                     "\"errors\":[{\"message\":\"Gone\",\"field\":\"field\"}]}");
    cr_assert_str_eq(header_of(&early, "Content-Type"), "application/problem+json");
    cr_assert(strstr(early.body, "\"title\":\"Not Found\"") != NULL);
    cr_assert_str_eq(header_of(&fine, "Content-Type"), "application/json");
    stop_app(server);
}

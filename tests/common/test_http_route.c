/*
 * Routes and the order of checks.
 */
#include "tests/common/fake_app.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THING "/api/things/" FAKE_ID

Test(http_route, a_fixed_segment_wins_over_an_id)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard fixed = call(server, "GET", "/api/things/events", "", NULL);
    cleanup(forget) struct heard shown = call(server, "GET", THING, "", NULL);

    cr_assert_str_eq(fixed.body, "{\"fixed\":\"events\"}");
    cr_assert_str_eq(shown.body, "{\"id\":\"" FAKE_ID "\"}");
    stop_app(server);
}

Test(http_route, a_fixed_segment_wins_whatever_the_method)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer = call(server, "PUT", "/api/things/events", "", "{}");

    expect_error(&answer, 405, "Method not allowed");
    cr_assert_str_eq(header_of(&answer, "Allow"), "GET, HEAD, OPTIONS");
    stop_app(server);
}

Test(http_route, ids_are_taken_in_either_case_and_answered_in_lower)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer =
        call(server, "GET", "/api/things/5F1E0C2A9D3B4E6F7A8B9C0D/", "", NULL);

    cr_assert_str_eq(answer.body, "{\"id\":\"" FAKE_ID "\"}");
    stop_app(server);
}

Test(http_route, paths_are_exact_but_for_a_trailing_slash)
{
    static const struct {
        const char *path;
        int status;
    } rows[] = {
        {"/api/echo", 200},
        {"/api/echo/", 200},
        {"/api/echo//", 404},
        {"/API/echo", 404},
        {"/api//echo", 404},
        {"/api/ech", 404},
        {"/api/echo/x", 404},
        {"/", 404},
        {"/api%2Fecho", 404},
        {"/api/%65cho", 200},
        {"/api/../api/echo", 404},
        {"/api/things", 405},
        {"/api/things/nope", 400},
        {"/api/things//", 404},
        {"http://fake/api/echo", 200},
        {"/api/echo?", 200},
        {"/api/echo?a&b=&&=c", 200},
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup(forget) struct heard answer = call(server, "GET", rows[i].path, "", NULL);

        cr_assert_eq(answer.status, rows[i].status, "%s: %d", rows[i].path, answer.status);
    }
    stop_app(server);
}

Test(http_route, an_unknown_path_is_404_and_an_unknown_method_405)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard path = call(server, "GET", "/api/nothing", "", NULL);
    cleanup(forget) struct heard method = call(server, "POST", THING, "", "{}");
    cleanup(forget) struct heard odd = call(server, "BREW", "/livez", "", NULL);

    expect_error(&path, 404, "Not Found");
    expect_error(&method, 405, "Method not allowed");
    cr_assert_str_eq(header_of(&method, "Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    expect_error(&odd, 405, "Method not allowed");
    cr_assert_eq(app.calls, 0);
    stop_app(server);
}

Test(http_route, options_lists_the_methods_of_a_path)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard known = call(server, "OPTIONS", "/api/things", "", NULL);
    cleanup(forget) struct heard unknown = call(server, "OPTIONS", "/nothing", "", NULL);

    cr_assert_eq(known.status, 204);
    cr_assert_str_eq(header_of(&known, "Allow"), "POST, OPTIONS");
    cr_assert_eq(unknown.status, 404);
    stop_app(server);
}

Test(http_route, checks_come_in_the_order_of_the_contract)
{
    static char large[70000];
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    const char *bearer = given_bearer(ROLE_USER);
    char *text_type = xasprintf("%sContent-Type: text/plain\r\n", bearer);
    cleanup(forget) struct heard too_large = {.status = 0}, type = {.status = 0},
                                 session = {.status = 0}, id = {.status = 0}, body = {.status = 0},
                                 rule = {.status = 0};

    memset(large, 'x', sizeof(large) - 1);
    too_large = call(server, "POST", "/api/things", "Content-Type: text/plain\r\n", large);
    expect_error(&too_large, 413, "Body is larger than 64 KiB");
    type = call(server, "PUT", "/api/things/nope", "Content-Type: text/plain\r\n", "x");
    expect_error(&type, 415, "Content-Type must be application/json");
    session = call(server, "PUT", "/api/things/nope", "", "x");
    expect_error(&session, 401, "Not authorized");
    id = call(server, "PUT", "/api/things/nope", bearer, "x");
    expect_error(&id, 400, "Id must be 24 hexadecimal digits");
    cr_assert(strstr(id.body, "\"field\":\"id\"") != NULL);
    body = call(server, "PUT", THING, bearer, "x");
    expect_error(&body, 400, "Body is not valid JSON");
    cr_assert_eq(app.calls, 0);
    rule = call(server, "POST", "/api/things", bearer, "{\"title\":{\"$gt\":\"\"}}");
    expect_error(&rule, 400, "Title is required");
    free(text_type);
    stop_app(server);
}

Test(http_route, an_admin_route_is_closed_to_users)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard user =
        call(server, "POST", "/api/admin/" FAKE_ID, given_bearer(ROLE_USER), "{}");
    cleanup(forget) struct heard admin =
        call(server, "POST", "/api/admin/" FAKE_ID, given_bearer(ROLE_ADMIN), "{}");
    cleanup(forget) struct heard id =
        call(server, "POST", "/api/admin/1", given_bearer(ROLE_ADMIN), "{}");

    expect_error(&user, 401, "Not authorized");
    cr_assert_eq(admin.status, 204);
    cr_assert(strstr(id.body, "\"field\":\"userId\"") != NULL, "%s", id.body);
    stop_app(server);
}

Test(http_route, bodies_that_are_not_a_json_object_are_refused)
{
    static const char *const bodies[] = {
        "",
        " ",
        "[]",
        "1",
        "null",
        "\"x\"",
        "{",
        "{}}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\\u0000\"}",
        "{'a':1}",
        "{\"a\":1e999}",
        "\xef\xbb\xbf{}",
        "{\"a\":NaN}",
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        cleanup(forget) struct heard answer =
            call(server, "POST", "/api/things", given_bearer(ROLE_USER), bodies[i]);

        expect_error(&answer, 400, "Body is not valid JSON");
    }
    cr_assert_eq(app.calls, 0);
    stop_app(server);
}

Test(http_route, nesting_is_taken_to_32_and_refused_beyond)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    static const int depths[] = {31, 32, 33, 2000, 30000};

    for (size_t i = 0; i < ARRAY_LENGTH(depths); i++) {
        size_t inner = (size_t)depths[i] - 1;
        char *body = xcalloc(1, 2 * inner + 64);
        cleanup(forget) struct heard answer = {.status = 0};

        strncat(body, "{\"title\":\"[[[\",\"a\":", 32);
        memset(body + strlen(body), '[', inner);
        memset(body + strlen(body), ']', inner);
        strncat(body, "}", 2);
        answer = call(server, "POST", "/api/things", given_bearer(ROLE_USER), body);
        cr_assert_eq(answer.status, depths[i] <= 32 ? 201 : 400, "%d: %d", depths[i],
                     answer.status);
        free(body);
    }
    stop_app(server);
}

Test(http_route, media_types_are_compared_without_their_parameters)
{
    static const struct {
        const char *header;
        int status;
    } rows[] = {
        {"Content-Type: application/json\r\n", 201},
        {"Content-Type: APPLICATION/JSON ; charset=utf-8\r\n", 201},
        {"Content-Type: application/json;charset=utf-8\r\n", 201},
        {"Content-Type: application/jsonx\r\n", 415},
        {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
        {"Content-Type:\r\n", 415},
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *headers = xasprintf("%s%s", given_bearer(ROLE_USER), rows[i].header);
        cleanup(forget) struct heard answer =
            call(server, "POST", "/api/things", headers, "{\"title\":\"x\"}");

        cr_assert_eq(answer.status, rows[i].status, "%s: %d", rows[i].header, answer.status);
        free(headers);
    }
    stop_app(server);
}

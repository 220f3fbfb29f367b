/*
 * The server as a whole: it answers, keeps connections, counts, and says what is wrong at start.
 */
#include "common/instant.h"
#include "tests/common/fake_app.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THING "/api/things/" FAKE_ID

Test(http, a_worker_route_answers)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer = call(server, "GET", "/api/echo?q=a+b%20c", "", NULL);

    cr_assert_eq(answer.status, 200);
    cr_assert(strstr(answer.body, "\"q\":\"a b c\"") != NULL, "%s", answer.body);
    cr_assert_str_eq(header_of(&answer, "Content-Type"), "application/json");
    cr_assert_str_eq(header_of(&answer, "Cache-Control"), "no-store");
    cr_assert_str_eq(header_of(&answer, "X-Content-Type-Options"), "nosniff");
    cr_assert_eq(strlen(header_of(&answer, "X-Request-Id")), 24);
    stop_app(server);
}

Test(http, an_inline_route_answers)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer = call(server, "GET", "/livez", "", NULL);

    cr_assert_eq(answer.status, 200);
    cr_assert_str_eq(answer.body, "{\"live\":true}");
    stop_app(server);
}

Test(http, a_connection_serves_many_requests)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int64_t began = instant_monotonic();
    int fd = dial(server);

    for (int i = 0; i < 50; i++) {
        cleanup(forget) struct heard answer = {.status = 0};

        say(fd, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", i % 2 ? "/livez" : "/api/echo");
        answer = hear(fd);
        cr_assert_eq(answer.status, 200);
    }
    /* a worker's answer wakes the loop, which would look again after a second by itself */
    cr_assert_lt(instant_monotonic() - began, 5000);
    close(fd);
    stop_app(server);
}

Test(http, pipelined_requests_are_answered_in_order)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fd = dial(server);

    for (int i = 0; i < 20; i++)
        say(fd, "GET %s?q=n%d HTTP/1.1\r\nHost: a\r\n\r\n", i % 3 ? "/api/echo" : "/api/inline", i);
    for (int i = 0; i < 20; i++) {
        cleanup(forget) struct heard answer = hear(fd);
        char expected[16];

        snprintf(expected, sizeof(expected), "\"n%d\"", i);
        cr_assert(strstr(answer.body, expected) != NULL, "%d: %s", i, answer.body);
    }
    close(fd);
    stop_app(server);
}

static struct metrics *counted;

static void with_metrics(struct http_config *config)
{
    config->metrics = counted = metrics_new();
}

Test(http, requests_are_counted_by_route_and_status)
{
    struct app app;
    struct http_server *server = given_app(&app, with_metrics);
    cleanup(writer_release) struct writer out = {0};
    cleanup(forget) struct heard shown = call(server, "GET", THING, "", NULL);
    cleanup(forget) struct heard unknown = call(server, "GET", "/../etc/passwd", "", NULL);

    stop_app(server);
    writer_init(&out);
    metrics_print(counted, &out);
    cr_assert(strstr(writer_text(&out), "http_requests_total{route=\"/api/things/:id\",method="
                                        "\"GET\",status=\"200\"} 1") != NULL,
              "%s", writer_text(&out));
    cr_assert(strstr(writer_text(&out), "http_requests_total{route=\"unknown\",method=\"GET\","
                                        "status=\"404\"} 1") != NULL);
    cr_assert(strstr(writer_text(&out), "passwd") == NULL);
    /* whoever began has ended */
    cr_assert(strstr(writer_text(&out), "\nhttp_connections_open 0\n") != NULL);
    cr_assert(strstr(writer_text(&out), "\nhttp_workers_busy 0\n") != NULL);
    cr_assert(strstr(writer_text(&out), "\nhttp_queue_waiting 0\n") != NULL);
    metrics_free(counted);
}

Test(http, a_port_that_is_taken_is_said)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL), *second = NULL;
    struct http_config config = {
        .address = "127.0.0.1", .port = http_port(server), .workers = 1, .loops = 2};

    cr_assert_eq(http_open(&config, &second), -EADDRINUSE);
    config.address = "not an address";
    cr_assert_eq(http_open(&config, &second), -EINVAL);
    stop_app(server);
}

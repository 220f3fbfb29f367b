/*
 * Replies that go on: what their client gets, and all the ways in which they end.
 */
#include "common/bans.h"
#include "common/http_internal.h"
#include "common/instant.h"
#include "tests/common/fake_app.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define BEGINNING   "retry: 2000\nid: 0\n\n"

static void quick(struct http_config *config)
{
    config->limits = (struct http_limits){
        .header_ms = 300, .body_ms = 300, .idle_ms = 300, .request_ms = 1000, .heartbeat_ms = 100};
}

static void few(struct http_config *config)
{
    config->limits = (struct http_limits){.streams = 2};
}

static void two_loops(struct http_config *config)
{
    config->loops = 2;
}

/* A stream whose head has come: 200, text/event-stream. */
static int open_stream(const struct http_server *server, const char *path, const char *headers)
{
    cleanup(forget) struct heard head = {.status = 0};
    int fd = dial(server);

    say(fd, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, headers);
    head = hear_of_head(fd);
    cr_assert_eq(head.status, 200, "%s", head.head);
    cr_assert_str_eq(header_of(&head, "Content-Type"), "text/event-stream");
    cr_assert_str_eq(header_of(&head, "Cache-Control"), "no-store");
    cr_assert_str_eq(header_of(&head, "X-Accel-Buffering"), "no");
    cr_assert_str_eq(header_of(&head, "Transfer-Encoding"), "chunked");
    return fd;
}

/* One line of a chunk's frame. */
static void hear_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && recv(fd, line + length, 1, 0) == 1)
        if (line[length++] == '\n')
            break;
    line[length] = '\0';
}

/* The next chunk; "" for the last one, NULL where the connection ends without. Caller frees. */
static char *hear_chunk(int fd)
{
    char line[32], *chunk;
    size_t length, got = 0;

    hear_line(fd, line, sizeof(line));
    if (line[0] == '\0')
        return NULL;
    length = strtoul(line, NULL, 16);
    chunk = xcalloc(1, length + 1);
    while (got < length) {
        ssize_t n = recv(fd, chunk + got, length - got, 0);

        cr_assert(n > 0, "a chunk was cut");
        got += (size_t)n;
    }
    hear_line(fd, line, sizeof(line));
    cr_assert_str_eq(line, "\r\n");
    return chunk;
}

/* The stream goes on with exactly this text, in however many chunks. */
static void expect_stream(int fd, const char *expected)
{
    cleanup(writer_release) struct writer all = {0};

    writer_init(&all);
    while (all.length < strlen(expected)) {
        cleanup(freep) char *chunk = hear_chunk(fd);

        cr_assert(chunk != NULL && chunk[0] != '\0', "it ended after %s", writer_text(&all));
        write_raw(&all, chunk, strlen(chunk));
    }
    cr_assert_str_eq(writer_text(&all), expected);
}

/* Heartbeats apart, it ends with its last chunk. */
static void expect_end(int fd)
{
    char *chunk = hear_chunk(fd);

    while (chunk != NULL && strcmp(chunk, ":\n\n") == 0) {
        free(chunk);
        chunk = hear_chunk(fd);
    }
    cr_assert_not_null(chunk, "it was cut");
    cr_assert_str_eq(chunk, "");
    free(chunk);
    cr_assert(is_closed(fd));
    close(fd);
}

static void await_streams(struct http_server *server, int64_t count)
{
    int64_t deadline_ms = instant_monotonic() + PATIENCE_MS;

    while (atomic_load(&server->streams) != count && instant_monotonic() < deadline_ms)
        sched_yield();
    cr_assert_eq(atomic_load(&server->streams), count, "%d streams",
                 (int)atomic_load(&server->streams));
}

Test(http_stream, events_come_as_they_happen)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fd = open_stream(server, "/api/stream", "");
    int64_t began;

    expect_stream(fd, BEGINNING);
    for (int i = 1; i <= 50; i++) {
        cleanup(freep) char *expected =
            xasprintf("id: %d\nevent: thing\ndata: {\"title\":\"\",\"n\":%d}\n\n", i, i);

        began = instant_monotonic();
        say_thing(&app, FAKE_ID, i);
        expect_stream(fd, expected);
        cr_assert_lt(instant_monotonic() - began, 1000, "it waited for the sweep");
    }
    close(fd);
    stop_app(server);
}

Test(http_stream, a_client_goes_on_where_it_was)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fd;

    for (int i = 1; i <= 3; i++)
        say_thing(&app, FAKE_ID, i);
    fd = open_stream(server, "/api/stream", "Last-Event-ID: 1\r\n");
    expect_stream(fd, "retry: 2000\nid: 1\n\n"
                      "id: 2\nevent: thing\ndata: {\"title\":\"\",\"n\":2}\n\n"
                      "id: 3\nevent: thing\ndata: {\"title\":\"\",\"n\":3}\n\n");
    close(fd);
    fd = open_stream(server, "/api/stream", "Last-Event-ID: 77\r\n");
    expect_stream(fd, "retry: 2000\nid: 3\nevent: reset\ndata: {}\n\n");
    close(fd);
    stop_app(server);
}

Test(http_stream, many_streams_on_two_loops_hear_all_in_order)
{
    struct app app;
    struct http_server *server = given_app(&app, two_loops);
    int fds[300];

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        fds[i] = open_stream(server, "/api/stream", "");
        expect_stream(fds[i], BEGINNING);
    }
    for (int n = 1; n <= 20; n++) {
        cleanup(freep) char *expected =
            xasprintf("id: %d\nevent: thing\ndata: {\"title\":\"\",\"n\":%d}\n\n", n, n);

        say_thing(&app, FAKE_ID, n);
        for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
            expect_stream(fds[i], expected);
    }
    await_streams(server, ARRAY_LENGTH(fds));
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        close(fds[i]);
    await_streams(server, 0);
    stop_app(server);
}

Test(http_stream, requests_are_answered_beside_open_streams)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fds[64];

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        fds[i] = open_stream(server, "/api/stream", "");
    for (int i = 0; i < 200; i++) {
        cleanup(forget) struct heard answer = call(server, "GET", "/api/echo", "", NULL);

        say_thing(&app, FAKE_ID, i);
        cr_assert_eq(answer.status, 200);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        close(fds[i]);
    stop_app(server);
}

Test(http_stream, a_quiet_stream_has_a_heartbeat)
{
    struct app app;
    struct http_server *server = given_app(&app, quick);
    int64_t began = instant_monotonic();
    int fd = open_stream(server, "/api/stream", "");

    expect_stream(fd, BEGINNING ":\n\n:\n\n:\n\n:\n\n:\n\n"); /* longer than any limit */
    cr_assert_geq(instant_monotonic() - began, 500);
    close(fd);
    stop_app(server);
}

Test(http_stream, HEAD_has_the_headers_alone)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard head = call(server, "HEAD", "/api/stream", "", NULL);

    cr_assert_eq(head.status, 200);
    cr_assert_str_eq(header_of(&head, "Content-Type"), "text/event-stream");
    await_streams(server, 0);
    stop_app(server);
}

Test(http_stream, HTTP_1_0_gets_it_without_chunks)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard head = {.status = 0};
    char body[sizeof(BEGINNING)] = "";
    int fd = dial(server);

    say(fd, "GET /api/stream HTTP/1.0\r\nHost: a\r\n\r\n");
    head = hear_of_head(fd);
    cr_assert_eq(head.status, 200);
    cr_assert_null(header_of(&head, "Transfer-Encoding"));
    cr_assert_eq(recv(fd, body, sizeof(body) - 1, MSG_WAITALL), (ssize_t)sizeof(body) - 1);
    cr_assert_str_eq(body, BEGINNING);
    close(fd);
    stop_app(server);
}

Test(http_stream, more_than_there_may_be_are_refused_and_have_room_again_later)
{
    struct app app;
    struct http_server *server = given_app(&app, few);
    int first = open_stream(server, "/api/stream", ""),
        second = open_stream(server, "/api/stream", "");
    cleanup(forget) struct heard answer = call(server, "GET", "/api/stream", "", NULL);

    expect_error(&answer, 503, "Try again later");
    cr_assert_str_eq(header_of(&answer, "Retry-After"), "5");
    close(first);
    await_streams(server, 1);
    first = open_stream(server, "/api/stream", "");
    close(first);
    close(second);
    stop_app(server);
}

/* ---- ends ---- */

Test(http_stream, a_client_that_has_gone_is_noticed_at_once)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL); /* a heartbeat is 15 s away */
    int fds[32];
    int64_t began;

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        fds[i] = open_stream(server, "/api/stream", "");
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        expect_stream(fds[i], BEGINNING);
    began = instant_monotonic();
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        struct linger abrupt = {.l_onoff = i % 2 == 0};

        setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
        close(fds[i]);
    }
    await_streams(server, 0);
    cr_assert_lt(instant_monotonic() - began, 5000);
    stop_app(server);
}

Test(http_stream, a_client_that_takes_nothing_is_closed)
{
    struct app app;
    struct http_server *server = given_app(&app, quick);
    int64_t deadline_ms = instant_monotonic() + PATIENCE_MS;
    int fd = dial(server), little = 2048;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    say(fd, "GET /api/stream HTTP/1.1\r\nHost: a\r\n\r\n");
    await_streams(server, 1);
    while (atomic_load(&server->streams) > 0 && instant_monotonic() < deadline_ms) {
        say_thing(&app, FAKE_ID, 1);
        sched_yield();
    }
    cr_assert_eq(atomic_load(&server->streams), 0);
    close(fd);
    stop_app(server);
}

Test(http_stream, draining_ends_all_streams_at_once)
{
    struct app app;
    struct http_server *server = given_app(&app, two_loops);
    int fds[100];
    int64_t began;

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        fds[i] = open_stream(server, "/api/stream", "");
        expect_stream(fds[i], BEGINNING);
    }
    began = instant_monotonic();
    http_drain(server, 5000);
    cr_assert_lt(instant_monotonic() - began, 1500);
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        expect_end(fds[i]);
    stop_app(server);
}

Test(http_stream, a_server_that_is_freed_ends_them_too)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fds[20];

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        fds[i] = open_stream(server, "/api/stream", "");
    free_app(server); /* without draining */
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        cr_assert(is_closed(fds[i]));
        close(fds[i]);
    }
}

Test(http_stream, who_may_not_is_refused_as_ever)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer = call(server, "GET", "/api/own/stream", "", NULL);

    expect_error(&answer, 401, "Not authorized");
    stop_app(server);
}

Test(http_stream, a_session_that_is_over_ends_its_stream)
{
    const struct session_config short_sessions = {
        .key = FAKE_KEY, .cookie = "session", .seconds = 2};
    struct session session = {.user_id = FAKE_ID, .email = "ann@example.com"};
    cleanup(freep) char *token = session_issue(&short_sessions, &session);
    cleanup(freep) char *bearer = xasprintf("Authorization: Bearer %s\r\n", token);
    struct app app;
    struct http_server *server = given_app(&app, quick);
    int own = open_stream(server, "/api/own/stream", bearer),
        public = open_stream(server, "/api/stream", bearer);

    expect_stream(own, BEGINNING);
    expect_stream(public, BEGINNING);
    expect_end(own);
    cr_assert_geq(instant_now(), session.expires_at_s * 1000);
    expect_stream(public, ":\n\n"); /* which anybody may have */
    close(public);
    stop_app(server);
}

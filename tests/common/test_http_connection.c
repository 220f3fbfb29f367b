/*
 * Connections under stress: many at once, slow ones, full queues, deadlines, draining.
 */
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

static void two_loops(struct http_config *config)
{
    config->loops = 2;
}

static void one_worker(struct http_config *config)
{
    config->workers = 1;
}

static void short_limits(struct http_config *config)
{
    config->limits =
        (struct http_limits){.header_ms = 200, .body_ms = 200, .idle_ms = 300, .request_ms = 200};
}

static void ask_for(int fd, const char *path)
{
    say(fd, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
}

static void expect_status(int fd, int status)
{
    cleanup(forget) struct heard answer = hear(fd);

    cr_assert_eq(answer.status, status, "status %d (expected %d): %s", answer.status, status,
                 answer.body);
}

/* All say their request at once, so that all are ready in one turn of the loop; three rounds. */
static void serve_at_once(struct http_server *server, int count)
{
    int fds[512];

    for (int i = 0; i < count; i++)
        fds[i] = dial(server);
    for (int round = 0; round < 3; round++) {
        int64_t began = instant_monotonic();

        for (int i = 0; i < count; i++)
            ask_for(fds[i], "/livez");
        for (int i = 0; i < count; i++)
            expect_status(fds[i], 200);
        cr_assert_lt(instant_monotonic() - began, 3000, "%d connections stalled", count);
    }
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

Test(http_connection, no_number_of_ready_connections_stalls_the_loop)
{
    static const int counts[] = {1, 127, 128, 129, 255, 256, 257, 384, 512};
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
        serve_at_once(server, counts[i]);
    stop_app(server);
}

Test(http_connection, two_loops_share_the_connections)
{
    struct app app;
    struct http_server *server = given_app(&app, two_loops);

    serve_at_once(server, 256);
    stop_app(server);
}

Test(http_connection, a_full_queue_is_503_at_once_and_recovers)
{
    struct app app;
    struct http_server *server = given_app(&app, one_worker);
    int fds[1 + HTTP_QUEUE_PER_WORKER], late;
    cleanup(forget) struct heard refused = {.status = 0};

    fds[0] = dial(server);
    ask_for(fds[0], "/api/gate");
    wait_at_gate(&app, 1); /* the only worker */
    for (int i = 1; i <= HTTP_QUEUE_PER_WORKER; i++) {
        fds[i] = dial(server);
        ask_for(fds[i], "/api/echo");
        ask_for(late = dial(server), "/livez"); /* inline routes go on, and show that it came in */
        expect_status(late, 200);
        close(late);
    }
    late = dial(server);
    ask_for(late, "/api/echo");
    refused = hear(late);
    expect_error(&refused, 503, "Try again later");
    cr_assert_str_eq(header_of(&refused, "Retry-After"), "1");

    set_gate(&app, true);
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        expect_status(fds[i], 200);
        close(fds[i]);
    }
    ask_for(late, "/api/echo"); /* on the connection that was refused */
    expect_status(late, 200);
    close(late);
    stop_app(server);
}

Test(http_connection, a_request_past_its_time_is_504_and_its_connection_goes_on)
{
    struct app app;
    struct http_server *server = given_app(&app, short_limits);
    cleanup(forget) struct heard answer = {.status = 0};
    int fd = dial(server);

    ask_for(fd, "/api/gate");
    answer = hear(fd);
    expect_error(&answer, 504, "Took too long");
    ask_for(fd, "/livez");
    expect_status(fd, 200);
    cr_assert_eq(app.finished, 0);
    set_gate(&app, true);
    stop_app(server); /* waits for the handler, which runs to its end */
    cr_assert_eq(app.finished, 1);
    close(fd);
}

static void one_worker_short_time(struct http_config *config)
{
    one_worker(config);
    short_limits(config);
}

Test(http_connection, a_request_that_waited_too_long_is_not_run)
{
    struct app app;
    struct http_server *server = given_app(&app, one_worker_short_time);
    int first = dial(server), second = dial(server);

    ask_for(first, "/api/gate");
    wait_at_gate(&app, 1);
    ask_for(second, "/api/echo");
    expect_status(second, 504);
    expect_status(first, 504);
    set_gate(&app, true);
    stop_app(server);
    cr_assert_eq(app.calls, 2, "%d", app.calls); /* the gate, and the echo it ends in; not second */
    close(first);
    close(second);
}

Test(http_connection, a_client_that_leaves_meanwhile_harms_nobody)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (int round = 0; round < 10; round++) {
        int fds[4], other;

        for (int i = 0; i < 4; i++) {
            struct linger reset = {.l_onoff = 1, .l_linger = 0};

            fds[i] = dial(server);
            ask_for(fds[i], "/api/gate");
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, i % 2 ? sizeof(reset) : 0);
        }
        wait_at_gate(&app, 4);
        for (int i = 0; i < 4; i++)
            close(fds[i]); /* half of them with a reset */
        set_gate(&app, true);
        wait_at_gate(&app, 0);
        set_gate(&app, false);
        ask_for(other = dial(server), "/api/echo");
        expect_status(other, 200);
        close(other);
    }
    stop_app(server);
}

Test(http_connection, slow_headers_are_cut_off)
{
    struct app app;
    struct http_server *server = given_app(&app, short_limits);
    int silent = dial(server), line = dial(server), header = dial(server);

    say(line, "GET /livez HT");
    say(header, "GET /livez HTTP/1.1\r\nHost: a\r\nX: ");
    expect_status(header, 408);
    cr_assert(is_closed(header));
    cr_assert(is_closed(line));
    cr_assert(is_closed(silent));
    close(silent);
    close(line);
    close(header);
    stop_app(server);
}

Test(http_connection, dripping_does_not_prolong_the_time)
{
    struct app app;
    struct http_server *server = given_app(&app, short_limits);
    int fd = dial(server);
    int64_t began = instant_monotonic();
    char byte;

    say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n");
    while (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN &&
           instant_monotonic() - began < 5000) {
        say(fd, "X");
        usleep(20000); /* the client's own slowness, not a wait for the server */
    }
    cr_assert_lt(instant_monotonic() - began, 2000);
    close(fd);
    stop_app(server);
}

Test(http_connection, slow_bodies_are_cut_off)
{
    struct app app;
    struct http_server *server = given_app(&app, short_limits);
    cleanup(forget) struct heard answer = {.status = 0};
    int fd = dial(server);

    say(fd, "POST /api/raw HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    answer = hear(fd);
    expect_error(&answer, 408, "Request took too long to arrive");
    cr_assert(is_closed(fd));
    cr_assert_eq(app.calls, 0);
    close(fd);
    stop_app(server);
}

Test(http_connection, idle_connections_are_closed)
{
    struct app app;
    struct http_server *server = given_app(&app, short_limits);
    int fd = dial(server);

    ask_for(fd, "/livez");
    expect_status(fd, 200);
    cr_assert(is_closed(fd));
    close(fd);
    stop_app(server);
}

Test(http_connection, a_client_that_does_not_take_its_reply_is_cut_off)
{
    struct app app;
    struct http_server *server = given_app(&app, short_limits);
    int small = 4096, fd = dial(server);

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 100; i++) /* 16 MB of replies: more than any socket's buffer */
        ask_for(fd, "/api/big");
    stop_app(server); /* would otherwise wait for it in vain */
    cr_assert_lt(app.calls, 100);
    close(fd);
}

Test(http_connection, a_large_reply_arrives_whole)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer = call(server, "GET", "/api/big", "", NULL);

    cr_assert_eq(answer.length, 20000 * 8 + 1);
    cr_assert_eq(answer.body[answer.length - 1], ']');
    stop_app(server);
}

/* Clients that ask without pause, each on its connection, until it is closed. */
struct client {
    pthread_t thread;
    int fd;       /* connected before the drain: a later one may be refused */
    int answered; /* -1: a request was lost */
};

static bool ask_once(int fd, int *answered)
{
    struct heard answer;
    bool goes_on;

    ask_for(fd, "/api/echo");
    answer = hear(fd);
    (*answered)++;
    goes_on = answer.status == 200 && strstr(answer.head, "Connection: close") == NULL;
    if (answer.status != 200)
        *answered = -1;
    forget(&answer);
    return goes_on;
}

static void *run_client(void *argument)
{
    struct client *client = argument;

    while (ask_once(client->fd, &client->answered))
        continue;
    close(client->fd);
    return NULL;
}

/* A client on a busy machine may pause longer between two requests than any real one. */
static void patient_drain(struct http_config *config)
{
    config->loops = 2;
    config->limits.drain_idle_ms = 3000;
}

Test(http_connection, draining_loses_no_request)
{
    struct app app;
    struct http_server *server = given_app(&app, patient_drain);
    struct client clients[16];

    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        clients[i] = (struct client){.fd = dial(server)};
        cr_assert_eq(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
    }
    while (atomic_load(&app.calls) < 500)
        sched_yield();
    http_drain(server, 5000);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        pthread_join(clients[i].thread, NULL);
        cr_assert_gt(clients[i].answered, 0, "client %zu lost a request", i);
    }
    free_app(server);
}

/* Opens the gate when the server has closed `fd`. */
struct opener {
    struct app *app;
    int fd;
};

static void *open_when_closed(void *argument)
{
    struct opener *opener = argument;

    cr_assert(is_closed(opener->fd));
    set_gate(opener->app, true);
    return NULL;
}

Test(http_connection, draining_answers_what_runs_and_closes_what_idles)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int running = dial(server), idle = dial(server);
    pthread_t thread;
    cleanup(forget) struct heard answer = {.status = 0};

    ask_for(idle, "/livez");
    expect_status(idle, 200);
    ask_for(running, "/api/gate");
    wait_at_gate(&app, 1);
    pthread_create(&thread, NULL, open_when_closed, &(struct opener){&app, idle});
    http_drain(server, 5000); /* returns when all are gone; the opener needs `idle` to be closed */
    cr_assert_eq(app.finished, 1);
    pthread_join(thread, NULL);
    answer = hear(running);
    cr_assert_eq(answer.status, 200);
    cr_assert_str_eq(header_of(&answer, "Connection"), "close");
    cr_assert(is_closed(running));
    free_app(server);
    close(idle);
    close(running);
}

Test(http_connection, a_server_is_freed_while_requests_run_and_wait)
{
    struct app app;
    struct http_server *server = given_app(&app, one_worker);
    int fds[5];
    pthread_t thread;

    for (int i = 0; i < 5; i++) {
        fds[i] = dial(server);
        ask_for(fds[i], "/api/gate");
    }
    wait_at_gate(&app, 1);
    pthread_create(&thread, NULL, open_when_closed, &(struct opener){&app, fds[4]});
    free_app(server); /* not drained: the loop answers 503 for the worker and its queue */
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++) {
        expect_status(fds[i], 503);
        cr_assert(is_closed(fds[i]));
    }
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    cr_assert_eq(app.finished, 1);
}

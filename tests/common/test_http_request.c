/*
 * Requests as they come in: in pieces, too large, broken, or meant to be read in two ways.
 */
#include "tests/common/fake_app.h"

#include "common/http_internal.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THING "/api/things/" FAKE_ID

/* Ask on a connection of its own with the bytes as given, and expect the error. */
static void expect_refusal(const struct http_server *server, const char *bytes, size_t length,
                           int status, const char *message)
{
    cleanup(forget) struct heard answer = {.status = 0};
    int fd = dial(server);

    say_bytes(fd, bytes, length);
    answer = hear(fd);
    expect_error(&answer, status, message);
    close(fd);
}

Test(http_request, a_request_may_be_split_at_every_byte)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    const char *body = "{\"title\":\"gr\xc3\xbc\xc3\x9f\"}";
    char *text = xasprintf("POST /api/things HTTP/1.1\r\nHost: a\r\n%sContent-Type: "
                           "application/json; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s",
                           given_bearer(ROLE_USER), strlen(body), body);
    size_t length = strlen(text);
    int fd = dial(server);

    for (size_t cut = 1; cut < length; cut += cut < length - 40 ? 7 : 1) {
        cleanup(forget) struct heard answer = {.status = 0};

        say_bytes(fd, text, cut);
        usleep(200); /* lets the loop see the first part alone; right without it, too */
        say_bytes(fd, text + cut, length - cut);
        answer = hear(fd);
        cr_assert_eq(answer.status, 201, "cut at %zu: %d %s", cut, answer.status, answer.body);
        cr_assert(strstr(answer.body, "\xc3\xbc") != NULL);
    }
    close(fd);
    free(text);
    stop_app(server);
}

Test(http_request, a_chunked_body_is_put_together)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fd = dial(server);

    for (int i = 0; i < 2; i++) {
        cleanup(forget) struct heard answer = {.status = 0};

        say(fd, "POST /api/raw HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n");
        say(fd, "0a\r\n0123456789\r\n0\r\n\r\n");
        answer = hear(fd);
        cr_assert_str_eq(answer.body, "{\"bytes\":13,\"body\":\"abc0123456789\"}");
    }
    close(fd);
    stop_app(server);
}

Test(http_request, expect_100_continue_is_continued)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard first = {.status = 0}, second = {.status = 0};
    int fd = dial(server);

    say(fd, "POST /api/raw HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
            "Expect: 100-continue\r\n\r\n");
    first = hear_of_head(fd);
    cr_assert_eq(first.status, 100);
    say(fd, "ok");
    second = hear(fd);
    cr_assert_str_eq(second.body, "{\"bytes\":2,\"body\":\"ok\"}");
    close(fd);
    stop_app(server);
}

Test(http_request, if_match_guards_a_change)
{
    static const struct {
        const char *header;
        int status;
    } rows[] = {
        {"", 204},
        {"If-Match: *\r\n", 204},
        {"If-Match: \"3\"\r\n", 204},
        {"If-Match: \"2\", \"3\"\r\n", 204},
        {"If-Match: \"2\"\r\n", 412},
        {"If-Match: W/\"3\"\r\n", 412},
        {"If-Match: 3\r\n", 412},
        {"If-Match: \r\n", 412},
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *headers = xasprintf("%s%s", given_bearer(ROLE_USER), rows[i].header);
        cleanup(forget) struct heard answer = call(server, "PUT", THING, headers, "{}");

        cr_assert_eq(answer.status, rows[i].status, "%s: %d", rows[i].header, answer.status);
        free(headers);
    }
    stop_app(server);
}

Test(http_request, a_body_of_64_kib_is_taken_and_one_more_byte_is_not)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    int fd = dial(server);
    char *large = xmalloc(HTTP_BODY_MAX_BYTES + 1);

    memset(large, 'x', HTTP_BODY_MAX_BYTES + 1);
    for (unsigned int more = 0; more < 2; more++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            unsigned int size = HTTP_BODY_MAX_BYTES + more;
            cleanup(forget) struct heard answer = {.status = 0};

            say(fd, "POST /api/raw HTTP/1.1\r\nHost: a\r\n");
            if (chunked)
                say(fd, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", size);
            else
                say(fd, "Content-Length: %u\r\n\r\n", size);
            say_bytes(fd, large, size);
            if (chunked)
                say(fd, "\r\n0\r\n\r\n");
            answer = hear(fd); /* on the same connection each time: the body is drained */
            cr_assert_eq(answer.status, more ? 413 : 200, "%d: %s", answer.status, answer.body);
        }
    }
    close(fd);
    free(large);
    stop_app(server);
}

Test(http_request, a_body_that_does_not_end_is_cut_off)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard declared = {.status = 0}, chunked = {.status = 0};
    char *block = xcalloc(1, 65536);
    int fd = dial(server);

    say(fd, "POST /api/raw HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    declared = hear(fd);
    expect_error(&declared, 413, "Body is larger than 64 KiB");
    cr_assert(is_closed(fd));
    close(fd);

    fd = dial(server);
    memset(block, 'x', 65536);
    say(fd, "POST /api/raw HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 64; i++) {
        say(fd, "10000\r\n");
        say_bytes(fd, block, 65536);
        say(fd, "\r\n");
    }
    cr_assert(is_closed(fd));
    close(fd);
    free(block);
    stop_app(server);
}

Test(http_request, a_body_on_a_route_without_input_is_ignored)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer =
        call(server, "POST", "/api/bare", "Content-Type: text/plain\r\n", "whatever");

    cr_assert_str_eq(answer.body, "{\"bytes\":0,\"body\":\"\"}");
    stop_app(server);
}

#define GET  "GET /livez HTTP/1.1\r\n"
#define POST "POST /api/raw HTTP/1.1\r\nHost: a\r\n"

Test(http_request, broken_framing_is_refused_and_the_connection_closed)
{
    static const struct {
        const char *bytes;
        size_t length; /* 0: strlen */
        int status;
    } rows[] = {
        {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0,
         400},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0,
         400},
        {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0, 400},
        {POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0, 400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: gzip\r\n\r\nabc", 0, 501},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, 501},
        {"POST /api/raw HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
        {GET "\r\n", 0, 400},
        {GET "Host: a\r\nHost: b\r\n\r\n", 0, 400},
        {GET "Host: a\r\nHost: a\r\n\r\n", 0, 400},
        {GET "Host: a\r\nX-Y : b\r\n\r\n", 0, 400},
        {GET "Host: a\r\nX(Y): b\r\n\r\n", 0, 400},
        {GET "Host: a\r\nX: b\x01\r\n\r\n", 0, 400},
        {GET "Host: a\r\nX: b\x7f\r\n\r\n", 0, 400},
        {GET "Host: a\r\nX: b\r\n folded\r\n\r\n", 0, 400},
        {GET "Host: a\0b\r\n\r\n", sizeof(GET "Host: a\0b\r\n\r\n") - 1, 400},
        {GET "Host: a\r\nX: a\0Y: b\r\nZ: c\r\n\r\n",
         sizeof(GET "Host: a\r\nX: a\0Y: b\r\nZ: c\r\n\r\n") - 1, 400},
        {"GET /livez\0/x HTTP/1.1\r\nHost: a\r\n\r\n",
         sizeof("GET /livez\0/x HTTP/1.1\r\nHost: a\r\n\r\n") - 1, 400},
        {"GET /livez%00 HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez?q=%00 HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez% HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez%4 HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez%zz HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez?q=%f HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez%ff HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez?q=%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez%0d%0aX HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /li vez HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET livez HTTP/1.1\r\nHost: a\r\n\r\n", 0, 400},
        {"GET /livez?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17 HTTP/1.1\r\nHost: a\r\n\r\n", 0,
         400},
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        size_t length = rows[i].length == 0 ? strlen(rows[i].bytes) : rows[i].length;
        cleanup(forget) struct heard answer = {.status = 0};
        int fd = dial(server);

        say_bytes(fd, rows[i].bytes, length);
        answer = hear(fd);
        cr_assert_eq(answer.status, rows[i].status, "row %zu: %d %s", i, answer.status,
                     answer.body);
        expect_error(&answer, rows[i].status,
                     rows[i].status == 501 ? "Transfer-Encoding is not supported"
                                           : "Request is malformed");
        cr_assert(is_closed(fd), "row %zu: left open", i);
        close(fd);
    }
    cr_assert_eq(app.calls, 0);
    stop_app(server);
}

Test(http_request, harmless_oddities_are_taken)
{
    static const char *const rows[] = {
        GET "Host:a\r\n\r\n",
        GET "Host: \t a \t \r\nX:\r\nY: \tb\r\n\r\n",
        GET "host: a\r\nX: caf\xc3\xa9 \xe9\r\n\r\n",
        "\r\n" GET "Host: a\r\n\r\n",
        "GET /livez HTTP/1.1\nHost: a\n\n",
        "GET /livez HTTP/1.0\r\n\r\n",
        "GET /livez?q=%E2%82%AC HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup(forget) struct heard answer = {.status = 0};
        int fd = dial(server);

        say(fd, "%s", rows[i]);
        answer = hear(fd);
        cr_assert_eq(answer.status, 200, "row %zu: %d", i, answer.status);
        close(fd);
    }
    stop_app(server);
}

/* A request of about `size` bytes: one long header, many short ones, a long cookie, a long target,
 * many parameters. */
static char *sized_request(int kind, int size)
{
    char *text = xcalloc(1, (size_t)size + 256);
    size_t end;

    strncat(text, kind < 3 ? "GET /api/echo HTTP/1.1\r\nHost: a\r\n" : "GET /api/echo?q=", 64);
    end = strlen(text);
    if (kind == 0 || kind == 2)
        snprintf(text + end, (size_t)size + 64, "%s: %0*d\r\n\r\n", kind ? "Cookie" : "X", size, 0);
    for (int i = 0; kind == 1 && i < size; i += 5)
        strncat(text + end + i, "a:b\r\n", 6);
    for (int i = 0; kind >= 3 && i < size; i++)
        text[end + (size_t)i] = kind == 4 && i % 2 ? '&' : 'a';
    if (kind == 1)
        strncat(text, "\r\n", 3);
    if (kind >= 3)
        strncat(text, " HTTP/1.1\r\nHost: a\r\n\r\n", 32);
    return text;
}

/* A connection's memory must hold what came in and what goes out. One gap is left: a Cookie header
 * that fills that memory all but for some 400 bytes ends the connection within libmicrohttpd,
 * before anything of ours is called. */
Test(http_request, requests_of_any_size_get_an_answer)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);

    for (int kind = 0; kind < 5; kind++) {
        bool taken = false, refused = false;

        for (int size = 10; size < 14000; size += size < 2000 ? 35 : 97) {
            char *text = sized_request(kind, size);
            cleanup(forget) struct heard answer = {.status = 0};
            int fd = dial(server);

            say(fd, "%s", text);
            answer = hear(fd);
            cr_assert(answer.status != 0 || (kind == 2 && size > 11500 && size < 12288),
                      "kind %d, %d bytes: no answer", kind, size);
            cr_assert(answer.status == 200 || size > 2000 || kind == 1 || kind == 4,
                      "kind %d, %d bytes: %d", kind, size, answer.status);
            taken = taken || answer.status == 200;
            refused = refused || answer.status == (kind < 3 ? 431 : kind == 3 ? 414 : 400);
            close(fd);
            free(text);
        }
        cr_assert(taken && refused, "kind %d: %d %d", kind, taken, refused);
    }
    stop_app(server);
}

/* A list's Link says the query again, with escapes where a careless client wrote none. */
Test(http_request, a_target_that_a_reply_has_no_room_for_is_refused)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    char path[3001] = "/api/echo?q=";
    size_t start = strlen(path);

    for (int round = 0; round < 2; round++) {
        cleanup(forget) struct heard answer = {.status = 0};

        memset(path + start, round == 0 ? 'a' : '+', sizeof(path) - 1 - start);
        path[sizeof(path) - 1] = '\0';
        answer = call(server, "GET", path, "", NULL);
        cr_assert_eq(answer.status, round == 0 ? 200 : 414, "%d", answer.status);
    }
    stop_app(server);
}

Test(http_request, a_harmless_request_id_is_kept_and_another_replaced)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard kept =
        call(server, "GET", "/api/echo", "X-Request-Id: edge-1.A_b\r\n", NULL);
    cleanup(forget) struct heard replaced =
        call(server, "GET", "/api/echo", "X-Request-Id: a b\r\n", NULL);
    cleanup(forget) struct heard refused =
        call(server, "GET", "/%", "X-Request-Id: edge-2\r\n", NULL);

    cr_assert_str_eq(header_of(&kept, "X-Request-Id"), "edge-1.A_b");
    cr_assert(strstr(kept.body, "\"id\":\"edge-1.A_b\"") != NULL);
    cr_assert_eq(strlen(header_of(&replaced, "X-Request-Id")), 24);
    cr_assert_str_eq(header_of(&refused, "X-Request-Id"), "edge-2");
    stop_app(server);
}

Test(http_request, the_client_is_who_the_edge_says)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard peer = call(server, "GET", "/api/echo", "", NULL);
    cleanup(forget) struct heard named =
        call(server, "GET", "/api/echo", "X-Real-IP: 203.0.113.9\r\n", NULL);
    cleanup(forget) struct heard nonsense =
        call(server, "GET", "/api/echo", "X-Real-IP: 203.0.113.9 or so\r\n", NULL);

    cr_assert(strstr(peer.body, "\"client\":\"127.0.0.1\"") != NULL, "%s", peer.body);
    cr_assert(strstr(named.body, "\"client\":\"203.0.113.9\"") != NULL);
    cr_assert(strstr(nonsense.body, "\"client\":\"127.0.0.1\"") != NULL);
    stop_app(server);
}

Test(http_request, who_may_name_the_client_comes_from_an_address_of_the_inside)
{
    static const struct {
        const char *from;
        bool inside;
    } rows[] = {
        {"127.0.0.1", true},       {"126.255.255.255", false}, {"10.255.255.255", true},
        {"11.0.0.0", false},       {"172.16.0.0", true},       {"172.31.255.255", true},
        {"172.15.255.255", false}, {"172.32.0.0", false},      {"192.168.255.255", true},
        {"192.169.0.0", false},    {"100.64.0.0", true},       {"100.127.255.255", true},
        {"100.63.255.255", false}, {"100.128.0.0", false},     {"203.0.113.9", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup(freep) char *mapped = xasprintf("::ffff:%s", rows[i].from);
        struct sockaddr_in ip = {.sin_family = AF_INET};
        struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6};

        cr_assert_eq(inet_pton(AF_INET, rows[i].from, &ip.sin_addr), 1);
        cr_assert_eq(inet_pton(AF_INET6, mapped, &ip6.sin6_addr), 1);
        cr_expect_eq(http_peer_is_private((const struct sockaddr *)&ip), rows[i].inside, "%s",
                     rows[i].from);
        cr_expect_eq(http_peer_is_private((const struct sockaddr *)&ip6), rows[i].inside, "%s",
                     mapped);
    }
}

Test(http_request, a_refused_request_leaves_the_others_alone)
{
    struct app app;
    struct http_server *server = given_app(&app, NULL);
    cleanup(forget) struct heard answer = {.status = 0};
    int fd = dial(server);

    expect_refusal(server, GET "\r\n", sizeof(GET "\r\n") - 1, 400, "Request is malformed");
    say(fd, GET "Host: a\r\n\r\n");
    answer = hear(fd);
    cr_assert_eq(answer.status, 200);
    close(fd);
    stop_app(server);
}

/*
 * The fake service and the raw client of fake_app.h.
 */
#include "tests/common/fake_app.h"

#include "common/http_internal.h"
#include "common/input.h"
#include "common/instant.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 10

static int route_live(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    struct writer *out = reply_body(reply, 200);

    (void)request;
    atomic_fetch_add(&app->calls, 1);
    write_object_begin(out, NULL);
    write_bool(out, "live", true);
    write_object_end(out);
    return DONE;
}

static int route_echo(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    struct writer *out = reply_body(reply, 200);
    const char *q = http_query(request, "q");

    atomic_fetch_add(&app->calls, 1);
    write_object_begin(out, NULL);
    write_text(out, "q", q == NULL ? "(none)" : q);
    write_text(out, "path", request->path);
    write_text(out, "client", request->client);
    write_text(out, "id", request->id);
    write_text(out, "user", request->session.signed_in ? request->session.user_id : "");
    write_object_end(out);
    return DONE;
}

static int route_show(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    struct writer *out = reply_body(reply, 200);

    atomic_fetch_add(&app->calls, 1);
    reply_etag(reply, 3);
    write_object_begin(out, NULL);
    write_text(out, "id", request->ids[0]);
    write_object_end(out);
    return DONE;
}

static int route_events(struct app *app, const struct http_request *request,
                        struct http_reply *reply)
{
    struct writer *out = reply_body(reply, 200);

    (void)request;
    atomic_fetch_add(&app->calls, 1);
    write_object_begin(out, NULL);
    write_text(out, "fixed", "events");
    write_object_end(out);
    return DONE;
}

static int route_create(struct app *app, const struct http_request *request,
                        struct http_reply *reply)
{
    static const struct input_text title = {"title",
                                            1,
                                            200,
                                            "Title is required",
                                            "Title is longer than 200 characters",
                                            "Title must not contain control characters",
                                            false};
    char text[801];
    struct writer *out;

    atomic_fetch_add(&app->calls, 1);
    input_text(request, reply, &title, text, sizeof(text));
    if (reply_has_errors(reply))
        return INVALID;
    out = reply_body(reply, 201);
    reply_etag(reply, 0);
    write_object_begin(out, NULL);
    write_text(out, "title", text);
    write_int(out, "bytes", (int64_t)request->body_length);
    write_object_end(out);
    return DONE;
}

static int route_change(struct app *app, const struct http_request *request,
                        struct http_reply *reply)
{
    int r = http_if_match(request, 3);

    atomic_fetch_add(&app->calls, 1);
    return r == DONE ? reply_empty(reply, 204) : r;
}

static int route_remove(struct app *app, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    atomic_fetch_add(&app->calls, 1);
    return reply_empty(reply, 204);
}

static int route_raw(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    struct writer *out = reply_body(reply, 200);

    atomic_fetch_add(&app->calls, 1);
    write_object_begin(out, NULL);
    write_int(out, "bytes", (int64_t)request->body_length);
    write_text(out, "body", request->body_length < 64 ? request->body_bytes : "");
    write_object_end(out);
    return DONE;
}

static int route_big(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    struct writer *out = reply_body(reply, 200);

    (void)request;
    atomic_fetch_add(&app->calls, 1);
    write_array_begin(out, NULL);
    for (int i = 0; i < 20000; i++)
        write_int(out, NULL, 1000000 + i);
    write_array_end(out);
    return DONE;
}

static int route_gate(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    atomic_fetch_add(&app->calls, 1);
    pthread_mutex_lock(&app->lock);
    app->waiting++;
    pthread_cond_broadcast(&app->change);
    while (!app->open)
        pthread_cond_wait(&app->change, &app->lock);
    app->waiting--;
    pthread_cond_broadcast(&app->change);
    pthread_mutex_unlock(&app->lock);
    atomic_fetch_add(&app->finished, 1);
    return route_echo(app, request, reply);
}

static int route_stream(struct app *app, const struct http_request *request,
                        struct http_reply *reply)
{
    const struct feed_opening opening = {.last_event_id = http_header(request, "Last-Event-ID")};

    atomic_fetch_add(&app->calls, 1);
    return reply_stream(reply, feed_cursor_new(app->feed, &opening));
}

/* Returns what the query says, with `error` collected and `member` beside it, where given. */
static int route_outcome(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    const char *error = http_query(request, "error");
    const char *member = http_query(request, "member");
    int result = (int)strtol(http_query(request, "result"), NULL, 10);

    atomic_fetch_add(&app->calls, 1);
    reply_etag(reply, 7);
    if (error != NULL)
        reply_error(reply, (enum outcome)result, "field", error);
    if (member != NULL)
        write_int(reply_error_members(reply), "member", 5);
    return result;
}

/* clang-format off */
static const struct http_route routes[] = {
    {"GET",    "/livez",              PUBLIC,    HTTP_INLINE,                      route_live   },
    {"GET",    "/api/echo",           PUBLIC,    HTTP_WORKER,                      route_echo   },
    {"GET",    "/api/inline",         PUBLIC,    HTTP_INLINE,                      route_echo   },
    {"GET",    "/api/things/:id",     PUBLIC,    HTTP_WORKER,                      route_show   },
    {"PUT",    "/api/things/:id",     SIGNED_IN, HTTP_BODY,                        route_change },
    {"GET",    "/api/things/events",  PUBLIC,    HTTP_WORKER,                      route_events },
    {"POST",   "/api/things",         SIGNED_IN, HTTP_BODY | HTTP_IDEMPOTENT,      route_create },
    {"DELETE", "/api/things/:id",     SIGNED_IN, HTTP_WORKER,                      route_remove },
    {"POST",   "/api/raw",            PUBLIC,    HTTP_RAW_BODY,                    route_raw    },
    {"POST",   "/api/bare",           PUBLIC,    HTTP_WORKER,                      route_raw    },
    {"GET",    "/api/big",            PUBLIC,    HTTP_WORKER,                      route_big    },
    {"GET",    "/api/gate",           PUBLIC,    HTTP_WORKER,                      route_gate   },
    {"GET",    "/api/outcome",        PUBLIC,    HTTP_WORKER,                      route_outcome},
    {"GET",    "/api/stream",         PUBLIC,    HTTP_STREAM,                      route_stream },
    {"GET",    "/api/own/stream",     SIGNED_IN, HTTP_STREAM,                      route_stream },
    {"POST",   "/api/admin/:userId",  ADMIN,     HTTP_BODY,                        route_change },
};
/* clang-format on */

static const struct session_config sessions = {
    .key = FAKE_KEY, .cookie = "session", .seconds = 900};

static int write_thing(struct app *app, const struct event *event, struct writer *out)
{
    (void)app;
    write_object_begin(out, NULL);
    write_text(out, "title", event->ticket.title);
    write_int(out, "n", event->version);
    write_object_end(out);
    return DONE;
}

static const struct feed_source things = {
    .owner = OWNER_TICKETS, .name = "thing", .write = write_thing};

void say_thing(struct app *app, const char *aggregate_id, int64_t version)
{
    struct event event;

    event_init(&event, EVENT_TICKET_UPDATED, aggregate_id, version);
    feed_add(app->feed, &event, ++app->said);
}

struct http_server *given_app(struct app *app, void (*change)(struct http_config *config))
{
    struct http_server *server = NULL;
    struct http_config config = {.service = "fake",
                                 .address = "127.0.0.1",
                                 .workers = 4,
                                 .loops = 1,
                                 .routes = routes,
                                 .route_count = ARRAY_LENGTH(routes),
                                 .app = app,
                                 .session = &sessions};

    memset(app, 0, sizeof(*app));
    pthread_mutex_init(&app->lock, NULL);
    pthread_cond_init(&app->change, NULL);
    app->feed = feed_new(&things, app, FAKE_EVENTS, NULL);
    feed_begin(app->feed, 1);
    config.feed = app->feed;
    if (change != NULL)
        change(&config);
    cr_assert_eq(http_open(&config, &server), 0);
    return server;
}

void free_app(struct http_server *server)
{
    struct feed *feed = server->config.feed;

    http_free(server);
    feed_free(feed);
}

void stop_app(struct http_server *server)
{
    http_drain(server, 2000);
    free_app(server);
}

void set_gate(struct app *app, bool open)
{
    pthread_mutex_lock(&app->lock);
    app->open = open;
    pthread_cond_broadcast(&app->change);
    pthread_mutex_unlock(&app->lock);
}

void wait_at_gate(struct app *app, int count)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&app->lock);
    while (app->waiting != count)
        if (pthread_cond_timedwait(&app->change, &app->lock, &until) != 0)
            break;
    cr_assert_eq(app->waiting, count, "%d handlers wait at the gate", app->waiting);
    pthread_mutex_unlock(&app->lock);
}

const char *given_bearer(enum session_role role)
{
    static char line[1024];
    struct session session = {.user_id = FAKE_ID, .email = "ann@example.com", .role = role};
    char *token = session_issue(&sessions, &session);

    snprintf(line, sizeof(line), "Authorization: Bearer %s\r\n", token);
    free(token);
    return line;
}

int dial(const struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_port(server))};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void say_bytes(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* the peer has closed: what it said before is what counts */
        bytes += sent;
        length -= (size_t)sent;
    }
}

void say(int fd, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    cr_assert(length >= 0);
    say_bytes(fd, text, (size_t)length);
    free(text);
}

/* Read until the empty line. False: the connection ended before. */
static bool hear_head(int fd, struct heard *answer)
{
    size_t length = 0;

    answer->head = xcalloc(1, 8192);
    while (length < 8191 && strstr(answer->head, "\r\n\r\n") == NULL) {
        ssize_t n = recv(fd, answer->head + length, 1, 0);

        cr_assert(n >= 0 || errno == ECONNRESET, "no answer: %s", strerror(errno));
        if (n <= 0)
            return false;
        length++;
    }
    answer->status = (int)strtol(answer->head + sizeof("HTTP/1.1"), NULL, 10);
    return true;
}

struct heard hear_of_head(int fd)
{
    struct heard answer = {.status = 0};

    hear_head(fd, &answer);
    answer.body = xcalloc(1, 1);
    return answer;
}

struct heard hear(int fd)
{
    struct heard answer = hear_of_head(fd);
    const char *length = answer.status == 0 ? NULL : header_of(&answer, "Content-Length");
    size_t got = 0;

    if (length == NULL || answer.status == 304)
        return answer;
    answer.length = strtoul(length, NULL, 10);
    free(answer.body);
    answer.body = xcalloc(1, answer.length + 1);
    while (got < answer.length) {
        ssize_t n = recv(fd, answer.body + got, answer.length - got, 0);

        cr_assert(n > 0, "body cut at %zu of %zu", got, answer.length);
        got += (size_t)n;
    }
    return answer;
}

bool is_closed(int fd)
{
    char rest[4096];
    ssize_t n;

    while ((n = recv(fd, rest, sizeof(rest), 0)) > 0)
        continue;
    return n == 0 || errno == ECONNRESET;
}

void forget(struct heard *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (struct heard){.status = 0};
}

struct heard call(const struct http_server *server, const char *method, const char *path,
                  const char *headers, const char *body)
{
    int fd = dial(server);
    struct heard answer;

    say(fd, "%s %s HTTP/1.1\r\nHost: fake\r\n%s", method, path, headers);
    if (body != NULL)
        say(fd, "%sContent-Length: %zu\r\n",
            strcasestr(headers, "Content-Type") ? "" : "Content-Type: application/json\r\n",
            strlen(body));
    say(fd, "\r\n%s", body == NULL ? "" : body);
    answer = strcmp(method, "HEAD") == 0 ? hear_of_head(fd) : hear(fd);
    close(fd);
    return answer;
}

const char *header_of(const struct heard *answer, const char *name)
{
    static char value[1024];
    size_t length = strlen(name);

    for (const char *line = strstr(answer->head, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *start = line + 2 + length + 1 + strspn(line + 2 + length + 1, " ");

            snprintf(value, sizeof(value), "%.*s", (int)strcspn(start, "\r"), start);
            return value;
        }
    }
    return NULL;
}

void expect_error(const struct heard *answer, int status, const char *message)
{
    char *expected = xasprintf("\"message\":\"%s\"", message);

    cr_assert_eq(answer->status, status, "status %d (expected %d): %s", answer->status, status,
                 answer->body);
    cr_assert_eq(strncmp(answer->body, "{\"errors\":[{", 12), 0, "not an error: %s", answer->body);
    cr_assert(strstr(answer->body, expected) != NULL, "%s does not say %s", answer->body, expected);
    cr_assert_str_eq(header_of(answer, "Content-Type"), "application/json");
    free(expected);
}

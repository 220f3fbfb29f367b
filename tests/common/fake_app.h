#ifndef TESTS_COMMON_FAKE_APP_H
#define TESTS_COMMON_FAKE_APP_H

/*
 * A service for testing http: routes of every kind over a struct app of our own, and a client on
 * raw sockets, which says exactly the bytes that a test wants to say.
 */

#include "common/http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define FAKE_KEY    "0123456789abcdef0123456789abcdef"
#define FAKE_ID     "5f1e0c2a9d3b4e6f7a8b9c0d"
#define FAKE_EVENTS 64 /* in its feed */

struct app {
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool open;            /* GET /gate waits for it */
    int waiting;          /* how many handlers stand there */
    _Atomic int calls;    /* of any handler */
    _Atomic int finished; /* handlers of /gate that ran to their end */
    uint64_t said;        /* by say_thing */
    struct feed *feed;    /* of /api/stream and /api/own/stream; given_app takes it to the config */
};

/* Add an event to the app's feed: `aggregate_id` is now {"title":"","n":version}. */
void say_thing(struct app *app, const char *aggregate_id, int64_t version);

/* Start the fake service on a free port. `change`, if not NULL, is called on the config first.
 * Stopped by stop_app, or with the test. */
struct http_server *given_app(struct app *app, void (*change)(struct http_config *config));
void stop_app(struct http_server *server);
void free_app(struct http_server *server); /* the same, without draining */

void set_gate(struct app *app, bool open);
void wait_at_gate(struct app *app, int count); /* until exactly `count` handlers stand there */

/* "Authorization: Bearer …\r\n" of a user or an admin. Borrowed until the test ends. */
const char *given_bearer(enum session_role role);

/* One reply as it came. */
struct heard {
    int status; /* 0: the connection ended without one */
    char *head; /* status line and headers */
    char *body;
    size_t length; /* of the body */
};

int dial(const struct http_server *server);
void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_bytes(int fd, const char *bytes, size_t length);
struct heard hear(int fd);         /* one reply; fails the test after 10 s of silence */
struct heard hear_of_head(int fd); /* a reply to HEAD: no body whatever Content-Length says */
bool is_closed(int fd);            /* waits (10 s) until the peer has closed, reading the rest */
void forget(struct heard *answer); /* for cleanup() */

/* One request on a connection of its own. `headers` are whole lines, or "". */
struct heard call(const struct http_server *server, const char *method, const char *path,
                  const char *headers, const char *body);

/* The value of a header of `answer`; NULL if absent. Borrowed until the next call. */
const char *header_of(const struct heard *answer, const char *name);

void expect_error(const struct heard *answer, int status, const char *message);

#endif

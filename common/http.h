#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

/*
 * HTTP: routes from a table, and the only file that knows libmicrohttpd.
 *
 * An event loop reads requests. Those of INLINE routes are answered on it; for the others the
 * connection is suspended and the request queued (bounded: 8 per worker; beyond it 503 at once) for
 * a worker, whose handler runs straight through and may block. Before a handler is called, the
 * dispatcher has checked, in the contract's order: path, method, size, content type, session or
 * role, path ids, that the body is a JSON object. So a handler sees valid input only, reads its
 * fields with input.h, asks its model and answers.
 *
 * A handler returns 0 after it has written a reply, an outcome (answered from the table of
 * outcomes, with the errors collected on the reply or a common text), or a negative errno
 * (-EAGAIN: 503 with Retry-After; others: 500, logged with the request's id).
 */

#include "common/bans.h"
#include "common/fail.h"
#include "common/feed.h"
#include "common/metrics.h"
#include "common/session.h"
#include "common/span.h"
#include "common/writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_BODY_MAX_BYTES   (64u << 10) /* the contract's 413 */
#define HTTP_PATH_IDS_MAX     2
#define HTTP_QUERY_MAX        16    /* query parameters of a request; beyond it 400 */
#define HTTP_HEADER_TIME_MS   10000 /* for all headers to arrive: a slow client is closed */
#define HTTP_BODY_TIME_MS     30000 /* for the body, and for the client to take the reply */
#define HTTP_IDLE_TIME_MS     75000 /* between requests; longer than the edge keeps them */
#define HTTP_REQUEST_TIME_MS  5000  /* the contract's 504 */
#define HTTP_DRAIN_IDLE_MS    250   /* a request that is on its way has arrived by then */
#define HTTP_QUEUE_PER_WORKER 8
#define HTTP_CONNECTIONS_MAX  4096
#define HTTP_HEARTBEAT_MS     15000 /* a stream that has nothing to say says so */
#define HTTP_STREAMS_MAX      2000  /* open at once; the other connections stay for requests */

struct app;
struct http_request;
struct http_reply;
struct http_server;

/* clang-format off */
enum http_access {
    PUBLIC,     /* anybody; the session is read all the same */
    SIGNED_IN,  /* else 401 */
    ADMIN,      /* role admin, else 401 */
};

enum http_flags {
    HTTP_WORKER = 0,       /* runs on a worker, may block */
    HTTP_INLINE = 1,       /* runs on the event loop: no I/O, no waiting */
    HTTP_IDEMPOTENT = 2,   /* honours Idempotency-Key (idempotency.h) */
    HTTP_BODY = 4,         /* takes a JSON object; without it a body is ignored */
    HTTP_RAW_BODY = 8,     /* takes any body, as bytes (webhooks); no content type is asked */
    HTTP_INTERNAL = 16,    /* on the service's own port only: the edge does not pass it */
    HTTP_STREAM = 64,      /* may answer with reply_stream */
    HTTP_MAYBE_BODY = 32,  /* with HTTP_BODY, where all members are optional: no body counts as {} */
};
/* clang-format on */

/* A row of a service's route table. A segment ":id" (or ":userId" …) takes 24 hex digits; its name
 * without the colon is the field of the error. HEAD is served by GET, OPTIONS by the dispatcher. */
struct http_route {
    const char *method;
    const char *path;
    enum http_access access;
    int flags; /* of enum http_flags */
    int (*handle)(struct app *app, const struct http_request *request, struct http_reply *reply);
};

struct http_request {
    const char *method; /* as in the route's row (GET for HEAD) */
    bool head;          /* it is HEAD: a handler of GET that changes anything must not now */
    const char *path;   /* decoded, without the query */
    const struct http_route *route;
    char ids[HTTP_PATH_IDS_MAX][ID_BYTES]; /* the path's ids, lower case */
    const json_t *body;                    /* an object where the route has HTTP_BODY; else NULL */
    const char *body_bytes;                /* as they came; never NULL */
    size_t body_length;
    struct session session; /* a banned user's is not signed in */
    const char *client;     /* the client's address, from X-Real-IP behind the edge */
    const char *id;         /* request id: for logs and X-Request-Id */
    int64_t deadline_ms;    /* of instant_monotonic */
    /* The same each time that it is repeated with its Idempotency-Key (http_idempotency); or "". */
    char fingerprint[FINGERPRINT_BYTES];
};

/* A query parameter, decoded; NULL if absent. Borrowed for the request's life. */
const char *http_query(const struct http_request *request, const char *name);

/* A header, by name without regard to case; NULL if absent. Borrowed likewise. */
const char *http_header(const struct http_request *request, const char *name);

/* Does If-Match allow a change of `version`? DONE (absent, "*" or it lists the version) or
 * MISMATCH. */
must_check int http_if_match(const struct http_request *request, int64_t version);

/* Set the status and get the buffer to write the JSON body into; borrowed until the handler
 * returns. Called again, it starts anew. */
struct writer *reply_body(struct http_reply *reply, int status);

/* An answer without a body (204, 303). */
int reply_empty(struct http_reply *reply, int status);

/* Add an error. `field` NULL where no one field is at fault. Texts are copied. Returns `outcome`,
 * so that `return reply_error(…)` ends a handler. Several may be collected; the reply's status is
 * that of the outcome the handler returns. */
int reply_error(struct http_reply *reply, enum outcome outcome, const char *field,
                const char *text);
bool reply_has_errors(const struct http_reply *reply);

/* Further members beside `errors` ("seenPrice"), to be written into the returned writer as members
 * of the top object. */
struct writer *reply_error_members(struct http_reply *reply);

/* Add a header; both texts are copied. */
void reply_header(struct http_reply *reply, const char *name, const char *value);

/* Strong ETag "<version>". For a GET the dispatcher turns 200 into 304 where If-None-Match holds
 * it. */
void reply_etag(struct http_reply *reply, int64_t version);

/* Retry-After for a 429 or 503 that the handler answers itself. */
void reply_retry_after(struct http_reply *reply, int64_t seconds);

/* Answer with an event stream of `cursor`, which is taken. It goes on until the client leaves, the
 * server drains or, where the route is not PUBLIC, the session is over or its user banned. For
 * routes with HTTP_STREAM. DONE; STALE: there are HTTP_STREAMS_MAX already. */
must_check int reply_stream(struct http_reply *reply, struct feed_cursor *cursor);

/* Hooks for Idempotency-Key (idempotency.h has them): `begin` runs before the handler: 0: run it;
 * > 0 with a reply written or errors: answer that instead. `end` runs after, with the finished
 * status and body (status 0: the handler failed, forget the key).
 *
 * `begin` also fills the request's fingerprint, of user, method, path, key and body: the same each
 * time that the request is repeated, and no other's. A handler of an HTTP_IDEMPOTENT route stores
 * it in what it makes. So a repetition that runs again, because the process died or the store went
 * away between the commit and the end, finds there what it has made, and answers that. */
struct http_idempotency {
    int (*begin)(void *context, struct http_request *request, const char *key,
                 struct http_reply *reply, bool *ret_replayed);
    void (*end)(void *context, const struct http_request *request, const char *key, int status,
                const char *body, size_t length, const char *etag);
    void *context;
};

/* How long a client may take, in milliseconds; 0: the constants above. Other ones in tests. */
struct http_limits {
    int64_t header_ms, body_ms, idle_ms, request_ms;
    int64_t drain_idle_ms; /* while draining: idle for so long, a connection is closed */
    int64_t heartbeat_ms;
    int64_t streams; /* how many at once; no time */
};

struct http_config {
    const char *service;
    const char *address; /* to listen on: "127.0.0.1", "0.0.0.0", "::" */
    int64_t port;        /* 0: any free one */
    int64_t workers;     /* HTTP_WORKERS */
    int64_t loops;       /* HTTP_LOOPS */
    const struct http_route *routes;
    size_t route_count;
    bool incomplete; /* it has further routes, later: 503 where else a path would be unknown, 404 */
    struct app *app;
    const struct session_config *session;       /* copied; NULL: all are anonymous */
    const struct bans *bans;                    /* NULL: nobody is banned */
    const struct http_idempotency *idempotency; /* NULL: the header is ignored */
    struct feed *feed;                          /* of all its streams; NULL: it has none */
    struct metrics *metrics;
    struct tracer *tracer;                /* or NULL */
    void (*worker_done)(struct app *app); /* at the end of a worker's thread, or NULL */
    struct http_limits limits;
};

/* Listen and serve. `config` is copied; what it points to is borrowed until http_free. */
must_check int http_open(const struct http_config *config, struct http_server **ret_server);

/* The port it listens on. */
int http_port(const struct http_server *server);

/* Stop accepting; answer what has arrived, with `Connection: close`; at most `timeout_ms`. */
void http_drain(struct http_server *server, int64_t timeout_ms);

/* Close everything and free. */
struct http_server *http_free(struct http_server *server);

/* The status of an outcome, and its common text. */
int http_status(enum outcome outcome);

#endif

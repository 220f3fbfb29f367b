#ifndef COMMON_HTTP_INTERNAL_H
#define COMMON_HTTP_INTERNAL_H

/*
 * What the files of http share: http*.c and their tests include it, nobody else.
 *
 *   http.c             open, drain, free; the event loops
 *   http_connection.c  libmicrohttpd's callbacks: one connection's life, and its time limits
 *   http_request.c     headers and target as they came: what is refused, query, If-Match
 *   http_route.c       the route of a path, and the contract's order of checks
 *   http_worker.c      the pool: queue, workers, who answers a suspended request
 *   http_reply.c       what a handler says, and how it becomes bytes
 *   http_stream.c      replies that go on: event streams
 *
 * A request and its reply are one `struct http_exchange`. It borrows nothing from its connection,
 * so that a worker may go on with it after the loop has answered 504 in its place. Two hold it, the
 * connection and (while it is queued or running) the pool; the last to let go frees it.
 */

#include "common/http.h"
#include "common/trace.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define HTTP_REPLY_HEADERS_MAX 12
#define HTTP_REQUEST_ID_BYTES  65 /* up to 64 characters and a NUL */
#define HTTP_DISCARD_MAX_BYTES \
    (1u << 20)                 /* of a body we refuse; beyond, the connection is closed */
#define HTTP_SEGMENTS_MAX   8  /* of a route's path */
#define HTTP_JSON_DEPTH_MAX 32 /* the contract's */
/* libmicrohttpd's memory for a connection: the request's head, the Cookie header once more, and the
 * head of the reply. Its default is 32 KiB; in 8 KiB no cookie beyond 3 KB fits, and browsers send
 * 4 KB ones. */
#define HTTP_CONNECTION_BYTES   (12u << 10)
#define HTTP_REPLY_HEAD_BYTES   2048 /* of it, kept for the reply's headers */
#define HTTP_WORKER_STACK_BYTES (256u << 10)

struct http_pair {
    const char *name, *value;
};

struct http_reply {
    int status; /* 0: the handler has not answered */
    struct writer body;
    struct writer errors;  /* the array's inside: {"message":…},{"message":… */
    struct writer members; /* beside `errors` */
    char *detail;          /* the first error's message */
    size_t error_count;
    struct http_pair headers[HTTP_REPLY_HEADERS_MAX]; /* owned texts */
    size_t header_count;
    char etag[24];         /* "" for none */
    int64_t retry_after_s; /* 0 for none */
    struct http_server *server;
    struct http_stream *stream; /* instead of a body, or NULL */
};

/* A segment of the path that should be an id; longer ones are cut where they cannot be one. */
struct http_path_id {
    char text[ID_BYTES + 1];
    const char *field; /* its name, in the route's path */
    size_t field_length;
};

void http_reply_init(struct http_reply *reply);
void http_reply_release(struct http_reply *reply);

/* Who answers a suspended request: the first to move it on from PENDING. */
enum http_claim { CLAIM_PENDING, CLAIM_WORKER, CLAIM_LOOP };

struct http_exchange {
    struct http_request request; /* what the handler is given */
    struct http_reply reply;
    struct http_server *server;
    struct http_loop *loop;
    struct MHD_Connection *connection; /* valid while `claim` is pending, and to its winner */
    struct MHD_Response *response;     /* set by who answers, sent by the loop */
    struct http_stream *stream;        /* its worker's response is one of this; borrowed of it */
    unsigned int response_status;
    _Atomic int holders;
    _Atomic int claim; /* enum http_claim */

    struct http_exchange *queue_next;                    /* the pool's, under its lock */
    struct http_exchange *flight_next, *flight_previous; /* the loop's list of suspended ones */
    bool in_flight;

    bool begun;         /* the headers were read */
    bool encoded_slash; /* the path holds %2F, so no route of ours */
    int early_status;   /* decided before dispatch (404, 405, 204 of OPTIONS); 0: none */
    bool body_wanted, body_too_large;
    char *body;
    size_t body_capacity;
    uint64_t body_seen; /* bytes that came, kept or not */
    json_t *json;

    struct http_pair *headers; /* names and values follow in the same block */
    size_t header_count;
    struct http_pair query[HTTP_QUERY_MAX];
    size_t query_count;
    struct http_path_id ids[HTTP_PATH_IDS_MAX]; /* to be checked after the session */
    char id[HTTP_REQUEST_ID_BYTES];
    char client[INET6_ADDRSTRLEN];
    char trace[TRACEPARENT_BYTES]; /* this request's own, since its headers were read */
    int64_t begun_us;

    const char *target_end; /* in libmicrohttpd's buffer: where it thinks the target ends */
    char *target;           /* the target as it came; http_request.c decodes it in place */
    char allow[64];         /* methods of the path, for 405 and OPTIONS */
};

/* The series of one route, made as they are first needed. */
#define HTTP_STATUS_SLOTS 24
struct http_route_metrics {
    struct histogram *seconds;
    _Atomic(struct metric *) by_status[HTTP_STATUS_SLOTS];
};

struct http_worker {
    struct http_pool *pool;
    pthread_t thread;
    pthread_cond_t wake;
    struct http_exchange *job;     /* handed over, under the pool's lock */
    struct http_worker *idle_next; /* the stack of idle ones */
};

struct http_pool {
    struct http_server *server;
    pthread_mutex_t lock;
    struct http_worker *workers;
    size_t worker_count;
    struct http_worker *idle; /* last in, first out: those that are not needed stay cold */
    struct http_exchange *queue_first, *queue_last;
    size_t queued, queue_max;
    struct metric *busy, *waiting;
    bool stopping;
};

/* What a connection waits for, and so how long it may take. */
enum http_phase {
    PHASE_FIRST,
    PHASE_IDLE,
    PHASE_HEADERS,
    PHASE_BODY,
    PHASE_WORK,
    PHASE_REPLY,
    PHASE_STREAM
};

struct http_connection {
    struct http_connection *next, *previous;
    struct http_loop *loop;
    int fd;
    enum http_phase phase;
    int64_t since_ms;
    struct http_stream *stream; /* in PHASE_STREAM; else NULL */
};

/* One event loop: a thread, a libmicrohttpd daemon, its connections. All of it belongs to the
 * thread but wake_fd and the server's flags. */
struct http_loop {
    struct http_server *server;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int epoll_fd, wake_fd, listen_fd;
    int gone_fd;           /* an epoll of the streams' connections: whose client has gone */
    atomic_bool news;      /* set by the feed: streams may have something to send */
    int64_t rest_until_us; /* before it, they are not told of it */
    size_t suspended;      /* streams that wait */
    bool resumed;          /* some were resumed since libmicrohttpd last ran */
    struct http_connection *connections;
    size_t connection_count;
    struct http_exchange *flight_first, *flight_last; /* oldest first, so by deadline */
    int64_t sweep_at_ms;
    int64_t draining_since_ms; /* 0: not draining */
    bool drained;
};

struct http_server {
    struct http_config config;
    struct session_config session; /* the service's, with a cache of ours */
    struct http_loop *loops;
    size_t loop_count;
    struct http_pool pool;
    int port;
    _Atomic bool draining, stopping;
    uint64_t id_prefix;
    _Atomic uint32_t id_counter;
    struct http_route_metrics *metrics; /* one a route, and one more for unknown paths */
    struct metrics *own_metrics;        /* where the caller has none */
    struct metric *connections;         /* open */
    _Atomic int64_t streams;            /* open, or about to be */
    pthread_mutex_t lock;
    pthread_cond_t drained;
    size_t loops_drained; /* under lock */
};

/* http.c */
void http_wake(const struct http_loop *loop); /* from any thread */

/* http_connection.c */
struct MHD_Daemon *http_daemon_start(struct http_loop *loop);
void http_sweep(struct http_loop *loop, int64_t now_ms);
void http_expire(struct http_loop *loop, int64_t now_ms);
void http_exchange_drop(struct http_exchange *exchange); /* let go; frees with the last holder */

/* http_request.c */

/* Would headers and reply not fit into the connection's memory? 0, or 414 or 431. */
int http_request_fits(const struct http_exchange *exchange);

/* Read headers and target. 0, or the status to refuse with (the connection is closed then, since
 * where the next request begins is in doubt). */
int http_request_read(struct http_exchange *exchange, const char *method, const char *version);

/* Is it an address that only the edge, or somebody on this machine, can come from? */
bool http_peer_is_private(const struct sockaddr *address);

/* The value of a header with `name`, from the `*position`-th on (0 to begin); NULL: no more. A list
 * may be spread over several headers of one name. */
const char *http_header_next(const struct http_exchange *exchange, const char *name,
                             size_t *position);

/* http_route.c */

/* Find the route of `method` and the path; sets request.route and method, or early_status (404,
 * 405, 204 of OPTIONS) and `allow`. */
void http_route_find(struct http_exchange *exchange, const char *method);

/* The checks that need neither session nor worker: 404, 405, 413, 415. 0: go on; else the status
 * to answer. */
int http_check_early(const struct http_exchange *exchange);

/* The rest, in order: session, ids, body, Idempotency-Key, handler. Returns what to send; the
 * status goes to *ret_status. On a worker, or for inline routes on the loop. */
struct MHD_Response *http_dispatch(struct http_exchange *exchange, unsigned int *ret_status);

/* http_worker.c */
must_check int http_pool_open(struct http_pool *pool, struct http_server *server);
void http_pool_close(struct http_pool *pool);

/* Suspend the connection and queue its request. False if the queue is full; nothing was done. */
bool http_pool_push(struct http_pool *pool, struct http_exchange *exchange);

/* Try to become the one who answers. */
bool http_claim(struct http_exchange *exchange, enum http_claim by);

/* http_stream.c; all but the first two on the loop's thread */

/* A response that takes the reply's stream over; sets exchange->stream. */
struct MHD_Response *http_stream_response(struct http_exchange *exchange);
struct http_stream *http_stream_free(struct http_stream *stream);

/* The stream goes out on this connection; is over with it. */
void http_stream_begin(struct http_stream *stream, struct MHD_Connection *mhd,
                       struct http_connection *connection);
void http_stream_end(struct http_connection *connection);

/* How long it may stay as it is: it waits for events for ever, for its client not. */
int64_t http_stream_limit(const struct http_stream *stream);

/* Once a sweep: a heartbeat, or its end, is due. */
void http_stream_sweep(struct http_stream *stream, int64_t now_ms);

/* The feed has news (from any thread); resume those that it is for, unless they rest. */
void http_streams_wake(void *server);
void http_streams_tell(struct http_loop *loop);

/* Clients have gone. */
void http_streams_gone(struct http_loop *loop);

/* http_reply.c */

/* Make the reply final: `result` is what the handler returned. */
void http_reply_settle(struct http_exchange *exchange, int result);

/* The bytes of a settled reply; 304 where the client has them already. */
struct MHD_Response *http_reply_build(struct http_exchange *exchange, unsigned int *ret_status);

/* A reply with one error, the common text of `status` (for 204: empty). Touches nothing of the
 * exchange but what the loop owns, so that the loop may answer 504 while a worker runs. */
struct MHD_Response *http_reply_refuse(const struct http_exchange *exchange, int status);

/* The errors collected so far, as the contract's JSON object; `problem`: RFC 9457's members too. */
void http_reply_errors(const struct http_reply *reply, int status, const char *problem,
                       struct writer *out);

/* Status `status` among those we use: its place (for metrics), phrase (RFC 9110), common text. */
size_t http_status_slot(int status);
const char *http_status_title(int status);
const char *http_status_text(int status);

/* Does an If-Match or If-None-Match list hold `etag` or "*"? `weakly`: W/ is overlooked. */
bool http_etag_in_list(const char *list, const char *etag, bool weakly);

#endif

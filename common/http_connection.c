/*
 * One connection's life, as libmicrohttpd calls back; all of it on its loop's thread.
 *
 *   first, idle → (target) → headers → (all headers) → body → (all of it) → work → reply → idle …
 *
 * Each phase has its time, looked after by http_sweep: libmicrohttpd's own timeout starts anew with
 * each byte, so a client that drips one byte a minute would stay for ever. Who takes too long hears
 * 408, if it has begun a request, and is shut down; libmicrohttpd then finds the socket at its end
 * and closes it.
 *
 * A response queued on the first callback closes the connection (libmicrohttpd cannot know where
 * the body ends): what is to end it anyway, broken framing, is answered there, all else on the
 * last.
 */
#include "common/http_internal.h"

#include "common/instant.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLOW_REQUEST_US 1000000 /* logged at info beyond it */

static void set_phase(struct http_connection *connection, enum http_phase phase)
{
    connection->phase = phase;
    connection->since_ms = instant_monotonic();
}

static struct http_connection *connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_loop *loop = context;
    struct http_connection *connection = *socket_context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection = xcalloc(1, sizeof(*connection));
        connection->loop = loop;
        connection->fd =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        set_phase(connection, PHASE_FIRST);
        connection->next = loop->connections;
        if (loop->connections != NULL)
            loop->connections->previous = connection;
        loop->connections = connection;
        loop->connection_count++;
        metric_add(loop->server->connections, 1);
        *socket_context = connection;
        return;
    }
    if (connection->previous == NULL)
        loop->connections = connection->next;
    else
        connection->previous->next = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    loop->connection_count--;
    metric_add(loop->server->connections, -1);
    free(connection);
}

/* libmicrohttpd would parse the query next, into a record for each parameter, and where these do
 * not fit, end the connection without a word (and without on_completed). We parse it ourselves; so
 * it is shown an empty one. The buffer is its own and not const. */
static void hide_query(const char *target)
{
    const char *query = strchr(target, '?');

    if (query != NULL)
        *(char *)(uintptr_t)(query + 1) = '\0';
}

/* The request line has come. What is returned is *context in the further callbacks. */
static void *on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct http_loop *loop = context;
    struct http_exchange *exchange = xcalloc(1, sizeof(*exchange));

    exchange->server = loop->server;
    exchange->loop = loop;
    exchange->connection = mhd;
    exchange->target = xstrdup(target == NULL ? "" : target);
    exchange->target_end = target == NULL ? NULL : target + strlen(target);
    atomic_init(&exchange->holders, 1);
    atomic_init(&exchange->claim, CLAIM_PENDING);
    http_reply_init(&exchange->reply);
    exchange->reply.server = loop->server;
    set_phase(connection_of(mhd), PHASE_HEADERS);
    if (target != NULL)
        hide_query(target);
    return exchange;
}

void http_exchange_drop(struct http_exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->holders, 1) != 1)
        return;
    if (exchange->response != NULL)
        MHD_destroy_response(exchange->response);
    http_reply_release(&exchange->reply);
    json_decref(exchange->json);
    free(exchange->headers);
    free(exchange->target);
    free(exchange->body);
    free(exchange);
}

/* A request in flight is suspended: with a worker, or in its queue. */
static void fly(struct http_loop *loop, struct http_exchange *exchange)
{
    exchange->in_flight = true;
    exchange->flight_next = NULL;
    exchange->flight_previous = loop->flight_last;
    if (loop->flight_last == NULL)
        loop->flight_first = exchange;
    else
        loop->flight_last->flight_next = exchange;
    loop->flight_last = exchange;
}

static void land(struct http_loop *loop, struct http_exchange *exchange)
{
    if (exchange->flight_previous == NULL)
        loop->flight_first = exchange->flight_next;
    else
        exchange->flight_previous->flight_next = exchange->flight_next;
    if (exchange->flight_next == NULL)
        loop->flight_last = exchange->flight_previous;
    else
        exchange->flight_next->flight_previous = exchange->flight_previous;
    exchange->in_flight = false;
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **exchange,
                         enum MHD_RequestTerminationCode how)
{
    struct http_exchange *completed = *exchange;

    (void)how;
    *exchange = NULL;
    http_stream_end(connection_of(mhd));
    set_phase(connection_of(mhd), PHASE_IDLE);
    if (completed == NULL)
        return;
    /* A client that had gone when its request was resumed: there was no call for the answer. */
    if (completed->in_flight)
        land(context, completed);
    http_exchange_drop(completed);
}

static struct metric *status_metric(const struct http_exchange *exchange, unsigned int status)
{
    struct http_server *server = exchange->server;
    const struct http_route *route = exchange->request.route;
    size_t index =
        route == NULL ? server->config.route_count : (size_t)(route - server->config.routes);
    _Atomic(struct metric *) *place =
        &server->metrics[index].by_status[http_status_slot((int)status)];
    struct metric *metric = atomic_load(place);
    char labels[256];

    if (metric == NULL) {
        snprintf(labels, sizeof(labels), "route=\"%s\",method=\"%s\",status=\"%u\"",
                 route == NULL ? "unknown" : route->path, exchange->request.method, status);
        metric = metrics_counter(server->config.metrics, "http_requests_total", labels,
                                 "Requests answered.");
        atomic_store(place, metric);
    }
    return metric;
}

/* The span of a request that is about to be answered: whoever answers, and however. Its path has
 * ids in it, some of them people's, and stays untold; probes are not worth a span. */
static void tell_trace(const struct http_exchange *exchange, unsigned int status)
{
    const struct http_route *route = exchange->request.route;
    const char *method = exchange->request.head ? "HEAD" : exchange->request.method;
    bool known = strcmp(method, "other") != 0;
    const struct span_of of = {.kind = SPAN_SERVER,
                               .verb = known ? method : "HTTP",
                               .object = route == NULL ? NULL : route->path};
    struct span *span;

    if (exchange->server->config.tracer == NULL ||
        (route != NULL && (route->flags & HTTP_INTERNAL) != 0))
        return;
    span = span_begin_as(exchange->server->config.tracer, &of, exchange->trace,
                         http_header(&exchange->request, "traceparent"));
    span_began(span, exchange->begun_us);
    span_text(span, "http.request.method", known ? method : "_OTHER");
    span_text(span, "url.scheme", "http");
    span_number(span, "http.response.status_code", status);
    if (route != NULL)
        span_text(span, "http.route", route->path);
    if (status >= 500)
        span_fail(span, http_status_title((int)status));
    span_end(span);
}

/* Count, trace and log a request that is about to be answered. */
static void note(const struct http_exchange *exchange, unsigned int status)
{
    const struct http_route *route = exchange->request.route;
    int64_t took_us = instant_monotonic_us() - exchange->begun_us;
    bool notable = status >= 500 || took_us > SLOW_REQUEST_US;
    char path[256], trace[TRACE_ID_DIGITS + 1] = "";
    struct log_context log = {.request = exchange->id, .subject = "", .trace = trace};

    tell_trace(exchange, status);
    metric_add(status_metric(exchange, status), 1);
    if (route != NULL)
        histogram_add(exchange->server->metrics[route - exchange->server->config.routes].seconds,
                      took_us);
    memcpy(trace, exchange->trace + TRACE_ID_AT, TRACE_ID_DIGITS);
    log_set_context(&log);
    log_event(notable ? LOG_INFO : LOG_DEBUG, "request",
              "method=%s path=%s status=%u ms=%.1f client=%s", exchange->request.method,
              log_quote(exchange->request.path, path, sizeof(path)), status, (double)took_us / 1000,
              exchange->client);
    log_set_context(NULL);
}

/* Queue the response that was made. */
static enum MHD_Result answer(struct http_exchange *exchange)
{
    struct http_connection *connection = connection_of(exchange->connection);
    enum MHD_Result queued;

    note(exchange, exchange->response_status);
    set_phase(connection, PHASE_REPLY);
    /* Where the loop answers in a worker's place, the stream is of a response that is not sent. */
    if (atomic_load(&exchange->claim) != CLAIM_LOOP && exchange->stream != NULL &&
        !exchange->request.head)
        http_stream_begin(exchange->stream, exchange->connection, connection);
    queued =
        MHD_queue_response(exchange->connection, exchange->response_status, exchange->response);
    MHD_destroy_response(take(exchange->response));
    return queued;
}

static enum MHD_Result refuse(struct http_exchange *exchange, int status)
{
    exchange->response = http_reply_refuse(exchange, status);
    exchange->response_status = (unsigned int)status;
    return answer(exchange);
}

/* Say it without libmicrohttpd, which is in the middle of the request and would not send it. What
 * does not fit into the socket's buffer is lost: it is a courtesy. */
static void send_last_words(const struct http_connection *connection, int status)
{
    char text[512], body[160];
    int length;

    snprintf(body, sizeof(body), "{\"errors\":[{\"message\":\"%s\"}]}", http_status_text(status));
    length = snprintf(text, sizeof(text),
                      "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                      "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
                      "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                      status, http_status_title(status), strlen(body), body);
    if (send(connection->fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length)
        log_event(LOG_DEBUG, "client did not take its refusal", "status=%d", status);
}

/* All headers have come. */
static enum MHD_Result begin(struct http_exchange *exchange, const char *method,
                             const char *version)
{
    const char *length;
    int refusal;

    exchange->begun = true;
    exchange->begun_us = instant_monotonic_us();
    exchange->request.method = "other";
    refusal = http_request_fits(exchange);
    if (refusal != 0) { /* libmicrohttpd would close without a word */
        send_last_words(connection_of(exchange->connection), refusal);
        return MHD_NO;
    }
    refusal = http_request_read(exchange, method, version);
    if (refusal != 0)
        return refuse(exchange, refusal);
    trace_make(http_header(&exchange->request, "traceparent"),
               tracer_ratio(exchange->server->config.tracer), exchange->trace);
    http_route_find(exchange, method);
    length = http_header(&exchange->request, "Content-Length");
    if (length != NULL && strtoull(length, NULL, 10) > HTTP_DISCARD_MAX_BYTES)
        return refuse(exchange, exchange->early_status == 0 ? 413 : exchange->early_status);
    set_phase(connection_of(exchange->connection), PHASE_BODY);
    return MHD_YES;
}

/* A piece of the body has come: keep it if the route wants it and it is not too much. */
static enum MHD_Result take_body(struct http_exchange *exchange, const char *data, size_t size)
{
    struct http_request *request = &exchange->request;
    size_t needed = request->body_length + size + 1;

    exchange->body_seen += size;
    if (exchange->body_seen > HTTP_DISCARD_MAX_BYTES) {
        send_last_words(connection_of(exchange->connection), 413);
        return MHD_NO;
    }
    if (!exchange->body_wanted)
        return MHD_YES;
    if (exchange->body_seen > HTTP_BODY_MAX_BYTES) {
        exchange->body_too_large = true;
        return MHD_YES;
    }
    if (needed > exchange->body_capacity) {
        exchange->body_capacity = needed > 2 * exchange->body_capacity ? needed : 2 * needed;
        exchange->body = xrealloc(exchange->body, exchange->body_capacity);
        request->body_bytes = exchange->body;
    }
    memcpy(exchange->body + request->body_length, data, size);
    request->body_length += size;
    exchange->body[request->body_length] = '\0';
    return MHD_YES;
}

/* The whole request has come: answer it, or suspend it and have a worker answer it. */
static enum MHD_Result finish(struct http_loop *loop, struct http_exchange *exchange)
{
    struct http_server *server = loop->server;
    int status = http_check_early(exchange);

    exchange->request.deadline_ms = instant_monotonic() + server->config.limits.request_ms;
    set_phase(connection_of(exchange->connection), PHASE_WORK);
    if (status != 0)
        return refuse(exchange, status);
    if ((exchange->request.route->flags & HTTP_INLINE) != 0) {
        exchange->response = http_dispatch(exchange, &exchange->response_status);
        return answer(exchange);
    }
    if (atomic_load(&server->stopping) || !http_pool_push(&server->pool, exchange))
        return refuse(exchange, 503);
    fly(loop, exchange);
    return MHD_YES;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **request)
{
    struct http_loop *loop = context;
    struct http_exchange *exchange = *request;
    enum MHD_Result result;

    (void)mhd;
    (void)url;
    if (!exchange->begun)
        return begin(exchange, method, version);
    if (*size > 0) {
        result = take_body(exchange, data, *size);
        *size = 0;
        return result;
    }
    if (!exchange->in_flight)
        return finish(loop, exchange);
    land(loop, exchange); /* resumed: by who had claimed it, so the response is there */
    return answer(exchange);
}

void http_expire(struct http_loop *loop, int64_t now_ms)
{
    bool stopping = atomic_load(&loop->server->stopping);

    for (struct http_exchange *exchange = loop->flight_first; exchange != NULL;
         exchange = exchange->flight_next) {
        if (exchange->request.deadline_ms > now_ms && !stopping)
            return; /* and so are all after it */
        if (!http_claim(exchange, CLAIM_LOOP))
            continue;
        exchange->response_status = stopping ? 503 : 504;
        exchange->response = http_reply_refuse(exchange, (int)exchange->response_status);
        MHD_resume_connection(exchange->connection);
    }
}

/* How long a connection may stay as it is. */
static int64_t phase_limit(const struct http_connection *connection)
{
    const struct http_limits *limits = &connection->loop->server->config.limits;

    switch (connection->phase) {
    case PHASE_FIRST:
    case PHASE_HEADERS: return limits->header_ms;
    case PHASE_IDLE: return limits->idle_ms;
    case PHASE_BODY:
    case PHASE_REPLY: return limits->body_ms;
    case PHASE_STREAM: return http_stream_limit(connection->stream);
    case PHASE_WORK: break; /* http_expire's */
    }
    return INT64_MAX;
}

void http_sweep(struct http_loop *loop, int64_t now_ms)
{
    int64_t drain_idle_ms = loop->server->config.limits.drain_idle_ms;

    for (struct http_connection *connection = loop->connections; connection != NULL;
         connection = connection->next) {
        bool between = connection->phase == PHASE_FIRST || connection->phase == PHASE_IDLE;
        int64_t quiet_ms;
        bool drained;

        if (connection->stream != NULL)
            http_stream_sweep(connection->stream, now_ms);
        quiet_ms = now_ms - connection->since_ms;
        drained = loop->draining_since_ms != 0 && between && quiet_ms >= drain_idle_ms &&
                  now_ms - loop->draining_since_ms >= drain_idle_ms;
        if (quiet_ms <= phase_limit(connection) && !drained)
            continue;
        if (connection->phase == PHASE_HEADERS || connection->phase == PHASE_BODY)
            send_last_words(connection, 408);
        shutdown(connection->fd, SHUT_RDWR);
    }
}

struct MHD_Daemon *http_daemon_start(struct http_loop *loop)
{
    struct http_server *server = loop->server;
    unsigned int most = (unsigned int)(HTTP_CONNECTIONS_MAX / server->config.loops);

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access,
                            loop, MHD_OPTION_LISTEN_SOCKET, loop->listen_fd,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_BYTES,
                            MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_NOTIFY_CONNECTION,
                            on_connection, loop, MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,
                            MHD_OPTION_URI_LOG_CALLBACK, on_target, loop, MHD_OPTION_END);
}

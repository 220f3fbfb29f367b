/*
 * Replies that go on: event streams.
 *
 * libmicrohttpd asks for bytes whenever the socket takes some. Where there are none, the connection
 * is suspended: it is then in no list that anybody walks, and costs its memory alone. It is resumed
 * when the feed has something for it, for a heartbeat, and at its end. All of that happens on its
 * loop's thread; the feed's only sets a flag and wakes the loop.
 *
 * While it is suspended libmicrohttpd does not see its client go, so an epoll of our own does,
 * which waits for nothing else. A client that takes no bytes is one whose socket is full: the
 * kernel is asked to keep little for it, and the sweep closes it.
 *
 * A thousand streams that all have something to send keep the loop busy for some 7 ms. So after
 * each round they rest three times as long as such a round takes: requests always have most of the
 * loop, and events that come meanwhile go out together. For a few streams the rest is too short to
 * be noticed.
 */
#include "common/http_internal.h"

#include "common/instant.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BLOCK_BYTES       512        /* of a reply to HTTP/1.0, which knows no chunks */
#define SEND_BUFFER_BYTES (32 << 10) /* what the kernel keeps for a client that is slow */
#define REST_US           20         /* for each stream of a round, from its beginning */
#define FULL_RETRY_S      5

struct http_stream {
    struct http_server *server;
    struct feed_cursor *cursor;
    struct feed_text *text; /* being sent, up to `sent` */
    size_t sent;
    struct http_connection *connection; /* NULL before http_stream_begin */
    struct MHD_Connection *mhd;
    int64_t heartbeat_at_ms;
    bool suspended, gone;
    bool signed_in;            /* it is over with this session: */
    char user_id[ID_BYTES];    /* whose */
    int64_t session_ends_at_s; /* 0: never */
};

struct http_stream *http_stream_free(struct http_stream *stream)
{
    if (stream == NULL)
        return NULL;
    atomic_fetch_sub(&stream->server->streams, 1);
    feed_text_drop(stream->text);
    feed_cursor_free(stream->cursor);
    free(stream);
    return NULL;
}

int reply_stream(struct http_reply *reply, struct feed_cursor *cursor)
{
    struct http_server *server = reply->server;
    struct http_stream *stream;

    if (atomic_fetch_add(&server->streams, 1) >= server->config.limits.streams) {
        atomic_fetch_sub(&server->streams, 1);
        feed_cursor_free(cursor);
        reply_retry_after(reply, FULL_RETRY_S);
        return STALE;
    }
    stream = xcalloc(1, sizeof(*stream));
    stream->server = server;
    stream->cursor = cursor;
    reply->stream = stream;
    reply_header(reply, "Content-Type", "text/event-stream");
    reply_header(reply, "X-Accel-Buffering", "no"); /* for proxies on the way */
    reply_header(reply, "Connection", "close");     /* its socket is not as others are any more */
    return reply_empty(reply, 200);
}

static bool is_over(const struct http_stream *stream)
{
    const struct http_server *server = stream->server;

    if (stream->gone || atomic_load(&server->draining) || atomic_load(&server->stopping))
        return true;
    if (!stream->signed_in)
        return false;
    return (stream->session_ends_at_s != 0 && instant_now() >= stream->session_ends_at_s * 1000) ||
           (server->config.bans != NULL && bans_is_banned(server->config.bans, stream->user_id));
}

/* What to send next; NULL: nothing for now. */
static struct feed_text *next_text(struct http_stream *stream, int64_t now_ms)
{
    struct feed_text *text = feed_cursor_next(stream->cursor);

    if (text == NULL && now_ms >= stream->heartbeat_at_ms)
        text = feed_cursor_heartbeat(stream->cursor);
    if (text != NULL)
        stream->heartbeat_at_ms = now_ms + stream->server->config.limits.heartbeat_ms;
    return text;
}

static size_t fill(struct http_stream *stream, char *buffer, size_t size, int64_t now_ms)
{
    size_t filled = 0;

    while (filled < size) {
        size_t length;

        if (stream->text == NULL)
            stream->text = next_text(stream, now_ms);
        if (stream->text == NULL)
            break;
        length = stream->text->length - stream->sent;
        if (length > size - filled)
            length = size - filled;
        memcpy(buffer + filled, stream->text->bytes + stream->sent, length);
        filled += length;
        stream->sent += length;
        if (stream->sent == stream->text->length) {
            stream->text = feed_text_drop(stream->text);
            stream->sent = 0;
        }
    }
    return filled;
}

/* libmicrohttpd has sent what it had. */
static ssize_t on_read(void *context, uint64_t position, char *buffer, size_t size)
{
    struct http_stream *stream = context;
    int64_t now_ms = instant_monotonic();
    size_t filled;

    (void)position;
    stream->connection->since_ms = now_ms;
    if (is_over(stream)) {
        stream->connection->phase = PHASE_REPLY; /* what is left of it */
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    filled = fill(stream, buffer, size, now_ms);
    if (filled == 0) {
        stream->suspended = true;
        stream->connection->loop->suspended++;
        MHD_suspend_connection(stream->mhd);
    }
    return (ssize_t)filled;
}

static void resume(struct http_stream *stream)
{
    struct http_loop *loop = stream->connection->loop;

    if (!stream->suspended)
        return;
    stream->suspended = false;
    stream->connection->since_ms = instant_monotonic();
    loop->suspended--;
    loop->resumed = true;
    MHD_resume_connection(stream->mhd);
}

static void on_free(void *context)
{
    http_stream_free(context);
}

struct MHD_Response *http_stream_response(struct http_exchange *exchange)
{
    struct http_stream *stream = take(exchange->reply.stream);
    const struct session *session = &exchange->request.session;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_read, stream, on_free);

    assert((exchange->request.route->flags & HTTP_STREAM) != 0);
    if (response == NULL)
        abort(); /* only without memory, as in memory.h */
    exchange->stream = stream;
    if (exchange->request.route->access != PUBLIC) {
        stream->signed_in = true;
        text_copy(stream->user_id, sizeof(stream->user_id), session->user_id);
        stream->session_ends_at_s = session->expires_at_s;
    }
    return response;
}

void http_stream_begin(struct http_stream *stream, struct MHD_Connection *mhd,
                       struct http_connection *connection)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data = {.ptr = stream}};
    const struct http_limits *limits = &stream->server->config.limits;
    unsigned int patience_ms = (unsigned int)limits->body_ms;
    int bytes = SEND_BUFFER_BYTES;

    stream->connection = connection;
    stream->mhd = mhd;
    stream->heartbeat_at_ms = instant_monotonic() + limits->heartbeat_ms;
    connection->stream = stream;
    connection->phase = PHASE_STREAM;
    /* Where one of these fails, its end is noticed later. */
    setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof(patience_ms));
    epoll_ctl(connection->loop->gone_fd, EPOLL_CTL_ADD, connection->fd, &event);
}

void http_stream_end(struct http_connection *connection)
{
    if (connection->stream == NULL)
        return;
    epoll_ctl(connection->loop->gone_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    connection->stream = NULL; /* libmicrohttpd frees it, with its response */
}

int64_t http_stream_limit(const struct http_stream *stream)
{
    return stream->suspended ? INT64_MAX : stream->server->config.limits.body_ms;
}

void http_stream_sweep(struct http_stream *stream, int64_t now_ms)
{
    if (stream->suspended && (now_ms >= stream->heartbeat_at_ms || is_over(stream)))
        resume(stream);
}

void http_streams_wake(void *context)
{
    struct http_server *server = context;

    if (atomic_load(&server->streams) == 0)
        return;
    for (size_t i = 0; i < server->loop_count; i++)
        if (!atomic_exchange(&server->loops[i].news, true))
            http_wake(&server->loops[i]);
}

void http_streams_tell(struct http_loop *loop)
{
    int64_t now_us;

    if (!atomic_load(&loop->news))
        return;
    now_us = instant_monotonic_us();
    if (now_us < loop->rest_until_us)
        return;
    atomic_store(&loop->news, false); /* before the look: what comes after it counts again */
    loop->rest_until_us = now_us;
    for (struct http_connection *connection = loop->connections; connection != NULL;
         connection = connection->next) {
        struct http_stream *stream = connection->stream;

        if (stream == NULL || !stream->suspended || !feed_cursor_has_next(stream->cursor))
            continue;
        resume(stream);
        loop->rest_until_us += REST_US;
    }
}

void http_streams_gone(struct http_loop *loop)
{
    struct epoll_event events[64];
    int count = epoll_wait(loop->gone_fd, events, ARRAY_LENGTH(events), 0);

    for (int i = 0; i < count; i++) {
        struct http_stream *stream = events[i].data.ptr;

        stream->gone = true;
        resume(stream);
    }
}

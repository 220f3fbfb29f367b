/*
 * The server: listening, event loops, draining, the end.
 *
 * Each loop runs libmicrohttpd without a thread of its own: we wait on its epoll descriptor and
 * call MHD_run, which never blocks. (Its internal epoll thread waits again after each full batch of
 * 128 events, so at exactly 128 ready connections it stalls until something else happens.) In that
 * mode MHD_resume_connection wakes nobody: a worker that has answered writes to `wake_fd`, as drain
 * and end do.
 *
 * Several loops accept from one listening socket, each through a descriptor of its own: so a port
 * that is taken is noticed (SO_REUSEPORT would share it in silence), and no connection waits in the
 * backlog of a loop that is about to end. libmicrohttpd aborts when it is stopped while a
 * connection is suspended: a loop ends only when it has answered every request it had given to the
 * workers.
 */
#include "common/http_internal.h"

#include "common/instant.h"
#include "common/log.h"
#include "common/session_cache.h"

#include <assert.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SWEEP_MS      1000 /* how often times are looked at */
#define SWEEP_SOON_MS 20   /* the same while draining, or with the short limits of a test */
#define BACKLOG       1024

void http_wake(const struct http_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof(one));

    assert(written == sizeof(one)); /* an eventfd takes 2^64 - 2 of these */
}

static int64_t sweep_period(const struct http_loop *loop)
{
    const struct http_limits *limits = &loop->server->config.limits;

    return loop->draining_since_ms != 0 || limits->header_ms < 4 * SWEEP_MS ? SWEEP_SOON_MS
                                                                            : SWEEP_MS;
}

/* How long the loop may sleep. An idle server sleeps for good. */
static int sleep_ms(struct http_loop *loop, int64_t now_ms)
{
    MHD_UNSIGNED_LONG_LONG pending;
    int64_t until = INT64_MAX;

    /* libmicrohttpd has read ahead (a pipelined request) and waits for no descriptor */
    if (MHD_get_timeout(loop->daemon, &pending) == MHD_YES && pending == 0)
        return 0;
    if (loop->resumed)
        return 0;
    if (loop->connection_count > 0)
        until = loop->sweep_at_ms;
    if (atomic_load(&loop->news) && loop->rest_until_us / 1000 + 1 < until)
        until = loop->rest_until_us / 1000 + 1;
    if (loop->flight_first != NULL && loop->flight_first->request.deadline_ms < until)
        until = loop->flight_first->request.deadline_ms;
    if (until == INT64_MAX)
        return -1;
    return until <= now_ms ? 0 : (int)(until - now_ms);
}

/* Accept what the kernel has accepted for us already, then listen no more. */
static void stop_listening(struct http_loop *loop)
{
    struct pollfd listener = {.fd = loop->listen_fd, .events = POLLIN};

    while (poll(&listener, 1, 0) == 1 &&
           loop->connection_count < (size_t)(HTTP_CONNECTIONS_MAX / loop->server->config.loops)) {
        size_t before = loop->connection_count;

        MHD_run(loop->daemon);
        if (loop->connection_count == before)
            break; /* another loop was faster, or there is no descriptor left */
    }
    MHD_quiesce_daemon(loop->daemon);
    close(loop->listen_fd);
    loop->listen_fd = -1;
    loop->draining_since_ms = instant_monotonic();
    loop->sweep_at_ms = 0;
}

static void report_drained(struct http_loop *loop)
{
    struct http_server *server = loop->server;

    loop->drained = true;
    pthread_mutex_lock(&server->lock);
    server->loops_drained++;
    pthread_cond_signal(&server->drained);
    pthread_mutex_unlock(&server->lock);
}

static void turn(struct http_loop *loop)
{
    struct pollfd events[] = {{.fd = loop->epoll_fd, .events = POLLIN},
                              {.fd = loop->wake_fd, .events = POLLIN},
                              {.fd = loop->gone_fd, .events = POLLIN}};
    uint64_t woken;
    int64_t now_ms;

    poll(events, ARRAY_LENGTH(events), sleep_ms(loop, instant_monotonic()));
    if (events[1].revents != 0 && read(loop->wake_fd, &woken, sizeof(woken)) < 0)
        log_event(LOG_DEBUG, "http loop was woken for nothing", "errno=%d", errno);
    /* before MHD_run, which goes on with whom these resume */
    http_expire(loop, instant_monotonic());
    if (events[2].revents != 0)
        http_streams_gone(loop);
    http_streams_tell(loop);
    loop->resumed = false;
    MHD_run(loop->daemon);

    now_ms = instant_monotonic();
    if (atomic_load(&loop->server->draining) && loop->listen_fd >= 0)
        stop_listening(loop);
    if (now_ms >= loop->sweep_at_ms || atomic_load(&loop->server->stopping)) {
        http_sweep(loop, now_ms);
        loop->sweep_at_ms = now_ms + sweep_period(loop);
    }
    if (loop->draining_since_ms != 0 && loop->connection_count == 0 && !loop->drained)
        report_drained(loop);
}

static void *loop_run(void *argument)
{
    struct http_loop *loop = argument;

    while (!atomic_load(&loop->server->stopping) || loop->flight_first != NULL ||
           loop->suspended > 0 || loop->resumed)
        turn(loop);
    MHD_stop_daemon(loop->daemon); /* closes the listening socket too, unless it was drained */
    return NULL;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static int start_loop(struct http_server *server, int listen_fd)
{
    struct http_loop *loop = &server->loops[server->loop_count];
    int error;

    loop->server = server;
    loop->listen_fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 0);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->gone_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->listen_fd >= 0 && loop->wake_fd >= 0 && loop->gone_fd >= 0)
        loop->daemon = http_daemon_start(loop);
    if (loop->daemon == NULL) {
        error = errno == 0 ? EIO : errno;
        close_fd(loop->listen_fd);
        close_fd(loop->wake_fd);
        close_fd(loop->gone_fd);
        return fail(-error, "http loop: %s", strerror(error));
    }
    loop->epoll_fd = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    error = pthread_create(&loop->thread, NULL, loop_run, loop);
    if (error != 0) {
        MHD_stop_daemon(loop->daemon);
        close_fd(loop->wake_fd);
        close_fd(loop->gone_fd);
        return fail(-error, "http loop thread: %s", strerror(error));
    }
    server->loop_count++;
    return 0;
}

/* A socket that listens on `address` and `port`. Non-blocking, as several loops accept from it. */
static int listen_on(const char *address, int64_t port, int *ret_fd)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    int one = 1, fd, error;

    snprintf(service, sizeof(service), "%d", (int)port);
    error = getaddrinfo(address, service, &hints, &found);
    if (error != 0)
        return fail(-EINVAL, "ADDRESS %s: %s", address, gai_strerror(error));
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        error = errno;
        close_fd(fd);
        freeaddrinfo(found);
        return fail(-error, "cannot listen on %s port %d: %s", address, (int)port, strerror(error));
    }
    freeaddrinfo(found);
    *ret_fd = fd;
    return 0;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any = {0}};
    socklen_t size = sizeof(address);

    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

static void make_metrics(struct http_server *server)
{
    const struct http_config *config = &server->config;
    char labels[256];

    server->metrics = xcalloc(config->route_count + 1, sizeof(*server->metrics));
    server->connections = metrics_gauge(config->metrics, "http_connections_open", "",
                                        "Connections that clients have open.");
    server->pool.busy =
        metrics_gauge(config->metrics, "http_workers_busy", "", "Workers that run a request.");
    server->pool.waiting = metrics_gauge(config->metrics, "http_queue_waiting", "",
                                         "Requests that wait for a worker.");
    metric_set(metrics_gauge(config->metrics, "http_workers", "", "Workers that there are."),
               config->workers);
    for (size_t i = 0; i < config->route_count; i++) {
        snprintf(labels, sizeof(labels), "route=\"%s\",method=\"%s\"", config->routes[i].path,
                 config->routes[i].method);
        server->metrics[i].seconds =
            metrics_histogram(config->metrics, "http_request_seconds", labels,
                              "Time from the last header to the answer.");
    }
}

static void init_server(struct http_server *server, const struct http_config *config)
{
    struct http_limits *limits = &server->config.limits;
    pthread_condattr_t monotonic;

    server->config = *config;
    if (config->session != NULL)
        server->session = *config->session;
    server->session.cache = session_cache_new();
    server->config.session = &server->session;
    if (limits->header_ms == 0)
        limits->header_ms = HTTP_HEADER_TIME_MS;
    if (limits->body_ms == 0)
        limits->body_ms = HTTP_BODY_TIME_MS;
    if (limits->idle_ms == 0)
        limits->idle_ms = HTTP_IDLE_TIME_MS;
    if (limits->request_ms == 0)
        limits->request_ms = HTTP_REQUEST_TIME_MS;
    if (limits->drain_idle_ms == 0)
        limits->drain_idle_ms = HTTP_DRAIN_IDLE_MS;
    if (limits->heartbeat_ms == 0)
        limits->heartbeat_ms = HTTP_HEARTBEAT_MS;
    if (limits->streams == 0)
        limits->streams = HTTP_STREAMS_MAX;
    server->loops = xcalloc((size_t)config->loops, sizeof(*server->loops));
    randombytes_buf(&server->id_prefix, sizeof(server->id_prefix));
    if (config->metrics == NULL)
        server->config.metrics = server->own_metrics = metrics_new();
    make_metrics(server);
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->pool.lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->drained, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int http_open(const struct http_config *config, struct http_server **ret_server)
{
    struct http_server *server;
    int listen_fd = -1;
    int r;

    assert(config->loops > 0 && config->workers >= 0);
    if (sodium_init() < 0)
        return fail(-EIO, "libsodium did not start");
    r = listen_on(config->address, config->port, &listen_fd);
    if (r < 0)
        return r;
    server = xcalloc(1, sizeof(*server));
    init_server(server, config);
    server->port = port_of(listen_fd);
    r = http_pool_open(&server->pool, server);
    for (int64_t i = 0; i < config->loops && r == 0; i++)
        r = start_loop(server, listen_fd);
    close_fd(listen_fd); /* each loop has its own descriptor of it */
    if (r < 0) {
        http_free(server);
        return r;
    }
    if (config->feed != NULL)
        feed_set_waker(config->feed, http_streams_wake, server);
    *ret_server = server;
    return 0;
}

int http_port(const struct http_server *server)
{
    return server->port;
}

void http_drain(struct http_server *server, int64_t timeout_ms)
{
    struct timespec until;

    atomic_store(&server->draining, true);
    for (size_t i = 0; i < server->loop_count; i++)
        http_wake(&server->loops[i]);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&server->lock);
    while (server->loops_drained < server->loop_count)
        if (pthread_cond_timedwait(&server->drained, &server->lock, &until) == ETIMEDOUT)
            break;
    if (server->loops_drained < server->loop_count)
        log_event(LOG_WARNING, "requests still open after draining", "waited_ms=%lld",
                  (long long)timeout_ms);
    pthread_mutex_unlock(&server->lock);
}

struct http_server *http_free(struct http_server *server)
{
    if (server == NULL)
        return NULL;
    /* The loops first: they answer (503) whatever the workers still have. Then the workers, which
     * finish what they run, and throw away the rest. */
    if (server->config.feed != NULL)
        feed_set_waker(server->config.feed, NULL, NULL);
    atomic_store(&server->stopping, true);
    for (size_t i = 0; i < server->loop_count; i++) {
        http_wake(&server->loops[i]);
        pthread_join(server->loops[i].thread, NULL);
    }
    http_pool_close(&server->pool);
    for (size_t i = 0; i < server->loop_count; i++) {
        close_fd(server->loops[i].wake_fd); /* a worker may have been about to write to it */
        close_fd(server->loops[i].gone_fd);
    }
    pthread_mutex_destroy(&server->pool.lock);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->drained);
    session_cache_free(server->session.cache);
    free(server->metrics);
    metrics_free(server->own_metrics);
    free(server->loops);
    free(server);
    return NULL;
}

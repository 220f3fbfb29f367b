/*
 * The connection to NATS: opened once, kept by nats.c for ever, watched by one thread of ours.
 *
 * nats.c reconnects by itself and takes subscriptions along. What it does not do is the keeper's
 * work: publishes whose acknowledgement is overdue are reported as failed, what is in hand is held
 * (bus_hold.c), and streams and consumers that have vanished (a broker that came back without its
 * disk, an operator's mistake) are made again, at once after a reconnect and every 5 s.
 *
 * Settings that matter: reconnect for ever; write at once (SendAsap: else each small write waits
 * 1 ms for the flusher); a write deadline, because a broker that stands still would otherwise block
 * a publisher inside nats.c's lock; pings every 1.5 s, so that such a broker, or one to which the
 * network is gone, is left for the next within 6 s; no buffer while disconnected, because what
 * waits there is neither sent nor failed.
 *
 * nats.c never tells when the thread of a subscription is through but by its completion callback.
 * bus_free counts those, so that no callback finds the bus gone.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "common/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEPER_PERIOD_MS   250
#define KEEPER_LOOK_MS     5000
#define CLOSE_TIMEOUT_MS   10000
#define COMPLAIN_PERIOD_MS 5000
#define SERVERS_MAX        16

void bus_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool bus_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                             .tv_nsec = (long)(deadline_ms % 1000) * 1000000};

    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

void bus_complain(struct bus *bus, const char *what)
{
    int64_t now = instant_monotonic();
    int64_t last = atomic_load(&bus->complained_ms);

    if (last != 0 && now - last < COMPLAIN_PERIOD_MS)
        return;
    if (atomic_compare_exchange_strong(&bus->complained_ms, &last, now))
        log_event(LOG_WARNING, what, "%s", "");
}

/* As the callbacks have it: natsConnection_Status would wait for the connection's lock, which
 * nats.c holds while it looks names up and connects, and this is asked on the event loop. */
bool bus_is_connected(const struct bus *bus)
{
    return atomic_load(&bus->link) == BUS_LINK_UP;
}

/* Runs on nats.c's callback thread, as do the next two. */
static void on_disconnected(natsConnection *connection, void *context)
{
    struct bus *bus = context;

    (void)connection;
    atomic_store(&bus->link, BUS_LINK_DOWN);
    bus_publish_fail(bus, /* all= */ true);
    if (!atomic_load(&bus->closing))
        log_event(LOG_WARNING, "bus disconnected", "%s", "");
}

static void on_reconnected(natsConnection *connection, void *context)
{
    struct bus *bus = context;

    (void)connection;
    atomic_store(&bus->link, BUS_LINK_UP);
    metric_add(bus->reconnects, 1);
    log_event(LOG_INFO, "bus reconnected", "%s", "");
    pthread_mutex_lock(&bus->lock);
    bus->reconnected = true;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
}

/* A connection that is to be kept for ever is closed all the same where the server refuses it twice
 * in the same way, or breaks the protocol. Nothing would be heard or said from then on: it is for
 * whoever starts us to try again, and to see why. Everything may be killed at any moment. */
static void on_closed(natsConnection *connection, void *context)
{
    struct bus *bus = context;

    if (atomic_load(&bus->opened) && !atomic_load(&bus->closing)) {
        const char *why = NULL;
        char quoted[256];

        natsConnection_GetLastError(connection, &why);
        log_event(LOG_ERROR, "NATS has closed the connection for good", "error=%s",
                  log_quote(why ? why : "", quoted, sizeof(quoted)));
        _exit(EXIT_FAILURE);
    }
    pthread_mutex_lock(&bus->lock);
    bus->closed_called = true;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
}

/* nats.c's own handler prints to standard error; ours says it in the log. */
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                     void *context)
{
    char quoted[128];

    (void)connection;
    (void)subscription;
    (void)context;
    log_event(LOG_WARNING, "bus error", "error=%s",
              log_quote(natsStatus_GetText(status), quoted, sizeof(quoted)));
}

/* The last that the thread of a subscription does. */
static void on_subscription_over(void *context)
{
    struct bus *bus = context;

    pthread_mutex_lock(&bus->lock);
    bus->subscription_threads--;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
}

int bus_subscribe(struct bus *bus, const char *subject, const char *queue, natsMsgHandler handler,
                  void *context)
{
    natsSubscription *subscription = NULL;
    natsStatus status;

    pthread_mutex_lock(&bus->lock);
    if (bus->subscription_count == BUS_SUBSCRIPTIONS_MAX) {
        pthread_mutex_unlock(&bus->lock);
        return fail(-ENOSPC, "more than %d subscriptions", BUS_SUBSCRIPTIONS_MAX);
    }
    if (queue != NULL)
        status = natsConnection_QueueSubscribe(&subscription, bus->connection, subject, queue,
                                               handler, context);
    else
        status =
            natsConnection_Subscribe(&subscription, bus->connection, subject, handler, context);
    if (status != NATS_OK) {
        pthread_mutex_unlock(&bus->lock);
        return fail(-EAGAIN, "cannot subscribe to %s: %s", subject, natsStatus_GetText(status));
    }
    natsSubscription_SetOnCompleteCB(subscription, on_subscription_over, bus);
    /* What JetStream sends is bounded by MaxAckPending, publishing by its window. */
    natsSubscription_SetPendingLimits(subscription, -1, -1);
    bus->subscriptions[bus->subscription_count++] = subscription;
    bus->subscription_threads++;
    pthread_mutex_unlock(&bus->lock);
    return 0;
}

/* Look after streams and consumers; < 0 if that has to be done again soon. */
static int keeper_look(struct bus *bus)
{
    cleanup(writer_release) struct writer problems = {0};
    int r;

    writer_init(&problems);
    r = bus_ensure(bus, &problems);
    if (problems.length > 0) {
        char quoted[512];

        log_event(LOG_ERROR, "bus is not as it should be", "problems=%s",
                  log_quote(writer_text(&problems), quoted, sizeof(quoted)));
    }
    return r;
}

static void *keeper_main(void *context)
{
    struct bus *bus = context;
    int64_t look_at_ms = instant_monotonic() + KEEPER_LOOK_MS;

    pthread_mutex_lock(&bus->lock);
    while (!bus->stop_keeper) {
        bool reconnected = bus->reconnected;
        bool prepared = bus->prepared;
        bool settled = true;

        bus->reconnected = false;
        pthread_mutex_unlock(&bus->lock);
        bus_publish_fail(bus, /* all= */ false);
        bus_hold_on(bus);
        if (prepared && (reconnected || instant_monotonic() >= look_at_ms)) {
            settled = keeper_look(bus) >= 0;
            look_at_ms = instant_monotonic() + (settled ? KEEPER_LOOK_MS : 0);
        }
        /* Watchers read the streams again: only once these are there. */
        if (reconnected && settled)
            settled = bus_watches_reconnected(bus) >= 0;
        pthread_mutex_lock(&bus->lock);
        if (reconnected && !settled)
            bus->reconnected = true;
        if (!bus->stop_keeper)
            bus_cond_wait(&bus->changed, &bus->lock, instant_monotonic() + KEEPER_PERIOD_MS);
    }
    pthread_mutex_unlock(&bus->lock);
    nats_ReleaseThreadMemory();
    return NULL;
}

static natsStatus set_servers(natsOptions *options, const char *url)
{
    cleanup(freep) char *urls = xstrdup(url);
    const char *servers[SERVERS_MAX];
    char *rest = urls;
    int count = 0;

    while (rest != NULL && count < SERVERS_MAX)
        servers[count++] = strsep(&rest, ",");
    return natsOptions_SetServers(options, servers, count);
}

static natsStatus set_options(natsOptions *options, const struct bus_config *config,
                              struct bus *bus)
{
    natsStatus status = set_servers(options, config->url);

#define SET(call)          \
    if (status == NATS_OK) \
    status = (call)
    SET(natsOptions_SetName(options, config->service));
    SET(natsOptions_SetTimeout(options, 1000));
    SET(natsOptions_SetMaxReconnect(options, -1));
    SET(natsOptions_SetReconnectWait(options, 100));
    SET(natsOptions_SetReconnectJitter(options, 50, 50));
    SET(natsOptions_SetReconnectBufSize(options, 1));
    SET(natsOptions_SetPingInterval(options, 1500));
    SET(natsOptions_SetMaxPingsOut(options, 2));
    SET(natsOptions_SetWriteDeadline(options, 1000));
    SET(natsOptions_SetSendAsap(options, true));
    SET(natsOptions_SetDisconnectedCB(options, on_disconnected, bus));
    SET(natsOptions_SetReconnectedCB(options, on_reconnected, bus));
    SET(natsOptions_SetClosedCB(options, on_closed, bus));
    SET(natsOptions_SetErrorHandler(options, on_error, bus));
    if (config->patient) {
        /* What comes before the first connection is done like what comes after another one. */
        SET(natsOptions_SetRetryOnFailedConnect(options, true, on_reconnected, bus));
    }
#undef SET
    return status;
}

static int connect_until(struct bus *bus, const struct bus_config *config, int64_t deadline_ms)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);

    if (status == NATS_OK)
        status = set_options(options, config, bus);
    if (status != NATS_OK) {
        natsOptions_Destroy(options);
        return fail(-EINVAL, "NATS_URL is not usable: %s", natsStatus_GetText(status));
    }
    for (;;) {
        status = natsConnection_Connect(&bus->connection, options);
        if (status == NATS_NOT_YET_CONNECTED) /* patient: nats.c goes on by itself */
            status = NATS_OK;
        if (status == NATS_OK || instant_monotonic() >= deadline_ms)
            break;
        nats_Sleep(20);
    }
    natsOptions_Destroy(options);
    /* Unless a callback has said since how it is. */
    if (status == NATS_OK && natsConnection_Status(bus->connection) == NATS_CONN_STATUS_CONNECTED)
        atomic_compare_exchange_strong(&bus->link, &(int){BUS_LINK_UNKNOWN}, BUS_LINK_UP);
    return status == NATS_OK ? 0 : -EAGAIN;
}

static struct bus *bus_new(const struct bus_config *config)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));

    bus->service = xstrdup(config->service);
    bus->replicas = config->replicas > 0 ? config->replicas : 1;
    if (config->metrics == NULL)
        bus->own_metrics = metrics_new();
    bus->metrics = config->metrics != NULL ? config->metrics : bus->own_metrics;
    bus->tracer = config->tracer;
    bus->worker_count = (size_t)config->workers;
    bus->reconnects = metrics_counter(bus->metrics, "bus_reconnects_total", "",
                                      "How often the connection to NATS was made again.");
    pthread_mutex_init(&bus->lock, NULL);
    bus_cond_init(&bus->changed);
    pthread_mutex_init(&bus->publish_lock, NULL);
    bus_cond_init(&bus->slot_free);
    pthread_mutex_init(&bus->failures_lock, NULL);
    pthread_mutex_init(&bus->held_lock, NULL);
    return bus;
}

int bus_open(const struct bus_config *config, int64_t timeout_ms, struct bus **ret_bus)
{
    struct bus *bus = bus_new(config);
    int r = connect_until(bus, config, instant_monotonic() + timeout_ms);

    if (r == 0) {
        jsOptions_Init(&bus->js_options);
        bus->js_options.Wait = BUS_API_TIMEOUT_MS;
        if (natsConnection_JetStream(&bus->js, bus->connection, &bus->js_options) != NATS_OK)
            r = fail(-EIO, "cannot use JetStream");
    }
    if (r == 0)
        r = bus_publish_open(bus);
    if (r == 0) {
        if (pthread_create(&bus->keeper, NULL, keeper_main, bus) != 0)
            r = fail(-EIO, "cannot start a thread");
        else
            bus->keeping = true;
    }
    if (r != 0) {
        bus_free(bus);
        return r;
    }
    atomic_store(&bus->opened, true);
    *ret_bus = bus;
    return 0;
}

/* Close the connection and wait until nats.c has called back for the last time. False if that
 * never came. */
static bool close_connection(struct bus *bus)
{
    int64_t deadline_ms = instant_monotonic() + CLOSE_TIMEOUT_MS;
    bool over = true;

    atomic_store(&bus->closing, true);
    natsConnection_Close(bus->connection);
    pthread_mutex_lock(&bus->lock);
    while (over && (bus->subscription_threads > 0 || !bus->closed_called))
        over = bus_cond_wait(&bus->changed, &bus->lock, deadline_ms);
    pthread_mutex_unlock(&bus->lock);
    return over;
}

static void stop_keeper(struct bus *bus)
{
    if (!bus->keeping)
        return;
    pthread_mutex_lock(&bus->lock);
    bus->stop_keeper = true;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
    pthread_join(bus->keeper, NULL);
    bus->keeping = false;
}

struct bus *bus_free(struct bus *bus)
{
    if (bus == NULL)
        return NULL;
    bus_stop_listening(bus, /* timeout_ms= */ 0);
    stop_keeper(bus);
    bus_publish_fail(bus, /* all= */ true);
    if (bus->connection != NULL && !close_connection(bus)) {
        /* A callback that hangs still has the bus: better a leak at the end than a crash. */
        log_event(LOG_ERROR, "bus did not close in time", "%s", "");
        return NULL;
    }
    for (size_t i = 0; i < bus->subscription_count; i++)
        natsSubscription_Destroy(bus->subscriptions[i]);
    bus->retired = bus_retired_free(bus->retired);
    jsCtx_Destroy(bus->js);
    natsConnection_Destroy(bus->connection);
    bus_workers_free(bus);
    bus->watches = bus_watches_free(bus->watches);
    bus->answerers = bus_answerers_free(bus->answerers);
    pthread_mutex_destroy(&bus->lock);
    pthread_cond_destroy(&bus->changed);
    pthread_mutex_destroy(&bus->publish_lock);
    pthread_cond_destroy(&bus->slot_free);
    pthread_mutex_destroy(&bus->failures_lock);
    pthread_mutex_destroy(&bus->held_lock);
    metrics_free(bus->own_metrics);
    free(bus->service);
    free(bus);
    return NULL;
}

/*
 * Listening: from JetStream's push to the workers' queues.
 *
 * nats.c calls back on one thread for each durable. That thread decodes (microseconds), queues
 * the event for the worker that its aggregate's id hashes to, and acknowledges at once what no row
 * of the table names. A worker takes up to BUS_BATCH_MAX events that wait, never two of one
 * aggregate, and leaves the rest in order; so one aggregate's events are handled one at a time and
 * in order of arrival, while a batch costs few round trips to the store.
 *
 * The broker sends at most BUS_WINDOW unacknowledged messages of a durable to all processes
 * together, which bounds the queues; their own bound only matters to replays, which wait there.
 *
 * Stopping: no new messages are asked for, those in nats.c's hands are given back, the workers
 * empty their queues, and what is still there at the deadline is given back too, so that another
 * process has it at once. Questions are no longer answered either, watches and followers hear no
 * more: after it nothing of the service is called.
 */

#include "common/bus_private.h"
#include "common/copy.h"
#include "common/instant.h"

#include <string.h>
#include <time.h>

const struct event_listener *bus_listener(const struct bus *bus, enum event_type type)
{
    for (size_t i = 0; i < bus->listener_count; i++)
        if (bus->listeners[i].event == type)
            return &bus->listeners[i];
    return NULL;
}

void bus_delivery_free(struct bus_delivery *delivery)
{
    natsMsg_Destroy(delivery->message);
    free(delivery);
}

static struct bus_worker *worker_of(struct bus *bus, const char *aggregate_id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *c = aggregate_id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return &bus->workers[hash % bus->worker_count];
}

bool bus_enqueue(struct bus *bus, struct bus_delivery *delivery)
{
    struct bus_worker *worker = worker_of(bus, delivery->event.aggregate_id);
    bool open;

    pthread_mutex_lock(&worker->lock);
    while (worker->count >= BUS_QUEUE_MAX && !atomic_load(&bus->stopping))
        pthread_cond_wait(&worker->changed, &worker->lock);
    open = !atomic_load(&bus->stopping);
    if (open) {
        delivery->next = NULL;
        *worker->tail = delivery;
        worker->tail = &delivery->next;
        worker->count++;
        metric_add(bus->waiting, 1);
        pthread_cond_broadcast(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return open;
}

/* Is an event of the same aggregate in `batch`? */
static bool batch_has(struct bus_delivery *const *batch, size_t count, const char *aggregate_id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(batch[i]->event.aggregate_id, aggregate_id) == 0)
            return true;
    return false;
}

/* Move the events of different aggregates that wait longest from the queue to `batch`. */
static size_t worker_take(struct bus_worker *worker, struct bus_delivery **batch)
{
    struct bus_delivery **link = &worker->head;
    size_t count = 0;

    while (*link != NULL && count < BUS_BATCH_MAX) {
        struct bus_delivery *delivery = *link;

        if (batch_has(batch, count, delivery->event.aggregate_id)) {
            link = &delivery->next;
            continue;
        }
        *link = delivery->next;
        if (worker->tail == &delivery->next)
            worker->tail = link;
        batch[count++] = delivery;
    }
    worker->count -= count;
    metric_add(worker->bus->waiting, -(int64_t)count);
    return count;
}

static void *worker_main(void *context)
{
    struct bus_worker *worker = context;
    struct bus *bus = worker->bus;
    struct bus_delivery *batch[BUS_BATCH_MAX];

    for (;;) {
        size_t count;

        pthread_mutex_lock(&worker->lock);
        while (worker->head == NULL && !atomic_load(&bus->stopping))
            pthread_cond_wait(&worker->changed, &worker->lock);
        count = worker_take(worker, batch);
        pthread_cond_broadcast(&worker->changed);
        pthread_mutex_unlock(&worker->lock);
        if (count == 0)
            break;
        bus_handle(bus, batch, count);
    }
    store_thread_done(bus->store);
    nats_ReleaseThreadMemory();
    return NULL;
}

/* Read where a message is stored; false if it did not come from JetStream. */
static bool read_place(const struct bus_durable *durable, natsMsg *message,
                       struct bus_delivery *delivery)
{
    jsMsgMetaData *meta = NULL;

    if (natsMsg_GetMetaData(&meta, message) != NATS_OK)
        return false;
    delivery->stream = event_owner_info(durable->owner)->stream;
    delivery->sequence = meta->Sequence.Stream;
    delivery->times = meta->NumDelivered;
    delivery->stored_at_ms = meta->Timestamp / 1000000;
    jsMsgMetaData_Destroy(meta);
    return true;
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                       void *context)
{
    struct bus_durable *durable = context;
    struct bus *bus = durable->bus;
    const char *subject = natsMsg_GetSubject(message);
    enum event_type type = event_type_of_subject(subject);
    const struct event_listener *listener =
        type == EVENT_TYPE_COUNT ? NULL : bus_listener(bus, type);
    struct bus_delivery *delivery;

    (void)subscription;
    if (listener == NULL) {
        if (natsMsg_GetReply(message) != NULL)
            natsConnection_PublishString(connection, natsMsg_GetReply(message), "+ACK");
        natsMsg_Destroy(message);
        return;
    }
    delivery = xcalloc(1, sizeof(*delivery));
    delivery->message = message;
    delivery->settle = bus_settle_message;
    if (!read_place(durable, message, delivery)) {
        bus_delivery_free(delivery);
        return;
    }
    if (delivery->times > 1)
        metric_add(bus->redelivered, 1);
    if (bus_decode(message, delivery->stored_at_ms, &delivery->event, &delivery->reason) == 0)
        delivery->listener = listener;
    bus_hold(bus, delivery);
    if (!bus_enqueue(bus, delivery)) {
        bus_let_go(bus, delivery);
        bus_nak(bus, message, 0);
        bus_delivery_free(delivery);
    }
}

static void make_metrics(struct bus *bus)
{
    static const char *const names[RESULT_COUNT] = {
        [RESULT_DONE] = "done",
        [RESULT_STALE] = "stale",
        [RESULT_RETRY] = "retry",
        [RESULT_PARKED] = "parked",
    };

    for (size_t i = 0; i < bus->listener_count; i++) {
        enum event_type type = bus->listeners[i].event;

        for (int result = 0; result < RESULT_COUNT; result++) {
            char labels[96];

            snprintf(labels, sizeof(labels), "event=\"%s\",result=\"%s\"",
                     event_info(type)->subject, names[result]);
            bus->results[type][result] =
                metrics_counter(bus->metrics, "events_handled_total", labels,
                                "Events that came to a listener, by what became of them.");
        }
    }
    bus->parked = metrics_counter(bus->metrics, "events_parked_total", "",
                                  "Events that were written to the dead letters.");
    bus->redelivered = metrics_counter(bus->metrics, "events_redelivered_total", "",
                                       "Deliveries of events that were delivered before.");
    bus->waiting = metrics_gauge(bus->metrics, "events_waiting", "",
                                 "Events that wait for a listener worker.");
    copy_gaps_closed(bus->metrics); /* told also while it is 0 */
    bus->lag = metrics_histogram(bus->metrics, "event_lag_seconds", "",
                                 "From what happened to its effect in this service.");
}

static int start_workers(struct bus *bus)
{
    size_t count = bus->worker_count;

    bus->workers = xcalloc(count, sizeof(*bus->workers));
    for (size_t i = 0; i < count; i++) {
        struct bus_worker *worker = &bus->workers[i];

        worker->bus = bus;
        worker->tail = &worker->head;
        pthread_mutex_init(&worker->lock, NULL);
        bus_cond_init(&worker->changed);
    }
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&bus->workers[i].thread, NULL, worker_main, &bus->workers[i]) != 0) {
            bus->worker_count = i; /* so many are to be joined */
            return fail(-EIO, "cannot start a listener worker");
        }
    return 0;
}

int bus_listen(struct bus *bus, struct store *store, struct app *app,
               const struct event_listener *listeners, size_t count)
{
    int r;

    bus->store = store;
    bus->app = app;
    bus->listeners = listeners;
    bus->listener_count = count;
    if (bus->worker_count == 0 || bus->durable_count == 0)
        bus->worker_count = 1; /* dead letters may be retried */
    make_metrics(bus);
    r = start_workers(bus);
    if (r != 0)
        return r;
    for (size_t i = 0; i < bus->durable_count; i++) {
        r = bus_subscribe(bus, bus->durables[i].subject, bus->service, on_message,
                          &bus->durables[i]);
        if (r != 0)
            return r;
    }
    return 0;
}

/* Stop all that comes in: every subscription but the first, which is for acknowledgements. */
/* Wait until the worker has ended, or `deadline_ms`. */
static bool join_until(pthread_t thread, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                             .tv_nsec = (long)(deadline_ms % 1000) * 1000000};

    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

static void join_workers(struct bus *bus, int64_t deadline_ms)
{
    for (size_t i = 0; i < bus->worker_count && bus->workers != NULL; i++) {
        struct bus_worker *worker = &bus->workers[i];

        pthread_mutex_lock(&worker->lock);
        pthread_cond_broadcast(&worker->changed);
        pthread_mutex_unlock(&worker->lock);
    }
    for (size_t i = 0; i < bus->worker_count && bus->workers != NULL; i++) {
        if (join_until(bus->workers[i].thread, deadline_ms))
            continue;
        /* Past the deadline only the handlers that run now are waited for; the store's own
         * timeouts bound them. */
        atomic_store(&bus->giving_back, true);
        pthread_join(bus->workers[i].thread, NULL);
    }
}

void bus_stop_listening(struct bus *bus, int64_t timeout_ms)
{
    int64_t deadline_ms = instant_monotonic() + timeout_ms;

    if (atomic_load(&bus->stopping))
        return;
    /* All that comes in, but acknowledgements (the first): the outbox still has to be published. */
    for (size_t i = 1; i < bus->subscription_count; i++)
        natsSubscription_Drain(bus->subscriptions[i]);
    atomic_store(&bus->stopping, true);
    join_workers(bus, deadline_ms);
    bus_followers_join(bus);
    for (size_t i = 1; i < bus->subscription_count; i++) {
        int64_t left_ms = deadline_ms - instant_monotonic();

        natsSubscription_WaitForDrainCompletion(bus->subscriptions[i], left_ms > 1 ? left_ms : 1);
    }
}

void bus_workers_free(struct bus *bus)
{
    for (size_t i = 0; i < bus->worker_count && bus->workers != NULL; i++) {
        pthread_mutex_destroy(&bus->workers[i].lock);
        pthread_cond_destroy(&bus->workers[i].changed);
    }
    free(bus->workers);
    bus->workers = NULL;
}

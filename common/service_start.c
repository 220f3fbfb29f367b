/*
 * Starting: from settings to serving.
 *
 * Stores and bus are waited for as long as it takes, so that any start order works (service_wait.c
 * answers for the service meanwhile). Each single step has a deadline, so that a signal is heard
 * soon. Once they are there, everything that the service relies on is made or compared, and all
 * that is wrong is said in one message before the process ends: waiting would not mend it.
 *
 * Order: what is heard needs all that handlers use, so listeners come after `open`; what is
 * answered needs what was heard, so requests come last, after catching up.
 */

#include "common/service_private.h"

#include "common/bans.h"
#include "common/idempotency.h"
#include "common/instant.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_PING_MS 500
#define BUS_OPEN_MS   500
#define CATCH_UP_MS   1000 /* at a time */
/* Of the store: outbox, jobs, answers, this thread, and up to 16 that a service starts itself. A
 * thread keeps its client, so one too few would leave a thread without for ever. */
#define FURTHER_CLIENTS 32

static int open_store(struct service_run *run, struct writer *problems)
{
    const struct core_settings *settings = &run->core->settings;
    struct store_config config = {
        .uri = settings->mongo_uri,
        .database = settings->mongo_database,
        .app_name = run->service->name,
        .metrics = run->core->metrics,
        .clients_max = settings->http_workers + settings->listener_workers + FURTHER_CLIENTS +
                       (int64_t)run->service->job_count,
    };
    int r;

    service_busy_with(run, "Waiting for MongoDB");
    r = store_open(&config, &run->core->store);

    while (r == 0) {
        r = store_ping(run->core->store, STORE_PING_MS);
        if (r == 0)
            r = store_prepare(run->core->store, run->service->indexes, run->service->index_count,
                              problems);
        if (r != -EAGAIN)
            return r;
        writer_clear(problems);
        r = service_pause(run);
    }
    return r;
}

static int open_bus(struct service_run *run, struct writer *problems)
{
    const struct service *service = run->service;
    struct core *core = run->core;
    struct bus_config config = {
        .url = core->settings.nats_url,
        .service = service->name,
        .workers = core->settings.listener_workers,
        .replicas = core->settings.stream_replicas,
        .tracer = core->tracer,
        .metrics = core->metrics,
        .patient = service->onlooker,
    };

    service_busy_with(run, "Waiting for NATS");
    if (service->onlooker)
        return bus_open(&config, BUS_OPEN_MS, &core->bus); /* streams are the services' to make */
    for (;;) {
        cleanup(writer_release) struct writer found = {0};
        int r = core->bus != NULL ? 0 : bus_open(&config, BUS_OPEN_MS, &core->bus);

        if (r == 0)
            r = bus_prepare(core->bus, service->listeners, service->listener_count, &found);
        if (r != -EAGAIN) {
            write_raw(problems, writer_text(&found), found.length);
            return r;
        }
        r = service_pause(run);
        if (r != 0)
            return r;
    }
}

static int open_bans(struct service_run *run)
{
    struct core *core = run->core;
    const struct core_settings *settings = &core->settings;
    int r;

    if (run->service->route_count == 0)
        return 0; /* nobody signs in here */
    service_busy_with(run, "Reading who is banned");
    r = bans_open(core->bus, settings->allow_unexpiring_jwt ? 0 : settings->jwt_seconds,
                  &core->bans);
    if (r == -EAGAIN && run->service->onlooker)
        return 0; /* the health job reads them once they are there */
    while (r == -EAGAIN) {
        r = service_pause(run);
        if (r == 0)
            r = bans_read(core->bans);
    }
    run->bans_known = r == 0;
    return r;
}

static int open_outbox(struct service_run *run)
{
    const struct service *service = run->service;

    if (service->aggregate_count == 0)
        return 0;
    run->collections = xcalloc(service->aggregate_count, sizeof(*run->collections));
    for (size_t i = 0; i < service->aggregate_count; i++)
        run->collections[i] = service->aggregates[i].collection;
    run->outbox_waiting = metrics_gauge(run->core->metrics, "outbox_waiting", "",
                                        "Events in memory that the broker has not acknowledged.");
    return outbox_open(run->core->store, run->core->bus, run->core->metrics, run->collections,
                       service->aggregate_count, &run->core->outbox);
}

static int open_app(struct service_run *run)
{
    const struct service *service = run->service;
    int r;

    if (service->open == NULL)
        return 0;
    service_busy_with(run, "Waiting for a store of its own");
    while ((r = service->open(run->app)) == -EAGAIN) {
        if (service->close != NULL)
            service->close(run->app);
        r = service_pause(run);
        if (r != 0)
            return r;
    }
    run->app_opened = r == 0;
    if (r != 0 && service->close != NULL)
        service->close(run->app);
    return r;
}

static int catch_up(struct service_run *run)
{
    struct bus_catch_up *catch_up = bus_catch_up_new(run->core->bus, /* from_start= */ false);
    int r;

    service_busy_with(run, "Catching up with the streams");
    while ((r = bus_catch_up_go_on(catch_up, CATCH_UP_MS)) == -EAGAIN) {
        struct bus_caught_up progress = bus_catch_up_progress(catch_up);

        service_busy_progress(run, progress.done, progress.of);
        r = service_pause(run);
        if (r != 0)
            break;
    }
    bus_catch_up_free(catch_up);
    return r;
}

/* Events and questions come in from now on. */
static int listen(struct service_run *run)
{
    const struct service *service = run->service;
    int r = bus_listen(run->core->bus, run->core->store, run->app, service->listeners,
                       service->listener_count);

    if (r == 0)
        r = catch_up(run);
    if (r == 0)
        r = service_control_open(run);
    return r;
}

/* What the streams of clients will tell, filled before the first of them asks. */
static int open_feed(struct service_run *run)
{
    const struct feed_source *source = run->service->feed;

    if (source == NULL)
        return 0;
    service_busy_with(run, "Reading the latest events");
    run->core->feed = feed_new(source, run->app, FEED_EVENTS, run->core->metrics);
    return feed_follow(run->core->feed, run->core->bus);
}

static void worker_done(struct app *app)
{
    store_thread_done(((struct core *)app)->store);
}

static int http_start(struct service_run *run)
{
    const struct core_settings *settings = &run->core->settings;
    struct http_config config = {
        .service = run->service->name,
        .address = settings->address,
        .port = settings->port,
        .workers = run->service->route_count > 0 ? settings->http_workers : 1,
        .loops = settings->http_loops,
        .routes = run->routes,
        .route_count = run->route_count,
        .app = run->app,
        .session = &run->core->session,
        .bans = run->core->bans,
        .tracer = run->core->tracer,
        .idempotency = run->idempotency.begin != NULL ? &run->idempotency : NULL,
        .feed = run->core->feed,
        .metrics = run->core->metrics,
        .worker_done = run->worker_done,
    };

    return http_open(&config, &run->core->http);
}

/* The service's routes and those of every service; hooks where a route needs them. */
static int open_http(struct service_run *run)
{
    const struct service *service = run->service;

    run->route_count = service->route_count + SERVICE_HEALTH_ROUTES;
    run->routes = xcalloc(run->route_count, sizeof(*run->routes));
    if (service->route_count > 0)
        memcpy(run->routes, service->routes, service->route_count * sizeof(*run->routes));
    memcpy(run->routes + service->route_count, service_health_routes,
           sizeof(service_health_routes));
    for (size_t i = 0; i < service->route_count; i++)
        if (service->routes[i].flags & HTTP_IDEMPOTENT)
            run->idempotency = idempotency_hooks(run->core->store);
    run->worker_done = service->onlooker ? NULL : worker_done;
    service_porter_stop(run);
    run->core->http = http_free(run->core->http); /* the waiting room */
    return http_start(run);
}

static int open_stores(struct service_run *run)
{
    cleanup(writer_release) struct writer problems = {0};
    int r;

    writer_init(&problems);
    r = run->service->onlooker ? 0 : open_store(run, &problems);
    if (r == 0)
        r = open_bus(run, &problems);
    if (r != 0)
        return r;
    if (problems.length == 0)
        return 0;
    fprintf(stderr, "%s cannot start, because its stores are not as they must be:\n%s",
            run->service->name, writer_text(&problems));
    return -EINVAL;
}

static int recover(struct service_run *run)
{
    int r;

    service_busy_with(run, "Reading what it has said");
    while ((r = service_recover(run)) == -EAGAIN) {
        r = service_pause(run);
        if (r != 0)
            return r;
    }
    return r;
}

int service_start(struct service_run *run)
{
    int r = service_porter_start(run);

    if (r == 0)
        r = open_stores(run);
    if (r == 0)
        r = recover(run);
    if (r == 0)
        r = open_bans(run);
    if (r == 0)
        r = open_outbox(run);
    if (r == 0)
        r = open_app(run);
    if (r == 0 && !run->service->onlooker)
        r = listen(run);
    if (r == 0)
        r = open_feed(run);
    if (r == 0)
        r = service_check_health(run->app);
    if (r == 0)
        r = service_jobs_start(run);
    if (r == 0)
        r = open_http(run);
    service_porter_stop(run); /* also of a start that failed */
    if (r != 0)
        return r;
    atomic_store(&run->serving, true);
    log_event(LOG_INFO, "ready", "port=%d after_ms=%" PRId64, http_port(run->core->http),
              instant_monotonic() - run->started_ms);
    return 0;
}

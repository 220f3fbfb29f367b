#ifndef COMMON_SERVICE_H
#define COMMON_SERVICE_H

/*
 * Service: what every main.c hands to service_main, and what it gets to work with.
 *
 * A service is a folder and this descriptor: its tables are all that common/ knows of it. main:
 * settings → stores and bus (waits for them, so that any start order works) → assert what it
 * relies on → open → routes, listeners, jobs → until SIGTERM or SIGINT: not ready → stop accepting
 * → drain requests → drain listeners → flush the outbox → close.
 *
 * Command line: (none) runs; --describe prints the tables as JSON; --help the settings; --version.
 */

#include "common/bus.h"
#include "common/http.h"
#include "common/metrics.h"
#include "common/outbox.h"
#include "common/recovered.h"
#include "common/session.h"
#include "common/settings.h"
#include "common/store.h"

#include <stdbool.h>

/* The settings that all services share; names in service.c. */
struct core_settings {
    const char *mongo_uri, *mongo_database, *nats_url;
    const char *address;
    int64_t port;
    int64_t http_workers, http_loops, listener_workers;
    int64_t stream_replicas;
    const char *log_level;
    const char *instance; /* told apart in logs where several run */
    const char *otlp_endpoint, *trace_ratio;
    const char *jwt_key, *jwt_key_other, *session_cookie;
    int64_t jwt_seconds;
    bool cookie_secure, allow_weak_jwt_key, allow_unexpiring_jwt;
};

/* The first member of every service's struct app, by the name `core`. */
struct core {
    struct core_settings settings;
    struct session_config session;
    struct store *store; /* NULL for an onlooker */
    struct bus *bus;
    struct bans *bans;
    struct outbox *outbox; /* NULL for a service without aggregates */
    struct metrics *metrics;
    struct tracer *tracer; /* NULL while nobody collects traces */
    struct feed *feed;     /* NULL for a service without streams */
    struct http_server *http;
    struct service_run *run; /* service.c's own */
};

/* Work that repeats: run every `period_ms` on a thread of its own; the next run starts a period
 * after the last one ended. < 0 is logged by service. */
struct service_job {
    const char *name;
    int64_t period_ms;
    int (*run)(struct app *app);
    const char *meaning;
};

/* A collection whose documents are aggregates with an outbox. */
struct service_aggregate {
    const char *collection;

    /* The event that tells of `document` as it stands (for ticketctl resync): type, state, and the
     * version that the document has. 0, or < 0 if it cannot be read. */
    int (*to_event)(const bson_t *document, struct event *ret_event);

    /* The way back (service_recover.c): append what `event`, one of this service's, says; the
     * version is set by whoever asks. */
    void (*from_event)(const struct event *event, struct recovered *ret_fields);
};

/* clang-format off */
struct service {
    const char *name;                       /* folder, database, deliver group */
    const char *motto;                      /* one sentence */
    int64_t port;                           /* the default of PORT */
    bool onlooker;                          /* no service but a tool that serves: it has no database
                                               and hears no events, and it starts and answers while
                                               stores and bus are away */
    size_t app_size;                        /* sizeof(struct app) */
    const struct setting *settings;         size_t setting_count; /* offsets into struct app */
    void (*check)(struct app *app, struct writer *problems); /* of the settings, what their table
                                               cannot judge: appends "NAME: what is wrong\n" for each.
                                               What the table refused is "" here; or NULL */
    const struct http_route *routes;        size_t route_count;
    const struct event_listener *listeners; size_t listener_count;
    const enum event_type *says;            size_t says_count;
    const struct store_index *indexes;      size_t index_count;
    const struct service_job *jobs;         size_t job_count;
    const struct service_aggregate *aggregates; size_t aggregate_count;
    const struct feed_source *feed;         /* what its streams tell (feed.h); or NULL */
    const struct bus_verb *verbs;           size_t verb_count; /* beside those that every service
                                               answers (service_control.c); context: struct app */
    int (*open)(struct app *app);           /* after stores and bus, before routes; or NULL. A line
                                               for each problem goes to the log through fail().
                                               -EAGAIN: a store of its own is away: `close`, and
                                               `open` again in a moment, until told to stop */
    void (*close)(struct app *app);         /* last, before stores and bus; or NULL */
    int (*ready)(struct app *app);          /* further condition of /readyz: 0 or < 0; or NULL */
};
/* clang-format on */

/* Run it; the process's exit code. */
int service_main(const struct service *service, int argc, char **argv);

#endif

/*
 * serve: the operator's tool over HTTP, for the /ops page, on the same frame as a service but not
 * one: it has no database, says nothing, hears nothing, and is needed by nobody (docs/adr/0010).
 *
 * It starts, and answers, while stores and services are away, because that is when an operator
 * looks. Everything is for admins only.
 */

#include "ticketctl/ops.h"

#include <stddef.h>
#include <string.h>

#define DATABASE_THREADS 4
#define OTHER_THREADS    8
#define AUDIT_THREADS    1
#define MEASURE_THREADS  1

/* clang-format off */
/*   variable           type            default                     field                                    least most   what it means */
static const struct setting settings[] = {
    {"DATABASE_PREFIX", SETTING_TEXT,   "",                         offsetof(struct app, tool.database_prefix), 0, 40,    "what stands before each service's name in its database's name"},
    {"REDIS_URL",       SETTING_TEXT,   "redis://127.0.0.1:6379",   offsetof(struct app, redis_url),            1, 1024,  "where expiration keeps its timers"},
    {"STRIPE_API_BASE", SETTING_TEXT,   "https://api.stripe.com",   offsetof(struct app, tool.stripe_base),     1, 1024,  "where Stripe's API is"},
    {"STRIPE_KEY",      SETTING_SECRET, "",                         offsetof(struct app, tool.stripe_key),      0, 256,   "Stripe's secret key; without it the ledger is not audited"},
    {"AUDIT_SECONDS",   SETTING_INT,    "300",                      offsetof(struct app, audit_seconds),        0, 86400, "how often to audit; 0 for only when asked"},
};

/*   method  path                           access  flags      handler */
static const struct http_route routes[] = {
    {"GET",  "/api/ops/overview",           ADMIN, HTTP_WORKER, route_overview      },
    {"POST", "/api/ops/audit",              ADMIN, HTTP_WORKER, route_audit         },
    {"GET",  "/api/ops/deadletters",        ADMIN, HTTP_WORKER, route_list_letters  },
    {"GET",  "/api/ops/deadletters/letter", ADMIN, HTTP_WORKER, route_show_letter   },
    {"POST", "/api/ops/deadletters/replay", ADMIN, HTTP_BODY,   route_replay_letters},
    {"GET",  "/api/ops/orders/:id/path",    ADMIN, HTTP_WORKER, route_order_path    },
};
/* clang-format on */

static const struct service_job jobs[] = {
    {"audit", AUDITOR_PERIOD_MS, auditor_look,
     "begins an audit when it is time, and goes on with it"},
    {"measure-broker", MEASURE_PERIOD_MS, measure_broker, "asks the broker, for /metrics"},
    {"measure-databases", MEASURE_PERIOD_MS, measure_databases, "asks the databases, for /metrics"},
    {"measure-timers", MEASURE_PERIOD_MS, measure_timers, "asks Redis, for /metrics"},
};

static void check(struct app *app, struct writer *problems)
{
    if (app->redis_url[0] != '\0' && !delay_is_url(app->redis_url))
        write_format(problems, "REDIS_URL: must be redis://host[:port][/database]\n");
}

/* An office's thread ends. */
static void thread_done(struct app *app)
{
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++)
        store_thread_done(app->tool.stores[owner]);
}

/* Nothing connects yet. */
static int open_stores(struct app *app)
{
    struct tool *tool = &app->tool;
    int r = 0;

    tool->mongo_uri = app->core.settings.mongo_uri;
    tool->bus = app->core.bus;
    for (enum event_owner owner = 0; owner < OWNER_COUNT && r == 0; owner++)
        r = tool_open_store(tool, owner, "ops", DATABASE_THREADS + AUDIT_THREADS + MEASURE_THREADS,
                            &tool->stores[owner]);
    if (r == 0 && tool->stripe_key[0] != '\0')
        r = stripe_open(tool->stripe_base, tool->stripe_key, &tool->stripe);
    /* The prefix of the keys is the service that owns them. */
    if (r == 0)
        r = delay_open(app->redis_url, event_owner_info(OWNER_EXPIRATION)->service, &app->delay);
    return r;
}

static int open_app(struct app *app)
{
    int r;

    pthread_mutex_init(&app->lock, NULL);
    app->auditor = auditor_new(app->audit_seconds);
    measure_open(app);
    r = open_stores(app);
    if (r == 0)
        r = office_open(app, DATABASE_THREADS, thread_done, &app->databases);
    if (r == 0)
        r = office_open(app, OTHER_THREADS, thread_done, &app->others);
    if (r == 0)
        r = office_open(app, AUDIT_THREADS, thread_done, &app->auditing);
    return r;
}

static void close_app(struct app *app)
{
    app->databases = office_close(app->databases);
    app->others = office_close(app->others);
    app->auditing = office_close(app->auditing);
    app->auditor = auditor_free(app->auditor);
    app->delay = delay_free(app->delay);
    app->tool.stripe = stripe_free(app->tool.stripe);
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++)
        app->tool.stores[owner] = store_free(app->tool.stores[owner]);
    pthread_mutex_destroy(&app->lock);
}

static const struct service ops = {
    .name = "ops",
    .motto = "what an operator sees of a running marketplace, and may do to it",
    .port = 3006,
    .onlooker = true,
    .app_size = sizeof(struct app),
    .settings = settings,
    .setting_count = ARRAY_LENGTH(settings),
    .check = check,
    .routes = routes,
    .route_count = ARRAY_LENGTH(routes),
    .jobs = jobs,
    .job_count = ARRAY_LENGTH(jobs),
    .open = open_app,
    .close = close_app,
};

int serve(int argc, char **argv)
{
    return service_main(&ops, argc, argv);
}

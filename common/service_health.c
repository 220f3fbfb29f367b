/*
 * Health: is the process alive, can it do its work, what has it counted.
 *
 * Whoever sends requests to a process asks /readyz until it has said 200 once, and /livez from then
 * on: a store that is away is so for all processes, and each goes on with what it can.
 *
 * All three are answered on the event loop, so that they answer while every worker is busy. A
 * probe must not wait for a store then: a job asks the stores every second, and /readyz tells what
 * it last found. Whether the bus is connected is known at any time.
 *
 * docs/observability.md lists all metrics; tests/scripts/metrics compares it with what is printed.
 */

#include "common/service_private.h"

#include "common/bans.h"

#define PING_TIMEOUT_MS 1000

static int route_livez(struct app *app, const struct http_request *request,
                       struct http_reply *reply)
{
    struct writer *body = reply_body(reply, 200);

    (void)app;
    (void)request;
    write_object_begin(body, NULL);
    write_object_end(body);
    return 0;
}

static size_t problems_of_started(const struct service_run *run,
                                  const char *ret_problems[SERVICE_PROBLEMS_MAX])
{
    const struct core *core = run->core;
    bool looks_on = run->service->onlooker; /* it answers all the same, and says what is away */
    const struct {
        bool fine;
        const char *otherwise;
    } conditions[] = {
        {!atomic_load(&run->stopping), "Stopping"},
        {looks_on || (core->bus != NULL && bus_is_connected(core->bus)), "NATS is away"},
        {looks_on || atomic_load(&run->store_is_there), "MongoDB is away"},
        {atomic_load(&run->app_is_ready), "The service is not ready"},
    };
    size_t count = 0;

    _Static_assert(ARRAY_LENGTH(conditions) == SERVICE_PROBLEMS_MAX, "there is room for all");
    for (size_t i = 0; i < ARRAY_LENGTH(conditions); i++)
        if (!conditions[i].fine)
            ret_problems[count++] = conditions[i].otherwise;
    return count;
}

/* While it starts, stores and bus are being opened: what it is busy with is all there is to say. */
size_t service_problems(const struct service_run *run,
                        const char *ret_problems[SERVICE_PROBLEMS_MAX])
{
    if (atomic_load(&run->serving) || atomic_load(&run->stopping))
        return problems_of_started(run, ret_problems);
    ret_problems[0] = "Starting";
    ret_problems[1] = atomic_load(&run->busy_with);
    return 2;
}

static int route_readyz(struct app *app, const struct http_request *request,
                        struct http_reply *reply)
{
    const char *problems[SERVICE_PROBLEMS_MAX];
    size_t count = service_problems(((const struct core *)app)->run, problems);
    struct writer *body = reply_body(reply, count == 0 ? 200 : 503);

    (void)request;
    write_object_begin(body, NULL);
    if (count > 0) {
        write_array_begin(body, "errors");
        for (size_t i = 0; i < count; i++) {
            write_object_begin(body, NULL);
            write_text(body, "message", problems[i]);
            write_object_end(body);
        }
        write_array_end(body);
        reply_retry_after(reply, 1);
    }
    write_object_end(body);
    return 0;
}

/* What is not counted as it happens, as it is now. */
static void note_state(const struct service_run *run)
{
    static const char help[] = "Does it answer, as seen from here? A database's is its primary.";
    const struct core *core = run->core;
    const char *problems[SERVICE_PROBLEMS_MAX];

    metric_set(metrics_gauge(core->metrics, "service_ready", "", "What /readyz says."),
               service_problems(run, problems) == 0);
    if (core->bus != NULL)
        metric_set(metrics_gauge(core->metrics, "dependency_up", "dependency=\"nats\"", help),
                   bus_is_connected(core->bus));
    if (core->store != NULL)
        metric_set(metrics_gauge(core->metrics, "dependency_up", "dependency=\"mongodb\"", help),
                   atomic_load(&run->store_is_there));
}

static int route_metrics(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    const struct core *core = (struct core *)app;
    struct writer *body = reply_body(reply, 200);

    (void)request;
    reply_header(reply, "Content-Type", "text/plain; version=0.0.4");
    note_state(core->run);
    metrics_print(core->metrics, body);
    metrics_print_process(body);
    return 0;
}

/* clang-format off */
/*   method path        access  flags                        handler */
const struct http_route service_health_routes[SERVICE_HEALTH_ROUTES] = {
    {"GET", "/livez",   PUBLIC, HTTP_INLINE | HTTP_INTERNAL, route_livez},
    {"GET", "/readyz",  PUBLIC, HTTP_INLINE | HTTP_INTERNAL, route_readyz},
    {"GET", "/metrics", PUBLIC, HTTP_INLINE | HTTP_INTERNAL, route_metrics},
};
/* clang-format on */

int service_check_health(struct app *app)
{
    const struct core *core = (struct core *)app;
    struct service_run *run = core->run;

    if (core->store != NULL)
        atomic_store(&run->store_is_there, store_ping(core->store, PING_TIMEOUT_MS) == 0);
    if (core->bans != NULL && !run->bans_known) /* an onlooker's: others start with them */
        run->bans_known = bans_read(core->bans) == 0;
    atomic_store(&run->app_is_ready, run->service->ready == NULL || run->service->ready(app) == 0);
    if (core->outbox != NULL)
        metric_set(run->outbox_waiting, outbox_waiting(core->outbox));
    return 0;
}

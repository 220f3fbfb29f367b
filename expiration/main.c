/*
 * expiration: tells orders when an order's time has come.
 *
 * It follows the orders' deadlines and keeps one delayed job for each in Redis. When a deadline
 * comes it says so; orders decides what that means. Redis holds timers, not truth: wiped, it is
 * filled again from the orders' events.
 */

#include "expiration/app.h"

#include <stddef.h>

#define WINDOW_SLACK_SECONDS 300 /* a payment stretches a deadline by 120; clocks differ */

/* clang-format off */
/*   variable        type          default                   field, least, most */
static const struct setting settings[] = {
    {"REDIS_URL",    SETTING_TEXT, "redis://127.0.0.1:6379", offsetof(struct app, redis_url),
     1, 1024,  "where the delayed jobs are kept"},
    {"LOCK_SECONDS", SETTING_INT,  "900",                    offsetof(struct app, lock_seconds),
     1, 86400, "how long an order holds its ticket, as orders has it"},
};
/* clang-format on */

static void check(struct app *app, struct writer *problems)
{
    if (app->redis_url[0] != '\0' && !delay_is_url(app->redis_url))
        write_format(problems, "REDIS_URL: must be redis://host[:port][/database]\n");
}

/* Redis away: -EAGAIN, and service_main calls again. Redis that may forget: a start-up error. */
static int open_app(struct app *app)
{
    cleanup(writer_release) struct writer problems = {0};
    struct timer_config config = {
        .bus = app->core.bus,
        .metrics = app->core.metrics,
        .tracer = app->core.tracer,
        .window_ms = (app->lock_seconds + WINDOW_SLACK_SECONDS) * 1000,
    };
    int r;

    r = delay_open(app->redis_url, "expiration", &app->delay);
    if (r != 0)
        return r;
    r = delay_prepare(app->delay, &problems);
    if (r != 0)
        return r;
    if (problems.length > 0)
        return fail(-EINVAL, "Redis is not as it must be:\n%s", writer_text(&problems));
    config.delay = app->delay;
    return timer_open(&config, &app->timer);
}

static void close_app(struct app *app)
{
    app->timer = timer_free(app->timer);
    app->delay = delay_free(app->delay);
}

static int ready(struct app *app)
{
    return delay_ping(app->delay);
}

static const struct service expiration = {
    .name = "expiration",
    .motto = "tells orders when an order's time has come",
    .port = 3005,
    .app_size = sizeof(struct app),
    .settings = settings,
    .setting_count = ARRAY_LENGTH(settings),
    .listeners = expiration_listeners,
    .listener_count = EXPIRATION_LISTENER_COUNT,
    .says = expiration_says,
    .says_count = EXPIRATION_SAYS_COUNT,
    .check = check,
    .open = open_app,
    .close = close_app,
    .ready = ready,
};

int main(int argc, char **argv)
{
    return service_main(&expiration, argc, argv);
}

/*
 * Waiting: what a service does while it cannot serve yet.
 *
 * Starting may take long, whatever it is busy with: a store that is away, an index that is built, a
 * stream that is caught up with. A thread beside it, the porter, opens a waiting room on the
 * service's port once that takes longer than five seconds: /livez says 200, so that an orchestrator
 * does not take waiting for hanging, and /readyz says 503 and what is waited for. Every 5 s it says
 * the same in the log. What starts never has to think of it.
 *
 * The waiting room has the health routes alone, says 503 to all else, has one worker, and knows
 * neither stores nor bans: they are being opened meanwhile.
 */

#include "common/service_private.h"

#include "common/instant.h"
#include "common/log.h"

#include <inttypes.h>
#include <signal.h>
#include <time.h>

#define POLL_MS         25
#define SAY_MS          5000
#define WAITING_ROOM_MS 5000

bool service_wait_signal(int64_t timeout_ms)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ms / 1000),
                               .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    sigset_t signals;
    int signal;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (timeout_ms < 0)
        return sigwait(&signals, &signal) == 0;
    return sigtimedwait(&signals, NULL, &timeout) > 0;
}

/* Wait until `at_ms`; false: the start is over. */
static bool porter_wait(struct service_run *run, int64_t at_ms)
{
    struct timespec until = {.tv_sec = (time_t)(at_ms / 1000),
                             .tv_nsec = (long)(at_ms % 1000) * 1000000};
    bool in_time = true, over;

    pthread_mutex_lock(&run->lock);
    while (in_time && !run->start_is_over)
        in_time = pthread_cond_timedwait(&run->changed, &run->lock, &until) == 0;
    over = run->start_is_over;
    pthread_mutex_unlock(&run->lock);
    return !over;
}

static int open_waiting_room(struct service_run *run)
{
    const struct http_config config = {
        .service = run->service->name,
        .address = run->core->settings.address,
        .port = run->core->settings.port,
        .workers = 1,
        .loops = 1,
        .routes = service_health_routes,
        .route_count = SERVICE_HEALTH_ROUTES,
        .incomplete = true,
        .app = run->app,
        .session = &run->core->session,
        .metrics = run->core->metrics,
    };

    return http_open(&config, &run->core->http);
}

static void say(const struct service_run *run)
{
    int64_t of = atomic_load(&run->busy_of);

    const char *what = atomic_load(&run->busy_with);

    if (of > 0)
        log_event(LOG_INFO, "starting", "busy=\"%s\" done=%" PRId64 " of=%" PRId64, what,
                  atomic_load(&run->busy_done), of);
    else
        log_event(LOG_INFO, "starting", "busy=\"%s\"", what);
}

static void *porter_main(void *context)
{
    struct service_run *run = context;

    if (!porter_wait(run, run->started_ms + WAITING_ROOM_MS))
        return NULL;
    atomic_store(&run->porter_result, open_waiting_room(run));
    do
        say(run);
    while (porter_wait(run, instant_monotonic() + SAY_MS));
    return NULL;
}

int service_porter_start(struct service_run *run)
{
    if (pthread_create(&run->porter, NULL, porter_main, run) != 0)
        return fail(-EIO, "cannot start a thread");
    run->has_porter = true;
    return 0;
}

void service_porter_stop(struct service_run *run)
{
    if (!run->has_porter)
        return;
    pthread_mutex_lock(&run->lock);
    run->start_is_over = true;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    pthread_join(run->porter, NULL);
    run->has_porter = false;
}

void service_busy_with(struct service_run *run, const char *what)
{
    atomic_store(&run->busy_of, 0);
    atomic_store(&run->busy_with, what);
}

void service_busy_progress(struct service_run *run, int64_t done, int64_t of)
{
    atomic_store(&run->busy_done, done);
    atomic_store(&run->busy_of, of);
}

int service_pause(struct service_run *run)
{
    int r = atomic_load(&run->porter_result);

    if (r < 0)
        return r;
    return service_wait_signal(POLL_MS) ? -EINTR : 0;
}

/*
 * Jobs: work that repeats, each on a thread of its own, so that one that hangs delays no other.
 *
 * The period counts from the end of a run, so a slow job never runs twice at once in a process. In
 * several processes it does: a job's own updates name what they read.
 */

#include "common/service_private.h"

#include "common/bans.h"
#include "common/instant.h"
#include "common/log.h"

#include <string.h>
#include <time.h>

static int note_progress(struct app *app)
{
    struct core *core = (struct core *)app;
    int r = bus_note_progress(core->bus);

    return r == 0 ? service_note_said(core->run) : r;
}

static int look_for_bans(struct app *app)
{
    const struct core *core = (struct core *)app;

    return core->bans == NULL ? 0 : bans_look(core->bans);
}

static const struct service_job own_jobs[] = {
    {"health", 1000, service_check_health, "asks the stores, for /readyz"},
    {"bans", BANS_LOOK_MS, look_for_bans, "reads bans that were said and not heard"},
    {"progress", 10000, note_progress, "notes how far each durable is, and the own stream"},
};

/* Wait `period_ms`, or until the service stops: false. */
static bool wait_period(struct service_run *run, int64_t period_ms)
{
    int64_t until_ms = instant_monotonic() + period_ms;
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    bool in_time = true;

    pthread_mutex_lock(&run->lock);
    while (in_time && !atomic_load(&run->stopping))
        in_time = pthread_cond_timedwait(&run->changed, &run->lock, &until) == 0;
    pthread_mutex_unlock(&run->lock);
    return !atomic_load(&run->stopping);
}

static void *worker_main(void *context)
{
    struct service_worker *worker = context;
    struct service_run *run = worker->run;
    int before = 0;

    do {
        int r = worker->job->run(run->app);

        if (r < 0 && before == 0)
            log_event(LOG_WARNING, "job failed", "job=%s error=%d", worker->job->name, -r);
        if (r >= 0 && before < 0)
            log_event(LOG_INFO, "job works again", "job=%s", worker->job->name);
        before = r < 0 ? r : 0;
    } while (wait_period(run, worker->job->period_ms));
    if (run->core->store != NULL)
        store_thread_done(run->core->store);
    return NULL;
}

static int start(struct service_run *run, const struct service_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct service_worker *worker = &run->workers[run->worker_count];

        if (run->worker_count == SERVICE_JOBS_MAX)
            return fail(-ENOSPC, "more than %d jobs", SERVICE_JOBS_MAX);
        *worker = (struct service_worker){.run = run, .job = &jobs[i]};
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
            return fail(-EIO, "cannot start a thread");
        run->worker_count++;
    }
    return 0;
}

int service_jobs_start(struct service_run *run)
{
    int r = start(run, own_jobs, ARRAY_LENGTH(own_jobs));

    return r != 0 ? r : start(run, run->service->jobs, run->service->job_count);
}

void service_jobs_stop(struct service_run *run)
{
    pthread_mutex_lock(&run->lock);
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    for (size_t i = 0; i < run->worker_count; i++)
        pthread_join(run->workers[i].thread, NULL);
    run->worker_count = 0;
}

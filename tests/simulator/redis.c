/*
 * The delayed jobs, as common/delay_scripts.h says Redis keeps them: `due`, `leased` and a marker
 * that tells an empty Redis from a quiet one. Wiped now and then; away now and then; and in some
 * worlds its clock is ahead, so that timers come too early: nobody may believe them.
 */

#include "tests/simulator/simulator.h"

#include "common/delay.h"
#include "common/instant.h"

#include <assert.h>
#include <string.h>

#define JOBS_MAX 512

struct job {
    char id[DELAY_ID_BYTES];
    int64_t due_ms;
    int64_t lease_ms; /* its end; 0: not leased */
};

static struct {
    struct job jobs[JOBS_MAX];
    size_t count;
    bool marked;
} redis;

struct delay {
    int unused;
};

static int begin(const char *what, const char *id)
{
    hush(id[0] == '\0');
    step("%s %s", what, id);
    if (!world_fault(world.faults.redis_away))
        return 0;
    world.verdict.faults++;
    note("Redis is away");
    return -EAGAIN;
}

/* The job of this id that is leased, or is not. */
static struct job *find(const char *id, bool leased)
{
    for (size_t i = 0; i < redis.count; i++)
        if (strcmp(redis.jobs[i].id, id) == 0 && (redis.jobs[i].lease_ms != 0) == leased)
            return &redis.jobs[i];
    return NULL;
}

static void drop(struct job *job)
{
    *job = redis.jobs[--redis.count];
}

/* ZADD GT */
static void schedule(const char *id, int64_t due_ms)
{
    struct job *job = find(id, false);

    if (job == NULL) {
        assert(redis.count < JOBS_MAX);
        job = &redis.jobs[redis.count++];
        *job = (struct job){.due_ms = due_ms};
        text_copy(job->id, sizeof(job->id), id);
    }
    if (due_ms > job->due_ms)
        job->due_ms = due_ms;
}

int delay_open(const char *url, const char *prefix, struct delay **ret_delay)
{
    static struct delay delay;

    (void)url;
    (void)prefix;
    *ret_delay = &delay;
    return 0;
}

struct delay *delay_free(struct delay *delay)
{
    (void)delay;
    return NULL;
}

int delay_prepare(struct delay *delay, struct writer *problems)
{
    (void)delay;
    (void)problems;
    return begin("asks Redis", "");
}

int delay_ping(struct delay *delay)
{
    (void)delay;
    return begin("pings Redis", "");
}

int delay_schedule(struct delay *delay, const char *id, int64_t due_at_ms)
{
    int r = begin("schedules", id);

    (void)delay;
    if (r == 0)
        schedule(id, due_at_ms);
    return r == 0 ? begin("has scheduled", id) : r;
}

int delay_cancel(struct delay *delay, const char *id)
{
    int r = begin("unschedules", id);

    (void)delay;
    for (size_t i = redis.count; r == 0 && i-- > 0;)
        if (strcmp(redis.jobs[i].id, id) == 0)
            drop(&redis.jobs[i]);
    return r == 0 ? begin("has unscheduled", id) : r;
}

static void end_leases(int64_t now_ms)
{
    for (size_t i = redis.count; i-- > 0;) {
        struct job job = redis.jobs[i];

        if (job.lease_ms == 0 || job.lease_ms > now_ms)
            continue;
        drop(&redis.jobs[i]);
        schedule(job.id, job.due_ms);
    }
}

int delay_claim(struct delay *delay, struct delay_job *ret_jobs, size_t most, int64_t wait_most_ms,
                size_t *ret_count, int64_t *ret_next_ms, bool *ret_marked)
{
    int64_t now_ms = true_now_ms() + world.faults.redis_ahead_ms; /* Redis's own clock */
    int r = begin("claims timers", "");

    (void)delay;
    if (r != 0)
        return r;
    end_leases(now_ms);
    *ret_count = 0;
    for (size_t i = 0; i < redis.count && *ret_count < most; i++) {
        struct job *job = &redis.jobs[i], *older;

        if (job->lease_ms != 0 || job->due_ms > now_ms)
            continue;
        text_copy(ret_jobs[*ret_count].id, DELAY_ID_BYTES, job->id);
        ret_jobs[(*ret_count)++].due_at_ms = job->due_ms;
        older = find(job->id, true); /* a lease of the same id and instant is one member */
        if (older != NULL && older->due_ms == job->due_ms) {
            older->lease_ms = now_ms + DELAY_LEASE_MS;
            drop(job);
            i--;
        } else {
            job->lease_ms = now_ms + DELAY_LEASE_MS;
        }
    }
    *ret_next_ms = wait_most_ms;
    for (size_t i = 0; i < redis.count; i++) {
        int64_t at_ms = redis.jobs[i].lease_ms != 0 ? redis.jobs[i].lease_ms : redis.jobs[i].due_ms;

        if (at_ms - now_ms < *ret_next_ms)
            *ret_next_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    }
    *ret_marked = redis.marked;
    return *ret_count > 0 ? begin("has claimed", ret_jobs[0].id) : 0;
}

int delay_done(struct delay *delay, const struct delay_job *job)
{
    int r = begin("frees timer", job->id);

    (void)delay;
    for (size_t i = redis.count; r == 0 && i-- > 0;)
        if (redis.jobs[i].lease_ms != 0 && redis.jobs[i].due_ms == job->due_at_ms &&
            strcmp(redis.jobs[i].id, job->id) == 0)
            drop(&redis.jobs[i]);
    return r;
}

int delay_mark(struct delay *delay)
{
    int r = begin("marks Redis as filled", "");

    (void)delay;
    if (r == 0)
        redis.marked = true;
    return r;
}

void redis_wipe(void)
{
    note("REDIS IS WIPED");
    redis.count = 0;
    redis.marked = false;
}

size_t redis_timers(void)
{
    return redis.count;
}

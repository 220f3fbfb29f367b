#ifndef COMMON_SERVICE_PRIVATE_H
#define COMMON_SERVICE_PRIVATE_H

/*
 * What the files of service share, and nobody else includes.
 *
 *   service.c           start, wait for the end, stop
 *   service_start.c     stores and bus: waits for them, asserts what the service relies on
 *   service_wait.c      the waiting room, while starting takes long
 *   service_settings.c  the settings that all services share
 *   service_describe.c  --describe, --help
 *   service_health.c    /livez, /readyz, /metrics
 *   service_jobs.c      work that repeats
 *   service_recover.c   a database that went back, brought forward by the service's own stream
 *   service_control.c   what ticketctl asks for
 */

#include "common/service.h"

#include <pthread.h>
#include <stdatomic.h>

#define SERVICE_VERSION      "1.0.0"
#define SERVICE_JOBS_MAX     16
#define SERVICE_SETTINGS_MAX 24

/* The table of shared settings, as one service has it. */
struct service_settings {
    struct setting rows[SERVICE_SETTINGS_MAX];
    size_t count;
    char port[8]; /* the default of PORT */
};

/* One job's thread. */
struct service_worker {
    struct service_run *run;
    const struct service_job *job;
    pthread_t thread;
};

/* A running service. */
struct service_run {
    const struct service *service;
    struct app *app;
    struct core *core; /* the first member of *app */
    struct service_settings settings;
    int64_t started_ms;

    struct http_route *routes; /* the service's, and those that every service has */
    size_t route_count;
    struct http_idempotency idempotency;
    const char **collections; /* of the aggregates, for the outbox */

    atomic_bool serving;  /* it is all there, and not being stopped */
    atomic_bool stopping; /* told to stop */
    atomic_bool store_is_there, app_is_ready;
    struct metric *outbox_waiting;
    bool app_opened;
    bool bans_known; /* they have been read */
    char *log_name;
    void (*worker_done)(struct app *app); /* NULL while there is no store */

    /* What the start is busy with, for /readyz and the log (service_wait.c). */
    const char *_Atomic busy_with;
    _Atomic int64_t busy_done, busy_of; /* busy_of 0: that cannot be counted */
    pthread_t porter;
    bool has_porter;
    bool start_is_over;        /* under lock */
    _Atomic int porter_result; /* < 0: there is no waiting room, the port is taken */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* stopping, for the jobs; start_is_over, for the porter */
    struct service_worker workers[SERVICE_JOBS_MAX];
    size_t worker_count;
};

/* service_settings.c: fill the table for `service`; what a single row cannot check. */
void service_settings_fill(const struct service *service, struct service_settings *ret_settings);
void service_settings_check(const struct service *service, const struct core_settings *settings,
                            struct writer *problems);
/* The number from 0 to 1 that `text` is; false: it is none. */
must_check bool service_read_ratio(const char *text, double *ret_ratio);

/* service_start.c: open everything. 0; 1: something is wrong and was said; -EINTR: told to stop. */
must_check int service_start(struct service_run *run);

/* service_wait.c: from `start` to `stop` there is a waiting room on the port, if that takes long.
 * It stays open after `stop`, in core->http. */
must_check int service_porter_start(struct service_run *run);
void service_porter_stop(struct service_run *run);
/* What the start is busy with from now on (static text, a sentence's beginning for people), and how
 * far that is. */
void service_busy_with(struct service_run *run, const char *what);
void service_busy_progress(struct service_run *run, int64_t done, int64_t of);
/* Something is away: wait a little. -EINTR: told to stop; other < 0: the port is taken. */
must_check int service_pause(struct service_run *run);
/* Wait for SIGTERM or SIGINT, at most `timeout_ms` (< 0: for ever). True if one came. */
bool service_wait_signal(int64_t timeout_ms);

/* service_recover.c: before anything decides on the database. 0; -EAGAIN: a store is away; < 0. And
 * note that all that was said so far is in the database; only where service_recover has been. */
must_check int service_recover(struct service_run *run);
must_check int service_note_said(struct service_run *run);

/* service_describe.c */
void service_describe(const struct service *service, struct writer *out);
void service_help(const struct service *service, struct writer *out);

/* service_health.c: the routes that every service has. */
#define SERVICE_HEALTH_ROUTES 3
extern const struct http_route service_health_routes[SERVICE_HEALTH_ROUTES];
/* What keeps it from being ready, for people: static texts; how many there are. */
#define SERVICE_PROBLEMS_MAX 4
size_t service_problems(const struct service_run *run,
                        const char *ret_problems[SERVICE_PROBLEMS_MAX]);
/* Ask stores and service, for /readyz to know without waiting. A job. */
int service_check_health(struct app *app);

/* service_jobs.c: start, and stop and join, the threads of all jobs. */
must_check int service_jobs_start(struct service_run *run);
void service_jobs_stop(struct service_run *run);

/* service_control.c */
must_check int service_control_open(struct service_run *run);

#endif

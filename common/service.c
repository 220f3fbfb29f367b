/*
 * The life of a service: settings, start, until a signal, stop.
 *
 * Signals are blocked in every thread and waited for here, so nothing runs in a handler. Stopping
 * goes in the order in which work flows, so that nothing is cut off: not ready → no new requests,
 * those there are answered → jobs → listeners finish what they hold → the outbox is published →
 * close. Each step has a deadline; what did not make it is in the stores, and the next start or
 * another process goes on with it.
 *
 * Two arenas for malloc: with 40 threads glibc's default would keep 16 of them, each with its own
 * idle pages.
 */

#include "common/service_private.h"

#include "common/instant.h"
#include "common/log.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define DRAIN_HTTP_MS      6000 /* a request's deadline, and a little */
#define DRAIN_LISTENERS_MS 5000
#define DRAIN_OUTBOX_MS    5000
#define DRAIN_TRACES_MS    2000 /* whatever the collector does */

enum exit_code { EXIT_FINE = 0, EXIT_PROBLEM = 1, EXIT_USAGE = 2 };

static void prepare_process(const struct service *service)
{
    struct rlimit files;
    sigset_t signals;

    mallopt(M_ARENA_MAX, 2);
    prctl(PR_SET_NAME, service->name);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* connections are the service's own bound */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Read all settings; false if something is wrong, after one message that names all of it. */
static bool load_settings(struct service_run *run)
{
    const struct service *service = run->service;
    struct core_settings *settings = &run->core->settings;
    cleanup(writer_release) struct writer problems = {0};

    writer_init(&problems);
    settings_load(run->settings.rows, run->settings.count, settings, &problems);
    settings_load(service->settings, service->setting_count, run->app, &problems);
    service_settings_check(service, settings, &problems);
    if (service->check != NULL)
        service->check(run->app, &problems);
    if (problems.length > 0) {
        fprintf(stderr, "%s cannot start, because of its settings:\n%s", service->name,
                writer_text(&problems));
        return false;
    }
    run->core->session = (struct session_config){
        .key = settings->jwt_key,
        .other_key = settings->jwt_key_other,
        .cookie = settings->session_cookie,
        .seconds = settings->jwt_seconds,
        .secure = settings->cookie_secure,
        .allow_unexpiring = settings->allow_unexpiring_jwt,
    };
    return true;
}

/* Which program this is, and since when it runs, for its metrics. */
static void note_process(struct service_run *run)
{
    char labels[96];

    snprintf(labels, sizeof(labels), "program=\"%s\",version=\"" SERVICE_VERSION "\"",
             run->service->name);
    metric_set(metrics_gauge(run->core->metrics, "ticketing_build_info", labels,
                             "Always 1; its labels say which program this is."),
               1);
    metric_set(metrics_gauge(run->core->metrics, "process_start_time_seconds", "",
                             "When it was started, since 1970."),
               instant_now() / 1000);
}

static struct service_run *run_new(const struct service *service)
{
    struct service_run *run = xcalloc(1, sizeof(*run));
    pthread_condattr_t attributes;

    run->service = service;
    run->started_ms = instant_monotonic();
    atomic_init(&run->busy_with, "Opening its stores");
    run->app = xcalloc(1, service->app_size);
    run->core = (struct core *)run->app;
    run->core->run = run;
    run->core->metrics = metrics_new();
    note_process(run);
    service_settings_fill(service, &run->settings);
    pthread_mutex_init(&run->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&run->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return run;
}

static void run_free(struct service_run *run)
{
    metrics_free(run->core->metrics);
    settings_release(run->settings.rows, run->settings.count, &run->core->settings);
    settings_release(run->service->settings, run->service->setting_count, run->app);
    pthread_mutex_destroy(&run->lock);
    pthread_cond_destroy(&run->changed);
    free(run->log_name);
    free(run->routes);
    free(run->collections);
    free(run->app);
    free(run);
}

/* Also after a start that failed half-way. */
static void stop(struct service_run *run)
{
    struct core *core = run->core;

    atomic_store(&run->stopping, true);
    if (core->http != NULL)
        http_drain(core->http, DRAIN_HTTP_MS);
    service_jobs_stop(run);
    if (core->bus != NULL)
        bus_stop_listening(core->bus, DRAIN_LISTENERS_MS);
    if (atomic_load(&run->serving) &&
        (bus_note_progress(core->bus) != 0 || service_note_said(run) != 0))
        log_event(LOG_WARNING, "progress is not noted", "%s", "");
    core->http = http_free(core->http); /* waits for handlers */
    if (run->app_opened && run->service->close != NULL)
        run->service->close(run->app); /* and this for its own threads: nothing is said after it */
    core->outbox = outbox_free(core->outbox, DRAIN_OUTBOX_MS);
    core->bus = bus_free(core->bus);
    core->feed = feed_free(core->feed);
    core->bans = bans_free(core->bans);
    core->store = store_free(core->store);
    core->tracer = tracer_free(core->tracer, DRAIN_TRACES_MS);
}

/* Before all that is traced; there is one only where somebody collects. */
static int open_tracer(struct service_run *run)
{
    const struct core_settings *settings = &run->core->settings;
    struct tracer_config config = {
        .endpoint = settings->otlp_endpoint,
        .service = run->service->name,
        .version = SERVICE_VERSION,
        .instance = settings->instance,
        .metrics = run->core->metrics,
    };

    if (!service_read_ratio(settings->trace_ratio, &config.ratio)) /* was checked before */
        return fail(-EINVAL, "no ratio of traces: %s", settings->trace_ratio);
    return tracer_open(&config, &run->core->tracer);
}

static int run_service(const struct service *service)
{
    struct service_run *run = run_new(service);
    int r = -EINVAL;

    if (load_settings(run)) {
        const char *instance = run->core->settings.instance;

        run->log_name = xasprintf("%s%s%s", service->name, *instance != '\0' ? "-" : "", instance);
        log_open(run->log_name, log_level_parse(run->core->settings.log_level));
        r = open_tracer(run);
        if (r == 0)
            r = service_start(run);
        if (r == 0)
            service_wait_signal(/* timeout_ms= */ -1);
        log_event(LOG_INFO, "stopping", "%s", "");
        stop(run);
        log_event(LOG_INFO, "stopped", "%s", "");
    }
    run_free(run);
    return r == 0 || r == -EINTR ? EXIT_FINE : EXIT_PROBLEM;
}

int service_main(const struct service *service, int argc, char **argv)
{
    const char *option = argc == 2 ? argv[1] : "";
    cleanup(writer_release) struct writer text = {0};

    writer_init(&text);
    if (argc == 1) {
        prepare_process(service);
        return run_service(service);
    }
    if (strcmp(option, "--version") == 0)
        write_format(&text, "%s %s", service->name, SERVICE_VERSION);
    if (strcmp(option, "--describe") == 0)
        service_describe(service, &text);
    if (strcmp(option, "--help") == 0)
        service_help(service, &text);
    if (text.length == 0) {
        service_help(service, &text);
        fputs(writer_text(&text), stderr);
        return EXIT_USAGE;
    }
    puts(writer_text(&text));
    return EXIT_FINE;
}

/*
 * What ticketctl asks a running service for. Answers run on threads of the bus, beside requests and
 * events; whatever they change is safe to repeat and to interrupt.
 *
 *   describe      the tables, as --describe
 *   replay        handle everything that the streams hold again (rebuilds copies)
 *   resync        say the present state of each aggregate again, with the version it has: whoever
 *                 has that version ignores it, whoever lost it has it again
 *   replay-dead   handle dead letters again: all, or the one whose id is the request
 *
 * And of every process at once:
 *
 *   health        who it is, since when it runs, what is wrong with it, what it says and hears
 */

#include "common/service_private.h"

#include "common/instant.h"
#include "common/log.h"

#include <bson/bson.h>
#include <inttypes.h>
#include <unistd.h>

#define REPLAY_MS INT64_C(1800000) /* a day's events, and then some */

static int answer_describe(void *context, const char *request, struct writer *reply)
{
    const struct service_run *run = context;

    (void)request;
    service_describe(run->service, reply);
    return 0;
}

static int answer_replay(void *context, const char *request, struct writer *reply)
{
    struct service_run *run = context;
    struct bus_catch_up *catch_up = bus_catch_up_new(run->core->bus, /* from_start= */ true);
    int r = bus_catch_up_go_on(catch_up, REPLAY_MS);
    int64_t handled = bus_catch_up_progress(catch_up).handled;

    (void)request;
    bus_catch_up_free(catch_up);
    if (r != 0)
        return r;
    write_object_begin(reply, NULL);
    write_int(reply, "handled", handled);
    write_object_end(reply);
    return 0;
}

/* One resync, over all aggregates. */
struct resync {
    struct service_run *run;
    const struct service_aggregate *aggregate;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t under_way, said, failed;
};

static void said(void *context, int result)
{
    struct resync *resync = context;

    pthread_mutex_lock(&resync->lock);
    resync->under_way--;
    if (result == 0)
        resync->said++;
    else
        resync->failed++;
    pthread_cond_signal(&resync->changed);
    pthread_mutex_unlock(&resync->lock);
}

static int say_again(void *context, const bson_t *document)
{
    struct resync *resync = context;
    cleanup(writer_release) struct writer body = {0};
    struct bus_message message;
    struct event event;

    if (atomic_load(&resync->run->stopping))
        return -EAGAIN;
    if (resync->aggregate->to_event(document, &event) != 0) {
        pthread_mutex_lock(&resync->lock);
        resync->failed++;
        pthread_mutex_unlock(&resync->lock);
        return 0;
    }
    writer_init(&body);
    message = bus_message_of(&event, &body);
    pthread_mutex_lock(&resync->lock);
    resync->under_way++;
    pthread_mutex_unlock(&resync->lock);
    bus_publish(resync->run->core->bus, &message, said, resync);
    return 0;
}

static int answer_resync(void *context, const char *request, struct writer *reply)
{
    struct service_run *run = context;
    struct resync resync = {.run = run};
    bson_t all = BSON_INITIALIZER;
    int r = 0;

    (void)request;
    pthread_mutex_init(&resync.lock, NULL);
    pthread_cond_init(&resync.changed, NULL);
    for (size_t i = 0; r == 0 && i < run->service->aggregate_count; i++) {
        resync.aggregate = &run->service->aggregates[i];
        r = store_each_of_all(run->core->store, resync.aggregate->collection, &all, say_again,
                              &resync);
    }
    pthread_mutex_lock(&resync.lock);
    while (resync.under_way > 0) /* the bus reports each within its timeout */
        pthread_cond_wait(&resync.changed, &resync.lock);
    pthread_mutex_unlock(&resync.lock);
    pthread_mutex_destroy(&resync.lock);
    pthread_cond_destroy(&resync.changed);
    bson_destroy(&all);
    if (r != 0)
        return r;
    write_object_begin(reply, NULL);
    write_int(reply, "said", resync.said);
    write_int(reply, "failed", resync.failed);
    write_object_end(reply);
    return 0;
}

static int answer_replay_dead(void *context, const char *request, struct writer *reply)
{
    struct service_run *run = context;
    int64_t handled = 0, failed = 0;
    int r = bus_retry_dead(run->core->bus, *request != '\0' ? request : NULL, &handled, &failed);

    if (r != 0)
        return r;
    write_object_begin(reply, NULL);
    write_int(reply, "handled", handled);
    write_int(reply, "failed", failed);
    write_object_end(reply);
    return 0;
}

static void write_events(struct writer *reply, const struct service *service)
{
    write_array_begin(reply, "hears");
    for (size_t i = 0; i < service->listener_count; i++)
        write_text(reply, NULL, event_info(service->listeners[i].event)->subject);
    write_array_end(reply);
    write_array_begin(reply, "says");
    for (size_t i = 0; i < service->says_count; i++)
        write_text(reply, NULL, event_info(service->says[i])->subject);
    write_array_end(reply);
}

static int answer_health(void *context, const char *request, struct writer *reply)
{
    const struct service_run *run = context;
    const char *problems[SERVICE_PROBLEMS_MAX];
    size_t count = service_problems(run, problems);
    int64_t up_ms = instant_monotonic() - run->started_ms;

    (void)request;
    write_object_begin(reply, NULL);
    write_text(reply, "service", run->service->name);
    write_text(reply, "instance", run->core->settings.instance);
    write_text(reply, "state", count == 0 ? "ready" : "not ready");
    write_text(reply, "version", SERVICE_VERSION);
    write_int(reply, "pid", getpid());
    write_int(reply, "upSeconds", up_ms / 1000);
    write_array_begin(reply, "problems");
    for (size_t i = 0; i < count; i++)
        write_text(reply, NULL, problems[i]);
    write_array_end(reply);
    write_int(reply, "outboxWaiting",
              run->core->outbox != NULL ? outbox_waiting(run->core->outbox) : 0);
    write_events(reply, run->service);
    write_object_end(reply);
    return 0;
}

static const struct bus_verb health = {"health", answer_health};

static const struct bus_verb own_verbs[] = {
    {"describe", answer_describe},
    {"replay", answer_replay},
    {"resync", answer_resync},
    {"replay-dead", answer_replay_dead},
};

int service_control_open(struct service_run *run)
{
    const struct service *service = run->service;
    int r = bus_answer_everyone(run->core->bus, &health, run);

    for (size_t i = 0; i < ARRAY_LENGTH(own_verbs) && r == 0; i++)
        r = bus_answer(run->core->bus, &own_verbs[i], run);
    for (size_t i = 0; i < service->verb_count && r == 0; i++)
        r = bus_answer(run->core->bus, &service->verbs[i], run->app);
    return r;
}

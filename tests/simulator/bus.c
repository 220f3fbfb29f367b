/*
 * JetStream, as far as the services can tell: a log for each owner, publishes that may be lost on
 * their way, or whose acknowledgement may be lost on the way back, live watches, replays. What
 * durables do is in durable.c.
 */

#include "tests/simulator/broker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUPLICATES_US      (120 * SECOND_US) /* the stream's window */
#define PUBLISH_GIVE_UP_US (5 * SECOND_US)

struct publish {
    struct bus *bus;
    struct process *process;
    unsigned int life;
    struct message message;
    void (*done)(void *context, int result);
    void *context;
    bool reported;
};

struct broker broker;

/* ---- the log ---- */

static bool is_duplicate(const struct stream *stream, const char *id)
{
    for (size_t i = stream->count; i-- > 0;) {
        if (stream->messages[i].stored_us < world.now_us - DUPLICATES_US)
            return false;
        if (strcmp(stream->messages[i].id, id) == 0)
            return true;
    }
    return false;
}

void message_decode(const struct message *message, struct event *ret_event)
{
    const char *reason = "";
    int r =
        event_decode(message->subject, message->body, strlen(message->body), ret_event, &reason);

    if (r != 0)
        broken("P18", "a published event cannot be read: %s: %s", reason, message->body);
    ret_event->at_ms = message->at_ms;
    text_copy(ret_event->traceparent, sizeof(ret_event->traceparent), message->traceparent);
}

struct hearing {
    struct watch watch;
    struct event event;
};

static void hear(void *argument)
{
    struct hearing *hearing = argument;

    hearing->watch.heard(hearing->watch.context, &hearing->event);
    free(hearing);
}

static void tell_watches(const struct message *message)
{
    for (size_t i = 0; i < broker.watch_count; i++) {
        struct watch *watch = &broker.watches[i];
        struct hearing *hearing;

        if (watch->process == NULL ||
            strcmp(event_info(watch->type)->subject, message->subject) != 0)
            continue;
        hearing = xmalloc(sizeof(*hearing));
        hearing->watch = *watch;
        message_decode(message, &hearing->event);
        later(chance_between(0, 500 * MS_US), watch->process, hear, hearing);
    }
}

static void append(enum event_owner owner, const struct message *message)
{
    struct stream *stream = &broker.streams[owner];

    if (is_duplicate(stream, message->id)) {
        note("the broker has %s already", message->id);
        return;
    }
    promise_published(message->subject, message->id, message->aggregate_id, message->body);
    if (stream->count == stream->room) {
        stream->room = stream->room * 2 + 64;
        stream->messages = xrealloc(stream->messages, stream->room * sizeof(*stream->messages));
    }
    stream->messages[stream->count] = *message;
    stream->messages[stream->count].body = xstrdup(message->body);
    stream->messages[stream->count++].stored_us = world.now_us;
    note("the broker stores %s %s", message->subject, message->id);
    tell_watches(message);
    fiber_wake(&broker);
}

/* ---- publishing ---- */

static void report(struct publish *publish, int result)
{
    struct bus *bus = publish->bus;

    if (publish->reported)
        return;
    publish->reported = true;
    for (size_t i = 0; i < bus->publish_count; i++)
        if (bus->publishes[i] == publish) {
            bus->publishes[i] = bus->publishes[--bus->publish_count];
            break;
        }
    publish->done(publish->context, result);
}

static void acknowledged(void *argument)
{
    report(argument, 0);
}

static void given_up(void *argument)
{
    report(argument, -EAGAIN);
}

/* It has reached the broker, though its sender may be dead by now. */
static void reach_broker(void *argument)
{
    struct publish *publish = argument;
    bool alive = publish->process->alive && publish->process->life == publish->life;

    append(event_info(event_type_of_subject(publish->message.subject))->owner, &publish->message);
    if (!alive || publish->reported)
        return;
    if (world_fault(world.faults.ack_lost)) {
        world.verdict.faults++;
        note("the broker's acknowledgement of %s is lost", publish->message.id);
        later(PUBLISH_GIVE_UP_US, publish->process, given_up, publish);
        return;
    }
    later(chance_between(0, 10 * MS_US), publish->process, acknowledged, publish);
}

void bus_publish(struct bus *bus, const struct bus_message *message,
                 void (*done)(void *context, int result), void *context)
{
    struct publish *publish = xcalloc(1, sizeof(*publish));
    struct message *sent = &publish->message;

    *publish = (struct publish){.bus = bus,
                                .process = bus->process,
                                .life = bus->process->life,
                                .done = done,
                                .context = context};
    text_copy(sent->id, sizeof(sent->id), message->id);
    text_copy(sent->aggregate_id, sizeof(sent->aggregate_id), message->aggregate_id);
    text_copy(sent->traceparent, sizeof(sent->traceparent), message->traceparent);
    sent->subject = event_info(event_type_of_subject(message->subject))->subject;
    sent->body = xstrndup(message->body, message->body_length);
    sent->at_ms = message->at_ms;
    hush(false);
    step("publishes %s", message->id);
    if (bus->publish_count == ARRAY_LENGTH(bus->publishes)) {
        done(context, -EAGAIN);
        return;
    }
    bus->publishes[bus->publish_count++] = publish;
    if (world_fault(world.faults.publish_lost)) {
        world.verdict.faults++;
        note("%s is lost on its way to the broker", message->id);
        later(PUBLISH_GIVE_UP_US, bus->process, given_up, publish);
        return;
    }
    later(chance_between(0, chance_one_in(16) ? SECOND_US : 5 * MS_US), NULL, reach_broker,
          publish);
}

struct waiter {
    bool over;
    int result;
};

static void stop_waiting(void *context, int result)
{
    struct waiter *waiter = context;

    waiter->over = true;
    waiter->result = result;
    fiber_wake(waiter);
}

int bus_publish_wait(struct bus *bus, const struct event *event, int64_t timeout_ms)
{
    cleanup(writer_release) struct writer body = {0};
    struct waiter *waiter = xcalloc(1, sizeof(*waiter)); /* outlives a wait that is given up */
    int64_t until_us = world.now_us + timeout_ms * MS_US;
    struct bus_message message;

    writer_init(&body);
    message = bus_message_of(event, &body);
    bus_publish(bus, &message, stop_waiting, waiter);
    while (!waiter->over && world.now_us < until_us)
        fiber_wait(waiter, until_us);
    return waiter->over ? waiter->result : -EAGAIN;
}

/* ---- what the services ask of it ---- */

int bus_open(const struct bus_config *config, int64_t timeout_ms, struct bus **ret_bus)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));

    (void)timeout_ms;
    bus->process = fiber_process();
    bus->metrics = config->metrics;
    step("connects to the broker");
    *ret_bus = bus;
    return 0;
}

int bus_prepare(struct bus *bus, const struct event_listener *listeners, size_t count,
                struct writer *problems)
{
    (void)problems;
    for (size_t i = 0; i < count; i++) {
        bool known = false;

        for (size_t j = 0; j < broker.durable_count; j++)
            known = known || strcmp(broker.durables[j].name, listeners[i].durable) == 0;
        if (known)
            continue;
        assert(broker.durable_count < DURABLES_MAX);
        broker.durables[broker.durable_count++] =
            (struct durable){.name = listeners[i].durable,
                             .service = bus->process->service,
                             .owner = event_info(listeners[i].event)->owner};
    }
    return 0;
}

int bus_listen(struct bus *bus, struct store *store, struct app *app,
               const struct event_listener *listeners, size_t count)
{
    bus->store = store;
    bus->app = app;
    bus->listeners = listeners;
    bus->listener_count = count;
    for (; count > 0 && bus->workers < WORKERS; bus->workers++)
        fiber_start(bus->process, "listener", durable_work, bus);
    return 0;
}

void bus_stop_listening(struct bus *bus, int64_t timeout_ms)
{
    (void)timeout_ms;
    bus->stopping = true;
    fiber_wake(&broker);
    while (bus->workers > 0)
        fiber_wait(&bus->workers, INT64_MAX);
    for (size_t i = 0; i < broker.watch_count; i++)
        if (broker.watches[i].process == bus->process)
            broker.watches[i].process = NULL;
}

struct bus *bus_free(struct bus *bus)
{
    while (bus != NULL && bus->publish_count > 0)
        report(bus->publishes[0], -EAGAIN);
    return NULL; /* publishes on their way still name it */
}

void bus_drop(const struct process *process)
{
    for (size_t i = 0; i < broker.watch_count; i++)
        if (broker.watches[i].process == process)
            broker.watches[i].process = NULL;
}

bool bus_is_connected(const struct bus *bus)
{
    (void)bus;
    return true;
}

int bus_replay(struct bus *bus, const struct bus_range *range,
               int (*each)(void *context, const struct event *event, uint64_t sequence),
               void *context)
{
    const struct stream *stream = &broker.streams[range->owner];
    size_t end = stream->count;

    (void)bus;
    step("replays a stream");
    for (size_t i = 0; i < end; i++) {
        const struct message *message = &stream->messages[i];
        int64_t stored_ms = true_now_ms() - (world.now_us - message->stored_us) / MS_US;
        struct event event;
        int r;

        if (range->subject != NULL && strcmp(range->subject, message->subject) != 0)
            continue;
        if (stored_ms < range->since_ms || i + 1 < range->since_seq)
            continue;
        message_decode(message, &event);
        r = each(context, &event, i + 1);
        if (r != 0)
            return r;
    }
    return 0;
}

int bus_extent(struct bus *bus, enum event_owner owner, struct bus_extent *ret_extent)
{
    (void)bus;
    *ret_extent = (struct bus_extent){.made_ms = EPOCH_MS, .last = broker.streams[owner].count};
    return 0;
}

int bus_watch(struct bus *bus, enum event_type type,
              void (*heard)(void *context, const struct event *event),
              int (*reconnected)(void *context), void *context)
{
    size_t place = 0;

    (void)reconnected; /* a connection lasts as long as its process */
    while (place < broker.watch_count && broker.watches[place].process != NULL)
        place++;
    assert(place < WATCHES_MAX);
    if (place == broker.watch_count)
        broker.watch_count++;
    broker.watches[place] =
        (struct watch){.process = bus->process, .type = type, .heard = heard, .context = context};
    return 0;
}

/* Durables keep their place here, and databases their documents: there is nothing to catch up. */
struct bus_catch_up *bus_catch_up_new(struct bus *bus, bool from_start)
{
    (void)bus;
    (void)from_start;
    return NULL;
}

int bus_catch_up_go_on(struct bus_catch_up *catch_up, int64_t timeout_ms)
{
    (void)catch_up;
    (void)timeout_ms;
    return 0;
}

struct bus_caught_up bus_catch_up_progress(struct bus_catch_up *catch_up)
{
    (void)catch_up;
    return (struct bus_caught_up){0};
}

struct bus_catch_up *bus_catch_up_free(struct bus_catch_up *catch_up)
{
    return catch_up;
}

int bus_note_progress(struct bus *bus)
{
    (void)bus;
    return 0;
}

/* Streams to browsers and the operator's questions have tests of their own. */
int bus_follow(struct bus *bus, const struct bus_following *following, int64_t timeout_ms)
{
    (void)bus;
    (void)following;
    (void)timeout_ms;
    return 0;
}

int bus_answer(struct bus *bus, const struct bus_verb *verb, void *context)
{
    (void)bus;
    (void)verb;
    (void)context;
    return 0;
}

int bus_answer_everyone(struct bus *bus, const struct bus_verb *verb, void *context)
{
    return bus_answer(bus, verb, context);
}

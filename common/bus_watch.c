/*
 * Watching, asking and answering: plain NATS, without JetStream.
 *
 * A watch hears each event of a type as it is published, in every process. Nothing is kept for one
 * that was away: whoever watches reads the stream after a reconnect. A question is a request on
 * "control.<service>.<verb>"; the processes of a service share a queue group there, so one of them
 * answers.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "common/log.h"

#include <string.h>

struct bus_watch {
    struct bus_watch *next;
    void (*heard)(void *context, const struct event *event);
    int (*reconnected)(void *context);
    void *context;
};

struct bus_verb_answerer {
    struct bus_verb_answerer *next;
    struct bus *bus;
    const struct bus_verb *verb;
    void *context;
};

static void on_live(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                    void *context)
{
    struct bus_watch *watch = context;
    struct event event;
    const char *reason;

    (void)connection;
    (void)subscription;
    if (bus_decode(message, instant_now(), &event, &reason) == 0)
        watch->heard(watch->context, &event);
    natsMsg_Destroy(message);
}

int bus_watch(struct bus *bus, enum event_type type,
              void (*heard)(void *context, const struct event *event),
              int (*reconnected)(void *context), void *context)
{
    struct bus_watch *watch = xcalloc(1, sizeof(*watch));

    watch->heard = heard;
    watch->reconnected = reconnected;
    watch->context = context;
    pthread_mutex_lock(&bus->lock);
    watch->next = bus->watches;
    bus->watches = watch;
    pthread_mutex_unlock(&bus->lock);
    return bus_subscribe(bus, event_info(type)->subject, /* queue= */ NULL, on_live, watch);
}

int bus_watches_reconnected(struct bus *bus)
{
    struct bus_watch *watch;
    int r = 0;

    pthread_mutex_lock(&bus->lock);
    watch = bus->watches; /* the list only grows, at its head */
    pthread_mutex_unlock(&bus->lock);
    for (; watch != NULL && r >= 0; watch = watch->next)
        if (watch->reconnected != NULL)
            r = watch->reconnected(watch->context);
    return r;
}

struct bus_watch *bus_watches_free(struct bus_watch *watches)
{
    while (watches != NULL) {
        struct bus_watch *next = watches->next;

        free(watches);
        watches = next;
    }
    return NULL;
}

static const char *error_text(int result)
{
    if (result < 0)
        return strerror(-result);
    return result == NOT_FOUND ? "not found" : "refused";
}

static void on_question(natsConnection *connection, natsSubscription *subscription,
                        natsMsg *message, void *context)
{
    struct bus_verb_answerer *answerer = context;
    cleanup(freep) char *request =
        xstrndup(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    cleanup(writer_release) struct writer reply = {0};
    int r;

    (void)subscription;
    writer_init(&reply);
    r = answerer->verb->answer(answerer->context, request, &reply);
    if (r != 0) {
        writer_clear(&reply);
        write_object_begin(&reply, NULL);
        write_text(&reply, "error", error_text(r));
        write_object_end(&reply);
    }
    if (natsMsg_GetReply(message) != NULL)
        natsConnection_PublishString(connection, natsMsg_GetReply(message), writer_text(&reply));
    natsMsg_Destroy(message);
    /* This thread is nats.c's: what it took from the store goes back now. */
    if (answerer->bus->store != NULL)
        store_thread_done(answerer->bus->store);
}

/* Answer what is asked of `whom`; of those who share `queue`, one does. */
static int answer_as(struct bus *bus, const char *whom, const char *queue,
                     const struct bus_verb *verb, void *context)
{
    struct bus_verb_answerer *answerer = xcalloc(1, sizeof(*answerer));
    cleanup(freep) char *subject = xasprintf("control.%s.%s", whom, verb->verb);
    int r;

    answerer->bus = bus;
    answerer->verb = verb;
    answerer->context = context;
    pthread_mutex_lock(&bus->lock);
    answerer->next = bus->answerers;
    bus->answerers = answerer;
    pthread_mutex_unlock(&bus->lock);
    r = bus_subscribe(bus, subject, queue, on_question, answerer);
    if (r == 0) /* who asks from now on is heard; where this fails, from a moment later on */
        natsConnection_FlushTimeout(bus->connection, BUS_API_TIMEOUT_MS);
    return r;
}

int bus_answer(struct bus *bus, const struct bus_verb *verb, void *context)
{
    return answer_as(bus, bus->service, bus->service, verb, context);
}

int bus_answer_everyone(struct bus *bus, const struct bus_verb *verb, void *context)
{
    return answer_as(bus, BUS_EVERYONE, /* queue= */ NULL, verb, context);
}

struct bus_verb_answerer *bus_answerers_free(struct bus_verb_answerer *answerers)
{
    while (answerers != NULL) {
        struct bus_verb_answerer *next = answerers->next;

        free(answerers);
        answerers = next;
    }
    return NULL;
}

int bus_ask(struct bus *bus, const struct bus_question *question, int64_t timeout_ms,
            char **ret_reply)
{
    cleanup(freep) char *subject = xasprintf("control.%s.%s", question->service, question->verb);
    const char *request = question->request != NULL ? question->request : "";
    natsMsg *message = NULL;
    natsStatus status =
        natsConnection_RequestString(&message, bus->connection, subject, request, timeout_ms);

    if (status == NATS_NO_RESPONDERS)
        return NOT_FOUND;
    if (status != NATS_OK)
        return -EAGAIN;
    *ret_reply = xstrndup(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    return 0;
}

/*
 * Streams and consumers: what they must be, compared with what the broker has.
 *
 * A missing one is made, one that differs is updated in the fields that matter to us (the rest,
 * like placement, is the operator's), and what the broker refuses to update is told as a problem.
 * Every process does this at start and on each reconnect, several at once; making what is there
 * already with the same settings is no error for the broker. Replicas are only ever added: while
 * an upgrade raises their number, processes with the old number and the new one do not undo each
 * other's work.
 *
 * Consumers are bound to nothing of ours but their names: they deliver to a subject of their own,
 * and the processes of the service share a plain queue subscription on it. So a consumer that was
 * deleted and made again goes on delivering without anybody subscribing anew, and unsubscribing
 * never deletes it.
 */

#include "common/bus_private.h"

#include <inttypes.h>
#include <string.h>

#define SECOND_NS            INT64_C(1000000000)
#define STREAM_MAX_AGE_NS    (7 * 24 * 3600 * SECOND_NS)
#define STREAM_DUPLICATES_NS (10 * 60 * SECOND_NS)

static bool same(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* The broker is away, or JetStream is not ready; or, with a line in `problems`, it refused. Without
 * a buffer for what is sent while the connection is broken (bus.c), nats.c calls that one full. */
static int report(struct writer *problems, const char *what, const char *name, natsStatus status,
                  jsErrCode error)
{
    if (status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS ||
        status == NATS_CONNECTION_CLOSED || status == NATS_CONNECTION_DISCONNECTED ||
        status == NATS_INSUFFICIENT_BUFFER || status == NATS_IO_ERROR || error == JSNotEnabledErr ||
        error == JSClusterNotAvailErr || error == JSInsufficientResourcesErr ||
        error == JSClusterNoPeersErr)
        return -EAGAIN;
    write_format(problems, "%s %s cannot be made as it must be: %s (JetStream error %d)\n", what,
                 name, natsStatus_GetText(status), (int)error);
    return 0;
}

static bool stream_is_right(const struct bus *bus, const jsStreamConfig *config,
                            const char *subjects)
{
    return config->Replicas >= bus->replicas && config->Retention == js_LimitsPolicy &&
           config->Storage == js_FileStorage && config->Discard == js_DiscardNew &&
           config->MaxAge == STREAM_MAX_AGE_NS && config->Duplicates == STREAM_DUPLICATES_NS &&
           config->SubjectsLen == 1 && same(config->Subjects[0], subjects);
}

static int ensure_stream(struct bus *bus, const struct event_owner_info *owner,
                         struct writer *problems)
{
    const char *subjects[] = {owner->subjects};
    jsStreamInfo *info = NULL, *after = NULL;
    jsStreamConfig config;
    jsErrCode error = 0;
    natsStatus status;
    int r = 0;

    status = js_GetStreamInfo(&info, bus->js, owner->stream, NULL, &error);
    if (status != NATS_OK && status != NATS_NOT_FOUND)
        return report(problems, "stream", owner->stream, status, error);
    if (status == NATS_OK && stream_is_right(bus, info->Config, owner->subjects)) {
        jsStreamInfo_Destroy(info);
        return 0;
    }
    if (status == NATS_OK)
        config = *info->Config;
    else
        jsStreamConfig_Init(&config);
    config.Name = owner->stream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Retention = js_LimitsPolicy;
    config.Storage = js_FileStorage;
    config.Discard = js_DiscardNew;
    config.MaxAge = STREAM_MAX_AGE_NS;
    config.Duplicates = STREAM_DUPLICATES_NS;
    if (config.Replicas < bus->replicas)
        config.Replicas = bus->replicas;
    status = info != NULL ? js_UpdateStream(&after, bus->js, &config, NULL, &error)
                          : js_AddStream(&after, bus->js, &config, NULL, &error);
    if (status != NATS_OK)
        r = report(problems, "stream", owner->stream, status, error);
    jsStreamInfo_Destroy(after);
    jsStreamInfo_Destroy(info);
    return r;
}

static void consumer_config(const struct bus *bus, const struct bus_durable *durable,
                            jsConsumerConfig *config)
{
    jsConsumerConfig_Init(config);
    config->Durable = durable->name;
    config->DeliverSubject = durable->subject;
    config->DeliverGroup = bus->service;
    config->FilterSubject = event_owner_info(durable->owner)->subjects;
    config->DeliverPolicy = js_DeliverAll;
    config->AckPolicy = js_AckExplicit;
    config->ReplayPolicy = js_ReplayInstant;
    config->AckWait = BUS_ACK_WAIT_MS * (SECOND_NS / 1000);
    config->MaxDeliver = -1; /* giving up is ours: a dead letter, not silence */
    config->MaxAckPending = BUS_WINDOW;
}

static bool consumer_is_right(const jsConsumerConfig *is, const jsConsumerConfig *must)
{
    return same(is->DeliverSubject, must->DeliverSubject) &&
           same(is->DeliverGroup, must->DeliverGroup) &&
           same(is->FilterSubject, must->FilterSubject) && is->AckPolicy == must->AckPolicy &&
           is->AckWait == must->AckWait && is->MaxDeliver == must->MaxDeliver &&
           is->MaxAckPending == must->MaxAckPending;
}

static int ensure_consumer(struct bus *bus, const struct bus_durable *durable,
                           struct writer *problems)
{
    const char *stream = event_owner_info(durable->owner)->stream;
    jsConsumerInfo *info = NULL, *after = NULL;
    jsConsumerConfig config;
    jsErrCode error = 0;
    natsStatus status;
    int r = 0;

    consumer_config(bus, durable, &config);
    status = js_GetConsumerInfo(&info, bus->js, stream, durable->name, NULL, &error);
    if (status != NATS_OK && status != NATS_NOT_FOUND)
        return report(problems, "consumer", durable->name, status, error);
    if (status == NATS_OK && consumer_is_right(info->Config, &config)) {
        jsConsumerInfo_Destroy(info);
        return 0;
    }
    if (info != NULL) { /* where it begins cannot be changed, and need not */
        config.DeliverPolicy = info->Config->DeliverPolicy;
        config.OptStartSeq = info->Config->OptStartSeq;
        config.OptStartTime = info->Config->OptStartTime;
    }
    status = js_AddConsumer(&after, bus->js, stream, &config, NULL, &error);
    if (status != NATS_OK)
        r = report(problems, "consumer", durable->name, status, error);
    jsConsumerInfo_Destroy(after);
    jsConsumerInfo_Destroy(info);
    return r;
}

int bus_ensure(struct bus *bus, struct writer *problems)
{
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++) {
        int r = ensure_stream(bus, event_owner_info(owner), problems);

        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < bus->durable_count; i++) {
        int r = ensure_consumer(bus, &bus->durables[i], problems);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Note the durables that the table names, each once. */
static int collect_durables(struct bus *bus, const struct event_listener *listeners, size_t count)
{
    bus->durable_count = 0;
    for (size_t i = 0; i < count; i++) {
        enum event_owner owner = event_info(listeners[i].event)->owner;
        struct bus_durable *durable = NULL;

        for (size_t j = 0; durable == NULL && j < bus->durable_count; j++)
            if (bus->durables[j].owner == owner)
                durable = &bus->durables[j];
        if (durable != NULL) {
            if (strcmp(durable->name, listeners[i].durable) != 0)
                return fail(-EINVAL, "%s and %s are durables of one stream", durable->name,
                            listeners[i].durable);
            continue;
        }
        durable = &bus->durables[bus->durable_count++];
        *durable = (struct bus_durable){.bus = bus, .name = listeners[i].durable, .owner = owner};
        if (snprintf(durable->subject, sizeof(durable->subject), "deliver.%s", durable->name) >=
            (int)sizeof(durable->subject))
            return fail(-EINVAL, "the durable's name %s is too long", durable->name);
    }
    return 0;
}

int bus_prepare(struct bus *bus, const struct event_listener *listeners, size_t count,
                struct writer *problems)
{
    int r = collect_durables(bus, listeners, count);

    if (r == 0)
        r = bus_ensure(bus, problems);
    if (r == 0) {
        pthread_mutex_lock(&bus->lock);
        bus->prepared = true;
        pthread_mutex_unlock(&bus->lock);
    }
    return r;
}

/*
 * Surveys: what the operator asks of all at once.
 *
 * A question to everyone goes out on a subject that each process hears for itself, and the answers
 * come to an inbox. Nobody knows how many there will be: the asker says when it has heard from all
 * that it knows of, and then QUIET_MS without another answer are the end. A process that is away or
 * stands still costs the whole timeout, and nothing else.
 *
 * The broker is asked through JetStream's API, on the connection that is there anyway, so an
 * operator needs neither its monitoring port nor its address.
 */

#include "common/bus_private.h"
#include "common/instant.h"

#include <string.h>

#define QUIET_MS 120

/* Hand answers on until there will be no more. */
static int gather(struct bus *bus, natsSubscription *inbox, int64_t deadline_ms,
                  bool (*heard)(void *context, const char *reply), void *context)
{
    bool all = false;

    for (;;) {
        int64_t left_ms = deadline_ms - instant_monotonic();
        cleanup(freep) char *reply = NULL;
        natsMsg *message = NULL;
        natsStatus status;

        if (all && left_ms > QUIET_MS)
            left_ms = QUIET_MS;
        if (left_ms <= 0)
            return 0;
        status = natsSubscription_NextMsg(&message, inbox, left_ms);
        if (status != NATS_OK)
            return bus_is_connected(bus) ? 0 : -EAGAIN;
        /* Without data it is the broker's, who says that nobody listens. */
        if (natsMsg_GetDataLength(message) > 0) {
            reply = xstrndup(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
            all = heard(context, reply);
        }
        natsMsg_Destroy(message);
        if (reply == NULL)
            return 0;
    }
}

int bus_ask_everyone(struct bus *bus, const char *verb, int64_t timeout_ms,
                     bool (*heard)(void *context, const char *reply), void *context)
{
    cleanup(freep) char *subject = xasprintf("control.%s.%s", BUS_EVERYONE, verb);
    int64_t deadline_ms = instant_monotonic() + timeout_ms;
    natsSubscription *subscription = NULL;
    natsInbox *inbox = NULL;
    int r = -EAGAIN;

    if (!bus_is_connected(bus))
        return -EAGAIN;
    if (natsInbox_Create(&inbox) == NATS_OK &&
        natsConnection_SubscribeSync(&subscription, bus->connection, inbox) == NATS_OK &&
        natsConnection_PublishRequestString(bus->connection, subject, inbox, "") == NATS_OK)
        r = gather(bus, subscription, deadline_ms, heard, context);
    bus_end_subscription(bus, subscription);
    natsInbox_Destroy(inbox);
    return r;
}

static void read_stream(const jsStreamInfo *info, struct bus_stream *ret_stream)
{
    const jsStreamState *state = &info->State;

    ret_stream->messages = (int64_t)state->Msgs;
    ret_stream->bytes = (int64_t)state->Bytes;
    ret_stream->first_sequence = state->FirstSeq;
    ret_stream->last_sequence = state->LastSeq;
    ret_stream->last_at_ms = state->LastSeq > 0 ? state->LastTime / 1000000 : 0;
    for (int i = 0; state->Subjects != NULL && i < state->Subjects->Count; i++) {
        enum event_type type = event_type_of_subject(state->Subjects->List[i].Subject);

        if (type != EVENT_TYPE_COUNT)
            ret_stream->of_type[type] = (int64_t)state->Subjects->List[i].Msgs;
    }
}

/* NOT_FOUND: nobody has made it yet. */
static int survey_stream(struct bus *bus, jsOptions *options, struct bus_stream *ret_stream)
{
    const char *name = event_owner_info(ret_stream->owner)->stream;
    jsStreamInfo *info = NULL;
    jsErrCode error = 0;
    natsStatus status = js_GetStreamInfo(&info, bus->js, name, options, &error);

    if (status == NATS_OK)
        read_stream(info, ret_stream);
    jsStreamInfo_Destroy(info);
    if (status == NATS_NOT_FOUND)
        return NOT_FOUND;
    return status == NATS_OK ? 0 : -EAGAIN;
}

static int survey_consumers(struct bus *bus, jsOptions *options, enum event_owner owner,
                            void (*each)(void *context, const struct bus_consumer *consumer),
                            void *context)
{
    jsConsumerInfoList *list = NULL;
    jsErrCode error = 0;
    natsStatus status =
        js_Consumers(&list, bus->js, event_owner_info(owner)->stream, options, &error);

    for (int i = 0; status == NATS_OK && i < list->Count; i++) {
        const jsConsumerInfo *info = list->List[i];

        /* Those without a deliver group are readers of a moment (bus_read.c). */
        if (info->Config->Durable == NULL || info->Config->DeliverGroup == NULL)
            continue;
        each(context, &(struct bus_consumer){.durable = info->Name,
                                             .service = info->Config->DeliverGroup,
                                             .owner = owner,
                                             .pending = (int64_t)info->NumPending,
                                             .ack_pending = info->NumAckPending,
                                             .redelivered = info->NumRedelivered,
                                             .bound = info->PushBound});
    }
    jsConsumerInfoList_Destroy(list);
    return status == NATS_OK || status == NATS_NOT_FOUND ? 0 : -EAGAIN;
}

int bus_survey(struct bus *bus, int64_t timeout_ms,
               void (*stream)(void *context, const struct bus_stream *stream),
               void (*consumer)(void *context, const struct bus_consumer *consumer), void *context)
{
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++) {
        struct bus_stream seen = {.owner = owner};
        jsOptions options;
        int r;

        if (!bus_is_connected(bus))
            return -EAGAIN;
        jsOptions_Init(&options);
        options.Wait = timeout_ms;
        options.Stream.Info.SubjectsFilter = event_owner_info(owner)->subjects;
        r = survey_stream(bus, &options, &seen);
        if (r == NOT_FOUND)
            continue;
        if (r == 0) {
            stream(context, &seen);
            r = survey_consumers(bus, &options, owner, consumer, context);
        }
        if (r != 0)
            return r;
    }
    return 0;
}

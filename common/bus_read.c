/*
 * Reading a part of a stream, outside of any durable.
 *
 * A consumer of our own, in the broker's memory, is asked for BUS_PULL_MAX messages at a time,
 * which arrive on an inbox: that is the pull protocol without nats.c's natsSubscription_Fetch,
 * which writes past its buffer for more than one message (3.4.1). Asking for what we can take is
 * all the flow control there is. The broker says with each message how many are left, and the
 * stream's last sequence at the start is the end, so a stream that grows while it is read ends too.
 *
 * A lost connection, or a broker that came back without its memory, ends one attempt; the next
 * makes a new consumer that begins after the last message read. Attempts without progress are few.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "common/trace.h"

#include <inttypes.h>
#include <string.h>

#define MESSAGE_TIMEOUT_MS 2000
#define ATTEMPTS_MAX       5
#define RETRY_PAUSE_MS     100

int bus_decode(natsMsg *message, int64_t stored_at_ms, struct event *ret_event,
               const char **ret_reason)
{
    const char *at = NULL, *traceparent = NULL;
    int r = event_decode(natsMsg_GetSubject(message), natsMsg_GetData(message),
                         (size_t)natsMsg_GetDataLength(message), ret_event, ret_reason);

    if (r != 0)
        return r;
    natsMsgHeader_Get(message, "ce-time", &at);
    if (at == NULL || instant_parse(at, &ret_event->at_ms) != 0)
        ret_event->at_ms = stored_at_ms;
    natsMsgHeader_Get(message, "traceparent", &traceparent);
    if (traceparent == NULL || !trace_is_valid(traceparent))
        traceparent = "";
    text_copy(ret_event->traceparent, sizeof(ret_event->traceparent), traceparent);
    return 0;
}

/* The broker cannot be asked, or not now: every status says so in the end. */
static int away(natsStatus status)
{
    return status == NATS_OK ? 0 : -EAGAIN;
}

int bus_extent(struct bus *bus, enum event_owner owner, struct bus_extent *ret_extent)
{
    struct bus_extent extent = {0}; /* of a stream that nobody has made yet */
    jsStreamInfo *info = NULL;
    jsErrCode error = 0;
    natsStatus status =
        js_GetStreamInfo(&info, bus->js, event_owner_info(owner)->stream, NULL, &error);

    if (status == NATS_OK)
        extent = (struct bus_extent){info->Created / 1000000, info->State.LastSeq};
    jsStreamInfo_Destroy(info);
    if (status == NATS_OK || status == NATS_NOT_FOUND)
        *ret_extent = extent;
    return status == NATS_NOT_FOUND ? 0 : away(status);
}

static int make_consumer(struct bus_reader *reader)
{
    const struct bus_range *range = reader->range;
    jsConsumerInfo *info = NULL;
    jsConsumerConfig config;
    jsErrCode error = 0;
    natsStatus status;

    jsConsumerConfig_Init(&config);
    config.DeliverPolicy = js_DeliverAll;
    config.AckPolicy = js_AckNone;
    config.ReplayPolicy = js_ReplayInstant;
    config.FilterSubject = range->subject;
    config.MemoryStorage = true;
    config.InactiveThreshold = INT64_C(30) * 1000000000;
    if (reader->next > 0 || range->since_seq > 0) {
        config.DeliverPolicy = js_DeliverByStartSequence;
        config.OptStartSeq = reader->next > 0 ? reader->next : range->since_seq;
    } else if (range->since_ms > 0) {
        config.DeliverPolicy = js_DeliverByStartTime;
        /* Whole seconds: nats.c writes 12.034 s as 12.34 (3.4 to 3.10 at least), which would leave
         * out what came in between. bus_reader_take drops what came before. */
        config.OptStartTime = range->since_ms / 1000 * INT64_C(1000000000);
    }
    status = js_AddConsumer(&info, reader->bus->js, reader->stream, &config, NULL, &error);
    if (status == NATS_OK) {
        text_copy(reader->consumer, sizeof(reader->consumer), info->Name);
        reader->left = info->NumPending;
    }
    jsConsumerInfo_Destroy(info);
    return away(status);
}

int bus_reader_begin(struct bus_reader *reader)
{
    natsStatus status = natsInbox_Create(&reader->inbox);

    if (status == NATS_OK)
        status = natsConnection_SubscribeSync(&reader->subscription, reader->bus->connection,
                                              reader->inbox);
    return status == NATS_OK ? make_consumer(reader) : away(status);
}

struct bus_retired *bus_retired_free(struct bus_retired *retired)
{
    while (retired != NULL) {
        struct bus_retired *next = retired->next;

        natsSubscription_Destroy(retired->subscription);
        free(retired);
        retired = next;
    }
    return NULL;
}

/*
 * nats.c's reading thread looks a subscription up and then uses it without holding it (3.4.1; later
 * versions hold it), so one that is destroyed while messages for it still arrive, as where a replay
 * stops in the middle of a batch, is used after it was freed. Therefore: unsubscribe, which it then
 * no longer finds, and destroy only when that thread has handled the answer to a PING sent after
 * that. Where none comes it is kept until the connection is closed.
 */
void bus_end_subscription(struct bus *bus, natsSubscription *subscription)
{
    struct bus_retired *retired;

    if (subscription == NULL)
        return;
    natsSubscription_Unsubscribe(subscription);
    if (natsConnection_FlushTimeout(bus->connection, BUS_API_TIMEOUT_MS) == NATS_OK) {
        natsSubscription_Destroy(subscription);
        return;
    }
    retired = xmalloc(sizeof(*retired));
    pthread_mutex_lock(&bus->lock);
    *retired = (struct bus_retired){.next = bus->retired, .subscription = subscription};
    bus->retired = retired;
    pthread_mutex_unlock(&bus->lock);
}

void bus_reader_end(struct bus_reader *reader)
{
    jsErrCode error;

    bus_end_subscription(reader->bus, reader->subscription);
    reader->subscription = NULL;
    natsInbox_Destroy(reader->inbox);
    reader->inbox = NULL;
    /* Where this fails, the broker forgets it by itself. */
    if (reader->consumer[0] != '\0' && bus_is_connected(reader->bus))
        js_DeleteConsumer(reader->bus->js, reader->stream, reader->consumer, NULL, &error);
    reader->consumer[0] = '\0';
}

int bus_reader_take(struct bus_reader *reader, natsMsg *message)
{
    jsMsgMetaData *meta = NULL;
    struct event event;
    const char *reason;
    uint64_t sequence;
    int64_t stored_at_ms;
    int r;

    /* What is no stored message is a status: the consumer is gone, or the request is over. */
    if (natsMsg_GetMetaData(&meta, message) != NATS_OK)
        return -EAGAIN;
    sequence = meta->Sequence.Stream;
    stored_at_ms = meta->Timestamp / 1000000;
    reader->left = meta->NumPending;
    jsMsgMetaData_Destroy(meta);
    reader->next = sequence + 1;
    if (sequence > reader->last || stored_at_ms < reader->range->since_ms)
        return 0;
    if (bus_decode(message, stored_at_ms, &event, &reason) != 0)
        return 0;
    r = reader->each(reader->context, &event, sequence);
    reader->stopped = r != 0;
    return r;
}

int bus_reader_ask(struct bus_reader *reader, uint64_t count)
{
    char subject[160], request[96];

    snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s", reader->stream,
             reader->consumer);
    snprintf(request, sizeof(request), "{\"batch\":%" PRIu64 ",\"expires\":%" PRId64 "}", count,
             INT64_C(1000000) * BUS_PULL_MS);
    return away(natsConnection_PublishRequestString(reader->bus->connection, subject, reader->inbox,
                                                    request));
}

/* Ask for a batch and hand it on. */
static int read_batch(struct bus_reader *reader)
{
    uint64_t count = reader->left < BUS_PULL_MAX ? reader->left : BUS_PULL_MAX;
    int r = bus_reader_ask(reader, count);

    for (uint64_t i = 0; r == 0 && i < count && reader->next <= reader->last; i++) {
        natsMsg *message = NULL;

        r = away(natsSubscription_NextMsg(&message, reader->subscription, MESSAGE_TIMEOUT_MS));
        if (r != 0)
            return r;
        r = bus_reader_take(reader, message);
        natsMsg_Destroy(message);
    }
    return r;
}

/* Read until the end, or until `each` stops. */
static int attempt(struct bus_reader *reader)
{
    int r = bus_reader_begin(reader);

    while (r == 0 && reader->left > 0 && reader->next <= reader->last)
        r = read_batch(reader);
    bus_reader_end(reader);
    return r;
}

int bus_replay(struct bus *bus, const struct bus_range *range,
               int (*each)(void *context, const struct event *event, uint64_t sequence),
               void *context)
{
    struct bus_reader reader = {
        .bus = bus,
        .range = range,
        .stream = event_owner_info(range->owner)->stream,
        .each = each,
        .context = context,
    };
    struct bus_extent extent;
    int r = bus_extent(bus, range->owner, &extent);

    if (r != 0 || extent.last == 0)
        return r; /* nobody has said anything yet */
    reader.last = extent.last;
    for (int tries = 0; tries < ATTEMPTS_MAX; tries++) {
        uint64_t before = reader.next;

        r = attempt(&reader);
        if (r == 0 || reader.stopped)
            return r;
        if (range->until_ms > 0 && instant_monotonic() >= range->until_ms)
            break;
        if (reader.next > before)
            tries = 0;
        nats_Sleep(RETRY_PAUSE_MS);
    }
    return r;
}

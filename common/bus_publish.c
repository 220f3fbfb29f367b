/*
 * Publishing: up to BUS_WINDOW events under way, each reported exactly once.
 *
 * JetStream acknowledges an event by a message to the reply subject that came with it. Ours is
 * "<inbox>.<slot>-<generation>": one subscription hears them all, the slot says whose it is, and
 * the generation tells a late acknowledgement from one of the slot's next event. nats.c has an
 * asynchronous publisher of its own, but what a lost connection leaves there is reported only after
 * its timeout, and what is pending when its context goes is never reported: the outbox must hear of
 * both, at once.
 *
 * So there are four ways to an end, and whoever takes the slot (under publish_lock) reports:
 * the acknowledgement, the timeout (the keeper), a lost connection, or a publish that nats.c
 * refused. "Failed" means: not known to be there. The event's id is its Nats-Msg-Id, so publishing
 * it again is harmless, and a duplicate counts as a success.
 *
 * A traced event's publish is a span, from here to its end, and what the message carries as its
 * traceparent; published again, it is a span more, and the stored message names the first.
 */

#include "common/bus_private.h"
#include "common/instant.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define WINDOW_WAIT_MS 1000

/* Take slot `index` from whoever else might report it. False if somebody was faster. */
static bool slot_take(struct bus *bus, size_t index, uint64_t generation, struct bus_slot *ret_slot)
{
    struct bus_slot *slot = &bus->slots[index];
    bool mine;

    pthread_mutex_lock(&bus->publish_lock);
    mine = slot->busy && slot->generation == generation;
    if (mine) {
        *ret_slot = *slot;
        slot->busy = false;
        slot->generation++;
        bus->free_slots[bus->free_count++] = (uint16_t)index;
        pthread_cond_signal(&bus->slot_free);
    }
    pthread_mutex_unlock(&bus->publish_lock);
    return mine;
}

static void slot_end(struct bus *bus, size_t index, uint64_t generation, int result)
{
    struct bus_slot slot;

    if (!slot_take(bus, index, generation, &slot))
        return;
    if (result != 0)
        span_fail(slot.span, "unacknowledged");
    span_end(slot.span);
    slot.done(slot.context, result);
}

void bus_publish_fail(struct bus *bus, bool all)
{
    int64_t now = instant_monotonic();

    for (size_t i = 0; i < BUS_WINDOW; i++) {
        uint64_t generation;
        bool over;

        pthread_mutex_lock(&bus->publish_lock);
        generation = bus->slots[i].generation;
        over = bus->slots[i].busy && (all || bus->slots[i].deadline_ms <= now);
        pthread_mutex_unlock(&bus->publish_lock);
        if (over)
            slot_end(bus, i, generation, -EAGAIN);
    }
}

/* Does this acknowledgement say that the event is stored? Else it carries an error, or is empty
 * because no stream takes the subject. */
static bool is_stored(const char *data, size_t length)
{
    json_t *root = length > 0 ? json_loadb(data, length, 0, NULL) : NULL;
    bool stored =
        json_is_integer(json_object_get(root, "seq")) && json_object_get(root, "error") == NULL;

    json_decref(root);
    return stored;
}

static void on_acknowledged(natsConnection *connection, natsSubscription *subscription,
                            natsMsg *message, void *context)
{
    struct bus *bus = context;
    const char *slot = natsMsg_GetSubject(message) + strlen(bus->inbox) + 1; /* "12-345" */
    char *dash;
    size_t index = strtoul(slot, &dash, 10);

    (void)connection;
    (void)subscription;
    if (*dash == '-' && index < BUS_WINDOW) {
        uint64_t generation = strtoull(dash + 1, NULL, 10);
        bool stored = is_stored(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));

        slot_end(bus, index, generation, stored ? 0 : -EAGAIN);
    }
    natsMsg_Destroy(message);
}

int bus_publish_open(struct bus *bus)
{
    char subject[BUS_INBOX_BYTES + 2];
    natsInbox *inbox = NULL;

    if (natsInbox_Create(&inbox) != NATS_OK)
        return fail(-EIO, "cannot make an inbox");
    snprintf(bus->inbox, sizeof(bus->inbox), "%s", inbox);
    natsInbox_Destroy(inbox);
    for (size_t i = 0; i < BUS_WINDOW; i++)
        bus->free_slots[bus->free_count++] = (uint16_t)i;
    snprintf(subject, sizeof(subject), "%s.*", bus->inbox);
    return bus_subscribe(bus, subject, /* queue= */ NULL, on_acknowledged, bus);
}

struct bus_message bus_message_of(const struct event *event, struct writer *body)
{
    event_encode(event, body);
    return (struct bus_message){.subject = event_info(event->type)->subject,
                                .id = event->id,
                                .aggregate_id = event->aggregate_id,
                                .traceparent = event->traceparent,
                                .body = writer_text(body),
                                .body_length = body->length,
                                .at_ms = event->at_ms};
}

static natsStatus set_headers(natsMsg *message, const struct bus_message *event,
                              const char *service)
{
    char source[96], at[INSTANT_TEXT_BYTES];
    const char *headers[][2] = {
        {"Nats-Msg-Id", event->id},          {"ce-id", event->id},
        {"ce-type", event->subject},         {"ce-source", source},
        {"ce-subject", event->aggregate_id}, {"ce-time", at},
        {"ce-specversion", "1.0"},           {"content-type", "application/json"},
        {"traceparent", event->traceparent},
    };
    natsStatus status = NATS_OK;

    snprintf(source, sizeof(source), "/ticketing/%s", service);
    instant_format(event->at_ms, at);
    for (size_t i = 0; status == NATS_OK && i < ARRAY_LENGTH(headers); i++)
        if (headers[i][1] != NULL && headers[i][1][0] != '\0')
            status = natsMsgHeader_Set(message, headers[i][0], headers[i][1]);
    return status;
}

/* A free slot, filled like `wanted`; waits while the window is full. False if none came free in
 * time. */
static bool slot_fill(struct bus *bus, const struct bus_slot *wanted, size_t *ret_index,
                      uint64_t *ret_generation)
{
    int64_t deadline_ms = instant_monotonic() + WINDOW_WAIT_MS;
    bool in_time = true;

    pthread_mutex_lock(&bus->publish_lock);
    while (bus->free_count == 0 && in_time)
        in_time = bus_cond_wait(&bus->slot_free, &bus->publish_lock, deadline_ms);
    if (bus->free_count == 0) {
        pthread_mutex_unlock(&bus->publish_lock);
        return false;
    }
    *ret_index = bus->free_slots[--bus->free_count];
    *ret_generation = bus->slots[*ret_index].generation;
    bus->slots[*ret_index] = (struct bus_slot){
        .busy = true,
        .generation = *ret_generation,
        .deadline_ms = instant_monotonic() + BUS_PUBLISH_TIMEOUT_MS,
        .done = wanted->done,
        .context = wanted->context,
        .span = wanted->span,
    };
    pthread_mutex_unlock(&bus->publish_lock);
    return true;
}

/* The span from here to the broker's acknowledgement, if the event is traced; *traced is then the
 * event with that span as its traceparent, so that who hears it follows from this publish. The id
 * of a user's event names the user, and is not told. */
static struct span *begin_span(struct bus *bus, struct bus_message *traced,
                               char own[TRACEPARENT_BYTES])
{
    struct span_of of = {.kind = SPAN_PRODUCER, .verb = "publish"};
    enum event_type type;
    struct span *span;

    if (bus->tracer == NULL)
        return NULL;
    type = event_type_of_subject(traced->subject);
    if (type == EVENT_TYPE_COUNT)
        return NULL;
    of.object = event_info(type)->subject;
    span = span_begin_below(bus->tracer, &of, traced->traceparent, own);
    if (span == NULL)
        return NULL;
    traced->traceparent = own;
    span_text(span, "messaging.system", "nats");
    span_text(span, "messaging.operation.name", "publish");
    span_text(span, "messaging.operation.type", "send");
    span_text(span, "messaging.destination.name", of.object);
    if (event_info(type)->owner != OWNER_USERS)
        span_copy(span, "messaging.message.id", traced->id);
    return span;
}

static natsStatus send(struct bus *bus, const struct bus_message *event, const char *reply)
{
    natsMsg *message = NULL;
    natsStatus status;

    status = natsMsg_Create(&message, event->subject, reply, event->body, (int)event->body_length);
    if (status == NATS_OK)
        status = set_headers(message, event, bus->service);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(bus->connection, message);
    natsMsg_Destroy(message);
    return status;
}

void bus_publish(struct bus *bus, const struct bus_message *message,
                 void (*done)(void *context, int result), void *context)
{
    char reply[BUS_INBOX_BYTES + 48], own[TRACEPARENT_BYTES];
    struct bus_message traced = *message;
    struct bus_slot wanted = {
        .done = done, .context = context, .span = begin_span(bus, &traced, own)};
    uint64_t generation;
    size_t index;

    if (!bus_is_connected(bus) || !slot_fill(bus, &wanted, &index, &generation)) {
        span_fail(wanted.span, "unsent");
        span_end(wanted.span);
        done(context, -EAGAIN);
        return;
    }
    snprintf(reply, sizeof(reply), "%s.%zu-%" PRIu64, bus->inbox, index, generation);
    if (send(bus, &traced, reply) != NATS_OK)
        slot_end(bus, index, generation, -EAGAIN);
}

/* What bus_publish_wait and the publish share; the last of the two frees it, because the wait may
 * end first. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool reported, left;
    int result;
};

static struct waiter *waiter_free(struct waiter *waiter)
{
    pthread_mutex_destroy(&waiter->lock);
    pthread_cond_destroy(&waiter->changed);
    free(waiter);
    return NULL;
}

static void waiter_report(void *context, int result)
{
    struct waiter *waiter = context;
    bool left;

    pthread_mutex_lock(&waiter->lock);
    waiter->reported = true;
    waiter->result = result;
    left = waiter->left;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
    if (left)
        waiter_free(waiter);
}

int bus_publish_wait(struct bus *bus, const struct event *event, int64_t timeout_ms)
{
    int64_t deadline_ms = instant_monotonic() + timeout_ms;
    cleanup(writer_release) struct writer body = {0};
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));
    struct bus_message message;
    bool in_time = true, reported;
    int result;

    pthread_mutex_init(&waiter->lock, NULL);
    bus_cond_init(&waiter->changed);
    writer_init(&body);
    message = bus_message_of(event, &body);
    bus_publish(bus, &message, waiter_report, waiter);
    pthread_mutex_lock(&waiter->lock);
    /* Still there: `left` is not set yet, so the report has not freed it. */
    while (!waiter->reported && in_time) /* NOLINT(clang-analyzer-unix.Malloc) */
        in_time = bus_cond_wait(&waiter->changed, &waiter->lock, deadline_ms);
    reported = waiter->reported;
    result = reported ? waiter->result : -EAGAIN;
    waiter->left = true;
    pthread_mutex_unlock(&waiter->lock);
    if (reported)
        waiter_free(waiter);
    return result;
}

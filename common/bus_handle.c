/*
 * Handling: a batch of events of different aggregates, from copies to acknowledgements.
 *
 * First the copies are moved, all events of one copy in one bulk; then the handlers run one by one;
 * each message is settled as soon as its own result is known, after its effect is committed.
 *
 *   done           ack
 *   -EAGAIN        nak: what it needs is away; without limit, and nothing counts against it
 *   STALE          nak: not yet; given up once it lasted BUS_STALE_MS
 *   other < 0      nak; given up at the BUS_TRIES_MAXth time, or after BUS_FAILING_MS
 *   other > 0      parked at once: it will never be otherwise
 *
 * What was given up is parked too (bus_dead.c). Failures are counted here and not taken from the
 * message's own delivery count, because that also counts the tries while a store was away: after
 * an outage, one crossing more would park a good event. A process that forgot its counts (it was
 * restarted) counts anew; a message that is held longer costs one of BUS_WINDOW slots, no more.
 *
 * A batch has a time box: what it could not begin within BATCH_TIME_MS goes back, for somebody
 * else who may be faster.
 */

#include "common/bus_private.h"
#include "common/copy.h"
#include "common/instant.h"
#include "common/log.h"

#include <inttypes.h>
#include <string.h>

#define BATCH_TIME_MS        10000
#define BACKOFF_LEAST_MS     100
#define BACKOFF_DOUBLINGS    5 /* 0.1 s … 3.2 s */
#define FAILURE_FORGOTTEN_MS 60000

int64_t bus_backoff_ms(uint64_t times)
{
    uint64_t doublings = times > 1 ? times - 1 : 0;

    return INT64_C(1) * BACKOFF_LEAST_MS
           << (doublings < BACKOFF_DOUBLINGS ? doublings : BACKOFF_DOUBLINGS);
}

void bus_nak(struct bus *bus, natsMsg *message, int64_t delay_ms)
{
    char text[64] = "-NAK";

    if (delay_ms > 0)
        snprintf(text, sizeof(text), "-NAK {\"delay\":%" PRId64 "}", delay_ms * 1000000);
    /* One that is lost comes back after the broker's ack_wait. */
    natsConnection_PublishString(bus->connection, natsMsg_GetReply(message), text);
}

/* The entry of a message: the one it has, or a free one, or the one that was idle longest. */
static struct bus_failure *failure_entry(struct bus *bus, const struct bus_delivery *delivery,
                                         int64_t now)
{
    struct bus_failure *oldest = &bus->failures[0];

    for (size_t i = 0; i < BUS_FAILURES_MAX; i++) {
        struct bus_failure *entry = &bus->failures[i];

        if (entry->last_ms != 0 && entry->sequence == delivery->sequence &&
            entry->stream == delivery->stream && now - entry->last_ms < FAILURE_FORGOTTEN_MS)
            return entry;
        if (entry->last_ms < oldest->last_ms)
            oldest = entry;
    }
    *oldest = (struct bus_failure){
        .stream = delivery->stream, .sequence = delivery->sequence, .first_ms = now};
    return oldest;
}

bool bus_give_up(struct bus *bus, const struct bus_delivery *delivery, int result)
{
    int64_t now = instant_monotonic();
    struct bus_failure *entry;
    bool over = false;

    pthread_mutex_lock(&bus->failures_lock);
    entry = failure_entry(bus, delivery, now);
    entry->last_ms = now;
    if (result == -EAGAIN) {
        entry->first_ms = now;
        entry->count = 0;
    } else if (result == STALE) {
        over = now - entry->first_ms >= BUS_STALE_MS;
    } else {
        over = ++entry->count >= BUS_TRIES_MAX ||
               (entry->count >= BUS_TRIES_LEAST && now - entry->first_ms >= BUS_FAILING_MS);
    }
    pthread_mutex_unlock(&bus->failures_lock);
    return over || (result > 0 && result != STALE);
}

static void count_result(struct bus *bus, const struct bus_delivery *delivery,
                         enum bus_result result)
{
    if (delivery->listener != NULL)
        metric_add(bus->results[delivery->listener->event][result], 1);
}

void bus_settle_message(struct bus *bus, struct bus_delivery *delivery, int result)
{
    const char *reply = natsMsg_GetReply(delivery->message);

    bus_let_go(bus, delivery);
    if (result == 0) {
        natsConnection_PublishString(bus->connection, reply, "+ACK");
        count_result(bus, delivery, RESULT_DONE);
    } else if (bus_give_up(bus, delivery, result) && bus_park(bus, delivery, result) == 0) {
        natsConnection_PublishString(bus->connection, reply, "+TERM");
        count_result(bus, delivery, RESULT_PARKED);
    } else {
        bus_nak(bus, delivery->message, bus_backoff_ms(delivery->times));
        count_result(bus, delivery, result == STALE ? RESULT_STALE : RESULT_RETRY);
    }
    bus_delivery_free(delivery);
}

/* Move the copies of all events in the batch that feed `copy`. */
static void move_copies(struct bus *bus, const struct copy *copy, struct bus_delivery **batch,
                        size_t count, int *results)
{
    const struct event *events[BUS_BATCH_MAX];
    int moved[BUS_BATCH_MAX];
    size_t places[BUS_BATCH_MAX];
    size_t moving = 0;
    int r;

    for (size_t i = 0; i < count; i++)
        if (batch[i]->listener != NULL && batch[i]->listener->copy == copy) {
            events[moving] = &batch[i]->event;
            places[moving++] = i;
        }
    r = copy_move(bus->store, bus->metrics, copy, events, moving, moved);
    for (size_t i = 0; i < moving; i++)
        results[places[i]] = r < 0 ? r : moved[i];
}

static bool copy_is_new(struct bus_delivery *const *batch, size_t place)
{
    const struct event_listener *listener = batch[place]->listener;

    if (listener == NULL || listener->copy == NULL)
        return false;
    for (size_t i = 0; i < place; i++)
        if (batch[i]->listener != NULL && batch[i]->listener->copy == listener->copy)
            return false;
    return true;
}

/* The span of a delivery, below the publish that brought it. */
static struct span *begin_span(struct bus *bus, const struct bus_delivery *delivery)
{
    const struct event *event = &delivery->event;
    const struct span_of of = {
        .kind = SPAN_CONSUMER, .verb = "process", .object = event_info(event->type)->subject};
    struct span *span = span_begin(bus->tracer, &of, event->traceparent);

    if (span == NULL)
        return NULL;
    span_text(span, "messaging.system", "nats");
    span_text(span, "messaging.operation.name", "process");
    span_text(span, "messaging.operation.type", "process");
    span_text(span, "messaging.destination.name", of.object);
    span_text(span, "messaging.consumer.group.name", delivery->listener->durable);
    if (event_info(event->type)->owner != OWNER_USERS)
        span_copy(span, "messaging.message.id", event->id);
    if (delivery->times > 1) {
        span_number(span, "ticketing.delivery", (int64_t)delivery->times);
        span_link_parent(span);
    }
    return span;
}

/* "Not yet" is no failure: two events have crossed. */
static void end_span(struct span *span, int result)
{
    if (result == STALE)
        span_text(span, "ticketing.result", "stale");
    else if (result != 0)
        span_fail(span, result == -EAGAIN ? "away" : result > 0 ? "refused" : "failed");
    span_end(span);
}

/* Run the handler in the event's own context, if its copy was moved (`result`); says once what went
 * wrong. The batch was begun at `begun_us`: what was done for all of it was done for this one. */
static int handle_one(struct bus *bus, const struct bus_delivery *delivery, int result,
                      int64_t begun_us)
{
    const struct event *event = &delivery->event;
    struct span *span;
    int r = result;

    log_set_context(&(struct log_context){
        .request = event->id, .subject = event_info(event->type)->subject, .trace = ""});
    span = begin_span(bus, delivery);
    if (delivery->listener->copy != NULL)
        span_began(span, begun_us);
    if (r == 0 && delivery->listener->handle != NULL)
        r = delivery->listener->handle(bus->app, event);
    if (r == 0)
        histogram_add(bus->lag, (instant_now() - event->at_ms) * 1000);
    trace_end();
    end_span(span, r);
    log_set_context(NULL);
    return r;
}

/* What is left of a batch that takes too long is given back, as is all while the bus stops. */
static int handle_in_time(struct bus *bus, const struct bus_delivery *delivery, int result,
                          int64_t begun_us)
{
    bool late = instant_monotonic() >= begun_us / 1000 + BATCH_TIME_MS;

    if (result == 0 && (late || atomic_load(&bus->giving_back)))
        result = -EAGAIN;
    return handle_one(bus, delivery, result, begun_us);
}

void bus_handle(struct bus *bus, struct bus_delivery **batch, size_t count)
{
    int64_t begun_us = instant_monotonic_us();
    int results[BUS_BATCH_MAX];
    bool giving_back = atomic_load(&bus->giving_back);

    for (size_t i = 0; i < count; i++)
        results[i] = batch[i]->listener == NULL ? INVALID : giving_back ? -EAGAIN : 0;
    for (size_t i = 0; i < count && !giving_back; i++)
        if (copy_is_new(batch, i))
            move_copies(bus, batch[i]->listener->copy, batch, count, results);
    for (size_t i = 0; i < count; i++) {
        if (batch[i]->listener != NULL && !giving_back)
            results[i] = handle_in_time(bus, batch[i], results[i], begun_us);
        if (results[i] == -EAGAIN && !giving_back)
            bus_complain(bus, "a store or the bus is away, events are asked for again");
        batch[i]->settle(bus, batch[i], results[i]);
    }
}

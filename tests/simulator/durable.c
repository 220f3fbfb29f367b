/*
 * Durables: messages are handed to one process of a service at a time until one acknowledges.
 *
 * They are handed over late, twice, out of order, or into a process that dies with them; what is
 * not acknowledged comes again after 30 s (the broker's 6 would leave less room for chance). What a
 * listener does with a batch is told again here as common/bus_handle.c does it (copies first, then
 * handlers, then acknowledge), since that file speaks to nats.c; copies and handlers are the
 * services' own.
 */

#include "common/copy.h"
#include "common/trace.h"
#include "tests/simulator/broker.h"

#include <stdio.h>
#include <string.h>

#define ACK_WAIT_US (30 * SECOND_US)

/* ---- handing over ---- */

static const struct event_listener *
listener_for(const struct bus *bus, const struct durable *durable, const struct message *message)
{
    for (size_t i = 0; i < bus->listener_count; i++)
        if (strcmp(bus->listeners[i].durable, durable->name) == 0 &&
            strcmp(event_info(bus->listeners[i].event)->subject, message->subject) == 0)
            return &bus->listeners[i];
    return NULL;
}

/* Know of every message of the stream; those that the durable does not ask for are done with. */
static void follow_stream(const struct bus *bus, struct durable *durable)
{
    const struct stream *stream = &broker.streams[durable->owner];

    while (durable->count < stream->count) {
        struct handover *handover;

        if (durable->count == durable->room) {
            durable->room = durable->room * 2 + 64;
            durable->handovers =
                xrealloc(durable->handovers, durable->room * sizeof(*durable->handovers));
        }
        handover = &durable->handovers[durable->count];
        *handover = (struct handover){
            .state = listener_for(bus, durable, &stream->messages[durable->count]) == NULL
                         ? HAND_DONE
                         : HAND_OPEN};
        durable->count++;
    }
    while (durable->done_before < durable->count &&
           durable->handovers[durable->done_before].state == HAND_DONE)
        durable->done_before++;
}

static bool is_under_way(const struct bus *bus, const char *aggregate_id)
{
    for (size_t i = 0; i < bus->under_way_count; i++)
        if (strcmp(bus->under_way[i], aggregate_id) == 0)
            return true;
    return false;
}

struct delivery {
    struct durable *durable;
    size_t place;
    const struct event_listener *listener;
    struct event event;
};

/* Can the message be handed over now? Otherwise *next_us is at most when it can be. */
static bool is_ripe(const struct bus *bus, const struct durable *durable, size_t place,
                    int64_t *next_us)
{
    const struct handover *handover = &durable->handovers[place];

    if (handover->state == HAND_DONE || handover->state == HAND_PARKED)
        return false;
    if (handover->not_before_us > world.now_us) {
        if (handover->not_before_us < *next_us)
            *next_us = handover->not_before_us;
        return false;
    }
    return !is_under_way(bus, broker.streams[durable->owner].messages[place].aggregate_id);
}

/* Take one message of `durable`: mostly the oldest. */
static bool take_one(struct bus *bus, struct durable *durable, struct delivery *ret_delivery,
                     int64_t *next_us)
{
    bool any = chance_below(100) < (uint64_t)world.faults.reorder && !world.calm;
    size_t chosen = SIZE_MAX;
    uint64_t seen = 0;

    follow_stream(bus, durable);
    for (size_t i = durable->done_before; i < durable->count; i++)
        if (is_ripe(bus, durable, i, next_us) && chance_below(++seen) == 0) {
            chosen = i;
            if (!any)
                break;
        }
    if (chosen == SIZE_MAX)
        return false;
    *ret_delivery = (struct delivery){.durable = durable, .place = chosen};
    return true;
}

static void hand_over(struct bus *bus, struct delivery *delivery)
{
    const struct message *message =
        &broker.streams[delivery->durable->owner].messages[delivery->place];
    struct handover *handover = &delivery->durable->handovers[delivery->place];

    delivery->listener = listener_for(bus, delivery->durable, message);
    message_decode(message, &delivery->event);
    handover->state = HAND_OVER;
    handover->not_before_us = world.now_us + ACK_WAIT_US;
    handover->times++;
    if (world.options.breakage == BREAK_EARLY_ACK)
        handover->state = HAND_DONE;
    text_copy(bus->under_way[bus->under_way_count++], ID_BYTES, message->aggregate_id);
    hush(false);
    note("is handed %s (time %d)", message->id, handover->times);
}

/* A batch of one durable, of different aggregates; 0: nothing before *ret_next_us. */
static size_t take_batch(struct bus *bus, struct delivery *ret_batch, int64_t *ret_next_us)
{
    struct durable *chosen = NULL;
    size_t most = 1 + chance_below(BATCH_MAX), count = 0;
    uint64_t seen = 0;

    *ret_next_us = INT64_MAX;
    for (size_t i = 0; i < broker.durable_count; i++) {
        struct delivery delivery;

        if (strcmp(broker.durables[i].service, bus->process->service) == 0 &&
            take_one(bus, &broker.durables[i], &delivery, ret_next_us) && chance_below(++seen) == 0)
            chosen = &broker.durables[i];
    }
    while (chosen != NULL && count < most &&
           take_one(bus, chosen, &ret_batch[count], ret_next_us)) {
        if (world_fault(world.faults.delivery_lost)) {
            struct handover *handover = &chosen->handovers[ret_batch[count].place];

            world.verdict.faults++;
            handover->not_before_us = world.now_us + ACK_WAIT_US; /* lost on its way */
            continue;
        }
        hand_over(bus, &ret_batch[count++]);
    }
    return count;
}

/* ---- handling ---- */

static void move_copies(struct bus *bus, const struct copy *copy, struct delivery *batch,
                        size_t count, int *results)
{
    const struct event *events[BATCH_MAX];
    size_t places[BATCH_MAX], moving = 0;
    int moved[BATCH_MAX], r;

    for (size_t i = 0; i < count; i++)
        if (batch[i].listener->copy == copy) {
            places[moving] = i;
            events[moving++] = &batch[i].event;
        }
    r = copy_move(bus->store, bus->metrics, copy, events, moving, moved);
    for (size_t i = 0; i < moving; i++)
        results[places[i]] = r < 0 ? r : moved[i];
}

static bool gives_up(struct handover *handover, int result)
{
    if (result == STALE) {
        if (handover->stale_since_us == 0)
            handover->stale_since_us = world.now_us;
        return world.now_us - handover->stale_since_us >= BUS_STALE_MS * MS_US;
    }
    if (result == -EAGAIN) {
        handover->stale_since_us = 0;
        handover->failures = 0;
        return false;
    }
    return result > 0 || ++handover->failures >= BUS_TRIES_MAX;
}

static void settle(struct delivery *delivery, int result)
{
    struct handover *handover = &delivery->durable->handovers[delivery->place];
    int shift = handover->times < 6 ? handover->times : 6;

    if (handover->state == HAND_DONE)
        return;
    if (result == 0) {
        if (world_fault(world.faults.delivery_twice)) {
            world.verdict.faults++;
            note("the acknowledgement of %s is lost", delivery->event.id);
            handover->state = HAND_OPEN;
            handover->not_before_us = world.now_us + chance_between(0, ACK_WAIT_US);
            return;
        }
        handover->state = HAND_DONE;
    } else if (gives_up(handover, result)) {
        handover->state = HAND_PARKED;
        world.verdict.parked++;
        snprintf(broker.parked_what, sizeof(broker.parked_what), "%s for %s (%d)",
                 delivery->event.id, delivery->durable->name, result);
        note("PARKS %s", broker.parked_what);
    } else {
        handover->state = HAND_OPEN;
        handover->not_before_us = world.now_us + (50 * MS_US << shift);
    }
}

static void handle(struct bus *bus, struct delivery *batch, size_t count)
{
    int results[BATCH_MAX] = {0};

    for (size_t i = 0; i < count; i++) {
        bool is_new = batch[i].listener->copy != NULL;

        for (size_t j = 0; j < i; j++)
            is_new = is_new && batch[j].listener->copy != batch[i].listener->copy;
        if (is_new)
            move_copies(bus, batch[i].listener->copy, batch, count, results);
    }
    for (size_t i = 0; i < count; i++) {
        if (results[i] == 0 && batch[i].listener->handle != NULL) {
            trace_begin(batch[i].event.traceparent);
            results[i] = batch[i].listener->handle(bus->app, &batch[i].event);
            trace_end();
        }
        hush(false);
        step("is done with %s: %d", batch[i].event.id, results[i]);
        settle(&batch[i], results[i]);
    }
}

static void forget_under_way(struct bus *bus, const struct delivery *batch, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < bus->under_way_count; j++)
            if (strcmp(bus->under_way[j], batch[i].event.aggregate_id) == 0) {
                memcpy(bus->under_way[j], bus->under_way[--bus->under_way_count], ID_BYTES);
                break;
            }
}

void *durable_work(void *argument)
{
    struct bus *bus = argument;
    struct delivery batch[BATCH_MAX];
    int64_t next_us;

    while (!bus->stopping) {
        size_t count = take_batch(bus, batch, &next_us);

        if (count == 0) {
            fiber_wait(&broker, next_us);
            continue;
        }
        handle(bus, batch, count);
        forget_under_way(bus, batch, count);
        fiber_wake(&broker);
    }
    bus->workers--;
    fiber_wake(&bus->workers);
    return NULL;
}

/* ---- for those who know all ---- */

void bus_redeliver(void)
{
    struct durable *durable;

    if (broker.durable_count == 0)
        return;
    durable = &broker.durables[chance_below(broker.durable_count)];
    note("%s FORGETS what was acknowledged", durable->name);
    for (size_t i = 0; i < durable->count; i++)
        if (durable->handovers[i].state == HAND_DONE)
            durable->handovers[i].state = HAND_OPEN;
    durable->count = 0; /* follow_stream tells again which are asked for */
    durable->done_before = 0;
    fiber_wake(&broker);
}

void bus_retry_parked(void)
{
    for (size_t i = 0; i < broker.durable_count; i++)
        for (size_t j = 0; j < broker.durables[i].count; j++)
            if (broker.durables[i].handovers[j].state == HAND_PARKED)
                broker.durables[i].handovers[j] = (struct handover){.state = HAND_OPEN};
    for (size_t i = 0; i < broker.durable_count; i++)
        broker.durables[i].done_before = 0;
    fiber_wake(&broker);
}

bool bus_is_quiet(void)
{
    for (size_t i = 0; i < broker.durable_count; i++) {
        const struct durable *durable = &broker.durables[i];

        if (durable->count < broker.streams[durable->owner].count)
            return false;
        for (size_t j = durable->done_before; j < durable->count; j++)
            if (durable->handovers[j].state != HAND_DONE)
                return false;
    }
    return true;
}

void bus_describe_open(char *ret_text, size_t size)
{
    snprintf(ret_text, size, "messages wait");
    for (size_t i = 0; i < broker.durable_count; i++) {
        const struct durable *durable = &broker.durables[i];

        for (size_t j = durable->done_before; j < durable->count; j++)
            if (durable->handovers[j].state != HAND_DONE) {
                snprintf(ret_text, size, "%s has not had %s (%s, %d times)", durable->name,
                         broker.streams[durable->owner].messages[j].id,
                         durable->handovers[j].state == HAND_PARKED ? "parked" : "open",
                         durable->handovers[j].times);
                return;
            }
    }
}

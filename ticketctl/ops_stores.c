/*
 * Broker, databases, timers and Stripe: what is in them, and whether they answer.
 *
 * What databases are asked for is in ops_count.c.
 */

#include "common/instant.h"
#include "ticketctl/letters.h"
#include "ticketctl/ops.h"

#include <string.h>

#define PING_MS         500
#define STRIPE_MS       1200
#define STRIPE_EVERY_MS 15000 /* it is somebody else's: asked no oftener */

/* ---- the broker ---- */

static void see_stream(void *context, const struct bus_stream *stream)
{
    struct writer *out = &((struct errand *)context)->parts[0];

    write_object_begin(out, NULL);
    write_text(out, "name", event_owner_info(stream->owner)->stream);
    write_int(out, "messages", stream->messages);
    write_int(out, "firstSequence", (int64_t)stream->first_sequence);
    write_int(out, "lastSequence", (int64_t)stream->last_sequence);
    write_int(out, "bytes", stream->bytes);
    if (stream->last_at_ms > 0)
        write_instant(out, "lastAt", stream->last_at_ms);
    else
        write_null(out, "lastAt");
    write_array_begin(out, "events");
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (event_info(type)->owner != stream->owner)
            continue;
        write_object_begin(out, NULL);
        write_text(out, "type", event_info(type)->subject);
        write_int(out, "messages", stream->of_type[type]);
        write_object_end(out);
    }
    write_array_end(out);
    write_object_end(out);
}

static void see_consumer(void *context, const struct bus_consumer *consumer)
{
    struct writer *out = &((struct errand *)context)->parts[1];

    write_object_begin(out, NULL);
    write_text(out, "durable", consumer->durable);
    write_text(out, "service", consumer->service);
    write_text(out, "stream", event_owner_info(consumer->owner)->stream);
    write_int(out, "pending", consumer->pending);
    write_int(out, "ackPending", consumer->ack_pending);
    write_int(out, "redelivered", consumer->redelivered);
    write_bool(out, "bound", consumer->bound);
    write_object_end(out);
}

int look_broker(struct app *app, struct errand *errand)
{
    int r;

    write_array_begin(&errand->parts[0], NULL);
    write_array_begin(&errand->parts[1], NULL);
    r = bus_survey(app->core.bus, OPS_BROKER_MS, see_stream, see_consumer, errand);
    write_array_end(&errand->parts[0]);
    write_array_end(&errand->parts[1]);
    return r == 0 ? 0 : errand_fail(errand, r, "NATS is away");
}

/* ---- the databases ---- */

static int write_outbox(struct store *store, enum event_owner owner, struct writer *out)
{
    struct outbox_count count;
    int r = count_outboxes(store, owner, &count);

    write_object_begin(out, NULL);
    write_text(out, "service", event_owner_info(owner)->service);
    write_int(out, "waiting", count.documents);
    if (count.documents > 0)
        write_int(out, "oldestMs", count.oldest_ms);
    else
        write_null(out, "oldestMs");
    write_object_end(out);
    return r;
}

static int write_letters(struct store *store, enum event_owner owner, struct writer *out)
{
    int64_t count = 0;
    int r = letters_count(store, OPS_COUNT_MAX, &count);

    write_object_begin(out, NULL);
    write_text(out, "service", event_owner_info(owner)->service);
    write_int(out, "count", count);
    write_object_end(out);
    return r;
}

static int write_holds(struct store *store, struct writer *out)
{
    struct hold_count holds;
    int r = count_holds(store, &holds);

    write_object_begin(out, NULL);
    write_int(out, "created", holds.of_status[ORDER_CREATED]);
    write_int(out, "awaitingPayment", holds.of_status[ORDER_AWAITING]);
    write_int(out, "overdue", holds.overdue);
    if (holds.next_at_ms > 0)
        write_instant(out, "nextExpiresAt", holds.next_at_ms);
    else
        write_null(out, "nextExpiresAt");
    write_object_end(out);
    return r;
}

int ops_ping_databases(struct app *app, struct errand *errand)
{
    int r = store_ping(app->tool.stores[OWNER_ORDERS], PING_MS);

    return r == 0 ? 0 : errand_fail(errand, r, "MongoDB is away");
}

int look_databases(struct app *app, struct errand *errand)
{
    int r = ops_ping_databases(app, errand);

    if (r != 0)
        return r;
    write_array_begin(&errand->parts[0], NULL);
    write_array_begin(&errand->parts[1], NULL);
    for (enum event_owner owner = 0; owner < OWNER_COUNT && r == 0; owner++) {
        struct store *store = app->tool.stores[owner];

        if (owner != OWNER_EXPIRATION) /* which has no documents */
            r = write_outbox(store, owner, &errand->parts[0]);
        if (r == 0)
            r = write_letters(store, owner, &errand->parts[1]);
    }
    write_array_end(&errand->parts[0]);
    write_array_end(&errand->parts[1]);
    if (r == 0)
        r = write_holds(app->tool.stores[OWNER_ORDERS], &errand->parts[2]);
    return r == 0 ? 0 : errand_fail(errand, r, "MongoDB could not be read");
}

/* ---- timers ---- */

int look_timers(struct app *app, struct errand *errand)
{
    struct writer *out = &errand->parts[0];
    int64_t waiting = 0, leased = 0;
    int r = delay_count(app->delay, &waiting, &leased);

    if (r != 0)
        return errand_fail(errand, r, "Redis is away");
    write_object_begin(out, NULL);
    write_int(out, "waiting", waiting);
    write_int(out, "leased", leased);
    write_object_end(out);
    return 0;
}

/* ---- Stripe ---- */

/* It is there if it says that it knows no such intent. */
static int ask_stripe(struct app *app)
{
    struct stripe_intent intent;
    int r = stripe_find(app->tool.stripe, "pi_none", STRIPE_MS, &intent);

    return r == NOT_FOUND ? 0 : r;
}

int look_stripe(struct app *app, struct errand *errand)
{
    struct stripe_look look;

    if (app->tool.stripe == NULL) {
        errand->unasked = true;
        return errand_fail(errand, 0, "STRIPE_KEY is not set");
    }
    pthread_mutex_lock(&app->lock);
    look = app->stripe_look;
    pthread_mutex_unlock(&app->lock);
    if (!look.known || instant_monotonic() - look.at_ms > STRIPE_EVERY_MS) {
        look = (struct stripe_look){
            .known = true, .result = ask_stripe(app), .at_ms = instant_monotonic()};
        pthread_mutex_lock(&app->lock);
        app->stripe_look = look;
        pthread_mutex_unlock(&app->lock);
    }
    if (look.result == 0)
        return 0;
    return errand_fail(errand, -EAGAIN,
                       look.result == -EAGAIN ? "Stripe is away" : "Stripe refuses");
}

/*
 * What the auditor looks at: every aggregate, every event in the streams, every intent of Stripe.
 *
 * Streams are read before the databases: an event that is missing then is missing, whereas a change
 * made in between shows as an event that the next look will find.
 */

#include "ticketctl/audit.h"
#include "ticketctl/ticketctl.h"

#include <string.h>

/* What is read of an aggregate's document, beside version and outbox. */
struct reader {
    struct world *world;
    enum event_owner owner;
    uint64_t first_sequence; /* of the stream, as read */
};

static int64_t outbox_length(const bson_t *document)
{
    bson_iter_t iter, events;
    int64_t count = 0;

    if (!bson_iter_init_find(&iter, document, "outbox") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
        !bson_iter_recurse(&iter, &events))
        return 0;
    while (bson_iter_next(&events))
        count++;
    return count;
}

static int64_t read_ticket_price(const bson_t *order)
{
    bson_iter_t iter, price;

    if (bson_iter_init(&iter, order) &&
        bson_iter_find_descendant(&iter, "ticket.priceCents", &price) &&
        BSON_ITER_HOLDS_INT64(&price))
        return bson_iter_int64(&price);
    return -1;
}

static void see_ticket(struct world *world, const bson_t *document)
{
    struct seen_ticket *row = rows_add(&world->tickets);

    store_read_id(document, "_id", row->id);
    store_read_id(document, "orderId", row->order_id);
    row->status = ticket_status_parse(store_read_text(document, "status", ""));
}

static void see_order(struct world *world, const bson_t *document)
{
    struct seen_order *row = rows_add(&world->orders);

    store_read_id(document, "_id", row->id);
    store_read_id(document, "ticketId", row->ticket_id);
    row->status = order_status_parse(store_read_text(document, "status", ""));
    row->expires_at_ms = store_read_instant(document, "expiresAt", 0);
    row->price_cents = read_ticket_price(document);
}

static void see_payment(struct world *world, const bson_t *document)
{
    struct seen_payment *row = rows_add(&world->payments);

    store_read_id(document, "_id", row->id);
    store_read_id(document, "orderId", row->order_id);
    text_copy(row->stripe_id, sizeof(row->stripe_id), store_read_text(document, "stripeId", ""));
    row->status = payment_status_parse(store_read_text(document, "status", ""));
    row->amount_cents = store_read_int(document, "amount", 0);
}

static int see_document(void *context, const bson_t *document)
{
    struct reader *reader = context;
    struct seen_aggregate *row = rows_add(&reader->world->aggregates);

    store_read_id(document, "_id", row->id);
    row->owner = reader->owner;
    row->version = store_read_int(document, "version", 0);
    row->waiting = outbox_length(document);
    if (reader->owner == OWNER_TICKETS)
        see_ticket(reader->world, document);
    if (reader->owner == OWNER_ORDERS)
        see_order(reader->world, document);
    if (reader->owner == OWNER_PAYMENTS)
        see_payment(reader->world, document);
    return 0;
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo): tells different bodies of one version apart. */
static uint64_t hash_body(const struct event *event)
{
    cleanup(writer_release) struct writer body = {0};
    uint64_t hash = UINT64_C(14695981039346656037);

    writer_init(&body);
    event_encode(event, &body);
    for (const char *byte = writer_text(&body); *byte != '\0'; byte++)
        hash = (hash ^ (unsigned char)*byte) * UINT64_C(1099511628211);
    return hash;
}

static int see_event(void *context, const struct event *event, uint64_t sequence)
{
    struct reader *reader = context;
    struct seen_event *row = rows_add(&reader->world->events);

    if (reader->first_sequence == 0)
        reader->first_sequence = sequence;
    memcpy(row->id, event->aggregate_id, ID_BYTES);
    row->owner = event_info(event->type)->owner;
    row->version = event->version;
    row->body_hash = hash_body(event);
    return 0;
}

static int see_intent(void *context, const struct stripe_intent *intent)
{
    struct world *world = context;
    struct seen_intent *row;

    if (!text_is_id(intent->payment_id, (char[ID_BYTES]){0}))
        return 0; /* not made by us */
    row = rows_add(&world->intents);
    text_copy(row->payment_id, sizeof(row->payment_id), intent->payment_id);
    text_copy(row->stripe_id, sizeof(row->stripe_id), intent->id);
    row->status = (int)intent->status;
    row->amount_cents = intent->amount_cents;
    row->refunded_cents = intent->refunded_cents;
    return 0;
}

static int read_owner(struct tool *tool, struct world *world, enum event_owner owner)
{
    struct bus_range range = {.owner = owner};
    struct reader reader = {.world = world, .owner = owner};
    struct store *store = tool_store(tool, owner);
    struct bus_extent extent;
    bson_t all = BSON_INITIALIZER;
    int r;

    if (store == NULL)
        return -EAGAIN;
    r = bus_extent(tool->bus, owner, &extent);
    if (r == 0)
        r = bus_replay(tool->bus, &range, see_event, &reader);
    if (r == 0)
        r = store_each_of_all(store, event_owner_info(owner)->stream, &all, see_document, &reader);
    bson_destroy(&all);
    world->truncated[owner] = reader.first_sequence > 1;
    world->made_ms[owner] = extent.made_ms;
    return r;
}

int audit_read(struct tool *tool, struct world *world)
{
    /* Those that follow come first: what a payment says of an order must have been so already. */
    static const enum event_owner owners[] = {OWNER_PAYMENTS, OWNER_TICKETS, OWNER_ORDERS,
                                              OWNER_USERS};

    if (tool_bus(tool) == NULL)
        return -EAGAIN;
    world->now_ms = instant_now();
    for (size_t i = 0; i < ARRAY_LENGTH(owners); i++) {
        int r = read_owner(tool, world, owners[i]);

        if (r < 0)
            return r;
    }
    world->with_stripe = tool->stripe_key[0] != '\0';
    if (!world->with_stripe)
        return 0;
    if (tool_stripe(tool) == NULL)
        return -EAGAIN;
    return stripe_each(tool->stripe, 10000, see_intent, world);
}

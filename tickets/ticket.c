/*
 * Tickets: what is for sale, and who holds it.
 *
 *   available ──order live──▶ reserved ──order complete──▶ sold
 *       ▲  │                     │
 *       │  └─owner─▶ withdrawn   │        order complete: sold from wherever it is, for orders
 *       └──────order over────────┘        alone decides who holds a ticket
 *
 * The owner may edit and withdraw only while it is available. Each change is saved by an update
 * that names the version that was read, with its event in the same document, so of an owner's and
 * an order's change at once one wins and the other is decided anew.
 */
#include "tickets/ticket.h"

#include "common/recovered.h"
#include "tickets/search.h"

#include <string.h>

void ticket_init(struct ticket *ticket, const char *seller_id, const char *title,
                 int64_t price_cents, int64_t now_ms)
{
    *ticket = (struct ticket){.created_at_ms = now_ms,
                              .state = {.price_cents = price_cents, .status = TICKET_AVAILABLE}};
    store_new_id(ticket->id);
    text_copy(ticket->state.title, sizeof(ticket->state.title), title);
    text_copy(ticket->state.user_id, sizeof(ticket->state.user_id), seller_id);
}

int ticket_edit(struct ticket *ticket, const char *title, int64_t price_cents)
{
    if (ticket->state.status != TICKET_AVAILABLE)
        return REFUSED;
    text_copy(ticket->state.title, sizeof(ticket->state.title), title);
    ticket->state.price_cents = price_cents;
    ticket->version++;
    return DONE;
}

int ticket_withdraw(struct ticket *ticket)
{
    if (ticket->state.status == TICKET_WITHDRAWN)
        return DONE;
    if (ticket->state.status != TICKET_AVAILABLE)
        return REFUSED;
    ticket->state.status = TICKET_WITHDRAWN;
    ticket->version++;
    return DONE;
}

static enum ticket_effect change(struct ticket *ticket, enum ticket_status status,
                                 const char *order_id)
{
    ticket->state.status = status;
    text_copy(ticket->state.order_id, sizeof(ticket->state.order_id), order_id);
    ticket->version++;
    return TICKET_CHANGES;
}

/* The order wants the ticket: created or awaiting payment. */
static enum ticket_effect lock(struct ticket *ticket, const struct order *order, bool own,
                               const struct order *holder)
{
    switch (ticket->state.status) {
    case TICKET_AVAILABLE: return change(ticket, TICKET_RESERVED, order->id);
    case TICKET_WITHDRAWN: return TICKET_STAYS; /* orders hears of it and cancels the order */
    case TICKET_RESERVED:
        if (own)
            return TICKET_STAYS;
        /* The lock of an order that is known to be over is handed on in one step. */
        if (holder && !order_status_is_live(holder->status))
            return change(ticket, TICKET_RESERVED, order->id);
        return TICKET_WAITS;
    case TICKET_SOLD:
        /* To another: a complete order stays one, so this one is over, and the event that says so
         * is on its way, perhaps long (it was given to a process that died). To wait for it would
         * hold up a start that catches up. */
        return TICKET_STAYS;
    case TICKET_STATUS_COUNT: break;
    }
    return TICKET_WAITS;
}

enum ticket_effect ticket_follow_order(struct ticket *ticket, const struct order *order,
                                       const struct order *holder)
{
    const bool own = strcmp(ticket->state.order_id, order->id) == 0;
    const bool sold = ticket->state.status == TICKET_SOLD;

    switch (order->status) {
    case ORDER_CREATED:
    case ORDER_AWAITING: return lock(ticket, order, own, holder);
    case ORDER_COMPLETE:
        if (sold) /* to somebody else: two complete orders cannot be; park it for a person to see */
            return own ? TICKET_STAYS : TICKET_WAITS;
        return change(ticket, TICKET_SOLD, order->id);
    case ORDER_CANCELLED:
        if (own && ticket->state.status == TICKET_RESERVED)
            return change(ticket, TICKET_AVAILABLE, "");
        return TICKET_STAYS;
    case ORDER_STATUS_COUNT: break;
    }
    return TICKET_STAYS;
}

int ticket_from_bson(const bson_t *document, struct ticket *ret_ticket)
{
    struct ticket ticket = {.version = store_read_int(document, "version", -1),
                            .created_at_ms = store_read_instant(document, "createdAt", 0)};
    struct ticket_state *state = &ticket.state;

    state->price_cents = store_read_int(document, "priceCents", -1);
    state->status = ticket_status_parse(store_read_text(document, "status", ""));
    store_read_id(document, "orderId", state->order_id);
    if (!store_read_id(document, "_id", ticket.id) ||
        !store_read_id(document, "userId", state->user_id) || ticket.version < 0 ||
        state->price_cents < 0 || state->status == TICKET_STATUS_COUNT ||
        !text_copy(state->title, sizeof(state->title), store_read_text(document, "title", "")) ||
        !text_copy(ticket.fingerprint, sizeof(ticket.fingerprint),
                   store_read_text(document, "fingerprint", "")))
        return fail(-EIO, "a document in %s is not a ticket", TICKETS);
    *ret_ticket = ticket;
    return 0;
}

void ticket_to_json(const struct ticket *ticket, const char *key, struct writer *out)
{
    const struct ticket_state *state = &ticket->state;

    write_object_begin(out, key);
    write_text(out, "id", ticket->id);
    write_text(out, "title", state->title);
    write_money(out, "price", state->price_cents);
    write_text(out, "userId", state->user_id);
    write_int(out, "version", ticket->version);
    if (state->order_id[0])
        write_text(out, "orderId", state->order_id);
    write_text(out, "status", ticket_status_name(state->status));
    write_object_end(out);
}

int ticket_find(struct store *store, const char *id, struct ticket *ret_ticket)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    cleanup(bson_freep) bson_t *options =
        BCON_NEW("projection", "{", "outbox", BCON_BOOL(false), "words", BCON_BOOL(false),
                 "titleKey", BCON_BOOL(false), "}");
    cleanup(bson_freep) bson_t *document = NULL;
    int r;

    store_append_id(filter, "_id", id);
    r = store_find(store, TICKETS, filter, options, &document);
    if (r != 0)
        return r;
    return ticket_from_bson(document, ret_ticket);
}

int ticket_find_made(struct store *store, struct ticket *ticket)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
    cleanup(bson_freep) bson_t *document = NULL;
    int r;

    if (ticket->fingerprint[0] == '\0')
        return NOT_FOUND;
    BSON_APPEND_UTF8(&filter, "fingerprint", ticket->fingerprint);
    store_append_lasting(&options);
    r = store_find(store, TICKETS, &filter, &options, &document);
    if (r != 0)
        return r;
    return ticket_from_bson(document, ticket);
}

/* The title, and what lists find and sort it by. */
static void append_title(bson_t *fields, const char *title)
{
    BSON_APPEND_UTF8(fields, "title", title);
    search_append_keys(fields, title);
}

void ticket_from_event(const struct event *event, struct recovered *ret_fields)
{
    const struct ticket_state *state = &event->ticket;
    bson_t *set = &ret_fields->set;

    append_title(set, state->title);
    BSON_APPEND_INT64(set, "priceCents", state->price_cents);
    store_append_id(set, "userId", state->user_id);
    BSON_APPEND_UTF8(set, "status", ticket_status_name(state->status));
    if (state->order_id[0])
        store_append_id(set, "orderId", state->order_id);
    else
        BSON_APPEND_UTF8(&ret_fields->unset, "orderId", "");
    BSON_APPEND_DATE_TIME(&ret_fields->insert, "createdAt", event->at_ms);
}

int ticket_insert(struct outbox *outbox, const struct ticket *ticket, const struct event *event)
{
    cleanup(bson_freep) bson_t *document = bson_new();

    store_append_id(document, "_id", ticket->id);
    append_title(document, ticket->state.title);
    BSON_APPEND_INT64(document, "priceCents", ticket->state.price_cents);
    store_append_id(document, "userId", ticket->state.user_id);
    BSON_APPEND_UTF8(document, "status", ticket_status_name(ticket->state.status));
    BSON_APPEND_DATE_TIME(document, "createdAt", ticket->created_at_ms);
    if (ticket->fingerprint[0] != '\0')
        BSON_APPEND_UTF8(document, "fingerprint", ticket->fingerprint);
    return outbox_insert(outbox, TICKETS, document, event, /* ret_index= */ NULL);
}

int ticket_save(struct outbox *outbox, const struct ticket *before, const struct ticket *after,
                const struct event *event)
{
    cleanup(bson_freep) bson_t *set = bson_new();
    cleanup(bson_freep) bson_t *unset = bson_new();
    const struct ticket_state *was = &before->state, *is = &after->state;

    if (strcmp(was->title, is->title) != 0)
        append_title(set, is->title);
    if (was->price_cents != is->price_cents)
        BSON_APPEND_INT64(set, "priceCents", is->price_cents);
    if (was->status != is->status)
        BSON_APPEND_UTF8(set, "status", ticket_status_name(is->status));
    if (strcmp(was->order_id, is->order_id) != 0) {
        if (is->order_id[0])
            store_append_id(set, "orderId", is->order_id);
        else
            BSON_APPEND_UTF8(unset, "orderId", "");
    }
    return outbox_save(outbox, TICKETS, set, bson_empty(unset) ? NULL : unset, /* guard= */ NULL,
                       event, /* ret_index= */ NULL);
}

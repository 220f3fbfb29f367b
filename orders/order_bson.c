/*
 * Orders as documents:
 *
 *   { _id, version, userId, createdAt, slot, ticketId, ticket: {title, priceCents, version},
 *     fingerprint?, status, live, open, expiresAt, stretched,
 *     history: [{status, at, cause}], payments: [{id, version, status}], outbox… }
 *
 * The fingerprint is absent where the request had no Idempotency-Key. It stays here: neither
 * replies nor events tell it, and an order that is made from events has none.
 * `live` and `open` follow from the status. They are stored because partial indexes can only ask
 * for a field, and written in the same update as the status, so they never disagree with it.
 * Reading trusts nothing: a document that another program has spoilt is -EIO, never a wrong order.
 */

#include "orders/order.h"

#include "common/recovered.h"

#include <stdlib.h>

static void append_history(bson_t *document, const struct order *order)
{
    bson_t list, step;
    char key[16];
    const char *at;

    bson_append_array_begin(document, "history", -1, &list);
    for (uint32_t i = 0; i < order->history_count; i++) {
        bson_uint32_to_string(i, &at, key, sizeof(key));
        bson_append_document_begin(&list, at, -1, &step);
        BSON_APPEND_UTF8(&step, "status", order_status_name(order->history[i].status));
        BSON_APPEND_DATE_TIME(&step, "at", order->history[i].at_ms);
        BSON_APPEND_UTF8(&step, "cause", order_cause_name(order->history[i].cause));
        bson_append_document_end(&list, &step);
    }
    bson_append_array_end(document, &list);
}

static void append_payments(bson_t *document, const struct order *order)
{
    bson_t list, payment;
    char key[16];
    const char *at;

    bson_append_array_begin(document, "payments", -1, &list);
    for (uint32_t i = 0; i < order->payment_count; i++) {
        bson_uint32_to_string(i, &at, key, sizeof(key));
        bson_append_document_begin(&list, at, -1, &payment);
        store_append_id(&payment, "id", order->payments[i].id);
        BSON_APPEND_INT64(&payment, "version", order->payments[i].version);
        BSON_APPEND_UTF8(&payment, "status", payment_status_name(order->payments[i].status));
        bson_append_document_end(&list, &payment);
    }
    bson_append_array_end(document, &list);
}

static void append_standing(bson_t *document, enum order_status status, int64_t expires_at_ms,
                            bool stretched)
{
    BSON_APPEND_UTF8(document, "status", order_status_name(status));
    BSON_APPEND_BOOL(document, "live", order_status_is_live(status));
    BSON_APPEND_BOOL(document, "open", order_status_is_open(status));
    BSON_APPEND_DATE_TIME(document, "expiresAt", expires_at_ms);
    BSON_APPEND_BOOL(document, "stretched", stretched);
}

static void append_ticket(bson_t *document, const char *title, int64_t price_cents, int64_t version)
{
    bson_t ticket;

    BSON_APPEND_DOCUMENT_BEGIN(document, "ticket", &ticket);
    BSON_APPEND_UTF8(&ticket, "title", title);
    BSON_APPEND_INT64(&ticket, "priceCents", price_cents);
    BSON_APPEND_INT64(&ticket, "version", version);
    bson_append_document_end(document, &ticket);
}

void order_state_to_bson(const struct order *order, bson_t *document)
{
    append_standing(document, order->status, order->expires_at_ms, order->stretched);
    append_history(document, order);
    append_payments(document, order);
}

void order_to_bson(const struct order *order, bson_t *document)
{
    store_append_id(document, "_id", order->id);
    store_append_id(document, "userId", order->user_id);
    BSON_APPEND_DATE_TIME(document, "createdAt", order->created_at_ms);
    BSON_APPEND_INT64(document, "slot", order->slot);
    store_append_id(document, "ticketId", order->ticket.id);
    append_ticket(document, order->ticket.title, order->ticket.price_cents, order->ticket.version);
    if (order->fingerprint[0] != '\0')
        BSON_APPEND_UTF8(document, "fingerprint", order->fingerprint);
    order_state_to_bson(order, document);
}

/* {status, at, cause} at the end of the history. An event that changed no status tells the step
 * before it once more; the bound keeps the order readable whatever it was through. */
static void push_step(bson_t *push, const struct event *event)
{
    bson_t history, each, step;

    BSON_APPEND_DOCUMENT_BEGIN(push, "history", &history);
    BSON_APPEND_ARRAY_BEGIN(&history, "$each", &each);
    BSON_APPEND_DOCUMENT_BEGIN(&each, "0", &step);
    BSON_APPEND_UTF8(&step, "status", order_status_name(event->order.status));
    BSON_APPEND_DATE_TIME(&step, "at", event->at_ms);
    BSON_APPEND_UTF8(&step, "cause", event->order.cause);
    bson_append_document_end(&each, &step);
    bson_append_array_end(&history, &each);
    BSON_APPEND_INT32(&history, "$slice", -(ORDER_HISTORY_MAX / 2));
    bson_append_document_end(push, &history);
}

/* The slot is one of nobody's, which no event tells: made of the order's id it is its own, and
 * beyond those that are given out, so the buyer may have one order more while this one is open. */
static int64_t recovered_slot(const char *order_id)
{
    return ORDER_SLOTS_MAX + (int64_t)strtoul(order_id + ID_BYTES - 7, NULL, 16);
}

void order_from_event(const struct event *event, struct recovered *ret_fields)
{
    const struct order_state *state = &event->order;
    bson_t *set = &ret_fields->set, *insert = &ret_fields->insert, payments;

    store_append_id(set, "userId", state->user_id);
    store_append_id(set, "ticketId", state->ticket.id);
    append_ticket(set, state->ticket.title, state->ticket.price_cents, state->ticket.version);
    append_standing(set, state->status, state->expires_at_ms,
                    /* stretched= */ event->version > 0); /* a payment had begun, or it was over */
    push_step(&ret_fields->push, event);

    BSON_APPEND_DATE_TIME(insert, "createdAt", event->at_ms);
    BSON_APPEND_INT64(insert, "slot", recovered_slot(event->aggregate_id));
    BSON_APPEND_ARRAY_BEGIN(insert, "payments", &payments);
    bson_append_array_end(insert, &payments);
}

/* Read one {status, at, cause}. */
static bool read_step(const bson_t *document, struct order *order)
{
    struct order_step *step = &order->history[order->history_count];

    if (order->history_count == ORDER_HISTORY_MAX)
        return false;
    step->status = order_status_parse(store_read_text(document, "status", ""));
    step->at_ms = store_read_instant(document, "at", -1);
    step->cause = order_cause_parse(store_read_text(document, "cause", ""));
    order->history_count++;
    return step->status != ORDER_STATUS_COUNT && step->cause != CAUSE_COUNT && step->at_ms >= 0;
}

/* Read one {id, version, status}. */
static bool read_payment(const bson_t *document, struct order *order)
{
    struct order_payment *payment = &order->payments[order->payment_count];

    if (order->payment_count == ORDER_PAYMENTS_MAX)
        return false;
    if (!store_read_id(document, "id", payment->id))
        return false;
    payment->version = store_read_int(document, "version", -1);
    payment->status = payment_status_parse(store_read_text(document, "status", ""));
    order->payment_count++;
    return payment->version >= 0 && payment->status != PAYMENT_STATUS_COUNT;
}

/* Hand each document of the array `key` to `read`. */
static bool read_array(const bson_t *document, const char *key, struct order *order,
                       bool (*read)(const bson_t *, struct order *))
{
    bson_iter_t array, item;
    bson_t element;
    const uint8_t *bytes;
    uint32_t length;

    if (!bson_iter_init_find(&array, document, key) || !BSON_ITER_HOLDS_ARRAY(&array) ||
        !bson_iter_recurse(&array, &item))
        return false;
    while (bson_iter_next(&item)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&item))
            return false;
        bson_iter_document(&item, &length, &bytes);
        if (!bson_init_static(&element, bytes, length) || !read(&element, order))
            return false;
    }
    return true;
}

static bool read_ticket(const bson_t *document, struct order *order)
{
    bson_iter_t iter;
    bson_t ticket;
    const uint8_t *bytes;
    uint32_t length;

    if (!store_read_id(document, "ticketId", order->ticket.id))
        return false;
    if (!bson_iter_init_find(&iter, document, "ticket") || !BSON_ITER_HOLDS_DOCUMENT(&iter))
        return false;
    bson_iter_document(&iter, &length, &bytes);
    if (!bson_init_static(&ticket, bytes, length))
        return false;
    order->ticket.price_cents = store_read_int(&ticket, "priceCents", -1);
    order->ticket.version = store_read_int(&ticket, "version", -1);
    return text_copy(order->ticket.title, sizeof(order->ticket.title),
                     store_read_text(&ticket, "title", "")) &&
           order->ticket.price_cents > 0 && order->ticket.version >= 0;
}

int order_from_bson(const bson_t *document, struct order *ret_order)
{
    struct order *order = ret_order;

    order->history_count = 0;
    order->payment_count = 0;
    if (!store_read_id(document, "_id", order->id))
        return fail(-EIO, "an order without an id");

    order->version = store_read_int(document, "version", -1);
    order->status = order_status_parse(store_read_text(document, "status", ""));
    order->created_at_ms = store_read_instant(document, "createdAt", -1);
    order->expires_at_ms = store_read_instant(document, "expiresAt", -1);
    order->stretched = store_read_bool(document, "stretched", false);
    order->slot = store_read_int(document, "slot", -1);
    if (order->version < 0 || order->status == ORDER_STATUS_COUNT || order->created_at_ms < 0 ||
        order->expires_at_ms < 0 || order->slot < 0 ||
        !store_read_id(document, "userId", order->user_id) || !read_ticket(document, order) ||
        !text_copy(order->fingerprint, sizeof(order->fingerprint),
                   store_read_text(document, "fingerprint", "")) ||
        !read_array(document, "history", order, read_step) || order->history_count == 0 ||
        !read_array(document, "payments", order, read_payment))
        return fail(-EIO, "order %s is not readable", order->id);
    return 0;
}

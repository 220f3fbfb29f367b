/*
 * What orders says: the whole state of one order, under the type that its status has. Nothing is
 * published here. The event goes into the outbox of the order it tells of, in the same update, so
 * that it is saved or lost with it.
 */

#include "orders/app.h"

#include <string.h>

const enum event_type orders_says[ORDERS_SAYS_COUNT] = {
    EVENT_ORDER_CREATED,
    EVENT_ORDER_AWAITING,
    EVENT_ORDER_CANCELLED,
    EVENT_ORDER_COMPLETED,
};

static const enum event_type types[ORDER_STATUS_COUNT] = {
    [ORDER_CREATED] = EVENT_ORDER_CREATED, /* also where a payment failed and it is so again */
    [ORDER_AWAITING] = EVENT_ORDER_AWAITING,
    [ORDER_COMPLETE] = EVENT_ORDER_COMPLETED,
    [ORDER_CANCELLED] = EVENT_ORDER_CANCELLED,
};

void event_order(const struct order *order, struct event *ret_event)
{
    struct order_state *state = &ret_event->order;

    event_init(ret_event, types[order->status], order->id, order->version);
    state->status = order->status;
    memcpy(state->user_id, order->user_id, sizeof(state->user_id));
    state->expires_at_ms = order->expires_at_ms;
    memcpy(state->ticket.id, order->ticket.id, sizeof(state->ticket.id));
    memcpy(state->ticket.title, order->ticket.title, sizeof(state->ticket.title));
    state->ticket.price_cents = order->ticket.price_cents;
    state->ticket.version = order->ticket.version;
    text_copy(state->cause, sizeof(state->cause), order_cause_name(order_cause(order)));
}

int event_order_of_document(const bson_t *document, struct event *ret_event)
{
    struct order order;
    int r;

    r = order_from_bson(document, &order);
    if (r != 0)
        return r;
    event_order(&order, ret_event);
    return 0;
}

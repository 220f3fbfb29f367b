/*
 * What tickets hears: orders, which lock its tickets, let them go and have them sold.
 *
 * orders alone decides who holds a ticket; this service keeps a copy of each order and brings the
 * ticket to what the copies say. An event is only the occasion: what is to be done is derived from
 * the copy as it now stands, at each delivery, so duplicates and late ones do no harm.
 *
 * A save names the ticket's version, not the order's. So a process that was paused after it had
 * decided could lock a ticket for an order that is over meanwhile; therefore each looks at the
 * order once more after its save, and decides again if that has moved on. If it was killed in
 * between, the message was not acknowledged and the next delivery does so.
 */
#include "tickets/app.h"

#include <string.h>

#define SETTLE_TRIES 8 /* a ticket that moves on so often is asked for again later */

/* The order whose lock is on the ticket, where that is another than `order` and known here. */
static int find_holder(struct store *store, const struct ticket *ticket, const struct order *order,
                       struct order *ret_holder, const struct order **ret_known)
{
    int r;

    *ret_known = NULL;
    if (!ticket->state.order_id[0] || strcmp(ticket->state.order_id, order->id) == 0)
        return 0;
    r = order_find(store, ticket->state.order_id, ret_holder);
    if (r == 0)
        *ret_known = ret_holder;
    return r == NOT_FOUND ? 0 : r;
}

/* Bring the ticket to what `order` asks for, once. 0; STALE: it moved on, or must wait; NOT_FOUND:
 * no such ticket. */
static int settle(struct app *app, const struct order *order, enum ticket_effect *ret_effect)
{
    struct ticket before, after;
    struct order holder;
    const struct order *known;
    struct event event;
    int r;

    r = ticket_find(app->core.store, order->ticket_id, &before);
    if (r != 0)
        return r;
    r = find_holder(app->core.store, &before, order, &holder, &known);
    if (r != 0)
        return r;

    after = before;
    *ret_effect = ticket_follow_order(&after, order, known);
    if (*ret_effect != TICKET_CHANGES)
        return 0;
    event_ticket_updated(&after, &event);
    return ticket_save(app->core.outbox, &before, &after, &event);
}

/* 0: the ticket is as the order's copy asks. STALE: another order holds it, or it moves on all the
 * time: later. NOT_FOUND: parked; every ticket that can be ordered was made here. */
static int on_order(struct app *app, const struct event *event)
{
    enum ticket_effect effect = TICKET_STAYS;
    struct order order, now;
    int r;

    r = order_find(app->core.store, event->aggregate_id, &order);
    if (r != 0)
        return r;

    for (int try = 0; try < SETTLE_TRIES; try++) {
        r = settle(app, &order, &effect);
        if (r != 0 && r != STALE)
            return r;
        if (r == 0 && effect == TICKET_STAYS)
            return 0;
        if (r == 0 && effect == TICKET_WAITS)
            return STALE;
        if (order_find(app->core.store, order.id, &now) != 0)
            return -EAGAIN;
        if (r == 0 && now.version == order.version)
            return 0;
        order = now;
    }
    return STALE;
}

/* clang-format off */
/*   event                  durable           copy         handler  */
const struct event_listener ticket_listeners[] = {
    {EVENT_ORDER_CREATED,   "tickets-orders", &order_copy, on_order},
    {EVENT_ORDER_AWAITING,  "tickets-orders", &order_copy, on_order},
    {EVENT_ORDER_CANCELLED, "tickets-orders", &order_copy, on_order},
    {EVENT_ORDER_COMPLETED, "tickets-orders", &order_copy, on_order},
};
/* clang-format on */
const size_t ticket_listener_count = ARRAY_LENGTH(ticket_listeners);

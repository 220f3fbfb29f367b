/*
 * What orders hears. Each handler may be called twice, late, or beside another one for the same
 * order; order_change makes one of them save, and order.h's answers make the others harmless.
 *
 * Of the tickets a copy is kept. Payments have no copy of their own: what was seen of them is part
 * of the order (orders/order.c says why). Of users nothing is kept: a ban ends the orders that were
 * made before it, so hearing it again, even after the user was let in again, changes nothing.
 */

#include "common/copy.h"
#include "orders/app.h"
#include "orders/ticket.h"

/* A withdrawal ends the ticket's order if that is only created. A payment that has begun wins: the
 * sale stands, unless that payment fails (on_payment). */
static int on_ticket_withdrawn(struct app *app, const struct event *event)
{
    char order_id[ID_BYTES];
    struct order order;
    int r;

    r = order_find_live(app->core.store, event->aggregate_id, order_id);
    if (r == NOT_FOUND)
        return 0;
    if (r != 0)
        return r;
    return order_change_withdraw(app, order_id, &order);
}

static int decide_ban(void *context, struct order *order, enum order_effect *ret_effect)
{
    (void)context;
    *ret_effect = order_cancel(order, CAUSE_USER_BANNED, instant_now());
    return 0;
}

/* A ban ends what the buyer had open, a payment under way included (it will be voided). */
static int on_user_banned(struct app *app, const struct event *event)
{
    struct order_change change = {.decide = decide_ban};
    char ids[ORDER_SLOTS_MAX][ID_BYTES];
    struct order order;
    size_t count;
    int r;

    r = order_list_open(app->core.store, event->aggregate_id, event->at_ms, ids, &count);
    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        change.order_id = ids[i];
        r = order_change(app, &change, &order);
        if (r != 0)
            return r;
    }
    return 0;
}

/* A timer fired. A little early: asked for again (STALE). Much too early: the deadline was moved
 * and has a timer of its own. Late, or for an order that is over or unknown: nothing to do. */
static int on_expiration_complete(struct app *app, const struct event *event)
{
    int r = order_change_expire(app, event->aggregate_id);

    return r == NOT_FOUND ? 0 : r;
}

struct payment_news {
    struct order_payment seen;
    int64_t age_ms;
    bool closes_gap;
};

static int decide_payment(void *context, struct order *order, enum order_effect *ret_effect)
{
    struct payment_news *news = context;

    bool misses_one = order_misses_payment(order, &news->seen);

    *ret_effect = misses_one && news->age_ms < COPY_GAP_MS
                      ? EFFECT_WAIT
                      : order_see_payment(order, &news->seen, instant_now());
    news->closes_gap = misses_one && *ret_effect == EFFECT_SAVE;
    return 0;
}

/* Any news of a payment: the next version of it is applied, an older one changes nothing, a later
 * one is asked for again until the missing one is given up. An unknown order cannot be: an order is
 * stored before anybody can hear of it. So NOT_FOUND, which parks the message for somebody to see:
 * there may be money in it. */
static int on_payment(struct app *app, const struct event *event)
{
    struct payment_news news = {
        .seen = {.version = event->version, .status = event->payment.status},
        .age_ms = instant_now() - event->at_ms,
    };
    const struct order_change change = {
        .order_id = event->payment.order_id, .decide = decide_payment, .context = &news};
    struct order order;
    int r;

    text_copy(news.seen.id, sizeof(news.seen.id), event->aggregate_id);
    r = order_change(app, &change, &order);
    if (r != 0)
        return r;
    if (news.closes_gap)
        metric_add(copy_gaps_closed(app->core.metrics), 1);
    /* A withdrawal that lost to this payment wins after all if it failed. Asked on repeats too, so
     * that a process killed between the two saves leaves nothing undone. */
    return order_give_in_to_ticket(app, &order);
}

/* clang-format off */
/*   event                      durable              copy          handler               */
const struct event_listener orders_listeners[ORDERS_LISTENER_COUNT] = {
    {EVENT_TICKET_CREATED,      "orders-tickets",    &ticket_copy, NULL                  },
    {EVENT_TICKET_UPDATED,      "orders-tickets",    &ticket_copy, NULL                  },
    {EVENT_TICKET_WITHDRAWN,    "orders-tickets",    &ticket_copy, on_ticket_withdrawn   },
    {EVENT_USER_BANNED,         "orders-users",      NULL,         on_user_banned        },
    {EVENT_EXPIRATION_COMPLETE, "orders-expiration", NULL,         on_expiration_complete},
    {EVENT_PAYMENT_STARTED,     "orders-payments",   NULL,         on_payment            },
    {EVENT_PAYMENT_AUTHORIZED,  "orders-payments",   NULL,         on_payment            },
    {EVENT_PAYMENT_CREATED,     "orders-payments",   NULL,         on_payment            },
    {EVENT_PAYMENT_FAILED,      "orders-payments",   NULL,         on_payment            },
    {EVENT_PAYMENT_VOIDED,      "orders-payments",   NULL,         on_payment            },
    {EVENT_PAYMENT_REFUNDED,    "orders-payments",   NULL,         on_payment            },
};
/* clang-format on */

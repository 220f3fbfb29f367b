/*
 * Change: the one way in which an existing order moves, for routes, listeners and the sweep alike:
 * read, decide, save with its event. The save names the version that was read. Where somebody else
 * saved first, the order is read again and the question put again to what it has become; so two who
 * meet at the deadline both get a true answer, and only one of them changed anything.
 */

#include "orders/app.h"

#include "orders/ticket.h"

#include <stdio.h>

static struct metric *sales(struct app *app)
{
    return metrics_counter(app->core.metrics, "orders_sales_cents_total", "",
                           "Prices of the tickets sold, in hundredths.");
}

static struct metric *cancelled(struct app *app, enum order_cause cause)
{
    char labels[48];

    snprintf(labels, sizeof(labels), "cause=\"%s\"", order_cause_name(cause));
    return metrics_counter(app->core.metrics, "orders_cancelled_total", labels,
                           "Orders that ended without a sale, by why.");
}

/* Saved: if it is over by that, it is counted, as sold or as cancelled for its cause. */
static void count_end(struct app *app, const struct order *order)
{
    if (order->status == ORDER_COMPLETE)
        metric_add(sales(app), order->ticket.price_cents);
    if (order->status == ORDER_CANCELLED)
        metric_add(cancelled(app, order_cause(order)), 1);
}

int orders_open(struct app *app)
{
    sales(app);
    for (enum order_cause cause = CAUSE_BUYER_CANCELLED; cause < CAUSE_COUNT; cause++)
        cancelled(app, cause);
    return 0;
}

int order_change(struct app *app, const struct order_change *change, struct order *ret_order)
{
    enum order_effect effect;
    struct event event;
    int r;

    for (int tries = 0; tries < ORDERS_TRIES; tries++) {
        r = order_find(app->core.store, change->order_id, ret_order);
        if (r != 0)
            return r;

        effect = EFFECT_NONE;
        r = change->decide(change->context, ret_order, &effect);
        if (r != 0)
            return r;
        if (effect == EFFECT_NONE)
            return 0;
        if (effect == EFFECT_WAIT)
            return STALE;

        event_order(ret_order, &event);
        r = order_save(app->core.outbox, ret_order, &event);
        if (r == 0)
            count_end(app, ret_order);
        if (r != STALE)
            return r;
    }
    return -EAGAIN;
}

static int decide_expire(void *context, struct order *order, enum order_effect *ret_effect)
{
    (void)context;
    *ret_effect = order_expire(order, instant_now());
    return 0;
}

int order_change_expire(struct app *app, const char *order_id)
{
    const struct order_change change = {.order_id = order_id, .decide = decide_expire};
    struct order order;

    return order_change(app, &change, &order);
}

static int decide_withdraw(void *context, struct order *order, enum order_effect *ret_effect)
{
    (void)context;
    *ret_effect = order_withdraw(order, instant_now());
    return 0;
}

int order_change_withdraw(struct app *app, const char *order_id, struct order *ret_order)
{
    const struct order_change change = {.order_id = order_id, .decide = decide_withdraw};

    return order_change(app, &change, ret_order);
}

int order_give_in_to_ticket(struct app *app, struct order *order)
{
    bool withdrawn;
    int r;

    if (order->status != ORDER_CREATED)
        return 0;
    r = ticket_is_withdrawn(app->core.store, order->ticket.id, &withdrawn);
    if (r != 0 || !withdrawn)
        return r;
    return order_change_withdraw(app, order->id, order);
}

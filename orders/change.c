/*
 * Change: the one way in which an existing order moves, for routes, listeners and the sweep alike:
 * read, decide, save with its event. The save names the version that was read. Where somebody else
 * saved first, the order is read again and the question put again to what it has become; so two who
 * meet at the deadline both get a true answer, and only one of them changed anything.
 */

#include "orders/app.h"

#include "common/log.h"
#include "orders/ticket.h"

#define SWEEP_BATCH    100
#define SWEEP_AFTER_MS 2000 /* in calm the timers win: they are a few ms late, not seconds */

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

int job_sweep_overdue(struct app *app)
{
    char ids[SWEEP_BATCH][ID_BYTES];
    size_t count;
    int r;

    r = order_list_overdue(app->core.store, instant_now() - SWEEP_AFTER_MS, SWEEP_BATCH, ids,
                           &count);
    if (r != 0)
        return r;
    if (count > 0)
        log_event(LOG_WARNING, "orders are overdue and had no timer", "count=%zu", count);
    for (size_t i = 0; i < count; i++) {
        r = order_change_expire(app, ids[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

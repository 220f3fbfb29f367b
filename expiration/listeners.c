/*
 * What expiration hears: every order, to keep its deadline among the delayed jobs. No copy is kept.
 * A deadline only moves to a later one (delay.h), so an event heard twice or late changes nothing;
 * one of an order that is over, heard late, at worst leaves a timer whose firing orders ignores.
 */

#include "expiration/app.h"

static int on_order(struct app *app, const struct event *event)
{
    int r;

    r = timer_follow_order(app->delay, event);
    if (r == 0 && order_status_is_open(event->order.status))
        timer_wake(app->timer, event->order.expires_at_ms);
    return r;
}

/* clang-format off */
/*   event                  durable              copy  handler  */
const struct event_listener expiration_listeners[EXPIRATION_LISTENER_COUNT] = {
    {EVENT_ORDER_CREATED,   "expiration-orders", NULL, on_order},
    {EVENT_ORDER_AWAITING,  "expiration-orders", NULL, on_order},
    {EVENT_ORDER_CANCELLED, "expiration-orders", NULL, on_order},
    {EVENT_ORDER_COMPLETED, "expiration-orders", NULL, on_order},
};
/* clang-format on */

/*
 * Listeners: what payments does about orders.
 *
 * The copy moves first, for every order.* event (the table's `copy`). An order that has ended, one
 * way or the other, decides about the money that is held for it; calling Stripe takes long and may
 * fail, so the settler does it, and the message is acknowledged at once: the payment's workAt, in
 * the store since before Stripe was first called, sees to it that it is not forgotten.
 */

#include "payments/app.h"
#include "payments/settler.h"

static int on_order_ended(struct app *app, const struct event *event)
{
    settler_wake(app->settler, event->aggregate_id);
    return 0;
}

/* clang-format off */
/*   event                  durable            copy         effect         */
const struct event_listener payment_listeners[] = {
    {EVENT_ORDER_CREATED,   "payments-orders", &order_copy, NULL          },
    {EVENT_ORDER_AWAITING,  "payments-orders", &order_copy, NULL          },
    {EVENT_ORDER_CANCELLED, "payments-orders", &order_copy, on_order_ended},
    {EVENT_ORDER_COMPLETED, "payments-orders", &order_copy, on_order_ended},
};
/* clang-format on */
const size_t payment_listener_count = ARRAY_LENGTH(payment_listeners);

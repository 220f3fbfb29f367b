/*
 * What orders counts as it happens: what was said, what was sold for how much, what ended
 * otherwise.
 */

#include "tests/orders/play.h"

static int64_t counted(struct app *app, const char *name, const char *labels)
{
    return metric_value(metrics_counter(app->core.metrics, name, labels, ""));
}

static struct order sold_order(struct app *app)
{
    struct event ticket = known_ticket(app);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);
    struct event started = payment_event(new_id(), 0, PAYMENT_STARTED, order.id);
    struct event authorized = payment_event(started.aggregate_id, 1, PAYMENT_AUTHORIZED, order.id);

    cr_assert_eq(hear(app, &started), 0);
    cr_assert_eq(hear(app, &authorized), 0);
    cr_assert_eq(hear(app, &authorized), 0, "twice, as the bus may");
    return order_now(app, order.id);
}

Test(counts, a_sale_is_counted_once_with_its_price)
{
    struct app *app = given_app();
    struct order order = sold_order(app);

    cr_assert_eq(order.status, ORDER_COMPLETE);
    cr_expect_eq(counted(app, "orders_sales_cents_total", ""), order.ticket.price_cents);
    cr_expect_gt(order.ticket.price_cents, 0);
    cr_expect_eq(counted(app, "events_said_total", "event=\"order.created\""), 1);
    cr_expect_eq(counted(app, "events_said_total", "event=\"order.awaiting\""), 1);
    cr_expect_eq(counted(app, "events_said_total", "event=\"order.completed\""), 1);
    cr_expect_eq(counted(app, "orders_cancelled_total", "cause=\"expired\""), 0);
}

Test(counts, what_ends_otherwise_is_counted_by_its_cause)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);
    struct event withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);

    cr_assert_eq(hear(app, &withdrawn), 0);
    cr_assert_eq(hear(app, &withdrawn), 0);
    cr_assert_eq(order_now(app, order.id).status, ORDER_CANCELLED);
    cr_expect_eq(counted(app, "orders_cancelled_total", "cause=\"ticket-withdrawn\""), 1);
    cr_expect_eq(counted(app, "orders_cancelled_total", "cause=\"expired\""), 0);
    cr_expect_eq(counted(app, "orders_sales_cents_total", ""), 0);
}

Test(counts, what_was_refused_is_not_counted_as_said)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    struct order rival = new_order(new_id(), order.ticket.id, 0);
    char index[STORE_INDEX_BYTES];

    cr_assert_eq(insert_order(app, &rival, index), CONFLICT);
    cr_expect_eq(counted(app, "events_said_total", "event=\"order.created\""), 1);
}

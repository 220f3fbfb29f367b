/*
 * orders: who holds which ticket, and until when.
 *
 * A buyer's order holds one ticket for LOCK_SECONDS. It ends complete, once a payment is
 * authorised, or cancelled: by its buyer, its deadline, the ticket's withdrawal or the buyer's ban.
 * This service alone decides it; the others follow its events.
 */

#include "orders/app.h"

#include <stddef.h>

/* clang-format off */
/*   variable           type         default  field                                  least, most */
static const struct setting settings[] = {
    {"LOCK_SECONDS",    SETTING_INT, "900",   offsetof(struct app, lock_seconds),    1, 86400,
     "how long an order holds its ticket"},
    {"MAX_LIVE_ORDERS", SETTING_INT, "10",    offsetof(struct app, max_live_orders), 1,
     ORDER_SLOTS_MAX, "how many open orders a buyer may have"},
};

static const struct service_job jobs[] = {
    {"sweep-overdue", 1000, job_sweep_overdue,
     "cancels orders whose deadline passed without a timer"},
    {"sweep-banned",  1000, job_sweep_banned,
     "cancels orders that crossed their buyer's ban"},
};
/* clang-format on */

static const struct service_aggregate aggregates[] = {
    {ORDERS, event_order_of_document, order_from_event}};

static const struct service orders = {
    .name = "orders",
    .motto = "who holds which ticket, and until when",
    .port = 3003,
    .app_size = sizeof(struct app),
    .settings = settings,
    .setting_count = ARRAY_LENGTH(settings),
    .routes = orders_routes,
    .route_count = ORDERS_ROUTE_COUNT,
    .listeners = orders_listeners,
    .listener_count = ORDERS_LISTENER_COUNT,
    .says = orders_says,
    .says_count = ORDERS_SAYS_COUNT,
    .indexes = orders_indexes,
    .index_count = ORDERS_INDEX_COUNT,
    .jobs = jobs,
    .job_count = ARRAY_LENGTH(jobs),
    .aggregates = aggregates,
    .aggregate_count = ARRAY_LENGTH(aggregates),
    .feed = &orders_feed,
    .open = orders_open,
};

int main(int argc, char **argv)
{
    return service_main(&orders, argc, argv);
}

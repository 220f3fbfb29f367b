#ifndef ORDERS_APP_H
#define ORDERS_APP_H

/*
 * What the files of this folder share.
 */

#include "common/service.h"
#include "orders/order.h"

struct app {
    struct core core;
    int64_t lock_seconds;    /* LOCK_SECONDS */
    int64_t max_live_orders; /* MAX_LIVE_ORDERS */
};

#define ORDERS_ROUTE_COUNT    5
#define ORDERS_LISTENER_COUNT 11
#define ORDERS_SAYS_COUNT     4
#define ORDERS_INDEX_COUNT    6

extern const struct http_route orders_routes[ORDERS_ROUTE_COUNT];
extern const struct event_listener orders_listeners[ORDERS_LISTENER_COUNT];
extern const enum event_type orders_says[ORDERS_SAYS_COUNT];
extern const struct store_index orders_indexes[ORDERS_INDEX_COUNT];

/* stream.c: what buyers hear of their orders, and the route that they hear it on. */
extern const struct feed_source orders_feed;
int route_stream_order(struct app *app, const struct http_request *request,
                       struct http_reply *reply);

/* The event that tells of `order` as it stands, of its status's type and its version. */
void event_order(const struct order *order, struct event *ret_event);

/* The same from a document, for `ticketctl resync orders`. 0 or < 0. */
int event_order_of_document(const bson_t *document, struct event *ret_event);

/*
 * Change an order: read it, let `decide` have a go at it, and save what came of it with its event;
 * again from the start while somebody else saves first. `decide` puts one question of order.h and
 * its answer into *ret_effect; an outcome that it returns ends the matter. So it may be called
 * several times, each time with what the order then is.
 *
 * 0: saved, or there was nothing to do; ret_order is what the order is now. NOT_FOUND: unknown.
 * STALE: not yet. -EAGAIN: others were faster ORDERS_TRIES times, or the store is away.
 */
#define ORDERS_TRIES 10

struct order_change {
    const char *order_id;
    int (*decide)(void *context, struct order *order, enum order_effect *ret_effect);
    void *context;
};
must_check int order_change(struct app *app, const struct order_change *change,
                            struct order *ret_order);

/* The order's deadline may have come (order_expire). */
must_check int order_change_expire(struct app *app, const char *order_id);

/* The order's ticket was withdrawn (order_withdraw). */
must_check int order_change_withdraw(struct app *app, const char *order_id,
                                     struct order *ret_order);

/* Cancel `order` if it is only `created` and its ticket is withdrawn by now; it is then updated.
 *
 * Called after each save that made it `created`. A withdrawal that crosses moves the copy of the
 * ticket first and then looks for an order; we save the order first and then look at the copy: so
 * at least one of the two sees the other. */
must_check int order_give_in_to_ticket(struct app *app, struct order *order);

/* change.c: make the counters of what order_change ends, so that they are told while still 0. */
int orders_open(struct app *app);

/* sweep.c, jobs: cancel orders whose deadline passed without a timer; those of banned buyers that
 * the ban did not find. */
int job_sweep_overdue(struct app *app);
int job_sweep_banned(struct app *app);

#endif

#ifndef TICKETS_ORDER_H
#define TICKETS_ORDER_H

/*
 * Orders: a copy of what the orders service says, fed by order.created, order.awaiting,
 * order.cancelled and order.completed. Only what decides about a ticket's lock is kept.
 */

#include "common/copy.h"
#include "common/event.h"
#include "common/store.h"

#define ORDERS "orders"

struct order {
    char id[ID_BYTES];
    int64_t version;
    enum order_status status;
    char ticket_id[ID_BYTES];
};

extern const struct copy order_copy;

/* Find the copy as it now stands. 0 or NOT_FOUND. Any thread. */
must_check int order_find(struct store *store, const char *id, struct order *ret_order);

#endif

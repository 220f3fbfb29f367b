#ifndef PAYMENTS_ORDER_H
#define PAYMENTS_ORDER_H

/*
 * Order: a COPY of what orders owns, fed by order.created, order.awaiting, order.cancelled and
 * order.completed. Nothing here is decided by it but whether paying makes sense.
 */

#include "common/copy.h"

struct order {
    char id[ID_BYTES];
    int64_t version;
    enum order_status status;
    char user_id[ID_BYTES];
    int64_t expires_at_ms;
    int64_t price_cents;
    bool expired; /* cancelled for that */
};

extern const struct copy order_copy;

/* NOT_FOUND: never heard of (perhaps not yet). */
must_check int order_find(struct store *store, const char *id, struct order *ret_order);

#endif

/*
 * Order: a COPY of what orders owns, fed by order.created, order.awaiting, order.cancelled and
 * order.completed (collection `orders`). It moves forward by version (common/copy.h), so whatever
 * is heard twice, late or out of order leaves the same copy.
 */

#include "payments/order.h"

#include <string.h>

static void order_to_bson(const struct event *event, bson_t *fields)
{
    const struct order_state *state = &event->order;

    BSON_APPEND_UTF8(fields, "status", order_status_name(state->status));
    store_append_id(fields, "userId", state->user_id);
    BSON_APPEND_DATE_TIME(fields, "expiresAt", state->expires_at_ms);
    BSON_APPEND_INT64(fields, "price", state->ticket.price_cents);
    BSON_APPEND_UTF8(fields, "cause", state->cause);
}

const struct copy order_copy = {.collection = "orders", .to_bson = order_to_bson};

int order_find(struct store *store, const char *id, struct order *ret_order)
{
    cleanup(bson_freep) bson_t *document = NULL;
    bson_t filter = BSON_INITIALIZER;
    int r;

    store_append_id(&filter, "_id", id);
    r = store_find(store, order_copy.collection, &filter, NULL, &document);
    bson_destroy(&filter);
    if (r != 0)
        return r;

    memset(ret_order, 0, sizeof(*ret_order));
    store_read_id(document, "_id", ret_order->id);
    store_read_id(document, "userId", ret_order->user_id);
    ret_order->version = store_read_int(document, "version", 0);
    ret_order->status = order_status_parse(store_read_text(document, "status", ""));
    ret_order->expires_at_ms = store_read_instant(document, "expiresAt", 0);
    ret_order->price_cents = store_read_int(document, "price", 0);
    ret_order->expired = strcmp(store_read_text(document, "cause", ""), "expired") == 0;
    return 0;
}

/*
 * Orders as tickets knows them: a copy, moved forward by version (common/copy.h), never written
 * otherwise. Fed by order.created, order.awaiting, order.cancelled and order.completed.
 */
#include "tickets/order.h"

static void to_bson(const struct event *event, bson_t *fields)
{
    BSON_APPEND_UTF8(fields, "status", order_status_name(event->order.status));
    store_append_id(fields, "ticketId", event->order.ticket.id);
}

const struct copy order_copy = {.collection = ORDERS, .to_bson = to_bson};

int order_find(struct store *store, const char *id, struct order *ret_order)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    cleanup(bson_freep) bson_t *document = NULL;
    struct order order;
    int r;

    store_append_id(filter, "_id", id);
    r = store_find(store, ORDERS, filter, /* options= */ NULL, &document);
    if (r != 0)
        return r;
    order.version = store_read_int(document, "version", -1);
    order.status = order_status_parse(store_read_text(document, "status", ""));
    if (!store_read_id(document, "_id", order.id) ||
        !store_read_id(document, "ticketId", order.ticket_id) || order.version < 0 ||
        order.status == ORDER_STATUS_COUNT)
        return fail(-EIO, "a document in %s is not an order", ORDERS);
    *ret_order = order;
    return 0;
}

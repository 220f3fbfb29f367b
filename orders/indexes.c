/*
 * Indexes, and with them the two invariants of this service, each kept here and nowhere else: a
 * ticket has at most one live order (created, awaiting payment or complete), and a buyer at most
 * one open order in each slot. With MAX_LIVE_ORDERS slots that many orders can be open, exactly,
 * however many requests race in however many processes. Both are partial: an order that is over
 * leaves them in the update that ends it.
 */

#include "common/idempotency.h"
#include "orders/app.h"

/* clang-format off */
const struct store_index orders_indexes[ORDERS_INDEX_COUNT] = {
    {ORDERS, ORDER_INDEX_TICKET,   "{\"ticketId\": 1}",
     "{\"unique\": true, \"partialFilterExpression\": {\"live\": true}}"},
    {ORDERS, ORDER_INDEX_SLOT,     "{\"userId\": 1, \"slot\": 1}",
     "{\"unique\": true, \"partialFilterExpression\": {\"open\": true}}"},
    {ORDERS, "newest_of_a_buyer",  "{\"userId\": 1, \"createdAt\": -1, \"_id\": -1}", NULL},
    {ORDERS, "open_by_deadline",   "{\"expiresAt\": 1}",
     "{\"partialFilterExpression\": {\"open\": true}}"},
    OUTBOX_INDEX(ORDERS),
    IDEMPOTENCY_INDEX,
};
/* clang-format on */

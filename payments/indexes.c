/*
 * Indexes: what payments relies on in its database, made and asserted at start.
 */

#include "common/idempotency.h"
#include "payments/app.h"

/* clang-format off */
const struct store_index payment_indexes[] = {
    OUTBOX_INDEX("payments"),
    IDEMPOTENCY_INDEX,
    {"payments", "one_live_payment", "{\"orderId\": 1}",
     "{\"unique\": true, \"partialFilterExpression\": {\"live\": true}}"},
    {"payments", "attempts", "{\"orderId\": 1, \"status\": 1}", NULL},
    {"payments", "intent", "{\"stripeId\": 1}",
     "{\"partialFilterExpression\": {\"stripeId\": {\"$exists\": true}}}"},
    {"payments", "work", "{\"workAt\": 1}",
     "{\"partialFilterExpression\": {\"workAt\": {\"$exists\": true}}}"},
    {"webhooks", "webhook_expiry", "{\"at\": 1}", "{\"expireAfterSeconds\": 604800}"},
};
/* clang-format on */
const size_t payment_index_count = ARRAY_LENGTH(payment_indexes);

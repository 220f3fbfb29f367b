/*
 * Counts: what is under way in a service's database, for the overview and for /metrics.
 *
 * Each is a query that a partial index answers: documents with an outbox, open orders, payments to
 * look at again. These indexes hold only what is under way, so counting costs what there is to see
 * and not what there ever was; and it is bounded. What has ended is not counted here: the services
 * count it as it happens (events_said_total).
 */

#include "common/instant.h"
#include "ticketctl/ops.h"

#include <stdlib.h>
#include <string.h>

#define UNDER_WAY_MAX (10 * OPS_COUNT_MAX)

/* {"$gt": the epoch} under `key`: whatever has such an instant, found by its index. */
static void append_has_instant(bson_t *filter, const char *key)
{
    bson_t part;

    bson_append_document_begin(filter, key, -1, &part);
    BSON_APPEND_DATE_TIME(&part, "$gt", 0);
    bson_append_document_end(filter, &part);
}

/* Options that give two fields of at most `most` documents. */
static void append_options(bson_t *options, const char *field, const char *other, int64_t most)
{
    bson_t part;

    BSON_APPEND_DOCUMENT_BEGIN(options, "projection", &part);
    BSON_APPEND_INT32(&part, field, 1);
    BSON_APPEND_INT32(&part, other, 1);
    bson_append_document_end(options, &part);
    BSON_APPEND_INT64(options, "limit", most);
}

static int see_waiting(void *context, const bson_t *document)
{
    struct outbox_count *count = context;
    int64_t now_ms = instant_now();
    int64_t waited_ms = now_ms - store_read_instant(document, "pendingAt", now_ms);

    count->documents++;
    if (waited_ms > count->oldest_ms)
        count->oldest_ms = waited_ms;
    return 0;
}

int count_outboxes(struct store *store, enum event_owner owner, struct outbox_count *ret_count)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;

    *ret_count = (struct outbox_count){0};
    append_has_instant(&filter, "relayAfter");
    append_options(&options, "pendingAt", "relayAfter", OPS_COUNT_MAX);
    return store_each(store, event_owner_info(owner)->stream, &filter, &options, see_waiting,
                      ret_count);
}

static int see_hold(void *context, const bson_t *order)
{
    struct hold_count *count = context;
    enum order_status status = order_status_parse(store_read_text(order, "status", ""));
    int64_t expires_ms = store_read_instant(order, "expiresAt", 0);
    int64_t late_ms = instant_now() - expires_ms;

    if (status == ORDER_STATUS_COUNT)
        return 0;
    count->of_status[status]++;
    count->overdue += late_ms > 0;
    if (late_ms > count->oldest_overdue_ms)
        count->oldest_overdue_ms = late_ms;
    if (count->next_at_ms == 0 || expires_ms < count->next_at_ms)
        count->next_at_ms = expires_ms;
    return 0;
}

int count_holds(struct store *store, struct hold_count *ret_count)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;

    *ret_count = (struct hold_count){0};
    BSON_APPEND_BOOL(&filter, "open", true);
    append_has_instant(&filter, "expiresAt");
    append_options(&options, "status", "expiresAt", UNDER_WAY_MAX);
    return store_each(store, event_owner_info(OWNER_ORDERS)->stream, &filter, &options, see_hold,
                      ret_count);
}

static int see_unsettled(void *context, const bson_t *payment)
{
    struct payment_count *count = context;
    enum payment_status status = payment_status_parse(store_read_text(payment, "status", ""));
    char id[ID_BYTES], seconds[9] = "";
    int64_t age_ms;

    if (status == PAYMENT_STATUS_COUNT || !store_read_id(payment, "_id", id))
        return 0;
    memcpy(seconds, id, sizeof(seconds) - 1); /* an ObjectId begins with when it was made */
    age_ms = instant_now() - (int64_t)strtoll(seconds, NULL, 16) * 1000;
    count->of_status[status]++;
    if (age_ms > count->oldest_ms)
        count->oldest_ms = age_ms;
    return 0;
}

int count_unsettled(struct store *store, struct payment_count *ret_count)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;

    *ret_count = (struct payment_count){0};
    append_has_instant(&filter, "workAt");
    append_options(&options, "status", "workAt", UNDER_WAY_MAX);
    return store_each(store, event_owner_info(OWNER_PAYMENTS)->stream, &filter, &options,
                      see_unsettled, ret_count);
}

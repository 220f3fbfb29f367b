/*
 * Orders: the collection. Every save names the version it read (common/outbox.h) and carries its
 * event; the unique indexes that settle who was first are in indexes.c.
 */

#include "orders/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

int order_find(struct store *store, const char *id, struct order *ret_order)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    cleanup(bson_freep) bson_t *document = NULL;
    int r;

    store_append_id(&filter, "_id", id);
    r = store_find(store, ORDERS, &filter, /* options= */ NULL, &document);
    if (r != 0)
        return r;
    return order_from_bson(document, ret_order);
}

int order_find_own(struct store *store, const char *id, const char *user_id,
                   struct order *ret_order)
{
    int r = order_find(store, id, ret_order);

    if (r != 0)
        return r;
    return strcmp(ret_order->user_id, user_id) == 0 ? 0 : FORBIDDEN;
}

struct id_list {
    char (*ids)[ID_BYTES];
    size_t count, most;
};

static int add_id(void *context, const bson_t *document)
{
    struct id_list *list = context;

    if (list->count < list->most && store_read_id(document, "_id", list->ids[list->count]))
        list->count++;
    return 0;
}

/* Ids of what `filter` finds, at most `list->most`. */
static int list_ids(struct store *store, const bson_t *filter, struct id_list *list)
{
    cleanup(bson_destroy) bson_t options = BSON_INITIALIZER;
    bson_t part;

    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &part);
    BSON_APPEND_INT32(&part, "_id", 1);
    bson_append_document_end(&options, &part);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "sort", &part);
    BSON_APPEND_INT32(&part, "expiresAt", 1);
    bson_append_document_end(&options, &part);
    BSON_APPEND_INT64(&options, "limit", (int64_t)list->most);
    return store_each(store, ORDERS, filter, &options, add_id, list);
}

/* {"$lt": at_ms} under `key`. */
static void append_before(bson_t *filter, const char *key, int64_t at_ms)
{
    bson_t part;

    bson_append_document_begin(filter, key, -1, &part);
    BSON_APPEND_DATE_TIME(&part, "$lt", at_ms);
    bson_append_document_end(filter, &part);
}

int order_find_live(struct store *store, const char *ticket_id, char ret_id[ID_BYTES])
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    char ids[1][ID_BYTES];
    struct id_list list = {.ids = ids, .most = 1};
    int r;

    store_append_id(&filter, "ticketId", ticket_id);
    BSON_APPEND_BOOL(&filter, "live", true);
    r = list_ids(store, &filter, &list);
    if (r != 0)
        return r;
    if (list.count == 0)
        return NOT_FOUND;
    text_copy(ret_id, ID_BYTES, ids[0]);
    return 0;
}

int order_find_made(struct store *store, struct order *order)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
    cleanup(bson_freep) bson_t *document = NULL;
    int r;

    if (order->fingerprint[0] == '\0')
        return NOT_FOUND;
    store_append_id(&filter, "ticketId", order->ticket.id);
    BSON_APPEND_BOOL(&filter, "live", true);
    store_append_id(&filter, "userId", order->user_id);
    BSON_APPEND_UTF8(&filter, "fingerprint", order->fingerprint);
    store_append_lasting(&options);
    r = store_find(store, ORDERS, &filter, &options, &document);
    if (r != 0)
        return r;
    return order_from_bson(document, order);
}

int order_list_overdue(struct store *store, int64_t overdue_ms, size_t most,
                       char (*ret_ids)[ID_BYTES], size_t *ret_count)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    struct id_list list = {.ids = ret_ids, .most = most};
    int r;

    BSON_APPEND_BOOL(&filter, "open", true);
    append_before(&filter, "expiresAt", overdue_ms);
    r = list_ids(store, &filter, &list);
    if (r == 0)
        *ret_count = list.count;
    return r;
}

int order_list_open(struct store *store, const char *user_id, int64_t made_ms,
                    char (*ret_ids)[ID_BYTES], size_t *ret_count)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    struct id_list list = {.ids = ret_ids, .most = ORDER_SLOTS_MAX};
    int r;

    store_append_id(&filter, "userId", user_id);
    BSON_APPEND_BOOL(&filter, "open", true);
    append_before(&filter, "createdAt", made_ms);
    r = list_ids(store, &filter, &list);
    if (r == 0)
        *ret_count = list.count;
    return r;
}

int order_list_open_of(struct store *store, char (*user_ids)[ID_BYTES], size_t user_count,
                       char (*ret_ids)[ID_BYTES], size_t *ret_count)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    struct id_list list = {.ids = ret_ids, .most = ORDER_SLOTS_MAX};
    bson_t part, any;
    char key[24];
    int r;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "userId", &part);
    BSON_APPEND_ARRAY_BEGIN(&part, "$in", &any);
    for (size_t i = 0; i < user_count; i++) {
        snprintf(key, sizeof(key), "%zu", i);
        store_append_id(&any, key, user_ids[i]);
    }
    bson_append_array_end(&part, &any);
    bson_append_document_end(&filter, &part);
    BSON_APPEND_BOOL(&filter, "open", true);
    r = list_ids(store, &filter, &list);
    if (r == 0)
        *ret_count = list.count;
    return r;
}

struct survey {
    const char *user_id, *ticket_id;
    struct order_survey found;
};

static int look_at(void *context, const bson_t *document)
{
    struct survey *survey = context;
    char id[ID_BYTES];
    int64_t slot;

    if (store_read_id(document, "ticketId", id) && strcmp(id, survey->ticket_id) == 0 &&
        store_read_bool(document, "live", false))
        survey->found.taken = true;

    slot = store_read_int(document, "slot", -1);
    if (store_read_id(document, "userId", id) && strcmp(id, survey->user_id) == 0 &&
        store_read_bool(document, "open", false) && slot >= 0 && slot < ORDER_SLOTS_MAX)
        survey->found.taken_slots |= UINT64_C(1) << slot;
    return 0;
}

int order_survey(struct store *store, const char *user_id, const char *ticket_id,
                 struct order_survey *ret_survey)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
    struct survey survey = {.user_id = user_id, .ticket_id = ticket_id};
    bson_t any, part;
    int r;

    BSON_APPEND_ARRAY_BEGIN(&filter, "$or", &any);
    BSON_APPEND_DOCUMENT_BEGIN(&any, "0", &part);
    store_append_id(&part, "ticketId", ticket_id);
    BSON_APPEND_BOOL(&part, "live", true);
    bson_append_document_end(&any, &part);
    BSON_APPEND_DOCUMENT_BEGIN(&any, "1", &part);
    store_append_id(&part, "userId", user_id);
    BSON_APPEND_BOOL(&part, "open", true);
    bson_append_document_end(&any, &part);
    bson_append_array_end(&filter, &any);

    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &part);
    BSON_APPEND_INT32(&part, "ticketId", 1);
    BSON_APPEND_INT32(&part, "userId", 1);
    BSON_APPEND_INT32(&part, "slot", 1);
    BSON_APPEND_INT32(&part, "live", 1);
    BSON_APPEND_INT32(&part, "open", 1);
    bson_append_document_end(&options, &part);

    r = store_each(store, ORDERS, &filter, &options, look_at, &survey);
    if (r == 0)
        *ret_survey = survey.found;
    return r;
}

/* A cursor names the last order that was shown: "<createdAt>-<id>". Orders made in one millisecond
 * are told apart by their ids. */
static bool read_cursor(const char *cursor, int64_t *ret_created_ms, char ret_id[ID_BYTES])
{
    const char *dash = strchr(cursor, '-');
    int64_t created_ms = 0;

    if (dash == NULL || dash == cursor || dash - cursor > 15 || !text_is_id(dash + 1, ret_id))
        return false;
    for (const char *digit = cursor; digit < dash; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        created_ms = created_ms * 10 + (*digit - '0');
    }
    *ret_created_ms = created_ms;
    return true;
}

/* What comes after the cursor: {createdAt <= at, "$or": [{createdAt < at}, {_id < id}]}. The first
 * condition is for the index: a page far down begins where it begins. */
static void append_after(bson_t *filter, int64_t created_ms, const char *id)
{
    bson_t any, part, below;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "createdAt", &part);
    BSON_APPEND_DATE_TIME(&part, "$lte", created_ms);
    bson_append_document_end(filter, &part);
    BSON_APPEND_ARRAY_BEGIN(filter, "$or", &any);
    BSON_APPEND_DOCUMENT_BEGIN(&any, "0", &part);
    append_before(&part, "createdAt", created_ms);
    bson_append_document_end(&any, &part);
    BSON_APPEND_DOCUMENT_BEGIN(&any, "1", &part);
    BSON_APPEND_DOCUMENT_BEGIN(&part, "_id", &below);
    store_append_id(&below, "$lt", id);
    bson_append_document_end(&part, &below);
    bson_append_document_end(&any, &part);
    bson_append_array_end(filter, &any);
}

struct page_reader {
    const struct order_page *page;
    struct order order; /* the one at hand: an order is too large to have one on each level */
    int64_t count;
    char next[ORDER_CURSOR_BYTES];
};

static int read_one(void *context, const bson_t *document)
{
    struct page_reader *reader = context;
    int r;

    if (reader->count == reader->page->limit) { /* one more was asked for, to know of it */
        snprintf(reader->next, sizeof(reader->next), "%" PRId64 "-%s", reader->order.created_at_ms,
                 reader->order.id);
        return 0;
    }
    r = order_from_bson(document, &reader->order);
    if (r != 0)
        return r;
    reader->count++;
    reader->page->each(reader->page->context, &reader->order);
    return 0;
}

int order_list(struct store *store, const struct order_page *page,
               char ret_next[ORDER_CURSOR_BYTES])
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
    struct page_reader reader = {.page = page};
    char id[ID_BYTES];
    int64_t created_ms;
    bson_t part;
    int r;

    store_append_id(&filter, "userId", page->user_id);
    if (page->cursor != NULL) {
        if (!read_cursor(page->cursor, &created_ms, id))
            return INVALID;
        append_after(&filter, created_ms, id);
    }
    BSON_APPEND_DOCUMENT_BEGIN(&options, "sort", &part);
    BSON_APPEND_INT32(&part, "createdAt", -1);
    BSON_APPEND_INT32(&part, "_id", -1);
    bson_append_document_end(&options, &part);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &part);
    BSON_APPEND_INT32(&part, "outbox", 0);
    bson_append_document_end(&options, &part);
    BSON_APPEND_INT64(&options, "limit", page->limit + 1);

    r = store_each(store, ORDERS, &filter, &options, read_one, &reader);
    if (r == 0)
        text_copy(ret_next, ORDER_CURSOR_BYTES, reader.next);
    return r;
}

/* ---- writing ---- */

int order_insert(struct outbox *outbox, const struct order *order, const struct event *event,
                 char ret_index[STORE_INDEX_BYTES])
{
    cleanup(bson_destroy) bson_t document = BSON_INITIALIZER;

    order_to_bson(order, &document);
    return outbox_insert(outbox, ORDERS, &document, event, ret_index);
}

int order_save(struct outbox *outbox, const struct order *order, const struct event *event)
{
    cleanup(bson_destroy) bson_t set = BSON_INITIALIZER;

    order_state_to_bson(order, &set);
    return outbox_save(outbox, ORDERS, &set, /* unset= */ NULL, /* guard= */ NULL, event,
                       /* ret_index= */ NULL);
}

/*
 * The store's calls: each is one round trip on this thread's client.
 *
 * Reads carry maxTimeMS, a little below the socket's timeout, so that the server gives a query up
 * and says so, rather than work on for a client that has hung up. The server adds up what a query
 * and all its batches take: whoever reads a whole collection needs more.
 */

#include "common/store_private.h"

enum {
    READ_MAX_MS = 2000,
    READ_ALL_MAX_MS = 600000,
    READ_ALL_BATCH = 500, /* comes within the socket's timeout, also from a slow disk */
};

/* The caller's options and our limit of time; destroy after. */
static void read_options(const bson_t *options, int64_t limit, bson_t *ret_options)
{
    bson_init(ret_options);
    if (options)
        bson_concat(ret_options, options);
    if (!bson_has_field(ret_options, "maxTimeMS"))
        BSON_APPEND_INT64(ret_options, "maxTimeMS", READ_MAX_MS);
    if (limit > 0 && !bson_has_field(ret_options, "limit"))
        BSON_APPEND_INT64(ret_options, "limit", limit);
}

static int keep_copy(void *context, const bson_t *document)
{
    bson_t **ret_document = context;

    *ret_document = bson_copy(document);
    return 0;
}

/* Run a query; *ret_count says how many documents `each` has taken. */
static int query(struct store *store, const char *collection, const bson_t *filter,
                 const bson_t *options, int (*each)(void *context, const bson_t *document),
                 void *context)
{
    cleanup(store_call_end) struct store_call call = {0};
    mongoc_cursor_t *cursor;
    const bson_t *document, *reply = NULL;
    bson_error_t error;
    int r;

    r = store_call_begin(store, collection, &call);
    if (r != 0)
        return r;

    cursor = mongoc_collection_find_with_opts(call.collection, filter, options,
                                              /* read_prefs= */ NULL);
    while (r == 0 && mongoc_cursor_next(cursor, &document))
        r = each(context, document);
    if (r == 0 && mongoc_cursor_error_document(cursor, &error, &reply))
        r = store_failure(store, "find", reply, &error, /* ret_index= */ NULL);
    mongoc_cursor_destroy(cursor);
    return r;
}

int store_find(struct store *store, const char *collection, const bson_t *filter,
               const bson_t *options, bson_t **ret_document)
{
    bson_t *found = NULL;
    bson_t limited;
    int r;

    read_options(options, /* limit= */ 1, &limited);
    r = query(store, collection, filter, &limited, keep_copy, &found);
    bson_destroy(&limited);
    if (r != 0) {
        bson_destroy(found);
        return r;
    }
    if (!found)
        return NOT_FOUND;
    *ret_document = found;
    return 0;
}

int store_each(struct store *store, const char *collection, const bson_t *filter,
               const bson_t *options, int (*each)(void *context, const bson_t *document),
               void *context)
{
    bson_t limited;
    int r;

    read_options(options, /* limit= */ 0, &limited);
    r = query(store, collection, filter, &limited, each, context);
    bson_destroy(&limited);
    return r;
}

int store_each_of_all(struct store *store, const char *collection, const bson_t *filter,
                      int (*each)(void *context, const bson_t *document), void *context)
{
    cleanup(bson_freep) bson_t *options =
        BCON_NEW("maxTimeMS", BCON_INT64(READ_ALL_MAX_MS), "batchSize", BCON_INT32(READ_ALL_BATCH));

    return store_each(store, collection, filter, options, each, context);
}

int store_count(struct store *store, const char *collection, const bson_t *filter, int64_t most,
                int64_t *ret_count)
{
    cleanup(store_call_end) struct store_call call = {0};
    bson_t options, reply;
    bson_error_t error;
    int64_t count;
    int r;

    r = store_call_begin(store, collection, &call);
    if (r != 0)
        return r;

    read_options(/* options= */ NULL, most, &options);
    count = mongoc_collection_count_documents(call.collection, filter, &options,
                                              /* read_prefs= */ NULL, &reply, &error);
    if (count < 0)
        r = store_failure(store, "count", &reply, &error, /* ret_index= */ NULL);
    else
        *ret_count = count;
    bson_destroy(&options);
    bson_destroy(&reply);
    return r;
}

int store_insert(struct store *store, const char *collection, const bson_t *document,
                 char *ret_index)
{
    cleanup(store_call_end) struct store_call call = {0};
    bson_error_t error;
    bson_t reply;
    int r;

    r = store_call_begin(store, collection, &call);
    if (r != 0)
        return r;

    if (!mongoc_collection_insert_one(call.collection, document, /* opts= */ NULL, &reply, &error))
        r = store_failure(store, "insert", &reply, &error, ret_index);
    bson_destroy(&reply);
    return r;
}

/* The document in findAndModify's reply: NULL where it says null. */
static bson_t *modified_document(const bson_t *reply)
{
    const uint8_t *data;
    bson_iter_t iter;
    uint32_t length;

    if (!bson_iter_init_find(&iter, reply, "value") || !BSON_ITER_HOLDS_DOCUMENT(&iter))
        return NULL;
    bson_iter_document(&iter, &length, &data);
    return bson_new_from_data(data, length);
}

int store_modify(struct store *store, const char *collection, const bson_t *filter,
                 const bson_t *update, const bson_t *fields, enum store_flags flags,
                 char *ret_index, bson_t **ret_document)
{
    cleanup(store_call_end) struct store_call call = {0};
    cleanup(bson_freep) bson_t *found = NULL;
    mongoc_find_and_modify_opts_t *options;
    mongoc_find_and_modify_flags_t wanted = MONGOC_FIND_AND_MODIFY_NONE;
    bson_error_t error;
    bson_t reply;
    int r;

    r = store_call_begin(store, collection, &call);
    if (r != 0)
        return r;

    if (!(flags & STORE_BEFORE))
        wanted |= MONGOC_FIND_AND_MODIFY_RETURN_NEW;
    if (flags & STORE_UPSERT)
        wanted |= MONGOC_FIND_AND_MODIFY_UPSERT;
    options = mongoc_find_and_modify_opts_new();
    mongoc_find_and_modify_opts_set_update(options, update);
    mongoc_find_and_modify_opts_set_flags(options, wanted);
    if (fields)
        mongoc_find_and_modify_opts_set_fields(options, fields);

    if (!mongoc_collection_find_and_modify_with_opts(call.collection, filter, options, &reply,
                                                     &error))
        r = store_failure(store, "findAndModify", &reply, &error, ret_index);
    else
        found = modified_document(&reply);
    mongoc_find_and_modify_opts_destroy(options);
    bson_destroy(&reply);
    if (r != 0)
        return r;
    if (!found && !(flags & STORE_UPSERT))
        return NOT_FOUND;
    if (ret_document)
        *ret_document = take(found);
    return 0;
}

int store_update(struct store *store, const char *collection, const bson_t *filter,
                 const bson_t *update, bool many, int64_t *ret_matched)
{
    cleanup(store_call_end) struct store_call call = {0};
    bson_error_t error;
    bson_t reply;
    bool ok;
    int r;

    r = store_call_begin(store, collection, &call);
    if (r != 0)
        return r;

    ok = many ? mongoc_collection_update_many(call.collection, filter, update, /* opts= */ NULL,
                                              &reply, &error)
              : mongoc_collection_update_one(call.collection, filter, update, /* opts= */ NULL,
                                             &reply, &error);
    if (!ok)
        r = store_failure(store, "update", &reply, &error, /* ret_index= */ NULL);
    else if (ret_matched)
        *ret_matched = store_read_int(&reply, "matchedCount", 0);
    bson_destroy(&reply);
    return r;
}

int store_remove(struct store *store, const char *collection, const bson_t *filter,
                 int64_t *ret_removed)
{
    cleanup(store_call_end) struct store_call call = {0};
    bson_error_t error;
    bson_t reply;
    int r;

    r = store_call_begin(store, collection, &call);
    if (r != 0)
        return r;

    if (!mongoc_collection_delete_many(call.collection, filter, /* opts= */ NULL, &reply, &error))
        r = store_failure(store, "delete", &reply, &error, /* ret_index= */ NULL);
    else if (ret_removed)
        *ret_removed = store_read_int(&reply, "deletedCount", 0);
    bson_destroy(&reply);
    return r;
}

static void set_results(struct store_change *changes, size_t count, int result)
{
    for (size_t i = 0; i < count; i++)
        changes[i].result = result;
}

/* Take the result of single changes out of the bulk's reply: true if it has any, and says of the
 * others that they are done. */
static bool read_single_errors(const bson_t *reply, struct store_change *changes, size_t count)
{
    bson_iter_t iter, errors;
    bool any = false;

    if (bson_iter_init_find(&iter, reply, "writeConcernErrors") &&
        bson_iter_recurse(&iter, &errors) && bson_iter_next(&errors))
        return false;
    if (!bson_iter_init_find(&iter, reply, "writeErrors") || !bson_iter_recurse(&iter, &errors))
        return false;

    set_results(changes, count, 0);
    while (bson_iter_next(&errors)) {
        const uint8_t *data;
        uint32_t length;
        bson_t error;
        int64_t index;

        bson_iter_document(&errors, &length, &data);
        if (!bson_init_static(&error, data, length))
            return false;
        index = store_read_int(&error, "index", -1);
        if (index < 0 || (size_t)index >= count)
            return false;
        changes[index].result =
            store_failure_of_code(store_read_int(&error, "code", 0),
                                  store_read_text(&error, "errmsg", ""), /* ret_index= */ NULL);
        any = true;
    }
    return any;
}

static int execute(struct store *store, mongoc_bulk_operation_t *bulk, struct store_change *changes,
                   size_t count, int64_t *ret_matched)
{
    bson_error_t error;
    bson_t reply;
    int r = 0;

    if (mongoc_bulk_operation_execute(bulk, &reply, &error) != 0)
        set_results(changes, count, 0);
    else if (!read_single_errors(&reply, changes, count))
        r = store_failure(store, "bulk", &reply, &error, /* ret_index= */ NULL);
    if (r == 0)
        *ret_matched =
            store_read_int(&reply, "nMatched", 0) + store_read_int(&reply, "nUpserted", 0);
    bson_destroy(&reply);
    return r;
}

int store_change_all(struct store *store, const char *collection, struct store_change *changes,
                     size_t count, int64_t *ret_matched)
{
    cleanup(store_call_end) struct store_call call = {0};
    mongoc_bulk_operation_t *bulk;
    bson_error_t error;
    int64_t matched = 0;
    int r;

    if (ret_matched)
        *ret_matched = 0;
    if (count == 0)
        return 0;

    r = store_call_begin(store, collection, &call);
    if (r == 0) {
        bson_t unordered = BSON_INITIALIZER, upsert = BSON_INITIALIZER;

        BSON_APPEND_BOOL(&unordered, "ordered", false);
        BSON_APPEND_BOOL(&upsert, "upsert", true);
        bulk = mongoc_collection_create_bulk_operation_with_opts(call.collection, &unordered);
        for (size_t i = 0; i < count && r == 0; i++)
            if (!mongoc_bulk_operation_update_one_with_opts(
                    bulk, changes[i].filter, changes[i].update, changes[i].upsert ? &upsert : NULL,
                    &error))
                r = fail(-EIO, "change %zu is not one: %s", i, error.message);
        if (r == 0)
            r = execute(store, bulk, changes, count, &matched);
        mongoc_bulk_operation_destroy(bulk);
        bson_destroy(&unordered);
        bson_destroy(&upsert);
    }
    if (r != 0)
        set_results(changes, count, r);
    if (ret_matched)
        *ret_matched = matched;
    return r;
}

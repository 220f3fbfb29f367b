/*
 * What a service asserts of its store at start: a replica set (majority writes, and sessions that
 * survive a failover, mean something only there) and its indexes.
 *
 * Making an index that is already there, the same, does nothing; one of that name or those keys
 * with other options is refused by the server, in words we pass on: dropping an index of a live
 * database is a person's decision. An index that takes longer to build than a call may wait goes on
 * being built by the server, and the next try finds it.
 */

#include "common/store_private.h"

#include <assert.h>

static int check_replica_set(struct store *store, struct writer *problems)
{
    mongoc_client_t *client = store_client(store);
    bson_t command = BSON_INITIALIZER, reply;
    bson_error_t error;
    int r = 0;

    BSON_APPEND_INT32(&command, "hello", 1);
    if (!mongoc_client_command_simple(client, "admin", &command, /* read_prefs= */ NULL, &reply,
                                      &error))
        r = store_failure(store, "hello", &reply, &error, /* ret_index= */ NULL);
    else if (!bson_has_field(&reply, "setName"))
        write_format(problems, "MongoDB is not a replica set: start mongod with --replSet and "
                               "initiate it\n");
    bson_destroy(&command);
    bson_destroy(&reply);
    return r;
}

/* {createIndexes: …, indexes: [{key: …, name: …, …options}]} */
static bson_t *index_command(const struct store_index *index)
{
    bson_error_t error;
    bson_t *keys = bson_new_from_json((const uint8_t *)index->keys, -1, &error);
    bson_t *options =
        bson_new_from_json((const uint8_t *)(index->options ? index->options : "{}"), -1, &error);
    bson_t *command = bson_new();
    bson_t indexes, one;

    assert(keys && options); /* literals of ours */
    BSON_APPEND_UTF8(command, "createIndexes", index->collection);
    BSON_APPEND_ARRAY_BEGIN(command, "indexes", &indexes);
    BSON_APPEND_DOCUMENT_BEGIN(&indexes, "0", &one);
    BSON_APPEND_DOCUMENT(&one, "key", keys);
    BSON_APPEND_UTF8(&one, "name", index->name);
    bson_concat(&one, options);
    bson_append_document_end(&indexes, &one);
    bson_append_array_end(command, &indexes);
    bson_destroy(keys);
    bson_destroy(options);
    return command;
}

/* Is it the index that is wrong, not the store: other options or keys under that name, data that
 * break it, or a text that is no index? */
static bool is_about_index(const bson_error_t *error)
{
    enum { CANNOT_CREATE = 67, OPTIONS_CONFLICT = 85, KEYS_CONFLICT = 86, INVALID_OPTION = 197 };

    return error->domain == MONGOC_ERROR_SERVER &&
           (error->code == CANNOT_CREATE || error->code == OPTIONS_CONFLICT ||
            error->code == KEYS_CONFLICT || error->code == INVALID_OPTION ||
            error->code == MONGOC_ERROR_DUPLICATE_KEY);
}

static int prepare_index(struct store *store, const struct store_index *index,
                         struct writer *problems)
{
    cleanup(store_call_end) struct store_call call = {0};
    bson_t *command;
    bson_error_t error;
    bson_t reply;
    int r;

    r = store_call_begin(store, index->collection, &call);
    if (r != 0)
        return r;

    command = index_command(index);
    if (mongoc_collection_write_command_with_opts(call.collection, command, /* opts= */ NULL,
                                                  &reply, &error))
        r = 0;
    else if (is_about_index(&error))
        write_format(problems, "index %s of %s differs: %s\n", index->name, index->collection,
                     error.message);
    else
        r = store_failure(store, "createIndexes", &reply, &error, /* ret_index= */ NULL);
    bson_destroy(command);
    bson_destroy(&reply);
    return r;
}

int store_prepare(struct store *store, const struct store_index *indexes, size_t count,
                  struct writer *problems)
{
    int r = store_ping(store, STORE_SELECT_TIMEOUT_MS);

    if (r == 0)
        r = check_replica_set(store, problems);
    for (size_t i = 0; i < count && r == 0; i++)
        r = prepare_index(store, &indexes[i], problems);
    return r;
}

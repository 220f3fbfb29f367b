/*
 * Fields of documents: small readers and writers of BSON, pure and thread-safe.
 *
 * A reader falls back where a field is absent or of another type: documents are written by this
 * program, so that is an older document, not a peer's mistake.
 */

#include "common/store.h"
#include "common/text.h"

#include <assert.h>
#include <string.h>

static bool find_field(const bson_t *document, const char *key, bson_iter_t *ret_iter)
{
    bson_iter_t iter;

    if (!strchr(key, '.'))
        return bson_iter_init_find(ret_iter, document, key);
    return bson_iter_init(&iter, document) && bson_iter_find_descendant(&iter, key, ret_iter);
}

void store_append_id(bson_t *document, const char *key, const char *id)
{
    bson_oid_t oid;

    assert(bson_oid_is_valid(id, strlen(id)));
    bson_oid_init_from_string(&oid, id);
    BSON_APPEND_OID(document, key, &oid);
}

void store_append_lasting(bson_t *options)
{
    bson_t concern;

    BSON_APPEND_DOCUMENT_BEGIN(options, "readConcern", &concern);
    BSON_APPEND_UTF8(&concern, "level", "linearizable");
    bson_append_document_end(options, &concern);
}

bool store_read_id(const bson_t *document, const char *key, char ret_id[25])
{
    bson_iter_t iter;

    ret_id[0] = '\0';
    if (!find_field(document, key, &iter) || !BSON_ITER_HOLDS_OID(&iter))
        return false;
    bson_oid_to_string(bson_iter_oid(&iter), ret_id);
    return true;
}

const char *store_read_text(const bson_t *document, const char *key, const char *fallback)
{
    bson_iter_t iter;

    if (!find_field(document, key, &iter) || !BSON_ITER_HOLDS_UTF8(&iter))
        return fallback;
    return bson_iter_utf8(&iter, /* length= */ NULL);
}

int64_t store_read_int(const bson_t *document, const char *key, int64_t fallback)
{
    bson_iter_t iter;
    double number;

    if (!find_field(document, key, &iter))
        return fallback;
    if (BSON_ITER_HOLDS_INT32(&iter) || BSON_ITER_HOLDS_INT64(&iter))
        return bson_iter_as_int64(&iter);
    if (!BSON_ITER_HOLDS_DOUBLE(&iter))
        return fallback;

    /* Within ±2^53 every whole double is an int64_t, and a cast is defined. */
    number = bson_iter_double(&iter);
    if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0) ||
        (double)(int64_t)number != number)
        return fallback;
    return (int64_t)number;
}

int64_t store_read_instant(const bson_t *document, const char *key, int64_t fallback)
{
    bson_iter_t iter;

    if (!find_field(document, key, &iter) || !BSON_ITER_HOLDS_DATE_TIME(&iter))
        return fallback;
    return bson_iter_date_time(&iter);
}

bool store_read_bool(const bson_t *document, const char *key, bool fallback)
{
    bson_iter_t iter;

    if (!find_field(document, key, &iter) || !BSON_ITER_HOLDS_BOOL(&iter))
        return fallback;
    return bson_iter_bool(&iter);
}

void store_new_id(char ret_id[25])
{
    bson_oid_t oid;

    bson_oid_init(&oid, /* context= */ NULL);
    bson_oid_to_string(&oid, ret_id);
}

void bson_freep(bson_t **document)
{
    bson_destroy(*document); /* NULL is fine */
    *document = NULL;
}

/*
 * Dead letters, found and written: shared by the command line and the /ops page.
 */

#include "ticketctl/letters.h"

#include "common/instant.h"

int letters_each(struct store *store, const char *id, int64_t limit,
                 int (*each)(void *context, const bson_t *document), void *context)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
    bson_t sort;

    if (id != NULL)
        BSON_APPEND_UTF8(&filter, "_id", id);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "sort", &sort);
    BSON_APPEND_INT32(&sort, "at", -1);
    bson_append_document_end(&options, &sort);
    BSON_APPEND_INT64(&options, "limit", limit);
    return store_each(store, LETTERS, &filter, &options, each, context);
}

int letters_count(struct store *store, int64_t most, int64_t *ret_count)
{
    cleanup(bson_destroy) bson_t all = BSON_INITIALIZER;

    return store_count(store, LETTERS, &all, most, ret_count);
}

void letter_write(const char *service, const bson_t *document, bool whole, struct writer *out)
{
    const char *body = store_read_text(document, "body", NULL);

    write_object_begin(out, NULL);
    write_text(out, "service", service);
    write_text(out, "id", store_read_text(document, "_id", ""));
    write_text(out, "subject", store_read_text(document, "subject", ""));
    write_text(out, "eventId", store_read_text(document, "eventId", ""));
    write_text(out, "aggregateId", store_read_text(document, "aggregateId", ""));
    write_text(out, "reason", store_read_text(document, "reason", ""));
    write_int(out, "deliveries", store_read_int(document, "deliveries", 0));
    write_int(out, "replays", store_read_int(document, "replays", 0));
    write_instant(out, "at", store_read_instant(document, "at", 0));
    if (whole && body != NULL)
        write_text(out, "body", body);
    if (whole && body == NULL)
        write_null(out, "body");
    write_object_end(out);
}

/* A COPY of the tickets that the service `tickets` owns, fed by ticket.created, ticket.updated and
 * ticket.withdrawn.
 *
 * common/copy.c moves it forward by version; here are only the fields that orders needs, and how to
 * read them. Nothing here writes.
 */

#include "orders/ticket.h"

#include "common/fail.h"

#define TICKETS "tickets"

static void ticket_to_bson(const struct event *event, bson_t *fields)
{
    BSON_APPEND_UTF8(fields, "title", event->ticket.title);
    BSON_APPEND_INT64(fields, "priceCents", event->ticket.price_cents);
    store_append_id(fields, "userId", event->ticket.user_id);
    BSON_APPEND_UTF8(fields, "status", ticket_status_name(event->ticket.status));
}

const struct copy ticket_copy = {.collection = TICKETS, .to_bson = ticket_to_bson};

int ticket_find(struct store *store, const char *id, struct ticket *ret_ticket)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    cleanup(bson_freep) bson_t *document = NULL;
    struct ticket ticket = {0};
    int r;

    store_append_id(&filter, "_id", id);
    r = store_find(store, TICKETS, &filter, /* options= */ NULL, &document);
    if (r != 0)
        return r;

    text_copy(ticket.id, sizeof(ticket.id), id);
    ticket.version = store_read_int(document, "version", -1);
    ticket.price_cents = store_read_int(document, "priceCents", -1);
    ticket.status = ticket_status_parse(store_read_text(document, "status", ""));
    if (ticket.version < 0 || ticket.price_cents <= 0 || ticket.status == TICKET_STATUS_COUNT ||
        !store_read_id(document, "userId", ticket.user_id) ||
        !text_copy(ticket.title, sizeof(ticket.title), store_read_text(document, "title", "")))
        return fail(-EIO, "the copy of ticket %s is not readable", id);
    *ret_ticket = ticket;
    return 0;
}

int ticket_is_withdrawn(struct store *store, const char *id, bool *ret_withdrawn)
{
    struct ticket ticket = {0};
    int r = ticket_find(store, id, &ticket);

    if (r != 0 && r != NOT_FOUND)
        return r;
    *ret_withdrawn = r == 0 && ticket.status == TICKET_WITHDRAWN;
    return 0;
}

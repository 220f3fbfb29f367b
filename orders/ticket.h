/* A COPY of the tickets that the service `tickets` owns, fed by ticket.created, ticket.updated and
 * ticket.withdrawn. */
#ifndef ORDERS_TICKET_H
#define ORDERS_TICKET_H

/*
 * It may be some milliseconds behind. So it answers what a ticket costs and whose it is, and says
 * when one is withdrawn; who holds it is decided by the orders alone, not by its status here.
 */

#include "common/copy.h"

struct ticket {
    char id[ID_BYTES];
    int64_t version;
    char title[TITLE_BYTES];
    int64_t price_cents;
    char user_id[ID_BYTES]; /* the seller */
    enum ticket_status status;
};

/* For the listeners table. */
extern const struct copy ticket_copy;

/* Find by id. 0; NOT_FOUND: unknown, or not heard of yet. Any thread. */
must_check int ticket_find(struct store *store, const char *id, struct ticket *ret_ticket);

/* Was it withdrawn, as far as is known here? 0, also where it is unknown. Any thread. */
must_check int ticket_is_withdrawn(struct store *store, const char *id, bool *ret_withdrawn);

#endif

#ifndef TICKETS_TICKET_H
#define TICKETS_TICKET_H

/*
 * Tickets: the collection `tickets`, this service's one aggregate, and what may happen to a ticket.
 *
 * The state machine is pure: each function takes a ticket and what has happened, and makes of it
 * the ticket that is to be saved, at the next version. May be called from any thread.
 */

#include "common/event.h"
#include "common/outbox.h"
#include "common/store.h"
#include "tickets/order.h"

#define TICKETS "tickets"

struct ticket {
    char id[ID_BYTES];
    int64_t version;
    int64_t created_at_ms;
    struct ticket_state state; /* title, price, seller, status, order */
    /* Of the request that listed it, if that had an Idempotency-Key (http.h); or "". Neither
     * replies nor events tell it. */
    char fingerprint[FINGERPRINT_BYTES];
};

/* What an event does to a ticket. */
enum ticket_effect {
    TICKET_STAYS,   /* nothing to be done */
    TICKET_CHANGES, /* save what the ticket is now */
    TICKET_WAITS,   /* somebody else's lock stands in the way: ask again later */
};

/* A new ticket of `seller_id`, available, at version 0. */
void ticket_init(struct ticket *ticket, const char *seller_id, const char *title,
                 int64_t price_cents, int64_t now_ms);

/* The owner edits or withdraws it. REFUSED: its status does not allow that; the ticket is left as
 * it was. ticket_withdraw on a withdrawn one is DONE and changes nothing. */
must_check int ticket_edit(struct ticket *ticket, const char *title, int64_t price_cents);
must_check int ticket_withdraw(struct ticket *ticket);

/* Bring the ticket to what `order` (one of its orders, as its copy now stands) asks for. `holder`
 * is the copy of the order that has it locked, where that is another one and known; else NULL. */
enum ticket_effect ticket_follow_order(struct ticket *ticket, const struct order *order,
                                       const struct order *holder);

/* 0; -EIO if the document is not a ticket. */
must_check int ticket_from_bson(const bson_t *document, struct ticket *ret_ticket);

void ticket_to_json(const struct ticket *ticket, const char *key, struct writer *out);

/* 0 or NOT_FOUND. */
must_check int ticket_find(struct store *store, const char *id, struct ticket *ret_ticket);

/* Was `ticket`, which is not stored, listed before by the same request, now repeated? 0: it is the
 * one with its fingerprint now, and will last. NOT_FOUND: there is none; it is as it was. */
must_check int ticket_find_made(struct store *store, struct ticket *ticket);

/* What an event says of a ticket's document. */
struct recovered;
void ticket_from_event(const struct event *event, struct recovered *ret_fields);

/* Insert a new ticket with its event. CONFLICT: there is one with its fingerprint. */
must_check int ticket_insert(struct outbox *outbox, const struct ticket *ticket,
                             const struct event *event);

/* Save what differs between `before`, as it was read, and `after`, the next version, with its
 * event. STALE: it has moved on since it was read, nothing written. */
must_check int ticket_save(struct outbox *outbox, const struct ticket *before,
                           const struct ticket *after, const struct event *event);

#endif

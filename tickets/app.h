#ifndef TICKETS_APP_H
#define TICKETS_APP_H

/*
 * What the files of tickets share.
 */

#include "common/service.h"
#include "tickets/ticket.h"

struct app {
    struct core core;
    const char *min_price; /* as set: "0.50" */
    int64_t min_price_cents;
};

/* routes.c */
extern const struct http_route ticket_routes[];
extern const size_t ticket_route_count;

/* stream.c: what clients hear of tickets, and the route that they hear it on. */
extern const struct feed_source ticket_feed;
int route_stream_tickets(struct app *app, const struct http_request *request,
                         struct http_reply *reply);

/* listeners.c */
extern const struct event_listener ticket_listeners[];
extern const size_t ticket_listener_count;

/* events.c: fill the event that tells of `ticket` as it stands; saved with it, in its outbox. */
void event_ticket_created(const struct ticket *ticket, struct event *ret_event);
void event_ticket_updated(const struct ticket *ticket, struct event *ret_event);
void event_ticket_withdrawn(const struct ticket *ticket, struct event *ret_event);

/* events.c: the event for a stored document, as it stands (service_aggregate). */
int event_of_ticket(const bson_t *document, struct event *ret_event);

#endif

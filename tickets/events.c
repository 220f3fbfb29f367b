/*
 * What tickets says: one function for each event, filled from a ticket as it stands.
 */
#include "tickets/app.h"

static void fill(const struct ticket *ticket, enum event_type type, struct event *ret_event)
{
    event_init(ret_event, type, ticket->id, ticket->version);
    ret_event->ticket = ticket->state;
}

void event_ticket_created(const struct ticket *ticket, struct event *ret_event)
{
    fill(ticket, EVENT_TICKET_CREATED, ret_event);
}

void event_ticket_updated(const struct ticket *ticket, struct event *ret_event)
{
    fill(ticket, EVENT_TICKET_UPDATED, ret_event);
}

void event_ticket_withdrawn(const struct ticket *ticket, struct event *ret_event)
{
    fill(ticket, EVENT_TICKET_WITHDRAWN, ret_event);
}

int event_of_ticket(const bson_t *document, struct event *ret_event)
{
    struct ticket ticket;
    int r;

    r = ticket_from_bson(document, &ticket);
    if (r != 0)
        return r;
    if (ticket.version == 0)
        event_ticket_created(&ticket, ret_event);
    else if (ticket.state.status == TICKET_WITHDRAWN)
        event_ticket_withdrawn(&ticket, ret_event);
    else
        event_ticket_updated(&ticket, ret_event);
    return 0;
}

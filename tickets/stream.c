/*
 * What clients hear of tickets as they change: each event of ours, told as GET /api/tickets/:id
 * would answer. The event has all of that, so nothing is read.
 */
#include "tickets/app.h"

#include <string.h>

#define IDS_RULE "Ids must be 1 to 100 ids of 24 hexadecimal digits"

static int write_ticket(struct app *app, const struct event *event, struct writer *out)
{
    struct ticket ticket = {.version = event->version, .state = event->ticket};

    (void)app;
    text_copy(ticket.id, sizeof(ticket.id), event->aggregate_id);
    ticket_to_json(&ticket, /* key= */ NULL, out);
    return 0;
}

const struct feed_source ticket_feed = {
    .owner = OWNER_TICKETS, .name = "ticket", .write = write_ticket};

/* "a,b,c", each an id, at most FEED_IDS_MAX. False where it is anything else. */
static bool read_ids(const char *text, char (*ids)[ID_BYTES], size_t *ret_count)
{
    size_t count = 0;

    for (const char *next = text; next != NULL;) {
        size_t length = strcspn(next, ",");
        char id[ID_BYTES] = "";

        if (count == FEED_IDS_MAX || length != ID_BYTES - 1)
            return false;
        memcpy(id, next, length);
        if (!text_is_id(id, ids[count]))
            return false;
        count++;
        next = next[length] == ',' ? next + length + 1 : NULL;
    }
    *ret_count = count;
    return true;
}

int route_stream_tickets(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    const char *text = http_query(request, "ids");
    char ids[FEED_IDS_MAX][ID_BYTES];
    struct feed_opening opening = {.ids = ids[0],
                                   .last_event_id = http_header(request, "Last-Event-ID")};

    if (text != NULL && !read_ids(text, ids, &opening.id_count))
        return reply_error(reply, INVALID, "ids", IDS_RULE);
    return reply_stream(reply, feed_cursor_new(app->core.feed, &opening));
}

/*
 * What tickets answers: listing, showing, and what a seller does with a ticket of theirs.
 *
 * A change is decided on the ticket as it was read and saved under that version. Where somebody was
 * faster, it is read and decided again: without If-Match two changes both succeed, one after the
 * other; with it the second one finds that its version is gone.
 */
#include "common/input.h"
#include "common/instant.h"
#include "tickets/app.h"
#include "tickets/search.h"

#include <string.h>

#define SAVE_TRIES 8

static int reply_ticket(struct http_reply *reply, int status, const struct ticket *ticket)
{
    reply_etag(reply, ticket->version);
    ticket_to_json(ticket, /* key= */ NULL, reply_body(reply, status));
    return 0;
}

/* Title and price, as a seller gives them. 0 or INVALID. */
static int read_terms(struct app *app, const struct http_request *request, struct http_reply *reply,
                      char title[TITLE_BYTES], int64_t *price_cents)
{
    static const struct input_text rule = {.field = "title",
                                           .least = 1,
                                           .most = TITLE_MAX_CODE_POINTS,
                                           .too_short = "Title is required",
                                           .too_long = "Title is longer than 200 characters",
                                           .has_control =
                                               "Title must not contain control characters"};

    input_text(request, reply, &rule, title, TITLE_BYTES);
    input_price(request, reply, "price", app->min_price_cents, /* required= */ true, price_cents);
    return reply_has_errors(reply) ? INVALID : 0;
}

static int route_create_ticket(struct app *app, const struct http_request *request,
                               struct http_reply *reply)
{
    char title[TITLE_BYTES];
    int64_t price_cents;
    struct ticket ticket;
    struct event event;
    int r;

    r = read_terms(app, request, reply, title, &price_cents);
    if (r != 0)
        return r;
    ticket_init(&ticket, request->session.user_id, title, price_cents, instant_now());
    memcpy(ticket.fingerprint, request->fingerprint, sizeof(ticket.fingerprint));
    event_ticket_created(&ticket, &event);
    r = ticket_insert(app->core.outbox, &ticket, &event);
    if (r == CONFLICT) /* this very request has listed it before, and its answer was lost */
        r = ticket_find_made(app->core.store, &ticket);
    if (r != 0)
        return r;
    return reply_ticket(reply, 201, &ticket);
}

static void write_ticket(void *context, const struct ticket *ticket)
{
    ticket_to_json(ticket, /* key= */ NULL, context);
}

/* Append "&name=value", percent-encoded; nothing for NULL. */
static void append_parameter(struct writer *out, const char *name, const char *value)
{
    if (!value)
        return;
    write_format(out, "&%s=", name);
    for (const unsigned char *at = (const unsigned char *)value; *at; at++) {
        if ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
            (*at >= 'A' && *at <= 'Z') || strchr("-._~", *at))
            write_format(out, "%c", *at);
        else
            write_format(out, "%%%02X", *at);
    }
}

/* Where the plain array ends before the list does, a header says where it goes on. */
static void link_next(const struct http_request *request, struct http_reply *reply,
                      const struct search *search, const char *next)
{
    cleanup(writer_release) struct writer link = {0};

    writer_init(&link);
    write_format(&link, "<%s?limit=%lld", request->route->path, (long long)search->limit);
    append_parameter(&link, "after", next);
    append_parameter(&link, "q", http_query(request, "q"));
    append_parameter(&link, "sort", http_query(request, "sort"));
    append_parameter(&link, "status", http_query(request, "status"));
    write_format(&link, ">; rel=\"next\"");
    reply_header(reply, "Link", writer_text(&link));
}

/* A page of the tickets that `search` says; sort, words and paging are the query's. */
static int reply_list(struct app *app, const struct http_request *request, struct http_reply *reply,
                      struct search search)
{
    cleanup(freep) char *next = NULL;
    struct input_page page;
    struct writer *out;
    int r;

    input_page(request, reply, &page);
    search.sort = search_sort_parse(http_query(request, "sort"));
    if (search.sort == SEARCH_SORT_COUNT)
        reply_error(reply, INVALID, "sort", "Sort must be newest, price, -price or title");
    if (reply_has_errors(reply))
        return INVALID;
    search.words = http_query(request, "q");
    search.limit = page.limit;
    search.after = page.after;

    out = reply_body(reply, 200);
    if (page.paged)
        write_object_begin(out, NULL);
    write_array_begin(out, page.paged ? "results" : NULL);
    r = search_run(app->core.store, &search, write_ticket, out, &next);
    if (r == INVALID)
        return reply_error(reply, INVALID, "after", "After is not a cursor of this list");
    if (r != 0)
        return r;
    write_array_end(out);
    if (!page.paged) {
        if (next)
            link_next(request, reply, &search, next);
        return 0;
    }
    if (next)
        write_text(out, "next", next);
    else
        write_null(out, "next");
    write_object_end(out);
    return 0;
}

static int route_list_tickets(struct app *app, const struct http_request *request,
                              struct http_reply *reply)
{
    return reply_list(app, request, reply, (struct search){.status = TICKET_AVAILABLE});
}

/* A seller's own tickets, whatever became of them. */
static int route_list_own_tickets(struct app *app, const struct http_request *request,
                                  struct http_reply *reply)
{
    const char *status = http_query(request, "status");
    struct search search = {.status = TICKET_STATUS_COUNT, .seller_id = request->session.user_id};

    if (status) {
        search.status = ticket_status_parse(status);
        if (search.status == TICKET_STATUS_COUNT)
            reply_error(reply, INVALID, "status",
                        "Status must be available, reserved, sold or withdrawn");
    }
    return reply_list(app, request, reply, search);
}

static int route_show_ticket(struct app *app, const struct http_request *request,
                             struct http_reply *reply)
{
    struct ticket ticket;
    int r;

    r = ticket_find(app->core.store, request->ids[0], &ticket);
    if (r != 0)
        return r;
    return reply_ticket(reply, 200, &ticket);
}

/* Load the request's ticket for its owner to change. */
static int find_own(struct app *app, const struct http_request *request, struct ticket *ret_ticket)
{
    int r;

    r = ticket_find(app->core.store, request->ids[0], ret_ticket);
    if (r != 0)
        return r;
    if (strcmp(ret_ticket->state.user_id, request->session.user_id) != 0)
        return FORBIDDEN;
    return http_if_match(request, ret_ticket->version);
}

static int route_update_ticket(struct app *app, const struct http_request *request,
                               struct http_reply *reply)
{
    char title[TITLE_BYTES];
    int64_t price_cents;
    struct ticket before, after;
    struct event event;
    int r;

    r = read_terms(app, request, reply, title, &price_cents);
    if (r != 0)
        return r;

    for (int try = 0; try < SAVE_TRIES; try++) {
        r = find_own(app, request, &before);
        if (r != 0)
            return r;
        after = before;
        if (ticket_edit(&after, title, price_cents) == REFUSED)
            return reply_error(reply, REFUSED, NULL,
                               before.state.status == TICKET_WITHDRAWN
                                   ? "Cannot edit a withdrawn ticket"
                                   : "Cannot edit a reserved ticket");
        event_ticket_updated(&after, &event);
        r = ticket_save(app->core.outbox, &before, &after, &event);
        if (r == 0)
            return reply_ticket(reply, 200, &after);
        if (r != STALE)
            return r;
    }
    return -EAGAIN;
}

static int route_withdraw_ticket(struct app *app, const struct http_request *request,
                                 struct http_reply *reply)
{
    struct ticket before, after;
    struct event event;
    int r;

    for (int try = 0; try < SAVE_TRIES; try++) {
        r = find_own(app, request, &before);
        if (r != 0)
            return r;
        after = before;
        if (ticket_withdraw(&after) == REFUSED)
            return reply_error(reply, REFUSED, NULL, "Cannot withdraw a reserved ticket");
        if (after.version == before.version) /* it was withdrawn before */
            return reply_empty(reply, 204);
        event_ticket_withdrawn(&after, &event);
        r = ticket_save(app->core.outbox, &before, &after, &event);
        if (r == 0)
            return reply_empty(reply, 204);
        if (r != STALE)
            return r;
    }
    return -EAGAIN;
}

/* clang-format off */
/*   method    path                   access     flags                        handler               */
const struct http_route ticket_routes[] = {
    {"POST",   "/api/tickets",        SIGNED_IN, HTTP_BODY | HTTP_IDEMPOTENT, route_create_ticket   },
    {"GET",    "/api/tickets",        PUBLIC,    HTTP_WORKER,                 route_list_tickets    },
    {"GET",    "/api/tickets/mine",   SIGNED_IN, HTTP_WORKER,                 route_list_own_tickets},
    {"GET",    "/api/tickets/events", PUBLIC,    HTTP_STREAM,                 route_stream_tickets  },
    {"GET",    "/api/tickets/:id",    PUBLIC,    HTTP_WORKER,                 route_show_ticket     },
    {"PUT",    "/api/tickets/:id",    SIGNED_IN, HTTP_BODY,                   route_update_ticket   },
    {"DELETE", "/api/tickets/:id",    SIGNED_IN, HTTP_WORKER,                 route_withdraw_ticket },
};
/* clang-format on */
const size_t ticket_route_count = ARRAY_LENGTH(ticket_routes);

/*
 * What orders answers. The dispatcher has checked path, session, ids and that a body is an object;
 * handlers read their fields, load, check the owner, and ask the model. A buyer's own orders are
 * all that can be seen here; somebody else's is 401, as in the course.
 */

#include "common/input.h"
#include "orders/app.h"
#include "orders/ticket.h"

#include <stdlib.h>
#include <string.h>

static int reply_order(struct http_reply *reply, int status, const struct order *order)
{
    reply_etag(reply, order->version);
    order_to_json(order, reply_body(reply, status), /* key= */ NULL);
    return 0;
}

/* ---- POST /api/orders ---- */

static int refuse_price(struct http_reply *reply, int64_t seen_cents, int64_t current_cents)
{
    struct writer *members = reply_error_members(reply);

    write_money(members, "seenPrice", seen_cents);
    write_money(members, "currentPrice", current_cents);
    return reply_error(reply, CONFLICT, "price", "Price changed");
}

static int refuse_taken(struct http_reply *reply)
{
    return reply_error(reply, REFUSED, "ticketId", "Ticket is already reserved");
}

/* Insert `order` into its slot, but for a ticket that is taken. CONFLICT: the slot is; the unique
 * indexes tell, whatever was read before. */
static int insert(struct app *app, const struct order *order, bool *ret_taken)
{
    char index[STORE_INDEX_BYTES] = "";
    struct event event;
    int r;

    event_order(order, &event);
    r = order_insert(app->core.outbox, order, &event, index);
    *ret_taken = r == CONFLICT && strcmp(index, ORDER_INDEX_TICKET) == 0;
    return *ret_taken ? 0 : r;
}

/*
 * Insert `order` into one of the buyer's free slots. Few have many orders open, so a slot by chance
 * is tried first; only if that is taken does the survey cost a read. A slot that was lost to a
 * racing request of the same buyer is passed over for the next.
 */
static int insert_into_slot(struct app *app, struct order *order, struct http_reply *reply,
                            bool *ret_taken)
{
    struct order_survey survey;
    int r;

    order->slot = (int64_t)strtoul(order->id + ID_BYTES - 5, NULL, 16) % app->max_live_orders;
    r = insert(app, order, ret_taken);
    if (r != CONFLICT)
        return r;
    r = order_survey(app->core.store, order->user_id, order->ticket.id, &survey);
    if (r != 0)
        return r;
    *ret_taken = survey.taken;
    if (survey.taken)
        return 0;
    for (order->slot = 0; order->slot < app->max_live_orders; order->slot++) {
        if ((survey.taken_slots >> order->slot & 1) != 0)
            continue;
        r = insert(app, order, ret_taken);
        if (r != CONFLICT)
            return r;
    }
    return reply_error(reply, REFUSED, /* field= */ NULL, "Too many open orders");
}

/* What a buyer asks for. */
struct wish {
    const struct ticket *ticket;
    int64_t seen_cents; /* the price that he saw; < 0: he does not say */
};

/* May this buyer have the ticket on these terms? A ticket that is taken is called that, whatever
 * else is wrong. */
static int check_terms(struct app *app, const struct order *order, const struct wish *wish,
                       struct http_reply *reply, bool *ret_taken)
{
    bool own = strcmp(wish->ticket->user_id, order->user_id) == 0;
    struct order_survey survey;
    int r;

    if (!own && (wish->seen_cents < 0 || wish->ticket->price_cents <= wish->seen_cents))
        return 0;
    r = order_survey(app->core.store, order->user_id, order->ticket.id, &survey);
    if (r != 0)
        return r;
    *ret_taken = survey.taken;
    if (survey.taken)
        return 0;
    if (own)
        return reply_error(reply, REFUSED, "ticketId", "Cannot buy your own ticket");
    return refuse_price(reply, wish->seen_cents, wish->ticket->price_cents);
}

/*
 * Make `order` hold its ticket. Where that is held by the order that this very request has made,
 * because its answer was lost after the insert, `order` is that one.
 *
 * If that one is over by now it holds nothing, and there is no answer to be given again: who asks
 * once more wants the ticket, and gets a new order.
 */
static int hold_ticket(struct app *app, struct order *order, const struct wish *wish,
                       struct http_reply *reply)
{
    bool taken = false;
    int r;

    r = check_terms(app, order, wish, reply, &taken);
    if (r == 0 && !taken)
        r = insert_into_slot(app, order, reply, &taken);
    if (r != 0 || !taken)
        return r;
    r = order_find_made(app->core.store, order);
    return r == NOT_FOUND ? refuse_taken(reply) : r;
}

static void fill_order(struct order *order, const struct http_request *request,
                       const struct ticket *ticket, int64_t lock_ms)
{
    store_new_id(order->id);
    memcpy(order->user_id, request->session.user_id, sizeof(order->user_id));
    memcpy(order->fingerprint, request->fingerprint, sizeof(order->fingerprint));
    memcpy(order->ticket.id, ticket->id, sizeof(order->ticket.id));
    memcpy(order->ticket.title, ticket->title, sizeof(order->ticket.title));
    order->ticket.price_cents = ticket->price_cents;
    order->ticket.version = ticket->version;
    order_begin(order, instant_now(), lock_ms);
}

static int route_create_order(struct app *app, const struct http_request *request,
                              struct http_reply *reply)
{
    char ticket_id[ID_BYTES] = "";
    struct ticket ticket;
    struct wish wish = {.ticket = &ticket, .seen_cents = -1};
    struct order order;
    int r;

    input_id(request, reply, "ticketId", "TicketId must be provided", ticket_id);
    input_price(request, reply, "price", /* least_cents= */ 0, /* required= */ false,
                &wish.seen_cents);
    if (reply_has_errors(reply))
        return INVALID;

    r = ticket_find(app->core.store, ticket_id, &ticket);
    if (r != 0)
        return r;

    fill_order(&order, request, &ticket, app->lock_seconds * 1000);
    if (ticket.status == TICKET_WITHDRAWN)
        r = order_find_made(app->core.store, &order); /* it may have to give in, still */
    else
        r = hold_ticket(app, &order, &wish, reply);
    if (r != 0)
        return r;
    r = order_give_in_to_ticket(app, &order); /* withdrawn while we were at it */
    if (r != 0)
        return r;
    if (order.status == ORDER_CANCELLED)
        return NOT_FOUND;
    return reply_order(reply, 201, &order);
}

/* ---- GET /api/orders ---- */

static void write_one(void *context, const struct order *order)
{
    order_to_json(order, context, /* key= */ NULL);
}

static int route_list_orders(struct app *app, const struct http_request *request,
                             struct http_reply *reply)
{
    cleanup(freep) char *link = NULL;
    char next[ORDER_CURSOR_BYTES];
    struct input_page page;
    struct order_page orders;
    struct writer *out;
    int r;

    input_page(request, reply, &page);
    if (reply_has_errors(reply))
        return INVALID;

    out = reply_body(reply, 200);
    if (page.paged)
        write_object_begin(out, /* key= */ NULL);
    write_array_begin(out, page.paged ? "results" : NULL);
    orders = (struct order_page){.user_id = request->session.user_id,
                                 .cursor = page.after,
                                 .limit = page.limit,
                                 .each = write_one,
                                 .context = out};
    r = order_list(app->core.store, &orders, next);
    if (r == INVALID)
        return reply_error(reply, INVALID, "after", "After is not a cursor of this list");
    if (r != 0)
        return r;
    write_array_end(out);

    if (page.paged) {
        if (next[0] != '\0')
            write_text(out, "next", next);
        else
            write_null(out, "next");
        write_object_end(out);
        return 0;
    }
    if (next[0] != '\0') {
        link = xasprintf("</api/orders?limit=%d&after=%s>; rel=\"next\"", (int)page.limit, next);
        reply_header(reply, "Link", link);
    }
    return 0;
}

/* ---- GET, DELETE /api/orders/:id ---- */

static int route_show_order(struct app *app, const struct http_request *request,
                            struct http_reply *reply)
{
    struct order order;
    int r;

    r = order_find_own(app->core.store, request->ids[0], request->session.user_id, &order);
    if (r != 0)
        return r;
    return reply_order(reply, 200, &order);
}

struct cancelling {
    const struct http_request *request;
    struct http_reply *reply;
};

static int decide_cancel(void *context, struct order *order, enum order_effect *ret_effect)
{
    const struct cancelling *by = context;
    int r;

    if (strcmp(order->user_id, by->request->session.user_id) != 0)
        return FORBIDDEN;
    r = http_if_match(by->request, order->version);
    if (r != 0)
        return r;
    if (order->status == ORDER_COMPLETE)
        return reply_error(by->reply, REFUSED, /* field= */ NULL,
                           order_refusal(ORDER_COMPLETE, ORDER_CANCELLED));
    *ret_effect = order_cancel(order, CAUSE_BUYER_CANCELLED, instant_now());
    return 0;
}

static int route_cancel_order(struct app *app, const struct http_request *request,
                              struct http_reply *reply)
{
    struct cancelling by = {.request = request, .reply = reply};
    const struct order_change change = {
        .order_id = request->ids[0], .decide = decide_cancel, .context = &by};
    struct order order;
    int r;

    r = order_change(app, &change, &order);
    if (r != 0)
        return r;
    return reply_empty(reply, 204);
}

/* clang-format off */
/*   method    path                      access     flags                        handler            */
const struct http_route orders_routes[ORDERS_ROUTE_COUNT] = {
    {"POST",   "/api/orders",            SIGNED_IN, HTTP_BODY | HTTP_IDEMPOTENT, route_create_order},
    {"GET",    "/api/orders",            SIGNED_IN, HTTP_WORKER,                 route_list_orders },
    {"GET",    "/api/orders/:id",        SIGNED_IN, HTTP_WORKER,                 route_show_order  },
    {"GET",    "/api/orders/:id/events", SIGNED_IN, HTTP_STREAM,                 route_stream_order},
    {"DELETE", "/api/orders/:id",        SIGNED_IN, HTTP_WORKER,                 route_cancel_order},
};
/* clang-format on */

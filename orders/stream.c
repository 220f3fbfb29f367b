/*
 * What a buyer hears of an order as it changes: all of it, as GET /api/orders/:id answers. An event
 * has no history, so the order is read again, once for all who listen, and only where somebody
 * does.
 */

#include "orders/app.h"

static int write_order(struct app *app, const struct event *event, struct writer *out)
{
    struct order order;
    int r;

    r = order_find(app->core.store, event->aggregate_id, &order);
    if (r == 0)
        order_to_json(&order, out, /* key= */ NULL);
    return r;
}

const struct feed_source orders_feed = {
    .owner = OWNER_ORDERS, .name = "order", .write = write_order, .awaited_only = true};

/*
 * The cursor comes first and the order is read after: what happens in between is heard twice and
 * never missed. The order as it is comes first, unless the client has shown that it knows it.
 */
int route_stream_order(struct app *app, const struct http_request *request,
                       struct http_reply *reply)
{
    const struct feed_opening opening = {.ids = request->ids[0],
                                         .id_count = 1,
                                         .last_event_id = http_header(request, "Last-Event-ID")};
    cleanup(feed_cursor_freep) struct feed_cursor *cursor =
        feed_cursor_new(app->core.feed, &opening);
    cleanup(writer_release) struct writer json = {0};
    struct order order;
    int r;

    r = order_find_own(app->core.store, request->ids[0], request->session.user_id, &order);
    if (r != 0)
        return r;
    if (!feed_cursor_is_current(cursor)) {
        writer_init(&json);
        order_to_json(&order, &json, /* key= */ NULL);
        feed_cursor_begin_with(cursor, writer_text(&json));
    }
    return reply_stream(reply, take(cursor));
}

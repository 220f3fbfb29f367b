#include "tests/orders/play.h"

#include "common/copy.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MAX 256

static struct app the_app;

static void close_app(void)
{
    the_app.core.outbox = outbox_free(the_app.core.outbox, 2000);
}

static void free_metrics(void)
{
    the_app.core.metrics = metrics_free(the_app.core.metrics);
}

struct app *given_app(void)
{
    static const char *const collections[] = {ORDERS};
    cleanup(writer_release) struct writer problems = {0};
    struct app *app = &the_app;

    if (app->core.outbox != NULL)
        return app;
    app->lock_seconds = 900;
    app->max_live_orders = 10;
    app->core.metrics = metrics_new();
    atexit(free_metrics); /* after the bus and the store were closed, which were opened after it */
    app->core.store = given_store();
    app->core.bus = given_bus("orders");
    cr_assert_eq(bus_prepare(app->core.bus, NULL, 0, &problems), 0);
    cr_assert_eq(store_prepare(app->core.store, orders_indexes, ORDERS_INDEX_COUNT, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    cr_assert_eq(outbox_open(app->core.store, app->core.bus, app->core.metrics, collections, 1,
                             &app->core.outbox),
                 0);
    atexit(close_app);
    return app;
}

int hear(struct app *app, const struct event *event)
{
    for (size_t i = 0; i < ORDERS_LISTENER_COUNT; i++) {
        const struct event_listener *row = &orders_listeners[i];
        int result = 0, r;

        if (row->event != event->type)
            continue;
        if (row->copy != NULL) {
            r = copy_move(app->core.store, app->core.metrics, row->copy, &event, 1, &result);
            cr_assert_eq(r, 0);
        }
        if (result != 0 || row->handle == NULL)
            return result;
        return row->handle(app, event);
    }
    cr_assert_fail("nobody listens to %s", event_info(event->type)->subject);
    return -1;
}

const char *new_id(void)
{
    static char ids[IDS_MAX][ID_BYTES];
    static size_t count;

    cr_assert_lt(count, IDS_MAX);
    store_new_id(ids[count]);
    return ids[count++];
}

struct event ticket_at(const struct event *ticket, int64_t version, enum ticket_status status)
{
    struct event event;

    event_init(&event,
               status == TICKET_WITHDRAWN ? EVENT_TICKET_WITHDRAWN
               : version == 0             ? EVENT_TICKET_CREATED
                                          : EVENT_TICKET_UPDATED,
               ticket->aggregate_id, version);
    event.ticket = ticket->ticket;
    event.ticket.status = status;
    return event;
}

struct event known_ticket(struct app *app)
{
    struct event event;

    event_init(&event, EVENT_TICKET_CREATED, new_id(), 0);
    text_copy(event.ticket.title, sizeof(event.ticket.title), "A seat");
    text_copy(event.ticket.user_id, sizeof(event.ticket.user_id), new_id());
    event.ticket.price_cents = 2000;
    event.ticket.status = TICKET_AVAILABLE;
    cr_assert_eq(hear(app, &event), 0);
    return event;
}

struct order new_order(const char *user_id, const char *ticket_id, int64_t slot)
{
    struct order order = {.slot = slot, .ticket = {.title = "A seat", .price_cents = 2000}};

    store_new_id(order.id);
    text_copy(order.user_id, sizeof(order.user_id), user_id);
    text_copy(order.ticket.id, sizeof(order.ticket.id), ticket_id);
    order_begin(&order, instant_now(), INT64_C(900000));
    return order;
}

int insert_order(struct app *app, const struct order *order, char ret_index[STORE_INDEX_BYTES])
{
    struct event event;

    event_order(order, &event);
    return order_insert(app->core.outbox, order, &event, ret_index);
}

struct order stored_order(struct app *app, const char *user_id, const char *ticket_id, int64_t slot)
{
    struct order order = new_order(user_id, ticket_id, slot);
    char index[STORE_INDEX_BYTES];

    cr_assert_eq(insert_order(app, &order, index), 0);
    return order;
}

struct order order_now(struct app *app, const char *id)
{
    struct order order;

    cr_assert_eq(order_find(app->core.store, id, &order), 0);
    return order;
}

struct event payment_event(const char *payment_id, int64_t version, enum payment_status status,
                           const char *order_id)
{
    static const enum event_type types[PAYMENT_STATUS_COUNT] = {
        [PAYMENT_STARTED] = EVENT_PAYMENT_STARTED,
        [PAYMENT_REQUIRES_ACTION] = EVENT_PAYMENT_STARTED,
        [PAYMENT_AUTHORIZED] = EVENT_PAYMENT_AUTHORIZED,
        [PAYMENT_CAPTURED] = EVENT_PAYMENT_CREATED,
        [PAYMENT_FAILED] = EVENT_PAYMENT_FAILED,
        [PAYMENT_VOIDED] = EVENT_PAYMENT_VOIDED,
        [PAYMENT_REFUNDED] = EVENT_PAYMENT_REFUNDED,
    };
    struct event event;

    event_init(&event, types[status], payment_id, version);
    text_copy(event.payment.order_id, sizeof(event.payment.order_id), order_id);
    text_copy(event.payment.currency, sizeof(event.payment.currency), "usd");
    event.payment.amount_cents = 2000;
    event.payment.status = status;
    return event;
}

struct event timer_event(const char *order_id, int64_t due_at_ms)
{
    struct event event;

    event_init(&event, EVENT_EXPIRATION_COMPLETE, order_id, 0);
    event.expiration.due_at_ms = due_at_ms;
    event_set_id(&event);
    return event;
}

struct event ban_event(const char *user_id, int64_t version)
{
    struct event event;

    event_init(&event, EVENT_USER_BANNED, user_id, version);
    return event;
}

struct said {
    const char *order_id;
    int64_t next; /* the version that should come now */
    bool broken;
};

static int count_said(void *context, const struct event *event, uint64_t sequence)
{
    struct said *said = context;

    (void)sequence;
    if (strcmp(event->aggregate_id, said->order_id) == 0)
        said->broken |= event->version != said->next++;
    return 0;
}

void expect_every_version_said_once(struct app *app, const char *order_id, int64_t version)
{
    const struct bus_range range = {.owner = OWNER_ORDERS};
    struct said said;
    int64_t until_ms = instant_monotonic() + 10000;

    do {
        said = (struct said){.order_id = order_id};
        cr_assert_eq(bus_replay(app->core.bus, &range, count_said, &said), 0);
    } while (said.next <= version && instant_monotonic() < until_ms);
    cr_expect_not(said.broken, "a version is missing, or was said twice or out of turn");
    cr_expect_eq(said.next, version + 1);
}

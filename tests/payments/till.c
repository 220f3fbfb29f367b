/*
 * The till: see till.h.
 */

#include "tests/payments/till.h"

#include <stdio.h>

struct one_service given_payments(const char *base)
{
    return given_payments_with(base, (const char *const[]){NULL});
}

struct one_service given_payments_with(const char *base, const char *const *settings)
{
    char url[128];
    const char *env[12];
    struct one_service payments;
    size_t count = 0;

    for (size_t i = 0; settings[i] != NULL; i++)
        env[count++] = settings[i];
    snprintf(url, sizeof(url), "STRIPE_API_BASE=%s", base);
    env[count++] = url;
    env[count++] = "STRIPE_KEY=sk_test_x";
    env[count++] = "STRIPE_WEBHOOK_SECRET=" WEBHOOK_SECRET;
    env[count++] = "RESOLVE_SECONDS=1"; /* unless it is among `settings`: the first counts */
    env[count] = NULL;
    payments = given_one_service("payments", env);
    sign_as(BUYER, ROLE_USER);
    return payments;
}

struct event order_event(const char *id, enum event_type type, int64_t version,
                         enum order_status status)
{
    struct event event;

    event_init(&event, type, id, version);
    event.order.status = status;
    event.order.expires_at_ms = instant_now() + 900000;
    text_copy(event.order.user_id, ID_BYTES, BUYER);
    text_copy(event.order.ticket.id, ID_BYTES, "cccccccccccccccccccccccc");
    text_copy(event.order.ticket.title, TITLE_BYTES, "Opera");
    event.order.ticket.price_cents = 4250;
    text_copy(event.order.cause, sizeof(event.order.cause),
              status == ORDER_CANCELLED ? "buyer-cancelled" : "");
    return event;
}

static const char *copy_filter(const char *id, int64_t version)
{
    static char filter[128];

    snprintf(filter, sizeof(filter), "{\"_id\":{\"$oid\":\"%s\"},\"version\":%d}", id,
             (int)version);
    return filter;
}

void deliver_and_await(const struct event *event)
{
    deliver(event);
    bson_destroy(await_document("orders", copy_filter(event->aggregate_id, event->version)));
}

const char *known_order(void)
{
    static char id[ID_BYTES];
    struct event event;

    store_new_id(id);
    event = order_event(id, EVENT_ORDER_CREATED, 0, ORDER_CREATED);
    deliver_and_await(&event);
    return id;
}

const struct answer *pay_with(const char *order, const char *token)
{
    static _Thread_local char body[256]; /* several clicks at once */

    snprintf(body, sizeof(body), "{\"orderId\":\"%s\",\"token\":\"%s\"}", order, token);
    return ask("POST", "/api/payments", body);
}

void end_order(const char *id, enum event_type type, enum order_status status)
{
    struct event event = order_event(id, type, 1, status);

    deliver(&event);
}

bson_t *await_payment(const char *order, const char *status)
{
    char filter[160];

    snprintf(filter, sizeof(filter), "{\"orderId\":{\"$oid\":\"%s\"},\"status\":\"%s\"}", order,
             status);
    return await_document("payments", filter);
}

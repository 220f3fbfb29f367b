/*
 * tickets: what is for sale, and for which order it is held.
 */
#include "common/idempotency.h"
#include "common/money.h"
#include "tickets/app.h"

/* Also reads it. */
static void check(struct app *app, struct writer *problems)
{
    if (app->min_price[0] != '\0' &&
        money_from_text(app->min_price, &app->min_price_cents) != MONEY_OK)
        write_format(problems, "MIN_PRICE: must be a price, such as 0.50\n");
}

/* clang-format off */
/*   variable     type          default  field                            length  what it means */
static const struct setting settings[] = {
    {"MIN_PRICE", SETTING_TEXT, "0.50",  offsetof(struct app, min_price), 1, 16,
     "the least price of a ticket; Stripe takes no less than 0.50"},
};

static const enum event_type says[] = {
    EVENT_TICKET_CREATED, EVENT_TICKET_UPDATED, EVENT_TICKET_WITHDRAWN,
};

/* What is for sale is listed again and again, so its indexes hold nothing else. */
#define AVAILABLE "{\"partialFilterExpression\": {\"status\": \"available\"}}"

/* A request that is repeated with its Idempotency-Key lists no second ticket. */
#define ONE_EACH \
    "{\"unique\": true, \"partialFilterExpression\": {\"fingerprint\": {\"$exists\": true}}}"

static const struct store_index indexes[] = {
    {TICKETS, "tickets_newest", "{\"createdAt\": -1, \"_id\": -1}", AVAILABLE},
    {TICKETS, "tickets_price",  "{\"priceCents\": 1, \"_id\": 1}",  AVAILABLE},
    {TICKETS, "tickets_title",  "{\"titleKey\": 1, \"_id\": 1}",    AVAILABLE},
    {TICKETS, "tickets_words",  "{\"words\": 1}",                   AVAILABLE},
    {TICKETS, "tickets_seller", "{\"userId\": 1, \"createdAt\": -1, \"_id\": -1}", NULL},
    {TICKETS, "one_ticket_per_request", "{\"fingerprint\": 1}", ONE_EACH},
    OUTBOX_INDEX(TICKETS),
    IDEMPOTENCY_INDEX,
};

static const struct service_aggregate aggregates[] = {
    {TICKETS, event_of_ticket, ticket_from_event},
};
/* clang-format on */

int main(int argc, char **argv)
{
    const struct service tickets = {
        .name = "tickets",
        .motto = "what is for sale, and for which order it is held",
        .port = 3002,
        .app_size = sizeof(struct app),
        .settings = settings,
        .setting_count = ARRAY_LENGTH(settings),
        .routes = ticket_routes,
        .route_count = ticket_route_count,
        .listeners = ticket_listeners,
        .listener_count = ticket_listener_count,
        .says = says,
        .says_count = ARRAY_LENGTH(says),
        .indexes = indexes,
        .index_count = ARRAY_LENGTH(indexes),
        .aggregates = aggregates,
        .aggregate_count = ARRAY_LENGTH(aggregates),
        .feed = &ticket_feed,
        .check = check,
    };

    return service_main(&tickets, argc, argv);
}

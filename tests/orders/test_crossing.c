/*
 * An order and a withdrawal, or a ban, that cross, at the one moment that chance hardly ever finds:
 * orders has read the ticket and checked the buyer, and the other is heard and over before the
 * order is stored. A transaction of the test's that holds the ticket's place in the unique index
 * makes the insert wait there.
 */
#include "tests/support/one_service.h"

#include "orders/order.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdio.h>

#define ANN    "a11111111111111111111111"
#define SELLER "5e11e5e11e5e11e5e11e5e11"

static void say_ticket(enum event_type type, const char *id, int64_t version,
                       enum ticket_status status)
{
    struct event event;
    char filter[128];

    event_init(&event, type, id, version);
    text_copy(event.ticket.title, sizeof(event.ticket.title), "A seat");
    text_copy(event.ticket.user_id, sizeof(event.ticket.user_id), SELLER);
    event.ticket.price_cents = 2000;
    event.ticket.status = status;
    deliver(&event);
    snprintf(filter, sizeof(filter), "{\"_id\":{\"$oid\":\"%s\"},\"version\":%d}", id,
             (int)version);
    bson_destroy(await_document("tickets", filter));
}

/* ---- a place that is held ---- */

struct held {
    mongoc_client_t *client, *watcher;
    mongoc_client_session_t *session;
};

static struct held hold_place_of(const char *ticket_id)
{
    struct held held = {.client = mongoc_client_new(given_mongo()),
                        .watcher = mongoc_client_new(given_mongo())};
    cleanup(bson_destroy) bson_t document = BSON_INITIALIZER, options = BSON_INITIALIZER;
    mongoc_collection_t *orders =
        mongoc_client_get_collection(held.client, given_database(), ORDERS);
    bson_error_t error = {0};

    store_append_id(&document, "ticketId", ticket_id);
    BSON_APPEND_BOOL(&document, "live", true);
    held.session = mongoc_client_start_session(held.client, NULL, &error);
    cr_assert(mongoc_client_session_start_transaction(held.session, NULL, &error), "%s",
              error.message);
    cr_assert(mongoc_client_session_append(held.session, &options, &error), "%s", error.message);
    cr_assert(mongoc_collection_insert_one(orders, &document, &options, NULL, &error), "%s",
              error.message);
    mongoc_collection_destroy(orders);
    return held;
}

static void let_go(struct held *held)
{
    cr_assert(mongoc_client_session_abort_transaction(held->session, NULL));
    mongoc_client_session_destroy(held->session);
    mongoc_client_destroy(held->client);
    mongoc_client_destroy(held->watcher);
}

/* Does an insert of orders wait at the server? */
static bool insert_waits(void *context)
{
    const struct held *held = context;
    cleanup(bson_freep) bson_t *pipeline = NULL;
    cleanup(freep) char *collection = xasprintf("%s.%s", given_database(), ORDERS);
    mongoc_database_t *admin = mongoc_client_get_database(held->watcher, "admin");
    mongoc_cursor_t *cursor;
    const bson_t *row;
    bool found;

    pipeline = BCON_NEW("pipeline", "[", "{", "$currentOp", "{", "}", "}", "{", "$match", "{", "ns",
                        BCON_UTF8(collection), "op", "insert", "}", "}", "]");
    cursor = mongoc_database_aggregate(admin, pipeline, NULL, NULL);
    found = mongoc_cursor_next(cursor, &row);
    mongoc_cursor_destroy(cursor);
    mongoc_database_destroy(admin);
    return found;
}

/* ---- the crossing ---- */

static void *order_in_background(void *body)
{
    return (void *)(uintptr_t)ask("POST", "/api/orders", body);
}

Test(crossing, an_order_stored_after_its_ticket_was_withdrawn_is_cancelled_at_once)
{
    char ticket[ID_BYTES], body[64];
    struct held held;
    pthread_t thread;
    void *answer;

    given_one_service("orders", NULL);
    sign_as(ANN, ROLE_USER);
    store_new_id(ticket);
    say_ticket(EVENT_TICKET_CREATED, ticket, 0, TICKET_AVAILABLE);

    held = hold_place_of(ticket);
    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", ticket);
    cr_assert_eq(pthread_create(&thread, NULL, order_in_background, body), 0);
    eventually(insert_waits, &held, 5000, "the order waits to be stored");

    say_ticket(EVENT_TICKET_WITHDRAWN, ticket, 1, TICKET_WITHDRAWN);
    /* A ticket's events are handled one after the other: with this the withdrawal is over. */
    say_ticket(EVENT_TICKET_UPDATED, ticket, 2, TICKET_WITHDRAWN);
    let_go(&held);

    pthread_join(thread, &answer);
    expect_status(answer, 404);
    cr_expect_eq(count_documents(ORDERS, "{\"open\":true}"), 0);
    cr_expect_eq(count_documents(ORDERS, "{\"status\":\"cancelled\"}"), 1);
}

static bool has_no_open_order(void *context)
{
    (void)context;
    return count_documents(ORDERS, "{\"open\":true}") == 0;
}

Test(crossing, an_order_stored_after_its_buyer_was_banned_is_cancelled_soon)
{
    char ticket[ID_BYTES], other[ID_BYTES], body[64];
    const struct answer *first;
    struct event ban;
    struct held held;
    pthread_t thread;

    given_one_service("orders", NULL);
    sign_as(ANN, ROLE_USER);
    store_new_id(ticket);
    store_new_id(other);
    say_ticket(EVENT_TICKET_CREATED, ticket, 0, TICKET_AVAILABLE);
    say_ticket(EVENT_TICKET_CREATED, other, 0, TICKET_AVAILABLE);
    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", other);
    first = ask("POST", "/api/orders", body);
    expect_status(first, 201);

    held = hold_place_of(ticket);
    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", ticket);
    cr_assert_eq(pthread_create(&thread, NULL, order_in_background, body), 0);
    eventually(insert_waits, &held, 5000, "the order waits to be stored");

    event_init(&ban, EVENT_USER_BANNED, ANN, 1);
    deliver(&ban);
    /* The orders that it ends were listed first: with this one's end, that look is over. */
    await_event(EVENT_ORDER_CANCELLED, answer_text(first, "id"), 1);
    let_go(&held);

    pthread_join(thread, NULL);
    eventually(has_no_open_order, NULL, 10000, "the order is cancelled");
    cr_expect_eq(count_documents(ORDERS, "{\"status\":\"cancelled\"}"), 2);
}

/*
 * The routes of orders, over HTTP, on its real binary: who may, what is refused and in which words,
 * and that each change says its event. The tickets and payments are said by the test.
 */

#include "tests/support/one_service.h"

#include "orders/order.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ANN    "a11111111111111111111111"
#define BOB    "b22222222222222222222222"
#define SELLER "5e11e5e11e5e11e5e11e5e11"

static void given_orders(void)
{
    given_one_service("orders", NULL);
    sign_as(ANN, ROLE_USER);
}

static void say_ticket(const char *id, int64_t version, int64_t price_cents,
                       enum ticket_status status)
{
    struct event event;

    event_init(&event,
               status == TICKET_WITHDRAWN ? EVENT_TICKET_WITHDRAWN
               : version == 0             ? EVENT_TICKET_CREATED
                                          : EVENT_TICKET_UPDATED,
               id, version);
    text_copy(event.ticket.title, sizeof(event.ticket.title), "A seat");
    text_copy(event.ticket.user_id, sizeof(event.ticket.user_id), SELLER);
    event.ticket.price_cents = price_cents;
    event.ticket.status = status;
    deliver(&event);
}

/* Wait until the copy of a ticket has `version`. */
static void await_ticket(const char *id, int64_t version)
{
    char filter[128];

    snprintf(filter, sizeof(filter), "{\"_id\":{\"$oid\":\"%s\"},\"version\":%d}", id,
             (int)version);
    bson_destroy(await_document("tickets", filter));
}

/* A ticket of 20.00 that orders has heard of. */
static const char *given_ticket(void)
{
    static char ids[64][ID_BYTES];
    static size_t count;
    char *id = ids[count++];

    cr_assert_leq(count, 64);
    store_new_id(id);
    say_ticket(id, 0, 2000, TICKET_AVAILABLE);
    await_ticket(id, 0);
    return id;
}

static const struct answer *order_ticket(const char *ticket_id)
{
    char body[64];

    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", ticket_id);
    return ask("POST", "/api/orders", body);
}

/* An order of the one who is signed in; its id. */
static const char *given_order(const char *ticket_id)
{
    const struct answer *answer = order_ticket(ticket_id);

    expect_status(answer, 201);
    return answer_text(answer, "id");
}

static const char *path_of(const char *id)
{
    static char paths[8][64];
    static size_t next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "/api/orders/%s", id);
    return path;
}

static void say_payment(const char *order_id, enum event_type type, int64_t version,
                        enum payment_status status)
{
    struct event event;

    event_init(&event, type, order_id, version); /* any id will do for a payment */
    text_copy(event.payment.order_id, sizeof(event.payment.order_id), order_id);
    text_copy(event.payment.currency, sizeof(event.payment.currency), "usd");
    event.payment.amount_cents = 2000;
    event.payment.status = status;
    deliver(&event);
}

/* ---- POST /api/orders ---- */

Test(routes, an_order_holds_its_ticket_and_says_so)
{
    const struct answer *answer;
    struct event said;

    given_orders();
    answer = order_ticket(given_ticket());
    expect_status(answer, 201);
    cr_expect_str_eq(answer_text(answer, "status"), "created");
    cr_expect_str_eq(answer_text(answer, "userId"), ANN);
    cr_expect_str_eq(answer_text(answer, "ticket.title"), "A seat");
    cr_expect_eq(answer_number(answer, "ticket.price"), 20);
    cr_expect_eq(answer_number(answer, "version"), 0);
    cr_expect_str_eq(answer_header(answer, "ETag", 0), "\"0\"");
    said = await_event(EVENT_ORDER_CREATED, answer_text(answer, "id"), 0);
    cr_expect_str_eq(said.order.user_id, ANN);
    cr_expect_eq(said.order.ticket.price_cents, 2000);
    cr_expect_str_eq(said.order.cause, "ordered");
}

Test(routes, an_order_needs_a_session)
{
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    sign_as(NULL, ROLE_USER);
    expect_refusal(order_ticket(ticket), 401, NULL, "Not authorized");
    expect_refusal(ask("GET", "/api/orders", NULL), 401, NULL, "Not authorized");
    expect_refusal(ask("GET", path_of(ticket), NULL), 401, NULL, "Not authorized");
    expect_refusal(ask("DELETE", path_of(ticket), NULL), 401, NULL, "Not authorized");
    cr_expect_eq(count_documents(ORDERS, "{}"), 0);
}

Test(routes, an_order_names_a_ticket_by_an_id)
{
    static const char *const missing[] = {"{}", "{\"ticketId\":null}", "{\"ticketId\":\"\"}"};
    static const char *const wrong[] = {"{\"ticketId\":\"17\"}", "{\"ticketId\":{\"$gt\":\"\"}}",
                                        "{\"ticketId\":17}", "{\"ticketId\":true}"};

    given_orders();
    for (size_t i = 0; i < ARRAY_LENGTH(missing); i++)
        expect_refusal(ask("POST", "/api/orders", missing[i]), 400, "ticketId",
                       "TicketId must be provided");
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        expect_refusal(ask("POST", "/api/orders", wrong[i]), 400, "ticketId",
                       "Id must be 24 hexadecimal digits");
    expect_refusal(ask("POST", "/api/orders", "[]"), 400, NULL, "Body is not valid JSON");
    cr_expect_eq(count_documents(ORDERS, "{}"), 0);
}

Test(routes, an_unknown_or_withdrawn_ticket_is_not_found)
{
    const char *ticket;

    given_orders();
    expect_refusal(order_ticket(SELLER), 404, NULL, "Not Found");
    ticket = given_ticket();
    say_ticket(ticket, 1, 2000, TICKET_WITHDRAWN);
    await_ticket(ticket, 1);
    expect_refusal(order_ticket(ticket), 404, NULL, "Not Found");
}

Test(routes, a_ticket_is_reserved_for_everybody_but_only_once)
{
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    given_order(ticket);
    expect_refusal(order_ticket(ticket), 400, "ticketId", "Ticket is already reserved");
    sign_as(BOB, ROLE_USER);
    expect_refusal(order_ticket(ticket), 400, "ticketId", "Ticket is already reserved");
    cr_expect_eq(count_documents(ORDERS, "{}"), 1);
}

Test(routes, a_seller_cannot_buy_his_own_ticket)
{
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    sign_as(SELLER, ROLE_USER);
    expect_refusal(order_ticket(ticket), 400, "ticketId", "Cannot buy your own ticket");
}

static const struct answer *order_at(const char *ticket_id, const char *price)
{
    char body[128];

    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\",\"price\":%s}", ticket_id, price);
    return ask("POST", "/api/orders", body);
}

Test(routes, a_price_that_rose_above_the_one_seen_is_told)
{
    const struct answer *answer;
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    say_ticket(ticket, 1, 2550, TICKET_AVAILABLE);
    await_ticket(ticket, 1);
    answer = order_at(ticket, "20");
    expect_refusal(answer, 409, "price", "Price changed");
    cr_expect_eq(answer_number(answer, "seenPrice"), 20);
    cr_expect_eq(answer_number(answer, "currentPrice"), 25.5);
    cr_expect_eq(count_documents(ORDERS, "{}"), 0);
    answer = order_at(ticket, "\"25.50\"");
    expect_status(answer, 201);
    cr_expect_eq(answer_number(answer, "ticket.version"), 1);
}

Test(routes, a_price_that_fell_or_was_not_looked_at_is_no_hindrance)
{
    const struct answer *answer;

    given_orders();
    answer = order_at(given_ticket(), "99.99");
    expect_status(answer, 201);
    cr_expect_eq(answer_number(answer, "ticket.price"), 20);
    expect_status(order_at(given_ticket(), "null"), 201);
}

Test(routes, a_price_must_be_one)
{
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    expect_refusal(order_at(ticket, "0"), 400, "price", "Price must be greater than 0");
    expect_refusal(order_at(ticket, "{\"$gt\":0}"), 400, "price", "Price must be greater than 0");
    expect_refusal(order_at(ticket, "1.234"), 400, "price", "Price must have at most two decimals");
    expect_refusal(order_at(ticket, "1000001"), 400, "price", "Price must be at most 1000000");
    cr_expect_eq(count_documents(ORDERS, "{}"), 0);
}

#define EAGER 30

struct eager {
    char tickets[EAGER][ID_BYTES];
    pthread_barrier_t start;
    atomic_int next, made, refused;
};

static void *order_eagerly(void *context)
{
    struct eager *eager = context;
    int at = atomic_fetch_add(&eager->next, 1);
    const struct answer *answer;

    pthread_barrier_wait(&eager->start);
    answer = order_ticket(eager->tickets[at]);
    if (answer->status == 201)
        atomic_fetch_add(&eager->made, 1);
    if (answer->status == 400 && strstr(answer->body, "Too many open orders") != NULL)
        atomic_fetch_add(&eager->refused, 1);
    return NULL;
}

Test(routes, of_thirty_orders_at_once_a_buyer_gets_exactly_ten)
{
    struct eager eager = {.made = 0};
    pthread_t threads[EAGER];

    given_orders();
    for (int i = 0; i < EAGER; i++)
        text_copy(eager.tickets[i], ID_BYTES, given_ticket());
    pthread_barrier_init(&eager.start, NULL, EAGER);
    for (int i = 0; i < EAGER; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, order_eagerly, &eager), 0);
    for (int i = 0; i < EAGER; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&eager.start);
    cr_expect_eq(eager.made, 10);
    cr_expect_eq(eager.refused, EAGER - 10);
    cr_expect_eq(count_documents(ORDERS, "{\"open\":true}"), 10);
}

Test(routes, the_cap_on_open_orders_is_a_setting_and_a_cancelled_one_makes_room)
{
    static const char *const env[] = {"MAX_LIVE_ORDERS=1", NULL};
    const char *first;

    given_one_service("orders", env);
    sign_as(ANN, ROLE_USER);
    first = given_order(given_ticket());
    expect_refusal(order_ticket(given_ticket()), 400, NULL, "Too many open orders");
    expect_status(ask("DELETE", path_of(first), NULL), 204);
    given_order(given_ticket());
}

Test(routes, the_same_key_gives_the_same_order)
{
    char body[64];
    struct question question = {.method = "POST",
                                .path = "/api/orders",
                                .body = body,
                                .headers = {"Idempotency-Key: once"}};
    const struct answer *first, *again;

    given_orders();
    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", given_ticket());
    first = ask_for(&question);
    expect_status(first, 201);
    again = ask_for(&question);
    expect_status(again, 201);
    cr_expect_str_eq(again->body, first->body);
    cr_expect_eq(count_documents(ORDERS, "{}"), 1);
}

/* ---- POST /api/orders again, where the answer was lost ---- */

static const struct answer *order_by_key(const char *ticket_id, const char *key)
{
    char body[64], header[64];
    struct question question = {
        .method = "POST", .path = "/api/orders", .body = body, .headers = {header}};

    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\",\"price\":20}", ticket_id);
    snprintf(header, sizeof(header), "Idempotency-Key: %s", key);
    return ask_for(&question);
}

/* The copy of a ticket is withdrawn, and no order hears of it. */
static void withdraw_unheard(const char *ticket_id)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    cleanup(bson_freep) bson_t *change =
        BCON_NEW("$set", "{", "status", BCON_UTF8("withdrawn"), "}");
    int64_t matched = 0;

    store_append_id(filter, "_id", ticket_id);
    cr_assert_eq(
        store_update(given_store(), "tickets", filter, change, /* many= */ false, &matched), 0);
    cr_assert_eq(matched, 1);
}

Test(routes, a_key_whose_process_was_killed_after_the_commit_gives_its_order)
{
    const struct answer *first, *again;
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    expect_status(first = order_by_key(ticket, "once"), 201);
    cr_expect_null(strstr(first->body, "fingerprint"));
    kill_before_the_end();
    expect_status(again = order_by_key(ticket, "once"), 201);
    cr_expect_str_eq(again->body, first->body);
    cr_expect_str_eq(answer_header(again, "ETag", 0), "\"0\"");
    cr_expect_null(answer_header(again, "Idempotency-Replayed", 0));
    expect_status(again = order_by_key(ticket, "once"), 201);
    cr_expect_str_eq(again->body, first->body);
    cr_expect_not_null(answer_header(again, "Idempotency-Replayed", 0));
    cr_expect_eq(count_documents(ORDERS, "{}"), 1);
    cr_expect_eq(count_events(EVENT_ORDER_CREATED, answer_text(first, "id")), 1);
}

/* It takes the buyer's only place, and the price has risen above the one seen: neither counts. */
Test(routes, a_key_that_a_503_set_free_gives_its_order_whatever_changed_meanwhile)
{
    static const char *const env[] = {"MAX_LIVE_ORDERS=1", NULL};
    const struct answer *first, *again;
    const char *ticket;

    given_one_service("orders", env);
    sign_as(ANN, ROLE_USER);
    ticket = given_ticket();
    expect_status(first = order_by_key(ticket, "once"), 201);
    free_the_keys();
    expect_status(again = order_by_key(ticket, "once"), 201);
    cr_expect_str_eq(again->body, first->body);

    say_ticket(ticket, 1, 2550, TICKET_AVAILABLE);
    await_ticket(ticket, 1);
    free_the_keys();
    expect_status(again = order_by_key(ticket, "once"), 201);
    cr_expect_str_eq(again->body, first->body);

    say_payment(answer_text(first, "id"), EVENT_PAYMENT_STARTED, 0, PAYMENT_STARTED);
    await_event(EVENT_ORDER_AWAITING, answer_text(first, "id"), 1);
    free_the_keys();
    expect_status(again = order_by_key(ticket, "once"), 201);
    cr_expect_str_eq(answer_text(again, "id"), answer_text(first, "id"));
    cr_expect_str_eq(answer_text(again, "status"), "awaiting:payment");
    cr_expect_eq(count_documents(ORDERS, "{}"), 1);
}

Test(routes, an_order_is_given_again_to_the_request_that_made_it_and_to_no_other)
{
    const struct answer *first;
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    expect_status(first = order_by_key(ticket, "once"), 201);
    free_the_keys();
    expect_refusal(order_by_key(ticket, "another"), 400, "ticketId", "Ticket is already reserved");
    expect_refusal(order_at(ticket, "20"), 400, "ticketId", "Ticket is already reserved");
    sign_as(BOB, ROLE_USER);
    expect_refusal(order_by_key(ticket, "once"), 400, "ticketId", "Ticket is already reserved");
    sign_as(ANN, ROLE_USER);
    cr_expect_str_eq(order_by_key(ticket, "once")->body, first->body);
    cr_expect_eq(count_documents(ORDERS, "{}"), 1);
}

/* It was killed before it could look whether the ticket was withdrawn while it was at it. */
Test(routes, a_key_whose_order_has_yet_to_give_in_to_a_withdrawal_ends_it)
{
    const struct answer *first;
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    expect_status(first = order_by_key(ticket, "once"), 201);
    free_the_keys();
    withdraw_unheard(ticket);
    expect_refusal(order_by_key(ticket, "another"), 404, NULL, "Not Found");
    cr_expect_eq(count_documents(ORDERS, "{\"open\":true}"), 1);
    expect_refusal(order_by_key(ticket, "once"), 404, NULL, "Not Found");
    cr_expect_str_eq(await_event(EVENT_ORDER_CANCELLED, answer_text(first, "id"), 1).order.cause,
                     "ticket-withdrawn");
}

Test(routes, an_order_without_a_key_is_given_to_nobody_again)
{
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    given_order(ticket);
    expect_refusal(order_by_key(ticket, "once"), 400, "ticketId", "Ticket is already reserved");
}

/* What was answered stays so. What was not is done anew: a cancelled order holds no ticket. */
Test(routes, a_key_of_a_cancelled_order_makes_a_new_one_only_where_it_was_never_answered)
{
    const struct answer *first, *again;
    const char *ticket;

    given_orders();
    ticket = given_ticket();
    expect_status(first = order_by_key(ticket, "once"), 201);
    expect_status(ask("DELETE", path_of(answer_text(first, "id")), NULL), 204);
    cr_expect_str_eq(order_by_key(ticket, "once")->body, first->body);
    kill_before_the_end();
    expect_status(again = order_by_key(ticket, "once"), 201);
    cr_expect_str_neq(answer_text(again, "id"), answer_text(first, "id"));
    cr_expect_str_eq(answer_text(again, "status"), "created");
    cr_expect_eq(count_documents(ORDERS, "{\"open\":true}"), 1);
}

/* ---- GET /api/orders, /api/orders/:id ---- */

Test(routes, a_buyer_lists_own_orders_newest_first_and_pages_through_them)
{
    const struct answer *answer;
    const char *first, *second, *third;
    char path[128];

    given_orders();
    expect_status(answer = ask("GET", "/api/orders", NULL), 200);
    cr_expect_str_eq(answer->body, "[]");
    first = given_order(given_ticket());
    second = given_order(given_ticket());
    third = given_order(given_ticket());

    expect_status(answer = ask("GET", "/api/orders", NULL), 200);
    cr_expect_eq(json_array_size(answer->json), 3);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(answer->json, 0), "id")),
                     third);
    cr_expect_null(answer_header(answer, "Link", 0));

    expect_status(answer = ask("GET", "/api/orders?limit=2", NULL), 200);
    cr_expect_eq(json_array_size(json_object_get(answer->json, "results")), 2);
    snprintf(path, sizeof(path), "/api/orders?limit=2&after=%s", answer_text(answer, "next"));
    expect_status(answer = ask("GET", path, NULL), 200);
    cr_expect_eq(json_array_size(json_object_get(answer->json, "results")), 1);
    cr_expect_str_eq(json_string_value(json_object_get(
                         json_array_get(json_object_get(answer->json, "results"), 0), "id")),
                     first);
    cr_expect(json_is_null(json_object_get(answer->json, "next")));
    cr_expect_str_neq(first, second);

    sign_as(BOB, ROLE_USER);
    cr_expect_str_eq(ask("GET", "/api/orders", NULL)->body, "[]");
}

Test(routes, a_page_must_make_sense)
{
    given_orders();
    expect_refusal(ask("GET", "/api/orders?limit=0", NULL), 400, "limit",
                   "Limit must be between 1 and 100");
    expect_refusal(ask("GET", "/api/orders?after=tomorrow", NULL), 400, "after",
                   "After is not a cursor of this list");
}

Test(routes, an_order_is_shown_to_its_buyer_only)
{
    const struct answer *answer;
    const char *order;

    given_orders();
    order = given_order(given_ticket());
    expect_status(answer = ask("GET", path_of(order), NULL), 200);
    cr_expect_str_eq(answer_text(answer, "id"), order);
    cr_expect_str_eq(answer_header(answer, "ETag", 0), "\"0\"");
    expect_refusal(ask("GET", path_of(SELLER), NULL), 404, NULL, "Not Found");
    expect_refusal(ask("GET", "/api/orders/17", NULL), 400, "id",
                   "Id must be 24 hexadecimal digits");
    sign_as(BOB, ROLE_USER);
    expect_refusal(ask("GET", path_of(order), NULL), 401, NULL, "Not authorized");
}

/* ---- DELETE /api/orders/:id ---- */

Test(routes, a_buyer_cancels_an_order_once_however_often_he_asks)
{
    const char *ticket, *order;
    const struct answer *answer;

    given_orders();
    ticket = given_ticket();
    order = given_order(ticket);
    expect_status(ask("DELETE", path_of(order), NULL), 204);
    cr_expect_str_eq(await_event(EVENT_ORDER_CANCELLED, order, 1).order.cause, "buyer-cancelled");
    expect_status(ask("DELETE", path_of(order), NULL), 204);
    expect_status(answer = ask("GET", path_of(order), NULL), 200);
    cr_expect_str_eq(answer_text(answer, "status"), "cancelled");
    cr_expect_eq(answer_number(answer, "version"), 1);
    sign_as(BOB, ROLE_USER);
    given_order(ticket);
}

Test(routes, nobody_else_cancels_an_order)
{
    const char *order;

    given_orders();
    order = given_order(given_ticket());
    expect_refusal(ask("DELETE", path_of(SELLER), NULL), 404, NULL, "Not Found");
    sign_as(BOB, ROLE_USER);
    expect_refusal(ask("DELETE", path_of(order), NULL), 401, NULL, "Not authorized");
    sign_as(ANN, ROLE_USER);
    cr_expect_str_eq(answer_text(ask("GET", path_of(order), NULL), "status"), "created");
}

Test(routes, a_cancellation_may_name_the_version_it_is_for)
{
    const char *order;
    struct question question = {.method = "DELETE", .headers = {"If-Match: \"7\""}};

    given_orders();
    order = given_order(given_ticket());
    question.path = path_of(order);
    expect_refusal(ask_for(&question), 412, NULL, "Version changed");
    cr_expect_str_eq(answer_text(ask("GET", path_of(order), NULL), "status"), "created");
    question.headers[0] = "If-Match: \"0\"";
    expect_status(ask_for(&question), 204);
}

Test(routes, an_order_that_is_being_paid_is_cancelled_and_a_paid_one_is_not)
{
    const char *awaiting, *complete;

    given_orders();
    awaiting = given_order(given_ticket());
    say_payment(awaiting, EVENT_PAYMENT_STARTED, 0, PAYMENT_STARTED);
    await_event(EVENT_ORDER_AWAITING, awaiting, 1);
    expect_status(ask("DELETE", path_of(awaiting), NULL), 204);
    await_event(EVENT_ORDER_CANCELLED, awaiting, 2);

    complete = given_order(given_ticket());
    say_payment(complete, EVENT_PAYMENT_AUTHORIZED, 0, PAYMENT_AUTHORIZED);
    await_event(EVENT_ORDER_COMPLETED, complete, 1);
    expect_refusal(ask("DELETE", path_of(complete), NULL), 400, NULL,
                   "Cannot cancel a complete order");
}

/* ---- the whole service ---- */

static void *order_in_background(void *context)
{
    order_ticket(context);
    return NULL;
}

static bool has_no_open_order(void *context)
{
    (void)context;
    return count_documents(ORDERS, "{\"open\":true}") == 0;
}

Test(routes, no_order_outlives_a_withdrawal_that_crosses_it)
{
    pthread_t thread;

    given_orders();
    for (int round = 0; round < 20; round++) {
        const char *ticket = given_ticket();

        cr_assert_eq(pthread_create(&thread, NULL, order_in_background, (void *)(uintptr_t)ticket),
                     0);
        say_ticket(ticket, 1, 2000, TICKET_WITHDRAWN);
        pthread_join(thread, NULL);
        await_ticket(ticket, 1);
        eventually(has_no_open_order, NULL, 10000, "the order is cancelled");
    }
}

Test(routes, a_ban_ends_what_the_buyer_has_open_and_keeps_him_out)
{
    const char *order;
    struct event ban;

    given_orders();
    order = given_order(given_ticket());
    event_init(&ban, EVENT_USER_BANNED, ANN, 1);
    ban.at_ms++; /* the order may be of this very millisecond */
    deliver(&ban);
    cr_expect_str_eq(await_event(EVENT_ORDER_CANCELLED, order, 1).order.cause, "user-banned");
    expect_refusal(ask("GET", path_of(order), NULL), 401, NULL, "Not authorized");
}

Test(routes, an_order_that_nobody_times_is_swept_at_its_deadline)
{
    static const char *const env[] = {"LOCK_SECONDS=1", NULL};
    const char *order;

    given_one_service("orders", env);
    sign_as(ANN, ROLE_USER);
    order = given_order(given_ticket());
    cr_expect_str_eq(await_event(EVENT_ORDER_CANCELLED, order, 1).order.cause, "expired");
    cr_expect_eq(count_events(EVENT_ORDER_CANCELLED, order), 2);
}

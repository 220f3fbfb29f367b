/*
 * GET /api/orders/:id/events, on the real binary and real stores.
 */
#include "tests/support/streams.h"

#include "common/instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANN    "a11111111111111111111111"
#define BOB    "b22222222222222222222222"
#define SELLER "5e11e5e11e5e11e5e11e5e11"

static struct one_service given_orders(void)
{
    struct one_service service = given_one_service("orders", NULL);

    sign_as(ANN, ROLE_USER);
    return service;
}

/* An order of the one who is signed in, for a new ticket; its id. */
static const char *given_order(void)
{
    char id[ID_BYTES], filter[128], body[64];
    const struct answer *answer;
    struct event event;

    store_new_id(id);
    event_init(&event, EVENT_TICKET_CREATED, id, 0);
    text_copy(event.ticket.title, sizeof(event.ticket.title), "A seat");
    text_copy(event.ticket.user_id, sizeof(event.ticket.user_id), SELLER);
    event.ticket.price_cents = 2000;
    deliver(&event);
    snprintf(filter, sizeof(filter), "{\"_id\":{\"$oid\":\"%s\"}}", id);
    bson_destroy(await_document("tickets", filter));
    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", id);
    answer = ask("POST", "/api/orders", body);
    expect_status(answer, 201);
    return answer_text(answer, "id");
}

static const char *path_of(const char *id)
{
    static char path[64];

    snprintf(path, sizeof(path), "/api/orders/%s", id);
    return path;
}

static const char *stream_of(const char *id)
{
    static char path[64];

    snprintf(path, sizeof(path), "/api/orders/%s/events", id);
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

static void say_banned(const char *user_id)
{
    struct event event;

    event_init(&event, EVENT_USER_BANNED, user_id, 1);
    deliver(&event);
}

Test(stream, the_order_comes_first_and_then_each_change_as_GET_tells_it)
{
    const struct answer *shown;
    struct stream *stream;
    const char *id;

    given_orders();
    id = given_order();
    shown = ask("GET", path_of(id), NULL);
    stream = listen_to(stream_of(id));
    cr_assert(json_equal(hear_version(stream, "order", 0), shown->json), "%s", shown->body);

    say_payment(id, EVENT_PAYMENT_STARTED, 0, PAYMENT_STARTED);
    hear_up_to(stream, "order", 1);
    expect_quiet(stream);
    shown = ask("GET", path_of(id), NULL);
    say_payment(id, EVENT_PAYMENT_AUTHORIZED, 1, PAYMENT_AUTHORIZED);
    cr_assert_eq(json_array_size(json_object_get(hear_version(stream, "order", 2), "history")), 3);
    cr_assert_str_eq(answer_text(shown, "status"), "awaiting:payment");
}

Test(stream, others_orders_are_not_heard_of)
{
    struct stream *stream;
    const char *mine, *other;

    given_orders();
    mine = given_order();
    sign_as(BOB, ROLE_USER);
    other = given_order();
    sign_as(ANN, ROLE_USER);
    stream = listen_to(stream_of(mine));
    hear_version(stream, "order", 0);
    sign_as(BOB, ROLE_USER);
    expect_status(ask("DELETE", path_of(other), NULL), 204);
    sign_as(ANN, ROLE_USER);
    expect_status(ask("DELETE", path_of(mine), NULL), 204);
    cr_assert_str_eq(json_string_value(json_object_get(hear_up_to(stream, "order", 1), "id")),
                     mine);
}

Test(stream, it_is_refused_as_the_order_is)
{
    const char *id;

    given_orders();
    id = given_order();
    expect_refusal(ask("GET", stream_of(SELLER), NULL), 404, NULL, "Not Found");
    expect_refusal(ask("GET", stream_of("17"), NULL), 400, "id",
                   "Id must be 24 hexadecimal digits");
    sign_as(BOB, ROLE_USER);
    expect_refusal(ask("GET", stream_of(id), NULL), 401, NULL, "Not authorized");
    sign_as(NULL, ROLE_USER);
    expect_refusal(ask("GET", stream_of(id), NULL), 401, NULL, "Not authorized");
}

Test(stream, who_comes_back_is_told_the_order_only_if_it_has_changed)
{
    struct one_service second;
    struct stream *stream;
    char position[32];
    const char *id;

    given_orders();
    id = given_order();
    stream = listen_to(stream_of(id));
    hear_version(stream, "order", 0);
    await_event(EVENT_ORDER_CREATED, id, 0);
    sign_as(BOB, ROLE_USER);
    given_order(); /* of somebody else: nothing to this one */
    sign_as(ANN, ROLE_USER);
    say_payment(id, EVENT_PAYMENT_STARTED, 0, PAYMENT_STARTED);
    hear_up_to(stream, "order", 1);
    snprintf(position, sizeof(position), "%s", last_event_id(stream));
    close_stream(stream);

    second = given_one_service("orders", NULL);
    turn_to(&second);
    stream = listen_after(stream_of(id), position);
    await_begun(stream);
    expect_quiet(stream);
    close_stream(stream);

    expect_status(ask("DELETE", path_of(id), NULL), 204);
    await_event(EVENT_ORDER_CANCELLED, id, 2);
    stream = listen_after(stream_of(id), position);
    cr_assert_eq(json_array_size(json_object_get(hear_version(stream, "order", 2), "history")), 3);
    expect_quiet(stream);
    close_stream(stream);
    hear_version(listen_after(stream_of(id), "nonsense"), "order", 2);
}

Test(stream, a_ban_ends_it_within_a_second_or_so)
{
    struct stream *stream;
    int64_t began;
    const char *id;

    given_orders();
    id = given_order();
    stream = listen_to(stream_of(id));
    hear_version(stream, "order", 0);
    began = instant_monotonic();
    say_banned(ANN); /* that it cancels the order may or may not be heard */
    expect_over(stream);
    cr_assert_lt(instant_monotonic() - began, 5000); /* on a busy machine */
    expect_refusal(ask("GET", stream_of(id), NULL), 401, NULL, "Not authorized");
}

Test(stream, a_session_that_expires_ends_it)
{
    const struct session_config config = {.key = ONE_SERVICE_JWT_KEY, .seconds = 3};
    struct session session = {.signed_in = true, .user_id = ANN, .email = "ann@example.com"};
    cleanup(freep) char *token = NULL, *header = NULL;
    struct stream *stream;
    const char *id;

    given_orders();
    id = given_order();
    sign_as(NULL, ROLE_USER);
    token = session_issue(&config, &session);
    header = xasprintf("Authorization: Bearer %s", token);
    stream = open_stream(
        &(struct question){.method = "GET", .path = stream_of(id), .headers = {header}});
    hear_version(stream, "order", 0);
    expect_over(stream);
    cr_assert_geq(instant_now(), session.expires_at_s * 1000);
}

Test(stream, a_process_that_is_told_to_stop_ends_it)
{
    struct one_service service = given_orders();
    struct stream *stream = listen_to(stream_of(given_order()));

    hear_version(stream, "order", 0);
    end_one_service(&service);
    expect_over(stream);
}

/*
 * One order's path: its document, what was said on its way and who hears it, and what of that is
 * still told when something is away.
 */

#include "tests/ticketctl/ops_stage.h"

#include <stdio.h>
#include <string.h>

#define TICKET  "111111111111111111111111"
#define PAYMENT "333333333333333333333333"
#define BUYER   "bbbbbbbbbbbbbbbbbbbbbbbb"

static char order_id[ID_BYTES];

static const struct answer *ask_path(const char *id)
{
    char path[96];

    snprintf(path, sizeof(path), "/api/ops/orders/%s/path", id);
    return ask("GET", path, NULL);
}

static void given_order_document(void)
{
    char json[1024];

    snprintf(json, sizeof(json),
             "{\"_id\":{\"$oid\":\"%s\"},\"version\":{\"$numberLong\":\"1\"},"
             "\"userId\":{\"$oid\":\"" BUYER "\"},\"ticketId\":{\"$oid\":\"" TICKET "\"},"
             "\"ticket\":{\"title\":\"Opera\",\"priceCents\":{\"$numberLong\":\"4250\"}},"
             "\"status\":\"cancelled\",\"createdAt\":{\"$date\":\"2026-11-21T10:00:00Z\"},"
             "\"expiresAt\":{\"$date\":\"2026-11-21T10:15:00Z\"},"
             "\"history\":[{\"status\":\"created\",\"at\":{\"$date\":\"2026-11-21T10:00:00Z\"},"
             "\"cause\":\"buyer-ordered\"},{\"status\":\"cancelled\","
             "\"at\":{\"$date\":\"2026-11-21T10:15:00Z\"},\"cause\":\"expired\"}]}",
             order_id);
    insert_into("orders", "orders", json);
}

static struct event event_of(enum event_type type, const char *id, int64_t version, int64_t at_ms)
{
    struct event event;

    event_init(&event, type, id, version);
    event.at_ms = at_ms;
    return event;
}

static void say_order(enum event_type type, int64_t version, int64_t at_ms,
                      enum order_status status, const char *cause)
{
    struct event event = event_of(type, order_id, version, at_ms);

    event.order.status = status;
    event.order.expires_at_ms = at_ms + 900000;
    event.order.ticket.price_cents = 4250;
    text_copy(event.order.user_id, ID_BYTES, BUYER);
    text_copy(event.order.ticket.id, ID_BYTES, TICKET);
    text_copy(event.order.ticket.title, TITLE_BYTES, "Opera");
    text_copy(event.order.cause, sizeof(event.order.cause), cause);
    deliver(&event);
}

static void say_ticket(int64_t version, int64_t at_ms, const char *order)
{
    struct event event = event_of(EVENT_TICKET_UPDATED, TICKET, version, at_ms);

    event.ticket.price_cents = 4250;
    event.ticket.status = *order != '\0' ? TICKET_RESERVED : TICKET_AVAILABLE;
    text_copy(event.ticket.title, TITLE_BYTES, "Opera");
    text_copy(event.ticket.user_id, ID_BYTES, BUYER);
    text_copy(event.ticket.order_id, ID_BYTES, order);
    deliver(&event);
}

/* An order that was made, locked its ticket, expired and freed it; beside it the ticket's other
 * life. The real expiration runs, so that the streams are there and one service is heard of. */
static void given_way(void)
{
    int64_t now_ms = instant_now();
    struct event due;

    store_new_id(order_id);
    say_order(EVENT_ORDER_CREATED, 0, now_ms, ORDER_CREATED, "buyer-ordered");
    say_order(EVENT_ORDER_CREATED, 0, now_ms, ORDER_CREATED, "buyer-ordered");
    say_ticket(0, now_ms - 10, "");
    say_ticket(1, now_ms + 10, order_id);
    due = event_of(EVENT_EXPIRATION_COMPLETE, order_id, 0, now_ms + 20);
    due.expiration.due_at_ms = now_ms + 15;
    event_set_id(&due);
    deliver(&due);
    say_order(EVENT_ORDER_CANCELLED, 1, now_ms + 30, ORDER_CANCELLED, "expired");
    say_ticket(2, now_ms + 40, "");
    say_ticket(3, now_ms + 50, "");
}

static const char *step(const struct answer *answer, size_t i, const char *member)
{
    return text_in(json_array_get(json_object_get(answer->json, "steps"), i), member);
}

static bool has_text(const json_t *texts, const char *text)
{
    const json_t *each;
    size_t i;

    json_array_foreach(texts, i, each) if (strcmp(json_string_value(each), text) == 0) return true;
    return false;
}

static void expect_steps(const struct answer *answer)
{
    static const char *const types[] = {"order.created", "ticket.updated", "expiration.complete",
                                        "order.cancelled", "ticket.updated"};
    static const char *const says[] = {"orders", "tickets", "expiration", "orders", "tickets"};
    static const char *const notes[] = {"created: buyer-ordered", "reserved", "",
                                        "cancelled: expired", "available"};
    const json_t *steps = json_object_get(answer->json, "steps");

    cr_assert_eq(json_array_size(steps), ARRAY_LENGTH(types), "%s", answer->body);
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        cr_expect_str_eq(step(answer, i, "type"), types[i]);
        cr_expect_str_eq(step(answer, i, "from"), says[i]);
        cr_expect_str_eq(step(answer, i, "note"), notes[i]);
    }
    cr_expect(json_is_true(json_object_get(answer->json, "complete")));
}

Test(ops_path, a_path_has_its_document_its_steps_in_order_and_who_hears_them)
{
    const struct answer *answer;
    struct one_service watched;
    const json_t *steps;

    given_ops(NULL);
    watched = given_watched("expiration");
    given_way();
    given_order_document();
    answer = ask_path(order_id);
    expect_status(answer, 200);
    expect_steps(answer);
    cr_expect_str_eq(answer_text(answer, "order.id"), order_id);
    cr_expect_str_eq(answer_text(answer, "order.status"), "cancelled");
    cr_expect_str_eq(answer_text(answer, "order.ticketTitle"), "Opera");
    cr_expect_eq(answer_number(answer, "order.price"), 42.5);
    cr_expect_eq(
        json_array_size(json_object_get(json_object_get(answer->json, "order"), "history")), 2);

    steps = json_object_get(answer->json, "steps");
    cr_expect(has_text(json_object_get(json_array_get(steps, 0), "to"), "expiration"));
    cr_expect_not(has_text(json_object_get(json_array_get(steps, 1), "to"), "expiration"));
    cr_expect(has_text(json_object_get(answer->json, "participants"), "orders"));
    cr_expect_not(has_text(json_object_get(answer->json, "participants"), "auth"));
    cr_expect_str_eq(answer_text(answer, "away.participants"),
                     "Not heard of yet, so what it hears is missing: auth, tickets, orders, "
                     "payments");

    /* What a service hears is remembered when it is away. */
    end_one_service(&watched);
    answer = ask_path(order_id);
    steps = json_object_get(answer->json, "steps");
    cr_expect(has_text(json_object_get(json_array_get(steps, 0), "to"), "expiration"));
}

Test(ops_path, an_order_that_is_not_there_is_not_found)
{
    given_ops(NULL);
    expect_refusal(ask_path("222222222222222222222222"), 404, NULL, "Not Found");
    expect_refusal(ask_path("nonsense"), 400, "id", "Id must be 24 hexadecimal digits");
}

Test(ops_path, without_its_document_the_steps_are_told_all_the_same)
{
    char mongo[160];
    const char *env[] = {mongo, NULL};
    const struct answer *answer;

    snprintf(mongo, sizeof(mongo), "MONGO_URI=mongodb://127.0.0.1:%d/?replicaSet=rs0", free_port());
    given_ops(env);
    given_watched("expiration");
    given_way();
    answer = ask_path(order_id);
    expect_status(answer, 200);
    cr_expect_str_eq(away(answer, "order"), "MongoDB is away");
    expect_steps(answer);
}

Test(ops_path, without_the_streams_its_document_is_told_all_the_same)
{
    const struct answer *answer;

    given_ops(NULL);
    store_new_id(order_id);
    given_order_document();
    kill_store(GIVEN_NATS);
    answer = ask_path(order_id);
    expect_status(answer, 200);
    cr_expect_not_null(away(answer, "steps"));
    cr_expect(json_is_null(json_object_get(answer->json, "participants")));
    cr_expect(json_is_false(json_object_get(answer->json, "complete")));
    cr_expect_str_eq(answer_text(answer, "order.status"), "cancelled");
}

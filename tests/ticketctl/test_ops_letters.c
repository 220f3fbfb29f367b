/*
 * Dead letters over HTTP: listed, shown and handled again, with the real orders behind them.
 */

#include "tests/ticketctl/ops_stage.h"

#include <string.h>

#define LIST          "/api/ops/deadletters"
#define REPLAY        "/api/ops/deadletters/replay"
#define WRONG_SERVICE "Service must be auth, tickets, orders, expiration or payments"
#define WRONG_ID      "Id must be a letter's id"

/* A letter as a service parks it, `minute` minutes after midnight; with `body` NULL it is no text.
 */
static void given_letter(const char *service, const char *id, int minute, const char *body)
{
    int64_t midnight_ms = INT64_C(1795219200000); /* 2026-11-21 */
    bson_t *letter =
        BCON_NEW("_id", BCON_UTF8(id), "subject", BCON_UTF8("ticket.created"), "reason",
                 BCON_UTF8("it did not work"), "deliveries", BCON_INT64(2), "replays",
                 BCON_INT64(0), "at", BCON_DATE_TIME(midnight_ms + minute * 60000));

    if (body != NULL)
        BSON_APPEND_UTF8(letter, "body", body);
    else
        BSON_APPEND_BINARY(letter, "body", BSON_SUBTYPE_BINARY, (const uint8_t *)"\xff", 1);
    cr_assert_eq(store_insert(store_of(service), "deadletters", letter, NULL), 0);
    bson_destroy(letter);
}

/* One that can be handled. */
static void given_good_letter(const char *service, const char *id)
{
    cleanup(writer_release) struct writer body = {0};
    struct event event;

    event_init(&event, EVENT_TICKET_CREATED, "111111111111111111111111", 0);
    event.ticket.price_cents = 4250;
    text_copy(event.ticket.title, sizeof(event.ticket.title), "Opera");
    text_copy(event.ticket.user_id, ID_BYTES, OPS_ADMIN);
    event_encode(&event, &body);
    given_letter(service, id, 1, writer_text(&body));
}

static const char *listed(const struct answer *answer, size_t i)
{
    return text_in(json_array_get(json_object_get(answer->json, "results"), i), "id");
}

static size_t count_listed(const struct answer *answer)
{
    return json_array_size(json_object_get(answer->json, "results"));
}

Test(ops_letters, they_are_listed_newest_first_over_all_services)
{
    const struct answer *answer;

    given_ops(NULL);
    answer = ask("GET", LIST, NULL);
    expect_status(answer, 200);
    cr_expect_eq(count_listed(answer), 0);

    given_letter("orders", "tickets-1-1", 1, "x");
    given_letter("payments", "orders-2-2", 3, "x");
    given_letter("orders", "tickets-3-3", 2, "x");
    answer = ask("GET", LIST, NULL);
    cr_assert_eq(count_listed(answer), 3);
    cr_expect_str_eq(listed(answer, 0), "orders-2-2");
    cr_expect_str_eq(listed(answer, 1), "tickets-3-3");
    cr_expect_str_eq(listed(answer, 2), "tickets-1-1");

    answer = ask("GET", LIST "?service=orders", NULL);
    cr_expect_eq(count_listed(answer), 2);
    answer = ask("GET", LIST "?service=orders&limit=1", NULL);
    cr_assert_eq(count_listed(answer), 1);
    cr_expect_str_eq(listed(answer, 0), "tickets-3-3");
    answer = ask("GET", LIST "?limit=2", NULL);
    cr_expect_eq(count_listed(answer), 2);
}

Test(ops_letters, nonsense_is_refused_by_field)
{
    given_ops(NULL);
    expect_refusal(ask("GET", LIST "?service=nobody", NULL), 400, "service", WRONG_SERVICE);
    expect_refusal(ask("GET", LIST "?limit=0", NULL), 400, "limit",
                   "Limit must be between 1 and 100");
    expect_refusal(ask("GET", LIST "/letter?id=x", NULL), 400, "service", WRONG_SERVICE);
    expect_refusal(ask("GET", LIST "/letter?service=orders", NULL), 400, "id", WRONG_ID);
    expect_refusal(ask("GET", LIST "/letter?service=orders&id=", NULL), 400, "id", WRONG_ID);
    expect_refusal(ask("GET", LIST "/letter?service=orders&id=x", NULL), 404, NULL, "Not Found");
    expect_refusal(ask("POST", REPLAY, "{}"), 400, "service", WRONG_SERVICE);
    expect_refusal(ask("POST", REPLAY, "{\"service\":7}"), 400, "service", WRONG_SERVICE);
    expect_refusal(ask("POST", REPLAY, "{\"service\":\"orders\",\"id\":7}"), 400, "id", WRONG_ID);
}

Test(ops_letters, one_is_shown_with_its_body_and_reason)
{
    const struct answer *answer;

    given_ops(NULL);
    given_letter("orders", "tickets-1-1", 1, "the body");
    given_letter("payments", "tickets-1-1", 1, NULL);
    answer = ask("GET", LIST "/letter?service=orders&id=tickets-1-1", NULL);
    expect_status(answer, 200);
    cr_expect_str_eq(answer_text(answer, "service"), "orders");
    cr_expect_str_eq(answer_text(answer, "body"), "the body");
    cr_expect_str_eq(answer_text(answer, "reason"), "it did not work");
    cr_expect_str_eq(answer_text(answer, "at"), "2026-11-21T00:01:00.000Z");
    cr_expect_eq(answer_number(answer, "deliveries"), 2);
    answer = ask("GET", LIST "/letter?service=payments&id=tickets-1-1", NULL);
    cr_expect_str_eq(answer_text(answer, "service"), "payments", "the id is of both");
    cr_expect(json_is_null(json_object_get(answer->json, "body")), "what is no text is not shown");
}

Test(ops_letters, what_can_be_handled_by_now_is_and_the_rest_stays_with_a_new_reason)
{
    const struct answer *answer;

    given_ops(NULL);
    given_watched("orders");
    given_good_letter("orders", "tickets-1-1");
    given_letter("orders", "tickets-2-2", 2, "nonsense");
    answer = ask("POST", REPLAY, "{\"service\":\"orders\"}");
    expect_status(answer, 200);
    cr_expect_eq(answer_number(answer, "done"), 1, "%s", answer->body);
    cr_expect_eq(answer_number(answer, "failed"), 1, "%s", answer->body);
    answer = ask("GET", LIST, NULL);
    cr_assert_eq(count_listed(answer), 1);
    cr_expect_str_eq(listed(answer, 0), "tickets-2-2");
    answer = ask("GET", LIST "/letter?service=orders&id=tickets-2-2", NULL);
    cr_expect_eq(answer_number(answer, "replays"), 1);
    cr_expect(strstr(answer_text(answer, "reason"), "cannot be decoded") != NULL);
}

Test(ops_letters, a_single_one_is_handled_alone)
{
    const struct answer *answer;

    given_ops(NULL);
    given_watched("orders");
    given_good_letter("orders", "tickets-1-1");
    given_letter("orders", "tickets-2-2", 2, "nonsense");
    answer = ask("POST", REPLAY, "{\"service\":\"orders\",\"id\":\"tickets-1-1\"}");
    expect_status(answer, 200);
    cr_expect_eq(answer_number(answer, "done"), 1, "%s", answer->body);
    cr_expect_eq(answer_number(answer, "failed"), 0, "%s", answer->body);
    expect_refusal(ask("POST", REPLAY, "{\"service\":\"orders\",\"id\":\"tickets-1-1\"}"), 404,
                   NULL, "Not Found");
}

Test(ops_letters, a_service_that_is_away_handles_nothing)
{
    given_ops(NULL);
    given_good_letter("orders", "tickets-1-1");
    expect_refusal(ask("POST", REPLAY, "{\"service\":\"orders\"}"), 503, NULL, "Try again later");
    cr_expect_eq(count_listed(ask("GET", LIST, NULL)), 1);
}

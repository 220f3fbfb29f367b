/*
 * The routes of tickets, on the real binary and real stores.
 */
#include "tests/support/one_service.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define SELLER  "aaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER   "bbbbbbbbbbbbbbbbbbbbbbbb"
#define UNKNOWN "cccccccccccccccccccccccc"

/* The service, with SELLER signed in. */
static void given_tickets(void)
{
    given_one_service("tickets", NULL);
    sign_as(SELLER, ROLE_USER);
}

static const char *path_of(const char *id)
{
    static char path[96];

    snprintf(path, sizeof(path), "/api/tickets/%s", id);
    return path;
}

static const struct answer *create(const char *title, const char *price)
{
    char body[1024];

    snprintf(body, sizeof(body), "{\"title\":\"%s\",\"price\":%s}", title, price);
    return ask("POST", "/api/tickets", body);
}

static const char *given_ticket(const char *title, const char *price)
{
    const struct answer *answer = create(title, price);

    expect_status(answer, 201);
    return answer_text(answer, "id");
}

/* An order for the ticket (of the same id, so that each has its own), as orders would say it; waits
 * until the ticket shows it. */
static void given_reserved(const char *id, enum order_status status)
{
    struct event event;
    char filter[128];

    event_init(&event, EVENT_ORDER_CREATED, id, 0);
    event.order.status = ORDER_CREATED;
    text_copy(event.order.user_id, sizeof(event.order.user_id), OTHER);
    text_copy(event.order.ticket.id, sizeof(event.order.ticket.id), id);
    text_copy(event.order.ticket.title, sizeof(event.order.ticket.title), "x");
    event.order.ticket.price_cents = 100;
    event.order.expires_at_ms = event.at_ms + 900000;
    deliver(&event);
    if (status == ORDER_COMPLETE) {
        struct event complete;

        event_init(&complete, EVENT_ORDER_COMPLETED, id, 1);
        complete.order = event.order;
        complete.order.status = ORDER_COMPLETE;
        deliver(&complete);
    }
    snprintf(filter, sizeof(filter), "{\"_id\":{\"$oid\":\"%s\"},\"status\":\"%s\"}", id,
             status == ORDER_COMPLETE ? "sold" : "reserved");
    bson_destroy(await_document("tickets", filter));
}

static const struct answer *ask_if(const char *method, const char *id, const char *body,
                                   const char *condition)
{
    return ask_for(&(struct question){
        .method = method, .path = path_of(id), .body = body, .headers = {condition}});
}

#define TERMS "{\"title\":\"Opera\",\"price\":30.5}"

/* --- create --- */

Test(create, it_lists_a_ticket_and_says_so)
{
    const struct answer *answer;
    struct event event;

    given_tickets();
    answer = create(" Concert ", "20.05");
    expect_status(answer, 201);
    cr_assert_str_eq(answer_text(answer, "title"), "Concert");
    cr_assert_float_eq(answer_number(answer, "price"), 20.05, 1e-9);
    cr_assert_str_eq(answer_text(answer, "userId"), SELLER);
    cr_assert_str_eq(answer_text(answer, "status"), "available");
    cr_assert_eq(answer_number(answer, "version"), 0);
    cr_assert_null(answer_text(answer, "orderId"));
    cr_assert_str_eq(answer_header(answer, "ETag", 0), "\"0\"");

    event = await_event(EVENT_TICKET_CREATED, answer_text(answer, "id"), 0);
    cr_assert_str_eq(event.ticket.title, "Concert");
    cr_assert_eq(event.ticket.price_cents, 2005);
    cr_assert_str_eq(event.ticket.user_id, SELLER);
    cr_assert_eq(event.ticket.status, TICKET_AVAILABLE);
}

Test(create, nobody_may_not)
{
    given_tickets();
    sign_as(NULL, ROLE_USER);
    expect_refusal(create("Concert", "20"), 401, NULL, "Not authorized");
    expect_refusal(ask("POST", "/api/tickets", "{"), 401, NULL, "Not authorized");
    cr_assert_eq(count_documents("tickets", "{}"), 0);
}

Test(create, each_rule_is_told_with_its_field)
{
    /* clang-format off */
    static const struct {
        const char *body, *field, *message;
    } rows[] = {
        {"{\"price\":20}",                          "title", "Title is required"},
        {"{\"title\":\" \",\"price\":20}",          "title", "Title is required"},
        {"{\"title\":null,\"price\":20}",           "title", "Title is required"},
        {"{\"title\":5,\"price\":20}",              "title", "Title is required"},
        {"{\"title\":{\"$gt\":\"\"},\"price\":20}", "title", "Title is required"},
        {"{\"title\":\"a\\nb\",\"price\":20}",      "title", "Title must not contain control characters"},
        {"{\"title\":\"a\"}",                       "price", "Price must be greater than 0"},
        {"{\"title\":\"a\",\"price\":0}",           "price", "Price must be greater than 0"},
        {"{\"title\":\"a\",\"price\":-10}",         "price", "Price must be greater than 0"},
        {"{\"title\":\"a\",\"price\":true}",        "price", "Price must be greater than 0"},
        {"{\"title\":\"a\",\"price\":\"x\"}",       "price", "Price must be greater than 0"},
        {"{\"title\":\"a\",\"price\":{\"$gt\":0}}", "price", "Price must be greater than 0"},
        {"{\"title\":\"a\",\"price\":1.005}",       "price", "Price must have at most two decimals"},
        {"{\"title\":\"a\",\"price\":1000000.01}",  "price", "Price must be at most 1000000"},
        {"{\"title\":\"a\",\"price\":0.49}",        "price", "Price must be at least 0.50"},
    };
    /* clang-format on */
    char body[300] = "{\"price\":20,\"title\":\"";

    given_tickets();
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        expect_refusal(ask("POST", "/api/tickets", rows[i].body), 400, rows[i].field,
                       rows[i].message);
    memset(body + strlen(body), 'x', 201);
    strncat(body, "\"}", sizeof(body) - strlen(body) - 1);
    expect_refusal(ask("POST", "/api/tickets", body), 400, "title",
                   "Title is longer than 200 characters");
    expect_refusal(ask("POST", "/api/tickets", "{}"), 400, "title", "Title is required");
    expect_refusal(ask("POST", "/api/tickets", "{}"), 400, "price", "Price must be greater than 0");
    cr_assert_eq(count_documents("tickets", "{}"), 0);
}

Test(create, a_price_may_be_a_string_and_the_bounds_belong_to_the_range)
{
    given_tickets();
    cr_assert_float_eq(answer_number(create("a", "\"20.50\""), "price"), 20.5, 1e-9);
    cr_assert_float_eq(answer_number(create("a", "0.5"), "price"), 0.5, 1e-9);
    cr_assert_float_eq(answer_number(create("a", "1000000"), "price"), 1000000, 1e-9);
}

/* --- create, again --- */

static const struct answer *create_by_key(const char *body, const char *key)
{
    char header[64];

    snprintf(header, sizeof(header), "Idempotency-Key: %s", key);
    return ask_for(&(struct question){
        .method = "POST", .path = "/api/tickets", .body = body, .headers = {header}});
}

Test(create, the_same_key_gives_the_same_ticket)
{
    const struct answer *first, *again;

    given_tickets();
    expect_status(first = create_by_key(TERMS, "once"), 201);
    cr_assert_null(strstr(first->body, "fingerprint"));
    expect_status(again = create_by_key(TERMS, "once"), 201);
    cr_assert_str_eq(again->body, first->body);
    cr_assert_str_eq(answer_header(again, "Idempotency-Replayed", 0), "true");
    expect_refusal(create_by_key(TERMS " ", "once"), 422, NULL,
                   "Idempotency-Key was used with another body");
    expect_refusal(create_by_key(TERMS, "caf\xc3\xa9"), 400, NULL,
                   "Idempotency-Key must be 1 to 255 printable characters");
    cr_assert_eq(count_documents("tickets", "{}"), 1);
}

Test(create, a_key_whose_process_was_killed_after_the_commit_gives_its_ticket)
{
    const struct answer *first, *again;

    given_tickets();
    expect_status(first = create_by_key(TERMS, "once"), 201);
    kill_before_the_end();
    expect_status(again = create_by_key(TERMS, "once"), 201);
    cr_assert_str_eq(again->body, first->body);
    cr_assert_str_eq(answer_header(again, "ETag", 0), "\"0\"");
    cr_assert_null(answer_header(again, "Idempotency-Replayed", 0));
    expect_status(again = create_by_key(TERMS, "once"), 201);
    cr_assert_str_eq(again->body, first->body);
    cr_assert_not_null(answer_header(again, "Idempotency-Replayed", 0));
    cr_assert_eq(count_documents("tickets", "{}"), 1);
    cr_assert_eq(count_events(EVENT_TICKET_CREATED, answer_text(first, "id")), 1);
}

/* Also after it was changed and taken back: it is what this request has made. */
Test(create, a_key_that_a_503_set_free_gives_its_ticket_as_it_is_by_now)
{
    const struct answer *first, *again;

    given_tickets();
    expect_status(first = create_by_key(TERMS, "once"), 201);
    expect_status(ask("PUT", path_of(answer_text(first, "id")), "{\"title\":\"Ball\",\"price\":3}"),
                  200);
    free_the_keys();
    expect_status(again = create_by_key(TERMS, "once"), 201);
    cr_assert_str_eq(answer_text(again, "id"), answer_text(first, "id"));
    cr_assert_str_eq(answer_text(again, "title"), "Ball");
    cr_assert_str_eq(answer_header(again, "ETag", 0), "\"1\"");

    expect_status(ask("DELETE", path_of(answer_text(first, "id")), NULL), 204);
    free_the_keys();
    expect_status(again = create_by_key(TERMS, "once"), 201);
    cr_assert_str_eq(answer_text(again, "id"), answer_text(first, "id"));
    cr_assert_str_eq(answer_text(again, "status"), "withdrawn");
    cr_assert_eq(count_documents("tickets", "{}"), 1);
}

Test(create, a_ticket_is_given_again_to_the_request_that_listed_it_and_to_no_other)
{
    const struct answer *first;

    given_tickets();
    expect_status(first = create_by_key(TERMS, "once"), 201);
    free_the_keys();
    cr_assert_str_neq(answer_text(create_by_key(TERMS, "another"), "id"), answer_text(first, "id"));
    cr_assert_str_neq(given_ticket("Opera", "30.5"), answer_text(first, "id"));
    cr_assert_str_neq(given_ticket("Opera", "30.5"), answer_text(first, "id"));
    cr_assert_str_neq(answer_text(create_by_key(TERMS " ", "once"), "id"),
                      answer_text(first, "id"));
    free_the_keys();
    sign_as(OTHER, ROLE_USER);
    cr_assert_str_neq(answer_text(create_by_key(TERMS, "once"), "id"), answer_text(first, "id"));
    sign_as(SELLER, ROLE_USER);
    cr_assert_str_eq(create_by_key(TERMS, "once")->body, first->body);
    cr_assert_eq(count_documents("tickets", "{}"), 6);
}

/* --- show --- */

Test(show, anybody_sees_a_ticket)
{
    const struct answer *made, *answer;

    given_tickets();
    made = create("Concert", "20");
    sign_as(NULL, ROLE_USER);
    answer = ask("GET", path_of(answer_text(made, "id")), NULL);
    expect_status(answer, 200);
    cr_assert_str_eq(answer->body, made->body);
    cr_assert_str_eq(answer_header(answer, "ETag", 0), "\"0\"");
    expect_status(ask_if("GET", answer_text(made, "id"), NULL, "If-None-Match: \"0\""), 304);
    expect_status(ask_if("GET", answer_text(made, "id"), NULL, "If-None-Match: \"1\""), 200);
}

Test(show, an_unknown_id_is_404_and_no_id_is_400)
{
    given_tickets();
    expect_refusal(ask("GET", path_of(UNKNOWN), NULL), 404, NULL, "Not Found");
    expect_refusal(ask("GET", path_of("nonsense"), NULL), 400, "id",
                   "Id must be 24 hexadecimal digits");
}

/* --- list --- */

Test(list, without_paging_it_is_a_plain_array_newest_first)
{
    const struct answer *answer;

    given_tickets();
    given_ticket("one", "1");
    given_ticket("two", "2");
    answer = ask("GET", "/api/tickets", NULL);
    expect_status(answer, 200);
    cr_assert_eq(json_array_size(answer->json), 2, "%s", answer->body);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(answer->json, 0), "title")),
                     "two");
    cr_assert_null(answer_header(answer, "Link", 0));
}

Test(list, only_available_tickets_are_in_it)
{
    const char *withdrawn, *reserved;

    given_tickets();
    withdrawn = given_ticket("one", "1");
    reserved = given_ticket("two", "2");
    expect_status(ask("DELETE", path_of(withdrawn), NULL), 204);
    given_reserved(reserved, ORDER_CREATED);
    cr_assert_str_eq(ask("GET", "/api/tickets", NULL)->body, "[]");
}

Test(list, pages_follow_one_another_by_cursor)
{
    const struct answer *page;
    char path[512];

    given_tickets();
    given_ticket("one", "3");
    given_ticket("two", "1");
    given_ticket("three", "2");
    page = ask("GET", "/api/tickets?limit=2&sort=price", NULL);
    expect_status(page, 200);
    cr_assert_eq(json_array_size(json_object_get(page->json, "results")), 2);
    cr_assert_not_null(answer_text(page, "next"), "%s", page->body);
    snprintf(path, sizeof(path), "/api/tickets?limit=2&sort=price&after=%s",
             answer_text(page, "next"));
    page = ask("GET", path, NULL);
    cr_assert_eq(json_array_size(json_object_get(page->json, "results")), 1);
    cr_assert(json_is_null(json_object_get(page->json, "next")));
    snprintf(path, sizeof(path), "/api/tickets?limit=2&sort=title&after=%s",
             answer_text(ask("GET", "/api/tickets?limit=2&sort=price", NULL), "next"));
    expect_refusal(ask("GET", path, NULL), 400, "after", "After is not a cursor of this list");
}

Test(list, its_parameters_are_checked)
{
    static const char *const limits[] = {"0", "101", "-1", "x", "", "1.5"};
    char path[64];

    given_tickets();
    for (size_t i = 0; i < ARRAY_LENGTH(limits); i++) {
        snprintf(path, sizeof(path), "/api/tickets?limit=%s", limits[i]);
        expect_refusal(ask("GET", path, NULL), 400, "limit", "Limit must be between 1 and 100");
    }
    expect_refusal(ask("GET", "/api/tickets?after=nonsense", NULL), 400, "after",
                   "After is not a cursor of this list");
    expect_refusal(ask("GET", "/api/tickets?sort=oldest", NULL), 400, "sort",
                   "Sort must be newest, price, -price or title");
}

Test(list, a_query_finds_words_by_their_beginnings)
{
    given_tickets();
    given_ticket("Bj\\u00f6rk live", "1");
    given_ticket("Other", "1");
    cr_assert_eq(json_array_size(ask("GET", "/api/tickets?q=BJORK%20liv", NULL)->json), 1);
    cr_assert_eq(json_array_size(ask("GET", "/api/tickets?q=nothing", NULL)->json), 0);
    cr_assert_eq(json_array_size(ask("GET", "/api/tickets?q=", NULL)->json), 2);
}

/* 101 tickets: the array ends after 100, and the header's own address has the last. */
Test(list, a_long_plain_array_links_to_the_rest, .timeout = 60)
{
    const struct answer *answer;
    char path[1024];
    const char *link;

    given_tickets();
    for (int i = 0; i < 101; i++)
        given_ticket("so \\u00fc &", "1");
    answer = ask("GET", "/api/tickets?q=so%20%C3%BC&sort=title", NULL);
    cr_assert_eq(json_array_size(answer->json), 100);
    link = answer_header(answer, "Link", 0);
    cr_assert_not_null(link);
    cr_assert(strstr(link, "limit=100&after=") && strstr(link, "&q=so%20%C3%BC&sort=title>"), "%s",
              link);
    cr_assert(strstr(link, ">; rel=\"next\""), "%s", link);
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(link + 1, ">"), link + 1);
    answer = ask("GET", path, NULL);
    cr_assert_eq(json_array_size(json_object_get(answer->json, "results")), 1, "%s", answer->body);
}

/* --- mine --- */

/* The titles of a plain array or of a page, each with a comma. */
static const char *titles_of(const struct answer *answer)
{
    const json_t *page = json_object_get(answer->json, "results");
    static char text[256];
    const json_t *ticket;
    size_t i;

    text[0] = '\0';
    json_array_foreach(page ? page : answer->json, i, ticket)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s,",
                 json_string_value(json_object_get(ticket, "title")));
    return text;
}

static const char *titles_at(const char *path)
{
    const struct answer *answer = ask("GET", path, NULL);

    expect_status(answer, 200);
    return titles_of(answer);
}

/* Of SELLER's, one in each state, oldest first as named; and one of OTHER's. */
static void given_one_of_each(void)
{
    const char *id;

    given_tickets();
    id = given_ticket("sold", "1");
    given_reserved(id, ORDER_COMPLETE);
    id = given_ticket("withdrawn", "4");
    expect_status(ask("DELETE", path_of(id), NULL), 204);
    given_ticket("available", "3");
    sign_as(OTHER, ROLE_USER);
    given_ticket("another's", "2");
    sign_as(SELLER, ROLE_USER);
}

Test(mine, it_lists_the_askers_own_in_every_state_newest_first)
{
    const struct answer *answer, *one;
    const char *id;

    given_one_of_each();
    cr_assert_str_eq(titles_at("/api/tickets/mine"), "available,withdrawn,sold,");
    sign_as(OTHER, ROLE_USER);
    cr_assert_str_eq(titles_at("/api/tickets/mine"), "another's,");
    sign_as(UNKNOWN, ROLE_USER);
    cr_assert_str_eq(ask("GET", "/api/tickets/mine", NULL)->body, "[]");

    id = given_ticket("taken", "1");
    given_reserved(id, ORDER_CREATED);
    one = ask("GET", path_of(id), NULL);
    cr_assert_not_null(answer_text(one, "orderId"));
    answer = ask("GET", "/api/tickets/mine", NULL);
    cr_assert(json_equal(json_array_get(answer->json, 0), one->json), "%s", answer->body);
    cr_assert_null(answer_header(answer, "Link", 0));
    cr_assert_str_eq(answer_header(answer, "Cache-Control", 0), "no-store");
}

Test(mine, nobody_has_none)
{
    given_one_of_each();
    sign_as(NULL, ROLE_USER);
    expect_refusal(ask("GET", "/api/tickets/mine?status=x", NULL), 401, NULL, "Not authorized");
}

Test(mine, a_status_narrows_it)
{
    given_one_of_each();
    given_reserved(given_ticket("reserved", "1"), ORDER_CREATED);
    cr_assert_str_eq(titles_at("/api/tickets/mine?status=available"), "available,");
    cr_assert_str_eq(titles_at("/api/tickets/mine?status=reserved"), "reserved,");
    cr_assert_str_eq(titles_at("/api/tickets/mine?status=sold"), "sold,");
    cr_assert_str_eq(titles_at("/api/tickets/mine?status=withdrawn&limit=5"), "withdrawn,");
}

Test(mine, its_parameters_are_checked)
{
    static const char *const states[] = {"", "Available", "cancelled", "available,sold", "%20sold"};
    const struct answer *all;
    char path[64];

    given_tickets();
    for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
        snprintf(path, sizeof(path), "/api/tickets/mine?status=%s", states[i]);
        expect_refusal(ask("GET", path, NULL), 400, "status",
                       "Status must be available, reserved, sold or withdrawn");
    }
    all = ask("GET", "/api/tickets/mine?status=x&limit=0&sort=x", NULL);
    expect_refusal(all, 400, "status", "Status must be available, reserved, sold or withdrawn");
    expect_refusal(all, 400, "limit", "Limit must be between 1 and 100");
    expect_refusal(all, 400, "sort", "Sort must be newest, price, -price or title");
    expect_refusal(ask("GET", "/api/tickets/mine?after=x", NULL), 400, "after",
                   "After is not a cursor of this list");
}

Test(mine, words_sort_and_pages_are_as_in_the_other_list)
{
    const struct answer *page;
    char path[512];

    given_one_of_each();
    cr_assert_str_eq(titles_at("/api/tickets/mine?sort=price"), "sold,available,withdrawn,");
    cr_assert_str_eq(titles_at("/api/tickets/mine?q=AVAIL"), "available,");
    page = ask("GET", "/api/tickets/mine?limit=2", NULL);
    expect_status(page, 200);
    cr_assert_str_eq(titles_of(page), "available,withdrawn,");
    snprintf(path, sizeof(path), "/api/tickets/mine?limit=2&after=%s", answer_text(page, "next"));
    page = ask("GET", path, NULL);
    cr_assert_str_eq(titles_of(page), "sold,");
    cr_assert(json_is_null(json_object_get(page->json, "next")));
}

Test(mine, a_long_plain_array_links_to_the_rest, .timeout = 60)
{
    const struct answer *answer;
    char path[512];
    const char *link;

    given_tickets();
    for (int i = 0; i < 101; i++)
        given_ticket("x", "1");
    answer = ask("GET", "/api/tickets/mine?status=available", NULL);
    cr_assert_eq(json_array_size(answer->json), 100);
    link = answer_header(answer, "Link", 0);
    cr_assert_not_null(link);
    cr_assert(strstr(link, "</api/tickets/mine?limit=100&after=") == link, "%s", link);
    cr_assert(strstr(link, "&status=available>; rel=\"next\""), "%s", link);
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(link + 1, ">"), link + 1);
    cr_assert_str_eq(titles_at(path), "x,");
}

/* It is no ticket's id, so it is not taken for one whatever the method. */
Test(mine, it_can_only_be_read)
{
    given_tickets();
    expect_refusal(ask("DELETE", "/api/tickets/mine", NULL), 405, NULL, "Method not allowed");
    expect_refusal(ask("PUT", "/api/tickets/mine", TERMS), 405, NULL, "Method not allowed");
}

/* --- update --- */

Test(update, the_owner_changes_title_and_price_and_it_is_said)
{
    const struct answer *answer;
    struct event event;
    const char *id;

    given_tickets();
    id = given_ticket("Concert", "20");
    answer = ask("PUT", path_of(id), TERMS);
    expect_status(answer, 200);
    cr_assert_str_eq(answer_text(answer, "title"), "Opera");
    cr_assert_float_eq(answer_number(answer, "price"), 30.5, 1e-9);
    cr_assert_eq(answer_number(answer, "version"), 1);
    cr_assert_str_eq(answer_header(answer, "ETag", 0), "\"1\"");
    cr_assert_str_eq(ask("GET", path_of(id), NULL)->body, answer->body);
    cr_assert_eq(json_array_size(ask("GET", "/api/tickets?q=opera", NULL)->json), 1);
    cr_assert_eq(json_array_size(ask("GET", "/api/tickets?q=concert", NULL)->json), 0);

    event = await_event(EVENT_TICKET_UPDATED, id, 1);
    cr_assert_str_eq(event.ticket.title, "Opera");
    cr_assert_eq(event.ticket.price_cents, 3050);
}

/* The contract's order: 401 session, 400 id, 400 body, 404, 401 owner, 412, 400 state. */
Test(update, checks_come_in_the_contracts_order)
{
    const char *id;

    given_tickets();
    id = given_ticket("Concert", "20");
    expect_status(ask("DELETE", path_of(id), NULL), 204); /* so that the state is wrong as well */

    sign_as(NULL, ROLE_USER);
    expect_refusal(ask("PUT", path_of("nonsense"), "{}"), 401, NULL, "Not authorized");
    sign_as(OTHER, ROLE_USER);
    expect_refusal(ask("PUT", path_of("nonsense"), "{}"), 400, "id",
                   "Id must be 24 hexadecimal digits");
    expect_refusal(ask("PUT", path_of(UNKNOWN), "{}"), 400, "title", "Title is required");
    expect_refusal(ask("PUT", path_of(UNKNOWN), TERMS), 404, NULL, "Not Found");
    expect_refusal(ask_if("PUT", id, TERMS, "If-Match: \"7\""), 401, NULL, "Not authorized");
    sign_as(SELLER, ROLE_USER);
    expect_refusal(ask_if("PUT", id, TERMS, "If-Match: \"7\""), 412, NULL, "Version changed");
    expect_refusal(ask("PUT", path_of(id), TERMS), 400, NULL, "Cannot edit a withdrawn ticket");
}

Test(update, a_reserved_or_sold_ticket_stays)
{
    const char *id;

    given_tickets();
    id = given_ticket("Concert", "20");
    given_reserved(id, ORDER_CREATED);
    expect_refusal(ask("PUT", path_of(id), TERMS), 400, NULL, "Cannot edit a reserved ticket");
    given_reserved(id, ORDER_COMPLETE);
    expect_refusal(ask("PUT", path_of(id), TERMS), 400, NULL, "Cannot edit a reserved ticket");
    cr_assert_str_eq(answer_text(ask("GET", path_of(id), NULL), "title"), "Concert");
}

Test(update, with_if_match_only_the_version_that_was_seen_is_changed)
{
    const char *id;

    given_tickets();
    id = given_ticket("Concert", "20");
    expect_status(ask_if("PUT", id, TERMS, "If-Match: \"0\""), 200);
    expect_refusal(ask_if("PUT", id, TERMS, "If-Match: \"0\""), 412, NULL, "Version changed");
    expect_status(ask_if("PUT", id, TERMS, "If-Match: *"), 200);
    cr_assert_eq(answer_number(ask("GET", path_of(id), NULL), "version"), 2);
}

#define CROWD 6

struct writer_of_terms {
    char id[ID_BYTES];
    const char *condition;
    atomic_int done, refused, other;
};

static void *write_terms(void *context)
{
    struct writer_of_terms *terms = context;
    char path[96];
    const struct answer *answer;

    snprintf(path, sizeof(path), "/api/tickets/%s", terms->id);
    answer = ask_for(&(struct question){
        .method = "PUT", .path = path, .body = TERMS, .headers = {terms->condition}});
    atomic_fetch_add(answer->status == 200   ? &terms->done
                     : answer->status == 412 ? &terms->refused
                                             : &terms->other,
                     1);
    return NULL;
}

static void write_at_once(struct writer_of_terms *terms)
{
    pthread_t threads[CROWD];

    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_terms, terms), 0);
    for (size_t i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
}

Test(update, several_at_once_all_succeed_one_after_the_other)
{
    struct writer_of_terms terms = {.condition = NULL};

    given_tickets();
    text_copy(terms.id, sizeof(terms.id), given_ticket("Concert", "20"));
    write_at_once(&terms);
    cr_assert_eq(atomic_load(&terms.done), CROWD);
    cr_assert_eq(answer_number(ask("GET", path_of(terms.id), NULL), "version"), CROWD);
    await_event(EVENT_TICKET_UPDATED, terms.id, CROWD);
    cr_assert_eq(count_events(EVENT_TICKET_UPDATED, terms.id), CROWD + 1, "each said once");
}

Test(update, of_several_at_once_with_if_match_one_succeeds)
{
    struct writer_of_terms terms = {.condition = "If-Match: \"0\""};

    given_tickets();
    text_copy(terms.id, sizeof(terms.id), given_ticket("Concert", "20"));
    write_at_once(&terms);
    cr_assert_eq(atomic_load(&terms.done), 1);
    cr_assert_eq(atomic_load(&terms.refused), CROWD - 1);
}

/* --- withdraw --- */

Test(withdraw, the_owner_takes_it_back_and_it_is_said_once)
{
    const struct answer *answer;
    struct event event;
    const char *id;

    given_tickets();
    id = given_ticket("Concert", "20");
    answer = ask("DELETE", path_of(id), NULL);
    expect_status(answer, 204);
    cr_assert_str_eq(answer->body, "");
    expect_status(ask("DELETE", path_of(id), NULL), 204);
    answer = ask("GET", path_of(id), NULL);
    cr_assert_str_eq(answer_text(answer, "status"), "withdrawn");
    cr_assert_eq(answer_number(answer, "version"), 1);

    event = await_event(EVENT_TICKET_WITHDRAWN, id, 1);
    cr_assert_eq(event.ticket.status, TICKET_WITHDRAWN);
    cr_assert_eq(count_events(EVENT_TICKET_WITHDRAWN, id), 2, "created, withdrawn");
}

Test(withdraw, checks_come_in_the_contracts_order)
{
    const char *id;

    given_tickets();
    id = given_ticket("Concert", "20");
    given_reserved(id, ORDER_CREATED);

    sign_as(NULL, ROLE_USER);
    expect_refusal(ask("DELETE", path_of("nonsense"), NULL), 401, NULL, "Not authorized");
    sign_as(OTHER, ROLE_USER);
    expect_refusal(ask("DELETE", path_of("nonsense"), NULL), 400, "id",
                   "Id must be 24 hexadecimal digits");
    expect_refusal(ask("DELETE", path_of(UNKNOWN), NULL), 404, NULL, "Not Found");
    expect_refusal(ask_if("DELETE", id, NULL, "If-Match: \"7\""), 401, NULL, "Not authorized");
    sign_as(SELLER, ROLE_USER);
    expect_refusal(ask_if("DELETE", id, NULL, "If-Match: \"0\""), 412, NULL, "Version changed");
    expect_refusal(ask("DELETE", path_of(id), NULL), 400, NULL,
                   "Cannot withdraw a reserved ticket");
    given_reserved(id, ORDER_COMPLETE);
    expect_refusal(ask("DELETE", path_of(id), NULL), 400, NULL,
                   "Cannot withdraw a reserved ticket");
}

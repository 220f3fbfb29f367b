/*
 * The course's own client runs against us: its requests as it sends them, and what it reads of the
 * answers.
 */
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

/* A text member of the first in an array. */
static const char *first_text(const struct answer *answer, const char *member)
{
    return json_string_value(json_object_get(json_array_get(answer->json, 0), member));
}

Test(course_client, finds_the_lists_members_and_cookies_it_expects)
{
    const struct answer *answer;
    const char *ticket, *order;

    given_system(NULL);
    as_user("sue");
    answer = get("/api/users/currentuser");
    cr_assert_str_eq(answer_text(answer, "currentUser.email"), "sue@example.com");
    cr_assert_not_null(answer_text(answer, "currentUser.id"));

    /* Its form sends the price as text. */
    answer = post("/api/tickets", "{\"title\":\"concert\",\"price\":\"20.00\"}");
    expect_status(answer, 201);
    cr_assert_eq(answer_number(answer, "price"), 20);
    cr_assert_str_eq(answer_text(answer, "userId"), user_id("sue"));
    ticket = answer_text(answer, "id");
    answer = get("/api/tickets");
    cr_assert(json_is_array(answer->json));
    cr_assert_eq(json_array_size(answer->json), 1);
    cr_assert_str_eq(first_text(answer, "id"), ticket);
    cr_assert_str_eq(first_text(answer, "title"), "concert");
    answer = get(at("/api/tickets/%s", ticket));
    cr_assert_str_eq(answer_text(answer, "title"), "concert");
    cr_assert_eq(answer_number(answer, "version"), 0);

    as_user("bob");
    answer = order_ticket(ticket);
    expect_status(answer, 201);
    order = answer_text(answer, "id");
    cr_assert_str_eq(answer_text(answer, "status"), "created");
    cr_assert_str_eq(answer_text(answer, "ticket.id"), ticket);

    /* Its page of the order counts down and tells Stripe the price. */
    answer = get(at("/api/orders/%s", order));
    cr_assert_eq(strlen(answer_text(answer, "expiresAt")), strlen("2026-11-21T10:15:00.000Z"));
    cr_assert_eq(answer_number(answer, "ticket.price"), 20);
    answer = get("/api/orders");
    cr_assert(json_is_array(answer->json));
    cr_assert_str_eq(first_text(answer, "id"), order);
    cr_assert_str_eq(first_text(answer, "status"), "created");
    cr_assert_str_eq(json_string_value(json_object_get(
                         json_object_get(json_array_get(answer->json, 0), "ticket"), "title")),
                     "concert");

    /* What its Stripe form posts. */
    answer = pay(order, "tok_visa");
    expect_status(answer, 201);
    cr_assert_not_null(answer_text(answer, "id"));
    await_status("/api/orders", order, "complete");

    answer = post("/api/users/signout", "{}");
    expect_status(answer, 200);
    cr_assert_str_eq(answer->body, "{}");
    as_nobody();
    answer = get("/api/users/currentuser");
    cr_assert_str_eq(answer->body, "{\"currentUser\":null}");
    expect_all_is_well();
}

/* Its server asks with all that the browser sent it for the page, the page's own ETag included. */
static const struct answer *get_for_page(const char *path, const char *cookie)
{
    return ask_for(&(struct question){
        .method = "GET",
        .path = path,
        .headers = {cookie, "Host: ticketing.dev", "Accept: text/html,application/xhtml+xml,*/*",
                    "Accept-Encoding: gzip, deflate, br", "If-None-Match: \"1a2-page\"",
                    "Upgrade-Insecure-Requests: 1"}});
}

Test(course_client, renders_pages_with_the_headers_of_the_browser)
{
    const struct answer *answer;
    char cookie[1024];
    const char *ticket;

    given_system(NULL);
    as_user("sue");
    ticket = given_ticket("concert", 20);
    as_nobody();
    answer = post("/api/users/signin",
                  "{\"email\":\"sue@example.com\",\"password\":\"a long password\"}");
    expect_status(answer, 200);
    snprintf(cookie, sizeof(cookie), "Cookie: %s", answer_header(answer, "Set-Cookie", 0));
    cookie[strcspn(cookie, ";")] = '\0';

    answer = get_for_page("/api/users/currentuser", cookie);
    expect_status(answer, 200);
    cr_assert_str_eq(answer_text(answer, "currentUser.email"), "sue@example.com");
    cr_assert_eq(json_array_size(get_for_page("/api/tickets", cookie)->json), 1);
    answer = get_for_page(at("/api/tickets/%s", ticket), cookie);
    expect_status(answer, 200);
    cr_assert_eq(answer_number(answer, "price"), 20);
    cr_assert_str_eq(get_for_page("/api/orders", cookie)->body, "[]");
}

Test(course_client, reads_errors_as_a_list_of_messages_and_fields)
{
    given_system(NULL);
    as_nobody();
    expect_refusal(
        post("/api/users/signup", "{\"email\":\"nonsense\",\"password\":\"long enough\"}"), 400,
        "email", "Email must be valid");
    expect_refusal(post("/api/users/signup", "{\"email\":\"a@example.com\",\"password\":\"x\"}"),
                   400, "password", "Password must be between 8 and 128 characters");
    expect_refusal(
        post("/api/users/signin", "{\"email\":\"a@example.com\",\"password\":\"unknown\"}"), 400,
        NULL, "Invalid credentials");
    as_user("sue");
    expect_refusal(post("/api/tickets", "{\"title\":\"\",\"price\":10}"), 400, "title",
                   "Title is required");
    expect_refusal(post("/api/tickets", "{\"title\":\"a\",\"price\":-10}"), 400, "price",
                   "Price must be greater than 0");
    expect_refusal(get("/api/tickets/0123456789abcdef01234567"), 404, NULL, "Not Found");
    expect_refusal(post("/api/orders", "{\"ticketId\":\"\"}"), 400, "ticketId",
                   "TicketId must be provided");
}

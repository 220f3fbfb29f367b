/*
 * tickets as a process: its settings, its stores away, its end.
 */
#include "tests/support/one_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELLER "aaaaaaaaaaaaaaaaaaaaaaaa"

static const struct answer *create(const char *price)
{
    char body[128];

    snprintf(body, sizeof(body), "{\"title\":\"Concert\",\"price\":%s}", price);
    return ask("POST", "/api/tickets", body);
}

Test(tickets, the_least_price_is_a_setting)
{
    given_one_service("tickets", (const char *const[]){"MIN_PRICE=2", NULL});
    sign_as(SELLER, ROLE_USER);
    expect_refusal(create("1.99"), 400, "price", "Price must be at least 2.00");
    expect_status(create("2"), 201);
}

Test(tickets, a_least_price_that_is_none_stops_the_start)
{
    const char *const wrong[] = {"MIN_PRICE=cheap", "JWT_KEY=short", NULL};
    char *log = NULL;

    cr_assert_eq(given_one_service_that_ends("tickets", wrong, &log), 1);
    cr_assert_not_null(strstr(log, "MIN_PRICE: "), "%s", log);
    cr_assert_not_null(strstr(log, "JWT_KEY: "), "all of it at once: %s", log);
    free(log);
}

Test(tickets, it_ends_when_asked_to)
{
    struct one_service service = given_one_service("tickets", NULL);

    end_one_service(&service);
}

static bool lists_again(void *context)
{
    (void)context;
    return ask("GET", "/api/tickets", NULL)->status == 200;
}

Test(tickets, while_its_store_is_away_it_says_try_again, .timeout = 60)
{
    const struct answer *answer;
    char uri[256];

    snprintf(uri, sizeof(uri), "MONGO_URI=%s", given_own_mongo());
    given_one_service("tickets", (const char *const[]){uri, NULL});
    sign_as(SELLER, ROLE_USER);
    expect_status(create("20"), 201);

    kill_store(GIVEN_MONGO);
    answer = create("20");
    expect_refusal(answer, 503, NULL, "Try again later");
    cr_assert_not_null(answer_header(answer, "Retry-After", 0));
    expect_refusal(ask("GET", "/api/tickets", NULL), 503, NULL, "Try again later");
    expect_refusal(ask("GET", "/api/tickets/mine", NULL), 503, NULL, "Try again later");

    revive_store(GIVEN_MONGO, /* wiped= */ false);
    eventually(lists_again, NULL, 20000, "it lists again");
    cr_assert_eq(json_array_size(ask("GET", "/api/tickets", NULL)->json), 1,
                 "what was said is kept");
}

/* The event stays in its document until the broker is back. */
Test(tickets, while_the_broker_is_away_tickets_are_listed_and_said_later, .timeout = 60)
{
    const struct answer *answer;
    char path[96];
    const char *id;

    given_one_service("tickets", NULL);
    sign_as(SELLER, ROLE_USER);
    kill_store(GIVEN_NATS);
    answer = create("20");
    expect_status(answer, 201);
    id = answer_text(answer, "id");
    snprintf(path, sizeof(path), "/api/tickets/%s", id);
    expect_status(ask("PUT", path, "{\"title\":\"Opera\",\"price\":30.5}"), 200);
    revive_store(GIVEN_NATS, /* wiped= */ false);
    await_event(EVENT_TICKET_UPDATED, id, 1);
    cr_assert_eq(count_events(EVENT_TICKET_UPDATED, id), 2, "created, updated");
}

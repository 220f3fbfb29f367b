/*
 * Services that start late, or with an empty database, catch up with what was said before.
 */
#include "tests/support/story.h"

#include <string.h>

Test(latecomers, a_service_started_late_knows_what_was_said_before)
{
    const char *ticket, *order;

    given_system(&(struct system_options){.absent = "orders"});
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    expect_status(put(at("/api/tickets/%s", ticket), "{\"title\":\"Opera\",\"price\":60}"), 200);
    expect_refusal(get("/api/orders"), 503, NULL, "Try again later");

    start_service("orders", 0);
    as_user("bob");
    await_version("orders", "tickets", ticket, 1);
    order = given_order(ticket);
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();
}

Test(latecomers, timers_that_were_said_before_expiration_started_fire)
{
    const char *ticket, *order;

    given_system(&(struct system_options){.absent = "expiration", .env = {"LOCK_SECONDS=3"}});
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    as_user("bob");
    order = given_order(ticket);
    start_service("expiration", 0);
    await_status("/api/orders", order, "cancelled");
    cr_assert_str_eq(await_event(EVENT_EXPIRATION_COMPLETE, order, 0).aggregate_id, order);
    await_status("/api/tickets", ticket, "available");
    expect_all_is_well();
}

/* The broker believes that it has told payments everything; the database says otherwise. */
Test(latecomers, a_service_with_an_empty_database_rebuilds_its_copies)
{
    const char *ticket, *order;

    given_system(NULL);
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    as_user("bob");
    order = given_order(ticket);
    await_version("payments", "orders", order, 0);
    await_all_handled();

    stop_service("payments", 0);
    drop_database("payments");
    start_service("payments", 0);
    await_version("payments", "orders", order, 0);
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();
}

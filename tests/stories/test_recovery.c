/*
 * A database that was lost, or restored from a backup, is brought forward by what its service has
 * said: nobody decides on what was so some time ago.
 */
#include "tests/support/story.h"

#include "common/memory.h"

#include <string.h>

/* As the broker sees it nothing has happened. */
static void lose_database(const char *service)
{
    await_all_handled();
    stop_service(service, 0);
    drop_database(service);
    start_service(service, 0);
}

static const char *const owners[] = {"tickets", "orders", "payments"};

Test(recovery, a_lost_database_is_as_its_service_has_said)
{
    const char *sold, *held, *freed, *withdrawn, *paid, *open, *cancelled;

    given_system(NULL);
    as_user("sue");
    sold = given_ticket("Opera, row 5", 50);
    held = given_ticket("Opera, row 6", 60);
    freed = given_ticket("Opera, row 7", 70);
    withdrawn = given_ticket("Opera, row 8", 80);
    expect_status(delete_at(at("/api/tickets/%s", withdrawn)), 204);
    as_user("bob");
    paid = given_order(sold);
    expect_status(pay(paid, "tok_visa"), 201);
    await_status("/api/orders", paid, "complete");
    cancelled = given_order(freed);
    expect_status(delete_at(at("/api/orders/%s", cancelled)), 204);
    open = given_order(held);
    await_status("/api/tickets", held, "reserved");

    for (size_t i = 0; i < ARRAY_LENGTH(owners); i++) {
        lose_database(owners[i]);
        await_status("/api/orders", paid, "complete");
        await_status("/api/orders", cancelled, "cancelled");
        await_status("/api/orders", open, "created");
        await_status("/api/tickets", sold, "sold");
        await_status("/api/tickets", held, "reserved");
        await_status("/api/tickets", freed, "available");
        await_status("/api/tickets", withdrawn, "withdrawn");
        expect_all_is_well();
    }
    expect_status(pay(open, "tok_visa"), 201); /* and it goes on */
    await_status("/api/orders", open, "complete");
    as_user("ann");
    given_order(freed);
    expect_all_is_well();
}

Test(recovery, all_of_them_lost_at_once_come_back)
{
    const char *ticket, *order;

    given_system(NULL);
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    as_user("bob");
    order = given_order(ticket);
    expect_status(pay(order, "tok_chargeDeclined"), 400);
    await_status("/api/orders", order, "created");
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    await_all_handled();
    for (size_t i = 0; i < ARRAY_LENGTH(owners); i++)
        stop_service(owners[i], 0);
    for (size_t i = 0; i < ARRAY_LENGTH(owners); i++) {
        drop_database(owners[i]);
        launch_service(owners[i], 0);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(owners); i++)
        await_launched(owners[i], 0);
    await_status("/api/orders", order, "complete");
    await_status("/api/tickets", ticket, "sold");
    expect_all_is_well();
}

Test(recovery, lost_users_are_known_but_their_passwords_are_gone)
{
    const char *sue, *eve;

    given_system(NULL);
    as_user("sue");
    sue = user_id("sue");
    as_user("eve");
    eve = user_id("eve");
    as_admin();
    expect_status(post(at("/api/users/%s/ban", eve), "{\"reason\":\"touting\"}"), 200);
    lose_database("auth");

    as_user("sue"); /* her session goes on */
    cr_assert_str_eq(answer_text(get("/api/users/currentuser"), "currentUser.id"), sue);
    as_nobody();
    expect_refusal(post("/api/users/signin",
                        "{\"email\":\"sue@example.com\",\"password\":\"a long password\"}"),
                   400, NULL, "Invalid credentials");
    expect_refusal(post("/api/users/signin", "{\"email\":\"sue@example.com\",\"password\":\"\"}"),
                   400, "password", "You must supply a password");
    expect_refusal(post("/api/users/signup",
                        "{\"email\":\"sue@example.com\",\"password\":\"a long password\"}"),
                   400, "email", "Email in use");
    as_admin(); /* with the password of its settings again */
    cr_assert_eq(answer_number(post(at("/api/users/%s/ban", eve), "{}"), "version"), 1,
                 "the ban is known: this was none");
}

/*
 * A store is away for a while: what does not need it goes on, what does says so (503), nothing
 * that was answered with success is lost, and all of it heals by itself.
 */
#include "tests/support/story.h"

#include <string.h>

static const char *ticket, *order;

static bool is_ready(void *context)
{
    return ask_port(service_port(context, 0), "/readyz")->status == 200;
}

static bool is_unready(void *context)
{
    return ask_port(service_port(context, 0), "/readyz")->status == 503;
}

static void expect_try_again_later(const struct answer *answer)
{
    expect_refusal(answer, 503, NULL, "Try again later");
    cr_assert_not_null(answer_header(answer, "Retry-After", 0));
}

Test(outage, without_nats_people_sign_up_list_and_order_and_it_is_told_later)
{
    given_system(NULL);
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    await_version("orders", "tickets", ticket, 0);

    kill_store(GIVEN_NATS);
    as_user("bob");
    order = given_order(ticket);
    as_user("new");
    given_ticket("Listed in the dark", 5);
    cr_assert_eq(json_array_size(get("/api/tickets")->json), 2);

    revive_store(GIVEN_NATS, false);
    as_user("bob");
    await_status("/api/tickets", ticket, "reserved");
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();
}

Test(outage, without_mongo_each_service_says_try_again_and_heals)
{
    static char names[][12] = {"auth", "tickets", "orders", "payments"};

    given_system(&(struct system_options){.own_mongo = true});
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    as_user("bob");
    order = given_order(ticket);

    kill_store(GIVEN_MONGO);
    expect_try_again_later(get("/api/tickets"));
    expect_try_again_later(get(at("/api/orders/%s", order)));
    expect_try_again_later(
        post("/api/payments", "{\"orderId\":\"%s\",\"token\":\"tok_visa\"}", order));
    expect_try_again_later(
        post("/api/users/signin", "{\"email\":\"a@example.com\",\"password\":\"whatever\"}"));
    for (int i = 0; i < 4; i++) {
        eventually(is_unready, names[i], 20000, "it says that it is not ready");
        expect_status(ask_port(service_port(names[i], 0), "/livez"), 200);
    }
    /* Who is signed in needs no store. */
    cr_assert_str_eq(answer_text(get("/api/users/currentuser"), "currentUser.email"),
                     "bob@example.com");

    revive_store(GIVEN_MONGO, false);
    for (int i = 0; i < 4; i++)
        eventually(is_ready, names[i], 30000, "it is ready again");
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();
}

Test(outage, without_redis_orders_go_on_and_the_timers_come_back)
{
    given_system(&(struct system_options){.env = {"LOCK_SECONDS=3"}});
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    kill_store(GIVEN_REDIS);
    as_user("bob");
    order = given_order(ticket);
    await_status("/api/tickets", ticket, "reserved");
    revive_store(GIVEN_REDIS, false);
    await_status("/api/orders", order, "cancelled");
    await_status("/api/tickets", ticket, "available");
    expect_all_is_well();
}

Test(outage, while_stripe_is_away_nobody_is_told_that_a_card_was_declined)
{
    const struct answer *answer;

    given_system(NULL);
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    as_user("bob");
    order = given_order(ticket);
    pause_stripe(true);
    answer = pay(order, "tok_visa");
    cr_assert(answer->status == 503 || answer->status == 504, "%d: %s", answer->status,
              answer->body);
    pause_stripe(false);

    answer = pay(order, "tok_visa");
    for (int i = 0; i < 20 && answer->status >= 500; i++)
        answer = pay(order, "tok_visa");
    cr_assert(answer->status == 200 || answer->status == 201, "%d: %s", answer->status,
              answer->body);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();
    cr_assert_eq(count_charges(order, CHARGE_CAPTURED), 1);
    cr_assert_eq(count_charges(order, CHARGE_HELD), 0);
}

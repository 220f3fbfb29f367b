/*
 * A ban takes effect everywhere within a second, and ends what the user had open.
 */
#include "tests/support/story.h"

#include <string.h>

#define BAN_MS 1000 /* the contract's second */

static bool is_refused_everywhere(void *context)
{
    (void)context;
    return get("/api/orders")->status == 401 &&
           post("/api/tickets", "{\"title\":\"x\",\"price\":1}")->status == 401 &&
           post("/api/payments", "{\"orderId\":\"0123456789abcdef01234567\",\"token\":\"t\"}")
                   ->status == 401 &&
           strcmp(get("/api/users/currentuser")->body, "{\"currentUser\":null}") == 0;
}

static bool is_let_in(void *context)
{
    (void)context;
    return get("/api/orders")->status == 200;
}

Test(bans, a_banned_user_is_out_everywhere_within_a_second_and_can_be_let_in_again)
{
    const struct answer *answer;
    const char *ticket, *order, *id;

    given_system(&(struct system_options){.instances = 2});
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    as_user("bob");
    order = given_order(ticket);
    id = user_id("bob");
    expect_refusal(post(at("/api/users/%s/ban", id), "{}"), 401, NULL, "Not authorized");

    as_admin();
    answer = post(at("/api/users/%s/ban", id), "{\"reason\":\"touting\"}");
    expect_status(answer, 200);
    cr_assert_str_eq(answer_text(answer, "reason"), "touting");
    as_user("bob");
    eventually(is_refused_everywhere, NULL, BAN_MS, "bob is refused everywhere");
    expect_refusal(post("/api/users/signin",
                        "{\"email\":\"bob@example.com\",\"password\":\"a long password\"}"),
                   401, NULL, "Account is banned");

    as_user("sue");
    await_status("/api/tickets", ticket, "available");

    /* A process that starts after the ban knows of it too. */
    stop_service("orders", 0);
    start_service("orders", 0);
    as_user("bob");
    for (int i = 0; i < 4; i++)
        expect_status(get("/api/orders"), 401);

    as_admin();
    expect_status(post(at("/api/users/%s/unban", id), "{}"), 200);
    as_user("bob");
    eventually(is_let_in, NULL, BAN_MS, "bob is let in again");
    await_status("/api/orders", order, "cancelled");
    expect_all_is_well();
}

/*
 * kill -9 at bad moments. What was answered with success stays; what was committed is told, once in
 * effect, though the process that committed it never came to publish.
 */
#include "tests/support/story.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char *ticket, *order;

/* The broker is away while the change is committed, and the process is killed before it is back:
 * the event is left in the document, and a later process's sweep finds it. */
Test(crash, an_event_committed_but_never_published_is_told_by_the_next_process)
{
    given_system(NULL);
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    await_version("orders", "tickets", ticket, 0);

    kill_store(GIVEN_NATS);
    as_user("bob");
    order = given_order(ticket);
    as_user("late"); /* user.created too */
    given_ticket("Second", 5);
    kill_service("orders", 0);
    kill_service("auth", 0);
    kill_service("tickets", 0);
    revive_store(GIVEN_NATS, false);
    start_service("orders", 0);
    start_service("auth", 0);
    start_service("tickets", 0);

    as_user("bob");
    await_status("/api/tickets", ticket, "reserved");
    expect_all_is_well();
}

/* The listener is killed while messages are on their way to it: they are delivered again. */
Test(crash, a_listener_killed_between_deliveries_misses_nothing)
{
    given_system(NULL);
    as_user("sue");
    ticket = given_ticket("Opera", 50);
    await_version("orders", "tickets", ticket, 0);
    pause_service("tickets", 0, true);
    pause_service("payments", 0, true);
    as_user("bob");
    order = given_order(ticket);
    kill_service("tickets", 0);
    kill_service("payments", 0);
    start_service("payments", 0);
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    start_service("tickets", 0);
    await_status("/api/tickets", ticket, "sold");
    expect_all_is_well();
}

#define PURCHASES 12

struct purchases {
    const char *orders[PURCHASES];
    atomic_int begun, bought;
};

/* Ask again while a service is being restarted; the edge says 503 then. */
static const struct answer *insist(const struct answer *(*ask_it)(const char *), const char *what)
{
    const struct answer *answer = ask_it(what);

    for (int i = 0; i < 2000 && answer->status >= 500; i++)
        answer = ask_it(what);
    return answer;
}

static const struct answer *pay_by_visa(const char *id)
{
    return pay(id, "tok_visa");
}

static const struct answer *list_seat(const char *title)
{
    return post("/api/tickets", "{\"title\":\"%s\",\"price\":10}", title);
}

static void buy_one(void *context, int i)
{
    struct purchases *purchases = context;
    const struct answer *answer;
    char title[32];

    as_guest(1000 + i);
    snprintf(title, sizeof(title), "Seat %d", i);
    answer = insist(list_seat, title);
    if (answer->status != 201)
        return;
    atomic_fetch_add(&purchases->begun, 1);
    as_guest(2000 + i);
    answer = insist(order_ticket, answer_text(answer, "id"));
    if (answer->status != 201)
        return; /* a reply that was lost with its process: the order may stand, unpaid */
    purchases->orders[i] = answer_text(answer, "id");
    answer = insist(pay_by_visa, purchases->orders[i]);
    if (answer->status == 200 || answer->status == 201)
        atomic_fetch_add(&purchases->bought, 1);
}

static void buy_or_kill(void *context, int i)
{
    static const char *const victims[] = {"orders", "payments", "tickets", "expiration"};

    if (i < PURCHASES) {
        buy_one(context, i);
        return;
    }
    for (int k = 0; k < 8; k++) {
        kill_service(victims[k % 4], 0);
        start_service(victims[k % 4], 0);
    }
}

Test(crash, purchases_survive_a_loop_of_kills)
{
    struct purchases purchases = {0};

    given_system(NULL);
    together(PURCHASES + 1, buy_or_kill, &purchases);
    cr_assert_eq(purchases.begun, PURCHASES);
    cr_assert_gt(purchases.bought, PURCHASES / 2, "only %d bought", purchases.bought);
    for (int i = 0; i < PURCHASES; i++) {
        as_guest(2000 + i);
        if (purchases.orders[i])
            await_status("/api/orders", purchases.orders[i], "complete");
    }
    expect_all_is_well();
}

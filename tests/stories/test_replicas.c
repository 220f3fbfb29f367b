/*
 * Two of each service behave as one, and one of them may go at any time.
 */
#include "common/instant.h"
#include "tests/support/story.h"

#include <stdatomic.h>
#include <stdio.h>

#define PURCHASES 16

static atomic_int bought;

static void buy(void *context, int i)
{
    char title[32];
    const char *ticket, *order;

    (void)context;
    as_guest(1000 + i);
    snprintf(title, sizeof(title), "Seat %d", i);
    ticket = given_ticket(title, 10 + i);
    as_guest(2000 + i);
    order = given_order(ticket);
    expect_status(pay(order, "pm_card_visa"), 201);
    await_status("/api/orders", order, "complete");
    await_status("/api/tickets", ticket, "sold");
    atomic_fetch_add(&bought, 1);
}

Test(replicas, sixteen_purchases_at_once_over_two_of_each)
{
    given_system(&(struct system_options){.instances = 2});
    together(PURCHASES, buy, NULL);
    cr_assert_eq(bought, PURCHASES);
    expect_all_is_well();
}

static atomic_bool stopping;
static atomic_int asked, failed;

static void ask_or_restart(void *context, int i)
{
    static const char *const names[] = {"auth", "tickets", "orders", "payments"};

    (void)context;
    if (i == 0) {
        for (int k = 0; k < 8; k++) {
            stop_service(names[k % 4], k / 4);
            start_service(names[k % 4], k / 4);
        }
        atomic_store(&stopping, true);
        return;
    }
    as_guest(i);
    while (!atomic_load(&stopping)) {
        const struct answer *answer = i % 2 ? get("/api/orders") : get("/api/tickets");

        atomic_fetch_add(&asked, 1);
        if (answer->status != 200)
            atomic_fetch_add(&failed, 1);
        answer = post("/api/tickets", "{\"title\":\"Seat\",\"price\":10}");
        atomic_fetch_add(&asked, 1);
        if (answer->status != 201)
            atomic_fetch_add(&failed, 1);
    }
}

Test(replicas, a_graceful_stop_under_load_loses_no_request)
{
    given_system(&(struct system_options){.instances = 2});
    together(4, ask_or_restart, NULL);
    cr_assert_gt(asked, 20);
    cr_assert_eq(failed, 0, "%d of %d requests failed", failed, asked);
    expect_all_is_well();
}

Test(replicas, one_of_each_may_die_and_the_other_goes_on)
{
    static const char *const names[] = {"auth", "tickets", "orders", "expiration", "payments"};

    given_system(&(struct system_options){.instances = 2});
    as_user("sue");
    buy(NULL, 1);
    for (int i = 0; i < 5; i++)
        kill_service(names[i], i % 2);
    as_user("new");
    buy(NULL, 2);
    expect_all_is_well();
}

#define BROWSERS     16
#define BROWSE_MS    6000 /* the edge gives up who does not answer after 10 s */
#define ANSWERS_EACH 10

static atomic_int answered;

static void browse_on(void *context, int i)
{
    const int64_t *until_ms = context;

    (void)i;
    while (instant_monotonic() < *until_ms)
        if (get("/api/tickets?limit=1")->status == 200)
            atomic_fetch_add(&answered, 1);
}

/* In turns, one of two has soon got hold of everybody; by who has the fewest, of half of them. */
Test(replicas, one_that_stands_still_does_not_get_hold_of_everybody)
{
    int64_t until_ms;

    given_system(&(struct system_options){.instances = 2});
    pause_service("tickets", 0, true);
    until_ms = instant_monotonic() + BROWSE_MS;
    together(BROWSERS, browse_on, &until_ms);
    pause_service("tickets", 0, false);
    cr_assert_gt(answered, BROWSERS * ANSWERS_EACH);
}

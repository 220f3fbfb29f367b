/*
 * Many want the same: exactly one gets it.
 */
#include "tests/support/story.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BUYERS 20
#define ROUNDS 50

struct round {
    const char *ticket;
    int number;
    atomic_int won, refused, other;
};

static void want_it(void *context, int i)
{
    struct round *round = context;
    const struct answer *answer;

    as_guest(round->number * BUYERS + i); /* fresh ones: nobody may hold more than ten */
    answer = order_ticket(round->ticket);
    if (answer->status == 201)
        atomic_fetch_add(&round->won, 1);
    else if (answer->status == 400 && strstr(answer->body, "Ticket is already reserved"))
        atomic_fetch_add(&round->refused, 1);
    else
        atomic_fetch_add(&round->other, 1);
}

static void run_rounds(int rounds)
{
    char title[32];

    as_user("sue");
    for (int i = 0; i < rounds; i++) {
        struct round round = {.number = i};

        snprintf(title, sizeof(title), "Seat %d", i);
        round.ticket = given_ticket(title, 10);
        together(BUYERS, want_it, &round);
        cr_assert_eq(round.won, 1, "round %d: %d won", i, round.won);
        cr_assert_eq(round.refused, BUYERS - 1, "round %d: %d refused, %d other answers", i,
                     round.refused, round.other);
    }
    expect_all_is_well();
}

Test(contention, of_twenty_buyers_exactly_one_wins_in_each_of_fifty_rounds)
{
    given_system(NULL);
    run_rounds(ROUNDS);
}

Test(contention, two_instances_have_one_winner_between_them)
{
    given_system(&(struct system_options){.instances = 2});
    run_rounds(10);
}

static const char *tickets[12];
static atomic_int ordered;

static void order_one(void *context, int i)
{
    const struct answer *answer;

    (void)context;
    as_guest(1);
    answer = order_ticket(tickets[i]);
    if (answer->status == 201)
        atomic_fetch_add(&ordered, 1);
    else
        cr_expect(strstr(answer->body, "Too many open orders"), "%s", answer->body);
}

Test(contention, nobody_has_more_than_ten_open_orders_even_at_once)
{
    given_system(NULL);
    as_user("sue");
    for (int i = 0; i < 12; i++)
        tickets[i] = given_ticket("Seat", 10);
    for (int i = 0; i < 12; i++)
        await_version("orders", "tickets", tickets[i], 0);
    together(12, order_one, NULL);
    cr_assert_eq(ordered, 10);
    expect_all_is_well();
}

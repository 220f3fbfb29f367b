/*
 * A storm: many buyers on few tickets, who order, pay, are declined, cancel or walk away, while
 * services and stores are killed or stand still at random. Nothing is expected of a single answer;
 * when it is quiet again every promise has to hold, and nobody holds a ticket that was not paid.
 *
 * The seed decides who does what and what breaks when (not how they interleave); it is printed.
 * TEST_STORM_SEED chooses one, TEST_STORM_SECONDS how long it blows. A larger one, whose histories
 * are judged too, is tests/prove/kill-loop.
 */
#include "tests/support/audit.h"
#include "tests/support/strikes.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define BUYERS       24
#define TICKETS      48
#define STORM_S      12
#define QUIET_MS     75000 /* a delivery to a process that died comes again after 30 s */
#define STORM_TEST_S 300

static struct {
    unsigned seed;
    int64_t until_ms;
    const char *tickets[TICKETS];
    atomic_int orders, paid;
} storm;

static int64_t number_of(const char *variable, int64_t otherwise)
{
    const char *text = getenv(variable);

    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static bool is_over(void)
{
    return instant_monotonic() >= storm.until_ms;
}

static bool is_one_of(int roll, int least, int most)
{
    return roll >= least && roll < most;
}

/* What one buyer does with one order. */
static void go_on_with(const char *order, int roll)
{
    const char *token = is_one_of(roll, 60, 70) ? "tok_chargeDeclined" : "tok_visa";
    const struct answer *answer;

    if (roll < 70) {
        answer = post("/api/payments", "{\"orderId\":\"%s\",\"token\":\"%s\"}", order, token);
        if (answer->status == 201)
            atomic_fetch_add(&storm.paid, 1);
    }
    if (is_one_of(roll, 50, 85)) /* also what was just paid or declined */
        delete_at(at("/api/orders/%s", order));
}

static void buy_at_random(unsigned *dice, int i)
{
    as_guest(2000 + i);
    while (!is_over()) {
        const char *ticket = storm.tickets[rand_r(dice) % TICKETS];
        const struct answer *answer = post("/api/orders", "{\"ticketId\":\"%s\"}", ticket);

        if (answer->status == 201) {
            atomic_fetch_add(&storm.orders, 1);
            go_on_with(answer_text(answer, "id"), rand_r(dice) % 100);
        }
        poll(NULL, 0, rand_r(dice) % 50); /* a buyer's own pace, no wait for anything */
    }
}

static void strike(unsigned *dice)
{
    struct strike strike =
        strike_at_random(dice, &(struct strike_rules){.instances = 1, .pairs_percent = 20});

    fprintf(stderr, "storm: %s\n", strike_text(&strike));
    strike_begin(&strike);
    poll(NULL, 0, strike.away_ms);
    strike_end(&strike);
    poll(NULL, 0, rand_r(dice) % 500);
}

static void buy_or_strike(void *context, int i)
{
    unsigned dice = storm.seed * 1000003u + (unsigned)i;

    (void)context;
    if (i > 0)
        buy_at_random(&dice, i);
    while (i == 0 && !is_over())
        strike(&dice);
}

Test(storm, whatever_dies_when_every_promise_holds_afterwards, .timeout = STORM_TEST_S)
{
    given_system(&(struct system_options){.own_mongo = true, .env = {"LOCK_SECONDS=4"}});
    storm.seed = (unsigned)number_of("TEST_STORM_SEED", instant_now() % 1000000);
    fprintf(stderr, "TEST_STORM_SEED=%u\n", storm.seed);
    as_guest(1000);
    for (int i = 0; i < TICKETS; i++)
        storm.tickets[i] = given_ticket(at("Seat %d", i), 10 + i);
    await_version("orders", "tickets", storm.tickets[TICKETS - 1], 0);

    storm.until_ms = instant_monotonic() + number_of("TEST_STORM_SECONDS", STORM_S) * 1000;
    together(BUYERS + 1, buy_or_strike, NULL);
    cr_assert_gt(storm.orders, 0);
    await_nobody_overdue(QUIET_MS); /* a payment that was begun has stretched its order */
    expect_all_is_well();
    fprintf(stderr, "storm: %d orders, %d paid\n", storm.orders, storm.paid);
}

/*
 * Stripe hangs: paying has to wait, and nothing else.
 */
#include "tests/support/story.h"

#include "common/instant.h"

#include <stdatomic.h>
#include <string.h>

#define PAYERS   16
#define ROUNDS   5
#define SOON_MS  4000 /* a payer waits for 4.5 s: who comes back sooner did not wait for one */
#define GUESTS   2000
#define NEW_ONES 3000

static const char *orders[PAYERS + 1], *tickets[ROUNDS], *payment;
static atomic_int paying;

/* An answer in time, while others pay. */
static void expect_soon(const struct answer *(*ask_it)(int round), int round, int status)
{
    int64_t before_ms = instant_monotonic();

    expect_status(ask_it(round), status);
    cr_expect_lt(instant_monotonic() - before_ms, SOON_MS);
}

static const struct answer *sign_in(int round)
{
    (void)round;
    return post("/api/users/signin", "{\"email\":\"sue@example.com\",\"password\":\"not hers\"}");
}

static const struct answer *browse(int round)
{
    (void)round;
    return get("/api/tickets");
}

static const struct answer *order_one(int round)
{
    return order_ticket(tickets[round]);
}

static const struct answer *look_at_payment(int round)
{
    (void)round;
    return get(at("/api/payments/%s", payment));
}

static bool all_pay(void *context)
{
    (void)context;
    return paying == PAYERS;
}

static void pay_or_live_on(void *context, int i)
{
    const struct answer *answer;

    (void)context;
    if (i < PAYERS) {
        as_guest(GUESTS + i);
        paying++;
        answer = post("/api/payments", "{\"orderId\":\"%s\",\"token\":\"tok_visa\"}", orders[i]);
        cr_expect(answer->status == 503 || answer->status == 504, "%d", answer->status);
        return;
    }
    eventually(all_pay, NULL, 20000, "all want to pay");
    for (int round = 0; round < ROUNDS; round++) {
        as_guest(NEW_ONES + round);
        expect_soon(sign_in, round, 400);
        expect_soon(browse, round, 200);
        expect_soon(order_one, round, 201);
        as_guest(GUESTS + PAYERS);
        expect_soon(look_at_payment, round, 200);
    }
}

static bool is_paid(void *order)
{
    int status = pay(order, "tok_visa")->status;

    return status == 200 || status == 201;
}

Test(stripe, while_it_hangs_people_sign_in_browse_order_and_see_their_payments)
{
    given_system(&(struct system_options){.env = {"STRIPE_PAUSE_SECONDS=1"}});
    as_user("sue");
    for (int i = 0; i < ROUNDS; i++)
        tickets[i] = given_ticket("Opera", 10);
    for (int i = 0; i <= PAYERS; i++) {
        as_user("sue");
        orders[i] = given_ticket("Ballet", 10);
        as_guest(GUESTS + i);
        orders[i] = given_order(orders[i]);
    }
    payment = answer_text(pay(orders[PAYERS], "tok_visa"), "id");
    cr_assert_not_null(payment);
    await_status("/api/payments", payment, "captured");

    pause_stripe(true);
    together(PAYERS + 1, pay_or_live_on, NULL);
    pause_stripe(false);

    for (int i = 0; i < PAYERS; i++) {
        as_guest(GUESTS + i);
        eventually(is_paid, (void *)(uintptr_t)orders[i], 30000, "paying works again");
        await_status("/api/orders", orders[i], "complete");
    }
    expect_all_is_well();
    for (int i = 0; i <= PAYERS; i++) {
        cr_expect_eq(count_charges(orders[i], CHARGE_CAPTURED), 1);
        cr_expect_eq(count_charges(orders[i], CHARGE_HELD), 0);
    }
}

/*
 * The state machine of an order, without any store: every cell of the table, every question from
 * every status, and the events of payments in every order of arrival.
 */

#include "orders/order.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NOW   INT64_C(1763700000000)
#define LOCK  INT64_C(900000)
#define ANN   "aaaaaaaaaaaaaaaaaaaaaaaa"
#define SEAT  "bbbbbbbbbbbbbbbbbbbbbbbb"
#define FIRST "111111111111111111111111"
#define OTHER "222222222222222222222222"

static struct order given_order(void)
{
    struct order order = {
        .id = "cccccccccccccccccccccccc",
        .user_id = ANN,
        .slot = 3,
        .ticket = {.id = SEAT, .title = "A \"seat\"", .price_cents = 2050, .version = 4}};

    order_begin(&order, NOW, LOCK);
    return order;
}

static struct order_payment payment(const char *id, int64_t version, enum payment_status status)
{
    struct order_payment seen = {.version = version, .status = status};

    text_copy(seen.id, sizeof(seen.id), id);
    return seen;
}

static enum order_effect see(struct order *order, const char *id, int64_t version,
                             enum payment_status status)
{
    struct order_payment seen = payment(id, version, status);

    return order_see_payment(order, &seen, NOW + 1000);
}

static struct order given_order_that_is(enum order_status status)
{
    struct order order = given_order();

    switch (status) {
    case ORDER_AWAITING: see(&order, FIRST, 0, PAYMENT_STARTED); break;
    case ORDER_COMPLETE: see(&order, FIRST, 0, PAYMENT_AUTHORIZED); break;
    case ORDER_CANCELLED: order_cancel(&order, CAUSE_BUYER_CANCELLED, NOW); break;
    case ORDER_CREATED:
    case ORDER_STATUS_COUNT: break;
    }
    cr_assert_eq(order.status, status);
    return order;
}

Test(order, moves_along_six_ways_and_every_other_cell_says_why_not)
{
    static const bool ways[ORDER_STATUS_COUNT][ORDER_STATUS_COUNT] = {
        [ORDER_CREATED] =
            {[ORDER_AWAITING] = true, [ORDER_COMPLETE] = true, [ORDER_CANCELLED] = true},
        [ORDER_AWAITING] =
            {[ORDER_CREATED] = true, [ORDER_COMPLETE] = true, [ORDER_CANCELLED] = true},
    };

    for (enum order_status from = 0; from < ORDER_STATUS_COUNT; from++) {
        for (enum order_status to = 0; to < ORDER_STATUS_COUNT; to++) {
            const char *why = order_refusal(from, to);

            cr_expect_eq(why == NULL, ways[from][to], "%s to %s", order_status_name(from),
                         order_status_name(to));
            cr_expect(why == NULL || strlen(why) > 10);
        }
    }
    cr_expect_str_eq(order_refusal(ORDER_COMPLETE, ORDER_CANCELLED),
                     "Cannot cancel a complete order");
}

Test(order, causes_have_names_and_back)
{
    for (enum order_cause cause = 0; cause < CAUSE_COUNT; cause++)
        cr_expect_eq(order_cause_parse(order_cause_name(cause)), cause);
    cr_expect_eq(order_cause_parse("no such cause"), CAUSE_COUNT);
}

Test(order, begins_created_at_version_0_with_its_deadline)
{
    struct order order = given_order();

    cr_expect_eq(order.status, ORDER_CREATED);
    cr_expect_eq(order.version, 0);
    cr_expect_eq(order.expires_at_ms, NOW + LOCK);
    cr_expect_eq(order.history_count, 1);
    cr_expect_eq(order_cause(&order), CAUSE_ORDERED);
}

Test(order, can_be_cancelled_for_any_cause_while_it_is_open)
{
    for (enum order_status from = ORDER_CREATED; from <= ORDER_AWAITING; from++) {
        struct order order = given_order_that_is(from);
        int64_t version = order.version;

        cr_expect_eq(order_cancel(&order, CAUSE_USER_BANNED, NOW + 5), EFFECT_SAVE);
        cr_expect_eq(order.status, ORDER_CANCELLED);
        cr_expect_eq(order.version, version + 1);
        cr_expect_eq(order_cause(&order), CAUSE_USER_BANNED);
        cr_expect_eq(order.history[order.history_count - 1].at_ms, NOW + 5);
    }
}

/* What is over is over: nothing that is asked of it changes a byte. */
static void expect_untouched_by_everything(const struct order *before)
{
    struct order order = *before;

    cr_expect_eq(order_cancel(&order, CAUSE_BUYER_CANCELLED, NOW), EFFECT_NONE);
    cr_expect_eq(order_withdraw(&order, NOW), EFFECT_NONE);
    cr_expect_eq(order_expire(&order, order.expires_at_ms), EFFECT_NONE);
    cr_expect_eq(order_expire(&order, order.expires_at_ms - 1), EFFECT_NONE);
    for (enum payment_status status = 0; status < PAYMENT_STATUS_COUNT; status++) {
        for (int64_t version = 0; version < 5; version++) {
            struct order_payment seen = payment(OTHER, version, status);

            cr_expect_eq(see(&order, FIRST, version, status), EFFECT_NONE);
            cr_expect_eq(see(&order, OTHER, version, status), EFFECT_NONE);
            cr_expect_not(order_misses_payment(&order, &seen));
        }
    }
    cr_expect_arr_eq(&order, before, sizeof(order));
}

Test(order, that_is_complete_stays_so)
{
    struct order order = given_order_that_is(ORDER_COMPLETE);

    expect_untouched_by_everything(&order);
}

Test(order, that_is_cancelled_stays_so)
{
    struct order order = given_order_that_is(ORDER_CANCELLED);

    expect_untouched_by_everything(&order);
}

Test(order, gives_in_to_a_withdrawal_only_before_a_payment_began)
{
    struct order created = given_order_that_is(ORDER_CREATED);
    struct order awaiting = given_order_that_is(ORDER_AWAITING);

    cr_expect_eq(order_withdraw(&created, NOW), EFFECT_SAVE);
    cr_expect_eq(order_cause(&created), CAUSE_TICKET_WITHDRAWN);
    cr_expect_eq(order_withdraw(&awaiting, NOW), EFFECT_NONE);
    cr_expect_eq(awaiting.status, ORDER_AWAITING);
}

Test(order, expires_at_its_deadline_and_never_early)
{
    for (enum order_status status = ORDER_CREATED; status <= ORDER_AWAITING; status++) {
        struct order order = given_order_that_is(status);
        int64_t due = order.expires_at_ms;

        cr_expect_eq(order_expire(&order, due - 1), EFFECT_WAIT);
        cr_expect_eq(order_expire(&order, due - ORDER_EARLY_MS), EFFECT_WAIT);
        cr_expect_eq(order_expire(&order, due - ORDER_EARLY_MS - 1), EFFECT_NONE);
        cr_expect_eq(order.status, status);
        cr_expect_eq(order_expire(&order, due), EFFECT_SAVE);
        cr_expect_eq(order.status, ORDER_CANCELLED);
        cr_expect_eq(order_cause(&order), CAUSE_EXPIRED);
    }
}

Test(order, awaits_a_payment_and_is_stretched_once_however_often_one_begins)
{
    struct order order = given_order();

    cr_expect_eq(see(&order, FIRST, 0, PAYMENT_STARTED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_AWAITING);
    cr_expect_eq(order_cause(&order), CAUSE_PAYMENT_STARTED);
    cr_expect_eq(order.expires_at_ms, NOW + LOCK + ORDER_STRETCH_MS);
    cr_expect_eq(order.version, 1);

    cr_expect_eq(see(&order, FIRST, 1, PAYMENT_FAILED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_CREATED);
    cr_expect_eq(order_cause(&order), CAUSE_PAYMENT_FAILED);

    cr_expect_eq(see(&order, OTHER, 0, PAYMENT_STARTED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_AWAITING);
    cr_expect_eq(order.expires_at_ms, NOW + LOCK + ORDER_STRETCH_MS);
}

Test(order, hears_a_payment_that_needs_action_as_one_under_way)
{
    struct order order = given_order_that_is(ORDER_AWAITING);
    size_t steps = order.history_count;

    cr_expect_eq(see(&order, FIRST, 1, PAYMENT_REQUIRES_ACTION), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_AWAITING);
    cr_expect_eq(order.version, 2, "what was heard takes a version");
    cr_expect_eq(order.history_count, steps, "but is no step");
    cr_expect_eq(see(&order, FIRST, 2, PAYMENT_AUTHORIZED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_COMPLETE);
}

Test(order, is_complete_once_authorised_even_past_its_deadline)
{
    struct order order = given_order();
    struct order_payment seen = payment(FIRST, 0, PAYMENT_AUTHORIZED);

    cr_expect_eq(order_see_payment(&order, &seen, order.expires_at_ms + 60000), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_COMPLETE);
    cr_expect_eq(order_cause(&order), CAUSE_PAYMENT_AUTHORIZED);
    cr_expect_eq(order_expire(&order, order.expires_at_ms + 60000), EFFECT_NONE);
}

Test(order, is_not_changed_by_what_it_heard_before)
{
    struct order order = given_order_that_is(ORDER_AWAITING), before;

    see(&order, FIRST, 1, PAYMENT_FAILED);
    before = order;
    cr_expect_eq(see(&order, FIRST, 1, PAYMENT_FAILED), EFFECT_NONE);
    cr_expect_eq(see(&order, FIRST, 0, PAYMENT_STARTED), EFFECT_NONE);
    cr_expect_arr_eq(&order, &before, sizeof(order));
}

Test(order, knows_when_an_event_of_a_payment_is_missing)
{
    struct order order = given_order();
    struct order_payment first = payment(FIRST, 0, PAYMENT_STARTED);
    struct order_payment second = payment(FIRST, 1, PAYMENT_FAILED);
    struct order_payment third = payment(FIRST, 2, PAYMENT_VOIDED);

    cr_expect_not(order_misses_payment(&order, &first));
    cr_expect(order_misses_payment(&order, &second));
    see(&order, FIRST, 0, PAYMENT_STARTED);
    cr_expect_not(order_misses_payment(&order, &first));
    cr_expect_not(order_misses_payment(&order, &second));
    cr_expect(order_misses_payment(&order, &third));
}

Test(order, takes_a_newer_whole_state_over_a_gap)
{
    struct order order = given_order_that_is(ORDER_AWAITING);

    cr_expect_eq(see(&order, FIRST, 7, PAYMENT_CAPTURED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_COMPLETE);
    order = given_order_that_is(ORDER_AWAITING);
    cr_expect_eq(see(&order, FIRST, 7, PAYMENT_VOIDED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_CREATED);
}

Test(order, awaits_as_long_as_any_of_two_crossing_payments_is_under_way)
{
    struct order order = given_order_that_is(ORDER_AWAITING);

    cr_expect_eq(see(&order, OTHER, 0, PAYMENT_STARTED), EFFECT_SAVE);
    cr_expect_eq(see(&order, FIRST, 1, PAYMENT_FAILED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_AWAITING);
    cr_expect_eq(see(&order, OTHER, 1, PAYMENT_FAILED), EFFECT_SAVE);
    cr_expect_eq(order.status, ORDER_CREATED);
}

/* Deliver `seen` in the order of `turn`, each again and again until nothing is missing for it. */
static struct order deliver_in_turn(const struct order_payment *seen, const size_t *turn,
                                    size_t count)
{
    struct order order = given_order();
    bool heard[8] = {false};

    for (size_t left = count, rounds = 0; left > 0; rounds++) {
        cr_assert_leq(rounds, count, "somebody waits for ever");
        for (size_t i = 0; i < count; i++) {
            const struct order_payment *next = &seen[turn[i]];

            if (heard[i] || order_misses_payment(&order, next))
                continue;
            order_see_payment(&order, next, NOW + 1);
            cr_assert_eq(order_see_payment(&order, next, NOW + 2), EFFECT_NONE, "twice");
            heard[i] = true;
            left--;
        }
    }
    return order;
}

static void expect_in_all_permutations(const struct order_payment *seen, size_t count,
                                       enum order_status status)
{
    size_t turn[8], limit[8] = {0}, permutations = 1;

    for (size_t i = 0; i < count; i++)
        turn[i] = i;
    cr_expect_eq(deliver_in_turn(seen, turn, count).status, status);
    for (size_t i = 0; i < count;) { /* Heap's algorithm, without recursion */
        if (limit[i] < i) {
            size_t with = i % 2 == 0 ? 0 : limit[i], swapped = turn[with];

            turn[with] = turn[i];
            turn[i] = swapped;
            cr_expect_eq(deliver_in_turn(seen, turn, count).status, status);
            permutations++;
            limit[i]++;
            i = 0;
            continue;
        }
        limit[i++] = 0;
    }
    for (size_t factor = 2; factor <= count; factor++)
        cr_assert_eq(permutations % factor, 0);
}

Test(order, ends_the_same_whatever_order_the_events_of_its_payments_come_in)
{
    const struct order_payment paid[] = {
        payment(FIRST, 0, PAYMENT_STARTED),    payment(FIRST, 1, PAYMENT_FAILED),
        payment(OTHER, 0, PAYMENT_STARTED),    payment(OTHER, 1, PAYMENT_REQUIRES_ACTION),
        payment(OTHER, 2, PAYMENT_AUTHORIZED), payment(OTHER, 3, PAYMENT_CAPTURED),
    };
    const struct order_payment declined[] = {
        payment(FIRST, 0, PAYMENT_STARTED), payment(FIRST, 1, PAYMENT_FAILED),
        payment(OTHER, 0, PAYMENT_STARTED), payment(OTHER, 1, PAYMENT_REQUIRES_ACTION),
        payment(OTHER, 2, PAYMENT_FAILED),
    };

    expect_in_all_permutations(paid, 6, ORDER_COMPLETE);
    expect_in_all_permutations(declined, 5, ORDER_CREATED);
    expect_in_all_permutations(declined, 4, ORDER_AWAITING);
    expect_in_all_permutations(declined, 2, ORDER_CREATED);
}

Test(order, ignores_more_payments_than_it_has_room_for)
{
    struct order order = given_order(), before;
    char id[ID_BYTES];

    for (int i = 0; i < ORDER_PAYMENTS_MAX; i++) {
        snprintf(id, sizeof(id), "%024x", i + 1);
        cr_expect_eq(see(&order, id, 0, PAYMENT_STARTED), EFFECT_SAVE);
        cr_expect_eq(see(&order, id, 1, PAYMENT_FAILED), EFFECT_SAVE);
    }
    before = order;
    cr_expect_eq(see(&order, FIRST, 0, PAYMENT_AUTHORIZED), EFFECT_NONE);
    cr_expect_arr_eq(&order, &before, sizeof(order));
    cr_expect_eq(order_cancel(&order, CAUSE_EXPIRED, NOW), EFFECT_SAVE);
}

Test(order, keeps_room_for_its_last_step_whatever_is_said_of_a_payment)
{
    struct order order = given_order(), paid;

    for (int64_t version = 0; version < 500; version++)
        see(&order, FIRST, version, version % 2 == 0 ? PAYMENT_STARTED : PAYMENT_FAILED);
    cr_expect_eq(order.history_count, ORDER_HISTORY_MAX - 1);
    paid = order;
    cr_expect_eq(see(&paid, FIRST, 600, PAYMENT_AUTHORIZED), EFFECT_SAVE);
    cr_expect_eq(order_cancel(&order, CAUSE_EXPIRED, NOW), EFFECT_SAVE);
    cr_expect_eq(order.history_count, ORDER_HISTORY_MAX);
}

Test(order, is_written_as_the_contract_says)
{
    cleanup(writer_release) struct writer out = {0};
    struct order order = given_order();

    order_cancel(&order, CAUSE_BUYER_CANCELLED, NOW + 500);
    order_to_json(&order, &out, NULL);
    cr_expect_str_eq(
        writer_text(&out),
        "{\"id\":\"cccccccccccccccccccccccc\",\"status\":\"cancelled\","
        "\"userId\":\"aaaaaaaaaaaaaaaaaaaaaaaa\",\"expiresAt\":\"2025-11-21T04:55:00.000Z\","
        "\"ticket\":{\"id\":\"bbbbbbbbbbbbbbbbbbbbbbbb\",\"title\":\"A \\\"seat\\\"\","
        "\"price\":20.5,\"version\":4},\"version\":1,\"history\":["
        "{\"status\":\"created\",\"at\":\"2025-11-21T04:40:00.000Z\",\"cause\":\"ordered\"},"
        "{\"status\":\"cancelled\",\"at\":\"2025-11-21T04:40:00.500Z\","
        "\"cause\":\"buyer-cancelled\"}]}");
}

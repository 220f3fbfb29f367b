/*
 * Payment: the state machine, for every pair of states, and what each says.
 */

#include "payments/payment.h"

#include <criterion/criterion.h>
#include <string.h>

static struct payment a_payment(enum payment_status status)
{
    struct payment payment = {.state.status = status};

    return payment;
}

static struct order an_order(enum order_status status)
{
    struct order order = {.status = status};

    return order;
}

Test(payment, what_is_next_follows_from_the_two_states_alone)
{
    static const enum payment_step expected[PAYMENT_STATUS_COUNT][ORDER_STATUS_COUNT] = {
        /*                        created       awaiting      complete         cancelled */
        [PAYMENT_STARTED] = {PAYMENT_ASK, PAYMENT_ASK, PAYMENT_ASK, PAYMENT_VOID},
        [PAYMENT_REQUIRES_ACTION] = {PAYMENT_ASK, PAYMENT_ASK, PAYMENT_ASK, PAYMENT_VOID},
        [PAYMENT_AUTHORIZED] = {PAYMENT_REST, PAYMENT_REST, PAYMENT_CAPTURE, PAYMENT_VOID},
        [PAYMENT_CAPTURED] = {PAYMENT_REST, PAYMENT_REST, PAYMENT_REST, PAYMENT_REFUND},
        [PAYMENT_FAILED] = {PAYMENT_REST, PAYMENT_REST, PAYMENT_REST, PAYMENT_REST},
        [PAYMENT_VOIDED] = {PAYMENT_REST, PAYMENT_REST, PAYMENT_REST, PAYMENT_REST},
        [PAYMENT_REFUNDED] = {PAYMENT_REST, PAYMENT_REST, PAYMENT_REST, PAYMENT_REST},
    };

    for (enum payment_status p = 0; p < PAYMENT_STATUS_COUNT; p++)
        for (enum order_status o = 0; o < ORDER_STATUS_COUNT; o++) {
            struct payment payment = a_payment(p);
            struct order order = an_order(o);

            cr_expect_eq(payment_next(&payment, &order), expected[p][o], "%s, order %s",
                         payment_status_name(p), order_status_name(o));
        }
}

Test(payment, it_is_settled_once_nothing_can_come_any_more)
{
    for (enum payment_status p = 0; p < PAYMENT_STATUS_COUNT; p++)
        for (enum order_status o = 0; o < ORDER_STATUS_COUNT; o++) {
            struct payment payment = a_payment(p);
            struct order order = an_order(o);
            bool over = p == PAYMENT_FAILED || p == PAYMENT_VOIDED || p == PAYMENT_REFUNDED;

            cr_expect_eq(payment_is_settled(&payment, &order),
                         over || (p == PAYMENT_CAPTURED && o == ORDER_COMPLETE), "%s, order %s",
                         payment_status_name(p), order_status_name(o));
        }
}

Test(payment, money_moves_only_for_a_complete_order)
{
    for (enum payment_status p = 0; p < PAYMENT_STATUS_COUNT; p++)
        for (enum order_status o = 0; o < ORDER_STATUS_COUNT; o++) {
            struct payment payment = a_payment(p);
            struct order order = an_order(o);

            if (payment_next(&payment, &order) == PAYMENT_CAPTURE)
                cr_expect_eq(o, ORDER_COMPLETE);
        }
}

Test(payment, nothing_comes_back_from_its_end)
{
    static const enum payment_status ends[] = {PAYMENT_FAILED, PAYMENT_VOIDED, PAYMENT_REFUNDED};

    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        cr_expect_not(payment_is_live(ends[i]));
        for (enum payment_status to = 0; to < PAYMENT_STATUS_COUNT; to++)
            cr_expect_not(payment_can_become(ends[i], to), "%s to %s", payment_status_name(ends[i]),
                          payment_status_name(to));
    }
}

Test(payment, only_what_is_authorized_is_captured)
{
    for (enum payment_status from = 0; from < PAYMENT_STATUS_COUNT; from++)
        cr_expect_eq(payment_can_become(from, PAYMENT_CAPTURED), from == PAYMENT_AUTHORIZED);
}

Test(payment, each_status_has_its_event)
{
    static const char *const subjects[] = {
        [PAYMENT_STARTED] = "payment.started",       [PAYMENT_REQUIRES_ACTION] = "payment.started",
        [PAYMENT_AUTHORIZED] = "payment.authorized", [PAYMENT_CAPTURED] = "payment.created",
        [PAYMENT_FAILED] = "payment.failed",         [PAYMENT_VOIDED] = "payment.voided",
        [PAYMENT_REFUNDED] = "payment.refunded"};

    for (enum payment_status p = 0; p < PAYMENT_STATUS_COUNT; p++)
        cr_expect_str_eq(event_info(payment_event_type(p))->subject, subjects[p]);
}

Test(payment, the_client_secret_is_shown_only_while_the_buyer_must_act)
{
    struct payment payment = a_payment(PAYMENT_REQUIRES_ACTION);
    struct writer out;

    writer_init(&out);
    text_copy(payment.client_secret, sizeof(payment.client_secret), "pi_secret");
    payment_to_json(&payment, true, &out);
    cr_expect(strstr(writer_text(&out), "pi_secret") != NULL);
    writer_clear(&out);
    payment_to_json(&payment, false, &out);
    cr_expect(strstr(writer_text(&out), "pi_secret") == NULL);
    writer_clear(&out);
    payment.state.status = PAYMENT_AUTHORIZED;
    payment_to_json(&payment, true, &out);
    cr_expect(strstr(writer_text(&out), "pi_secret") == NULL);
    writer_release(&out);
}

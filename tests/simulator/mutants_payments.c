/* As mutants_orders.c: money that is taken as soon as it is held. */

#include "payments/payment.h"
#include "tests/simulator/simulator.h"

enum payment_step mutable_payment_next(const struct payment *payment, const struct order *order);

enum payment_step mutable_payment_next(const struct payment *payment, const struct order *order)
{
    if (world.options.breakage == BREAK_EARLY_CAPTURE &&
        payment->state.status == PAYMENT_AUTHORIZED)
        return PAYMENT_CAPTURE;
    return payment_next(payment, order);
}

/*
 * Events: what payments says. Each status of a payment has its event; requires_action is said as
 * payment.started again, since the contract has no subject of its own for it and the body's status
 * tells. The only place that fills them; they leave through the outbox of the payment they tell of.
 */

#include "payments/payment.h"

enum event_type payment_event_type(enum payment_status status)
{
    static const enum event_type types[] = {
        [PAYMENT_STARTED] = EVENT_PAYMENT_STARTED,
        [PAYMENT_REQUIRES_ACTION] = EVENT_PAYMENT_STARTED,
        [PAYMENT_AUTHORIZED] = EVENT_PAYMENT_AUTHORIZED,
        [PAYMENT_CAPTURED] = EVENT_PAYMENT_CREATED, /* the course's name: money has moved */
        [PAYMENT_FAILED] = EVENT_PAYMENT_FAILED,
        [PAYMENT_VOIDED] = EVENT_PAYMENT_VOIDED,
        [PAYMENT_REFUNDED] = EVENT_PAYMENT_REFUNDED,
    };
    _Static_assert(ARRAY_LENGTH(types) == PAYMENT_STATUS_COUNT, "an event for each status");

    return types[status];
}

void event_payment(struct event *event, const struct payment *payment)
{
    event_init(event, payment_event_type(payment->state.status), payment->id, payment->version);
    event->payment = payment->state;
}

#ifndef PAYMENTS_CHARGE_H
#define PAYMENTS_CHARGE_H

/*
 * Charge: what payments does at Stripe, step by step.
 *
 * Before each call the document says what is under way (its status, the intent's id); after it the
 * document is moved with a conditional update. So wherever a process dies, the payment and Stripe
 * together tell the next one how to go on, and going on twice is harmless. Called by routes, the
 * settler's threads and the resolver, in any process.
 */

#include "payments/gate.h"
#include "payments/payment.h"

struct charger {
    struct store *store;
    struct outbox *outbox;
    struct stripe *stripe;
    struct gate *gate;
    struct tracer *tracer; /* or NULL */
    int64_t call_ms;       /* how long one call to Stripe may take */
    int64_t resolve_ms;    /* how long after a step somebody looks again */
};

/* The longest text of a refusal, as Stripe says it. */
#define CHARGE_MESSAGE_BYTES 512

/*
 * Go on with `payment` until there is nothing left to do now: authorise what is started, capture
 * what is authorised for a complete order, give back what is held for a lost one. `visit` is one
 * that the gate has admitted. `payment` is what it is then. `ret_message` gets Stripe's words where
 * a card was refused, else "".
 *
 * 0: at rest (its status says where); -EAGAIN: Stripe or the store did not answer in time, the
 * resolver goes on later; other < 0: a defect or a refused key, likewise.
 */
must_check int charge_settle(struct charger *charger, struct gate_visit *visit,
                             struct payment *payment, int64_t timeout_ms,
                             char ret_message[CHARGE_MESSAGE_BYTES]);

/* Ask Stripe for the payment's intent first, whatever its status, and let the payment follow; then
 * settle. For news that come from Stripe: a webhook, a refund made in its dashboard. */
must_check int charge_follow(struct charger *charger, struct gate_visit *visit,
                             struct payment *payment, int64_t timeout_ms,
                             char ret_message[CHARGE_MESSAGE_BYTES]);

#endif

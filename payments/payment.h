#ifndef PAYMENTS_PAYMENT_H
#define PAYMENTS_PAYMENT_H

/*
 * Payment: one attempt to pay for one order, with one card.
 *
 *   started ──► authorized ──► captured ──► refunded
 *      │ ▲          │
 *      ▼ │          └──► voided
 *   requires_action ──► failed, voided          started ──► failed, voided
 *
 * At most one payment of an order is live (neither failed, voided nor refunded): a unique index
 * settles two clicks at once. What to do next follows from the payment and the order's copy alone
 * (payment_next, a pure function), so whoever looks, a route, a listener, the resolver or a
 * webhook, in whichever process, comes to the same end.
 *
 * `workAt` is when somebody has to look again: it is stored with the first write, before Stripe is
 * called, moved by whoever takes the work (a lease), and gone once the payment is settled. `tries`
 * are the requests that Stripe answered with a 5xx: a part of the next one's key, stored so that
 * whoever sends that, in whichever process, repeats what was lost and not what has failed.
 */

#include "common/outbox.h"
#include "payments/order.h"

#define PAYMENT_ATTEMPTS_MAX 20  /* of one order; as many as an order remembers */
#define METHOD_MAX_BYTES     256 /* a Stripe token or payment method */
#define CLIENT_SECRET_BYTES  512

struct payment {
    char id[ID_BYTES];
    char user_id[ID_BYTES];
    struct payment_state state;
    char method[METHOD_MAX_BYTES];
    char client_secret[CLIENT_SECRET_BYTES]; /* "" but for requires_action */
    int64_t version;
    int64_t tries, attach_try; /* of stripe_charge (stripe.h) */
};

enum payment_step {
    PAYMENT_REST, /* nothing to do until something is heard */
    PAYMENT_ASK,  /* nobody knows what Stripe did: ask, go on from there */
    PAYMENT_CAPTURE,
    PAYMENT_VOID,
    PAYMENT_REFUND,
};

/* What is to be done for `payment`, given its order's copy. Pure. */
enum payment_step payment_next(const struct payment *payment, const struct order *order);

/* Is there nothing to come any more, so that nobody has to look again? Money that was taken while
 * the order is open (by hand, at Stripe's dashboard) may have to be given back. Pure. */
bool payment_is_settled(const struct payment *payment, const struct order *order);

/* May a payment move from one status to another? Pure. */
bool payment_can_become(enum payment_status from, enum payment_status to);

bool payment_is_live(enum payment_status status);

/* A new payment of `order`: started, version 0. Pure but for its random id. */
void payment_init(struct payment *payment, const struct order *order, const char *currency,
                  const char *method);

/* The event of each status. */
enum event_type payment_event_type(enum payment_status status);
void event_payment(struct event *event, const struct payment *payment);
int payment_to_event(const bson_t *document, struct event *ret_event);

/* What an event says of a payment's document: not who pays (the order's copy knows), nor with
 * which card. Somebody looks at it at once, and asks Stripe. */
struct recovered;
void payment_from_event(const struct event *event, struct recovered *ret_fields);

void payment_to_json(const struct payment *payment, bool with_secret, struct writer *out);

/* Insert with its event; somebody looks again at `work_at_ms`. CONFLICT: the order has a live
 * payment. */
must_check int payment_insert(struct outbox *outbox, const struct payment *payment,
                              int64_t work_at_ms);

/* Move to `status` with its event. `work_at_ms` 0: settled, nobody needs to look again. Advances
 * payment->version. REFUSED: not a step that a payment takes (nothing written); STALE: somebody
 * else has moved it, or noted an intent where `payment` has none. */
must_check int payment_move(struct outbox *outbox, struct payment *payment,
                            enum payment_status status, int64_t work_at_ms);

/* Note the intent's id before it is confirmed. STALE as above. Says nothing. */
must_check int payment_note_intent(struct store *store, struct payment *payment,
                                   const char *stripe_id, const char *client_secret);

/* Stripe has answered a request with a 5xx: the next one is another try; with `attaching`, its
 * token is attached anew, too. STALE as above, or somebody else has said so. Says nothing. */
must_check int payment_note_failure(struct store *store, struct payment *payment, bool attaching);

must_check int payment_find(struct store *store, const char *id, struct payment *ret_payment);
must_check int payment_find_live(struct store *store, const char *order_id,
                                 struct payment *ret_payment);
must_check int payment_find_intent(struct store *store, const char *stripe_id,
                                   struct payment *ret_payment);
must_check int payment_count(struct store *store, const char *order_id, int64_t *ret_count);

/* Take one payment whose work is due: its workAt moves on by `lease_ms`. NOT_FOUND: none is. */
must_check int payment_claim(struct store *store, int64_t lease_ms, struct payment *ret_payment);

/* Look again at `work_at_ms`, or, with 0, no more; only if the payment is still at this version. */
must_check int payment_look_again(struct store *store, const struct payment *payment,
                                  int64_t work_at_ms);

#endif

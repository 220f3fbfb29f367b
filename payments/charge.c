/*
 * Charge: authorise, complete, capture.
 *
 *   create intent ─► note its id ─► confirm ─► authorized ┬─ order complete ─► capture
 *                                                         └─ order lost ────► cancel (void)
 *
 * An intent whose id was never noted is never confirmed, so it can hold nobody's money: that is why
 * creating and confirming are two calls. Where Stripe refuses a step, or its answer was lost, the
 * intent is asked for and the document follows what Stripe says: Stripe is the truth about money,
 * orders about the ticket, and payment_next (payment.h) puts the two together.
 *
 * What was lost is sent again under its old key. What was answered with a 5xx would be answered so
 * for a day: the intent is asked for at once, and where nothing has come of it the step is taken
 * under another key by whoever looks next (the buyer, or the resolver: not now, Stripe is unwell).
 * That cannot charge twice: confirm, capture and cancel each need the state that they end, a second
 * refund of all is refused, and a second intent is noted only where the first was not.
 */

#include "payments/charge.h"

#include "common/log.h"

#include <inttypes.h>
#include <string.h>

#define STEPS_MAX                                                                        \
    8 /* started → authorized → captured → refunded, and some steps lost to others \
       */

/* One payment's way through Stripe. */
struct way {
    struct charger *charger;
    struct gate_visit *visit;
    struct payment *payment;
    int64_t deadline_ms;
    char *message;
    struct order order; /* as last read */
};

static int64_t time_left(const struct way *way)
{
    int64_t left_ms = way->deadline_ms - instant_monotonic();

    return left_ms > 0 ? left_ms : 1;
}

/* For one call. */
static int64_t call_time(const struct way *way)
{
    int64_t left_ms = time_left(way);

    return left_ms < way->charger->call_ms ? left_ms : way->charger->call_ms;
}

static int move(struct way *way, enum payment_status status)
{
    struct payment moved = {.state.status = status};
    bool settled = payment_is_settled(&moved, &way->order);
    int64_t again_ms = settled ? 0 : instant_now() + way->charger->resolve_ms;

    return payment_move(way->charger->outbox, way->payment, status, again_ms);
}

/* Was it answered with a 5xx? It may have been done all the same. */
static bool has_failed(int r, const struct stripe_intent *intent)
{
    return r == -EAGAIN && intent->silence == STRIPE_FAILED;
}

/* A write has ended with `r`, which is returned. A failure is noted for whoever takes the next try;
 * where that does not work, the old key gives it again, and then it is noted. */
static int write_heard(struct way *way, int r, const struct stripe_intent *intent)
{
    r = visit_heard(way->visit, r, intent);
    if (has_failed(r, intent) &&
        payment_note_failure(way->charger->store, way->payment, intent->attaching) != 0)
        log_event(LOG_INFO, "a failure of stripe's is not noted", "payment=%s", way->payment->id);
    return r;
}

static int verb(struct way *way, enum stripe_verb what, struct stripe_intent *ret_intent)
{
    static const char *const names[] = {[STRIPE_CONFIRM] = "confirm",
                                        [STRIPE_CAPTURE] = "capture",
                                        [STRIPE_CANCEL] = "cancel",
                                        [STRIPE_REFUND] = "refund"};
    int r;

    visit_call(way->visit, names[what]);
    r = stripe_do(way->charger->stripe, what, way->payment->state.stripe_id, way->payment->id,
                  way->payment->tries, call_time(way), ret_intent);
    return write_heard(way, r, ret_intent);
}

static int ask_stripe(struct way *way, struct stripe_intent *ret_intent)
{
    int r;

    visit_call(way->visit, "find");
    r = stripe_find(way->charger->stripe, way->payment->state.stripe_id, call_time(way),
                    ret_intent);
    return visit_heard(way->visit, r, ret_intent);
}

/* Cancel the intent, so that nobody can have it confirmed any more. Where Stripe refuses that, it
 * has moved on meanwhile. */
static int close_intent(struct way *way)
{
    struct stripe_intent intent = {0};
    int r = verb(way, STRIPE_CANCEL, &intent);

    if (has_failed(r, &intent)) {
        r = ask_stripe(way, &intent);
        if (r == 0 && intent.status != STRIPE_CANCELED)
            return -EAGAIN;
    }
    return r > 0 ? -EAGAIN : r;
}

/* The card was refused, or the request can never succeed: the payment has failed. A buyer who was
 * to act has the intent's client secret, and could have it confirmed again with another card: it is
 * closed first. */
static int refuse(struct way *way, const struct stripe_intent *intent)
{
    int r = 0;

    text_copy(way->message, CHARGE_MESSAGE_BYTES, intent->message);
    if (way->payment->state.status == PAYMENT_REQUIRES_ACTION)
        r = close_intent(way);
    return r == 0 ? move(way, PAYMENT_FAILED) : r;
}

/* Let the document follow what Stripe says of the intent. 0 also where nothing has changed. */
static int follow(struct way *way, const struct stripe_intent *intent)
{
    enum payment_status status = way->payment->state.status;

    switch (intent->status) {
    case STRIPE_REQUIRES_ACTION:
        return status == PAYMENT_REQUIRES_ACTION ? 0 : move(way, PAYMENT_REQUIRES_ACTION);
    case STRIPE_REQUIRES_CAPTURE:
        return status == PAYMENT_AUTHORIZED ? 0 : move(way, PAYMENT_AUTHORIZED);
    case STRIPE_SUCCEEDED:
        if (intent->refunded_cents >= intent->amount_cents && status == PAYMENT_CAPTURED)
            return move(way, PAYMENT_REFUNDED);
        if (status == PAYMENT_CAPTURED)
            return 0;
        return move(way, status == PAYMENT_AUTHORIZED ? PAYMENT_CAPTURED : PAYMENT_AUTHORIZED);
    case STRIPE_REQUIRES_PAYMENT_METHOD:
        return status == PAYMENT_AUTHORIZED ? -EAGAIN : refuse(way, intent);
    case STRIPE_CANCELED:
        if (status == PAYMENT_CAPTURED)
            return fail(-EIO, "payment %s was captured and stripe calls it canceled",
                        way->payment->id);
        return move(way, PAYMENT_VOIDED);
    case STRIPE_REQUIRES_CONFIRMATION:
    case STRIPE_PROCESSING:
    case STRIPE_UNKNOWN: break;
    }
    return -EAGAIN;
}

/* Create the intent and note its id, so that it can be asked for whatever happens next. */
static int create(struct way *way, struct stripe_intent *ret_intent)
{
    struct payment *payment = way->payment;
    struct stripe_charge charge = {.payment_id = payment->id,
                                   .order_id = payment->state.order_id,
                                   .method = payment->method,
                                   .currency = payment->state.currency,
                                   .amount_cents = payment->state.amount_cents,
                                   .tries = payment->tries,
                                   .attach_try = payment->attach_try};
    int r;

    visit_call(way->visit, "create");
    r = stripe_create(way->charger->stripe, &charge, call_time(way), ret_intent);
    r = write_heard(way, r, ret_intent);
    if (r != 0)
        return r;
    return payment_note_intent(way->charger->store, payment, ret_intent->id,
                               ret_intent->client_secret);
}

/* Confirm; where Stripe refuses that, somebody may have confirmed it before; where it fails, it may
 * be confirmed now. */
static int confirm(struct way *way, struct stripe_intent *intent)
{
    struct stripe_intent now = {0};
    int said = verb(way, STRIPE_CONFIRM, intent), r;

    if (said != REFUSED && !has_failed(said, intent))
        return said == 0 ? follow(way, intent) : said;
    r = ask_stripe(way, &now);
    if (r != 0)
        return r;
    if (said == REFUSED && (now.status == STRIPE_REQUIRES_CONFIRMATION ||
                            now.status == STRIPE_REQUIRES_PAYMENT_METHOD))
        return refuse(way, intent);
    return follow(way, &now);
}

static int step_ask(struct way *way)
{
    struct stripe_intent intent = {0};
    int r;

    if (way->payment->state.stripe_id[0] == '\0')
        r = create(way, &intent);
    else
        r = ask_stripe(way, &intent);
    if (r == REFUSED)
        return refuse(way, &intent);
    if (r == 0 && intent.status == STRIPE_REQUIRES_CONFIRMATION)
        r = confirm(way, &intent);
    else if (r == 0)
        r = follow(way, &intent);
    if (r == NOT_FOUND)
        return fail(-EIO, "stripe does not know intent %s", way->payment->state.stripe_id);
    return r;
}

/* Do `what`; where Stripe refuses it, it may have been done before, and where it fails, it may be
 * done now: follow what the intent says. */
static int step_do(struct way *way, enum stripe_verb what)
{
    struct stripe_intent intent = {0};
    int64_t version = way->payment->version;
    int r = verb(way, what, &intent);

    if (r == REFUSED || r == NOT_FOUND)
        log_event(LOG_WARNING, "stripe refused a step", "payment=%s verb=%d why=\"%s\"",
                  way->payment->id, what, intent.message);
    if (r == REFUSED || r == NOT_FOUND || has_failed(r, &intent))
        r = ask_stripe(way, &intent);
    if (r > 0)
        return fail(-EIO, "stripe does not know intent %s", way->payment->state.stripe_id);
    if (r == 0)
        r = follow(way, &intent);
    return r == 0 && way->payment->version == version ? -EAGAIN : r;
}

static int step_void(struct way *way)
{
    if (way->payment->state.stripe_id[0] == '\0')
        return move(way, PAYMENT_VOIDED); /* never confirmed: nothing is held */
    return step_do(way, STRIPE_CANCEL);
}

static int step_refund(struct way *way)
{
    struct stripe_intent intent = {0}, now = {0};
    int said = verb(way, STRIPE_REFUND, &intent), r;

    if (said == 0)
        return move(way, PAYMENT_REFUNDED);
    if (said < 0 && !has_failed(said, &intent))
        return said;
    r = ask_stripe(way, &now);
    if (r == 0 && now.refunded_cents >= now.amount_cents)
        return move(way, PAYMENT_REFUNDED);
    if (said < 0 || r < 0)
        return -EAGAIN;
    return fail(-EIO, "payment %s cannot be refunded: %s", way->payment->id, intent.message);
}

static int take_step(struct way *way, enum payment_step step)
{
    switch (step) {
    case PAYMENT_ASK: return step_ask(way);
    case PAYMENT_CAPTURE: return step_do(way, STRIPE_CAPTURE);
    case PAYMENT_VOID: return step_void(way);
    case PAYMENT_REFUND: return step_refund(way);
    case PAYMENT_REST: break;
    }
    return 0;
}

/* What has become of the payment's order by now. What is over stays as it is. */
static int read_order(struct way *way)
{
    const struct payment *payment = way->payment;
    int r = 0;

    if (order_status_is_open(way->order.status))
        r = order_find(way->charger->store, payment->state.order_id, &way->order);
    /* What was read before a database died may not have been on its disk: it is told again. */
    if (r > 0)
        return fail(-EAGAIN, "payment %s has no order %s", payment->id, payment->state.order_id);
    return r;
}

int charge_settle(struct charger *charger, struct gate_visit *visit, struct payment *payment,
                  int64_t timeout_ms, char ret_message[CHARGE_MESSAGE_BYTES])
{
    struct way way = {.charger = charger,
                      .visit = visit,
                      .payment = payment,
                      .deadline_ms = instant_monotonic() + timeout_ms,
                      .message = ret_message,
                      .order = {.status = ORDER_CREATED}};

    ret_message[0] = '\0';
    for (int i = 0; i < STEPS_MAX; i++) {
        enum payment_step step;
        int r = read_order(&way);

        if (r != 0)
            return r;
        step = payment_next(payment, &way.order);
        if (step == PAYMENT_REST)
            return 0;
        if (instant_monotonic() >= way.deadline_ms)
            return -EAGAIN;

        r = take_step(&way, step);
        if (r == 0 && payment->state.status == PAYMENT_REQUIRES_ACTION)
            return 0; /* the buyer's turn */
        if (r == STALE) {
            r = payment_find(charger->store, payment->id, payment);
            if (r > 0)
                return fail(-EAGAIN, "payment %s is gone", payment->id);
        }
        if (r != 0)
            return r;
    }
    return -EAGAIN;
}

int charge_follow(struct charger *charger, struct gate_visit *visit, struct payment *payment,
                  int64_t timeout_ms, char ret_message[CHARGE_MESSAGE_BYTES])
{
    struct way way = {.charger = charger,
                      .visit = visit,
                      .payment = payment,
                      .deadline_ms = instant_monotonic() + timeout_ms,
                      .message = ret_message,
                      .order = {.status = ORDER_CREATED}};
    struct stripe_intent intent = {0};
    int r;

    ret_message[0] = '\0';
    if (!payment_is_live(payment->state.status))
        return 0;
    r = read_order(&way);
    if (r != 0)
        return r;
    r = ask_stripe(&way, &intent);
    if (r > 0)
        return fail(-EIO, "stripe does not know intent %s", payment->state.stripe_id);
    if (r == 0 && intent.status != STRIPE_REQUIRES_CONFIRMATION)
        r = follow(&way, &intent);
    if (r == STALE)
        r = payment_find(charger->store, payment->id, payment) == 0 ? 0 : -EAGAIN;
    return r == 0 ? charge_settle(charger, visit, payment, time_left(&way), ret_message) : r;
}

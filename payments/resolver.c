/*
 * Resolver: a job that finishes what was left behind.
 *
 * Every payment that is not settled carries workAt, stored before Stripe was called and moved on
 * with each step; who takes it moves it on by a lease, so of several processes one works on it. An
 * operation that a crash or a silent Stripe interrupted is so taken up again at most
 * RESOLVE_SECONDS later, by asking Stripe, and sent again under its old key, or under another one
 * where Stripe has failed at that (charge.c). While the gate is closed nothing is taken, so that
 * all of it is due when Stripe is back.
 */

#include "common/log.h"
#include "common/span.h"
#include "payments/app.h"

#define LEASE_MS   30000
#define TIMEOUT_MS 20000 /* below the lease: two never work on one payment */
#define ROUND_MAX  64

/* It did not work out: sooner than the lease ends, if resolving is to be soon at all. */
static void try_again(struct app *app, const struct payment *payment)
{
    int64_t wait_ms = app->charger.resolve_ms < LEASE_MS ? app->charger.resolve_ms : LEASE_MS;

    if (payment_look_again(app->core.store, payment, instant_now() + wait_ms) != 0)
        log_event(LOG_INFO, "payment waits for its lease to end", "payment=%s", payment->id);
}

/* In a trace of its own: the request that has begun it is long over. */
static int settle(struct app *app, struct payment *payment)
{
    const struct span_of of = {.kind = SPAN_INTERNAL, .verb = "resolve", .object = "payment"};
    char message[CHARGE_MESSAGE_BYTES];
    struct gate_visit visit;
    struct span *span;
    int r = gate_enter(app->charger.gate, GATE_SETTLER, &visit);

    if (r != 0)
        return r;
    span = span_begin(app->charger.tracer, &of, /* traceparent= */ NULL);
    r = charge_settle(&app->charger, &visit, payment, TIMEOUT_MS, message);
    trace_end();
    if (r < 0)
        span_fail(span, "unsettled");
    span_end(span);
    gate_leave(&visit);
    return r;
}

static int resolve(struct app *app, struct payment *payment)
{
    int64_t version = payment->version;
    enum payment_status status = payment->state.status;
    struct order order;
    int r = settle(app, payment);

    if (r < 0) {
        try_again(app, payment);
        return r;
    }
    log_event(LOG_INFO, "payment resolved", "payment=%s from=%s to=%s", payment->id,
              payment_status_name(status), payment_status_name(payment->state.status));
    if (payment->version != version)
        return 0; /* the move has said when to look again */
    r = order_find(app->core.store, payment->state.order_id, &order);
    if (r != 0)
        return r < 0 ? r : 0; /* charge_settle has said so; the lease stands */
    r = payment_look_again(
        app->core.store, payment,
        payment_is_settled(payment, &order) ? 0 : instant_now() + app->charger.resolve_ms);
    return r > 0 ? 0 : r;
}

int resolve_payments(struct app *app)
{
    int failed = 0;

    for (int i = 0; i < ROUND_MAX && gate_is_open(app->charger.gate, GATE_SETTLER); i++) {
        struct payment payment;
        int r = payment_claim(app->core.store, LEASE_MS, &payment);

        if (r == NOT_FOUND)
            break;
        if (r < 0)
            return r;
        r = resolve(app, &payment); /* one that cannot be resolved does not hold up the others */
        failed = r < 0 ? r : failed;
    }
    return failed;
}

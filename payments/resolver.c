/*
 * Resolver: a job that finishes what was left behind.
 *
 * Every payment that is not settled carries workAt, stored before Stripe was called and moved on
 * with each step; who takes it moves it on by a lease, so of several processes one works on it. An
 * operation that a crash or a silent Stripe interrupted is so taken up again at most
 * RESOLVE_SECONDS later, by asking Stripe, and sent again only under its old key.
 */

#include "common/log.h"
#include "payments/app.h"

#define LEASE_MS   30000
#define TIMEOUT_MS 20000 /* below the lease: two never work on one payment */
#define ROUND_MAX  64

static int resolve(struct app *app, struct payment *payment)
{
    char message[CHARGE_MESSAGE_BYTES];
    int64_t version = payment->version;
    enum payment_status status = payment->state.status;
    bool waits = status == PAYMENT_STARTED || status == PAYMENT_REQUIRES_ACTION ||
                 status == PAYMENT_AUTHORIZED;
    int r = charge_settle(&app->charger, payment, TIMEOUT_MS, message);

    if (r < 0)
        return r; /* the lease ends, and it is taken again */
    log_event(LOG_INFO, "payment resolved", "payment=%s from=%s to=%s", payment->id,
              payment_status_name(status), payment_status_name(payment->state.status));
    if (payment->version != version)
        return 0; /* the move has said when to look again */
    r = payment_look_again(app->core.store, payment,
                           waits ? instant_now() + app->charger.resolve_ms : 0);
    return r > 0 ? 0 : r;
}

int resolve_payments(struct app *app)
{
    for (int i = 0; i < ROUND_MAX; i++) {
        struct payment payment;
        int r = payment_claim(app->core.store, LEASE_MS, &payment);

        if (r == NOT_FOUND)
            return 0;
        if (r == 0)
            r = resolve(app, &payment);
        if (r < 0)
            return r;
    }
    return 0;
}

/*
 * Routes: paying for an order, looking at a payment, and Stripe's webhook.
 *
 * POST answers once the card is authorised (or refused, or the buyer has to act); the order
 * completes and the money moves right after, by events. Asking again, whether two clicks, a retry
 * after a lost answer or a return from 3-D Secure, finds the order's live payment under its unique
 * index and goes on with that one: there is never a second charge.
 *
 * Who may have to wait for Stripe passes the gate first, before anything is stored: a request that
 * is sent away has changed nothing.
 */

#include "common/input.h"
#include "payments/app.h"

#include <string.h>

#define WAIT_MS         2000 /* for another request that is authorising the same payment */
#define WAIT_STEP_MS    25
#define ANSWER_SLACK_MS 500 /* of the request's deadline, kept for our own writes */

/* One request to pay, on its visit to Stripe. */
struct paying {
    struct app *app;
    const struct http_request *request;
    struct http_reply *reply;
    struct gate_visit visit;
};

static int reply_payment(struct http_reply *reply, int status, const struct payment *payment,
                         bool with_secret)
{
    payment_to_json(payment, with_secret, reply_body(reply, status));
    reply_etag(reply, payment->version);
    return 0;
}

/* What to say of a payment that has come to rest: a payment, or why there is none. `message` is
 * Stripe's, or "" where another request has heard it. */
static int reply_rest(struct http_reply *reply, int status, const struct payment *payment,
                      const char *message)
{
    if (payment->state.status == PAYMENT_FAILED)
        return reply_error(reply, REFUSED, NULL,
                           *message != '\0' ? message : "Your card was declined.");
    if (payment->state.status == PAYMENT_VOIDED) /* the order was lost meanwhile */
        return reply_error(reply, REFUSED, NULL, "Cannot pay for a cancelled order");
    return reply_payment(reply, status, payment, /* with_secret= */ true);
}

/* May this order be paid for? */
static int check_payable(const struct order *order, struct http_reply *reply)
{
    bool late = order_status_is_open(order->status) && order->expires_at_ms <= instant_now();

    if (late || (order->status == ORDER_CANCELLED && order->expired))
        return reply_error(reply, REFUSED, NULL, "Order has expired");
    if (order->status == ORDER_CANCELLED)
        return reply_error(reply, REFUSED, NULL, "Cannot pay for a cancelled order");
    if (order->status == ORDER_COMPLETE) /* paid, and refunded since: not to be paid again */
        return reply_error(reply, REFUSED, NULL, "Order is already complete");
    return 0;
}

/* Another request may be authorising it at this moment: give it a little time. */
static int wait_while_started(struct app *app, struct payment *payment)
{
    int64_t until_ms = instant_monotonic() + WAIT_MS;
    int r = 0;

    while (r == 0 && payment->state.status == PAYMENT_STARTED && instant_monotonic() < until_ms) {
        struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};

        nanosleep(&step, NULL);
        r = payment_find(app->core.store, payment->id, payment);
    }
    return r;
}

/* Is Stripe, or the buyer's bank, to say what becomes of it? */
static bool is_undecided(const struct payment *payment)
{
    return payment->state.status == PAYMENT_STARTED ||
           payment->state.status == PAYMENT_REQUIRES_ACTION;
}

static int settle(struct paying *paying, struct payment *payment,
                  char ret_message[CHARGE_MESSAGE_BYTES])
{
    int64_t time_ms = paying->request->deadline_ms - instant_monotonic() - ANSWER_SLACK_MS;

    return charge_settle(&paying->app->charger, &paying->visit, payment, time_ms, ret_message);
}

/* The order has a live payment already: go on with it. */
static int go_on(struct paying *paying, struct payment *payment)
{
    char message[CHARGE_MESSAGE_BYTES] = "";
    int r = wait_while_started(paying->app, payment);

    if (r == 0 && is_undecided(payment))
        r = settle(paying, payment, message);
    if (r > 0)
        return fail(-EAGAIN, "payment %s is gone", payment->id);
    if (r < 0)
        return r;
    return reply_rest(paying->reply, 200, payment, message);
}

/* Begin a new payment: stored before Stripe hears of it. */
static int begin(struct paying *paying, const struct order *order, const char *method)
{
    struct app *app = paying->app;
    char message[CHARGE_MESSAGE_BYTES];
    struct payment payment;
    int64_t attempts = 0;
    int r = payment_count(app->core.store, order->id, &attempts);

    if (r != 0)
        return r;
    if (attempts >= PAYMENT_ATTEMPTS_MAX)
        return reply_error(paying->reply, REFUSED, NULL, "Too many payment attempts");

    payment_init(&payment, order, app->currency, method);
    r = payment_insert(app->core.outbox, &payment, instant_now() + app->charger.resolve_ms);
    if (r == CONFLICT) {
        r = payment_find_live(app->core.store, order->id, &payment);
        /* gone again: it has just failed; the client may try once more */
        return r == 0 ? go_on(paying, &payment) : (r > 0 ? -EAGAIN : r);
    }
    if (r != 0)
        return r;

    r = settle(paying, &payment, message);
    if (r != 0)
        return r;
    return reply_rest(paying->reply, 201, &payment, message);
}

/* No way to Stripe now. */
static int reply_later(struct app *app, struct http_reply *reply)
{
    reply_retry_after(reply, gate_retry_seconds(app->charger.gate, GATE_BUYER));
    return STALE;
}

static int route_create_payment(struct app *app, const struct http_request *request,
                                struct http_reply *reply)
{
    static const struct input_text token = {.field = "token",
                                            .least = 1,
                                            .most = METHOD_MAX_BYTES - 1,
                                            .too_short = "Token must be provided",
                                            .too_long = "Token must be provided",
                                            .has_control = "Token must be provided"};
    struct paying paying = {.app = app, .request = request, .reply = reply};
    char order_id[ID_BYTES] = "", method[METHOD_MAX_BYTES] = "";
    struct payment payment;
    struct order order;
    bool begun;
    int r;

    input_id(request, reply, "orderId", "OrderId must be provided", order_id);
    input_text(request, reply, &token, method, sizeof(method));
    if (reply_has_errors(reply))
        return INVALID;

    r = order_find(app->core.store, order_id, &order);
    if (r != 0)
        return r;
    if (strcmp(order.user_id, request->session.user_id) != 0)
        return FORBIDDEN;
    r = payment_find_live(app->core.store, order_id, &payment);
    if (r < 0)
        return r;
    begun = r == 0 && order.status != ORDER_CANCELLED;
    if (begun && !is_undecided(&payment))
        return reply_rest(reply, 200, &payment, "");
    r = begun ? 0 : check_payable(&order, reply);
    if (r != 0)
        return r;

    r = gate_enter(app->charger.gate, GATE_BUYER, &paying.visit);
    if (r != 0)
        return reply_later(app, reply);
    r = begun ? go_on(&paying, &payment) : begin(&paying, &order, method);
    gate_leave(&paying.visit);
    return r;
}

static int route_show_payment(struct app *app, const struct http_request *request,
                              struct http_reply *reply)
{
    struct payment payment;
    struct order order;
    int r = payment_find(app->core.store, request->ids[0], &payment);

    if (r == 0 && payment.user_id[0] == '\0') { /* its document was lost, and made from events */
        r = order_find(app->core.store, payment.state.order_id, &order);
        if (r == 0)
            memcpy(payment.user_id, order.user_id, sizeof(payment.user_id));
    }
    if (r != 0)
        return r;
    if (strcmp(payment.user_id, request->session.user_id) != 0)
        return FORBIDDEN;
    return reply_payment(reply, 200, &payment, /* with_secret= */ false);
}

/* clang-format off */
/*   method  path                     access     flags                        handler             */
const struct http_route payment_routes[] = {
    {"POST", "/api/payments",         SIGNED_IN, HTTP_BODY | HTTP_IDEMPOTENT, route_create_payment},
    {"GET",  "/api/payments/:id",     SIGNED_IN, HTTP_WORKER,                 route_show_payment  },
    {"POST", "/api/payments/webhook", PUBLIC,    HTTP_RAW_BODY,               route_stripe_webhook},
};
/* clang-format on */
const size_t payment_route_count = ARRAY_LENGTH(payment_routes);

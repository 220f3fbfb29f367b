/*
 * Orders: the state machine.
 *
 * An order is never deleted; it moves along `refusals`, where every cell that is not a way says
 * why. Open orders (created, awaiting payment) and complete ones hold their ticket. The functions
 * here are pure: the routes, the listeners and the sweep load an order, ask one of them, and store
 * what came of it under the version that was read. So a timer, a payment and the buyer's own
 * cancellation may all arrive at the deadline: one of them saves first, the others read what has
 * become of the order and find nothing left to do.
 *
 * The payments that were seen are kept in the same document. That makes "this event was heard" and
 * "this is what it did" one write, and lets the events of two attempts cross: the order waits for
 * payment as long as any attempt is under way.
 */

#include "orders/order.h"

#include <assert.h>
#include <string.h>

static const char *const cause_names[CAUSE_COUNT] = {
    [CAUSE_ORDERED] = "ordered",
    [CAUSE_PAYMENT_STARTED] = "payment-started",
    [CAUSE_PAYMENT_AUTHORIZED] = "payment-authorized",
    [CAUSE_PAYMENT_FAILED] = "payment-failed",
    [CAUSE_BUYER_CANCELLED] = "buyer-cancelled",
    [CAUSE_EXPIRED] = "expired",
    [CAUSE_TICKET_WITHDRAWN] = "ticket-withdrawn",
    [CAUSE_USER_BANNED] = "user-banned",
};

const char *order_cause_name(enum order_cause cause)
{
    assert(cause < CAUSE_COUNT);
    return cause_names[cause];
}

enum order_cause order_cause_parse(const char *name)
{
    enum order_cause cause;

    for (cause = 0; cause < CAUSE_COUNT; cause++) {
        if (strcmp(cause_names[cause], name) == 0)
            break;
    }
    return cause;
}

/* clang-format off */
/* Why not, by [from][to]; NULL is a way. The text at [complete][cancelled] is the contract's. */
static const char *const refusals[ORDER_STATUS_COUNT][ORDER_STATUS_COUNT] = {
    [ORDER_CREATED] = {
        [ORDER_CREATED]   = "Order is created already",
        [ORDER_AWAITING]  = NULL,
        [ORDER_COMPLETE]  = NULL,
        [ORDER_CANCELLED] = NULL,
    },
    [ORDER_AWAITING] = {
        [ORDER_CREATED]   = NULL,
        [ORDER_AWAITING]  = "Order is awaiting payment already",
        [ORDER_COMPLETE]  = NULL,
        [ORDER_CANCELLED] = NULL,
    },
    [ORDER_COMPLETE] = {
        [ORDER_CREATED]   = "A complete order stays complete",
        [ORDER_AWAITING]  = "A complete order is paid",
        [ORDER_COMPLETE]  = "Order is complete already",
        [ORDER_CANCELLED] = "Cannot cancel a complete order",
    },
    [ORDER_CANCELLED] = {
        [ORDER_CREATED]   = "A cancelled order stays cancelled",
        [ORDER_AWAITING]  = "Cannot pay for a cancelled order",
        [ORDER_COMPLETE]  = "A cancelled order has let its ticket go",
        [ORDER_CANCELLED] = "Order is cancelled already",
    },
};
/* clang-format on */

const char *order_refusal(enum order_status from, enum order_status to)
{
    assert(from < ORDER_STATUS_COUNT && to < ORDER_STATUS_COUNT);
    return refusals[from][to];
}

enum order_cause order_cause(const struct order *order)
{
    assert(order->history_count > 0);
    return order->history[order->history_count - 1].cause;
}

static void add_step(struct order *order, enum order_status to, enum order_cause cause,
                     int64_t now_ms)
{
    assert(order->history_count < ORDER_HISTORY_MAX);
    order->status = to;
    order->history[order->history_count++] =
        (struct order_step){.status = to, .at_ms = now_ms, .cause = cause};
}

void order_begin(struct order *order, int64_t now_ms, int64_t lock_ms)
{
    order->version = 0;
    order->created_at_ms = now_ms;
    order->expires_at_ms = now_ms + lock_ms;
    order->stretched = false;
    order->history_count = 0;
    order->payment_count = 0;
    add_step(order, ORDER_CREATED, CAUSE_ORDERED, now_ms);
}

enum order_effect order_cancel(struct order *order, enum order_cause cause, int64_t now_ms)
{
    if (order_refusal(order->status, ORDER_CANCELLED) != NULL)
        return EFFECT_NONE;
    add_step(order, ORDER_CANCELLED, cause, now_ms);
    order->version++;
    return EFFECT_SAVE;
}

enum order_effect order_withdraw(struct order *order, int64_t now_ms)
{
    if (order->status != ORDER_CREATED)
        return EFFECT_NONE;
    return order_cancel(order, CAUSE_TICKET_WITHDRAWN, now_ms);
}

enum order_effect order_expire(struct order *order, int64_t now_ms)
{
    if (!order_status_is_open(order->status))
        return EFFECT_NONE;
    if (now_ms >= order->expires_at_ms)
        return order_cancel(order, CAUSE_EXPIRED, now_ms);
    return order->expires_at_ms - now_ms <= ORDER_EARLY_MS ? EFFECT_WAIT : EFFECT_NONE;
}

/* The entry of payment `id`, or NULL. */
static const struct order_payment *find_payment(const struct order *order, const char *id)
{
    for (size_t i = 0; i < order->payment_count; i++) {
        if (strcmp(order->payments[i].id, id) == 0)
            return &order->payments[i];
    }
    return NULL;
}

/* The version of payment `id` that would be next. */
static int64_t next_payment_version(const struct order *order, const char *id)
{
    const struct order_payment *known = find_payment(order, id);

    return known == NULL ? 0 : known->version + 1;
}

bool order_misses_payment(const struct order *order, const struct order_payment *seen)
{
    return order_status_is_open(order->status) &&
           seen->version > next_payment_version(order, seen->id);
}

static bool is_paid(enum payment_status status)
{
    return status == PAYMENT_AUTHORIZED || status == PAYMENT_CAPTURED;
}

static bool is_under_way(enum payment_status status)
{
    return status == PAYMENT_STARTED || status == PAYMENT_REQUIRES_ACTION;
}

/* Where an open order with these payments stands. */
static enum order_status status_by_payments(const struct order *order)
{
    enum order_status status = ORDER_CREATED;

    for (size_t i = 0; i < order->payment_count; i++) {
        if (is_paid(order->payments[i].status))
            return ORDER_COMPLETE;
        if (is_under_way(order->payments[i].status))
            status = ORDER_AWAITING;
    }
    return status;
}

static enum order_cause cause_by_payments(enum order_status status)
{
    if (status == ORDER_COMPLETE)
        return CAUSE_PAYMENT_AUTHORIZED;
    return status == ORDER_AWAITING ? CAUSE_PAYMENT_STARTED : CAUSE_PAYMENT_FAILED;
}

/* Beyond the bounds an attempt is not heard any more; the history keeps room for the last step. */
static bool is_too_many(const struct order *order, const struct order_payment *known,
                        const struct order_payment *seen)
{
    if (known == NULL && order->payment_count == ORDER_PAYMENTS_MAX)
        return true;
    return order->history_count >= ORDER_HISTORY_MAX - 1 && !is_paid(seen->status);
}

enum order_effect order_see_payment(struct order *order, const struct order_payment *seen,
                                    int64_t now_ms)
{
    const struct order_payment *known = find_payment(order, seen->id);
    enum order_status status;
    size_t at;

    if (!order_status_is_open(order->status))
        return EFFECT_NONE;
    if (seen->version < next_payment_version(order, seen->id))
        return EFFECT_NONE;
    if (is_too_many(order, known, seen))
        return EFFECT_NONE;

    at = known == NULL ? order->payment_count++ : (size_t)(known - order->payments);
    order->payments[at] = *seen;

    status = status_by_payments(order);
    if (status == ORDER_AWAITING && !order->stretched) {
        order->stretched = true;
        order->expires_at_ms += ORDER_STRETCH_MS;
    }
    if (status != order->status)
        add_step(order, status, cause_by_payments(status), now_ms);

    /* What was heard is part of the order, so it takes a version (and its event) even where the
     * status stays: two writers can then never undo each other's entry. */
    order->version++;
    return EFFECT_SAVE;
}

void order_to_json(const struct order *order, struct writer *out, const char *key)
{
    write_object_begin(out, key);
    write_text(out, "id", order->id);
    write_text(out, "status", order_status_name(order->status));
    write_text(out, "userId", order->user_id);
    write_instant(out, "expiresAt", order->expires_at_ms);
    write_object_begin(out, "ticket");
    write_text(out, "id", order->ticket.id);
    write_text(out, "title", order->ticket.title);
    write_money(out, "price", order->ticket.price_cents);
    write_int(out, "version", order->ticket.version);
    write_object_end(out);
    write_int(out, "version", order->version);
    write_array_begin(out, "history");
    for (size_t i = 0; i < order->history_count; i++) {
        write_object_begin(out, /* key= */ NULL);
        write_text(out, "status", order_status_name(order->history[i].status));
        write_instant(out, "at", order->history[i].at_ms);
        write_text(out, "cause", order_cause_name(order->history[i].cause));
        write_object_end(out);
    }
    write_array_end(out);
    write_object_end(out);
}

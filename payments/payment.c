/*
 * Payment: the state machine and the collection `payments`.
 *
 * Money moves only where the order is durably complete, and is given back wherever it is not: that
 * is payment_next, which looks at nothing but the two states. Every move is one conditional update
 * naming the version it read, with its event in the same document (common/outbox.h); of two
 * processes that come to the same conclusion one writes, the other reads again.
 */

#include "payments/payment.h"

#include "common/recovered.h"

#include <assert.h>
#include <string.h>

#define COLLECTION "payments"

/* clang-format off */
/*                          to: started action authorized captured failed voided refunded */
static const bool transitions[PAYMENT_STATUS_COUNT][PAYMENT_STATUS_COUNT] = {
    [PAYMENT_STARTED]         = {false, true,  true,      false,   true,  true,  false},
    [PAYMENT_REQUIRES_ACTION] = {false, false, true,      false,   true,  true,  false},
    [PAYMENT_AUTHORIZED]      = {false, false, false,     true,    false, true,  false},
    [PAYMENT_CAPTURED]        = {false, false, false,     false,   false, false, true},
    [PAYMENT_FAILED]          = {false, false, false,     false,   false, false, false},
    [PAYMENT_VOIDED]          = {false, false, false,     false,   false, false, false},
    [PAYMENT_REFUNDED]        = {false, false, false,     false,   false, false, false},
};
/* clang-format on */

bool payment_can_become(enum payment_status from, enum payment_status to)
{
    assert(from < PAYMENT_STATUS_COUNT && to < PAYMENT_STATUS_COUNT);
    return transitions[from][to];
}

bool payment_is_live(enum payment_status status)
{
    return status != PAYMENT_FAILED && status != PAYMENT_VOIDED && status != PAYMENT_REFUNDED;
}

enum payment_step payment_next(const struct payment *payment, const struct order *order)
{
    bool lost = order->status == ORDER_CANCELLED;

    switch (payment->state.status) {
    case PAYMENT_STARTED:
    case PAYMENT_REQUIRES_ACTION: return lost ? PAYMENT_VOID : PAYMENT_ASK;
    case PAYMENT_AUTHORIZED:
        if (lost)
            return PAYMENT_VOID;
        return order->status == ORDER_COMPLETE ? PAYMENT_CAPTURE : PAYMENT_REST;
    case PAYMENT_CAPTURED: return lost ? PAYMENT_REFUND : PAYMENT_REST;
    case PAYMENT_FAILED:
    case PAYMENT_VOIDED:
    case PAYMENT_REFUNDED:
    case PAYMENT_STATUS_COUNT: break;
    }
    return PAYMENT_REST;
}

bool payment_is_settled(const struct payment *payment, const struct order *order)
{
    if (payment->state.status == PAYMENT_CAPTURED)
        return order->status == ORDER_COMPLETE;
    return !payment_is_live(payment->state.status);
}

void payment_init(struct payment *payment, const struct order *order, const char *currency,
                  const char *method)
{
    memset(payment, 0, sizeof(*payment));
    store_new_id(payment->id);
    memcpy(payment->user_id, order->user_id, sizeof(payment->user_id));
    memcpy(payment->state.order_id, order->id, sizeof(payment->state.order_id));
    payment->state.amount_cents = order->price_cents;
    payment->state.status = PAYMENT_STARTED;
    text_copy(payment->state.currency, sizeof(payment->state.currency), currency);
    text_copy(payment->method, sizeof(payment->method), method);
}

void payment_to_json(const struct payment *payment, bool with_secret, struct writer *out)
{
    write_object_begin(out, NULL);
    write_text(out, "id", payment->id);
    write_text(out, "orderId", payment->state.order_id);
    write_money(out, "amount", payment->state.amount_cents);
    write_text(out, "currency", payment->state.currency);
    write_text(out, "status", payment_status_name(payment->state.status));
    write_int(out, "version", payment->version);
    if (with_secret && payment->state.status == PAYMENT_REQUIRES_ACTION)
        write_text(out, "clientSecret", payment->client_secret);
    write_object_end(out);
}

static void payment_from_bson(const bson_t *document, struct payment *ret_payment)
{
    struct payment *payment = ret_payment;

    memset(payment, 0, sizeof(*payment));
    store_read_id(document, "_id", payment->id);
    store_read_id(document, "userId", payment->user_id);
    store_read_id(document, "orderId", payment->state.order_id);
    payment->state.amount_cents = store_read_int(document, "amount", 0);
    payment->state.status = payment_status_parse(store_read_text(document, "status", ""));
    payment->version = store_read_int(document, "version", 0);
    payment->tries = store_read_int(document, "tries", 0);
    payment->attach_try = store_read_int(document, "attachTry", 0);
    text_copy(payment->state.currency, sizeof(payment->state.currency),
              store_read_text(document, "currency", ""));
    text_copy(payment->state.stripe_id, sizeof(payment->state.stripe_id),
              store_read_text(document, "stripeId", ""));
    text_copy(payment->method, sizeof(payment->method), store_read_text(document, "method", ""));
    text_copy(payment->client_secret, sizeof(payment->client_secret),
              store_read_text(document, "clientSecret", ""));
}

int payment_to_event(const bson_t *document, struct event *ret_event)
{
    struct payment payment;

    payment_from_bson(document, &payment);
    if (payment.id[0] == '\0' || payment.state.status == PAYMENT_STATUS_COUNT)
        return fail(-EIO, "payment %s cannot be read", payment.id);
    event_payment(ret_event, &payment);
    return 0;
}

void payment_from_event(const struct event *event, struct recovered *ret_fields)
{
    const struct payment_state *state = &event->payment;
    bson_t *set = &ret_fields->set;

    store_append_id(set, "orderId", state->order_id);
    BSON_APPEND_INT64(set, "amount", state->amount_cents);
    BSON_APPEND_UTF8(set, "currency", state->currency);
    BSON_APPEND_UTF8(set, "status", payment_status_name(state->status));
    BSON_APPEND_BOOL(set, "live", payment_is_live(state->status));
    if (state->stripe_id[0] != '\0')
        BSON_APPEND_UTF8(set, "stripeId", state->stripe_id);
    BSON_APPEND_DATE_TIME(set, "workAt", event->at_ms);
}

int payment_insert(struct outbox *outbox, const struct payment *payment, int64_t work_at_ms)
{
    bson_t document = BSON_INITIALIZER;
    struct event event;
    int r;

    store_append_id(&document, "_id", payment->id);
    store_append_id(&document, "userId", payment->user_id);
    store_append_id(&document, "orderId", payment->state.order_id);
    BSON_APPEND_INT64(&document, "amount", payment->state.amount_cents);
    BSON_APPEND_UTF8(&document, "currency", payment->state.currency);
    BSON_APPEND_UTF8(&document, "status", payment_status_name(payment->state.status));
    BSON_APPEND_UTF8(&document, "method", payment->method);
    BSON_APPEND_BOOL(&document, "live", true);
    BSON_APPEND_DATE_TIME(&document, "workAt", work_at_ms);
    event_payment(&event, payment);
    r = outbox_insert(outbox, COLLECTION, &document, &event, /* ret_index= */ NULL);
    bson_destroy(&document);
    return r;
}

/* Noting an intent moves no version, so who decided on a payment that had none says so: otherwise
 * it could be voided as "never confirmed" while somebody else, who has just noted one, confirms it.
 * And of two intents only one is ever noted. */
static void append_intent(bson_t *filter, const struct payment *payment)
{
    if (payment->state.stripe_id[0] == '\0')
        BSON_APPEND_NULL(filter, "stripeId"); /* absent */
}

int payment_move(struct outbox *outbox, struct payment *payment, enum payment_status status,
                 int64_t work_at_ms)
{
    struct payment next = *payment;
    bson_t set = BSON_INITIALIZER, unset = BSON_INITIALIZER, guard = BSON_INITIALIZER;
    struct event event;
    int r;

    if (!payment_can_become(payment->state.status, status))
        return REFUSED;
    next.state.status = status;
    next.version++;

    BSON_APPEND_UTF8(&set, "status", payment_status_name(status));
    BSON_APPEND_BOOL(&set, "live", payment_is_live(status));
    if (work_at_ms > 0)
        BSON_APPEND_DATE_TIME(&set, "workAt", work_at_ms);
    if (work_at_ms == 0)
        BSON_APPEND_UTF8(&unset, "workAt", "");
    append_intent(&guard, payment);
    event_payment(&event, &next);
    r = outbox_save(outbox, COLLECTION, &set, work_at_ms == 0 ? &unset : NULL, &guard, &event,
                    /* ret_index= */ NULL);
    bson_destroy(&set);
    bson_destroy(&unset);
    bson_destroy(&guard);
    if (r == 0)
        *payment = next;
    return r;
}

/* Change `payment` where it is still at its version, has this intent and is what `only` asks for
 * (or NULL), without an event. */
static int note(struct store *store, const struct payment *payment, const bson_t *only,
                const bson_t *update)
{
    bson_t filter = BSON_INITIALIZER;
    int64_t matched = 0;
    int r;

    store_append_id(&filter, "_id", payment->id);
    BSON_APPEND_INT64(&filter, "version", payment->version);
    append_intent(&filter, payment);
    if (only != NULL)
        bson_concat(&filter, only);
    r = store_update(store, COLLECTION, &filter, update, /* many= */ false, &matched);
    bson_destroy(&filter);
    if (r != 0)
        return r;
    return matched == 1 ? 0 : STALE;
}

int payment_note_intent(struct store *store, struct payment *payment, const char *stripe_id,
                        const char *client_secret)
{
    bson_t update = BSON_INITIALIZER, set;
    int r;

    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    BSON_APPEND_UTF8(&set, "stripeId", stripe_id);
    BSON_APPEND_UTF8(&set, "clientSecret", client_secret);
    bson_append_document_end(&update, &set);
    r = note(store, payment, /* only= */ NULL, &update);
    bson_destroy(&update);
    if (r != 0)
        return r;
    text_copy(payment->state.stripe_id, sizeof(payment->state.stripe_id), stripe_id);
    text_copy(payment->client_secret, sizeof(payment->client_secret), client_secret);
    return 0;
}

int payment_note_failure(struct store *store, struct payment *payment, bool attaching)
{
    bson_t update = BSON_INITIALIZER, only = BSON_INITIALIZER, set;
    int64_t tries = payment->tries + 1;
    int r;

    if (payment->tries == 0)
        BSON_APPEND_NULL(&only, "tries"); /* absent */
    else
        BSON_APPEND_INT64(&only, "tries", payment->tries);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    BSON_APPEND_INT64(&set, "tries", tries);
    if (attaching)
        BSON_APPEND_INT64(&set, "attachTry", tries);
    bson_append_document_end(&update, &set);
    r = note(store, payment, &only, &update);
    bson_destroy(&only);
    bson_destroy(&update);
    if (r != 0)
        return r;
    payment->tries = tries;
    if (attaching)
        payment->attach_try = tries;
    return 0;
}

int payment_look_again(struct store *store, const struct payment *payment, int64_t work_at_ms)
{
    bson_t update = BSON_INITIALIZER, fields;
    int r;

    BSON_APPEND_DOCUMENT_BEGIN(&update, work_at_ms > 0 ? "$set" : "$unset", &fields);
    BSON_APPEND_DATE_TIME(&fields, "workAt", work_at_ms);
    bson_append_document_end(&update, &fields);
    r = note(store, payment, /* only= */ NULL, &update);
    bson_destroy(&update);
    return r;
}

/* Find one by `filter`, which is destroyed. */
static int find(struct store *store, bson_t *filter, struct payment *ret_payment)
{
    cleanup(bson_freep) bson_t *document = NULL;
    int r = store_find(store, COLLECTION, filter, NULL, &document);

    bson_destroy(filter);
    if (r == 0)
        payment_from_bson(document, ret_payment);
    return r;
}

int payment_find(struct store *store, const char *id, struct payment *ret_payment)
{
    bson_t filter = BSON_INITIALIZER;

    store_append_id(&filter, "_id", id);
    return find(store, &filter, ret_payment);
}

int payment_find_live(struct store *store, const char *order_id, struct payment *ret_payment)
{
    bson_t filter = BSON_INITIALIZER;

    store_append_id(&filter, "orderId", order_id);
    BSON_APPEND_BOOL(&filter, "live", true);
    return find(store, &filter, ret_payment);
}

int payment_find_intent(struct store *store, const char *stripe_id, struct payment *ret_payment)
{
    bson_t filter = BSON_INITIALIZER;

    BSON_APPEND_UTF8(&filter, "stripeId", stripe_id);
    return find(store, &filter, ret_payment);
}

int payment_count(struct store *store, const char *order_id, int64_t *ret_count)
{
    bson_t filter = BSON_INITIALIZER;
    int r;

    store_append_id(&filter, "orderId", order_id);
    r = store_count(store, COLLECTION, &filter, PAYMENT_ATTEMPTS_MAX, ret_count);
    bson_destroy(&filter);
    return r;
}

int payment_claim(struct store *store, int64_t lease_ms, struct payment *ret_payment)
{
    cleanup(bson_freep) bson_t *document = NULL;
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, due, set;
    int64_t now_ms = instant_now();
    int r;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "workAt", &due);
    BSON_APPEND_DATE_TIME(&due, "$lte", now_ms);
    bson_append_document_end(&filter, &due);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    BSON_APPEND_DATE_TIME(&set, "workAt", now_ms + lease_ms);
    bson_append_document_end(&update, &set);
    r = store_modify(store, COLLECTION, &filter, &update, /* fields= */ NULL, STORE_AFTER,
                     /* ret_index= */ NULL, &document);
    bson_destroy(&filter);
    bson_destroy(&update);
    if (r == 0)
        payment_from_bson(document, ret_payment);
    return r;
}

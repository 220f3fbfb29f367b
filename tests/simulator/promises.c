/*
 * Promises: what must hold after each step. What must have come about in the end is in rest.c.
 *
 * Who looks here knows all: every database, every stream, Stripe's ledger and the true time, at
 * each instant. So "captured only once the order is complete" is asked of orders' own document at
 * the moment Stripe captures, not of anybody's copy. The numbers are those of docs/promises.md.
 *
 * Each write of a document, each event stored by the broker and each change of an intent is looked
 * at as it happens, against what it touches alone: that keeps a step cheap.
 */

#include "tests/simulator/simulator.h"

#include "common/instant.h"
#include "common/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 16384 /* a power of two */
#define WORDS      300

/* An event that a change was committed with. */
struct said {
    char id[EVENT_ID_BYTES];
    char *body;
    bool published;
};

static struct said said[EVENTS_MAX];

_Noreturn void broken(const char *promise, const char *format, ...)
{
    char words[WORDS];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    if (world.options.tell) {
        printf("\nPROMISE BROKEN: %s: %s\n  seed %llu, step %lld, %.3f s\n\nthe last steps "
               "(step, time, process, thread, what):\n",
               promise, words, (unsigned long long)world.options.seed, (long long)world.steps,
               (double)world.now_us / 1e6);
        steps_print();
        fflush(stdout);
    }
    world_report();
    exit(1);
}

/* ---- events ---- */

static struct said *said_of(const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *c = id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (size_t i = hash;; i++) {
        struct said *one = &said[i & (EVENTS_MAX - 1)];

        if (one->id[0] == '\0' || strcmp(one->id, id) == 0)
            return one;
    }
}

static void promise_event(const char *collection, const bson_t *event, int64_t version)
{
    const char *id = store_read_text(event, "id", "");
    const char *body = store_read_text(event, "body", "");
    struct said *one = said_of(id);

    if (store_read_int(event, "version", -1) != version)
        broken("P2", "%s is committed with version %lld of its aggregate", id, (long long)version);
    if (one->id[0] != '\0')
        broken("P2", "%s of %s is said by two changes", id, collection);
    snprintf(one->id, sizeof(one->id), "%s", id);
    one->body = strdup(body);
}

void promise_published(const char *subject, const char *id, const char *aggregate_id,
                       const char *body)
{
    struct said *one;

    if (strcmp(subject, "expiration.complete") == 0) {
        if (store_peek("orders", "orders", aggregate_id) == NULL)
            broken("P2", "a timer of an order that never was: %s", aggregate_id);
        return;
    }
    one = said_of(id);
    if (one->id[0] == '\0')
        broken("P2", "%s is published and no change has said it", id);
    if (strcmp(one->body, body) != 0)
        broken("P2", "%s is published with another body than it was committed with", id);
    one->published = true;
}

/* The array of events, as a document; empty where there is none. */
static void outbox_of(const bson_t *document, bson_t *ret_outbox)
{
    static const uint8_t nothing[] = {5, 0, 0, 0, 0};
    const uint8_t *data = nothing;
    uint32_t length = sizeof(nothing);
    bson_iter_t iter;

    if (document != NULL && bson_iter_init_find(&iter, document, "outbox"))
        bson_iter_array(&iter, &length, &data);
    bson_init_static(ret_outbox, data, length);
}

static void event_at(const bson_iter_t *iter, bson_t *ret_event)
{
    const uint8_t *data;
    uint32_t length;

    bson_iter_document(iter, &length, &data);
    bson_init_static(ret_event, data, length);
}

static bool holds_version(const bson_t *outbox, int64_t version)
{
    bson_iter_t iter;

    for (bool more = bson_iter_init(&iter, outbox); more && bson_iter_next(&iter);) {
        bson_t event;

        event_at(&iter, &event);
        if (store_read_int(&event, "version", -1) == version)
            return true;
    }
    return false;
}

/* One change, one version, one event; and none goes before the broker has it. */
static void promise_outbox(const char *collection, const bson_t *before, const bson_t *after)
{
    int64_t was = before == NULL ? -1 : store_read_int(before, "version", -1);
    int64_t is = store_read_int(after, "version", -1);
    bson_t old, new;
    bson_iter_t iter;
    int added = 0;

    outbox_of(before, &old);
    outbox_of(after, &new);
    if (is != was && is != was + 1)
        broken("P2", "a document of %s goes from version %lld to %lld", collection, (long long)was,
               (long long)is);
    for (bool more = bson_iter_init(&iter, &new); more && bson_iter_next(&iter);) {
        bson_t event;

        event_at(&iter, &event);
        if (holds_version(&old, store_read_int(&event, "version", -1)))
            continue;
        promise_event(collection, &event, is);
        added++;
    }
    if (added != (is == was ? 0 : 1))
        broken("P2", "a document of %s goes from version %lld to %lld with %d events", collection,
               (long long)was, (long long)is, added);
    for (bool more = bson_iter_init(&iter, &old); more && bson_iter_next(&iter);) {
        bson_t event;

        event_at(&iter, &event);
        if (!holds_version(&new, store_read_int(&event, "version", -1)) &&
            !said_of(store_read_text(&event, "id", ""))->published)
            broken("P2", "%s is taken out of its outbox unpublished",
                   store_read_text(&event, "id", ""));
    }
}

/* ---- orders ---- */

static enum order_status order_status(const bson_t *document)
{
    return order_status_parse(store_read_text(document, "status", ""));
}

/* Why it is as it is: the cause of the last step. */
static const char *order_cause(const bson_t *document)
{
    const char *cause = "";
    bson_iter_t iter, one;

    if (bson_iter_init_find(&iter, document, "history") && bson_iter_recurse(&iter, &one))
        while (bson_iter_next(&one)) {
            bson_t step_made;

            event_at(&one, &step_made);
            cause = store_read_text(&step_made, "cause", "");
        }
    return cause;
}

struct rivals {
    char ticket_id[ID_BYTES];
    int live;
};

static void count_rival(void *context, const bson_t *document)
{
    struct rivals *rivals = context;
    char id[ID_BYTES];

    if (order_status_is_live(order_status(document)) && store_read_id(document, "ticketId", id) &&
        strcmp(id, rivals->ticket_id) == 0)
        rivals->live++;
}

static bool is_money_held(const char *order_id)
{
    size_t count;
    const struct intent *intents = stripe_intents(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(intents[i].seen.order_id, order_id) == 0 &&
            (intents[i].seen.status == STRIPE_REQUIRES_CAPTURE ||
             intents[i].seen.status == STRIPE_SUCCEEDED))
            return true;
    return false;
}

static void promise_cancelled(const bson_t *before, const bson_t *after, const char *id)
{
    const char *cause = order_cause(after);
    char other[ID_BYTES];

    world.verdict.expired += strcmp(cause, "expired") == 0;
    world.verdict.given_up += strcmp(cause, "buyer-cancelled") == 0;
    world.verdict.banned += strcmp(cause, "user-banned") == 0;
    world.verdict.withdrawn += strcmp(cause, "ticket-withdrawn") == 0;

    /* The deadline was set by one clock and is judged by another. */
    if (strcmp(cause, "expired") == 0 &&
        true_now_ms() < store_read_instant(before, "expiresAt", 0) - 2 * world.faults.skew_ms)
        broken("P5", "order %s expires %lld ms before its deadline", id,
               (long long)(store_read_instant(before, "expiresAt", 0) - true_now_ms()));
    if (strcmp(cause, "buyer-cancelled") == 0 && !people_asked_to_cancel(id))
        broken("P5", "order %s is cancelled by a buyer who did not ask for it", id);
    if (strcmp(cause, "user-banned") == 0 && store_read_id(after, "userId", other) &&
        !people_banned(other))
        broken("P5", "order %s is cancelled by a ban that never was", id);
    if (strcmp(cause, "ticket-withdrawn") == 0 && store_read_id(after, "ticketId", other)) {
        const bson_t *ticket = store_peek("tickets", "tickets", other);

        if (ticket == NULL || (strcmp(store_read_text(ticket, "status", ""), "withdrawn") != 0))
            broken("P5", "order %s ends by the withdrawal of ticket %s, which is there", id, other);
    }
}

static void promise_order(const bson_t *before, const bson_t *after)
{
    enum order_status is = order_status(after);
    enum order_status was = before == NULL ? ORDER_CREATED : order_status(before);
    struct rivals rivals = {.live = 0};
    char id[ID_BYTES];

    store_read_id(after, "_id", id);
    if (before == NULL) {
        world.verdict.orders++;
        if (is != ORDER_CREATED)
            broken("P4", "order %s begins as %s", id, order_status_name(is));
    }
    if (!order_status_is_open(was) && is != was)
        broken("P5", "order %s goes from %s to %s", id, order_status_name(was),
               order_status_name(is));
    if (before != NULL &&
        store_read_instant(after, "expiresAt", 0) < store_read_instant(before, "expiresAt", 0))
        broken("P5", "the deadline of order %s moves to an earlier one", id);
    if (is == ORDER_CANCELLED && was != is)
        promise_cancelled(before, after, id);
    if (is == ORDER_COMPLETE && was != is) {
        world.verdict.completed++;
        if (!is_money_held(id))
            broken("P6", "order %s is complete and no money is held for it", id);
    }
    if (!order_status_is_live(is))
        return;
    store_read_id(after, "ticketId", rivals.ticket_id);
    store_look("orders", "orders", count_rival, &rivals);
    if (rivals.live > 1)
        broken("P1", "ticket %s is held by %d live orders", rivals.ticket_id, rivals.live);
}

/* ---- tickets ---- */

/* The lock of a live order is never taken away, and only a complete order has a ticket sold. */
static void promise_ticket(const bson_t *before, const bson_t *after)
{
    char id[ID_BYTES], was[ID_BYTES] = "", is[ID_BYTES] = "";
    const char *status = store_read_text(after, "status", "");
    const bson_t *order;

    if (before == NULL)
        return;
    store_read_id(after, "_id", id);
    store_read_id(before, "orderId", was);
    store_read_id(after, "orderId", is);
    if (was[0] != '\0' && strcmp(was, is) != 0) {
        order = store_peek("orders", "orders", was);
        if (order == NULL || order_status_is_live(order_status(order)))
            broken("P1", "ticket %s is taken from order %s, which is live", id, was);
    }
    if (strcmp(store_read_text(before, "status", ""), "sold") == 0 && strcmp(status, "sold") != 0)
        broken("P1", "ticket %s was sold and is %s", id, status);
    if (strcmp(status, "sold") == 0) {
        order = is[0] == '\0' ? NULL : store_peek("orders", "orders", is);
        if (order == NULL || order_status(order) != ORDER_COMPLETE)
            broken("P1", "ticket %s is sold to order %s, which is not complete", id, is);
    }
}

/* ---- copies ---- */

static void promise_copy(const char *service, const char *collection, const bson_t *before,
                         const bson_t *after)
{
    int64_t was = before == NULL ? -1 : store_read_int(before, "version", -1);
    int64_t is = store_read_int(after, "version", -1);
    const bson_t *owner;
    char id[ID_BYTES];

    store_read_id(after, "_id", id);
    if (is <= was)
        broken("P3", "the copy %s.%s %s goes from version %lld to %lld", service, collection, id,
               (long long)was, (long long)is);
    owner = store_peek(collection, collection, id);
    if (owner == NULL || store_read_int(owner, "version", -1) < is)
        broken("P3", "the copy %s.%s %s is ahead of its owner", service, collection, id);
}

void promise_write(const char *service, const char *collection, const bson_t *before,
                   const bson_t *after)
{
    bool own = strcmp(service, collection) == 0;

    if (own || strcmp(collection, "users") == 0)
        promise_outbox(collection, before, after);
    else if (strcmp(collection, "orders") == 0 || strcmp(collection, "tickets") == 0)
        promise_copy(service, collection, before, after);
    if (own && strcmp(service, "orders") == 0)
        promise_order(before, after);
    if (own && strcmp(service, "tickets") == 0)
        promise_ticket(before, after);
}

/* ---- money ---- */

static const bson_t *order_of(const struct intent *intent)
{
    const bson_t *order = store_peek("orders", "orders", intent->seen.order_id);

    if (order == NULL)
        broken("P6", "money of an order that never was: %s", intent->seen.order_id);
    return order;
}

/* One at a time may hold or have the buyer's money. */
static void promise_only(const struct intent *intent)
{
    size_t count;
    const struct intent *intents = stripe_intents(&count);

    for (size_t i = 0; i < count; i++)
        if (&intents[i] != intent && strcmp(intents[i].seen.order_id, intent->seen.order_id) == 0 &&
            (intents[i].seen.status == STRIPE_REQUIRES_CAPTURE ||
             (intents[i].seen.status == STRIPE_SUCCEEDED && intents[i].seen.refunded_cents == 0)))
            broken("P7", "order %s is paid by %s and by %s", intent->seen.order_id,
                   intents[i].seen.id, intent->seen.id);
}

void promise_authorized(const struct intent *intent)
{
    const bson_t *order = order_of(intent);

    promise_only(intent);
    if (intent->seen.amount_cents != store_read_int(order, "ticket.priceCents", -1))
        broken("P7", "%lld cents are held for order %s, whose price is %lld",
               (long long)intent->seen.amount_cents, intent->seen.order_id,
               (long long)store_read_int(order, "ticket.priceCents", -1));
}

void promise_captured(const struct intent *intent)
{
    promise_only(intent);
    if (!intent->by_hand && order_status(order_of(intent)) != ORDER_COMPLETE)
        broken("P6", "%s is captured and its order %s is %s", intent->seen.id,
               intent->seen.order_id, order_status_name(order_status(order_of(intent))));
}

void promise_canceled(const struct intent *intent, enum stripe_status was)
{
    if (was == STRIPE_REQUIRES_CAPTURE && order_status(order_of(intent)) != ORDER_CANCELLED)
        broken("P6", "%s is given back and its order %s is %s", intent->seen.id,
               intent->seen.order_id, order_status_name(order_status(order_of(intent))));
}

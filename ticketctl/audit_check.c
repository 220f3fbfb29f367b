/*
 * The verdict: which promises are broken in a world that has come to rest.
 *
 *   P1  no ticket is sold twice or held by two live orders
 *   P2  every version of every aggregate has exactly one event, and no event is without its change
 *   P4  every reservation ends paid or expired
 *   P6  captured if and only if the order is complete; else voided or refunded
 *   P7  one charge for each order
 *
 * Pure: nothing is read here. While the system runs, things under way look broken for a moment;
 * command_audit looks again until they are settled or its time is up.
 */

#include "ticketctl/audit.h"

#include "common/stripe.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MAX 1000

/* ---- rows ---- */

void *rows_at(const struct rows *rows, size_t index)
{
    assert(index < rows->count && rows->data != NULL);
    return rows->data + index * rows->size;
}

void *rows_add(struct rows *rows)
{
    void *row;

    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity == 0 ? 64 : 2 * rows->capacity;
        rows->data = xrealloc(rows->data, rows->capacity * rows->size);
    }
    row = rows_at(rows, rows->count++);
    memset(row, 0, rows->size);
    return row;
}

void rows_release(struct rows *rows)
{
    free(rows->data);
    memset(rows, 0, sizeof(*rows));
}

static int compare_id(const void *left, const void *right)
{
    return strcmp(left, right);
}

static int compare_event(const void *left, const void *right)
{
    const struct seen_event *a = left, *b = right;
    int r = strcmp(a->id, b->id);

    if (r != 0)
        return r;
    return a->version < b->version ? -1 : a->version > b->version;
}

void rows_sort(struct rows *rows)
{
    if (rows->count > 1)
        qsort(rows->data, rows->count, rows->size,
              rows->size == sizeof(struct seen_event) ? compare_event : compare_id);
}

void *rows_find(const struct rows *rows, const char *id)
{
    size_t low = 0, high = rows->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(rows_at(rows, middle), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == rows->count || strcmp(rows_at(rows, low), id) != 0)
        return NULL;
    return rows_at(rows, low);
}

void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->tickets.size = sizeof(struct seen_ticket);
    world->orders.size = sizeof(struct seen_order);
    world->payments.size = sizeof(struct seen_payment);
    world->intents.size = sizeof(struct seen_intent);
    world->aggregates.size = sizeof(struct seen_aggregate);
    world->events.size = sizeof(struct seen_event);
}

void world_release(struct world *world)
{
    struct rows *all[] = {&world->tickets, &world->orders,     &world->payments,
                          &world->intents, &world->aggregates, &world->events};

    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        rows_release(all[i]);
}

/* ---- findings ---- */

static void found(struct rows *findings, const char *promise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void found(struct rows *findings, const char *promise, const char *format, ...)
{
    struct finding *finding;
    va_list arguments;

    if (findings->count == FINDINGS_MAX)
        return;
    finding = rows_add(findings);
    finding->promise = promise;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
}

/* ---- P1, P4: tickets and who holds them ---- */

struct holder { /* a live order, by its ticket's id */
    char ticket_id[ID_BYTES], order_id[ID_BYTES];
};

static void check_holders(const struct world *world, struct rows *findings)
{
    struct rows holders = {.size = sizeof(struct holder)};

    for (size_t i = 0; i < world->orders.count; i++) {
        const struct seen_order *order = rows_at(&world->orders, i);
        struct holder *holder;

        if (!order_status_is_live(order->status))
            continue;
        holder = rows_add(&holders);
        memcpy(holder->ticket_id, order->ticket_id, ID_BYTES);
        memcpy(holder->order_id, order->id, ID_BYTES);
    }
    rows_sort(&holders);
    for (size_t i = 1; i < holders.count; i++) {
        const struct holder *a = rows_at(&holders, i - 1), *b = rows_at(&holders, i);

        if (strcmp(a->ticket_id, b->ticket_id) == 0)
            found(findings, "P1", "ticket %s is held by two live orders: %s and %s", a->ticket_id,
                  a->order_id, b->order_id);
    }
    rows_release(&holders);
}

/* Each live order's ticket says so, and each ticket that says so is right. */
static void check_locks(const struct world *world, struct rows *findings)
{
    for (size_t i = 0; i < world->orders.count; i++) {
        const struct seen_order *order = rows_at(&world->orders, i);
        const struct seen_ticket *ticket = rows_find(&world->tickets, order->ticket_id);
        enum ticket_status due = order->status == ORDER_COMPLETE ? TICKET_SOLD : TICKET_RESERVED;

        if (!order_status_is_live(order->status))
            continue;
        if (ticket == NULL)
            found(findings, "P1", "order %s holds ticket %s, which does not exist", order->id,
                  order->ticket_id);
        else if (ticket->status != due || strcmp(ticket->order_id, order->id) != 0)
            found(findings, "P1", "order %s is %s, but its ticket %s is %s for order %s", order->id,
                  order_status_name(order->status), ticket->id, ticket_status_name(ticket->status),
                  ticket->order_id[0] != '\0' ? ticket->order_id : "-");
    }
    for (size_t i = 0; i < world->tickets.count; i++) {
        const struct seen_ticket *ticket = rows_at(&world->tickets, i);
        const struct seen_order *order = rows_find(&world->orders, ticket->order_id);
        bool held = ticket->status == TICKET_RESERVED || ticket->status == TICKET_SOLD;

        if (held && (order == NULL || !order_status_is_live(order->status)))
            found(findings, "P4", "ticket %s is %s for order %s, which is %s", ticket->id,
                  ticket_status_name(ticket->status), ticket->order_id,
                  order == NULL ? "unknown" : order_status_name(order->status));
    }
}

static void check_deadlines(const struct world *world, struct rows *findings)
{
    for (size_t i = 0; i < world->orders.count; i++) {
        const struct seen_order *order = rows_at(&world->orders, i);
        int64_t late_ms = world->now_ms - order->expires_at_ms;

        if (order_status_is_open(order->status) && late_ms > AUDIT_LATE_MS)
            found(findings, "P4", "order %s is %s, %" PRId64 " s past its deadline", order->id,
                  order_status_name(order->status), late_ms / 1000);
    }
}

/* ---- P2: versions and events ---- */

/* May the first events of an aggregate be gone? Where the stream forgets its oldest, and where it
 * was made anew after it was lost: of what is older than it (an id begins with the second in which
 * it was made) it holds what was said since, or again. */
static bool may_lack_beginning(const struct world *world, const struct seen_aggregate *aggregate)
{
    char seconds[9] = {0};

    memcpy(seconds, aggregate->id, sizeof(seconds) - 1);
    return world->truncated[aggregate->owner] ||
           (int64_t)strtoull(seconds, NULL, 16) * 1000 < world->made_ms[aggregate->owner];
}

static void check_versions(const struct world *world, const struct seen_aggregate *aggregate,
                           struct rows *findings)
{
    const char *name = event_owner_info(aggregate->owner)->aggregate;
    const struct seen_event *event = rows_find(&world->events, aggregate->id);
    const char *end = world->events.data + world->events.count * world->events.size;
    int64_t next = 0;

    if (aggregate->waiting > 0)
        found(findings, "P2", "%s %s has %" PRId64 " events that nobody has published", name,
              aggregate->id, aggregate->waiting);
    if (may_lack_beginning(world, aggregate))
        next = event != NULL ? event->version : aggregate->version + 1;
    for (; event != NULL && (const char *)event < end && strcmp(event->id, aggregate->id) == 0;
         event++) {
        if (event->version == next - 1 && event->body_hash != event[-1].body_hash)
            found(findings, "P2", "%s %s has two different events of version %" PRId64, name,
                  aggregate->id, event->version);
        for (; next < event->version; next++)
            found(findings, "P2", "%s %s has no event of version %" PRId64, name, aggregate->id,
                  next);
        if (event->version > aggregate->version)
            found(findings, "P2", "%s %s is at version %" PRId64 ", but an event says %" PRId64,
                  name, aggregate->id, aggregate->version, event->version);
        if (next == event->version)
            next++;
    }
    if (aggregate->waiting == 0)
        for (; next <= aggregate->version; next++)
            found(findings, "P2", "%s %s has no event of version %" PRId64, name, aggregate->id,
                  next);
}

static void check_events(const struct world *world, struct rows *findings)
{
    for (size_t i = 0; i < world->aggregates.count; i++)
        check_versions(world, rows_at(&world->aggregates, i), findings);
    for (size_t i = 0; i < world->events.count; i++) {
        const struct seen_event *event = rows_at(&world->events, i);
        const struct seen_event *before = i > 0 ? rows_at(&world->events, i - 1) : NULL;

        if (before != NULL && strcmp(before->id, event->id) == 0)
            continue;
        if (rows_find(&world->aggregates, event->id) == NULL)
            found(findings, "P2", "an event tells of %s %s, which does not exist",
                  event_owner_info(event->owner)->aggregate, event->id);
    }
}

/* ---- P6, P7: money ---- */

static void check_payment(const struct world *world, const struct seen_payment *payment,
                          struct rows *findings)
{
    const struct seen_order *order = rows_find(&world->orders, payment->order_id);
    bool complete = order != NULL && order->status == ORDER_COMPLETE;
    bool over = order == NULL || order->status == ORDER_CANCELLED;

    if (payment->status == PAYMENT_CAPTURED && !complete)
        found(findings, "P6", "payment %s is captured, but order %s is %s", payment->id,
              payment->order_id, order == NULL ? "unknown" : order_status_name(order->status));
    if (complete && payment->status == PAYMENT_CAPTURED &&
        payment->amount_cents != order->price_cents)
        found(findings, "P6", "payment %s took another amount than order %s agreed to", payment->id,
              order->id);
    if (over && (payment->status == PAYMENT_AUTHORIZED || payment->status == PAYMENT_STARTED ||
                 payment->status == PAYMENT_REQUIRES_ACTION))
        found(findings, "P6", "payment %s is still %s, but order %s is over", payment->id,
              payment_status_name(payment->status), payment->order_id);
}

/* Each complete order was paid, once. */
static void check_paid(const struct world *world, struct rows *findings)
{
    struct rows charged = {.size = sizeof(struct holder)};

    for (size_t i = 0; i < world->payments.count; i++) {
        const struct seen_payment *payment = rows_at(&world->payments, i);
        struct holder *charge;

        check_payment(world, payment, findings);
        if (payment->status != PAYMENT_CAPTURED && payment->status != PAYMENT_REFUNDED)
            continue;
        charge = rows_add(&charged);
        memcpy(charge->ticket_id, payment->order_id, ID_BYTES);
        memcpy(charge->order_id, payment->id, ID_BYTES);
    }
    rows_sort(&charged);
    for (size_t i = 1; i < charged.count; i++) {
        const struct holder *a = rows_at(&charged, i - 1), *b = rows_at(&charged, i);

        if (strcmp(a->ticket_id, b->ticket_id) == 0)
            found(findings, "P7", "order %s was charged twice: payments %s and %s", a->ticket_id,
                  a->order_id, b->order_id);
    }
    for (size_t i = 0; i < world->orders.count; i++) {
        const struct seen_order *order = rows_at(&world->orders, i);

        if (order->status == ORDER_COMPLETE && rows_find(&charged, order->id) == NULL)
            found(findings, "P6", "order %s is complete, but nothing was captured for it",
                  order->id);
    }
    rows_release(&charged);
}

static void check_intent(const struct world *world, const struct seen_intent *intent,
                         struct rows *findings)
{
    const struct seen_payment *payment = rows_find(&world->payments, intent->payment_id);
    bool taken =
        intent->status == STRIPE_SUCCEEDED && intent->refunded_cents < intent->amount_cents;
    bool held = intent->status == STRIPE_REQUIRES_CAPTURE;
    bool ours = payment != NULL && strcmp(payment->stripe_id, intent->stripe_id) == 0;

    if ((taken || held) && !ours) {
        found(findings, "P7", "stripe %s money by %s, which no payment knows (payment %s)",
              taken ? "has taken" : "holds", intent->stripe_id, intent->payment_id);
        return;
    }
    if (!ours)
        return; /* never confirmed: nothing at stake */
    if (taken != (payment->status == PAYMENT_CAPTURED))
        found(findings, "P6", "payment %s is %s, but stripe has %staken the money", payment->id,
              payment_status_name(payment->status), taken ? "" : "not ");
    if (held && payment->status != PAYMENT_AUTHORIZED)
        found(findings, "P6", "payment %s is %s, but stripe still holds the money", payment->id,
              payment_status_name(payment->status));
    if ((taken || held) && payment->amount_cents != intent->amount_cents)
        found(findings, "P6", "payment %s and stripe differ about the amount", payment->id);
}

static void check_ledger(const struct world *world, struct rows *findings)
{
    struct rows known = {.size = sizeof(struct seen_intent)};

    for (size_t i = 0; i < world->intents.count; i++) {
        const struct seen_intent *intent = rows_at(&world->intents, i);
        struct seen_intent *row = rows_add(&known);

        check_intent(world, intent, findings);
        memcpy(row->payment_id, intent->payment_id, ID_BYTES);
    }
    for (size_t i = 0; i < world->payments.count; i++) {
        const struct seen_payment *payment = rows_at(&world->payments, i);

        if (payment->status == PAYMENT_CAPTURED && rows_find(&known, payment->id) == NULL)
            found(findings, "P6", "payment %s is captured, but stripe has no intent for it",
                  payment->id);
    }
    rows_release(&known);
}

struct rows audit_check(struct world *world)
{
    struct rows findings = {.size = sizeof(struct finding)};

    rows_sort(&world->tickets);
    rows_sort(&world->orders);
    rows_sort(&world->payments);
    rows_sort(&world->intents);
    rows_sort(&world->aggregates);
    rows_sort(&world->events);

    check_holders(world, &findings);
    check_locks(world, &findings);
    check_events(world, &findings);
    check_deadlines(world, &findings);
    check_paid(world, &findings);
    if (world->with_stripe)
        check_ledger(world, &findings);
    return findings;
}

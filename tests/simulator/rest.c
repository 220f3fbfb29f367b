/*
 * Rest: what must have come about once nothing breaks any more. Every order is paid or over, every
 * ticket as orders has it, money taken for what is complete and for nothing else, each once; copies
 * as their owners have them; no event, timer, message or unfinished payment is left.
 */

#include "tests/simulator/simulator.h"

#include "common/instant.h"
#include "common/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORDS   300
#define LATE_US (10 * SECOND_US) /* of an order's end: the sweep's 3 s, and a start */

static char unrest[WORDS];

static void unrest_add(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void unrest_add(const char *format, ...)
{
    va_list arguments;

    if (unrest[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(unrest, sizeof(unrest), format, arguments);
    va_end(arguments);
}

static enum order_status status_of(const bson_t *order)
{
    return order_status_parse(store_read_text(order, "status", ""));
}

static void rest_outbox(void *context, const bson_t *document)
{
    bson_iter_t iter, event;
    char id[ID_BYTES];

    (void)context;
    store_read_id(document, "_id", id);
    if (bson_iter_init_find(&iter, document, "outbox") && bson_iter_recurse(&iter, &event) &&
        bson_iter_next(&event))
        unrest_add("P2: an event of %s is still in its outbox", id);
}

/* A ban ends what its buyer has open, whatever crossed it. */
static void rest_banned(const bson_t *order, const char *id)
{
    char user_id[ID_BYTES] = "";
    int64_t banned_us;

    store_read_id(order, "userId", user_id);
    banned_us = people_banned_us(user_id);
    if (banned_us < world.now_us - LATE_US && world.calm_since_us < world.now_us - LATE_US)
        broken("P4", "order %s is open %lld ms after its buyer was banned", id,
               (long long)((world.now_us - banned_us) / MS_US));
}

static void rest_order(void *context, const bson_t *document)
{
    enum order_status status = status_of(document);
    const struct intent *intents;
    char id[ID_BYTES];
    size_t count;
    int captured = 0, held = 0;

    (void)context;
    store_read_id(document, "_id", id);
    if (order_status_is_open(status)) {
        int64_t due_us = (store_read_instant(document, "expiresAt", 0) - true_now_ms()) * MS_US;

        if (world.now_us + due_us + LATE_US < world.now_us &&
            world.calm_since_us + LATE_US < world.now_us)
            broken("P4", "order %s is open %lld ms after its deadline", id,
                   (long long)(-due_us / MS_US));
        rest_banned(document, id);
        unrest_add("P4: order %s is still %s", id, order_status_name(status));
    }
    intents = stripe_intents(&count);
    for (size_t i = 0; i < count; i++) {
        const struct stripe_intent *seen = &intents[i].seen;

        if (strcmp(seen->order_id, id) != 0)
            continue;
        captured += seen->status == STRIPE_SUCCEEDED && seen->refunded_cents == 0;
        held += seen->status == STRIPE_REQUIRES_CAPTURE || seen->status == STRIPE_REQUIRES_ACTION;
    }
    if (captured != (status == ORDER_COMPLETE))
        unrest_add("P6: order %s is %s and paid %d times", id, order_status_name(status), captured);
    if (held > 0)
        unrest_add("P6: %d intents of order %s are still open", held, id);
}

struct holder {
    char ticket_id[ID_BYTES], order_id[ID_BYTES];
    enum order_status status;
};

static void find_holder(void *context, const bson_t *document)
{
    struct holder *holder = context;
    char id[ID_BYTES];

    if (order_status_is_live(status_of(document)) && store_read_id(document, "ticketId", id) &&
        strcmp(id, holder->ticket_id) == 0) {
        store_read_id(document, "_id", holder->order_id);
        holder->status = status_of(document);
    }
}

static void rest_ticket(void *context, const bson_t *document)
{
    struct holder holder = {.order_id = ""};
    enum ticket_status status = ticket_status_parse(store_read_text(document, "status", ""));
    char order_id[ID_BYTES] = "";

    (void)context;
    store_read_id(document, "_id", holder.ticket_id);
    store_read_id(document, "orderId", order_id);
    store_look("orders", "orders", find_holder, &holder);
    if (strcmp(order_id, holder.order_id) != 0 ||
        (status == TICKET_SOLD) !=
            (holder.order_id[0] != '\0' && holder.status == ORDER_COMPLETE) ||
        (status == TICKET_RESERVED) !=
            (holder.order_id[0] != '\0' && holder.status != ORDER_COMPLETE))
        unrest_add("P1: ticket %s is %s for order %s; orders says %s", holder.ticket_id,
                   ticket_status_name(status), order_id, holder.order_id);
}

static void rest_payment(void *context, const bson_t *document)
{
    enum payment_status status = payment_status_parse(store_read_text(document, "status", ""));
    char id[ID_BYTES];

    (void)context;
    store_read_id(document, "_id", id);
    if (status == PAYMENT_STARTED || status == PAYMENT_REQUIRES_ACTION ||
        status == PAYMENT_AUTHORIZED)
        unrest_add("P6: payment %s is still %s", id, payment_status_name(status));
    if (bson_has_field(document, "workAt"))
        unrest_add("P6: payment %s (%s) waits for somebody to look again", id,
                   payment_status_name(status));
}

/* A copy, of which the owner's service and collection have one name. */
struct copy_of {
    const char *service, *owner;
};

static void rest_copy(void *context, const bson_t *document)
{
    const struct copy_of *of = context;
    const bson_t *owner, *copy;
    char id[ID_BYTES];

    store_read_id(document, "_id", id);
    owner = store_peek(of->owner, of->owner, id);
    copy = store_peek(of->service, of->owner, id);
    if (copy == NULL ||
        store_read_int(copy, "version", -1) != store_read_int(owner, "version", -2) ||
        strcmp(store_read_text(copy, "status", ""), store_read_text(owner, "status", "?")) != 0)
        unrest_add("P3: the copy %s.%s %s is not as its owner has it", of->service, of->owner, id);
}

const char *promise_unrest(void)
{
    struct copy_of copies[] = {
        {"tickets", "orders"}, {"payments", "orders"}, {"orders", "tickets"}};

    unrest[0] = '\0';
    store_look("auth", "users", rest_outbox, NULL);
    store_look("tickets", "tickets", rest_outbox, NULL);
    store_look("orders", "orders", rest_outbox, NULL);
    store_look("payments", "payments", rest_outbox, NULL);
    store_look("orders", "orders", rest_order, NULL);
    store_look("tickets", "tickets", rest_ticket, NULL);
    store_look("payments", "payments", rest_payment, NULL);
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++)
        store_look(copies[i].owner, copies[i].owner, rest_copy, &copies[i]);
    if (redis_timers() > 0)
        unrest_add("P4: %zu timers are left", redis_timers());
    if (unrest[0] == '\0' && !bus_is_quiet())
        bus_describe_open(unrest, sizeof(unrest));
    return unrest[0] == '\0' ? NULL : unrest;
}

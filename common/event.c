/*
 * Events: the vocabulary, as tables.
 *
 * Subjects, streams, statuses: each name of the contract stands here once, in the table that its
 * enum indexes, and nowhere in the services. The bodies are event_body.c's.
 */

#include "common/event.h"

#include "common/trace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct event_info infos[] = {
    [EVENT_USER_CREATED]        = {"user.created",        OWNER_USERS,      "somebody signed up"},
    [EVENT_USER_BANNED]         = {"user.banned",         OWNER_USERS,      "an admin banned a user"},
    [EVENT_USER_UNBANNED]       = {"user.unbanned",       OWNER_USERS,      "an admin lifted a ban"},
    [EVENT_TICKET_CREATED]      = {"ticket.created",      OWNER_TICKETS,    "a seller listed a ticket"},
    [EVENT_TICKET_UPDATED]      = {"ticket.updated",      OWNER_TICKETS,    "a ticket's title, price or lock changed"},
    [EVENT_TICKET_WITHDRAWN]    = {"ticket.withdrawn",    OWNER_TICKETS,    "a seller withdrew a ticket"},
    [EVENT_ORDER_CREATED]       = {"order.created",       OWNER_ORDERS,     "a buyer ordered, or a payment failed and the order waits again"},
    [EVENT_ORDER_AWAITING]      = {"order.awaiting",      OWNER_ORDERS,     "a payment of the order has begun"},
    [EVENT_ORDER_CANCELLED]     = {"order.cancelled",     OWNER_ORDERS,     "the order is over and lets its ticket go"},
    [EVENT_ORDER_COMPLETED]     = {"order.completed",     OWNER_ORDERS,     "the order has its payment and keeps its ticket"},
    [EVENT_EXPIRATION_COMPLETE] = {"expiration.complete", OWNER_EXPIRATION, "an order's time is up"},
    [EVENT_PAYMENT_STARTED]     = {"payment.started",     OWNER_PAYMENTS,   "a payment has begun, or waits for the buyer"},
    [EVENT_PAYMENT_AUTHORIZED]  = {"payment.authorized",  OWNER_PAYMENTS,   "the money is held on the card"},
    [EVENT_PAYMENT_CREATED]     = {"payment.created",     OWNER_PAYMENTS,   "the money was captured"},
    [EVENT_PAYMENT_FAILED]      = {"payment.failed",      OWNER_PAYMENTS,   "the card was declined or the try was given up"},
    [EVENT_PAYMENT_VOIDED]      = {"payment.voided",      OWNER_PAYMENTS,   "the hold on the card was released"},
    [EVENT_PAYMENT_REFUNDED]    = {"payment.refunded",    OWNER_PAYMENTS,   "captured money went back"},
};

static const struct event_owner_info owners[] = {
    /*                    stream        subjects        service       aggregate   */
    [OWNER_USERS]      = {"users",      "user.>",       "auth",       "user"      },
    [OWNER_TICKETS]    = {"tickets",    "ticket.>",     "tickets",    "ticket"    },
    [OWNER_ORDERS]     = {"orders",     "order.>",      "orders",     "order"     },
    [OWNER_EXPIRATION] = {"expiration", "expiration.>", "expiration", "expiration"},
    [OWNER_PAYMENTS]   = {"payments",   "payment.>",    "payments",   "payment"   },
};

static const char *const ticket_statuses[] = {
    [TICKET_AVAILABLE] = "available",
    [TICKET_RESERVED]  = "reserved",
    [TICKET_SOLD]      = "sold",
    [TICKET_WITHDRAWN] = "withdrawn",
};

static const char *const order_statuses[] = {
    [ORDER_CREATED]   = "created",
    [ORDER_AWAITING]  = "awaiting:payment",
    [ORDER_COMPLETE]  = "complete",
    [ORDER_CANCELLED] = "cancelled",
};

static const char *const payment_statuses[] = {
    [PAYMENT_STARTED]         = "started",
    [PAYMENT_REQUIRES_ACTION] = "requires_action",
    [PAYMENT_AUTHORIZED]      = "authorized",
    [PAYMENT_CAPTURED]        = "captured",
    [PAYMENT_FAILED]          = "failed",
    [PAYMENT_VOIDED]          = "voided",
    [PAYMENT_REFUNDED]        = "refunded",
};
/* clang-format on */

_Static_assert(ARRAY_LENGTH(infos) == EVENT_TYPE_COUNT, "a row for each event type");
_Static_assert(ARRAY_LENGTH(owners) == OWNER_COUNT, "a row for each owner");
_Static_assert(ARRAY_LENGTH(ticket_statuses) == TICKET_STATUS_COUNT, "a name for each status");
_Static_assert(ARRAY_LENGTH(order_statuses) == ORDER_STATUS_COUNT, "a name for each status");
_Static_assert(ARRAY_LENGTH(payment_statuses) == PAYMENT_STATUS_COUNT, "a name for each status");

const struct event_info *event_info(enum event_type type)
{
    assert(type < EVENT_TYPE_COUNT);
    return &infos[type];
}

const struct event_owner_info *event_owner_info(enum event_owner owner)
{
    assert(owner < OWNER_COUNT);
    return &owners[owner];
}

enum event_type event_type_of_subject(const char *subject)
{
    enum event_type type = 0;

    while (type < EVENT_TYPE_COUNT && strcmp(infos[type].subject, subject) != 0)
        type++;
    return type;
}

const char *ticket_status_name(enum ticket_status status)
{
    assert(status < TICKET_STATUS_COUNT);
    return ticket_statuses[status];
}

const char *order_status_name(enum order_status status)
{
    assert(status < ORDER_STATUS_COUNT);
    return order_statuses[status];
}

const char *payment_status_name(enum payment_status status)
{
    assert(status < PAYMENT_STATUS_COUNT);
    return payment_statuses[status];
}

/* The index of `name` in `names`, or `count`. */
static unsigned index_of(const char *name, const char *const *names, unsigned count)
{
    unsigned i = 0;

    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

enum ticket_status ticket_status_parse(const char *name)
{
    return (enum ticket_status)index_of(name, ticket_statuses, TICKET_STATUS_COUNT);
}

enum order_status order_status_parse(const char *name)
{
    return (enum order_status)index_of(name, order_statuses, ORDER_STATUS_COUNT);
}

enum payment_status payment_status_parse(const char *name)
{
    return (enum payment_status)index_of(name, payment_statuses, PAYMENT_STATUS_COUNT);
}

bool order_status_is_live(enum order_status status)
{
    return order_status_is_open(status) || status == ORDER_COMPLETE;
}

bool order_status_is_open(enum order_status status)
{
    return status == ORDER_CREATED || status == ORDER_AWAITING;
}

void event_set_id(struct event *event)
{
    bool is_timer = event->type == EVENT_EXPIRATION_COMPLETE;

    /* A timer has no versions: when it was due tells one firing of an order from the next. */
    snprintf(event->id, sizeof(event->id), "%s-%s-%" PRId64,
             owners[event_info(event->type)->owner].aggregate, event->aggregate_id,
             is_timer ? event->expiration.due_at_ms : event->version);
}

void event_init(struct event *event, enum event_type type, const char *aggregate_id,
                int64_t version)
{
    bool fits;

    memset(event, 0, sizeof(*event)); /* an initializer need not clear a union's larger members */
    event->type = type;
    event->version = version;
    event->at_ms = instant_now();
    fits = text_copy(event->aggregate_id, sizeof(event->aggregate_id), aggregate_id) &&
           text_copy(event->traceparent, sizeof(event->traceparent), trace_current());
    assert(fits);
    event_set_id(event);
}

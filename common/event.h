#ifndef COMMON_EVENT_H
#define COMMON_EVENT_H

/*
 * Events: the language the five services share, and the only file of common/ that knows
 * ticketing words.
 *
 * An event says: aggregate `aggregate_id` is now at `version`, and this is its whole public state.
 * Its id follows from owner, aggregate and version ("order-<id>-3"), so that saying it again, from
 * an outbox, a resync or another process, is the same event: the stream's duplicate window drops
 * it, and whoever has that version ignores it.
 *
 * All structs are plain values of fixed size: copy them freely, nothing is to be freed. Decoding
 * never trusts the text: a member that is missing, mistyped or too long is INVALID, unknown members
 * are ignored. Everything here is pure and thread-safe.
 */

#include "common/instant.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/writer.h"

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
enum event_type {
    EVENT_USER_CREATED, EVENT_USER_BANNED, EVENT_USER_UNBANNED,
    EVENT_TICKET_CREATED, EVENT_TICKET_UPDATED, EVENT_TICKET_WITHDRAWN,
    EVENT_ORDER_CREATED, EVENT_ORDER_AWAITING, EVENT_ORDER_CANCELLED, EVENT_ORDER_COMPLETED,
    EVENT_EXPIRATION_COMPLETE,
    EVENT_PAYMENT_STARTED, EVENT_PAYMENT_AUTHORIZED, EVENT_PAYMENT_CREATED,
    EVENT_PAYMENT_FAILED, EVENT_PAYMENT_VOIDED, EVENT_PAYMENT_REFUNDED,
    EVENT_TYPE_COUNT
};

/* Whose aggregates they are: one JetStream stream for each. */
enum event_owner {
    OWNER_USERS, OWNER_TICKETS, OWNER_ORDERS, OWNER_EXPIRATION, OWNER_PAYMENTS,
    OWNER_COUNT
};

enum ticket_status { TICKET_AVAILABLE, TICKET_RESERVED, TICKET_SOLD, TICKET_WITHDRAWN,
                     TICKET_STATUS_COUNT };
enum order_status { ORDER_CREATED, ORDER_AWAITING, ORDER_COMPLETE, ORDER_CANCELLED,
                    ORDER_STATUS_COUNT };
enum payment_status { PAYMENT_STARTED, PAYMENT_REQUIRES_ACTION, PAYMENT_AUTHORIZED,
                      PAYMENT_CAPTURED, PAYMENT_FAILED, PAYMENT_VOIDED, PAYMENT_REFUNDED,
                      PAYMENT_STATUS_COUNT };
/* clang-format on */

#define TITLE_MAX_CODE_POINTS 200
#define TITLE_BYTES           801 /* 200 code points of at most 4 bytes */
#define REASON_BYTES          801
#define EMAIL_BYTES           255 /* RFC 5321: a path of 256 with its brackets */
#define STRIPE_ID_BYTES       256 /* Stripe: ids are up to 255 characters */
#define CURRENCY_BYTES        4   /* ISO 4217, lower case */
#define EVENT_ID_BYTES        80
#define TRACEPARENT_BYTES     56 /* W3C Trace Context, version 00: 55 characters */
#define EVENT_BODY_MAX_BYTES  (256u << 10)

struct user_state {
    char email[EMAIL_BYTES];   /* "" where the event does not carry it */
    char reason[REASON_BYTES]; /* why banned; "" for none */
};

struct ticket_state {
    char title[TITLE_BYTES];
    int64_t price_cents;
    char user_id[ID_BYTES]; /* the seller */
    enum ticket_status status;
    char order_id[ID_BYTES]; /* who holds it; "" for nobody */
};

struct order_state {
    enum order_status status;
    char user_id[ID_BYTES]; /* the buyer */
    int64_t expires_at_ms;
    struct {
        char id[ID_BYTES];
        char title[TITLE_BYTES];
        int64_t price_cents;
        int64_t version;
    } ticket;       /* what the buyer agreed to */
    char cause[24]; /* why it is so: "expired", "buyer-cancelled" …; "" where unknown */
};

struct expiration_state {
    int64_t due_at_ms;
};

struct payment_state {
    char order_id[ID_BYTES];
    int64_t amount_cents;
    char currency[CURRENCY_BYTES];
    char stripe_id[STRIPE_ID_BYTES]; /* "" before Stripe has answered */
    enum payment_status status;
};

struct event {
    enum event_type type;
    char id[EVENT_ID_BYTES];
    char aggregate_id[ID_BYTES]; /* of expiration.complete: the order's id */
    int64_t version;             /* of expiration.complete: 0 */
    int64_t at_ms;
    char traceparent[TRACEPARENT_BYTES]; /* "" for none */
    union {
        struct user_state user;
        struct ticket_state ticket;
        struct order_state order;
        struct expiration_state expiration;
        struct payment_state payment;
    };
};

/* What is known of a type at compile time. */
struct event_info {
    const char *subject;    /* the NATS subject and ce-type */
    enum event_owner owner; /* whose stream */
    const char *meaning;    /* one sentence */
};

struct event_owner_info {
    const char *stream;    /* the JetStream stream: "orders" */
    const char *subjects;  /* what it stores: "order.>" */
    const char *service;   /* who says them: "orders" */
    const char *aggregate; /* first part of event ids: "order" */
};

const struct event_info *event_info(enum event_type type);
const struct event_owner_info *event_owner_info(enum event_owner owner);

/* The type of `subject`; EVENT_TYPE_COUNT if there is none. */
enum event_type event_type_of_subject(const char *subject);

/* Names as in the contract ("awaiting:payment"), and back; parsing gives …_STATUS_COUNT for an
 * unknown name. */
const char *ticket_status_name(enum ticket_status status);
const char *order_status_name(enum order_status status);
const char *payment_status_name(enum payment_status status);
enum ticket_status ticket_status_parse(const char *name);
enum order_status order_status_parse(const char *name);
enum payment_status payment_status_parse(const char *name);

/* Is an order with this status live (it holds its ticket: created, awaiting, complete), or open
 * (live and not complete)? */
bool order_status_is_live(enum order_status status);
bool order_status_is_open(enum order_status status);

/* Start an event: sets type, aggregate_id, version, at_ms (now), id and zeroes the rest. The
 * caller fills the state. The thread's traceparent (trace.h) is taken along. */
void event_init(struct event *event, enum event_type type, const char *aggregate_id,
                int64_t version);

/* Derive the id again; only needed after setting the due_at_ms of an EVENT_EXPIRATION_COMPLETE, of
 * which its id is a part. */
void event_set_id(struct event *event);

/* Write the body (a JSON object). */
void event_encode(const struct event *event, struct writer *out);

/* Decode `length` bytes that came on `subject`. Fills everything that the body holds (type,
 * aggregate_id, version, state) and a derived id; at_ms and traceparent come from the message's
 * headers, by whoever has them. 0, or INVALID with a reason (static text) in *ret_reason. */
must_check int event_decode(const char *subject, const char *body, size_t length,
                            struct event *ret_event, const char **ret_reason);

#endif

/*
 * Event bodies: one table of members for each owner, read in both directions.
 *
 * Encoding and decoding walk the same rows, so what one writes is what the other reads, and a new
 * member is one row. An optional member is a text or an id that is "" inside and absent outside;
 * null counts as absent. Decoding fills a struct of its own and hands it out only when all of it
 * was right: nobody ever sees half an event.
 */

#include "common/event.h"
#include "common/fail.h"
#include "common/money.h"
#include "common/parse.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
enum member_kind {
    MEMBER_ID,
    MEMBER_TEXT,     /* what fits into its array */
    MEMBER_TITLE,    /* 1..TITLE_MAX_CODE_POINTS */
    MEMBER_CURRENCY,
    MEMBER_VERSION,
    MEMBER_MONEY,
    MEMBER_INSTANT,
    MEMBER_TICKET_STATUS,
    MEMBER_ORDER_STATUS,
    MEMBER_PAYMENT_STATUS,
    MEMBER_ORDER_TICKET,  /* an object: order_ticket_members */
};

enum need { OPTIONAL, REQUIRED };

/* One member of a body, and where it is in struct event. */
struct member {
    const char *name;  /* NULL ends a table */
    enum member_kind kind;
    enum need need;    /* OPTIONAL: an ID or a TEXT only */
    size_t offset;
    size_t size;       /* of its array, for an ID, TEXT or TITLE */
    const char *wrong; /* why it was refused */
};

#define VERSION_MAX (INT64_C(1) << 53)

#define AT(field) offsetof(struct event, field), sizeof(((struct event *)NULL)->field)

#define WRONG_ID       "id must be 24 hexadecimal digits"
#define WRONG_VERSION  "version must be a whole number, 0 or more"
#define WRONG_USER_ID  "userId must be 24 hexadecimal digits"
#define WRONG_ORDER_ID "orderId must be 24 hexadecimal digits"

static const struct member user_members[] = {
    {"id",      MEMBER_ID,      REQUIRED, AT(aggregate_id), WRONG_ID},
    {"version", MEMBER_VERSION, REQUIRED, AT(version),      WRONG_VERSION},
    {"email",   MEMBER_TEXT,    OPTIONAL, AT(user.email),   "email must be a text of at most 254 bytes"},
    {"reason",  MEMBER_TEXT,    OPTIONAL, AT(user.reason),  "reason must be a text of at most 800 bytes"},
    {0},
};

static const struct member ticket_members[] = {
    {"id",      MEMBER_ID,            REQUIRED, AT(aggregate_id),       WRONG_ID},
    {"version", MEMBER_VERSION,       REQUIRED, AT(version),            WRONG_VERSION},
    {"title",   MEMBER_TITLE,         REQUIRED, AT(ticket.title),       "title must be a text of 1 to 200 characters"},
    {"price",   MEMBER_MONEY,         REQUIRED, AT(ticket.price_cents), "price must be an amount of money"},
    {"userId",  MEMBER_ID,            REQUIRED, AT(ticket.user_id),     WRONG_USER_ID},
    {"status",  MEMBER_TICKET_STATUS, REQUIRED, AT(ticket.status),      "status must be a ticket's"},
    {"orderId", MEMBER_ID,            OPTIONAL, AT(ticket.order_id),    WRONG_ORDER_ID},
    {0},
};

static const struct member order_ticket_members[] = {
    {"id",      MEMBER_ID,      REQUIRED, AT(order.ticket.id),          "ticket.id must be 24 hexadecimal digits"},
    {"title",   MEMBER_TITLE,   REQUIRED, AT(order.ticket.title),       "ticket.title must be a text of 1 to 200 characters"},
    {"price",   MEMBER_MONEY,   REQUIRED, AT(order.ticket.price_cents), "ticket.price must be an amount of money"},
    {"version", MEMBER_VERSION, REQUIRED, AT(order.ticket.version),     "ticket.version must be a whole number, 0 or more"},
    {0},
};

static const struct member order_members[] = {
    {"id",        MEMBER_ID,           REQUIRED, AT(aggregate_id),        WRONG_ID},
    {"version",   MEMBER_VERSION,      REQUIRED, AT(version),             WRONG_VERSION},
    {"status",    MEMBER_ORDER_STATUS, REQUIRED, AT(order.status),        "status must be an order's"},
    {"userId",    MEMBER_ID,           REQUIRED, AT(order.user_id),       WRONG_USER_ID},
    {"expiresAt", MEMBER_INSTANT,      REQUIRED, AT(order.expires_at_ms), "expiresAt must be an instant"},
    {"ticket",    MEMBER_ORDER_TICKET, REQUIRED, AT(order.ticket),        "ticket must be an object"},
    {"cause",     MEMBER_TEXT,         OPTIONAL, AT(order.cause),         "cause must be a text of at most 23 bytes"},
    {0},
};

static const struct member expiration_members[] = {
    {"orderId", MEMBER_ID,      REQUIRED, AT(aggregate_id),         WRONG_ORDER_ID},
    {"dueAt",   MEMBER_INSTANT, REQUIRED, AT(expiration.due_at_ms), "dueAt must be an instant"},
    {0},
};

static const struct member payment_members[] = {
    {"id",       MEMBER_ID,             REQUIRED, AT(aggregate_id),         WRONG_ID},
    {"version",  MEMBER_VERSION,        REQUIRED, AT(version),              WRONG_VERSION},
    {"orderId",  MEMBER_ID,             REQUIRED, AT(payment.order_id),     WRONG_ORDER_ID},
    {"amount",   MEMBER_MONEY,          REQUIRED, AT(payment.amount_cents), "amount must be an amount of money"},
    {"currency", MEMBER_CURRENCY,       REQUIRED, AT(payment.currency),     "currency must be three small letters"},
    {"stripeId", MEMBER_TEXT,           REQUIRED, AT(payment.stripe_id),    "stripeId must be a text of at most 255 bytes"},
    {"status",   MEMBER_PAYMENT_STATUS, REQUIRED, AT(payment.status),       "status must be a payment's"},
    {0},
};

static const struct member *const members_of[] = {
    [OWNER_USERS]      = user_members,
    [OWNER_TICKETS]    = ticket_members,
    [OWNER_ORDERS]     = order_members,
    [OWNER_EXPIRATION] = expiration_members,
    [OWNER_PAYMENTS]   = payment_members,
};
/* clang-format on */

_Static_assert(ARRAY_LENGTH(members_of) == OWNER_COUNT, "a table for each owner");

static void encode_members(const struct event *event, const struct member *members,
                           struct writer *out);

static void encode_member(const struct event *event, const struct member *member,
                          struct writer *out)
{
    const void *at = (const char *)event + member->offset;

    switch (member->kind) {
    case MEMBER_ID:
    case MEMBER_TEXT:
    case MEMBER_TITLE:
    case MEMBER_CURRENCY:
        if (member->need == REQUIRED || *(const char *)at != '\0')
            write_text(out, member->name, at);
        break;
    case MEMBER_VERSION: write_int(out, member->name, *(const int64_t *)at); break;
    case MEMBER_MONEY: write_money(out, member->name, *(const int64_t *)at); break;
    case MEMBER_INSTANT: write_instant(out, member->name, *(const int64_t *)at); break;
    case MEMBER_TICKET_STATUS:
        write_text(out, member->name, ticket_status_name(*(const enum ticket_status *)at));
        break;
    case MEMBER_ORDER_STATUS:
        write_text(out, member->name, order_status_name(*(const enum order_status *)at));
        break;
    case MEMBER_PAYMENT_STATUS:
        write_text(out, member->name, payment_status_name(*(const enum payment_status *)at));
        break;
    case MEMBER_ORDER_TICKET:
        write_object_begin(out, member->name);
        encode_members(event, order_ticket_members, out);
        write_object_end(out);
        break;
    }
}

static void encode_members(const struct event *event, const struct member *members,
                           struct writer *out)
{
    for (const struct member *member = members; member->name != NULL; member++)
        encode_member(event, member, out);
}

void event_encode(const struct event *event, struct writer *out)
{
    write_object_begin(out, NULL);
    encode_members(event, members_of[event_info(event->type)->owner], out);
    write_object_end(out);
}

static bool decode_title(const json_t *value, char ret_title[TITLE_BYTES])
{
    const char *text = json_string_value(value);
    size_t count = text == NULL ? 0 : text_count(text);

    return count >= 1 && count <= TITLE_MAX_CODE_POINTS && text_copy(ret_title, TITLE_BYTES, text);
}

static bool decode_currency(const json_t *value, char ret_currency[CURRENCY_BYTES])
{
    const char *text = json_string_value(value);

    return text != NULL && strspn(text, "abcdefghijklmnopqrstuvwxyz") == CURRENCY_BYTES - 1 &&
           text_copy(ret_currency, CURRENCY_BYTES, text);
}

/* Beyond VERSION_MAX a JSON number is no longer exact in every reader, and the version after the
 * last int64_t is none. */
static bool decode_version(const json_t *value, int64_t *ret_version)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > VERSION_MAX)
        return false;
    *ret_version = json_integer_value(value);
    return true;
}

static bool decode_members(const json_t *object, const struct member *members, struct event *event,
                           const char **ret_reason);

/* Sets *ret_reason only where something inside of an object is wrong. */
static bool decode_member(const json_t *value, const struct member *member, struct event *event,
                          const char **ret_reason)
{
    void *at = (char *)event + member->offset;
    const char *text = json_string_value(value); /* NULL if it is none, or absent */

    switch (member->kind) {
    case MEMBER_ID: return text_is_id(text, at);
    case MEMBER_TEXT: return text != NULL && text_copy(at, member->size, text);
    case MEMBER_TITLE: return decode_title(value, at);
    case MEMBER_CURRENCY: return decode_currency(value, at);
    case MEMBER_VERSION: return decode_version(value, at);
    case MEMBER_MONEY:
        return json_is_number(value) && money_from_number(json_number_value(value), at) == MONEY_OK;
    case MEMBER_INSTANT: return text != NULL && instant_parse(text, at) == 0;
    case MEMBER_TICKET_STATUS:
        *(enum ticket_status *)at = text == NULL ? TICKET_STATUS_COUNT : ticket_status_parse(text);
        return *(enum ticket_status *)at != TICKET_STATUS_COUNT;
    case MEMBER_ORDER_STATUS:
        *(enum order_status *)at = text == NULL ? ORDER_STATUS_COUNT : order_status_parse(text);
        return *(enum order_status *)at != ORDER_STATUS_COUNT;
    case MEMBER_PAYMENT_STATUS:
        *(enum payment_status *)at =
            text == NULL ? PAYMENT_STATUS_COUNT : payment_status_parse(text);
        return *(enum payment_status *)at != PAYMENT_STATUS_COUNT;
    case MEMBER_ORDER_TICKET:
        return json_is_object(value) &&
               decode_members(value, order_ticket_members, event, ret_reason);
    }
    return false;
}

static bool decode_members(const json_t *object, const struct member *members, struct event *event,
                           const char **ret_reason)
{
    for (const struct member *member = members; member->name != NULL; member++) {
        const json_t *value = json_object_get(object, member->name);

        if (member->need == OPTIONAL && (value == NULL || json_is_null(value)))
            continue; /* the struct began as zeros: "" */
        *ret_reason = member->wrong;
        if (!decode_member(value, member, event, ret_reason))
            return false;
    }
    return true;
}

int event_decode(const char *subject, const char *body, size_t length, struct event *ret_event,
                 const char **ret_reason)
{
    cleanup(json_decrefp) json_t *object = NULL;
    const char *reason = NULL;
    struct event event;

    memset(&event, 0, sizeof(event));
    event.type = event_type_of_subject(subject);
    if (event.type == EVENT_TYPE_COUNT) {
        *ret_reason = "subject is not an event's";
        return INVALID;
    }
    if (length > EVENT_BODY_MAX_BYTES) {
        *ret_reason = "body is larger than 256 KiB";
        return INVALID;
    }
    object = parse_object(body, length);
    if (object == NULL) {
        *ret_reason = "body is not a JSON object";
        return INVALID;
    }
    if (!decode_members(object, members_of[event_info(event.type)->owner], &event, &reason)) {
        *ret_reason = reason;
        return INVALID;
    }
    event_set_id(&event);
    *ret_event = event;
    return 0;
}

/* Event bodies in both directions, with all that can be wrong with them. */

#include "common/event.h"

#include "common/fail.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID       "0123456789abcdef01234567"
#define OTHER_ID "89abcdef0123456701234567"

/* An event of `type` with every member set, texts as awkward as they may be. */
static struct event sample(enum event_type type)
{
    struct event event;

    event_init(&event, type, ID, 7);
    event.at_ms = 0; /* these two travel in headers */
    event.traceparent[0] = '\0';
    switch (event_info(type)->owner) {
    case OWNER_USERS:
        cr_assert(text_copy(event.user.email, EMAIL_BYTES, "ann@example.com"));
        cr_assert(text_copy(event.user.reason, REASON_BYTES, "says \"no\"\\\n東"));
        break;
    case OWNER_TICKETS:
        cr_assert(text_copy(event.ticket.title, TITLE_BYTES, "Café \"Ünïcode\" 🎸"));
        event.ticket.price_cents = 29;
        cr_assert(text_copy(event.ticket.user_id, ID_BYTES, OTHER_ID));
        event.ticket.status = TICKET_RESERVED;
        cr_assert(text_copy(event.ticket.order_id, ID_BYTES, OTHER_ID));
        break;
    case OWNER_ORDERS:
        event.order.status = ORDER_AWAITING;
        cr_assert(text_copy(event.order.user_id, ID_BYTES, OTHER_ID));
        event.order.expires_at_ms = 1795256100001;
        cr_assert(text_copy(event.order.ticket.id, ID_BYTES, OTHER_ID));
        cr_assert(text_copy(event.order.ticket.title, TITLE_BYTES, "x"));
        event.order.ticket.price_cents = 100000000;
        event.order.ticket.version = INT64_C(1) << 53;
        cr_assert(text_copy(event.order.cause, sizeof(event.order.cause), "payment-started"));
        break;
    case OWNER_EXPIRATION:
        event.version = 0;
        event.expiration.due_at_ms = 1795256100999;
        event_set_id(&event);
        break;
    case OWNER_PAYMENTS:
        cr_assert(text_copy(event.payment.order_id, ID_BYTES, OTHER_ID));
        event.payment.amount_cents = 1;
        cr_assert(text_copy(event.payment.currency, CURRENCY_BYTES, "usd"));
        cr_assert(text_copy(event.payment.stripe_id, STRIPE_ID_BYTES, "pi_3abc"));
        event.payment.status = PAYMENT_REQUIRES_ACTION;
        break;
    case OWNER_COUNT: break;
    }
    return event;
}

static char *encode(const struct event *event)
{
    struct writer out = {0};

    event_encode(event, &out);
    return writer_take(&out);
}

/* Decode `body` from an allocation of just its size: a byte read beyond it is seen. */
static int decode(enum event_type type, const char *body, size_t length, struct event *ret_event,
                  const char **ret_reason)
{
    cleanup(freep) char *exact = xmalloc(length);

    memcpy(exact, body, length);
    return event_decode(event_info(type)->subject, exact, length, ret_event, ret_reason);
}

/* Expect that `object` is refused as an event of `type`, for a reason that begins with `member`,
 * and that nothing is handed out. */
static void expect_refused(enum event_type type, const json_t *object, const char *member,
                           const char *what)
{
    cleanup(freep) char *body = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);
    struct event event = {.version = -42};
    const char *reason = NULL;

    cr_expect_eq(decode(type, body, strlen(body), &event, &reason), INVALID, "%s %s: %s",
                 event_info(type)->subject, what, body);
    cr_expect(reason != NULL && strncmp(reason, member, strlen(member)) == 0, "%s %s: \"%s\"",
              event_info(type)->subject, what, reason == NULL ? "" : reason);
    cr_expect_eq(event.version, -42);
}

static bool is_optional(const char *member, enum event_owner owner)
{
    return strcmp(member, "email") == 0 || strcmp(member, "reason") == 0 ||
           strcmp(member, "cause") == 0 ||
           (strcmp(member, "orderId") == 0 && owner == OWNER_TICKETS);
}

Test(event_body, every_type_comes_back_exactly)
{
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type), decoded;
        cleanup(freep) char *body = encode(&event);
        const char *reason = "";

        cr_assert_eq(decode(type, body, strlen(body), &decoded, &reason), 0, "%s: %s: %s",
                     event_info(type)->subject, reason, body);
        cr_expect_eq(memcmp(&event, &decoded, sizeof(event)), 0, "%s", body);
    }
}

Test(event_body, every_status_and_the_greatest_texts_come_back)
{
    struct event event = sample(EVENT_TICKET_UPDATED), decoded;
    const char *reason;

    for (int status = 0; status < TICKET_STATUS_COUNT; status++) {
        cleanup(freep) char *body = NULL;

        event.ticket.status = (enum ticket_status)status;
        body = encode(&event);
        cr_assert_eq(decode(event.type, body, strlen(body), &decoded, &reason), 0);
        cr_assert_eq(decoded.ticket.status, event.ticket.status);
    }
    for (size_t i = 0; i + 4 < TITLE_BYTES; i += 4)
        memcpy(event.ticket.title + i, "🎸", 5);
    cr_assert_eq(text_count(event.ticket.title), TITLE_MAX_CODE_POINTS);
    cleanup(freep) char *body = encode(&event);
    cr_assert_eq(decode(event.type, body, strlen(body), &decoded, &reason), 0);
    cr_assert_str_eq(decoded.ticket.title, event.ticket.title);
}

Test(event_body, bodies_are_as_the_contract_says)
{
    static const struct {
        enum event_type type;
        const char *body;
    } rows[] = {
        {EVENT_USER_BANNED, "{\"id\":\"" ID "\",\"version\":7,\"email\":\"ann@example.com\","
                            "\"reason\":\"says \\\"no\\\"\\\\\\n東\"}"},
        {EVENT_TICKET_UPDATED, "{\"id\":\"" ID "\",\"version\":7,\"title\":\"Café \\\"Ünïcode\\\" "
                               "🎸\",\"price\":0.29,\"userId\":\"" OTHER_ID "\",\"status\":"
                               "\"reserved\",\"orderId\":\"" OTHER_ID "\"}"},
        {EVENT_ORDER_AWAITING, "{\"id\":\"" ID "\",\"version\":7,\"status\":\"awaiting:payment\","
                               "\"userId\":\"" OTHER_ID "\",\"expiresAt\":"
                               "\"2026-11-21T10:15:00.001Z\",\"ticket\":{\"id\":\"" OTHER_ID "\","
                               "\"title\":\"x\",\"price\":1000000,\"version\":9007199254740992},"
                               "\"cause\":\"payment-started\"}"},
        {EVENT_EXPIRATION_COMPLETE,
         "{\"orderId\":\"" ID "\",\"dueAt\":\"2026-11-21T10:15:00.999Z\"}"},
        {EVENT_PAYMENT_STARTED, "{\"id\":\"" ID "\",\"version\":7,\"orderId\":\"" OTHER_ID "\","
                                "\"amount\":0.01,\"currency\":\"usd\",\"stripeId\":\"pi_3abc\","
                                "\"status\":\"requires_action\"}"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct event event = sample(rows[i].type);
        cleanup(freep) char *body = encode(&event);

        cr_expect_str_eq(body, rows[i].body);
    }
}

Test(event_body, optional_members_may_be_absent_or_null)
{
    static const struct {
        enum event_type type;
        const char *members[2];
    } rows[] = {
        {EVENT_USER_CREATED, {"email", "reason"}},
        {EVENT_TICKET_CREATED, {"orderId"}},
        {EVENT_ORDER_CREATED, {"cause"}},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct event event = sample(rows[i].type), absent, null;
        cleanup(freep) char *body = encode(&event), *without = NULL, *with_null = NULL,
                            *again = NULL;
        cleanup(json_decrefp) json_t *object = json_loads(body, 0, NULL);
        const char *reason;

        for (size_t j = 0; j < 2 && rows[i].members[j] != NULL; j++)
            json_object_set_new(object, rows[i].members[j], json_null());
        with_null = json_dumps(object, JSON_COMPACT);
        for (size_t j = 0; j < 2 && rows[i].members[j] != NULL; j++)
            json_object_del(object, rows[i].members[j]);
        without = json_dumps(object, JSON_COMPACT);

        cr_assert_eq(decode(event.type, with_null, strlen(with_null), &null, &reason), 0);
        cr_assert_eq(decode(event.type, without, strlen(without), &absent, &reason), 0);
        cr_expect_eq(memcmp(&null, &absent, sizeof(null)), 0);
        again = encode(&absent);
        for (size_t j = 0; j < 2 && rows[i].members[j] != NULL; j++)
            cr_expect_null(strstr(again, rows[i].members[j]), "%s", again);
    }
}

Test(event_body, unknown_members_are_ignored)
{
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type), decoded;
        cleanup(freep) char *body = encode(&event), *wider = NULL;
        cleanup(json_decrefp) json_t *object = json_loads(body, 0, NULL);
        const char *reason;

        json_object_set_new(object, "later", json_pack("{s:[i,n]}", "a", 1));
        wider = json_dumps(object, JSON_COMPACT);
        cr_assert_eq(decode(type, wider, strlen(wider), &decoded, &reason), 0);
        cr_expect_eq(memcmp(&event, &decoded, sizeof(event)), 0);
    }
}

/* `part` is the object that holds the members: `whole` itself or one inside of it. */
static void expect_mistyped_refused(enum event_type type, const json_t *whole, json_t *part,
                                    const char *prefix)
{
    static const char *const values[] = {"null",  "true",    "false",
                                         "[]",    "{}",      "-1",
                                         "1.5",   "\"\"",    "\"x\"",
                                         "\"1\"", "[\"x\"]", "{\"$gt\":\"\"}",
                                         "7",     "1e300",   "9223372036854775807"};
    static const char *const texts[] = {"title", "email", "reason", "cause", "stripeId"};
    cleanup(json_decrefp) json_t *untouched = json_deep_copy(part); /* to walk along */
    const char *member;
    json_t *right;

    json_object_foreach(untouched, member, right)
    {
        cleanup(freep) char *path = xasprintf("%s%s", prefix, member);

        for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
            json_t *value = json_loads(values[i], JSON_DECODE_ANY, NULL);
            bool allowed = json_is_null(value) && is_optional(member, event_info(type)->owner);

            for (size_t j = 0; j < ARRAY_LENGTH(texts); j++)
                if (strcmp(member, texts[j]) == 0 && json_is_string(value))
                    allowed = strcmp(member, "title") != 0 || json_string_length(value) > 0;
            if (strcmp(member, "version") == 0 && json_is_integer(value))
                allowed = json_integer_value(value) >= 0 && json_integer_value(value) < INT64_MAX;
            if (strcmp(member, "price") == 0 || strcmp(member, "amount") == 0)
                allowed = allowed || (json_is_number(value) && json_number_value(value) > 0 &&
                                      json_number_value(value) < 100);
            json_object_set_new(part, member, value);
            if (!allowed)
                expect_refused(type, whole, path, values[i]);
        }
        if (!is_optional(member, event_info(type)->owner)) {
            json_object_del(part, member);
            expect_refused(type, whole, path, "absent");
        }
        json_object_set(part, member, right);
    }
}

Test(event_body, every_member_that_is_missing_or_mistyped_is_refused_by_name)
{
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        cleanup(freep) char *body = encode(&event);
        cleanup(json_decrefp) json_t *object = json_loads(body, 0, NULL);
        json_t *ticket = json_object_get(object, "ticket");

        expect_mistyped_refused(type, object, object, "");
        if (ticket != NULL)
            expect_mistyped_refused(type, object, ticket, "ticket.");
    }
}

/* clang-format off */
static const struct { enum event_type type; const char *member, *value; } wrong_rows[] = {
    {EVENT_USER_CREATED,        "id",        "\"0123456789abcdef0123456\""},
    {EVENT_USER_CREATED,        "id",        "\"0123456789abcdef012345678\""},
    {EVENT_USER_CREATED,        "id",        "\"0123456789abcdef0123456g\""},
    {EVENT_USER_CREATED,        "version",   "1.0"},
    {EVENT_USER_CREATED,        "version",   "-9223372036854775808"},
    {EVENT_USER_CREATED,        "version",   "9007199254740993"},
    {EVENT_USER_CREATED,        "version",   "9223372036854775807"}, /* none comes after it */
    {EVENT_TICKET_CREATED,      "price",     "0"},
    {EVENT_TICKET_CREATED,      "price",     "-0.0"},
    {EVENT_TICKET_CREATED,      "price",     "-20"},
    {EVENT_TICKET_CREATED,      "price",     "0.001"},
    {EVENT_TICKET_CREATED,      "price",     "20.123"},
    {EVENT_TICKET_CREATED,      "price",     "1000000.01"},
    {EVENT_TICKET_CREATED,      "price",     "\"20\""},
    {EVENT_TICKET_CREATED,      "status",    "\"created\""},
    {EVENT_TICKET_CREATED,      "status",    "\"Available\""},
    {EVENT_TICKET_CREATED,      "orderId",   "\"\""},
    {EVENT_ORDER_CREATED,       "status",    "\"available\""},
    {EVENT_ORDER_CREATED,       "expiresAt", "\"2026-02-30T00:00:00.000Z\""},
    {EVENT_ORDER_CREATED,       "expiresAt", "\"tomorrow\""},
    {EVENT_ORDER_CREATED,       "cause",     "\"123456789012345678901234\""},
    {EVENT_EXPIRATION_COMPLETE, "dueAt",     "1795256100999"},
    {EVENT_PAYMENT_STARTED,     "status",    "\"paid\""},
    {EVENT_PAYMENT_STARTED,     "currency",  "\"us\""},
    {EVENT_PAYMENT_STARTED,     "currency",  "\"usdx\""},
    {EVENT_PAYMENT_STARTED,     "currency",  "\"USD\""},
    {EVENT_PAYMENT_STARTED,     "currency",  "\"us1\""},
    {EVENT_PAYMENT_STARTED,     "amount",    "0"},
};
/* clang-format on */

Test(event_body, values_out_of_their_range_are_refused_by_name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(wrong_rows); i++) {
        struct event event = sample(wrong_rows[i].type);
        cleanup(freep) char *body = encode(&event);
        cleanup(json_decrefp) json_t *object = json_loads(body, 0, NULL);

        json_object_set_new(object, wrong_rows[i].member,
                            json_loads(wrong_rows[i].value, JSON_DECODE_ANY, NULL));
        expect_refused(wrong_rows[i].type, object, wrong_rows[i].member, wrong_rows[i].value);
    }
}

/* One more than fits, for each text; 201 code points in fewer bytes than a title may have. */
Test(event_body, texts_that_are_too_long_are_refused_by_name)
{
    static const struct {
        enum event_type type;
        const char *member;
        size_t length;
    } rows[] = {
        {EVENT_USER_CREATED, "email", EMAIL_BYTES},
        {EVENT_USER_CREATED, "reason", REASON_BYTES},
        {EVENT_TICKET_CREATED, "title", TITLE_MAX_CODE_POINTS + 1},
        {EVENT_PAYMENT_CREATED, "stripeId", STRIPE_ID_BYTES},
        {EVENT_ORDER_CREATED, "cause", 100000},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct event event = sample(rows[i].type);
        cleanup(freep) char *body = encode(&event), *longer = xcalloc(1, rows[i].length + 1);
        cleanup(json_decrefp) json_t *object = json_loads(body, 0, NULL);

        memset(longer, 'x', rows[i].length);
        json_object_set_new(object, rows[i].member, json_string(longer));
        expect_refused(rows[i].type, object, rows[i].member, "too long");
    }
}

Test(event_body, ids_come_in_either_case_and_go_on_in_lower_case)
{
    static const char body[] = "{\"id\":\"0123456789ABCDEF01234567\",\"version\":0}";
    struct event event;
    const char *reason;

    cr_assert_eq(decode(EVENT_USER_CREATED, body, strlen(body), &event, &reason), 0);
    cr_assert_str_eq(event.aggregate_id, ID);
    cr_assert_str_eq(event.id, "user-" ID "-0");
}

Test(event_body, an_unknown_subject_is_refused)
{
    static const char *const subjects[] = {
        "", "order", "order.", "order.creates", "order.created.x", "Order.created", "order.>", "*"};
    struct event event;

    for (size_t i = 0; i < ARRAY_LENGTH(subjects); i++) {
        const char *reason = NULL;

        cr_expect_eq(event_decode(subjects[i], "{}", 2, &event, &reason), INVALID);
        cr_expect_str_eq(reason, "subject is not an event's");
        cr_expect_eq(event_type_of_subject(subjects[i]), EVENT_TYPE_COUNT);
    }
}

Test(event_body, what_is_no_json_object_is_refused)
{
    static const char *const bodies[] = {"",
                                         "null",
                                         "[]",
                                         "\"x\"",
                                         "{",
                                         "{} {}",
                                         "\xFF",
                                         "{\"id\":\"" ID "\",\"id\":\"" ID "\",\"version\":0}",
                                         "{\"id\":\"" ID "\",\"version\":99999999999999999999}",
                                         "{\"id\":\"" ID "\",\"version\":1e400}"};
    struct event event;

    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        const char *reason = NULL;

        cr_expect_eq(decode(EVENT_USER_CREATED, bodies[i], strlen(bodies[i]), &event, &reason),
                     INVALID, "%s", bodies[i]);
        cr_expect_str_eq(reason, "body is not a JSON object");
    }
}

Test(event_body, nesting_counts_in_members_nobody_knows_too)
{
    cleanup(writer_release) struct writer body = {0};
    struct event event;
    const char *reason;

    for (int depth = 32; depth <= 33; depth++) {
        writer_clear(&body);
        write_format(&body, "{\"id\":\"" ID "\",\"version\":0,\"x\":");
        for (int i = 1; i < depth; i++)
            write_raw(&body, "[", 1);
        for (int i = 1; i < depth; i++)
            write_raw(&body, "]", 1);
        write_raw(&body, "}", 1);
        cr_expect_eq(decode(EVENT_USER_CREATED, body.data, body.length, &event, &reason),
                     depth == 32 ? 0 : INVALID);
    }
}

Test(event_body, a_body_has_a_bound)
{
    cleanup(freep) char *body = xmalloc(EVENT_BODY_MAX_BYTES + 1);
    static const char start[] = "{\"id\":\"" ID "\",\"version\":0}";
    struct event event;
    const char *reason = NULL;

    memset(body, ' ', EVENT_BODY_MAX_BYTES + 1);
    memcpy(body, start, sizeof(start) - 1);
    cr_assert_eq(decode(EVENT_USER_CREATED, body, EVENT_BODY_MAX_BYTES, &event, &reason), 0);
    cr_assert_eq(decode(EVENT_USER_CREATED, body, EVENT_BODY_MAX_BYTES + 1, &event, &reason),
                 INVALID);
    cr_assert_str_eq(reason, "body is larger than 256 KiB");
}

Test(event_body, a_body_cut_anywhere_is_refused)
{
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type), decoded;
        cleanup(freep) char *body = encode(&event);

        for (size_t length = 0; length < strlen(body); length++) {
            const char *reason = NULL;

            cr_assert_eq(decode(type, body, length, &decoded, &reason), INVALID);
            cr_assert_not_null(reason);
        }
    }
}

/* Whatever is let in all the same is a sound event: it comes back from its own body. */
Test(event_body, a_body_with_any_byte_changed_is_refused_or_sound)
{
    static const char bytes[] = {'\0', '"', '{', '}', '[', ',', ':', '\\', '0', '-', 'e', '\xFF'};

    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type), decoded, again;
        cleanup(freep) char *body = encode(&event);
        size_t length = strlen(body);

        for (size_t at = 0; at < length * sizeof(bytes); at++) {
            cleanup(freep) char *changed = xstrdup(body), *second = NULL;
            const char *reason = NULL;

            changed[at / sizeof(bytes)] = bytes[at % sizeof(bytes)];
            if (decode(type, changed, length, &decoded, &reason) != 0) {
                cr_assert_not_null(reason);
                continue;
            }
            second = encode(&decoded);
            cr_assert_eq(decode(type, second, strlen(second), &again, &reason), 0, "%s", second);
            cr_assert_eq(memcmp(&decoded, &again, sizeof(again)), 0, "%s", second);
        }
    }
}

/*
 * What may happen to a ticket: the state machine alone, without stores.
 */
#include "common/memory.h"
#include "common/writer.h"
#include "tests/support/support.h"
#include "tickets/app.h"
#include "tickets/ticket.h"

#include <string.h>

#define SELLER "aaaaaaaaaaaaaaaaaaaaaaaa"
#define TICKET "bbbbbbbbbbbbbbbbbbbbbbbb"
#define ORDER  "111111111111111111111111"
#define OTHER  "222222222222222222222222"

static struct ticket given_ticket(enum ticket_status status, const char *order_id)
{
    struct ticket ticket;

    ticket_init(&ticket, SELLER, "Concert", 2000, 1000);
    text_copy(ticket.id, sizeof(ticket.id), TICKET);
    ticket.version = 5;
    ticket.state.status = status;
    text_copy(ticket.state.order_id, sizeof(ticket.state.order_id), order_id);
    return ticket;
}

static struct order given_order(const char *id, enum order_status status)
{
    struct order order = {.status = status};

    text_copy(order.id, sizeof(order.id), id);
    text_copy(order.ticket_id, sizeof(order.ticket_id), TICKET);
    return order;
}

Test(ticket, a_new_one_is_available_at_version_0)
{
    struct ticket ticket;
    char id[ID_BYTES];

    ticket_init(&ticket, SELLER, "Concert", 2000, 1000);
    cr_assert(text_is_id(ticket.id, id));
    cr_assert_eq(ticket.version, 0);
    cr_assert_eq(ticket.state.status, TICKET_AVAILABLE);
    cr_assert_eq(ticket.state.price_cents, 2000);
    cr_assert_str_eq(ticket.state.title, "Concert");
    cr_assert_str_eq(ticket.state.user_id, SELLER);
    cr_assert_str_eq(ticket.state.order_id, "");
}

Test(ticket, only_an_available_one_can_be_edited)
{
    for (int status = 0; status < TICKET_STATUS_COUNT; status++) {
        struct ticket ticket = given_ticket((enum ticket_status)status, "");
        const struct ticket before = ticket;
        int r = ticket_edit(&ticket, "Opera", 3000);

        if (status == TICKET_AVAILABLE) {
            cr_assert_eq(r, DONE);
            cr_assert_eq(ticket.version, 6);
            cr_assert_str_eq(ticket.state.title, "Opera");
            cr_assert_eq(ticket.state.price_cents, 3000);
        } else {
            cr_assert_eq(r, REFUSED, "status %d", status);
            cr_assert_eq(memcmp(&ticket, &before, sizeof(ticket)), 0, "status %d", status);
        }
    }
}

Test(ticket, only_an_available_one_can_be_withdrawn)
{
    struct ticket available = given_ticket(TICKET_AVAILABLE, "");
    struct ticket reserved = given_ticket(TICKET_RESERVED, ORDER);
    struct ticket sold = given_ticket(TICKET_SOLD, ORDER);

    cr_assert_eq(ticket_withdraw(&available), DONE);
    cr_assert_eq(available.state.status, TICKET_WITHDRAWN);
    cr_assert_eq(available.version, 6);
    cr_assert_eq(ticket_withdraw(&reserved), REFUSED);
    cr_assert_eq(reserved.state.status, TICKET_RESERVED);
    cr_assert_eq(ticket_withdraw(&sold), REFUSED);
    cr_assert_eq(sold.version, 5);
}

Test(ticket, withdrawing_it_again_changes_nothing)
{
    struct ticket ticket = given_ticket(TICKET_WITHDRAWN, "");

    cr_assert_eq(ticket_withdraw(&ticket), DONE);
    cr_assert_eq(ticket.version, 5);
}

/* Every status of a ticket, every status of an order, and whose lock is on the ticket. */
Test(ticket, it_follows_its_orders)
{
    /* clang-format off */
    static const struct {
        enum ticket_status ticket;
        const char *holder;            /* "": nobody */
        int holder_status;             /* of the other order's copy; -1: not known here */
        enum order_status order;
        enum ticket_effect effect;
        enum ticket_status then;       /* its lock is the order's own where that is reserved, sold */
    } rows[] = {
        /* a live order locks what is available, and nothing else */
        {TICKET_AVAILABLE, "",    -1,              ORDER_CREATED,   TICKET_CHANGES, TICKET_RESERVED},
        {TICKET_AVAILABLE, "",    -1,              ORDER_AWAITING,  TICKET_CHANGES, TICKET_RESERVED},
        {TICKET_RESERVED,  ORDER, -1,              ORDER_CREATED,   TICKET_STAYS,   TICKET_RESERVED},
        {TICKET_RESERVED,  ORDER, -1,              ORDER_AWAITING,  TICKET_STAYS,   TICKET_RESERVED},
        {TICKET_SOLD,      ORDER, -1,              ORDER_CREATED,   TICKET_STAYS,   TICKET_SOLD},
        {TICKET_WITHDRAWN, "",    -1,              ORDER_CREATED,   TICKET_STAYS,   TICKET_WITHDRAWN},
        {TICKET_WITHDRAWN, "",    -1,              ORDER_AWAITING,  TICKET_STAYS,   TICKET_WITHDRAWN},
        /* another's lock stands while that order may be live; it is handed on once it is over */
        {TICKET_RESERVED,  OTHER, -1,              ORDER_CREATED,   TICKET_WAITS,   TICKET_RESERVED},
        {TICKET_RESERVED,  OTHER, ORDER_CREATED,   ORDER_CREATED,   TICKET_WAITS,   TICKET_RESERVED},
        {TICKET_RESERVED,  OTHER, ORDER_AWAITING,  ORDER_AWAITING,  TICKET_WAITS,   TICKET_RESERVED},
        {TICKET_RESERVED,  OTHER, ORDER_COMPLETE,  ORDER_CREATED,   TICKET_WAITS,   TICKET_RESERVED},
        {TICKET_RESERVED,  OTHER, ORDER_CANCELLED, ORDER_CREATED,   TICKET_CHANGES, TICKET_RESERVED},
        {TICKET_RESERVED,  OTHER, ORDER_CANCELLED, ORDER_AWAITING,  TICKET_CHANGES, TICKET_RESERVED},
        /* of a sold ticket every other order is over, heard of or not */
        {TICKET_SOLD,      OTHER, ORDER_COMPLETE,  ORDER_CREATED,   TICKET_STAYS,   TICKET_SOLD},
        {TICKET_SOLD,      OTHER, ORDER_CANCELLED, ORDER_CREATED,   TICKET_STAYS,   TICKET_SOLD},
        /* a complete order has it, wherever it is; but nothing is sold twice */
        {TICKET_AVAILABLE, "",    -1,              ORDER_COMPLETE,  TICKET_CHANGES, TICKET_SOLD},
        {TICKET_RESERVED,  ORDER, -1,              ORDER_COMPLETE,  TICKET_CHANGES, TICKET_SOLD},
        {TICKET_RESERVED,  OTHER, ORDER_CREATED,   ORDER_COMPLETE,  TICKET_CHANGES, TICKET_SOLD},
        {TICKET_WITHDRAWN, "",    -1,              ORDER_COMPLETE,  TICKET_CHANGES, TICKET_SOLD},
        {TICKET_SOLD,      ORDER, -1,              ORDER_COMPLETE,  TICKET_STAYS,   TICKET_SOLD},
        {TICKET_SOLD,      OTHER, ORDER_COMPLETE,  ORDER_COMPLETE,  TICKET_WAITS,   TICKET_SOLD},
        /* an order that is over lets go of its own lock, and of no other */
        {TICKET_RESERVED,  ORDER, -1,              ORDER_CANCELLED, TICKET_CHANGES, TICKET_AVAILABLE},
        {TICKET_RESERVED,  OTHER, ORDER_CREATED,   ORDER_CANCELLED, TICKET_STAYS,   TICKET_RESERVED},
        {TICKET_RESERVED,  OTHER, -1,              ORDER_CANCELLED, TICKET_STAYS,   TICKET_RESERVED},
        {TICKET_AVAILABLE, "",    -1,              ORDER_CANCELLED, TICKET_STAYS,   TICKET_AVAILABLE},
        {TICKET_WITHDRAWN, "",    -1,              ORDER_CANCELLED, TICKET_STAYS,   TICKET_WITHDRAWN},
        {TICKET_SOLD,      ORDER, -1,              ORDER_CANCELLED, TICKET_STAYS,   TICKET_SOLD},
        {TICKET_SOLD,      OTHER, ORDER_COMPLETE,  ORDER_CANCELLED, TICKET_STAYS,   TICKET_SOLD},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct ticket ticket = given_ticket(rows[i].ticket, rows[i].holder);
        const struct ticket before = ticket;
        const struct order order = given_order(ORDER, rows[i].order);
        struct order holder = {.version = 0};
        enum ticket_effect effect;

        if (rows[i].holder_status >= 0)
            holder = given_order(OTHER, (enum order_status)rows[i].holder_status);
        effect = ticket_follow_order(&ticket, &order, rows[i].holder_status >= 0 ? &holder : NULL);

        cr_assert_eq(effect, rows[i].effect, "row %zu: effect %d", i, (int)effect);
        cr_assert_eq(ticket.state.status, rows[i].then, "row %zu", i);
        if (effect == TICKET_CHANGES) {
            cr_assert_eq(ticket.version, 6, "row %zu", i);
            cr_assert_str_eq(ticket.state.order_id, rows[i].then == TICKET_AVAILABLE ? "" : ORDER,
                             "row %zu", i);
        } else {
            cr_assert_eq(memcmp(&ticket, &before, sizeof(ticket)), 0, "row %zu", i);
        }
    }
}

Test(ticket, json_shows_the_order_only_where_there_is_one)
{
    const struct ticket available = given_ticket(TICKET_AVAILABLE, "");
    const struct ticket reserved = given_ticket(TICKET_RESERVED, ORDER);
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    ticket_to_json(&available, NULL, &out);
    cr_assert_str_eq(writer_text(&out), "{\"id\":\"" TICKET
                                        "\",\"title\":\"Concert\",\"price\":20,\"userId\":\"" SELLER
                                        "\",\"version\":5,\"status\":\"available\"}");
    writer_clear(&out);
    ticket_to_json(&reserved, NULL, &out);
    cr_assert(strstr(writer_text(&out), "\"orderId\":\"" ORDER "\",\"status\":\"reserved\""));
}

Test(ticket, a_document_that_is_no_ticket_is_refused)
{
    cleanup(bson_freep) bson_t *document = bson_new();
    struct ticket ticket;

    store_append_id(document, "_id", TICKET);
    BSON_APPEND_UTF8(document, "title", "Concert");
    cr_assert_lt(ticket_from_bson(document, &ticket), 0);
}

Test(ticket, each_event_tells_the_whole_state)
{
    const struct ticket ticket = given_ticket(TICKET_RESERVED, ORDER);
    struct event event;

    event_ticket_updated(&ticket, &event);
    cr_assert_eq(event.type, EVENT_TICKET_UPDATED);
    cr_assert_str_eq(event.aggregate_id, TICKET);
    cr_assert_eq(event.version, 5);
    cr_assert_str_eq(event.ticket.title, "Concert");
    cr_assert_eq(event.ticket.price_cents, 2000);
    cr_assert_str_eq(event.ticket.user_id, SELLER);
    cr_assert_eq(event.ticket.status, TICKET_RESERVED);
    cr_assert_str_eq(event.ticket.order_id, ORDER);
}

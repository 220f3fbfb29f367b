/*
 * Orders as documents: what is written is what is read, and nothing else is taken for an order.
 */

#include "orders/order.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void fill(struct order *order)
{
    const struct order_payment first = {"111111111111111111111111", 0, PAYMENT_STARTED};
    const struct order_payment again = {"111111111111111111111111", 1, PAYMENT_FAILED};

    *order = (struct order){.id = "cccccccccccccccccccccccc",
                            .user_id = "aaaaaaaaaaaaaaaaaaaaaaaa",
                            .fingerprint = "f00d",
                            .slot = 3,
                            .ticket = {.id = "bbbbbbbbbbbbbbbbbbbbbbbb",
                                       .title = "Loge für zwei",
                                       .price_cents = 2050,
                                       .version = 4}};
    order_begin(order, 1763700000000, 900000);
    order_see_payment(order, &first, 1763700001000);
    order_see_payment(order, &again, 1763700002000);
}

/* As it stands in the database: with the version that the outbox appends. */
static void write_order(const struct order *order, bson_t *document)
{
    order_to_bson(order, document);
    BSON_APPEND_INT64(document, "version", order->version);
}

Test(order_bson, what_is_written_is_read)
{
    cleanup(bson_destroy) bson_t document = BSON_INITIALIZER, again = BSON_INITIALIZER;
    struct order order, read;

    fill(&order);
    write_order(&order, &document);
    cr_assert_eq(order_from_bson(&document, &read), 0);
    cr_expect_eq(read.version, order.version);
    cr_expect_eq(read.expires_at_ms, order.expires_at_ms);
    cr_expect_str_eq(read.ticket.title, "Loge für zwei");
    cr_expect_str_eq(read.fingerprint, "f00d");
    cr_expect_eq(read.payments[0].status, PAYMENT_FAILED);
    write_order(&read, &again);
    cr_expect(bson_equal(&document, &again));
}

Test(order_bson, the_flags_of_the_indexes_follow_from_the_status)
{
    static const struct {
        bool live, open;
    } expected[ORDER_STATUS_COUNT] = {[ORDER_CREATED] = {true, true},
                                      [ORDER_AWAITING] = {true, true},
                                      [ORDER_COMPLETE] = {true, false},
                                      [ORDER_CANCELLED] = {false, false}};
    struct order order;

    fill(&order);
    for (enum order_status status = 0; status < ORDER_STATUS_COUNT; status++) {
        cleanup(bson_destroy) bson_t document = BSON_INITIALIZER;

        order.status = status;
        order_state_to_bson(&order, &document);
        cr_expect_eq(store_read_bool(&document, "live", !expected[status].live),
                     expected[status].live);
        cr_expect_eq(store_read_bool(&document, "open", !expected[status].open),
                     expected[status].open);
    }
}

/* A copy of `whole` in which the field `key` is missing, or is a text that means nothing. */
static void spoil(const bson_t *whole, const char *key, bool missing, bson_t *ret_document)
{
    bson_iter_t iter;

    bson_init(ret_document);
    cr_assert(bson_iter_init(&iter, whole));
    while (bson_iter_next(&iter)) {
        if (strcmp(bson_iter_key(&iter), key) != 0)
            bson_append_iter(ret_document, NULL, -1, &iter);
        else if (!missing)
            BSON_APPEND_UTF8(ret_document, key, "nonsense");
    }
}

Test(order_bson, a_document_that_lacks_a_field_is_no_order)
{
    static const char *const needed[] = {"_id",     "version",   "status",  "userId",
                                         "slot",    "createdAt", "ticket",  "expiresAt",
                                         "history", "payments",  "ticketId"};
    cleanup(bson_destroy) bson_t whole = BSON_INITIALIZER;
    struct order order;

    fill(&order);
    write_order(&order, &whole);
    for (size_t i = 0; i < ARRAY_LENGTH(needed); i++) {
        for (int missing = 0; missing <= 1; missing++) {
            bson_t spoilt;

            spoil(&whole, needed[i], missing, &spoilt);
            cr_expect_eq(order_from_bson(&spoilt, &order), -EIO, "%s", needed[i]);
            bson_destroy(&spoilt);
        }
    }
}

/* Those of before, and those whose request had no key. */
Test(order_bson, an_order_may_be_without_a_fingerprint)
{
    cleanup(bson_destroy) bson_t whole = BSON_INITIALIZER, without = BSON_INITIALIZER;
    struct order order, read;

    fill(&order);
    write_order(&order, &whole);
    bson_destroy(&without);
    spoil(&whole, "fingerprint", /* missing= */ true, &without);
    cr_assert_eq(order_from_bson(&without, &read), 0);
    cr_expect_str_eq(read.fingerprint, "");
    order.fingerprint[0] = '\0';
    bson_reinit(&whole);
    write_order(&order, &whole);
    cr_expect(bson_equal(&whole, &without));
}

Test(order_bson, more_history_than_there_is_room_for_is_refused)
{
    cleanup(bson_destroy) bson_t whole = BSON_INITIALIZER;
    bson_t spoilt, list, step;
    struct order order;
    char key[16];

    fill(&order);
    write_order(&order, &whole);
    spoil(&whole, "history", true, &spoilt);
    BSON_APPEND_ARRAY_BEGIN(&spoilt, "history", &list);
    for (int i = 0; i <= ORDER_HISTORY_MAX; i++) {
        snprintf(key, sizeof(key), "%d", i);
        BSON_APPEND_DOCUMENT_BEGIN(&list, key, &step);
        BSON_APPEND_UTF8(&step, "status", "created");
        BSON_APPEND_DATE_TIME(&step, "at", 1);
        BSON_APPEND_UTF8(&step, "cause", "ordered");
        bson_append_document_end(&list, &step);
    }
    bson_append_array_end(&spoilt, &list);
    cr_expect_eq(order_from_bson(&spoilt, &order), -EIO);
    bson_destroy(&spoilt);
}

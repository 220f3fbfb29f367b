/* Events: subjects, owners, statuses and ids. */

#include "common/event.h"

#include <criterion/criterion.h>
#include <string.h>

#define ID "0123456789abcdef01234567"

Test(event, ids_follow_from_aggregate_and_version)
{
    struct event event;

    instant_fake(5000);
    event_init(&event, EVENT_ORDER_COMPLETED, ID, 3);
    cr_assert_str_eq(event.id, "order-" ID "-3");
    cr_assert_str_eq(event.aggregate_id, ID);
    cr_assert_eq(event.version, 3);
    cr_assert_eq(event.at_ms, 5000);
    cr_assert_eq(event.order.expires_at_ms, 0);

    event_init(&event, EVENT_EXPIRATION_COMPLETE, ID, 0);
    event.expiration.due_at_ms = 253402300799999;
    event_set_id(&event);
    cr_assert_str_eq(event.id, "expiration-" ID "-253402300799999");

    event_init(&event, EVENT_PAYMENT_CREATED, ID, INT64_MAX);
    cr_assert_str_eq(event.id, "payment-" ID "-9223372036854775807");
}

Test(event, each_subject_belongs_to_its_owners_stream)
{
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event_info *info = event_info(type);
        const struct event_owner_info *owner = event_owner_info(info->owner);
        size_t prefix = strlen(owner->aggregate);

        cr_expect_eq(event_type_of_subject(info->subject), type);
        cr_expect_eq(strncmp(info->subject, owner->aggregate, prefix), 0, "%s", info->subject);
        cr_expect_eq(info->subject[prefix], '.');
        cr_expect_eq(strncmp(info->subject, owner->subjects, prefix + 1), 0);
        cr_expect_str_eq(owner->subjects + prefix + 1, ">");
        cr_expect_gt(strlen(info->meaning), 0);
    }
}

Test(event, statuses_have_names_and_back)
{
    for (unsigned i = 0; i < TICKET_STATUS_COUNT; i++)
        cr_expect_eq(ticket_status_parse(ticket_status_name((enum ticket_status)i)), i);
    for (unsigned i = 0; i < ORDER_STATUS_COUNT; i++)
        cr_expect_eq(order_status_parse(order_status_name((enum order_status)i)), i);
    for (unsigned i = 0; i < PAYMENT_STATUS_COUNT; i++)
        cr_expect_eq(payment_status_parse(payment_status_name((enum payment_status)i)), i);
    cr_expect_eq(ticket_status_parse("lost"), TICKET_STATUS_COUNT);
    cr_expect_eq(order_status_parse("awaiting"), ORDER_STATUS_COUNT);
    cr_expect_eq(payment_status_parse(""), PAYMENT_STATUS_COUNT);
    cr_expect_str_eq(order_status_name(ORDER_AWAITING), "awaiting:payment");
}

Test(event, an_order_is_live_until_it_is_cancelled_and_open_until_it_is_over)
{
    cr_expect(order_status_is_live(ORDER_CREATED) && order_status_is_open(ORDER_CREATED));
    cr_expect(order_status_is_live(ORDER_AWAITING) && order_status_is_open(ORDER_AWAITING));
    cr_expect(order_status_is_live(ORDER_COMPLETE) && !order_status_is_open(ORDER_COMPLETE));
    cr_expect(!order_status_is_live(ORDER_CANCELLED) && !order_status_is_open(ORDER_CANCELLED));
}

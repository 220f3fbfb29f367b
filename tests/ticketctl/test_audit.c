/*
 * The auditor: a world at rest in which nothing is broken, and then one broken promise after the
 * other. A test that breaks nothing must find nothing, or the auditor cries wolf.
 */

#include "ticketctl/audit.h"

#include "common/stripe.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TICKET  "111111111111111111111111"
#define ORDER   "222222222222222222222222"
#define PAYMENT "333333333333333333333333"
#define OTHER   "444444444444444444444444"
#define NOW_MS  INT64_C(1795000000000)

static struct seen_ticket *add_ticket(struct world *world, const char *id,
                                      enum ticket_status status, const char *order)
{
    struct seen_ticket *row = rows_add(&world->tickets);

    text_copy(row->id, ID_BYTES, id);
    text_copy(row->order_id, ID_BYTES, order);
    row->status = status;
    return row;
}

static struct seen_order *add_order(struct world *world, const char *id, enum order_status status)
{
    struct seen_order *row = rows_add(&world->orders);

    text_copy(row->id, ID_BYTES, id);
    text_copy(row->ticket_id, ID_BYTES, TICKET);
    row->status = status;
    row->expires_at_ms = NOW_MS + 1000;
    row->price_cents = 4250;
    return row;
}

static struct seen_payment *add_payment(struct world *world, const char *id,
                                        enum payment_status status)
{
    struct seen_payment *row = rows_add(&world->payments);

    text_copy(row->id, ID_BYTES, id);
    text_copy(row->order_id, ID_BYTES, ORDER);
    text_copy(row->stripe_id, STRIPE_ID_BYTES, "pi_1");
    row->status = status;
    row->amount_cents = 4250;
    return row;
}

static struct seen_intent *add_intent(struct world *world, enum stripe_status status)
{
    struct seen_intent *row = rows_add(&world->intents);

    text_copy(row->payment_id, ID_BYTES, PAYMENT);
    text_copy(row->stripe_id, STRIPE_ID_BYTES, "pi_1");
    row->status = (int)status;
    row->amount_cents = 4250;
    return row;
}

/* An aggregate of orders with the events 0 … version. */
static struct seen_aggregate *add_story(struct world *world, const char *id, int64_t version)
{
    struct seen_aggregate *row;

    for (int64_t v = 0; v <= version; v++) {
        struct seen_event *event = rows_add(&world->events);

        text_copy(event->id, ID_BYTES, id);
        event->owner = OWNER_ORDERS;
        event->version = v;
        event->body_hash = (uint64_t)v + 1;
    }
    row = rows_add(&world->aggregates);
    text_copy(row->id, ID_BYTES, id);
    row->owner = OWNER_ORDERS;
    row->version = version;
    return row;
}

/* A ticket that was bought and paid for. */
static void make_purchase(struct world *world)
{
    world_init(world);
    world->now_ms = NOW_MS;
    world->with_stripe = true;
    add_ticket(world, TICKET, TICKET_SOLD, ORDER);
    add_order(world, ORDER, ORDER_COMPLETE);
    add_payment(world, PAYMENT, PAYMENT_CAPTURED);
    add_intent(world, STRIPE_SUCCEEDED);
    add_story(world, ORDER, 3);
}

/* The audit finds exactly these promises broken, once each; "" for none. */
static void expect_broken(struct world *world, const char *promises)
{
    struct rows findings = audit_check(world);
    char found[256] = "";

    for (size_t i = 0; i < findings.count; i++) {
        const struct finding *finding = rows_at(&findings, i);
        size_t length = strlen(found);

        snprintf(found + length, sizeof(found) - length, "%s%s", i > 0 ? " " : "",
                 finding->promise);
        fprintf(stderr, "%s: %s\n", finding->promise, finding->text);
    }
    cr_expect_str_eq(found, promises);
    rows_release(&findings);
    world_release(world);
}

Test(audit, a_purchase_breaks_nothing)
{
    struct world world;

    make_purchase(&world);
    expect_broken(&world, "");
}

Test(audit, an_empty_world_breaks_nothing)
{
    struct world world;

    world_init(&world);
    expect_broken(&world, "");
}

Test(audit, two_live_orders_of_one_ticket)
{
    struct world world;

    make_purchase(&world);
    add_order(&world, OTHER, ORDER_CREATED);
    expect_broken(&world, "P1 P1"); /* the pair, and the second's ticket is not its own */
}

Test(audit, a_complete_order_whose_ticket_is_not_sold)
{
    struct world world;

    make_purchase(&world);
    ((struct seen_ticket *)world.tickets.data)->status = TICKET_AVAILABLE;
    ((struct seen_ticket *)world.tickets.data)->order_id[0] = '\0';
    expect_broken(&world, "P1");
}

Test(audit, a_lock_that_nobody_holds)
{
    struct world world;

    make_purchase(&world);
    add_ticket(&world, OTHER, TICKET_RESERVED, "555555555555555555555555");
    expect_broken(&world, "P4");
}

Test(audit, an_order_that_outlives_its_deadline)
{
    struct world world;
    struct seen_order *order;

    world_init(&world);
    world.now_ms = NOW_MS;
    add_ticket(&world, TICKET, TICKET_RESERVED, ORDER);
    order = add_order(&world, ORDER, ORDER_CREATED);
    order->expires_at_ms = NOW_MS - AUDIT_LATE_MS - 1;
    expect_broken(&world, "P4");
}

Test(audit, an_order_just_past_its_deadline_is_let_be)
{
    struct world world;
    struct seen_order *order;

    world_init(&world);
    world.now_ms = NOW_MS;
    add_ticket(&world, TICKET, TICKET_RESERVED, ORDER);
    order = add_order(&world, ORDER, ORDER_CREATED);
    order->expires_at_ms = NOW_MS - AUDIT_LATE_MS + 1;
    expect_broken(&world, "");
}

Test(audit, a_version_without_an_event)
{
    struct world world;

    make_purchase(&world);
    add_story(&world, OTHER, 2)->version = 3;
    expect_broken(&world, "P2");
}

Test(audit, a_hole_between_versions)
{
    struct world world;
    struct seen_event *last;

    make_purchase(&world);
    add_story(&world, OTHER, 2)->version = 3;
    last = rows_at(&world.events, world.events.count - 1);
    last->version = 3; /* 0, 1, 3 */
    expect_broken(&world, "P2");
}

Test(audit, an_event_without_its_change)
{
    struct world world;

    make_purchase(&world);
    add_story(&world, OTHER, 3)->version = 2;
    expect_broken(&world, "P2");
}

Test(audit, an_event_of_what_does_not_exist)
{
    struct world world;

    make_purchase(&world);
    add_story(&world, OTHER, 2);
    world.aggregates.count--;
    expect_broken(&world, "P2");
}

Test(audit, two_different_events_of_one_version)
{
    struct world world;
    struct seen_event *again;

    make_purchase(&world);
    again = rows_add(&world.events);
    text_copy(again->id, ID_BYTES, ORDER);
    again->owner = OWNER_ORDERS;
    again->version = 1;
    again->body_hash = 99;
    expect_broken(&world, "P2");
}

Test(audit, the_same_event_twice_is_harmless)
{
    struct world world;
    struct seen_event *again;

    make_purchase(&world);
    again = rows_add(&world.events);
    text_copy(again->id, ID_BYTES, ORDER);
    again->owner = OWNER_ORDERS;
    again->version = 1;
    again->body_hash = 2;
    expect_broken(&world, "");
}

Test(audit, a_stream_that_no_longer_reaches_back_is_no_hole)
{
    struct world world;

    make_purchase(&world);
    world.truncated[OWNER_ORDERS] = true;
    for (size_t i = 0; i < world.events.count; i++)
        ((struct seen_event *)rows_at(&world.events, i))->version += 5;
    ((struct seen_aggregate *)world.aggregates.data)->version = 8;
    expect_broken(&world, "");
}

/* The aggregates' ids begin with 0x22222222: a second of 1988. */
Test(audit, what_is_older_than_a_stream_that_was_made_again_may_lack_its_first_events)
{
    const int64_t second_ms = INT64_C(0x22222222) * 1000;

    for (int64_t made_ms = second_ms; made_ms <= second_ms + 1; made_ms++) {
        struct world world;

        make_purchase(&world);
        world.made_ms[OWNER_ORDERS] = made_ms;
        for (size_t i = 0; i < world.events.count; i++)
            ((struct seen_event *)rows_at(&world.events, i))->version += 5;
        ((struct seen_aggregate *)world.aggregates.data)->version = 8;
        expect_broken(&world, made_ms > second_ms ? "" : "P2 P2 P2 P2 P2"); /* versions 0 to 4 */
    }
}

Test(audit, an_event_that_nobody_has_published)
{
    struct world world;
    struct seen_aggregate *aggregate;

    make_purchase(&world);
    aggregate = add_story(&world, OTHER, 2);
    aggregate->version = 3;
    aggregate->waiting = 1;
    expect_broken(&world, "P2");
}

Test(audit, money_taken_for_an_order_that_is_not_complete)
{
    struct world world;

    make_purchase(&world);
    ((struct seen_order *)world.orders.data)->status = ORDER_CANCELLED;
    ((struct seen_ticket *)world.tickets.data)->status = TICKET_AVAILABLE;
    expect_broken(&world, "P6");
}

Test(audit, a_complete_order_that_nobody_paid)
{
    struct world world;

    make_purchase(&world);
    world.payments.count = 0;
    world.intents.count = 0;
    expect_broken(&world, "P6");
}

Test(audit, money_held_for_a_lost_order)
{
    struct world world;

    world_init(&world);
    world.with_stripe = true;
    add_ticket(&world, TICKET, TICKET_AVAILABLE, "");
    add_order(&world, ORDER, ORDER_CANCELLED);
    add_payment(&world, PAYMENT, PAYMENT_AUTHORIZED);
    add_intent(&world, STRIPE_REQUIRES_CAPTURE);
    expect_broken(&world, "P6");
}

Test(audit, stripe_has_not_taken_what_we_say_it_has)
{
    struct world world;

    make_purchase(&world);
    ((struct seen_intent *)world.intents.data)->status = STRIPE_REQUIRES_CAPTURE;
    expect_broken(&world, "P6 P6"); /* not taken, and still held */
}

Test(audit, an_order_charged_twice)
{
    struct world world;
    struct seen_payment *second;

    make_purchase(&world);
    world.with_stripe = false;
    second = add_payment(&world, OTHER, PAYMENT_CAPTURED);
    text_copy(second->stripe_id, STRIPE_ID_BYTES, "pi_2");
    expect_broken(&world, "P7");
}

Test(audit, an_intent_that_no_payment_knows)
{
    struct world world;
    struct seen_intent *stray;

    make_purchase(&world);
    stray = add_intent(&world, STRIPE_REQUIRES_CAPTURE);
    text_copy(stray->stripe_id, STRIPE_ID_BYTES, "pi_2");
    expect_broken(&world, "P7");
}

Test(audit, an_intent_that_was_never_confirmed_is_harmless)
{
    struct world world;
    struct seen_intent *stray;

    make_purchase(&world);
    stray = add_intent(&world, STRIPE_REQUIRES_CONFIRMATION);
    text_copy(stray->stripe_id, STRIPE_ID_BYTES, "pi_2");
    expect_broken(&world, "");
}

/* After a restore it is what was given back for a payment that the backup did not have. */
Test(audit, an_intent_that_no_payment_knows_is_none_once_all_of_it_is_refunded)
{
    static const char *const broken[] = {"P7", "P7", ""};
    static const int64_t refunded_cents[] = {0, 4249, 4250};
    struct world world;
    struct seen_intent *stray;

    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++) {
        make_purchase(&world);
        stray = add_intent(&world, STRIPE_SUCCEEDED);
        text_copy(stray->payment_id, ID_BYTES, OTHER);
        text_copy(stray->stripe_id, STRIPE_ID_BYTES, "pi_2");
        stray->refunded_cents = refunded_cents[i];
        expect_broken(&world, broken[i]);
    }
}

Test(audit, another_amount_than_was_agreed)
{
    struct world world;

    make_purchase(&world);
    ((struct seen_payment *)world.payments.data)->amount_cents = 4300;
    ((struct seen_intent *)world.intents.data)->amount_cents = 4300;
    expect_broken(&world, "P6");
}

Test(audit, a_refund_of_what_was_captured_is_no_loss)
{
    struct world world;

    world_init(&world);
    world.with_stripe = true;
    add_ticket(&world, TICKET, TICKET_AVAILABLE, "");
    add_order(&world, ORDER, ORDER_CANCELLED);
    add_payment(&world, PAYMENT, PAYMENT_REFUNDED);
    add_intent(&world, STRIPE_SUCCEEDED)->refunded_cents = 4250;
    expect_broken(&world, "");
}

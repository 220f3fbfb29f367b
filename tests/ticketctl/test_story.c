/*
 * Stories: which events belong to an order's way, and in which order they are told.
 */

#include "ticketctl/story.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ORDER   "222222222222222222222222"
#define TICKET  "111111111111111111111111"
#define PAYMENT "333333333333333333333333"
#define OTHER   "444444444444444444444444"

static struct event event_of(enum event_type type, const char *id, int64_t version)
{
    struct event event;

    event_init(&event, type, id, version);
    event.at_ms = 1000 + version;
    return event;
}

static struct event ticket_event(const char *ticket, int64_t version, const char *order)
{
    struct event event = event_of(EVENT_TICKET_UPDATED, ticket, version);

    text_copy(event.ticket.order_id, ID_BYTES, order);
    return event;
}

static struct event payment_event(const char *order)
{
    struct event event = event_of(EVENT_PAYMENT_STARTED, PAYMENT, 0);

    text_copy(event.payment.order_id, ID_BYTES, order);
    return event;
}

static struct event order_event(const char *order, int64_t version)
{
    struct event event = event_of(EVENT_ORDER_CREATED, order, version);

    text_copy(event.order.ticket.id, ID_BYTES, TICKET);
    return event;
}

static struct story given_story(void)
{
    struct story story = {.lines = NULL};

    text_copy(story.id, sizeof(story.id), ORDER);
    return story;
}

static void follow(struct story *story, struct event event)
{
    story_follow_order(story, &event, story->count + 1);
}

Test(story, an_orders_way_has_its_own_events_its_payments_and_its_timer)
{
    cleanup(story_release) struct story story = given_story();

    follow(&story, order_event(ORDER, 0));
    follow(&story, payment_event(ORDER));
    follow(&story, event_of(EVENT_EXPIRATION_COMPLETE, ORDER, 0));
    cr_expect_eq(story.count, 3);
    follow(&story, order_event(OTHER, 0));
    follow(&story, payment_event(OTHER));
    follow(&story, event_of(EVENT_EXPIRATION_COMPLETE, OTHER, 0));
    cr_expect_eq(story.count, 3, "what is another order's is not told");
}

Test(story, its_ticket_is_locked_and_freed_and_then_no_concern_of_the_order)
{
    cleanup(story_release) struct story story = given_story();

    follow(&story, ticket_event(TICKET, 0, ""));
    cr_expect_eq(story.count, 0, "before the order there was no lock");
    follow(&story, ticket_event(TICKET, 1, ORDER));
    follow(&story, ticket_event(OTHER, 2, ""));
    follow(&story, ticket_event(TICKET, 2, ""));
    cr_assert_eq(story.count, 2);
    cr_expect_eq(story.lines[1].event.version, 2);
    follow(&story, ticket_event(TICKET, 3, ""));
    follow(&story, ticket_event(TICKET, 4, OTHER));
    cr_expect_eq(story.count, 2);
}

Test(story, it_is_told_in_order_of_time_then_of_version)
{
    cleanup(story_release) struct story story = given_story();
    struct event early = order_event(ORDER, 1), late = order_event(ORDER, 2);
    struct event latest = payment_event(ORDER);

    early.at_ms = late.at_ms = 5000;
    latest.at_ms = 5001;
    follow(&story, latest);
    follow(&story, late);
    follow(&story, early);
    story_sort(&story);
    cr_expect_eq(story.lines[0].event.version, 1);
    cr_expect_eq(story.lines[1].event.version, 2);
    cr_expect_eq(story.lines[2].event.type, EVENT_PAYMENT_STARTED);
}

Test(story, an_event_that_was_said_twice_is_told_once)
{
    cleanup(story_release) struct story story = given_story();

    follow(&story, order_event(ORDER, 0));
    follow(&story, order_event(ORDER, 0));
    follow(&story, order_event(ORDER, 1));
    story_sort(&story);
    story_drop_repeats(&story);
    cr_assert_eq(story.count, 2);
    cr_expect_eq(story.lines[0].sequence, 1);
    cr_expect_eq(story.lines[1].event.version, 1);
}

Test(story, a_thing_is_mentioned_by_what_belongs_to_it)
{
    struct event order = order_event(ORDER, 0), payment = payment_event(ORDER);
    struct event ticket = ticket_event(TICKET, 1, ORDER);

    cr_expect(story_mentions(&order, TICKET));
    cr_expect(story_mentions(&payment, ORDER));
    cr_expect(story_mentions(&ticket, ORDER));
    cr_expect_not(story_mentions(&ticket, OTHER));
    cr_expect_not(story_mentions(&payment, TICKET));
}

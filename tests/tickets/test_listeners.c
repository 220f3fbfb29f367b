/*
 * What tickets does when it hears of orders: first, twice, early, late, of unknown tickets, and in
 * every order two orders may cross. On the real binary and real stores.
 */
#include "common/instant.h"
#include "tests/support/one_service.h"
#include "tickets/app.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SELLER "aaaaaaaaaaaaaaaaaaaaaaaa"
#define BUYER  "bbbbbbbbbbbbbbbbbbbbbbbb"
#define FIRST  "111111111111111111111111"
#define SECOND "222222222222222222222222"

static char ticket_id[ID_BYTES];

static void given_a_ticket(void)
{
    const struct answer *answer;

    given_one_service("tickets", NULL);
    sign_as(SELLER, ROLE_USER);
    answer = ask("POST", "/api/tickets", "{\"title\":\"Concert\",\"price\":20}");
    expect_status(answer, 201);
    text_copy(ticket_id, sizeof(ticket_id), answer_text(answer, "id"));
}

static struct event order_event(enum event_type type, const char *order_id, int64_t version)
{
    static const enum order_status statuses[EVENT_TYPE_COUNT] = {
        [EVENT_ORDER_CREATED] = ORDER_CREATED,
        [EVENT_ORDER_AWAITING] = ORDER_AWAITING,
        [EVENT_ORDER_CANCELLED] = ORDER_CANCELLED,
        [EVENT_ORDER_COMPLETED] = ORDER_COMPLETE,
    };
    struct event event;

    event_init(&event, type, order_id, version);
    event.order.status = statuses[type];
    text_copy(event.order.user_id, sizeof(event.order.user_id), BUYER);
    text_copy(event.order.ticket.id, sizeof(event.order.ticket.id), ticket_id);
    text_copy(event.order.ticket.title, sizeof(event.order.ticket.title), "Concert");
    event.order.ticket.price_cents = 2000;
    event.order.expires_at_ms = event.at_ms + 900000;
    return event;
}

static void hear(enum event_type type, const char *order_id, int64_t version)
{
    struct event event = order_event(type, order_id, version);

    deliver(&event);
}

/* Wait until the copy of the order is at `version`. */
static void await_copy(const char *order_id, int64_t version)
{
    char filter[128];

    snprintf(filter, sizeof(filter), "{\"_id\":{\"$oid\":\"%s\"},\"version\":%lld}", order_id,
             (long long)version);
    bson_destroy(await_document("orders", filter));
}

/* Wait until the ticket is so, at `version`, and said so. `order_id` "" for nobody. */
static void expect_ticket(const char *status, const char *order_id, int64_t version)
{
    char filter[256], order[64] = "{\"$exists\":false}", path[64];
    const struct answer *answer;
    struct event event;

    if (order_id[0])
        snprintf(order, sizeof(order), "{\"$oid\":\"%s\"}", order_id);
    snprintf(filter, sizeof(filter),
             "{\"_id\":{\"$oid\":\"%s\"},\"status\":\"%s\",\"orderId\":%s,\"version\":%lld}",
             ticket_id, status, order, (long long)version);
    bson_destroy(await_document("tickets", filter));

    event = await_event(EVENT_TICKET_UPDATED, ticket_id, version);
    cr_assert_str_eq(ticket_status_name(event.ticket.status), status);
    cr_assert_str_eq(event.ticket.order_id, order_id);
    snprintf(path, sizeof(path), "/api/tickets/%s", ticket_id);
    answer = ask("GET", path, NULL);
    cr_assert_str_eq(answer_text(answer, "status"), status);
    if (order_id[0])
        cr_assert_str_eq(answer_text(answer, "orderId"), order_id);
}

Test(order_created, it_locks_the_ticket)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    expect_ticket("reserved", FIRST, 1);
}

/* The third message is the fence: one order's messages are handled in order. */
Test(order_created, twice_is_once)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_COMPLETED, FIRST, 1);
    expect_ticket("sold", FIRST, 2);
    cr_assert_eq(count_events(EVENT_TICKET_UPDATED, ticket_id), 3, "created, reserved, sold");
}

Test(order_created, one_that_comes_after_its_end_changes_nothing)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_CANCELLED, FIRST, 1);
    expect_ticket("available", "", 2);
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_CANCELLED, FIRST, 1);
    hear(EVENT_ORDER_CREATED, SECOND, 0);
    expect_ticket("reserved", SECOND, 3);
}

Test(order_created, a_gap_is_waited_for)
{
    given_a_ticket();
    hear(EVENT_ORDER_CANCELLED, FIRST, 1); /* early: version 0 is missing */
    hear(EVENT_ORDER_CREATED, SECOND, 0);
    await_copy(SECOND, 0);
    cr_assert_eq(count_documents("orders", "{\"_id\":{\"$oid\":\"" FIRST "\"}}"), 0);
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    await_copy(FIRST, 1);
    expect_ticket("reserved", SECOND, 1);
}

Test(order_created, a_gap_older_than_30_seconds_is_closed)
{
    struct event event;

    given_a_ticket();
    event = order_event(EVENT_ORDER_AWAITING, FIRST, 1);
    event.at_ms = instant_now() - 31000;
    deliver(&event);
    expect_ticket("reserved", FIRST, 1);
}

/* A second order made when the first was cancelled, heard of before that. */
Test(order_created, it_waits_for_the_lock_of_an_order_that_stands)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    expect_ticket("reserved", FIRST, 1);
    hear(EVENT_ORDER_CREATED, SECOND, 0);
    await_copy(SECOND, 0);
    hear(EVENT_ORDER_AWAITING, FIRST, 1);
    await_copy(FIRST, 1);
    expect_ticket("reserved", FIRST, 1);
    hear(EVENT_ORDER_CANCELLED, FIRST, 2);
    await_copy(FIRST, 2);
    /* Let go and locked again, or handed on in one step: either way it is the second's. */
    bson_destroy(await_document("tickets",
                                "{\"orderId\":{\"$oid\":\"" SECOND "\"},\"status\":\"reserved\"}"));
}

Test(order_created, a_withdrawn_ticket_stays_withdrawn)
{
    char path[64];

    given_a_ticket();
    snprintf(path, sizeof(path), "/api/tickets/%s", ticket_id);
    expect_status(ask("DELETE", path, NULL), 204);
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_CANCELLED, FIRST, 1);
    await_copy(FIRST, 1);
    cr_assert_str_eq(answer_text(ask("GET", path, NULL), "status"), "withdrawn");
    cr_assert_eq(answer_number(ask("GET", path, NULL), "version"), 1);
}

/* Every ticket was made here, so it is a defect or a damaged store: for a person to see. */
Test(order_created, an_unknown_ticket_parks_the_event_and_blocks_no_other)
{
    struct event event;

    given_a_ticket();
    event = order_event(EVENT_ORDER_CREATED, SECOND, 0);
    text_copy(event.order.ticket.id, sizeof(event.order.ticket.id), "cccccccccccccccccccccccc");
    deliver(&event);
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    expect_ticket("reserved", FIRST, 1);
    bson_destroy(await_document("deadletters", "{}"));
    cr_assert_eq(count_documents("deadletters", "{}"), 1);
}

Test(order_awaiting, the_lock_stays)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_AWAITING, FIRST, 1);
    hear(EVENT_ORDER_AWAITING, FIRST, 1);
    await_copy(FIRST, 1);
    expect_ticket("reserved", FIRST, 1);
}

Test(order_cancelled, it_lets_the_ticket_go_once)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_CANCELLED, FIRST, 1);
    hear(EVENT_ORDER_CANCELLED, FIRST, 1);
    expect_ticket("available", "", 2);
    hear(EVENT_ORDER_CREATED, SECOND, 0);
    expect_ticket("reserved", SECOND, 3);
}

/* The first order's end, said again when the second has the ticket, unlocks nothing. */
Test(order_cancelled, another_orders_lock_stays)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_CANCELLED, FIRST, 1);
    expect_ticket("available", "", 2);
    hear(EVENT_ORDER_CREATED, SECOND, 0);
    expect_ticket("reserved", SECOND, 3);
    hear(EVENT_ORDER_CANCELLED, FIRST, 1);
    hear(EVENT_ORDER_COMPLETED, SECOND, 1);
    expect_ticket("sold", SECOND, 4);
}

Test(order_completed, the_ticket_is_sold_once)
{
    given_a_ticket();
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_AWAITING, FIRST, 1);
    hear(EVENT_ORDER_COMPLETED, FIRST, 2);
    hear(EVENT_ORDER_COMPLETED, FIRST, 2);
    expect_ticket("sold", FIRST, 2);
    await_copy(FIRST, 2);
    cr_assert_eq(count_events(EVENT_TICKET_UPDATED, ticket_id), 3, "created, reserved, sold");
}

/* The withdrawal crossed with a payment that had begun: the sale stands. */
Test(order_completed, a_withdrawn_ticket_is_sold)
{
    char path[64];

    given_a_ticket();
    snprintf(path, sizeof(path), "/api/tickets/%s", ticket_id);
    expect_status(ask("DELETE", path, NULL), 204);
    hear(EVENT_ORDER_CREATED, FIRST, 0);
    hear(EVENT_ORDER_AWAITING, FIRST, 1);
    hear(EVENT_ORDER_COMPLETED, FIRST, 2);
    expect_ticket("sold", FIRST, 2);
}

/* Said again after a restart, all of it, in any order: nothing moves. */
Test(orders, a_replay_of_everything_changes_nothing)
{
    static const struct {
        enum event_type type;
        const char *order_id;
        int64_t version;
    } said[] = {
        {EVENT_ORDER_CREATED, FIRST, 0},    {EVENT_ORDER_CANCELLED, FIRST, 1},
        {EVENT_ORDER_CREATED, SECOND, 0},   {EVENT_ORDER_AWAITING, SECOND, 1},
        {EVENT_ORDER_COMPLETED, SECOND, 2},
    };
    int events;

    given_a_ticket();
    for (size_t i = 0; i < ARRAY_LENGTH(said); i++)
        hear(said[i].type, said[i].order_id, said[i].version);
    bson_destroy(await_document("tickets", "{\"status\":\"sold\",\"orderId\":{\"$oid\":\"" SECOND
                                           "\"},\"outbox\":[]}"));
    events = count_events(EVENT_TICKET_UPDATED, ticket_id);

    for (size_t i = ARRAY_LENGTH(said); i-- > 0;)
        hear(said[i].type, said[i].order_id, said[i].version);
    hear(EVENT_ORDER_CANCELLED, FIRST, 2); /* fences behind both orders' repeats */
    hear(EVENT_ORDER_COMPLETED, SECOND, 3);
    await_copy(FIRST, 2);
    await_copy(SECOND, 3);
    cr_assert_eq(count_events(EVENT_TICKET_UPDATED, ticket_id), events);
    cr_assert_eq(count_documents("deadletters", "{}"), 0);
}

/* Two processes handle one order's events at once: one may decide on the copy as it was, be paused,
 * and lock the ticket after the other has seen that the order is over. Whoever comes last puts it
 * right, so the lock of an order that is over is never left behind. */

#define ROUNDS 150

struct process {
    struct app *app;
    struct metrics *metrics;
    struct event event;
    pthread_barrier_t *together;
};

static const struct event_listener *listener_of(enum event_type type)
{
    for (size_t i = 0; i < ticket_listener_count; i++)
        if (ticket_listeners[i].event == type)
            return &ticket_listeners[i];
    cr_assert_fail("no listener");
    return NULL;
}

/* As common/bus does for each delivery: the copy first, then the handler. */
static void *handle(void *context)
{
    struct process *process = context;
    const struct event_listener *listener = listener_of(process->event.type);
    const struct event *event = &process->event;
    int r;

    pthread_barrier_wait(process->together);
    do {
        if (copy_move(process->app->core.store, process->metrics, listener->copy, &event, 1, &r) !=
            0)
            break;
        if (r == 0)
            r = listener->handle(process->app, event);
    } while (r == STALE);
    store_thread_done(process->app->core.store);
    return NULL;
}

static void insert_ticket(struct app *app)
{
    struct ticket ticket;
    struct event event;

    ticket_init(&ticket, SELLER, "Concert", 2000, instant_now());
    event_ticket_created(&ticket, &event);
    cr_assert_eq(ticket_insert(app->core.outbox, &ticket, &event), 0);
    text_copy(ticket_id, sizeof(ticket_id), ticket.id);
}

Test(orders, no_lock_outlives_its_order_when_two_processes_cross, .timeout = 60)
{
    static const char *const collections[] = {TICKETS};
    struct metrics *metrics = metrics_new();
    struct app app = {.core = {.store = given_store()}};
    struct process processes[2];
    pthread_barrier_t together;
    pthread_t threads[2];
    struct ticket ticket;
    char order_id[ID_BYTES];

    cr_assert_eq(outbox_open(app.core.store, given_bus("tickets"), metrics, collections, 1,
                             &app.core.outbox),
                 0);
    pthread_barrier_init(&together, NULL, 2);
    for (int round = 0; round < ROUNDS; round++) {
        store_new_id(order_id);
        insert_ticket(&app);
        processes[0] = (struct process){&app, metrics,
                                        order_event(EVENT_ORDER_CREATED, order_id, 0), &together};
        processes[1] = (struct process){&app, metrics,
                                        order_event(EVENT_ORDER_CANCELLED, order_id, 1), &together};
        for (size_t i = 0; i < 2; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, handle, &processes[i]), 0);
        for (size_t i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        cr_assert_eq(ticket_find(app.core.store, ticket_id, &ticket), 0);
        cr_assert_eq(ticket.state.status, TICKET_AVAILABLE, "round %d: locked for ever", round);
    }
    outbox_free(app.core.outbox, 1000);
    metrics_free(metrics);
}

/*
 * Several at one order at once: whoever saves first has changed it, the others see what it became.
 */

#include "tests/orders/play.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* What `decide` is given to save again and again without somebody being faster. */
struct meddler {
    struct app *app;
    int rounds; /* how often somebody else saves between the read and our save */
    int asked;
};

static int decide_late(void *context, struct order *order, enum order_effect *ret_effect)
{
    struct meddler *meddler = context;
    struct order_payment seen = {.version = meddler->asked, .status = PAYMENT_STARTED};
    struct order faster = *order;
    struct event event;

    text_copy(seen.id, sizeof(seen.id), "111111111111111111111111");
    if (meddler->asked++ < meddler->rounds) {
        cr_assert_eq(order_see_payment(&faster, &seen, instant_now()), EFFECT_SAVE);
        event_order(&faster, &event);
        cr_assert_eq(order_save(meddler->app->core.outbox, &faster, &event), 0);
    }
    *ret_effect = order_cancel(order, CAUSE_EXPIRED, instant_now());
    return 0;
}

Test(change, is_decided_again_when_somebody_else_was_faster)
{
    struct app *app = given_app();
    struct meddler meddler = {.app = app, .rounds = ORDERS_TRIES - 1};
    struct order order = stored_order(app, new_id(), new_id(), 0);
    const struct order_change change = {order.id, decide_late, &meddler};

    cr_expect_eq(order_change(app, &change, &order), 0);
    cr_expect_eq(meddler.asked, ORDERS_TRIES);
    cr_expect_eq(order_now(app, order.id).version, ORDERS_TRIES);
    cr_expect_eq(order_now(app, order.id).status, ORDER_CANCELLED);
}

Test(change, gives_up_when_others_are_always_faster)
{
    struct app *app = given_app();
    struct meddler meddler = {.app = app, .rounds = 1000};
    struct order order = stored_order(app, new_id(), new_id(), 0);
    const struct order_change change = {order.id, decide_late, &meddler};

    cr_expect_eq(order_change(app, &change, &order), -EAGAIN);
    cr_expect_eq(meddler.asked, ORDERS_TRIES);
}

static int decide_nothing(void *context, struct order *order, enum order_effect *ret_effect)
{
    (void)order;
    *ret_effect = EFFECT_NONE;
    return *(int *)context;
}

Test(change, ends_with_what_was_decided_and_writes_nothing)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    int outcome = FORBIDDEN;
    struct order_change change = {order.id, decide_nothing, &outcome};

    cr_expect_eq(order_change(app, &change, &order), FORBIDDEN);
    outcome = 0;
    cr_expect_eq(order_change(app, &change, &order), 0);
    cr_expect_eq(order_now(app, order.id).version, 0);
    change.order_id = new_id();
    cr_expect_eq(order_change(app, &change, &order), NOT_FOUND);
}

/* At the deadline: a timer, a payment that is authorised, and the sweep, all at once. */
struct deadline {
    struct app *app;
    struct event event;
    pthread_barrier_t *start;
    int result;
};

static void *hear_at_deadline(void *context)
{
    struct deadline *part = context;

    pthread_barrier_wait(part->start);
    part->result = hear(part->app, &part->event);
    store_thread_done(part->app->core.store);
    return NULL;
}

Test(change, at_the_deadline_an_order_is_either_paid_or_expired)
{
    enum { ROUNDS = 40, PARTS = 4 };
    struct app *app = given_app();
    struct deadline parts[PARTS];
    pthread_barrier_t start;
    pthread_t threads[PARTS];
    int paid = 0;

    pthread_barrier_init(&start, NULL, PARTS);
    for (int round = 0; round < ROUNDS; round++) {
        struct order order = stored_order(app, new_id(), new_id(), 0);
        const char *payment = new_id();
        int64_t due = order.expires_at_ms + ORDER_STRETCH_MS;
        struct event started = payment_event(payment, 0, PAYMENT_STARTED, order.id);
        struct event authorized = payment_event(payment, 1, PAYMENT_AUTHORIZED, order.id);
        struct event timer = timer_event(order.id, due);

        cr_assert_eq(hear(app, &started), 0);
        instant_fake(due);
        for (int i = 0; i < PARTS; i++) { /* each event twice, as two processes might hear it */
            parts[i] = (struct deadline){app, i % 2 == 0 ? authorized : timer, &start, -1};
            cr_assert_eq(pthread_create(&threads[i], NULL, hear_at_deadline, &parts[i]), 0);
        }
        for (int i = 0; i < PARTS; i++) {
            pthread_join(threads[i], NULL);
            cr_expect_eq(parts[i].result, 0);
        }
        instant_fake(0);
        order = order_now(app, order.id);
        cr_expect_eq(order.version, 2, "exactly one of them changed it");
        cr_expect(order_cause(&order) == CAUSE_EXPIRED ||
                  order_cause(&order) == CAUSE_PAYMENT_AUTHORIZED);
        paid += order.status == ORDER_COMPLETE;
    }
    pthread_barrier_destroy(&start);
    cr_log_info("%d of %d paid", paid, ROUNDS);
}

/* The withdrawal came between our look at the ticket and the insert, and found no order. */
Test(change, an_order_that_was_inserted_after_the_withdrawal_gives_in_to_it)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct event withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);
    struct order order;

    cr_assert_eq(hear(app, &withdrawn), 0);
    order = stored_order(app, new_id(), ticket.aggregate_id, 0);
    cr_expect_eq(order_give_in_to_ticket(app, &order), 0);
    cr_expect_eq(order.status, ORDER_CANCELLED);
    cr_expect_eq(order_cause(&order), CAUSE_TICKET_WITHDRAWN);
    cr_expect_eq(order_now(app, order.id).version, 1);
    cr_expect_eq(order_give_in_to_ticket(app, &order), 0);
    cr_expect_eq(order_now(app, order.id).version, 1);
}

Test(change, an_order_of_a_ticket_that_is_not_withdrawn_stands)
{
    struct app *app = given_app();
    struct event ticket = known_ticket(app);
    struct order order = stored_order(app, new_id(), ticket.aggregate_id, 0);
    struct order unheard = stored_order(app, new_id(), new_id(), 0);

    cr_expect_eq(order_give_in_to_ticket(app, &order), 0);
    cr_expect_eq(order_give_in_to_ticket(app, &unheard), 0);
    cr_expect_eq(order.status, ORDER_CREATED);
    cr_expect_eq(order_now(app, unheard.id).status, ORDER_CREATED);
}

struct crossing {
    struct app *app;
    struct event withdrawn, failed;
    pthread_barrier_t start;
};

static void *hear_withdrawal(void *context)
{
    struct crossing *crossing = context;

    pthread_barrier_wait(&crossing->start);
    cr_assert_eq(hear(crossing->app, &crossing->withdrawn), 0);
    store_thread_done(crossing->app->core.store);
    return NULL;
}

/* A withdrawal and the failure of the payment that stands in its way: whichever is first, no order
 * of a withdrawn ticket is left open. */
Test(change, a_withdrawal_that_crosses_a_failing_payment_always_ends_the_order)
{
    struct crossing crossing = {.app = given_app()};
    pthread_t thread;

    pthread_barrier_init(&crossing.start, NULL, 2);
    for (int round = 0; round < 40; round++) {
        struct event ticket = known_ticket(crossing.app);
        struct order order = stored_order(crossing.app, new_id(), ticket.aggregate_id, 0);
        const char *payment = new_id();
        struct event started = payment_event(payment, 0, PAYMENT_STARTED, order.id);

        crossing.withdrawn = ticket_at(&ticket, 1, TICKET_WITHDRAWN);
        crossing.failed = payment_event(payment, 1, PAYMENT_FAILED, order.id);
        cr_assert_eq(hear(crossing.app, &started), 0);
        cr_assert_eq(pthread_create(&thread, NULL, hear_withdrawal, &crossing), 0);
        pthread_barrier_wait(&crossing.start);
        cr_assert_eq(hear(crossing.app, &crossing.failed), 0);
        pthread_join(thread, NULL);
        order = order_now(crossing.app, order.id);
        cr_expect_eq(order.status, ORDER_CANCELLED);
        cr_expect_eq(order_cause(&order), CAUSE_TICKET_WITHDRAWN);
    }
    pthread_barrier_destroy(&crossing.start);
}

/*
 * The collection on a real MongoDB: who is first at the unique indexes, versions, lists.
 */

#include "tests/orders/play.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void cancel(struct app *app, const char *id)
{
    struct order order = order_now(app, id);
    struct event event;

    cr_assert_eq(order_cancel(&order, CAUSE_BUYER_CANCELLED, instant_now()), EFFECT_SAVE);
    event_order(&order, &event);
    cr_assert_eq(order_save(app->core.outbox, &order, &event), 0);
}

Test(order_store, an_unknown_order_is_not_found)
{
    struct app *app = given_app();
    struct order order;
    char id[ID_BYTES];

    cr_expect_eq(order_find(app->core.store, new_id(), &order), NOT_FOUND);
    cr_expect_eq(order_find_live(app->core.store, new_id(), id), NOT_FOUND);
}

Test(order_store, a_ticket_has_one_live_order_until_that_is_cancelled)
{
    struct app *app = given_app();
    const char *ticket = new_id();
    struct order first = stored_order(app, new_id(), ticket, 0);
    struct order second = new_order(new_id(), ticket, 0);
    char index[STORE_INDEX_BYTES], live[ID_BYTES];

    cr_expect_eq(insert_order(app, &second, index), CONFLICT);
    cr_expect_str_eq(index, ORDER_INDEX_TICKET);
    cr_assert_eq(order_find_live(app->core.store, ticket, live), 0);
    cr_expect_str_eq(live, first.id);
    cancel(app, first.id);
    cr_expect_eq(order_find_live(app->core.store, ticket, live), NOT_FOUND);
    cr_expect_eq(insert_order(app, &second, index), 0);
}

Test(order_store, a_complete_order_holds_its_ticket_but_no_slot)
{
    struct app *app = given_app();
    const char *ann = new_id(), *ticket = new_id();
    struct order first = stored_order(app, ann, ticket, 0);
    struct order same_ticket = new_order(new_id(), ticket, 0);
    struct order same_slot = new_order(ann, new_id(), 0);
    struct event paid = payment_event(new_id(), 0, PAYMENT_AUTHORIZED, first.id);
    char index[STORE_INDEX_BYTES];

    cr_expect_eq(insert_order(app, &same_slot, index), CONFLICT);
    cr_expect_str_eq(index, ORDER_INDEX_SLOT);
    cr_assert_eq(hear(app, &paid), 0);
    cr_expect_eq(insert_order(app, &same_ticket, index), CONFLICT);
    cr_expect_str_eq(index, ORDER_INDEX_TICKET);
    cr_expect_eq(insert_order(app, &same_slot, index), 0);
}

#define RACERS 20

struct race {
    struct app *app;
    const char *ticket;
    pthread_barrier_t start;
    atomic_int won, lost;
};

static void *race_for_ticket(void *context)
{
    struct race *race = context;
    char user[ID_BYTES], index[STORE_INDEX_BYTES];
    struct order order;
    int r;

    store_new_id(user);
    order = new_order(user, race->ticket, 0);
    pthread_barrier_wait(&race->start);
    r = insert_order(race->app, &order, index);
    if (r == 0)
        atomic_fetch_add(&race->won, 1);
    if (r == CONFLICT && strcmp(index, ORDER_INDEX_TICKET) == 0)
        atomic_fetch_add(&race->lost, 1);
    store_thread_done(race->app->core.store);
    return NULL;
}

Test(order_store, of_twenty_buyers_at_once_exactly_one_gets_the_ticket)
{
    struct race race = {.app = given_app()};
    pthread_t threads[RACERS];

    pthread_barrier_init(&race.start, NULL, RACERS);
    for (int round = 0; round < 10; round++) {
        race.ticket = new_id();
        race.won = race.lost = 0;
        for (int i = 0; i < RACERS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, race_for_ticket, &race), 0);
        for (int i = 0; i < RACERS; i++)
            pthread_join(threads[i], NULL);
        cr_expect_eq(race.won, 1);
        cr_expect_eq(race.lost, RACERS - 1);
    }
    pthread_barrier_destroy(&race.start);
}

Test(order_store, a_save_of_what_was_read_too_long_ago_writes_nothing)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0), late = order;
    struct event event;

    cancel(app, order.id);
    cr_assert_eq(order_expire(&late, late.expires_at_ms), EFFECT_SAVE);
    event_order(&late, &event);
    cr_expect_eq(order_save(app->core.outbox, &late, &event), STALE);
    late = order_now(app, order.id);
    cr_expect_eq(late.version, 1);
    cr_expect_eq(order_cause(&late), CAUSE_BUYER_CANCELLED);
}

Test(order_store, a_survey_sees_the_live_order_of_the_ticket_and_the_buyers_open_slots)
{
    struct app *app = given_app();
    const char *ann = new_id(), *bob = new_id(), *ticket = new_id();
    struct order_survey survey;
    struct order over;

    stored_order(app, ann, new_id(), 0);
    stored_order(app, ann, new_id(), 5);
    stored_order(app, bob, ticket, 3);
    over = stored_order(app, ann, new_id(), 7);
    cancel(app, over.id);

    cr_assert_eq(order_survey(app->core.store, ann, ticket, &survey), 0);
    cr_expect(survey.taken);
    cr_expect_eq(survey.taken_slots, UINT64_C(1) << 0 | UINT64_C(1) << 5);
    cr_assert_eq(order_survey(app->core.store, bob, new_id(), &survey), 0);
    cr_expect_not(survey.taken);
    cr_expect_eq(survey.taken_slots, UINT64_C(1) << 3);
}

/* An order that is not stored, of a request with this fingerprint. */
static struct order asked_for(const char *user_id, const char *ticket_id, const char *fingerprint)
{
    struct order order = new_order(user_id, ticket_id, 0);

    text_copy(order.fingerprint, sizeof(order.fingerprint), fingerprint);
    return order;
}

Test(order_store, the_order_that_a_request_made_is_found_by_it_while_it_is_live)
{
    struct app *app = given_app();
    const char *ann = new_id(), *ticket = new_id();
    struct order made = asked_for(ann, ticket, "f00d"), again = asked_for(ann, ticket, "f00d");
    struct event paid = payment_event(new_id(), 0, PAYMENT_STARTED, made.id);
    char index[STORE_INDEX_BYTES];

    cr_expect_eq(order_find_made(app->core.store, &again), NOT_FOUND);
    cr_assert_eq(insert_order(app, &made, index), 0);
    cr_assert_eq(hear(app, &paid), 0);
    cr_assert_eq(order_find_made(app->core.store, &again), 0);
    cr_expect_str_eq(again.id, made.id);
    cr_expect_eq(again.status, ORDER_AWAITING, "as it stands now");
    cr_expect_str_eq(order_now(app, made.id).fingerprint, "f00d", "also after a save");

    cancel(app, made.id);
    again = asked_for(ann, ticket, "f00d");
    cr_expect_eq(order_find_made(app->core.store, &again), NOT_FOUND);
    cr_expect_str_neq(again.id, made.id, "as it was");
}

Test(order_store, the_order_of_another_request_is_not_found_by_it)
{
    struct app *app = given_app();
    const char *ann = new_id(), *ticket = new_id();
    struct order made = asked_for(ann, ticket, "f00d"),
                 keyless = stored_order(app, ann, new_id(), 1);
    struct order others[] = {
        asked_for(ann, ticket, "beef"),        asked_for(new_id(), ticket, "f00d"),
        asked_for(ann, new_id(), "f00d"),      asked_for(ann, ticket, ""),
        asked_for(ann, keyless.ticket.id, ""), asked_for(ann, keyless.ticket.id, "f00d")};
    char index[STORE_INDEX_BYTES];

    cr_assert_eq(insert_order(app, &made, index), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        cr_expect_eq(order_find_made(app->core.store, &others[i]), NOT_FOUND, "%zu", i);
}

Test(order_store, lists_what_is_overdue_and_open_earliest_first)
{
    struct app *app = given_app();
    struct order later = stored_order(app, new_id(), new_id(), 0);
    struct order over, earlier;
    char ids[8][ID_BYTES];
    size_t count = 99;

    instant_fake(later.created_at_ms - 5000);
    earlier = stored_order(app, new_id(), new_id(), 0);
    over = stored_order(app, new_id(), new_id(), 0);
    instant_fake(0);
    cancel(app, over.id);

    cr_assert_eq(order_list_overdue(app->core.store, earlier.expires_at_ms, 8, ids, &count), 0);
    cr_expect_eq(count, 0, "not before its deadline");
    cr_assert_eq(order_list_overdue(app->core.store, later.expires_at_ms + 1, 8, ids, &count), 0);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(ids[0], earlier.id);
    cr_expect_str_eq(ids[1], later.id);
    cr_assert_eq(order_list_overdue(app->core.store, later.expires_at_ms + 1, 1, ids, &count), 0);
    cr_expect_eq(count, 1);
}

struct seen {
    char ids[64][ID_BYTES];
    size_t count;
};

static void note(void *context, const struct order *order)
{
    struct seen *seen = context;

    cr_assert_lt(seen->count, ARRAY_LENGTH(seen->ids));
    text_copy(seen->ids[seen->count++], ID_BYTES, order->id);
}

Test(order_store, pages_through_a_buyers_orders_newest_first_each_once)
{
    struct app *app = given_app();
    const char *ann = new_id();
    char made[7][ID_BYTES], next[ORDER_CURSOR_BYTES] = "", cursor[ORDER_CURSOR_BYTES];
    struct seen seen = {0};
    struct order_page page = {.user_id = ann, .limit = 3, .each = note, .context = &seen};
    int64_t start = instant_now();
    int pages = 0;

    stored_order(app, new_id(), new_id(), 0); /* somebody else's */
    for (int i = 0; i < 7; i++) {
        instant_fake(start + i / 2); /* two in each millisecond */
        text_copy(made[i], ID_BYTES, stored_order(app, ann, new_id(), i).id);
    }
    do {
        text_copy(cursor, sizeof(cursor), next);
        page.cursor = cursor[0] == '\0' ? NULL : cursor;
        cr_assert_eq(order_list(app->core.store, &page, next), 0);
        pages++;
    } while (next[0] != '\0' && pages < 9);

    cr_expect_eq(pages, 3);
    cr_assert_eq(seen.count, 7);
    cr_expect_str_eq(seen.ids[0], made[6]);
    for (int i = 0; i < 6; i += 2) { /* within a millisecond, by id */
        const char *one = seen.ids[5 - i], *other = seen.ids[6 - i];

        cr_expect((strcmp(one, made[i]) == 0 && strcmp(other, made[i + 1]) == 0) ||
                  (strcmp(one, made[i + 1]) == 0 && strcmp(other, made[i]) == 0));
        cr_expect_gt(strcmp(one, other), 0);
    }
}

Test(order_store, a_page_that_is_just_full_is_the_last)
{
    struct app *app = given_app();
    const char *ann = new_id();
    struct seen seen = {0};
    struct order_page page = {.user_id = ann, .limit = 2, .each = note, .context = &seen};
    char next[ORDER_CURSOR_BYTES] = "untouched";

    stored_order(app, ann, new_id(), 0);
    stored_order(app, ann, new_id(), 1);
    cr_assert_eq(order_list(app->core.store, &page, next), 0);
    cr_expect_eq(seen.count, 2);
    cr_expect_str_eq(next, "");
}

Test(order_store, nonsense_is_no_cursor)
{
    static const char *const nonsense[] = {
        "",
        "-",
        "17",
        "17-",
        "-65a0c0ffee65a0c0ffee65a0",
        "1x-65a0c0ffee65a0c0ffee65a0",
        "17-65a0c0ffee65a0c0ffee65a",
        "17-65a0c0ffee65a0c0ffee65a0z",
        "1234567890123456-65a0c0ffee65a0c0ffee65a0",
        " 17-65a0c0ffee65a0c0ffee65a0",
        "{\"$gt\":\"\"}",
    };
    struct app *app = given_app();
    struct seen seen = {0};
    struct order_page page = {.user_id = new_id(), .limit = 2, .each = note, .context = &seen};
    char next[ORDER_CURSOR_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(nonsense); i++) {
        page.cursor = nonsense[i];
        cr_expect_eq(order_list(app->core.store, &page, next), INVALID, "'%s'", nonsense[i]);
    }
}

Test(order_store, the_event_of_a_stored_document_is_the_one_that_was_said)
{
    struct app *app = given_app();
    struct order order = stored_order(app, new_id(), new_id(), 0);
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    cleanup(bson_freep) bson_t *document = NULL;
    struct event said, again;

    event_order(&order, &said);
    store_append_id(&filter, "_id", order.id);
    cr_assert_eq(store_find(app->core.store, ORDERS, &filter, NULL, &document), 0);
    cr_assert_eq(event_order_of_document(document, &again), 0);
    cr_expect_eq(again.type, EVENT_ORDER_CREATED);
    cr_expect_str_eq(again.id, said.id);
    cr_expect_str_eq(again.order.user_id, order.user_id);
    cr_expect_str_eq(again.order.cause, "ordered");
    cr_expect_eq(again.order.expires_at_ms, order.expires_at_ms);
}

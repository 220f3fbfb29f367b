/*
 * The operator looks into a running marketplace, and mends it: every command of ticketctl, on a
 * system that has something to show.
 */

#include "tests/support/audit.h"
#include "tests/support/operator.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *given_purchase(void)
{
    const char *ticket, *order;

    as_user("sue");
    ticket = given_ticket("Opera, row 5", 42.50);
    as_user("bob");
    order = given_order(ticket);
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    return order;
}

/* `text` has each of `parts`, in this order. */
static void expect_in_order(const char *text, const char *const *parts)
{
    const char *at_now = text;

    for (size_t i = 0; parts[i] != NULL; i++) {
        at_now = strstr(at_now, parts[i]);
        cr_assert(at_now != NULL, "%s is missing, or in the wrong place, in:\n%s", parts[i], text);
    }
}

Test(operator, the_whole_story_of_an_order_is_told_in_order)
{
    /* The payment and the order's own answer to it cross. */
    static const char *const of_order[] = {"order.created", "order.awaiting", "order.completed",
                                           NULL};
    static const char *const of_payment[] = {"order.created", "payment.started",
                                             "payment.authorized", "order.completed", NULL};
    const char *order;

    given_system(NULL);
    order = given_purchase();
    expect_all_is_well();
    cr_expect_eq(ticketctl("events", "show", order), 0);
    expect_in_order(ticketctl_said(), of_order);
    expect_in_order(ticketctl_said(), of_payment);
    cr_expect(strstr(ticketctl_said(), "payment.created") != NULL);
    cr_expect(strstr(ticketctl_said(), "ticket.updated") != NULL);
    cr_expect_eq(ticketctl("--json", "events", "show", order), 0);
    cr_expect(strstr(ticketctl_said(), "\"subject\":\"order.completed\"") != NULL);
    cr_expect_eq(ticketctl("events", "show", "aaaaaaaaaaaaaaaaaaaaaaaa"), 1);
    cr_expect_eq(ticketctl("events", "show", "nonsense"), 2);
}

Test(operator, the_audit_finds_what_was_tampered_with)
{
    const char *order;
    bson_t *filter, *update;
    struct store_config config = {.app_name = "test", .clients_max = 1};
    struct store *store;

    given_system(NULL);
    order = given_purchase();
    expect_all_is_well();

    config.uri = system_mongo();
    config.database = service_database("tickets");
    cr_assert_eq(store_open(&config, &store), 0);
    filter = BCON_NEW("status", BCON_UTF8("sold"));
    update = BCON_NEW("$set", "{", "status", BCON_UTF8("available"), "}");
    cr_assert_eq(store_update(store, "tickets", filter, update, /* many= */ true, NULL), 0);
    bson_destroy(filter);
    bson_destroy(update);
    store_thread_done(store);
    store_free(store);

    cr_expect_eq(ticketctl("audit", "--wait", "0"), 1);
    cr_expect(strstr(ticketctl_said(), "P1 broken") != NULL, "%s", ticketctl_said());
    cr_expect(strstr(ticketctl_said(), order) != NULL, "%s", ticketctl_said());
    cr_expect_eq(ticketctl("--json", "audit", "--wait", "0"), 1);
    cr_expect(strstr(ticketctl_said(), "\"promise\":\"P1\"") != NULL, "%s", ticketctl_said());
}

static bool is_refused(void *context)
{
    (void)context;
    return get("/api/orders")->status == 401;
}

Test(operator, a_user_is_banned_and_let_in_again)
{
    given_system(NULL);
    as_user("bob");
    expect_status(get("/api/orders"), 200);
    cr_expect_eq(ticketctl("ban", user_id("bob"), "--reason", "spam"), 0, "%s", ticketctl_said());
    cr_expect(strstr(ticketctl_said(), "\"banned\":true") != NULL);
    expect_status(get("/api/users/currentuser"), 200);
    eventually(is_refused, NULL, 2000, "a banned user is refused by orders");
    cr_expect_eq(ticketctl("unban", user_id("bob")), 0);
    cr_expect_eq(ticketctl("ban", "aaaaaaaaaaaaaaaaaaaaaaaa"), 1);
    cr_expect_eq(ticketctl("ban", "nobody"), 2);
}

static void note_published(void *context, int result)
{
    atomic_store((atomic_bool *)context, result == 0);
}

static bool is_published(void *context)
{
    return atomic_load((atomic_bool *)context);
}

/* Put a ticket.updated with this body into the stream. */
static void publish_poison(const char *body)
{
    static atomic_bool published;
    const struct bus_message message = {.subject = "ticket.updated",
                                        .id = "poison",
                                        .aggregate_id = "poison",
                                        .traceparent = "",
                                        .body = body,
                                        .body_length = strlen(body),
                                        .at_ms = instant_now()};

    bus_publish(given_bus("test"), &message, note_published, &published);
    eventually(is_published, &published, 10000, "the broker has the poison");
}

static bool letter_is_listed(void *context)
{
    return ticketctl("dead", "list") == 0 && strstr(ticketctl_said(), context) != NULL;
}

/* The id of the first letter of the list: the third word of its line. */
static const char *first_letter(void)
{
    static char id[128];

    cr_assert_eq(sscanf(ticketctl_said(), "%*s %*s %127s", id), 1);
    return id;
}

Test(operator, what_nobody_could_handle_is_listed_shown_replayed_and_dropped)
{
    static char poison[] = "ticket.updated";
    const char *id;

    given_system(NULL);
    cr_expect_eq(ticketctl("dead", "list"), 0);
    cr_expect(strstr(ticketctl_said(), "no dead letters") != NULL);

    publish_poison("{\"id\":\"not an id\"}");
    eventually(letter_is_listed, poison, 20000, "the poison is a dead letter");
    id = first_letter();
    cr_expect_eq(ticketctl("dead", "show", id), 0);
    cr_expect(strstr(ticketctl_said(), "not an id") != NULL, "%s", ticketctl_said());
    cr_expect_eq(ticketctl("dead", "replay", "orders"), 0, "%s", ticketctl_said());
    cr_expect_eq(ticketctl("dead", "show", id), 0, "it failed again, so it is still there");
    cr_expect_eq(ticketctl("dead", "drop", id), 0);
    cr_expect_eq(ticketctl("dead", "drop", id), 1);
    cr_expect_eq(ticketctl("dead", "list"), 0);
    cr_expect(strstr(ticketctl_said(), "no dead letters") != NULL, "%s", ticketctl_said());
}

Test(operator, replaying_and_resyncing_change_nothing_that_is_right)
{
    char *before, *after;

    given_system(NULL);
    given_purchase();
    expect_all_is_well();
    before = all_databases();
    cr_expect_eq(ticketctl("replay", "orders"), 0, "%s", ticketctl_said());
    cr_expect_eq(ticketctl("replay", "tickets"), 0, "%s", ticketctl_said());
    cr_expect_eq(ticketctl("replay", "payments"), 0, "%s", ticketctl_said());
    cr_expect_eq(ticketctl("resync", "orders"), 0, "%s", ticketctl_said());
    cr_expect_eq(ticketctl("resync", "tickets"), 0, "%s", ticketctl_said());
    audit_allows_repeats();
    expect_all_is_well();
    after = all_databases();
    cr_expect_str_eq(before, after);
    free(before);
    free(after);
}

Test(operator, nonsense_is_answered_with_the_usage)
{
    given_system(NULL);
    cr_expect_eq(ticketctl("nonsense"), 2);
    cr_expect_eq(ticketctl("dead"), 2);
    cr_expect_eq(ticketctl("replay", "nobody"), 2);
    cr_expect_eq(ticketctl("audit", "--wait", "x"), 2);
    cr_expect_eq(ticketctl("--help"), 0);
    cr_expect(strstr(ticketctl_said(), "usage: ticketctl") != NULL);
}

/*
 * Event streams through the edge, with two of each service: what happens at one is heard at both,
 * and whoever loses a stream goes on at another process without missing anything.
 */
#include "tests/support/story.h"
#include "tests/support/streams.h"

#include <stdio.h>
#include <string.h>

#define EVENTS "/api/tickets/events"

/* As the current person, at `port` (0: the edge). */
static struct stream *listen_at(int port, const char *path, const char *last_id)
{
    cleanup(freep) char *header = last_id == NULL ? NULL : xasprintf("Last-Event-ID: %s", last_id);
    struct question question = {
        .method = "GET", .path = path, .port = port, .headers = {session_header()}};

    question.headers[session_header() == NULL ? 0 : 1] = header;
    return open_stream(&question);
}

static void expect_member(const json_t *data, const char *member, const char *value)
{
    cr_assert_str_eq(json_string_value(json_object_get(data, member)), value);
}

static void reprice(const char *ticket, int price)
{
    expect_status(put(at("/api/tickets/%s", ticket), "{\"title\":\"Opera\",\"price\":%d}", price),
                  200);
}

Test(streams, a_purchase_is_watched_to_its_end_at_every_instance)
{
    struct stream *tickets[3], *orders[3];
    const char *ticket, *order;

    given_system(&(struct system_options){.instances = 2});
    as_user("sue");
    ticket = given_ticket("Opera", 42.50);
    as_nobody();
    for (int i = 0; i < 3; i++) {
        tickets[i] =
            listen_at(i == 2 ? 0 : service_port("tickets", i), at(EVENTS "?ids=%s", ticket), NULL);
        await_begun(tickets[i]);
    }
    as_user("bob");
    order = given_order(ticket);
    for (int i = 0; i < 3; i++) {
        expect_member(hear_up_to(tickets[i], "ticket", 1), "status", "reserved");
        orders[i] = listen_at(i == 2 ? 0 : service_port("orders", i),
                              at("/api/orders/%s/events", order), NULL);
        expect_member(hear_version(orders[i], "order", 0), "status", "created");
    }
    expect_status(pay(order, "tok_visa"), 201);
    for (int i = 0; i < 3; i++) {
        const json_t *data = hear_event(orders[i], "order");

        while (strcmp(json_string_value(json_object_get(data, "status")), "complete") != 0)
            data = hear_event(orders[i], "order");
        cr_assert_eq(json_array_size(json_object_get(data, "history")), 3);
        expect_member(hear_version(tickets[i], "ticket", 2), "status", "sold");
    }
    as_user("sue");
    expect_refusal(get(at("/api/orders/%s/events", order)), 401, NULL, "Not authorized");
    expect_all_is_well();
}

Test(streams, who_loses_its_process_goes_on_at_the_other)
{
    struct stream *stream, *other;
    char position[32];
    const char *ticket;

    given_system(&(struct system_options){.instances = 2});
    as_user("sue");
    stream = listen_at(service_port("tickets", 0), EVENTS, NULL);
    other = listen_at(service_port("tickets", 1), EVENTS, NULL);
    await_begun(other);
    ticket = given_ticket("Opera", 40);
    hear_version(stream, "ticket", 0);
    hear_version(other, "ticket", 0);
    snprintf(position, sizeof(position), "%s", last_event_id(stream));
    cr_assert_str_eq(last_event_id(other), position);

    kill_service("tickets", 0);
    close_stream(stream);
    reprice(ticket, 41);
    reprice(ticket, 42);
    hear_version(other, "ticket", 1);
    hear_version(other, "ticket", 2);
    stream = listen_at(0, EVENTS, position);
    hear_version(stream, "ticket", 1);
    hear_version(stream, "ticket", 2);
    expect_quiet(stream);
    close_stream(stream);

    start_service("tickets", 0); /* which reads what it has not seen */
    stream = listen_at(service_port("tickets", 0), EVENTS, position);
    hear_version(stream, "ticket", 1);
    hear_version(stream, "ticket", 2);
    stop_service("tickets", 0);
    expect_over(stream);
}

Test(streams, the_brokers_end_is_no_gap)
{
    struct stream *tickets, *order_stream;
    const char *ticket, *order;

    given_system(&(struct system_options){.instances = 2});
    as_user("sue");
    tickets = listen_at(0, EVENTS, NULL);
    ticket = given_ticket("Opera", 40);
    hear_version(tickets, "ticket", 0);
    as_user("bob");
    order = given_order(ticket);
    order_stream = listen_at(0, at("/api/orders/%s/events", order), NULL);
    hear_version(order_stream, "order", 0);
    hear_version(tickets, "ticket", 1);

    kill_store(GIVEN_NATS);
    expect_status(delete_at(at("/api/orders/%s", order)), 204);
    expect_no_newer(order_stream, 0); /* nobody knows yet */
    revive_store(GIVEN_NATS, /* wiped= */ false);
    expect_member(hear_up_to(order_stream, "order", 1), "status", "cancelled");
    expect_member(hear_version(tickets, "ticket", 2), "status", "available");
    expect_all_is_well();
}

Test(streams, a_ban_ends_its_users_streams_at_every_instance)
{
    struct stream *streams[2];
    const char *order, *bob;

    given_system(&(struct system_options){.instances = 2});
    as_user("sue");
    order = given_ticket("Opera", 40);
    as_user("bob");
    bob = user_id("bob");
    order = given_order(order);
    for (int i = 0; i < 2; i++) {
        streams[i] = listen_at(service_port("orders", i), at("/api/orders/%s/events", order), NULL);
        hear_version(streams[i], "order", 0);
    }
    as_admin();
    expect_status(post(at("/api/users/%s/ban", bob), "{}"), 200);
    for (int i = 0; i < 2; i++)
        expect_over(streams[i]);
}

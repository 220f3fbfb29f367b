/*
 * GET /api/tickets/events, on the real binary and real stores.
 */
#include "tests/support/streams.h"

#include <stdio.h>
#include <string.h>

#define SELLER "aaaaaaaaaaaaaaaaaaaaaaaa"
#define EVENTS "/api/tickets/events"

static struct one_service given_tickets(void)
{
    struct one_service service = given_one_service("tickets", NULL);

    sign_as(SELLER, ROLE_USER);
    return service;
}

static const char *given_ticket(const char *title)
{
    const struct answer *answer;
    char body[128];

    snprintf(body, sizeof(body), "{\"title\":\"%s\",\"price\":20}", title);
    answer = ask("POST", "/api/tickets", body);
    expect_status(answer, 201);
    return answer_text(answer, "id");
}

static const char *path_of(const char *id)
{
    static char path[64];

    snprintf(path, sizeof(path), "/api/tickets/%s", id);
    return path;
}

static void reprice(const char *id, int price)
{
    char body[128];

    snprintf(body, sizeof(body), "{\"title\":\"Concert\",\"price\":%d}", price);
    expect_status(ask("PUT", path_of(id), body), 200);
}

static const char *text_of(const json_t *data, const char *member)
{
    return json_string_value(json_object_get(data, member));
}

Test(stream, anybody_hears_every_change_as_GET_tells_it)
{
    struct stream *stream;
    const struct answer *shown;
    const char *id;

    given_tickets();
    sign_as(NULL, ROLE_USER);
    stream = listen_to(EVENTS);
    sign_as(SELLER, ROLE_USER);

    id = given_ticket("Concert");
    shown = ask("GET", path_of(id), NULL);
    cr_assert(json_equal(hear_version(stream, "ticket", 0), shown->json), "%s", shown->body);
    reprice(id, 25);
    shown = ask("GET", path_of(id), NULL);
    cr_assert(json_equal(hear_version(stream, "ticket", 1), shown->json), "%s", shown->body);
    expect_status(ask("DELETE", path_of(id), NULL), 204);
    cr_assert_str_eq(text_of(hear_version(stream, "ticket", 2), "status"), "withdrawn");
    expect_quiet(stream);
}

Test(stream, ids_narrow_it)
{
    const char *first, *second, *third;
    struct stream *stream;
    char path[160];

    given_tickets();
    first = given_ticket("First");
    second = given_ticket("Second");
    third = given_ticket("Third");
    snprintf(path, sizeof(path), EVENTS "?ids=%s,%s", third, first);
    stream = listen_to(path);
    await_begun(stream);
    reprice(first, 21);
    reprice(second, 22);
    reprice(third, 23);
    cr_assert_str_eq(text_of(hear_up_to(stream, "ticket", 1), "id"), first);
    cr_assert_str_eq(text_of(hear_version(stream, "ticket", 1), "id"), third);
    expect_quiet(stream);
}

Test(stream, ids_that_are_none_are_refused)
{
    static const char *const bad[] = {"",
                                      ",",
                                      "x",
                                      SELLER ",",
                                      "," SELLER,
                                      SELLER "a",
                                      SELLER ",zzzzzzzzzzzzzzzzzzzzzzzz",
                                      SELLER ";" SELLER};
    char path[4096] = EVENTS "?ids=" SELLER;

    given_tickets();
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        char one[128];

        snprintf(one, sizeof(one), EVENTS "?ids=%s", bad[i]);
        expect_refusal(ask("GET", one, NULL), 400, "ids",
                       "Ids must be 1 to 100 ids of 24 hexadecimal digits");
    }
    for (int i = 1; i < 100; i++)
        strncat(path, "," SELLER, sizeof(path) - strlen(path) - 1);
    close_stream(listen_to(path));
    strncat(path, "," SELLER, sizeof(path) - strlen(path) - 1);
    expect_refusal(ask("GET", path, NULL), 400, "ids",
                   "Ids must be 1 to 100 ids of 24 hexadecimal digits");
}

Test(stream, who_comes_back_hears_exactly_what_it_missed_also_of_another_process)
{
    struct one_service first = given_tickets(), second;
    struct stream *stream = listen_to(EVENTS);
    const char *id = given_ticket("Concert");
    char position[32];

    hear_version(stream, "ticket", 0);
    snprintf(position, sizeof(position), "%s", last_event_id(stream));
    close_stream(stream);
    for (int price = 21; price <= 23; price++)
        reprice(id, price);
    await_event(EVENT_TICKET_UPDATED, id, 3);

    second = given_one_service("tickets", NULL);
    for (int i = 0; i < 2; i++) {
        turn_to(i == 0 ? &second : &first);
        stream = listen_after(EVENTS, position);
        for (int version = 1; version <= 3; version++)
            hear_version(stream, "ticket", version);
        expect_quiet(stream);
        close_stream(stream);
    }
}

Test(stream, a_client_that_heard_nothing_yet_comes_back_all_the_same)
{
    struct stream *stream;
    char position[32];

    given_tickets();
    stream = listen_to(EVENTS);
    await_begun(stream);
    expect_quiet(stream);
    snprintf(position, sizeof(position), "%s", last_event_id(stream));
    close_stream(stream);
    given_ticket("Concert");
    hear_version(listen_after(EVENTS, position), "ticket", 0);
}

Test(stream, a_position_that_nobody_knows_is_a_reset)
{
    struct stream *stream;

    given_tickets();
    given_ticket("Concert");
    stream = listen_after(EVENTS, "99999");
    hear_event(stream, "reset");
    given_ticket("Opera");
    hear_version(stream, "ticket", 0);
}

Test(stream, it_goes_on_when_NATS_was_killed)
{
    struct stream *stream;
    const char *id;

    given_tickets();
    stream = listen_to(EVENTS);
    id = given_ticket("Concert");
    hear_version(stream, "ticket", 0);
    kill_store(GIVEN_NATS);
    reprice(id, 21); /* the outbox keeps it */
    revive_store(GIVEN_NATS, /* wiped= */ false);
    hear_version(stream, "ticket", 1);
    reprice(id, 22);
    hear_version(stream, "ticket", 2);
}

Test(stream, it_resets_when_NATS_came_back_without_its_disk)
{
    struct stream *stream;
    const char *id;

    given_tickets();
    stream = listen_to(EVENTS);
    id = given_ticket("Concert");
    hear_version(stream, "ticket", 0);
    kill_store(GIVEN_NATS);
    revive_store(GIVEN_NATS, /* wiped= */ true);
    hear_event(stream, "reset");
    reprice(id, 21);
    hear_version(stream, "ticket", 1);
}

Test(stream, a_process_that_is_told_to_stop_ends_it)
{
    struct one_service service = given_tickets();
    struct stream *stream = listen_to(EVENTS);

    await_begun(stream);
    end_one_service(&service);
    expect_over(stream);
}

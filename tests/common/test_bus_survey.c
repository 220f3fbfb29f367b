/*
 * Surveys: questions to every process at once, the broker's own figures, and a bus that is opened
 * before there is a broker.
 */

#include "common/instant.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS 1000

/* ---- everyone ---- */

static int answer_name(void *context, const char *request, struct writer *reply)
{
    (void)request;
    write_object_begin(reply, NULL);
    write_text(reply, "name", context);
    write_object_end(reply);
    return 0;
}

static const struct bus_verb name_verb = {"name", answer_name};

/* Who answers. */
static char one_name[] = "one", other_name[] = "other", third_name[] = "third",
            early_name[] = "early";

struct answers {
    char text[512];
    int count, wanted;
};

static bool heard(void *context, const char *reply)
{
    struct answers *answers = context;
    size_t length = strlen(answers->text);

    snprintf(answers->text + length, sizeof(answers->text) - length, "%s", reply);
    return ++answers->count >= answers->wanted;
}

static struct bus *open_bus(const char *service, bool patient)
{
    const struct bus_config config = {
        .url = given_nats(), .service = service, .workers = 1, .patient = patient};
    struct bus *bus;

    cr_assert_eq(bus_open(&config, 5000, &bus), 0);
    return bus;
}

Test(bus_survey, every_process_of_every_service_answers)
{
    struct answers answers = {.wanted = 3};
    struct bus *one = open_bus("orders", false), *other = open_bus("orders", false);
    struct bus *third = open_bus("tickets", false);
    int64_t before_ms;

    cr_assert_eq(bus_answer_everyone(one, &name_verb, one_name), 0);
    cr_assert_eq(bus_answer_everyone(other, &name_verb, other_name), 0);
    cr_assert_eq(bus_answer_everyone(third, &name_verb, third_name), 0);
    before_ms = instant_monotonic();
    cr_expect_eq(bus_ask_everyone(one, "name", 20000, heard, &answers), 0);
    cr_expect_lt(instant_monotonic() - before_ms, 10000, "once all have answered it is over");
    cr_expect_eq(answers.count, 3);
    cr_expect(strstr(answers.text, "\"one\"") != NULL, "%s", answers.text);
    cr_expect(strstr(answers.text, "\"other\"") != NULL, "%s", answers.text);
    cr_expect(strstr(answers.text, "\"third\"") != NULL, "%s", answers.text);
    bus_free(one);
    bus_free(other);
    bus_free(third);
}

Test(bus_survey, who_does_not_answer_is_waited_for_until_the_deadline_only)
{
    struct answers answers = {.wanted = 2};
    struct bus *bus = open_bus("orders", false);
    int64_t before_ms = instant_monotonic();

    cr_assert_eq(bus_answer_everyone(bus, &name_verb, one_name), 0);
    cr_expect_eq(bus_ask_everyone(bus, "name", ASK_MS, heard, &answers), 0);
    cr_expect_eq(answers.count, 1);
    cr_expect_geq(instant_monotonic() - before_ms, ASK_MS - 10); /* nats.c waits by another clock */
    bus_free(bus);
}

Test(bus_survey, a_question_that_nobody_hears_is_over_at_once)
{
    struct answers answers = {.wanted = 1};
    struct bus *bus = open_bus("orders", false);
    int64_t before_ms = instant_monotonic();

    cr_expect_eq(bus_ask_everyone(bus, "name", 20000, heard, &answers), 0);
    cr_expect_eq(answers.count, 0);
    cr_expect_lt(instant_monotonic() - before_ms, 10000);
    bus_free(bus);
}

/* ---- the broker ---- */

static int ignore(struct app *app, const struct event *event)
{
    (void)app;
    (void)event;
    return 0;
}

static const struct event_listener listeners[] = {
    {EVENT_TICKET_CREATED, "orders-tickets", NULL, ignore},
};

struct figures {
    int streams, consumers;
    struct bus_stream tickets;
    int64_t pending;
    bool bound;
    char durable[64], service[64];
};

static void see_stream(void *context, const struct bus_stream *stream)
{
    struct figures *figures = context;

    figures->streams++;
    if (stream->owner == OWNER_TICKETS)
        figures->tickets = *stream;
}

static void see_consumer(void *context, const struct bus_consumer *consumer)
{
    struct figures *figures = context;

    figures->consumers++;
    figures->pending = consumer->pending;
    figures->bound = consumer->bound;
    text_copy(figures->durable, sizeof(figures->durable), consumer->durable);
    text_copy(figures->service, sizeof(figures->service), consumer->service);
}

static void publish_ticket(struct bus *bus)
{
    struct event event;

    event_init(&event, EVENT_TICKET_CREATED, "111111111111111111111111", 0);
    cr_assert_eq(bus_publish_wait(bus, &event, 5000), 0);
}

Test(bus_survey, the_broker_tells_what_is_stored_and_what_is_not_yet_heard)
{
    cleanup(writer_release) struct writer problems = {0};
    struct bus *bus = open_bus("orders", false);
    struct figures figures = {0};

    cr_expect_eq(bus_survey(bus, ASK_MS, see_stream, see_consumer, &figures), 0);
    cr_expect_eq(figures.streams, 0, "nobody has made any");

    cr_assert_eq(bus_prepare(bus, listeners, ARRAY_LENGTH(listeners), &problems), 0);
    publish_ticket(bus);
    cr_expect_eq(bus_survey(bus, ASK_MS, see_stream, see_consumer, &figures), 0);
    cr_expect_eq(figures.streams, OWNER_COUNT);
    cr_expect_eq(figures.consumers, 1);
    cr_expect_str_eq(figures.durable, "orders-tickets");
    cr_expect_str_eq(figures.service, "orders");
    cr_expect_eq(figures.pending, 1);
    cr_expect_not(figures.bound);
    cr_expect_eq(figures.tickets.messages, 1);
    cr_expect_eq(figures.tickets.last_sequence, 1);
    cr_expect_eq(figures.tickets.of_type[EVENT_TICKET_CREATED], 1);
    cr_expect_eq(figures.tickets.of_type[EVENT_TICKET_UPDATED], 0);
    cr_expect_lt(llabs(figures.tickets.last_at_ms - instant_now()), 60000);
    bus_free(bus);
}

/* ---- away ---- */

static bool is_connected(void *context)
{
    return bus_is_connected(context);
}

static bool survey_works(void *context)
{
    struct figures figures = {0};

    return bus_survey(context, ASK_MS, see_stream, see_consumer, &figures) == 0;
}

Test(bus_survey, a_patient_bus_opens_without_a_broker_and_works_once_it_is_there)
{
    struct answers answers = {.wanted = 1};
    struct figures figures = {0};
    struct bus *bus;

    given_nats();
    kill_store(GIVEN_NATS);
    bus = open_bus("ops", true);
    cr_expect_not(bus_is_connected(bus));
    cr_assert_eq(bus_answer_everyone(bus, &name_verb, early_name), 0);
    cr_expect_eq(bus_ask_everyone(bus, "name", ASK_MS, heard, &answers), -EAGAIN);
    cr_expect_eq(bus_survey(bus, ASK_MS, see_stream, see_consumer, &figures), -EAGAIN);

    revive_store(GIVEN_NATS, /* wiped= */ false);
    eventually(is_connected, bus, 10000, "the bus has found its broker");
    eventually(survey_works, bus, 10000, "JetStream is there");
    cr_expect_eq(bus_ask_everyone(bus, "name", 10000, heard, &answers), 0);
    cr_expect_eq(answers.count, 1, "what was asked for before the connection is taken along");
    bus_free(bus);
}

Test(bus_survey, a_patient_bus_that_never_finds_its_broker_closes)
{
    given_nats();
    kill_store(GIVEN_NATS);
    cr_expect_null(bus_free(open_bus("ops", true)));
}

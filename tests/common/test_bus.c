/*
 * The bus against a real nats-server: what goes out, and the streams and durables it makes.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "tests/common/heard.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define ID_ONE "5f1e0c2a9d3b4e6f7a8b9c01"
#define ID_TWO "5f1e0c2a9d3b4e6f7a8b9c02"

/* A bus with its streams, without listeners. */
static struct bus *given_publisher(void)
{
    struct bus *bus = given_bus("orders");
    struct writer problems;

    writer_init(&problems);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    return bus;
}

static int count_message(void *context, const struct event *event, uint64_t sequence)
{
    (void)event;
    (void)sequence;
    ++*(int *)context;
    return 0;
}

static int stored(struct bus *bus)
{
    int count = 0;

    cr_assert_eq(bus_replay(bus, &(struct bus_range){.owner = OWNER_ORDERS}, count_message, &count),
                 0);
    return count;
}

Test(bus, a_published_event_is_acknowledged_and_stored)
{
    struct bus *bus = given_publisher();
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);

    say_event(bus, &event);
    cr_assert_eq(stored(bus), 1);
}

Test(bus, publishing_an_event_again_succeeds_and_stores_nothing)
{
    struct bus *bus = given_publisher();
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);

    say_event(bus, &event);
    say_event(bus, &event);
    cr_assert_eq(stored(bus), 1);
}

Test(bus, an_event_that_no_stream_takes_fails_at_once)
{
    struct bus *bus = given_bus("orders"); /* which has made no streams */
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    int64_t start = instant_monotonic();

    cr_assert_eq(bus_publish_wait(bus, &event, 10000), -EAGAIN);
    cr_assert_lt(instant_monotonic() - start, 3000);
}

Test(bus, a_broker_that_is_away_fails_at_once)
{
    struct bus *bus = given_publisher();
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    int64_t start;

    kill_store(GIVEN_NATS);
    start = instant_monotonic();
    cr_assert_eq(bus_publish_wait(bus, &event, 10000), -EAGAIN);
    cr_assert_lt(instant_monotonic() - start, 3000);
    revive_store(GIVEN_NATS, /* wiped= */ false);
}

static bool is_gone(void *context)
{
    return !bus_is_connected(context);
}

static bool is_back(void *context)
{
    return bus_is_connected(context);
}

/* Its connections stand, and it says nothing: so does a machine that has lost its network. */
Test(bus, a_broker_that_stands_still_is_left_within_seconds)
{
    struct bus *bus = given_publisher();

    pause_store(GIVEN_NATS, true);
    eventually(is_gone, bus, 8000, "its silence is noticed");
    for (int i = 0; i < 40; i++) { /* while nats.c tries to connect, an event loop may ask */
        int64_t asked_ms = instant_monotonic();

        cr_assert_not(bus_is_connected(bus));
        cr_assert_lt(instant_monotonic() - asked_ms, 300, "to ask took as long as to connect");
        poll(NULL, 0, 50);
    }
    pause_store(GIVEN_NATS, false);
    eventually(is_back, bus, 8000, "the bus is connected again");
}

/* Reports of bus_publish, counted. */
struct reports {
    pthread_mutex_t lock;
    int done[2000];
    int reported, failed;
};

struct report {
    struct reports *reports;
    int index;
};

static void note_report(void *context, int result)
{
    struct report *report = context;

    pthread_mutex_lock(&report->reports->lock);
    report->reports->done[report->index]++;
    report->reports->reported++;
    report->reports->failed += result != 0;
    pthread_mutex_unlock(&report->reports->lock);
}

static void publish(struct bus *bus, const struct event *event, struct report *report)
{
    struct bus_message message;
    struct writer body;

    writer_init(&body);
    message = bus_message_of(event, &body);
    bus_publish(bus, &message, note_report, report);
    writer_release(&body);
}

static bool all_reported(void *context)
{
    struct reports *reports = context;
    bool all;

    pthread_mutex_lock(&reports->lock);
    all = reports->reported >= 2000;
    pthread_mutex_unlock(&reports->lock);
    return all;
}

Test(bus, each_of_many_publishes_is_reported_exactly_once)
{
    struct bus *bus = given_publisher();
    static struct reports reports = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static struct report report[2000];

    for (int i = 0; i < 2000; i++) {
        struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, i);

        report[i] = (struct report){&reports, i};
        publish(bus, &event, &report[i]);
    }
    eventually(all_reported, &reports, 20000, "all are reported");
    cr_assert_eq(reports.failed, 0);
    for (int i = 0; i < 2000; i++)
        cr_assert_eq(reports.done[i], 1, "publish %d was reported %d times", i, reports.done[i]);
    cr_assert_eq(stored(bus), 2000);
}

Test(bus, publishes_cut_off_by_a_dying_broker_are_reported_exactly_once)
{
    struct bus *bus = given_publisher();
    static struct reports reports = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static struct report report[2000];

    for (int i = 0; i < 2000; i++) {
        struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, i);

        if (i == 700)
            kill_store(GIVEN_NATS);
        report[i] = (struct report){&reports, i};
        publish(bus, &event, &report[i]);
    }
    eventually(all_reported, &reports, 20000, "all are reported");
    for (int i = 0; i < 2000; i++)
        cr_assert_eq(reports.done[i], 1, "publish %d was reported %d times", i, reports.done[i]);
    revive_store(GIVEN_NATS, /* wiped= */ false);
    eventually((bool (*)(void *))bus_is_connected, bus, 10000, "the bus is connected");
    cr_assert_geq(stored(bus), 2000 - reports.failed, "an acknowledged event is lost");
}

Test(bus, closing_reports_what_is_under_way)
{
    struct bus_config config = {.url = given_nats(), .service = "orders", .workers = 1};
    static struct reports reports = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static struct report report[100];
    struct writer problems;
    struct bus *bus = NULL;

    writer_init(&problems);
    cr_assert_eq(bus_open(&config, 5000, &bus), 0);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    for (int i = 0; i < 100; i++) {
        struct event event = order_event(EVENT_ORDER_CREATED, ID_TWO, i);

        report[i] = (struct report){&reports, i};
        publish(bus, &event, &report[i]);
    }
    bus = bus_free(bus);
    cr_assert_eq(reports.reported, 100);
}

Test(bus, opening_gives_up_when_nobody_listens)
{
    cleanup(freep) char *url = xasprintf("nats://127.0.0.1:%d", free_port());
    struct bus_config config = {.url = url, .service = "orders", .workers = 1};
    struct bus *bus = NULL;
    int64_t start = instant_monotonic();

    cr_assert_eq(bus_open(&config, 300, &bus), -EAGAIN);
    cr_assert_null(bus);
    cr_assert_lt(instant_monotonic() - start, 3000);
}

/* A nats-server that wants this password. */
static pid_t given_guarded_nats(int port, const char *password)
{
    char number[16];
    const char *argv[] = {find_program("TEST_NATS_SERVER", "nats-server"),
                          "--addr",
                          "127.0.0.1",
                          "--port",
                          number,
                          "--user",
                          "orders",
                          "--pass",
                          password,
                          NULL};

    snprintf(number, sizeof(number), "%d", port);
    return spawn(argv, NULL, /* log= */ NULL);
}

/* nats.c closes it for good then, and a process that hears and says nothing any more is no use. */
Test(bus, who_is_refused_for_good_ends_so_that_somebody_notices, .exit_code = EXIT_FAILURE)
{
    int port = free_port();
    cleanup(freep) char *url = xasprintf("nats://orders:before@127.0.0.1:%d", port);
    struct bus_config config = {.url = url, .service = "orders", .workers = 1};
    pid_t server = given_guarded_nats(port, "before");
    struct bus *bus = NULL;

    cr_assert_eq(bus_open(&config, 10000, &bus), 0);
    cr_assert(bus_is_connected(bus));
    end_process(server, SIGKILL, 5000);
    given_guarded_nats(port, "after");
    poll(NULL, 0, 20000);
    _exit(EXIT_SUCCESS); /* it has not ended */
}

Test(bus, a_stream_that_differs_is_mended)
{
    struct bus *bus = given_bus("orders");
    const char *subjects[] = {"order.>"};
    jsStreamInfo *info = NULL;
    jsStreamConfig config;
    struct writer problems;

    writer_init(&problems);
    jsStreamConfig_Init(&config);
    config.Name = "orders";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Discard = js_DiscardOld;
    cr_assert_eq(js_AddStream(NULL, bus->js, &config, NULL, NULL), NATS_OK);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    cr_assert_eq(js_GetStreamInfo(&info, bus->js, "orders", NULL, NULL), NATS_OK);
    cr_assert_eq(info->Config->Discard, js_DiscardNew);
    cr_assert_eq(info->Config->Duplicates, INT64_C(600000000000));
    jsStreamInfo_Destroy(info);
}

static bool is_disconnected(void *bus)
{
    return !bus_is_connected(bus);
}

Test(bus, a_broker_that_goes_away_while_streams_are_made_is_no_problem_of_theirs)
{
    struct bus *bus = given_bus("orders");
    struct writer problems;

    writer_init(&problems);
    kill_store(GIVEN_NATS);
    eventually(is_disconnected, bus, 10000, "the bus has noticed");
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), -EAGAIN);
    cr_assert_str_eq(writer_text(&problems), "");
    writer_release(&problems);
}

Test(bus, what_cannot_be_mended_is_named)
{
    struct bus *bus = given_bus("orders");
    const char *subjects[] = {"order.>"};
    jsStreamConfig config;
    struct writer problems;

    writer_init(&problems);
    jsStreamConfig_Init(&config);
    config.Name = "orders";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_MemoryStorage;
    cr_assert_eq(js_AddStream(NULL, bus->js, &config, NULL, NULL), NATS_OK);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    cr_assert_not_null(strstr(writer_text(&problems), "stream orders"), "%s",
                       writer_text(&problems));
    writer_release(&problems);
}

Test(bus, replicas_that_a_lone_server_cannot_keep_are_named)
{
    struct bus_config config = {
        .url = given_nats(), .service = "orders", .workers = 1, .replicas = 3};
    struct bus *bus = NULL;
    struct writer problems;

    writer_init(&problems);
    cr_assert_eq(bus_open(&config, 5000, &bus), 0);
    cr_assert_eq(bus_prepare(bus, NULL, 0, &problems), 0);
    cr_assert_not_null(strstr(writer_text(&problems), "stream orders"), "%s",
                       writer_text(&problems));
    bus = bus_free(bus);
    writer_release(&problems);
}

Test(bus, the_headers_are_the_contracts)
{
    struct bus *bus = given_publisher();
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 3);
    natsSubscription *subscription = NULL;
    natsMsg *message = NULL;
    const char *value;
    char at[INSTANT_TEXT_BYTES];
    const char *must[][2] = {
        {"Nats-Msg-Id", event.id},
        {"ce-id", event.id},
        {"ce-type", "order.created"},
        {"ce-source", "/ticketing/orders"},
        {"ce-subject", ID_ONE},
        {"ce-time", instant_format(event.at_ms, at)},
        {"ce-specversion", "1.0"},
        {"content-type", "application/json"},
        {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
    };

    text_copy(event.traceparent, sizeof(event.traceparent), must[8][1]);
    cr_assert_eq(natsConnection_SubscribeSync(&subscription, bus->connection, "order.created"),
                 NATS_OK);
    say_event(bus, &event);
    cr_assert_eq(natsSubscription_NextMsg(&message, subscription, 5000), NATS_OK);
    for (size_t i = 0; i < ARRAY_LENGTH(must); i++) {
        cr_assert_eq(natsMsgHeader_Get(message, must[i][0], &value), NATS_OK, "%s", must[i][0]);
        cr_assert_str_eq(value, must[i][1]);
    }
    natsMsg_Destroy(message);
    natsSubscription_Destroy(subscription);
}

/* A delivery of message `sequence`, as far as giving up is concerned. */
static bool give_up(struct bus *bus, uint64_t sequence, int result)
{
    struct bus_delivery delivery = {.stream = "orders", .sequence = sequence};

    return bus_give_up(bus, &delivery, result);
}

Test(bus, a_message_is_given_up_at_its_twelfth_failure)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));

    pthread_mutex_init(&bus->failures_lock, NULL);
    for (int i = 1; i < BUS_TRIES_MAX; i++)
        cr_assert_not(give_up(bus, 7, -EIO), "given up at try %d", i);
    cr_assert_not(give_up(bus, 8, -EIO), "another message's failures were counted");
    cr_assert(give_up(bus, 7, -EIO));
    free(bus);
}

Test(bus, where_several_processes_try_time_gives_a_message_up)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));

    pthread_mutex_init(&bus->failures_lock, NULL);
    cr_assert_not(give_up(bus, 7, -EIO));
    bus->failures[0].first_ms -= BUS_FAILING_MS;
    cr_assert_not(give_up(bus, 7, -EIO), "two failures are not many");
    cr_assert(give_up(bus, 7, -EIO));
    free(bus);
}

Test(bus, a_store_that_is_away_counts_against_nothing)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));

    pthread_mutex_init(&bus->failures_lock, NULL);
    for (int i = 0; i < 100; i++)
        cr_assert_not(give_up(bus, 7, -EAGAIN));
    for (int i = 1; i < BUS_TRIES_MAX; i++)
        cr_assert_not(give_up(bus, 7, -EIO));
    cr_assert_not(give_up(bus, 7, -EAGAIN));
    cr_assert_not(give_up(bus, 7, -EIO), "failures before an outage were counted after it");
    free(bus);
}

Test(bus, an_outcome_is_given_up_at_once_but_stale_is_not)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));

    pthread_mutex_init(&bus->failures_lock, NULL);
    cr_assert(give_up(bus, 1, INVALID));
    cr_assert(give_up(bus, 2, NOT_FOUND));
    for (int i = 0; i < 20; i++)
        cr_assert_not(give_up(bus, 3, STALE));
    free(bus);
}

Test(bus, failures_of_more_messages_than_are_remembered_do_no_harm)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));

    pthread_mutex_init(&bus->failures_lock, NULL);
    for (uint64_t i = 0; i < 3 * BUS_FAILURES_MAX; i++)
        cr_assert_not(give_up(bus, i, -EIO));
    free(bus);
}

Test(bus, the_backoff_doubles_from_a_tenth_of_a_second_to_three)
{
    static const int64_t must[] = {100, 100, 200, 400, 800, 1600, 3200, 3200, 3200};

    for (size_t i = 0; i < ARRAY_LENGTH(must); i++)
        cr_assert_eq(bus_backoff_ms(i), must[i]);
    cr_assert_eq(bus_backoff_ms(UINT64_MAX), 3200);
}

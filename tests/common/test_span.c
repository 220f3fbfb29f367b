/*
 * Spans: what is recorded, how it is said, and that a collector that is away, slow or wrong costs
 * spans and nothing else.
 */

#include "common/instant.h"
#include "common/span_private.h"
#include "tests/common/fake_app.h"
#include "tests/support/collector.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_ID "5b8efff798038103d269b633813fc60c"
#define PARENT   "00-" TRACE_ID "-eee19b7ec3c1b173-01"
#define UNTOLD   "00-" TRACE_ID "-eee19b7ec3c1b173-00"

static const struct span_of work = {.kind = SPAN_INTERNAL, .verb = "do", .object = "work"};

static struct metrics *metrics;

static struct tracer *given_tracer(const char *endpoint)
{
    const struct tracer_config config = {.endpoint = endpoint,
                                         .ratio = 1,
                                         .service = "my.service",
                                         .version = "1.0.0",
                                         .instance = "one",
                                         .metrics = metrics = metrics_new()};
    struct tracer *tracer = NULL;

    cr_assert_eq(tracer_open(&config, &tracer), 0);
    cr_assert_not_null(tracer);
    return tracer;
}

static int64_t counted(const char *name)
{
    return metric_value(metrics_counter(metrics, name, "", ""));
}

static void do_work(struct tracer *tracer, int times)
{
    for (int i = 0; i < times; i++) {
        struct span *span = span_begin(tracer, &work, PARENT);

        trace_end();
        span_end(span);
    }
}

/* Free it, and tell how long that took. */
static int64_t end_tracer(struct tracer *tracer, int64_t timeout_ms)
{
    int64_t began_ms = instant_monotonic();

    cr_assert_null(tracer_free(tracer, timeout_ms));
    return instant_monotonic() - began_ms;
}

static bool has_requests(void *context)
{
    return collector_requests() >= *(int *)context;
}

static void expect_requests(int count, int64_t timeout_ms)
{
    eventually(has_requests, &count, timeout_ms, "the collector was asked");
}

Test(span, without_an_endpoint_there_is_no_tracer_and_no_span)
{
    const struct tracer_config config = {.endpoint = ""};
    struct tracer *tracer = (struct tracer *)&config; /* to be overwritten */
    char own[TRACEPARENT_BYTES] = "untouched";
    struct span *span;

    cr_assert_eq(tracer_open(&config, &tracer), 0);
    cr_assert_null(tracer);
    cr_assert_eq(tracer_ratio(NULL), 1);
    span = span_begin(NULL, &work, PARENT);
    cr_assert_null(span);
    cr_assert_eq(strncmp(trace_current(), PARENT, SPAN_ID_AT), 0, "the trace goes on all the same");
    cr_assert_null(span_begin_below(NULL, &work, PARENT, own));
    cr_assert_str_eq(own, "untouched");
    span_began(span, 1);
    span_text(span, "a", "b");
    span_number(span, "a", 1);
    span_copy(span, "a", "b");
    span_link_parent(span);
    span_fail(span, "a");
    cr_assert_null(span_end(span));
    cr_assert_null(tracer_free(NULL, 1000));
}

Test(span, the_flag_not_sampled_is_respected)
{
    struct tracer *tracer = given_tracer(given_collector());

    cr_assert_null(span_begin(tracer, &work, UNTOLD));
    cr_assert_str_eq(trace_current() + 52, "-00", "and told to whom it goes");
    cr_assert_null(span_begin_below(tracer, &work, UNTOLD, NULL));
    cr_assert_null(span_begin_below(tracer, &work, "", NULL));
    cr_assert_null(span_begin_as(tracer, &work, UNTOLD, PARENT));
    end_tracer(tracer, 1000);
    cr_assert_eq(collector_requests(), 0);
    metrics_free(metrics);
}

/* The example of opentelemetry-proto (examples/trace.json): the same members, with ids and numbers
 * as the specification's text has them. */
Test(span, the_json_is_that_of_the_specification_s_example)
{
    struct tracer tracer = {
        .service = (char *)"my.service", .version = (char *)"1.0.0", .instance = (char *)"one"};
    struct span span = {.of = {SPAN_SERVER, "I'm a server", "span"},
                        .own = "00-" TRACE_ID "-eee19b7ec3c1b174-01",
                        .parent_id = "eee19b7ec3c1b173",
                        .begun_us = INT64_C(1544712660000000),
                        .took_us = 1000000};
    struct span_list list = {.head = &span, .tail = &span, .count = 1};
    cleanup(writer_release) struct writer out = {0};

    span.tracer = &tracer;
    span_text(&span, "my.span.attr", "some \"value\"");
    span_number(&span, "n", INT64_C(9007199254740993));
    span_link_parent(&span);
    span_fail(&span, "some type");
    writer_init(&out);
    span_list_to_json(&tracer, &list, &out);
    cr_assert_str_eq(
        writer_text(&out),
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
        "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"my.service\"}},"
        "{\"key\":\"service.namespace\",\"value\":{\"stringValue\":\"ticketing\"}},"
        "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.0.0\"}},"
        "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"one\"}}]},"
        "\"scopeSpans\":[{\"scope\":{\"name\":\"ticketing\",\"version\":\"1.0.0\"},"
        "\"spans\":[{\"traceId\":\"" TRACE_ID "\",\"spanId\":\"eee19b7ec3c1b174\","
        "\"parentSpanId\":\"eee19b7ec3c1b173\",\"flags\":1,\"name\":\"I'm a server span\","
        "\"kind\":2,\"startTimeUnixNano\":\"1544712660000000000\","
        "\"endTimeUnixNano\":\"1544712661000000000\",\"attributes\":["
        "{\"key\":\"my.span.attr\",\"value\":{\"stringValue\":\"some \\\"value\\\"\"}},"
        "{\"key\":\"n\",\"value\":{\"intValue\":\"9007199254740993\"}},"
        "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"some type\"}}],"
        "\"links\":[{\"traceId\":\"" TRACE_ID "\",\"spanId\":\"eee19b7ec3c1b173\"}],"
        "\"status\":{\"code\":2}}],"
        "\"schemaUrl\":\"https://opentelemetry.io/schemas/1.38.0\"}]}]}");
}

Test(span, a_span_arrives_below_its_parent_with_all_that_was_said)
{
    struct tracer *tracer = given_tracer(given_collector());
    char below[TRACEPARENT_BYTES], mine[TRACEPARENT_BYTES], id[] = "order-1-0";
    const struct span_of publish = {.kind = SPAN_PRODUCER, .verb = "publish"};
    struct span *span = span_begin(tracer, &work, PARENT), *child;
    const struct collected *found;

    memcpy(mine, trace_current(), sizeof(mine));
    child = span_begin_below(tracer, &publish, trace_current(), below);
    span_copy(child, "messaging.message.id", id);
    id[0] = 'x';
    span_fail(child, "unsent");
    trace_end();
    span_end(child);
    span_end(span);
    expect_spans(2, 5000);

    found = find_span("my.service", "do work", 0);
    cr_assert_str_eq(found->trace_id, TRACE_ID);
    cr_assert_str_eq(found->parent_id, "eee19b7ec3c1b173");
    cr_assert_eq(strncmp(found->span_id, mine + SPAN_ID_AT, 16), 0);
    cr_assert_not(found->failed);
    found = find_span("my.service", "publish", 0);
    cr_assert_eq(strncmp(found->span_id, below + SPAN_ID_AT, 16), 0);
    cr_assert_eq(strncmp(found->parent_id, mine + SPAN_ID_AT, 16), 0);
    cr_assert_eq(found->kind, 4);
    cr_assert(found->failed);
    cr_assert_str_eq(span_text_of(found, "messaging.message.id"), "order-1-0");
    cr_assert_str_eq(span_text_of(found, "error.type"), "unsent");
    cr_assert_null(collector_problem(), "%s", collector_problem());
    end_tracer(tracer, 1000);
    cr_assert_eq(counted("traces_exported_total"), 2);
    cr_assert_eq(counted("traces_dropped_total"), 0);
    metrics_free(metrics);
}

Test(span, new_traces_are_sampled_by_the_ratio_and_others_as_they_came)
{
    char own[TRACEPARENT_BYTES];
    int sampled = 0;

    for (int i = 0; i < 4000; i++) {
        trace_make(NULL, 0.25, own);
        sampled += trace_is_sampled(own);
        trace_make(NULL, 0, own);
        cr_assert_not(trace_is_sampled(own));
        trace_make(NULL, 1, own);
        cr_assert(trace_is_sampled(own));
    }
    cr_assert(sampled > 800 && sampled < 1200, "%d of 4000", sampled); /* 1000 ± 7 sigma */
    trace_make(PARENT, 0, own);
    cr_assert(trace_is_sampled(own));
    trace_make(UNTOLD, 1, own);
    cr_assert_not(trace_is_sampled(own));
}

Test(span, what_waits_is_sent_at_the_end)
{
    struct tracer *tracer = given_tracer(given_collector());

    do_work(tracer, 700);
    cr_assert_lt(end_tracer(tracer, 5000), 5000);
    cr_assert_eq(collector_spans(), 700);
    cr_assert_eq(counted("traces_exported_total"), 700);
    metrics_free(metrics);
}

/* Spans are made while nothing takes them: quickly, and up to the bound. */
Test(span, what_does_not_fit_is_dropped_and_counted_and_nobody_waits)
{
    struct tracer *tracer = given_tracer(given_collector());
    int64_t began_ms, took_ms;

    collector_answers(0, NULL);
    do_work(tracer, SPAN_BATCH_MAX);
    expect_requests(1, 5000); /* that batch is in its hands */
    began_ms = instant_monotonic();
    do_work(tracer, SPAN_QUEUE_MAX + 1234);
    took_ms = instant_monotonic() - began_ms;
    cr_assert_eq(counted("traces_dropped_total"), 1234);
    cr_assert_lt(took_ms, 2000, "%d ms", (int)took_ms);

    took_ms = end_tracer(tracer, 300);
    cr_assert_lt(took_ms, 300 + 1000, "%d ms", (int)took_ms);
    cr_assert_eq(counted("traces_exported_total"), 0);
    cr_assert_eq(counted("traces_dropped_total"), SPAN_BATCH_MAX + SPAN_QUEUE_MAX + 1234);
    metrics_free(metrics);
}

Test(span, a_collector_that_is_busy_gets_them_when_it_asked_for_them)
{
    struct tracer *tracer = given_tracer(given_collector());
    int64_t asked_ms;

    collector_answers(503, "2");
    do_work(tracer, 3);
    expect_requests(1, 5000);
    asked_ms = instant_monotonic();
    collector_answers(200, NULL);
    expect_spans(3, 5000);
    cr_assert_geq(instant_monotonic() - asked_ms, 1500, "Retry-After was overlooked");
    cr_assert_eq(collector_requests(), 2);
    end_tracer(tracer, 1000);
    cr_assert_eq(counted("traces_exported_total"), 3);
    cr_assert_eq(counted("traces_dropped_total"), 0);
    metrics_free(metrics);
}

static bool has_dropped(void *context)
{
    return counted("traces_dropped_total") >= *(int *)context;
}

Test(span, what_a_collector_refuses_is_not_sent_again)
{
    struct tracer *tracer = given_tracer(given_collector());
    int dropped = 2;

    collector_answers(400, NULL);
    do_work(tracer, 2);
    eventually(has_dropped, &dropped, 5000, "the refused ones are counted");
    collector_answers(200, NULL);
    collector_rejects(1);
    do_work(tracer, 5);
    expect_spans(5, 5000);
    end_tracer(tracer, 1000);
    cr_assert_eq(collector_requests(), 2);
    cr_assert_eq(counted("traces_exported_total"), 4, "one of five was rejected");
    cr_assert_eq(counted("traces_dropped_total"), 3);
    metrics_free(metrics);
}

Test(span, a_collector_that_is_not_there_holds_up_nothing)
{
    char endpoint[48];
    struct tracer *tracer;
    int64_t took_ms;

    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d/", free_port());
    tracer = given_tracer(endpoint);
    do_work(tracer, 10);
    took_ms = end_tracer(tracer, 2000);
    cr_assert_lt(took_ms, 2000 + 1000, "%d ms", (int)took_ms);
    cr_assert_eq(counted("traces_dropped_total"), 10);
    metrics_free(metrics);
}

/* ---- the spans of requests ---- */

static struct tracer *requests_tracer;

static void trace_requests(struct http_config *config)
{
    config->tracer = requests_tracer;
}

Test(span, requests_are_as_fast_while_the_collector_hangs)
{
    struct app app;
    struct http_server *server;
    int64_t began_ms, took_ms;

    requests_tracer = given_tracer(given_collector());
    collector_answers(0, NULL);
    server = given_app(&app, trace_requests);
    began_ms = instant_monotonic();
    for (int i = 0; i < 1000; i++) {
        cleanup(forget) struct heard answer = call(server, "GET", "/api/echo", "", NULL);

        cr_assert_eq(answer.status, 200);
    }
    took_ms = instant_monotonic() - began_ms;
    cr_assert_lt(took_ms, 1000 * 20, "%d ms", (int)took_ms);
    expect_requests(1, 5000);
    stop_app(server);
    cr_assert_lt(end_tracer(requests_tracer, 300), 300 + 1000);
    cr_assert_eq(counted("traces_dropped_total"), 1000);
    metrics_free(metrics);
}

Test(span, a_request_is_a_span_whoever_answers_it)
{
    struct app app;
    struct http_server *server;
    const struct collected *span;

    requests_tracer = given_tracer(given_collector());
    server = given_app(&app, trace_requests);
    forget(&(struct heard[]){
        call(server, "GET", "/api/echo?q=secret", "traceparent: " PARENT "\r\n", NULL)}[0]);
    forget(&(struct heard[]){call(server, "GET", "/api/nothing/" FAKE_ID, "", NULL)}[0]);
    forget(&(struct heard[]){
        call(server, "GET", "/api/echo", "traceparent: " UNTOLD "\r\n", NULL)}[0]);
    forget(&(struct heard[]){call(server, "BREW", "/api/echo", "", NULL)}[0]);
    expect_spans(3, 5000);
    stop_app(server);
    end_tracer(requests_tracer, 1000);
    cr_assert_eq(collector_spans(), 3, "one was not to be told of");
    cr_assert_null(collector_problem(), "%s", collector_problem());

    span = find_span("my.service", "GET /api/echo", 0);
    cr_assert_eq(span->kind, 2);
    cr_assert_str_eq(span->trace_id, TRACE_ID);
    cr_assert_str_eq(span->parent_id, "eee19b7ec3c1b173");
    cr_assert_str_eq(span_text_of(span, "http.request.method"), "GET");
    cr_assert_str_eq(span_text_of(span, "http.route"), "/api/echo");
    cr_assert_eq(span_number_of(span, "http.response.status_code"), 200);
    cr_assert_eq(json_object_size(span->attributes), 4, "and nothing of what was asked");
    span = find_span("my.service", "GET", 0);
    cr_assert_str_eq(span->parent_id, "");
    cr_assert_eq(span_number_of(span, "http.response.status_code"), 404);
    cr_assert_null(span_text_of(span, "http.route"));
    cr_assert_not(span->failed, "4xx is the client's");
    span = find_span("my.service", "HTTP", 0);
    cr_assert_str_eq(span_text_of(span, "http.request.method"), "_OTHER");
    metrics_free(metrics);
}

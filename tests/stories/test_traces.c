/*
 * Traces: what one person's click has caused, in all five services, is one tree at the collector.
 */
#include "tests/support/collector.h"
#include "tests/support/story.h"

#include <string.h>

#define UNTOLD "0af7651916cd43dd8448eb211c80319c"

static void given_traced_system(const char *further)
{
    static char endpoint[96];

    snprintf(endpoint, sizeof(endpoint), "OTEL_EXPORTER_OTLP_ENDPOINT=%s", given_collector());
    given_system(&(struct system_options){.env = {endpoint, further}});
}

static const char *given_opera_ticket(void)
{
    as_user("sue");
    return given_ticket("Opera, row 5", 42.50);
}

/* Wait for the request of this name that made something. */
static const struct collected *await_created(const char *service, const char *name)
{
    const struct collected *span = await_span(service, name);

    for (int i = 0; span != NULL; span = find_span(service, name, ++i))
        if (span_number_of(span, "http.response.status_code") == 201)
            return span;
    cr_assert_fail("no %s made anything", name);
    return NULL;
}

static void expect_telling_nothing_of(const char *name)
{
    cr_assert_not(collector_mentions(user_id(name)), "who %s is", name);
    cr_assert_not(collector_mentions(name), "%s's email", name);
}

Test(traces, what_buying_a_ticket_causes_is_one_tree_from_each_request_down)
{
    const struct collected *ordered, *paid, *span;
    const char *ticket, *order, *payment;

    given_traced_system(NULL);
    ticket = given_opera_ticket();
    as_user("bob");
    order = given_order(ticket);
    await_status("/api/tickets", ticket, "reserved");
    payment = answer_text(pay(order, "tok_visa"), "id");
    await_status("/api/orders", order, "complete");
    await_status("/api/payments", payment, "captured");

    ordered = await_created("orders", "POST /api/orders");
    cr_assert_eq(ordered->kind, 2);
    cr_assert_str_eq(ordered->parent_id, "");
    span = await_span_below(ordered, "tickets", "process order.created");
    cr_assert_eq(span->kind, 5);
    cr_assert_not(span->failed);
    cr_assert_str_eq(span_text_of(span, "messaging.system"), "nats");
    cr_assert_str_eq(span_text_of(span, "messaging.destination.name"), "order.created");
    cr_assert_str_eq(span_text_of(span, "messaging.message.id"), at("order-%s-0", order));
    span = await_span_below(span, "tickets", "publish ticket.updated");
    cr_assert_eq(span->kind, 4);
    await_span_below(span, "orders", "process ticket.updated");
    await_span_below(ordered, "expiration", "process order.created");

    paid = await_created("payments", "POST /api/payments");
    span = await_span_below(paid, "payments", "stripe confirm");
    cr_assert_eq(span->kind, 3);
    cr_assert_eq(span_number_of(span, "http.response.status_code"), 200);
    span = await_span_below(paid, "orders", "process payment.authorized");
    span = await_span_below(span, "payments", "process order.completed");
    span = await_span_below(span, "payments", "settle payment");
    await_span_below(span, "payments", "stripe capture");
    span = await_span_below(span, "payments", "publish payment.created");
    await_span_below(span, "orders", "process payment.created");
    await_span_below(paid, "tickets", "process order.completed");

    expect_telling_nothing_of("bob");
    expect_telling_nothing_of("sue");
    cr_assert_null(find_span("orders", "GET /readyz", 0), "probes are told of");
    cr_assert_null(collector_problem(), "%s", collector_problem());
    expect_all_is_well();
}

Test(traces, what_a_timer_causes_begins_with_the_timer)
{
    const struct collected *span;
    const char *ticket, *order;

    given_traced_system("LOCK_SECONDS=1");
    ticket = given_opera_ticket();
    as_user("bob");
    order = given_order(ticket);
    await_status("/api/orders", order, "cancelled");
    span = await_span("expiration", "fire timer");
    cr_assert_str_eq(span->parent_id, "");
    span = await_span_below(span, "orders", "process expiration.complete");
    await_span_below(span, "tickets", "process order.cancelled");
    cr_assert_null(collector_problem(), "%s", collector_problem());
}

Test(traces, what_is_not_to_be_told_is_told_by_nobody_down_the_line)
{
    const struct answer *answer;
    const char *ticket, *body;

    given_traced_system("OTEL_TRACES_SAMPLER_ARG=0");
    as_user("sue");
    answer = ask_for(&(struct question){
        .method = "POST",
        .path = "/api/tickets",
        .body = "{\"title\":\"Opera\",\"price\":42.5}",
        .headers = {session_header(), "traceparent: 00-" UNTOLD "-b7ad6b7169203331-00"}});
    expect_status(answer, 201);
    ticket = answer_text(answer, "id");
    as_user("bob");
    given_order(ticket);
    await_status("/api/tickets", ticket, "reserved");
    cr_assert_eq(collector_spans(), 0, "a new trace is told of, at a ratio of 0");

    /* One that is to be told comes after it, from the same processes. */
    as_user("sue");
    body = at("{\"title\":\"Ballet\",\"price\":%d}", 30);
    expect_status(
        ask_for(&(struct question){
            .method = "POST",
            .path = "/api/tickets",
            .body = body,
            .headers = {session_header(),
                        "traceparent: 00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}),
        201);
    await_span("tickets", "POST /api/tickets");
    await_span("orders", "process ticket.created");
    cr_assert_not(collector_has_trace(UNTOLD));
    cr_assert_eq(
        strcmp(find_span("tickets", "POST /api/tickets", 0)->parent_id, "b7ad6b7169203331"), 0);
}

Test(traces, a_collector_that_hangs_holds_up_neither_a_sale_nor_a_stop)
{
    const char *ticket, *order;

    given_traced_system(NULL);
    collector_answers(0, NULL);
    ticket = given_opera_ticket();
    as_user("bob");
    order = given_order(ticket);
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();
    stop_service("orders", 0);
    stop_service("payments", 0);
    start_service("orders", 0);
    start_service("payments", 0);
    collector_answers(200, NULL);
    await_status("/api/orders", order, "complete");
    await_span("orders", "GET /api/orders/:id");
}

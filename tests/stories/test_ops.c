/*
 * The operator's page, as it asks through the edge: a marketplace at work, with something wrong in
 * it.
 */

#include "common/instant.h"
#include "tests/support/story.h"

#include <string.h>

#define PROMPT_MS 2500 /* "within 2 s", under a sanitizer beside other tests */

static const json_t *services_row(const struct answer *answer, const char *service)
{
    const json_t *rows = json_object_get(answer->json, "services"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "service")), service) == 0)
            return row;
    }
    return NULL;
}

static const char *state_of(const char *service)
{
    int64_t before_ms = instant_monotonic();
    const struct answer *answer = get("/api/ops/overview");
    const json_t *row;

    expect_status(answer, 200);
    cr_expect_lt(instant_monotonic() - before_ms, PROMPT_MS);
    row = services_row(answer, service);
    cr_assert_not_null(row, "%s is not listed: %s", service, answer->body);
    return json_string_value(json_object_get(row, "state"));
}

static bool is_ready(void *context)
{
    return strcmp(state_of(context), "ready") == 0;
}

static bool is_away(void *context)
{
    return strcmp(state_of(context), "away") == 0;
}

Test(ops, a_killed_service_is_away_at_the_next_look_and_there_again_after_its_start)
{
    static char payments[] = "payments", orders[] = "orders";

    given_system(&(struct system_options){.ops = true});
    as_user("bob");
    expect_refusal(get("/api/ops/overview"), 401, NULL, "Not authorized");
    as_admin();
    cr_expect_str_eq(state_of("payments"), "ready");
    cr_expect_str_eq(state_of("orders"), "ready");
    kill_service("payments", 0);
    cr_expect_str_eq(state_of("payments"), "away");
    cr_expect_str_eq(state_of("orders"), "ready");
    pause_service("orders", 0, true);
    /* SIGSTOP comes when it comes: it may answer once more. */
    eventually(is_away, orders, 10000, "who stands still does not answer");
    pause_service("orders", 0, false);
    start_service("payments", 0);
    eventually(is_ready, payments, 10000, "payments is seen again");
}

static const json_t *step(const struct answer *answer, size_t i)
{
    return json_array_get(json_object_get(answer->json, "steps"), i);
}

/* The first step of this type at or after `from`; fails if there is none. */
static size_t find_step(const struct answer *answer, const char *type, size_t from)
{
    size_t count = json_array_size(json_object_get(answer->json, "steps"));

    for (size_t i = from; i < count; i++)
        if (strcmp(json_string_value(json_object_get(step(answer, i), "type")), type) == 0)
            return i;
    cr_assert_fail("there is no %s from step %zu on: %s", type, from, answer->body);
    return 0;
}

static void expect_chain(const struct answer *answer, const char *first, const char *second,
                         const char *third)
{
    find_step(answer, third, find_step(answer, second, find_step(answer, first, 0)));
}

static bool is_heard_by(const json_t *row, const char *service)
{
    const json_t *to = json_object_get(row, "to"), *each;
    size_t i;

    json_array_foreach(to, i, each)
    {
        if (strcmp(json_string_value(each), service) == 0)
            return true;
    }
    return false;
}

Test(ops, the_path_of_a_bought_order_is_told_step_by_step)
{
    const struct answer *answer;
    const char *order;
    size_t i;

    given_system(&(struct system_options){.ops = true});
    as_user("sue");
    order = given_ticket("Opera, row 5", 42.50);
    as_user("bob");
    order = given_order(order);
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    expect_all_is_well();

    as_admin();
    answer = get(at("/api/ops/orders/%s/path", order));
    expect_status(answer, 200);
    /* The payment and the order's own answer to it cross. */
    expect_chain(answer, "order.created", "order.awaiting", "order.completed");
    expect_chain(answer, "payment.started", "payment.authorized", "order.completed");
    expect_chain(answer, "order.created", "order.completed", "payment.created");
    find_step(answer, "ticket.updated", 0);
    i = find_step(answer, "order.created", 0);
    cr_expect(is_heard_by(step(answer, i), "tickets"));
    cr_expect(is_heard_by(step(answer, i), "expiration"));
    cr_expect(is_heard_by(step(answer, i), "payments"));
    cr_expect_not(is_heard_by(step(answer, i), "orders"));
    cr_expect_str_eq(answer_text(answer, "order.status"), "complete");
    cr_expect_eq(answer_number(answer, "order.price"), 42.5);
    cr_expect_eq(json_array_size(json_object_get(answer->json, "participants")), 4);
    cr_expect_eq(json_object_size(json_object_get(answer->json, "away")), 0, "%s", answer->body);
    cr_expect(json_is_true(json_object_get(answer->json, "complete")));
}

static bool audit_has_ended(void *context)
{
    const json_t *audit = json_object_get(get("/api/ops/overview")->json, "audit");

    (void)context;
    return json_is_false(json_object_get(audit, "running"));
}

Test(ops, an_audit_of_a_marketplace_at_rest_finds_nothing)
{
    const struct answer *answer;
    const char *order;

    given_system(&(struct system_options){.ops = true});
    as_user("sue");
    order = given_ticket("Opera, row 5", 42.50);
    as_user("bob");
    order = given_order(order);
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    as_admin();
    expect_status(post("/api/ops/audit", "{}"), 202);
    eventually(audit_has_ended, NULL, 20000, "the audit has ended");
    answer = get("/api/ops/overview");
    cr_expect_eq(answer_number(answer, "audit.found"), 0, "%s", answer->body);
    cr_expect_eq(answer_number(answer, "audit.checked.orders"), 1);
    cr_expect_eq(answer_number(answer, "audit.checked.intents"), 1, "Stripe's ledger was read");
    expect_all_is_well();
}

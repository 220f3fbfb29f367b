/*
 * `ticketctl serve` alone on real stores: who gets in, and that the overview is prompt and true
 * whatever is away.
 */

#include "tests/support/process.h"
#include "tests/ticketctl/ops_stage.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *method, *path, *body;
} doors[] = {
    {"GET", "/api/ops/overview", NULL},
    {"POST", "/api/ops/audit", NULL},
    {"GET", "/api/ops/deadletters", NULL},
    {"GET", "/api/ops/deadletters/letter?service=orders&id=x", NULL},
    {"POST", "/api/ops/deadletters/replay", "{\"service\":\"orders\"}"},
    {"GET", "/api/ops/orders/222222222222222222222222/path", NULL},
};

Test(ops, only_admins_get_in)
{
    given_ops(NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(doors); i++) {
        sign_as(NULL, ROLE_USER);
        expect_refusal(ask(doors[i].method, doors[i].path, doors[i].body), 401, NULL,
                       "Not authorized");
        sign_as(OPS_ADMIN, ROLE_USER);
        expect_refusal(ask(doors[i].method, doors[i].path, doors[i].body), 401, NULL,
                       "Not authorized");
    }
}

Test(ops, it_ends_when_it_is_told_to)
{
    struct one_service service = given_ops(NULL);

    overview();
    end_one_service(&service);
}

Test(ops, it_does_not_start_with_nonsense)
{
    static const char *const env[] = {"REDIS_URL=nonsense", "AUDIT_SECONDS=-1", NULL};
    char *log;

    cr_expect_eq(given_one_service_that_ends("ticketctl serve", env, &log), 1);
    cr_expect(strstr(log, "REDIS_URL: must be redis://host[:port][/database]") != NULL, "%s", log);
    cr_expect(strstr(log, "AUDIT_SECONDS:") != NULL, "%s", log);
    free(log);
}

Test(ops, services_that_nobody_runs_are_away_and_all_else_is_there)
{
    static const char *const names[] = {"auth", "tickets", "orders", "expiration", "payments"};
    const struct answer *answer;

    given_ops(NULL);
    answer = overview();
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const json_t *row = row_of(answer, "services", "service", names[i]);

        cr_expect_str_eq(text_in(row, "state"), "away");
        cr_expect(json_is_null(json_object_get(row, "pid")));
    }
    cr_expect_eq(json_object_size(json_object_get(answer->json, "away")), 0, "%s", answer->body);
    cr_expect(json_is_true(json_object_get(row_of(answer, "stores", "store", "NATS"), "ok")));
    cr_expect(json_is_true(json_object_get(row_of(answer, "stores", "store", "MongoDB"), "ok")));
    cr_expect(json_is_true(json_object_get(row_of(answer, "stores", "store", "Redis"), "ok")));
    cr_expect(json_is_null(json_object_get(row_of(answer, "stores", "store", "Stripe"), "ok")));
    cr_expect_str_eq(text_in(row_of(answer, "stores", "store", "Stripe"), "detail"),
                     "STRIPE_KEY is not set");
    cr_expect(json_is_null(json_object_get(json_object_get(answer->json, "audit"), "at")));
}

Test(ops, each_process_answers_for_itself)
{
    const struct answer *answer;
    struct one_service orders;
    const json_t *row;

    given_ops(NULL);
    orders = given_watched("orders");
    answer = overview();
    row = row_of(answer, "services", "service", "orders");
    cr_expect_str_eq(text_in(row, "state"), "ready");
    cr_expect_str_eq(text_in(row, "instance"), "7");
    cr_expect_eq((pid_t)number_in(row, "pid"), orders.pid);
    cr_expect_geq(number_in(row, "upSeconds"), 0);
    cr_expect_eq(json_array_size(json_object_get(row, "problems")), 0);
    cr_expect_eq(json_array_size(json_object_get(row, "says")), 4);
    cr_expect_gt(json_array_size(json_object_get(row, "hears")), 4);
    cr_expect_str_eq(text_in(row_of(answer, "services", "service", "tickets"), "state"), "away");

    row = row_of(answer, "consumers", "durable", "orders-tickets");
    cr_expect_str_eq(text_in(row, "service"), "orders");
    cr_expect_str_eq(text_in(row, "stream"), "tickets");
    cr_expect(json_is_true(json_object_get(row, "bound")));
    cr_expect_eq(json_array_size(json_object_get(answer->json, "streams")), OWNER_COUNT);

    end_one_service(&orders);
    answer = overview();
    cr_expect_str_eq(text_in(row_of(answer, "services", "service", "orders"), "state"), "away");
    row = row_of(answer, "consumers", "durable", "orders-tickets");
    cr_expect(json_is_false(json_object_get(row, "bound")), "its durable is there still");
}

static struct event given_event(enum event_type type, const char *id)
{
    struct event event;

    event_init(&event, type, id, 0);
    text_copy(event.ticket.title, sizeof(event.ticket.title), "Opera");
    text_copy(event.ticket.user_id, ID_BYTES, OPS_ADMIN);
    event.ticket.price_cents = 4250;
    return event;
}

Test(ops, what_is_said_and_not_yet_heard_is_counted)
{
    struct event event = given_event(EVENT_TICKET_CREATED, "111111111111111111111111");
    const struct answer *answer;
    struct one_service orders;
    const json_t *row;

    given_ops(NULL);
    orders = given_watched("orders");
    end_one_service(&orders); /* it leaves the streams and its durables */
    deliver(&event);
    answer = overview();
    row = row_of(answer, "streams", "name", "tickets");
    cr_expect_eq(number_in(row, "lastSequence"), 1);
    cr_expect_eq(number_in(row, "messages"), 1);
    cr_expect_gt(number_in(row, "bytes"), 100);
    cr_expect_neq(*text_in(row, "lastAt"), '\0');
    cr_expect_str_eq(text_in(json_array_get(json_object_get(row, "events"), 0), "type"),
                     "ticket.created");
    cr_expect_eq(number_in(json_array_get(json_object_get(row, "events"), 0), "messages"), 1);
    cr_expect_eq(number_in(row_of(answer, "consumers", "durable", "orders-tickets"), "pending"), 1);
    cr_expect(json_is_null(json_object_get(row_of(answer, "streams", "name", "users"), "lastAt")));
}

Test(ops, outboxes_letters_and_holds_are_counted)
{
    const struct answer *answer;
    const json_t *row;

    given_ops(NULL);
    insert_into("orders", "orders",
                "{\"_id\":{\"$oid\":\"222222222222222222222222\"},\"open\":true,"
                "\"status\":\"created\",\"expiresAt\":{\"$date\":\"2020-01-01T00:00:00Z\"},"
                "\"relayAfter\":{\"$date\":\"2020-01-01T00:00:00Z\"},"
                "\"pendingAt\":{\"$date\":\"2020-01-01T00:00:00Z\"}}");
    insert_into("orders", "orders",
                "{\"_id\":{\"$oid\":\"333333333333333333333333\"},\"open\":true,"
                "\"status\":\"awaiting:payment\",\"expiresAt\":{\"$date\":\"2100-01-01T00:00:00Z\"}"
                "}");
    insert_into("payments", "deadletters", "{\"_id\":\"orders-1-1\"}");
    answer = overview();
    cr_expect_eq(answer_number(answer, "holds.created"), 1);
    cr_expect_eq(answer_number(answer, "holds.awaitingPayment"), 1);
    cr_expect_eq(answer_number(answer, "holds.overdue"), 1);
    cr_expect_str_eq(answer_text(answer, "holds.nextExpiresAt"), "2020-01-01T00:00:00.000Z");
    row = row_of(answer, "outboxes", "service", "orders");
    cr_expect_eq(number_in(row, "waiting"), 1);
    cr_expect_gt(number_in(row, "oldestMs"), 1e9);
    row = row_of(answer, "outboxes", "service", "tickets");
    cr_expect_eq(number_in(row, "waiting"), 0);
    cr_expect(json_is_null(json_object_get(row, "oldestMs")));
    cr_expect_eq(number_in(row_of(answer, "deadLetters", "service", "payments"), "count"), 1);
    cr_expect_eq(number_in(row_of(answer, "deadLetters", "service", "orders"), "count"), 0);
    cr_expect_eq(answer_number(answer, "timers.waiting"), 0);
}

static bool nats_is_back(void *context)
{
    (void)context;
    return away(overview(), "streams") == NULL;
}

Test(ops, it_starts_without_nats_and_finds_it_later)
{
    const struct answer *answer;

    given_nats();
    kill_store(GIVEN_NATS);
    given_ops(NULL);
    answer = overview();
    cr_expect_str_eq(away(answer, "services"), "NATS is away");
    cr_expect_str_eq(away(answer, "streams"), "NATS is away");
    cr_expect_str_eq(away(answer, "consumers"), "NATS is away");
    cr_expect_null(away(answer, "holds"));
    cr_expect(json_is_false(json_object_get(row_of(answer, "stores", "store", "NATS"), "ok")));
    revive_store(GIVEN_NATS, /* wiped= */ false);
    eventually(nats_is_back, NULL, OPS_AWAY_MS, "ops has found NATS");
    cr_expect_null(away(overview(), "services"));
}

static bool mongo_is_there(void *context)
{
    (void)context;
    return away(overview(), "holds") == NULL;
}

static bool mongo_is_away(void *context)
{
    return !mongo_is_there(context);
}

Test(ops, a_database_that_stands_still_or_is_gone_costs_only_its_own_part)
{
    char mongo[160];
    const char *env[] = {mongo, NULL};
    const struct answer *answer;

    snprintf(mongo, sizeof(mongo), "MONGO_URI=%s", given_own_mongo());
    given_ops(env);
    eventually(mongo_is_there, NULL, OPS_AWAY_MS, "MongoDB is there");
    pause_store(GIVEN_MONGO, true);
    for (int i = 0; i < 6; i++) { /* more than there are threads for databases */
        answer = overview();
        cr_expect_not_null(away(answer, "holds"));
        cr_expect_null(away(answer, "services"));
        cr_expect_null(away(answer, "streams"));
        cr_expect_null(away(answer, "timers"));
    }
    expect_refusal(ask("GET", "/api/ops/deadletters", NULL), 503, NULL, "Try again later");
    pause_store(GIVEN_MONGO, false);
    eventually(mongo_is_there, NULL, OPS_AWAY_MS, "MongoDB goes on");
    kill_store(GIVEN_MONGO);
    eventually(mongo_is_away, NULL, OPS_AWAY_MS, "MongoDB is missed");
    answer = overview();
    cr_expect_str_eq(away(answer, "outboxes"), "MongoDB is away");
    cr_expect_str_eq(away(answer, "deadLetters"), "MongoDB is away");
    cr_expect_str_eq(text_in(row_of(answer, "stores", "store", "MongoDB"), "detail"),
                     "MongoDB is away");
}

Test(ops, redis_that_is_away_costs_only_its_own_part)
{
    const struct answer *answer;

    given_ops(NULL);
    cr_expect_null(away(overview(), "timers"));
    kill_store(GIVEN_REDIS);
    answer = overview();
    cr_expect_str_eq(away(answer, "timers"), "Redis is away");
    cr_expect_null(away(answer, "holds"));
}

Test(ops, a_stripe_that_is_away_is_said_to_be)
{
    char base[64];
    const char *env[] = {base, "STRIPE_KEY=sk_test_x", NULL};
    const json_t *row;

    snprintf(base, sizeof(base), "STRIPE_API_BASE=http://127.0.0.1:%d", free_port());
    given_ops(env);
    row = row_of(overview(), "stores", "store", "Stripe");
    cr_expect(json_is_false(json_object_get(row, "ok")));
    cr_expect_str_eq(text_in(row, "detail"), "Stripe is away");
}

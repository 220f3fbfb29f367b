/*
 * What ops measures for Prometheus: what is under way in stores that are there, and which are not.
 */

#include "tests/ticketctl/ops_stage.h"

#include "common/instant.h"
#include "ticketctl/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEASURED_MS (MEASURE_PERIOD_MS + 15000)
#define AN_ID       "222222222222222222222222"

/* The value of a series on /metrics; -1 where it is not there. */
static double told(const char *series)
{
    const struct answer *answer = ask("GET", "/metrics", NULL);
    char line[160];
    const char *found;

    snprintf(line, sizeof(line), "\n%s ", series);
    found = strstr(answer->body, line);
    return found != NULL ? strtod(found + strlen(line), NULL) : -1;
}

struct expected {
    const char *series;
    double least, most;
};

static bool is_told(void *context)
{
    const struct expected *expected = context;
    double value = told(expected->series);

    return value >= expected->least && value <= expected->most;
}

static void expect_told(const char *series, double least, double most)
{
    struct expected expected = {series, least, most};

    eventually(is_told, &expected, MEASURED_MS, series);
}

/* An order that has been due for a minute, and one that is not. */
static void insert_orders(void)
{
    static const struct {
        const char *id, *status;
        int64_t due_in_ms;
    } rows[] = {
        {"333333333333333333333331", "created", -60000},
        {"333333333333333333333332", "awaiting:payment", 600000},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char json[512];

        snprintf(json, sizeof(json),
                 "{\"_id\":{\"$oid\":\"%s\"},\"status\":\"%s\",\"open\":true,"
                 "\"expiresAt\":{\"$date\":{\"$numberLong\":\"%" PRId64 "\"}}}",
                 rows[i].id, rows[i].status, instant_now() + rows[i].due_in_ms);
        insert_into("orders", "orders", json);
    }
}

/* A payment made an hour ago (its id says so) that somebody has to look at again. */
static void insert_payment(void)
{
    char json[512];

    snprintf(json, sizeof(json),
             "{\"_id\":{\"$oid\":\"%08" PRIx64 "aaaaaaaaaaaaaaaa\"},\"status\":\"authorized\","
             "\"workAt\":{\"$date\":{\"$numberLong\":\"%" PRId64 "\"}}}",
             (uint64_t)(instant_now() / 1000 - 3600), instant_now());
    insert_into("payments", "payments", json);
}

Test(ops_metrics, what_is_under_way_is_counted)
{
    insert_orders();
    insert_payment();
    insert_into("tickets", "deadletters", "{\"_id\":\"a letter\"}");
    insert_into("tickets", "tickets",
                "{\"_id\":{\"$oid\":\"" AN_ID
                "\"},\"pendingAt\":{\"$date\":{\"$numberLong\":\"1\"}},"
                "\"relayAfter\":{\"$date\":{\"$numberLong\":\"1\"}}}");
    given_ops(NULL);
    expect_told("orders_open{status=\"created\"}", 1, 1);
    expect_told("orders_open{status=\"awaiting:payment\"}", 1, 1);
    expect_told("orders_overdue", 1, 1);
    expect_told("orders_overdue_oldest_seconds", 60, 120);
    expect_told("payments_unsettled{status=\"authorized\"}", 1, 1);
    expect_told("payments_unsettled{status=\"captured\"}", 0, 0);
    expect_told("payments_unsettled_oldest_seconds", 3600, 3700);
    expect_told("deadletters{database=\"tickets\"}", 1, 1);
    expect_told("deadletters{database=\"orders\"}", 0, 0);
    expect_told("outbox_documents{database=\"tickets\"}", 1, 1);
    expect_told("database_disk_bytes{database=\"orders\"}", 1, 1e18);
    expect_told("timers_waiting", 0, 0);
    expect_told("dependency_up{dependency=\"mongodb\"}", 1, 1);
}

Test(ops_metrics, streams_and_consumers_are_told_as_the_broker_has_them)
{
    given_ops(NULL);
    given_watched("expiration");
    expect_told("broker_stream_messages{stream=\"orders\"}", 0, 0);
    expect_told("broker_consumer_bound{consumer=\"expiration-orders\"}", 1, 1);
    expect_told("broker_consumer_pending{consumer=\"expiration-orders\"}", 0, 0);
}

Test(ops_metrics, a_store_that_is_away_is_told_and_the_others_go_on)
{
    given_redis();
    given_ops(NULL);
    expect_told("dependency_up{dependency=\"redis\"}", 1, 1);
    kill_store(GIVEN_REDIS);
    expect_told("dependency_up{dependency=\"redis\"}", 0, 0);
    cr_expect_eq(told("dependency_up{dependency=\"mongodb\"}"), 1);
    cr_expect_eq(told("dependency_up{dependency=\"nats\"}"), 1);
}

Test(ops_metrics, what_an_audit_finds_is_told_until_the_next)
{
    given_ops(NULL);
    cr_expect_eq(told("audit_findings{promise=\"P1\"}"), 0, "there was none yet");
    cr_expect_eq(told("audit_last_timestamp_seconds"), 0);
    insert_into("orders", "orders",
                "{\"_id\":{\"$oid\":\"" AN_ID "\"},\"status\":\"complete\","
                "\"ticketId\":{\"$oid\":\"111111111111111111111111\"},"
                "\"version\":{\"$numberLong\":\"0\"}}");
    expect_status(ask("POST", "/api/ops/audit", NULL), 202);
    expect_told("audit_findings{promise=\"P1\"}", 1, 1);
    cr_expect_eq(told("audit_findings{promise=\"P4\"}"), 0);
    cr_expect_gt(told("audit_last_timestamp_seconds"), 0);
    cr_expect_eq(told("audit_seconds_count"), 1);
}

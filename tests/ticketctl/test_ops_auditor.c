/*
 * The audit over HTTP: one at a time, and what it finds is kept.
 */

#include "tests/ticketctl/ops_stage.h"

#include "ticketctl/audit.h"

#include <string.h>

#define SETTLED_MS (AUDIT_SETTLE_MS + 15000)

static const json_t *audit(void)
{
    return json_object_get(overview()->json, "audit");
}

static bool has_ended(void *context)
{
    (void)context;
    return json_is_false(json_object_get(audit(), "running")) && *text_in(audit(), "at") != '\0';
}

Test(ops_auditor, where_nothing_is_broken_nothing_is_found)
{
    const json_t *checked;

    given_ops(NULL);
    expect_status(ask("POST", "/api/ops/audit", NULL), 202);
    eventually(has_ended, NULL, SETTLED_MS, "the audit has ended");
    checked = json_object_get(audit(), "checked");
    cr_expect_eq(number_in(audit(), "found"), 0);
    cr_expect_eq(number_in(checked, "orders"), 0);
    cr_expect(json_is_false(json_object_get(audit(), "stripe")));
    cr_expect(json_is_null(json_object_get(audit(), "problem")));
}

Test(ops_auditor, what_is_broken_is_found_and_kept_and_no_second_audit_runs_meanwhile)
{
    const json_t *finding;

    given_ops(NULL);
    insert_into("orders", "orders",
                "{\"_id\":{\"$oid\":\"222222222222222222222222\"},\"status\":\"complete\","
                "\"ticketId\":{\"$oid\":\"111111111111111111111111\"},"
                "\"version\":{\"$numberLong\":\"0\"}}");
    expect_status(ask("POST", "/api/ops/audit", NULL), 202);
    expect_refusal(ask("POST", "/api/ops/audit", NULL), 409, NULL, "An audit is running");
    cr_expect(json_is_true(json_object_get(audit(), "running")));
    eventually(has_ended, NULL, SETTLED_MS, "the audit has ended");
    cr_expect_eq(number_in(audit(), "found"), 3, "P1, P2 and P6");
    cr_expect_geq(number_in(audit(), "tookMs"), AUDIT_SETTLE_MS, "it looked until it was settled");
    finding = json_array_get(json_object_get(audit(), "findings"), 0);
    cr_expect_str_eq(text_in(finding, "promise"), "P1");
    cr_expect(strstr(text_in(finding, "text"), "222222222222222222222222") != NULL);
    expect_status(ask("POST", "/api/ops/audit", NULL), 202);
}

Test(ops_auditor, it_does_not_read_everything_as_soon_as_it_starts)
{
    static const char *const env[] = {"AUDIT_SECONDS=300", NULL};

    given_ops(env);
    cr_expect(json_is_false(json_object_get(audit(), "running")));
    cr_expect(json_is_null(json_object_get(audit(), "at")));
    expect_status(ask("POST", "/api/ops/audit", NULL), 202);
    eventually(has_ended, NULL, SETTLED_MS, "the audit has ended");
}

Test(ops_auditor, it_runs_by_itself_and_says_when_it_cannot_read_everything)
{
    static const char *const env[] = {"AUDIT_SECONDS=1", NULL};

    given_nats();
    kill_store(GIVEN_NATS);
    given_ops(env);
    eventually(has_ended, NULL, SETTLED_MS, "the audit has ended");
    cr_expect_str_eq(text_in(audit(), "problem"), "The audit could not read everything");
    cr_expect(json_is_null(json_object_get(audit(), "found")));
}

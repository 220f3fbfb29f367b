/*
 * The verdict: when it is quiet again, what was promised is looked for. Two auditors read the
 * databases, the streams and the ledger (the harness's, and the one we ship); what was answered is
 * compared with what is there; and the checker judges the histories.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"
#include "tests/support/audit.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A delivery to a process that died comes again after 6 s, a payment that was left alone is taken
 * up after RESOLVE_SECONDS, and others use the machine too. */
#define QUIET_MS     120000
#define AGREE_MS     120000
#define LINEARIZE_MS 900000

/* False where a history fits no order of steps, or nobody can judge it. */
static bool judge_histories(const struct storm *storm, char *ret_said, size_t size)
{
    const char *argv[] = {find_program("TEST_LINEARIZE", "linearize"), storm->keep, NULL};
    char log[128];
    FILE *file;
    int status;

    snprintf(log, sizeof(log), "%s/linearize.log", test_folder());
    status = end_process(spawn(argv, NULL, log), /* signal_number= */ 0, LINEARIZE_MS);
    if (status != 0)
        print_file(log);
    snprintf(ret_said, size, "nobody could judge the histories (make setup-test)");
    file = fopen(log, "re");
    while (file && fgets(ret_said, (int)size, file)) {
    } /* the last line counts */
    if (file)
        fclose(file);
    ret_said[strcspn(ret_said, "\n")] = '\0';
    return status == 0;
}

/* As the shipped auditor counts them. */
static long long count_events_said(void)
{
    int code = ticketctl("--json", "audit");
    const char *json = strchr(ticketctl_said(), '{'); /* warnings may come first */
    json_t *counts = json ? json_loads(json, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    long long events = json_integer_value(json_object_get(counts, "events"));

    cr_assert(events > 0, "ticketctl audit (%d): %s", code, ticketctl_said());
    json_decref(counts);
    return events;
}

void verdict_find(struct storm *storm, struct verdict *ret_verdict)
{
    struct verdict verdict = {.linear = true};

    screen_say(storm, "quiet: what is under way is waited for");
    await_nobody_overdue(QUIET_MS);
    verdict.disagreement = find_disagreement(AGREE_MS);
    if (verdict.disagreement) /* its text is used again */
        verdict.disagreement = at("%s", verdict.disagreement);
    verdict.answers = history_compare(storm->history, &verdict.lost);
    if (!storm->for_people && tally_of(storm, TALLY_RESERVED) > 0)
        verdict.linear = judge_histories(storm, verdict.histories, sizeof(verdict.histories));
    verdict.events = count_events_said();
    verdict.held = !verdict.disagreement && verdict.lost == 0 && verdict.linear &&
                   tally_of(storm, TALLY_FAILED) == 0;
    screen_end(storm);
    if (tally_of(storm, TALLY_FAILED) > 0)
        print_log_lines("level=error"); /* a 500 is a defect */
    *ret_verdict = verdict;
}

/* ---- lateness ---- */

static int64_t instant_of(const json_t *document, const char *member)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(document, member), "$date"));
    int64_t at_ms = 0;

    cr_assert(text && instant_parse(text, &at_ms) == 0, "no %s", member);
    return at_ms;
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

struct lateness lateness_between(int64_t from_ms, int64_t until_ms)
{
    json_t *orders = read_collection("orders", "orders"), *order;
    struct lateness lateness = {xcalloc(json_object_size(orders) + 1, sizeof(int64_t)), 0};
    const char *id;

    json_object_foreach(orders, id, order)
    {
        const json_t *last = order_last_step(order);
        int64_t due_ms = instant_of(order, "expiresAt");

        if (strcmp(document_text(last, "cause"), "expired") == 0 && due_ms >= from_ms &&
            due_ms < until_ms)
            lateness.late_ms[lateness.count++] = instant_of(last, "at") - due_ms;
    }
    json_decref(orders);
    qsort(lateness.late_ms, lateness.count, sizeof(int64_t), by_size);
    return lateness;
}

int64_t lateness_at(const struct lateness *lateness, double quantile)
{
    size_t at = (size_t)(quantile * (double)lateness->count);

    if (lateness->count == 0)
        return 0;
    return lateness->late_ms[at < lateness->count ? at : lateness->count - 1];
}

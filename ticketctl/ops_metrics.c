/*
 * What ops tells Prometheus: the figures that belong to no process, but to a store.
 *
 * They are asked for every ten seconds, whether somebody scrapes or not, and by one process for the
 * whole system; each service counting the same documents would cost as often as it has replicas,
 * and say the same. A job for each store, so that one that hangs keeps no other. While it is away
 * its figures stay what they were, and dependency_up says so.
 *
 * No label is called `service` or `instance`: Prometheus has its own of these names, for who was
 * asked.
 */

#include "common/instant.h"
#include "ticketctl/letters.h"
#include "ticketctl/ops.h"

#include <stdio.h>
#include <string.h>

#define PING_MS    500
#define LABEL_MAX  96
#define STORE_HELP "Does it answer, as seen from here? A database's is its primary."

/* What the auditor can find broken (audit_check.c). */
static const char *const audited[] = {"P1", "P2", "P4", "P6", "P7"};

static void set(struct app *app, const char *name, const char *label, const char *value,
                const char *help, int64_t to)
{
    char labels[LABEL_MAX] = "";

    if (label != NULL)
        snprintf(labels, sizeof(labels), "%s=\"%s\"", label, value);
    metric_set(metrics_gauge(app->core.metrics, name, labels, help), to);
}

static void see_stream(void *context, const struct bus_stream *stream)
{
    const char *name = event_owner_info(stream->owner)->stream;

    set(context, "broker_stream_messages", "stream", name, "Events that a stream keeps.",
        stream->messages);
    set(context, "broker_stream_bytes", "stream", name, "What they take on the broker's disk.",
        stream->bytes);
    set(context, "broker_stream_last_sequence", "stream", name, "Events that it was ever given.",
        (int64_t)stream->last_sequence);
}

static void see_consumer(void *context, const struct bus_consumer *consumer)
{
    const char *name = consumer->durable;

    set(context, "broker_consumer_pending", "consumer", name,
        "Events that a consumer has not been given yet.", consumer->pending);
    set(context, "broker_consumer_ack_pending", "consumer", name,
        "Events that it was given and has not acknowledged.", consumer->ack_pending);
    set(context, "broker_consumer_redelivered", "consumer", name, "Of those: given before.",
        consumer->redelivered);
    set(context, "broker_consumer_bound", "consumer", name, "Does a process listen?",
        consumer->bound);
}

int measure_broker(struct app *app)
{
    return bus_survey(app->core.bus, OPS_BROKER_MS, see_stream, see_consumer, app);
}

static int measure_database(struct app *app, enum event_owner owner)
{
    const char *name = event_owner_info(owner)->service;
    struct store *store = app->tool.stores[owner];
    struct outbox_count outboxes = {0};
    struct store_disk disk = {0};
    int64_t letters = 0;
    int r = letters_count(store, OPS_COUNT_MAX, &letters);

    if (r == 0 && owner != OWNER_EXPIRATION) /* which has no documents */
        r = count_outboxes(store, owner, &outboxes);
    if (r == 0)
        r = store_disk(store, &disk);
    if (r != 0)
        return r;
    set(app, "deadletters", "database", name, "Events that were given up and wait for somebody.",
        letters);
    set(app, "outbox_documents", "database", name,
        "Documents with events that wait for the broker.", outboxes.documents);
    set(app, "database_disk_used_bytes", "database", name, "Used of the disk that it is on.",
        disk.used_bytes);
    set(app, "database_disk_bytes", "database", name, "Size of the disk that it is on.",
        disk.bytes);
    return 0;
}

static int measure_orders(struct app *app)
{
    struct hold_count holds;
    int r = count_holds(app->tool.stores[OWNER_ORDERS], &holds);

    if (r != 0)
        return r;
    for (enum order_status status = ORDER_CREATED; status <= ORDER_AWAITING; status++)
        set(app, "orders_open", "status", order_status_name(status), "Orders that hold a ticket.",
            holds.of_status[status]);
    set(app, "orders_overdue", NULL, NULL, "Of those: past their deadline.", holds.overdue);
    set(app, "orders_overdue_oldest_seconds", NULL, NULL, "How long the first of these is.",
        holds.oldest_overdue_ms / 1000);
    return 0;
}

static int measure_payments(struct app *app)
{
    struct payment_count payments;
    int r = count_unsettled(app->tool.stores[OWNER_PAYMENTS], &payments);

    if (r != 0)
        return r;
    for (enum payment_status status = 0; status < PAYMENT_STATUS_COUNT; status++)
        set(app, "payments_unsettled", "status", payment_status_name(status),
            "Payments whose end is not known yet.", payments.of_status[status]);
    set(app, "payments_unsettled_oldest_seconds", NULL, NULL, "How old the oldest of them is.",
        payments.oldest_ms / 1000);
    return 0;
}

int measure_databases(struct app *app)
{
    int r = store_ping(app->tool.stores[OWNER_ORDERS], PING_MS);

    for (enum event_owner owner = 0; owner < OWNER_COUNT && r == 0; owner++)
        r = measure_database(app, owner);
    if (r == 0)
        r = measure_orders(app);
    if (r == 0)
        r = measure_payments(app);
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++)
        store_thread_done(app->tool.stores[owner]);
    set(app, "dependency_up", "dependency", "mongodb", STORE_HELP, r == 0);
    return r;
}

int measure_timers(struct app *app)
{
    int64_t waiting = 0, leased = 0;
    int r = delay_count(app->delay, &waiting, &leased);

    set(app, "dependency_up", "dependency", "redis", STORE_HELP, r == 0);
    if (r != 0)
        return r;
    set(app, "timers_waiting", NULL, NULL, "Deadlines that Redis keeps.", waiting);
    set(app, "timers_leased", NULL, NULL, "Of those that came: not said yet.", leased);
    return 0;
}

static struct histogram *audit_seconds(struct app *app)
{
    return metrics_histogram(app->core.metrics, "audit_seconds", "", "How long audits took.");
}

static void set_findings(struct app *app, const char *promise, int64_t count)
{
    set(app, "audit_findings", "promise", promise, "Broken promises that the last audit found.",
        count);
}

static void set_audited(struct app *app, int64_t at_ms)
{
    set(app, "audit_last_timestamp_seconds", NULL, NULL,
        "When an audit last read everything, since 1970; 0: not since the start.", at_ms / 1000);
}

void measure_open(struct app *app)
{
    audit_seconds(app);
    set_audited(app, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(audited); i++)
        set_findings(app, audited[i], 0);
}

void measure_audit(struct app *app, const struct rows *findings, bool unable, int64_t took_ms)
{
    histogram_add(audit_seconds(app), took_ms * 1000);
    if (unable)
        return; /* what it found before still stands */
    set_audited(app, instant_now());
    for (size_t i = 0; i < ARRAY_LENGTH(audited); i++) {
        int64_t count = 0;

        for (size_t j = 0; j < findings->count; j++)
            count += strcmp(((struct finding *)rows_at(findings, j))->promise, audited[i]) == 0;
        set_findings(app, audited[i], count);
    }
}

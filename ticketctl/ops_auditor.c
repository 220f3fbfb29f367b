/*
 * The auditor at work: looks when it is asked to, and every AUDIT_SECONDS by itself, for the first
 * time a minute after the start: an audit takes memory for all that there ever was, and a process
 * that it was too much for, and that is started again, is there to be asked meanwhile.
 *
 * One audit at a time. As on the command line, what is under way looks broken for a moment, so it
 * looks again once a second until nothing is found or AUDIT_SETTLE_MS have passed. A look takes as
 * long as there is data, so it is an errand on a thread of its own: the job that sends it returns
 * at once, and the end of the process waits for one look at most. The last result is kept in
 * memory; the next process makes a new one.
 */

#include "common/instant.h"
#include "ticketctl/ops.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SECONDS  60
#define LOOK_AGAIN_MS  1000
#define FINDINGS_SHOWN 100

/* What an audit found. */
struct verdict {
    bool known;  /* there was one */
    bool unable; /* but it could not read everything */
    int64_t at_ms, took_ms;
    size_t tickets, orders, payments, events, intents;
    bool with_stripe;
    struct rows findings;
};

struct auditor {
    pthread_mutex_t lock; /* guards all of it */
    bool running, looking;
    int64_t begun_ms, next_look_ms, due_ms; /* monotonic */
    struct verdict last;
};

struct auditor *auditor_new(int64_t period_seconds)
{
    struct auditor *auditor = xcalloc(1, sizeof(*auditor));
    int64_t first = period_seconds < FIRST_SECONDS ? period_seconds : FIRST_SECONDS;

    auditor->due_ms = instant_monotonic() + first * 1000;
    pthread_mutex_init(&auditor->lock, NULL);
    return auditor;
}

struct auditor *auditor_free(struct auditor *auditor)
{
    if (auditor == NULL)
        return NULL;
    rows_release(&auditor->last.findings);
    pthread_mutex_destroy(&auditor->lock);
    free(auditor);
    return NULL;
}

/* With the lock held. */
static void begin(struct auditor *auditor, int64_t now_ms)
{
    auditor->running = true;
    auditor->begun_ms = auditor->next_look_ms = now_ms;
}

/* With the lock held: this look was the last. Takes `findings` over. */
static void conclude(struct app *app, const struct world *world, struct rows *findings, int result)
{
    struct auditor *auditor = app->auditor;
    int64_t now_ms = instant_monotonic();

    measure_audit(app, findings, result != 0, now_ms - auditor->begun_ms);
    rows_release(&auditor->last.findings);
    auditor->last = (struct verdict){
        .known = true,
        .unable = result != 0,
        .at_ms = instant_now(),
        .took_ms = now_ms - auditor->begun_ms,
        .tickets = world->tickets.count,
        .orders = world->orders.count,
        .payments = world->payments.count,
        .events = world->events.count,
        .intents = world->intents.count,
        .with_stripe = world->with_stripe,
        .findings = *findings,
    };
    memset(findings, 0, sizeof(*findings));
    auditor->running = false;
    auditor->due_ms = now_ms + app->audit_seconds * 1000;
}

static int look(struct app *app, struct errand *errand)
{
    struct auditor *auditor = app->auditor;
    struct rows findings = {0};
    struct world world;
    int r = audit_look(&app->tool, &world, &findings);
    int64_t now_ms = instant_monotonic();

    (void)errand;
    pthread_mutex_lock(&auditor->lock);
    auditor->looking = false;
    auditor->next_look_ms = now_ms + LOOK_AGAIN_MS;
    if ((r == 0 && findings.count == 0) || now_ms - auditor->begun_ms >= AUDIT_SETTLE_MS)
        conclude(app, &world, &findings, r);
    pthread_mutex_unlock(&auditor->lock);
    rows_release(&findings);
    world_release(&world);
    return 0;
}

int auditor_look(struct app *app)
{
    struct auditor *auditor = app->auditor;
    int64_t now_ms = instant_monotonic();
    bool now;

    pthread_mutex_lock(&auditor->lock);
    if (!auditor->running && app->audit_seconds > 0 && now_ms >= auditor->due_ms)
        begin(auditor, now_ms);
    now = auditor->running && !auditor->looking && now_ms >= auditor->next_look_ms;
    if (now)
        auditor->looking = true;
    pthread_mutex_unlock(&auditor->lock);
    if (now)
        errand_release(app->auditing, errand_send(app->auditing, &(struct errand){.run = look}));
    return 0;
}

static void write_checked(const struct verdict *verdict, struct writer *out)
{
    write_object_begin(out, "checked");
    write_int(out, "tickets", (int64_t)verdict->tickets);
    write_int(out, "orders", (int64_t)verdict->orders);
    write_int(out, "payments", (int64_t)verdict->payments);
    write_int(out, "events", (int64_t)verdict->events);
    write_int(out, "intents", (int64_t)verdict->intents);
    write_object_end(out);
}

/* What is known of the last audit; null where there was none, or where it could not be made. */
static void write_verdict(const struct verdict *verdict, struct writer *out)
{
    bool whole = verdict->known && !verdict->unable;

    if (verdict->known) {
        write_instant(out, "at", verdict->at_ms);
        write_int(out, "tookMs", verdict->took_ms);
    } else {
        write_null(out, "at");
        write_null(out, "tookMs");
    }
    if (whole) {
        write_bool(out, "stripe", verdict->with_stripe);
        write_checked(verdict, out);
        write_int(out, "found", (int64_t)verdict->findings.count);
    } else {
        write_null(out, "stripe");
        write_null(out, "checked");
        write_null(out, "found");
    }
    audit_write_findings(&verdict->findings, FINDINGS_SHOWN, out);
    if (verdict->unable)
        write_text(out, "problem", "The audit could not read everything");
    else
        write_null(out, "problem");
}

void auditor_write(struct auditor *auditor, const char *key, struct writer *out)
{
    pthread_mutex_lock(&auditor->lock);
    write_object_begin(out, key);
    write_bool(out, "running", auditor->running);
    write_verdict(&auditor->last, out);
    write_object_end(out);
    pthread_mutex_unlock(&auditor->lock);
}

int route_audit(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    struct auditor *auditor = app->auditor;
    struct writer *out;
    bool running;

    (void)request;
    pthread_mutex_lock(&auditor->lock);
    running = auditor->running;
    if (!running)
        begin(auditor, instant_monotonic());
    pthread_mutex_unlock(&auditor->lock);
    if (running)
        return reply_error(reply, CONFLICT, /* field= */ NULL, "An audit is running");
    out = reply_body(reply, 202);
    write_object_begin(out, NULL);
    write_bool(out, "running", true);
    write_object_end(out);
    return 0;
}

/*
 * The overview: everything at a glance, whatever of it is away.
 *
 * Each looker runs as an errand of its own, all at once; what has not come back in time, or could
 * not be found, is null, and `away` says why. So the answer is always a 200 and always prompt,
 * which is what an operator needs most when little else is.
 */

#include "common/instant.h"
#include "ticketctl/ops.h"

struct looker {
    int (*look)(struct app *app, struct errand *errand);
    const char *store; /* whom it asks, for the list of stores; or NULL */
    const char *parts[ERRAND_PARTS_MAX];
};

static const struct looker lookers[] = {
    {look_databases, "MongoDB", {"outboxes", "deadLetters", "holds"}},
    {look_broker, "NATS", {"streams", "consumers"}},
    {look_timers, "Redis", {"timers"}},
    {look_stripe, "Stripe", {NULL}},
    {look_services, NULL, {"services"}},
};

#define LOOKERS ARRAY_LENGTH(lookers)

static struct office *office_of(struct app *app, const struct looker *looker)
{
    return looker->look == look_databases ? app->databases : app->others;
}

static void write_store(const struct looker *looker, const struct errand *errand, bool done,
                        struct writer *out)
{
    bool ok = done && errand->result == 0;
    const char *reason = errand_reason(errand, done);

    write_object_begin(out, NULL);
    write_text(out, "store", looker->store);
    if (done && errand->unasked)
        write_null(out, "ok");
    else
        write_bool(out, "ok", ok);
    if (ok && !errand->unasked)
        write_int(out, "ms", errand->took_ms);
    else
        write_null(out, "ms");
    if (reason != NULL)
        write_text(out, "detail", reason);
    else
        write_null(out, "detail");
    write_object_end(out);
}

static void write_parts(const struct looker *looker, const struct errand *errand, bool done,
                        struct writer *out)
{
    for (size_t i = 0; i < ERRAND_PARTS_MAX && looker->parts[i] != NULL; i++) {
        if (done && errand->result == 0)
            write_json(out, looker->parts[i], writer_text(&errand->parts[i]),
                       errand->parts[i].length);
        else
            write_null(out, looker->parts[i]);
    }
}

static void write_away(struct errand *const *errands, const bool *done, struct writer *out)
{
    write_object_begin(out, "away");
    for (size_t i = 0; i < LOOKERS; i++)
        for (size_t j = 0; j < ERRAND_PARTS_MAX && lookers[i].parts[j] != NULL; j++)
            if (!done[i] || errands[i]->result != 0)
                write_text(out, lookers[i].parts[j], errand_reason(errands[i], done[i]));
    write_object_end(out);
}

int route_overview(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    int64_t deadline_ms = instant_monotonic() + OPS_ANSWER_MS;
    struct writer *out = reply_body(reply, 200);
    struct errand *errands[LOOKERS];
    bool done[LOOKERS];

    (void)request;
    for (size_t i = 0; i < LOOKERS; i++)
        errands[i] =
            errand_send(office_of(app, &lookers[i]),
                        &(struct errand){.run = lookers[i].look, .deadline_ms = deadline_ms});
    for (size_t i = 0; i < LOOKERS; i++)
        done[i] = errand_await(office_of(app, &lookers[i]), errands[i]);

    write_object_begin(out, NULL);
    write_instant(out, "at", instant_now());
    for (size_t i = 0; i < LOOKERS; i++)
        write_parts(&lookers[i], errands[i], done[i], out);
    write_array_begin(out, "stores");
    for (size_t i = 0; i < LOOKERS; i++)
        if (lookers[i].store != NULL)
            write_store(&lookers[i], errands[i], done[i], out);
    write_array_end(out);
    auditor_write(app->auditor, "audit", out);
    write_away(errands, done, out);
    write_object_end(out);

    for (size_t i = 0; i < LOOKERS; i++)
        errand_release(office_of(app, &lookers[i]), errands[i]);
    return 0;
}

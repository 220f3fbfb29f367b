/*
 * The services' processes, as they answer for themselves.
 *
 * Each process answers the question for its health over the bus, with what it says and hears. A
 * service that nobody answers for is away: there is no list of processes that should run, but there
 * is one of services, since each owns a stream. Who hears what is remembered, so that an order's
 * path can be drawn while one of those on it is away.
 */

#include "common/instant.h"
#include "common/parse.h"
#include "ticketctl/ops.h"

#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX 64
#define ASK_MS        800

struct process {
    enum event_owner owner;
    char *said; /* its answer, a JSON object */
    char instance[33];
};

struct roll_call {
    struct app *app;
    struct process processes[PROCESSES_MAX];
    size_t count;
    bool heard_of[OWNER_COUNT];
};

static void remember(struct app *app, enum event_owner owner, const json_t *hears)
{
    uint32_t types = 0;
    const json_t *subject;
    size_t i;

    json_array_foreach(hears, i, subject)
    {
        const char *text = json_string_value(subject);
        enum event_type type = text != NULL ? event_type_of_subject(text) : EVENT_TYPE_COUNT;

        if (type != EVENT_TYPE_COUNT)
            types |= UINT32_C(1) << type;
    }
    pthread_mutex_lock(&app->lock);
    app->hearing[owner] = (struct hearing){.known = true, .types = types};
    pthread_mutex_unlock(&app->lock);
}

static bool heard(void *context, const char *reply)
{
    struct roll_call *call = context;
    cleanup(json_decrefp) json_t *said = parse_object(reply, strlen(reply));
    enum event_owner owner = tool_owner(parse_member(said, "service"));
    bool all = true;

    if (owner != OWNER_COUNT && call->count < PROCESSES_MAX) {
        struct process *process = &call->processes[call->count++];

        process->owner = owner;
        process->said = xstrdup(reply);
        text_copy(process->instance, sizeof(process->instance), parse_member(said, "instance"));
        call->heard_of[owner] = true;
        remember(call->app, owner, json_object_get(said, "hears"));
    }
    for (enum event_owner each = 0; each < OWNER_COUNT; each++)
        all = all && call->heard_of[each];
    return all;
}

static int compare(const void *left, const void *right)
{
    const struct process *a = left, *b = right;

    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    return strcmp(a->instance, b->instance);
}

static void write_away(enum event_owner owner, struct writer *out)
{
    write_object_begin(out, NULL);
    write_text(out, "service", event_owner_info(owner)->service);
    write_null(out, "instance");
    write_text(out, "state", "away");
    write_null(out, "version");
    write_null(out, "pid");
    write_null(out, "upSeconds");
    write_array_begin(out, "problems");
    write_text(out, NULL, "No process answers");
    write_array_end(out);
    write_null(out, "outboxWaiting");
    write_array_begin(out, "hears");
    write_array_end(out);
    write_array_begin(out, "says");
    write_array_end(out);
    write_object_end(out);
}

int look_services(struct app *app, struct errand *errand)
{
    struct roll_call call = {.app = app};
    struct writer *out = &errand->parts[0];
    int r = bus_ask_everyone(app->core.bus, "health", ASK_MS, heard, &call);

    if (call.count > 1)
        qsort(call.processes, call.count, sizeof(call.processes[0]), compare);
    write_array_begin(out, NULL);
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++) {
        if (!call.heard_of[owner])
            write_away(owner, out);
        for (size_t i = 0; i < call.count; i++)
            if (call.processes[i].owner == owner)
                write_json(out, NULL, call.processes[i].said, strlen(call.processes[i].said));
    }
    write_array_end(out);
    for (size_t i = 0; i < call.count; i++)
        free(call.processes[i].said);
    return r == 0 ? 0 : errand_fail(errand, r, "NATS is away");
}

void ops_hearing(struct app *app, struct hearing ret_hearing[OWNER_COUNT])
{
    pthread_mutex_lock(&app->lock);
    memcpy(ret_hearing, app->hearing, sizeof(app->hearing));
    pthread_mutex_unlock(&app->lock);
}

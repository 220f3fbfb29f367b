/*
 * One order's path through the services, for drawing as a sequence: what was said of it, by whom,
 * and who hears that.
 *
 * The document has its history, the streams have what was said, the services know what they hear;
 * three errands bring these. Each may fail alone: a path without its document is still drawn, and
 * so is one whose services are all away but were heard of before.
 */

#include "common/instant.h"
#include "ticketctl/ops.h"
#include "ticketctl/story.h"

#include <stdlib.h>
#include <string.h>

#define STORY_SPARE_MS                                                         \
    200 /* of the time that a request waits: so that a cut story still arrives \
         */

/* ---- the document ---- */

static void write_history(const bson_t *document, struct writer *out)
{
    bson_iter_t iter, steps;

    write_array_begin(out, "history");
    if (bson_iter_init_find(&iter, document, "history") && BSON_ITER_HOLDS_ARRAY(&iter) &&
        bson_iter_recurse(&iter, &steps))
        while (bson_iter_next(&steps)) {
            const uint8_t *data = NULL;
            uint32_t length = 0;
            bson_t step;

            if (!BSON_ITER_HOLDS_DOCUMENT(&steps))
                continue;
            bson_iter_document(&steps, &length, &data);
            if (!bson_init_static(&step, data, length))
                continue;
            write_object_begin(out, NULL);
            write_text(out, "status", store_read_text(&step, "status", ""));
            write_instant(out, "at", store_read_instant(&step, "at", 0));
            write_text(out, "cause", store_read_text(&step, "cause", ""));
            write_object_end(out);
        }
    write_array_end(out);
}

static void write_id(const bson_t *document, const char *field, const char *key, struct writer *out)
{
    char id[ID_BYTES];

    store_read_id(document, field, id);
    write_text(out, key, id);
}

static void write_order(const bson_t *document, struct writer *out)
{
    write_object_begin(out, NULL);
    write_id(document, "_id", "id", out);
    write_text(out, "status", store_read_text(document, "status", ""));
    write_id(document, "userId", "userId", out);
    write_id(document, "ticketId", "ticketId", out);
    write_text(out, "ticketTitle", store_read_text(document, "ticket.title", ""));
    write_money(out, "price", store_read_int(document, "ticket.priceCents", 0));
    write_int(out, "version", store_read_int(document, "version", 0));
    write_instant(out, "createdAt", store_read_instant(document, "createdAt", 0));
    write_instant(out, "expiresAt", store_read_instant(document, "expiresAt", 0));
    write_history(document, out);
    write_object_end(out);
}

static int find_order(struct app *app, struct errand *errand)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER;
    cleanup(bson_freep) bson_t *document = NULL;
    int r = ops_ping_databases(app, errand);

    if (r != 0)
        return r;
    store_append_id(&filter, "_id", errand->id);
    r = store_find(app->tool.stores[OWNER_ORDERS], event_owner_info(OWNER_ORDERS)->stream, &filter,
                   /* options= */ NULL, &document);
    if (r < 0)
        return errand_fail(errand, r, "MongoDB could not be read");
    if (r == 0)
        write_order(document, &errand->parts[0]);
    return r;
}

/* ---- the steps ---- */

static void free_story(void *found)
{
    story_release(found);
    free(found);
}

static int read_story(struct app *app, struct errand *errand)
{
    struct story *story = xcalloc(1, sizeof(*story));
    int r;

    text_copy(story->id, sizeof(story->id), errand->id);
    errand->found = story;
    errand->found_free = free_story;
    r = story_read_order(app->core.bus, errand->deadline_ms - STORY_SPARE_MS, story);
    return r == 0 ? 0 : errand_fail(errand, r, "NATS is away");
}

/* What the event says its aggregate now is: "cancelled: expired". */
static void write_note(const struct event *event, struct writer *out)
{
    cleanup(freep) char *note = NULL;

    switch (event_info(event->type)->owner) {
    case OWNER_TICKETS: write_text(out, "note", ticket_status_name(event->ticket.status)); return;
    case OWNER_PAYMENTS:
        write_text(out, "note", payment_status_name(event->payment.status));
        return;
    case OWNER_ORDERS:
        note = xasprintf("%s%s%s", order_status_name(event->order.status),
                         event->order.cause[0] != '\0' ? ": " : "", event->order.cause);
        write_text(out, "note", note);
        return;
    case OWNER_USERS:
    case OWNER_EXPIRATION:
    case OWNER_COUNT: write_null(out, "note");
    }
}

static bool hears(const struct hearing *hearing, enum event_type type)
{
    return (hearing->types >> type & 1) != 0;
}

static void write_step(const struct story_line *line, const struct hearing *hearing,
                       struct writer *out)
{
    const struct event *event = &line->event;
    const struct event_info *info = event_info(event->type);

    write_object_begin(out, NULL);
    write_instant(out, "at", event->at_ms);
    write_text(out, "from", event_owner_info(info->owner)->service);
    write_array_begin(out, "to");
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++)
        if (hears(&hearing[owner], event->type))
            write_text(out, NULL, event_owner_info(owner)->service);
    write_array_end(out);
    write_text(out, "type", info->subject);
    write_text(out, "meaning", info->meaning);
    write_text(out, "aggregateId", event->aggregate_id);
    write_int(out, "version", event->version);
    write_text(out, "eventId", event->id);
    write_int(out, "sequence", (int64_t)line->sequence);
    write_note(event, out);
    write_object_end(out);
}

static void write_participants(const struct story *story, const struct hearing *hearing,
                               struct writer *out)
{
    write_array_begin(out, "participants");
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++) {
        bool takes_part = false;

        for (size_t i = 0; i < story->count && !takes_part; i++) {
            enum event_type type = story->lines[i].event.type;

            takes_part = event_info(type)->owner == owner || hears(&hearing[owner], type);
        }
        if (takes_part)
            write_text(out, NULL, event_owner_info(owner)->service);
    }
    write_array_end(out);
}

/* Name those whose part in it is not known. */
static void write_unheard(const struct hearing *hearing, struct writer *out)
{
    cleanup(writer_release) struct writer names = {0};

    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++)
        if (!hearing[owner].known)
            write_format(&names, "%s%s", names.length > 0 ? ", " : "",
                         event_owner_info(owner)->service);
    if (names.length > 0) {
        cleanup(freep) char *reason =
            xasprintf("Not heard of yet, so what it hears is missing: %s", writer_text(&names));

        write_text(out, "participants", reason);
    }
}

/* ---- the answer ---- */

struct path {
    struct errand *order, *story, *services;
    bool order_done, story_done;
};

static void write_path(struct app *app, const struct path *path, struct writer *out)
{
    bool has_order = path->order_done && path->order->result == 0;
    bool has_story = path->story_done && path->story->result == 0;
    struct hearing hearing[OWNER_COUNT];

    ops_hearing(app, hearing);
    write_object_begin(out, NULL);
    write_instant(out, "at", instant_now());
    if (has_order)
        write_json(out, "order", writer_text(&path->order->parts[0]), path->order->parts[0].length);
    else
        write_null(out, "order");
    if (has_story) {
        const struct story *story = path->story->found;

        write_participants(story, hearing, out);
        write_array_begin(out, "steps");
        for (size_t i = 0; i < story->count; i++)
            write_step(&story->lines[i], hearing, out);
        write_array_end(out);
        write_bool(out, "complete", !story->cut);
    } else {
        write_null(out, "participants");
        write_null(out, "steps");
        write_bool(out, "complete", false);
    }
    write_object_begin(out, "away");
    if (!has_order)
        write_text(out, "order", errand_reason(path->order, path->order_done));
    if (!has_story)
        write_text(out, "steps", errand_reason(path->story, path->story_done));
    write_unheard(hearing, out);
    write_object_end(out);
    write_object_end(out);
}

int route_order_path(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    struct errand wanted = {.deadline_ms = instant_monotonic() + OPS_ANSWER_MS};
    struct path path;
    int r = 0;

    text_copy(wanted.id, sizeof(wanted.id), request->ids[0]);
    wanted.run = find_order;
    path.order = errand_send(app->databases, &wanted);
    wanted.run = read_story;
    path.story = errand_send(app->others, &wanted);
    wanted.run = look_services;
    path.services = errand_send(app->others, &wanted);

    path.order_done = errand_await(app->databases, path.order);
    if (path.order_done && path.order->result == NOT_FOUND) {
        r = NOT_FOUND;
    } else {
        path.story_done = errand_await(app->others, path.story);
        errand_await(app->others, path.services); /* or what was heard before counts */
        write_path(app, &path, reply_body(reply, 200));
    }
    errand_release(app->databases, path.order);
    errand_release(app->others, path.story);
    errand_release(app->others, path.services);
    return r;
}

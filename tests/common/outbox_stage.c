/*
 * A stage for testing the outbox: tickets in a collection of their own, said on the tickets stream.
 */

#include "tests/common/outbox_stage.h"

#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

static const char *const collections[] = {"tickets"};

static const struct store_index indexes[] = {
    OUTBOX_INDEX("tickets"),
    {"tickets", "tickets_title", "{\"title\": 1}",
     "{\"unique\": true, \"partialFilterExpression\": {\"title\": {\"$exists\": true}}}"},
};

struct stage given_stage(void)
{
    cleanup(writer_release) struct writer problems = {0};
    struct stage stage = {.store = given_store(), .bus = given_bus("tickets")};

    writer_init(&problems);
    cr_assert_eq(store_prepare(stage.store, indexes, ARRAY_LENGTH(indexes), &problems), 0);
    cr_assert_eq(bus_prepare(stage.bus, NULL, 0, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    return stage;
}

void stage_open(struct stage *stage)
{
    stage->metrics = metrics_new();
    cr_assert_eq(
        outbox_open(stage->store, stage->bus, stage->metrics, collections, 1, &stage->outbox), 0);
}

void stage_close(struct stage *stage)
{
    stage->outbox = outbox_free(stage->outbox, 5000);
    stage->metrics = metrics_free(stage->metrics);
}

int64_t stage_metric(struct stage *stage, const char *name)
{
    return metric_value(metrics_counter(stage->metrics, name, "", ""));
}

struct event stage_event(const char *id, int64_t version)
{
    struct event event;

    event_init(&event, version == 0 ? EVENT_TICKET_CREATED : EVENT_TICKET_UPDATED, id, version);
    snprintf(event.ticket.title, sizeof(event.ticket.title), "title %lld", (long long)version);
    event.ticket.price_cents = 2000 + version;
    text_copy(event.ticket.user_id, sizeof(event.ticket.user_id), id);
    return event;
}

int stage_insert(struct stage *stage, const char *id)
{
    struct event event = stage_event(id, 0);
    bson_t document = BSON_INITIALIZER;
    int r;

    store_append_id(&document, "_id", id);
    r = outbox_insert(stage->outbox, "tickets", &document, &event, NULL);
    bson_destroy(&document);
    return r;
}

int stage_save(struct stage *stage, const char *id, int64_t version)
{
    struct event event = stage_event(id, version);
    bson_t set = BSON_INITIALIZER;
    int r;

    BSON_APPEND_INT64(&set, "price", event.ticket.price_cents);
    r = outbox_save(stage->outbox, "tickets", &set, NULL, NULL, &event, NULL);
    bson_destroy(&set);
    return r;
}

bson_t *stage_find(struct stage *stage, const char *id)
{
    bson_t filter = BSON_INITIALIZER, *found = NULL;

    store_append_id(&filter, "_id", id);
    cr_assert_eq(store_find(stage->store, "tickets", &filter, NULL, &found), 0);
    bson_destroy(&filter);
    return found;
}

void stage_crash(struct stage *stage, const char *id, int64_t waiting, int64_t relay_after_ms)
{
    bson_t document = BSON_INITIALIZER, events, element;

    store_append_id(&document, "_id", id);
    BSON_APPEND_INT64(&document, "version", waiting - 1);
    BSON_APPEND_ARRAY_BEGIN(&document, "outbox", &events);
    for (int64_t version = 0; version < waiting; version++) {
        struct event event = stage_event(id, version);
        cleanup(writer_release) struct writer body = {0};
        char key[8];

        writer_init(&body);
        event_encode(&event, &body);
        snprintf(key, sizeof(key), "%d", (int)version);
        BSON_APPEND_DOCUMENT_BEGIN(&events, key, &element);
        BSON_APPEND_UTF8(&element, "id", event.id);
        BSON_APPEND_UTF8(&element, "subject", event_info(event.type)->subject);
        BSON_APPEND_INT64(&element, "version", version);
        BSON_APPEND_DATE_TIME(&element, "at", event.at_ms);
        BSON_APPEND_UTF8(&element, "traceparent", "");
        BSON_APPEND_UTF8(&element, "body", writer_text(&body));
        bson_append_document_end(&events, &element);
    }
    bson_append_array_end(&document, &events);
    BSON_APPEND_DATE_TIME(&document, "pendingAt", relay_after_ms);
    BSON_APPEND_DATE_TIME(&document, "relayAfter", relay_after_ms);
    cr_assert_eq(store_insert(stage->store, "tickets", &document, NULL), 0);
    bson_destroy(&document);
}

static int note_told(void *context, const struct event *event, uint64_t sequence)
{
    struct told *told = context;

    (void)sequence;
    cr_assert_lt(told->count, TOLD_MAX);
    text_copy(told->events[told->count].id, ID_BYTES, event->aggregate_id);
    told->events[told->count].version = event->version;
    told->events[told->count].price_cents = event->ticket.price_cents;
    told->count++;
    return 0;
}

void stage_read(struct stage *stage, struct told *told)
{
    struct bus_range range = {.owner = OWNER_TICKETS};

    told->count = 0;
    cr_assert_eq(bus_replay(stage->bus, &range, note_told, told), 0);
}

void stage_expect(const struct told *told, const char *id, int64_t last)
{
    int64_t next = 0;

    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->events[i].id, id) != 0)
            continue;
        cr_assert_eq(told->events[i].version, next, "%s: version %d where %d is due", id,
                     (int)told->events[i].version, (int)next);
        cr_assert_eq(told->events[i].price_cents, 2000 + next);
        next++;
    }
    cr_assert_eq(next, last + 1, "%s: %d of %d events", id, (int)next, (int)last + 1);
}

bool stage_is_empty(void *context)
{
    cleanup(bson_freep) bson_t *full = BCON_NEW("outbox.0", "{", "$exists", BCON_BOOL(true), "}");
    struct stage *stage = context;
    int64_t count = -1;

    return store_count(stage->store, "tickets", full, 1, &count) == 0 && count == 0;
}

bool stage_is_cut_off(void *context)
{
    return !bus_is_connected(((struct stage *)context)->bus);
}

bool stage_is_connected(void *context)
{
    return bus_is_connected(((struct stage *)context)->bus);
}

/*
 * Recovery: a database that went back is brought forward by what its own service has said.
 *
 * Every change of an aggregate is in its database and, as an event with the whole public state, in
 * the stream. A database that was restored from a backup, or lost, is behind that stream; deciding
 * on it would say other things under versions that everybody has heard. So before a service opens
 * anything it reads its own stream from where it last knew that all of it was in the database
 * (the note `said` in `progress`), and brings each document that is older than its event to it.
 *
 * In a database that did not go back every event finds its document at its version or beyond, as it
 * left only after the commit, also while other processes of the service are at work. So nothing is
 * written then, and what is read is what was said since the last note, some seconds' worth.
 *
 * What events do not tell is not brought back: passwords, for one (auth/events.c).
 */

#include "common/service_private.h"

#include "common/instant.h"
#include "common/log.h"

#include <inttypes.h>
#include <string.h>

#define PROGRESS  "progress"
#define NOTE      "said"
#define BATCH_MAX 64

/* Events in stream order, and which of them the database lacks. */
struct recovery {
    struct service_run *run;
    const struct service_aggregate *aggregate;
    struct event batch[BATCH_MAX]; /* of different aggregates */
    bool lacking[BATCH_MAX];
    size_t count;
    struct event *refused; /* a unique index stands in their way, for now */
    size_t refused_count, refused_room;
    int64_t recovered;
};

static void fields_release(struct recovered *fields)
{
    bson_destroy(&fields->set);
    bson_destroy(&fields->unset);
    bson_destroy(&fields->insert);
    bson_destroy(&fields->push);
}

static void append_part(bson_t *update, const char *key, const bson_t *part)
{
    if (!bson_empty(part))
        BSON_APPEND_DOCUMENT(update, key, part);
}

/* Bring the document of `event` to it. CONFLICT: it is there already, or an index stands in the
 * way. */
static int write_event(const struct recovery *recovery, const struct event *event)
{
    cleanup(fields_release) struct recovered fields = {BSON_INITIALIZER, BSON_INITIALIZER,
                                                       BSON_INITIALIZER, BSON_INITIALIZER};
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER;
    bson_t older;

    store_append_id(&filter, "_id", event->aggregate_id);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "version", &older);
    BSON_APPEND_INT64(&older, "$lt", event->version);
    bson_append_document_end(&filter, &older);

    BSON_APPEND_INT64(&fields.set, "version", event->version);
    recovery->aggregate->from_event(event, &fields);
    append_part(&update, "$set", &fields.set);
    append_part(&update, "$unset", &fields.unset);
    append_part(&update, "$setOnInsert", &fields.insert);
    append_part(&update, "$push", &fields.push);
    return store_modify(recovery->run->core->store, recovery->aggregate->collection, &filter,
                        &update, /* fields= */ NULL, STORE_UPSERT, /* ret_index= */ NULL,
                        /* ret_document= */ NULL);
}

static int note_present(void *context, const bson_t *document)
{
    struct recovery *recovery = context;
    char id[ID_BYTES];

    if (!store_read_id(document, "_id", id))
        return 0;
    for (size_t i = 0; i < recovery->count; i++)
        if (strcmp(recovery->batch[i].aggregate_id, id) == 0 &&
            store_read_int(document, "version", -1) >= recovery->batch[i].version)
            recovery->lacking[i] = false;
    return 0;
}

/* Which of the batch the database lacks: one query, which mostly says none. */
static int find_lacking(struct recovery *recovery)
{
    cleanup(bson_destroy) bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
    bson_t child, array;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &child);
    BSON_APPEND_ARRAY_BEGIN(&child, "$in", &array);
    for (size_t i = 0; i < recovery->count; i++) {
        char buffer[16];
        const char *key;

        recovery->lacking[i] = true;
        bson_uint32_to_string((uint32_t)i, &key, buffer, sizeof(buffer));
        store_append_id(&array, key, recovery->batch[i].aggregate_id);
    }
    bson_append_array_end(&child, &array);
    bson_append_document_end(&filter, &child);
    BSON_APPEND_DOCUMENT_BEGIN(&options, "projection", &child);
    BSON_APPEND_BOOL(&child, "version", true);
    bson_append_document_end(&options, &child);
    return store_each(recovery->run->core->store, recovery->aggregate->collection, &filter,
                      &options, note_present, recovery);
}

static void set_aside(struct recovery *recovery, const struct event *event)
{
    if (recovery->refused_count == recovery->refused_room) {
        recovery->refused_room = recovery->refused_room == 0 ? 64 : 2 * recovery->refused_room;
        recovery->refused =
            xrealloc(recovery->refused, recovery->refused_room * sizeof(*recovery->refused));
    }
    recovery->refused[recovery->refused_count++] = *event;
}

static int flush(struct recovery *recovery)
{
    int r = recovery->count == 0 ? 0 : find_lacking(recovery);

    for (size_t i = 0; r >= 0 && i < recovery->count; i++) {
        if (!recovery->lacking[i])
            continue;
        r = write_event(recovery, &recovery->batch[i]);
        if (r == CONFLICT)
            set_aside(recovery, &recovery->batch[i]);
        else if (r >= 0)
            recovery->recovered++;
    }
    recovery->count = 0;
    return r < 0 ? r : 0;
}

static int take_event(void *context, const struct event *event, uint64_t sequence)
{
    struct recovery *recovery = context;
    int r = 0;

    (void)sequence;
    for (size_t i = 0; i < recovery->count; i++)
        if (strcmp(recovery->batch[i].aggregate_id, event->aggregate_id) == 0)
            r = flush(recovery);
    if (recovery->count == BATCH_MAX)
        r = flush(recovery);
    if (r == 0)
        recovery->batch[recovery->count++] = *event;
    return r;
}

/* Events of two aggregates may have left in another order than their changes were made in, so that
 * the second holder of a unique place is met before the first has left it: again, until nothing
 * moves. What is left then is told, and no reason not to start. */
static int retry_refused(struct recovery *recovery)
{
    size_t before = recovery->refused_count + 1;

    while (recovery->refused_count > 0 && recovery->refused_count < before) {
        cleanup(freep) struct event *again = take(recovery->refused);

        before = recovery->refused_count;
        recovery->refused_count = recovery->refused_room = 0;
        for (size_t i = 0; i < before; i++) {
            int r = take_event(recovery, &again[i], 0);

            if (r == 0)
                r = flush(recovery);
            if (r != 0)
                return r;
        }
    }
    for (size_t i = 0; i < recovery->refused_count; i++)
        log_event(LOG_ERROR, "an event of ours cannot be brought back", "event=%s",
                  recovery->refused[i].id);
    return 0;
}

/* The aggregate that this service owns, and whose stream is its own; NULL: it owns none. */
static const struct service_aggregate *find_owned(const struct service *service,
                                                  enum event_owner *ret_owner)
{
    if (service->aggregate_count == 0 || service->says_count == 0 ||
        service->aggregates[0].from_event == NULL)
        return NULL;
    *ret_owner = event_info(service->says[0])->owner;
    return &service->aggregates[0];
}

static int read_note(struct store *store, uint64_t *ret_noted)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(NOTE));
    cleanup(bson_freep) bson_t *note = NULL;
    int r = store_find(store, PROGRESS, filter, /* options= */ NULL, &note);

    *ret_noted = r == 0 ? (uint64_t)store_read_int(note, "seq", 0) : 0;
    return r < 0 ? r : 0;
}

static int write_note(struct store *store, uint64_t last, bool create)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(NOTE));
    cleanup(bson_freep) bson_t *update = BCON_NEW("$set", "{", "seq", BCON_INT64((int64_t)last),
                                                  "at", BCON_DATE_TIME(instant_now()), "}");

    if (create)
        return store_modify(store, PROGRESS, filter, update, NULL, STORE_UPSERT, NULL, NULL);
    return store_update(store, PROGRESS, filter, update, /* many= */ false, NULL);
}

int service_recover(struct service_run *run)
{
    struct store *store = run->core->store;
    enum event_owner owner;
    const struct service_aggregate *aggregate = find_owned(run->service, &owner);
    cleanup(freep) struct recovery *recovery = xcalloc(1, sizeof(*recovery));
    struct bus_extent said;
    uint64_t noted = 0;
    int r;

    if (aggregate == NULL)
        return 0;
    *recovery = (struct recovery){.run = run, .aggregate = aggregate};
    r = bus_extent(run->core->bus, owner, &said);
    if (r == 0)
        r = read_note(store, &noted);
    if (r == 0 && noted < said.last)
        r = bus_replay(run->core->bus, &(struct bus_range){.owner = owner, .since_seq = noted + 1},
                       take_event, recovery);
    if (r == 0)
        r = flush(recovery);
    if (r == 0)
        r = retry_refused(recovery);
    if (recovery->recovered > 0)
        log_event(LOG_WARNING, "the database was behind what it has said",
                  "events=%" PRId64 " lost=%zu", recovery->recovered, recovery->refused_count);
    free(recovery->refused);
    if (r != 0 || (noted != 0 && noted == said.last)) /* then the note is there, and says so */
        return r;
    return write_note(store, said.last, /* create= */ true);
}

int service_note_said(struct service_run *run)
{
    enum event_owner owner;
    struct bus_extent said;
    int r;

    if (find_owned(run->service, &owner) == NULL)
        return 0;
    r = bus_extent(run->core->bus, owner, &said);
    return r == 0 ? write_note(run->core->store, said.last, /* create= */ false) : r;
}

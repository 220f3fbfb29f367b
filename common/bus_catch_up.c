/*
 * Catching up: what a durable has acknowledged, but this database may not have.
 *
 * A durable's place is the broker's, the effects are the database's; a database that was emptied
 * or restored from an old backup is behind the durable. So each database notes, in `progress`, up
 * to where each durable's effects are in it:
 *
 *   { _id: "<durable>", seq: <the acknowledged floor then>, at }
 *
 * and at start what lies between that note and the floor is read from the stream and handled like
 * a delivery: same queue, same copies, same handlers, which are harmless to repeat. What cannot be
 * done yet is tried again here, since the broker knows nothing of it; what can never be done is
 * parked.
 *
 * Only a finished catching up creates a note; bus_note_progress moves the ones there are. So a
 * database that is emptied while its service runs stays without notes, and the next start reads
 * everything.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "common/log.h"

#include <inttypes.h>

#define COLLECTION    "progress"
#define UNDER_WAY_MAX 256
#define BEYOND_FLOOR  (OUTCOME_COUNT + 1) /* ends a replay; no outcome */

/* One call of bus_catch_up for one durable. */
struct catch_up {
    struct bus *bus;
    const char *stream;
    uint64_t floor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct bus_delivery *later; /* to be tried again: their efforts say when */
    size_t under_way;           /* queued, handled, or in `later` */
    int64_t handled;
};

/* A delivery's further data; its context. */
struct effort {
    struct catch_up *catch_up;
    int64_t due_ms; /* of instant_monotonic: when it is tried again */
};

static void effort_end(struct catch_up *catch_up, struct bus_delivery *delivery, bool handled)
{
    pthread_mutex_lock(&catch_up->lock);
    catch_up->under_way--;
    catch_up->handled += handled ? 1 : 0;
    pthread_cond_signal(&catch_up->changed);
    pthread_mutex_unlock(&catch_up->lock);
    free(delivery->context);
    bus_delivery_free(delivery);
}

/* The result of an effort. On a worker. */
static void settle_effort(struct bus *bus, struct bus_delivery *delivery, int result)
{
    struct effort *effort = delivery->context;
    struct catch_up *catch_up = effort->catch_up;
    bool over =
        result == 0 || (bus_give_up(bus, delivery, result) && bus_park(bus, delivery, result) == 0);

    if (over) {
        effort_end(catch_up, delivery, true);
        return;
    }
    pthread_mutex_lock(&catch_up->lock);
    effort->due_ms = instant_monotonic() + bus_backoff_ms(delivery->times++);
    delivery->next = catch_up->later;
    catch_up->later = delivery;
    pthread_cond_signal(&catch_up->changed);
    pthread_mutex_unlock(&catch_up->lock);
}

/* Take what is due from `later`; *ret_next_ms: when something is due next, if nothing is now. */
static struct bus_delivery *take_due(struct catch_up *catch_up, int64_t *ret_next_ms)
{
    int64_t now = instant_monotonic();

    *ret_next_ms = now + 1000;
    for (struct bus_delivery **link = &catch_up->later; *link != NULL; link = &(*link)->next) {
        struct bus_delivery *delivery = *link;
        const struct effort *effort = delivery->context;

        if (effort->due_ms <= now || atomic_load(&catch_up->bus->stopping)) {
            *link = delivery->next;
            return delivery;
        }
        if (effort->due_ms < *ret_next_ms)
            *ret_next_ms = effort->due_ms;
    }
    return NULL;
}

/* Queue again what is due, until at most `most` are under way. -EAGAIN if the bus stops. */
static int pump(struct catch_up *catch_up, size_t most)
{
    bool stopped = false;

    pthread_mutex_lock(&catch_up->lock);
    while (catch_up->under_way > most) {
        int64_t next_ms;
        struct bus_delivery *delivery = take_due(catch_up, &next_ms);

        if (delivery == NULL) {
            bus_cond_wait(&catch_up->changed, &catch_up->lock, next_ms);
            continue;
        }
        pthread_mutex_unlock(&catch_up->lock);
        if (!bus_enqueue(catch_up->bus, delivery)) {
            effort_end(catch_up, delivery, false);
            stopped = true;
        }
        pthread_mutex_lock(&catch_up->lock);
    }
    pthread_mutex_unlock(&catch_up->lock);
    return stopped ? -EAGAIN : 0;
}

static int catch_up_event(void *context, const struct event *event, uint64_t sequence)
{
    struct catch_up *catch_up = context;
    const struct event_listener *listener = bus_listener(catch_up->bus, event->type);
    struct bus_delivery *delivery;
    struct effort *effort;
    int r;

    if (sequence > catch_up->floor)
        return BEYOND_FLOOR;
    if (listener == NULL)
        return 0;
    r = pump(catch_up, UNDER_WAY_MAX - 1);
    if (r != 0)
        return r;
    delivery = xcalloc(1, sizeof(*delivery));
    effort = xcalloc(1, sizeof(*effort));
    effort->catch_up = catch_up;
    *delivery = (struct bus_delivery){
        .listener = listener,
        .event = *event,
        .stream = catch_up->stream,
        .sequence = sequence,
        .times = 1,
        .stored_at_ms = event->at_ms,
        .settle = settle_effort,
        .context = effort,
    };
    pthread_mutex_lock(&catch_up->lock);
    catch_up->under_way++;
    pthread_mutex_unlock(&catch_up->lock);
    if (bus_enqueue(catch_up->bus, delivery))
        return 0;
    effort_end(catch_up, delivery, false);
    return -EAGAIN;
}

static int read_floor(struct bus *bus, const struct bus_durable *durable, uint64_t *ret_floor)
{
    jsConsumerInfo *info = NULL;
    jsErrCode error = 0;
    natsStatus status = js_GetConsumerInfo(&info, bus->js, event_owner_info(durable->owner)->stream,
                                           durable->name, NULL, &error);

    if (status == NATS_OK)
        *ret_floor = info->AckFloor.Stream;
    jsConsumerInfo_Destroy(info);
    return status == NATS_OK ? 0 : -EAGAIN;
}

static int read_note(struct bus *bus, const struct bus_durable *durable, uint64_t *ret_noted)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(durable->name));
    cleanup(bson_freep) bson_t *note = NULL;
    int r = store_find(bus->store, COLLECTION, filter, /* options= */ NULL, &note);

    if (r < 0)
        return r;
    *ret_noted = r == 0 ? (uint64_t)store_read_int(note, "seq", 0) : 0;
    return 0;
}

static int write_note(struct bus *bus, const struct bus_durable *durable, uint64_t floor,
                      bool create)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(durable->name));
    cleanup(bson_freep) bson_t *update = BCON_NEW("$set", "{", "seq", BCON_INT64((int64_t)floor),
                                                  "at", BCON_DATE_TIME(instant_now()), "}");

    if (create)
        return store_modify(bus->store, COLLECTION, filter, update, NULL, STORE_UPSERT, NULL, NULL);
    return store_update(bus->store, COLLECTION, filter, update, /* many= */ false, NULL);
}

static int catch_up_durable(struct bus *bus, const struct bus_durable *durable, bool from_start,
                            int64_t *handled)
{
    struct catch_up catch_up = {
        .bus = bus,
        .stream = event_owner_info(durable->owner)->stream,
    };
    uint64_t noted = 0;
    int r = read_floor(bus, durable, &catch_up.floor);
    int pumped;

    if (r == 0 && !from_start)
        r = read_note(bus, durable, &noted);
    if (r != 0)
        return r;
    if (noted >= catch_up.floor)
        return write_note(bus, durable, catch_up.floor, /* create= */ true);
    pthread_mutex_init(&catch_up.lock, NULL);
    bus_cond_init(&catch_up.changed);
    r = bus_replay(bus, &(struct bus_range){.owner = durable->owner, .since_seq = noted + 1},
                   catch_up_event, &catch_up);
    if (r == BEYOND_FLOOR)
        r = 0;
    pumped = pump(&catch_up, 0);
    pthread_mutex_destroy(&catch_up.lock);
    pthread_cond_destroy(&catch_up.changed);
    *handled += catch_up.handled;
    if (r == 0)
        r = pumped;
    return r == 0 ? write_note(bus, durable, catch_up.floor, /* create= */ true) : r;
}

int bus_catch_up(struct bus *bus, bool from_start, int64_t *ret_handled)
{
    int64_t handled = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < bus->durable_count; i++)
        r = catch_up_durable(bus, &bus->durables[i], from_start, &handled);
    if (handled > 0)
        log_event(LOG_INFO, "caught up", "events=%" PRId64, handled);
    if (r == 0 && ret_handled != NULL)
        *ret_handled = handled;
    return r;
}

int bus_note_progress(struct bus *bus)
{
    for (size_t i = 0; i < bus->durable_count; i++) {
        uint64_t floor;
        int r = read_floor(bus, &bus->durables[i], &floor);

        if (r == 0)
            r = write_note(bus, &bus->durables[i], floor, /* create= */ false);
        if (r != 0)
            return r;
    }
    return 0;
}

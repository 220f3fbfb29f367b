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
 * A caller goes on for a while at a time, so that it can do else in between: say how far it is, or
 * stop. What is under way stays so meanwhile, in the hands of the workers; whoever lets the last of
 * it go, once the caller has given up, frees the rest.
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
#define BEYOND_FLOOR  (OUTCOME_COUNT + 1) /* these end a replay; no outcomes */
#define TIME_IS_UP    (OUTCOME_COUNT + 2)

struct bus_catch_up {
    struct bus *bus;
    bool from_start;
    int64_t deadline_ms; /* of the call that is under way */

    /* What is to be handled, for each durable: from noted + 1 to floor. */
    bool looked;
    struct {
        uint64_t noted, floor;
    } ranges[OWNER_COUNT + 1]; /* and an empty one behind the last */
    size_t at;                 /* the durable at hand */
    uint64_t next;             /* of its stream, all before this has been queued */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    struct bus_delivery *later; /* to be tried again: their efforts say when */
    size_t under_way;           /* queued, handled, or in `later` */
    int64_t handled;
    bool given_up; /* the caller has gone */
};

/* A delivery's further data; its context. */
struct effort {
    struct bus_catch_up *catch_up;
    int64_t due_ms; /* of instant_monotonic: when it is tried again */
};

static void destroy(struct bus_catch_up *catch_up)
{
    pthread_mutex_destroy(&catch_up->lock);
    pthread_cond_destroy(&catch_up->changed);
    free(catch_up);
}

static void effort_end(struct bus_catch_up *catch_up, struct bus_delivery *delivery, bool handled)
{
    bool last;

    pthread_mutex_lock(&catch_up->lock);
    catch_up->under_way--;
    catch_up->handled += handled ? 1 : 0;
    last = catch_up->given_up && catch_up->under_way == 0;
    pthread_cond_signal(&catch_up->changed);
    pthread_mutex_unlock(&catch_up->lock);
    free(delivery->context);
    bus_delivery_free(delivery);
    if (last)
        destroy(catch_up);
}

/* The result of an effort. On a worker. */
static void settle_effort(struct bus *bus, struct bus_delivery *delivery, int result)
{
    struct effort *effort = delivery->context;
    struct bus_catch_up *catch_up = effort->catch_up;
    bool over =
        result == 0 || (bus_give_up(bus, delivery, result) && bus_park(bus, delivery, result) == 0);
    bool given_up;

    pthread_mutex_lock(&catch_up->lock);
    given_up = catch_up->given_up;
    if (!over && !given_up) {
        effort->due_ms = instant_monotonic() + bus_backoff_ms(delivery->times++);
        delivery->next = catch_up->later;
        catch_up->later = delivery;
        pthread_cond_signal(&catch_up->changed);
    }
    pthread_mutex_unlock(&catch_up->lock);
    if (over || given_up)
        effort_end(catch_up, delivery, over);
}

/* Take what is due from `later`; *ret_next_ms: when something is due next, if nothing is now. */
static struct bus_delivery *take_due(struct bus_catch_up *catch_up, int64_t *ret_next_ms)
{
    int64_t now = instant_monotonic();

    *ret_next_ms = catch_up->deadline_ms;
    for (struct bus_delivery **link = &catch_up->later; *link != NULL; link = &(*link)->next) {
        struct bus_delivery *delivery = *link;
        const struct effort *effort = delivery->context;

        if (effort->due_ms <= now) {
            *link = delivery->next;
            return delivery;
        }
        if (effort->due_ms < *ret_next_ms)
            *ret_next_ms = effort->due_ms;
    }
    return NULL;
}

/* Queue again what is due, until at most `most` are under way. TIME_IS_UP, also if the bus stops.
 */
static int pump(struct bus_catch_up *catch_up, size_t most)
{
    int r = 0;

    pthread_mutex_lock(&catch_up->lock);
    while (r == 0 && catch_up->under_way > most) {
        int64_t next_ms;
        struct bus_delivery *delivery = take_due(catch_up, &next_ms);

        if (delivery == NULL && instant_monotonic() >= catch_up->deadline_ms)
            r = TIME_IS_UP;
        else if (delivery == NULL)
            bus_cond_wait(&catch_up->changed, &catch_up->lock, next_ms);
        if (delivery == NULL)
            continue;
        pthread_mutex_unlock(&catch_up->lock);
        if (!bus_enqueue(catch_up->bus, delivery)) {
            effort_end(catch_up, delivery, false);
            r = TIME_IS_UP;
        }
        pthread_mutex_lock(&catch_up->lock);
    }
    pthread_mutex_unlock(&catch_up->lock);
    return r;
}

static struct bus_delivery *make_effort(struct bus_catch_up *catch_up, const struct event *event,
                                        const struct event_listener *listener, uint64_t sequence)
{
    const struct bus_durable *durable = &catch_up->bus->durables[catch_up->at];
    struct bus_delivery *delivery = xcalloc(1, sizeof(*delivery));
    struct effort *effort = xcalloc(1, sizeof(*effort));

    effort->catch_up = catch_up;
    *delivery = (struct bus_delivery){
        .listener = listener,
        .event = *event,
        .stream = event_owner_info(durable->owner)->stream,
        .sequence = sequence,
        .times = 1,
        .stored_at_ms = event->at_ms,
        .settle = settle_effort,
        .context = effort,
    };
    pthread_mutex_lock(&catch_up->lock);
    catch_up->under_way++;
    pthread_mutex_unlock(&catch_up->lock);
    return delivery;
}

static int catch_up_event(void *context, const struct event *event, uint64_t sequence)
{
    struct bus_catch_up *catch_up = context;
    const struct event_listener *listener = bus_listener(catch_up->bus, event->type);
    struct bus_delivery *delivery;
    int r = 0;

    if (sequence > catch_up->ranges[catch_up->at].floor)
        return BEYOND_FLOOR;
    if (listener != NULL)
        r = pump(catch_up, UNDER_WAY_MAX - 1);
    if (r != 0)
        return r;
    if (listener != NULL) {
        delivery = make_effort(catch_up, event, listener, sequence);
        if (!bus_enqueue(catch_up->bus, delivery)) {
            effort_end(catch_up, delivery, false);
            return TIME_IS_UP;
        }
    }
    catch_up->next = sequence + 1;
    return instant_monotonic() >= catch_up->deadline_ms ? TIME_IS_UP : 0;
}

/* Up to where all is acknowledged, and what was delivered last. */
static int read_floor(struct bus *bus, const struct bus_durable *durable, uint64_t *ret_floor,
                      uint64_t *ret_delivered)
{
    jsConsumerInfo *info = NULL;
    jsErrCode error = 0;
    natsStatus status = js_GetConsumerInfo(&info, bus->js, event_owner_info(durable->owner)->stream,
                                           durable->name, NULL, &error);

    if (status == NATS_OK) {
        *ret_floor = info->AckFloor.Stream;
        *ret_delivered = info->Delivered.Stream;
    }
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

/* What is there to do? */
static int look(struct bus_catch_up *catch_up)
{
    struct bus *bus = catch_up->bus;
    int r = 0;

    for (size_t i = 0; r == 0 && i < bus->durable_count; i++) {
        uint64_t delivered;

        r = read_floor(bus, &bus->durables[i], &catch_up->ranges[i].floor, &delivered);
        if (r == 0 && !catch_up->from_start)
            r = read_note(bus, &bus->durables[i], &catch_up->ranges[i].noted);
        /* Beyond its floor a durable has acknowledged some, one by one: a database without a note
         * lacks those, too. One with a note has them. */
        if (r == 0 && catch_up->ranges[i].noted == 0)
            catch_up->ranges[i].floor = delivered;
    }
    catch_up->looked = r == 0;
    catch_up->next = catch_up->ranges[0].noted + 1;
    return r;
}

/* Go on with the durable at hand. 0: it is through, and the next one is at hand. */
static int go_on(struct bus_catch_up *catch_up)
{
    const struct bus_durable *durable = &catch_up->bus->durables[catch_up->at];
    const uint64_t floor = catch_up->ranges[catch_up->at].floor;
    const uint64_t noted = catch_up->ranges[catch_up->at].noted;
    const struct bus_range range = {
        .owner = durable->owner, .since_seq = catch_up->next, .until_ms = catch_up->deadline_ms};
    int r = 0;

    if (catch_up->next <= floor)
        r = bus_replay(catch_up->bus, &range, catch_up_event, catch_up);
    if (r == 0 || r == BEYOND_FLOOR) {
        catch_up->next = floor + 1;
        r = pump(catch_up, 0);
    }
    if (r == TIME_IS_UP)
        return -EAGAIN;
    if (r == 0 && (noted == 0 || noted != floor)) /* else the note is there, and says so */
        r = write_note(catch_up->bus, durable, floor, /* create= */ true);
    if (r == 0)
        catch_up->next = catch_up->ranges[++catch_up->at].noted + 1;
    return r;
}

struct bus_catch_up *bus_catch_up_new(struct bus *bus, bool from_start)
{
    struct bus_catch_up *catch_up = xcalloc(1, sizeof(*catch_up));

    catch_up->bus = bus;
    catch_up->from_start = from_start;
    pthread_mutex_init(&catch_up->lock, NULL);
    bus_cond_init(&catch_up->changed);
    return catch_up;
}

struct bus_catch_up *bus_catch_up_free(struct bus_catch_up *catch_up)
{
    bool last;

    if (catch_up == NULL)
        return NULL;
    pthread_mutex_lock(&catch_up->lock);
    while (catch_up->later != NULL) {
        struct bus_delivery *delivery = catch_up->later;

        catch_up->later = delivery->next;
        catch_up->under_way--;
        free(delivery->context);
        bus_delivery_free(delivery);
    }
    catch_up->given_up = true;
    last = catch_up->under_way == 0;
    pthread_mutex_unlock(&catch_up->lock);
    if (last)
        destroy(catch_up);
    return NULL;
}

int bus_catch_up_go_on(struct bus_catch_up *catch_up, int64_t timeout_ms)
{
    int r;

    catch_up->deadline_ms = instant_monotonic() + timeout_ms;
    r = catch_up->looked ? 0 : look(catch_up);
    while (r == 0 && catch_up->at < catch_up->bus->durable_count)
        r = go_on(catch_up);
    if (r == 0 && catch_up->handled > 0)
        log_event(LOG_INFO, "caught up", "events=%" PRId64, catch_up->handled);
    return r;
}

struct bus_caught_up bus_catch_up_progress(struct bus_catch_up *catch_up)
{
    struct bus_caught_up progress = {0};

    if (!catch_up->looked)
        return progress;
    for (size_t i = 0; i < catch_up->bus->durable_count; i++) {
        uint64_t noted = catch_up->ranges[i].noted, floor = catch_up->ranges[i].floor;

        progress.of += floor > noted ? (int64_t)(floor - noted) : 0;
        if (i < catch_up->at)
            progress.done = progress.of;
        if (i == catch_up->at)
            progress.done += (int64_t)(catch_up->next - noted - 1);
    }
    pthread_mutex_lock(&catch_up->lock);
    progress.handled = catch_up->handled;
    pthread_mutex_unlock(&catch_up->lock);
    return progress;
}

int bus_note_progress(struct bus *bus)
{
    for (size_t i = 0; i < bus->durable_count; i++) {
        uint64_t floor, delivered;
        int r = read_floor(bus, &bus->durables[i], &floor, &delivered);

        if (r == 0)
            r = write_note(bus, &bus->durables[i], floor, /* create= */ false);
        if (r != 0)
            return r;
    }
    return 0;
}

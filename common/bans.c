/*
 * Bans: a hash table of the users whose banning or unbanning is young enough to matter.
 *
 * A ban matters as long as a token made before it was heard of can live; after that nobody has one,
 * and auth gives out no more. So the table holds what was heard within a token's life and a margin,
 * which bounds it; entries that are older go when it grows. An entry that says "not banned" is kept
 * just as long: it keeps an older ban, read late, from coming back.
 *
 * That holds only if nobody who has not heard of a ban goes on renewing sessions. A process may be
 * cut off, and in a cluster of brokers a live message may be lost without anybody being cut off.
 * Hence bans_look: where the stream has grown it is read again; and hence bans_are_current, without
 * which auth renews nothing. Such a process stops within BANS_FRESH_MS, which is less than the
 * margin.
 *
 * The table is read on every request and written a few times a day: a read-write lock, and no lock
 * at all while it is empty.
 */

#include "common/bans.h"
#include "common/instant.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN_MS    60000 /* BANS_FRESH_MS, and clocks of processes differ */
#define LEAST_PLACES 64

const enum event_type bans_watched[BANS_WATCHED_COUNT] = {EVENT_USER_BANNED, EVENT_USER_UNBANNED};

struct ban {
    char user_id[ID_BYTES]; /* "": a free place */
    int64_t version;
    int64_t at_ms;
    bool banned;
};

struct bans {
    struct bus *bus;
    int64_t token_ms; /* 0: for ever */
    pthread_rwlock_t lock;
    atomic_size_t count;
    atomic_llong known_ms;  /* monotonic: what was said until then has been heard */
    struct bus_extent seen; /* under lock: the stream, when it was last read */
    struct ban *places;     /* open addressing; at most half full */
    size_t place_count;     /* a power of two */
};

/* The place of `user_id`: its own, or the free one where it belongs. */
static struct ban *place_of(struct ban *places, size_t count, const char *user_id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t i;

    for (const char *c = user_id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (i = hash & (count - 1); places[i].user_id[0] != '\0'; i = (i + 1) & (count - 1))
        if (strcmp(places[i].user_id, user_id) == 0)
            break;
    return &places[i];
}

static bool is_young(const struct bans *bans, const struct ban *ban, int64_t now_ms)
{
    return bans->token_ms == 0 || now_ms - ban->at_ms < bans->token_ms + MARGIN_MS;
}

/* Is this a user who is banned? One whose ban is old has no token from before it, and the end of
 * that ban may have been missed: this process may have been cut off for longer than it reads back.
 */
static bool matters(const struct bans *bans, const struct ban *ban)
{
    return ban->banned && is_young(bans, ban, instant_now());
}

/* Make room for one more: drop what is too old, then double if still more than half full. */
static void make_room(struct bans *bans)
{
    int64_t now_ms = instant_now();
    struct ban *old = bans->places;
    size_t old_count = bans->place_count, young = 0;

    if ((atomic_load(&bans->count) + 1) * 2 <= bans->place_count)
        return;
    for (size_t i = 0; i < old_count; i++)
        young += old[i].user_id[0] != '\0' && is_young(bans, &old[i], now_ms);
    while ((young + 1) * 2 > bans->place_count)
        bans->place_count *= 2;
    bans->places = xcalloc(bans->place_count, sizeof(*bans->places));
    for (size_t i = 0; i < old_count; i++)
        if (old[i].user_id[0] != '\0' && is_young(bans, &old[i], now_ms))
            *place_of(bans->places, bans->place_count, old[i].user_id) = old[i];
    atomic_store(&bans->count, young);
    free(old);
}

void bans_apply(struct bans *bans, const struct event *event)
{
    struct ban *ban;

    if (event->type != EVENT_USER_BANNED && event->type != EVENT_USER_UNBANNED)
        return;
    pthread_rwlock_wrlock(&bans->lock);
    make_room(bans);
    ban = place_of(bans->places, bans->place_count, event->aggregate_id);
    if (ban->user_id[0] == '\0') {
        text_copy(ban->user_id, sizeof(ban->user_id), event->aggregate_id);
        ban->version = -1;
        atomic_fetch_add(&bans->count, 1);
    }
    if (event->version >= ban->version) {
        ban->version = event->version;
        ban->at_ms = event->at_ms;
        ban->banned = event->type == EVENT_USER_BANNED;
    }
    pthread_rwlock_unlock(&bans->lock);
}

bool bans_is_banned(const struct bans *bans, const char *user_id)
{
    pthread_rwlock_t *lock = (pthread_rwlock_t *)&bans->lock; /* locking changes no bans */
    bool banned;

    if (atomic_load(&bans->count) == 0)
        return false;
    pthread_rwlock_rdlock(lock);
    banned = matters(bans, place_of(bans->places, bans->place_count, user_id));
    pthread_rwlock_unlock(lock);
    return banned;
}

size_t bans_list(const struct bans *bans, size_t *place, size_t most, char (*ret_ids)[ID_BYTES])
{
    pthread_rwlock_t *lock = (pthread_rwlock_t *)&bans->lock;
    size_t count = 0;

    if (atomic_load(&bans->count) == 0)
        return 0;
    pthread_rwlock_rdlock(lock);
    for (; *place < bans->place_count && count < most; ++*place)
        if (matters(bans, &bans->places[*place]))
            memcpy(ret_ids[count++], bans->places[*place].user_id, ID_BYTES);
    pthread_rwlock_unlock(lock);
    return count;
}

/* What counts is when it was heard: until then sessions may have been renewed. */
static void heard(void *context, const struct event *event)
{
    struct event now = *event;

    now.at_ms = instant_now();
    bans_apply(context, &now);
}

static int replayed(void *context, const struct event *event, uint64_t sequence)
{
    (void)sequence;
    heard(context, event);
    return 0;
}

/* Has something been said since the stream was last read? */
static bool has_grown(struct bans *bans, const struct bus_extent *extent)
{
    bool grown;

    pthread_rwlock_rdlock(&bans->lock);
    grown = extent->made_ms != bans->seen.made_ms || extent->last != bans->seen.last;
    pthread_rwlock_unlock(&bans->lock);
    return grown;
}

/* Hear what was said within a token's life. The order does not matter: versions decide. */
static int replay(struct bans *bans)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < BANS_WATCHED_COUNT; i++) {
        struct bus_range range = {
            .owner = OWNER_USERS,
            .subject = event_info(bans_watched[i])->subject,
            .since_ms = bans->token_ms == 0 ? 0 : instant_now() - bans->token_ms - MARGIN_MS,
        };

        r = bus_replay(bans->bus, &range, replayed, bans);
    }
    return r;
}

static int look(struct bans *bans, bool anyway)
{
    int64_t begun_ms = instant_monotonic();
    struct bus_extent extent;
    int r = bus_extent(bans->bus, OWNER_USERS, &extent);

    if (r == 0 && (anyway || has_grown(bans, &extent)))
        r = replay(bans);
    if (r != 0)
        return r;
    pthread_rwlock_wrlock(&bans->lock);
    bans->seen = extent;
    pthread_rwlock_unlock(&bans->lock);
    atomic_store(&bans->known_ms, begun_ms);
    return 0;
}

int bans_read(struct bans *bans)
{
    return look(bans, /* anyway= */ true);
}

int bans_look(struct bans *bans)
{
    return look(bans, /* anyway= */ false);
}

bool bans_are_current(const struct bans *bans, int64_t now_ms)
{
    int64_t known_ms = atomic_load(&bans->known_ms);

    return known_ms > 0 && now_ms - known_ms < BANS_FRESH_MS;
}

static int reconnected(void *context)
{
    return bans_read(context);
}

int bans_open(struct bus *bus, int64_t token_seconds, struct bans **ret_bans)
{
    struct bans *bans = xcalloc(1, sizeof(*bans));
    int r = 0;

    bans->bus = bus;
    bans->token_ms = token_seconds * 1000;
    bans->place_count = LEAST_PLACES;
    bans->places = xcalloc(bans->place_count, sizeof(*bans->places));
    pthread_rwlock_init(&bans->lock, NULL);
    *ret_bans = bans; /* the bus calls back from now on: the caller frees it after the bus */
    for (size_t i = 0; i < BANS_WATCHED_COUNT && r == 0; i++)
        r = bus_watch(bus, bans_watched[i], heard, i == 0 ? reconnected : NULL, bans);
    return r == 0 ? bans_read(bans) : r;
}

struct bans *bans_free(struct bans *bans)
{
    if (bans == NULL)
        return NULL;
    pthread_rwlock_destroy(&bans->lock);
    free(bans->places);
    free(bans);
    return NULL;
}

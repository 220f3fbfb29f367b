/*
 * Following a stream: as reading one (bus_read.c), but it never ends.
 *
 * A request for many messages stands at the broker, which answers with each as it is stored: so an
 * event is heard as soon as a plain subscriber would hear it, but with its stream sequence, in
 * order, and from any position on. When the request is used up or over, the next one is made.
 *
 * Whatever goes wrong ends an attempt: the connection was lost and is back (what the broker sent
 * meanwhile is gone, and so may the consumer be, which lives in its memory), or the consumer was
 * deleted. The next attempt looks at the stream and goes on after the last message heard, so
 * nothing is missed, unless the stream no longer has it: that is told (`began`).
 */

#include "common/bus_private.h"
#include "common/instant.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_MS 100 /* how long an end, or a reconnect, may go unnoticed */
#define PAUSE_MS 100 /* between attempts that failed */

struct bus_follower {
    struct bus_follower *next;
    struct bus_following with;
    struct bus_range range;
    struct bus_reader reader;
    pthread_t thread;
    int64_t stream_made_at; /* tells the stream from one of its name */
    uint64_t end;           /* the stream's last sequence when it was looked at */
    uint64_t expected;      /* of the message that is being heard */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool caught_up; /* under lock: the end was reached once */
};

static bool is_over(const struct bus_follower *follower)
{
    return atomic_load(&follower->reader.bus->stopping);
}

static int64_t reconnects(const struct bus_follower *follower)
{
    return metric_value(follower->reader.bus->reconnects);
}

static int each(void *context, const struct event *event, uint64_t sequence)
{
    struct bus_follower *follower = context;

    if (sequence != follower->expected) /* what was between has been removed meanwhile */
        follower->with.began(follower->with.context, sequence);
    follower->with.heard(follower->with.context, event, sequence);
    return 0;
}

/* Where is the stream, and where do we go on? */
static int look(struct bus_follower *follower)
{
    struct bus_reader *reader = &follower->reader;
    uint64_t first, last, back = follower->with.back;
    jsStreamInfo *info = NULL;
    jsErrCode error = 0;
    bool another;

    if (js_GetStreamInfo(&info, reader->bus->js, reader->stream, NULL, &error) != NATS_OK)
        return -EAGAIN;
    first = info->State.FirstSeq > 0 ? info->State.FirstSeq : 1;
    last = info->State.LastSeq;
    another = info->Created != follower->stream_made_at;
    follower->stream_made_at = info->Created;
    follower->end = last;
    jsStreamInfo_Destroy(info);
    if (!another && reader->next >= first && reader->next <= last + 1)
        return 0;
    reader->next = last > back ? last - back + 1 : 1;
    if (reader->next < first)
        reader->next = first;
    follower->with.began(follower->with.context, reader->next);
    return 0;
}

static void note_progress(struct bus_follower *follower)
{
    if (follower->caught_up || follower->reader.next <= follower->end)
        return;
    pthread_mutex_lock(&follower->lock);
    follower->caught_up = true;
    pthread_cond_signal(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
}

/* Does it say that our request is over (and not the consumer)? */
static bool is_request_over(natsMsg *message)
{
    const char *status = NULL;

    natsMsgHeader_Get(message, "Status", &status);
    return status != NULL && strcmp(status, "408") == 0;
}

/* Ask for many, and hear them until there were so many or the request is over. */
static int hear_many(struct bus_follower *follower, int64_t reconnects_before)
{
    struct bus_reader *reader = &follower->reader;
    int64_t deadline_ms = instant_monotonic() + BUS_PULL_MS + BUS_API_TIMEOUT_MS;
    int r = bus_reader_ask(reader, BUS_PULL_MAX);

    for (int heard = 0; r == 0 && heard < BUS_PULL_MAX && !is_over(follower);) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, reader->subscription, SLICE_MS);
        bool over;

        if (reconnects(follower) != reconnects_before || instant_monotonic() > deadline_ms ||
            (status != NATS_OK && status != NATS_TIMEOUT))
            r = -EAGAIN; /* a message that came along is asked for again */
        if (r == 0 && message != NULL) {
            over = is_request_over(message);
            follower->expected = reader->next;
            if (!over)
                r = bus_reader_take(reader, message);
            heard += over ? BUS_PULL_MAX : 1;
            note_progress(follower);
        }
        natsMsg_Destroy(message);
    }
    return r;
}

static void attempt(struct bus_follower *follower)
{
    int64_t before = reconnects(follower);
    int r = look(follower);

    if (r == 0)
        r = bus_reader_begin(&follower->reader);
    note_progress(follower);
    while (r == 0 && !is_over(follower))
        r = hear_many(follower, before);
    bus_reader_end(&follower->reader);
}

static void *follower_main(void *context)
{
    struct bus_follower *follower = context;

    while (!is_over(follower)) {
        attempt(follower);
        if (!is_over(follower))
            nats_Sleep(PAUSE_MS);
    }
    if (follower->reader.bus->store != NULL)
        store_thread_done(follower->reader.bus->store);
    nats_ReleaseThreadMemory();
    return NULL;
}

static struct bus_follower *follower_free(struct bus_follower *follower)
{
    pthread_mutex_destroy(&follower->lock);
    pthread_cond_destroy(&follower->changed);
    free(follower);
    return NULL;
}

int bus_follow(struct bus *bus, const struct bus_following *following, int64_t timeout_ms)
{
    int64_t deadline_ms = instant_monotonic() + timeout_ms;
    struct bus_follower *follower = xcalloc(1, sizeof(*follower));
    bool in_time = true;

    follower->with = *following;
    follower->range = (struct bus_range){.owner = following->owner};
    follower->reader = (struct bus_reader){
        .bus = bus,
        .range = &follower->range,
        .stream = event_owner_info(following->owner)->stream,
        .each = each,
        .context = follower,
        .last = UINT64_MAX,
    };
    pthread_mutex_init(&follower->lock, NULL);
    bus_cond_init(&follower->changed);
    if (pthread_create(&follower->thread, NULL, follower_main, follower) != 0) {
        follower_free(follower);
        return fail(-EIO, "cannot start a thread");
    }
    follower->next = bus->followers;
    bus->followers = follower;
    pthread_mutex_lock(&follower->lock);
    while (in_time && !follower->caught_up)
        in_time = bus_cond_wait(&follower->changed, &follower->lock, deadline_ms);
    pthread_mutex_unlock(&follower->lock);
    return 0;
}

void bus_followers_join(struct bus *bus)
{
    while (bus->followers != NULL) {
        struct bus_follower *follower = bus->followers;

        bus->followers = follower->next;
        pthread_join(follower->thread, NULL);
        follower_free(follower);
    }
}

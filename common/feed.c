/*
 * The ring and its cursors.
 *
 * Entries are numbered as they come; a cursor holds the number of the one it comes to next, so that
 * a thousand open streams cost a few words each and an event is rendered once for all of them. A
 * cursor that is about some ids steps over the others; it never waits for an event of its own to
 * stay in the ring. What a cursor is sending stays alive by its holders, also when it has left the
 * ring meanwhile.
 *
 * A loss is an entry too, one that every cursor comes to: so it takes its place in the order, and
 * its sequence says from where on the ring is whole. A Last-Event-ID is good if it lies between the
 * oldest entry's sequence and the newest's.
 */
#include "common/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t sequence;
    char id[ID_BYTES];      /* "": everybody's, a loss */
    struct feed_text *text; /* NULL: a reset */
};

struct feed {
    const struct feed_source *source;
    struct app *app;
    pthread_mutex_t lock; /* of all below, and of the cursors' places in the list */
    struct entry *entries;
    size_t size;
    uint64_t oldest, end; /* the numbers of the entries that are there: oldest ≤ n < end */
    struct feed_cursor *cursors;
    void (*wake)(void *context);
    void *wake_context;
    struct metrics *own_metrics; /* where the caller has none */
    struct metric *open, *sent, *resets;
};

struct feed_cursor {
    struct feed *feed;
    struct feed_cursor *next, *previous;
    uint64_t at;             /* the number of the entry it comes to next */
    uint64_t opened_at;      /* the number that was to come when it was made */
    uint64_t told;           /* the last `id:` that was sent */
    bool resumed;            /* at a good Last-Event-ID */
    struct feed_text *first; /* sent before all else */
    size_t id_count;
    char ids[][ID_BYTES]; /* sorted */
};

struct feed_text *feed_text_drop(struct feed_text *text)
{
    if (text != NULL && atomic_fetch_sub(&text->holders, 1) == 1)
        free(text);
    return NULL;
}

static struct feed_text *hold(struct feed_text *text)
{
    atomic_fetch_add(&text->holders, 1);
    return text;
}

static struct feed_text *text_of(const struct writer *writer)
{
    struct feed_text *text = xmalloc(sizeof(*text) + writer->length);

    atomic_init(&text->holders, 1);
    text->length = writer->length;
    memcpy(text->bytes, writer_text(writer), writer->length);
    return text;
}

static void write_id(struct writer *out, uint64_t sequence)
{
    write_format(out, "id: %" PRIu64 "\n", sequence);
}

/* JSON of ours has no line breaks; whatever has some is still one event. */
static void write_frame(struct writer *out, uint64_t sequence, const char *name, const char *data)
{
    write_id(out, sequence);
    write_format(out, "event: %s\n", name);
    for (const char *line = data; line != NULL;) {
        const char *end = strchr(line, '\n');
        size_t length = end == NULL ? strlen(line) : (size_t)(end - line);

        write_raw(out, "data: ", 6);
        write_raw(out, line, length);
        write_raw(out, "\n", 1);
        line = end == NULL ? NULL : end + 1;
    }
    write_raw(out, "\n", 1);
}

static void write_reset(struct writer *out, uint64_t sequence)
{
    write_frame(out, sequence, "reset", "{}");
}

struct feed *feed_new(const struct feed_source *source, struct app *app, size_t size,
                      struct metrics *metrics)
{
    struct feed *feed = xcalloc(1, sizeof(*feed));

    feed->source = source;
    feed->app = app;
    feed->size = size;
    feed->entries = xcalloc(size, sizeof(*feed->entries));
    pthread_mutex_init(&feed->lock, NULL);
    if (metrics == NULL)
        metrics = feed->own_metrics = metrics_new();
    feed->open =
        metrics_gauge(metrics, "streams_open", "", "Event streams that clients have open.");
    feed->sent = metrics_counter(metrics, "stream_events_total", "", "Events sent on them.");
    feed->resets = metrics_counter(metrics, "stream_resets_total", "",
                                   "How often one of them may have missed something.");
    return feed;
}

struct feed *feed_free(struct feed *feed)
{
    if (feed == NULL)
        return NULL;
    for (size_t i = 0; i < feed->size; i++)
        feed_text_drop(feed->entries[i].text);
    metrics_free(feed->own_metrics);
    pthread_mutex_destroy(&feed->lock);
    free(feed->entries);
    free(feed);
    return NULL;
}

static struct entry *entry_at(const struct feed *feed, uint64_t number)
{
    return &feed->entries[number % feed->size];
}

/* The sequence up to which a cursor that comes to `number` has heard everything. */
static uint64_t sequence_before(const struct feed *feed, uint64_t number)
{
    return number > feed->oldest ? entry_at(feed, number - 1)->sequence : 0;
}

/* Append under the lock, and tell whoever sends. Takes `text`. */
static void append(struct feed *feed, uint64_t sequence, const char *id, struct feed_text *text)
{
    struct entry *entry = entry_at(feed, feed->end);

    if (feed->end - feed->oldest == feed->size)
        feed->oldest++;
    feed_text_drop(entry->text);
    entry->sequence = sequence;
    text_copy(entry->id, sizeof(entry->id), id);
    entry->text = text;
    feed->end++;
    if (feed->wake != NULL)
        feed->wake(feed->wake_context);
}

void feed_begin(struct feed *feed, uint64_t next)
{
    pthread_mutex_lock(&feed->lock);
    feed->oldest = feed->end;
    append(feed, next - 1, "", NULL);
    pthread_mutex_unlock(&feed->lock);
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(left, right);
}

static bool is_about(const struct feed_cursor *cursor, const char *id)
{
    return cursor->id_count == 0 || id[0] == '\0' ||
           bsearch(id, cursor->ids, cursor->id_count, ID_BYTES, compare_ids) != NULL;
}

bool feed_is_awaited(struct feed *feed, const char *aggregate_id)
{
    const struct feed_cursor *cursor;

    pthread_mutex_lock(&feed->lock);
    cursor = feed->cursors;
    while (cursor != NULL && !is_about(cursor, aggregate_id))
        cursor = cursor->next;
    pthread_mutex_unlock(&feed->lock);
    return cursor != NULL;
}

void feed_add(struct feed *feed, const struct event *event, uint64_t sequence)
{
    const struct feed_source *source = feed->source;
    cleanup(writer_release) struct writer json = {0}, frame = {0};
    struct feed_text *text = NULL;

    writer_init(&json);
    writer_init(&frame);
    if ((!source->awaited_only || feed_is_awaited(feed, event->aggregate_id)) &&
        source->write(feed->app, event, &json) == 0) {
        write_frame(&frame, sequence, source->name, writer_text(&json));
        text = text_of(&frame);
    }
    pthread_mutex_lock(&feed->lock);
    append(feed, sequence, event->aggregate_id, text);
    pthread_mutex_unlock(&feed->lock);
}

static void began(void *context, uint64_t next)
{
    feed_begin(context, next);
}

static void heard(void *context, const struct event *event, uint64_t sequence)
{
    feed_add(context, event, sequence);
}

int feed_follow(struct feed *feed, struct bus *bus)
{
    const struct bus_following following = {
        .owner = feed->source->owner,
        .back = feed->size - 1, /* the beginning is an entry, too */
        .began = began,
        .heard = heard,
        .context = feed,
    };

    return bus_follow(bus, &following, FEED_FILL_WAIT_MS);
}

void feed_set_waker(struct feed *feed, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&feed->lock);
    feed->wake = wake;
    feed->wake_context = context;
    pthread_mutex_unlock(&feed->lock);
}

/* The number of the entry after the one that `text` names. False: the ring cannot tell. */
static bool find_after(const struct feed *feed, const char *text, uint64_t *ret_number)
{
    uint64_t low = feed->oldest, high = feed->end, sequence;
    char *rest;

    errno = 0;
    sequence = strtoull(text, &rest, 10);
    if (text[0] < '0' || text[0] > '9' || *rest != '\0' || errno != 0 || low == high ||
        sequence < entry_at(feed, low)->sequence || sequence > entry_at(feed, high - 1)->sequence)
        return false;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (entry_at(feed, middle)->sequence <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_number = low;
    return true;
}

/* Under the lock. */
static void take_position(struct feed_cursor *cursor, const char *last_event_id)
{
    struct feed *feed = cursor->feed;
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    cursor->at = cursor->opened_at = feed->end;
    cursor->resumed = last_event_id != NULL && find_after(feed, last_event_id, &cursor->at);
    cursor->told = sequence_before(feed, cursor->at);
    write_format(&out, "retry: %d\n", FEED_RETRY_MS);
    if (last_event_id != NULL && !cursor->resumed) {
        write_reset(&out, cursor->told);
        metric_add(feed->resets, 1);
    } else {
        write_id(&out, cursor->told); /* without data it only says where the client is */
        write_raw(&out, "\n", 1);
    }
    cursor->first = text_of(&out);
}

struct feed_cursor *feed_cursor_new(struct feed *feed, const struct feed_opening *opening)
{
    struct feed_cursor *cursor = xcalloc(1, sizeof(*cursor) + opening->id_count * ID_BYTES);

    cursor->feed = feed;
    cursor->id_count = opening->id_count;
    if (opening->id_count > 0) {
        memcpy(cursor->ids, opening->ids, opening->id_count * ID_BYTES);
        qsort(cursor->ids, cursor->id_count, ID_BYTES, compare_ids);
    }
    pthread_mutex_lock(&feed->lock);
    take_position(cursor, opening->last_event_id);
    cursor->next = feed->cursors;
    if (feed->cursors != NULL)
        feed->cursors->previous = cursor;
    feed->cursors = cursor;
    pthread_mutex_unlock(&feed->lock);
    metric_add(feed->open, 1);
    return cursor;
}

struct feed_cursor *feed_cursor_free(struct feed_cursor *cursor)
{
    if (cursor == NULL)
        return NULL;
    pthread_mutex_lock(&cursor->feed->lock);
    if (cursor->previous == NULL)
        cursor->feed->cursors = cursor->next;
    else
        cursor->previous->next = cursor->next;
    if (cursor->next != NULL)
        cursor->next->previous = cursor->previous;
    pthread_mutex_unlock(&cursor->feed->lock);
    metric_add(cursor->feed->open, -1);
    feed_text_drop(cursor->first);
    free(cursor);
    return NULL;
}

void feed_cursor_freep(struct feed_cursor **cursor)
{
    *cursor = feed_cursor_free(*cursor);
}

/* Step over what is others'. Under the lock. False: at the end. */
static bool seek(struct feed_cursor *cursor)
{
    const struct feed *feed = cursor->feed;

    if (cursor->at < feed->oldest)
        return true; /* it fell behind */
    while (cursor->at < feed->end && !is_about(cursor, entry_at(feed, cursor->at)->id))
        cursor->at++;
    return cursor->at < feed->end;
}

bool feed_cursor_has_next(struct feed_cursor *cursor)
{
    bool has;

    if (cursor->first != NULL)
        return true;
    pthread_mutex_lock(&cursor->feed->lock);
    has = seek(cursor);
    pthread_mutex_unlock(&cursor->feed->lock);
    return has;
}

bool feed_cursor_is_current(struct feed_cursor *cursor)
{
    bool news;

    pthread_mutex_lock(&cursor->feed->lock);
    news = seek(cursor);
    pthread_mutex_unlock(&cursor->feed->lock);
    return cursor->resumed && !news;
}

void feed_cursor_begin_with(struct feed_cursor *cursor, const char *json)
{
    struct feed *feed = cursor->feed;
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    pthread_mutex_lock(&feed->lock);
    cursor->at = cursor->opened_at;
    cursor->told = sequence_before(feed, cursor->at);
    pthread_mutex_unlock(&feed->lock);
    write_format(&out, "retry: %d\n", FEED_RETRY_MS);
    write_frame(&out, cursor->told, feed->source->name, json);
    feed_text_drop(cursor->first);
    cursor->first = text_of(&out);
}

/* Under the lock: all was missed or may have been; go on from now. */
static struct feed_text *reset(struct feed_cursor *cursor)
{
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    cursor->at = cursor->feed->end;
    cursor->told = sequence_before(cursor->feed, cursor->at);
    write_reset(&out, cursor->told);
    metric_add(cursor->feed->resets, 1);
    return text_of(&out);
}

struct feed_text *feed_cursor_next(struct feed_cursor *cursor)
{
    struct feed *feed = cursor->feed;
    struct feed_text *text = NULL;

    if (cursor->first != NULL)
        return take(cursor->first);
    pthread_mutex_lock(&feed->lock);
    if (seek(cursor)) {
        const struct entry *entry = entry_at(feed, cursor->at);

        if (cursor->at < feed->oldest || entry->text == NULL) {
            text = reset(cursor);
        } else {
            text = hold(entry->text);
            cursor->told = entry->sequence;
            cursor->at++;
            metric_add(feed->sent, 1);
        }
    }
    pthread_mutex_unlock(&feed->lock);
    return text;
}

struct feed_text *feed_cursor_heartbeat(struct feed_cursor *cursor)
{
    struct feed *feed = cursor->feed;
    cleanup(writer_release) struct writer out = {0};
    uint64_t sequence = cursor->told;

    writer_init(&out);
    pthread_mutex_lock(&feed->lock);
    if (cursor->at > feed->oldest)
        sequence = sequence_before(feed, cursor->at);
    pthread_mutex_unlock(&feed->lock);
    write_raw(&out, ":\n", 2);
    if (sequence != cursor->told)
        write_id(&out, sequence);
    write_raw(&out, "\n", 1);
    cursor->told = sequence;
    return text_of(&out);
}

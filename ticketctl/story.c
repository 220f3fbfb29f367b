/*
 * Stories: told from the streams, which have everything that was said.
 *
 * An order's way is asked for while somebody waits, so not all of the streams is read for it:
 * nothing was said of it before it was made, and little after it ended. Subjects name no aggregate,
 * so within that time every event is looked at.
 */

#include "ticketctl/story.h"

#include <stdlib.h>
#include <string.h>

#define CLOCKS_DIFFER_MS 60000        /* between those who make ids and the broker */
#define AFTERMATH_MS     (5 * 60000L) /* for what follows an order's end: a refund at the latest */

void story_release(struct story *story)
{
    free(story->lines);
    story->lines = NULL;
    story->count = story->capacity = 0;
}

static void add(struct story *story, const struct event *event, uint64_t sequence)
{
    if (story->count == story->capacity) {
        story->capacity = story->capacity == 0 ? 16 : 2 * story->capacity;
        story->lines = xrealloc(story->lines, story->capacity * sizeof(*story->lines));
    }
    story->lines[story->count++] = (struct story_line){.event = *event, .sequence = sequence};
}

bool story_mentions(const struct event *event, const char *id)
{
    enum event_owner owner = event_info(event->type)->owner;

    if (strcmp(event->aggregate_id, id) == 0)
        return true;
    if (owner == OWNER_ORDERS)
        return strcmp(event->order.ticket.id, id) == 0;
    if (owner == OWNER_TICKETS)
        return strcmp(event->ticket.order_id, id) == 0;
    return owner == OWNER_PAYMENTS && strcmp(event->payment.order_id, id) == 0;
}

static int collect(void *context, const struct event *event, uint64_t sequence)
{
    struct story *story = context;

    if (story_mentions(event, story->id))
        add(story, event, sequence);
    return 0;
}

int story_read(struct bus *bus, struct story *story)
{
    int r = 0;

    for (enum event_owner owner = 0; owner < OWNER_COUNT && r == 0; owner++)
        r = bus_replay(bus, &(struct bus_range){.owner = owner}, collect, story);
    return r;
}

static int compare_lines(const void *left, const void *right)
{
    const struct story_line *a = left, *b = right;

    if (a->event.at_ms != b->event.at_ms)
        return a->event.at_ms < b->event.at_ms ? -1 : 1;
    if (a->event.version != b->event.version)
        return a->event.version < b->event.version ? -1 : 1;
    return strcmp(a->event.id, b->event.id);
}

void story_sort(struct story *story)
{
    if (story->count > 1)
        qsort(story->lines, story->count, sizeof(*story->lines), compare_lines);
}

void story_drop_repeats(struct story *story)
{
    size_t kept = 0;

    for (size_t i = 0; i < story->count; i++) {
        size_t same = 0;

        while (same < kept && strcmp(story->lines[same].event.id, story->lines[i].event.id) != 0)
            same++;
        if (same == kept)
            story->lines[kept++] = story->lines[i];
    }
    story->count = kept;
}

/* The last that the story has of ticket `id`, or NULL. */
static const struct event *last_of_ticket(const struct story *story, const char *id)
{
    for (size_t i = story->count; i > 0; i--) {
        const struct event *event = &story->lines[i - 1].event;

        if (event_info(event->type)->owner == OWNER_TICKETS && strcmp(event->aggregate_id, id) == 0)
            return event;
    }
    return NULL;
}

/* A ticket that is freed no longer names the order: it is the event right after one that did. */
static bool frees_ticket(const struct story *story, const struct event *event)
{
    const struct event *before;

    if (event_info(event->type)->owner != OWNER_TICKETS)
        return false;
    before = last_of_ticket(story, event->aggregate_id);
    return before != NULL && event->version == before->version + 1 &&
           strcmp(before->ticket.order_id, story->id) == 0;
}

void story_follow_order(struct story *story, const struct event *event, uint64_t sequence)
{
    if (story_mentions(event, story->id) || frees_ticket(story, event))
        add(story, event, sequence);
}

struct follower {
    struct story *story;
    int64_t until_ms; /* what was said later is not of this order; 0: not known yet */
    int64_t deadline_ms;
};

/* One event of a stream; > 0 once the stream has no more to tell, or the time is up. */
static int follow(void *context, const struct event *event, uint64_t sequence)
{
    struct follower *follower = context;
    bool over = event->type == EVENT_ORDER_COMPLETED || event->type == EVENT_ORDER_CANCELLED;

    if (instant_monotonic() > follower->deadline_ms || follower->story->count >= STORY_LINES_MAX)
        follower->story->cut = true;
    if (follower->story->cut)
        return INVALID;
    if (follower->until_ms != 0 && event->at_ms > follower->until_ms)
        return STALE;
    story_follow_order(follower->story, event, sequence);
    if (!over || strcmp(event->aggregate_id, follower->story->id) != 0)
        return 0;
    follower->until_ms = event->at_ms + AFTERMATH_MS;
    return STALE; /* orders says no more of it */
}

/* An ObjectId begins with the second in which it was made. */
static int64_t made_ms(const char *id)
{
    char seconds[9];

    memcpy(seconds, id, 8);
    seconds[8] = '\0';
    return (int64_t)strtoll(seconds, NULL, 16) * 1000;
}

int story_read_order(struct bus *bus, int64_t deadline_ms, struct story *story)
{
    /* Orders first: they say when it was over. */
    static const enum event_owner owners[] = {OWNER_ORDERS, OWNER_TICKETS, OWNER_EXPIRATION,
                                              OWNER_PAYMENTS};
    struct follower follower = {.story = story, .deadline_ms = deadline_ms};

    for (size_t i = 0; i < ARRAY_LENGTH(owners) && !story->cut; i++) {
        struct bus_range range = {.owner = owners[i],
                                  .since_ms = made_ms(story->id) - CLOCKS_DIFFER_MS};
        int r = bus_replay(bus, &range, follow, &follower);

        if (r < 0)
            return r;
    }
    story_sort(story);
    story_drop_repeats(story);
    return 0;
}

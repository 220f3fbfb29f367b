#ifndef TICKETCTL_STORY_H
#define TICKETCTL_STORY_H

/*
 * Story: the events that tell of one thing, from every stream that mentions it, in the order in
 * which they happened.
 */

#include "common/bus.h"

struct story_line {
    struct event event;
    uint64_t sequence; /* in its stream */
};

struct story {
    char id[ID_BYTES]; /* of what it tells */
    struct story_line *lines;
    size_t count, capacity;
    bool cut; /* an order's: there may be more, but its time was up or it was too long */
};

#define STORY_LINES_MAX 200 /* of an order's */

void story_release(struct story *story); /* for cleanup() too */

/* Does the event tell of `id`, or of something that belongs to it? Pure. */
bool story_mentions(const struct event *event, const char *id);

/* Everything that was ever said of story->id, whatever it is. Reads all streams. 0 or < 0. */
must_check int story_read(struct bus *bus, struct story *story);

/* What was said on the way of order story->id: its own events, those of its payments and timer,
 * and how its ticket was locked for it and freed. Reads only the time in which it can have been
 * said (an order's id tells when it was made), until `deadline_ms` (monotonic). 0 or < 0. */
must_check int story_read_order(struct bus *bus, int64_t deadline_ms, struct story *story);

/* Add a line to an order's story, if it belongs there. Pure, but for the story. */
void story_follow_order(struct story *story, const struct event *event, uint64_t sequence);

/* By time, then by version. Pure. */
void story_sort(struct story *story);

/* An event may be said more than once: keep the first of each. Pure. */
void story_drop_repeats(struct story *story);

#endif

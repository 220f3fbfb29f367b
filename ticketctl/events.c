/*
 * events: what was said. `show ID` tells one aggregate's whole story in order, from every stream
 * that mentions it; `tail` follows what is being said now.
 */

#include "ticketctl/ticketctl.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TAIL_STEP_MS 200

/* A line of a story. */
struct line {
    struct event event;
    uint64_t sequence;
};

struct story {
    const char *id;
    struct line *lines;
    size_t count, capacity;
};

/* Does the event tell of `id`, or of something that belongs to it? */
static bool mentions(const struct event *event, const char *id)
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

    if (!mentions(event, story->id))
        return 0;
    if (story->count == story->capacity) {
        story->capacity = story->capacity == 0 ? 16 : 2 * story->capacity;
        story->lines = xrealloc(story->lines, story->capacity * sizeof(*story->lines));
    }
    story->lines[story->count].event = *event;
    story->lines[story->count++].sequence = sequence;
    return 0;
}

static int compare_lines(const void *left, const void *right)
{
    const struct line *a = left, *b = right;

    if (a->event.at_ms != b->event.at_ms)
        return a->event.at_ms < b->event.at_ms ? -1 : 1;
    return a->event.version < b->event.version ? -1 : a->event.version > b->event.version;
}

static int show(struct tool *tool, const char *text)
{
    char id[ID_BYTES];
    struct story story = {.id = id};
    int r = 0;

    if (!text_is_id(text, id)) {
        fputs("ticketctl: an id has 24 hexadecimal digits\n", stderr);
        return EXIT_UNABLE;
    }
    for (enum event_owner owner = 0; owner < OWNER_COUNT && r == 0; owner++) {
        struct bus_range range = {.owner = owner};

        r = bus_replay(tool->bus, &range, collect, &story);
    }
    if (story.count > 1)
        qsort(story.lines, story.count, sizeof(*story.lines), compare_lines);
    for (size_t i = 0; i < story.count; i++)
        tool_print_event(tool, &story.lines[i].event, story.lines[i].sequence);
    free(story.lines);
    if (r != 0)
        return EXIT_UNABLE;
    if (story.count == 0)
        fprintf(stderr, "ticketctl: no event tells of %s\n", id);
    return story.count == 0 ? EXIT_FOUND : EXIT_FINE;
}

/* ---- tail ---- */

struct tail {
    struct tool *tool;
    uint64_t next[OWNER_COUNT];
};

static int print(void *context, const struct event *event, uint64_t sequence)
{
    struct tail *tail = context;

    tail->next[event_info(event->type)->owner] = sequence + 1;
    tool_print_event(tail->tool, event, sequence);
    return 0;
}

static int follow(struct tool *tool)
{
    struct tail tail = {.tool = tool};
    int64_t since_ms = instant_now();

    for (;;) {
        struct timespec step = {.tv_nsec = TAIL_STEP_MS * 1000000L};

        for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++) {
            struct bus_range range = {.owner = owner,
                                      .since_ms = tail.next[owner] == 0 ? since_ms : 0,
                                      .since_seq = tail.next[owner]};

            if (bus_replay(tool->bus, &range, print, &tail) < 0)
                return EXIT_UNABLE;
        }
        fflush(stdout);
        nanosleep(&step, NULL);
    }
}

int command_events(struct tool *tool, int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "show") == 0)
        return tool_bus(tool) == NULL ? EXIT_UNABLE : show(tool, argv[2]);
    if (argc == 2 && strcmp(argv[1], "tail") == 0)
        return tool_bus(tool) == NULL ? EXIT_UNABLE : follow(tool);
    fputs("usage: ticketctl events tail | show ID\n", stderr);
    return EXIT_UNABLE;
}

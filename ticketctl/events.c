/*
 * events: what was said. `show ID` tells one aggregate's whole story in order, from every stream
 * that mentions it; `tail` follows what is being said now.
 */

#include "ticketctl/story.h"
#include "ticketctl/ticketctl.h"

#include <string.h>
#include <time.h>

#define TAIL_STEP_MS 200

static int show(struct tool *tool, const char *id)
{
    cleanup(story_release) struct story story = {0};
    int r;

    if (!text_is_id(id, story.id)) {
        fputs("ticketctl: an id has 24 hexadecimal digits\n", stderr);
        return EXIT_UNABLE;
    }
    r = story_read(tool->bus, &story);
    story_sort(&story);
    for (size_t i = 0; i < story.count; i++)
        tool_print_event(tool, &story.lines[i].event, story.lines[i].sequence);
    if (r != 0)
        return EXIT_UNABLE;
    if (story.count == 0)
        fprintf(stderr, "ticketctl: no event tells of %s\n", story.id);
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

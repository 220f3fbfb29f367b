/*
 * dead: letters that no handler could take, in each service's `deadletters`.
 *
 * Replaying is the service's own work (it has the handlers): it is asked over the bus. Listing,
 * showing and dropping need its database only.
 */

#include "ticketctl/letters.h"
#include "ticketctl/ticketctl.h"

#include <string.h>

#define REPLAY_TIMEOUT_MS 60000

struct letters {
    struct tool *tool;
    const char *service;
    bool whole;
    int64_t count;
};

static void print_letter(const struct letters *letters, const bson_t *document)
{
    cleanup(writer_release) struct writer out = {0};
    char at[INSTANT_TEXT_BYTES];

    instant_format(store_read_instant(document, "at", 0), at);
    if (!letters->tool->json && !letters->whole) {
        fprintf(stdout, "%-11s %s  %s  %-22s %s\n", letters->service, at,
                store_read_text(document, "_id", ""), store_read_text(document, "subject", ""),
                store_read_text(document, "reason", ""));
        return;
    }
    writer_init(&out);
    letter_write(letters->service, document, letters->whole, &out);
    puts(writer_text(&out));
}

static int each_letter(void *context, const bson_t *document)
{
    struct letters *letters = context;

    letters->count++;
    print_letter(letters, document);
    return 0;
}

/* Every letter of every service, or the one with `id`. */
static int list(struct tool *tool, const char *id)
{
    struct letters letters = {.tool = tool, .whole = id != NULL};
    int r = 0;

    for (enum event_owner owner = 0; owner < OWNER_COUNT && r == 0; owner++) {
        struct store *store = tool_store(tool, owner);

        if (store == NULL)
            return EXIT_UNABLE;
        letters.service = event_owner_info(owner)->service;
        r = letters_each(store, id, /* limit= */ 0, each_letter, &letters);
    }
    if (r != 0)
        return EXIT_UNABLE;
    if (letters.count == 0 && !tool->json)
        fputs(id == NULL ? "no dead letters\n" : "no dead letter has that id\n", stdout);
    return letters.count == 0 && id != NULL ? EXIT_FOUND : EXIT_FINE;
}

static int drop(struct tool *tool, const char *id)
{
    int64_t removed = 0;

    for (enum event_owner owner = 0; owner < OWNER_COUNT && removed == 0; owner++) {
        struct store *store = tool_store(tool, owner);
        bson_t filter = BSON_INITIALIZER;
        int r;

        if (store == NULL)
            return EXIT_UNABLE;
        BSON_APPEND_UTF8(&filter, "_id", id);
        r = store_remove(store, LETTERS, &filter, &removed);
        bson_destroy(&filter);
        if (r != 0)
            return EXIT_UNABLE;
    }
    if (tool->json)
        puts(removed > 0 ? "{\"dropped\":true}" : "{\"dropped\":false}");
    else
        puts(removed > 0 ? "dropped" : "no dead letter has that id");
    return removed > 0 ? EXIT_FINE : EXIT_FOUND;
}

static int replay(struct tool *tool, const char *service, const char *id)
{
    struct bus_question question = {.service = service, .verb = "replay-dead", .request = id};
    cleanup(freep) char *reply = NULL;
    int r;

    if (tool_owner(service) == OWNER_COUNT) {
        fprintf(stderr, "ticketctl: there is no service %s\n", service);
        return EXIT_UNABLE;
    }
    if (tool_bus(tool) == NULL)
        return EXIT_UNABLE;
    r = bus_ask(tool->bus, &question, REPLAY_TIMEOUT_MS, &reply);
    if (r != 0) {
        fprintf(stderr, "ticketctl: %s does not answer\n", service);
        return EXIT_UNABLE;
    }
    puts(reply);
    return strstr(reply, "\"error\"") != NULL ? EXIT_FOUND : EXIT_FINE;
}

int command_dead(struct tool *tool, int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list(tool, NULL);
    if (argc == 3 && strcmp(argv[1], "show") == 0)
        return list(tool, argv[2]);
    if (argc == 3 && strcmp(argv[1], "drop") == 0)
        return drop(tool, argv[2]);
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "replay") == 0)
        return replay(tool, argv[2], argc == 4 ? argv[3] : NULL);
    fputs("usage: ticketctl dead list | show ID | drop ID | replay SERVICE [ID]\n", stderr);
    return EXIT_UNABLE;
}

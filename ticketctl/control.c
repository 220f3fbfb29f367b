/*
 * Commands that a running service carries out: it is asked over the bus, and answers once it is
 * done. ban and unban go through auth, so that the ban is an event like any other.
 */

#include "ticketctl/ticketctl.h"

#include <string.h>

#define ASK_TIMEOUT_MS     10000
#define REBUILD_TIMEOUT_MS 600000 /* a long stream takes minutes */

static int ask(struct tool *tool, const struct bus_question *question, int64_t timeout_ms)
{
    cleanup(freep) char *reply = NULL;
    int r;

    if (tool_bus(tool) == NULL)
        return EXIT_UNABLE;
    r = bus_ask(tool->bus, question, timeout_ms, &reply);
    if (r == NOT_FOUND)
        fprintf(stderr, "ticketctl: no process of %s is running\n", question->service);
    if (r < 0)
        fprintf(stderr, "ticketctl: %s did not answer in time\n", question->service);
    if (r != 0)
        return EXIT_UNABLE;
    puts(reply);
    return strstr(reply, "\"error\"") != NULL ? EXIT_FOUND : EXIT_FINE;
}

int command_ban(struct tool *tool, int argc, char **argv)
{
    bool ban = strcmp(argv[0], "ban") == 0;
    const char *reason = ban && argc == 4 && strcmp(argv[2], "--reason") == 0 ? argv[3] : "";
    cleanup(writer_release) struct writer request = {0};
    char id[ID_BYTES];

    writer_init(&request);
    if ((argc != 2 && *reason == '\0') || !text_is_id(argv[1], id)) {
        fprintf(stderr, "usage: ticketctl %s USER-ID%s\n", argv[0], ban ? " [--reason TEXT]" : "");
        return EXIT_UNABLE;
    }
    write_object_begin(&request, NULL);
    write_text(&request, "userId", id);
    write_text(&request, "reason", reason);
    write_object_end(&request);
    return ask(tool,
               &(struct bus_question){
                   .service = "auth", .verb = argv[0], .request = writer_text(&request)},
               ASK_TIMEOUT_MS);
}

static int rebuild(struct tool *tool, int argc, char **argv, const char *what)
{
    if (argc != 2 || tool_owner(argv[1]) == OWNER_COUNT) {
        fprintf(stderr, "usage: ticketctl %s auth|tickets|orders|expiration|payments\n", what);
        return EXIT_UNABLE;
    }
    return ask(tool, &(struct bus_question){.service = argv[1], .verb = what}, REBUILD_TIMEOUT_MS);
}

int command_replay(struct tool *tool, int argc, char **argv)
{
    return rebuild(tool, argc, argv, "replay");
}

int command_resync(struct tool *tool, int argc, char **argv)
{
    return rebuild(tool, argc, argv, "resync");
}

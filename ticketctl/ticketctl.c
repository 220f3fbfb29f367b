/*
 * ticketctl: look into a running marketplace, and mend it.
 *
 * The table at the end is all it can do. It reads the databases and streams directly, asks running
 * services over the bus for what only they can do, and writes nothing but what a command says.
 */

#include "ticketctl/ticketctl.h"

#include "common/log.h"
#include "common/settings.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
/*   variable            type            default                                                 field                                  least most  what it means */
static const struct setting settings[] = {
    {"MONGO_URI",         SETTING_SECRET, "mongodb://127.0.0.1:27017/?replicaSet=rs0",            offsetof(struct tool, mongo_uri),       1, 4096, "where the databases are; {service} stands for each one's name"},
    {"DATABASE_PREFIX",   SETTING_TEXT,   "",                                                     offsetof(struct tool, database_prefix), 0, 40,   "what stands before each service's name in its database's name"},
    {"NATS_URL",          SETTING_TEXT,   "nats://127.0.0.1:4222",                                offsetof(struct tool, nats_url),        1, 4096, "where the bus is"},
    {"STRIPE_API_BASE",   SETTING_TEXT,   "https://api.stripe.com",                               offsetof(struct tool, stripe_base),     1, 1024, "where Stripe's API is"},
    {"STRIPE_KEY",        SETTING_SECRET, "",                                                     offsetof(struct tool, stripe_key),      0, 256,  "Stripe's secret key; without it the ledger is not audited"},
};

struct command {
    const char *name, *arguments, *meaning;
    int (*run)(struct tool *tool, int argc, char **argv);
};

static const struct command commands[] = {
    {"audit",  "[--wait SECONDS]",                      "is any promise broken? exit code 1 if so",      command_audit },
    {"events", "tail | show ID",                        "what is said now; one aggregate's whole story", command_events},
    {"dead",   "list | show ID | drop ID | replay SERVICE [ID]", "letters that no handler could take",   command_dead  },
    {"ban",    "USER-ID [--reason TEXT]",               "ban a user everywhere",                         command_ban   },
    {"unban",  "USER-ID",                               "end a ban",                                     command_ban   },
    {"replay", "SERVICE",                               "rebuild a service's copies from the streams",   command_replay},
    {"resync", "SERVICE",                               "have an owner say the current state of all it owns", command_resync},
};
/* clang-format on */

static void print_help(void)
{
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    fputs("ticketctl: look into a running marketplace, and mend it.\n\n"
          "usage: ticketctl [--json] COMMAND …\n\n",
          stdout);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        fprintf(stdout, "  %-7s %-50s  %s\n", commands[i].name, commands[i].arguments,
                commands[i].meaning);
    fputs("  serve   [--describe | --help | --version]                   answer the /ops page over "
          "HTTP, until SIGTERM\n",
          stdout);
    fputs("\nSettings, from the environment (serve has its own, see ticketctl serve --help):\n",
          stdout);
    settings_help(settings, ARRAY_LENGTH(settings), &out);
    fputs(writer_text(&out), stdout);
    fputs("\nExit codes: 0 fine, 1 something was found, 2 the work could not be done.\n", stdout);
}

/* Load the settings and run the command that argv[0] names. */
static int run(struct tool *tool, int argc, char **argv)
{
    cleanup(writer_release) struct writer problems = {0};

    writer_init(&problems);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        settings_load(settings, ARRAY_LENGTH(settings), tool, &problems);
        if (problems.length > 0) {
            fprintf(stderr, "ticketctl: settings are wrong:\n%s", writer_text(&problems));
            return EXIT_UNABLE;
        }
        return commands[i].run(tool, argc, argv);
    }
    fprintf(stderr, "ticketctl: there is no command %s; see ticketctl --help\n", argv[0]);
    return EXIT_UNABLE;
}

int main(int argc, char **argv)
{
    struct tool tool = {0};
    int code;

    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve(argc - 1, argv + 1);
    log_open("ticketctl", LOG_ERROR);
    if (argc > 1 && strcmp(argv[1], "--json") == 0) {
        tool.json = true;
        argc--;
        argv++;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || (argc > 2 && !strcmp(argv[2], "--help"))) {
        print_help();
        return argc < 2 ? EXIT_UNABLE : EXIT_FINE;
    }
    code = run(&tool, argc - 1, argv + 1);
    tool_close(&tool);
    settings_release(settings, ARRAY_LENGTH(settings), &tool);
    return code;
}

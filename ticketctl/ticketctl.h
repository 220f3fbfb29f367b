#ifndef TICKETCTL_TICKETCTL_H
#define TICKETCTL_TICKETCTL_H

/*
 * ticketctl: the operator's tool, on the same common/ as the services.
 *
 * A command is a function in the table of ticketctl.c; it gets an open tool and its own arguments,
 * prints to standard output (with --json one JSON object) and returns the exit code: 0 fine, 1 it
 * found or refused something, 2 it could not do its work.
 */

#include "common/bus.h"
#include "common/store.h"
#include "common/stripe.h"

#include <stdio.h>

enum exit_code { EXIT_FINE = 0, EXIT_FOUND = 1, EXIT_UNABLE = 2 };

struct tool {
    const char *mongo_uri, *database_prefix, *nats_url, *stripe_base, *stripe_key;
    bool json;
    struct store *stores[OWNER_COUNT]; /* by whose aggregates they hold; opened by tool_store */
    struct bus *bus;                   /* opened by tool_bus */
    struct stripe *stripe;             /* opened by tool_stripe */
};

/* `uri` for one service: "{service}" in it stands for the name, as each service may have a replica
 * set of its own. */
void tool_write_uri(struct writer *out, const char *uri, const char *service);

/* The owner's database, as store_open opens it. */
must_check int tool_open_store(const struct tool *tool, enum event_owner owner,
                               const char *app_name, int64_t clients_max, struct store **ret_store);

/* Open on first use. NULL: it is not there, and standard error says so. */
struct store *tool_store(struct tool *tool, enum event_owner owner);
struct bus *tool_bus(struct tool *tool);
struct stripe *tool_stripe(struct tool *tool);

/* Close what was opened. */
void tool_close(struct tool *tool);

/* The owner whose service is named `service`; OWNER_COUNT if none is. */
enum event_owner tool_owner(const char *service);

/* Print an event as one line (or as one JSON object on a line). */
void tool_print_event(const struct tool *tool, const struct event *event, uint64_t sequence);

/* The commands. argv[0] is the command's own name. */
int command_audit(struct tool *tool, int argc, char **argv);
int command_dead(struct tool *tool, int argc, char **argv);
int command_events(struct tool *tool, int argc, char **argv);
int command_ban(struct tool *tool, int argc, char **argv);
int command_replay(struct tool *tool, int argc, char **argv);
int command_resync(struct tool *tool, int argc, char **argv);

/* `ticketctl serve`: a process with settings and options of its own, as a service has them. */
int serve(int argc, char **argv);

#endif
